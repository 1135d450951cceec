"""Accounts over HTTP on a real server: signing in and out, roles that begin and end, and every way to get in wrongly."""

import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from blueprint.accounts import persons, sessions
from blueprint.accounts.passwords import refuse_weak
from blueprint.accounts.throttle import (
    FREE_FOR_ADDRESS,
    FREE_FOR_LOGIN,
    count_attempt,
    forget_attempts,
)
from blueprint.city import City, DepartmentRole
from blueprint.errors import ConflictError, InvalidInputError, TooManyAttemptsError
from blueprint.permissions import Role
from blueprint.wall import DOOR, seeing
from service.commands.serve import refuse_sample_passwords
from service.samples import sample_accounts
from tests.made import publish, square
from tests.service.conftest import Command, Server
from tests.service.office import OPERATOR, PASSWORD, Office


@pytest.fixture
def office(running: Server, city: City) -> Office:
    """An empty office."""
    return Office(running, city)


def _me(client: httpx.Client) -> dict[str, Any]:
    answer = client.get("/api/me")
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def test_a_person_signs_in_is_told_who_they_are_and_signs_out(office: Office):
    office.hire("anna", Role.REVIEWER, department=office.departments[0])

    with closing(office.sign_in("Anna")) as client:
        cookie = next(iter(client.cookies.jar))
        assert cookie.has_nonstandard_attr("HttpOnly")
        me = _me(client)
        assert (me["department"], me["roles"]) == (office.departments[0], ["reviewer"])
        assert "give_opinion" in me["rights"] and "clear_project" not in me["rights"]
        kept = dict(client.cookies)
        assert client.delete("/api/session").status_code == 204
        client.cookies.update(kept)
        assert client.get("/api/me").status_code == 401

    with office.session() as session:
        told = session.execute(
            text("SELECT act, outcome FROM blueprint.audit_entry WHERE kind = 'session'")
        ).all()
        kept_in_clear = session.scalar(
            text("SELECT count(*) FROM blueprint.session WHERE sha256 = :token"),
            {"token": kept["session"]},
        )
    assert ("sign_in", "done") in told
    assert kept_in_clear == 0


def test_a_wrong_login_and_a_wrong_password_are_told_alike(office: Office):
    office.hire("anna")
    with office.server.client() as client:
        wrong = client.post("/api/session", json={"login": "anna", "password": "x" * 12})
        unknown = client.post("/api/session", json={"login": "nobody", "password": "x" * 12})
    assert (wrong.status_code, unknown.status_code) == (401, 401)
    assert wrong.json()["detail"] == unknown.json()["detail"]


def test_a_first_password_must_be_changed_before_anything_is_done(office: Office):
    with office.session() as session, session.begin():
        person, once = persons.add_person(session, "ben", "Ben", actor=OPERATOR, now=office.server.edge.now())
        persons.appoint(
            session,
            person,
            Role.REVIEWER,
            department=office.departments[0],
            city=office.city,
            actor=OPERATOR,
            now=office.server.edge.now(),
        )
    with closing(office.sign_in("ben", once)) as client:
        assert _me(client)["must_change_password"]
        refused = client.get("/api/projects")
        assert refused.status_code == 403 and "change the password" in refused.json()["detail"]
        for weak in (
            "short",
            "password12345",
            "benbenbenben1",
            "aaaaaaaaaaaaaa",
            "123456789012345",
            "P@ssw0rd!!2026",
        ):
            assert client.post("/api/me/password", json={"old": once, "new": weak}).status_code == 422, weak
        assert client.post("/api/me/password", json={"old": "wrong", "new": PASSWORD}).status_code == 401
        assert client.post("/api/me/password", json={"old": once, "new": PASSWORD}).status_code == 204
        assert client.get("/api/projects").status_code == 200


def test_a_role_that_ended_a_moment_ago_gives_nothing(office: Office):
    office.hire("carl", Role.COORDINATOR, department=_keeper(office.city))
    with closing(office.sign_in("carl")) as client:
        assert "register_project" in _me(client)["rights"]
        with office.session() as session, session.begin():
            person = persons.find_person(session, "carl")
            persons.end_appointment(
                session, person.appointments[0].id, actor=OPERATOR, now=office.server.edge.now()
            )
        refused = client.get("/api/projects")
        assert refused.status_code == 403 and "holds no role at this moment" in refused.json()["detail"]
        assert set(_me(client)["rights"]) == {
            "list_layers",
            "read_layer",
            "check_footprint",
            "read_standards",
        }


