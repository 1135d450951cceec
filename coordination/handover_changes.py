"""What changes after a handover (Art. 3, 11): what was registered is corrected (更正), or the clearance is taken back (撤回).

Approval is told of both by a message, written in the transaction of the act itself.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import select
from sqlalchemy.orm import Session

from blueprint.city import City
from blueprint.errors import ConflictError, InvalidInputError
from blueprint.permissions import Actor
from blueprint.sentences import Sentence
from blueprint.working_days import WorkingCalendar
from coordination.composition import handed_project
from coordination.consultation import consultations_of, supersede_rounds
from coordination.handover import CorrectionMessage, Message, WithdrawalMessage, canonical, sha256_of
from coordination.handover_models import Clearance, Handover, MessageKind
from coordination.history import note
from coordination.models import Project
from coordination.notice_models import NoticeKind
from coordination.notices import tell
from coordination.particulars import GROUNDS, PARTICULARS, ProjectDetails, checked, scope_doubts
from coordination.project_states import Step
from coordination.projects import lock_project, move, plain, standing_clearance, trimmed_reason

CORRECTABLE = tuple(name for name in PARTICULARS if name not in GROUNDS)
"""What departments were not asked to judge. Purpose, type, planned use, level and footprint are the ground of their opinions:
to change these the clearance is withdrawn and departments are consulted again."""


def correct_handover(
    session: Session,
    project_id: int,
    changes: Mapping[str, Any],
    *,
    reason: str,
    city: City,
    actor: Actor,
    now: datetime,
) -> Clearance:
    """Correct what was registered of a cleared project; `changes` are new values of `CORRECTABLE` by name, others stay."""
    text = trimmed_reason(reason, Sentence("the correction"))
    project = lock_project(session, project_id)
    clearance = _standing(session, project, Sentence("correct"))
    _refuse_not_correctable(changes)
    old = ProjectDetails(**{name: getattr(project, name) for name in PARTICULARS}, in_scope=True)
    new = checked(replace(old, **changes), city)
    before = {name: plain(getattr(project, name)) for name in CORRECTABLE}
    after = {name: plain(getattr(new, name)) for name in CORRECTABLE}
    changed = [name for name in CORRECTABLE if before[name] != after[name]]
    if not changed:
        raise ConflictError(
            "{planning_number} reads like that already; there is nothing to correct",
            planning_number=project.planning_number,
        )
    doubts = set(scope_doubts(new)) - set(project.scope_doubts)
    if doubts:
        raise ConflictError(
            "with this {planning_number} may be outside the regulation's scope (Art. 5): {doubts}; withdraw"
            " the clearance and decide on the scope",
            planning_number=project.planning_number,
            doubts=sorted(doubts),
        )
    for name in changed:
        setattr(project, name, getattr(new, name))
    last = _messages(session, clearance)[-1]
    message = CorrectionMessage(
        message_id=uuid4(),
        handover_id=UUID(clearance.handover.message_id),
        follows=UUID(last.message_id),
        project=handed_project(project),
        reason=text,
        made_on=now.date(),
        made_by=actor.name,
    )
    _write(clearance, message, MessageKind.CORRECTION, follows=last, now=now)
    session.flush()
    note(
        session,
        project,
        "correct_handover",
        actor=actor,
        now=now,
        before={name: before[name] for name in changed},
        details={
            **{name: after[name] for name in changed},
            "reason": text,
            "message": str(message.message_id),
        },
    )
    return clearance


def withdraw_clearance(
    session: Session,
    project_id: int,
    *,
    reason: str,
    calendar: WorkingCalendar,
    actor: Actor,
    now: datetime,
) -> Clearance:
    """Take a clearance back: the project is adjusted again, its round has ended, what departments said stands for the next.

    What approval does not have yet is not sent any more; whether it came after all is for approval to find out.
    """
    text = trimmed_reason(reason, Sentence("the withdrawal of the clearance"))
    project = lock_project(session, project_id)
    before = last_withdrawal(session, project)
    clearance = _standing(session, project, Sentence("withdraw"))
    move(project, Step.RECALL)
    clearance.withdrawn_at, clearance.withdrawn_by, clearance.withdrawn_why = now, actor.name, text
    for sent in _messages(session, clearance):
        if sent.delivered_at is None:
            sent.cancelled_at = now
    message = WithdrawalMessage(
        message_id=uuid4(),
        handover_id=UUID(clearance.handover.message_id),
        planning_number=project.planning_number,
        reason=text,
        made_on=now.date(),
        made_by=actor.name,
    )
    _write(clearance, message, MessageKind.WITHDRAWAL, follows=before, now=now)
    supersede_rounds(
        session, project, why=f"通过已撤回 clearance withdrawn: {text}", calendar=calendar, now=now
    )
    session.flush()
    note(
        session,
        project,
        "withdraw_clearance",
        actor=actor,
        now=now,
        before={"cleared_on": clearance.cleared_on.isoformat()},
        details={"status": project.status, "reason": text, "message": str(message.message_id)},
    )
    asked = {r.department for each in consultations_of(session, project) for r in each.requests}
    for department in sorted(asked):
        tell(
            session,
            NoticeKind.WITHDRAWN,
            f"通过已撤回，项目退回调整 the clearance was withdrawn, the project is adjusted again: {text}",
            to=department,
            project=project,
            now=now,
        )
    return clearance


def last_withdrawal(session: Session, project: Project) -> Handover | None:
    """The message that took the project's clearance before back; approval has to have it before the next handover."""
    statement = (
        select(Handover)
        .join(Handover.clearance)
        .where(Clearance.project_id == project.id, Handover.kind == MessageKind.WITHDRAWAL)
        .order_by(Handover.id.desc())
        .limit(1)
    )
    return session.scalars(statement).one_or_none()


def _standing(session: Session, project: Project, what: Sentence) -> Clearance:
    clearance = standing_clearance(session, project)
    if clearance is None:
        raise ConflictError(
            "{planning_number} is not cleared; there is no handover to {what}",
            planning_number=project.planning_number,
            what=what,
        )
    return clearance


def _refuse_not_correctable(changes: Mapping[str, Any]) -> None:
    for name in changes:
        if name not in CORRECTABLE:
            raise InvalidInputError(
                "{name} is what departments were asked about; withdraw the clearance and consult again"
                " (corrected are {correctable})",
                name=name,
                correctable=CORRECTABLE,
                place=name,
            )


def _messages(session: Session, clearance: Clearance) -> list[Handover]:
    """The messages of a clearance, held: one that is being delivered is waited for, and read as it became."""
    statement = select(Handover).where(Handover.clearance_id == clearance.id).order_by(Handover.id)
    held = session.scalars(statement.with_for_update(), execution_options={"populate_existing": True})
    return list(held)


def _write(
    clearance: Clearance, message: Message, kind: MessageKind, *, follows: Handover | None, now: datetime
) -> None:
    clearance.messages.append(
        Handover(
            message_id=str(message.message_id),
            body=canonical(message),
            sha256=sha256_of(message),
            kind=kind,
            follows=follows,
            attempts=0,
            next_try_at=now,
            made_at=now,
        )
    )
