"""Reading a hostile file: take it to a scratch folder, judge its kind, open it in the confined child process."""

import hashlib
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field
from functools import cache
from pathlib import Path
from typing import IO, Any

import pyarrow as pa
import pyogrio

from blueprint.crs import best_operation
from blueprint.errors import (
    InvalidInputError,
    StorageFullError,
    TooLargeError,
    UnavailableError,
    is_disk_full,
)
from blueprint.layers.archives import dbf_encoding, unpack
from blueprint.layers.cell import cause_of_death, cell, refuse_unreachable
from blueprint.layers.confinement import Bounds, skip_drivers

MAX_UPLOAD_BYTES = 2 << 30
_ALLOWED_DRIVERS = ("ESRI Shapefile", "GPKG", "GeoJSON", "GeoJSONSeq", "MEM")
_FORMATS = "GeoPackage, zipped Shapefile, GeoJSON"


@dataclass(frozen=True)
class ReadingRequest:
    """What is asked of the child: lengths in metres, areas in m², `surroundings` as west, south, east, north."""

    geometry: str
    working_crs: str
    working_srid: int
    surroundings: tuple[float, float, float, float]
    crs: str | None = None
    sublayer: str | None = None
    layer_hint: str | None = None
    encoding: str | None = None
    source_id_field: str | None = None
    buffer_m: float = 0.0
    tolerance_m2: float = 1.0


@dataclass
class Reading:
    """An open stream of features and, once it is read to its end, the child's report."""

    batches: Iterator[pa.RecordBatch]
    report: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class StagedFile:
    """An uploaded file in its scratch folder: where, what it was called, its SHA-256 and the dataset to open."""

    folder: Path
    name: str
    sha256: str
    dataset: Path


@contextmanager
def staged(source: IO[bytes], name: str, *, scratch: Path) -> Iterator[StagedFile]:
    """Copy an upload to a scratch folder that is removed afterwards, and find the dataset in it."""
    try:
        scratch.mkdir(parents=True, exist_ok=True, mode=0o711)
        if scratch.lstat().st_uid != os.geteuid():
            raise UnavailableError(
                f"the scratch folder {scratch} belongs to another user; set BLUEPRINT_SCRATCH"
            )
        folder = Path(tempfile.mkdtemp(prefix="upload-", dir=scratch))
    except OSError as error:
        raise _storage_error(error) from error
    try:
        refuse_unreachable(folder)
        upload = folder / "upload"
        digest = _copy(source, upload)
        dataset = _dataset(upload, folder)
        yield StagedFile(folder=folder, name=Path(name).name[:255], sha256=digest, dataset=dataset)
    except OSError as error:
        raise _storage_error(error) from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _copy(source: IO[bytes], target: Path) -> str:
    digest, size = hashlib.sha256(), 0
    with target.open("xb") as opened:
        while block := source.read(1 << 20):
            size += len(block)
            if size > MAX_UPLOAD_BYTES:
                raise TooLargeError(f"the file is larger than {MAX_UPLOAD_BYTES >> 30} GB; split the layer")
            digest.update(block)
            opened.write(block)
    if size == 0:
        raise InvalidInputError("the file is empty; check the export and upload it again")
    return digest.hexdigest()


def _storage_error(error: OSError) -> StorageFullError | UnavailableError:
    if is_disk_full(error):
        return StorageFullError("the disk is full; nothing was stored, free some space and upload again")
    return UnavailableError(f"the scratch folder cannot be used: {error.strerror}")


def _dataset(upload: Path, folder: Path) -> Path:
    """Judge a file by its first bytes, never by its name, and give it the suffix its driver wants."""
    with upload.open("rb") as opened:
        head = opened.read(4096)
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return unpack(upload, folder)
    if head.startswith(b"SQLite format 3\x00"):
        return upload.rename(folder / "data.gpkg")
    if head.removeprefix(b"\xef\xbb\xbf").lstrip()[:1] == b"{":
        return upload.rename(folder / "data.geojson")
    raise InvalidInputError(f"this is no geodata file that can be read; {_FORMATS} are taken")


@cache
def _skipped_drivers() -> str:
    return skip_drivers(pyogrio.list_drivers(), _ALLOWED_DRIVERS)


@contextmanager
def reading(file: StagedFile, request: ReadingRequest, *, bounds: Bounds | None = None) -> Iterator[Reading]:
    """Open the dataset in the child; the caller reads all batches, then looks at the report.

    Raises InvalidInputError when the child refuses the file or comes to its bounds.
    """
    if request.crs is not None:
        best_operation(request.crs, request.working_crs)  # refused here, before a process is started
    report_read, report_write = os.pipe()
    message = asdict(request) | {
        "path": str(file.dataset),
        "encoding": request.encoding
        or (dbf_encoding(file.dataset) if file.dataset.suffix == ".shp" else None),
        "report_fd": report_write,
    }
    with os.fdopen(report_read, encoding="utf-8") as report_stream, ExitStack() as stack:
        try:
            child = stack.enter_context(
                cell(
                    "blueprint.layers.reading_child",
                    message,
                    folder=file.folder,
                    skipped_drivers=_skipped_drivers(),
                    bounds=bounds or Bounds(),
                    pass_fds=(report_write,),
                )
            )
        finally:
            os.close(report_write)
        result = Reading(batches=iter(()))
        result.batches = _batches(child, report_stream, result)
        yield result


def _batches(
    child: subprocess.Popen[bytes], report_stream: IO[str], result: Reading
) -> Iterator[pa.RecordBatch]:
    assert child.stdout is not None
    broken = None
    try:
        with pa.ipc.open_stream(child.stdout) as stream:
            yield from stream
    except pa.ArrowInvalid as error:  # the stream ended early: the report says why, or the child died
        broken = error
    text = report_stream.read(64 << 20)
    if not text:
        raise cause_of_death(child) from broken
    result.report = json.loads(text)
    if result.report["refusal"] is not None:
        raise InvalidInputError(result.report["refusal"])
