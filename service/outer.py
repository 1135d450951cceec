"""What stands around the application: a request id, body limits, security headers on every answer, tiles before routing."""

import logging
import re
import secrets
import time
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from starlette.requests import Request
from structlog.contextvars import bound_contextvars

from blueprint.audit.log import Origin, coming_from
from blueprint.errors import InvalidInputError
from blueprint.wall import NOBODY, seeing
from service.body_limit import LimitedBody, limit_of
from service.problems import problem_of
from service.settings import Settings
from service.web_routes import ADDRESSES

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Asgi = Callable[[Scope, Receive, Send], Awaitable[None]]
Headers = list[tuple[bytes, bytes]]

_log = logging.getLogger("blueprint.requests")

SECURITY_HEADERS = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"same-origin"),
    (b"x-frame-options", b"DENY"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), microphone=(), geolocation=(), payment=(), usb=()"),
)
PAGE_POLICY = (
    b"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; font-src 'self';"
    b" connect-src 'self'; worker-src 'self' blob:; form-action 'self'; base-uri 'none'; object-src 'none';"
    b" frame-ancestors 'none'"
)
"""The pages: nothing from elsewhere, no script or style in the text of a page; MapLibre's worker is a blob."""

DATA_POLICY = b"default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; sandbox"
"""Everything else is no page: opened as one, it runs and loads nothing."""

_PAGES = re.compile("|".join([*(re.escape(address) for address in ADDRESSES), "/web/.*"]))
_REQUEST_ID = re.compile(rb"[A-Za-z0-9_-]{8,64}")


class Outer:
    """Sends `/tiles` straight to the tile application and everything else on; every answer leaves through here."""

    def __init__(self, app: Asgi, *, tiles: Asgi, settings: Settings, is_https: bool = False) -> None:
        self._app = app
        self._tiles = tiles
        self._settings = settings
        self._always: tuple[tuple[bytes, bytes], ...] = SECURITY_HEADERS
        if is_https:
            self._always += ((b"strict-transport-security", b"max-age=31536000"),)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request (ASGI 3)."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers: dict[bytes, bytes] = dict(scope["headers"])
        given = headers.get(b"x-request-id", b"")
        request_id = given.decode() if _REQUEST_ID.fullmatch(given) else secrets.token_urlsafe(12)
        body = LimitedBody(scope, receive, limit_of(scope["path"], self._settings))
        address = scope["client"][0] if scope.get("client") else None
        origin = Origin("http", address, request_id)
        with bound_contextvars(request_id=request_id), coming_from(origin), seeing(NOBODY):
            await self._answer(scope, body, _Answering(scope, send, body, request_id, self._always))

    async def _answer(self, scope: Scope, body: LimitedBody, answering: "_Answering") -> None:
        started = time.perf_counter()
        is_tile = scope["path"].startswith("/tiles/")
        try:
            refusal = body.refusal() or _unreadable(scope)
            if refusal is not None:
                raise refusal
            await (self._tiles if is_tile else self._app)(scope, body.receive, answering.send)
        except Exception as error:
            if answering.status is not None:
                raise
            await problem_of(Request(scope), error)(scope, body.receive, answering.send)
        finally:
            if not is_tile and _log.isEnabledFor(logging.INFO):
                spent_ms = round((time.perf_counter() - started) * 1000)
                fields = {
                    "method": scope["method"],
                    "path": scope["path"],
                    "status": answering.status,
                    "ms": spent_ms,
                }
                _log.info("answered", extra=fields)


class _Answering:
    """Puts on an answer what every answer has, remembers its status, and lets a refused sender finish."""

    def __init__(
        self,
        scope: Scope,
        send: Send,
        body: LimitedBody,
        request_id: str,
        always: tuple[tuple[bytes, bytes], ...],
    ) -> None:
        self._path: str = scope["path"]
        self._send = send
        self._body = body
        self._always = (*always, (b"x-request-id", request_id.encode()))
        self.status: int | None = None

    async def send(self, message: Message) -> None:
        """Pass a message on (ASGI)."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            message["headers"] = self._complete(list(message.get("headers", [])))
        elif self._body.is_refused and not message.get("more_body", False):
            await self._send({**message, "more_body": True})
            await self._body.throw_away()
            message = {"type": "http.response.body", "body": b""}
        await self._send(message)

    def _complete(self, headers: Headers) -> Headers:
        given = dict(headers)
        is_page = _PAGES.fullmatch(self._path) is not None
        policy = PAGE_POLICY if is_page else DATA_POLICY
        added = [h for h in (*self._always, (b"content-security-policy", policy)) if h[0] not in given]
        sharing = given.get(b"cache-control", b"")
        if not is_page and not sharing.startswith(b"public"):
            headers = [header for header in headers if header[0] != b"cache-control"]
            added.append((b"cache-control", b"no-store"))
        return [*headers, *added]


def _unreadable(scope: Scope) -> InvalidInputError | None:
    """PostgreSQL keeps no NUL, so no address has one."""
    if "\x00" in scope["path"] or b"%00" in scope.get("query_string", b""):
        return InvalidInputError("the address has a NUL character (%00), which nothing here is called by")
    return None
