"""Administering accounts: persons, appointments, passwords; every change is recorded."""

import re
from datetime import datetime

from sqlalchemy import or_, select
from sqlalchemy.orm import Session, selectinload

from blueprint.accounts.models import Appointment, Person, Section
from blueprint.accounts.passwords import hash_password, make_password, refuse_weak
from blueprint.accounts.sections import find_section
from blueprint.accounts.separation import APPOINTABLE, refuse_together
from blueprint.accounts.sessions import close_all_sessions
from blueprint.audit.log import record
from blueprint.city import City, DepartmentRole
from blueprint.errors import ConflictError, InvalidInputError, NotFoundError
from blueprint.permissions import Act, Actor, Role, require

_LOGIN = re.compile(r"[a-z0-9][a-z0-9._-]{1,59}")
_KEEPERS = {Role.COORDINATOR: DepartmentRole.COORDINATOR, Role.LEAD: DepartmentRole.APPROVALS}
"""Roles that belong to the department with that administration (Art. 6, 7)."""

_WHOLE = (
    selectinload(Person.appointments).joinedload(Appointment.section_row),
    selectinload(Person.identities),
    selectinload(Person.second_factor),
)


def add_person(
    session: Session,
    login: str,
    name: str,
    *,
    email: str | None = None,
    password: str | None = None,
    is_sample: bool = False,
    actor: Actor,
    now: datetime,
) -> tuple[Person, str]:
    """Make an account and say its password, which is good for one sign-in unless one is given here."""
    require(actor, Act.ADMINISTER_ACCOUNTS)
    folded = login.strip().casefold()
    if not _LOGIN.fullmatch(folded):
        raise InvalidInputError(
            "login {login!r} must be 2 to 60 letters a-z, digits, '.', '_' or '-', beginning with a letter"
            " or digit",
            login=login[:60],
        )
    if not name.strip():
        raise InvalidInputError("an account needs the person's name")
    if session.scalar(select(Person.id).where(Person.login == folded)) is not None:
        raise ConflictError("login {folded} is taken; choose another", folded=folded)
    chosen = password or make_password()
    person = Person(
        login=folded,
        name=name.strip()[:100],
        email=email,
        password_hash=hash_password(chosen),
        password_set_at=now,
        must_change_password=password is None,
        is_sample=is_sample,
        made_by=actor.name,
        made_at=now,
    )
    session.add(person)
    session.flush()
    record(session, actor, Act.ADMINISTER_ACCOUNTS, kind="person", id=folded, after={"name": person.name})
    return person, chosen


def appoint(
    session: Session,
    person: Person,
    role: Role,
    *,
    department: str | None,
    section: str | None = None,
    starts_at: datetime | None = None,
    ends_at: datetime | None = None,
    city: City,
    actor: Actor,
    now: datetime,
) -> Appointment:
    """Give a person a role from an instant to an instant; nobody appoints himself, some roles exclude each other."""
    require(actor, Act.ADMINISTER_ACCOUNTS)
    if actor.person_id == person.id:
        raise ConflictError("nobody appoints himself; let another operator do it")
    if role not in APPOINTABLE:
        raise InvalidInputError(
            "{role} is a role of machines; appoint to one of: {appointable}",
            role=role,
            appointable=sorted(APPOINTABLE),
        )
    _refuse_misplaced(role, department, city)
    starts_at = starts_at or now
    if ends_at is not None and ends_at <= max(starts_at, now):
        raise InvalidInputError("the appointment would be over before it begins; name a later end")
    others = _held(session, person, starts_at, ends_at)
    refuse_together([role, *(Role(other.role) for other in others)])
    if department is not None and any(other.department not in (None, department) for other in others):
        raise ConflictError(
            "{login} holds roles in another department then; end them first (a person works for one"
            " department)",
            login=person.login,
        )
    appointment = Appointment(
        person=person,
        role=role,
        department=department,
        section_row=_section(session, section, department, starts_at, ends_at),
        starts_at=starts_at,
        ends_at=ends_at,
        granted_by=actor.name,
        granted_at=now,
    )
    session.add(appointment)
    session.flush()
    _record(session, actor, appointment, **_likeness(session, actor, person))
    return appointment


def end_appointment(
    session: Session, appointment_id: int, *, actor: Actor, now: datetime, at: datetime | None = None
) -> Appointment:
    """End a role at an instant, now unless said; it stays on record."""
    require(actor, Act.ADMINISTER_ACCOUNTS)
    appointment = session.get(Appointment, appointment_id, with_for_update=True)
    if appointment is None:
        raise NotFoundError(
            "no appointment {appointment_id}; `blueprint account show LOGIN` lists them",
            appointment_id=appointment_id,
        )
    if appointment.ends_at is not None and appointment.ends_at <= now:
        raise ConflictError(
            "appointment {appointment_id} ended on {ends_at} already",
            appointment_id=appointment_id,
            ends_at=appointment.ends_at,
        )
    appointment.ends_at = max(at or now, appointment.starts_at)
    appointment.ended_by, appointment.ended_at = actor.name, now
    session.flush()
    _record(session, actor, appointment)
    return appointment


def reset_password(session: Session, person: Person, *, actor: Actor, now: datetime) -> str:
    """A new password for one sign-in; every session of the person ends."""
    require(actor, Act.ADMINISTER_ACCOUNTS)
    password = make_password()
    person.password_hash, person.password_set_at = hash_password(password), now
    person.must_change_password, person.is_sample = True, False
    close_all_sessions(session, person.id, now=now)
    record(session, actor, "reset_credential", kind="person", id=person.login)
    return password


