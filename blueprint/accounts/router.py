"""Routes by which an operator administers accounts."""

from typing import Annotated

from fastapi import APIRouter, Path, Query, Response

from blueprint.accounts import identities, persons, second_factor
from blueprint.accounts.models import Appointment, LinkedIdentity, Person
from blueprint.accounts.schemas import (
    AppointmentIn,
    AppointmentOut,
    IdentityIn,
    IdentityOut,
    NewPassword,
    NewPersonOut,
    PersonIn,
    PersonOut,
    PersonPage,
)
from blueprint.edge import ActorDep, CityDep, Edge, EdgeDep, NowDep, SessionDep
from blueprint.errors import InvalidInputError
from blueprint.idempotency import IdempotentRoute
from blueprint.permissions import Act, Role, require

router = APIRouter(tags=["accounts"], route_class=IdempotentRoute)
Login = Annotated[str, Path(max_length=60, pattern=r"^[^\x00]*$")]

Number = Annotated[int, Path(ge=1, le=2_000_000_000)]


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
    persons.end_sessions(session, persons.find_person(session, login), actor=actor, now=now)
    return Response(status_code=204)


@router.delete("/api/accounts/{login}/second-factor", status_code=204)
def reset_second_factor(login: Login, session: SessionDep, actor: ActorDep, now: NowDep) -> Response:
    """Take away the second factor of somebody who lost it; all their sessions end."""
    require(actor, Act.ADMINISTER_ACCOUNTS)
    second_factor.reset(session, persons.find_person(session, login), actor=actor, now=now)
    return Response(status_code=204)


@router.post("/api/accounts/{login}/identities", status_code=201)
def link_identity(
    login: Login, body: IdentityIn, session: SessionDep, actor: ActorDep, edge: EdgeDep
) -> IdentityOut:
    """Let whom an OpenID Connect provider calls `subject` sign in as this person."""
    require(actor, Act.ADMINISTER_ACCOUNTS)
    person = persons.find_person(session, login)
    identity = identities.link(
        session,
        person,
        issuer=issuer_of(body.issuer, edge),
        subject=body.subject,
        actor=actor,
        now=edge.now(),
    )
    return identity_out(identity)


@router.post("/api/identities/{identity_id}/end")
def unlink_identity(identity_id: Number, session: SessionDep, actor: ActorDep, now: NowDep) -> IdentityOut:
    """End a link to a provider at once; it stays on record."""
    require(actor, Act.ADMINISTER_ACCOUNTS)
    return identity_out(identities.unlink(session, identity_id, actor=actor, now=now))


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
        starts_at=city.instant_of(body.starts_at) if body.starts_at is not None else None,
        ends_at=city.instant_of(body.ends_at) if body.ends_at is not None else None,
        city=city,
        actor=actor,
        now=edge.now(),
    )
    return appointment_out(appointment)


@router.post("/api/appointments/{appointment_id}/end")
def end_appointment(
    appointment_id: Number, session: SessionDep, actor: ActorDep, now: NowDep
) -> AppointmentOut:
    """End a role at once; it stays on record."""
    require(actor, Act.ADMINISTER_ACCOUNTS)
    return appointment_out(persons.end_appointment(session, appointment_id, actor=actor, now=now))


def person_out(person: Person) -> PersonOut:
    """An account as it is shown: never its password's hash, never its secret."""
    names = ("login", "name", "email", "must_change_password", "is_sample", "deactivated_at")
    factor = person.second_factor
    return PersonOut(
        **{name: getattr(person, name) for name in names},
        second_factor_since=factor.confirmed_at if factor is not None else None,
        appointments=[appointment_out(appointment) for appointment in person.appointments],
        identities=[identity_out(identity) for identity in person.identities],
    )


def appointment_out(appointment: Appointment) -> AppointmentOut:
    """An appointment as it is shown."""
    return AppointmentOut(**{name: getattr(appointment, name) for name in AppointmentOut.model_fields})


def identity_out(identity: LinkedIdentity) -> IdentityOut:
    """A link to a provider as it is shown."""
    return IdentityOut(**{name: getattr(identity, name) for name in IdentityOut.model_fields})


def issuer_of(given: str | None, edge: Edge) -> str:
    """The issuer that is meant: the one that is given, else the one of the provider that is set up."""
    if given is not None:
        return given
    if edge.provider is None:
        raise InvalidInputError("no OpenID Connect provider is set up here; name the issuer")
    return edge.provider.registration.issuer
