"""Storing: a file is read, placed and cut into the next draft version of its layer."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import IO, Any

import pyarrow as pa
import shapely
from geoalchemy2.shape import from_shape
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from blueprint.ahead import ahead
from blueprint.audit.log import record
from blueprint.city import City
from blueprint.copying import copy_in, many_at_once, rows_of
from blueprint.crs_registry import registered_transformations
from blueprint.equal_area import equal_area_proj4
from blueprint.errors import InvalidInputError
from blueprint.jurisdiction import jurisdiction
from blueprint.layers.cutting import cut_features
from blueprint.layers.features_file import kept
from blueprint.layers.location import refuse_misplaced, thing_of
from blueprint.layers.measuring import BOUNDS
from blueprint.layers.models import GeometryKind, Layer, LayerVersion
from blueprint.layers.originals import keep_original
from blueprint.layers.placing import settle_place
from blueprint.layers.reading import ReadingRequest, StagedFile, reading
from blueprint.layers.reading_report import noted
from blueprint.permissions import Act, Actor
from blueprint.quality.receipts import keep_receipts, refused
from blueprint.rasters.storing import CrsAccepted, store_raster
from blueprint.sentences import Sentence, sentence_from
from blueprint.standards.entries import FieldRole
from blueprint.standards.loading import find_standard
from blueprint.standards.mapping import keep_mapping, kept_mapping, lacking, resolved

Progress = Callable[[str, int], None]
"""Told a step's name and how many features it has done so far."""


@dataclass(frozen=True)
class Upload:
    """What the uploader says of a file."""

    actor: Actor
    sublayer: str | None = None
    crs: str | None = None
    encoding: str | None = None
    valid_until: date | None = None
    review_by: date | None = None
    coverage: shapely.MultiPolygon | None = None
    accept_crs: str | None = None
    """A CRS that the doctor suggested and the person accepts; unlike `crs` it is tested, and the decision kept."""

    split: bool = False
    mend: bool = True
    """Whether an invalid shape is mended within the layer's tolerance, with a receipt, or refused."""

    reference: str | None = None
    """A layer on whose lines the data should lie, beside the own last version: for the shifts of map services."""

    objects: Path | None = None
    """Where the original file is kept; None keeps none."""
    mapping: Mapping[str, str] = field(default_factory=dict)
    """Fields of the standard to fields of the file, beside what is kept for the layer."""


def silent(_step: str, _count: int) -> None:
    """Tell nobody."""


def store_version(
    session: Session,
    layer: Layer,
    file: StagedFile,
    upload: Upload,
    *,
    city: City,
    now: datetime,
    folder: Path,
    progress: Progress = silent,
) -> LayerVersion:
    """Read a file into a new draft version, and cut it: all of it in the caller's transaction, or nothing."""
    version = read_version(session, layer, file, upload, city=city, now=now, folder=folder, progress=progress)
    cut_version(session, version, file, upload, city=city, folder=folder, progress=progress)
    return version


def read_version(
    session: Session,
    layer: Layer,
    file: StagedFile,
    upload: Upload,
    *,
    city: City,
    now: datetime,
    folder: Path,
    progress: Progress = silent,
) -> LayerVersion:
    """Read a file into a new draft version, whose features are left in `folder` (`features_folder`) for what follows.

    Raises InvalidInputError with the first faults' feature numbers and places when any feature cannot be taken.
    """
    session.execute(select(Layer.id).where(Layer.id == layer.id).with_for_update())
    version = draft_version(session, layer, file, upload, city=city, now=now)
    if layer.geometry == GeometryKind.RASTER:
        accepted = (
            CrsAccepted(upload.accept_crs, upload.actor.name) if upload.accept_crs is not None else None
        )
        store_raster(
            session, layer, version, file, crs=upload.crs, accepted=accepted, band=upload.sublayer, city=city
        )
        return version
    request = request_of(session, layer, upload, city=city)
    with reading(file, request) as opened:
        copy_features(session, version, kept(opened.batches, folder), progress)
    try:
        judge_reading(opened.report, kind="layer", city=city)
    except InvalidInputError as error:
        raise refused(error, opened.report, file=file.name, city=city) from error
    settle(version, opened.report, city)
    reference = newest_before(session, version)
    settle_place(
        session,
        version,
        opened.report,
        actor=upload.actor,
        accepted=upload.accept_crs,
        named=upload.reference,
        reference=reference,
        city=city,
    )
    name_fields(session, layer, version, upload, now=now)
    keep_receipts(session, version, opened.report["mendings"], srid=city.working_srid)
    return version


