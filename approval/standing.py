"""Where all cases stand at this moment, from counts that the database keeps."""

from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from approval.stages import Stage
from approval.summary_models import CaseStanding


@dataclass(frozen=True)
class UnderWay:
    """Cases at this moment: not prepared yet, without a code, in each stage, concluded; and the opinions that were silence."""

    not_prepared: int
    without_code: int
    in_stage: dict[Stage, int]
    concluded: int
    opinions: int
    deemed: int


def under_way(session: Session) -> UnderWay:
    """Where all cases stand; the deemed share is of the opinions that were handed over with them (Art. 11)."""
    rows = session.scalars(select(CaseStanding)).all()
    stages = list(Stage)
    in_stage = dict.fromkeys(stages, 0)
    for row in rows:
        has_begun = row.stages_concluded > 0 or (row.has_type and row.has_code)
        if has_begun and row.stages_concluded < len(stages):
            in_stage[stages[row.stages_concluded]] += row.cases
    fresh = [row for row in rows if row.stages_concluded == 0]
    return UnderWay(
        not_prepared=sum(row.cases for row in fresh if not row.has_type),
        without_code=sum(row.cases for row in fresh if row.has_type and not row.has_code),
        in_stage=in_stage,
        concluded=sum(row.cases for row in rows if row.stages_concluded == len(stages)),
        opinions=sum(row.opinions for row in rows),
        deemed=sum(row.deemed for row in rows),
    )
