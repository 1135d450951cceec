"""Route of the data exchange: the tables of what changed since a day, checked, with the list of what is wrong."""

from dataclasses import asdict
from datetime import date
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel

from approval.exchange.fields import tables
from approval.exchange.package import Package, check, counts, to_zip
from approval.exchange.rows import Changed, build
from blueprint.audit.log import record
from blueprint.edge import ActorDep, EdgeDep, SessionDep, TodayDep
from blueprint.given import Day
from blueprint.idempotency import IdempotentRoute
from blueprint.permissions import Act, require

router = APIRouter(prefix="/api/approval/exchange", tags=["approval"], route_class=IdempotentRoute)

ZIP = "application/zip"


class RowErrorOut(BaseModel):
    """What is wrong with a field of a row, which does not go out."""

    table: str
    key: str
    field: str
    name: str
    what: str


class ExchangeOut(BaseModel):
    """How many rows of each table may go out, and what is wrong with the others; the rows themselves are in the ZIP."""

    since: date | None
    rows: dict[str, int]
    errors: list[RowErrorOut]
    unsure: list[str]


@router.get("", responses={200: {"content": {ZIP: {}}}}, response_model=ExchangeOut)
def exchange(
    session: SessionDep,
    actor: ActorDep,
    edge: EdgeDep,
    today: TodayDep,
    since: Annotated[
        Day | None, Query(description="cases that changed on this day or later; all when not given")
    ] = None,
    format: Annotated[Literal["json", "zip"], Query(alias="f")] = "json",
) -> ExchangeOut | Response:
    """The tables of the ministry's exchange standard from live data: checked row by row, as counts and errors or as a ZIP of CSV."""
    require(actor, Act.EXCHANGE_DATA)
    package = check(build(session, edge.city, Changed(since), today=today))
    if format == "json":
        return exchange_out(package, since)
    note: dict[str, Any] = {
        "since": since,
        "rows": sum(counts(package.rows).values()),
        "errors": len(package.errors),
    }
    record(session, actor, Act.EXCHANGE_DATA, kind="exchange", id=str(since or "all"), after=note)
    headers = {"Content-Disposition": 'attachment; filename="spgl.zip"'}
    return Response(to_zip(package), media_type=ZIP, headers=headers)


def exchange_out(package: Package, since: date | None) -> ExchangeOut:
    """A package as the outside sees it; `unsure` are tables whose fields no published standard was at hand for."""
    return ExchangeOut(
        since=since,
        rows=counts(package.rows),
        errors=[RowErrorOut(**asdict(error)) for error in package.errors],
        unsure=[table for table, fields in tables().items() if "memory" in fields[0].source],
    )
