"""The one shape in which every error is told over HTTP (RFC 9457)."""

from http import HTTPStatus
from typing import Any

PROBLEM_MEDIA_TYPE = "application/problem+json"


def problem_document(status: int, title: str | None, detail: str, instance: str | None) -> dict[str, Any]:
    """A problem document; `title` None is the phrase of the status, `instance` the path that was asked for."""
    document: dict[str, Any] = {
        "type": "about:blank",
        "title": title or HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
    }
    if instance is not None:
        document["instance"] = instance
    return document