def cut_version(
    session: Session,
    version: LayerVersion,
    file: StagedFile,
    upload: Upload,
    *,
    city: City,
    folder: Path,
    progress: Progress = silent,
) -> None:
    """Cut what was read into parts and shapes of tiles, keep the original and record the upload."""
    if version.layer.geometry != GeometryKind.RASTER:
        cut_features(session, version, folder, city=city, progress=progress)
    keep_source(file, upload)
    record(
        session,
        upload.actor,
        Act.UPLOAD_VERSION,
        kind="version",
        id=version.name,
        after={
            "file": version.source_name,
            "sha256": version.source_sha256,
            "source_crs": version.source_crs,
            "operation": version.operation,
            "crs_decision": version.quality.get("crs_decision"),
            "features": version.feature_count,
            "standard": version.standard,
            "field_mapping": version.field_mapping,
        },
    )


def keep_source(file: StagedFile, upload: Upload) -> None:
    """Keep the file as it came, where originals are kept."""
    if upload.objects is not None:
        keep_original(file, upload.objects)


def newest_before(session: Session, version: LayerVersion) -> LayerVersion | None:
    """The layer's version before a new one."""
    return session.scalars(
        select(LayerVersion)
        .where(LayerVersion.layer_id == version.layer_id, LayerVersion.number < version.number)
        .order_by(LayerVersion.number.desc())
        .limit(1)
    ).first()


def name_fields(
    session: Session, layer: Layer, version: LayerVersion, upload: Upload, *, now: datetime
) -> None:
    """Note which field of the file is which of the standard; what the uploader said is kept for the next file."""
    if upload.mapping:
        keep_mapping(session, layer.id, layer.code, upload.mapping, actor=upload.actor, now=now)
    if layer.standard is not None:
        version.standard = layer.standard
        chosen = kept_mapping(session, layer.id)
        fields = version.quality["fields"]
        version.field_mapping = resolved(find_standard(layer.standard), fields, chosen)
        version.quality = version.quality | {
            "issues": version.quality["issues"] + [noted("mapping", said) for said in lacking(fields, chosen)]
        }


def request_of(session: Session, layer: Layer, upload: Upload, *, city: City) -> ReadingRequest:
    """What the confined reader is asked for a file of this layer."""
    return ReadingRequest(
        geometry=layer.geometry,
        working_crs=city.working_crs,
        working_srid=city.working_srid,
        surroundings=jurisdiction(city).surroundings,
        crs=upload.accept_crs or upload.crs,
        sublayer=upload.sublayer,
        layer_hint=layer.code,
        encoding=upload.encoding,
        source_id_field=layer.source_id_field,
        buffer_m=layer.buffer_m,
        buffer_by=layer.buffer_by,
        tolerance_m2=layer.tolerance_m2,
        split=upload.split,
        mend=upload.mend,
        equal_area=equal_area_proj4(city),
        registered=registered_transformations(session),
        class_fields=_class_fields(session, layer, upload),
    )


def _class_fields(session: Session, layer: Layer, upload: Upload) -> tuple[str, ...]:
    """The fields that hold land-use classes by what the planner says, now or of earlier files."""
    entry = find_standard(layer.standard).of_role(FieldRole.LAND_USE) if layer.standard is not None else None
    if entry is None:
        return ()
    said = kept_mapping(session, layer.id) | dict(upload.mapping)
    return (said[entry.name],) if said.get(entry.name) else ()


