"""Routes of plan audits: ask for one, read it, read the ledger of differences, accept a difference for a reason."""

import tempfile
from dataclasses import asdict
from pathlib import Path as FilePath
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Query, Response

from blueprint.edge import ActorDep, CityDep, EdgeDep, NowDep, SessionDep
from blueprint.etags import IfMatch, hold_to, tagged
from blueprint.given import Day, Text
from blueprint.idempotency import IdempotentRoute
from blueprint.jobs.queue import put_in
from blueprint.jobs.schemas import JobOut, job_out
from blueprint.layers import catalogue
from blueprint.layers.export import FORMS
from blueprint.permissions import Act, Sensitivity, require
from coordination.plan_audit.areas import overlap_areas
from coordination.plan_audit.audit import find_audit, open_audit
from coordination.plan_audit.differences_file import write_differences
from coordination.plan_audit.job import PLAN_AUDIT
from coordination.plan_audit.ledger import (
    decide,
    find_difference,
    list_audits,
    list_differences,
    series,
    statistics,
    statistics_by_district,
)
from coordination.plan_audit.matrix import matrix
from coordination.plan_audit.models import DifferenceState
from coordination.plan_audit.schemas import (
    DecisionIn,
    DifferenceOut,
    DifferencePage,
    DistrictPairOut,
    MonthOut,
    OverlapAreasOut,
    PairStandingOut,
    PlanAuditIn,
    PlanAuditOut,
    PlanAuditPage,
    audit_out,
    difference_out,
    differences_out,
)
from coordination.plan_audit.tiles import MAX_ZOOM, difference_tile, difference_tilejson

MVT = "application/vnd.mapbox-vector-tile"

router = APIRouter(tags=["plan audits"], route_class=IdempotentRoute)

EXPORT: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "the file, with its stamp",
        "content": {
            "application/geopackage+sqlite3": {"schema": {"type": "string", "format": "binary"}},
            "application/vnd.apache.parquet": {"schema": {"type": "string", "format": "binary"}},
            "application/flatgeobuf": {"schema": {"type": "string", "format": "binary"}},
            "application/geo+json": {"schema": {"type": "object", "required": ["type", "features"]}},
        },
    }
}

AuditId = Annotated[int, Path(ge=1, le=2_000_000_000)]


@router.post("/api/plan-audits", status_code=202)
def ask_for_audit(
    given: PlanAuditIn, session: SessionDep, actor: ActorDep, now: NowDep, response: Response
) -> JobOut:
    """Compare two layers by a job, whose `result` is the audit; the same versions are not compared twice."""
    require(actor, Act.AUDIT_PLANS)
    on = given.on or now.date()
    audit = open_audit(session, given.first, given.second, actor=actor, on=on, now=now)
    layers = [catalogue.find_readable(session, code, actor) for code in (given.first, given.second)]
    # The job is named after the more closed of its two layers, and tells of both.
    closed = max(layers, key=lambda layer: list(Sensitivity).index(Sensitivity(layer.sensitivity)))
    arguments = {"first": given.first, "second": given.second, "on": on.isoformat()}
    job = put_in(
        session,
        PLAN_AUDIT,
        closed.thing,
        arguments,
        actor=actor,
        now=now,
        key=f"plan_audit {audit.id}",
        told_layers=[layer.code for layer in layers],
    )
    response.headers["Location"] = f"/api/jobs/{job.id}"
    return job_out(job)


