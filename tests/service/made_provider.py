"""An OpenID Connect provider on this machine: discovery, keys, authorization with PKCE, tokens; and every mischief on request."""

import base64
import hashlib
import hmac
import json
import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlencode, urlsplit

from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey

CLIENT_ID, CLIENT_SECRET = "one-blueprint", "a secret: with/colon & signs"


class MadeProvider:
    """Signs in `subject` without asking; `claims` replaces claims of the next ID tokens, `mischief` what is done wrongly."""

    def __init__(self, issuer: str) -> None:
        self.issuer = issuer
        self.key = RSAKey.generate_key(2048, {"kid": "first"}, private=True)
        self.stranger = RSAKey.generate_key(2048, {"kid": "first"}, private=True)
        self.subject = "u-1001"
        self.claims: dict[str, Any] = {}
        self.mischief = ""
        self.asked: list[str] = []
        self.codes: dict[str, dict[str, str]] = {}

    def rotate(self) -> None:
        """Sign with another key from now on, and publish that one alone."""
        self.key = ECKey.generate_key("P-256", {"kid": "second"}, private=True)

    def describe(self) -> dict[str, Any]:
        return {
            "issuer": "https://elsewhere.example" if self.mischief == "another description" else self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": "http://192.0.2.1/token"
            if self.mischief == "no TLS"
            else f"{self.issuer}/token",
            "jwks_uri": f"{self.issuer}/jwks",
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256", "ES256"],
            "authorization_response_iss_parameter_supported": True,
        }

    def authorize(self, query: dict[str, str]) -> str:
        """Where the browser is sent back to."""
        assert query["response_type"] == "code" and query["client_id"] == CLIENT_ID
        assert query["code_challenge_method"] == "S256" and "openid" in query["scope"].split()
        if self.mischief == "denied":
            told = {"error": "access_denied", "state": query["state"], "iss": self.issuer}
        else:
            code = secrets.token_urlsafe(16)
            self.codes[code] = query
            told = {"code": code, "state": query["state"], "iss": self.issuer}
        if self.mischief == "another provider answers":
            told["iss"] = "https://elsewhere.example"
        return f"{query['redirect_uri']}?{urlencode(told)}"

    def token(self, form: dict[str, str], authorization: str) -> tuple[int, dict[str, Any]]:
        scheme, _, credentials = authorization.partition(" ")
        named, _, secret = base64.b64decode(credentials).decode().partition(":")
        if (scheme, unquote(named), unquote(secret)) != ("Basic", CLIENT_ID, CLIENT_SECRET):
            return 401, {"error": "invalid_client"}
        asked = self.codes.pop(form["code"], None)
        hashed = hashlib.sha256(form["code_verifier"].encode()).digest()
        challenge = _base64(hashed)
        is_ours = asked is not None and asked["code_challenge"] == challenge
        if asked is None or not is_ours or asked["redirect_uri"] != form["redirect_uri"]:
            return 400, {"error": "invalid_grant"}
        return 200, {"access_token": "x", "token_type": "Bearer", "id_token": self._id_token(asked["nonce"])}

    def _id_token(self, nonce: str) -> str:
        now = int(time.time())
        claims = {"iss": self.issuer, "sub": self.subject, "aud": CLIENT_ID, "nonce": nonce}
        claims |= {"iat": now, "exp": now + 300} | self.claims
        claims = {name: value for name, value in claims.items() if value is not None}
        if self.mischief == "unsigned":
            return f"{_encoded({'alg': 'none'})}.{_encoded(claims)}."
        if self.mischief == "signed with the public key":
            signed = f"{_encoded({'alg': 'HS256', 'kid': 'first'})}.{_encoded(claims)}"
            digest = hmac.digest(self.key.as_pem(private=False), signed.encode(), "sha256")
            return f"{signed}.{_base64(digest)}"
        key = self.stranger if self.mischief == "signed by a stranger" else self.key
        algorithm = "RS256" if isinstance(key, RSAKey) else "ES256"
        text = jwt.encode({"alg": algorithm, "kid": key.kid}, claims, key, algorithms=[algorithm])
        if self.mischief == "altered":
            head, body, signature = text.split(".")
            content = json.loads(base64.urlsafe_b64decode(body + "=="))
            body = _encoded(content | {"sub": "u-2"})
            return f"{head}.{body}.{signature}"
        return text


def _encoded(document: dict[str, Any]) -> str:
    return _base64(json.dumps(document).encode())


def _base64(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).decode().rstrip("=")


class _Handler(BaseHTTPRequestHandler):
    provider: MadeProvider

    def do_GET(self) -> None:
        address = urlsplit(self.path)
        self.provider.asked.append(address.path)
        if self._misbehaves():
            return
        if address.path == "/.well-known/openid-configuration":
            self._answer(200, self.provider.describe())
        elif address.path == "/jwks":
            self._answer(200, {"keys": [self.provider.key.as_dict(private=False)]})
        elif address.path == "/authorize":
            query = {name: values[0] for name, values in parse_qs(address.query).items()}
            self.send_response(302)
            self.send_header("Location", self.provider.authorize(query))
            self.send_header("Content-Length", "0")
            self.end_headers()
        else:
            self._answer(404, {})

    def do_POST(self) -> None:
        self.provider.asked.append(self.path)
        content = self.rfile.read(int(self.headers["Content-Length"])).decode()
        if self._misbehaves():
            return
        form = {name: values[0] for name, values in parse_qs(content).items()}
        self._answer(*self.provider.token(form, self.headers.get("Authorization", "")))

    def _misbehaves(self) -> bool:
        mischief = self.provider.mischief
        if mischief == "broken":
            self._answer(500, {})
        elif mischief == "no JSON":
            self._send(200, b"<html>")
        elif mischief == "huge":
            self._send(200, b" " * (3 << 20))
        elif mischief == "dripping":
            self.send_response(200)
            self.send_header("Content-Length", "1000")
            self.end_headers()
            try:
                for _ in range(1000):
                    self.wfile.write(b" ")
                    time.sleep(0.2)
            except OSError:
                pass
        else:
            return False
        return True

    def _answer(self, status: int, document: dict[str, Any]) -> None:
        self._send(status, json.dumps(document).encode())

    def _send(self, status: int, content: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def made_provider() -> Iterator[MadeProvider]:
    """The provider on a free port of this machine."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    provider = MadeProvider(f"http://127.0.0.1:{server.server_address[1]}")
    server.RequestHandlerClass = type("Handler", (_Handler,), {"provider": provider})
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield provider
    finally:
        server.shutdown()
        server.server_close()
        thread.join(timeout=5)
