"""The pages that the service ships: the map, signing in, one's own account, coordination, options, audits, approval, the applicant's progress, Swagger UI, and their files under `/web`."""

from collections.abc import Callable
from pathlib import Path

from fastapi import FastAPI
from fastapi.responses import FileResponse
from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

WEB = Path(__file__).parent / "web"


class _PageFiles(StaticFiles):
    """Files that a browser keeps but asks about: a new release shows at once."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        """The file, or 304 when the browser has it."""
        response = await super().get_response(path, scope)
        response.headers["cache-control"] = "no-cache"
        return response


PAGES = {
    "/": "index.html",
    "/sign-in": "sign-in.html",
    "/account": "account.html",
    "/approval": "approval.html",
    "/work": "work.html",
    "/board": "board.html",
    "/project": "project.html",
    "/inbox": "inbox.html",
    "/opinion": "opinion.html",
    "/answers": "answers.html",
    "/audits": "audits.html",
    "/progress": "progress.html",
    "/api/docs": "docs.html",
}


def mount_web(app: FastAPI) -> None:
    """Serve the pages and their files; all work without any other site."""
    for address, name in PAGES.items():
        app.add_api_route(address, _page(name), include_in_schema=False)
    app.mount("/web", _PageFiles(directory=WEB))


def _page(name: str) -> Callable[[], FileResponse]:
    return lambda: FileResponse(WEB / name, headers={"cache-control": "no-cache"})
