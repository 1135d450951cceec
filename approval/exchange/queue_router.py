"""Routes of the exchange's queue: fill it, take a batch, say what became of it, send again."""

from dataclasses import asdict
from datetime import date
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Query, Response
from pydantic import BaseModel, Field

from approval.exchange import queue
from approval.exchange.fields import tables
from approval.exchange.package import Package, to_zip
from approval.exchange.router import ZIP, RowErrorOut
from blueprint.edge import ActorDep, EdgeDep, NowDep, SessionDep
from blueprint.given import Day, Given
from blueprint.idempotency import IdempotentRoute
from blueprint.permissions import Act, require

router = APIRouter(prefix="/api/approval/exchange", tags=["approval"], route_class=IdempotentRoute)

BatchNumber = Annotated[int, Path(ge=1, le=2_000_000_000, description="批次 number of the batch")]


class RefusedRowOut(BaseModel):
    """A row that the receiving side refused, and why (SBYY)."""

    table: str
    key: str
    batch: int | None
    attempts: int
    reason: str | None


class QueueOut(BaseModel):
    """How the queue stands: rows by table and state, and those that were refused."""

    tables: dict[str, dict[str, int]]
    names: dict[str, str] = Field(description="表名 what each of the tables is called")
    refused: list[RefusedRowOut]


class FillIn(Given):
    """From which day on cases are looked through; since the last filling when not given."""

    since: Day | None = None


class FilledOut(BaseModel):
    """How many rows wait newly, and what is wrong with those that may not go out."""

    since: date | None
    queued: int
    errors: list[RowErrorOut]


class RefusedIn(Given):
    """A row that was not taken."""

    table: str = Field(min_length=1, max_length=40)
    key: str = Field(min_length=1, max_length=100)
    reason: str = Field(min_length=1, max_length=4000)


class AnswersIn(Given):
    """What became of a batch: the rows that were refused; all others were taken."""

    refused: list[RefusedIn] = Field(default_factory=list, max_length=10_000)


class AnswersOut(BaseModel):
    """How many rows of the batch were taken, and how many refused."""

    taken: int
    refused: int


class AgainOut(BaseModel):
    """How many rows wait again."""

    again: int


class BatchOut(BaseModel):
    """A batch as JSON: its number and its rows by table."""

    number: int
    rows: dict[str, list[dict[str, Any]]]


@router.get("/queue")
def show_queue(session: SessionDep, actor: ActorDep) -> QueueOut:
    """How many rows wait, were sent, taken, refused; and why those were."""
    require(actor, Act.EXCHANGE_DATA)
    return queue_out(session)


@router.post("/queue")
def fill_queue(
    session: SessionDep, actor: ActorDep, edge: EdgeDep, now: NowDep, given: FillIn | None = None
) -> FilledOut:
    """Queue the rows of the cases that changed; every row is checked first."""
    require(actor, Act.EXCHANGE_DATA)
    filled = queue.fill(session, edge.city, since=given.since if given else None, actor=actor, now=now)
    errors = [RowErrorOut(**asdict(error)) for error in filled.errors]
    return FilledOut(since=filled.since, queued=filled.queued, errors=errors)


@router.post("/batches", responses={204: {"description": "nothing waits"}}, response_model=BatchOut)
def take_batch(
    session: SessionDep,
    actor: ActorDep,
    now: NowDep,
    limit: Annotated[int, Query(ge=1, le=10_000)] = 1000,
) -> BatchOut | Response:
    """The next rows that wait, parents before children; they count as sent from here on."""
    require(actor, Act.EXCHANGE_DATA)
    batch = queue.next_batch(session, limit=limit, actor=actor, now=now)
    return batch_out(batch) if batch is not None else Response(status_code=204)


@router.get("/batches/{number}", responses={200: {"content": {ZIP: {}}}}, response_model=BatchOut)
def show_batch(
    number: BatchNumber,
    session: SessionDep,
    actor: ActorDep,
    format: Annotated[Literal["json", "zip"], Query(alias="f")] = "json",
) -> BatchOut | Response:
    """A batch once more, as JSON or a ZIP of CSV."""
    require(actor, Act.EXCHANGE_DATA)
    batch = queue.batch_again(session, number)
    if format == "json":
        return batch_out(batch)
    headers = {"Content-Disposition": f'attachment; filename="spgl-{number}.zip"'}
    return Response(to_zip(Package(batch.rows, [])), media_type=ZIP, headers=headers)


@router.put("/batches/{number}/answers")
def answer_batch(number: BatchNumber, answers: AnswersIn, session: SessionDep, actor: ActorDep) -> AnswersOut:
    """What the receiving side said of a batch (SBYY)."""
    require(actor, Act.EXCHANGE_DATA)
    refused = {(row.table, row.key): row.reason for row in answers.refused}
    taken, count = queue.take_answers(session, number, refused, actor=actor)
    return AnswersOut(taken=taken, refused=count)


@router.post("/batches/{number}/again")
def send_batch_again(number: BatchNumber, session: SessionDep, actor: ActorDep, now: NowDep) -> AgainOut:
    """Let the rows of a batch that got no answer wait again: it was lost on the way."""
    require(actor, Act.EXCHANGE_DATA)
    return AgainOut(again=queue.send_again(session, number, actor=actor, now=now))


@router.post("/queue/again")
def send_refused_again(session: SessionDep, actor: ActorDep, now: NowDep) -> AgainOut:
    """Let all rows that were refused wait again."""
    require(actor, Act.EXCHANGE_DATA)
    return AgainOut(again=queue.send_again(session, None, actor=actor, now=now))


def queue_out(session: SessionDep) -> QueueOut:
    """The queue as the outside sees it."""
    standing = queue.standing(session)
    return QueueOut(
        tables=standing,
        names={code: tables()[code][0].table_name for code in standing},
        refused=[
            RefusedRowOut(
                table=row.table_name,
                key=row.key,
                batch=row.batch,
                attempts=row.attempts,
                reason=row.reason,
            )
            for row in queue.refused_rows(session)
        ],
    )


def batch_out(batch: queue.Batch) -> BatchOut:
    """A batch as the outside sees it; tables without rows are left out."""
    rows = {table: [dict(row) for row in found] for table, found in batch.rows.items() if found}
    return BatchOut(number=batch.number, rows=rows)
