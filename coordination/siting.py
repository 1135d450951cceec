"""Where a site would fit (就近调整): the hard conflicts around it as ground that it must keep off, and the nearest place that does.

What is found is checked like any other footprint before it is given; only layers that the actor may read are kept off.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import partial

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry
from sqlalchemy.orm import Session

from blueprint.city import City, polygonal
from blueprint.errors import InvalidInputError
from blueprint.footprint import Footprint
from blueprint.jurisdiction import jurisdiction
from blueprint.permissions import Act, Actor, may, require
from blueprint.snapshot import Snapshot, take_snapshot
from coordination.check_report import CheckReport, Finding
from coordination.checks import run_check
from coordination.nearest_place import HAIR_M, RINGS, TRIED, least_met, nearest_free
from coordination.rule_sets import RuleSet, of_ground
from coordination.rules import Severity
from coordination.rules_in_force import rule_set_on
from coordination.trim import TrimLevel, is_hard, refuse_failed

MAX_DISTANCE_M = 2_000.0
_ROUNDS = 4
"""So many times at most what a check finds beside the ground that is kept off is kept off, too."""


@dataclass(frozen=True)
class Shift:
    """A footprint moved as it is: metres east and north, its place (working CRS), and what its check says before and after.

    `is_exact`: no shorter shift keeps off all that is kept off, and where none is free there is none; else this holds of the `tried`
    places alone, on rings `step_m` apart.
    """

    level: TrimLevel
    east_m: float
    north_m: float
    distance_m: float
    moved: shapely.MultiPolygon
    area_m2: float
    verdict_before: Severity
    verdict_after: Severity
    hard_before_m2: float
    hard_after_m2: float
    is_free: bool
    is_exact: bool
    tried: int
    step_m: float
    has_restricted_conflicts: bool
    restricted_withheld: bool


def find_shift(
    session: Session,
    footprint: Footprint,
    *,
    city: City,
    actor: Actor,
    on: date,
    level: TrimLevel,
    within_m: float,
) -> Shift:
    """The nearest place within a distance where the footprint, neither turned nor changed, meets nothing hard.

    Where none is free it is the place of those tried that meets least. Raises InvalidInputError for a distance that is not from 1 to
    2,000 m.
    """
    require(actor, Act.KEEP_CHECK)
    if not 1 <= within_m <= MAX_DISTANCE_M:
        raise InvalidInputError(
            "a search distance is from 1 to {max_distance_m:,.0f} m", max_distance_m=MAX_DISTANCE_M
        )
    snapshot = take_snapshot(session, on)
    check = partial(run_check, session, city=city, actor=actor, on=on, snapshot=snapshot, with_shapes=True)
    before = check(footprint)
    best, after, is_free, is_exact = np.zeros(2), before, True, True
    if any(is_hard(finding, level) for finding in before.findings):
        west, south, east, north = footprint.geometry.bounds
        ground = shapely.box(west - within_m, south - within_m, east + within_m, north + within_m)
        readable = readable_by(snapshot, actor)
        taken = taken_ground(session, ground, footprint, readable, city=city, actor=actor, level=level).hard
        beyond = _beyond(ground, city)
        for _ in range(_ROUNDS):
            nearest = nearest_free(footprint.geometry, shapely.union(taken, beyond), within_m)
            is_exact = nearest.is_exact
            if nearest.shift is None:
                break
            best = nearest.shift
            after = check(_shifted(footprint, best))
            hard = [finding for finding in after.findings if is_hard(finding, level)]
            is_free = not hard
            more = [finding.shape for finding in hard if finding.shape is not None]
            if is_free or not more:
                break
            # A site may lie within an area, or take a share, that the ground as a whole does not: that is kept off as well.
            taken = polygonal(shapely.union_all([taken, *shapely.buffer(more, HAIR_M)]))
        if nearest.shift is None or not is_free:
            best = least_met(footprint.geometry, taken, beyond, within_m)
            least = _shifted(footprint, best)
            after = check(least)
            # What the ground is kept off may be more than need be: the check has the last word.
            is_free = not any(is_hard(finding, level) for finding in after.findings) and not shapely.area(
                shapely.intersection(least.geometry, beyond)
            )
            is_exact = is_exact and not is_free
    return Shift(
        level=level,
        east_m=float(best[0]),
        north_m=float(best[1]),
        distance_m=float(np.hypot(*best)),
        moved=_shifted(footprint, best).geometry,
        area_m2=after.footprint.area_m2,
        verdict_before=before.verdict,
        verdict_after=after.verdict,
        hard_before_m2=hard_m2(before, level),
        hard_after_m2=hard_m2(after, level),
        is_free=is_free,
        is_exact=is_exact,
        tried=TRIED,
        step_m=within_m / RINGS,
        has_restricted_conflicts=bool(after.restricted_conflicts),
        restricted_withheld=not after.has_answers_left,
    )


def _shifted(footprint: Footprint, by: np.ndarray) -> Footprint:
    """The footprint, with the centre line of its strip, moved by metres east and north."""
    shape = shapely.normalize(shapely.transform(footprint.geometry, lambda xy: xy + by))
    strip = footprint.strip
    if strip is not None:
        strip = replace(strip, centre=shapely.transform(strip.centre, lambda xy: xy + by))
    return replace(footprint, geometry=shape, strip=strip)


def _beyond(ground: shapely.Polygon, city: City) -> BaseGeometry:
    """What of a piece of ground lies outside the city."""
    outline = jurisdiction(city).outline
    return shapely.MultiPolygon() if outline is None else polygonal(shapely.difference(ground, outline))


@dataclass(frozen=True)
class TakenGround:
    """Of a piece of ground what is kept off (`hard`), and what else weighs on it (`soft`), in the working CRS."""

    hard: BaseGeometry
    soft: BaseGeometry
    plane_m2: float
    """How much of the plane is a square metre of the ground by the city's measure."""


