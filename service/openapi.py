"""What the OpenAPI document says of every operation, in one place: errors, sign-in, headers."""

from threading import Lock
from typing import Any

import orjson
from fastapi import FastAPI, Request
from fastapi.openapi.utils import get_openapi
from fastapi.responses import Response

from blueprint.accounts.credentials import COOKIE, SECURE_COOKIE
from blueprint.idempotency import WRITING
from blueprint.problem import PROBLEM_MEDIA_TYPE

_PROBLEM = {
    "type": "object",
    "description": "What is wrong and how to mend it (RFC 9457).",
    "required": ["type", "title", "title_zh", "status", "detail", "detail_zh"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "title_zh": {"type": "string", "description": "标题 the title in Chinese"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "detail_zh": {"type": "string", "description": "错在哪里、怎么改 the same as `detail` in Chinese"},
        "instance": {"type": "string"},
        "request_id": {"type": "string"},
        "place": {
            "type": "string",
            "description": "where it is wrong, when one place can be named: a field of what was sent, a line or a feature of a file",
        },
        "issues": {
            "type": "array",
            "description": "what is wrong with a file that was refused, feature by feature, as in `/quality`",
            "items": {"type": "object"},
        },
        "rows": {
            "type": "array",
            "items": {"type": "object"},
            "description": "rows of a file that are wrong",
        },
    },
}

_WORDS = {
    400: "the address or the body cannot be read",
    401: "not signed in",
    403: "not permitted",
    404: "not there, or not for this reader",
    405: "not a method of this address",
    408: "the body took too long",
    409: "not possible in the present state, or still being done",
    412: "changed since it was read",
    413: "too large",
    422: "cannot be taken as it is",
    429: "too many attempts; Retry-After says when to come back",
    500: "a fault of the service",
    503: "something that is needed is away",
    507: "the disk is full",
}
_READS = (400, 401, 403, 404, 409, 422, 500, 503)
_WRITES = (400, 401, 403, 404, 408, 409, 412, 413, 422, 500, 503, 507)

ANYONE = frozenset(
    {
        ("GET", "/health/live"),
        ("GET", "/health/ready"),
        ("GET", "/api/city"),
        ("GET", "/api/city/outline"),
        ("GET", "/api/standards"),
        ("GET", "/api/standards/{code}"),
        ("GET", "/api/layers"),
        ("GET", "/api/layers/{code}"),
        ("GET", "/api/layers/{code}/versions"),
        ("GET", "/api/layers/{code}/versions/{number}"),
        ("GET", "/api/layers/{code}/versions/{number}/picture"),
        ("GET", "/api/layers/{code}/versions/{number}/quality"),
        ("GET", "/api/layers/{code}/versions/{number}/quality/errors.gpkg"),
        ("GET", "/api/layers/{code}/versions/{number}/quality/mendings"),
        ("POST", "/api/checks"),
        ("POST", "/api/trims"),
        ("POST", "/api/alternatives"),
        ("GET", "/api/rules"),
        ("POST", "/api/approval/progress"),
        ("POST", "/api/approval/progress/voucher"),
        ("GET", "/api/session"),
        ("POST", "/api/session"),
        ("GET", "/api/session/openid"),
        ("GET", "/api/session/openid/callback"),
    }
)
"""What is done for a caller who is not signed in, too; every other operation answers 401."""

LIMITED = frozenset(
    {
        "/api/session",
        "/api/session/code",
        "/api/approval/progress",
        "/api/approval/progress/voucher",
        "/api/me/password",
        "/api/me/second-factor",
        "/api/me/second-factor/recovery-codes",
        "/api/me/second-factor/removal",
        "/api/layers/{code}/versions/{number}/export",
        "/api/plan-audits/{audit_id}/export",
    }
)
"""What somebody may do so often in a time and no more; answers 429 beyond."""

SECURITY_SCHEMES: dict[str, Any] = {
    "token": {
        "type": "http",
        "scheme": "bearer",
        "description": "a token of a department or of a service client (`blueprint token issue`)",
    },
    "session": {
        "type": "apiKey",
        "in": "cookie",
        "name": COOKIE,
        "description": f"a session (`POST /api/session`); `{SECURE_COOKIE}` over HTTPS",
    },
    "csrf": {
        "type": "apiKey",
        "in": "header",
        "name": "X-CSRF-Token",
        "description": "what `GET /api/me` tells; goes with every change that a session makes",
    },
}


def describe(app: FastAPI) -> None:
    """Let the application describe itself with what holds for all of its operations, at `/api/openapi.json`.

    Writing the description takes a second or two: it is done once, in a thread, while others are answered.
    """
    writing = Lock()

    def openapi() -> dict[str, Any]:
        with writing:
            if app.openapi_schema is None:
                app.openapi_schema = _document(app)
            return app.openapi_schema

    def show(_request: Request) -> Response:
        return Response(orjson.dumps(openapi()), media_type="application/json")

    app.openapi = openapi  # type: ignore[method-assign]
    app.add_route("/api/openapi.json", show, include_in_schema=False)


def _document(app: FastAPI) -> dict[str, Any]:
    document = get_openapi(
        title=app.title, version=app.version, description=app.description, routes=app.routes
    )
    components = document.setdefault("components", {})
    components.setdefault("schemas", {})["Problem"] = _PROBLEM
    for unused in ("HTTPValidationError", "ValidationError"):
        components["schemas"].pop(unused, None)
    components.setdefault("securitySchemes", {}).update(SECURITY_SCHEMES)
    components["headers"] = {
        "X-Request-Id": {
            "description": "the id of this request, as the log has it",
            "required": True,
            "schema": {"type": "string", "pattern": "^[A-Za-z0-9_-]{8,64}$"},
        }
    }
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            _complete(operation, method.upper(), path)
    return document


def _complete(operation: dict[str, Any], method: str, path: str) -> None:
    """Add to one operation the errors it may answer, who may call it, and the headers of its answers."""
    responses: dict[str, Any] = operation["responses"]
    statuses = _WRITES if method in WRITING else _READS
    for status in (*statuses, 429) if path in LIMITED else statuses:
        responses[str(status)] = {
            "description": _WORDS[status],
            "content": {PROBLEM_MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
        }
    for response in responses.values():
        response.setdefault("headers", {})["X-Request-Id"] = {"$ref": "#/components/headers/X-Request-Id"}
    by_session: dict[str, list[str]] = {"session": [], "csrf": []} if method in WRITING else {"session": []}
    schemes: list[dict[str, list[str]]] = [{"token": []}, by_session]
    operation["security"] = [{}, *schemes] if (method, path) in ANYONE else schemes
