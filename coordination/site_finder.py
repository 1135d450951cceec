"""The site finder (辅助选址): where in an area a site of a size and a use could lie without conflict, the best first."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

import numpy as np
import shapely
from sqlalchemy.orm import Session

from blueprint.city import City, polygonal
from blueprint.errors import InvalidInputError
from blueprint.footprint import Footprint
from blueprint.jurisdiction import jurisdiction
from blueprint.layers.coverage import coverage_of_districts
from blueprint.permissions import Act, Actor, require
from blueprint.snapshot import known_to, refuse_before_the_first, take_snapshot
from coordination.check_report import CheckReport
from coordination.checks import run_check
from coordination.siting import hard_ground
from coordination.trim import TrimLevel, is_hard

TILE_M = 2_000.0
MAX_AREA_M2 = 400e6
MAX_SITE_M2 = 5e6
MAX_FOUND = 20
_PER_PART = 3
_MIN_COMPACT = 0.4
"""A site that fills less of the circle around it is a strip or a star: nothing is built on it."""

_GRID_M = 1e-3
"""Tiles are joined on a grid of a millimetre, so that no thread of rounding stays between them."""

METHOD = (
    "逐格（2 km）扣除硬冲突范围，在剩余地块内以最大内切圆圆心为中心取面积相当的紧凑地块，逐一复核；按其余管控面积占比由小到大、紧凑度由大到小排序；不考虑权属、地形与价格"
    " hard conflicts are taken off tile by tile (2 km); in what is left a compact site around the centre of the largest"
    " inscribed circle, each checked again; ranked by the share of what else weighs on it, then by compactness; ownership,"
    " terrain and price are not looked at"
)


@dataclass(frozen=True)
class FoundSite:
    """A place for the site (working CRS): its check, how compact it is (1 is a disc), how large the free ground around it."""

    site: shapely.MultiPolygon
    report: CheckReport
    compactness: float
    free_m2: float


@dataclass(frozen=True)
class Search:
    """What a search found, the best first; `free_m2` is all free ground (plane), also where no such site fits."""

    sites: tuple[FoundSite, ...]
    searched_m2: float
    free_m2: float
    tiles: int


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
) -> Search:
    """Find places of `area_m2` in an area (a district, a town) that meet nothing hard, as far as the actor may read the layers.

    `area.planned_use` and `area.top_m` are what rules by use and by height are asked for. Raises InvalidInputError for an area beyond 400 km².
    """
    require(actor, Act.KEEP_CHECK)
    if not 100 <= area_m2 <= MAX_SITE_M2:
        raise InvalidInputError("a site is searched from 0.01 ha to 500 ha")
    if not 1 <= at_most <= MAX_FOUND:
        raise InvalidInputError(f"from 1 to {MAX_FOUND} places are named")
    outline = jurisdiction(city).outline
    ground = area.geometry if outline is None else polygonal(shapely.intersection(area.geometry, outline))
    if ground.area > MAX_AREA_M2:
        raise InvalidInputError(
            f"the area has {ground.area / 1e6:,.0f} km², at most {MAX_AREA_M2 / 1e6:,.0f} are searched; take a part of it"
        )
    snapshot = take_snapshot(session, on)
    refuse_before_the_first(session, known_to(snapshot.layers, actor), on)
    free, tiles = [], 0
    for tile in _tiles(ground):
        taken = hard_ground(session, tile, area, snapshot, city=city, actor=actor, level=level)
        free.append(shapely.difference(shapely.intersection(ground, tile), taken))
        tiles += 1
    whole = polygonal(shapely.union_all(shapely.set_precision(np.array(free, dtype=object), _GRID_M)))
    candidates = sorted(
        (found for part in whole.geoms if part.area >= area_m2 for found in _in_part(part, area_m2)),
        key=lambda found: -found[1],
    )
    sites: list[FoundSite] = []
    for shape, compactness, free_m2 in candidates[: 2 * at_most]:
        place = Footprint(
            shapely.MultiPolygon([shape]),
            city.working_crs,
            "none",
            planned_use=area.planned_use,
            top_m=area.top_m,
        )
        report = run_check(session, place, city=city, actor=actor, on=on, snapshot=snapshot)
        if not any(is_hard(finding, level) for finding in report.findings):
            sites.append(FoundSite(place.geometry, report, compactness, free_m2))
    sites.sort(key=_standing)
    return Search(tuple(sites[:at_most]), ground.area, whole.area, tiles)


def district_area(code: str, city: City) -> Footprint:
    """A district of the city's boundary file as an area to search."""
    return Footprint(coverage_of_districts(code, city=city), city.working_crs, "none")


def _standing(found: FoundSite) -> tuple[float, ...]:
    """What places are ranked by: restricted layers met or not told, soft controls, compactness."""
    ledger = found.report.ledger
    soft = (ledger.prohibited_m2 + ledger.restricted_m2 + ledger.advised_m2) / found.report.footprint.area_m2
    is_told_clear = found.report.has_answers_left and not found.report.restricted_conflicts
    return (float(not is_told_clear), round(soft, 4), -round(found.compactness, 4))


def _tiles(ground: shapely.MultiPolygon) -> Iterator[shapely.Polygon]:
    west, south, east, north = ground.bounds
    shapely.prepare(ground)
    for x in np.arange(west, east, TILE_M):
        for y in np.arange(south, north, TILE_M):
            tile = shapely.box(x, y, x + TILE_M, y + TILE_M)
            if shapely.intersects(ground, tile):
                yield tile


def _in_part(part: shapely.Polygon, area_m2: float) -> Iterator[tuple[shapely.Polygon, float, float]]:
    """Places in a piece of free ground, one after the other, each off the ones before."""
    left: shapely.Geometry = part
    for _ in range(_PER_PART):
        pieces = [p for p in shapely.get_parts(left) if p.geom_type == "Polygon" and p.area >= area_m2]
        if not pieces:
            return
        piece = max(pieces, key=_inner_radius)
        found = _compact(piece, area_m2)
        if found is None:
            return
        yield (*found, part.area)
        left = shapely.difference(left, found[0])


def _inner_radius(shape: shapely.Polygon) -> float:
    return float(shapely.length(_inner_line(shape)))


def _inner_line(shape: shapely.Polygon) -> shapely.LineString:
    """From the centre of the largest inscribed circle to its rim, within a metre."""
    return shapely.maximum_inscribed_circle(shape, tolerance=1.0)


def _compact(piece: shapely.Polygon, area_m2: float) -> tuple[shapely.Polygon, float] | None:
    """What of the piece lies around its innermost point and has the area; and its share of the circle that holds it."""
    centre = shapely.Point(_inner_line(piece).coords[0])
    near, far = np.sqrt(area_m2 / np.pi), np.sqrt(area_m2 / np.pi / _MIN_COMPACT)
    if _around(piece, centre, far).area < area_m2:
        return None
    while far - near > 0.01:
        middle = (near + far) / 2
        if _around(piece, centre, middle).area < area_m2:
            near = middle
        else:
            far = middle
    site = _around(piece, centre, far)
    return site, float(site.area / (np.pi * far**2))


def _around(piece: shapely.Polygon, centre: shapely.Point, radius_m: float) -> shapely.Polygon:
    """The part of a disc within the piece that holds the centre."""
    parts = shapely.get_parts(shapely.intersection(piece, shapely.buffer(centre, radius_m, quad_segs=16)))
    areas = [part for part in parts if part.geom_type == "Polygon"]
    return min(areas, key=lambda part: part.distance(centre), default=shapely.Polygon())
