"""Routes of the audit log: search, export and proof; looking at it is itself recorded."""

from collections.abc import Iterator
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query
from fastapi.responses import StreamingResponse
from pydantic import BaseModel
from sqlalchemy.orm import Session

from blueprint.audit.log import record
from blueprint.audit.search import Question, entry_values, export_lines, search
from blueprint.audit.verification import Anchor, head_of, verify_piece
from blueprint.edge import ActorDep, EdgeDep, NowDep, SessionDep
from blueprint.given import Day
from blueprint.permissions import Act, require
from blueprint.wall import enter, viewer_of

router = APIRouter(prefix="/api/audit-log", tags=["audit"])

Word = Annotated[str | None, Query(max_length=200, pattern=r"^[^\x00]*$")]


class EntryOut(BaseModel):
    """An entry of the log; hashes in hexadecimal."""

    seq: int
    at: str
    actor: str
    department: str | None
    roles: list[str]
    channel: str
    address: str | None
    request_id: str | None
    act: str
    kind: str
    thing: str
    purpose: str | None
    before: dict[str, Any] | None
    after: dict[str, Any] | None
    outcome: str
    previous: str
    hash: str


class EntryPage(BaseModel):
    """A page of entries, newest first; `next` is the cursor of the following one."""

    items: list[EntryOut]
    next: int | None


def _question(
    actor: Word = None,
    department: Word = None,
    act: Word = None,
    kind: Word = None,
    thing: Word = None,
    outcome: Literal["done", "refused"] | None = None,
    first_day: Annotated[Day | None, Query(alias="from")] = None,
    last_day: Annotated[Day | None, Query(alias="to")] = None,
) -> Question:
    return Question(actor, department, act, kind, thing, outcome, first_day, last_day)


Asked = Annotated[Question, Depends(_question)]


@router.get("")
def search_entries(
    question: Asked,
    session: SessionDep,
    actor: ActorDep,
    cursor: Annotated[int | None, Query(ge=1, le=2**62)] = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> EntryPage:
    """Entries of the audit log, newest first."""
    require(actor, Act.READ_AUDIT_LOG)
    found = search(session, question, before=cursor, limit=limit)
    record(session, actor, Act.READ_AUDIT_LOG, kind="audit_log", id="search", after=_told(question))
    return EntryPage(
        items=[EntryOut(**entry_values(entry)) for entry in found],
        next=found[-1].seq if len(found) == limit else None,
    )


@router.get("/export", response_class=StreamingResponse)
def export_entries(
    question: Asked,
    session: SessionDep,
    actor: ActorDep,
    edge: EdgeDep,
    form: Annotated[Literal["ndjson", "csv"], Query(alias="f")] = "ndjson",
) -> StreamingResponse:
    """All entries that answer the question, oldest first, as NDJSON or CSV."""
    require(actor, Act.EXPORT_AUDIT_LOG)
    record(session, actor, Act.EXPORT_AUDIT_LOG, kind="audit_log", id=form, after=_told(question))

    def lines() -> Iterator[str]:
        with Session(edge.engine) as reading:
            enter(reading, viewer_of(actor))
            yield from export_lines(reading, question, form)

    media_type = "text/csv; charset=utf-8" if form == "csv" else "application/x-ndjson"
    headers = {"Content-Disposition": f'attachment; filename="audit-log.{form}"'}
    return StreamingResponse(lines(), media_type=media_type, headers=headers)


class VerificationOut(BaseModel):
    """What was found: how many entries there are and the head, whose hash is to be kept elsewhere; or the first entry that is
    wrong and why. `next` is the cursor of the next piece: a log holds when all its pieces do.
    """

    holds: bool
    entries: int
    head: int
    head_hash: str
    wrong_seq: int | None
    reason: str | None
    reason_zh: str | None
    next: int | None


@router.get("/verification")
def verify_log(
    session: SessionDep,
    actor: ActorDep,
    now: NowDep,
    anchor: Annotated[
        str | None,
        Query(
            pattern="^[1-9][0-9]{0,17} [0-9a-f]{64}$",
            description="锚点 an entry's number and hash that were kept elsewhere, as `blueprint audit-log anchor` prints them",
        ),
    ] = None,
    cursor: Annotated[int, Query(ge=0, le=2**62)] = 0,
) -> VerificationOut:
    """Walk the chain, some tens of thousands of entries a time, and compare it with an anchor where one is given."""
    require(actor, Act.READ_AUDIT_LOG)
    anchors = []
    if anchor is not None:
        seq, _, kept = anchor.partition(" ")
        anchors = [Anchor(int(seq), kept, "抄存之日 the day it was kept")]
    found = verify_piece(session, anchors, after=cursor)
    told = {
        "holds": found.holds,
        "from": cursor,
        "to": found.walked_to,
        "head": found.head,
        "wrong_seq": found.wrong_seq,
    }
    record(session, actor, Act.READ_AUDIT_LOG, kind="audit_log", id="verification", after=told)
    return VerificationOut(
        holds=found.holds,
        entries=found.entries,
        head=found.head,
        head_hash=head_of(session, now).hash,
        wrong_seq=found.wrong_seq,
        reason=found.reason.english if found.reason else None,
        reason_zh=found.reason.chinese if found.reason else None,
        next=found.walked_to if found.holds and found.walked_to < found.head else None,
    )


def _told(question: Question) -> dict[str, Any]:
    return {name: value for name, value in vars(question).items() if value is not None}
