"""Cases: found by number, bound to their project code, walked through four stages (Art. 3, 12)."""

from collections.abc import Sequence
from datetime import date, datetime

from sqlalchemy import ColumnElement, or_, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, selectinload

from approval.case_items import case_name, items_of
from approval.case_ledger import sums_of, turns_of
from approval.due_days import set_stage_terms
from approval.intake import refuse_withdrawn
from approval.item_states import PASSED, Holder, ItemState, standing
from approval.leads import led_by
from approval.models import Case, CaseStage
from approval.obligations import obligations_adrift, open_obligations
from approval.preparation import table_of
from approval.project_code import ProjectCode, read_project_code
from approval.spans import stage_spans
from approval.stages import Stage, StageDays, refuse_acceptance, refuse_conclusion
from approval.standing import Standing, stands
from approval.summaries import count_stage
from blueprint.audit.log import record
from blueprint.city import City
from blueprint.errors import ConflictError, NotFoundError
from blueprint.permissions import Act, Actor, require
from blueprint.sentences import Word
from blueprint.working_days import WorkingCalendar


def list_cases(
    session: Session,
    *,
    after: int = 0,
    limit: int = 50,
    hall: str | None = None,
    district: str | None = None,
    standing: Standing | None = None,
    led: ColumnElement[bool] | None = None,
) -> Sequence[Case]:
    """Cases in the order they came in, those after the id `after`; of one hall or district (Art. 2, 12), or that stand alike.

    `led` are those whose stage a department leads (`in_a_stage_of`).
    """
    statement = select(Case).where(Case.id > after).order_by(Case.id).limit(limit)
    if hall is not None:
        statement = statement.where(Case.hall == hall)
    if district is not None:
        statement = statement.where(Case.district == district)
    if standing is not None:
        statement = statement.where(stands(standing))
    if led is not None:
        statement = statement.where(led)
    return session.scalars(statement.options(selectinload(Case.stages))).all()


def in_a_stage_of(session: Session, department: str, city: City) -> ColumnElement[bool]:
    """Cases that stand in a stage which a department leads (Art. 9)."""
    return led_by(session, department, city, {stage: stands(Standing(stage)) for stage in Stage})


def find_case(session: Session, number: str) -> Case:
    """The case of a project code or planning number."""
    case = session.scalars(select(Case).where(_numbered(number))).one_or_none()
    if case is None:
        raise NotFoundError(
            "no case {number!r}; give its project code or its planning number (策划编号)", number=number[:40]
        )
    return case


def find_case_id(session: Session, number: str) -> int:
    """The id of a case alone: a case carries its whole handover, which a list of its items does not need."""
    found = session.scalar(select(Case.id).where(_numbered(number)))
    return found if found is not None else find_case(session, number).id


def refuse_unknown(actor: Actor, act: Act) -> None:
    """Refuse who is not signed in before a case is looked up: nobody unknown learns which cases there are."""
    if not actor.signed_in:
        require(actor, act)


def locked_case(session: Session, number: str) -> Case:
    """The case of a number, held until this transaction ends and read again."""
    statement = (
        select(Case).where(_numbered(number)).with_for_update().execution_options(populate_existing=True)
    )
    case = session.scalars(statement).one_or_none()
    return case if case is not None else find_case(session, number)


def hold(session: Session, case_id: int) -> None:
    """Hold a case until this transaction ends: no item of it is decided meanwhile."""
    session.execute(select(Case.id).where(Case.id == case_id).with_for_update())


def shared_case(session: Session, number: str) -> Case:
    """The case of a number, read again and held against its stages' conclusion and a withdrawal, not against its other items."""
    statement = select(Case).where(_numbered(number)).with_for_update(read=True)
    case = session.scalars(statement, execution_options={"populate_existing": True}).one_or_none()
    return case if case is not None else find_case(session, number)


def _numbered(number: str) -> ColumnElement[bool]:
    text = number.strip().upper()
    return or_(Case.project_code == text, Case.planning_number == text)


def days_of(case: Case) -> tuple[StageDays, ...]:
    """The case's stages as the rules take them."""
    return tuple(StageDays(Stage(row.stage), row.accepted_on, row.concluded_on) for row in case.stages)


