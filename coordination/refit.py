"""The trimmed outline of the same area (等面积调整): what hard conflicts cut off a site is given back where the ground beside it is free.

The site keeps all of itself that is free; a rim around that grows evenly over free ground until the area is again what it was, first where
nothing else weighs. It is checked again before it is given. Only layers that the actor may read are kept off.
"""

from dataclasses import dataclass, replace
from datetime import date

import shapely
from sqlalchemy.orm import Session

from blueprint.city import City, polygonal
from blueprint.errors import InvalidInputError
from blueprint.footprint import Footprint
from blueprint.jurisdiction import jurisdiction
from blueprint.permissions import Act, Actor, require
from blueprint.snapshot import take_snapshot
from coordination.checks import run_check
from coordination.rules import Severity
from coordination.siting import MAX_DISTANCE_M, hard_m2, readable_by, taken_ground
from coordination.trim import SCRAP_M2, TrimLevel, is_hard

_THREAD_M = 1.0
"""What is given back is nowhere narrower: nothing is built on a thread of ground."""

_NEAR_M = 0.001
"""The width of a rim is found to a millimetre."""

_SHORT_M2 = 1.0
"""An area that is short by less is the same area."""

METHOD = (
    "保留原红线中无刚性冲突的部分，自其外缘在相邻的无冲突地块上等距外扩，先避开其余管控，补足原面积，已重新检查；宽度不足 1 m 处不补；局限：只在相连的地块上补，不优化形状，不考虑权属与地形"
    " what of the site is free is kept, and a rim of even width around it over free ground, first where nothing else weighs, makes up the"
    " area; checked again; nowhere narrower than 1 m. Limits: ground that is joined alone, no better shape is looked for, ownership and terrain are not looked at"
)


@dataclass(frozen=True)
class Refit:
    """A site of the same area off its hard conflicts (working CRS; areas by the city's measure), and what its check says before and after.

    `kept_m2` of the site stays, `given_m2` is new; `rim_m` is how far the rim reaches. `is_same_area` is false where the ground within the
    distance is not enough.
    """

    level: TrimLevel
    outline: shapely.MultiPolygon
    area_before_m2: float
    area_m2: float
    kept_m2: float
    given_m2: float
    rim_m: float
    is_same_area: bool
    is_free: bool
    verdict_before: Severity
    verdict_after: Severity
    hard_before_m2: float
    hard_after_m2: float
    has_restricted_conflicts: bool
    restricted_withheld: bool


def find_refit(
    session: Session,
    footprint: Footprint,
    *,
    city: City,
    actor: Actor,
    on: date,
    level: TrimLevel,
    within_m: float,
) -> Refit:
    """Trim a site by its hard conflicts of a level and give the area back within a distance.

    InvalidInputError for a distance that is not from 1 to 2,000 m, for a linear work, and where nothing of the site is free.
    """
    require(actor, Act.KEEP_CHECK)
    if not 1 <= within_m <= MAX_DISTANCE_M:
        raise InvalidInputError(
            "a search distance is from 1 to {max_distance_m:,.0f} m", max_distance_m=MAX_DISTANCE_M
        )
    if footprint.strip is not None:
        raise InvalidInputError(
            "a line or a point with a width has no outline of its own to change; shift it"
        )
    snapshot = take_snapshot(session, on)
    before = run_check(session, footprint, city=city, actor=actor, on=on, snapshot=snapshot)
    site = footprint.geometry
    west, south, east, north = site.bounds
    ground = shapely.box(west - within_m, south - within_m, east + within_m, north + within_m)
    taken = taken_ground(
        session, ground, footprint, readable_by(snapshot, actor), city=city, actor=actor, level=level
    )
    free = shapely.difference(ground, taken.hard)
    outline = jurisdiction(city).outline
    if outline is not None:
        free = shapely.intersection(free, outline)
    kept = _parts(shapely.intersection(site, free), SCRAP_M2)
    if kept.is_empty:
        raise InvalidInputError(
            "nothing of the site is free of hard conflicts, so there is nothing to give ground to; shift it instead"
        )
    mild = shapely.union(shapely.difference(free, taken.soft), kept)
    made, rim_m = grown_to(kept, mild, site.area, within_m)
    if made.area < site.area - _SHORT_M2:
        made, rim_m = grown_to(kept, free, site.area, within_m)
    refitted = replace(footprint, geometry=shapely.normalize(made))
    after = run_check(session, refitted, city=city, actor=actor, on=on, snapshot=snapshot)
    # Areas by the measure are in the same proportion as plane ones within one site, to far below a square metre.
    scale = after.footprint.area_m2 / made.area
    kept_m2 = shapely.intersection(site, made).area * scale
    return Refit(
        level=level,
        outline=refitted.geometry,
        area_before_m2=before.footprint.area_m2,
        area_m2=after.footprint.area_m2,
        kept_m2=kept_m2,
        given_m2=after.footprint.area_m2 - kept_m2,
        rim_m=rim_m,
        is_same_area=made.area >= site.area - _SHORT_M2,
        is_free=not any(is_hard(finding, level) for finding in after.findings),
        verdict_before=before.verdict,
        verdict_after=after.verdict,
        hard_before_m2=hard_m2(before, level),
        hard_after_m2=hard_m2(after, level),
        has_restricted_conflicts=bool(after.restricted_conflicts),
        restricted_withheld=not after.has_answers_left,
    )


def grown_to(
    kept: shapely.MultiPolygon, free: shapely.Geometry, area_m2: float, within_m: float
) -> tuple[shapely.MultiPolygon, float]:
    """What is kept, with the rim over free ground that makes up an area, and how wide the rim is; the most there is within the distance."""
    if kept.area >= area_m2 - _SHORT_M2:
        return kept, 0.0
    shapely.prepare(free)
    most = _grown(kept, free, within_m)
    if most.area <= area_m2:
        return most, within_m
    near, far = 0.0, within_m
    while far - near > _NEAR_M:
        middle = (near + far) / 2
        if _grown(kept, free, middle).area < area_m2:
            near = middle
        else:
            far = middle
    return _grown(kept, free, far), far


def _grown(kept: shapely.MultiPolygon, free: shapely.Geometry, rim_m: float) -> shapely.MultiPolygon:
    """What is kept and the free ground within so many metres of it that is joined to it, without threads."""
    around = shapely.intersection(_buffered(kept, rim_m), free)
    opened = _buffered(_buffered(around, -_THREAD_M / 2), _THREAD_M / 2)
    whole = polygonal(shapely.union(kept, shapely.intersection(opened, around)))
    joined = [part for part in whole.geoms if shapely.intersection(part, kept).area > 0]
    return shapely.MultiPolygon(joined)


def _buffered(shape: shapely.Geometry, metres: float) -> shapely.Geometry:
    """Corners stay corners: the boundary of a site is made of straight lines."""
    return shapely.buffer(shape, metres, join_style="mitre", mitre_limit=2.0)


def _parts(shape: shapely.Geometry, least_m2: float) -> shapely.MultiPolygon:
    return shapely.MultiPolygon([part for part in polygonal(shape).geoms if part.area >= least_m2])
