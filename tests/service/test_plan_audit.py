"""Plan audits by the command line and over HTTP."""

import io
from pathlib import Path
from unittest.mock import Mock

import geopandas
import pytest
from sqlalchemy import text

from blueprint.jobs.worker import Worker
from coordination.plan_audit.window_rows import reached_database
from service.commands import audit as audit_command
from service.commands import context
from service.commands.context import reached_engine
from service.job_kinds import KINDS
from tests.badfiles import LON, geojson, lonlat_square, polygon
from tests.service.conftest import Command, Server

LAYERS = (("RED", LON), ("GREEN", LON + 0.0005))


def _plan(lon: float) -> bytes:
    return geojson(polygon(lonlat_square(lon)))


def test_an_audit_by_the_command_line_prints_a_ledger_writes_a_file_and_takes_decisions(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(context.output, "width", 400)  # made with the width of whoever was the first to ask
    for code, lon in LAYERS:
        what = ("--title", code, "--department", "ZRZY", "--geometry", "polygon", "--control", "inform")
        assert command("layer", "define", code, *what).status == 0
        path = tmp_path / f"{code}.geojson"
        path.write_bytes(_plan(lon))
        assert command("layer", "upload", code, path, "--in-force", "2024-01-01").status == 0
    patches = tmp_path / "patches.gpkg"

    told = command("audit", "RED", "GREEN", "--by-district", "--by-month", "--output", patches)
    as_json = command("audit", "GREEN", "RED", "--format", "json").json
    [difference] = command("difference", "list", "--format", "json").json
    [made] = command("difference", "audits", "--format", "json").json
    assert (made["first"], made["second"], made["found"]) == ("GREEN", "RED", 1)
    assert "还没有核查" in command("difference", "audits", "--cursor", made["id"]).out
    accepted = command("difference", "accept", difference["id"], "--reason", "一致")

    assert told.status == 0, told.err
    assert "未解决差异 open 1" in told.out and "按区县 By district" in told.out
    assert "逐月台账 By month" in told.out
    assert patches.stat().st_size > 0
    assert (as_json[0]["first"], as_json[0]["second"], as_json[0]["found"]) == ("GREEN", "RED", 1)
    assert accepted.out.strip().endswith("已认可 accepted")
    assert "已认可" in command("difference", "list").out
    assert command("difference", "list", "--state", "open", "--format", "json").json == []
    areas = command("audit", "RED", "GREEN", "--areas-only", "--format", "json").json
    assert (areas[0]["first"], areas[0]["overlaps"]) == ("GREEN", 1)
    assert areas[0]["overlap_m2"] == pytest.approx(difference["overlap_m2"], abs=1e-3)
    assert "公顷 ha" in command("audit", "RED", "GREEN", "--areas-only").out
    assert command("audit", "RED", "GREEN", "--areas-only", "--output", patches).status == 2
    assert command("audit", "RED").status == 2
    every = command("audit", "--kept-apart")
    assert every.status == 0 and "STBHHX × YJJBNT: 无现行版本 no version in force" in every.err
    assert "互不重叠的规划 Plans that may not overlap" in every.out
    assert command("audit", "--kept-apart", "RED").status == 2
    assert command("audit", "RED", "NOPE").err.count("\n") == 2

    path.write_bytes(_plan(LON + 0.01))
    assert command("layer", "upload", "GREEN", path, "--in-force", "2024-02-01").status == 0
    with monkeypatch.context() as interrupted:
        interrupted.setattr(audit_command, "audit_layers", Mock(side_effect=KeyboardInterrupt))
        stopped = command("audit", "RED", "GREEN")
    assert stopped.status == 130
    assert "再运行同一命令即从此处继续" in stopped.err and "已停止 stopped" in stopped.err
    assert command("audit", "RED", "GREEN").status == 0
    assert "v2 × v1 · 让步 yielded ZRZY" in command("difference", "list").out


def test_a_worker_reaches_the_database_of_its_own_settings_or_none(
    fresh_database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("BLUEPRINT_HOME", str(tmp_path))
    monkeypatch.delenv("DATABASE_URL", raising=False)
    assert reached_engine() is None
    assert list(tmp_path.iterdir()) == [], "no private database is made for a worker"

    monkeypatch.setenv("DATABASE_URL", fresh_database)
    engine = reached_engine()
    assert engine is not None
    reached = reached_database(lambda: engine)
    with engine.connect() as connection:
        assert reached is not None and reached.endswith(
            str(connection.scalar(text("SELECT current_database()")))
        )
    engine.dispose()


def test_an_audit_over_http_is_a_job_whose_ledger_is_read_and_decided(running: Server):
    with running.client("ZRZY") as keeper:
        for code, lon in LAYERS:
            definition = {
                "code": code,
                "title": code,
                "department": "ZRZY",
                "geometry": "polygon",
                "control": "inform",
            }
            assert keeper.post("/api/layers", json=definition).status_code == 201
            stored = keeper.post(
                f"/api/layers/{code}/versions",
                files={"file": ("plan.geojson", _plan(lon))},
                data={"in_force_from": "2024-01-01"},
            )
            assert stored.is_success, stored.text

        asked = keeper.post("/api/plan-audits", json={"first": "RED", "second": "GREEN"})
        assert asked.status_code == 202, asked.text
        assert Worker(running.edge, KINDS).run_one()
        job = keeper.get(asked.headers["Location"]).json()
        assert job["state"] == "done", job
        number = job["result"]["id"]
        shown = keeper.get(f"/api/plan-audits/{number}").json()
        areas = keeper.get("/api/overlap-areas?first=RED&second=GREEN").json()
        assert (areas["first"], areas["overlaps"]) == ("GREEN", 1)
        page = keeper.get(f"/api/plan-audits/{number}/differences?state=open").json()
        row = page["items"][0]

        newest = keeper.get("/api/plan-audits?limit=1").json()
        assert ([item["id"] for item in newest["items"]], newest["next"]) == ([number], number)
        assert keeper.get(f"/api/plan-audits?cursor={number}").json() == {"items": [], "next": None}
        assert shown["statistics"][0]["differences"] == 1
        assert page["next"] is None
        assert sum(d["differences"] for d in keeper.get(f"/api/plan-audits/{number}/districts").json()) == 1
        assert row["first_share"] == pytest.approx(0.5, abs=1e-3)
        described = keeper.get(f"/api/plan-audits/{number}/tiles.json").json()
        assert described["tiles"] == [f"{running.url}/api/plan-audits/{number}/tiles/{{z}}/{{x}}/{{y}}.mvt"]
        tile = keeper.get(f"/api/plan-audits/{number}/tiles/0/0/0.mvt")
        assert (
            tile.headers["content-type"] == "application/vnd.mapbox-vector-tile"
            and b"differences" in tile.content
        )
        assert keeper.get(f"/api/plan-audits/{number}/tiles/1/2/0.mvt").status_code == 404
        [*pairs] = keeper.get("/api/plan-audit-matrix").json()
        assert [(p["first"], p["second"]) for p in pairs] == [
            ("STBHHX", "YJJBNT"),
            ("CZKFBJ", "STBHHX"),
            ("CZKFBJ", "YJJBNT"),
        ]
        assert pairs[0]["missing"] == ["STBHHX", "YJJBNT"]
        address = f"/api/plan-differences/{row['id']}"
        assert keeper.put(address, json={"state": "accepted"}).status_code == 422
        decided = keeper.put(address, json={"state": "accepted", "reason": "一致"})
        assert decided.json()["state"] == "accepted"
        assert (row["first_owner"], row["second_owner"], row["yielded"]) == ("ZRZY", "ZRZY", None)
        [month] = keeper.get(f"/api/plan-audits/{number}/series").json()
        assert (month["audit_id"], month["open"], month["settled"]) == (number, 1, 0)
        for form, reads in (("gpkg", geopandas.read_file), ("parquet", geopandas.read_parquet)):
            file = keeper.get(f"/api/plan-audits/{number}/export?f={form}&purpose=核查")
            assert file.status_code == 200, file.text
            assert f"GREEN-RED-{number}.{form}" in file.headers["content-disposition"]
            frame = reads(io.BytesIO(file.content))
            assert list(frame["state"]) == ["accepted"] and list(frame["first_owner"]) == ["ZRZY"]
        exports = keeper.get("/api/exports").json()["items"]
        assert sorted(each["layer"] for each in exports) == ["GREEN", "GREEN", "RED", "RED"]

    with running.client("FGW") as other:
        refused = other.put(address, json={"state": "open"})
        assert refused.status_code == 403, refused.text
        assert other.put("/api/plan-differences/999999", json={"state": "open"}).status_code == 404
