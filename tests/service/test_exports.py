"""Exported files: stamped whatever their format, registered, traced, and no more of them than was granted."""

import hashlib
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import geopandas
import httpx
import pyogrio
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from blueprint.city import City, DepartmentRole, Limits
from blueprint.permissions import Actor, Role
from blueprint.sharing.exports import list_exports, trace_file
from service.settings import Settings
from tests.made import publish, square
from tests.service.conftest import Command, Server, define_plan, serving

PURPOSE = "防洪影响评价"
FORMATS = ("gpkg", "geojson", "fgb")


@pytest.fixture
def place(fresh_database: str, city: City) -> Iterator[Server]:
    """A service whose accounts take at most 3 files and 20 features a day, with layers of every class."""
    world = replace(city, limits=Limits(exports_per_day=3, exported_features_per_day=20))
    with serving(fresh_database, world, Settings()) as running:
        owner, _, third = _departments(city)
        with Session(running.edge.engine) as session, session.begin():
            publish(session, world, "OPEN", [square(0, 0, 50)], department=third)
            publish(session, world, "INSIDE", [square(0, 0, 50)], department=owner, sensitivity="internal")
            shapes = [square(100 * n, 0, 80) for n in range(4)]
            publish(session, world, "SECRET", shapes, department=owner, sensitivity="restricted")
        yield running


def _departments(city: City) -> tuple[str, str, str]:
    """Owner, reader and a third."""
    owner, reader, third = [d.code for d in city.departments if d.role is DepartmentRole.OPINION][:3]
    return owner, reader, third


def _grant(place: Server, **terms: Any) -> int:
    owner, reader, _ = _departments(place.edge.city)
    body = {
        "department": reader,
        "purpose": PURPOSE,
        "layer": "SECRET",
        "ends_on": str(place.edge.now().date() + timedelta(days=30)),
        "conditions": "不得转交第三方",
        "may_export": True,
    }
    answer = place.client(owner).post("/api/access-grants", json=body | terms)
    assert answer.status_code == 201, answer.text
    return int(answer.json()["id"])


def _export(client: httpx.Client, code: str, form: str = "gpkg", **asked: str) -> httpx.Response:
    return client.get(f"/api/layers/{code}/versions/1/export", params={"f": form, **asked})


def _stamp_in(path: Path) -> dict[str, Any]:
    if path.suffix == ".geojson":
        stamp: dict[str, Any] = json.loads(path.read_text())["blueprint_export"]
        return stamp
    found: dict[str, Any] = json.loads(pyogrio.read_info(path)["layer_metadata"]["blueprint_export"])
    return found


@pytest.mark.parametrize("form", FORMATS)
def test_a_file_says_who_took_it_when_for_what_and_on_which_grant(form: str, place: Server, tmp_path: Path):
    _, reader, _ = _departments(place.edge.city)
    number = _grant(place)

    answer = _export(place.client(reader), "SECRET", form)

    assert answer.status_code == 200, answer.text
    assert answer.headers["cache-control"] == "no-store"
    assert int(answer.headers["content-length"]) == len(answer.content)
    path = tmp_path / f"x.{form}"
    path.write_bytes(answer.content)
    stamp = _stamp_in(path)
    assert stamp["number"] == answer.headers["export-number"]
    assert (stamp["department"], stamp["grants"], stamp["purpose"]) == (reader, [number], PURPOSE)
    assert stamp["conditions"] == "不得转交第三方" and stamp["account"] and stamp["exported_at"]
    assert len(geopandas.read_file(path)) == 4
    assert f"grant {number}" in str(pyogrio.read_info(path)["layer_metadata"]["DESCRIPTION"])
    (entry,) = place.client(reader).get("/api/exports").json()["items"]
    assert entry["sha256"] == hashlib.sha256(answer.content).hexdigest()
    assert (entry["number"], entry["grant_id"], entry["features"]) == (stamp["number"], number, 4)
    with Session(place.edge.engine) as session:
        told = session.execute(
            text("SELECT purpose, after FROM blueprint.audit_entry WHERE act = 'export_layer'")
        )
        ((purpose, after),) = told
    assert purpose == PURPOSE and after["number"] == stamp["number"] and after["grant_id"] == number


@pytest.mark.parametrize("form", (*FORMATS, "parquet", "shp"))
def test_a_file_is_traced_also_after_it_was_changed(form: str, place: Server, tmp_path: Path):
    owner, reader, third = _departments(place.edge.city)
    _grant(place)
    answer = _export(place.client(reader), "SECRET", form)
    auditor = Actor("审计", None, frozenset({Role.ANYONE, Role.AUDITOR}))
    path = tmp_path / "given.away"
    with Session(place.edge.engine) as session:
        path.write_bytes(answer.content)
        (traced,) = trace_file(session, path, actor=auditor)
        assert traced.is_unchanged and traced.export.department == reader

        path.write_bytes(b"PK" + b"x" * 4000 + answer.content + b"more")
        (traced,) = trace_file(session, path, actor=auditor)
        assert not traced.is_unchanged and traced.export.number == answer.headers["export-number"]

        (traced,) = trace_file(session, path, actor=Actor("o", owner, frozenset({Role.DEPARTMENT})))
        with pytest.raises(Exception, match="cannot be traced"):
            trace_file(session, path, actor=Actor("t", third, frozenset({Role.DEPARTMENT})))
        path.write_bytes(b"nothing of ours")
        with pytest.raises(Exception, match="no stamp"):
            trace_file(session, path, actor=auditor)


