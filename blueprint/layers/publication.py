"""Publication: a file becomes a version, a version comes into force, is superseded or withdrawn."""

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
from blueprint.copying import copy_in
from blueprint.crs_registry import registered_transformations
from blueprint.equal_area import equal_area_proj4
from blueprint.errors import ConflictError, InvalidInputError, NotFoundError
from blueprint.jurisdiction import jurisdiction
from blueprint.layers.catalogue import find_readable
from blueprint.layers.cutting import cut_features
from blueprint.layers.features_file import kept
from blueprint.layers.location import compare_place, decision_of, refuse_misplaced
from blueprint.layers.measuring import BOUNDS
from blueprint.layers.models import GeometryKind, InForcePeriod, Layer, LayerVersion, VersionState
from blueprint.layers.originals import keep_original
from blueprint.layers.reading import ReadingRequest, StagedFile, reading
from blueprint.layers.succession import (
    Succession,
    correct_events,
    find_place,
    give_days_back,
    note_event,
    version_on,
    version_to_return_to,
)
from blueprint.permissions import Act, Actor
from blueprint.quality.check import hold_to_check
from blueprint.quality.receipts import keep_receipts, refused
from blueprint.rasters.storing import CrsAccepted, store_raster
from blueprint.sharing.purposes import record_reading
from blueprint.standards.entries import FieldRole
from blueprint.standards.loading import find_standard
from blueprint.standards.mapping import keep_mapping, kept_mapping, resolved

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
    """Read a file into a new draft version: all of it in the caller's transaction, or nothing.

    In `folder` (`features_folder`) the features are left for the check that follows.
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
        _finish_upload(session, version, file, upload)
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
    settle_place(session, version, opened.report, upload, reference=reference, city=city)
    name_fields(session, layer, version, upload, now=now)
    keep_receipts(session, version, opened.report["mendings"], srid=city.working_srid)
    cut_features(session, version, folder, city=city, progress=progress)
    _finish_upload(session, version, file, upload)
    return version


def _finish_upload(session: Session, version: LayerVersion, file: StagedFile, upload: Upload) -> None:
    """Keep the original and record the upload."""
    keep_source(file, upload)
    record(
        session,
        upload.actor,
        Act.UPLOAD_VERSION,
        kind="version",
        id=_name(version),
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
        version.field_mapping = resolved(find_standard(layer.standard), version.quality["fields"], chosen)


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


def settle_place(
    session: Session,
    version: LayerVersion,
    report: dict[str, Any],
    upload: Upload,
    *,
    reference: LayerVersion | None,
    city: City,
) -> None:
    """Keep the CRS that a person accepted; refuse data that carry a map service's shift, unless he says otherwise.

    Compared with the version given, the layer that the upload names, and the boundaries of the city; on which of them
    the data lie is kept.
    """
    references = [
        each for each in (_named_reference(session, version, upload), reference) if each is not None
    ]
    place = compare_place(session, report["placed_sample"], city, references)
    shift = place.shift
    version.quality = version.quality | {"placed_on": place.lies_on}
    if upload.accept_crs is None:
        if shift is not None:
            raise InvalidInputError(f"{shift.sentence()}, or say with --accept-crs that they are right")
        return
    decision = decision_of(upload.accept_crs, report, city) | {"accepted_by": upload.actor.name}
    if shift is not None:
        decision["against"] = shift.sentence()
    version.quality = version.quality | {"crs_decision": decision}


def _named_reference(session: Session, version: LayerVersion, upload: Upload) -> LayerVersion | None:
    """The version of the layer that the uploader names, in force today."""
    if upload.reference is None:
        return None
    layer = find_readable(session, upload.reference, upload.actor)
    found = version_on(session, layer.id, version.uploaded_at.date())
    if found is None:
        raise ConflictError(f"no version of {layer.code} is in force; name another layer to compare with")
    record_reading(session, upload.actor, [layer.thing], kind="reference", id=_name(version))
    return found


def judge_reading(report: dict[str, Any], *, kind: str, city: City) -> None:
    """Refuse what the reading found wrong: errors by feature, nothing at all, or everything outside the city."""
    if report["row_count"]:
        refuse_misplaced(report, city, kind=kind)
    errors = [issue for issue in report["issues"] if issue["severity"] == "error"]
    if errors:
        first = errors[0]
        more = f" (and {report['error_count'] - 1:,} more errors)" if report["error_count"] > 1 else ""
        place = f" at {first['place']}" if first["place"] else ""
        raise InvalidInputError(
            f"feature {first['feature']}{place}: {first['message']}{more}", place=first["place"]
        )
    if report["feature_count"] == 0:
        raise InvalidInputError(f"the {kind} holds 0 features; check the export and the sublayer")
    if report["inside_count"] == 0:
        raise InvalidInputError(
            f"the {kind} lies outside the city; check that its coordinates really are {report['source_crs']}"
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

    def told(waiting: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        done = 0
        for batch in waiting:
            done += batch.num_rows
            progress("copy", done)
            yield batch.drop_columns(list(BOUNDS))

    with closing(ahead(batches)) as waiting:
        copy_in(session, table, told(waiting), version_id=version.id, jsonb={"attributes"})


def version_of(session: Session, layer: Layer, number: int) -> LayerVersion:
    """A layer's version by its number."""
    version = session.scalars(
        select(LayerVersion).where(LayerVersion.layer_id == layer.id, LayerVersion.number == number)
    ).one_or_none()
    if version is None:
        raise NotFoundError(
            f"layer {layer.code} has no version {number}; see `blueprint layer versions {layer.code}`"
        )
    return version


