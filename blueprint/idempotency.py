"""`Idempotency-Key` (IETF draft-ietf-httpapi-idempotency-key-header): a write that is sent again is done once.

The answer is kept in the transaction of the act itself, so either both are there after a crash or neither. An act that
was refused has changed nothing, and its key is free. Routers take `IdempotentRoute` as their `route_class`.
"""

import hashlib
import json
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Any

from fastapi import Depends, Header, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import Response
from fastapi.routing import APIRoute
from sqlalchemy import CheckConstraint, Index, LargeBinary, String, delete, func, select
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, Session, mapped_column
from starlette.datastructures import UploadFile

from blueprint.accounts.credentials import credentials_of
from blueprint.database import Base
from blueprint.edge import NowDep, SessionDep, who_asks
from blueprint.errors import ConflictError, InvalidInputError
from blueprint.permissions import Actor

KEPT_FOR = timedelta(hours=24)
WRITING = frozenset({"POST", "PUT", "PATCH", "DELETE"})
MAX_KEPT_BYTES = 4 << 20
"""A larger answer is not kept; the act is, and is not done twice."""

_KEPT_HEADERS = ("content-type", "etag", "location")
_SECRET_NAMES = frozenset(
    {"token", "access_token", "refresh_token", "password", "secret", "csrf_token", "otp_secret", "totp_secret",
     "totp_uri", "otpauth_uri", "provisioning_uri", "recovery_codes"}
)  # fmt: skip

IdempotencyKey = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=255,
        pattern=r"^[\x21-\x7e]+$",
        description="the same key with the same request is done once and answered again for 24 hours",
    ),
]


class KeptAnswer(Base):
    """The answer of a write that named a key; `id` is a hash of who, what and the key, nothing of them is kept.

    `body` is NULL when it held a secret, which is shown once, or was too large.
    """

    __tablename__ = "kept_answer"
    __table_args__ = (
        CheckConstraint("status BETWEEN 200 AND 299", name="done"),
        Index("ix_kept_answer_made_at", "made_at"),
        {"schema": "blueprint"},
    )

    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    fingerprint: Mapped[str] = mapped_column(String(64))
    status: Mapped[int]
    headers: Mapped[dict[str, str]] = mapped_column(JSONB)
    body: Mapped[bytes | None] = mapped_column(LargeBinary)
    made_at: Mapped[datetime]


class _AnsweredBeforeError(Exception):
    """Not a failure: the way from the dependency, past the route, to the answer that was kept."""

    def __init__(self, answer: Response) -> None:
        super().__init__()
        self.answer = answer


@dataclass(frozen=True)
class _Claim:
    """One request's right to do an act; held by a lock of its transaction, so a crash gives it back."""

    session: Session
    id: str
    fingerprint: str
    now: datetime

    def take(self) -> None:
        """Go on when nobody did it yet; else answer what was answered, or say why not."""
        number = int.from_bytes(bytes.fromhex(self.id)[:8], signed=True)
        if not self.session.scalar(select(func.pg_try_advisory_xact_lock(number))):
            raise ConflictError(
                "a request with this Idempotency-Key is still being done; wait a moment and send it again"
            )
        kept = self.session.get(KeptAnswer, self.id)
        if kept is None:
            return
        if kept.made_at <= self.now - KEPT_FOR:
            self.session.delete(kept)
            self.session.flush()
            return
        if kept.fingerprint != self.fingerprint:
            raise InvalidInputError(
                "this Idempotency-Key was used for another request; every act needs a key of its own"
            )
        if kept.body is None:
            raise ConflictError(
                "this was done already, and its answer is shown once; read the thing with GET, or do it anew with another"
                " Idempotency-Key"
            )
        headers = {**kept.headers, "Idempotency-Replayed": "true"}
        raise _AnsweredBeforeError(Response(kept.body, kept.status, headers))

    def keep(self, answer: Response) -> None:
        """Keep the answer of an act that was done; committed with the act."""
        if not 200 <= answer.status_code < 300:
            return
        headers = {name: answer.headers[name] for name in _KEPT_HEADERS if name in answer.headers}
        self.session.add(
            KeptAnswer(
                id=self.id,
                fingerprint=self.fingerprint,
                status=answer.status_code,
                headers=headers,
                body=_keepable(answer),
                made_at=self.now,
            )
        )
        self.session.flush()


