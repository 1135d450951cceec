"""Checking a stored version, keeping what was found, and letting it into force only when nothing stands against it."""

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import shapely
from geoalchemy2.shape import to_shape
from sqlalchemy import delete, insert, select
from sqlalchemy.orm import Session

from blueprint.audit.log import record
from blueprint.city import City
from blueprint.errors import ConflictError, InvalidInputError, UnavailableError
from blueprint.jurisdiction import jurisdiction
from blueprint.layers.cell import cell, met_bounds
from blueprint.layers.children import LARGE_BYTES, Child, Kind
from blueprint.layers.confinement import Bounds
from blueprint.layers.features_file import features_folder, write_features
from blueprint.layers.mapped_features import FEATURES
from blueprint.layers.models import GeometryKind, Layer, LayerVersion
from blueprint.permissions import Act, Actor
from blueprint.quality.check_child import COVERAGE, OUTLINE
from blueprint.quality.kinds import Level
from blueprint.quality.models import QualityIssue
from blueprint.quality.reading_issues import keep_reading
from blueprint.sentences import Sentence
from blueprint.standards.loading import find_standard

BOUNDS = Bounds(cpu_seconds=1800, memory_bytes=12 << 30, file_bytes=0)
"""Memory is of addresses: the mapped file of a large layer counts whole."""

NOTHING_FOUND: dict[str, int] = {str(level): 0 for level in Level}
"""The counts of a check that found nothing."""

Progress = Callable[[str, int], None]
_LINES_AT_ONCE = 500


def check_version(
    session: Session,
    layer: Layer,
    version: LayerVersion,
    *,
    city: City,
    scratch: Path,
    actor: Actor,
    now: datetime,
    folder: Path | None = None,
    progress: Progress = lambda _step, _done: None,
) -> None:
    """Check a version by the standard it was stored with, and keep the issues and their counts with it.

    `folder` holds its features, where they were just read; else they are taken from the database.
    What reading the file found is taken over. The caller asked the right; raises ConflictError where the version
    was in force already: what was decided on an older check is not changed.
    """
    # As every act on a version does first: else it might come into force while the check runs, and lose its confirmation.
    session.execute(select(Layer.id).where(Layer.id == layer.id).with_for_update())
    session.refresh(version, ["periods"])
    if version.periods:
        raise ConflictError(
            "version {version_number} was in force already; its check stands", version_number=version.number
        )
    with ExitStack() as stack:
        if folder is None:
            folder = stack.enter_context(features_folder(scratch))
            if layer.geometry != GeometryKind.RASTER:
                write_features(session, version, folder)
        child = stack.enter_context(started_check(layer, version, city=city, folder=folder))
        keep_check(session, layer, version, child, city=city, actor=actor, now=now, progress=progress)


@contextmanager
def started_check(layer: Layer, version: LayerVersion, *, city: City, folder: Path) -> Iterator[Child | None]:
    """A confined child at work on the features in the folder; a raster has none, what its reading noted is all there is."""
    if layer.geometry == GeometryKind.RASTER:
        yield None
        return
    _write_places(version, city, folder)
    message = {
        "folder": str(folder),
        "is_areal": layer.geometry == GeometryKind.POLYGON,
        "standard": find_standard(version.standard).code if version.standard else None,
        "mapping": version.field_mapping or {},
        "fields": version.quality.get("fields", []),
        "city_codes": [city.administrative_code, *(district.code for district in city.districts)],
    }
    is_large = (folder / FEATURES).stat().st_size > LARGE_BYTES
    with cell(
        "blueprint.quality.large_check_child" if is_large else "blueprint.quality.check_child",
        message,
        folder=folder,
        skipped_drivers="",
        bounds=BOUNDS,
        kind=Kind.SHAPES if is_large else Kind.VECTOR,
    ) as child:
        yield child


def keep_check(
    session: Session,
    layer: Layer,
    version: LayerVersion,
    child: Child | None,
    *,
    city: City,
    actor: Actor,
    now: datetime,
    progress: Progress = lambda _step, _done: None,
) -> None:
    """Keep what the child of a check finds, and what reading the file found, with the version; the layer is locked."""
    session.execute(delete(QualityIssue).where(QualityIssue.version_id == version.id))
    levels = keep_reading(session, version)
    if child is not None:
        progress("check", 0)
        for level, count in _heard(session, version, city, child, progress).items():
            levels[level] += count
    version.checked_at, version.issue_counts = now, {str(level): levels[level] for level in Level}
    version.warnings_confirmed_by = version.warnings_confirmed_at = version.warnings_reason = None
    session.flush()
    record(
        session,
        actor,
        Act.UPLOAD_VERSION,
        kind="quality_check",
        id=f"{layer.code} v{version.number}",
        after={"standard": version.standard, "issues": version.issue_counts},
    )


