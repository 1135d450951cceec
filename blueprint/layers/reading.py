"""Reading a hostile file: take it to a scratch folder, judge its kind, open it in the confined child process."""

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from functools import cache
from pathlib import Path
from typing import IO, Any

import pyarrow as pa
import pyogrio

from blueprint.errors import (
    InvalidInputError,
    StorageFullError,
    TooLargeError,
    UnavailableError,
    is_disk_full,
)
from blueprint.layers.archives import unpack
from blueprint.layers.cell import cause_of_death, cell, refuse_unreachable
from blueprint.layers.child_streams import BrokenOffError, sent_batches
from blueprint.layers.children import LARGE_BYTES, Child, Kind, prepare
from blueprint.layers.confinement import Bounds, skip_drivers
from blueprint.layers.formats import (
    FILE_GEODATABASE,
    FORMATS,
    GEOTIFF,
    HEAD_BYTES,
    SHAPEFILE,
    Format,
    is_zip,
    sniff,
)
from blueprint.layers.marks import refuse_marked
from blueprint.sentences import sentence_from
from blueprint.transformations import RegisteredTransformation, find_operation

MAX_UPLOAD_BYTES = 2 << 30
_LARGE = "blueprint.layers.large_reading_child"
_WARM_UP_DRIVERS = ("GeoJSON", "MEM")
"""What the child opens before any file, so that libraries find their data while they may still read it."""


@dataclass(frozen=True)
class ReadingRequest:
    """What is asked of the child: lengths in metres, areas in m², `surroundings` as west, south, east, north.

    `equal_area` is the projection in which areas on the ellipsoid are measured; without it they are not.
    `split` takes the features of the layer's kind and leaves the others out, where they would be refused otherwise.
    Without `mend` an invalid shape is an error instead of being mended.
    `keep_shapeless` streams rows that have no shape as well: a delta's row may say by its id alone what it changes.
    `leave_out_faulty` streams the features that can be taken though others have errors: who asks tells of these.
    `class_fields` are those that hold land-use classes by a planner's mapping: what they say is looked at for the door.
    """

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
    buffer_by: dict[str, Any] | None = None
    tolerance_m2: float = 1.0
    split: bool = False
    mend: bool = True
    keep_shapeless: bool = False
    leave_out_faulty: bool = False
    equal_area: str | None = None
    registered: tuple[RegisteredTransformation, ...] = ()
    class_fields: tuple[str, ...] = ()


@dataclass
class Reading:
    """An open stream of features and, once it is read to its end, the child's report and its largest memory."""

    batches: Iterator[pa.RecordBatch]
    report: dict[str, Any] = field(default_factory=dict)
    peak_bytes: int = 0


@dataclass(frozen=True)
class StagedFile:
    """An uploaded file in its scratch folder: where, what it was called, its SHA-256, and the dataset to open.

    `chosen` is what the dataset is called in its archive. `original` is the file as it came.
    """

    folder: Path
    name: str
    sha256: str
    original: Path
    dataset: Path
    chosen: str | None = None

    @property
    def format(self) -> Format:
        """The format of the dataset."""
        return FORMATS[self.dataset.suffix]

    @property
    def size(self) -> int:
        """The bytes of the dataset with its side files."""
        return sum(path.stat().st_size for path in self.folder.rglob("*") if path.is_file())


@contextmanager
def staged(
    source: IO[bytes],
    name: str,
    *,
    scratch: Path,
    sublayer: str | None = None,
    when_large: Callable[[], None] = lambda: None,
) -> Iterator[StagedFile]:
    """Copy an upload to a scratch folder that is removed afterwards, and find the dataset in it.

    Of an archive with several datasets it is the one called `sublayer`. `when_large` is called while a large one is copied.
    """
    refuse_marked(name)
    try:
        scratch.mkdir(parents=True, exist_ok=True, mode=0o711)
        if scratch.lstat().st_uid != os.geteuid():
            raise UnavailableError(
                "the scratch folder {scratch} belongs to another user; set BLUEPRINT_SCRATCH", scratch=scratch
            )
        folder = Path(tempfile.mkdtemp(prefix="upload-", dir=scratch))
    except OSError as error:
        raise _storage_error(error) from error
    try:
        refuse_unreachable(folder)
        upload = folder / "upload"
        digest = _copy(source, upload, when_large)
        dataset, chosen = _dataset(upload, folder, sublayer)
        yield StagedFile(
            folder=folder,
            name=Path(name).name[:255],
            sha256=digest,
            original=upload,
            dataset=dataset,
            chosen=chosen,
        )
    except OSError as error:
        raise _storage_error(error) from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _copy(source: IO[bytes], target: Path, when_large: Callable[[], None]) -> str:
    digest, size = hashlib.sha256(), 0
    with target.open("xb") as opened:
        while block := source.read(1 << 20):
            if size <= LARGE_BYTES < size + len(block):
                when_large()
            size += len(block)
            if size > MAX_UPLOAD_BYTES:
                raise TooLargeError(
                    "the file is larger than {max_upload_gb} GB; split the layer",
                    max_upload_gb=MAX_UPLOAD_BYTES >> 30,
                )
            digest.update(block)
            opened.write(block)
    if size == 0:
        raise InvalidInputError("the file is empty; check the export and upload it again")
    return digest.hexdigest()


