"""What departments of the made-up year do with each other over a project: questions and answers (Art. 13), letters of supervision."""

from collections.abc import Iterable, Mapping
from typing import Any

from approval.matter_models import LateKind
from blueprint.city import City
from service.simulation.client import Caller, Client
from service.simulation.people import People
from service.simulation.project import Project

_KINDS = ("agree", "agree", "agree_with_conditions", "disagree", "no_objection")


class Between:
    """Who is asked and written to, over the connection of the year."""

    def __init__(self, client: Client, people: People, city: City, window: str) -> None:
        self._client, self._people, self._city, self._window = client, people, city, window

    def consult(self, project: Project, code: str) -> None:
        """The approving department asks two others about its item, once."""
        who = project.items[code]["department"]
        others = [d.code for d in self._city.departments if d.code not in (who, self._window)]
        asked = {"question": "有无意见", "departments": project.dice.sample(others, 2)}
        path = f"{project.path}/items/{code}/consultations"
        made = self._client.ask(self._people.of(who), "POST", path, asked)["items"]
        project.asked[code] = [(row["id"], row["department"]) for row in made]

    def answer(self, project: Project) -> None:
        """Who was asked answers within some days; conditions bind the item, as long as it is there to be bound."""
        for code, open_ones in project.asked.items():
            for place, (answer_id, department) in reversed(list(enumerate(open_ones))):
                if project.dice.random() >= 0.4:
                    continue
                kind = project.dice.choice(_KINDS)
                if kind == "agree_with_conditions" and not project.is_in_review(code):
                    kind = "no_objection"
                given = {"kind": kind} | ({"conditions": "施工避开汛期"} if "conditions" in kind else {})
                path = f"/api/approval/consultation-answers/{answer_id}"
                self._client.ask(self._people.of(department), "PUT", path, given)
                open_ones.pop(place)
                if kind == "disagree":
                    project.disagreed.add(code)
                if kind == "agree_with_conditions":
                    self._learn_owed(project, code)

    def _learn_owed(self, project: Project, code: str) -> None:
        rows = self._client.ask(self._people.of(self._window), "GET", f"{project.path}/obligations")["items"]
        mine = [row for row in rows if row["item_code"] == code and row["closed_on"] is None]
        project.owed[code] = [row["id"] for row in mine]

    def supervise(self, projects: Iterable[Project]) -> None:
        """The service agency writes to departments that are late with anything of these projects, and they answer."""
        known = {project.code: project for project in projects}
        window = self._people.of(self._window)
        for kind in LateKind:
            late = self._client.ask(window, "GET", f"/api/approval/late?yellow=false&kind={kind}")["items"]
            for row in late:
                about = (kind, row["item"] or row["stage"], row["department"], row["due_on"])
                project = known.get(row["case"])
                if project is not None and row["department"] is not None and about not in project.written:
                    project.written.add(about)
                    self._write(window, project, row)

    def _write(self, window: Caller, project: Project, row: Mapping[str, Any]) -> None:
        letter = {"kind": row["kind"], "content": "请说明原因并尽快办理"}
        if row["item"] is not None:
            path = f"{project.path}/items/{row['item']}/letters"
            letter["department"] = row["department"]
        else:
            path = f"{project.path}/stages/{row['stage']}/letters"
        sent = self._client.ask(window, "POST", path, letter)
        if project.dice.random() < 0.8:
            who = self._people.of(row["department"])
            told = {"answer": "本周办结"}
            self._client.ask(who, "POST", f"/api/approval/letters/{sent['id']}/answer", told)
