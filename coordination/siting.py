"""Where a site would fit (就近调整): the hard conflicts around it as ground that it must keep off, and the nearest place that does.

What is found is checked like any other footprint before it is given; only layers that the actor may read are kept off.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date

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
from coordination.judging import rule_set_of
from coordination.rule_sets import of_ground
from coordination.rules import Severity
from coordination.trim import TrimLevel, is_hard, refuse_failed

MAX_DISTANCE_M = 2_000.0
RINGS = 40
DIRECTIONS = 48
_HAIR_M = 1e-3
"""Nearer than this a site touches what it keeps off, which is no conflict."""

_REFINED_M = 0.1


@dataclass(frozen=True)
class Shift:
    """A footprint moved as it is: metres east and north, its place (working CRS), and what its check says before and after."""

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

    Places on rings around it are tried, and the nearest free one is brought as near as it stays free. Where none is free
    it is the place that meets least. Raises InvalidInputError for a distance that is not from 1 to 2,000 m.
    """
    require(actor, Act.KEEP_CHECK)
    if not 1 <= within_m <= MAX_DISTANCE_M:
        raise InvalidInputError(
            "a search distance is from 1 to {max_distance_m:,.0f} m", max_distance_m=MAX_DISTANCE_M
        )
    snapshot = take_snapshot(session, on)
    before = run_check(session, footprint, city=city, actor=actor, on=on, snapshot=snapshot)
    west, south, east, north = footprint.geometry.bounds
    ground = shapely.box(west - within_m, south - within_m, east + within_m, north + within_m)
    taken = taken_ground(
        session, ground, footprint, readable_by(snapshot, actor), city=city, actor=actor, level=level
    ).hard
    places = _places(within_m)
    stays = not any(is_hard(finding, level) for finding in before.findings)
    best = places[0] if stays else _nearest_free(footprint.geometry, taken, places, city)
    is_known = best is not None
    if best is None:
        best = _least_met(footprint.geometry, taken, places, city)
    moved = _moved(footprint.geometry, best[np.newaxis])[0]
    moved_site = replace(footprint, geometry=shapely.normalize(moved), strip=None)
    after = run_check(session, moved_site, city=city, actor=actor, on=on, snapshot=snapshot)
    return Shift(
        level=level,
        east_m=float(best[0]),
        north_m=float(best[1]),
        distance_m=float(np.hypot(*best)),
        moved=moved_site.geometry,
        area_m2=after.footprint.area_m2,
        verdict_before=before.verdict,
        verdict_after=after.verdict,
        hard_before_m2=hard_m2(before, level),
        hard_after_m2=hard_m2(after, level),
        # What the ground is kept off may be more than need be: the check has the last word.
        is_free=(is_known or _is_in_city(moved, city))
        and not any(is_hard(finding, level) for finding in after.findings),
        tried=len(places),
        step_m=within_m / RINGS,
        has_restricted_conflicts=bool(after.restricted_conflicts),
        restricted_withheld=not after.has_answers_left,
    )


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
    is_told: bool = True,
    is_sure: bool = False,
) -> TakenGround:
    """Of a piece of ground what the layers of a level take, and what milder ones do, of all the layers that the actor may read.

    Thresholds are left out, as they go by what a site is taken of and not by what the ground is; a rule for one relation (within,
    crosses) holds wherever it is harder, and a surface that rises counts where it is lowest on the ground: what is found is checked
    once more, what is kept off may be more than need be. Pixels too ragged to be drawn take all of the ground, or with `is_sure` none.
    """
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
        rule_set=of_ground(rule_set) if (rule_set := rule_set_of(city)) is not None else None,
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
    taken = [shapely.buffer(f.shape, _HAIR_M) if f.overlap_m2 == 0 else f.shape for f in findings]
    return polygonal(shapely.union_all(taken))


def readable_by(snapshot: Snapshot, actor: Actor) -> Snapshot:
    """The layers of a day that the actor may read: only these are kept off."""
    layers = tuple(layer for layer in snapshot.layers if may(actor, Act.READ_LAYER, layer.thing))
    return Snapshot(snapshot.day, layers)


