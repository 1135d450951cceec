"""Routes of checks: a footprint in, a report out; nothing is kept unless asked."""

from dataclasses import replace
from functools import partial
from typing import Annotated, Any

import shapely
from fastapi import APIRouter, Body, Path, Query, Request
from fastapi.responses import JSONResponse, Response
from geoalchemy2.shape import to_shape
from sqlalchemy.orm import Session

from blueprint import snapshot
from blueprint.crs_registry import register_for
from blueprint.edge import ActorDep, Edge, EdgeDep, NowDep, SessionDep, ask_ahead, who_asks
from blueprint.errors import ConflictError, InvalidInputError
from blueprint.footprint import Footprint, footprint_from_geojson
from blueprint.given import Day, GeoJson, Text, TopM, UseCode, WidthM
from blueprint.idempotency import IdempotentRoute, is_claimed
from blueprint.permissions import Act, Actor, require
from coordination import live
from coordination.check_difference import compare_checks
from coordination.check_report import CheckReport, given_to, reader_of
from coordination.checks import run_check
from coordination.difference_schemas import CheckDifferenceOut
from coordination.kept_checks import find_check, keep_check
from coordination.kept_footprints import kept_footprint
from coordination.kept_rules import kept_rule_set
from coordination.models import Project
from coordination.report_forms import MEDIA_TYPES, ReportForm, write_report
from coordination.report_verification import snapshot_told
from coordination.what_if import MAX_ASSUMED, as_supposed, read_assumed, suppose

router = APIRouter(prefix="/api/checks", tags=["checks"], route_class=IdempotentRoute)

Format = Annotated[
    ReportForm,
    Query(alias="f", description="json, geojson, html, pdf, docx or xlsx; a PDF carries report.json"),
]
CheckId = Annotated[int, Path(ge=1, le=2_000_000_000)]
PAGE_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"
}
"""A report is one self-contained page: its styles are in its text, and it has nothing else."""

REPORT: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "the report",
        "content": {
            "application/json": {"schema": {"type": "object", "required": ["verdict", "findings", "digest"]}},
            "application/geo+json": {"schema": {"type": "object", "required": ["type", "features"]}},
            "text/html": {"schema": {"type": "string"}},
            **{
                MEDIA_TYPES[form]: {"schema": {"type": "string", "format": "binary"}}
                for form in (ReportForm.PDF, ReportForm.DOCX, ReportForm.XLSX)
            },
        },
    }
}


@router.post("", response_class=Response, responses=REPORT)
def check_footprint(
    request: Request,
    document: Annotated[GeoJson, Body()],
    session: SessionDep,
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
        UseCode | None, Query(description="class code of the planned use, 0701; for rules that go by it")
    ] = None,
    top_m: Annotated[
        TopM | None, Query(description="elevation of the highest point, 1985 datum; for rules of height")
    ] = None,
    assume: Annotated[
        list[Text] | None,
        Query(max_length=MAX_ASSUMED, description="CODE:N, as if that version of a layer applied"),
    ] = None,
    keep: Annotated[bool, Query(description="keep the report under a check id")] = False,
    name: Annotated[Text, Query(max_length=200, description="the project's name, for documents")] = "",
    output: Format = ReportForm.JSON,
) -> Response:
    """Check a GeoJSON footprint against every layer in force that the caller may read."""
    day, beside = on or now.date(), request.app.state.beside
    who, layers = ask_ahead(request), snapshot.ask_ahead(beside, day)
    try:
        footprint = footprint_from_geojson(
            document,
            city=edge.city,
            scratch=edge.scratch,
            crs=crs,
            width_m=width_m,
            register=lambda: register_for(session, who_asks(request, session, who))(),
        )
    finally:  # whoever may not ask is told that, whatever was sent
        actor = who_asks(request, session, who)
        require(actor, Act.CHECK_FOOTPRINT)
        if keep:
            require(actor, Act.KEEP_CHECK)
    footprint = replace(footprint, planned_use=use, top_m=top_m)
    assumed = read_assumed(assume or ())
    if keep and assumed:
        raise InvalidInputError("what is only assumed is not kept; leave out `keep` or `assume`")
    in_force = snapshot.take_snapshot(session, day, asked=layers)
    if assumed:
        in_force = suppose(session, in_force, assumed, actor=actor)
    is_live = output is ReportForm.JSON and not keep
    report = run_check(
        session,
        footprint,
        city=edge.city,
        actor=actor,
        on=day,
        with_shapes=output.needs_shapes,
        snapshot=in_force,
        beside=beside,
        read=partial(live.known_of, session, footprint, city=edge.city, beside=beside) if is_live else None,
    )
    report = as_supposed(report, assumed)
    if keep:
        check = keep_check(session, report, footprint, city=edge.city, actor=actor, now=now)
        report = replace(report, check_id=str(check.id))
    report = given_to(report, actor, now)
    answer = _written(session, report, footprint, output, edge=edge, actor=actor, name=name)
    if not is_claimed(request):
        session.commit()  # here, in the thread that has the connection, rather than by one more change of threads
    return answer