def give_sample_password(
    session: Session, person: Person, password: str, *, actor: Actor, now: datetime
) -> None:
    """Give an account of the demo the password that it prints this time; only one that still has a sample one."""
    require(actor, Act.ADMINISTER_ACCOUNTS)
    if person.is_sample and person.deactivated_at is None:
        person.password_hash, person.password_set_at = hash_password(password), now
        close_all_sessions(session, person.id, now=now)
        record(session, actor, "reset_credential", kind="person", id=person.login)


def change_password(
    session: Session,
    person: Person,
    new: str,
    *,
    city: City,
    actor: Actor,
    token: str,
    now: datetime,
) -> None:
    """One's own password, for somebody who gave the old one; every other session ends."""
    refuse_weak(new, own_words=(person.login, person.name, city.name, city.name_en or city.name))
    person.password_hash, person.password_set_at = hash_password(new), now
    person.must_change_password, person.is_sample = False, False
    close_all_sessions(session, person.id, now=now, but=token)
    record(session, actor, "change_credential", kind="person", id=person.login)


def deactivate(session: Session, person: Person, *, actor: Actor, now: datetime) -> None:
    """Close an account: sessions and roles end at once; what the person did stays on record."""
    require(actor, Act.ADMINISTER_ACCOUNTS)
    if actor.person_id == person.id:
        raise ConflictError("nobody closes the own account; let another operator do it")
    if person.deactivated_at is not None:
        raise ConflictError(
            "{login} was deactivated on {deactivated_at} already",
            login=person.login,
            deactivated_at=person.deactivated_at,
        )
    person.deactivated_at = now
    close_all_sessions(session, person.id, now=now)
    for appointment in _held(session, person, now, None):
        appointment.ends_at = max(now, appointment.starts_at)
        appointment.ended_by, appointment.ended_at = actor.name, now
    record(session, actor, "deactivate_person", kind="person", id=person.login)


def end_sessions(session: Session, person: Person, *, actor: Actor, now: datetime) -> int:
    """Sign somebody out everywhere, at once; says of how many sessions."""
    require(actor, Act.ADMINISTER_ACCOUNTS)
    count = close_all_sessions(session, person.id, now=now)
    record(session, actor, "revoke_sessions", kind="person", id=person.login, after={"count": count})
    return count


def find_person(session: Session, login: str) -> Person:
    """The person of a login, with all appointments."""
    person = session.scalars(
        select(Person).where(Person.login == login.strip().casefold()).options(*_WHOLE)
    ).one_or_none()
    if person is None:
        raise NotFoundError("no account {login!r}; `blueprint account list` shows them", login=login[:60])
    return person


def list_persons(session: Session, *, after: str = "", limit: int = 200) -> list[Person]:
    """Accounts by login."""
    statement = select(Person).where(Person.login > after).order_by(Person.login).limit(limit)
    return list(session.scalars(statement.options(*_WHOLE)))


def sample_logins(session: Session) -> list[str]:
    """Accounts in use whose password everybody can read in the demo's output."""
    statement = select(Person.login).where(Person.is_sample, Person.deactivated_at.is_(None))
    return list(session.scalars(statement.order_by(Person.login)))


def _refuse_misplaced(role: Role, department: str | None, city: City) -> None:
    if role in (Role.OPERATOR, Role.AUDITOR, Role.SUPERVISOR):
        if department is not None:
            raise InvalidInputError("{role} is a role of the whole city; leave the department out", role=role)
        return
    if department is None:
        raise InvalidInputError("{role} is a role in a department; name it", role=role)
    keeper = _KEEPERS.get(role)
    if keeper is not None and city.department(department).role is not keeper:
        raise InvalidInputError(
            "{role} is a role of the department that is {keeper}; {department} is not",
            role=role,
            keeper=keeper,
            department=department,
        )
    city.department(department)


def _section(
    session: Session, name: str | None, department: str | None, starts_at: datetime, ends_at: datetime | None
) -> Section | None:
    if name is None:
        return None
    if department is None:
        raise InvalidInputError("a section is of a department; name it")
    return find_section(session, department, name, starts_at=starts_at, ends_at=ends_at)


def _held(
    session: Session, person: Person, starts_at: datetime, ends_at: datetime | None
) -> list[Appointment]:
    """Appointments that overlap the time from `starts_at` to `ends_at`."""
    statement = select(Appointment).where(
        Appointment.person_id == person.id,
        or_(Appointment.ends_at.is_(None), Appointment.ends_at > starts_at),
    )
    if ends_at is not None:
        statement = statement.where(Appointment.starts_at < ends_at)
    return list(session.scalars(statement.with_for_update()))


def _likeness(session: Session, actor: Actor, person: Person) -> dict[str, str]:
    """What makes an appointment look like one of oneself through a second account: it is done, and told."""
    appointer = session.get(Person, actor.person_id) if actor.person_id is not None else None
    if appointer is None:
        return {}
    shared = [
        name
        for name in ("name", "email")
        if (mine := getattr(appointer, name)) and mine.casefold() == (getattr(person, name) or "").casefold()
    ]
    return {"appointer_has_same": ", ".join(shared)} if shared else {}


def _record(session: Session, actor: Actor, appointment: Appointment, **told: str) -> None:
    names = ("role", "department", "section", "starts_at", "ends_at")
    after = {"person": appointment.person.login} | {name: getattr(appointment, name) for name in names} | told
    record(session, actor, Act.ADMINISTER_ACCOUNTS, kind="appointment", id=appointment.id, after=after)