def test_a_role_that_begins_tomorrow_gives_nothing_today(office: Office):
    tomorrow = office.server.edge.now() + timedelta(days=1)
    office.hire("dora", Role.REVIEWER, department=office.departments[0], starts_at=tomorrow)
    with closing(office.sign_in("dora")) as client:
        assert client.get("/api/projects").status_code == 403


def test_who_moves_to_another_department_leaves_its_rights_there(office: Office):
    first, second = office.departments[:2]
    office.hire("emil", Role.PLANNER, department=first)
    now = office.server.edge.now()
    with closing(office.sign_in("emil")) as client:
        assert _me(client)["department"] == first
        with office.session() as session, session.begin():
            person = persons.find_person(session, "emil")
            with pytest.raises(ConflictError, match="another department"):
                persons.appoint(
                    session,
                    person,
                    Role.PLANNER,
                    department=second,
                    city=office.city,
                    actor=OPERATOR,
                    now=now,
                )
            persons.end_appointment(session, person.appointments[0].id, actor=OPERATOR, now=now)
            persons.appoint(
                session, person, Role.PLANNER, department=second, city=office.city, actor=OPERATOR, now=now
            )
        assert _me(client)["department"] == second


def test_who_moves_away_leaves_open_work_to_the_department_and_sees_it_no_more(office: Office):
    first, second = office.departments[:2]
    office.hire("emil", Role.PLANNER, department=first)
    office.hire("rosa", Role.REVIEWER, department=first)
    edge = office.server.edge
    with office.session() as session, session.begin():
        version = publish(session, office.city, "DRAFT", [square(0, 0, 50)], department=first, starts_on=None)
        version.uploaded_by = "Emil emil"
        publish(session, office.city, "DONE", [square(0, 0, 50)], department=first)
    where = f"/api/departments/{first}/open-work"
    with closing(office.sign_in("emil")) as emil, closing(office.sign_in("rosa")) as rosa:
        asked = {"owner": second, "purpose": "防洪影响评价"}
        assert emil.post("/api/access-requests", json=asked).status_code == 201
        before = emil.get(where).json()["items"]
        assert [(w["kind"], w["begun_by"], w["left_behind"]) for w in before] == [
            ("draft", "Emil emil", False),
            ("access_request", "Emil emil", False),
        ]
        with office.session() as session, session.begin():
            person = persons.find_person(session, "emil")
            now = edge.now()
            persons.end_appointment(session, person.appointments[0].id, actor=OPERATOR, now=now)
            persons.appoint(
                session, person, Role.PLANNER, department=second, city=office.city, actor=OPERATOR, now=now
            )

        assert emil.get(where).status_code == 403
        assert emil.post("/api/layers/DRAFT/versions/1/in-force", json={}).status_code == 403
        left = rosa.get(where).json()["items"]
        assert [(w["id"], w["left_behind"]) for w in left if w["kind"] == "draft"] == [("DRAFT v1", True)]
        assert [w["left_behind"] for w in left] == [True, True]
        mine = emil.get(f"/api/departments/{second}/open-work").json()["items"]
        assert [(w["kind"], w["begun_by"]) for w in mine] == [("access_to_decide", None)]


def test_an_appointment_of_what_may_be_oneself_is_marked_in_the_log(office: Office):
    office.hire("jan", Role.OPERATOR)
    with closing(office.sign_in("jan")) as client:
        client.post("/api/accounts", json={"login": "jan2", "name": "Jan"})
        client.post("/api/accounts", json={"login": "kim", "name": "Kim"})
        for login in ("jan2", "kim"):
            assert (
                client.post(f"/api/accounts/{login}/appointments", json={"role": "auditor"}).status_code
                == 201
            )
    with office.session() as session:
        told = session.execute(
            text(
                "SELECT after ->> 'person', after ->> 'appointer_has_same' FROM blueprint.audit_entry"
                " WHERE kind = 'appointment' AND actor = 'Jan jan' ORDER BY seq"
            )
        ).all()
    assert [tuple(row) for row in told] == [("jan2", "name"), ("kim", None)]