def bring_into_force(
    session: Session,
    version: LayerVersion,
    *,
    starts_on: date,
    actor: Actor,
    now: datetime,
    confirm_warnings: str | None = None,
    succession: Succession = Succession.IN_FORCE,
) -> InForcePeriod:
    """Let a version be in force from `starts_on` until the next that is scheduled; what was in force until then is superseded.

    One that is scheduled already is scheduled anew. `confirm_warnings` is the reason for which warnings of its quality
    check may stand. Raises ConflictError when the check is missing or stands against it, when it was withdrawn or is in
    force then already, and where it would change what was in force on a past day.
    """
    layer_id, today = version.layer_id, now.date()
    session.execute(select(Layer.id).where(Layer.id == layer_id).with_for_update())
    planned = [period for period in _planned(session, version, after=today) if period.starts_on != starts_on]
    for period in planned:
        _take_back(session, period, by=actor.name, act=succession)
    place = find_place(session, version, starts_on=starts_on, now=now)
    hold_to_check(session, version, reason=confirm_warnings, actor=actor, now=now)
    superseded = None
    if place.before is not None:
        superseded = place.before.version
        place.before.ends_on = starts_on
        session.flush()
    period = InForcePeriod(
        layer_id=layer_id,
        version_id=version.id,
        starts_on=starts_on,
        ends_on=place.ends_on,
        decided_by=actor.name,
        decided_at=now,
    )
    session.add(period)
    note_event(
        session,
        layer_id,
        old=superseded.id if superseded is not None else None,
        new=version.id,
        starts_on=starts_on,
        act=succession,
        by=actor.name,
    )
    correct_events(session, layer_id, after=starts_on)
    record(
        session,
        actor,
        Act.BRING_INTO_FORCE,
        kind="version",
        id=_name(version),
        before={
            "in_force": superseded.number if superseded is not None else None,
            "planned_from": [each.starts_on.isoformat() for each in planned],
        },
        after={"starts_on": starts_on, "ends_on": place.ends_on, "as": succession},
    )
    session.flush()
    session.refresh(version, ["periods"])  # whoever looked at them before saw none
    return period


def version_to_roll_back_to(
    session: Session, layer: Layer, number: int | None, *, today: date
) -> LayerVersion:
    """The version of the number, or the one that was in force before today's."""
    if number is not None:
        return version_of(session, layer, number)
    return version_to_return_to(session, layer, today=today)


def roll_back(
    session: Session, layer: Layer, number: int | None, *, actor: Actor, now: datetime
) -> LayerVersion:
    """Let an earlier version be in force again from today: that of the number, or the one before today's."""
    session.execute(select(Layer.id).where(Layer.id == layer.id).with_for_update())
    version = version_to_roll_back_to(session, layer, number, today=now.date())
    if not version.periods:
        raise ConflictError(f"version {version.number} was never in force; bring it into force instead")
    bring_into_force(
        session,
        version,
        starts_on=now.date(),
        actor=actor,
        now=now,
        succession=Succession.ROLLED_BACK,
    )
    return version


def withdraw(session: Session, version: LayerVersion, *, on: date, actor: Actor) -> None:
    """Withdraw a version from `on` (收回): checks of earlier days still find it; nothing takes its place by itself."""
    session.execute(select(Layer.id).where(Layer.id == version.layer_id).with_for_update())
    if version.withdrawn_on is not None:
        raise ConflictError(f"version {version.number} was withdrawn on {version.withdrawn_on} already")
    version.withdrawn_on, version.withdrawn_by = on, actor.name
    session.flush()
    for period in _planned(session, version, after=on):
        _take_back(session, period, by=actor.name, act=Succession.WITHDRAWN)
    for period in version.periods:
        if period.starts_on <= on and (period.ends_on is None or period.ends_on > on):
            period.ends_on = on
            note_event(
                session,
                version.layer_id,
                old=version.id,
                new=None,
                starts_on=on,
                act=Succession.WITHDRAWN,
                by=actor.name,
            )
    correct_events(session, version.layer_id, after=on)
    session.flush()
    record(
        session, actor, Act.WITHDRAW_VERSION, kind="version", id=_name(version), after={"withdrawn_on": on}
    )


def _name(version: LayerVersion) -> str:
    """How the audit log calls a version."""
    return f"{version.layer.code} v{version.number}"


def _planned(session: Session, version: LayerVersion, *, after: date) -> list[InForcePeriod]:
    """The version's periods that have not begun by a day."""
    session.refresh(version, ["periods"])
    return [
        period
        for period in version.periods
        if period.starts_on > after and (period.ends_on is None or period.ends_on > period.starts_on)
    ]


def _take_back(session: Session, period: InForcePeriod, *, by: str, act: Succession) -> None:
    """Take back a period that has not begun, with the notice of what is in force in its stead."""
    again = give_days_back(session, period)
    note_event(
        session,
        period.layer_id,
        old=period.version_id,
        new=again,
        starts_on=period.starts_on,
        act=act,
        by=by,
    )


def state_on(version: LayerVersion, day: date) -> VersionState:
    """Say where a version stands on `day`."""
    if version.withdrawn_on is not None and day >= version.withdrawn_on:
        return VersionState.WITHDRAWN
    if any(p.starts_on <= day and (p.ends_on is None or day < p.ends_on) for p in version.periods):
        return VersionState.IN_FORCE
    if any(p.starts_on > day and p.starts_on != p.ends_on for p in version.periods):
        return VersionState.SCHEDULED
    return VersionState.SUPERSEDED if version.periods else VersionState.DRAFT


def upload_stream(path: Path) -> IO[bytes]:
    """Open a file of the command line for staging; a missing or unreadable one is said in one sentence."""
    try:
        return path.open("rb")
    except OSError as error:
        raise InvalidInputError(f"cannot open {path}: {error.strerror}") from error
