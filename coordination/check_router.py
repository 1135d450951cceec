"""Routes of checks: a footprint in, a report out; nothing is kept unless asked."""

from dataclasses import replace
from datetime import date
from typing import Annotated, Any, Literal

import orjson
from fastapi import APIRouter, Body, Path, Query
from fastapi.responses import HTMLResponse, JSONResponse, Response
from geoalchemy2.shape import to_shape

from blueprint.city import polygonal
from blueprint.edge import ActorDep, EdgeDep, NowDep, SessionDep
from blueprint.errors import ConflictError
from blueprint.footprint import Footprint, footprint_from_geojson
from blueprint.permissions import Act, require
from coordination.checks import find_check, keep_check, run_check
from coordination.reports import to_geojson, to_html

router = APIRouter(prefix="/api/checks", tags=["checks"])

Format = Annotated[Literal["json", "geojson", "html"], Query(alias="f", description="json, geojson or html")]
GeoJson = Annotated[
    dict[str, Any], Body(description="GeoJSON: Polygon, MultiPolygon, Feature or FeatureCollection")
]


@router.post("")
def check_footprint(
    document: GeoJson,
    session: SessionDep,
    actor: ActorDep,
    edge: EdgeDep,
    now: NowDep,
    on: Annotated[date | None, Query(description="a day; today when not given")] = None,
    crs: Annotated[
        str | None, Query(max_length=100, description="EPSG:n when not longitude/latitude")
    ] = None,
    keep: Annotated[bool, Query(description="keep the report under a check id")] = False,
    output: Format = "json",
) -> Response:
    """Check a GeoJSON footprint against every layer in force that the caller may read."""
    require(actor, Act.CHECK_FOOTPRINT)
    if keep:
        require(actor, Act.KEEP_CHECK)
    footprint = footprint_from_geojson(document, city=edge.city, scratch=edge.scratch, crs=crs)
    day = on or now.date()
    report = run_check(session, footprint, city=edge.city, actor=actor, on=day, with_shapes=output != "json")
    if keep:
        check = keep_check(session, report, footprint, city=edge.city, actor=actor, now=now)
        report = replace(report, check_id=str(check.id))
    if output == "html":
        return HTMLResponse(to_html(report, footprint, city=edge.city))
    if output == "geojson":
        return JSONResponse(to_geojson(report, footprint, city=edge.city), media_type="application/geo+json")
    return Response(orjson.dumps(report.to_json()), media_type="application/json")


@router.get("/{check_id}")
def show_check(
    check_id: Annotated[int, Path(ge=1, le=2_000_000_000)],
    session: SessionDep,
    actor: ActorDep,
    edge: EdgeDep,
    output: Format = "json",
) -> Response:
    """A kept report; as GeoJSON or HTML it is made again from the versions of its day, and held to its digest."""
    require(actor, Act.READ_CHECK)
    check = find_check(session, check_id, actor=actor)
    if output == "json":
        return JSONResponse(check.report)
    kept = check.report["footprint"]
    footprint = Footprint(
        polygonal(to_shape(check.footprint)),
        kept["source_crs"],
        kept["operation"],
        tuple(check.report["notes"]),
    )
    report = run_check(session, footprint, city=edge.city, actor=actor, on=check.on_day, with_shapes=True)
    if report.digest != check.digest:
        raise ConflictError(
            "the layers or rules of that day, or your rights, are not what they were; ask for ?f=json"
        )
    if output == "html":
        return HTMLResponse(to_html(report, footprint, city=edge.city))
    return JSONResponse(to_geojson(report, footprint, city=edge.city), media_type="application/geo+json")
