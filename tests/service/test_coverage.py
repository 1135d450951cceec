"""Where a layer claims to know and until when: clear, outside its coverage and expired are three different answers."""

import json
from typing import Any

import httpx
import pytest

from tests.badfiles import LAT, LON, geojson, lonlat_square, polygon
from tests.service.conftest import Command, Server, define_plan

PLAN = {"code": "PLAN", "title": "规划", "department": "ZRZY", "geometry": "polygon", "control": "restrict"}
COVERED = json.dumps(polygon(lonlat_square(LON - 0.01, LAT - 0.01, 0.05)))


def _upload(client: httpx.Client, **fields: str) -> httpx.Response:
    client.post("/api/layers", json=PLAN)
    file = geojson(polygon(lonlat_square()))
    data = {"in_force_from": "2026-01-01"} | fields
    return client.post("/api/layers/PLAN/versions", files={"file": ("plan.geojson", file)}, data=data)


def _outcome(client: httpx.Client, west: float, on: str = "2026-06-01") -> str:
    answer = client.post("/api/checks", json=polygon(lonlat_square(west)), params={"on": on})
    assert answer.status_code == 200, answer.text
    layers: list[dict[str, Any]] = answer.json()["layers"]
    return str(layers[0]["outcome"])


def test_silence_inside_the_coverage_is_clear_and_outside_it_is_not_known(running: Server):
    with running.client("ZRZY") as client:
        version = _upload(client, coverage=COVERED).json()
        outcomes = [_outcome(client, LON + east) for east in (0, 0.01, 0.1)]

    assert version["has_coverage"] is True
    assert version["extent"] == pytest.approx([LON, LAT, LON + 0.001, LAT + 0.001], abs=1e-6)
    assert outcomes == ["conflict", "clear", "outside_coverage"]


def test_a_coverage_by_districts_is_their_outline(running: Server):
    with running.client("ZRZY") as client:
        assert _upload(client, districts="210300").json()["has_coverage"] is True
        outcome = _outcome(client, LON + 0.1)
        unknown = client.post(
            "/api/layers/PLAN/versions",
            files={"file": ("plan.geojson", geojson(polygon(lonlat_square())))},
            data={"districts": "210300,999999"},
        )

    assert outcome == "clear"
    assert (unknown.status_code, "999999" in unknown.json()["detail"]) == (422, True)


@pytest.mark.parametrize("coverage", ["", "[]", "{", '{"type":"Point","coordinates":[1,2]}', "x"])
def test_a_coverage_that_is_no_polygon_is_refused(coverage: str, running: Server):
    with running.client("ZRZY") as client:
        answer = _upload(client, coverage=coverage)

    assert answer.status_code == 422 or (coverage == "" and answer.status_code == 201)


def test_after_the_day_of_review_a_layer_is_expired(running: Server):
    with running.client("ZRZY") as client:
        version = _upload(client, review_by="2026-06-30", valid_until="2035-12-31").json()
        outcomes = [_outcome(client, LON + 0.01, on) for on in ("2026-06-30", "2026-07-01")]
        stood_by_until = client.get("/api/layers/PLAN").json()["valid_until"]

    assert (version["review_by"], version["valid_until"]) == ("2026-06-30", "2035-12-31")
    assert stood_by_until == "2026-06-30"
    assert outcomes == ["clear", "expired"]


def test_the_same_by_commands(command: Command, tmp_path: Any):
    define_plan(command)
    path = tmp_path / "plan.geojson"
    path.write_bytes(geojson(polygon(lonlat_square())))

    uploaded = command(
        "layer",
        "upload",
        "PLAN",
        path,
        "--districts",
        "210300",
        "--review-by",
        "2026-06-30",
        "--format",
        "json",
    )
    refused = command("layer", "upload", "PLAN", path, "--districts", "999999")

    assert uploaded.json["has_coverage"] is True  # type: ignore[index]
    assert uploaded.json["review_by"] == "2026-06-30"  # type: ignore[index]
    assert refused.status == 2