def _storage_error(error: OSError) -> StorageFullError | UnavailableError:
    if is_disk_full(error):
        return StorageFullError("the disk is full; nothing was stored, free some space and upload again")
    return UnavailableError("the scratch folder cannot be used: {strerror}", strerror=error.strerror)


def _dataset(upload: Path, folder: Path, wanted: str | None) -> tuple[Path, str | None]:
    """Judge a file by its first bytes, never by its name; the dataset to open, with the suffix that its driver wants."""
    with upload.open("rb") as opened:
        head = opened.read(HEAD_BYTES)
    if not is_zip(head):
        dataset = folder / f"data{sniff(upload).suffix}"
        os.link(upload, dataset)
        return dataset, None
    unpacked = unpack(upload, folder, wanted=wanted)
    refuse_marked(*unpacked.metadata)
    path = unpacked.path
    if path.suffix in (SHAPEFILE.suffix, FILE_GEODATABASE.suffix):
        return path, unpacked.name
    form = sniff(path)
    if len(list(folder.iterdir())) > 2:  # a dataset of several files keeps its names
        if form != FORMATS.get(path.suffix):
            raise InvalidInputError(
                "{unpacked_name!r} in the zip archive is {form_name}; name it so",
                unpacked_name=unpacked.name,
                form_name=form.name,
            )
        return path, unpacked.name
    return path.rename(folder / f"data{form.suffix}"), unpacked.name


@cache
def _skipped_drivers(driver: str | None) -> str:
    allowed = _WARM_UP_DRIVERS if driver is None else (driver, *_WARM_UP_DRIVERS)
    return skip_drivers(pyogrio.list_drivers(), allowed)


_ZONED_S = 40
"""For each megabyte whose features have zones: those of lines that bend often within their width are put together edge by edge."""


def bounds_of(file: StagedFile, *, has_zones: bool = False) -> Bounds:
    """What reading a file may use: CPU time grows with its size, so that a small file cannot be made to work for ever."""
    for_each_mb = _ZONED_S if has_zones else 1
    return Bounds(cpu_seconds=min(600, file.format.cpu_seconds + for_each_mb * (file.size >> 20)))


@contextmanager
def reading(file: StagedFile, request: ReadingRequest, *, bounds: Bounds | None = None) -> Iterator[Reading]:
    """Open the dataset in the child; the caller reads all batches, then looks at the report.

    Raises InvalidInputError when the child refuses the file or comes to its bounds.
    """
    if request.crs is not None:
        # Refused here, before a process is started.
        find_operation(request.crs, request.working_crs, request.registered)
    is_large = file.size > LARGE_BYTES
    with run_child(
        _LARGE if is_large else "blueprint.layers.reading_child",
        file,
        asdict(request),
        bounds=bounds or bounds_of(file, has_zones=request.buffer_m > 0),
        kind=Kind.SHAPES if is_large else Kind.VECTOR,
    ) as result:
        yield result


def prepare_large() -> None:
    """Have what reads a large file loaded, which takes a second, while the file is still on its way."""
    prepare(_LARGE, Kind.SHAPES)


@contextmanager
def run_child(
    module: str,
    file: StagedFile,
    message: dict[str, Any],
    *,
    bounds: Bounds | None = None,
    kind: Kind = Kind.VECTOR,
) -> Iterator[Reading]:
    """Run a module's `main` in the cell on a staged file; what it streams, and its report."""
    if file.format is GEOTIFF:
        raise InvalidInputError("this is a raster; it can only become a version of a raster layer")
    if file.chosen is not None and message["sublayer"] == file.chosen:
        message = message | {"sublayer": None}
    message = message | {
        "path": str(file.dataset),
        "shown_as": file.chosen if file.dataset.suffix == SHAPEFILE.suffix else None,
    }
    with cell(
        module,
        message,
        folder=file.folder,
        skipped_drivers=_skipped_drivers(file.format.driver),
        bounds=bounds or bounds_of(file),
        kind=kind,
    ) as child:
        result = Reading(batches=iter(()))
        result.batches = _batches(child, result)
        yield result


def _batches(child: Child, result: Reading) -> Iterator[pa.RecordBatch]:
    broken = None
    try:
        yield from sent_batches(child.output)
    except BrokenOffError as error:  # the report says why, or the child died
        broken = error
    text = child.report.read(64 << 20)
    if not text:
        raise cause_of_death(child) from broken
    child.wait()
    result.report, result.peak_bytes = json.loads(text), child.peak_bytes
    if result.report["refusal"] is not None:
        raise InvalidInputError(sentence_from(result.report["refusal"]))
