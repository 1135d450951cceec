"""People with accounts, who sign in over HTTP."""

from dataclasses import dataclass
from typing import Any

import httpx
from sqlalchemy.orm import Session

from blueprint.accounts import persons
from blueprint.city import City, DepartmentRole
from blueprint.permissions import Role, at_console
from tests.service.conftest import Server

PASSWORD = "vier-Pferde-am-Fluss"
OPERATOR = at_console("test")


@dataclass
class Office:
    """The running service with people in it."""

    server: Server
    city: City

    @property
    def departments(self) -> list[str]:
        """Departments without an administration."""
        return [d.code for d in self.city.departments if d.role is DepartmentRole.OPINION]

    def hire(self, login: str, *roles: Role, department: str | None = None, **times: Any) -> None:
        """Make an account that may sign in, and appoint."""
        with self.session() as session, session.begin():
            now = self.server.edge.now()
            person, _ = persons.add_person(
                session, login, login.title(), password=PASSWORD, actor=OPERATOR, now=now
            )
            for role in roles:
                persons.appoint(
                    session,
                    person,
                    role,
                    department=department,
                    city=self.city,
                    actor=OPERATOR,
                    now=now,
                    **times,
                )

    def session(self) -> Session:
        """A session on the service's database."""
        return Session(self.server.edge.engine, expire_on_commit=False)

    def sign_in(self, login: str, password: str = PASSWORD) -> httpx.Client:
        """A browser that is signed in, with the token that our pages send along."""
        client = self.server.client()
        answer = client.post("/api/session", json={"login": login, "password": password})
        assert answer.status_code == 200, answer.text
        client.headers["X-CSRF-Token"] = answer.json()["csrf_token"]
        return client
