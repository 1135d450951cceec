"""The tree of levels, departments and sections, by command line and HTTP; what was a word on an appointment is a section."""

from contextlib import closing
from datetime import timedelta

import httpx
import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

from blueprint.city import City
from blueprint.database import CONNECT_ARGS
from blueprint.permissions import at_console
from service import migrations
from service.samples import sample_accounts
from tests.service.conftest import Command, Server


def _operator(server: Server) -> httpx.Client:
    password, _ = sample_accounts(server.edge, actor=at_console("test"))
    client = server.client()
    answer = client.post("/api/session", json={"login": "sample-operator", "password": password})
    client.headers["X-CSRF-Token"] = answer.json()["csrf_token"]
    return client


def test_the_tree_has_the_city_its_districts_their_departments_and_sections(running: Server):
    with closing(_operator(running)) as client:
        made = client.post("/api/departments/SLJ/sections", json={"name": " 河湖科 ", "name_en": "Rivers"})
        assert made.status_code == 201, made.text
        client.post("/api/accounts", json={"login": "anna", "name": "安娜"})
        head = {"role": "section_head", "department": "SLJ", "section": "河湖科"}
        appointed = client.post("/api/accounts/anna/appointments", json=head)
        assert (appointed.status_code, appointed.json()["section_id"]) == (201, made.json()["id"])

    with running.client("ZRZY210381") as district:
        tree = district.get("/api/departments").json()
    with running.client() as nobody:
        assert nobody.get("/api/departments").status_code == 401

    water = next(d for d in tree["departments"] if d["code"] == "SLJ")
    assert [(s["name"], s["heads"]) for s in water["sections"]] == [("河湖科", ["安娜"])]
    haicheng = next(d for d in tree["districts"] if d["code"] == "210381")
    assert [(d["code"], d["level"]) for d in haicheng["departments"]] == [("ZRZY210381", "district")]
    assert all(d["level"] == "city" for d in tree["departments"])


def test_sections_are_opened_and_closed_never_deleted_and_on_record(running: Server):
    with closing(_operator(running)) as client:
        first = client.post("/api/departments/SLJ/sections", json={"name": "河湖科"}).json()
        assert client.post("/api/departments/SLJ/sections", json={"name": "河湖科"}).status_code == 409
        assert client.post("/api/departments/LCJ/sections", json={"name": "河湖科"}).status_code == 201
        assert client.post("/api/departments/NONE/sections", json={"name": "x"}).status_code == 404
        assert client.post("/api/departments/SLJ/sections", json={"name": "  "}).status_code == 422

        for far in ("0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-12:00"):
            never = client.post("/api/departments/SLJ/sections", json={"name": "x", "starts_at": far})
            assert never.status_code == 422

        client.post("/api/accounts", json={"login": "anna", "name": "安娜"})
        role = {"role": "reviewer", "department": "SLJ", "section": "河湖科"}
        appointed = client.post("/api/accounts/anna/appointments", json=role).json()
        held = client.post(f"/api/sections/{first['id']}/end")
        assert held.status_code == 409 and f"appointment {appointed['id']}" in held.json()["detail"]
        client.post(f"/api/appointments/{appointed['id']}/end")
        assert client.post(f"/api/sections/{first['id']}/end").status_code == 200
        assert client.post(f"/api/sections/{first['id']}/end").status_code == 409
        assert client.post("/api/sections/999999/end").status_code == 404

        gone = client.post("/api/accounts/anna/appointments", json=role)
        assert gone.status_code == 404 and "no section '河湖科'" in gone.json()["detail"]
        elsewhere = {"role": "reviewer", "department": "JTJ", "section": "河湖科"}
        assert client.post("/api/accounts/anna/appointments", json=elsewhere).status_code == 404
        assert client.post("/api/departments/SLJ/sections", json={"name": "河湖科"}).status_code == 201

        def water(**asked: bool) -> list[int]:
            tree = client.get("/api/departments", params=asked).json()
            return [s["id"] for d in tree["departments"] if d["code"] == "SLJ" for s in d["sections"]]

        assert first["id"] not in water() and len(water()) == 1
        assert first["id"] in water(with_past=True) and len(water(with_past=True)) == 2

    with running.edge.engine.connect() as connection:
        told = connection.execute(
            text(
                "SELECT actor, after ->> 'ends_at' FROM blueprint.audit_entry WHERE kind = 'section' AND thing = :id"
            ),
            {"id": str(first["id"])},
        ).all()
        assert len(told) == 2 and "sample-operator" in told[0][0] and told[1][1] is not None
        with pytest.raises(DBAPIError, match="never deleted"):
            connection.execute(text("DELETE FROM blueprint.section"))


