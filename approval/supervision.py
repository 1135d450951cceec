"""Letters of supervision (督办单, Art. 2, 6, 7) to departments that are late, and their answers."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy import or_, select
from sqlalchemy.orm import Session, joinedload

from approval.case_items import case_name
from approval.item_models import Item
from approval.item_overview import Desk
from approval.lateness import Late, Wanted, who_is_late
from approval.matter_models import LateKind, Letter
from approval.models import Case, CaseStage
from approval.stages import Stage
from blueprint.audit.log import record
from blueprint.errors import ConflictError, InvalidInputError, NotFoundError
from blueprint.permissions import Act, Actor


@dataclass(frozen=True)
class About:
    """What a letter is about: something of an item, or a stage or the whole case; of several departments, to which."""

    kind: LateKind
    item: str | None = None
    stage: Stage | None = None
    department: str | None = None


def send_letter(
    session: Session, case: Case, about: About, content: str, *, desk: Desk, actor: Actor
) -> Letter:
    """Send a letter of supervision to whoever is late with something; nobody gets one before the yellow card."""
    late = _late(session, case, about, desk)
    on_stage = about.kind in (LateKind.STAGE, LateKind.CASE)
    letter = Letter(
        kind=about.kind,
        item=None if on_stage else session.get_one(Item, late.row_id),
        stage=session.get_one(CaseStage, late.row_id) if on_stage else None,
        department=late.department,
        card=late.card,
        due_on=late.due_on,
        content=content,
        sent_by=actor.name,
        sent_on=desk.today,
    )
    session.add(letter)
    session.flush()
    record(
        session,
        actor,
        Act.SUPERVISE,
        kind="letter",
        id=letter.id,
        after={
            "about": about.kind,
            "item": f"{case_name(case)}/{late.item or late.stage}",
            "department": late.department,
            "card": late.card,
        },
    )
    return letter


def _late(session: Session, case: Case, about: About, desk: Desk) -> Late:
    """What is late, as the list of all that is late has it."""
    found = [
        late
        for late in who_is_late(session, desk, Wanted(case_id=case.id, kind=about.kind)).items
        if (about.item is None or late.item == about.item)
        and (about.stage is None or late.stage is about.stage)
        and about.department in (None, late.department)
    ]
    if not found:
        raise ConflictError(
            "nobody is late with {case_name}/{item} ({about_kind}): no letter is sent before the yellow card",
            case_name=case_name(case),
            item=about.item or about.stage,
            about_kind=about.kind,
        )
    if len({late.department for late in found}) > 1:
        late_ones = "、".join(str(late.department) for late in found)
        raise InvalidInputError(
            "several are late ({late_ones}): say to which department", late_ones=late_ones, place="department"
        )
    if found[0].department is None:
        raise ConflictError(
            "{found_title} is with the applicant, to whom no letter of supervision goes",
            found_title=found[0].title,
        )
    return found[0]


def find_letter(session: Session, letter_id: int) -> Letter:
    """A letter, held until this transaction ends."""
    session.execute(select(Letter.id).where(Letter.id == letter_id).with_for_update())
    options = [joinedload(Letter.item).joinedload(Item.case), joinedload(Letter.stage)]
    letter = session.get(Letter, letter_id, populate_existing=True, options=options)
    if letter is None:
        raise NotFoundError("no letter {letter_id}", letter_id=letter_id)
    return letter


def answer_letter(session: Session, letter: Letter, answer: str, *, actor: Actor, today: date) -> Letter:
    """Answer a letter, once: why it is late and by when it will be done."""
    if letter.answered_on is not None:
        raise ConflictError(
            "the letter was answered on {answered_on} already", answered_on=letter.answered_on
        )
    letter.answer, letter.answered_by, letter.answered_on = answer, actor.name, today
    session.flush()
    record(
        session, actor, Act.DECIDE_ITEM, kind="letter", id=letter.id, after={"department": letter.department}
    )
    return letter


def list_letters(
    session: Session,
    *,
    case_id: int | None = None,
    department: str | None,
    is_open: bool,
    after: int = 0,
    limit: int = 50,
) -> Sequence[Letter]:
    """Letters in the order they were sent; those of a case, to a department, that wait for an answer."""
    statement = (
        select(Letter)
        .where(Letter.id > after)
        .options(
            joinedload(Letter.item).joinedload(Item.case), joinedload(Letter.stage).joinedload(CaseStage.case)
        )
        .order_by(Letter.id)
        .limit(limit)
    )
    if case_id is not None:
        of_case = or_(Letter.item.has(case_id=case_id), Letter.stage.has(case_id=case_id))
        statement = statement.where(of_case)
    if department is not None:
        statement = statement.where(Letter.department == department)
    if is_open:
        statement = statement.where(Letter.answered_on.is_(None))
    return session.scalars(statement).all()
