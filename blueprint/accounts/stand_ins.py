"""Absence and delegation (请假、委托): who stands in for whom in a department, arranged by themselves or by the director."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from blueprint.accounts.models import directory
from blueprint.accounts.stand_in_models import StandIn
from blueprint.audit.log import record
from blueprint.city import City
from blueprint.errors import ConflictError, InvalidInputError, NotFoundError
from blueprint.permissions import RIGHTS, Act, Actor, Post, Role, Thing, require

DELEGABLE = (Act.REVIEW_DRAFT, Act.ISSUE_OPINION)
"""Rights that are delegated by themselves: 审核, 签发."""

_LENT = frozenset({Role.REVIEWER, Role.SECTION_HEAD, Role.DIRECTOR})
"""Roles that somebody stands in for; no other office is anybody's to lend."""

_LONGEST = timedelta(days=366)
_MAX_REASON = 1000


def arrange_stand_in(
    session: Session,
    login: str,
    deputy: str,
    *,
    act: Act | None,
    starts_on: date,
    ends_on: date,
    reason: str,
    city: City,
    actor: Actor,
    now: datetime,
) -> StandIn:
    """Let `deputy` stand in for `login`, both members of one department: for everything, or with one right (`act`)."""
    known = _members(session, now)
    department = _department_of(known, login, city)
    thing = Thing(department=department)
    require(actor, Act.ARRANGE_STAND_IN if is_own(actor, login) else Act.ORGANISE_DEPARTMENT, thing)
    words = reason.strip()
    if not words or len(words) > _MAX_REASON:
        raise InvalidInputError(
            "say why, in at most {max_reason} characters", max_reason=_MAX_REASON, place="reason"
        )
    if login == deputy:
        raise InvalidInputError("nobody stands in for themselves; name somebody else", place="deputy")
    if not now.date() <= ends_on or not starts_on <= ends_on <= starts_on + _LONGEST:
        raise InvalidInputError(
            "a time runs from its first to its last day, ends today or later, and is a year at most",
            place="ends_on",
        )
    if not any(role in _LENT and where == department for _, role, where, _ in known.get(deputy, ())):
        raise InvalidInputError(
            "{deputy} holds no role in {department}; name a reviewer, section head or director of it",
            deputy=deputy[:60],
            department=department,
            place="deputy",
        )
    if act is not None:
        held = {role for _, role, where, _ in known[login] if where == department and role in _LENT}
        if act not in DELEGABLE or not held & RIGHTS[act].keys():
            raise InvalidInputError(
                "{login} does not hold the right {right}; delegated are: {delegable}",
                login=login,
                right=act,
                delegable=DELEGABLE,
                place="act",
            )
    elif _absences(session, (login, deputy), starts_on, ends_on):
        raise ConflictError(
            "{login} or {deputy} is away in that time already; end that first", login=login, deputy=deputy
        )
    made = StandIn(
        department=department,
        login=login,
        deputy=deputy,
        act=act,
        starts_on=starts_on,
        ends_on=ends_on,
        reason=words,
        made_by=actor.name,
        made_at=now,
    )
    session.add(made)
    session.flush()
    _record(session, actor, "arrange_stand_in", made)
    return made


def is_own(actor: Actor, login: str) -> bool:
    """Say whether the login is the actor's own account."""
    return actor.person_id is not None and actor.name.rpartition(" ")[2] == login


def end_stand_in(session: Session, number: int, *, actor: Actor, now: datetime) -> StandIn:
    """End it at once: who was away is back, or takes the right back."""
    found = session.scalars(select(StandIn).where(StandIn.id == number).with_for_update()).one_or_none()
    if found is None:
        raise NotFoundError("no stand-in {number}", number=number)
    own = is_own(actor, found.login)
    require(
        actor, Act.ARRANGE_STAND_IN if own else Act.ORGANISE_DEPARTMENT, Thing(department=found.department)
    )
    if found.ended_at is not None or found.ends_on < now.date():
        raise ConflictError("stand-in {number} is over already", number=number)
    found.ended_at, found.ended_by = now, actor.name
    session.flush()
    _record(session, actor, "end_stand_in", found)
    return found


def list_stand_ins(session: Session, department: str, *, actor: Actor, today: date) -> Sequence[StandIn]:
    """Who stands in for whom in a department today or later."""
    require(actor, Act.HANDLE_REQUEST, Thing(department=department))
    statement = (
        select(StandIn)
        .where(StandIn.department == department, StandIn.ended_at.is_(None), StandIn.ends_on >= today)
        .order_by(StandIn.starts_on, StandIn.id)
    )
    return session.scalars(statement).all()


def lent_posts(
    session: Session,
    login: str,
    department: str | None,
    *,
    but: frozenset[Role] = frozenset(),
    now: datetime,
) -> tuple[Post, ...]:
    """The posts that somebody holds for others of the own department now; of no roles in `but`, which ask for more than a name."""
    today = now.date()
    standing = session.scalars(
        select(StandIn)
        .where(
            StandIn.deputy == login,
            StandIn.department == department,
            StandIn.ended_at.is_(None),
            StandIn.starts_on <= today,
            StandIn.ends_on >= today,
        )
        .order_by(StandIn.id)
    ).all()
    if not standing:
        return ()
    known = _members(session, now)
    return tuple(
        Post(role, section, f"{name} {each.login}", frozenset({Act(each.act)}) if each.act else None)
        for each in standing
        for name, role, where, section in known.get(each.login, ())
        if role in _LENT - but and where == department
    )


_Member = tuple[str, Role, str | None, int | None]


def _members(session: Session, now: datetime) -> dict[str, list[_Member]]:
    """Names, roles, departments and sections by login, as they are at an instant."""
    found: dict[str, list[_Member]] = {}
    for row in session.execute(select(directory(now))):
        if row.role is not None:
            found.setdefault(row.login, []).append((row.name, Role(row.role), row.department, row.section_id))
    return found


def _department_of(known: dict[str, list[_Member]], login: str, city: City) -> str:
    codes = {department.code for department in city.departments}
    places = [where for _, role, where, _ in known.get(login, ()) if role in _LENT and where in codes]
    if not places:
        raise NotFoundError("no reviewer, section head or director {login!r}", login=login[:60])
    return str(places[-1])


def _absences(session: Session, logins: tuple[str, str], starts_on: date, ends_on: date) -> bool:
    statement = select(StandIn.id).where(
        StandIn.login.in_(logins),
        StandIn.act.is_(None),
        StandIn.ended_at.is_(None),
        StandIn.starts_on <= ends_on,
        StandIn.ends_on >= starts_on,
    )
    return session.scalar(statement.limit(1)) is not None


def _record(session: Session, actor: Actor, act: str, made: StandIn) -> None:
    names = ("department", "login", "deputy", "act", "starts_on", "ends_on", "reason")
    after = {name: getattr(made, name) for name in names}
    record(session, actor, act, kind="stand_in", id=made.id, after=after)
