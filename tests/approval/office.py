"""A small approvals office: cases of the sample city's approvals bureau, walked by functions that read like the trade."""

import itertools
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from approval import cases, materials, obligations, preparation
from approval.intake import receive
from approval.item_models import Item, Material
from approval.item_states import WINDOW_STEPS, Step
from approval.item_steps import Lacking, Promised, ResultGiven, StepGiven
from approval.items import find_item, held_item, take_step
from approval.materials import FileGiven, MaterialGiven, NeedState
from approval.models import Case
from approval.process_table import Obtained
from approval.requirements import dossier_of, needs
from approval.stages import Stage
from blueprint.city import City
from blueprint.objects import Stored
from blueprint.permissions import Actor, Role
from blueprint.working_days import WorkingCalendar
from coordination import models  # noqa: F401  (notices refer to its tables)
from coordination.handover import HandoverMessage

MONDAY = datetime(2026, 3, 2, 9, 0, tzinfo=ZoneInfo("Asia/Shanghai"))
"""A Monday of a month without public holidays."""
CALENDAR = WorkingCalendar("CN")
WINDOW = Actor("窗口 张三", "SPJ", frozenset({Role.ANYONE, Role.LEAD, Role.DEPARTMENT}))
CODE = "2608-210311-04-01-402751"
_numbers = itertools.count(1)


def message(number: int, **changes: Any) -> HandoverMessage:
    """A handover of a project whose water department has a condition."""
    ring = [[0, 0], [10, 0], [10, 10], [0, 0]]
    values: dict[str, Any] = {
        "message_id": uuid4(),
        "city_code": "210300",
        "city_name": "鞍山市",
        "project": {
            "planning_number": f"CH-210300-2026-{number:06d}",
            "name": "示例小学",
            "applicant": "教育局",
            "purpose": "小学",
        },
        "footprint": {"revision": 1, "crs": "EPSG:4550", "area_m2": 50, "coordinates": [[ring]]},
        "check": {
            "digest": f"sha256:{'0' * 64}",
            "on": "2026-02-20",
            "verdict": "restrict",
            "conflicts": [],
        },
        "opinions": [
            {
                "department": "SLJ",
                "department_name": "鞍山市水利局",
                "kind": "agree_with_conditions",
                "conditions": "雨水排放口不得高于河道设计水位",
                "given_on": "2026-02-25",
            },
            {
                "department": "FGW",
                "department_name": "鞍山市发展和改革委员会",
                "kind": "deemed_no_objection",
                "given_on": "2026-02-26",
            },
        ],
        "cleared_on": "2026-02-27",
        "cleared_by": "自然资源局",
    }
    return HandoverMessage.model_validate(values | changes)


