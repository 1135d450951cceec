"""Intake: approval takes in what coordination tells it of a project, in order and once (Art. 3, 11).

A handover makes a case; a correction changes what it says of the project; a withdrawal holds it until the project is
handed over again. The same message again answers the first receipt.
"""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from approval.handed_papers import keep_papers
from approval.models import Case, CaseMessage, CaseStage
from approval.obligations import renew_of_handover
from approval.stages import Stage
from blueprint.audit.log import record
from blueprint.city import City
from blueprint.errors import ConflictError, InvalidInputError
from blueprint.permissions import Act, Actor, Role
from blueprint.sentences import Sentence
from coordination.handover import (
    CorrectionMessage,
    HandoverMessage,
    Message,
    WithdrawalMessage,
    sha256_of,
)

_HANDOVER, _CORRECTION, _WITHDRAWAL = "handover", "correction", "withdrawal"
_KINDS = {HandoverMessage: _HANDOVER, CorrectionMessage: _CORRECTION, WithdrawalMessage: _WITHDRAWAL}


def receive(session: Session, message: HandoverMessage, *, now: datetime) -> Case:
    """The case of a handover: a new one with four stages, or the one that this very message made before."""
    kept = receive_message(session, message, now=now)
    return session.get_one(Case, kept.case_id)


def receive_message(session: Session, message: Message, *, now: datetime) -> CaseMessage:
    """Take a message in and do what it says; two about one project at once wait for each other.

    ConflictError for the same id with another body, and for a message that does not follow the last one that came: the
    sender tries it again when the one before has arrived.
    """
    number = message.planning_number
    session.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(f"case {number}", 0))))
    sha256 = sha256_of(message)
    known = session.scalars(
        select(CaseMessage).where(CaseMessage.message_id == str(message.message_id))
    ).one_or_none()
    if known is not None:
        if known.sha256 != sha256:
            raise ConflictError(
                "message {message_id} came before with another body; a changed message needs an id of its"
                " own",
                message_id=message.message_id,
            )
        return known
    came = messages_of(session, number)
    case: Case | None
    match message:
        case HandoverMessage():
            case = _take_in(session, message, came, sha256=sha256, now=now)
        case CorrectionMessage():
            case = _correct(session, message, came)
        case WithdrawalMessage():
            case = _withdraw(session, message, came)
    kept = CaseMessage(
        case_id=case.id if case is not None else None,
        planning_number=number,
        message_id=str(message.message_id),
        sha256=sha256,
        kind=_KINDS[type(message)],
        message=message.model_dump(mode="json"),
        received_at=now,
    )
    session.add(kept)
    session.flush()
    if case is not None and kept.kind != _WITHDRAWAL:
        keep_papers(session, case, now=now)
    record(
        session,
        Actor("interface", roles=frozenset({Role.SERVICE})),
        Act.RECEIVE_HANDOVER,
        kind="case",
        id=number,
        after={"kind": kept.kind, "message": kept.message_id, "sha256": sha256},
    )
    return kept


def refuse_other_city(message: Message, city: City) -> None:
    """Refuse a handover that names another city: it was sent to the wrong service."""
    if isinstance(message, HandoverMessage) and message.city_code != city.administrative_code:
        raise InvalidInputError(
            "the handover is of {handed_city} ({city_code}), and this is {city_name}"
            " ({administrative_code}): compare the address that it is sent to",
            handed_city=message.city_name,
            city_code=message.city_code[:20],
            city_name=city.name,
            administrative_code=city.administrative_code,
            place="city_code",
        )


def messages_of(session: Session, planning_number: str) -> Sequence[CaseMessage]:
    """Every message that came about a project, in the order they came."""
    statement = select(CaseMessage).where(CaseMessage.planning_number == planning_number)
    return session.scalars(statement.order_by(CaseMessage.id)).all()


def refuse_withdrawn(case: Case) -> None:
    """Refuse to grant anything in a case whose clearance coordination took back; what is under way may be stopped or ended."""
    if case.withdrawn_on is not None:
        raise ConflictError(
            "coordination withdrew the clearance of {planning_number} on {withdrawn_on}: {withdrawn_why};"
            " nothing of the case is accepted or granted until it is handed over again",
            planning_number=case.planning_number,
            withdrawn_on=case.withdrawn_on,
            withdrawn_why=case.withdrawn_why,
        )


