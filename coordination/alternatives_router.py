"""The route that compares alternatives side by side."""

from dataclasses import replace
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Query
from fastapi.responses import Response
from pydantic import Field

from blueprint.crs_registry import register_for
from blueprint.documents.rendering import DOCX, PDF, XLSX
from blueprint.edge import ActorDep, EdgeDep, NowDep, SessionDep
from blueprint.footprint import footprint_from_geojson
from blueprint.given import Day, GeoJson, Given, TopM, UseCode, WidthM
from blueprint.idempotency import IdempotentRoute
from blueprint.permissions import Act, require
from coordination.alternatives import MAX_SITES, compare_sites, to_json
from coordination.alternatives_document import ComparisonForm, write_comparison

router = APIRouter(tags=["checks"], route_class=IdempotentRoute)

MEDIA_TYPES = {ComparisonForm.PDF: PDF, ComparisonForm.DOCX: DOCX, ComparisonForm.XLSX: XLSX}


class SiteIn(Given):
    """One of the alternatives: its name, its footprint as `POST /api/checks` takes one, and how high it would reach there."""

    name: str = Field(min_length=1, max_length=60)
    footprint: GeoJson
    crs: str | None = Field(default=None, max_length=100)
    width_m: WidthM | None = None
    top_m: TopM | None = None


class AlternativesIn(Given):
    """The sites that are compared, each with a name of its own, and the planned use of the project."""

    sites: list[SiteIn] = Field(min_length=2, max_length=MAX_SITES)
    use: UseCode | None = None


COMPARISON: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "the comparison",
        "content": {
            "application/json": {
                "schema": {"type": "object", "required": ["ranking", "best", "alternatives", "layers"]}
            },
            **{media: {"schema": {"type": "string", "format": "binary"}} for media in MEDIA_TYPES.values()},
        },
    }
}


@router.post("/api/alternatives", response_class=Response, responses=COMPARISON)
def compare_alternatives(
    given: AlternativesIn,
    session: SessionDep,
    actor: ActorDep,
    edge: EdgeDep,
    now: NowDep,
    on: Annotated[Day | None, Query(description="a day; today when not given")] = None,
    form: Annotated[
        ComparisonForm, Query(alias="f", description="json, pdf, docx or xlsx")
    ] = ComparisonForm.JSON,
) -> Response:
    """Check several sites for one project and put them side by side, with the rank of each; nothing is kept."""
    require(actor, Act.CHECK_FOOTPRINT)
    sites = [
        (
            site.name,
            replace(
                footprint_from_geojson(
                    site.footprint,
                    city=edge.city,
                    scratch=edge.scratch,
                    crs=site.crs,
                    width_m=site.width_m,
                    register=register_for(session, actor),
                ),
                planned_use=given.use,
                top_m=site.top_m,
            ),
        )
        for site in given.sites
    ]
    found = compare_sites(
        session,
        sites,
        city=edge.city,
        actor=actor,
        on=on or now.date(),
        now=now,
        with_shapes=form in (ComparisonForm.PDF, ComparisonForm.DOCX),
    )
    if form is ComparisonForm.JSON:
        return Response(orjson.dumps(to_json(found)), media_type="application/json")
    content = write_comparison(session, found, form, city=edge.city, actor=actor, sealer=edge.sealer)
    headers = {"Content-Disposition": f'attachment; filename="alternatives.{form}"'}
    return Response(content, media_type=MEDIA_TYPES[form], headers=headers)
