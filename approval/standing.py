"""Where all cases stand at this moment, from counts that the database keeps, and which cases stand so."""

from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import ColumnElement, and_, select
from sqlalchemy.orm import Session

from approval.models import Case
from approval.stages import Stage
from approval.summary_models import CaseStanding


class Standing(StrEnum):
    """Where a case stands; each case stands in one place."""

    NOT_PREPARED = "not_prepared"
    WITHOUT_CODE = "without_code"
    LAND_USE_PLANNING = Stage.LAND_USE_PLANNING
    PROJECT_PERMIT = Stage.PROJECT_PERMIT
    CONSTRUCTION_PERMIT = Stage.CONSTRUCTION_PERMIT
    COMPLETION_ACCEPTANCE = Stage.COMPLETION_ACCEPTANCE
    CONCLUDED = "concluded"
    WITHDRAWN = "withdrawn"


STANDINGS: dict[str, str] = {
    Standing.NOT_PREPARED: "未确定项目类型 handed over, its project type and items not settled yet",
    Standing.WITHOUT_CODE: "未绑定项目代码 its items settled, no project code bound yet",
    Standing.LAND_USE_PLANNING: "立项用地规划许可 this stage not concluded yet",
    Standing.PROJECT_PERMIT: "工程建设许可 the stage before concluded, this one not",
    Standing.CONSTRUCTION_PERMIT: "施工许可 the stage before concluded, this one not",
    Standing.COMPLETION_ACCEPTANCE: "竣工验收 the stage before concluded, this one not",
    Standing.CONCLUDED: "已办结 all four stages concluded, whatever came after",
    Standing.WITHDRAWN: "已撤回 coordination's clearance withdrawn before all stages were concluded, not handed over again: not under way",
}
"""What each means; they add up to all cases that were ever handed over."""


@dataclass(frozen=True)
class UnderWay:
    """Cases at this moment: not prepared yet, without a code, in each stage, concluded, withdrawn; and the opinions that were silence."""

    not_prepared: int
    without_code: int
    in_stage: dict[Stage, int]
    concluded: int
    withdrawn: int
    opinions: int
    deemed: int


def under_way(session: Session) -> UnderWay:
    """Where all cases stand; the deemed share is of the opinions that were handed over with them (Art. 11)."""
    rows = session.scalars(select(CaseStanding)).all()
    counts = dict.fromkeys(Standing, 0)
    for row in rows:
        counts[_standing(row)] += row.cases
    return UnderWay(
        not_prepared=counts[Standing.NOT_PREPARED],
        without_code=counts[Standing.WITHOUT_CODE],
        in_stage={stage: counts[Standing(stage)] for stage in Stage},
        concluded=counts[Standing.CONCLUDED],
        withdrawn=counts[Standing.WITHDRAWN],
        opinions=sum(row.opinions for row in rows),
        deemed=sum(row.deemed for row in rows),
    )


def _standing(row: CaseStanding) -> Standing:
    if row.stages_concluded == len(Stage):
        return Standing.CONCLUDED
    if row.is_withdrawn:
        return Standing.WITHDRAWN
    if row.stages_concluded > 0 or (row.has_type and row.has_code):
        return Standing(list(Stage)[row.stages_concluded])
    return Standing.WITHOUT_CODE if row.has_type else Standing.NOT_PREPARED


def stands(standing: Standing) -> ColumnElement[bool]:
    """Which cases stand there: the cases behind a count."""
    if standing is Standing.CONCLUDED:
        return Case.stages_concluded == len(Stage)
    if standing is Standing.WITHDRAWN:
        return and_(Case.withdrawn_on.is_not(None), Case.stages_concluded < len(Stage))
    concluded = 0
    conditions = [Case.withdrawn_on.is_(None)]
    if standing is Standing.NOT_PREPARED:
        conditions.append(Case.project_type.is_(None))
    elif standing is Standing.WITHOUT_CODE:
        conditions += [Case.project_type.is_not(None), Case.project_code.is_(None)]
    else:
        concluded = list(Stage).index(Stage(standing))
        if concluded == 0:
            conditions += [Case.project_type.is_not(None), Case.project_code.is_not(None)]
    return and_(Case.stages_concluded == concluded, *conditions)
