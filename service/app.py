"""The application: routers, tiles, the map page, problem documents, health."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI
from sqlalchemy import text

from approval.applicant_router import looking_router as progress_router
from approval.applicant_router import router as applicant_router
from approval.exchange.queue_router import router as exchange_queue_router
from approval.exchange.router import router as exchange_router
from approval.item_router import router as items_router
from approval.material_router import router as materials_router
from approval.matter_router import router as matters_router
from approval.refused_router import router as refused_router
from approval.router import router as approval_router
from approval.statistics_router import router as statistics_router
from approval.voucher_router import router as vouchers_router
from blueprint.accounts.own_router import router as own_account_router
from blueprint.accounts.router import router as accounts_router
from blueprint.accounts.sign_in_router import router as sign_in_router
from blueprint.accounts.stand_in_router import router as stand_in_router
from blueprint.accounts.tree_router import router as tree_router
from blueprint.audit.log import APPEND
from blueprint.audit.refusals import RefusalLog
from blueprint.audit.router import router as audit_router
from blueprint.city_router import router as city_router
from blueprint.connections import Beside
from blueprint.edge import Edge, SessionDep
from blueprint.footprint_router import router as footprint_router
from blueprint.jobs.router import router as jobs_router
from blueprint.layers.diagnosis_router import router as diagnosis_router
from blueprint.layers.router import router as layers_router
from blueprint.layers.succession_router import router as succession_router
from blueprint.overlay_together import FEATURES_MET, PARTS_NEAR
from blueprint.quality.mapping_router import router as mapping_router
from blueprint.quality.router import router as quality_router
from blueprint.sentences.catalogue import chinese
from blueprint.sharing.export_router import router as exports_router
from blueprint.sharing.router import request_router as access_request_router
from blueprint.sharing.router import router as sharing_router
from blueprint.snapshot import SNAPSHOT
from blueprint.standards.router import router as standards_router
from blueprint.tokens import AT_DOOR
from blueprint.tokens_router import router as tokens_router
from coordination import live
from coordination.alternatives_router import router as alternatives_router
from coordination.batch.router import router as batch_router
from coordination.check_router import router as checks_router
from coordination.dry_run_router import router as dry_run_router
from coordination.plan_audit.router import router as plan_audit_router
from coordination.router import router as coordination_router
from coordination.rules_router import router as rules_router
from coordination.siting_router import router as siting_router
from coordination.trim_router import router as trim_router
from coordination.verification_router import router as verification_router
from service.openapi import describe
from service.outer import Outer
from service.problems import add_problem_handlers
from service.settings import Settings
from service.web_routes import mount_web
from tiles.app import tiles_app

_AHEAD_AT_ONCE = 4
"""Of each small statement of a check, so many are asked ahead at a time; the checks beyond ask them one after another."""


def create_app(edge: Edge, settings: Settings) -> FastAPI:
    """Put the packages together over one database and one city."""
    tiles = tiles_app(edge)
    refusals = RefusalLog(edge.engine)
    ahead = dict.fromkeys((AT_DOOR, SNAPSHOT, PARTS_NEAR, FEATURES_MET, APPEND), _AHEAD_AT_ONCE)
    beside = Beside(edge.engine, ahead)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        live.load_beside()
        chinese()  # read now, so that nobody who is refused waits for it
        yield
        refusals.close()
        tiles.close()
        beside.close()

    app = FastAPI(
        title="One Blueprint 一张蓝图",
        version="0.1.0",
        description="多规合一业务协同与工程建设项目联合审批 · one authoritative blueprint, coordination and approval on it",
        docs_url=None,
        redoc_url=None,
        openapi_url=None,  # `describe` serves it
        lifespan=lifespan,
        redirect_slashes=False,
        form_limits={"max_files": 2, "max_fields": 20, "max_part_size": 64 << 10},
    )
    app.state.edge = edge
    app.state.settings = settings
    app.state.refusals = refusals
    app.state.beside = beside
    add_problem_handlers(app)
    for router in (
        checks_router,  # first: a check is to be answered while a planner draws, and routes are tried in turn
        city_router,
        sign_in_router,
        own_account_router,
        accounts_router,
        standards_router,
        tree_router,
        stand_in_router,
        tokens_router,
        layers_router,
        diagnosis_router,
        quality_router,
        mapping_router,
        succession_router,
        jobs_router,
        access_request_router,
        sharing_router,
        exports_router,
        dry_run_router,
        coordination_router,
        rules_router,
        trim_router,
        alternatives_router,
        batch_router,
        footprint_router,
        siting_router,
        verification_router,
        plan_audit_router,
        approval_router,
        refused_router,
        items_router,
        vouchers_router,
        materials_router,
        matters_router,
        statistics_router,
        applicant_router,
        progress_router,
        exchange_router,
        exchange_queue_router,
        audit_router,
    ):
        # Its routes as they are: `include_router` would make all of them again, half a second at the first request.
        app.router.routes.extend(router.routes)
    app.add_api_route("/health/live", _live, tags=["health"])
    app.add_api_route("/health/ready", _ready, tags=["health"])
    describe(app)
    mount_web(app)
    app.add_middleware(Outer, tiles=tiles, settings=settings, is_https=edge.base_url.startswith("https://"))
    return app


def _live() -> dict[str, str]:
    """Say that the process answers."""
    return {"status": "live"}


def _ready(session: SessionDep) -> dict[str, Any]:
    """Say that the database answers too."""
    session.execute(text("SELECT 1"))
    return {"status": "ready"}
