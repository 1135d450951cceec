"""The site finder (辅助选址): where in an area a site of a size and a use could lie without conflict, the best of all places first."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import partial
from typing import Any

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry
from sqlalchemy.orm import Session

from blueprint.city import City, polygonal
from blueprint.errors import InvalidInputError
from blueprint.footprint import Footprint
from blueprint.jurisdiction import jurisdiction
from blueprint.layers.coverage import coverage_of_districts
from blueprint.overlay_together import Ground, overlay_together
from blueprint.permissions import Act, Actor, require
from blueprint.sharing.purposes import record_reading
from blueprint.snapshot import known_to, refuse_before_the_first, take_snapshot
from coordination.check_report import CheckReport
from coordination.checks import asked_of, run_check
from coordination.found_sites import Candidate, FoundSite, Rooms, Search, resumed, soft_share
from coordination.free_places import MIN_COMPACT, Place, Places, places_in, widest_m
from coordination.heights import LOWEST_TOP_M
from coordination.rules_in_force import rule_set_on
from coordination.siting import TakenGround, readable_by, taken_ground
from coordination.trim import TrimLevel, is_hard

WINDOW_M = 2_000.0
MAX_AREA_M2 = 20e9
MIN_SITE_M2, MAX_SITE_M2 = 100.0, 5e6
MAX_FOUND = 20
_NO_LESS = 1 + 1e-5
"""Within a window what is a square metre of the plane changes by less than this: no place is smaller than was asked."""

BLOCK_WINDOWS = 4
"""So many windows wide is a block that is looked at as a whole first: where it has no room its windows are not."""

_ROOM = 0.9
"""A block has room where a piece of its free ground has so much of the size: what of a feature is a sliver within a window may not be
one within the block."""

PER_WINDOW = 12
"""So many places of a window are looked at, at least."""

LOOKED_AT = 120
"""So many are in all, where there are fewer than ten windows."""

METHOD = (
    f"逐格（{WINDOW_M / 1000:g} km，四周外扩一处用地的宽度）扣除硬冲突范围，在剩余地块内以最大内切圆圆心为中心取面积相当的紧凑地块，先避开其余管控，每格至多 {PER_WINDOW} 处（不足十格时合计至多 {LOOKED_AT} 处）；"
    "全部候选按其余管控面积占比由小到大、紧凑度由大到小一并排序，互不重叠者依次复核；"
    f"局限：不旋转、不拼接地块，紧凑度不足 {MIN_COMPACT} 者不取，圆心之外的位置可能遗漏；您无权查看的受限图层只在入选地块处提示；不考虑权属、地形与价格"
    f" window by window ({WINDOW_M / 1000:g} km, and as far around as a site is wide) hard conflicts are taken off; in what is left compact sites"
    f" around centres of largest inscribed circles, where nothing else weighs first, {PER_WINDOW} a window at most ({LOOKED_AT} together where there are fewer than ten windows); all candidates are ranked together by the share"
    " of what else weighs on them, then by compactness, and those that do not overlap are checked again, one by one. Limits: places between the circles may be missed,"
    f" below a compactness of {MIN_COMPACT} it is no site; restricted layers that you may not read are told of at the places chosen alone; ownership, terrain"
    " and price are not looked at"
)

Tell = Callable[[str, int], None]
Note = Callable[[Mapping[str, Any]], None]


def find_sites(
    session: Session,
    area: Footprint,
    *,
    area_m2: float,
    city: City,
    actor: Actor,
    on: date,
    level: TrimLevel,
    at_most: int = 10,
    tell: Tell = lambda _phase, _done: None,
    show: Callable[[Search], None] = lambda _found: None,
    kept: Mapping[str, Any] | None = None,
    keep: Note = lambda _done: None,
) -> Search:
    """Find places of `area_m2` in an area (a district, a town, the city) that meet nothing hard, as far as the actor may read the layers.

    `area.planned_use` and `area.top_m` are what rules by use and by height are asked for. `tell` hears of the windows done, their number in
    the name of the phase, `show` of the best places so far after each. What `keep` is given, as plain JSON, another
    search goes on from as `kept`, as long as the same versions and rules are in force.
    Raises InvalidInputError for sizes and numbers beyond the bounds.
    """
    require(actor, Act.KEEP_CHECK)
    refuse_beyond_bounds(area_m2, at_most)
    outline = jurisdiction(city).outline
    ground = area.geometry if outline is None else polygonal(shapely.intersection(area.geometry, outline))
    if ground.area > MAX_AREA_M2:
        raise InvalidInputError(
            "the area has {area:,.0f} km², at most {max_area_m2:,.0f} are searched; take a part of it",
            area=ground.area / 1000000.0,
            max_area_m2=MAX_AREA_M2 / 1000000.0,
        )
    snapshot = take_snapshot(session, on)
    refuse_before_the_first(session, known_to(snapshot.layers, actor), on)
    readable = readable_by(snapshot, actor)
    layers = asked_of(readable.layers, actor=actor, on=on)
    # Once for all windows and candidates: each place that is chosen is checked, and recorded, by itself.
    place = " ".join(f"{side:.0f}" for side in ground.bounds)
    record_reading(session, actor, [layer.thing for layer in layers], kind="site_search", id=place)
    asked = Ground(session, layers, city=city)

    def around(of: Sequence[shapely.Polygon]) -> shapely.Polygon:
        return shapely.box(*shapely.buffer(shapely.union_all(of), widest_m(area_m2)).bounds)

    windows = list(_windows(ground, side_m=max(WINDOW_M, widest_m(area_m2))))
    per_window = max(PER_WINDOW, LOOKED_AT // max(1, len(windows)))
    # Others may be put in force while it is searched.
    rules = rule_set_on(session, city, on)
    taking = partial(
        taken_ground,
        session,
        readable=readable,
        city=city,
        actor=actor,
        level=level,
        rule_set=rules,
        is_told=False,
    )
    checking = partial(run_check, session, city=city, actor=actor, on=on, rule_set=rules)
    choosing = partial(_chosen, area=area, city=city, level=level)
    known: dict[Candidate, CheckReport] = {}

    def lightly(site: Footprint, of: Candidate) -> CheckReport:
        # Of restricted layers nothing is told before the end: every answer about them is counted.
        if of not in known:
            known[of] = checking(site, snapshot=readable, is_told=False)
        return known[of]

    versions = [layer.version_id for layer in readable.layers]
    done = resumed(kept, f"{versions} {rules.sha256 if rules is not None else None}")
    blocks = _blocks(windows)
    for block in blocks[len(done.rooms) :]:
        tell(f"blocks of {len(blocks)}", len(done.rooms))
        done.rooms.append(_rooms(ground, area, area_m2, [windows[n] for n in block], block, around, taking))
    keep(done.as_json())
    windows_done = 0
    # The blocks with most room on which nothing weighs come first: there the best places lie.
    for number in sorted(range(len(blocks)), key=lambda each: (-done.rooms[each].mild_m2, each)):
        rooms = done.rooms[number]
        windows_done += len(blocks[number]) - len(rooms.windows)
        if number in done.blocks:
            windows_done += len(rooms.windows)
            continue
        done.free_m2 += rooms.poor_m2
        for window in (windows[n] for n in rooms.windows):
            tell(f"search of {len(windows)}", windows_done)
            free = _free(ground, around([window]), partial(taking, site=area))
            done.free_m2 += shapely.intersection(free.ground, window).area
            places = _places(free, area_m2 * free.plane_m2 * _NO_LESS, at_most=per_window)
            done.full_windows += places.has_more
            done.add(
                _weighed(
                    session,
                    places.found,
                    free.soft,
                    area,
                    asked,
                    check=partial(checking, snapshot=readable, is_told=False),
                    city=city,
                    level=level,
                )
            )
            windows_done += 1
            best = choosing(done.candidates, check=lightly, at_most=at_most)
            show(done.search(best, ground.area, len(windows), min(windows_done, len(windows) - 1)))
        done.blocks.append(number)
        keep(done.as_json())
    tell("rank", done.count)
    chosen = choosing(
        done.candidates, check=lambda site, _of: checking(site, snapshot=snapshot), at_most=2 * at_most
    )
    chosen.sort(key=_standing)
    return done.search(chosen[:at_most], ground.area, len(windows), len(windows))


def refuse_beyond_bounds(area_m2: float, at_most: int) -> None:
    """Refuse a size or a number of places that is not searched."""
    if not MIN_SITE_M2 <= area_m2 <= MAX_SITE_M2:
        raise InvalidInputError("a site is searched from 0.01 ha to 500 ha")
    if not 1 <= at_most <= MAX_FOUND:
        raise InvalidInputError("from 1 to {max_found} places are named", max_found=MAX_FOUND)


def district_area(code: str, city: City) -> Footprint:
    """A district of the city's boundary file as an area to search; by its own code the whole city."""
    outline = jurisdiction(city).outline
    if code == city.administrative_code and outline is not None:
        return Footprint(outline, city.working_crs, "none")
    return Footprint(coverage_of_districts(code, city=city), city.working_crs, "none")