def bind_project_code(
    session: Session, number: str, code: str, *, actor: Actor, now: datetime, city: City
) -> tuple[Case, ProjectCode]:
    """Bind the investment project code: the case's one identity from here on; fixed once a stage was accepted.

    Who binds it takes the case on for the own hall, where no hall has done so (Art. 12).
    """
    read = read_project_code(code, today=now.date(), region=city.administrative_code)
    case = locked_case(session, number)
    if case.project_code == read.text:
        return case, read
    if any(row.accepted_on is not None for row in case.stages):
        raise ConflictError(
            "{planning_number} runs under {project_code}; a code is not changed after acceptance",
            planning_number=case.planning_number,
            project_code=case.project_code,
        )
    _refuse_taken(session, read.text)
    before, case.project_code = case.project_code, read.text
    case.hall = case.hall or actor.department
    case.project_code_bound_by = actor.name
    case.project_code_bound_at = now
    try:
        with session.begin_nested():
            session.flush()
    except IntegrityError as error:
        raise _taken(read.text) from error
    record(
        session,
        actor,
        Act.BIND_PROJECT_CODE,
        kind="case",
        id=case.planning_number,
        before={"project_code": before},
        after={"project_code": read.text},
    )
    return case, read


def _refuse_taken(session: Session, code: str) -> None:
    if session.scalar(select(Case.id).where(Case.project_code == code)) is not None:
        raise _taken(code)


def _taken(code: str) -> ConflictError:
    return ConflictError("project code {code} is bound to another case already; compare the two", code=code)


def accept_stage(
    session: Session, number: str, stage: Stage, *, actor: Actor, calendar: WorkingCalendar, today: date
) -> Case:
    """Accept (受理) a stage: never without the project code, before the case is prepared, or before the stage before it ended.

    The case has the working days of its project type for it from then on.
    """
    case = locked_case(session, number)
    refuse_withdrawn(case)
    refuse_acceptance(days_of(case), stage, project_code=case.project_code)
    kind = table_of(session, case).project_type(str(case.project_type))
    row = _row(case, stage)
    row.accepted_on, row.accepted_by = today, actor.name
    row.limit_days = kind.stage_days[row.position - 1]
    set_stage_terms(session, row, calendar)
    session.flush()
    record(
        session,
        actor,
        Act.ADVANCE_CASE,
        kind="case",
        id=case_name(case),
        after={"stage": stage, "accepted_on": today},
    )
    return case


def conclude_stage(
    session: Session, number: str, stage: Stage, *, actor: Actor, calendar: WorkingCalendar, today: date
) -> Case:
    """Conclude (办结) a stage that was accepted, once everything that the project needs of it is approved.

    A condition that no item can close any more holds up each of them. The last one ends the case: what runs beside the
    stages, what was revoked since and every condition that is open holds it up too.
    """
    case = locked_case(session, number)
    refuse_withdrawn(case)
    table_of(session, case)  # what was never prepared has no items, and nothing of it is finished
    is_last = stage is list(Stage)[-1]
    unfinished = unfinished_items(session, case, None if is_last else stage)
    unfinished += open_obligations(session, case.id) if is_last else obligations_adrift(session, case)
    refuse_conclusion(days_of(case), stage, unfinished=unfinished)
    row = _row(case, stage)
    set_stage_terms(session, row, calendar)
    row.concluded_on, row.concluded_by = today, actor.name
    assert row.accepted_on is not None
    turns = turns_of(
        stage_spans(session, case.id, stage),
        after=row.accepted_on,
        up_to=today,
        is_working_day=calendar.is_working_day,
    )
    row.working_days = sum(turn.working_days for turn in turns)
    row.stop_days = sums_of(turns)[Holder.STOP]
    case.stages_concluded += 1
    count_stage(session, row)
    record(
        session,
        actor,
        Act.ADVANCE_CASE,
        kind="case",
        id=case_name(case),
        after={"stage": stage, "concluded_on": today},
    )
    return case


def unfinished_items(session: Session, case: Case, stage: Stage | None) -> list[Word]:
    """Items of a stage, or of the whole case, whose newest round is not approved, as people name them."""
    newest = {item.code: item for item in items_of(session, case) if stage is None or item.stage == stage}
    return [
        standing(item.title, item.code, ItemState(item.state))
        for item in newest.values()
        if ItemState(item.state) not in PASSED | {ItemState.NOT_NEEDED}
    ]


def _row(case: Case, stage: Stage) -> CaseStage:
    return next(row for row in case.stages if row.stage == stage)