def test_the_register_is_the_departments_the_owners_and_the_auditors(place: Server):
    owner, reader, third = _departments(place.edge.city)
    _grant(place)
    assert _export(place.client(reader), "SECRET").status_code == 200

    def seen(department: str) -> list[str]:
        return [entry["layer"] for entry in place.client(department).get("/api/exports").json()["items"]]

    assert seen(owner) == seen(reader) == ["SECRET"]
    assert seen(third) == []
    assert place.client().get("/api/exports").status_code == 401
    with Session(place.edge.engine) as session:
        assert len(list_exports(session, actor=Actor("a", None, frozenset({Role.AUDITOR})))) == 1
        for change in ("UPDATE blueprint.export SET features = 0", "DELETE FROM blueprint.export"):
            with pytest.raises(DBAPIError, match="never deleted"), session.begin_nested():
                session.execute(text(change))


def test_two_exports_at_once_do_not_pass_the_last_one_that_a_grant_allows(place: Server):
    _, reader, _ = _departments(place.edge.city)
    number = _grant(place, most_exports=1)
    client = place.client(reader)

    with ThreadPoolExecutor(4) as threads:
        answers = list(threads.map(lambda _: _export(client, "SECRET"), range(4)))

    assert sorted(answer.status_code for answer in answers) == [200, 403, 403, 403]
    refused = next(answer for answer in answers if answer.status_code == 403).json()["detail"]
    assert f"grant {number} allows 1 exports" in refused and "no export is left" in refused


def test_what_is_left_of_a_grant_in_features_is_said(place: Server):
    _, reader, _ = _departments(place.edge.city)
    _grant(place, most_features=7)
    client = place.client(reader)

    assert _export(client, "SECRET").status_code == 200
    refused = _export(client, "SECRET")

    assert refused.status_code == 403
    assert "3 features are left, and this version has 4" in refused.json()["detail"]


def test_an_account_takes_so_much_a_day_that_is_not_public_and_no_more(place: Server):
    _, reader, _ = _departments(place.edge.city)
    client = place.client(reader)
    without = _export(client, "INSIDE")
    assert without.status_code == 422 and "what the file is for" in without.json()["detail"]

    with ThreadPoolExecutor(5) as threads:
        answers = list(threads.map(lambda _: _export(client, "INSIDE", purpose="选址"), range(5)))

    assert sorted(answer.status_code for answer in answers) == [200, 200, 200, 429, 429]
    refused = next(answer for answer in answers if answer.status_code == 429)
    assert "at most 3 files" in refused.json()["detail"] and "no export is left" in refused.json()["detail"]
    assert 0 < int(refused.headers["retry-after"]) <= 86_400
    assert _export(client, "OPEN").status_code == 200
    assert {e["purpose"] for e in client.get("/api/exports").json()["items"]} == {"选址", None}


def test_without_a_grant_to_export_nothing_leaves(place: Server):
    _, reader, third = _departments(place.edge.city)
    _grant(place, may_export=False)

    assert _export(place.client(reader), "SECRET").status_code == 403
    closed, unknown = _export(place.client(third), "SECRET"), _export(place.client(third), "NOTHING")
    assert closed.status_code == unknown.status_code == 404
    assert closed.json()["detail"].replace("SECRET", "") == unknown.json()["detail"].replace("NOTHING", "")
    assert _export(place.client(), "OPEN").status_code == 401
    assert place.client(third).get("/api/exports").json()["items"] == []


def test_a_draft_is_taken_by_those_who_could_bring_it_into_force(place: Server):
    owner, _, third = _departments(place.edge.city)
    with Session(place.edge.engine) as session, session.begin():
        publish(session, place.edge.city, "OPEN", [square(0, 0, 9)], department=third, starts_on=None)

    for address in (
        "/api/layers/OPEN/versions/2/export",
        "/api/layers/OPEN/versions/1/export?since=2",
        "/api/layers/OPEN/versions/1/export?since=2&as_delta=true",
        "/api/layers/OPEN/difference?from=1&to=2",
        "/api/layers/OPEN/difference?from=2&to=1",
        "/tiles/OPEN/differences/1/2/14/13789/6137.mvt",
    ):
        closed = 404 if address.startswith("/tiles") else 403
        assert place.client(owner).get(address).status_code == closed, address
        # 409: without numbers of their own, features make no delta
        assert place.client(third).get(address).status_code in (200, 204, 409), address
        assert place.client().get(address).status_code in (401, closed), address


def test_nothing_is_left_behind_in_the_scratch_folder(place: Server):
    _, _, third = _departments(place.edge.city)

    assert _export(place.client(third), "OPEN").status_code == 200

    assert list(place.edge.scratch.glob("export-*/OPEN-*")) == []


def test_the_command_line_exports_lists_and_traces(command: Command, tmp_path: Path, city: City):
    define_plan(command)
    source = Path("data/sample_layers/anshan/jcjk.geojson").resolve()
    assert command("layer", "upload", "PLAN", source, "--in-force").status == 0
    target = tmp_path / "plan.gpkg"

    assert command("layer", "export", "PLAN", target).status == 0
    assert command("layer", "export", "PLAN", tmp_path / "plan.exe").status == 2

    assert sorted(p.name for p in tmp_path.iterdir()) == ["plan.gpkg"]
    (entry,) = json.loads(command("layer", "exports", "--format", "json").out)
    (traced,) = json.loads(command("layer", "trace", target, "--format", "json").out)
    assert traced == entry and entry["layer"] == "PLAN"
    assert command("layer", "trace", source).status == 2