def test_one_of_two_sessions_is_ended_and_then_all(office: Office):
    office.hire("fay", Role.AUDITOR)
    one, two = office.sign_in("fay"), office.sign_in("fay")
    assert one.delete("/api/session").status_code == 204
    assert two.get("/api/me").status_code == 200
    three = office.sign_in("fay")
    assert two.delete("/api/sessions").status_code == 204
    assert three.get("/api/me").status_code == 401


def test_a_session_ends_when_it_is_idle_and_at_the_latest_after_its_time(office: Office):
    office.hire("gus", Role.AUDITOR)
    for column, value in (("last_seen_at", "31 minutes"), ("expires_at", "13 hours")):
        with closing(office.sign_in("gus")) as client:
            assert client.get("/api/me").status_code == 200
            with office.session() as session, session.begin():
                session.execute(
                    text(f"UPDATE blueprint.session SET {column} = {column} - interval '{value}'")
                )
            assert client.get("/api/me").status_code == 401


@pytest.mark.parametrize("cookie", ["", "x", "' OR 1=1 --", "0" * 43, "a" * 4000])
def test_a_made_up_or_cut_session_is_refused(office: Office, cookie: str):
    office.hire("hal", Role.AUDITOR)
    with closing(office.sign_in("hal")) as signed_in:
        cut = next(iter(signed_in.cookies.jar)).value or ""
    with office.server.client() as client:
        for value in (cookie, cut[:-1], cut.swapcase()):
            answer = client.get("/api/audit-log", headers={"Cookie": f'session="{value}"'})
            why = "sign in again" if value else "sign in first"
            assert answer.status_code == 401 and why in answer.json()["detail"], value


def test_a_page_of_another_site_changes_nothing(office: Office):
    office.hire("ida", Role.OPERATOR)
    with closing(office.sign_in("ida")) as client:
        right = client.headers["X-CSRF-Token"]
        body = {"login": "made", "name": "Made"}
        for headers, why in (
            ({"X-CSRF-Token": ""}, "send the X-CSRF-Token of this session"),
            ({"X-CSRF-Token": right[:-1]}, "send the X-CSRF-Token of this session"),
            ({"Sec-Fetch-Site": "cross-site"}, "sent by a page of another site"),
        ):
            answer = client.post("/api/accounts", json=body, headers=headers)
            assert answer.status_code == 403 and why in answer.json()["detail"], headers
        assert client.get("/api/accounts/made").status_code == 404
        assert client.post("/api/accounts", json=body).status_code == 201


def test_nobody_grants_himself_a_role_and_some_exclude_each_other(office: Office):
    office.hire("jan", Role.OPERATOR)
    office.hire("kim", Role.REVIEWER, department=office.departments[0])
    with closing(office.sign_in("jan")) as client:
        own = client.post("/api/accounts/jan/appointments", json={"role": "auditor"})
        assert own.status_code == 409 and "himself" in own.json()["detail"]
        for role, status, why in (
            ("operator", 409, "holds no role that decides"),
            ("console", 422, "role: Input should be 'planner'"),
            ("auditor", 409, "an auditor holds no other role"),
        ):
            answer = client.post("/api/accounts/kim/appointments", json={"role": role})
            assert answer.status_code == status and why in answer.json()["detail"], answer.text
    with closing(office.sign_in("kim")) as client:
        answer = client.post("/api/accounts/kim/appointments", json={"role": "director", "department": "x"})
        assert answer.status_code == 403 and "may not administer accounts" in answer.json()["detail"]


def test_an_appointment_is_ended_never_deleted(office: Office):
    office.hire("leo", Role.SUPERVISOR)
    with office.session() as session, pytest.raises(DBAPIError, match="never deleted"):
        session.execute(text("DELETE FROM blueprint.appointment"))


def test_a_thousand_wrong_passwords_do_not_lock_the_owner_out(office: Office):
    office.hire("mia", Role.AUDITOR)
    engine, now = office.server.edge.engine, office.server.edge.now()
    let_through = []

    def attack(number: int) -> None:
        with seeing(DOOR), Session(engine) as session:
            try:
                count_attempt(session, "mia", "203.0.113.9", now)
                let_through.append(number)
            except TooManyAttemptsError:
                pass
            finally:
                session.commit()

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(attack, range(1000)))
    assert (
        len(let_through) == FREE_FOR_LOGIN + 1
    )  # the first that is too many is let through and makes the rest wait

    with closing(office.sign_in("mia")) as client:  # from another address
        assert client.get("/api/audit-log").status_code == 200


