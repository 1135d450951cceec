"""Callers of the made-up year: one connection to the service, and who each request is from."""

import http.client
import json
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from blueprint.errors import InvalidInputError


@dataclass(frozen=True)
class Caller:
    """Somebody who asks, by the headers that say so: a department's own system by its token, or a person signed in."""

    headers: dict[str, str]

    def in_short(self) -> "Caller":
        """The same, who needs no answer but that it was done."""
        return Caller(self.headers | {"Prefer": "return=minimal"})


def machine(token: str) -> Caller:
    """The system of a department, or the interface."""
    return Caller({"Authorization": f"Bearer {token}"})


class Client:
    """One connection that stays open. What is refused is an error of the year, unless the caller says it may be."""

    def __init__(self, host: str, port: int) -> None:
        self._connection = http.client.HTTPConnection(host, port, timeout=120)
        self._connection.connect()
        self.requests = 0

    def close(self) -> None:
        """Hang up."""
        self._connection.close()

    def ask(
        self, caller: Caller | None, method: str, path: str, body: Any = None, *, may_fail: bool = False
    ) -> Any:
        """Send a JSON body, or none; what came back, None when it was refused."""
        content = json.dumps(body, ensure_ascii=False).encode() if body is not None else b""
        return self._send(caller, method, path, content, "application/json", may_fail=may_fail)[1]

    def upload(self, caller: Caller, path: str, name: str, content: bytes, fields: dict[str, str]) -> Any:
        """Send a file with the fields of its form."""
        mark = uuid4().hex
        parts = [
            f'--{mark}\r\nContent-Disposition: form-data; name="{key}"\r\n\r\n{value}\r\n'.encode()
            for key, value in fields.items()
        ]
        head = f'--{mark}\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n\r\n'.encode()
        body = b"".join([*parts, head, content, f"\r\n--{mark}--\r\n".encode()])
        return self._send(caller, "POST", path, body, f"multipart/form-data; boundary={mark}")[1]

    def sign_in(self, login: str, password: str) -> Caller:
        """A person with the session's cookie and the token that our pages send along."""
        body = json.dumps({"login": login, "password": password}).encode()
        cookie, me = self._send(None, "POST", "/api/session", body, "application/json")
        return Caller({"Cookie": cookie.split(";")[0], "X-CSRF-Token": me["csrf_token"]})

    def _send(
        self,
        caller: Caller | None,
        method: str,
        path: str,
        content: bytes,
        kind: str,
        *,
        may_fail: bool = False,
    ) -> tuple[str, Any]:
        self.requests += 1
        headers = {"Content-Type": kind} if content else {}
        self._connection.request(method, path, content or None, headers | (caller.headers if caller else {}))
        answer = self._connection.getresponse()
        text = answer.read()
        if answer.status >= 500 or (answer.status >= 400 and not may_fail):
            raise InvalidInputError(
                "{method} {path} answered {answer_status}: {text}",
                method=method,
                path=path,
                answer_status=answer.status,
                text=text[:400].decode(errors="replace"),
            )
        told = json.loads(text) if text and answer.status < 400 else None
        return answer.getheader("Set-Cookie") or "", told