async def _claim(request: Request, session: SessionDep, now: NowDep, key: IdempotencyKey = None) -> None:
    """Runs before the route's own work, and finds out first who asks: a revoked token gets no kept answer."""
    if key is None:
        return
    actor = await run_in_threadpool(who_asks, request, session)
    if not actor.signed_in:
        return
    given = credentials_of(request.headers)
    claim = _Claim(
        session,
        _sha256(
            given.text if given is not None else "", request.method, request.scope["path"], key.strip('"')
        ),
        await _fingerprint(request, actor),
        now,
    )
    await run_in_threadpool(claim.take)
    request.scope["idempotency_claim"] = claim


def is_claimed(request: Request) -> bool:
    """Say whether the answer will be kept, in the transaction of the act, which then is not the route's to commit."""
    return "idempotency_claim" in request.scope


class IdempotentRoute(APIRoute):
    """A route whose writes honour `Idempotency-Key`."""

    def __init__(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:
        if WRITING & set(options.get("methods") or ()):
            options["dependencies"] = [*(options.get("dependencies") or ()), Depends(_claim)]
        super().__init__(path, endpoint, **options)

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The route's handler, which keeps its answer before the request's transaction is committed."""
        handle = super().get_route_handler()

        async def handle_once(request: Request) -> Response:
            try:
                answer = await handle(request)
            except _AnsweredBeforeError as before:
                return before.answer
            claim: _Claim | None = request.scope.get("idempotency_claim")
            if claim is not None:
                await run_in_threadpool(claim.keep, answer)
            return answer

        return handle_once


def forget_old_answers(session: Session, *, now: datetime) -> int:
    """Delete the answers whose day has passed; says how many."""
    statement = delete(KeptAnswer).where(KeptAnswer.made_at <= now - KEPT_FOR)
    return len(session.execute(statement.returning(KeptAnswer.id)).all())


async def _fingerprint(request: Request, actor: Actor) -> str:
    """A hash of query, `If-Match`, content and the caller's grants: what was answered under a grant is not shown when it is withdrawn.

    Of a form its fields are hashed, for its boundary is another every time.
    """
    pieces: list[str | bytes] = [
        ",".join(str(grant.number) for grant in actor.grants),
        request.scope.get("query_string", b""),
        request.headers.get("if-match", ""),
    ]
    if request.headers.get("content-type", "").lower().startswith(("multipart/", "application/x-www-form")):
        for name, value in (await request.form()).multi_items():
            pieces.append(name)
            if isinstance(value, UploadFile):
                pieces += [value.filename or "", await run_in_threadpool(_hash_file, value)]
            else:
                pieces.append(value)
    else:
        pieces.append(await request.body())
    return _sha256(*pieces)


def _hash_file(upload: UploadFile) -> bytes:
    upload.file.seek(0)
    digest = hashlib.file_digest(upload.file, "sha256").digest()  # type: ignore[arg-type]
    upload.file.seek(0)
    return digest


def _sha256(*pieces: str | bytes) -> str:
    """A hash of pieces with their lengths, so that no two lists of pieces read the same."""
    digest = hashlib.sha256()
    for piece in pieces:
        content = piece.encode("utf-8", "surrogateescape") if isinstance(piece, str) else piece
        digest.update(len(content).to_bytes(8) + content)
    return digest.hexdigest()


def _keepable(answer: Response) -> bytes | None:
    body = getattr(answer, "body", None)
    if not isinstance(body, bytes) or len(body) > MAX_KEPT_BYTES or "set-cookie" in answer.headers:
        return None
    if not body or "json" not in answer.headers.get("content-type", ""):
        return body
    return None if _holds_secret(json.loads(body)) else body


def _holds_secret(document: Any) -> bool:
    left = [document]
    while left:
        value = left.pop()
        if isinstance(value, dict):
            if any(name.lower() in _SECRET_NAMES and held for name, held in value.items()):
                return True
            left.extend(value.values())
        elif isinstance(value, list):
            left.extend(value)
    return False
