"""The demo's case in approval: prepared, its code bound, every item it needs from the window to a signed result."""

import tempfile
from pathlib import Path

from sqlalchemy.orm import Session

from approval import cases, materials, obligations, preparation
from approval.case_items import items_of
from approval.item_states import Step
from approval.item_steps import ResultGiven, StepGiven
from approval.items import find_item, held_item, take_step
from approval.materials import FileGiven, MaterialGiven, NeedState
from approval.models import Case
from approval.process_table import Obtained
from approval.requirements import dossier_of, needs
from approval.stages import STAGE_TITLES, Stage
from blueprint.edge import Edge
from blueprint.objects import objects_of
from blueprint.permissions import Actor
from service.commands.context import say

PROJECT_TYPE = "GOV_BLD"
_ORDER = ("A104", "A102", "A105", "B202", "C303", "D408")
"""The items that every such project needs, each after those that it comes after."""


def approve_sample(session: Session, edge: Edge, number: str, code: str, *, actor: Actor) -> Case:
    """Take a case that came in through its four stages, today."""
    now = edge.now()
    case = cases.locked_case(session, number)
    preparation.prepare(session, case, PROJECT_TYPE, [], district=None, city=edge.city, actor=actor, now=now)
    say(
        f"{now.date()} 确定事项 prepared as {PROJECT_TYPE}: {', '.join(i.code for i in items_of(session, case))}"
    )
    _, read = cases.bind_project_code(session, number, code, actor=actor, now=now, city=edge.city)
    say(f"{now.date()} 绑定项目代码 project code bound: {code} {read.warning or ''}".rstrip())
    for owed in obligations.obligations_of(session, case.id):
        obligations.assign(session, case, owed, _ORDER[0], actor=actor)
        obligations.close(
            session, case, owed, "写入选址意见书 in the siting opinion", actor=actor, today=now.date()
        )
    for stage in Stage:
        cases.accept_stage(session, number, stage, actor=actor, calendar=edge.calendar, today=now.date())
        for item in _ORDER:
            if find_item(session, case, item).stage == stage:
                _take_through(session, edge, case, item, actor=actor)
        cases.conclude_stage(session, number, stage, actor=actor, calendar=edge.calendar, today=now.date())
        say(f"{now.date()} {STAGE_TITLES[stage]} 办结 concluded")
    return case


def _take_through(session: Session, edge: Edge, case: Case, code: str, *, actor: Actor) -> None:
    def step(taken: Step, result: ResultGiven | None = None) -> None:
        given = StepGiven(taken, result=result)
        held = held_item(session, cases.shared_case(session, case.planning_number), code)
        take_step(session, held, given, actor=actor, calendar=edge.calendar, now=edge.now())

    item = find_item(session, case, code)
    step(Step.SUBMIT)
    _hand_in(session, edge, case, code, actor=actor)
    step(Step.ACCEPT)
    step(Step.BEGIN)
    step(
        Step.APPROVE,
        ResultGiven(f"示例〔{edge.now().year}〕{case.id}-{item.id}号", f"{item.title}（示例）", "示例签发人"),
    )
    say(f"          {item.title} {code}: 准予 approved")


def _hand_in(session: Session, edge: Edge, case: Case, code: str, *, actor: Actor) -> None:
    """What the item lacks and the applicant has; a material of an item before is in the library already."""
    table, today = preparation.table_of(session, case), edge.now().date()
    for need in needs(dossier_of(session, case), find_item(session, case, code), today):
        rule = table.material(need.codes[-1])
        if need.state is NeedState.MISSING and rule.obtained_from is Obtained.APPLICANT:
            with tempfile.NamedTemporaryFile(dir=edge.scratch, suffix=".txt") as file:
                file.write(f"示例材料 sample: {rule.title}".encode())
                file.flush()
                kept = FileGiven(f"{rule.code}.txt", objects_of(session).put(Path(file.name)))
            given = MaterialGiven(rule.code, kept, item=find_item(session, case, code))
            materials.submit(session, case, table, given, actor=actor, now=edge.now())
