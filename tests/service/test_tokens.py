"""Tokens of machines over HTTP and the command line: scoped, until an instant, listed, revoked; and every way to bring a bad one."""

import hashlib
import re
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from blueprint.city import City, DepartmentRole
from blueprint.permissions import Act, Scope, at_console
from blueprint.tokens import issue_token
from service.samples import sample_accounts
from tests.made import publish, square
from tests.service.conftest import Command, Server

OPERATOR = at_console("test")


def _department(city: City) -> str:
    return next(d.code for d in city.departments if d.role is DepartmentRole.OPINION)


def _told(server: Server, token: str) -> tuple[int, str]:
    with server.client() as client:
        answer = client.get("/api/projects", headers={"Authorization": token})
    return answer.status_code, answer.json().get("detail", "")


def test_a_token_that_ended_a_moment_ago_says_so(running: Server, city: City):
    with Session(running.edge.engine) as session, session.begin():
        token = issue_token(
            session,
            department=_department(city),
            city=city,
            now=running.edge.now(),
            expires_at=running.edge.now() + timedelta(minutes=1),
        )
    assert _told(running, f"Bearer {token}")[0] == 200

    with running.edge.engine.begin() as connection:
        connection.execute(
            text("UPDATE blueprint.token SET expires_at = now() - interval '1 minute' WHERE sha256 = :hash"),
            {"hash": hashlib.sha256(token.encode()).hexdigest()},
        )

    status, detail = _told(running, f"Bearer {token}")
    assert status == 401 and "expired" in detail


def test_truncated_changed_and_foreign_tokens_are_401_in_one_sentence(running: Server, city: City):
    good = running.tokens[_department(city)]
    foreign = "ob_" + "A" * 43
    swapped = good[:-1] + ("A" if good[-1] != "A" else "B")
    signed = "eyJhbGciOiJub25lIn0.eyJzdWIiOiJaUlpZIn0."

    assert _told(running, f"bearer {good}")[0] == 200
    for bad, why in (
        (f"Bearer {good[:-1]}", "no whole token"),
        (f"Bearer {good}A", "no whole token"),
        (f"Bearer  {good}", "no whole token"),
        (f"Bearer {signed}", "no whole token"),
        ("Bearer", "no whole token"),
        (f"Basic {good}", "no whole token"),
        (f"Bearer {foreign}", "unknown here"),
        (f"Bearer {swapped}", "unknown here"),
        (f"Bearer {good.swapcase().replace('OB_', 'ob_')}", "unknown here"),
    ):
        status, detail = _told(running, bad)
        assert (status, detail.count(".")) == (401, 0) and why in detail, (bad, status, detail)


def test_an_operator_issues_lists_and_revokes_over_http(running: Server, city: City):
    password, _ = sample_accounts(running.edge, actor=OPERATOR)
    department = _department(city)
    with running.client() as client:
        signed_in = client.post("/api/session", json={"login": "sample-operator", "password": password})
        client.headers["X-CSRF-Token"] = signed_in.json()["csrf_token"]
        made = client.post("/api/tokens", json={"department": department, "acts": ["read_project"]})
        assert made.status_code == 201, made.text
        token, number = made.json()["token"], made.json()["id"]
        assert _told(running, f"Bearer {token}")[0] == 200

        listed = client.get("/api/tokens", params={"department": department}).json()["items"]
        mine = next(item for item in listed if item["id"] == number)
        assert mine["acts"] == ["read_project"] and mine["used_at"] is not None
        assert "sample-operator" in mine["made_by"] and token not in str(listed)

        assert client.delete(f"/api/tokens/{number}").status_code == 204
        assert client.delete(f"/api/tokens/{number}").status_code == 409
        assert client.delete("/api/tokens/999999").status_code == 404
        status, detail = _told(running, f"Bearer {token}")
        assert status == 401 and "revoked" in detail

        assert client.post("/api/token-revocations", json={}).status_code == 422
        assert client.post("/api/token-revocations", json={"interface": True}).json() == {"revoked": 0}
        gone = client.post("/api/token-revocations", json={"all": True}).json()["revoked"]
        assert gone == len(running.tokens)
        assert {_told(running, f"Bearer {each}")[0] for each in running.tokens.values()} == {401}

    with running.edge.engine.connect() as connection:
        told = connection.scalar(
            text("SELECT string_agg(to_jsonb(e)::text, ' ') FROM blueprint.audit_entry e")
        )
        kept = connection.scalar(text("SELECT string_agg(to_jsonb(t)::text, ' ') FROM blueprint.token t"))
    assert "issue_credential" in told and "revoke_credential" in told
    assert token not in told and token not in kept


def test_a_department_issues_no_tokens(running: Server, city: City):
    with running.client(_department(city)) as client:
        assert client.post("/api/tokens", json={"department": _department(city)}).status_code == 403
        assert client.get("/api/tokens").status_code == 403


