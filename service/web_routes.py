"""The pages that the service ships, the map and Swagger UI among them, and their files under `/web`."""

from collections.abc import Callable
from pathlib import Path

from fastapi import FastAPI
from fastapi.responses import FileResponse, HTMLResponse
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
    "/exchange": "exchange.html",
    "/progress": "progress.html",
    "/api/docs": "docs.html",
}

FRAMED = {
    "catalogue": "图层 Layers",
    "layer": "图层 Layer",
    "define": "定义图层 Define",
    "answers": "比选与选址 Options",
    "live": "实时检核 Live check",
    "verify": "核验与对比报告 Verify",
    "audits": "规划核查 Audits",
    "rules": "管控规则 Rules",
    "board": "协同看板 Board",
    "register": "登记项目 Register",
    "project": "项目 Project",
    "inbox": "部门待办 Inbox",
    "opinion": "意见征询 Opinion",
    "access": "数据共享 Sharing",
    "audit-log": "审计日志 Audit log",
    "accounts": "账户管理 Accounts",
}
"""The pages whose files hold what stands inside `frame.html` alone, and their titles."""

ADDRESSES = (*PAGES, *(f"/{name}" for name in FRAMED))
"""Where the pages are: only there may an answer load scripts and styles (`outer`)."""


def mount_web(app: FastAPI) -> None:
    """Serve the pages and their files; all work without any other site."""
    for address, name in PAGES.items():
        app.add_api_route(address, _page(name), include_in_schema=False)
    for name, title in FRAMED.items():
        app.add_api_route(f"/{name}", _framed(name, title), include_in_schema=False)
    app.mount("/web", _PageFiles(directory=WEB))


def _page(name: str) -> Callable[[], FileResponse]:
    return lambda: FileResponse(WEB / name, headers={"cache-control": "no-cache"})


def _framed(name: str, title: str) -> Callable[[], HTMLResponse]:
    def read(file: str) -> str:
        return (WEB / file).read_text(encoding="utf-8")

    def page() -> HTMLResponse:
        parts = {
            "title": f"{title} · 一张蓝图",
            "script": f"/web/{name}.js",
            "main": read(f"{name}.html").rstrip(),
        }
        document = read("frame.html")
        for part, content in parts.items():
            document = document.replace(f"<!-- {part} -->", content)
        return HTMLResponse(document, headers={"cache-control": "no-cache"})

    return page
