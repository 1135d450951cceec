"""What a request says of the browser that sent it, and what a person is told of themselves."""

from fastapi import Request
from sqlalchemy.orm import Session

from blueprint.accounts.credentials import credentials_of
from blueprint.accounts.models import Person
from blueprint.accounts.schemas import Me
from blueprint.accounts.sessions import csrf_token_of, has_second_factor
from blueprint.accounts.signing_in import Browser
from blueprint.errors import NotPermittedError, NotSignedInError
from blueprint.owed import Owed
from blueprint.permissions import Actor, Role, rights_of


def browser_of(request: Request) -> Browser:
    """Where a request comes from and with what."""
    address = request.client.host if request.client is not None else "unknown"
    return Browser(address, request.headers.get("user-agent", ""))


def session_token(request: Request) -> str | None:
    """The token of the session that a request brings, good or not."""
    given = credentials_of(request.headers)
    return given.text if given is not None and given.is_session else None


def own_token(request: Request, actor: Actor) -> str:
    """The token of somebody who signed in as a person."""
    token = session_token(request)
    if token is None or actor.person_id is None:
        raise NotSignedInError("this is for somebody who signed in as a person; a token is of a machine")
    return token


def own_person(session: Session, request: Request, actor: Actor) -> Person:
    """The account of somebody who is all the way signed in."""
    own_token(request, actor)
    if actor.owes is Owed.CODE:
        raise NotPermittedError("give the code of the second factor first (POST /api/session/code)")
    return session.get_one(Person, actor.person_id)


def tell_me(session: Session, actor: Actor, token: str | None) -> Me:
    """Who somebody is and what they may do; of machines no login and no CSRF token."""
    person = session.get(Person, actor.person_id) if actor.person_id is not None else None
    return Me(
        name=actor.name,
        login=person.login if person is not None else None,
        department=actor.department,
        roles=sorted(actor.roles - {Role.ANYONE}),
        rights=[str(act) for act in rights_of(actor)],
        owes=actor.owes,
        must_change_password=person is not None and person.must_change_password,
        has_second_factor=person is not None and has_second_factor(session, person.id),
        csrf_token=csrf_token_of(token) if token is not None and person is not None else None,
    )
