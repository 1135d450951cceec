"""A year of a city's approval, made up from a seed and lived day by day through the HTTP API alone.

Projects come in all year; the window, the departments and the applicants act on working days, with dice: what is lacking is
asked for, clocks are stopped, some are late, some refused and applied for again. For the demo, for trying statistics with
figures in them, and for the tests, which recompute those. Never for a city's own database.
"""

import random
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, time, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import httpx
import uvicorn
from sqlalchemy import select
from sqlalchemy.orm import Session

from approval.models import Case
from approval.stages import Stage
from blueprint.edge import Edge
from blueprint.errors import InvalidInputError
from blueprint.tokens import issue_token
from service.app import create_app
from service.settings import Settings

DAYS = 364
_ENDED = {"withdrawn", "not_accepted", "acceptance_refused", "refused", "taken_back", "revoked"}
_PASSED = {"approved", "approved_with_promise", "not_needed"}


@dataclass(frozen=True)
class Lived:
    """What a year had in it: projects handed over, items that were decided, requests that were made."""

    projects: int
    decided: int
    requests: int


@dataclass
class _Project:
    number: str
    code: str
    starts_on: int
    stage: int = 0
    items: dict[str, dict[str, Any]] = field(default_factory=dict)
    stopped_on: dict[str, int] = field(default_factory=dict)


class _Clock:
    """A clock that is set."""

    def __init__(self, now: datetime) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now


def live_a_year(edge: Edge, settings: Settings, *, projects: int, seed: int) -> Lived:
    """Live the 364 days that end today with so many projects, on the database of `edge`; the same seed, the same year."""
    zone = ZoneInfo(edge.city.time_zone)
    first = datetime.combine(edge.now().date() - timedelta(days=DAYS), time(10), zone)
    clock = _Clock(first)
    with Session(edge.engine) as session, session.begin():
        codes = [department.code for department in edge.city.departments]
        tokens = {
            code: issue_token(session, department=code, city=edge.city, now=first, days=DAYS + 1)
            for code in codes
        }
        tokens[""] = issue_token(
            session, department=None, city=edge.city, now=first, days=DAYS + 1, is_service=True
        )
    with _served(replace(edge, clock=clock), settings) as client:
        dice = random.Random(seed)  # noqa: S311 - dice of a game, no secret
        year = _Year(client, tokens, dice, edge, clock)
        _live(year, edge, clock, projects)
    return Lived(projects, year.decided, year.requests)


def is_lived(session: Session) -> bool:
    """Say whether a made-up year is in the database."""
    return session.scalar(select(Case.id).where(Case.planning_number.like("CH-%-SIM-%")).limit(1)) is not None


@contextmanager
def _served(edge: Edge, settings: Settings) -> Iterator[httpx.Client]:
    """The service on a free port of this machine, with a clock of its own."""
    listener = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(create_app(edge, settings), log_level="warning", access_log=False)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{listener.getsockname()[1]}", timeout=60) as client:
            yield client
    finally:
        server.should_exit = True
        thread.join(timeout=20)


def _live(year: "_Year", edge: Edge, clock: "_Clock", projects: int) -> None:
    first = clock.now
    waiting = sorted(year.made_up(projects), key=lambda project: project.starts_on)
    under_way: list[_Project] = []
    for day in range(DAYS + 1):
        clock.now = first + timedelta(days=day)
        if not edge.city.calendar.is_working_day(clock.now.date()):
            continue
        while waiting and waiting[0].starts_on <= day:
            under_way.append(year.begin(waiting.pop(0)))
        for project in under_way:
            year.act(project, day)
        under_way = [project for project in under_way if project.stage < len(Stage)]


