"""The one shape in which every error is told over HTTP (RFC 9457)."""

from http import HTTPStatus
from typing import Any

from structlog.contextvars import get_contextvars

PROBLEM_MEDIA_TYPE = "application/problem+json"


def problem_document(status: int, detail: str, instance: str | None) -> dict[str, Any]:
    """A problem document; `instance` is the path that was asked for.

    Its title is the status's own phrase, as RFC 9457 (4.2.1) asks where the type is `about:blank`.

    It carries the id of the request under way, by which the log is searched.
    """
    document: dict[str, Any] = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": _encodable(detail),
    }
    if instance is not None:
        document["instance"] = _encodable(instance)
    request_id = get_contextvars().get("request_id")
    if request_id is not None:
        document["request_id"] = request_id
    return document


def _encodable(text: str) -> str:
    """Text that may quote half a surrogate pair of the caller's, as UTF-8 can hold it."""
    return text.encode("utf-8", "backslashreplace").decode()