def hard_m2(report: CheckReport, level: TrimLevel) -> float:
    """What of a site hard controls take, by its ledger."""
    restricted = report.ledger.restricted_m2 if level is TrimLevel.RESTRICT else 0.0
    return report.ledger.prohibited_m2 + restricted


def _places(within_m: float) -> np.ndarray:
    """Shifts in metres, the nearest first: where it is, then ring by ring in all directions."""
    distances = np.arange(1, RINGS + 1) * within_m / RINGS
    turns = np.arange(DIRECTIONS) * 2 * np.pi / DIRECTIONS
    rings = [np.column_stack([np.cos(turns) * d, np.sin(turns) * d]) for d in distances]
    return np.concatenate([np.zeros((1, 2)), *rings])


def _moved(site: shapely.MultiPolygon, shifts: np.ndarray) -> np.ndarray:
    """The site at each of the shifts."""
    count = shapely.get_num_coordinates(site)
    sites = np.full(len(shifts), site, dtype=object)
    return np.asarray(shapely.transform(sites, lambda xy: xy + np.repeat(shifts, count, axis=0)))


def _is_free(
    site: shapely.MultiPolygon, taken: shapely.Geometry, shifts: np.ndarray, city: City
) -> np.ndarray:
    """Which shifts keep off what is taken, and in the city."""
    kernel = shapely.buffer(site, -_HAIR_M)
    shapely.prepare(taken)
    free = ~np.asarray(shapely.intersects(taken, _moved(_multi(kernel), shifts)))
    outline = jurisdiction(city).outline
    if outline is not None and free.any():
        shapely.prepare(outline)
        free[free] = shapely.covers(outline, _moved(site, shifts[free]))
    return free


def _is_in_city(site: shapely.Geometry, city: City) -> bool:
    outline = jurisdiction(city).outline
    return outline is None or bool(shapely.covers(outline, site))


def _nearest_free(
    site: shapely.MultiPolygon, taken: shapely.Geometry, places: np.ndarray, city: City
) -> np.ndarray | None:
    free = places[_is_free(site, taken, places, city)]
    if not len(free):
        return None
    distances = np.hypot(free[:, 0], free[:, 1])
    on_first_ring = free[distances <= distances[0] + _HAIR_M]
    nearest = [_brought_near(site, taken, place, city) for place in on_first_ring]
    return min(nearest, key=lambda place: float(np.hypot(*place)))


def _brought_near(
    site: shapely.MultiPolygon, taken: shapely.Geometry, place: np.ndarray, city: City
) -> np.ndarray:
    """The shift shortened to where it is only just free: by halves, down to a tenth of a metre."""
    near, far = 0.0, 1.0
    while (far - near) * float(np.hypot(*place)) > _REFINED_M:
        middle = (near + far) / 2
        if _is_free(site, taken, place[np.newaxis] * middle, city)[0]:
            far = middle
        else:
            near = middle
    return place * far


def _least_met(
    site: shapely.MultiPolygon, taken: shapely.Geometry, places: np.ndarray, city: City
) -> np.ndarray:
    """The place that meets least; where it is, when no other is better."""
    moved = _moved(site, places)
    met = np.asarray(shapely.area(shapely.intersection(moved, taken)))
    outline = jurisdiction(city).outline
    if outline is not None:
        shapely.prepare(outline)
        met = np.where(shapely.covers(outline, moved), met, np.inf)
        met[0] = min(met[0], float(shapely.area(shapely.intersection(moved[0], taken))))
    return np.asarray(places[int(np.argmin(met))])


def _multi(shape: shapely.Geometry) -> shapely.MultiPolygon:
    return shapely.MultiPolygon(_polygons(shape))


def _polygons(shape: shapely.Geometry) -> Sequence[shapely.Polygon]:
    return [part for part in shapely.get_parts(shape) if part.geom_type == "Polygon" and not part.is_empty]
