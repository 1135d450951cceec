"""Signing in at an OpenID Connect provider: the whole way over HTTP with a real one, and with one that does everything wrong."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import httpx
import pyotp
import pytest
from sqlalchemy import text

from blueprint.accounts import identities, persons, provider
from blueprint.city import City
from blueprint.errors import ConflictError, InvalidInputError
from blueprint.permissions import Role
from service.commands.context import make_provider
from service.settings import Settings
from tests.service.conftest import Command, serving
from tests.service.made_provider import CLIENT_ID, CLIENT_SECRET, MadeProvider, made_provider
from tests.service.office import OPERATOR, PASSWORD, Office


@pytest.fixture
def elsewhere() -> Iterator[MadeProvider]:
    """The provider."""
    with made_provider() as made:
        yield made


@pytest.fixture
def office(fresh_database: str, city: City, elsewhere: MadeProvider) -> Iterator[Office]:
    """An office whose people sign in at the provider too; Anna is linked."""
    settings = Settings(
        openid_issuer=elsewhere.issuer,
        openid_client_id=CLIENT_ID,
        openid_client_secret=CLIENT_SECRET,
        openid_name="统一身份认证",
    )
    with serving(fresh_database, city, settings) as running:
        made = Office(running, city)
        made.hire("anna", Role.SUPERVISOR)
        _link(made, "anna", elsewhere.issuer, "u-1001")
        yield made


def _link(office: Office, login: str, issuer: str, subject: str) -> None:
    with office.session() as session, session.begin():
        person = persons.find_person(session, login)
        now = office.server.edge.now()
        identities.link(session, person, issuer=issuer, subject=subject, actor=OPERATOR, now=now)


def _go(browser: httpx.Client) -> httpx.Response:
    """As a browser goes: to the provider, back to us, and what we answer then."""
    sent = browser.get("/api/session/openid")
    assert sent.status_code == 303, sent.text
    if sent.headers["Location"].startswith("/"):
        return sent
    with httpx.Client() as there:
        back = there.get(sent.headers["Location"])
    assert back.status_code == 302, back.text
    return browser.get(back.headers["Location"])


def _refusals(office: Office) -> list[str]:
    with office.session() as session:
        return list(
            session.scalars(
                text(
                    "SELECT after ->> 'reason' FROM blueprint.audit_entry WHERE outcome = 'refused' ORDER BY seq"
                )
            )
        )


def test_who_is_linked_is_signed_in_as_that_person(office: Office, elsewhere: MadeProvider):
    with office.server.client() as browser:
        assert browser.get("/api/session").json() == {"me": None, "openid_connect": "统一身份认证"}
        done = _go(browser)

        assert (done.status_code, done.headers["Location"]) == (303, "/")
        me = browser.get("/api/session").json()["me"]
        assert (me["login"], me["roles"]) == ("anna", ["supervisor"])
        assert "openid_flow" not in browser.cookies
        assert browser.get("/api/me/sessions").json()["items"][0]["way"] == "openid_connect"

        browser.headers["X-CSRF-Token"] = me["csrf_token"]
        assert browser.delete("/api/session").status_code == 204
        again = _go(browser)
        assert again.headers["Location"] == "/"
    assert elsewhere.asked.count("/jwks") == 1
    assert elsewhere.asked.count("/.well-known/openid-configuration") == 1


def test_nobody_is_made_or_matched_who_was_not_registered(office: Office, elsewhere: MadeProvider):
    office.hire("ben", Role.SUPERVISOR)
    elsewhere.subject = "ben"
    elsewhere.claims = {"email": "ben@example.org", "email_verified": True, "preferred_username": "ben"}
    with office.server.client() as browser:
        assert _go(browser).headers["Location"] == "/sign-in?problem=not-linked"
        assert browser.get("/api/session").json()["me"] is None
    with office.session() as session:
        told = session.scalar(text("SELECT after FROM blueprint.audit_entry WHERE outcome = 'refused'"))
        count = session.scalar(text("SELECT count(*) FROM blueprint.person"))
    assert told["subject"] == "ben" and count == 2


WRONG_CLAIMS = {
    "another audience": {"aud": "another-client"},
    "ours among others, and authorised to another": {"aud": [CLIENT_ID, "another"], "azp": "another"},
    "ours among others, and authorised to nobody": {"aud": [CLIENT_ID, "another"]},
    "another issuer": {"iss": "https://elsewhere.example"},
    "over": {"exp": int(time.time()) - 3600, "iat": int(time.time()) - 7200},
    "without an end": {"exp": None},
    "an end that is no number": {"exp": "2099-01-01"},
    "from the future": {"iat": int(time.time()) + 3600},
    "not good yet": {"nbf": int(time.time()) + 3600},
    "another nonce": {"nonce": "another"},
    "no nonce": {"nonce": None},
    "no subject": {"sub": None},
    "an empty subject": {"sub": ""},
    "a subject that is a number": {"sub": 1001},
    "a subject without end": {"sub": "u" * 256},
    "another access token": {"at_hash": "AAAAAAAAAAAAAAAAAAAAAA"},
}


@pytest.mark.parametrize("name", WRONG_CLAIMS)
def test_a_token_that_is_not_for_us_now_is_refused(office: Office, elsewhere: MadeProvider, name: str):
    elsewhere.claims = WRONG_CLAIMS[name]
    with office.server.client() as browser:
        assert _go(browser).headers["Location"] == "/sign-in?problem=refused"
        assert browser.get("/api/session").json()["me"] is None
    assert "ID token" in _refusals(office)[0]


MISCHIEF = {
    "unsigned": "refused",
    "signed with the public key": "refused",
    "signed by a stranger": "refused",
    "altered": "refused",
    "denied": "refused",
    "another provider answers": "refused",
    "another description": "away",
    "no TLS": "away",
    "broken": "away",
    "no JSON": "away",
    "huge": "away",
}


@pytest.mark.parametrize("name", MISCHIEF)
def test_a_provider_that_does_wrong_lets_nobody_in(office: Office, elsewhere: MadeProvider, name: str):
    elsewhere.mischief = name
    with office.server.client() as browser:
        assert _go(browser).headers["Location"] == f"/sign-in?problem={MISCHIEF[name]}"
        assert browser.get("/api/session").json()["me"] is None
    assert len(_refusals(office)) == 1


def test_a_key_that_was_rotated_is_asked_for(office: Office, elsewhere: MadeProvider):
    with office.server.client() as browser:
        assert _go(browser).headers["Location"] == "/"
        elsewhere.rotate()
        assert _go(browser).headers["Location"] == "/"
    assert elsewhere.asked.count("/jwks") == 2


def test_an_answer_to_another_browser_or_a_second_time_is_refused(office: Office):
    with office.server.client() as browser, office.server.client() as victim:
        sent = browser.get("/api/session/openid")
        with httpx.Client() as there:
            back = there.get(sent.headers["Location"]).headers["Location"]
        assert victim.get(back).headers["Location"] == "/sign-in?problem=refused"
        victim.get("/api/session/openid")
        assert victim.get(back).headers["Location"] == "/sign-in?problem=refused"
        kept = dict(browser.cookies)
        assert browser.get(back).headers["Location"] == "/"
        browser.cookies.update(kept)
        assert browser.get(back).headers["Location"] == "/sign-in?problem=refused"
        for made_up in ("", "x", "AAAA", "%", "a" * 3000):
            answer = victim.get(back, headers={"Cookie": f"openid_flow={made_up}"})
            assert answer.headers["Location"] == "/sign-in?problem=refused"
        assert victim.get("/api/session").json()["me"] is None


def test_a_second_factor_is_asked_for_after_the_provider_too(office: Office):
    with closing(office.sign_in("anna")) as client:
        begun = client.post("/api/me/second-factor", json={"password": PASSWORD}).json()
        totp = pyotp.TOTP(begun["secret"])
        confirmed = client.post("/api/me/second-factor/confirmation", json={"code": totp.now()})
        assert confirmed.status_code == 200
    with office.server.client() as browser:
        assert _go(browser).headers["Location"] == "/sign-in"
        me = browser.get("/api/session").json()["me"]
        assert me["owes"] == "second_factor_code"
        assert browser.get("/api/projects").status_code == 403
        browser.headers["X-CSRF-Token"] = me["csrf_token"]
        code = confirmed.json()["recovery_codes"][0]
        assert browser.post("/api/session/code", json={"code": code}).status_code == 200
        assert browser.get("/api/projects").status_code == 200


def test_a_link_is_ended_at_once_and_an_account_that_is_closed_stays_closed(
    office: Office, elsewhere: MadeProvider
):
    with office.session() as session:
        number = persons.find_person(session, "anna").identities[0].id
    office.hire("olga", Role.OPERATOR)
    with closing(office.sign_in("olga")) as operator:
        taken = operator.post("/api/accounts/olga/identities", json={"subject": "u-7"})
        assert taken.status_code == 409 and "own account" in taken.json()["detail"]
        assert operator.post(f"/api/identities/{number}/end").json()["ended_at"] is not None
        assert operator.post(f"/api/identities/{number}/end").status_code == 409
        with office.server.client() as browser:
            assert _go(browser).headers["Location"] == "/sign-in?problem=not-linked"
        linked = operator.post("/api/accounts/anna/identities", json={"subject": "u-1001"})
        assert linked.status_code == 201 and linked.json()["issuer"] == elsewhere.issuer
        office.hire("ben")
        assert operator.post("/api/accounts/ben/identities", json={"subject": "u-1001"}).status_code == 409
        with office.server.client() as browser:
            assert _go(browser).headers["Location"] == "/"
        assert operator.delete("/api/accounts/anna").status_code == 204
        with office.server.client() as browser:
            assert _go(browser).headers["Location"] == "/sign-in?problem=not-linked"


def test_local_sign_in_works_while_the_provider_is_away_or_slow(
    office: Office, elsewhere: MadeProvider, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(provider, "ANSWER_SECONDS", 1.0)
    elsewhere.mischief = "dripping"

    def go(_: int) -> tuple[str, float]:
        started = time.monotonic()
        with office.server.client() as browser:
            return _go(browser).headers["Location"], time.monotonic() - started

    with ThreadPoolExecutor(8) as threads:
        waiting = threads.map(go, range(8))
        started = time.monotonic()
        with closing(office.sign_in("anna")) as client:
            assert client.get("/api/projects").status_code == 200
        local_seconds = time.monotonic() - started
        answers = list(waiting)

    assert {place for place, _ in answers} == {"/sign-in?problem=away"}
    assert max(seconds for _, seconds in answers) < 20
    assert local_seconds < 10


def test_a_provider_that_is_not_there_is_said_and_another_try_finds_it(
    fresh_database: str, city: City, elsewhere: MadeProvider
):
    settings = Settings(openid_issuer="http://127.0.0.1:9", openid_client_id=CLIENT_ID)
    with serving(fresh_database, city, settings) as running, running.client() as browser:
        assert _go(browser).headers["Location"] == "/sign-in?problem=away"
    with serving(fresh_database, city, Settings()) as running, running.client() as browser:
        assert browser.get("/api/session/openid").status_code == 404
        assert browser.get("/api/session/openid/callback?code=x&state=y").status_code == 404


def test_a_provider_is_set_whole_and_by_tls():
    with pytest.raises(InvalidInputError, match="both"):
        make_provider(Settings(openid_issuer="https://id.example"), "https://blueprint.example")
    for open_address in ("http://id.example", "ftp://id.example", "id.example", "http://127.0.0.1.example"):
        settings = Settings(openid_issuer=open_address, openid_client_id="x")
        with pytest.raises(InvalidInputError, match="https"):
            make_provider(settings, "https://blueprint.example")


def test_links_by_command_line_are_shown_and_ended(command: Command, monkeypatch: pytest.MonkeyPatch):
    assert command("account", "add", "anna", "--name", "Anna").status == 0
    refused = command("account", "link", "anna", "u-1")
    assert refused.status == 2 and "name the issuer" in refused.err
    assert command("account", "link", "anna", "u-1", "--issuer", "https://id.example").status == 0
    taken = command("account", "link", "anna", "u-1", "--issuer", "https://id.example")
    assert taken.status == 1 and "linked to anna" in taken.err
    shown = command("account", "show", "anna").json
    assert isinstance(shown, dict)
    (identity,) = shown["identities"]
    assert (identity["issuer"], identity["subject"]) == ("https://id.example", "u-1")
    assert command("account", "unlink", str(identity["id"])).status == 0
    assert command("account", "unlink", str(identity["id"])).status == 1


def test_a_link_is_never_deleted(office: Office):
    with office.session() as session, pytest.raises(Exception, match="never deleted"):
        session.execute(text("DELETE FROM blueprint.linked_identity"))
    with office.session() as session, pytest.raises(ConflictError):
        person = persons.find_person(session, "anna")
        identities.link(
            session,
            person,
            issuer=person.identities[0].issuer,
            subject="u-1001",
            actor=OPERATOR,
            now=office.server.edge.now(),
        )