@router.get("/api/plan-audits")
def list_all(
    session: SessionDep,
    actor: ActorDep,
    cursor: Annotated[int | None, Query(ge=1, le=2_000_000_000)] = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> PlanAuditPage:
    """Audits of layers that the caller may read, newest first."""
    found = list_audits(session, actor=actor, before=cursor, limit=limit)
    return PlanAuditPage(
        items=[audit_out(audit) for audit in found], next=found[-1].id if len(found) == limit else None
    )


@router.get("/api/plan-audit-matrix")
def show_matrix(
    session: SessionDep,
    actor: ActorDep,
    city: CityDep,
    now: NowDep,
    on: Annotated[Day | None, Query(description="a day; today when not given")] = None,
) -> list[PairStandingOut]:
    """Every pair of layers that may not overlap, by the city profile, and how its ledger of differences stands."""
    require(actor, Act.AUDIT_PLANS)
    found = matrix(session, city=city, actor=actor, on=on or now.date())
    return [PairStandingOut.model_validate(vars(pair)) for pair in found]


@router.get("/api/overlap-areas")
def show_areas(
    first: Annotated[Text, Query(max_length=60)],
    second: Annotated[Text, Query(max_length=60)],
    session: SessionDep,
    actor: ActorDep,
    city: CityDep,
    now: NowDep,
    on: Annotated[Day | None, Query(description="a day; today when not given")] = None,
) -> OverlapAreasOut:
    """How much two polygon layers have in common, by class pair, without patches and without the ledger."""
    require(actor, Act.AUDIT_PLANS)
    found = overlap_areas(session, first, second, city=city, actor=actor, on=on or now.date())
    return OverlapAreasOut.model_validate(asdict(found))


@router.get("/api/plan-audits/{audit_id}")
def show(audit_id: AuditId, session: SessionDep, actor: ActorDep) -> PlanAuditOut:
    """An audit, with the ledger of its two layers summed by state and class pair."""
    require(actor, Act.AUDIT_PLANS)
    audit = find_audit(session, audit_id, actor=actor)
    return audit_out(audit, statistics(session, audit, actor=actor))


@router.get("/api/plan-audits/{audit_id}/districts")
def show_by_district(
    audit_id: AuditId, session: SessionDep, actor: ActorDep, city: CityDep
) -> list[DistrictPairOut]:
    """The ledger of an audit's two layers, summed by district, state and class pair."""
    require(actor, Act.AUDIT_PLANS)
    audit = find_audit(session, audit_id, actor=actor)
    found = statistics_by_district(session, audit, city=city, actor=actor)
    return [DistrictPairOut.model_validate(vars(pair)) for pair in found]


@router.get("/api/plan-audits/{audit_id}/series")
def show_series(audit_id: AuditId, session: SessionDep, actor: ActorDep) -> list[MonthOut]:
    """The ledger of an audit's two layers month by month, after the last audit of each."""
    require(actor, Act.AUDIT_PLANS)
    audit = find_audit(session, audit_id, actor=actor)
    return [MonthOut.model_validate(vars(month)) for month in series(session, audit, actor=actor)]


@router.get("/api/plan-audits/{audit_id}/export", response_class=Response, responses=EXPORT)
def export_ledger(
    audit_id: AuditId,
    session: SessionDep,
    actor: ActorDep,
    edge: EdgeDep,
    now: NowDep,
    form: Annotated[
        Literal["gpkg", "parquet", "fgb", "geojson"],
        Query(alias="f", description="gpkg, parquet, fgb, geojson"),
    ] = "gpkg",
    state: Annotated[DifferenceState | None, Query(description="all when not given")] = None,
    purpose: Annotated[
        Text | None,
        Query(max_length=1000, description="用途 what for; needed for what is not public and not granted"),
    ] = None,
) -> Response:
    """The ledger of an audit's two layers as a file: stamped, and in the register of exports for both (403 and 429 say what is left)."""
    require(actor, Act.AUDIT_PLANS)
    audit = find_audit(session, audit_id, actor=actor)
    name = f"{audit.first_layer.code}-{audit.second_layer.code}-{audit.id}.{form}"
    edge.scratch.mkdir(parents=True, exist_ok=True, mode=0o711)
    with tempfile.TemporaryDirectory(prefix="differences-", dir=edge.scratch) as folder:
        path = FilePath(folder) / name
        write_differences(
            session, audit, path, city=edge.city, actor=actor, now=now, state=state, purpose=purpose
        )
        content = path.read_bytes()
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(content, media_type=FORMS[form].media_type, headers=headers)


@router.get("/api/plan-audits/{audit_id}/differences")
def list_ledger(
    audit_id: AuditId,
    session: SessionDep,
    actor: ActorDep,
    city: CityDep,
    state: Annotated[DifferenceState | None, Query()] = None,
    slivers: Annotated[bool, Query(description="碎面也列出 list slivers too")] = True,
    cursor: Annotated[int, Query(ge=0, le=2**62)] = 0,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> DifferencePage:
    """The ledger of an audit's two layers, page by page."""
    require(actor, Act.AUDIT_PLANS)
    audit = find_audit(session, audit_id, actor=actor)
    rows = list_differences(
        session, audit, actor=actor, state=state, slivers=slivers, after=cursor, limit=limit + 1
    )
    more = len(rows) > limit
    return DifferencePage(
        items=differences_out(rows[:limit], city), next=rows[limit - 1].id if more else None
    )


TILE: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "a vector tile",
        "content": {MVT: {"schema": {"type": "string", "format": "binary"}}},
    }
}
Place = Annotated[int, Path(ge=0, lt=2**MAX_ZOOM)]


