"""Making documents, and reading what one carries: done in a child process, so that none holds up or brings down the service."""

import base64
import json
import tempfile
import threading
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Any

from blueprint.documents.blocks import Document
from blueprint.documents.carrying import Carried
from blueprint.documents.maps import MapPicture
from blueprint.errors import InvalidInputError, UnavailableError
from blueprint.layers.children import PLAIN_ENVIRONMENT, Kind, child_of
from blueprint.layers.confinement import Bounds
from blueprint.sentences import Sentence

PDF = "application/pdf"
DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"

WALL_SECONDS = 120
AT_ONCE = 2
"""So many documents are written at once by a process of the service; others wait their turn for half a minute."""

_turn = threading.BoundedSemaphore(AT_ONCE)
_FOLDERS = ("HOME", "TMPDIR", "XDG_CACHE_HOME", "MPLCONFIGDIR")
_BOUNDS = Bounds(cpu_seconds=100, memory_bytes=4 << 30, file_bytes=256 << 20)


class DocumentForm(StrEnum):
    """The forms of a document that is handed out."""

    PDF = "pdf"
    DOCX = "docx"

    @property
    def media_type(self) -> str:
        """What kind of file it is."""
        return PDF if self is DocumentForm.PDF else DOCX

    @classmethod
    def of(cls, file: Path) -> "DocumentForm":
        """The form of a file by its suffix; InvalidInputError where it is neither."""
        try:
            return cls(file.suffix.lower().removeprefix("."))
        except ValueError:
            raise InvalidInputError("{file} is neither .pdf nor .docx; name the file so", file=file) from None

    def write(self, document: Document, maps: Mapping[str, MapPicture] | None = None) -> bytes:
        """The document in this form."""
        return to_pdf(document, maps) if self is DocumentForm.PDF else to_docx(document, maps)


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


def carried_by(pdf: bytes, name: str) -> bytes | None:
    """The file of that name that a PDF carries; None where it carries none, or is damaged: whoever sent it may have made it so."""
    return _make("carried", None, pdf=base64.b64encode(pdf).decode(), name=name) or None


def carried_by_package(package: bytes) -> Carried | None:
    """What a DOCX or an XLSX carries; None where it carries nothing, or is damaged: whoever sent it may have made it so."""
    told = _make("package", None, package=base64.b64encode(package).decode())
    if not told:
        return None
    text, seal, sha256 = (base64.b64decode(part) for part in json.loads(told))
    return Carried(text, seal, sha256)


def _make(form: str, maps: Mapping[str, MapPicture] | None, **content: Any) -> bytes:
    task = {
        "form": form,
        "maps": {name: picture.to_json() for name, picture in (maps or {}).items()},
        **content,
    }
    if not _turn.acquire(timeout=30):
        raise UnavailableError("other documents are being written; ask again in a minute")
    try:
        return _run(task)
    finally:
        _turn.release()


def _run(task: dict[str, Any]) -> bytes:
    with (
        tempfile.TemporaryDirectory(prefix="blueprint-document-") as folder,
        child_of(
            "blueprint.documents.render_child",
            task,
            kind=Kind.DOCUMENT,
            bounds=_BOUNDS,
            environment=PLAIN_ENVIRONMENT | dict.fromkeys(_FOLDERS, folder),
            wall_seconds=WALL_SECONDS,
        ) as child,
    ):
        written = child.output.read()
        complaint, status = child.last_words(), child.wait()
    if status in (-24, -9):  # SIGXCPU, SIGKILL: its bounds
        if task["form"] in ("carried", "package"):
            raise InvalidInputError(
                "the file is too large or too involved to be read; give the JSON of its check"
            )
        raise InvalidInputError(
            "the document takes longer than {seconds} s to write; ask for a workbook (xlsx) or GeoJSON instead",
            seconds=WALL_SECONDS,
        )
    if status != 0:
        raise UnavailableError(
            "the document could not be written: {complaint}",
            complaint=complaint or Sentence("its process ended with {status}", status=status),
        )
    return written
