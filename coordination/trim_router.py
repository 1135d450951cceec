"""The route of the smallest trim."""

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
from blueprint.footprint import footprint_from_geojson
from blueprint.given import Day, GeoJson, Text, TopM, UseCode, WidthM
from blueprint.idempotency import IdempotentRoute
from blueprint.permissions import Act, require
from coordination.rules import Severity
from coordination.trim import Trim, TrimLevel, find_trim

router = APIRouter(tags=["checks"], route_class=IdempotentRoute)


class SetbackOut(BaseModel):
    """How far a footprint is from a feature with a protected width, and how much is missing (metres).

    `place` is where: GeoJSON in longitude and latitude, a line from the footprint to the feature, a point where they meet.
    """

    layer: str
    feature: str
    width_m: float
    distance_m: float
    missing_m: float
    place: dict[str, Any] | None


class TrimOut(BaseModel):
    """What is left of a footprint; `kept` and `largest` are GeoJSON in longitude and latitude, null where nothing is left."""

    level: Literal["prohibit", "restrict"]
    verdict_before: Severity
    verdict_after: Severity | None
    area_before_m2: float
    kept_m2: float
    lost_m2: float
    largest_m2: float
    kept: dict[str, Any] | None
    largest: dict[str, Any] | None
    setbacks: list[SetbackOut]
    not_cleared: list[str]
    has_restricted_conflicts: bool
    restricted_withheld: bool
    method: str


METHOD = (
    "用地红线减去硬冲突的公共范围，面积最大的合规范围；小于 1 m² 的碎块舍去，已重新检查"
    " the footprint without the common area of its hard conflicts: the largest outline inside it that clears them;"
    " scraps below 1 m² left out; checked again"
)


@router.post("/api/trims")
def trim_footprint(
    document: Annotated[GeoJson, Body()],
    session: SessionDep,
    actor: ActorDep,
    edge: EdgeDep,
    now: NowDep,
    on: Annotated[Day | None, Query(description="a day; today when not given")] = None,
    crs: Annotated[
        Text | None, Query(max_length=100, description="EPSG:n when not longitude/latitude")
    ] = None,
    width_m: Annotated[
        WidthM | None, Query(description="the working width of lines and points, in metres")
    ] = None,
    use: Annotated[
        UseCode | None, Query(description="class code of the planned use; for rules that go by it")
    ] = None,
    top_m: Annotated[
        TopM | None, Query(description="elevation of the highest point, 1985 datum; for rules of height")
    ] = None,
    level: Annotated[TrimLevel, Query(description="what is to be cleared")] = TrimLevel.PROHIBIT,
) -> TrimOut:
    """The smallest trim of a footprint that clears its hard conflicts, and the missing metres of setbacks; nothing is kept."""
    require(actor, Act.CHECK_FOOTPRINT)
    footprint = footprint_from_geojson(
        document,
        city=edge.city,
        scratch=edge.scratch,
        crs=crs,
        width_m=width_m,
        register=register_for(session, actor),
    )
    footprint = replace(footprint, planned_use=use, top_m=top_m)
    found = find_trim(session, footprint, city=edge.city, actor=actor, on=on or now.date(), level=level)
    return trim_out(found, edge.city)


def trim_out(found: Trim, city: City) -> TrimOut:
    """A trim as the outside sees it."""

    def geojson(shape: BaseGeometry | None) -> dict[str, Any] | None:
        return mapping(to_lonlat(shape, city)) if shape is not None else None

    return TrimOut(
        level=found.level.value,
        verdict_before=found.verdict_before,
        verdict_after=found.verdict_after,
        area_before_m2=found.area_before_m2,
        kept_m2=found.kept_m2,
        lost_m2=found.lost_m2,
        largest_m2=found.largest_m2,
        kept=geojson(found.kept),
        largest=geojson(found.largest),
        setbacks=[
            SetbackOut(**vars(setback) | {"place": geojson(setback.place)}) for setback in found.setbacks
        ],
        not_cleared=list(found.not_cleared),
        has_restricted_conflicts=found.has_restricted_conflicts,
        restricted_withheld=found.restricted_withheld,
        method=METHOD,
    )
