"""The table of jobs: what is asked, by whom, how far it is, and what came of it."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, Identity, Index, String, Text, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped, mapped_column

from blueprint.database import Base, check_in
from blueprint.permissions import Sensitivity, Thing


class JobState(StrEnum):
    """Where a job stands; the last three are its end."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


UNFINISHED = (JobState.WAITING, JobState.RUNNING)


class Job(Base):
    """A piece of long work (任务). `attempts` counts how often it was taken up, and is the fencing token.

    Whoever took it up writes only while `attempts` is still the own number: a worker that was held dead and comes back
    finds another number and can change nothing. `failures` counts the attempts that died or could not go on.
    `told_layers` are the codes of the layers that the result tells of besides `layer`. `so_far` is what was found before the end, and
    stays where it was not reached; `kept` is what another attempt goes on from.
    """

    __tablename__ = "job"
    __table_args__ = (
        CheckConstraint(check_in("state", JobState), name="state"),
        CheckConstraint(check_in("sensitivity", Sensitivity), name="sensitivity"),
        CheckConstraint(
            "attempts >= 0 AND failures >= 0 AND bytes_done >= 0 AND features_done >= 0", name="not_negative"
        ),
        Index("ix_job_unfinished", "id", postgresql_where=text("state IN ('waiting', 'running')")),
        Index("uq_job_key", "key", unique=True, postgresql_where=text("state IN ('waiting', 'running')")),
        {"schema": "blueprint"},
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    kind: Mapped[str] = mapped_column(String(40))
    act: Mapped[str] = mapped_column(String(40))
    key: Mapped[str | None] = mapped_column(Text)
    department: Mapped[str | None] = mapped_column(String(40))
    sensitivity: Mapped[str] = mapped_column(String(10))
    layer: Mapped[str | None] = mapped_column(String(60))
    arguments: Mapped[dict[str, Any]] = mapped_column(JSONB)
    state: Mapped[str] = mapped_column(String(10), default=JobState.WAITING)
    phase: Mapped[str | None] = mapped_column(String(40))
    bytes_done: Mapped[int] = mapped_column(BigInteger, default=0)
    bytes_total: Mapped[int | None] = mapped_column(BigInteger)
    features_done: Mapped[int] = mapped_column(BigInteger, default=0)
    asked_by: Mapped[str] = mapped_column(String(200))
    asked_department: Mapped[str | None] = mapped_column(String(40))
    asked_roles: Mapped[list[str]] = mapped_column(ARRAY(Text))
    asked_person: Mapped[int | None]
    asked_token: Mapped[int | None]
    is_personal: Mapped[bool] = mapped_column(default=False)
    told_layers: Mapped[list[str]] = mapped_column(ARRAY(Text), default=list)
    asked_at: Mapped[datetime]
    request_id: Mapped[str | None] = mapped_column(Text)
    attempts: Mapped[int] = mapped_column(default=0)
    failures: Mapped[int] = mapped_column(default=0)
    worker: Mapped[str | None] = mapped_column(String(200))
    not_before: Mapped[datetime | None]
    lease_until: Mapped[datetime | None]
    cancel_asked_by: Mapped[str | None] = mapped_column(String(200))
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]
    result: Mapped[dict[str, Any] | None] = mapped_column(JSONB)
    so_far: Mapped[dict[str, Any] | None] = mapped_column(JSONB)
    kept: Mapped[dict[str, Any] | None] = mapped_column(JSONB, deferred=True)
    error: Mapped[str | None] = mapped_column(Text)

    @property
    def thing(self) -> Thing:
        """What the job works on, as the permission check sees it."""
        return Thing(self.department, Sensitivity(self.sensitivity), self.layer)
