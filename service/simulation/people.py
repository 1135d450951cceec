"""The people of the made-up year: accounts in every department, each at work in person on a day, else the department's system."""

from collections import deque

from sqlalchemy.orm import Session

from blueprint.accounts import persons
from blueprint.accounts.passwords import make_password
from blueprint.city import City, DepartmentRole
from blueprint.edge import Edge
from blueprint.permissions import Role, at_console
from blueprint.tokens import issue_token
from service.simulation.client import Caller, Client, machine


class People:
    """Who acts for a department on a day."""

    def __init__(self, edge: Edge, client: Client, *, prefix: str, count: int, days: int) -> None:
        """Tokens of every department; then `count` accounts, made over HTTP, whose days are spread over the year."""
        self._client, self._days, self._password = client, days, make_password()
        now, city = edge.now(), edge.city
        with Session(edge.engine) as session, session.begin():
            self._machines = {
                d.code: machine(issue_token(session, department=d.code, city=city, now=now, days=days + 1))
                for d in city.departments
            }
            self.interface = machine(
                issue_token(session, department=None, city=city, now=now, days=days + 1, is_service=True)
            )
            operator = f"{prefix}-operator"
            person, password = persons.add_person(
                session, operator, "模拟管理员", actor=at_console("simulation"), now=now
            )
            persons.appoint(
                session,
                person,
                Role.OPERATOR,
                department=None,
                city=city,
                actor=at_console("simulation"),
                now=now,
            )
        self._at_work: dict[str, Caller] = {}
        self._day = 0
        self._to_come: dict[str, deque[tuple[int, str, str]]] = {d.code: deque() for d in city.departments}
        if count:
            self._hire(city, operator, password, prefix, count)

    def _hire(self, city: City, operator: str, password: str, prefix: str, count: int) -> None:
        boss = self._first_sign_in(operator, password)
        for number in range(count):
            department = city.departments[number % len(city.departments)]
            login = f"{prefix}-{department.code.lower()}-{number}"
            made = self._client.ask(
                boss, "POST", "/api/accounts", {"login": login, "name": f"模拟经办人{number}"}
            )
            is_window = department.role is DepartmentRole.APPROVALS
            post = {
                "role": str(Role.LEAD if is_window else Role.DIRECTOR),
                "department": department.code,
            }
            self._client.ask(boss, "POST", f"/api/accounts/{login}/appointments", post)
            day = (number * self._days) // count
            self._to_come[department.code].append((day, login, made["password"]))

    def _first_sign_in(self, login: str, password: str) -> Caller:
        """With the password that was handed out, which is changed before anything else."""
        caller = self._client.sign_in(login, password)
        self._client.ask(caller, "POST", "/api/me/password", {"old": password, "new": self._password})
        return caller

    def begin_day(self, day: int) -> None:
        """Yesterday's sessions are over."""
        self._day, self._at_work = day, {}

    def of(self, department: str) -> Caller:
        """Who acts for a department today: the next person whose day has come, who signs in for it, else its own system."""
        if department not in self._at_work:
            to_come = self._to_come[department]
            if to_come and to_come[0][0] <= self._day:
                _, login, password = to_come.popleft()
                self._at_work[department] = self._first_sign_in(login, password)
            else:
                self._at_work[department] = self._machines[department]
        return self._at_work[department]