def _windows(ground: shapely.MultiPolygon, *, side_m: float) -> Iterator[shapely.Polygon]:
    west, south, east, north = ground.bounds
    shapely.prepare(ground)
    for x in np.arange(west, east, side_m):
        for y in np.arange(south, north, side_m):
            window = shapely.box(x, y, x + side_m, y + side_m)
            if shapely.intersects(ground, window):
                yield window


def _blocks(windows: Sequence[shapely.Polygon]) -> list[list[int]]:
    """The numbers of the windows in squares of neighbours, in the order of the first window of each."""
    if not windows:
        return []
    west, south, *_ = shapely.total_bounds(list(windows))
    side_m = BLOCK_WINDOWS * (windows[0].bounds[2] - windows[0].bounds[0])
    found: dict[tuple[int, int], list[int]] = {}
    for number, window in enumerate(windows):
        x, y, *_ = window.bounds
        found.setdefault((int((x - west + 1) // side_m), int((y - south + 1) // side_m)), []).append(number)
    return list(found.values())


def _rooms(
    ground: shapely.MultiPolygon,
    area: Footprint,
    area_m2: float,
    windows: Sequence[shapely.Polygon],
    numbers: Sequence[int],
    around: Callable[[Sequence[shapely.Polygon]], shapely.Polygon],
    taking: Callable[..., TakenGround],
) -> Rooms:
    """The windows of a block that room reaches into, looked at as a whole; a surface that rises takes nothing for sure."""
    lowest = replace(area, top_m=None if area.top_m is None else LOWEST_TOP_M)
    free = _free(ground, around(windows), partial(taking, site=lowest), is_sure=True)
    rooms = shapely.union_all(_roomy(free.ground, area_m2))
    shapely.prepare(rooms)
    reached = [bool(shapely.intersects(rooms, around([window]))) for window in windows]
    poor = [window for window, is_reached in zip(windows, reached, strict=True) if not is_reached]
    mild = shapely.intersection(shapely.difference(free.ground, free.soft), shapely.union_all(windows))
    return Rooms(
        [number for number, is_reached in zip(numbers, reached, strict=True) if is_reached],
        float(shapely.area(shapely.intersection(free.ground, poor)).sum()) if poor else 0.0,
        float(sum(piece.area for piece in _roomy(mild, area_m2))),
    )


def _roomy(free: shapely.Geometry, area_m2: float) -> list[BaseGeometry]:
    pieces = shapely.get_parts(free)
    return list(pieces[shapely.area(pieces) >= _ROOM * area_m2])


@dataclass(frozen=True)
class _Free:
    """Free ground, what of the layers weighs on it without being kept off, and how much of the plane is a square metre of it."""

    ground: shapely.Geometry
    soft: BaseGeometry
    plane_m2: float


def _free(
    ground: shapely.MultiPolygon,
    around: shapely.Polygon,
    taking: Callable[..., TakenGround],
    *,
    is_sure: bool = False,
) -> _Free:
    taken = taking(ground=around, is_sure=is_sure)
    return _Free(
        shapely.difference(shapely.intersection(ground, around), taken.hard), taken.soft, taken.plane_m2
    )


def _places(free: _Free, area_m2: float, *, at_most: int) -> Places:
    """Places in free ground: where nothing else weighs first, then off those in all of it."""
    mild = places_in(shapely.difference(free.ground, free.soft), area_m2, at_most=at_most)
    if free.soft.is_empty:
        return mild
    room = at_most - len(mild.found)
    if room == 0:
        return Places(mild.found, has_more=True)
    left = shapely.difference(free.ground, shapely.union_all([place.site for place in mild.found]))
    other = places_in(left, area_m2, at_most=room)
    return Places((*mild.found, *other.found), mild.has_more or other.has_more)


def _weighed(
    session: Session,
    places: Sequence[Place],
    soft: shapely.Geometry,
    area: Footprint,
    asked: Ground,
    *,
    check: Callable[..., CheckReport],
    city: City,
    level: TrimLevel,
) -> Iterator[Candidate]:
    """The places that meet nothing hard, with what else weighs on them, as the layers say that the actor may read.

    Off what is soft nothing weighs: such a place is checked only where it is chosen.
    """
    shapely.prepare(soft)
    yield from (Candidate(place, 0.0) for place in places if not shapely.intersects(soft, place.site))
    weighing = [place for place in places if shapely.intersects(soft, place.site)]
    if not weighing:
        return
    sites = [shapely.MultiPolygon([place.site]) for place in weighing]
    for place, site, known in zip(weighing, sites, overlay_together(session, sites, asked), strict=True):
        report = check(_footprint(site, area, city), known=known)
        if not any(is_hard(finding, level) for finding in report.findings):
            yield Candidate(place, soft_share(report))


def _chosen(
    candidates: Sequence[Candidate],
    *,
    check: Callable[[Footprint, Candidate], CheckReport],
    area: Footprint,
    city: City,
    level: TrimLevel,
    at_most: int,
) -> list[FoundSite]:
    """The first of the ranked candidates that do not overlap one that is chosen, each checked by itself as any footprint is."""
    chosen: list[FoundSite] = []
    for candidate in candidates:
        if len(chosen) == at_most:
            break
        place = candidate.place
        site = shapely.MultiPolygon([place.site])
        if any(
            shapely.intersects(other.site, site) and shapely.intersection(other.site, site).area > 1
            for other in chosen
        ):
            continue
        report = check(_footprint(site, area, city), candidate)
        if not any(is_hard(finding, level) for finding in report.findings):
            chosen.append(FoundSite(site, report, place.compactness, place.free_m2))
    return chosen


def _footprint(site: shapely.MultiPolygon, area: Footprint, city: City) -> Footprint:
    return Footprint(site, city.working_crs, "none", planned_use=area.planned_use, top_m=area.top_m)


def _standing(found: FoundSite) -> tuple[float, ...]:
    """What places are ranked by: restricted layers met or not told, soft controls, compactness."""
    is_told_clear = found.report.has_answers_left and not found.report.restricted_conflicts
    return (float(not is_told_clear), round(soft_share(found.report), 4), -round(found.compactness, 4))
