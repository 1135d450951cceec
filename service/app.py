"""The application: routers, tiles, the map page, problem documents, health."""

from collections.abc import Awaitable, Callable
from typing import Any

from fastapi import FastAPI, Request, Response
from sqlalchemy import text

from approval.router import router as approval_router
from blueprint.city_router import router as city_router
from blueprint.edge import Edge, SessionDep
from blueprint.layers.router import router as layers_router
from coordination.check_router import router as checks_router
from coordination.router import router as coordination_router
from service.problems import add_problem_handlers
from service.settings import Settings
from service.web_routes import mount_web
from tiles.app import tiles_app

SECURITY_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "X-Frame-Options": "DENY",
    "Content-Security-Policy": (
        "default-src 'self'; img-src 'self' data: blob:; style-src 'self' 'unsafe-inline'; worker-src 'self' blob:;"
        " connect-src 'self'; object-src 'none'; base-uri 'none'; frame-ancestors 'none'"
    ),
}


def create_app(edge: Edge, settings: Settings) -> FastAPI:
    """Put the packages together over one database and one city."""
    app = FastAPI(
        title="One Blueprint 一张蓝图",
        version="0.1.0",
        description="多规合一业务协同与工程建设项目联合审批 · one authoritative blueprint, coordination and approval on it",
        docs_url=None,
        redoc_url=None,
        openapi_url="/api/openapi.json",
    )
    app.state.edge = edge
    app.state.settings = settings
    add_problem_handlers(app)
    for router in (city_router, layers_router, checks_router, coordination_router, approval_router):
        app.include_router(router)
    app.add_api_route("/health/live", _live, tags=["health"])
    app.add_api_route("/health/ready", _ready, tags=["health"])
    app.mount("/tiles", tiles_app(edge))
    mount_web(app)
    app.middleware("http")(_with_security_headers)
    return app


def _live() -> dict[str, str]:
    """Say that the process answers."""
    return {"status": "live"}


def _ready(session: SessionDep) -> dict[str, Any]:
    """Say that the database answers too."""
    session.execute(text("SELECT 1"))
    return {"status": "ready"}


async def _with_security_headers(
    request: Request, call_next: Callable[[Request], Awaitable[Response]]
) -> Response:
    response = await call_next(request)
    for name, value in SECURITY_HEADERS.items():
        response.headers.setdefault(name, value)
    return response
