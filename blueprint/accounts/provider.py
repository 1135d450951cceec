"""Signing in at an OpenID Connect provider: authorization code with PKCE, state and nonce (OpenID Connect Core 1.0, 3.1).

The provider is asked when somebody signs in by it, never at a start: local sign-in does not depend on it. At most four
conversations are under way at once, so that a slow provider holds up nobody else.
"""

import hmac
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime
from ipaddress import ip_address
from typing import Any
from urllib.parse import quote, urlsplit

import httpx
from authlib.common.errors import AuthlibBaseError
from authlib.common.security import generate_token
from authlib.oauth2.client import OAuth2Client
from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet
from joserfc.jws import extract_compact

from blueprint.errors import InvalidInputError, NotSignedInError, UnavailableError

CALLBACK = "/api/session/openid/callback"
"""Our address that the provider sends the browser back to."""

ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"]
"""Signatures by a key that the provider alone has: never `none`, never a shared secret."""

KEPT_SECONDS = 600.0
"""How long metadata and keys are kept; a key that is not known is asked for at once."""

ANSWER_SECONDS = 8.0
ANSWER_BYTES = 1 << 20
LEEWAY_SECONDS = 60
_AT_ONCE = 4


class ProviderAwayError(UnavailableError):
    """The provider does not answer, or not as one does."""


class ProviderRefusedError(NotSignedInError):
    """The provider did not let the person in, or what it says cannot be believed."""


@dataclass(frozen=True)
class Registration:
    """What the provider and this service agreed on; without a secret the client is public (PKCE alone)."""

    issuer: str
    client_id: str
    client_secret: str | None
    name: str
    """What the button says."""

    def __post_init__(self) -> None:
        _refuse_open(self.issuer, InvalidInputError)


@dataclass(frozen=True)
class Flow:
    """What is kept by the browser, sealed, between being sent to the provider and coming back."""

    state: str
    nonce: str
    verifier: str
    begun_at: float

    def to_bytes(self) -> bytes:
        """As it is sealed."""
        return json.dumps(asdict(self)).encode()

    @classmethod
    def of(cls, content: bytes) -> "Flow":
        """As it was opened."""
        return cls(**json.loads(content))


FLOW_SECONDS = 600.0


