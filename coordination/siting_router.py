"""Routes that say where a site would fit: the nearest place for a footprint, its outline with the same area, places for a size and a use in an area by a job."""

from typing import Annotated

from fastapi import APIRouter, Body, Query, Response

from blueprint.crs_registry import register_for
from blueprint.edge import ActorDep, EdgeDep, NowDep, SessionDep
from blueprint.errors import InvalidInputError
from blueprint.footprint import footprint_from_geojson
from blueprint.given import GeoJson, Text
from blueprint.idempotency import IdempotentRoute
from blueprint.jobs.schemas import JobOut, job_out
from blueprint.permissions import Act, require
from coordination.asked_site import AskedSiteDep, Crs, Level, OnDay, Top, Use
from coordination.refit import find_refit
from coordination.site_finder import MAX_FOUND, MAX_SITE_M2, MIN_SITE_M2, district_area
from coordination.site_search_job import SiteSearch, put_in_search
from coordination.siting import MAX_DISTANCE_M, find_shift
from coordination.siting_schemas import RefitOut, ShiftOut, refit_out, shift_out
from coordination.trim import TrimLevel

router = APIRouter(tags=["checks"], route_class=IdempotentRoute)


@router.post("/api/shifts")
def shift_footprint(
    document: Annotated[GeoJson, Body()],
    session: SessionDep,
    actor: ActorDep,
    edge: EdgeDep,
    now: NowDep,
    asked: AskedSiteDep,
    within_m: Annotated[float, Query(ge=1, le=MAX_DISTANCE_M, description="how far it may move (m)")] = 500,
) -> ShiftOut:
    """The nearest place where a footprint, as it is, meets nothing hard; nothing is kept."""
    require(actor, Act.KEEP_CHECK)
    found = find_shift(
        session,
        asked.read(document, session, edge, actor),
        city=edge.city,
        actor=actor,
        on=asked.day(now),
        level=asked.level,
        within_m=within_m,
    )
    return shift_out(found, edge.city)


@router.post("/api/refits")
def refit_footprint(
    document: Annotated[GeoJson, Body()],
    session: SessionDep,
    actor: ActorDep,
    edge: EdgeDep,
    now: NowDep,
    asked: AskedSiteDep,
    within_m: Annotated[
        float, Query(ge=1, le=MAX_DISTANCE_M, description="how far around ground may be given (m)")
    ] = 500,
) -> RefitOut:
    """A footprint trimmed by its hard conflicts, with the area given back on free ground beside it; nothing is kept. No linear work."""
    require(actor, Act.KEEP_CHECK)
    found = find_refit(
        session,
        asked.read(document, session, edge, actor),
        city=edge.city,
        actor=actor,
        on=asked.day(now),
        level=asked.level,
        within_m=within_m,
    )
    return refit_out(found, edge.city)


@router.post("/api/site-searches", status_code=202)
def search_sites(
    area_m2: Annotated[
        float, Query(ge=MIN_SITE_M2, le=MAX_SITE_M2, description="how large the site is (m²)")
    ],
    session: SessionDep,
    actor: ActorDep,
    edge: EdgeDep,
    now: NowDep,
    response: Response,
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
) -> JobOut:
    """Where in an area or a district a site of a size and a use could lie without conflict, by a job; its `result` has the places, ranked."""
    require(actor, Act.KEEP_CHECK)
    if (district is None) == (document is None):
        raise InvalidInputError("say where to search: the GeoJSON of an area, or the code of a district")
    if document is not None:
        area = footprint_from_geojson(
            document, city=edge.city, scratch=edge.scratch, crs=crs, register=register_for(session, actor)
        )
    else:
        area = district_area(district or "", edge.city)
    request = SiteSearch(area_m2, str(level), at_most, (on or now.date()).isoformat(), use, top_m)
    job = put_in_search(session, area, request, actor=actor, now=now)
    response.headers["Location"] = f"/api/jobs/{job.id}"
    return job_out(job)
