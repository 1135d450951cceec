"""Optimistic locking (RFC 9110, 13.1.1): a tag for what was read, and `If-Match` so that nobody undoes what another did.

A tag is a hash of what this reader was shown, so it says nothing that the answer did not. It stands for what people
change, not for every byte: what a day or a delivery changes by itself is left out.
"""

import hashlib
import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Annotated, Any, ClassVar, Literal, TypeVar

from fastapi import Header, Response
from pydantic import BaseModel
from sqlalchemy.orm import Session

from blueprint.errors import ChangedMeanwhileError

IfMatch = Annotated[
    str | None,
    Header(
        alias="If-Match",
        max_length=1000,
        description="the `ETag` of what was read; 412 when the thing was changed since, nothing is checked without it",
    ),
]

IfNoneMatch = Annotated[
    Literal["*"] | None,
    Header(alias="If-None-Match", description="`*`: only where there is none yet; 412 where there is one"),
]


class Tagged(BaseModel):
    """The shape of a thing that two people can change."""

    changes_by_itself: ClassVar[dict[str, Any]] = {}
    """Fields that are no part of the tag, as pydantic's `exclude` names them."""


Shown = TypeVar("Shown", bound=Tagged)


def tag_of(shown: Tagged) -> str:
    """The `ETag` of a thing as this reader is shown it."""
    document = shown.model_dump(exclude=shown.changes_by_itself)
    text = json.dumps(document, sort_keys=True, default=_plain)
    return f'"{hashlib.sha256(text.encode()).hexdigest()[:32]}"'


def _plain(value: object) -> str:
    """An instant reads the same before it was stored and after, whatever its time zone."""
    return value.astimezone(UTC).isoformat() if isinstance(value, datetime) else str(value)


def tagged(shown: Shown, response: Response) -> Shown:
    """The thing, with its tag on the answer."""
    response.headers["ETag"] = tag_of(shown)
    return shown


def hold_to(session: Session, if_match: str | None, row: object, show: Callable[[], Tagged]) -> None:
    """Refuse a change of a thing that is not what the caller read; its row is locked until the change is committed.

    `show` is called after the lock was got, when everything is read again.
    """
    if if_match is None:
        return
    session.refresh(row, attribute_names=["id"], with_for_update=True)
    session.expire_all()
    refuse_changed(if_match, show)


def refuse_changed(if_match: str | None, show: Callable[[], Tagged]) -> None:
    """The same where what was read is no row of its own; the caller holds the lock."""
    if if_match is not None and not _matches(if_match, tag_of(show())):
        raise changed_meanwhile()


def changed_meanwhile() -> ChangedMeanwhileError:
    """What the one who comes second is told."""
    return ChangedMeanwhileError(
        "it was changed since you read it, and nothing of yours was kept; read it again, compare, and send your change"
        " with the new ETag in If-Match"
    )


def _matches(if_match: str, tag: str) -> bool:
    """The strong comparison: a weak tag (`W/`) never matches."""
    candidates = [candidate.strip() for candidate in if_match.split(",")]
    return candidates == ["*"] or tag in candidates
