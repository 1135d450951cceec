"""Routes of signing in: by password, by code, at an OpenID Connect provider."""

import base64
import binascii
import logging
from http import HTTPStatus
from http.cookies import CookieError, SimpleCookie
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import RedirectResponse
from sqlalchemy.orm import Session

from blueprint.accounts import signing_in, throttle
from blueprint.accounts.credentials import COOKIE, SECURE_COOKIE, refuse_foreign, refuse_other_sites
from blueprint.accounts.own import browser_of, session_token, tell_me
from blueprint.accounts.provider import CALLBACK, FLOW_SECONDS, Flow, Provider, ProviderAwayError
from blueprint.accounts.schemas import Code, Me, SessionNow, SignIn
from blueprint.accounts.sessions import AT_MOST, actor_of_session
from blueprint.audit.log import record
from blueprint.edge import Edge, EdgeDep, SessionDep
from blueprint.errors import BlueprintError, NotFoundError, NotSignedInError, TooManyAttemptsError
from blueprint.permissions import Actor

router = APIRouter(tags=["accounts"])
"""Signing in is never answered from what was kept: no `Idempotency-Key` here."""

_FLOW_COOKIE, _SECURE_FLOW_COOKIE = "openid_flow", "__Host-openid_flow"
_ABOUT_FLOW = "a sign-in under way at the provider"
_log = logging.getLogger("blueprint")

Told = Annotated[str | None, Query(max_length=4000, pattern=r"^[^\x00]*$")]


@router.get("/api/session")
def this_session(request: Request, response: Response, session: SessionDep, edge: EdgeDep) -> SessionNow:
    """Who this browser is signed in as, if anybody; a cookie of a session that is over is taken back."""
    me, token = None, session_token(request)
    if token is not None:
        try:
            actor = actor_of_session(session, token, city=edge.city, now=edge.now())
            me = tell_me(session, actor, token)
        except NotSignedInError:
            drop_session_cookie(response)
    return SessionNow(me=me, openid_connect=edge.provider.registration.name if edge.provider else None)


@router.post("/api/session")
def sign_in(body: SignIn, request: Request, response: Response, edge: EdgeDep) -> Me:
    """Sign in with login and password; the session is a cookie that no script can read."""
    refuse_other_sites(request.headers)
    token = signing_in.by_password(
        edge.engine, body.login, body.password, browser=browser_of(request), now=edge.now()
    )
    return _signed_in(response, edge, token)


@router.post("/api/session/code")
def give_code(body: Code, request: Request, response: Response, edge: EdgeDep) -> Me:
    """Give the code of the second factor, after the password; the cookie is another one then."""
    token = session_token(request)
    if token is None:
        raise NotSignedInError("give login and password first (POST /api/session)")
    refuse_foreign(token, request.headers)
    whole = signing_in.by_code(
        edge.engine, token, body.code, sealer=edge.sealer, browser=browser_of(request), now=edge.now()
    )
    return _signed_in(response, edge, whole)


@router.get(
    "/api/session/openid",
    status_code=HTTPStatus.SEE_OTHER,
    response_class=RedirectResponse,
    responses={
        HTTPStatus.SEE_OTHER: {"description": "on to the provider, or back to the page to sign in on"}
    },
)
def go_to_provider(request: Request, edge: EdgeDep) -> Response:
    """Send the browser to the provider to sign in there."""
    provider = _provider(edge)
    try:
        throttle.count_address(edge.engine, browser_of(request).address, edge.now())
        address, flow = provider.begin(now=edge.now())
    except BlueprintError as error:
        return _back(edge, error)
    throttle.give_back_at_once(edge.engine, browser_of(request).address)
    answer = RedirectResponse(address, HTTPStatus.SEE_OTHER)
    sealed = edge.sealer.seal(flow.to_bytes(), about=_ABOUT_FLOW)
    _set_cookie(
        answer,
        edge,
        (_FLOW_COOKIE, _SECURE_FLOW_COOKIE),
        base64.urlsafe_b64encode(sealed).decode(),
        seconds=FLOW_SECONDS,
    )
    return answer


