"""Routes of one's own account: who am I, password, second factor, sessions."""

from fastapi import APIRouter, Request, Response
from sqlalchemy.orm import Session

from blueprint.accounts import persons, second_factor, sessions, signing_in
from blueprint.accounts.models import Person
from blueprint.accounts.own import browser_of, own_person, own_token, session_token, tell_me
from blueprint.accounts.schemas import (
    Code,
    Me,
    NewSecondFactor,
    PasswordChange,
    RecoveryCodes,
    SecondFactorIn,
    SecondFactorOut,
    SessionList,
    SessionOut,
)
from blueprint.accounts.sessions import Way
from blueprint.accounts.sign_in_router import drop_session_cookie
from blueprint.audit.log import record
from blueprint.edge import ActorDep, CityDep, Edge, EdgeDep, NowDep, SessionDep
from blueprint.errors import InvalidInputError, NotSignedInError
from blueprint.idempotency import IdempotentRoute
from blueprint.permissions import Actor

router = APIRouter(tags=["accounts"], route_class=IdempotentRoute)


@router.delete("/api/session", status_code=204)
def sign_out(request: Request, session: SessionDep, actor: ActorDep, now: NowDep) -> Response:
    """Sign out of this session."""
    sessions.close_session(session, own_token(request, actor), now=now)
    record(session, actor, "sign_out", kind="session", id=actor.name)
    answer = Response(status_code=204)
    drop_session_cookie(answer)
    return answer


@router.delete("/api/sessions", status_code=204)
def sign_out_everywhere(request: Request, session: SessionDep, actor: ActorDep, now: NowDep) -> Response:
    """Sign out of every session of one's own, this one too."""
    person = own_person(session, request, actor)
    sessions.close_all_sessions(session, person.id, now=now)
    record(session, actor, "sign_out_everywhere", kind="session", id=person.login)
    answer = Response(status_code=204)
    drop_session_cookie(answer)
    return answer


@router.get("/api/me")
def who_am_i(request: Request, session: SessionDep, actor: ActorDep) -> Me:
    """Who is signed in, and what they may do."""
    if not actor.signed_in and actor.person_id is None:
        raise NotSignedInError("nobody is signed in; POST /api/session, or send a token")
    return tell_me(session, actor, session_token(request))


@router.post("/api/me/password", status_code=204)
def change_password(
    body: PasswordChange, request: Request, session: SessionDep, actor: ActorDep, city: CityDep, edge: EdgeDep
) -> Response:
    """Change one's own password; all other sessions end."""
    person, now = own_person(session, request, actor), edge.now()
    address = browser_of(request).address
    signing_in.refuse_wrong_password(edge.engine, person, body.old, address=address, now=now)
    token = own_token(request, actor)
    persons.change_password(session, person, body.new, city=city, actor=actor, token=token, now=now)
    return Response(status_code=204)


@router.get("/api/me/sessions")
def my_sessions(request: Request, session: SessionDep, actor: ActorDep, now: NowDep) -> SessionList:
    """The sessions of one's own that go on, the newest first."""
    person, token = own_person(session, request, actor), own_token(request, actor)
    shown = [name for name in SessionOut.model_fields if name != "is_this"]
    return SessionList(
        items=[
            SessionOut(**{name: getattr(row, name) for name in shown}, is_this=sessions.is_of(row, token))
            for row in sessions.list_sessions(session, person.id, now=now)
        ]
    )


@router.get("/api/me/second-factor")
def my_second_factor(request: Request, session: SessionDep, actor: ActorDep) -> SecondFactorOut:
    """Whether a code is asked at every sign-in."""
    person = own_person(session, request, actor)
    factor = person.second_factor
    return SecondFactorOut(
        confirmed_at=factor.confirmed_at if factor is not None else None,
        recovery_codes_left=second_factor.recovery_codes_left(session, person.id),
    )


@router.post("/api/me/second-factor")
def begin_second_factor(
    body: SecondFactorIn, request: Request, session: SessionDep, actor: ActorDep, edge: EdgeDep
) -> NewSecondFactor:
    """Begin a second factor: a secret for the app, shown once; it counts when a code of it was given."""
    person, now = own_person(session, request, actor), edge.now()
    row, _ = sessions.find_session(session, own_token(request, actor), now=now)
    if row.way == Way.PASSWORD:
        if body.password is None:
            raise InvalidInputError("password: give your password again", place="password")
        address = browser_of(request).address
        signing_in.refuse_wrong_password(edge.engine, person, body.password, address=address, now=now)
    begun = second_factor.begin(
        session, person, issuer=f"{edge.city.name}一张蓝图", sealer=edge.sealer, actor=actor, now=now
    )
    return NewSecondFactor(secret=begun.secret, otpauth_uri=begun.otpauth_uri, qr_svg=begun.qr_svg)


@router.post("/api/me/second-factor/confirmation")
def confirm_second_factor(
    body: Code, request: Request, session: SessionDep, actor: ActorDep, edge: EdgeDep
) -> RecoveryCodes:
    """Give a code of the app: from now on one is asked at every sign-in; the recovery codes are shown once."""
    person = own_person(session, request, actor)
    codes = second_factor.confirm(session, person, body.code, sealer=edge.sealer, actor=actor, now=edge.now())
    return RecoveryCodes(recovery_codes=codes)


@router.post("/api/me/second-factor/recovery-codes")
def renew_recovery_codes(
    body: Code, request: Request, session: SessionDep, actor: ActorDep, edge: EdgeDep
) -> RecoveryCodes:
    """New recovery codes for a code; the old ones are good no more."""
    person = _person_with_code(body, request, session, actor, edge)
    return RecoveryCodes(recovery_codes=second_factor.renew_recovery_codes(session, person, actor=actor))


@router.post("/api/me/second-factor/removal", status_code=204)
def remove_second_factor(
    body: Code, request: Request, session: SessionDep, actor: ActorDep, edge: EdgeDep
) -> Response:
    """Take one's own second factor away, for a code of it."""
    person = _person_with_code(body, request, session, actor, edge)
    second_factor.remove(session, person, actor=actor, now=edge.now())
    return Response(status_code=204)


def _person_with_code(body: Code, request: Request, session: Session, actor: Actor, edge: Edge) -> Person:
    """Who is signed in, after a right code of the second factor."""
    person = own_person(session, request, actor)
    signing_in.refuse_wrong_code(
        edge.engine,
        person,
        body.code,
        sealer=edge.sealer,
        address=browser_of(request).address,
        now=edge.now(),
    )
    return person
