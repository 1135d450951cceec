"""Tables of a case's items: where each stands, every step, whose time passed, results, materials, promises."""

from datetime import date, datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, Text, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column, relationship

from approval.item_states import ENDED_WITHOUT, Holder, ItemState, Step
from approval.models import Case
from approval.process_table import DayUnit, Obtained
from approval.stages import Stage
from blueprint.database import Base, check_in
from blueprint.permissions import Thing

_ENDED = ", ".join(f"'{state}'" for state in sorted(ENDED_WITHOUT))


class ProcessTableVersion(Base):
    """A process table that cases run under, kept as it was when the first of them started."""

    __tablename__ = "process_table"
    __table_args__ = ({"schema": "approval"},)

    version: Mapped[str] = mapped_column(String(40), primary_key=True)
    sha256: Mapped[str] = mapped_column(String(64))
    content: Mapped[str] = mapped_column(Text)
    first_used_at: Mapped[datetime]


class Item(Base):
    """An item (事项) of a case; `due_on` is the day by which whoever holds it must act, None while nobody must.

    A refused or withdrawn item is applied for again as the next round; only one round of a code is under way.
    """

    __tablename__ = "item"
    __table_args__ = (
        UniqueConstraint("case_id", "code", "round"),
        CheckConstraint(check_in("state", ItemState), name="state"),
        CheckConstraint(check_in("stage", Stage), name="stage"),
        CheckConstraint(check_in("day_unit", DayUnit), name="day_unit"),
        Index(
            "uq_item_under_way",
            "case_id",
            "code",
            unique=True,
            postgresql_where=text(f"state NOT IN ({_ENDED})"),
        ),
        Index("ix_item_late", "due_on", postgresql_where=text("due_on IS NOT NULL")),
        CheckConstraint("(concluded_on IS NULL) = (department_days IS NULL)", name="summed"),
        CheckConstraint("(concluded_on IS NULL) = (was_parallel IS NULL)", name="beside"),
        Index("ix_item_provisional", "due_on", postgresql_where=text("provisional")),
        Index("ix_item_verify_provisional", "verify_due_on", postgresql_where=text("verify_provisional")),
        Index("ix_item_to_do", "department", "state", "id"),
        Index("ix_item_concluded_on", "concluded_on", "id"),
        Index(
            "ix_item_unverified",
            "verify_due_on",
            postgresql_where=text("verify_due_on IS NOT NULL AND verified_on IS NULL"),
        ),
        {"schema": "approval"},
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    case_id: Mapped[int] = mapped_column(ForeignKey("approval.case.id"))
    code: Mapped[str] = mapped_column(String(20))
    round: Mapped[int] = mapped_column(default=1)
    stage: Mapped[str | None] = mapped_column(String(24))
    title: Mapped[str] = mapped_column(String(200))
    department: Mapped[str] = mapped_column(String(40))
    limit_days: Mapped[int | None]
    day_unit: Mapped[str] = mapped_column(String(10))
    state: Mapped[str] = mapped_column(String(24), default=ItemState.NOT_SUBMITTED)
    on_commitment: Mapped[bool] = mapped_column(default=False)
    submitted_on: Mapped[date | None]
    correction_asked_on: Mapped[date | None]
    accepted_on: Mapped[date | None]
    extended_days: Mapped[int] = mapped_column(default=0)
    concluded_on: Mapped[date | None]
    was_late: Mapped[bool | None]
    due_on: Mapped[date | None]
    yellow_on: Mapped[date | None]
    provisional: Mapped[bool] = mapped_column(default=False)
    applicant_days: Mapped[int | None]
    window_days: Mapped[int | None]
    department_days: Mapped[int | None]
    stop_days: Mapped[int | None]
    """Working days of each holder, summed from the spans when the item is concluded, for statistics."""
    was_parallel: Mapped[bool | None]
    """Whether another item of the case was under way on one of its days (并联); it is settled with the conclusion."""
    verify_due_on: Mapped[date | None]
    verify_provisional: Mapped[bool] = mapped_column(default=False)
    verified_on: Mapped[date | None]

    case: Mapped[Case] = relationship()
    steps: Mapped[list["ItemStep"]] = relationship(back_populates="item", order_by="ItemStep.number")
    spans: Mapped[list["TimeSpan"]] = relationship(order_by="TimeSpan.id")
    result: Mapped["ItemResult | None"] = relationship(back_populates="item")

    @property
    def thing(self) -> Thing:
        """The item as rights see it: its approving department's."""
        return Thing(department=self.department)


class ItemStep(Base):
    """A step of an item and the state it led to, never changed: what the exchange standard sends, row by row."""

    __tablename__ = "item_step"
    __table_args__ = (
        UniqueConstraint("item_id", "number"),
        CheckConstraint(check_in("step", Step), name="step"),
        CheckConstraint(check_in("state", ItemState), name="state"),
        {"schema": "approval"},
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    item_id: Mapped[int] = mapped_column(ForeignKey("approval.item.id"))
    number: Mapped[int]
    step: Mapped[str] = mapped_column(String(24))
    state: Mapped[str] = mapped_column(String(24))
    taken_on: Mapped[date]
    taken_at: Mapped[datetime]
    taken_by: Mapped[str] = mapped_column(String(200))
    department: Mapped[str | None] = mapped_column(String(40))
    reason: Mapped[str | None] = mapped_column(Text)
    detail: Mapped[dict[str, Any]] = mapped_column(JSONB, default=dict)

    item: Mapped[Item] = relationship(back_populates="steps")


class TimeSpan(Base):
    """Days in which an item lay with one holder: those after `starts_on` up to and with `ends_on` (台账).

    `working_days` is counted when the span ends. A span begins on the day the one before ended, so that all of an
    item's spans add up to its working days.
    """

    __tablename__ = "time_span"
    __table_args__ = (
        CheckConstraint(check_in("holder", Holder), name="holder"),
        CheckConstraint("(ends_on IS NULL) = (working_days IS NULL)", name="counted"),
        CheckConstraint("ends_on >= starts_on", name="order"),
        Index("uq_time_span_open", "item_id", unique=True, postgresql_where=text("ends_on IS NULL")),
        Index("ix_time_span_item_id", "item_id"),
        {"schema": "approval"},
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    item_id: Mapped[int] = mapped_column(ForeignKey("approval.item.id"))
    holder: Mapped[str] = mapped_column(String(12))
    starts_on: Mapped[date]
    ends_on: Mapped[date | None]
    working_days: Mapped[int | None]
    calendar_days: Mapped[int | None]
    stop_kind: Mapped[str | None] = mapped_column(String(24))


class Material(Base):
    """A material in the library of a case (Art. 14): one version of it; the newest that is valid counts."""

    __tablename__ = "material"
    __table_args__ = (
        UniqueConstraint("case_id", "code", "version"),
        CheckConstraint(check_in("origin", Obtained), name="origin"),
        CheckConstraint("(sha256 IS NULL) = (size_bytes IS NULL)", name="file"),
        CheckConstraint("sha256 IS NOT NULL OR origin <> 'applicant'", name="given"),
        {"schema": "approval"},
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    case_id: Mapped[int] = mapped_column(ForeignKey("approval.case.id"))
    code: Mapped[str] = mapped_column(String(20))
    version: Mapped[int]
    title: Mapped[str] = mapped_column(String(200))
    origin: Mapped[str] = mapped_column(String(12))
    item_id: Mapped[int | None] = mapped_column(ForeignKey("approval.item.id"))
    given_on: Mapped[date]
    given_by: Mapped[str] = mapped_column(String(200))
    valid_until: Mapped[date | None]
    replaces_reason: Mapped[str | None] = mapped_column(Text)
    file_name: Mapped[str | None] = mapped_column(String(200))
    sha256: Mapped[str | None] = mapped_column(String(64))
    size_bytes: Mapped[int | None]

    item: Mapped[Item | None] = relationship()


class MaterialReader(Base):
    """Who read the file of a material (Art. 14), and when first and last: a row a person and version."""

    __tablename__ = "material_reader"
    __table_args__ = (UniqueConstraint("material_id", "name"), {"schema": "approval"})

    id: Mapped[int] = mapped_column(primary_key=True)
    material_id: Mapped[int] = mapped_column(ForeignKey("approval.material.id", ondelete="CASCADE"))
    name: Mapped[str] = mapped_column(String(200))
    department: Mapped[str | None] = mapped_column(String(40))
    first_at: Mapped[datetime]
    last_at: Mapped[datetime]
    times: Mapped[int] = mapped_column(default=1)


class ItemResult(Base):
    """What an approving department signed (Art. 10), a result or a refusal (行政许可法 38): number, day, validity; its file is the material."""

    __tablename__ = "item_result"
    __table_args__ = (
        Index("ix_item_result_not_uploaded", "signed_on", postgresql_where=text("uploaded_at IS NULL")),
        {"schema": "approval"},
    )

    item_id: Mapped[int] = mapped_column(ForeignKey("approval.item.id"), primary_key=True)
    number: Mapped[str] = mapped_column(String(100), unique=True)
    title: Mapped[str] = mapped_column(String(200))
    signed_by: Mapped[str] = mapped_column(String(200))
    signed_on: Mapped[date]
    valid_until: Mapped[date | None]
    material_id: Mapped[int] = mapped_column(ForeignKey("approval.material.id"))
    uploaded_at: Mapped[datetime | None]
    uploaded_by: Mapped[str | None] = mapped_column(String(200))

    item: Mapped[Item] = relationship(back_populates="result")
    material: Mapped[Material] = relationship()


class Promise(Base):
    """A material that was missing and tolerated (容缺受理): promised until a day, and watched."""

    __tablename__ = "promise"
    __table_args__ = (
        UniqueConstraint("item_id", "material"),
        Index("ix_promise_open", "due_on", postgresql_where=text("kept_on IS NULL")),
        {"schema": "approval"},
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    item_id: Mapped[int] = mapped_column(ForeignKey("approval.item.id"))
    material: Mapped[str] = mapped_column(String(20))
    due_on: Mapped[date]
    kept_on: Mapped[date | None]

    item: Mapped[Item] = relationship()
