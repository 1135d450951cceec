"""Routes of what departments do with each other over a case: supervision, consultation, matters, obligations."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Annotated, TypeVar

from fastapi import APIRouter, Depends, Path, Query
from sqlalchemy.orm import Session

from approval import cases, joint_consultation, matters, obligations, supervision
from approval.case_items import case_name
from approval.clock import Card
from approval.item_models import Item
from approval.item_overview import Desk, obligation_out
from approval.item_router import DeskDep, ItemCode
from approval.item_schemas import ObligationOut
from approval.items import find_item
from approval.joint_consultation import AnswerGiven
from approval.lateness import Late, Wanted, who_is_late
from approval.leads import copied_to, require_over_stage
from approval.matter_models import (
    AnswerKind,
    ConsultationAnswer,
    LateKind,
    Letter,
    Matter,
    MatterKind,
    MatterState,
)
from approval.matter_schemas import (
    AnswerIn,
    ConsultationAnswerIn,
    ConsultationAnswerOut,
    ConsultationAnswerPage,
    ConsultationIn,
    LateList,
    LateOut,
    LetterIn,
    LetterOut,
    LetterPage,
    MatterIn,
    MatterOut,
    MatterPage,
    ObligationIn,
    ObligationList,
    StageLetterIn,
    TurnIn,
)
from approval.matters import Duty, Turn
from approval.router import Number, StageName
from approval.stages import STAGE_TITLES, Stage
from approval.supervision import About
from blueprint.edge import ActorDep, CityDep, EdgeDep, NowDep, SessionDep, TodayDep
from blueprint.errors import InvalidInputError
from blueprint.idempotency import IdempotentRoute
from blueprint.permissions import Act, Thing, require

router = APIRouter(prefix="/api/approval", tags=["approval"], route_class=IdempotentRoute)

Id = Annotated[int, Path(ge=1, le=2_000_000_000)]
Cursor = Annotated[int, Query(ge=0, le=2_000_000_000)]
Limit = Annotated[int, Query(ge=1, le=200)]
Department = Annotated[str | None, Query(max_length=40, description="部门代码")]
OfCase = Annotated[str | None, Query(alias="number", max_length=40, description="案件编号 of a case")]

_Row = TypeVar("_Row", Letter, ConsultationAnswer)


@router.get("/late")
def list_late(
    session: SessionDep,
    actor: ActorDep,
    desk: DeskDep,
    department: Department = None,
    kind: Annotated[LateKind | None, Query()] = None,
    yellow: Annotated[bool, Query(description="预警 also what is about to be late")] = True,
    hall: Annotated[str | None, Query(max_length=40, description="受理大厅 of the cases of a hall")] = None,
) -> LateList:
    """Who is late now (督办): items, stages, whole cases, promises, checks of commitments, uploads, answers; the longest first."""
    require(actor, Act.READ_CASE)
    wanted = Wanted(department=department, hall=hall, kind=kind, with_yellow=yellow)
    found = who_is_late(session, desk, wanted)
    return LateList(on=desk.today, items=[late_out(late, desk) for late in found.items], more=found.more)


@router.post("/cases/{number}/items/{code}/letters", status_code=201)
def send_letter(
    number: Number, code: ItemCode, letter: LetterIn, session: SessionDep, actor: ActorDep, desk: DeskDep
) -> LetterOut:
    """Send a letter of supervision to whoever is late with an item, its check, its upload, or an answer about it."""
    cases.refuse_unknown(actor, Act.SUPERVISE)
    case = cases.find_case(session, number)
    item = find_item(session, case, code)
    require_over_stage(session, actor, Act.SUPERVISE, case, item.stage, city=desk.city)
    about = About(LateKind(letter.kind), item=item.code, department=letter.department)
    return letter_out(supervision.send_letter(session, case, about, letter.content, desk=desk, actor=actor))


@router.post("/cases/{number}/stages/{stage}/letters", status_code=201)
def send_letter_on_stage(
    number: Number,
    stage: StageName,
    letter: StageLetterIn,
    session: SessionDep,
    actor: ActorDep,
    desk: DeskDep,
) -> LetterOut:
    """Send a letter of supervision to the lead of a late stage, or to the hall over the whole case."""
    cases.refuse_unknown(actor, Act.SUPERVISE)
    case = cases.find_case(session, number)
    require(actor, Act.SUPERVISE, case.thing)
    about = About(LateKind(letter.kind), stage=stage)
    return letter_out(supervision.send_letter(session, case, about, letter.content, desk=desk, actor=actor))


@dataclass(frozen=True)
class Asked:
    """Which of the things that a department has to answer are wanted: of a case, to a department, without an answer yet."""

    number: OfCase = None
    department: Department = None
    unanswered: Annotated[bool, Query()] = False
    cursor: Cursor = 0
    limit: Limit = 50

    def page(
        self, session: Session, listed: Callable[..., Sequence[_Row]]
    ) -> tuple[Sequence[_Row], str | None]:
        """The rows of this page, and the cursor of the next."""
        rows = listed(
            session,
            case_id=_case_id(session, self.number),
            department=self.department,
            is_open=self.unanswered,
            after=self.cursor,
            limit=self.limit,
        )
        return rows, str(rows[-1].id) if len(rows) == self.limit else None


AskedDep = Annotated[Asked, Depends()]


@router.get("/letters")
def list_letters(session: SessionDep, actor: ActorDep, asked: AskedDep) -> LetterPage:
    """Letters of supervision; of a case, to a department, and those that wait for an answer."""
    require(actor, Act.READ_CASE)
    rows, after = asked.page(session, supervision.list_letters)
    return LetterPage(items=[letter_out(row) for row in rows], next=after)


@router.post("/letters/{letter_id}/answer")
def answer_letter(
    letter_id: Id, answer: AnswerIn, session: SessionDep, actor: ActorDep, today: TodayDep
) -> LetterOut:
    """Answer a letter to the own department."""
    cases.refuse_unknown(actor, Act.DECIDE_ITEM)
    letter = supervision.find_letter(session, letter_id)
    require(actor, Act.DECIDE_ITEM, letter.thing)
    return letter_out(supervision.answer_letter(session, letter, answer.answer, actor=actor, today=today))


@router.post("/cases/{number}/items/{code}/consultations", status_code=201)
def consult(
    number: Number,
    code: ItemCode,
    asked: ConsultationIn,
    session: SessionDep,
    actor: ActorDep,
    edge: EdgeDep,
    today: TodayDep,
) -> ConsultationAnswerPage:
    """Ask several departments at once about the own item (Art. 13)."""
    cases.refuse_unknown(actor, Act.DECIDE_ITEM)
    case = cases.locked_case(session, number)
    item = find_item(session, case, code)
    require(actor, Act.DECIDE_ITEM, item.thing)
    made = joint_consultation.ask(
        session,
        case,
        item,
        asked.question,
        asked.departments,
        city=edge.city,
        calendar=edge.calendar,
        actor=actor,
        today=today,
    )
    return ConsultationAnswerPage(
        items=[consultation_answer_out(row, item) for row in made.answers], next=None
    )


@router.get("/consultation-answers")
def list_consultation_answers(
    session: SessionDep,
    actor: ActorDep,
    edge: EdgeDep,
    asked: AskedDep,
    lead: Annotated[
        str | None,
        Query(
            max_length=40,
            description="牵头部门 over others' items of the stages that it leads, where it is not asked: its copies",
        ),
    ] = None,
) -> ConsultationAnswerPage:
    """What departments were asked in joint consultations, of all cases or of one; unanswered ones are the to-do list."""
    require(actor, Act.READ_CASE)
    copied = copied_to(session, lead, edge.city) if lead is not None else None
    rows, after = asked.page(session, partial(joint_consultation.list_answers, copied=copied))
    return ConsultationAnswerPage(
        items=[consultation_answer_out(row, row.consultation.item) for row in rows], next=after
    )


@router.put("/consultation-answers/{answer_id}")
def answer_consultation(
    answer_id: Id, given: ConsultationAnswerIn, session: SessionDep, actor: ActorDep, now: NowDep
) -> ConsultationAnswerOut:
    """Answer for the own department, once; conditions bind the item that was asked about."""
    cases.refuse_unknown(actor, Act.DECIDE_ITEM)
    asked = joint_consultation.find_answer(session, answer_id)
    require(actor, Act.DECIDE_ITEM, asked.thing)
    answer = AnswerGiven(AnswerKind(given.kind), given.conditions, given.remark)
    done = joint_consultation.answer(session, asked, answer, actor=actor, now=now)
    return consultation_answer_out(done, done.consultation.item)


@router.post("/cases/{number}/items/{code}/matters", status_code=201)
def bring_up(
    number: Number,
    code: ItemCode,
    matter: MatterIn,
    session: SessionDep,
    actor: ActorDep,
    edge: EdgeDep,
    today: TodayDep,
) -> MatterOut:
    """Ask for a coordination meeting (Art. 15), for guidance, or to have a dispute settled (Art. 16)."""
    cases.refuse_unknown(actor, Act.DECIDE_ITEM)
    require(actor, Act.DECIDE_ITEM, Thing(department=actor.department))
    case = cases.find_case(session, number)
    made = matters.bring_up(
        session,
        case,
        find_item(session, case, code),
        MatterKind(matter.kind),
        matter.question,
        matter.departments,
        city=edge.city,
        actor=actor,
        today=today,
    )
    return matter_out(made)


@router.get("/matters")
def list_matters(
    session: SessionDep,
    actor: ActorDep,
    number: OfCase = None,
    department: Department = None,
    state: Annotated[MatterState | None, Query()] = None,
    cursor: Cursor = 0,
    limit: Limit = 50,
) -> MatterPage:
    """Meetings, guidance and disputes; those of a case, or brought before a department."""
    require(actor, Act.READ_CASE)
    rows = matters.list_matters(
        session,
        case_id=_case_id(session, number),
        addressed_to=department,
        state=state,
        after=cursor,
        limit=limit,
    )
    return MatterPage(
        items=[matter_out(row) for row in rows], next=str(rows[-1].id) if len(rows) == limit else None
    )


@router.post("/matters/{matter_id}/turns")
def settle(
    matter_id: Id, turn: TurnIn, session: SessionDep, actor: ActorDep, city: CityDep, today: TodayDep
) -> MatterOut:
    """Convene, decide or decline a matter that came before the own department; duties bind items."""
    cases.refuse_unknown(actor, Act.SETTLE_MATTER)
    matter = matters.find_matter(session, matter_id)
    require(actor, Act.SETTLE_MATTER, matter.thing)
    given = Turn(
        state=MatterState(turn.state),
        text=turn.text,
        meets_at=city.instant_of(turn.meets_at) if turn.meets_at is not None else None,
        place=turn.place,
        duties=tuple(Duty(**duty.model_dump()) for duty in turn.duties),
    )
    return matter_out(matters.settle(session, matter, given, actor=actor, today=today))


@router.get("/cases/{number}/obligations")
def list_obligations(number: Number, session: SessionDep, actor: ActorDep) -> ObligationList:
    """What the case owes: conditions of opinions, consultations and decisions, and which item closes each."""
    require(actor, Act.READ_CASE)
    case = cases.find_case(session, number)
    return ObligationList(items=[obligation_out(row) for row in obligations.obligations_of(session, case.id)])


@router.put("/cases/{number}/obligations/{obligation_id}")
def meet_obligation(
    number: Number,
    obligation_id: Id,
    given: ObligationIn,
    session: SessionDep,
    actor: ActorDep,
    today: TodayDep,
) -> ObligationOut:
    """Name the item that must close an obligation (the window), or say how it was met (who decides that item)."""
    cases.refuse_unknown(actor, Act.ACCEPT_ITEM)
    case = cases.locked_case(session, number)
    row = obligations.find_obligation(session, case, obligation_id)
    if (given.item_code is None) == (given.how is None):
        raise InvalidInputError("give either item_code or how", place="how")
    if given.item_code is not None:
        require(actor, Act.ACCEPT_ITEM, case.thing)
        return obligation_out(obligations.assign(session, case, row, given.item_code, actor=actor))
    item: Item | None = find_item(session, case, row.item_code) if row.item_code else None
    require(actor, Act.DECIDE_ITEM, item.thing if item is not None else case.thing)
    return obligation_out(obligations.close(session, case, row, str(given.how), actor=actor, today=today))


def _case_id(session: Session, number: str | None) -> int | None:
    return cases.find_case_id(session, number) if number is not None else None


def late_out(late: Late, desk: Desk) -> LateOut:
    """A late thing as the outside sees it."""
    return LateOut(
        **late._asdict(),
        department_name=desk.name_of(late.department) if late.department else None,
        working_days_late=desk.working_days_late(late.due_on),
    )


def letter_out(letter: Letter) -> LetterOut:
    """A letter as the outside sees it."""
    names = set(LetterOut.model_fields) - {"case", "kind", "stage", "item", "title", "card"}
    item, about = letter.item, letter.item or letter.stage
    stage = Stage(about.stage) if about is not None and about.stage is not None else None
    return LetterOut(
        case=case_name(letter.case),
        kind=LateKind(letter.kind),
        stage=stage,
        item=item.code if item is not None else None,
        title=item.title if item is not None else STAGE_TITLES[Stage(str(stage))],
        card=Card(letter.card),
        **{name: getattr(letter, name) for name in names},
    )


def consultation_answer_out(row: ConsultationAnswer, item: Item) -> ConsultationAnswerOut:
    """A question to a department as the outside sees it."""
    asked, case = row.consultation, item.case
    own = {"id", "department", "conditions", "remark", "answered_by", "answered_on"}
    of_the_question = {"question", "asked_by", "asked_on", "due_on", "provisional"}
    return ConsultationAnswerOut(
        case=case.project_code or case.planning_number,
        item=item.code,
        kind=AnswerKind(row.kind) if row.kind else None,
        is_late=row.answered_on is not None and not asked.provisional and row.answered_on > asked.due_on,
        **{name: getattr(row, name) for name in own},
        **{name: getattr(asked, name) for name in of_the_question},
    )


def matter_out(matter: Matter) -> MatterOut:
    """A matter as the outside sees it."""
    case = matter.item.case
    names = set(MatterOut.model_fields) - {"case", "item", "kind", "state", "departments"}
    return MatterOut(
        case=case.project_code or case.planning_number,
        item=matter.item.code,
        kind=MatterKind(matter.kind),
        state=MatterState(matter.state),
        departments=matter.departments.split(),
        **{name: getattr(matter, name) for name in names},
    )
