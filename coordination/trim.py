"""The smallest trim (红线调整建议): what is left of a footprint when its hard conflicts are cut off, and how far a setback is missed.

Whatever outline inside the footprint clears the conflicts leaves out all of their common area; so the footprint without
it is the largest one that does, and nothing has to be searched. Only where a threshold or a relation makes the conflict
less might do: all of it is cut off there, too. It is checked again before it is given, and what is hard of it then, as
where its share of a feature grew, is cut off as well.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum
from pathlib import Path

import shapely
from shapely.geometry.base import BaseGeometry
from sqlalchemy.orm import Session

from blueprint.city import City, polygonal
from blueprint.database import load_statements
from blueprint.footprint import Footprint
from blueprint.permissions import Act, Actor, require
from blueprint.snapshot import LayerOnDay, take_snapshot
from coordination.check_report import CheckReport, Finding, refuse_unread
from coordination.checks import run_check
from coordination.particular_rules import asks_itself
from coordination.rule_sets import Rule
from coordination.rules import Severity

_SQL = load_statements(Path(__file__).with_suffix(".sql"))

_ROUNDS = 4
"""So many times at most something is cut off; what is hard then is named."""

SCRAP_M2 = 1.0
"""Parts smaller than this are no ground to build on: they are left out."""

_THREAD_M = 1e-4
"""Of twice this width cutting leaves threads, which cross themselves once their coordinates are rounded: a file of them would be refused."""

_HAIR_M = 1e-6
_POINTED = 50.0
"""Corners of 3° and more stay as they are where threads are taken off."""


class TrimLevel(StrEnum):
    """What the trim is to clear: prohibitions alone, or restrictions too."""

    PROHIBIT = "prohibit"
    RESTRICT = "restrict"


@dataclass(frozen=True)
class Setback:
    """How far a footprint is from a feature with a protected width, and how much of that is missing (metres).

    `place` is where it is nearest, in the working CRS: a line from the footprint to the feature, a point where they meet.
    """

    layer: str
    feature: str
    width_m: float
    distance_m: float
    missing_m: float
    place: BaseGeometry | None


@dataclass(frozen=True)
class Trim:
    """What is left (working CRS; areas by the city's measure) and the verdict on it; `kept` is None where nothing is.

    `largest` is its largest part. `not_cleared` are layers of lines and points without a width, which no trim of an area clears,
    and rasters whose pixels are too ragged to be drawn.
    """

    level: TrimLevel
    verdict_before: Severity
    area_before_m2: float
    kept: shapely.MultiPolygon | None
    kept_m2: float
    lost_m2: float
    largest: shapely.Polygon | None
    largest_m2: float
    verdict_after: Severity | None
    setbacks: tuple[Setback, ...]
    not_cleared: tuple[str, ...]
    has_restricted_conflicts: bool
    restricted_withheld: bool
    """Whether restricted layers were not asked, as the reader's answers of the day are used up."""


def find_trim(
    session: Session, footprint: Footprint, *, city: City, actor: Actor, on: date, level: TrimLevel
) -> Trim:
    """Cut the conflicts of a level off a footprint, as far as the actor may read the layers; nothing is kept."""
    require(actor, Act.CHECK_FOOTPRINT)
    snapshot = take_snapshot(session, on)
    report = run_check(session, footprint, city=city, actor=actor, on=on, with_shapes=True, snapshot=snapshot)
    refuse_failed(report)
    kept: shapely.MultiPolygon | None = footprint.geometry
    after: CheckReport | None = report
    # A smaller site may come to lie within an area, or above a share, that the whole one did not: that is cut off as well.
    for _ in range(_ROUNDS):
        cut = _hard_areas(after, level) if after is not None else []
        if kept is None or not cut:
            break
        kept, after = _without(kept, shapely.union_all(cut)), None
        if kept is not None:
            trimmed = replace(footprint, geometry=kept)
            after = run_check(
                session, trimmed, city=city, actor=actor, on=on, with_shapes=True, snapshot=snapshot
            )
    largest = max(kept.geoms, key=lambda part: part.area) if kept is not None else None
    kept_m2 = after.footprint.area_m2 if after is not None else 0.0
    # Areas by the measure are in the same proportion as plane ones within one site, to far below a square metre.
    scale = kept_m2 / kept.area if kept is not None else 0.0
    layers = {layer.code: layer for layer in snapshot.layers}
    return Trim(
        level=level,
        verdict_before=report.verdict,
        area_before_m2=report.footprint.area_m2,
        kept=kept,
        kept_m2=kept_m2,
        lost_m2=report.footprint.area_m2 - kept_m2,
        largest=largest,
        largest_m2=largest.area * scale if largest is not None else 0.0,
        verdict_after=after.verdict if after is not None else None,
        setbacks=_setbacks(session, footprint, report, layers, city=city),
        not_cleared=_left(after, level),
        has_restricted_conflicts=bool(report.restricted_conflicts),
        restricted_withheld=not report.has_answers_left,
    )


def refuse_failed(report: CheckReport) -> None:
    """Refuse to say what is free of conflicts where a layer could not be asked."""
    refuse_unread(report.failed_layers)


def is_hard(finding: Finding, level: TrimLevel) -> bool:
    """Say whether a finding stands against a site at a level; slivers never do."""
    hard = {Severity.PROHIBIT} | ({Severity.RESTRICT} if level is TrimLevel.RESTRICT else set())
    return finding.severity in hard and not finding.sliver


def _hard_areas(report: CheckReport, level: TrimLevel) -> list[BaseGeometry]:
    hard = [finding for finding in report.findings if is_hard(finding, level)]
    return [finding.shape for finding in hard if finding.shape is not None and finding.overlap_m2 > 0]


def _without(site: shapely.MultiPolygon, zone: shapely.Geometry) -> shapely.MultiPolygon | None:
    left = parts_left(shapely.difference(site, zone))
    return None if left.is_empty else shapely.normalize(left)


def parts_left(shape: BaseGeometry) -> shapely.MultiPolygon:
    """What is left of a site as ground: no scraps, and no threads that a file could not hold."""
    left = polygonal(shape)
    core = shapely.buffer(left, -_THREAD_M, join_style="mitre", mitre_limit=_POINTED)
    without = shapely.buffer(core, _THREAD_M - _HAIR_M, join_style="mitre", mitre_limit=_POINTED)
    # Only where there is a thread: what has none keeps its corners as they are.
    if not shapely.covers(shapely.buffer(without, _THREAD_M), left):
        left = polygonal(without)
    return shapely.MultiPolygon([part for part in left.geoms if part.area >= SCRAP_M2])


def _setbacks(
    session: Session,
    footprint: Footprint,
    report: CheckReport,
    layers: Mapping[str, LayerOnDay],
    *,
    city: City,
) -> tuple[Setback, ...]:
    """The widths that are missed, the most missing first; a footprint that meets the feature itself misses all of it."""
    rules = {told.rule.id: told.rule for told in report.rules}
    widths = [
        (finding, layer, _width_m(finding, layer, rules.get(finding.rule or "")))
        for finding in report.findings
        for layer in (layers[finding.layer],)
        if not finding.sliver
    ]
    missed = [(finding, layer) for finding, layer, width_m in widths if width_m]
    places = _places(session, footprint, missed, city=city)
    found = [
        Setback(
            layer=finding.layer,
            feature=str(finding.source_id or finding.feature_id or ""),
            width_m=width_m,
            distance_m=finding.distance_m,
            missing_m=width_m - finding.distance_m,
            place=places.get((layer.version_id, finding.feature_id)),
        )
        for finding, layer, width_m in widths
        if width_m
    ]
    return tuple(sorted(found, key=lambda setback: -setback.missing_m))


def _width_m(finding: Finding, layer: LayerOnDay, rule: Rule | None) -> float:
    """The width that a finding is met by, in metres: its rule's own, else the catalogue's; 0 where it has none."""
    if rule is not None and rule.reach is not None:
        return rule.reach.zone(finding.attributes).reach_m
    if layer.buffer_m <= 0 or (rule is not None and rule.is_particular and asks_itself(rule, layer)):
        return 0.0
    return layer.zone_of(finding.attributes).reach_m


def _places(
    session: Session, footprint: Footprint, missed: Sequence[tuple[Finding, LayerOnDay]], *, city: City
) -> dict[tuple[int | None, int | None], BaseGeometry]:
    """Where the footprint is nearest to the feature of each setback, by version and feature."""
    asked = [
        (layer.version_id, finding.feature_id) for finding, layer in missed if finding.feature_id is not None
    ]
    if not asked:
        return {}
    values = {
        "footprint": shapely.to_wkb(footprint.geometry),
        "working_srid": city.working_srid,
        "version_ids": [version_id for version_id, _ in asked],
        "feature_ids": [feature_id for _, feature_id in asked],
    }
    found: dict[tuple[int | None, int | None], BaseGeometry] = {}
    for row in session.execute(_SQL["setback_places"], values):
        line = shapely.from_wkb(bytes(row.line))
        found[row.version_id, row.feature_id] = line if line.length > 0 else shapely.Point(line.coords[0])
    return found


def _left(after: CheckReport | None, level: TrimLevel) -> tuple[str, ...]:
    findings: Sequence[Finding] = after.findings if after is not None else ()
    return tuple(sorted({finding.layer for finding in findings if is_hard(finding, level)}))