def test_a_role_outlives_no_section_it_is_in(running: Server):
    tomorrow = (running.edge.now() + timedelta(days=1)).isoformat()
    with closing(_operator(running)) as client:
        client.post("/api/departments/SLJ/sections", json={"name": "明天科", "starts_at": tomorrow})
        client.post("/api/accounts", json={"login": "anna", "name": "安娜"})
        role = {"role": "reviewer", "department": "SLJ", "section": "明天科"}
        assert client.post("/api/accounts/anna/appointments", json=role).status_code == 404
        later = client.post("/api/accounts/anna/appointments", json=role | {"starts_at": tomorrow})
        assert later.status_code == 201, later.text
        of_the_city = {"role": "auditor", "section": "明天科"}
        client.post("/api/accounts", json={"login": "ben", "name": "本"})
        assert client.post("/api/accounts/ben/appointments", json=of_the_city).status_code == 422


def test_who_is_no_operator_opens_no_section(running: Server):
    with running.client("ZRZY") as client:
        assert client.post("/api/departments/ZRZY/sections", json={"name": "x"}).status_code == 403
        assert client.post("/api/sections/1/end").status_code == 403


def test_the_command_line_shows_and_keeps_the_tree(command: Command):
    assert command("department", "add-section", "SLJ", "河湖科", "--name-en", "Rivers").status == 0
    assert command("department", "add-section", "SLJ", "河湖科").status == 1
    assert command("department", "add-section", "NONE", "x").status == 2

    shown = command("department", "tree")
    assert "海城市 区县 district" in shown.out and "河湖科" in shown.out
    tree = command("department", "tree", "--format", "json").json
    water = next(d for d in tree["departments"] if d["code"] == "SLJ")  # type: ignore[index]  # an object
    number = str(water["sections"][0]["id"])
    assert command("department", "end-section", number).status == 0
    assert "河湖科" not in command("department", "tree").out
    assert "河湖科" in command("department", "tree", "--with-past").out


def test_words_on_appointments_become_sections_and_none_is_lost(empty_database: str, city: City):
    engine = create_engine(empty_database, poolclass=NullPool, connect_args=CONNECT_ARGS)
    with engine.begin() as connection:
        migrations.upgrade(connection, city, revision="0011")
        connection.execute(
            text(
                "INSERT INTO blueprint.person (login, name, must_change_password, is_sample, made_by, made_at)"
                " VALUES ('a', 'A', false, false, 't', now())"
            )
        )
        for role, department, word, day in (
            ("reviewer", "SLJ", "河湖科", "2026-03-01"),
            ("planner", "SLJ", " 河湖科 ", "2026-02-01"),
            ("planner", "LCJ", "河湖科", "2026-01-01"),
            ("planner", "LCJ", "  ", "2026-01-01"),
            ("planner", "LCJ", None, "2026-01-01"),
            ("operator", None, "信息中心", "2026-01-01"),
        ):
            connection.execute(
                text(
                    "INSERT INTO blueprint.appointment (person_id, role, department, section, starts_at, granted_by,"
                    " granted_at) VALUES (1, :role, :department, :word, CAST(:day AS timestamptz), 't', now())"
                ),
                {"role": role, "department": department, "word": word, "day": day},
            )
    with engine.begin() as connection:
        migrations.upgrade(connection, city)
        found = connection.execute(
            text(
                "SELECT a.id, s.department, s.name, CAST(s.starts_at AS date)::text FROM blueprint.appointment a"
                " LEFT JOIN blueprint.section s ON s.id = a.section_id ORDER BY a.id"
            )
        ).all()
        told = connection.scalar(
            text(
                "SELECT before ->> 'section' FROM blueprint.audit_entry WHERE kind = 'appointment' AND thing = '6'"
            )
        )
    assert [tuple(row[1:]) for row in found] == [
        ("SLJ", "河湖科", "2026-02-01"),
        ("SLJ", "河湖科", "2026-02-01"),
        ("LCJ", "河湖科", "2026-01-01"),
        (None, None, None),
        (None, None, None),
        (None, None, None),
    ]
    assert told == "信息中心"
    with engine.begin() as connection:
        migrations.downgrade(connection, city, revision="0011")
        words = connection.scalars(text("SELECT section FROM blueprint.appointment ORDER BY id")).all()
    assert words == ["河湖科", "河湖科", "河湖科", None, None, None]


def test_a_token_good_to_the_end_of_a_day_is_good_to_that_midnight_of_the_city(
    empty_database: str, city: City
):
    engine = create_engine(empty_database, poolclass=NullPool, connect_args=CONNECT_ARGS)
    with engine.begin() as connection:
        migrations.upgrade(connection, city, revision="0010")
        connection.execute(
            text(
                "INSERT INTO blueprint.token (sha256, label, department, is_service, made_at, expires_on)"
                " VALUES ('x', 'SLJ', 'SLJ', false, now(), '2026-12-31')"
            )
        )
        migrations.upgrade(connection, city, revision="0011")
        until = connection.scalar(text("SELECT expires_at AT TIME ZONE 'UTC' FROM blueprint.token"))
        migrations.downgrade(connection, city, revision="0010")
        day = connection.scalar(text("SELECT expires_on FROM blueprint.token"))
    assert (str(until), str(day)) == ("2026-12-31 16:00:00", "2026-12-31")
