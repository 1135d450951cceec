"""What the window, the departments and the applicants of the made-up year do with a project on a working day, by its dice."""

from collections.abc import Iterable
from datetime import date, timedelta
from typing import Any
from uuid import UUID

from approval.item_states import ENDED_WITHOUT, PASSED, TRANSITIONS, ItemState, Step
from approval.stages import Stage
from blueprint.city import City, DepartmentRole
from service.simulation.between import Between
from service.simulation.client import Client
from service.simulation.people import People
from service.simulation.project import STAGES, Project

_DONE = PASSED | {ItemState.NOT_NEEDED}


class Acting:
    """Everybody who acts in a year, over one connection."""

    def __init__(self, client: Client, people: People, city: City) -> None:
        self.client, self.people, self.city = client, people, city
        self.decided = 0
        self.today = date.min
        """The day that is lived; whoever lives it sets it."""
        self.window = next(d.code for d in city.departments if d.role is DepartmentRole.APPROVALS)
        table = client.ask(people.of(self.window), "GET", "/api/approval/process-table")
        self._types = [kind["code"] for kind in table["project_types"]]
        self._rules = {rule["code"]: rule for rule in table["items"]}
        self._applicants = {m["code"] for m in table["materials"] if m["obtained_from"] == "applicant"}
        self._slow = table["leads"][Stage.CONSTRUCTION_PERMIT]
        self.between = Between(client, people, city, self.window)

    def begin(self, project: Project, today: date) -> None:
        """Hand a project over, settle its items, bind its code, accept the first stage."""
        dice, window = project.dice, self.people.of(self.window)
        self.client.ask(self.people.interface, "POST", "/api/approval/intake", self._message(project, today))
        kind = dice.choice(self._types)
        rules = [rule for rule in self._rules.values() if kind in rule["project_types"]]
        optional = [rule["code"] for rule in rules if not rule["always"]]
        process = {
            "project_type": kind,
            "items": dice.sample(optional, min(len(optional), dice.randint(10, 22))),
            "district": dice.choice([None, *(district.code for district in self.city.districts)]),
        }
        case = f"/api/approval/cases/{project.number}"
        self.client.ask(window, "PUT", f"{case}/process", process)
        self.client.ask(window, "PUT", f"{case}/project-code", {"project_code": project.code})
        self._accept_stage(project)
        last = [rule["code"] for rule in rules if rule["always"]][-1]
        for row in self.client.ask(window, "GET", f"{project.path}/obligations")["items"]:
            if row["item_code"] is None:
                named = {"item_code": last}
                row = self.client.ask(window, "PUT", f"{project.path}/obligations/{row['id']}", named)
            project.owed.setdefault(row["item_code"], []).append(row["id"])
        self._know(project, self.client.ask(window, "GET", f"{project.path}/items")["items"])

    def act(self, project: Project, day: int) -> None:
        """A working day of a project: the applicant, the window, then the departments."""
        dice = project.dice
        for code in project.at(ItemState.NOT_SUBMITTED):
            if self._rules[code]["on_commitment"] and dice.random() < 0.3:
                self._step(project, code, "submit", self.window, on_commitment=True)
                project.committed.add(code)
        if dice.random() < 0.6 and project.at(ItemState.NOT_SUBMITTED):
            self._together(project, "submit", None)
        if dice.random() < 0.55:
            self._at_the_window(project)
        for code in project.at(ItemState.CORRECTION_ASKED):
            if dice.random() < 0.3:
                self._hand_in(project, ["M01"], replaces="补正")
                self._step(project, code, "correct", self.window)
        for code in [code for code in project.promised if dice.random() < 0.25]:
            self._hand_in(project, [project.promised.pop(code)])
        self.between.answer(project)
        for code in sorted(project.unverified):
            if dice.random() < 0.1:
                self._step(project, code, "verify", project.items[code]["department"])
                project.unverified.discard(code)
        for code in project.at(ItemState.ACCEPTED, ItemState.IN_REVIEW, ItemState.STOPPED):
            self._review(project, code, day)
        for code in project.at(*ENDED_WITHOUT):
            if dice.random() < 0.2:
                asked = {"code": code}
                made = self.client.ask(self.people.of(self.window), "POST", f"{project.path}/items", asked)
                self._know(project, [made])
                project.forget(code)
        self._conclude(project)

    def _at_the_window(self, project: Project) -> None:
        """What was taken in is looked at: what is lacking is said once, the rest is accepted as far as it may be."""
        ready = []
        for code in project.at(ItemState.SUBMITTED):
            if code not in project.corrected and project.dice.random() < 0.12:
                project.corrected.add(code)
                lacking = [{"material": "M01", "what": "请盖章", "defect": "未盖章"}]
                self._hand_in(project, ["M01"])
                self._step(project, code, "ask_correction", self.window, lacking=lacking)
            elif self._comes_now(project, code):
                ready.append(code)
        if not ready:
            return
        for code in list(ready):
            needed = [material for material in self._needs(code) if material not in project.given]
            if needed and project.dice.random() < 0.15 and self._tolerated(project, code, needed):
                ready.remove(code)
            else:
                self._hand_in(project, needed)
        if not ready:
            return
        for refused in self._together(project, "accept", ready):
            self._look_again(project, refused["code"])

    def _tolerated(self, project: Project, code: str, lacking: list[str]) -> bool:
        """Accept an item with a promise of the last material that it lacks (容缺受理), where nothing else is in its way."""
        *given, late = lacking
        self._hand_in(project, given)
        item = self.client.ask(self.people.of(self.window), "GET", f"{project.path}/items/{code}")
        missing = [need["codes"] for need in item["needs"] if need["state"] == "missing"]
        if len(item["obstacles"]) != 1 or missing != [[late]]:
            self._hand_in(project, [late])
            return False
        promise = {"material": late, "due_on": str(self.today + timedelta(days=30))}
        body = {"step": "accept", "promised": [promise]}
        taken = self.client.ask(
            self.people.of(self.window), "POST", f"{project.path}/items/{code}/steps", body
        )
        self._know(project, [taken])
        project.promised[code] = late
        return True

    def _comes_now(self, project: Project, code: str) -> bool:
        """Say whether the items that come before one are approved, as far as the project has them."""
        for before in self._rules[code]["after"]:
            there = [project.items[each]["state"] for each in before if each in project.items]
            if there and not PASSED & set(there):
                return False
        return True

    def _needs(self, code: str) -> Iterable[str]:
        """Of the materials of an item those that the applicant has, of alternatives the first."""
        for codes in self._rules[code]["materials"]:
            material = next((each for each in codes if each in self._applicants), None)
            if material is not None and not any(each not in self._applicants for each in codes):
                yield material

    def _look_again(self, project: Project, code: str) -> None:
        """What the table alone did not tell: a material that expired meanwhile is handed in anew."""
        needs = self.client.ask(self.people.of(self.window), "GET", f"{project.path}/items/{code}")["needs"]
        for need in needs:
            material = next((each for each in need["codes"] if each in self._applicants), None)
            if material is not None and need["state"] in ("missing", "expired"):
                project.given.discard(material)
                self._hand_in(project, [material])

    def _review(self, project: Project, code: str, day: int) -> None:
        """The approving department's day with an item; one department is slow."""
        item, chance = project.items[code], project.dice.random()
        who = item["department"]
        pace = 0.12 if who == self._slow else 0.28
        match item["state"]:
            case ItemState.ACCEPTED if chance < 0.7:
                self._step(project, code, "begin", who)
            case ItemState.STOPPED if day - project.stopped_on[code] >= 7:
                self._step(project, code, "resume", who)
            case ItemState.IN_REVIEW if (
                chance < 0.04 and code not in project.stopped_on and not self._is_late(item)
            ):
                project.stopped_on[code] = day
                self._step(project, code, "stop", who, stop_kind="publicity", working_days=5, reason="公示")
            case ItemState.IN_REVIEW if (
                chance < 0.07
                and code not in project.extended
                and item["limit_days"] is not None
                and not self._is_late(item)
            ):
                project.extended.add(code)
                days = project.dice.randint(1, 10)
                self._step(project, code, "extend", who, working_days=days, reason="情况复杂，经负责人批准")
            case ItemState.IN_REVIEW if chance < 0.1 and code not in project.asked:
                self.between.consult(project, code)
            case ItemState.IN_REVIEW if chance > 0.99:
                signed = self._signed(project, code, "不予许可决定书")
                self._step(project, code, "refuse", who, reason="不符合条件", result=signed)
                self.decided += 1
            case ItemState.IN_REVIEW if chance < pace + 0.08 and not project.asked.get(code):
                self._approve(project, code, who)

    def _is_late(self, item: dict[str, Any]) -> bool:
        """Say whether an item's limit ran out: nothing stops it then."""
        return item["due_on"] is not None and item["due_on"] < self.today.isoformat()

    def _approve(self, project: Project, code: str, who: str) -> None:
        for owed in project.owed.pop(code, ()):
            met = {"how": "已落实"}
            self.client.ask(self.people.of(who), "PUT", f"{project.path}/obligations/{owed}", met)
        if code in project.promised:
            self._hand_in(project, [project.promised.pop(code)])
        signed = self._signed(project, code, self._rules[code]["title"])
        more = {"reason": "不同意见已协调"} if code in project.disagreed else {}
        self._step(project, code, "approve", who, result=signed, **more)
        if code in project.committed:
            project.unverified.add(code)
        self.decided += 1

    def _signed(self, project: Project, code: str, title: str) -> dict[str, str]:
        number = f"模拟〔{project.code[-6:]}〕{code}-{project.items[code]['round']}号"
        return {"number": number, "title": title, "signed_by": "模拟签发人"}

    def _conclude(self, project: Project) -> None:
        stage = STAGES[project.stage]
        ends = stage is STAGES[-1]
        if all(i["state"] in _DONE for i in project.items.values() if ends or i["stage"] == stage):
            window = self.people.of(self.window)
            self.client.ask(window, "POST", f"{project.path}/stages/{stage}/conclude")
            project.stage += 1
            if project.stage < len(STAGES):
                self._accept_stage(project)

    def _accept_stage(self, project: Project) -> None:
        stage = STAGES[project.stage]
        self.client.ask(self.people.of(self.window), "POST", f"{project.path}/stages/{stage}/accept")

    def _together(self, project: Project, step: str, codes: list[str] | None) -> list[dict[str, Any]]:
        """The window's step with many items; those with which it was not taken."""
        body = {"step": step} | ({"items": codes} if codes is not None else {})
        done = self.client.ask(self.people.of(self.window), "POST", f"{project.path}/steps", body)
        self._know(project, done["taken"])
        refused: list[dict[str, Any]] = done["not_taken"]
        return refused

    def _step(self, project: Project, code: str, step: str, who: str, **more: Any) -> None:
        path = f"{project.path}/items/{code}/steps"
        self.client.ask(self.people.of(who).in_short(), "POST", path, {"step": step} | more)
        project.items[code]["state"] = TRANSITIONS[project.items[code]["state"]][Step(step)]

    @staticmethod
    def _know(project: Project, rows: Iterable[dict[str, Any]]) -> None:
        kept = ("state", "stage", "department", "round", "due_on", "limit_days")
        project.items |= {row["code"]: {name: row[name] for name in kept} for row in rows}

    def _hand_in(self, project: Project, codes: Iterable[str], *, replaces: str | None = None) -> None:
        for code in codes:
            if code in project.given and replaces is None:
                continue
            fields = {"code": code} | ({"replaces_reason": replaces} if replaces is not None else {})
            content = f"{project.code} {code}".encode()
            self.client.upload(
                self.people.of(self.window), f"{project.path}/materials", f"{code}.txt", content, fields
            )
            project.given.add(code)

    def _message(self, project: Project, today: date) -> dict[str, Any]:
        dice = project.dice
        west = 41_480_000 + dice.randint(0, 20_000)
        ring = [[west, 4_550_000], [west + 200, 4_550_000], [west + 200, 4_550_200], [west, 4_550_000]]
        deemed = {"kind": "deemed_no_objection", "given_on": str(today)}
        condition = {
            "kind": "agree_with_conditions",
            "conditions": "雨水排放口不得高于河道设计水位",
            "given_on": str(today),
        }
        asked = dice.sample([d for d in self.city.departments if d.code != self.window], 3)
        return {
            "message_id": str(UUID(int=dice.getrandbits(128), version=4)),
            "city_code": self.city.administrative_code,
            "city_name": self.city.name,
            "project": {
                "planning_number": project.number,
                "name": f"模拟项目{project.number[-4:]}",
                "applicant": f"模拟建设单位{dice.randint(1, 99)}",
                "purpose": "模拟",
            },
            "footprint": {"revision": 1, "crs": self.city.working_crs, "area_m2": 20_000, "coordinates": [[ring]]},
            "check": {"digest": f"sha256:{'0' * 64}", "on": str(today), "verdict": "restrict", "conflicts": []},
            "opinions": [
                {"department": d.code, "department_name": d.name} | (condition if n == 0 else deemed)
                for n, d in enumerate(asked)
            ],
            "cleared_on": str(today),
            "cleared_by": "模拟",
        }  # fmt: skip
