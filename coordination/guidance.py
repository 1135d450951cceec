"""Guidance before the handover (业务指导, Art. 16): a district's department asks one of the city, which answers; both see both.

It holds no limit and binds nobody: the district's opinion stays its own.
"""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, Text, or_, select
from sqlalchemy.orm import Mapped, Session, mapped_column, relationship

from blueprint.city import City
from blueprint.database import Base
from blueprint.errors import ConflictError, InvalidInputError, NotFoundError
from blueprint.levels import Level
from blueprint.permissions import Act, Actor, Thing, may, require
from blueprint.sentences import Sentence
from coordination.history import note
from coordination.models import Consultation, OpinionRequest, Project
from coordination.notice_models import NoticeKind
from coordination.notices import tell
from coordination.projects import lock_project, refuse_not_in_work, trimmed_reason


class GuidanceRequest(Base):
    """A question of a district's department to one of the city about a project, and its answer."""

    __tablename__ = "guidance_request"
    __table_args__ = (
        CheckConstraint(
            "(answered_at IS NULL) = (answered_by IS NULL) AND (answered_at IS NULL) = (answer IS NULL)",
            name="answered",
        ),
        Index("ix_guidance_request_project_id", "project_id"),
        {"schema": "coordination"},
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    project_id: Mapped[int] = mapped_column(ForeignKey("coordination.project.id"))
    department: Mapped[str] = mapped_column(String(40))
    asked_of: Mapped[str] = mapped_column(String(40))
    question: Mapped[str] = mapped_column(Text)
    asked_by: Mapped[str] = mapped_column(String(200))
    asked_at: Mapped[datetime]
    answer: Mapped[str | None] = mapped_column(Text)
    answered_by: Mapped[str | None] = mapped_column(String(200))
    answered_at: Mapped[datetime | None]

    project: Mapped[Project] = relationship()


def ask_for_guidance(
    session: Session,
    project_id: int,
    department: str,
    asked_of: str,
    question: str,
    *,
    city: City,
    actor: Actor,
    now: datetime,
) -> GuidanceRequest:
    """Ask a department of the city for guidance on a project in work, for a district's department that it concerns."""
    require(actor, Act.ASK_FOR_GUIDANCE, Thing(department=department))
    asker, keeper = city.department(department), city.department(asked_of)
    if asker.level is not Level.DISTRICT or keeper.level is not Level.CITY:
        raise InvalidInputError(
            "a district's department asks one of the city for guidance (Art. 16); name one of each",
            place="asked_of",
        )
    words = trimmed_reason(question, Sentence("the guidance: what is asked"))
    project = lock_project(session, project_id)
    refuse_not_in_work(session, project)
    if project.district != asker.district and not _was_asked(session, project, department):
        raise ConflictError(
            "{asker_name} has no part in {planning_number}: it lies elsewhere, and nobody asked it",
            asker_name=asker.name,
            planning_number=project.planning_number,
        )
    made = GuidanceRequest(
        project_id=project.id,
        department=department,
        asked_of=asked_of,
        question=words,
        asked_by=actor.name,
        asked_at=now,
    )
    session.add(made)
    session.flush()
    _enter(session, made, "ask_for_guidance", actor=actor, now=now)
    tell(
        session,
        NoticeKind.GUIDANCE,
        "{department} 请求业务指导 asks for guidance",
        to=asked_of,
        subject=department,
        project=project,
        now=now,
    )
    return made


def _was_asked(session: Session, project: Project, department: str) -> bool:
    statement = (
        select(OpinionRequest.id)
        .join(OpinionRequest.consultation)
        .where(Consultation.project_id == project.id, OpinionRequest.department == department)
    )
    return session.scalar(statement.limit(1)) is not None


def give_guidance(
    session: Session, guidance_id: int, answer: str, *, actor: Actor, now: datetime
) -> GuidanceRequest:
    """Answer a question that was put to the own department, once."""
    statement = select(GuidanceRequest).where(GuidanceRequest.id == guidance_id).with_for_update()
    found = session.scalars(statement).one_or_none()
    if found is None or not _sees(actor, found):
        raise NotFoundError("no request for guidance {guidance_id}", guidance_id=guidance_id)
    require(actor, Act.GIVE_GUIDANCE, Thing(department=found.asked_of))
    if found.answered_at is not None:
        raise ConflictError(
            "{asked_of} answered on {answered_at:%Y-%m-%d} already",
            asked_of=found.asked_of,
            answered_at=found.answered_at,
        )
    found.answer = trimmed_reason(answer, Sentence("the guidance: what is answered"))
    found.answered_by, found.answered_at = actor.name, now
    session.flush()
    _enter(session, found, "give_guidance", actor=actor, now=now)
    tell(
        session,
        NoticeKind.GUIDANCE,
        "{department} 已答复业务指导 has given guidance",
        to=found.department,
        subject=found.asked_of,
        project=found.project,
        now=now,
    )
    return found


def guidance_on(session: Session, project: Project, *, actor: Actor) -> Sequence[GuidanceRequest]:
    """The questions of a project and their answers: the two departments' own, the coordinator's all; in their order."""
    statement = (
        select(GuidanceRequest).where(GuidanceRequest.project_id == project.id).order_by(GuidanceRequest.id)
    )
    if not may(actor, Act.CONSULT_DEPARTMENTS):
        own = actor.department or ""
        statement = statement.where(or_(GuidanceRequest.department == own, GuidanceRequest.asked_of == own))
    return session.scalars(statement).all()


def _sees(actor: Actor, request: GuidanceRequest) -> bool:
    return may(actor, Act.CONSULT_DEPARTMENTS) or actor.department in (request.department, request.asked_of)


def _enter(session: Session, made: GuidanceRequest, act: str, *, actor: Actor, now: datetime) -> None:
    details = {"guidance": made.id, "department": made.department, "asked_of": made.asked_of}
    note(session, made.project, act, actor=actor, now=now, details=details)
