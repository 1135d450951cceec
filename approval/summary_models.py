"""Tables of summaries: figures of months, kept with each conclusion, and where cases stand, kept by the database."""

from datetime import date

from sqlalchemy import BigInteger, Integer, SmallInteger, String
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from blueprint.database import Base


class MonthFigures(Base):
    """What was concluded in a month, of one group; `month` is its first day.

    A `dimension` is what figures are told apart by (`statistics.By`), or `whole_stage`; `value` names the group. A
    histogram counts things by their days: its first place is of no day, its second of one.
    """

    __tablename__ = "month_figures"
    __table_args__ = ({"schema": "approval"},)

    dimension: Mapped[str] = mapped_column(String(16), primary_key=True)
    value: Mapped[str] = mapped_column(String(40), primary_key=True)
    month: Mapped[date] = mapped_column(primary_key=True)
    items: Mapped[int]
    total_days: Mapped[int] = mapped_column(BigInteger)
    applicant_days: Mapped[int] = mapped_column(BigInteger)
    window_days: Mapped[int] = mapped_column(BigInteger)
    department_days: Mapped[int] = mapped_column(BigInteger)
    stop_days: Mapped[int] = mapped_column(BigInteger)
    on_time: Mapped[int]
    late: Mapped[int]
    corrected: Mapped[int]
    stopped: Mapped[int]
    parallel: Mapped[int]
    on_commitment: Mapped[int]
    tolerated: Mapped[int]
    refused: Mapped[int]
    by_days: Mapped[list[int]] = mapped_column(ARRAY(Integer))
    by_days_without_stops: Mapped[list[int]] = mapped_column(ARRAY(Integer))
    by_department_days: Mapped[list[int]] = mapped_column(ARRAY(Integer))


class MonthCases(Base):
    """Of how many cases something was concluded in a month, by the month in which it was the last time before.

    The cases of a period are those whose time before lies before the period: none is counted twice. Who was never before
    has the first of January of the year 1.
    """

    __tablename__ = "month_cases"
    __table_args__ = ({"schema": "approval"},)

    dimension: Mapped[str] = mapped_column(String(16), primary_key=True)
    value: Mapped[str] = mapped_column(String(40), primary_key=True)
    month: Mapped[date] = mapped_column(primary_key=True)
    month_before: Mapped[date] = mapped_column(primary_key=True)
    cases: Mapped[int]


class CaseStanding(Base):
    """How many cases stand alike, and the opinions handed over with them; triggers of the table `case` keep it."""

    __tablename__ = "case_standing"
    __table_args__ = ({"schema": "approval"},)

    has_type: Mapped[bool] = mapped_column(primary_key=True)
    has_code: Mapped[bool] = mapped_column(primary_key=True)
    stages_concluded: Mapped[int] = mapped_column(SmallInteger, primary_key=True)
    is_withdrawn: Mapped[bool] = mapped_column(primary_key=True)
    cases: Mapped[int]
    opinions: Mapped[int] = mapped_column(BigInteger)
    deemed: Mapped[int] = mapped_column(BigInteger)
