"""The one table from errors to HTTP: RFC 9457 problem documents, and exit statuses of the command line."""

import logging
import math
from collections.abc import Callable, Mapping
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.routing import iter_route_contexts
from psycopg2.errors import DiskFull
from psycopg2.extensions import TransactionRollbackError
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from starlette.exceptions import HTTPException

from blueprint.errors import (
    BlueprintError,
    BusyError,
    ChangedMeanwhileError,
    ConflictError,
    InvalidInputError,
    NotFoundError,
    NotPermittedError,
    NotSignedInError,
    StorageFullError,
    TooLargeError,
    TooManyAttemptsError,
    UnavailableError,
    is_disk_full,
)
from blueprint.permissions import RefusedError
from blueprint.problem import PROBLEM_MEDIA_TYPE, encodable, problem_document
from blueprint.sentences import Sentence
from blueprint.sentences.validation import sentence_of_validation
from service.body_limit import BodyRefusedError

_log = logging.getLogger("blueprint")

_FAMILIES: list[tuple[type[BlueprintError], int]] = [
    (TooLargeError, 413),
    (InvalidInputError, 422),
    (NotFoundError, 404),
    (NotSignedInError, 401),
    (NotPermittedError, 403),
    (ChangedMeanwhileError, 412),
    (ConflictError, 409),
    (TooManyAttemptsError, 429),
    (BusyError, 503),
    (StorageFullError, 507),
    (UnavailableError, 503),
]


_SENTENCES = {
    "Not Found": Sentence("nothing has this address; /api/docs lists what there is"),
    "Method Not Allowed": Sentence(
        "this address does not take that method; the Allow header names those it takes"
    ),
    "There was an error parsing the body": Sentence(
        "the body cannot be read; is it what its Content-Type says?"
    ),
}
"""What the frameworks say, in our words."""


def status_of(error: BlueprintError) -> int:
    """The HTTP status of an error's family."""
    return next((status for family, status in _FAMILIES if isinstance(error, family)), 500)


def exit_status_of(error: BlueprintError) -> int:
    """2 when what was given, or the machine, has to be mended first; else 1 (decision 0035)."""
    return 2 if isinstance(error, InvalidInputError | NotFoundError | UnavailableError) else 1


def as_blueprint_error(error: DBAPIError | PoolTimeoutError | OSError) -> BlueprintError | None:
    """What a database or disk error means to a user; None when it is a fault of ours."""
    if isinstance(error, DBAPIError) and isinstance(error.orig, DiskFull):
        return StorageFullError(
            "the database's disk is full; nothing was stored, free some space and try again"
        )
    if isinstance(error, DBAPIError) and isinstance(error.orig, TransactionRollbackError):
        return BusyError(
            "somebody changed the same at the same moment; nothing was stored, try again in a moment"
        )
    if isinstance(error, OSError):
        return (
            StorageFullError("the disk is full; nothing was stored, free some space and try again")
            if is_disk_full(error)
            else None
        )
    if isinstance(error, OperationalError | PoolTimeoutError) or (
        isinstance(error, DBAPIError) and error.connection_invalidated
    ):
        return UnavailableError("the database cannot be reached; is it started, and is DATABASE_URL right?")
    return None


def add_problem_handlers(app: FastAPI) -> None:
    """Answer every error that a route raises as `application/problem+json`; `service.outer` answers the others."""
    app.add_exception_handler(BlueprintError, _on(_blueprint_error))
    app.add_exception_handler(RequestValidationError, _on(_validation_error))
    app.add_exception_handler(HTTPException, _on(_http_error))
    app.add_exception_handler(DBAPIError, _on(_database_error))
    app.add_exception_handler(PoolTimeoutError, _on(_database_error))


