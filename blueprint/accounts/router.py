"""Routes of sessions and accounts."""

from datetime import datetime
from typing import Annotated
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Path, Query, Request, Response
from sqlalchemy.orm import Session

from blueprint.accounts import persons, sessions
from blueprint.accounts.credentials import COOKIE, SECURE_COOKIE, read_credentials
from blueprint.accounts.models import Appointment, Person
from blueprint.accounts.schemas import (
    AppointmentIn,
    AppointmentOut,
    Me,
    NewPassword,
    NewPersonOut,
    PasswordChange,
    PersonIn,
    PersonOut,
    PersonPage,
    SignIn,
)
from blueprint.audit.log import record
from blueprint.edge import ActorDep, CityDep, Edge, EdgeDep, NowDep, SessionDep
from blueprint.errors import NotSignedInError
from blueprint.idempotency import IdempotentRoute
from blueprint.permissions import Act, Actor, Role, require, rights_of

router = APIRouter(tags=["accounts"], route_class=IdempotentRoute)
sign_in_router = APIRouter(tags=["accounts"])
"""Signing in is never answered from what was kept."""

Login = Annotated[str, Path(max_length=60, pattern=r"^[^\x00]*$")]
AppointmentId = Annotated[int, Path(ge=1, le=2_000_000_000)]


@sign_in_router.post("/api/session")
def sign_in(body: SignIn, request: Request, response: Response, edge: EdgeDep) -> Me:
    """Sign in with login and password; the session is a cookie that no script can read."""
    now = edge.now()
    address = request.client.host if request.client is not None else "unknown"
    agent = request.headers.get("user-agent", "")
    token, person = sessions.sign_in(
        edge.engine, body.login, body.password, address=address, user_agent=agent, now=now
    )
    is_https = edge.base_url.startswith("https://")
    response.set_cookie(
        SECURE_COOKIE if is_https else COOKIE,
        token,
        max_age=int(sessions.AT_MOST.total_seconds()),
        path="/",
        secure=is_https,
        httponly=True,
        samesite="lax",
    )
    with Session(edge.engine) as session:
        actor = sessions.actor_of_session(session, token, city=edge.city, now=now)
    return _me(actor, token, must_change_password=person.must_change_password)


@router.delete("/api/session", status_code=204)
def sign_out(request: Request, session: SessionDep, actor: ActorDep, edge: EdgeDep) -> Response:
    """Sign out of this session."""
    sessions.close_session(session, _own_token(request, actor), now=edge.now())
    answer = Response(status_code=204)
    for name in (COOKIE, SECURE_COOKIE):
        answer.delete_cookie(name, path="/", secure=name == SECURE_COOKIE, httponly=True, samesite="lax")
    return answer


@router.delete("/api/sessions", status_code=204)
def sign_out_everywhere(request: Request, session: SessionDep, actor: ActorDep, now: NowDep) -> Response:
    """Sign out of every session of one's own, this one too."""
    _own_token(request, actor)
    assert actor.person_id is not None
    sessions.close_all_sessions(session, actor.person_id, now=now)
    return Response(status_code=204)


@router.get("/api/me")
def who_am_i(request: Request, session: SessionDep, actor: ActorDep) -> Me:
    """Who is signed in, and what they may do."""
    if not actor.signed_in and actor.person_id is None:
        raise NotSignedInError("nobody is signed in; POST /api/session, or send a token")
    person = session.get(Person, actor.person_id) if actor.person_id is not None else None
    token = _own_token(request, actor) if person is not None else None
    return _me(actor, token, must_change_password=person is not None and person.must_change_password)


@router.post("/api/me/password", status_code=204)
def change_password(
    body: PasswordChange, request: Request, session: SessionDep, actor: ActorDep, city: CityDep, now: NowDep
) -> Response:
    """Change one's own password; all other sessions end."""
    token = _own_token(request, actor)
    person = session.get_one(Person, actor.person_id)
    persons.change_password(session, person, body.old, body.new, city=city, actor=actor, token=token, now=now)
    return Response(status_code=204)


@router.get("/api/accounts")
def list_accounts(
    session: SessionDep,
    actor: ActorDep,
    cursor: Annotated[str, Query(max_length=60, pattern=r"^[^\x00]*$")] = "",
    limit: Annotated[int, Query(ge=1, le=1000)] = 200,
) -> PersonPage:
    """Accounts by login."""
    require(actor, Act.ADMINISTER_ACCOUNTS)
    found = persons.list_persons(session, after=cursor, limit=limit)
    return PersonPage(
        items=[person_out(person) for person in found], next=found[-1].login if len(found) == limit else None
    )


