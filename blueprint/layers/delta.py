"""Incremental updates (动态维护): a delta put on a version makes the next one without uploading all.

Two forms. The national yearly one: layers WHQ… (before), WHC… (changes, `WHLX` 1 调入, 2 属性变更, 3 调出) and WHH… (after)
of one file, their names ending in the layer's code. Or rows that each say in a field what they are: added, changed, removed.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from blueprint.audit.log import record
from blueprint.city import City
from blueprint.database import load_statements
from blueprint.errors import ConflictError, InvalidInputError
from blueprint.layers import storing
from blueprint.layers.cutting import cut_features
from blueprint.layers.delta_types import keep_as_text, settle_types
from blueprint.layers.features_file import features_folder, write_features
from blueprint.layers.models import GeometryKind, Layer, LayerVersion
from blueprint.layers.placing import settle_place
from blueprint.layers.reading import StagedFile, reading, staged
from blueprint.layers.storing import Progress, Upload, silent
from blueprint.permissions import Act
from blueprint.quality.receipts import keep_receipts
from blueprint.sentences import Sentence

_SQL = load_statements(Path(__file__).with_suffix(".sql"))

KIND_FIELD = "WHLX"
ADDED, CHANGED, REMOVED = "1", "2", "3"
WORDS = {
    "1": ADDED, "01": ADDED, "调入": ADDED, "新增": ADDED, "add": ADDED, "added": ADDED,
    "2": CHANGED, "02": CHANGED, "属性变更": CHANGED, "修改": CHANGED, "change": CHANGED, "changed": CHANGED,
    "3": REMOVED, "03": REMOVED, "调出": REMOVED, "删除": REMOVED, "remove": REMOVED, "removed": REMOVED,
}  # fmt: skip
"""What a field says of a row, and which of the three kinds it is."""

_STEPS = {"before": "WHQ", "change": "WHC", "after": "WHH"}
MAX_TOLD = 100


class Change(NamedTuple):
    """What a delta says of one feature; `number` is its row in the file."""

    number: int | None
    source_id: str
    is_known: bool
    has_before: bool
    has_after: bool
    kinds: Sequence[str]
    has_shape: bool = True

    @property
    def kind(self) -> str:
        """Which of the three kinds it is; a removal and an addition of the same feature change it."""
        kinds = {WORDS[str(kind).lower()] for kind in self.kinds}
        return kinds.pop() if len(kinds) == 1 else CHANGED


@dataclass(frozen=True)
class Fault:
    """A row that cannot be taken, and why."""

    number: int | None
    source_id: str | None
    what: Sentence

    def told(self) -> dict[str, Any]:
        """The row of a problem document."""
        return {
            "number": self.number,
            "source_id": self.source_id,
            "what_zh": self.what.chinese,
            "what": self.what.english,
        }


def judge(change: Change, *, has_states: bool, is_partial: bool = False) -> Sentence | None:
    """Why a change does not fit the base or contradicts itself; None when it is sound.

    A changed shape is a removal and an addition of the same feature (`WHLX` 3 and 1), or a change (2). Where rows may
    be partial, one that changes a feature keeps its shape when it has none.
    """
    kinds = {WORDS.get(str(kind).lower(), "?") for kind in change.kinds}
    if not kinds:
        return Sentence("{field} says nothing; write 1, 2 or 3", field=KIND_FIELD)
    if "?" in kinds:
        return Sentence(
            "{field} says {kinds}; write 1, 2 or 3",
            field=KIND_FIELD,
            kinds=[str(kind) for kind in change.kinds],
        )
    if kinds == {ADDED}:
        if change.is_known:
            return Sentence("it is added, but the base has it already")
        if not change.has_after:
            return Sentence("it is added, but its state after is missing")
        return None if change.has_shape else Sentence("it is added, but has no shape")
    if not change.is_known:
        return Sentence("the base has no such feature")
    if kinds == {REMOVED}:
        if has_states and change.has_after:
            return Sentence("it is removed, but has a state after")
        return (
            None
            if change.has_before or not has_states
            else Sentence("it is removed, but its state before is missing")
        )
    if not change.has_after:
        return Sentence("it is changed, but its state after is missing")
    if not change.has_shape and not is_partial:
        return Sentence("its state after has no shape")
    return (
        None
        if change.has_before or not has_states
        else Sentence("it is changed, but its state before is missing")
    )


def apply_delta(
    session: Session,
    layer: Layer,
    file: StagedFile,
    upload: Upload,
    *,
    base: LayerVersion,
    change_field: str | None = None,
    city: City,
    now: datetime,
    progress: Progress = silent,
) -> LayerVersion:
    """Put a delta on the layer's newest version and store what comes of it as the next draft.

    With `change_field` every row says there what it is, else the file has the layers WHQ, WHC and WHH. A row that
    changes a feature leaves as it is what it does not give: empty fields, and the shape where it has none; where zones
    follow attributes it must give all. Validity, review and coverage are the base's where the upload says nothing.
    Raises ConflictError with the rows when the base has moved on, or a row does not fit it.
    """
    session.execute(select(Layer.id).where(Layer.id == layer.id).with_for_update())
    _refuse_unfit(session, layer, base)
    upload = replace(
        upload,
        valid_until=upload.valid_until or base.valid_until,
        review_by=upload.review_by or base.review_by,
    )
    is_partial = change_field is not None and layer.buffer_by is None
    version = storing.draft_version(session, layer, file, upload, city=city, now=now)
    version.base_id = base.id
    if version.coverage is None:
        version.coverage = base.coverage
    report = _read(session, layer, version, file, upload, change_field, city=city, progress=progress)
    values = {
        "base": base.id,
        "version_id": version.id,
        "change_field": change_field or KIND_FIELD,
        "without": [change_field] if change_field else [],
        "is_partial": is_partial,
        "tolerance_m2": layer.tolerance_m2,
        "at_most": MAX_TOLD,
    }
    as_text = settle_types(session, values)
    _refuse_faults(_faulty(session, values))
    session.execute(_SQL["make_changes"], values)
    changes = [Change._make(row) for row in session.execute(_SQL["read_changes"])]
    _refuse_faults(_misfits(changes, has_states=change_field is None, is_partial=is_partial))
    _refuse_faults(_differing(session, values))
    _build(session, version, base, values, progress, city=city, scratch=file.folder.parent)
    keep_as_text(session, version, as_text)
    _keep_receipts(session, version, report, values, city=city)
    _settle(session, version, base, report, values, city=city)
    if report["placed_sample"]:
        settle_place(
            session,
            version,
            report,
            actor=upload.actor,
            accepted=upload.accept_crs,
            named=upload.reference,
            reference=base,
            city=city,
        )
    storing.name_fields(session, layer, version, upload, now=now)
    storing.keep_source(file, upload)
    counts = {word: sum(change.kind == kind for change in changes) for word, kind in _COUNTED}
    record(
        session,
        upload.actor,
        Act.UPLOAD_VERSION,
        kind="version",
        id=f"{layer.code} v{version.number}",
        after={"file": file.name, "sha256": file.sha256, "base": base.number, **counts},
    )
    return version


_COUNTED = (("added", ADDED), ("changed", CHANGED), ("removed", REMOVED))


def _refuse_unfit(session: Session, layer: Layer, base: LayerVersion) -> None:
    """Refuse a base that is not the layer's newest version, or on which features cannot be told apart."""
    if layer.geometry == GeometryKind.RASTER:
        raise ConflictError(
            "{layer_code} is a raster and has no features to change; upload all of it", layer_code=layer.code
        )
    newest = session.scalar(
        select(func.max(LayerVersion.number)).where(
            LayerVersion.layer_id == layer.id, LayerVersion.withdrawn_on.is_(None)
        )
    )
    if newest != base.number:
        raise ConflictError(
            "the base has moved on: version {newest} of {layer_code} was stored since version"
            " {base_number}; make the delta from it, or withdraw it",
            newest=newest,
            layer_code=layer.code,
            base_number=base.number,
        )
    if layer.source_id_field is None:
        raise ConflictError(
            "layer {layer_code} names no field with the source id; define it (source_id_field) and upload"
            " all once",
            layer_code=layer.code,
        )
    if (base.buffer_m, base.buffer_by) != (layer.buffer_m, layer.buffer_by):
        raise ConflictError(
            "the buffer of {layer_code} was changed since version {base_number}; upload all once",
            layer_code=layer.code,
            base_number=base.number,
        )
    if not session.execute(_SQL["has_keys"], {"base": base.id}).scalar_one():
        raise ConflictError(
            "in version {base_number} the source ids are missing or not unique; upload all once with good"
            " ones",
            base_number=base.number,
        )


