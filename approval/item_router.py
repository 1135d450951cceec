"""Routes of items: the process table, preparing a case, steps, the time ledger."""

from dataclasses import asdict
from typing import Annotated

from fastapi import APIRouter, Depends, Header, Query, Response
from fastapi import Path as PathParameter

from approval import cases, preparation
from approval.case_overview import case_out
from approval.item_overview import (
    Desk,
    case_items,
    item_brief,
    item_out,
    ledger_out,
    list_items,
)
from approval.item_schemas import (
    ItemIn,
    ItemList,
    ItemOut,
    ItemPage,
    ItemRuleOut,
    LedgerOut,
    MaterialRuleOut,
    NotTakenOut,
    ProcessIn,
    ProcessTableOut,
    ProjectTypeOut,
    StepIn,
    StepsIn,
    StopRuleOut,
    TogetherOut,
)
from approval.item_states import WINDOW_STEPS, ItemState, Step
from approval.item_steps import Lacking, Promised, ResultGiven, StepGiven
from approval.items import find_item, held_item, take_step
from approval.process_table import ProcessTable
from approval.router import Number
from approval.schemas import CaseOut
from approval.unified_acceptance import take_together
from blueprint.edge import ActorDep, EdgeDep, NowDep, SessionDep, TodayDep
from blueprint.etags import IfMatch, hold_to, tagged
from blueprint.given import Text
from blueprint.idempotency import IdempotentRoute
from blueprint.permissions import Act, Thing, require

router = APIRouter(prefix="/api/approval", tags=["approval"], route_class=IdempotentRoute)

ItemCode = Annotated[Text, PathParameter(max_length=20, description="事项代码 code of the item")]


async def _desk(edge: EdgeDep, today: TodayDep) -> Desk:
    return Desk(edge.city, edge.calendar, today)


DeskDep = Annotated[Desk, Depends(_desk)]


@router.get("/process-table")
def show_process_table(
    session: SessionDep,
    actor: ActorDep,
    edge: EdgeDep,
    today: TodayDep,
    number: Annotated[
        str | None, Query(max_length=40, description="案件编号 of a case: the table that it started under")
    ] = None,
) -> ProcessTableOut:
    """The process table (审批流程表): of today, under which a case prepared now starts, or a running case's own."""
    require(actor, Act.READ_CASE)
    if number is None:
        return process_table_out(preparation.table_in_force(edge.city, today=today))
    return process_table_out(preparation.table_of(session, cases.find_case(session, number)))


@router.put("/cases/{number}/process")
def prepare(
    number: Number,
    process: ProcessIn,
    session: SessionDep,
    actor: ActorDep,
    edge: EdgeDep,
    now: NowDep,
    response: Response,
    if_match: IfMatch = None,
) -> CaseOut:
    """Prepare a case: its project type, the items it needs, the district whose departments approve. No code is needed yet."""
    cases.refuse_unknown(actor, Act.PREPARE_CASE)
    case = cases.locked_case(session, number)
    # A case that no hall has taken on is taken on by the hall of who prepares it.
    require(actor, Act.PREPARE_CASE, Thing(department=case.hall or actor.department))
    if if_match is not None:
        hold_to(session, if_match, case, lambda: case_out(session, case, edge.city))
    preparation.prepare(
        session,
        case,
        process.project_type,
        process.items,
        district=process.district,
        city=edge.city,
        actor=actor,
        now=now,
    )
    return tagged(case_out(session, case, edge.city), response)


@router.get("/cases/{number}/items")
def list_case_items(number: Number, session: SessionDep, actor: ActorDep, desk: DeskDep) -> ItemList:
    """The items of a case, every round of each."""
    require(actor, Act.READ_CASE)
    return ItemList(items=case_items(session, cases.find_case_id(session, number), desk))


@router.post("/cases/{number}/items", status_code=201)
def add_item(
    number: Number,
    item: ItemIn,
    session: SessionDep,
    actor: ActorDep,
    desk: DeskDep,
    response: Response,
) -> ItemOut:
    """Add an item that the project needs besides, or apply again for one that ended without approval."""
    cases.refuse_unknown(actor, Act.PREPARE_CASE)
    case = cases.locked_case(session, number)
    require(actor, Act.PREPARE_CASE, case.thing)
    made = preparation.add_item(session, case, item.code, city=desk.city, actor=actor)
    return tagged(item_out(session, made, desk), response)


@router.get("/cases/{number}/items/{code}")
def show_item(
    number: Number,
    code: ItemCode,
    session: SessionDep,
    actor: ActorDep,
    desk: DeskDep,
    response: Response,
    round: Annotated[int | None, Query(ge=1, le=1000, description="the newest when not given")] = None,
) -> ItemOut:
    """An item: steps, whose time passed, materials and where they lie, what is in the way, result."""
    require(actor, Act.READ_CASE)
    item = find_item(session, cases.find_case(session, number), code, round)
    return tagged(item_out(session, item, desk), response)