@router.get(
    CALLBACK,
    status_code=HTTPStatus.SEE_OTHER,
    response_class=RedirectResponse,
    responses={HTTPStatus.SEE_OTHER: {"description": "to the map, or back to the page to sign in on"}},
)
def come_from_provider(
    request: Request,
    edge: EdgeDep,
    state: Told = None,
    code: Told = None,
    iss: Told = None,
    error: Told = None,
) -> Response:
    """What the provider sends the browser back to: a session for who is linked, else a word of why not."""
    provider = _provider(edge)
    try:
        throttle.count_address(edge.engine, browser_of(request).address, edge.now())
        flow = _flow_of(request, edge)
        if flow is None or state is None:
            raise NotSignedInError("no sign-in is under way in this browser; begin again")
        if error is not None or code is None:
            raise NotSignedInError("the provider did not sign in: {error}", error=(error or "no code")[:100])
        subject = provider.finish(flow, state=state, code=code, issuer=iss, now=edge.now())
        token = signing_in.by_provider(
            edge.engine,
            issuer=provider.registration.issuer,
            subject=subject,
            browser=browser_of(request),
            now=edge.now(),
        )
    except BlueprintError as refusal:
        return _back(edge, refusal)
    with Session(edge.engine) as session:
        owes = actor_of_session(session, token, city=edge.city, now=edge.now()).owes
    answer = RedirectResponse("/" if owes is None else "/sign-in", HTTPStatus.SEE_OTHER)
    set_session_cookie(answer, edge, token)
    _drop(answer, _FLOW_COOKIE, _SECURE_FLOW_COOKIE)
    return answer


def set_session_cookie(response: Response, edge: Edge, token: str) -> None:
    """Give the browser the session; over HTTPS the cookie is bound to the very host."""
    _set_cookie(response, edge, (COOKIE, SECURE_COOKIE), token, seconds=AT_MOST.total_seconds())


def drop_session_cookie(response: Response) -> None:
    """Take the session back from the browser."""
    _drop(response, COOKIE, SECURE_COOKIE)


def _signed_in(response: Response, edge: Edge, token: str) -> Me:
    set_session_cookie(response, edge, token)
    with Session(edge.engine) as session:
        actor = actor_of_session(session, token, city=edge.city, now=edge.now())
        return tell_me(session, actor, token)


def _provider(edge: Edge) -> Provider:
    if edge.provider is None:
        raise NotFoundError("no OpenID Connect provider is set up here; sign in with login and password")
    return edge.provider


def _flow_of(request: Request, edge: Edge) -> Flow | None:
    """What this browser was given when it was sent to the provider, if it brings that back."""
    try:
        jar = SimpleCookie(request.headers.get("cookie", ""))
        kept = jar.get(_SECURE_FLOW_COOKIE) or jar.get(_FLOW_COOKIE)
        sealed = base64.b64decode(kept.value, altchars=b"-_", validate=True) if kept is not None else b""
    except (CookieError, binascii.Error, ValueError):
        return None
    content = edge.sealer.open(sealed, about=_ABOUT_FLOW)
    return Flow.of(content) if content is not None else None


def _back(edge: Edge, error: BlueprintError) -> Response:
    """To the page to sign in on, with a word that it has a sentence for; the reason is in the audit log and the log."""
    word = "refused"
    if isinstance(error, ProviderAwayError):
        word = "away"
    elif isinstance(error, signing_in.NotLinkedError):
        word = "not-linked"
    elif isinstance(error, TooManyAttemptsError):
        word = "wait"
    if word in ("away", "refused"):
        _log.warning("sign-in by the provider: %s", error.message)
        with Session(edge.engine) as session, session.begin():
            told = {"way": "openid_connect", "reason": error.message[:300]}
            actor = Actor("openid_connect")
            record(
                session, actor, "sign_in", kind="session", id="openid_connect", after=told, outcome="refused"
            )
    answer = RedirectResponse(f"/sign-in?problem={word}", HTTPStatus.SEE_OTHER)
    _drop(answer, _FLOW_COOKIE, _SECURE_FLOW_COOKIE)
    return answer


def _set_cookie(
    response: Response, edge: Edge, names: tuple[str, str], value: str, *, seconds: float
) -> None:
    is_https = edge.base_url.startswith("https://")
    response.set_cookie(
        names[1] if is_https else names[0],
        value,
        max_age=int(seconds),
        path="/",
        secure=is_https,
        httponly=True,
        samesite="lax",
    )


def _drop(response: Response, *names: str) -> None:
    for name in names:
        response.delete_cookie(
            name, path="/", secure=name.startswith("__Host-"), httponly=True, samesite="lax"
        )
