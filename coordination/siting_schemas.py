"""HTTP shapes of what says where a site would fit: the nearest place, places found."""

from typing import Any, Literal

from pydantic import BaseModel
from shapely.geometry import mapping
from shapely.geometry.base import BaseGeometry

from blueprint.city import City
from blueprint.city_router import to_lonlat
from coordination.found_sites import Search, soft_share
from coordination.nearest_place import DIRECTIONS, RINGS
from coordination.refit import METHOD as REFIT_METHOD
from coordination.refit import Refit
from coordination.rules import Severity
from coordination.site_finder import METHOD
from coordination.siting import Shift

_MOVED = (
    "红线不旋转、不变形，与不可占用范围留 1 mm，已重新检查；",
    " the outline neither turned nor changed, a millimetre off what it may not take, checked again;",
)
_LIMITS = (
    f"没有可避让位置时取 {RINGS} 圈 × {DIRECTIONS} 个方向试放中冲突最少者；局限：按面积、占比门槛或按空间关系认定的按全部避让，限高面按范围内最低处，实际可能更近；不考虑权属与地形",
    f" where none is free, the place that meets least of {RINGS} rings × {DIRECTIONS} directions. Limits: where a threshold or a relation makes the conflict all of it is kept off,"
    " and a height surface where it is lowest, so that it may be nearer; ownership and terrain are not looked at",
)
SHIFT_METHOD = "".join(
    (
        _MOVED[0],
        "以不可占用范围与红线的闵可夫斯基和求出最短的平移，没有更短的；",
        _LIMITS[0],
        _MOVED[1],
        " the shortest shift by the Minkowski sum of the ground and the outline, none is shorter;",
        _LIMITS[1],
    )
)
TRIED_METHOD = "".join(
    (
        _MOVED[0],
        f"周边图形过多，只在 {RINGS} 圈 × {DIRECTIONS} 个方向上试放，取最近者并逼近到 0.1 m，其间可能有更近的位置；",
        _LIMITS[0],
        _MOVED[1],
        f" too many shapes around for an exact answer: tried on {RINGS} rings in {DIRECTIONS} directions, the nearest brought as near as it stays free to 0.1 m, a nearer place may lie between;",
        _LIMITS[1],
    )
)
"""How a shift was found, exactly or by trying."""


class ShiftOut(BaseModel):
    """The nearest place for a footprint; `moved` is GeoJSON in longitude and latitude. Where `is_free` is false it meets least there.

    `is_exact`: no shorter shift keeps off what is kept off; else it is the nearest of the places tried.
    """

    level: Literal["prohibit", "restrict"]
    is_free: bool
    east_m: float
    north_m: float
    distance_m: float
    area_m2: float
    verdict_before: Severity
    verdict_after: Severity
    hard_before_m2: float
    hard_after_m2: float
    has_restricted_conflicts: bool
    restricted_withheld: bool
    is_exact: bool
    tried: int
    step_m: float
    moved: dict[str, Any]
    method: str


class RefitOut(BaseModel):
    """A site of the same area off its hard conflicts; `outline` is GeoJSON in longitude and latitude.

    `kept_m2` of the site stays, `given_m2` is new, within `rim_m`: to the side `toward_deg` (degrees from north), evenly around where that is null. Where `is_same_area` is false the ground within the distance was not enough.
    """

    level: Literal["prohibit", "restrict"]
    is_free: bool
    is_same_area: bool
    area_before_m2: float
    area_m2: float
    kept_m2: float
    given_m2: float
    rim_m: float
    toward_deg: float | None
    verdict_before: Severity
    verdict_after: Severity
    hard_before_m2: float
    hard_after_m2: float
    has_restricted_conflicts: bool
    restricted_withheld: bool
    outline: dict[str, Any]
    method: str


class FoundSiteOut(BaseModel):
    """A place that was found, with what else weighs on it; `site` is GeoJSON in longitude and latitude."""

    rank: int
    verdict: Severity
    area_m2: float
    weighed_share: float
    compactness: float
    free_m2: float
    advised_m2: float
    restricted_m2: float
    layers: list[str]
    has_restricted_conflicts: bool
    restricted_withheld: bool
    digest: str
    site: dict[str, Any]


class SearchOut(BaseModel):
    """Places for a site, the best of all `candidates` first; `method` says how they were found and what was not looked at.

    In `full_windows` of the `tiles` as many places were looked at as may be: a better one may be left there. `weighed_share` is what a place
    is ranked by first, the share of it that controls which are not kept off take. Where not `is_finished`, `windows_done` of the `tiles` were
    searched, and restricted layers that the reader may not read were not asked.
    """

    sites: list[FoundSiteOut]
    searched_m2: float
    free_m2: float
    tiles: int
    candidates: int
    full_windows: int
    windows_done: int
    is_finished: bool
    method: str


def shift_out(found: Shift, city: City) -> ShiftOut:
    """A shift as the outside sees it."""
    values = {name: getattr(found, name) for name in ShiftOut.model_fields if name not in ("moved", "method")}
    return ShiftOut(
        **values | {"level": found.level.value},
        moved=_geojson(found.moved, city),
        method=SHIFT_METHOD if found.is_exact else TRIED_METHOD,
    )


def refit_out(found: Refit, city: City) -> RefitOut:
    """A site of the same area as the outside sees it."""
    names = RefitOut.model_fields.keys() - {"outline", "method"}
    values = {name: getattr(found, name) for name in names} | {"level": found.level.value}
    return RefitOut(**values, outline=_geojson(found.outline, city), method=REFIT_METHOD)


def search_out(found: Search, city: City) -> SearchOut:
    """A search as the outside sees it."""
    return SearchOut(
        sites=[
            FoundSiteOut(
                rank=rank,
                verdict=place.report.verdict,
                area_m2=place.report.footprint.area_m2,
                weighed_share=soft_share(place.report),
                compactness=place.compactness,
                free_m2=place.free_m2,
                advised_m2=place.report.ledger.advised_m2,
                restricted_m2=place.report.ledger.restricted_m2,
                layers=sorted({finding.layer for finding in place.report.findings}),
                has_restricted_conflicts=bool(place.report.restricted_conflicts),
                restricted_withheld=not place.report.has_answers_left,
                digest=place.report.digest,
                site=_geojson(place.site, city),
            )
            for rank, place in enumerate(found.sites, start=1)
        ],
        searched_m2=found.searched_m2,
        free_m2=found.free_m2,
        tiles=found.tiles,
        candidates=found.candidates,
        full_windows=found.full_windows,
        windows_done=found.windows_done,
        is_finished=found.is_finished,
        method=METHOD if found.is_finished else f"{unfinished(found)} {METHOD}",
    )


def unfinished(found: Search) -> str:
    """That a search was not finished, and what its places are."""
    return (
        f"查找尚未完成：{found.tiles:,} 格只查了 {found.windows_done:,} 格，所列为已查各格中较好的位置，未查之处可能有更好的，您无权查看的受限图层尚未核对。"
        f" The search is not finished: {found.windows_done:,} of {found.tiles:,} windows were searched. These are the best places there; better ones may be"
        " left elsewhere, and restricted layers that you may not read were not asked."
    )


def _geojson(shape: BaseGeometry, city: City) -> dict[str, Any]:
    return mapping(to_lonlat(shape, city))