Prefer = Annotated[
    str | None,
    Header(
        max_length=200,
        description="`return=minimal` (RFC 7240): 204 instead of the item, for systems that take many steps",
    ),
]


@router.post(
    "/cases/{number}/items/{code}/steps",
    response_model=ItemOut,
    responses={204: {"description": "taken; asked for with `Prefer: return=minimal`"}},
)
def step(
    number: Number,
    code: ItemCode,
    given: StepIn,
    session: SessionDep,
    actor: ActorDep,
    edge: EdgeDep,
    desk: DeskDep,
    now: NowDep,
    response: Response,
    if_match: IfMatch = None,
    prefer: Prefer = None,
) -> ItemOut | Response:
    """Take a step with an item; which are possible is in `possible` of the item."""
    cases.refuse_unknown(actor, Act.DECIDE_ITEM)
    case = cases.shared_case(session, number)
    item = held_item(session, case, code)
    if given.step in WINDOW_STEPS:
        require(actor, Act.ACCEPT_ITEM, case.thing)
    else:
        require(actor, Act.DECIDE_ITEM, item.thing)
    if if_match is not None:
        hold_to(session, if_match, item, lambda: item_out(session, find_item(session, case, code), desk))
    taken = take_step(session, item, step_given(given), actor=actor, calendar=edge.calendar, now=now)
    if prefer is not None and "return=minimal" in prefer.replace(" ", ""):
        return Response(status_code=204, headers={"Preference-Applied": "return=minimal"})
    return tagged(item_out(session, taken, desk), response)


@router.post("/cases/{number}/steps")
def take_in_together(
    number: Number,
    given: StepsIn,
    session: SessionDep,
    actor: ActorDep,
    edge: EdgeDep,
    desk: DeskDep,
    now: NowDep,
) -> TogetherOut:
    """Take in or accept many items of a case at once (统一受理); what is in the way of one is said of it, the others go on."""
    cases.refuse_unknown(actor, Act.ACCEPT_ITEM)
    case = cases.shared_case(session, number)
    require(actor, Act.ACCEPT_ITEM, case.thing)
    done = take_together(
        session, case, Step(given.step), given.items, actor=actor, calendar=edge.calendar, now=now
    )
    return TogetherOut(
        taken=[item_brief(session, item, desk) for item in done.taken],
        not_taken=[
            NotTakenOut(code=row.item.code, title=row.item.title, why=row.why) for row in done.not_taken
        ],
    )


def step_given(given: StepIn) -> StepGiven:
    """A body as the act takes it."""
    return StepGiven(
        step=given.step,
        reason=given.reason,
        lacking=tuple(Lacking(**lack.model_dump()) for lack in given.lacking),
        promised=tuple(Promised(**promise.model_dump()) for promise in given.promised),
        on_commitment=given.on_commitment,
        stop_kind=given.stop_kind,
        working_days=given.working_days,
        result=ResultGiven(**given.result.model_dump()) if given.result is not None else None,
    )


@router.get("/items")
def list_all_items(
    session: SessionDep,
    actor: ActorDep,
    desk: DeskDep,
    department: Annotated[str | None, Query(max_length=40, description="部门代码")] = None,
    state: Annotated[ItemState | None, Query(description="办理状态")] = None,
    hall: Annotated[str | None, Query(max_length=40, description="受理大厅 of the cases of a hall")] = None,
    extended: Annotated[bool, Query(description="已延期 under way with an extended limit")] = False,
    cursor: Annotated[int, Query(ge=0, le=2_000_000_000)] = 0,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> ItemPage:
    """Items of all cases, or of a hall's: a to-do list with its `state`; those whose clock is stopped or whose limit was extended."""
    require(actor, Act.READ_CASE)
    rows = list_items(
        session,
        desk,
        department=department,
        state=state,
        hall=hall,
        is_extended=extended,
        after=cursor,
        limit=limit,
    )
    return ItemPage(items=rows, next=str(rows[-1].id) if len(rows) == limit else None)


@router.get("/cases/{number}/ledger")
def show_ledger(number: Number, session: SessionDep, actor: ActorDep, desk: DeskDep) -> LedgerOut:
    """Why the case took so many working days: whose each of them was."""
    require(actor, Act.READ_CASE)
    return ledger_out(session, cases.find_case(session, number), desk)


def process_table_out(table: ProcessTable) -> ProcessTableOut:
    """A table as the outside sees it."""
    return ProcessTableOut(
        version=table.version,
        title=table.title,
        in_force_from=table.in_force_from,
        sha256=table.sha256,
        leads=table.leads,
        project_types=[ProjectTypeOut.model_validate(asdict(row)) for row in table.project_types.values()],
        stops=[StopRuleOut.model_validate(asdict(row)) for row in table.stops.values()],
        materials=[MaterialRuleOut.model_validate(asdict(row)) for row in table.materials.values()],
        items=[ItemRuleOut.model_validate(asdict(row)) for row in table.items.values()],
    )
