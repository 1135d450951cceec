"""The pages that the service ships: the map at `/`, Swagger UI at `/api/docs`, and their files under `/web`."""

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


def mount_web(app: FastAPI) -> None:
    """Serve the map page and the documentation page of the API; both work without any other site."""
    app.add_api_route("/", _map_page, include_in_schema=False)
    app.add_api_route("/api/docs", _docs_page, include_in_schema=False)
    app.mount("/web", _PageFiles(directory=WEB))


def _map_page() -> FileResponse:
    return FileResponse(WEB / "index.html", headers={"cache-control": "no-cache"})


def _docs_page() -> FileResponse:
    return FileResponse(WEB / "docs.html", headers={"cache-control": "no-cache"})
