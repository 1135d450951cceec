"""What a request brings to say who asks: a bearer token, or the cookie of a session."""

import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from http.cookies import CookieError, SimpleCookie

from sqlalchemy.orm import Session

from blueprint.accounts.sessions import actor_of_session, csrf_token_of
from blueprint.city import City
from blueprint.connections import Asked
from blueprint.errors import NotPermittedError
from blueprint.permissions import Actor
from blueprint.tokens import actor_of_token

COOKIE, SECURE_COOKIE = "session", "__Host-session"
"""Over HTTPS the cookie is bound to the very host (RFC 6265bis, 4.1.3.2)."""


@dataclass(frozen=True)
class Credentials:
    """A token's header or a session's token."""

    text: str
    is_session: bool


def read_credentials(authorization: str, cookies: str) -> Credentials | None:
    """What was brought, the header first; None from somebody who is not signed in."""
    if authorization:
        return Credentials(authorization, is_session=False)
    if "session=" not in cookies:
        return None
    try:
        jar = SimpleCookie(cookies)
    except CookieError:
        return None
    found = jar.get(SECURE_COOKIE) or jar.get(COOKIE)
    return Credentials(found.value, is_session=True) if found is not None and found.value else None


def credentials_of(headers: Mapping[str, str]) -> Credentials | None:
    """What the headers of a request bring."""
    return read_credentials(headers.get("authorization", ""), headers.get("cookie", ""))


def actor_of(
    session: Session, given: Credentials, *, city: City, now: datetime, asked: Asked | None = None
) -> Actor:
    """Who asks; NotSignedInError when the token or session is unknown, revoked or over.

    `asked` is what `tokens.ask_ahead` gave for them. Whoever acts on the session further enters as the actor (`wall.enter`).
    """
    if given.is_session:
        return actor_of_session(session, given.text, city=city, now=now)
    return actor_of_token(session, given.text, city=city, now=now, asked=asked)


def refuse_other_sites(headers: Mapping[str, str]) -> None:
    """Refuse what a browser says that a page of another site sent."""
    if headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        raise NotPermittedError(
            "this change was sent by a page of another site; do it in the service's own pages"
        )


def refuse_foreign(session_token: str, headers: Mapping[str, str]) -> None:
    """Refuse a change that a page of another site may have sent with our cookie (CSRF)."""
    refuse_other_sites(headers)
    if not hmac.compare_digest(
        headers.get("x-csrf-token", "").encode(), csrf_token_of(session_token).encode()
    ):
        raise NotPermittedError("send the X-CSRF-Token of this session, which GET /api/me tells")
