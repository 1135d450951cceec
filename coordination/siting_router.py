"""Routes that say where a site would fit: the nearest place for a footprint, places for a size and a use in an area."""

from dataclasses import replace
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Body, Query
from pydantic import BaseModel
from shapely.geometry import mapping
from shapely.geometry.base import BaseGeometry

from blueprint.city import City
from blueprint.city_router import to_lonlat
from blueprint.crs_registry import register_for
from blueprint.edge import ActorDep, EdgeDep, NowDep, SessionDep
from blueprint.errors import InvalidInputError
from blueprint.footprint import footprint_from_geojson
from blueprint.given import Day, GeoJson, Text, TopM, UseCode, WidthM
from blueprint.idempotency import IdempotentRoute
from blueprint.permissions import Act, require
from coordination.rules import Severity
from coordination.site_finder import MAX_FOUND, MAX_SITE_M2, METHOD, Search, district_area, find_sites
from coordination.siting import DIRECTIONS, MAX_DISTANCE_M, RINGS, Shift, find_shift
from coordination.trim import TrimLevel

router = APIRouter(tags=["checks"], route_class=IdempotentRoute)

Crs = Annotated[Text | None, Query(max_length=100, description="EPSG:n when not longitude/latitude")]
Level = Annotated[TrimLevel, Query(description="what is to be kept off: prohibit, or restrict too")]
Use = Annotated[UseCode | None, Query(description="class code of the planned use; for rules that go by it")]
Top = Annotated[
    TopM | None, Query(description="elevation of the highest point, 1985 datum; for rules of height")
]
OnDay = Annotated[Day | None, Query(description="a day; today when not given")]

SHIFT_METHOD = (
    f"红线不旋转、不变形，在 {RINGS} 圈 × {DIRECTIONS} 个方向上试放，取最近者并逼近到 0.1 m，已重新检查；不考虑权属与地形"
    f" the outline neither turned nor changed, tried on {RINGS} rings in {DIRECTIONS} directions, the nearest brought as near"
    " as it stays free to 0.1 m, checked again; ownership and terrain are not looked at"
)


class ShiftOut(BaseModel):
    """The nearest place for a footprint; `moved` is GeoJSON in longitude and latitude. Where `is_free` is false it meets least there."""

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
    tried: int
    step_m: float
    moved: dict[str, Any]
    method: str


class FoundSiteOut(BaseModel):
    """A place that was found, with what else weighs on it; `site` is GeoJSON in longitude and latitude."""

    rank: int
    verdict: Severity
    area_m2: float
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
    """Places for a site, the best first."""

    sites: list[FoundSiteOut]
    searched_m2: float
    free_m2: float
    tiles: int
    method: str


@router.post("/api/shifts")
def shift_footprint(
    document: Annotated[GeoJson, Body()],
    session: SessionDep,
    actor: ActorDep,
    edge: EdgeDep,
    now: NowDep,
    on: OnDay = None,
    crs: Crs = None,
    width_m: Annotated[WidthM | None, Query(description="working width of lines and points (m)")] = None,
    use: Use = None,
    top_m: Top = None,
    level: Level = TrimLevel.PROHIBIT,
    within_m: Annotated[float, Query(ge=1, le=MAX_DISTANCE_M, description="how far it may move (m)")] = 500,
) -> ShiftOut:
    """The nearest place where a footprint, as it is, meets nothing hard; nothing is kept."""
    require(actor, Act.KEEP_CHECK)
    footprint = footprint_from_geojson(
        document,
        city=edge.city,
        scratch=edge.scratch,
        crs=crs,
        width_m=width_m,
        register=register_for(session, actor),
    )
    found = find_shift(
        session,
        replace(footprint, planned_use=use, top_m=top_m),
        city=edge.city,
        actor=actor,
        on=on or now.date(),
        level=level,
        within_m=within_m,
    )
    return shift_out(found, edge.city)


@router.post("/api/site-searches")
def search_sites(
    area_m2: Annotated[float, Query(ge=100, le=MAX_SITE_M2, description="how large the site is (m²)")],
    session: SessionDep,
    actor: ActorDep,
    edge: EdgeDep,
    now: NowDep,
    on: OnDay = None,
    crs: Crs = None,
    use: Use = None,
    top_m: Top = None,
    level: Level = TrimLevel.RESTRICT,
    at_most: Annotated[int, Query(ge=1, le=MAX_FOUND)] = 10,
    district: Annotated[
        Text | None, Query(max_length=20, description="code of a district, instead of an area")
    ] = None,
    document: Annotated[GeoJson | None, Body()] = None,
) -> SearchOut:
    """Where in an area or a district, at most 400 km², a site of a size and a use could lie without conflict; nothing is kept."""
    require(actor, Act.KEEP_CHECK)
    if (district is None) == (document is None):
        raise InvalidInputError("say where to search: the GeoJSON of an area, or the code of a district")
    if document is not None:
        area = footprint_from_geojson(
            document, city=edge.city, scratch=edge.scratch, crs=crs, register=register_for(session, actor)
        )
    else:
        area = district_area(district or "", edge.city)
    found = find_sites(
        session,
        replace(area, planned_use=use, top_m=top_m),
        area_m2=area_m2,
        city=edge.city,
        actor=actor,
        on=on or now.date(),
        level=level,
        at_most=at_most,
    )
    return search_out(found, edge.city)


def shift_out(found: Shift, city: City) -> ShiftOut:
    """A shift as the outside sees it."""
    values = {name: getattr(found, name) for name in ShiftOut.model_fields if name not in ("moved", "method")}
    return ShiftOut(
        **values | {"level": found.level.value}, moved=_geojson(found.moved, city), method=SHIFT_METHOD
    )


def search_out(found: Search, city: City) -> SearchOut:
    """A search as the outside sees it."""
    return SearchOut(
        sites=[
            FoundSiteOut(
                rank=rank,
                verdict=place.report.verdict,
                area_m2=place.report.footprint.area_m2,
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
        method=METHOD,
    )


def _geojson(shape: BaseGeometry, city: City) -> dict[str, Any]:
    return mapping(to_lonlat(shape, city))