def taken_ground(
    session: Session,
    ground: shapely.Polygon,
    site: Footprint,
    readable: Snapshot,
    *,
    city: City,
    actor: Actor,
    level: TrimLevel,
    rule_set: RuleSet | None = None,
    is_told: bool = True,
    is_sure: bool = False,
) -> TakenGround:
    """Of a piece of ground what the layers of a level take, and what milder ones do, of all the layers that the actor may read.

    Thresholds are left out, as they go by what a site is taken of and not by what the ground is; a rule for one relation (within,
    crosses) holds wherever it is harder, and a surface that rises counts where it is lowest on the ground: what is found is checked
    once more, what is kept off may be more than need be. Pixels too ragged to be drawn take all of the ground, or with `is_sure` none.
    `rule_set` is that of the day, where it is known already.
    """
    rules = rule_set or rule_set_on(session, city, readable.day)
    layers = tuple(layer._replace(threshold_share=0.0) for layer in readable.layers)
    whole = replace(site, geometry=shapely.MultiPolygon([ground]), notes=(), strip=None)
    report = run_check(
        session,
        whole,
        city=city,
        actor=actor,
        on=readable.day,
        with_shapes=True,
        snapshot=Snapshot(readable.day, layers),
        rule_set=of_ground(rules) if rules is not None else None,
        is_told=is_told,
    )
    refuse_failed(report)
    hard = [finding for finding in report.findings if is_hard(finding, level)]
    soft = [
        finding
        for finding in report.findings
        if finding.severity in _WEIGHING and not finding.sliver and not is_hard(finding, level)
    ]
    if is_sure:
        hard, soft = ([f for f in found if f.shape is not None] for found in (hard, soft))
    measures = report.footprint
    return TakenGround(
        _together(hard, ground), _together(soft, ground), measures.plane_area_m2 / measures.area_m2
    )


_WEIGHING = (Severity.PROHIBIT, Severity.RESTRICT, Severity.ADVISE)


def _together(findings: Sequence[Finding], ground: shapely.Polygon) -> BaseGeometry:
    if any(f.shape is None for f in findings):  # pixels too ragged to be drawn: nowhere is known to be free
        return ground
    # A line or a point takes no area; a hair around it is what no site may lie on.
    taken = [shapely.buffer(f.shape, HAIR_M) if f.overlap_m2 == 0 else f.shape for f in findings]
    return polygonal(shapely.union_all(taken))


def readable_by(snapshot: Snapshot, actor: Actor) -> Snapshot:
    """The layers of a day that the actor may read: only these are kept off."""
    layers = tuple(layer for layer in snapshot.layers if may(actor, Act.READ_LAYER, layer.thing))
    return Snapshot(snapshot.day, layers)


def hard_m2(report: CheckReport, level: TrimLevel) -> float:
    """What of a site hard controls take, by its ledger."""
    restricted = report.ledger.restricted_m2 if level is TrimLevel.RESTRICT else 0.0
    return report.ledger.prohibited_m2 + restricted
