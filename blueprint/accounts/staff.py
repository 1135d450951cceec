"""The people of a department (部门人员) by name, for whoever assigns work or arranges a stand-in: nobody remembers logins."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from blueprint.accounts.models import Section, directory
from blueprint.city import City
from blueprint.permissions import Act, Actor, Role, Thing, require

OFFICE_ROLES = (Role.REVIEWER, Role.SECTION_HEAD, Role.DIRECTOR)
"""Roles in which somebody has to do with opinions, and is stood in for."""


@dataclass(frozen=True)
class StaffMember:
    """Somebody of a department: login, name, the roles held in it, and the section where they are of one."""

    login: str
    name: str
    roles: tuple[Role, ...]
    section_id: int | None
    section: str | None


def staff_of(
    session: Session, department: str, *, city: City, actor: Actor, now: datetime
) -> tuple[StaffMember, ...]:
    """Who holds a role in which opinions are handled at this instant, by section and name."""
    city.department(department)
    require(actor, Act.HANDLE_REQUEST, Thing(department=department))
    known = directory(now)
    rows = session.execute(
        select(known.c.login, known.c.name, known.c.role, known.c.section_id, Section.name.label("section"))
        .outerjoin(Section, Section.id == known.c.section_id)
        .where(known.c.department == department, known.c.role.in_(OFFICE_ROLES))
        .order_by(Section.name.nulls_first(), known.c.name, known.c.login)
    ).all()
    members: dict[str, StaffMember] = {}
    for row in rows:
        roles = (*(members[row.login].roles if row.login in members else ()), Role(row.role))
        members[row.login] = StaffMember(row.login, row.name, roles, row.section_id, row.section)
    return tuple(members.values())