class Provider:
    """One provider and this service as its client."""

    def __init__(self, registration: Registration, *, redirect_uri: str) -> None:
        self.registration = registration
        self._redirect_uri = redirect_uri
        self._at_once = threading.BoundedSemaphore(_AT_ONCE)
        self._metadata: _Kept | None = None
        self._keys: _Kept | None = None

    def begin(self, *, now: datetime) -> tuple[str, Flow]:
        """The address at the provider to send the browser to, and what to keep until it comes back."""
        flow = Flow(generate_token(32), generate_token(32), generate_token(64), now.timestamp())
        with self._talking() as http:
            metadata = self._read_metadata(http)
            client = self._client(http)
            address, _ = client.create_authorization_url(
                metadata["authorization_endpoint"],
                state=flow.state,
                code_verifier=flow.verifier,
                nonce=flow.nonce,
            )
        return str(address), flow

    def finish(self, flow: Flow, *, state: str, code: str, issuer: str | None, now: datetime) -> str:
        """Whom the provider signed in: the subject of a token that is signed, for us, now, and for this very flow."""
        if not hmac.compare_digest(state.encode(), flow.state.encode()):
            raise ProviderRefusedError("this answer belongs to another sign-in; begin again")
        if not 0 <= now.timestamp() - flow.begun_at <= FLOW_SECONDS:
            raise ProviderRefusedError("the sign-in took too long; begin again")
        with self._talking() as http:
            metadata = self._read_metadata(http)
            is_told = bool(metadata.get("authorization_response_iss_parameter_supported"))
            if issuer != self.registration.issuer and (is_told or issuer is not None):
                raise ProviderRefusedError("the answer came from another provider (iss)")
            token = self._exchange(http, metadata, flow, code)
            return self._subject_of(http, metadata, token, flow, now)

    def _exchange(
        self, http: httpx.Client, metadata: dict[str, Any], flow: Flow, code: str
    ) -> dict[str, Any]:
        client_id, secret = self.registration.client_id, self.registration.client_secret
        known = metadata.get("token_endpoint_auth_methods_supported") or ["client_secret_basic"]
        auth: httpx.Auth = httpx.Auth()
        extra: dict[str, str] = {}
        if secret is None:
            extra = {"client_id": client_id}
        elif "client_secret_basic" in known:
            auth = httpx.BasicAuth(quote(client_id, safe=""), quote(secret, safe=""))
        else:
            extra = {"client_id": client_id, "client_secret": secret}
        try:
            return dict(
                self._client(http).fetch_token(
                    metadata["token_endpoint"],
                    auth=auth,
                    grant_type="authorization_code",
                    code=code,
                    redirect_uri=self._redirect_uri,
                    code_verifier=flow.verifier,
                    **extra,
                )
            )
        except httpx.HTTPStatusError as error:
            raise ProviderAwayError(
                "the provider answers {status_code}", status_code=error.response.status_code
            ) from error
        except (AuthlibBaseError, ValueError) as error:
            raise ProviderRefusedError("the provider did not take the code; begin again") from error

    def _subject_of(
        self, http: httpx.Client, metadata: dict[str, Any], token: dict[str, Any], flow: Flow, now: datetime
    ) -> str:
        text = token.get("id_token")
        if not isinstance(text, str) or len(text) > 64 << 10:
            raise ProviderRefusedError("the provider sent no ID token")
        registered = self.registration
        try:
            header = extract_compact(text.encode()).headers()
            decoded = jwt.decode(text, self._keys_for(http, metadata, header), algorithms=ALGORITHMS)
            claims = CodeIDToken(
                decoded.claims,
                decoded.header,
                options={
                    "iss": {"essential": True, "value": registered.issuer},
                    "sub": {"essential": True},
                    "aud": {"essential": True, "value": registered.client_id},
                },
                params={
                    "nonce": flow.nonce,
                    "client_id": registered.client_id,
                    "access_token": token.get("access_token"),
                },
            )
            claims.validate(now=int(now.timestamp()), leeway=LEEWAY_SECONDS)
        except (JoseError, AuthlibBaseError, ValueError, TypeError, KeyError) as error:
            raise ProviderRefusedError("the provider's ID token is not good: {error}", error=error) from error
        subject: str = claims["sub"]
        if not 0 < len(subject) <= 255 or "\x00" in subject:
            raise ProviderRefusedError("the provider's ID token names no subject of 1 to 255 characters")
        return subject

    def _keys_for(self, http: httpx.Client, metadata: dict[str, Any], header: dict[str, Any]) -> KeySet:
        """The provider's keys; asked for anew when they are old or the token names one that is not among them."""
        kept = self._keys
        is_known = kept is not None and header.get("kid") in (None, *(key.kid for key in kept.content.keys))
        if kept is None or not is_known or kept.age > KEPT_SECONDS:
            document: Any = _read_json(http, metadata["jwks_uri"])
            kept = self._keys = _Kept(KeySet.import_key_set(document))
        keys: KeySet = kept.content
        return keys

    def _read_metadata(self, http: httpx.Client) -> dict[str, Any]:
        """The provider's own description (OpenID Connect Discovery 1.0), which must name the issuer that is registered."""
        kept = self._metadata
        if kept is None or kept.age > KEPT_SECONDS:
            issuer = self.registration.issuer
            document = _read_json(http, f"{issuer.rstrip('/')}/.well-known/openid-configuration")
            if document.get("issuer") != issuer:
                raise ProviderAwayError(
                    "the provider's description is of another issuer than the one that is set"
                )
            for name in ("authorization_endpoint", "token_endpoint", "jwks_uri"):
                if not isinstance(document.get(name), str):
                    raise ProviderAwayError("the provider's description names no {name}", name=name)
                _refuse_open(document[name], ProviderAwayError)
            kept = self._metadata = _Kept(document)
        metadata: dict[str, Any] = kept.content
        return metadata

    def _client(self, http: httpx.Client) -> OAuth2Client:
        return OAuth2Client(
            http,
            client_id=self.registration.client_id,
            scope="openid",
            redirect_uri=self._redirect_uri,
            code_challenge_method="S256",
        )

    @contextmanager
    def _talking(self) -> Iterator[httpx.Client]:
        """A client for one conversation; whatever goes wrong on the way is that the provider is away."""
        if not self._at_once.acquire(timeout=1.0):
            raise ProviderAwayError("the provider is slow, and others wait for it; try again in a moment")
        try:
            with httpx.Client(
                transport=_Bounded(), timeout=ANSWER_SECONDS / 2, headers={"Accept-Encoding": "identity"}
            ) as http:
                yield http
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise ProviderAwayError(
                "the provider does not answer: {type_name}", type_name=type(error).__name__
            ) from error
        finally:
            self._at_once.release()


class _Kept:
    def __init__(self, content: Any) -> None:
        self.content = content
        self._since = time.monotonic()

    @property
    def age(self) -> float:
        return time.monotonic() - self._since


class _Bounded(httpx.HTTPTransport):
    """Answers of a bounded size within a bounded time, however slowly they drip."""

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        deadline = time.monotonic() + ANSWER_SECONDS
        answer = super().handle_request(request)
        pieces: list[bytes] = []
        try:
            assert isinstance(answer.stream, httpx.SyncByteStream)
            for piece in answer.stream:
                pieces.append(piece)
                if time.monotonic() > deadline:
                    raise httpx.ReadTimeout("the answer takes too long", request=request)
                if sum(map(len, pieces)) > ANSWER_BYTES or "content-encoding" in answer.headers:
                    raise httpx.DecodingError("the answer is too large or compressed", request=request)
        finally:
            answer.close()
        return httpx.Response(answer.status_code, headers=answer.headers, content=b"".join(pieces))


def _read_json(http: httpx.Client, address: str) -> dict[str, Any]:
    answer = http.get(address, headers={"Accept": "application/json"})
    answer.raise_for_status()
    try:
        document = answer.json()
    except ValueError as error:
        raise ProviderAwayError("the provider's answer is no JSON") from error
    if not isinstance(document, dict):
        raise ProviderAwayError("the provider's answer is no JSON object")
    return document


def _refuse_open(address: str, family: type[InvalidInputError | ProviderAwayError]) -> None:
    """Refuse an address without TLS, unless it is this very machine."""
    try:
        parts = urlsplit(address)
    except ValueError as error:
        raise family("{address!r} is no address", address=address) from error
    if parts.scheme != "https" and not (parts.scheme == "http" and _is_this_machine(parts.hostname or "")):
        raise family("{address} must begin with https:// (http only on this machine itself)", address=address)


def _is_this_machine(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
