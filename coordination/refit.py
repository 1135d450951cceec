"""The trimmed outline of the same area (等面积调整): what hard conflicts cut off a site is given back where the ground beside it is free.

The site keeps all of itself that is free; that grows over free ground, evenly or to one side, until the area is again what it was, first
where nothing else weighs. It is checked again before it is given. Only layers that the actor may read are kept off.
"""

from dataclasses import dataclass, replace
from datetime import date

import shapely
from sqlalchemy.orm import Session

from blueprint.city import City
from blueprint.errors import InvalidInputError
from blueprint.footprint import Footprint
from blueprint.jurisdiction import jurisdiction
from blueprint.permissions import Act, Actor, require
from blueprint.snapshot import Snapshot, take_snapshot
from coordination.checks import run_check
from coordination.given_ground import SHORT_M2, Regrown, regrown
from coordination.rules import Severity
from coordination.siting import MAX_DISTANCE_M, hard_m2, readable_by, taken_ground
from coordination.trim import TrimLevel, is_hard, parts_left

METHOD = (
    "保留原红线中无刚性冲突的部分，在相邻的无冲突地块上补足原面积，先避开其余管控：或等距外扩，或向外接矩形的一侧平推，取最接近矩形者，已重新检查；宽度不足 1 m 处不补；"
    "局限：只在相连的地块上补，只比较这五种补法（界址点超过 500 个时只等距外扩），不同时向两侧补，不考虑权属与地形"
    " what of the site is free is kept, and free ground that is joined to it, first where nothing else weighs, makes up the area: a rim of even"
    " width, or one side of its rectangle moved out; of those the one that is most of a rectangle; checked again; nowhere narrower than 1 m."
    " Limits: only these five ways are compared (the rim alone beyond 500 corners), never two sides at once; ownership and terrain are not looked at"
)


@dataclass(frozen=True)
class Refit:
    """A site of the same area off its hard conflicts (working CRS; areas by the city's measure), and what its check says before and after.

    `kept_m2` of the site stays, `given_m2` is new; `rim_m` is how far that reaches, evenly around or to the side `toward_deg` (from north). `is_same_area` is false where the ground within the
    distance is not enough.
    """

    level: TrimLevel
    outline: shapely.MultiPolygon
    area_before_m2: float
    area_m2: float
    kept_m2: float
    given_m2: float
    rim_m: float
    toward_deg: float | None
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
    """Trim a site by its hard conflicts of a level and give the area back within a distance; one that has none stays as it is.

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
    is_hard_met = any(is_hard(finding, level) for finding in before.findings)
    found = (
        _refitted(
            session, footprint, city=city, actor=actor, snapshot=snapshot, level=level, within_m=within_m
        )
        if is_hard_met
        else Regrown(site, 0.0)
    )
    made = found.outline
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
        rim_m=found.reach_m,
        toward_deg=found.toward_deg,
        is_same_area=abs(made.area - site.area) <= SHORT_M2,
        is_free=not any(is_hard(finding, level) for finding in after.findings),
        verdict_before=before.verdict,
        verdict_after=after.verdict,
        hard_before_m2=hard_m2(before, level),
        hard_after_m2=hard_m2(after, level),
        has_restricted_conflicts=bool(after.restricted_conflicts),
        restricted_withheld=not after.has_answers_left,
    )


def _refitted(
    session: Session,
    footprint: Footprint,
    *,
    city: City,
    actor: Actor,
    snapshot: Snapshot,
    level: TrimLevel,
    within_m: float,
) -> Regrown:
    """What of a site is free, with ground given back: first where nothing else weighs."""
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
    kept = parts_left(shapely.intersection(site, free))
    if kept.is_empty:
        raise InvalidInputError(
            "nothing of the site is free of hard conflicts, so there is nothing to give ground to; shift it instead"
        )
    mild = shapely.union(shapely.difference(free, taken.soft), kept)
    found = regrown(site, kept, mild, within_m)
    return found if found.outline.area >= site.area - SHORT_M2 else regrown(site, kept, free, within_m)