def test_one_wrong_password_each_for_a_thousand_accounts_makes_the_address_wait(office: Office):
    engine, now = office.server.edge.engine, office.server.edge.now()
    refused = 0
    for number in range(1000):
        with Session(engine) as session:
            try:
                count_attempt(session, f"login{number}", "203.0.113.10", now)
            except TooManyAttemptsError as error:
                refused += 1
                assert error.retry_after > timedelta(0)
            finally:
                session.commit()
    assert refused >= 900


def test_waiting_is_told_over_http_and_is_over_in_time(office: Office):
    office.hire("nia", Role.AUDITOR)
    with office.server.client() as client:
        answers = [
            client.post("/api/session", json={"login": "nia", "password": "wrong-" + "x" * 10})
            for _ in range(FREE_FOR_LOGIN + 2)
        ]
        assert [a.status_code for a in answers[:FREE_FOR_LOGIN]] == [401] * FREE_FOR_LOGIN
        assert answers[-1].status_code == 429
        time.sleep(int(answers[-1].headers["Retry-After"]) + 0.2)
        again = client.post("/api/session", json={"login": "nia", "password": PASSWORD})
        assert again.status_code == 200


def test_sample_accounts_are_one_a_role_and_refused_in_production(office: Office):
    password, made = sample_accounts(office.server.edge, actor=OPERATOR, section="综合科")
    assert {role for _, role, _ in made} == set(persons.APPOINTABLE)
    with closing(office.sign_in("sample-auditor", password)) as client:
        assert _me(client)["roles"] == ["auditor"]
    with pytest.raises(ConflictError, match="sample-auditor"):
        refuse_sample_passwords(office.server.edge)

    again, _ = sample_accounts(office.server.edge, actor=OPERATOR)
    assert again != password
    now = office.server.edge.now()
    with office.session() as session, session.begin():
        for login in persons.sample_logins(session):
            persons.deactivate(session, persons.find_person(session, login), actor=OPERATOR, now=now)
    refuse_sample_passwords(office.server.edge)


def test_a_deactivated_person_is_out_at_once(office: Office):
    office.hire("oda", Role.AUDITOR)
    with closing(office.sign_in("oda")) as client:
        with office.session() as session, session.begin():
            person = persons.find_person(session, "oda")
            persons.deactivate(session, person, actor=OPERATOR, now=office.server.edge.now())
        assert client.get("/api/me").status_code == 401
        refused = client.post("/api/session", json={"login": "oda", "password": PASSWORD})
        assert refused.status_code == 401


def test_roles_are_held_where_they_belong(office: Office):
    office.hire("pia")
    with office.session() as session:
        person = persons.find_person(session, "pia")
        for role, department in (
            (Role.PLANNER, None),
            (Role.AUDITOR, office.departments[0]),
            (Role.COORDINATOR, office.departments[0]),
            (Role.CONSOLE, None),
        ):
            with pytest.raises(InvalidInputError):
                persons.appoint(
                    session,
                    person,
                    role,
                    department=department,
                    city=office.city,
                    actor=OPERATOR,
                    now=office.server.edge.now(),
                )


def test_no_secret_is_in_the_audit_log(office: Office):
    office.hire("quin", Role.AUDITOR)
    with closing(office.sign_in("quin")) as client:
        token = next(iter(client.cookies.jar)).value
        client.post("/api/me/password", json={"old": PASSWORD, "new": "noch-vier-Pferde-mehr"})
    with office.session() as session:
        told = session.scalar(text("SELECT string_agg(to_jsonb(e)::text, ' ') FROM blueprint.audit_entry e"))
        hashes = session.scalar(text("SELECT password_hash FROM blueprint.person WHERE login = 'quin'"))
    for secret in (PASSWORD, "noch-vier-Pferde-mehr", str(token), str(hashes)):
        assert secret not in str(told)
    assert sessions.csrf_token_of(str(token)) not in str(told)


def _keeper(city: City) -> str:
    return next(d.code for d in city.departments if d.role is DepartmentRole.COORDINATOR)


