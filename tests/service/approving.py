"""An approvals office over HTTP: a running service with a clock that is set, and one prepared case."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.orm import Session

from blueprint.city import City
from blueprint.tokens import issue_token
from coordination.handover import canonical
from service.settings import Settings
from tests.approval.office import CODE, MONDAY, message
from tests.service.conftest import Server, serving


@dataclass
class Clock:
    now: datetime = MONDAY

    def __call__(self) -> datetime:
        return self.now

    def days_pass(self, days: int) -> None:
        self.now += timedelta(days=days)


@dataclass
class Office:
    """A running service with a clock, and one prepared case."""

    place: Server
    clock: Clock
    case: str = f"/api/approval/cases/{CODE}"

    def call(self, method: str, path: str, who: str | None = "SPJ", *, expect: int, **content: Any) -> Any:
        """Ask as a department."""
        with self.place.client(who) as client:
            answer = client.request(method, path, **content)
        assert answer.status_code == expect, answer.text
        return answer.json() if "json" in answer.headers.get("content-type", "") else answer.content

    def step(self, code: str, step: str, who: str = "SPJ", *, expect: int = 200, **more: Any) -> Any:
        """Take a step."""
        body = {"step": step} | more
        return self.call("POST", f"{self.case}/items/{code}/steps", who, expect=expect, json=body)

    def hand_in(self, code: str, *, expect: int = 201, content: bytes = b"%PDF-1", **fields: str) -> Any:
        """Hand a material in."""
        files = {"file": (f"{code}.pdf", content)}
        data = {"code": code} | fields
        return self.call("POST", f"{self.case}/materials", expect=expect, files=files, data=data)


@contextmanager
def approving(database: str, city: City) -> Iterator[Office]:
    """The office with a case that has its code and its first stage open."""
    clock = Clock()
    with serving(database, city, Settings(), clock=clock) as running:
        with Session(running.edge.engine) as session, session.begin():
            running.tokens["interface"] = issue_token(
                session, department=None, city=city, now=MONDAY, is_service=True
            )
        office = Office(running, clock)
        body = canonical(message(1))
        office.call("POST", "/api/approval/intake", "interface", expect=200, content=body)
        number = "/api/approval/cases/CH-210300-2026-000001"
        process = {"project_type": "GOV_BLD", "items": ["A112"]}
        office.call("PUT", f"{number}/process", expect=200, json=process)
        office.call("PUT", f"{number}/project-code", expect=200, json={"project_code": CODE})
        office.call("POST", f"{office.case}/stages/land_use_planning/accept", expect=200)
        yield office
