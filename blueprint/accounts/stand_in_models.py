"""Table of stand-ins: who acts for whom in a department, from a day to a day."""

from datetime import date, datetime

from sqlalchemy import CheckConstraint, Date, ForeignKey, Index, String, Text, column, func, text
from sqlalchemy.dialects.postgresql import ExcludeConstraint
from sqlalchemy.orm import Mapped, mapped_column

from blueprint.database import Base


class StandIn(Base):
    """Somebody who stands in for another (代理), both by login: for all of an absence, or with one right that was delegated (`act`).

    Both days count. For nobody are there two absences at once, which an exclusion constraint holds.
    """

    __tablename__ = "stand_in"
    __table_args__ = (
        CheckConstraint("ends_on >= starts_on", name="order"),
        CheckConstraint("login <> deputy", name="another"),
        CheckConstraint("(ended_at IS NULL) = (ended_by IS NULL)", name="ended"),
        Index("ix_stand_in_deputy", "deputy"),
        Index("ix_stand_in_department", "department"),
        ExcludeConstraint(
            ("login", "="),
            (func.daterange(column("starts_on", Date), column("ends_on", Date), "[]"), "&&"),
            name="ex_stand_in_absence",
            using="gist",
            where=text("act IS NULL AND ended_at IS NULL"),
        ),
        {"schema": "blueprint"},
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    department: Mapped[str] = mapped_column(String(40))
    login: Mapped[str] = mapped_column(String(60), ForeignKey("blueprint.person.login"))
    deputy: Mapped[str] = mapped_column(String(60), ForeignKey("blueprint.person.login"))
    act: Mapped[str | None] = mapped_column(String(40))
    starts_on: Mapped[date]
    ends_on: Mapped[date]
    reason: Mapped[str] = mapped_column(Text)
    made_by: Mapped[str] = mapped_column(String(200))
    made_at: Mapped[datetime]
    ended_by: Mapped[str | None] = mapped_column(String(200))
    ended_at: Mapped[datetime | None]