def _take_in(
    session: Session,
    message: HandoverMessage,
    came: Sequence[CaseMessage],
    *,
    sha256: str,
    now: datetime,
) -> Case:
    last = came[-1] if came else None
    follows = str(message.follows) if message.follows is not None else None
    if last is not None and last.kind != _WITHDRAWAL:
        raise ConflictError(
            "{planning_number} was handed over already by another message; a project is handed over again"
            " when its clearance was withdrawn",
            planning_number=message.planning_number,
        )
    if follows != (last.message_id if last is not None else None):
        raise ConflictError(
            "the handover of {planning_number} follows {follows}, but the last one that came is {last}",
            planning_number=message.planning_number,
            follows=follows or Sentence("no message"),
            last=last.message_id if last is not None else Sentence("none"),
        )
    case = _case_of(came, session)
    if case is None:
        return _new_case(session, message, sha256=sha256, now=now)
    case.message_id, case.message_sha256 = str(message.message_id), sha256
    _tell_project(case, message)
    case.message = message.model_dump(mode="json")
    case.opinion_count, case.deemed_count = _counts(message)
    case.withdrawn_on, case.withdrawn_why = None, None
    session.flush()
    if case.project_type is not None:
        renew_of_handover(session, case)
    return case


def _new_case(session: Session, message: HandoverMessage, *, sha256: str, now: datetime) -> Case:
    opinions, deemed = _counts(message)
    statement = (
        insert(Case)
        .values(
            message_id=str(message.message_id),
            message_sha256=sha256,
            planning_number=message.planning_number,
            project_name=message.project.name,
            applicant=message.project.applicant,
            purpose=message.project.purpose,
            message=message.model_dump(mode="json"),
            opinion_count=opinions,
            deemed_count=deemed,
            received_at=now,
        )
        .on_conflict_do_nothing()
        .returning(Case.id)
    )
    new_id = session.execute(statement).scalar_one_or_none()
    if new_id is None:
        raise ConflictError(
            "message {message_id} came before about another project", message_id=message.message_id
        )
    session.add_all(
        CaseStage(case_id=new_id, stage=stage, position=position)
        for position, stage in enumerate(Stage, start=1)
    )
    session.flush()
    return session.get_one(Case, new_id)


def _counts(message: HandoverMessage) -> tuple[int, int]:
    """How many opinions, and how many of them were silence."""
    deemed = sum(opinion.kind == "deemed_no_objection" for opinion in message.opinions)
    return len(message.opinions), deemed


def _correct(session: Session, message: CorrectionMessage, came: Sequence[CaseMessage]) -> Case:
    case = _case_of(came, session)
    last = came[-1] if came else None
    if case is None or last is None or last.message_id != str(message.follows):
        raise ConflictError(
            "the correction of {planning_number} follows {follows}, but the last message that came is {last}",
            planning_number=message.planning_number,
            follows=message.follows,
            last=last.message_id if last is not None else Sentence("none"),
        )
    _refuse_other_handover(case, message)
    if last.kind == _WITHDRAWAL:
        raise ConflictError(
            "the clearance of {planning_number} was withdrawn; nothing is corrected",
            planning_number=message.planning_number,
        )
    _tell_project(case, message)
    case.message = case.message | {"project": message.project.model_dump(mode="json")}
    return case


def _withdraw(session: Session, message: WithdrawalMessage, came: Sequence[CaseMessage]) -> Case | None:
    """The case, held from now on; None where no handover ever came: it is not taken in afterwards.

    After one withdrawal another may come, of a handover that was never sent.
    """
    case = _case_of(came, session)
    handover = str(message.handover_id)
    if any(each.kind == _WITHDRAWAL and each.message["handover_id"] == handover for each in came):
        raise ConflictError(
            "handover {handover} of {planning_number} was withdrawn already",
            handover=handover,
            planning_number=message.planning_number,
        )
    if case is None:
        return None
    if case.withdrawn_on is None:
        _refuse_other_handover(case, message)
    case.withdrawn_on, case.withdrawn_why = message.made_on, message.reason
    return case


def _case_of(came: Sequence[CaseMessage], session: Session) -> Case | None:
    number = next((message.case_id for message in came if message.case_id is not None), None)
    if number is None:
        return None
    statement = select(Case).where(Case.id == number).with_for_update()
    return session.scalars(statement, execution_options={"populate_existing": True}).one()


def _refuse_other_handover(case: Case, message: CorrectionMessage | WithdrawalMessage) -> None:
    if case.message_id != str(message.handover_id):
        raise ConflictError(
            "message {message_id} is about handover {handover_id}; {planning_number} was handed over by"
            " {case_message_id}",
            message_id=message.message_id,
            handover_id=message.handover_id,
            planning_number=case.planning_number,
            case_message_id=case.message_id,
        )


def _tell_project(case: Case, message: HandoverMessage | CorrectionMessage) -> None:
    case.project_name = message.project.name
    case.applicant = message.project.applicant
    case.purpose = message.project.purpose