@dataclass
class Office:
    """A session, the city, and a clock that is set."""

    session: Session
    city: City
    now: datetime = MONDAY
    sent: int = field(default=0)

    def days_pass(self, days: int) -> None:
        """Calendar days go by."""
        self.now += timedelta(days=days)

    def case(self, project_type: str = "GOV_BLD", *items: str, code: str | None = CODE, **more: Any) -> Case:
        """A case that came in and was prepared; with its code bound and the first stage open, if there is a code."""
        self.sent += 1
        taken_in = receive(
            self.session,
            message(self.sent, **{name: more[name] for name in ("opinions",) if name in more}),
            now=self.now,
        )
        case = preparation.prepare(
            self.session,
            taken_in,
            project_type,
            items,
            district=more.get("district"),
            city=self.city,
            actor=more.get("actor", WINDOW),
            now=self.now,
        )
        if code is not None:
            cases.bind_project_code(
                self.session, case.planning_number, code, actor=WINDOW, now=self.now, city=self.city
            )
            self.open(case, Stage.LAND_USE_PLANNING)
        return case

    def open(self, case: Case, stage: Stage) -> None:
        """Accept a stage."""
        cases.accept_stage(
            self.session,
            case.planning_number,
            stage,
            actor=WINDOW,
            calendar=CALENDAR,
            today=self.now.date(),
        )

    def conclude(self, case: Case, stage: Stage) -> None:
        """Conclude a stage."""
        cases.conclude_stage(
            self.session, case.planning_number, stage, actor=WINDOW, calendar=CALENDAR, today=self.now.date()
        )

    def step(self, case: Case, code: str, step: Step, *, actor: Actor | None = None, **more: Any) -> Item:
        """Take a step as whoever takes such steps."""
        item = held_item(self.session, cases.shared_case(self.session, case.planning_number), code)
        who = WINDOW if step in WINDOW_STEPS else self.department(item.department)
        given = StepGiven(step=step, **more)
        return take_step(self.session, item, given, actor=actor or who, calendar=CALENDAR, now=self.now)

    def department(self, code: str) -> Actor:
        """Somebody of a department."""
        return Actor(self.city.department(code).name, code, frozenset({Role.ANYONE, Role.DEPARTMENT}))

    def hand_in(self, case: Case, code: str, **more: Any) -> Material:
        """The applicant hands a material in at the window."""
        given = MaterialGiven(code, FileGiven(f"{code}.pdf", Stored("ab" * 32, 100)), **more)
        table = preparation.table_of(self.session, case)
        return materials.submit(self.session, case, table, given, actor=WINDOW, now=self.now)

    def hand_in_all(self, case: Case, code: str) -> None:
        """Everything that an item still lacks and the applicant has."""
        table = preparation.table_of(self.session, case)
        for need in needs(
            dossier_of(self.session, case), find_item(self.session, case, code), self.now.date()
        ):
            if need.state in (NeedState.MISSING, NeedState.EXPIRED):
                for material in need.codes:
                    if table.material(material).obtained_from is Obtained.APPLICANT:
                        self.hand_in(case, material)

    def accepted(self, case: Case, code: str) -> Item:
        """An item that was handed in whole and accepted."""
        self.step(case, code, Step.SUBMIT)
        self.hand_in_all(case, code)
        return self.step(case, code, Step.ACCEPT)

    def approve(self, case: Case, code: str, **more: Any) -> Item:
        """Sign an item's result."""
        number = f"鞍审〔2026〕{next(_numbers)}号"
        return self.step(case, code, Step.APPROVE, result=ResultGiven(number, "批复", "李四"), **more)

    def refuse(self, case: Case, code: str, reason: str) -> Item:
        """Sign the decision that refuses an item."""
        decision = ResultGiven(f"鞍审不许〔2026〕{next(_numbers)}号", "不予许可决定书", "李四")
        return self.step(case, code, Step.REFUSE, reason=reason, result=decision)

    def approved(self, case: Case, code: str) -> Item:
        """An item that goes through within a day."""
        self.accepted(case, code)
        self.step(case, code, Step.BEGIN)
        return self.approve(case, code)

    def name_item(self, case: Case, code: str) -> None:
        """The window names the item that must close the conditions that have none."""
        for row in obligations.obligations_of(self.session, case.id):
            if row.item_code is None:
                obligations.assign(self.session, case, row, code, actor=WINDOW)

    def finish(self, case: Case, stage: Stage) -> None:
        """Everything of a stage goes through within a day, in the order of what comes first, and the stage is concluded."""
        for code in ("A104", "A102", "A105", "B202", "C303", "D408"):
            if find_item(self.session, case, code).stage == stage:
                self.approved(case, code)
        self.conclude(case, stage)


def lacking(material: str, **more: Any) -> Lacking:
    """A material that the window misses."""
    return Lacking(material, "请补齐", **more)


def promised(material: str, due_on: Any) -> Promised:
    """A material that comes later."""
    return Promised(material, due_on)


TABLE = Path(__file__).resolve().parents[2] / "approval" / "tables" / "national-2026-1"