@pytest.mark.slow
def test_a_thousand_wrong_passwords_over_http_and_the_owner_signs_in_from_elsewhere(office: Office):
    office.hire("rosa", Role.AUDITOR)
    url = office.server.url

    def attack(number: int) -> int:
        body = {"login": "rosa", "password": f"falsch-{number:06}"}
        return attacker.post("/api/session", json=body).status_code

    with httpx.Client(base_url=url, timeout=60) as attacker, ThreadPoolExecutor(8) as threads:
        statuses = list(threads.map(attack, range(1000)))
    assert set(statuses) <= {401, 429, 503} and statuses.count(429) >= 990

    elsewhere = httpx.HTTPTransport(local_address="127.0.0.2")
    with httpx.Client(base_url=url, timeout=60, transport=elsewhere) as owner:
        answer = owner.post("/api/session", json={"login": "rosa", "password": PASSWORD})
        assert answer.status_code == 200, answer.text


@pytest.mark.slow
def test_a_password_each_for_a_thousand_accounts_and_an_owner_signs_in_from_elsewhere(office: Office):
    office.hire("sven", Role.AUDITOR)
    url = office.server.url

    def attack(number: int) -> int:
        login = "sven" if number == 0 else f"login{number}"
        return attacker.post("/api/session", json={"login": login, "password": "Sommer-2026!!"}).status_code

    with httpx.Client(base_url=url, timeout=60) as attacker, ThreadPoolExecutor(8) as threads:
        statuses = list(threads.map(attack, range(1000)))
    assert set(statuses) <= {401, 429, 503} and statuses.count(429) >= 900

    elsewhere = httpx.HTTPTransport(local_address="127.0.0.2")
    with httpx.Client(base_url=url, timeout=60, transport=elsewhere) as owner:
        assert owner.post("/api/session", json={"login": "sven", "password": PASSWORD}).status_code == 200


def test_an_own_account_does_not_wash_off_what_was_tried_on_others(office: Office):
    engine, now = office.server.edge.engine, office.server.edge.now()
    with Session(engine) as session:
        for number in range(FREE_FOR_ADDRESS):
            count_attempt(session, f"login{number}", "203.0.113.11", now)
        count_attempt(session, "own", "203.0.113.11", now)
        forget_attempts(session, "own", "203.0.113.11")
        with pytest.raises(TooManyAttemptsError):
            for number in range(3):
                count_attempt(session, f"another{number}", "203.0.113.11", now)


def test_who_signed_in_from_an_address_does_not_wait_for_what_others_there_failed_at(office: Office):
    office.hire("anna", Role.REVIEWER, department=office.departments[0])
    engine, now = office.server.edge.engine, office.server.edge.now()
    with closing(office.sign_in("anna")):
        with Session(engine) as session:
            with pytest.raises(TooManyAttemptsError):
                for number in range(FREE_FOR_ADDRESS + 2):
                    count_attempt(session, f"stranger{number}", "127.0.0.1", now)
            session.execute(
                text("UPDATE blueprint.failed_sign_in SET blocked_until = now() + interval '1 h'")
            )
            session.commit()
        with closing(office.sign_in("anna")) as again:
            assert _me(again)["login"] == "anna"
        office.hire("berta", Role.REVIEWER, department=office.departments[0])
        with pytest.raises(AssertionError, match="429"):
            office.sign_in("berta")


def test_a_production_start_refuses_sample_accounts(
    office: Office, command: Command, monkeypatch: pytest.MonkeyPatch
):
    sample_accounts(office.server.edge, actor=OPERATOR)
    monkeypatch.setenv("BLUEPRINT_PRODUCTION", "1")
    refused = command("serve", "--port", "0")
    assert refused.status == 1 and "sample-operator" in refused.err and "deactivate" in refused.err

    monkeypatch.delenv("BLUEPRINT_PRODUCTION")
    opened = command("serve", "--host", "0.0.0.0", "--port", "0")
    assert opened.status == 1 and "sample accounts are in use" in opened.err


@pytest.mark.parametrize("password", ["1qa2ws3ed4rf", "MortalKombat", "finalfantasy!!2026", "MichaelJackson"])
def test_a_common_password_is_refused(password: str):
    with pytest.raises(InvalidInputError, match="list of common ones"):
        refuse_weak(password, own_words=())


def test_words_of_ones_own_are_taken_though_a_common_one_is_among_them():
    refuse_weak("professional horse staple battery", own_words=("anna", "Anna"))
