"""How much a request may send and how long it may take, judged before anything is read and counted while it is.

Starlette's own limit answers in plain text and knows no time; this one answers as every other error does.
"""

import asyncio
import re
import time
from collections.abc import Awaitable, Callable, MutableMapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from starlette.exceptions import HTTPException

from blueprint.footprint import MAX_TEXT_BYTES
from blueprint.sentences import Sentence
from coordination.handover import MAX_MESSAGE_BYTES
from service.settings import Settings

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]

JSON_BYTES = 2 << 20
FORM_BYTES = 1 << 20
"""What a form has around its file: boundaries, names, the other fields."""

_FOOTPRINTS = re.compile(r"/api/(checks|trims|shifts|refits|alternatives|projects(/\d+/footprint)?)/?")
_UPLOADS = re.compile(
    r"/api/layers/[^/]+/(versions(/\d+/delta)?|diagnosis)/?|/api/approval/cases/[^/]+/(materials|items/[^/]+/result-file)/?"
    r"|/api/(projects|opinion-requests)/[^/]+/attachments/?"
    r"|/api/(footprints|check-batches|report-verifications|report-differences)/?"
)
_INTAKE = re.compile(r"/api/approval/intake/?")

LINGER_SECONDS = 2.0
LINGER_BYTES = 16 << 20
"""How much of a refused body is still read and thrown away: a connection closed on unread bytes would lose the answer."""


@dataclass(frozen=True)
class BodyLimit:
    """The largest body of a route in bytes, and the seconds it may take from its first byte to its last."""

    bytes: int
    seconds: float
    needs_sign_in: bool = False
    """Whether it is refused at once without a token or a session: large files are not spooled for strangers."""


class BodyRefusedError(HTTPException):
    """A body that is not read (any further); the connection is closed behind the answer."""

    def __init__(self, status: int, sentence: Sentence, **headers: str) -> None:
        super().__init__(status, sentence.english, headers={"Connection": "close"} | headers)
        self.sentence = sentence


def limit_of(path: str, settings: Settings) -> BodyLimit:
    """The limit of a route's class: an upload, a footprint, a handover, or any other body."""
    if _UPLOADS.fullmatch(path):
        return BodyLimit(
            (settings.max_upload_mb << 20) + FORM_BYTES, settings.upload_seconds, needs_sign_in=True
        )
    if _FOOTPRINTS.fullmatch(path):
        return BodyLimit(MAX_TEXT_BYTES, settings.body_seconds)
    if _INTAKE.fullmatch(path):
        return BodyLimit(MAX_MESSAGE_BYTES, settings.body_seconds)
    return BodyLimit(JSON_BYTES, settings.body_seconds)


class LimitedBody:
    """A request's body that refuses to be larger or slower than its limit; the connection is closed with the answer."""

    def __init__(self, scope: Scope, receive: Receive, limit: BodyLimit) -> None:
        self._receive = receive
        self._limit = limit
        self._headers: dict[bytes, bytes] = dict(scope["headers"])
        self._left = limit.bytes
        self._deadline: float | None = None
        self._is_read = False
        self.is_refused = False

    def refusal(self) -> HTTPException | None:
        """Why the body is not even begun to be read, if that can be said from the headers."""
        error = self._judge_headers()
        self.is_refused = error is not None
        return error

    def _judge_headers(self) -> HTTPException | None:
        length = self._headers.get(b"content-length", b"0")
        if not length.isdigit():
            return BodyRefusedError(400, Sentence("Content-Length must be a number of bytes"))
        if int(length) > self._limit.bytes:
            return self._too_large()
        has_body = int(length) > 0 or b"transfer-encoding" in self._headers
        if self._limit.needs_sign_in and has_body and not is_signed_in(self._headers):
            return BodyRefusedError(
                401,
                Sentence(
                    "sign in first: a file is taken with a token (Authorization: Bearer …) or a session only"
                ),
                **{"WWW-Authenticate": "Bearer"},
            )
        return None

    async def receive(self) -> Message:
        """The next piece of the body (ASGI); after its end, whatever the server has to say."""
        if self._is_read:
            return await self._receive()
        if self._deadline is None:
            self._deadline = time.monotonic() + self._limit.seconds
        try:
            async with asyncio.timeout(self._deadline - time.monotonic()):
                message = await self._receive()
        except TimeoutError:
            self.is_refused = True
            raise BodyRefusedError(
                408,
                Sentence(
                    "the body took longer than {seconds:g} seconds; send it again over a faster line",
                    seconds=self._limit.seconds,
                ),
            ) from None
        self._left -= len(message.get("body", b""))
        if self._left < 0:
            self.is_refused = True
            raise self._too_large()
        self._is_read = not message.get("more_body", False)
        return message

    async def throw_away(self) -> None:
        """Read on for a moment what a refused sender has under way, so that it gets to see the answer."""
        left = LINGER_BYTES
        with suppress(TimeoutError):
            async with asyncio.timeout(LINGER_SECONDS):
                while left > 0:
                    message = await self._receive()
                    left -= len(message.get("body", b""))
                    if not message.get("more_body", False):
                        return

    def _too_large(self) -> HTTPException:
        limit = self._limit.bytes
        size = f"{limit >> 20} MB" if limit >= 1 << 20 else Sentence("{limit} bytes", limit=limit)
        return BodyRefusedError(
            413, Sentence("the body is larger than {size}, the most this route takes", size=size)
        )


def is_signed_in(headers: dict[bytes, bytes]) -> bool:
    """Say whether a request brings a token or a session, good or not."""
    return b"authorization" in headers or b"cookie" in headers
