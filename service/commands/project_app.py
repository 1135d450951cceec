"""What all commands of `blueprint project …` share: the group, its words, its transaction, tables of requests."""

from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from typing import Annotated

import typer
from sqlalchemy.orm import Session

from blueprint.edge import Edge
from coordination.limits import OpinionStatus
from coordination.models import OpinionKind
from coordination.opinion_schemas import OpinionRequestOut
from coordination.responsibility import Why
from service.commands.context import open_edge
from service.commands.options import print_table

app = typer.Typer(
    no_args_is_help=True, help="项目：登记、检查、征求意见、通过、推送 · projects in preparation"
)

Number = Annotated[str, typer.Argument(help="策划编号或序号 planning number (CH-…) or id")]
RequestId = Annotated[int, typer.Argument(min=1, help="意见征询序号 id of the opinion request")]
Cursor = Annotated[int, typer.Option(min=0, help="从此序号之后 start after this id")]
Limit = Annotated[int, typer.Option(min=1, max=1000, help="最多条数 at most so many")]

STATE_WORDS = {
    OpinionStatus.AWAITED: "待反馈 awaited",
    OpinionStatus.STOPPED: "停表待补充 stopped",
    OpinionStatus.GIVEN: "已反馈 given",
    OpinionStatus.DEEMED_NO_OBJECTION: "逾期视为无意见 deemed no objection",
    OpinionStatus.WITHDRAWN: "已收回 withdrawn",
}
KIND_WORDS = {
    OpinionKind.AGREE: "同意 agree",
    OpinionKind.AGREE_WITH_CONDITIONS: "有条件同意 agree with conditions",
    OpinionKind.DISAGREE: "不同意 disagree",
    OpinionKind.NO_OBJECTION: "无意见 no objection",
    OpinionKind.DEEMED_NO_OBJECTION: "视为无意见 deemed no objection",
}


WHY_WORDS = {
    Why.TOUCHED: "涉及其图层 its layers are touched",
    Why.ALWAYS_ASKED: "必征部门 always asked",
    Why.PROJECT_TYPE: "该类项目必征 asked of this type",
    Why.ADDED: "增加 added",
    Why.CHANGED: "涉及内容变化 its findings changed",
    Why.DISAGREED: "曾不同意 it disagreed",
}


class YesNo(StrEnum):
    """A decision."""

    YES = "yes"
    NO = "no"


@contextmanager
def opened() -> Iterator[tuple[Edge, Session]]:
    """The edge and one transaction on it."""
    with open_edge() as edge, Session(edge.engine, expire_on_commit=False) as session, session.begin():
        yield edge, session


def print_requests(requests: list[OpinionRequestOut]) -> None:
    """Requests as a table."""
    rows = (
        [
            r.id,
            r.planning_number,
            r.department_name,
            STATE_WORDS[r.state],
            f"{r.due_on}{' 暂定 provisional' if r.provisional else ''}",
            KIND_WORDS[OpinionKind(r.opinion.kind)] if r.opinion else "",
            (r.opinion.conditions or r.opinion.reason or r.opinion.remark) if r.opinion else "",
        ]
        for r in requests
    )
    columns = [
        "#",
        "策划编号 number",
        "部门 department",
        "状态 state",
        "期限 due",
        "意见 opinion",
        "条件/理由 text",
    ]
    print_table("意见征询 opinion requests", columns, rows, empty="没有意见征询 no opinion request")