@router.get("/api/plan-audits/{audit_id}/tiles.json")
def describe_tiles(audit_id: AuditId, session: SessionDep, actor: ActorDep, edge: EdgeDep) -> dict[str, Any]:
    """The differences of an audit's two layers as a layer with tiles (TileJSON)."""
    require(actor, Act.AUDIT_PLANS)
    audit = find_audit(session, audit_id, actor=actor)
    address = f"{edge.base_url.rstrip('/')}/api/plan-audits/{audit_id}/tiles/{{z}}/{{x}}/{{y}}.mvt"
    return difference_tilejson(session, audit, city=edge.city, actor=actor, address=address)


@router.get("/api/plan-audits/{audit_id}/tiles/{z}/{x}/{y}.mvt", response_class=Response, responses=TILE)
def show_tile(
    audit_id: AuditId,
    z: Annotated[int, Path(ge=0, le=MAX_ZOOM)],
    x: Place,
    y: Place,
    session: SessionDep,
    actor: ActorDep,
    city: CityDep,
    state: Annotated[list[DifferenceState] | None, Query(description="all when not given")] = None,
) -> Response:
    """The differences of an audit's two layers in a vector tile, as the ledger is now."""
    require(actor, Act.AUDIT_PLANS)
    audit = find_audit(session, audit_id, actor=actor)
    states = state or list(DifferenceState)
    content = difference_tile(session, audit, z, x, y, city=city, actor=actor, states=states)
    return Response(content, media_type=MVT, headers={"Cache-Control": "private, no-cache"})


DifferenceId = Annotated[int, Path(ge=1, le=2**62)]


@router.get("/api/plan-differences/{difference_id}")
def show_difference(
    difference_id: DifferenceId, session: SessionDep, actor: ActorDep, city: CityDep, response: Response
) -> DifferenceOut:
    """One difference of the ledger."""
    require(actor, Act.AUDIT_PLANS)
    return tagged(difference_out(find_difference(session, difference_id, actor=actor), city), response)


@router.put("/api/plan-differences/{difference_id}")
def judge(
    difference_id: DifferenceId,
    given: DecisionIn,
    session: SessionDep,
    actor: ActorDep,
    city: CityDep,
    now: NowDep,
    response: Response,
    if_match: IfMatch = None,
) -> DifferenceOut:
    """Accept a difference for a reason, or take that back; for the owners of either layer and the coordinator."""
    require(actor, Act.AUDIT_PLANS)
    if if_match is not None:
        known = find_difference(session, difference_id, actor=actor)
        hold_to(session, if_match, known, lambda: difference_out(known, city))
    row = decide(
        session, difference_id, accepted=given.state == "accepted", reason=given.reason, actor=actor, now=now
    )
    return tagged(difference_out(row, city), response)