@router.post("/api/accounts", status_code=201)
def add_account(body: PersonIn, session: SessionDep, actor: ActorDep, now: NowDep) -> NewPersonOut:
    """Make an account; the password in the answer is good for one sign-in."""
    require(actor, Act.ADMINISTER_ACCOUNTS)
    person, password = persons.add_person(
        session, body.login, body.name, email=body.email, actor=actor, now=now
    )
    return NewPersonOut(**person_out(person).model_dump(), password=password)


@router.get("/api/accounts/{login}")
def show_account(login: Login, session: SessionDep, actor: ActorDep) -> PersonOut:
    """One account."""
    require(actor, Act.ADMINISTER_ACCOUNTS)
    return person_out(persons.find_person(session, login))


@router.delete("/api/accounts/{login}", status_code=204)
def deactivate_account(login: Login, session: SessionDep, actor: ActorDep, now: NowDep) -> Response:
    """Close an account: its sessions and roles end at once, its record stays."""
    require(actor, Act.ADMINISTER_ACCOUNTS)
    persons.deactivate(session, persons.find_person(session, login), actor=actor, now=now)
    return Response(status_code=204)


@router.post("/api/accounts/{login}/password")
def reset_password(login: Login, session: SessionDep, actor: ActorDep, now: NowDep) -> NewPassword:
    """A new password for one sign-in."""
    require(actor, Act.ADMINISTER_ACCOUNTS)
    person = persons.find_person(session, login)
    return NewPassword(password=persons.reset_password(session, person, actor=actor, now=now))


@router.delete("/api/accounts/{login}/sessions", status_code=204)
def revoke_sessions(login: Login, session: SessionDep, actor: ActorDep, now: NowDep) -> Response:
    """Sign somebody out everywhere, at once."""
    require(actor, Act.ADMINISTER_ACCOUNTS)
    person = persons.find_person(session, login)
    sessions.close_all_sessions(session, person.id, now=now)
    record(session, actor, "revoke_sessions", kind="person", id=person.login)
    return Response(status_code=204)


@router.post("/api/accounts/{login}/appointments", status_code=201)
def appoint(
    login: Login, body: AppointmentIn, session: SessionDep, actor: ActorDep, city: CityDep, edge: EdgeDep
) -> AppointmentOut:
    """Give a person a role."""
    require(actor, Act.ADMINISTER_ACCOUNTS)
    values = body.model_dump(exclude={"role", "starts_at", "ends_at"})
    appointment = persons.appoint(
        session,
        persons.find_person(session, login),
        Role(body.role),
        **values,
        starts_at=_aware(body.starts_at, edge),
        ends_at=_aware(body.ends_at, edge),
        city=city,
        actor=actor,
        now=edge.now(),
    )
    return appointment_out(appointment)


@router.post("/api/appointments/{appointment_id}/end")
def end_appointment(
    appointment_id: AppointmentId, session: SessionDep, actor: ActorDep, now: NowDep
) -> AppointmentOut:
    """End a role at once; it stays on record."""
    require(actor, Act.ADMINISTER_ACCOUNTS)
    return appointment_out(persons.end_appointment(session, appointment_id, actor=actor, now=now))


def person_out(person: Person) -> PersonOut:
    """An account as it is shown: never its password's hash."""
    names = [name for name in PersonOut.model_fields if name != "appointments"]
    return PersonOut(
        **{name: getattr(person, name) for name in names},
        appointments=[appointment_out(appointment) for appointment in person.appointments],
    )


def appointment_out(appointment: Appointment) -> AppointmentOut:
    """An appointment as it is shown."""
    return AppointmentOut(**{name: getattr(appointment, name) for name in AppointmentOut.model_fields})


def _me(actor: Actor, token: str | None, *, must_change_password: bool) -> Me:
    return Me(
        name=actor.name,
        department=actor.department,
        roles=sorted(actor.roles - {Role.ANYONE}),
        rights=[str(act) for act in rights_of(actor)],
        must_change_password=must_change_password,
        csrf_token=sessions.csrf_token_of(token) if token is not None else None,
    )


def _own_token(request: Request, actor: Actor) -> str:
    given = read_credentials(request.headers.get("authorization", ""), request.headers.get("cookie", ""))
    if given is None or not given.is_session or actor.person_id is None:
        raise NotSignedInError("this is for somebody who signed in with login and password")
    return given.text


def _aware(instant: datetime | None, edge: Edge) -> datetime | None:
    """An instant without a time zone is the city's."""
    if instant is None or instant.tzinfo is not None:
        return instant
    return instant.replace(tzinfo=ZoneInfo(edge.city.time_zone))
