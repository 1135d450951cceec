"""The route of the smallest trim."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Body
from pydantic import BaseModel
from shapely.geometry import mapping
from shapely.geometry.base import BaseGeometry

from blueprint.city import City
from blueprint.city_router import to_lonlat
from blueprint.edge import ActorDep, EdgeDep, NowDep, SessionDep
from blueprint.given import GeoJson
from blueprint.idempotency import IdempotentRoute
from blueprint.permissions import Act, require
from coordination.asked_site import AskedSiteDep
from coordination.rules import Severity
from coordination.trim import Trim, find_trim

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
    "用地红线减去硬冲突的公共范围，面积最大的合规范围；小于 1 m² 的碎块与毛刺舍去，已重新检查；局限：按面积、占比门槛或按空间关系认定的，也减去全部，减至门槛以下即可的未求"
    " the footprint without the common area of its hard conflicts: the largest outline inside it that clears them;"
    " scraps below 1 m² and threads left out; checked again. Limits: where a threshold or a relation makes the conflict, all of it is cut"
    " off, though less might do"
)


@router.post("/api/trims")
def trim_footprint(
    document: Annotated[GeoJson, Body()],
    session: SessionDep,
    actor: ActorDep,
    edge: EdgeDep,
    now: NowDep,
    asked: AskedSiteDep,
) -> TrimOut:
    """The smallest trim of a footprint that clears its hard conflicts, and the missing metres of setbacks; nothing is kept."""
    require(actor, Act.CHECK_FOOTPRINT)
    footprint = asked.read(document, session, edge, actor)
    found = find_trim(session, footprint, city=edge.city, actor=actor, on=asked.day(now), level=asked.level)
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
