"""Differences, files of them, and rolling back, as a department does it over HTTP and an operator by commands."""

import json
from pathlib import Path

import pyogrio
import pytest

from tests.badfiles import LON, geojson, lonlat_square, polygon
from tests.service.conftest import Command, Server, define_plan

PLAN = {
    "code": "PLAN", "title": "规划", "department": "ZRZY", "geometry": "polygon", "control": "restrict",
    "source_id_field": "BSM",
}  # fmt: skip
OLD = geojson(polygon(lonlat_square()), polygon(lonlat_square(LON + 0.01)))
NEW = geojson(polygon(lonlat_square()), polygon(lonlat_square(LON + 0.0105)))


def _two_versions(running: Server) -> None:
    with running.client("ZRZY") as client:
        client.post("/api/layers", json=PLAN)
        for content, day in ((OLD, "2026-01-01"), (NEW, "2026-02-01")):
            answer = client.post(
                "/api/layers/PLAN/versions",
                files={"file": ("plan.geojson", content)},
                data={"in_force_from": day},
            )
            assert answer.status_code == 201, answer.text


def test_a_difference_is_told_and_taken_away_as_a_registered_file_and_a_long_one_is_refused(
    running: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    _two_versions(running)
    with running.client("ZRZY") as client:
        told = client.get("/api/layers/PLAN/difference", params={"from": 1, "to": 2}).json()
        file = client.get("/api/layers/PLAN/versions/2/export", params={"since": 1, "f": "geojson"})
        register = client.get("/api/exports").json()["items"]
        assert running.client().get("/api/layers/PLAN/difference?from=1&to=2").status_code == 401
        monkeypatch.setattr("blueprint.layers.difference.MOST_FEATURES", 3)
        long = [
            client.get("/api/layers/PLAN/difference?from=1&to=2"),
            client.get("/api/layers/PLAN/versions/2/export?since=1"),
        ]

    assert [answer.status_code for answer in long] == [409, 409]
    assert "have 4 features together" in long[0].json()["detail"] == long[1].json()["detail"]
    assert (told["changed_shape"], told["unchanged"]) == (1, 1)
    assert told["gained_m2"] > 1000 and abs(told["net_m2"]) < 1
    document = file.json()
    assert {f["properties"]["change"] for f in document["features"]} == {"gained", "lost"}
    assert 122 < document["features"][0]["geometry"]["coordinates"][0][0][0][0] < 124
    assert [entry["number"] for entry in register] == [file.headers["Export-Number"]]


def test_a_department_rolls_its_layer_back_and_another_does_not(running: Server):
    _two_versions(running)
    other = next(code for code in running.tokens if code != "ZRZY")
    with running.client(other) as client:
        assert client.post("/api/layers/PLAN/roll-back", json={}).status_code == 403
    with running.client("ZRZY") as client:
        answer = client.post("/api/layers/PLAN/roll-back", json={})
        states = [v["state"] for v in client.get("/api/layers/PLAN/versions").json()["items"]]
        again = client.post("/api/layers/PLAN/roll-back", json={"to": 1})

    assert (answer.status_code, answer.json()["number"]) == (200, 1)
    assert states == ["in_force", "superseded"]
    assert again.status_code == 409


def test_a_draft_of_a_public_layer_is_not_told_to_who_is_not_signed_in(running: Server):
    _two_versions(running)
    with running.client("ZRZY") as client, running.client() as anybody:
        client.post("/api/layers/PLAN/versions", files={"file": ("plan.geojson", NEW)})
        told = [anybody.get(f"/api/layers/PLAN/versions/{number}").status_code for number in (2, 3)]
        signed_in = client.get("/api/layers/PLAN/versions/3").status_code

    assert (told, signed_in) == ([200, 401], 200)


def test_the_same_by_commands(command: Command, tmp_path: Path):
    define_plan(command)
    for name, content in (("old", OLD), ("new", NEW)):
        path = tmp_path / f"{name}.geojson"
        path.write_bytes(content)
        assert command("layer", "upload", "PLAN", path, "--in-force").status == 0
    patches = tmp_path / "patches.gpkg"

    counted = command("layer", "difference", "PLAN", "1", "2", "--to", patches, "--format", "json")
    back = command("layer", "roll-back", "PLAN")

    assert counted.status == 0, counted.err
    assert json.loads(counted.out)["unchanged"] == 1
    assert pyogrio.read_info(patches)["features"] >= 2
    assert back.status == 0 and "version 1 is in force again" in back.err