@router.get("/{check_id}", response_class=Response, responses=REPORT)
def show_check(
    check_id: CheckId,
    session: SessionDep,
    actor: ActorDep,
    edge: EdgeDep,
    now: NowDep,
    output: Format = ReportForm.JSON,
) -> Response:
    """A kept report; in other forms than JSON it is made again from its versions and rules, and held to its digest."""
    require(actor, Act.READ_CHECK)
    check = find_check(session, check_id, actor=actor)
    if output is ReportForm.JSON:
        reader = reader_of(actor, [layer["code"] for layer in check.report["layers"]], now)
        return JSONResponse(check.report | {"reader": reader.to_json()})
    kept = check.report["footprint"]
    footprint = kept_footprint(
        check,
        source_crs=kept["source_crs"],
        operation=kept["operation"],
        notes=check.report["notes"],
        planned_use=check.report.get("planned_use"),
        top_m=check.report.get("top_m"),
    )
    sha256 = check.report.get("rule_set_sha256")
    report = run_check(
        session,
        footprint,
        city=edge.city,
        actor=actor,
        on=check.on_day,
        with_shapes=True,
        snapshot=snapshot_told(session, check.report, actor=actor),
        rule_set=kept_rule_set(session, sha256) if sha256 is not None else None,
    )
    if report.digest != check.digest:
        raise ConflictError(
            "the layers or rules of that day, or your rights, are not what they were; ask for ?f=json"
        )
    report = given_to(replace(report, check_id=str(check.id)), actor, now)
    project = session.get(Project, check.project_id) if check.project_id is not None else None
    name = project.name if project is not None else ""
    return _written(session, report, footprint, output, edge=edge, actor=actor, name=name)


@router.get("/{check_id}/difference")
def show_difference(
    check_id: CheckId,
    other: Annotated[int, Query(alias="from", ge=1, le=2_000_000_000, description="id of the earlier check")],
    session: SessionDep,
    actor: ActorDep,
) -> CheckDifferenceOut:
    """What a kept check says otherwise than another one, and why: footprint, layer versions, rules."""
    require(actor, Act.READ_CHECK)
    before, after = find_check(session, other, actor=actor), find_check(session, check_id, actor=actor)
    same = bool(shapely.equals(to_shape(before.footprint), to_shape(after.footprint)))
    found = compare_checks(before.report, after.report, same_footprint=same)
    return CheckDifferenceOut.model_validate(found, from_attributes=True)


def _written(
    session: Session,
    report: CheckReport,
    footprint: Footprint,
    form: ReportForm,
    *,
    edge: Edge,
    actor: Actor,
    name: str,
) -> Response:
    """The report as an answer: a page is shown within its policy, a document is a file with a name of its own."""
    written = write_report(
        session,
        report,
        footprint,
        form,
        city=edge.city,
        actor=actor,
        name=name,
        verify_at=_verify_at(edge, report.check_id),
        sealer=edge.sealer,
    )
    headers = {}
    if form is ReportForm.HTML:
        headers = PAGE_HEADERS
    elif form in (ReportForm.PDF, ReportForm.DOCX, ReportForm.XLSX):
        file = f"check-{report.digest.removeprefix('sha256:')[:12]}.{form}"
        headers = {"Content-Disposition": f'attachment; filename="{file}"'}
    return Response(written.content, media_type=written.media_type, headers=headers)


def _verify_at(edge: Edge, check_id: str | None) -> str:
    """Where a report is verified: a kept one by its number, another by its file."""
    address = f"{edge.base_url.rstrip('/')}/verify"
    return f"{address}?check={check_id}" if check_id is not None else address