def hold_to_check(
    session: Session, version: LayerVersion, *, reason: str | None, actor: Actor, now: datetime
) -> None:
    """Let a version pass into force: checked, without errors, its warnings confirmed by a person with a reason.

    A version that was in force before comes back without being asked again. Raises ConflictError.
    """
    if version.periods:
        return
    name = f"{version.layer.code} {version.number}"
    counts = version.issue_counts
    if version.checked_at is None or counts is None:
        raise ConflictError(
            "version {version_number} was not checked yet; check it first (`blueprint layer quality {name} --check` at the console)",
            version_number=version.number,
            name=name,
        )
    if counts[Level.FATAL] + counts[Level.ERROR]:
        raise ConflictError(
            "version {version_number} has {count:,} errors and cannot come into force; `blueprint layer"
            " quality {name}` lists them",
            version_number=version.number,
            count=counts[Level.ERROR],
            name=name,
        )
    if not counts[Level.WARNING]:
        return
    if reason is not None and reason.strip():
        version.warnings_reason = reason.strip()
        version.warnings_confirmed_by, version.warnings_confirmed_at = actor.name, now
        record(
            session,
            actor,
            Act.BRING_INTO_FORCE,
            kind="quality_warnings",
            id=f"{version.layer.code} v{version.number}",
            after={"warnings": counts[Level.WARNING], "reason": version.warnings_reason},
        )
    elif version.warnings_reason is None:
        raise ConflictError(
            "version {version_number} has {count:,} warnings; read them (`blueprint layer quality {name}`)"
            ' and confirm with a reason (--confirm-warnings "…", `confirm_warnings` over HTTP)',
            version_number=version.number,
            count=counts[Level.WARNING],
            name=name,
        )


def _write_places(version: LayerVersion, city: City, folder: Path) -> None:
    outline = jurisdiction(city).outline
    if outline is not None:
        _write(folder / OUTLINE, outline)
    if version.coverage is not None:
        _write(folder / COVERAGE, to_shape(version.coverage))


def _write(path: Path, shape: shapely.Geometry) -> None:
    with path.open("xb") as opened:  # a child was in this folder: what it may have laid there is not followed
        opened.write(shapely.to_wkb(shape))


def _heard(
    session: Session, version: LayerVersion, city: City, child: Child, progress: Progress
) -> dict[Level, int]:
    """Store the issues of the child; the counts by level. Notes with the version whether its areas overlap each other."""
    rows: list[dict[str, Any]] = []
    for text in child.output:
        line = json.loads(text)
        if "step" in line:
            progress(line["step"], line["done"])
        elif "levels" in line:
            _insert(session, rows)
            if line["has_overlaps"] is not None and version.buffer_m == 0:
                version.has_overlaps = line["has_overlaps"]  # zones around features overlap as a rule
            return {Level(level): count for level, count in line["levels"].items()}
        else:
            rows.append(_row(version, city, line))
            if len(rows) >= _LINES_AT_ONCE:
                _insert(session, rows)
    complaint, status = child.last_words(), child.wait()
    if met_bounds(status, complaint):
        raise InvalidInputError("the quality check came to its bounds of time and memory; split the layer")
    raise UnavailableError(
        "the quality check ended with {status}: {complaint}",
        status=status,
        complaint=complaint or Sentence("no word"),
    )


def _row(version: LayerVersion, city: City, line: dict[str, Any]) -> dict[str, Any]:
    place = line["place"]
    shape = shapely.set_srid(shapely.from_wkb(place), city.working_srid) if place else None
    return {
        "version_id": version.id,
        "kind": line["kind"],
        "level": line["level"],
        "feature_id": line["feature"],
        "other_feature_id": line["other"],
        "field": line["field"],
        "value": line["value"],
        "params": line["params"],
        "geom": shapely.to_wkb(shape, hex=True, include_srid=True) if shape is not None else None,
    }


def _insert(session: Session, rows: list[dict[str, Any]]) -> None:
    if rows:
        session.execute(insert(QualityIssue), rows)
        rows.clear()