def _read(
    session: Session,
    layer: Layer,
    version: LayerVersion,
    file: StagedFile,
    upload: Upload,
    change_field: str | None,
    *,
    city: City,
    progress: Progress,
) -> dict[str, Any]:
    """Read the delta's layers into `delta_row`; gives the report of the last that was read."""
    session.execute(_SQL["forget"])
    session.execute(_SQL["make_rows"])
    sublayers = {step: f"{prefix}{layer.code}" for step, prefix in _STEPS.items()}
    if change_field is not None:
        sublayers = {"after": upload.sublayer or ""}
    report: dict[str, Any] = {}
    for step, sublayer in sublayers.items():
        request = replace(
            storing.request_of(session, layer, upload, city=city),
            sublayer=sublayer or None,
            keep_shapeless=True,
        )
        with _holding(file, sublayer, layer) as dataset, reading(dataset, request) as opened:
            session.execute(_SQL["make_incoming"])
            storing.copy_features(session, version, opened.batches, progress, table="incoming")
        found = opened.report
        if found["row_count"]:
            if found["shapeless_count"] < found["row_count"]:
                storing.judge_reading(found, kind=f"layer {found['sublayer']}", city=city)
            report = found
        session.execute(_SQL["take_incoming"], {"step": step})
        session.execute(_SQL["drop_incoming"])
    if not report:
        raise InvalidInputError("the delta holds no row; there is nothing to change")
    if change_field is not None:
        if change_field not in report["fields"]:
            raise InvalidInputError(
                "the file has no field {change_field!r} that says what a row is; it has: {fields}",
                change_field=change_field,
                fields=report["fields"][:30],
            )
        values = {"change_field": change_field, "removed": _removing_words()}
        session.execute(_SQL["say_changes"])
        session.execute(_SQL["leave_out_removed"], values)
    return report


