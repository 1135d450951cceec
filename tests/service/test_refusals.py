"""Refusals over HTTP are on record although what was asked is undone, and a flood of them is a few entries."""

from datetime import timedelta
from typing import Any

from sqlalchemy import text

from blueprint.audit.refusals import MOST_TOLD_APART, RefusalLog
from blueprint.audit.sums import SUMMED_FOR
from blueprint.city import City, DepartmentRole
from blueprint.permissions import Act, Actor, RefusedError, Role, Thing
from tests.conftest import TestServer
from tests.service.conftest import Server


def _department(city: City) -> str:
    return next(d.code for d in city.departments if d.role is DepartmentRole.OPINION)


def _refusals(server: Server) -> list[Any]:
    with server.edge.engine.connect() as connection:
        rows = connection.execute(
            text("SELECT * FROM blueprint.audit_entry WHERE outcome = 'refused' ORDER BY seq")
        )
        return list(rows.mappings())


def _refused(actor: Actor, thing: Thing) -> RefusedError:
    return RefusedError("no", actor=actor, act=Act.UPLOAD_VERSION, thing=thing)


def test_a_refused_act_is_an_entry_of_who_what_and_which(running: Server, city: City):
    department = _department(city)
    other = next(d.code for d in city.departments if d.code != department)
    definition = {"code": "L", "title": "L", "department": other, "geometry": "polygon", "control": "inform"}

    with running.client(department) as client:
        for _ in range(3):
            answer = client.post("/api/layers", json=definition)
            assert answer.status_code == 403
        assert client.get("/api/audit-log").status_code == 403
    with running.client() as nobody:
        assert nobody.get("/api/audit-log").status_code == 401

    first, second = _refusals(running)
    assert (first["act"], first["kind"], first["thing"]) == ("define_layer", "layer", "L")
    assert (first["department"], first["channel"]) == (department, "http")
    assert first["address"] and first["request_id"] and first["after"]["count"] == 1
    assert (second["act"], second["kind"], second["thing"]) == ("read_audit_log", "service", "—")


def test_what_follows_is_summed_and_told_at_the_end(running: Server):
    log, now = RefusalLog(running.edge.engine), running.edge.now()
    actor = Actor("m", "D1", frozenset({Role.ANYONE, Role.DEPARTMENT}), reader="r")

    for _ in range(1000):
        log.note(_refused(actor, Thing("D2", layer="L")), now)
    assert len(_refusals(running)) == 1

    log.note(_refused(actor, Thing("D2", layer="M")), now + SUMMED_FOR + timedelta(seconds=1))
    log.close()
    assert [(r["thing"], r["after"]["count"]) for r in _refusals(running)] == [("L", 1), ("L", 999), ("M", 1)]


def test_a_flood_of_ever_new_things_is_a_few_entries(running: Server):
    log, now = RefusalLog(running.edge.engine), running.edge.now()
    flooder = Actor("f", "D1", frozenset({Role.ANYONE, Role.DEPARTMENT}), reader="f")
    other = Actor("o", "D1", frozenset({Role.ANYONE, Role.DEPARTMENT}), reader="o")

    for number in range(1000):
        log.note(_refused(flooder, Thing(f"made up {number}")), now)
    log.note(_refused(other, Thing("D2")), now)
    log.close()

    told = _refusals(running)
    assert (
        len(told) == MOST_TOLD_APART + 1 + 1 + 1
    )  # each, the first of the rest, somebody else's, the sum of the rest
    assert sum(entry["after"]["count"] for entry in told if entry["actor"] == "f") == 1000
    assert told[-1]["act"] == "various"
    assert any(entry["actor"] == "o" for entry in told)


def test_a_refusal_that_cannot_be_written_still_answers(running: Server, server: TestServer, city: City):
    database = str(running.edge.engine.url.database)
    with server.administer(database) as connection:
        connection.execute(text("ALTER FUNCTION blueprint.append_audit(jsonb) RENAME TO append_audit_away"))
    with running.client(_department(city)) as client:
        assert client.get("/api/audit-log").status_code == 403
    with server.administer(database) as connection:
        connection.execute(text("ALTER FUNCTION blueprint.append_audit_away(jsonb) RENAME TO append_audit"))
    assert _refusals(running) == []