class _Year:
    """Everybody who acts in a year."""

    def __init__(
        self, client: httpx.Client, tokens: dict[str, str], dice: random.Random, edge: Edge, clock: _Clock
    ) -> None:
        self.client, self.tokens, self.dice, self.city, self.clock = client, tokens, dice, edge.city, clock
        self.decided = self.requests = self.results = 0
        self.window = next(d.code for d in edge.city.departments if d.role == "approvals")
        self.table = self.ask("GET", "/api/approval/process-table")

    def ask(
        self, method: str, path: str, who: str | None = None, *, may_fail: bool = False, **content: Any
    ) -> Any:
        """Ask as a department; what is refused is an error of the year, unless it may be."""
        self.requests += 1
        headers = {"Authorization": f"Bearer {self.tokens[self.window if who is None else who]}"}
        answer = self.client.request(method, path, headers=headers, **content)
        if answer.status_code >= 500 or (answer.status_code >= 400 and not may_fail):
            raise InvalidInputError(f"{method} {path} answered {answer.status_code}: {answer.text[:400]}")
        return answer.json() if answer.status_code < 400 else None

    def made_up(self, count: int) -> Iterator[_Project]:
        """Projects that begin on any day of the year, more of them early, so that some are concluded in it."""
        for number in range(1, count + 1):
            starts_on = int(self.dice.triangular(0, DAYS, DAYS // 4))
            yield _Project(
                f"CH-{self.city.administrative_code}-SIM-2026-{number:06d}",
                f"2601-{self.city.administrative_code}-04-01-{900000 + number}",
                starts_on,
            )

    def begin(self, project: _Project) -> _Project:
        """Hand a project over, settle its items, bind its code, accept the first stage."""
        self.ask("POST", "/api/approval/intake", "", json=self._message(project))
        kind = self.dice.choice(self.table["project_types"])["code"]
        optional = [
            rule["code"]
            for rule in self.table["items"]
            if kind in rule["project_types"] and not rule["always"] and rule["department"] in self.tokens
        ]
        chosen = self.dice.sample(optional, min(len(optional), self.dice.randint(2, 8)))
        districts = [None, *(district.code for district in self.city.districts)]
        case = f"/api/approval/cases/{project.number}"
        process = {"project_type": kind, "items": chosen, "district": self.dice.choice(districts)}
        self.ask("PUT", f"{case}/process", json=process)
        self.ask("PUT", f"{case}/project-code", json={"project_code": project.code})
        self._accept_stage(project)
        last = next(
            rule["code"]
            for rule in reversed(self.table["items"])
            if rule["always"] and kind in rule["project_types"]
        )
        for row in self.ask("GET", f"/api/approval/cases/{project.code}/obligations")["items"]:
            if row["item_code"] is None:
                path = f"/api/approval/cases/{project.code}/obligations/{row['id']}"
                self.ask("PUT", path, json={"item_code": last})
        listed = self.ask("GET", f"/api/approval/cases/{project.code}/items")["items"]
        project.items = {item["code"]: item for item in listed}
        return project

    def _accept_stage(self, project: _Project) -> None:
        stage = list(Stage)[project.stage]
        self.ask("POST", f"/api/approval/cases/{project.code}/stages/{stage}/accept")

    def act(self, project: _Project, day: int) -> None:
        """A working day of a project."""
        stage = list(Stage)[project.stage]
        mine = [item for item in project.items.values() if item["stage"] in (stage, None)]
        for item in mine:
            self._act_on(project, item, day)
        due = [item for item in project.items.values() if item["stage"] == stage]
        if all(item["state"] in _PASSED for item in due):
            self.ask("POST", f"/api/approval/cases/{project.code}/stages/{stage}/conclude")
            project.stage += 1
            if project.stage < len(Stage):
                self._accept_stage(project)

    def _act_on(self, project: _Project, item: dict[str, Any], day: int) -> None:
        chance, code = self.dice.random(), item["code"]
        match item["state"]:
            case "not_submitted":
                self._step(project, code, "submit")
            case "submitted" if chance < 0.55:
                self._at_the_window(project, item)
            case "correction_asked" if chance < 0.3:
                self._hand_in(project, code, corrected=True)
                self._step(project, code, "correct")
            case "accepted" if chance < 0.7:
                self._step(project, code, "begin", item["department"])
            case "in_review" if chance < 0.04 and code not in project.stopped_on:
                project.stopped_on[code] = day
                stop: dict[str, Any] = {"stop_kind": "publicity", "working_days": 5, "reason": "公示"}
                self._step(project, code, "stop", item["department"], **stop)
            case "stopped" if day - project.stopped_on[code] >= 7:
                self._step(project, code, "resume", item["department"])
            case "in_review" if chance > 0.985:
                self._decide(project, item, "refuse", reason="不符合条件")
            case "in_review" if chance < 0.26:
                self._close_obligations(project, code)
                self.results += 1
                result = {
                    "number": f"模拟〔{day}〕{self.results}号",
                    "title": item["title"],
                    "signed_by": "模拟签发人",
                }
                self._decide(project, item, "approve", result=result)
            case state if state in _ENDED and chance < 0.2:
                again = self.ask("POST", f"/api/approval/cases/{project.code}/items", json={"code": code})
                project.items[code] = again
                project.stopped_on.pop(code, None)

    def _at_the_window(self, project: _Project, item: dict[str, Any]) -> None:
        code = item["code"]
        if self.dice.random() < 0.12 and item.get("correction_asked") is None:
            lacking = [{"material": "M01", "what": "请盖章", "defect": "未盖章"}]
            if self._step(project, code, "ask_correction", may_fail=True, lacking=lacking):
                project.items[code]["correction_asked"] = True
                return
        self._hand_in(project, code)
        kept = item.get("correction_asked")
        self._step(project, code, "accept", may_fail=True)  # it may have to wait for another item
        if kept:
            project.items[code]["correction_asked"] = kept

    def _decide(self, project: _Project, item: dict[str, Any], step: str, **more: Any) -> None:
        self._step(project, item["code"], step, item["department"], **more)
        self.decided += 1

    def _step(
        self,
        project: _Project,
        code: str,
        step: str,
        who: str | None = None,
        *,
        may_fail: bool = False,
        **more: Any,
    ) -> bool:
        path = f"/api/approval/cases/{project.code}/items/{code}/steps"
        taken = self.ask("POST", path, who, may_fail=may_fail, json={"step": step} | more)
        if taken is not None:
            project.items[code] = taken
        return taken is not None

    def _hand_in(self, project: _Project, code: str, *, corrected: bool = False) -> None:
        case = f"/api/approval/cases/{project.code}"
        needs = self.ask("GET", f"{case}/items/{code}")["needs"]
        applicants = {m["code"] for m in self.table["materials"] if m["obtained_from"] == "applicant"}
        for need in needs:
            material = next((each for each in need["codes"] if each in applicants), None)
            is_lacking = need["state"] in ("missing", "expired")
            if material is None or not (is_lacking or (corrected and material == "M01")):
                continue
            fields = {"code": material} | ({} if is_lacking else {"replaces_reason": "补正"})
            files = {"file": (f"{material}.txt", f"{project.code} {material}".encode())}
            self.ask("POST", f"{case}/materials", data=fields, files=files)
        if corrected and "M01" not in {each for need in needs for each in need["codes"]}:
            files = {"file": ("M01.txt", project.code.encode())}
            self.ask(
                "POST",
                f"{case}/materials",
                may_fail=True,
                data={"code": "M01", "replaces_reason": "补正"},
                files=files,
            )

    def _close_obligations(self, project: _Project, code: str) -> None:
        case = f"/api/approval/cases/{project.code}"
        for row in self.ask("GET", f"{case}/obligations")["items"]:
            if row["closed_on"] is None and code == row["item_code"]:
                who = project.items[code]["department"]
                self.ask("PUT", f"{case}/obligations/{row['id']}", who, json={"how": "已落实"})

    def _message(self, project: _Project) -> dict[str, Any]:
        today = str(self.clock.now.date())
        west = 41_480_000 + self.dice.randint(0, 20_000)
        ring = [[west, 4_550_000], [west + 200, 4_550_000], [west + 200, 4_550_200], [west, 4_550_000]]
        deemed = {"kind": "deemed_no_objection", "given_on": today}
        condition = {
            "kind": "agree_with_conditions",
            "conditions": "雨水排放口不得高于河道设计水位",
            "given_on": today,
        }
        asked = self.dice.sample([d for d in self.city.departments if d.code != self.window], 3)
        return {
            "message_id": str(UUID(int=self.dice.getrandbits(128), version=4)),
            "city_code": self.city.administrative_code,
            "city_name": self.city.name,
            "project": {
                "planning_number": project.number,
                "name": f"模拟项目{project.number[-4:]}",
                "applicant": f"模拟建设单位{self.dice.randint(1, 99)}",
                "purpose": "模拟",
            },
            "footprint": {"revision": 1, "crs": self.city.working_crs, "area_m2": 20_000, "coordinates": [[ring]]},
            "check": {"digest": f"sha256:{'0' * 64}", "on": today, "verdict": "restrict", "conflicts": []},
            "opinions": [
                {"department": d.code, "department_name": d.name} | (condition if n == 0 else deemed)
                for n, d in enumerate(asked)
            ],
            "cleared_on": today,
            "cleared_by": "模拟",
        }  # fmt: skip
