"""Making documents: the work is done in a child process, so that a large one neither holds up nor brings down the service."""

import base64
import json
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from blueprint.documents.blocks import Document
from blueprint.documents.maps import MapPicture
from blueprint.errors import InvalidInputError, UnavailableError
from blueprint.layers.confinement import Bounds

PDF = "application/pdf"
DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"

WALL_SECONDS = 120
AT_ONCE = 2
"""So many documents are written at once by a process of the service; others wait their turn for half a minute."""

_turn = threading.BoundedSemaphore(AT_ONCE)
_BOUNDS = Bounds(cpu_seconds=100, memory_bytes=4 << 30, file_bytes=256 << 20)


def to_pdf(document: Document, maps: Mapping[str, MapPicture] | None = None) -> bytes:
    """The document as a PDF (A4); its pictures are the `maps` by their names."""
    return _make("pdf", maps, document=document.to_json())


def to_docx(document: Document, maps: Mapping[str, MapPicture] | None = None) -> bytes:
    """The document as a Word file; its pictures are the `maps` by their names."""
    return _make("docx", maps, document=document.to_json())


def print_page(html: str) -> bytes:
    """A page of HTML with its own styles as a PDF; what it refers to is not fetched, only `data:` is read."""
    return _make("print", None, html=html)


def draw_maps(maps: Mapping[str, MapPicture]) -> dict[str, bytes]:
    """The maps as PNG, by name."""
    drawn = json.loads(_make("maps", maps))
    return {name: base64.b64decode(picture) for name, picture in drawn.items()}


def _make(form: str, maps: Mapping[str, MapPicture] | None, **content: Any) -> bytes:
    task = {
        "form": form,
        "maps": {name: picture.to_json() for name, picture in (maps or {}).items()},
        **content,
    }
    if not _turn.acquire(timeout=30):
        raise UnavailableError("other documents are being written; ask again in a minute")
    try:
        done = _run(json.dumps(task, ensure_ascii=False).encode())
    finally:
        _turn.release()
    if done.returncode == 0:
        return done.stdout
    if done.returncode in (-24, -9):  # SIGXCPU, SIGKILL: the bounds of the cell
        raise _too_long()
    complaint = done.stderr.decode(errors="replace").strip().splitlines()
    raise UnavailableError(
        f"the document could not be written: {complaint[-1] if complaint else f'its process ended with {done.returncode}'}"
    )


def _run(task: bytes) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "blueprint.layers.confinement", "blueprint.documents.render_child"]
    with tempfile.TemporaryDirectory(prefix="blueprint-document-") as folder:
        try:
            return subprocess.run(
                [*command, json.dumps({"bounds": asdict(_BOUNDS)})],
                input=task,
                capture_output=True,
                env=_environment(folder),
                timeout=WALL_SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise _too_long() from error


def _too_long() -> InvalidInputError:
    return InvalidInputError(
        f"the document takes longer than {WALL_SECONDS} s to write; ask for a workbook (xlsx) or GeoJSON instead"
    )


def _environment(folder: str) -> dict[str, str]:
    return {
        "PATH": os.environ.get("PATH", "/usr/bin:/bin"),
        "LC_ALL": "C.UTF-8",
        "HOME": folder,
        "TMPDIR": folder,
        "XDG_CACHE_HOME": folder,
        "MPLCONFIGDIR": folder,
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
    }
