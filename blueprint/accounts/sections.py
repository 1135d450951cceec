"""Sections (科室) of departments: the operator opens and closes them; the tree of levels, departments and sections."""

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from blueprint.accounts.models import Appointment, Section, directory
from blueprint.audit.log import record
from blueprint.city import City, Department, District
from blueprint.errors import ConflictError, InvalidInputError, NotFoundError
from blueprint.permissions import Act, Actor, Role, Thing, require

_A_CENTURY = timedelta(days=36_525)


@dataclass(frozen=True)
class SectionOfTree:
    """A section with the names of its heads at the instant of the tree."""

    section: Section
    heads: tuple[str, ...] = ()


@dataclass(frozen=True)
class Branch:
    """A department with its sections."""

    department: Department
    sections: tuple[SectionOfTree, ...] = ()


@dataclass(frozen=True)
class Tree:
    """The departments of the city, and those of each district (Art. 2, 横向到边、纵向到底)."""

    city: tuple[Branch, ...]
    districts: tuple[tuple[District, tuple[Branch, ...]], ...] = field(default=())


def add_section(
    session: Session,
    department: str,
    name: str,
    *,
    name_en: str | None = None,
    starts_at: datetime | None = None,
    city: City,
    actor: Actor,
    now: datetime,
) -> Section:
    """Open a section of a department, from now on or from an instant."""
    require(actor, Act.ADMINISTER_ACCOUNTS, Thing(department=department))
    city.department(department)
    name = name.strip()
    if not name:
        raise InvalidInputError("a section needs a name")
    if len(name) > 100:
        raise InvalidInputError("a section's name is longer than 100 characters; shorten it")
    starts_at = starts_at or now
    if abs(starts_at - now) > _A_CENTURY:
        raise InvalidInputError(
            "a section begins within a hundred years of today, not at {starts_at}", starts_at=starts_at
        )
    # One at a time for a department, so that the name is looked up and taken as one.
    session.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(f"section {department}", 0))))
    taken = session.scalar(
        select(Section.id).where(
            Section.department == department,
            Section.name == name,
            or_(Section.ends_at.is_(None), Section.ends_at > starts_at),
        )
    )
    if taken is not None:
        raise ConflictError(
            "{department} has a section {name} then; close number {taken} first, or name another",
            department=department,
            name=name,
            taken=taken,
        )
    section = Section(
        department=department,
        name=name,
        name_en=(name_en or "").strip() or None,
        starts_at=starts_at,
        made_by=actor.name,
        made_at=now,
    )
    session.add(section)
    session.flush()
    _record(session, actor, section)
    return section


def end_section(session: Session, section_id: int, *, actor: Actor, now: datetime) -> Section:
    """Close a section, at once; refused while roles are held in it. It stays on record."""
    require(actor, Act.ADMINISTER_ACCOUNTS)
    section = session.get(Section, section_id, with_for_update=True)
    if section is None:
        raise NotFoundError(
            "no section {section_id}; `blueprint department tree` shows them", section_id=section_id
        )
    if section.ends_at is not None and section.ends_at <= now:
        raise ConflictError(
            "section {section_name} was closed on {ends_at} already",
            section_name=section.name,
            ends_at=section.ends_at,
        )
    held = session.scalars(
        select(Appointment.id)
        .where(
            Appointment.section_id == section_id,
            or_(Appointment.ends_at.is_(None), Appointment.ends_at > max(now, section.starts_at)),
        )
        .order_by(Appointment.id)
    ).all()
    if held:
        numbers = ", ".join(str(number) for number in held[:10])
        raise ConflictError(
            "roles are held in {section_name}: end appointment {numbers} first, or move them",
            section_name=section.name,
            numbers=numbers,
        )
    section.ends_at = max(now, section.starts_at)
    section.ended_by, section.ended_at = actor.name, now
    session.flush()
    _record(session, actor, section)
    return section


def find_section(
    session: Session, department: str, name: str, *, starts_at: datetime, ends_at: datetime | None
) -> Section:
    """The section of that name that is open for all of a time; held so that it is not closed meanwhile."""
    found = session.scalars(
        select(Section)
        .where(
            Section.department == department,
            Section.name == name.strip(),
            Section.starts_at <= starts_at,
            or_(
                Section.ends_at.is_(None),
                Section.ends_at >= (ends_at or datetime.max.replace(tzinfo=starts_at.tzinfo)),
            ),
        )
        .with_for_update(read=True)
    ).one_or_none()
    if found is None:
        raise NotFoundError(
            "{department} has no section {name!r} for all of that time; `blueprint department tree` shows"
            " them",
            department=department,
            name=name[:60],
        )
    return found


def tree_of(session: Session, *, city: City, actor: Actor, now: datetime, with_past: bool = False) -> Tree:
    """The tree at this instant; `with_past` also has sections that are closed or not open yet."""
    require(actor, Act.READ_DEPARTMENTS)
    statement = select(Section).order_by(Section.starts_at, Section.id)
    if not with_past:
        statement = statement.where(
            Section.starts_at <= now, or_(Section.ends_at.is_(None), Section.ends_at > now)
        )
    heads = _heads(session, now)
    sections: dict[str, list[SectionOfTree]] = defaultdict(list)
    for section in session.scalars(statement):
        sections[section.department].append(SectionOfTree(section, tuple(heads[section.id])))
    branches = [Branch(d, tuple(sections[d.code])) for d in city.departments]
    return Tree(
        city=tuple(b for b in branches if b.department.district is None),
        districts=tuple(
            (district, tuple(b for b in branches if b.department.district == district.code))
            for district in city.districts
        ),
    )


def _heads(session: Session, now: datetime) -> dict[int, list[str]]:
    known = directory(now)
    rows = session.execute(
        select(known.c.section_id, known.c.name).where(
            known.c.role == Role.SECTION_HEAD, known.c.section_id.is_not(None)
        )
    )
    heads: dict[int, list[str]] = defaultdict(list)
    for section_id, name in rows:
        heads[section_id].append(name)
    return heads


def _record(session: Session, actor: Actor, section: Section) -> None:
    names = ("department", "name", "name_en", "starts_at", "ends_at")
    after = {name: getattr(section, name) for name in names}
    record(session, actor, Act.ADMINISTER_ACCOUNTS, kind="section", id=section.id, after=after)