def draft_version(
    session: Session, layer: Layer, file: StagedFile, upload: Upload, *, city: City, now: datetime
) -> LayerVersion:
    """The layer's next version, still without features; the layer is locked by the caller."""
    last = session.scalar(select(func.max(LayerVersion.number)).where(LayerVersion.layer_id == layer.id))
    nowhere = shapely.box(0, 0, 1, 1)
    version = LayerVersion(
        layer_id=layer.id,
        number=(last or 0) + 1,
        source_name=file.name,
        source_sha256=file.sha256,
        source_crs="",
        operation="",
        buffer_m=layer.buffer_m,
        buffer_by=layer.buffer_by,
        feature_count=0,
        vertex_count=0,
        valid_until=upload.valid_until,
        review_by=upload.review_by,
        quality={},
        uploaded_by=upload.actor.name,
        uploaded_at=now,
        extent=from_shape(nowhere, srid=city.working_srid),
        coverage=from_shape(upload.coverage, srid=city.working_srid) if upload.coverage is not None else None,
    )
    session.add(version)
    session.flush()
    return version


def _metres(place: str) -> str:
    """Where GEOS found something wrong, in metres to the centimetre, as people read it; anything else as it stands."""
    try:
        return " ".join(f"{float(part):.2f}" for part in place.split())
    except ValueError:
        return place


def judge_reading(report: dict[str, Any], *, kind: str, city: City) -> None:
    """Refuse what the reading found wrong: errors by feature, nothing at all, or everything outside the city."""
    if report["row_count"]:
        refuse_misplaced(report, city, kind=kind)
    errors = [issue for issue in report["issues"] if issue["severity"] == "error"]
    if errors:
        first = errors[0]
        count = report["error_count"] - 1
        more = Sentence(" (and {count:,} more errors)", count=count) if count else ""
        place = Sentence(" at {place_named}", place_named=_metres(first["place"])) if first["place"] else ""
        raise InvalidInputError(
            "feature {feature}{where}: {message}{more}",
            feature=first["feature"],
            where=place,
            message=sentence_from(first["said"]),
            more=more,
            place=first["place"],
        )
    if report["feature_count"] == 0:
        raise InvalidInputError(
            "the {kind} holds 0 features; check the export and the sublayer", kind=thing_of(kind)
        )
    if report["inside_count"] == 0:
        raise InvalidInputError(
            "the {kind} lies outside the city; check that its coordinates really are {source_crs}",
            kind=thing_of(kind),
            source_crs=report["source_crs"],
        )


def settle(version: LayerVersion, report: dict[str, Any], city: City) -> None:
    """Write into a version what the reading of its file found."""
    version.source_crs = report["source_crs"]
    version.operation = report["operation"]
    version.operation_accuracy_m = report["operation_accuracy_m"]
    version.feature_count = report["feature_count"]
    version.vertex_count = report["vertex_count"]
    version.extent = from_shape(shapely.box(*_opened(report["extent"])), srid=city.working_srid)
    version.quality = {
        "sublayer": report["sublayer"],
        "declared_crs": report["declared_crs"],
        "left_out": report["left_out"],
        "fields": report["fields"],
        "mended_count": report["mended_count"],
        "mended_m2": report["mended_m2"],
        "outside_count": report["feature_count"] - report["inside_count"],
        "issues": report["issues"],
    }


def _opened(bounds: list[float]) -> tuple[float, float, float, float]:
    """Bounds as a box with an inside, also where all features share an x or a y."""
    west, south, east, north = bounds
    return (west, south, max(east, west + 0.001), max(north, south + 0.001))


def copy_features(
    session: Session,
    version: LayerVersion,
    batches: Iterator[pa.RecordBatch],
    progress: Progress = silent,
    *,
    table: str = "blueprint.feature",
) -> None:
    """Copy the batches of a reading in as they come, measured: into the features, or into a table like theirs."""
    session.flush()
    version_id, done = version.id, 0
    made = (
        (table, rows_of(batch.drop_columns(list(BOUNDS)), version_id=version_id, jsonb={"attributes"}))
        for batch in batches
    )
    with closing(ahead(many_at_once(made))) as waiting:
        for _, rows in waiting:
            copy_in(session, table, rows)
            done += rows.count
            progress("copy", done)


def upload_stream(path: Path) -> IO[bytes]:
    """Open a file of the command line for staging; a missing or unreadable one is said in one sentence."""
    try:
        return path.open("rb")
    except OSError as error:
        raise InvalidInputError(
            "cannot open {path}: {strerror}", path=path, strerror=error.strerror
        ) from error