def test_a_scoped_token_does_what_it_is_for_and_nothing_else(running: Server, city: City):
    department = _department(city)
    scope = Scope(frozenset({Act.READ_LAYER, Act.WITHDRAW_VERSION}), frozenset({"MINE"}))
    with Session(running.edge.engine) as session, session.begin():
        for code in ("MINE", "ALSO"):
            publish(session, city, code, [square(0, 0, 50)], department=department, sensitivity="restricted")
        token = issue_token(session, department=department, city=city, now=running.edge.now(), scope=scope)

    with running.client() as machine, running.client(department) as whole:
        machine.headers["Authorization"] = f"Bearer {token}"
        assert machine.get("/api/layers/MINE").status_code == 200
        assert machine.get("/api/layers/ALSO").status_code == 404
        assert whole.get("/api/layers/ALSO").status_code == 200
        assert machine.get("/tiles/ALSO/14/13785/6135.mvt").status_code == 404
        assert [layer["code"] for layer in machine.get("/api/layers").json()["items"]] == ["MINE"]
        refused = machine.get("/api/projects")
        assert refused.status_code == 403 and "not made for: read project" in refused.json()["detail"]
        assert machine.get("/api/me").json()["rights"].count("give_opinion") == 0
        assert machine.post("/api/layers/MINE/versions/1/withdrawal").status_code == 200


def test_a_scope_is_never_more_than_the_department_has(command: Command):
    command("layer", "define", "ZPLAN", "--title", "规划", "--department", "ZRZY", "--geometry", "polygon",
            "--control", "restrict", "--sensitivity", "restricted")  # fmt: skip

    for arguments, why in (
        (("--act", "clear_project"), "may not clear_project itself"),
        (("--act", "fly"), "no act 'fly'"),
        (("--layer", "ZPLAN"), "reads no layer ZPLAN"),
        (("--layer", "NONE"), "reads no layer NONE"),
        (("--until", "2020-01-01T00:00"), "later than now"),
        (("--until", "2999-01-01T00:00"), "within 366 days"),
        (("--until", "soon"), "no instant"),
    ):
        result = command("token", "issue", "SLJ", *arguments)
        assert (result.status, result.out) == (2, "") and why in result.err, result

    assert command("token", "issue", "--interface", "--act", "read_case").status == 2
    assert command("token", "issue", "ZRZY", "--act", "clear_project", "--layer", "ZPLAN").status == 0


def test_the_command_line_issues_lists_and_revokes_one_those_of_the_interface_and_all(command: Command):
    one = command("token", "issue", "SLJ", "--act", "give_opinion").out.strip()
    assert re.fullmatch(r"ob_[A-Za-z0-9_-]{43}", one)
    command("token", "issue", "--interface")
    command("token", "issue", "LCJ")

    listed = command("token", "list", "--format", "json")
    first, interface, third = listed.json  # type: ignore[misc]  # a list of three
    assert one not in listed.out
    assert (first["department"], first["acts"], first["layers"]) == ("SLJ", ["give_opinion"], None)
    assert interface["label"] == "interface"
    assert "全部 all" in command("token", "list").out

    assert command("token", "revoke", "--id", str(first["id"])).status == 0
    assert command("token", "revoke", "--id", str(first["id"])).status == 1
    assert (
        command("token", "revoke", "--interface").err
        == "已吊销 1 个令牌：接口 revoked 1 token(s): the interface\n"
    )
    assert "revoked 1 token" in command("token", "revoke", "--all").err
    assert command("token", "revoke", "--all", "SLJ").status == 2
    after = command("token", "list", "--format", "json").json
    assert all(item["revoked_at"] for item in after)  # type: ignore[attr-defined]  # a list
    assert third["revoked_at"] is None


def test_using_a_token_waits_for_nobody_and_is_told_every_few_minutes(running: Server, city: City):
    department = _department(city)
    hashed = hashlib.sha256(running.tokens[department].encode()).hexdigest()
    query = text(
        "SELECT u.used_at FROM blueprint.token_use u JOIN blueprint.token t ON t.id = u.token_id WHERE t.sha256 = :hash"
    )

    with running.client(department) as client, running.edge.engine.connect() as other:
        assert client.get("/api/projects").status_code == 200
        first = other.scalar(query, {"hash": hashed})
        assert client.get("/api/projects").status_code == 200
        assert first is not None and other.scalar(query, {"hash": hashed}) == first

        other.rollback()
        with running.edge.engine.begin() as connection:
            connection.execute(text("UPDATE blueprint.token_use SET used_at = used_at - interval '1 hour'"))
        # A long request holds the row of the use: others go on, and the token can be revoked meanwhile.
        other.execute(text("SELECT * FROM blueprint.token_use FOR UPDATE"))
        with ThreadPoolExecutor(4) as threads:
            asked = list(threads.map(lambda _: client.get("/api/projects", timeout=5).status_code, range(4)))
        assert asked == [200] * 4
        with running.edge.engine.begin() as connection:
            connection.execute(text("SET LOCAL statement_timeout = '2s'"))
            connection.execute(text("UPDATE blueprint.token SET revoked_at = now()"))
        other.rollback()
        assert client.get("/api/projects").status_code == 401


def test_a_token_is_revoked_never_deleted(running: Server):
    with running.edge.engine.connect() as connection, pytest.raises(DBAPIError, match="never deleted"):
        connection.execute(text("DELETE FROM blueprint.token"))