def sublayer_to_stage(layer: Layer, sublayer: str | None, change_field: str | None) -> str | None:
    """Which dataset of an archive is opened first: that of the rows, or the first of the three layers."""
    return sublayer if change_field is not None else f"{_STEPS['before']}{layer.code}"


@contextmanager
def _holding(file: StagedFile, sublayer: str, layer: Layer) -> Iterator[StagedFile]:
    """The file where one dataset holds all layers; where each is a dataset of the archive, this one."""
    first = sublayer_to_stage(layer, None, None)
    if file.chosen != first or sublayer == first:
        yield file
        return
    with (
        file.original.open("rb") as opened,
        staged(opened, file.name, scratch=file.folder.parent, sublayer=sublayer) as other,
    ):
        yield other


def _removing_words() -> list[str]:
    return [word for word, kind in WORDS.items() if kind == REMOVED]


def _faulty(session: Session, values: dict[str, Any]) -> list[Fault]:
    words = {
        "no_id": Sentence("it has no source id"),
        "twice": Sentence("its source id stands twice"),
    }
    rows = session.execute(_SQL["faulty_rows"], values)
    return [Fault(row.number, row.source_id, words[row.fault]) for row in rows]


def _misfits(changes: Iterable[Change], *, has_states: bool, is_partial: bool) -> list[Fault]:
    judged = ((c, judge(c, has_states=has_states, is_partial=is_partial)) for c in changes)
    return [Fault(change.number, change.source_id, what) for change, what in judged if what is not None]


