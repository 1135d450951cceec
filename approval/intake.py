"""Intake: approval takes a handed-over project in, once; the same message again answers the first result (Art. 3, 11)."""

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from approval.models import Case, CaseStage
from approval.stages import Stage
from blueprint.audit.log import record
from blueprint.errors import ConflictError
from blueprint.permissions import Act, Actor, Role
from coordination.handover import HandoverMessage, sha256_of


def receive(session: Session, message: HandoverMessage, *, now: datetime) -> Case:
    """The case of a message: a new one with four stages, or the one that this very message made before.

    Two deliveries at once wait on the row of the first. The same id with another body is refused, and so is a
    second handover of one planning number.
    """
    sha256 = sha256_of(message)
    statement = (
        insert(Case)
        .values(
            message_id=str(message.message_id),
            message_sha256=sha256,
            planning_number=message.project.planning_number,
            project_name=message.project.name,
            applicant=message.project.applicant,
            purpose=message.project.purpose,
            message=message.model_dump(mode="json"),
            opinion_count=len(message.opinions),
            deemed_count=sum(opinion.kind == "deemed_no_objection" for opinion in message.opinions),
            received_at=now,
        )
        .on_conflict_do_nothing()
        .returning(Case.id)
    )
    new_id = session.execute(statement).scalar_one_or_none()
    if new_id is None:
        return _known_case(session, message, sha256)
    session.add_all(
        CaseStage(case_id=new_id, stage=stage, position=position)
        for position, stage in enumerate(Stage, start=1)
    )
    session.flush()
    record(
        session,
        Actor("interface", roles=frozenset({Role.SERVICE})),
        Act.RECEIVE_HANDOVER,
        kind="case",
        id=message.project.planning_number,
        after={"message": str(message.message_id), "sha256": sha256},
    )
    return session.get_one(Case, new_id)


def _known_case(session: Session, message: HandoverMessage, sha256: str) -> Case:
    case = session.scalars(select(Case).where(Case.message_id == str(message.message_id))).one_or_none()
    if case is None:
        raise ConflictError(
            f"{message.project.planning_number} was handed over already by another message; a project is handed over once"
        )
    if case.message_sha256 != sha256:
        raise ConflictError(
            f"message {message.message_id} came before with another body; a changed message needs an id of its own"
        )
    return case