def problem_of(request: Request, error: Exception) -> JSONResponse:
    """The answer to an error that no handler of the application took; a fault of ours is logged."""
    if isinstance(error, HTTPException):
        return _http_error(request, error)
    if isinstance(error, BlueprintError):
        return _blueprint_error(request, error)
    if isinstance(error, DBAPIError | PoolTimeoutError):
        return _database_error(request, error)
    return _internal_error(request, error)


def _on(answer: Callable[..., JSONResponse]) -> Callable[[Request, Exception], JSONResponse]:
    return answer


def _problem(
    request: Request,
    status: int,
    detail: Sentence,
    headers: dict[str, str] | None = None,
    members: dict[str, Any] | None = None,
) -> JSONResponse:
    document = problem_document(status, detail, request.url.path) | (members or {})
    return JSONResponse(document, status, headers=headers, media_type=PROBLEM_MEDIA_TYPE)


def _blueprint_error(request: Request, error: BlueprintError) -> JSONResponse:
    if isinstance(error, RefusedError):
        state = request.app.state
        state.refusals.note(error, state.edge.now())
    status = status_of(error)
    headers = {401: {"WWW-Authenticate": "Bearer"}, 503: {"Retry-After": "5"}}.get(status)
    if isinstance(error, TooManyAttemptsError):
        headers = {"Retry-After": str(math.ceil(error.retry_after.total_seconds()))}
    place = {"place": encodable(error.place)} if error.place is not None else {}
    return _problem(request, status, error.sentence, headers, place | error.members)


def _validation_error(request: Request, error: RequestValidationError) -> JSONResponse:
    first = error.errors()[0]
    place = _place_of(first)
    return _problem(request, 422, _sentence_of(first), members={"place": place} if place else None)


def _sentence_of(first: Mapping[str, Any]) -> Sentence:
    """What is wrong with a request that does not fit its description, and where."""
    kind, is_body = first["type"], first["loc"] == ("body",)
    if kind == "json_invalid":
        return Sentence(
            "the body is no JSON: {error} at character {position}; mend it and send it again",
            error=str(first["ctx"]["error"]),
            position=first["loc"][-1],
        )
    if kind == "missing" and is_body:
        return Sentence("the request has no body; send one, JSON as Content-Type: application/json")
    if kind in ("dict_type", "model_attributes_type") and is_body:
        return Sentence("the body is no JSON object; send one as Content-Type: application/json")
    where = _place_of(first) or str(first["loc"][0])
    return Sentence("{field}: {what}", field=where, what=sentence_of_validation(first))


def _place_of(first: Mapping[str, Any]) -> str:
    """Where in the body, the address or the headers it is, as in `buffer_by.widths`."""
    return encodable(".".join(str(part) for part in first["loc"][1:]))


def _http_error(request: Request, error: HTTPException) -> JSONResponse:
    headers = dict(error.headers or {})
    if error.status_code == 405:
        headers["Allow"] = ", ".join(_methods_of(request))
    if isinstance(error, BodyRefusedError):
        detail = error.sentence
    else:
        detail = _SENTENCES.get(str(error.detail)) or Sentence(str(error.detail))
    return _problem(request, error.status_code, detail, headers)


def _methods_of(request: Request) -> list[str]:
    """All methods that an address takes, where the router knows its first route only; a name goes before a parameter."""
    path = request.url.path
    routes = [
        route
        for route in iter_route_contexts(request.app.routes)
        if route.path_regex is not None and route.path_regex.match(path)
    ]
    named = [route for route in routes if route.path == path]
    return sorted({method for route in named or routes for method in route.methods or ()})


def _database_error(request: Request, error: DBAPIError | PoolTimeoutError) -> JSONResponse:
    known = as_blueprint_error(error)
    return _blueprint_error(request, known) if known is not None else _internal_error(request, error)


def _internal_error(request: Request, error: Exception) -> JSONResponse:
    _log.error("%s %s failed", request.method, request.url.path, exc_info=error)
    detail = Sentence("the service failed; the fault is in its log under this request's id")
    return _problem(request, 500, detail)