def _differing(session: Session, values: dict[str, Any]) -> list[Fault]:
    rows = session.execute(_SQL["differing_before"], values)
    kinds = {
        True: Sentence("its shape before the change is not what the base has"),
        False: Sentence("its attributes before the change are not what the base has"),
    }
    return [Fault(row.number, row.source_id, kinds[row.is_shape]) for row in rows]


def _refuse_faults(faults: list[Fault]) -> None:
    if not faults:
        return
    first = faults[0]
    more = Sentence(" (and {count} more rows)", count=len(faults) - 1) if len(faults) > 1 else ""
    raise ConflictError(
        "row {number}, {source_id}: {what}{more}; nothing was changed",
        number=first.number,
        source_id=first.source_id,
        what=first.what,
        more=more,
        place=first.source_id,
        rows=[fault.told() for fault in faults[:MAX_TOLD]],
    )


def _build(
    session: Session,
    version: LayerVersion,
    base: LayerVersion,
    values: dict[str, Any],
    progress: Progress,
    *,
    city: City,
    scratch: Path,
) -> None:
    """Cut what changed as any upload is cut; copy the rest as it lies in the base."""
    session.execute(_SQL["store_changed"], values)

    def copy(step: str) -> None:
        progress(step, base.feature_count)
        session.execute(_SQL[step], values)

    def cut() -> None:
        with features_folder(scratch) as folder:
            write_features(session, version, folder)
            cut_features(session, version, folder, city=city, progress=progress)

    if version.layer.geometry == GeometryKind.POINT:
        # Which of the points in a cell is drawn depends on all of them.
        copy("copy_unchanged_features")
        cut()
        return
    cut()
    for step in ("copy_unchanged_features", "copy_unchanged_parts", "copy_unchanged_tile_sheets"):
        copy(step)


def _keep_receipts(
    session: Session, version: LayerVersion, report: dict[str, Any], values: dict[str, Any], *, city: City
) -> None:
    """Keep what mending did to the delta's rows by the features that they became, and the base's receipts for the rest."""
    session.execute(_SQL["copy_unchanged_receipts"], values)
    receipts = {receipt["feature"]: receipt for receipt in report["mendings"]}
    became = session.execute(_SQL["features_of_rows"], values | {"numbers": list(receipts)})
    kept = [receipts[row.number] | {"feature": row.feature_id} for row in became]
    keep_receipts(session, version, kept, srid=city.working_srid)


def _fields(base: LayerVersion, report: dict[str, Any], values: dict[str, Any]) -> list[str]:
    """The fields of the base, and those that the delta brings."""
    brought = [name for name in report["fields"] if name not in values["without"]]
    return list(dict.fromkeys([*base.quality.get("fields", []), *brought]))


def _settle(
    session: Session,
    version: LayerVersion,
    base: LayerVersion,
    report: dict[str, Any],
    values: dict[str, Any],
    *,
    city: City,
) -> None:
    measured = session.execute(_SQL["measure_version"], values).one()
    if not measured.feature_count:
        raise ConflictError("the delta would leave no feature; withdraw the version instead")
    storing.settle(
        version,
        report
        | {
            "feature_count": measured.feature_count,
            "vertex_count": measured.vertex_count,
            "extent": [measured.west, measured.south, measured.east, measured.north],
            "inside_count": measured.feature_count,
            "fields": _fields(base, report, values),
        },
        city,
    )
    session.flush()
