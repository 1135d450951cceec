"""The second factor over HTTP on a real server: set up, asked for, taken once, lost, and every way round it."""

import base64
import os
import stat
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pyotp
import pytest
from sqlalchemy import text

from blueprint.accounts.sealing import KEY_BYTES, Sealer
from blueprint.accounts.throttle import FREE_FOR_CODES, FREE_FOR_LOGIN, Attempt, count_at_once
from blueprint.city import City, load_city
from blueprint.errors import ConflictError, InvalidInputError, TooManyAttemptsError
from blueprint.permissions import Role
from service.settings import Settings
from tests.conftest import CITY_PROFILE
from tests.service.conftest import Command, serving
from tests.service.office import PASSWORD, Office


class Clock:
    """A clock that stands until it is moved."""

    def __init__(self) -> None:
        self.now = datetime(2026, 11, 23, 4, 0, 10, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def on(self, seconds: float = 30) -> None:
        self.now += timedelta(seconds=seconds)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def office(fresh_database: str, city: City, clock: Clock) -> Iterator[Office]:
    """An office in which operators and auditors must have a second factor."""
    strict = replace(city, second_factor_roles=frozenset({Role.OPERATOR, Role.AUDITOR}))
    with serving(fresh_database, strict, Settings(), clock=clock) as running:
        yield Office(running, strict)


def _enrol(
    client: httpx.Client, clock: Clock, password: str | None = PASSWORD
) -> tuple[pyotp.TOTP, list[str]]:
    begun = client.post("/api/me/second-factor", json={"password": password})
    assert begun.status_code == 200, begun.text
    totp = pyotp.parse_uri(begun.json()["otpauth_uri"])
    assert isinstance(totp, pyotp.TOTP) and totp.secret == begun.json()["secret"]
    assert begun.json()["qr_svg"].startswith("<svg xmlns=")
    done = client.post("/api/me/second-factor/confirmation", json={"code": totp.at(clock.now)})
    assert done.status_code == 200, done.text
    return totp, done.json()["recovery_codes"]


def _give_code(client: httpx.Client, code: str) -> httpx.Response:
    answer = client.post("/api/session/code", json={"code": code})
    if answer.status_code == 200:
        client.headers["X-CSRF-Token"] = answer.json()["csrf_token"]
    return answer


def test_a_code_is_asked_at_every_sign_in_once_it_is_set_up(office: Office, clock: Clock):
    office.hire("anna", Role.SUPERVISOR)
    with closing(office.sign_in("anna")) as client:
        totp, _ = _enrol(client, clock)
        assert client.get("/api/projects").status_code == 200
        shown = client.get("/api/me/second-factor").json()
        assert shown["confirmed_at"] is not None and shown["recovery_codes_left"] == 10

    clock.on()
    with closing(office.sign_in("anna")) as client:
        before = client.cookies["session"]
        assert client.get("/api/me").json()["owes"] == "second_factor_code"
        for method, path in (
            ("GET", "/api/projects"),
            ("GET", "/api/me/sessions"),
            ("DELETE", "/api/sessions"),
        ):
            refused = client.request(method, path)
            assert refused.status_code == 403 and "code of the second factor" in refused.json()["detail"], (
                path
            )
        changed = client.post("/api/me/password", json={"old": PASSWORD, "new": "noch-vier-Pferde-mehr"})
        assert changed.status_code == 403
        answer = _give_code(client, totp.at(clock.now))
        assert answer.status_code == 200 and answer.json()["owes"] is None
        assert client.get("/api/projects").status_code == 200
        assert client.cookies["session"] != before
        client.cookies.set("session", before)
        assert client.get("/api/me").status_code == 401


def test_a_code_is_taken_once_and_none_before_it_afterwards(office: Office, clock: Clock):
    office.hire("ben", Role.SUPERVISOR)
    with closing(office.sign_in("ben")) as client:
        totp, _ = _enrol(client, clock)
    used = totp.at(clock.now)
    with closing(office.sign_in("ben")) as client:
        assert _give_code(client, used).status_code == 401
        assert _give_code(client, totp.at(clock.now - timedelta(seconds=30))).status_code == 401
        assert _give_code(client, totp.at(clock.now + timedelta(seconds=90))).status_code == 401
        following = totp.at(clock.now + timedelta(seconds=30))
        assert _give_code(client, following).status_code == 200
    with closing(office.sign_in("ben")) as client:
        assert _give_code(client, following).status_code == 401


def test_of_one_code_given_by_many_at_once_one_gets_in(office: Office, clock: Clock):
    office.hire("cleo", Role.SUPERVISOR)
    with closing(office.sign_in("cleo")) as client:
        totp, _ = _enrol(client, clock)
    clock.on()
    clients = [office.sign_in("cleo") for _ in range(4)]
    together = threading.Barrier(4)

    def give(client: httpx.Client) -> int:
        together.wait()
        return _give_code(client, totp.at(clock.now)).status_code

    with ThreadPoolExecutor(4) as threads:
        statuses = list(threads.map(give, clients))

    assert sorted(statuses) == [200, 401, 401, 401]


def test_a_recovery_code_works_once_and_is_kept_as_a_hash(office: Office, clock: Clock):
    office.hire("dora", Role.SUPERVISOR)
    with closing(office.sign_in("dora")) as client:
        totp, codes = _enrol(client, clock)
    assert len(set(codes)) == 10
    with closing(office.sign_in("dora")) as client:
        assert _give_code(client, codes[0].lower().replace("-", " ")).status_code == 200
        assert client.get("/api/me/second-factor").json()["recovery_codes_left"] == 9
        clock.on()
        renewed = client.post("/api/me/second-factor/recovery-codes", json={"code": totp.at(clock.now)})
        assert renewed.status_code == 200 and not set(renewed.json()["recovery_codes"]) & set(codes)
    with closing(office.sign_in("dora")) as client:
        assert _give_code(client, codes[0]).status_code == 401
        assert _give_code(client, codes[1]).status_code == 401
        assert _give_code(client, renewed.json()["recovery_codes"][1]).status_code == 200

    with office.session() as session:
        kept = session.execute(text("SELECT sha256 FROM blueprint.recovery_code")).scalars().all()
        sealed = session.scalar(text("SELECT sealed_secret FROM blueprint.second_factor"))
        told = session.scalar(text("SELECT string_agg(to_jsonb(e)::text, ' ') FROM blueprint.audit_entry e"))
    assert not {code.replace("-", "") for code in codes} & set(kept)
    assert totp.secret.encode() not in bytes(sealed)
    assert totp.secret not in str(told) and codes[0] not in str(told)
    for act in ("begin_second_factor", "enrol_second_factor", "renew_recovery_codes", "give_code"):
        assert act in str(told)


def test_a_role_that_needs_a_second_factor_counts_only_with_one(office: Office, clock: Clock):
    office.hire("emil", Role.AUDITOR)
    office.hire("fay", Role.SUPERVISOR)
    with closing(office.sign_in("fay")) as client:
        assert client.get("/api/me").json()["owes"] is None
    with closing(office.sign_in("emil")) as client:
        assert client.get("/api/me").json()["owes"] == "second_factor"
        refused = client.get("/api/audit-log")
        assert refused.status_code == 403 and "set up a second factor" in refused.json()["detail"]
        totp, _ = _enrol(client, clock)
        assert client.get("/api/audit-log").status_code == 200
        clock.on()
        gone = client.post("/api/me/second-factor/removal", json={"code": totp.at(clock.now)})
        assert gone.status_code == 204
        assert client.get("/api/audit-log").status_code == 403


def test_setting_up_and_removing_ask_for_password_and_code(office: Office, clock: Clock):
    office.hire("gus", Role.SUPERVISOR)
    with closing(office.sign_in("gus")) as client:
        assert client.post("/api/me/second-factor", json={}).status_code == 422
        assert client.post("/api/me/second-factor", json={"password": "wrong"}).status_code == 401
        assert client.post("/api/me/second-factor/confirmation", json={"code": "123456"}).status_code == 409
        assert client.post("/api/me/second-factor/removal", json={"code": "123456"}).status_code == 409
        _enrol(client, clock)
        assert client.post("/api/me/second-factor", json={"password": PASSWORD}).status_code == 409
        for _ in range(FREE_FOR_LOGIN - 1):
            wrong = client.post("/api/me/second-factor/removal", json={"code": "000000"})
            assert wrong.status_code == 401
        client.post("/api/me/second-factor/removal", json={"code": "000000"})
        assert client.post("/api/me/second-factor/removal", json={"code": "000000"}).status_code == 429


def test_an_operator_resets_a_lost_one_and_it_is_recorded(office: Office, clock: Clock, command: Command):
    office.hire("hal", Role.SUPERVISOR)
    office.hire("ida", Role.OPERATOR)
    with closing(office.sign_in("hal")) as lost, closing(office.sign_in("ida")) as operator:
        _enrol(lost, clock)
        assert operator.delete("/api/accounts/hal/second-factor").status_code == 403
        _enrol(operator, clock)
        assert lost.delete("/api/accounts/ida/second-factor").status_code == 403
        assert operator.get("/api/accounts/hal").json()["second_factor_since"] is not None
        assert operator.delete("/api/accounts/ida/second-factor").status_code == 409
        assert operator.delete("/api/accounts/hal/second-factor").status_code == 204
        assert operator.delete("/api/accounts/hal/second-factor").status_code == 409
        assert lost.get("/api/me").status_code == 401
    with closing(office.sign_in("hal")) as client:
        assert client.get("/api/me").json()["owes"] is None
    assert command("account", "reset-second-factor", "ida").status == 0
    with office.session() as session:
        who = session.execute(
            text(
                "SELECT thing, channel FROM blueprint.audit_entry WHERE act = 'reset_second_factor' ORDER BY seq"
            )
        ).all()
    assert [tuple(row) for row in who] == [("hal", "http"), ("ida", "console")]


def test_wrong_codes_make_wait_and_the_owner_elsewhere_too_for_the_password_is_known(
    office: Office, clock: Clock
):
    office.hire("jan", Role.SUPERVISOR)
    with closing(office.sign_in("jan")) as client:
        _enrol(client, clock)
    engine, refused = office.server.edge.engine, 0
    for number in range(FREE_FOR_CODES + 3):
        try:
            count_at_once(engine, "jan", f"203.0.113.{number}", clock.now, attempt=Attempt.CODE)
        except TooManyAttemptsError:
            refused += 1
    assert refused == 2
    with closing(office.sign_in("jan")) as client:
        assert _give_code(client, "000000").status_code == 429


def test_a_code_needs_the_session_that_awaits_it(office: Office, clock: Clock):
    office.hire("kim", Role.SUPERVISOR)
    with office.server.client() as nobody:
        assert nobody.post("/api/session/code", json={"code": "123456"}).status_code == 401
    with closing(office.sign_in("kim")) as client:
        assert client.post("/api/session/code", json={"code": "123456"}).status_code == 409
        totp, _ = _enrol(client, clock)
    clock.on()
    with closing(office.sign_in("kim")) as client:
        code = {"code": totp.at(clock.now)}
        assert client.post("/api/session/code", json=code, headers={"X-CSRF-Token": "x"}).status_code == 403
        clock.on(seconds=601)
        assert client.post("/api/session/code", json={"code": totp.at(clock.now)}).status_code == 401


def test_with_another_key_no_code_is_believed_and_the_sentence_says_why(office: Office, clock: Clock):
    office.hire("leo", Role.SUPERVISOR)
    with closing(office.sign_in("leo")) as client:
        totp, _ = _enrol(client, clock)
    clock.on()
    object.__setattr__(office.server.edge, "sealer", Sealer(key=base64.b64encode(os.urandom(32)).decode()))
    with closing(office.sign_in("leo")) as client:
        answer = client.post("/api/session/code", json={"code": totp.at(clock.now)})
        assert answer.status_code == 503 and "another" in answer.json()["detail"]


def test_the_key_file_is_made_once_for_the_owner_alone(tmp_path: Path):
    path = tmp_path / "home" / "secret.key"
    with ThreadPoolExecutor(8) as threads:
        sealed = list(threads.map(lambda _: Sealer(path=path).seal(b"secret", about="a"), range(8)))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [entry.name for entry in path.parent.iterdir()] == ["secret.key"]
    again = Sealer(path=path)
    assert {again.open(content, about="a") for content in sealed} == {b"secret"}
    assert again.open(sealed[0], about="b") is None
    assert again.open(sealed[0][:-1] + b"x", about="a") is None

    path.chmod(0o640)
    with pytest.raises(ConflictError, match="chmod 600"):
        Sealer(path=path).seal(b"x", about="a")
    for bad in ("", "abc", base64.b64encode(b"x" * (KEY_BYTES - 1)).decode()):
        with pytest.raises(InvalidInputError, match="openssl rand"):
            Sealer(key=bad)


def test_the_profile_names_the_roles(tmp_path: Path):
    profile = tmp_path / "city.toml"
    text_of = CITY_PROFILE.read_text(encoding="utf-8")
    profile.write_text(
        text_of + '\n[sign_in]\nsecond_factor_roles = ["operator", "auditor"]\n', encoding="utf-8"
    )
    assert load_city(profile).second_factor_roles == {Role.OPERATOR, Role.AUDITOR}
    profile.write_text(text_of + '\n[sign_in]\nsecond_factor_roles = ["king"]\n', encoding="utf-8")
    with pytest.raises(InvalidInputError, match="king"):
        load_city(profile)
