"""Tables of coordination: projects, footprints, checks, consultations, opinions."""

from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

from geoalchemy2 import Geometry
from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Float,
    ForeignKey,
    Identity,
    Index,
    Numeric,
    String,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column, relationship

from blueprint.database import Base, check_in
from blueprint.permissions import Thing
from coordination.project_states import ProjectStatus

MAX_NAME = 200
MAX_TEXT = 4000
"""Characters of a name and of a free text: what the handover carries."""


class OpinionKind(StrEnum):
    """What a department said; the last is what its silence says (Art. 11), and is never given by anyone."""

    AGREE = "agree"
    AGREE_WITH_CONDITIONS = "agree_with_conditions"
    DISAGREE = "disagree"
    NO_OBJECTION = "no_objection"
    DEEMED_NO_OBJECTION = "deemed_no_objection"


class PlanningNumberSeries(Base):
    """The last planning number (策划编号) given out in a city and year."""

    __tablename__ = "planning_number_series"
    __table_args__ = (CheckConstraint("last_number >= 1", name="positive"), {"schema": "coordination"})

    administrative_code: Mapped[str] = mapped_column(String(20), primary_key=True)
    year: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    last_number: Mapped[int]


class Project(Base):
    """A project in preparation (策划生成): known by its planning number until approval binds the project code."""

    __tablename__ = "project"
    __table_args__ = (
        CheckConstraint(check_in("status", ProjectStatus), name="status"),
        CheckConstraint("top_m BETWEEN -500 AND 9000", name="top"),
        {"schema": "coordination"},
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    planning_number: Mapped[str] = mapped_column(String(40), unique=True)
    name: Mapped[str] = mapped_column(String(200))
    applicant: Mapped[str] = mapped_column(String(200))
    purpose: Mapped[str] = mapped_column(Text)
    in_scope: Mapped[bool]
    scope_reason: Mapped[str | None] = mapped_column(Text)
    scope_decided_by: Mapped[str | None] = mapped_column(String(200))
    registered_by: Mapped[str] = mapped_column(String(200))
    registered_at: Mapped[datetime]
    status: Mapped[str] = mapped_column(String(16), default=ProjectStatus.PREPARING)
    applicant_code: Mapped[str | None] = mapped_column(String(18))
    project_type: Mapped[str | None] = mapped_column(String(40))
    industry: Mapped[str | None] = mapped_column(String(200))
    investment_10k_cny: Mapped[Decimal | None] = mapped_column(Numeric(14, 4))
    planned_use: Mapped[str | None] = mapped_column(String(200))
    district: Mapped[str | None] = mapped_column(String(20))
    funds_source: Mapped[str | None] = mapped_column(String(200))
    planned_start_on: Mapped[date | None]
    approval_level: Mapped[str | None] = mapped_column(String(10))
    top_m: Mapped[float | None] = mapped_column(Float(53))
    scope_doubts: Mapped[list[str]] = mapped_column(JSONB, default=list)

    revisions: Mapped[list["FootprintRevision"]] = relationship(
        back_populates="project", order_by="FootprintRevision.number"
    )


class ProjectEvent(Base):
    """What happened to a project (项目历程): for all its members to read, never changed."""

    __tablename__ = "project_event"
    __table_args__ = (Index("ix_project_event_project_id", "project_id"), {"schema": "coordination"})

    id: Mapped[int] = mapped_column(primary_key=True)
    project_id: Mapped[int] = mapped_column(ForeignKey("coordination.project.id"))
    at: Mapped[datetime]
    by: Mapped[str] = mapped_column(String(200))
    department: Mapped[str | None] = mapped_column(String(40))
    act: Mapped[str] = mapped_column(String(40))
    details: Mapped[dict[str, Any]] = mapped_column(JSONB)


class FootprintRevision(Base):
    """A project's site boundary (用地红线) as it was given the n-th time, in the working CRS; never changed."""

    __tablename__ = "footprint_revision"
    __table_args__ = (
        UniqueConstraint("project_id", "number"),
        CheckConstraint("number >= 1", name="positive"),
        CheckConstraint("num_nulls(centre_line, width_m, strip_points) IN (0, 3)", name="strip"),
        {"schema": "coordination"},
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    project_id: Mapped[int] = mapped_column(ForeignKey("coordination.project.id"))
    number: Mapped[int]
    footprint: Mapped[Any] = mapped_column(Geometry("MULTIPOLYGON", srid=-1, spatial_index=False))
    centre_line: Mapped[Any | None] = mapped_column(Geometry("MULTILINESTRING", srid=-1, spatial_index=False))
    width_m: Mapped[float | None] = mapped_column(Float(53))
    strip_points: Mapped[int | None]
    source_crs: Mapped[str] = mapped_column(Text)
    operation: Mapped[str] = mapped_column(Text)
    notes: Mapped[list[str]] = mapped_column(JSONB)
    made_by: Mapped[str] = mapped_column(String(200))
    made_at: Mapped[datetime]

    project: Mapped[Project] = relationship(back_populates="revisions")


class Check(Base):
    """A kept check (合规性检查): its report word for word, and the footprint it was made of."""

    __tablename__ = "check"
    __table_args__ = (
        Index("ix_check_footprint_revision_id", "footprint_revision_id"),
        CheckConstraint("num_nulls(centre_line, width_m, strip_points) IN (0, 3)", name="strip"),
        {"schema": "coordination"},
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    project_id: Mapped[int | None] = mapped_column(ForeignKey("coordination.project.id"))
    footprint_revision_id: Mapped[int | None] = mapped_column(
        ForeignKey("coordination.footprint_revision.id")
    )
    digest: Mapped[str] = mapped_column(String(80))
    on_day: Mapped[date]
    verdict: Mapped[str] = mapped_column(String(10))
    report: Mapped[dict[str, Any]] = mapped_column(JSONB)
    footprint: Mapped[Any] = mapped_column(Geometry("MULTIPOLYGON", srid=-1, spatial_index=False))
    centre_line: Mapped[Any | None] = mapped_column(Geometry("MULTILINESTRING", srid=-1, spatial_index=False))
    width_m: Mapped[float | None] = mapped_column(Float(53))
    strip_points: Mapped[int | None]
    made_by: Mapped[str] = mapped_column(String(200))
    made_at: Mapped[datetime]


class RestrictedAnswer(Base):
    """How often a department's checks asked the restricted layers of another on a day, which it may not read."""

    __tablename__ = "restricted_answer"
    __table_args__ = (UniqueConstraint("id"), {"schema": "coordination"})

    day: Mapped[date] = mapped_column(primary_key=True)
    reader: Mapped[str] = mapped_column(String(200), primary_key=True)
    owner: Mapped[str] = mapped_column(String(40), primary_key=True)
    asked: Mapped[int]
    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True))


class Consultation(Base):
    """One round of asking departments (征求意见) about one footprint revision; who was added or left out, and why.

    A later round asks only whom the change concerns: what others said before stands.
    """

    __tablename__ = "consultation"
    __table_args__ = (
        UniqueConstraint("project_id", "round"),
        Index("ix_consultation_footprint_revision_id", "footprint_revision_id"),
        {"schema": "coordination"},
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    project_id: Mapped[int] = mapped_column(ForeignKey("coordination.project.id"))
    footprint_revision_id: Mapped[int] = mapped_column(ForeignKey("coordination.footprint_revision.id"))
    check_id: Mapped[int] = mapped_column(ForeignKey("coordination.check.id"))
    working_days: Mapped[int]
    opened_on: Mapped[date]
    opened_by: Mapped[str] = mapped_column(String(200))
    opened_at: Mapped[datetime]
    round: Mapped[int]
    added: Mapped[list[dict[str, str]]] = mapped_column(JSONB, default=list)
    dropped: Mapped[list[dict[str, str]]] = mapped_column(JSONB, default=list)
    superseded_on: Mapped[date | None]
    superseded_why: Mapped[str | None] = mapped_column(Text)

    project: Mapped[Project] = relationship()
    revision: Mapped[FootprintRevision] = relationship()
    requests: Mapped[list["OpinionRequest"]] = relationship(
        back_populates="consultation", order_by="OpinionRequest.department"
    )


class Source(StrEnum):
    """How an opinion came: 系统内, 来函, 电话."""

    SYSTEM = "system"
    LETTER = "letter"
    TELEPHONE = "telephone"


class OpinionRequest(Base):
    """One department's part of a consultation (意见征询): due by working days, withdrawn when the limit has passed."""

    __tablename__ = "opinion_request"
    __table_args__ = (
        UniqueConstraint("consultation_id", "department"),
        CheckConstraint("due_on > sent_on", name="due_after_sent"),
        Index("ix_opinion_request_department", "department"),
        Index("ix_opinion_request_due_on", "due_on", postgresql_where=text("withdrawn_on IS NULL")),
        {"schema": "coordination"},
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    consultation_id: Mapped[int] = mapped_column(ForeignKey("coordination.consultation.id"))
    department: Mapped[str] = mapped_column(String(40))
    sent_on: Mapped[date]
    due_on: Mapped[date]
    provisional: Mapped[bool]
    findings: Mapped[list[dict[str, Any]]] = mapped_column(JSONB)
    draft: Mapped[str] = mapped_column(Text)
    withdrawn_on: Mapped[date | None]
    working_days: Mapped[int]
    why: Mapped[str] = mapped_column(String(20))
    withdrawn_why: Mapped[str | None] = mapped_column(Text)
    stopped_on: Mapped[date | None]
    first_seen_at: Mapped[datetime | None]
    first_seen_by: Mapped[str | None] = mapped_column(String(200))
    finding_places: Mapped[Any | None] = mapped_column(
        Geometry("GEOMETRYCOLLECTION", srid=-1, spatial_index=False), deferred=True
    )
    """What the footprint has in common with each of `findings`, in their order; `finding_places.place_of` reads it."""

    consultation: Mapped[Consultation] = relationship(back_populates="requests")
    opinion: Mapped["Opinion | None"] = relationship(back_populates="request")
    stops: Mapped[list["ClockStop"]] = relationship(order_by="ClockStop.id")
    due_changes: Mapped[list["DueChange"]] = relationship(order_by="DueChange.id")
    contests: Mapped[list["Contest"]] = relationship(order_by="Contest.id")

    @property
    def thing(self) -> Thing:
        """The request as the permission check sees it: its department's own."""
        return Thing(department=self.department)


class ClockStop(Base):
    """A stop of a request's clock (停表): asked to supplement material, and started again; both with reasons."""

    __tablename__ = "clock_stop"
    __table_args__ = (
        CheckConstraint("restarted_on >= stopped_on", name="order"),
        Index("uq_clock_stop_open", "request_id", unique=True, postgresql_where=text("restarted_on IS NULL")),
        {"schema": "coordination"},
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    request_id: Mapped[int] = mapped_column(ForeignKey("coordination.opinion_request.id"))
    stopped_on: Mapped[date]
    stop_reason: Mapped[str] = mapped_column(Text)
    stopped_by: Mapped[str] = mapped_column(String(200))
    restarted_on: Mapped[date | None]
    restart_reason: Mapped[str | None] = mapped_column(Text)
    restarted_by: Mapped[str | None] = mapped_column(String(200))


class DueChange(Base):
    """That a due day moved: from when to when, and why (停表, 日历更新)."""

    __tablename__ = "due_change"
    __table_args__ = (Index("ix_due_change_request_id", "request_id"), {"schema": "coordination"})

    id: Mapped[int] = mapped_column(primary_key=True)
    request_id: Mapped[int] = mapped_column(ForeignKey("coordination.opinion_request.id"))
    at: Mapped[datetime]
    by: Mapped[str] = mapped_column(String(200))
    from_on: Mapped[date]
    from_provisional: Mapped[bool]
    to_on: Mapped[date]
    to_provisional: Mapped[bool]
    why: Mapped[str] = mapped_column(Text)


class Opinion(Base):
    """A department's opinion (部门意见), or its silence past the limit; one a request, amended until the limit.

    `answers` are to single findings; `markup` is what it objects to on the map. What was said before an amendment is
    in `earlier`.
    """

    __tablename__ = "opinion"
    __table_args__ = (
        CheckConstraint(check_in("kind", OpinionKind), name="kind"),
        CheckConstraint("kind <> 'agree_with_conditions' OR conditions IS NOT NULL", name="conditions"),
        CheckConstraint("kind <> 'disagree' OR reason IS NOT NULL", name="reason"),
        CheckConstraint(check_in("source", Source), name="source"),
        CheckConstraint("source = 'system' OR evidence IS NOT NULL", name="evidence"),
        CheckConstraint(
            "(settled_at IS NULL) = (settled_by IS NULL) AND (settled_at IS NULL) = (settled_words IS NULL)",
            name="settled",
        ),
        {"schema": "coordination"},
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    request_id: Mapped[int] = mapped_column(ForeignKey("coordination.opinion_request.id"), unique=True)
    kind: Mapped[str] = mapped_column(String(24))
    conditions: Mapped[str | None] = mapped_column(Text)
    reason: Mapped[str | None] = mapped_column(Text)
    remark: Mapped[str | None] = mapped_column(Text)
    given_by: Mapped[str] = mapped_column(String(200))
    given_on: Mapped[date]
    given_at: Mapped[datetime]
    number: Mapped[int] = mapped_column(default=1)
    basis: Mapped[str | None] = mapped_column(Text)
    would_agree_if: Mapped[str | None] = mapped_column(Text)
    markup: Mapped[Any | None] = mapped_column(Geometry("GEOMETRY", srid=-1, spatial_index=False))
    source: Mapped[str] = mapped_column(String(10), default=Source.SYSTEM)
    evidence: Mapped[str | None] = mapped_column(Text)
    answers: Mapped[list[dict[str, Any]]] = mapped_column(JSONB, default=list)
    settled_at: Mapped[datetime | None]
    settled_by: Mapped[str | None] = mapped_column(String(200))
    settled_words: Mapped[str | None] = mapped_column(Text)
    """Of a disagreement: the decision of a meeting that its department confirmed."""

    request: Mapped[OpinionRequest] = relationship(back_populates="opinion")
    condition_list: Mapped[list["OpinionCondition"]] = relationship(
        order_by="OpinionCondition.number", cascade="all, delete-orphan"
    )
    earlier: Mapped[list["EarlierOpinion"]] = relationship(order_by="EarlierOpinion.number")


class OpinionCondition(Base):
    """One condition of an opinion (附带条件): it follows the project into approval."""

    __tablename__ = "opinion_condition"
    __table_args__ = (UniqueConstraint("opinion_id", "number"), {"schema": "coordination"})

    id: Mapped[int] = mapped_column(primary_key=True)
    opinion_id: Mapped[int] = mapped_column(ForeignKey("coordination.opinion.id"))
    number: Mapped[int]
    finding: Mapped[int | None]
    text: Mapped[str] = mapped_column(Text)
    place: Mapped[Any | None] = mapped_column(Geometry("GEOMETRY", srid=-1, spatial_index=False))


class EarlierOpinion(Base):
    """What a department had said before it amended its opinion; never changed."""

    __tablename__ = "earlier_opinion"
    __table_args__ = (UniqueConstraint("opinion_id", "number"), {"schema": "coordination"})

    id: Mapped[int] = mapped_column(primary_key=True)
    opinion_id: Mapped[int] = mapped_column(ForeignKey("coordination.opinion.id"))
    number: Mapped[int]
    content: Mapped[dict[str, Any]] = mapped_column(JSONB)


class Contest(Base):
    """That a finding is contested (冲突异议) for the applicant, and what the layer's owner decided."""

    __tablename__ = "contest"
    __table_args__ = (
        UniqueConstraint("request_id", "finding"),
        CheckConstraint("(is_upheld IS NULL) = (decided_at IS NULL)", name="decided"),
        {"schema": "coordination"},
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    request_id: Mapped[int] = mapped_column(ForeignKey("coordination.opinion_request.id"))
    finding: Mapped[int]
    reason: Mapped[str] = mapped_column(Text)
    contested_by: Mapped[str] = mapped_column(String(200))
    contested_at: Mapped[datetime]
    is_upheld: Mapped[bool | None]
    decision: Mapped[str | None] = mapped_column(Text)
    decided_by: Mapped[str | None] = mapped_column(String(200))
    decided_at: Mapped[datetime | None]
