"""What was mended is undone in a draft, which is in error until the shape is corrected or the mending accepted again."""

import io
from typing import Any

import geopandas
import httpx
import pytest

from tests.badfiles import LAT, LON, geojson, lonlat_square, polygon
from tests.service.conftest import Command, Server

PLAN = {
    "code": "PLAN", "title": "规划", "department": "ZRZY", "geometry": "polygon", "control": "restrict",
    "source_id_field": "BSM",
}  # fmt: skip
ADDRESS = "/api/layers/PLAN/versions"


def _haired(east: float = 0) -> list[list[float]]:
    """A square with a hair of no width, which is mended."""
    square, middle = lonlat_square(LON + east), LON + east + 0.0005
    return [*square[:3], [middle, LAT + 0.001], [middle, LAT + 0.002], [middle, LAT + 0.001], *square[3:]]


def _store(client: httpx.Client) -> None:
    """Two features with a hair, A and B, and one without, C."""
    assert client.post("/api/layers", json=PLAN).status_code == 201
    shapes = [polygon(_haired()), polygon(_haired(0.01)), polygon(lonlat_square(LON + 0.02))]
    content = geojson(*shapes, properties=[{"BSM": key} for key in "ABC"])
    answer = client.post(ADDRESS, files={"file": ("plan.geojson", content)})
    assert answer.status_code == 201, answer.text


def _act(client: httpx.Client, number: int, act: str, rows: list[int] | None = None) -> Any:
    answer = client.post(f"{ADDRESS}/{number}/quality/mendings", json={"act": act, "rows": rows})
    assert answer.status_code == 200, answer.text
    return answer.json()


def _counts(client: httpx.Client, number: int) -> tuple[int, int]:
    counts = client.get(f"{ADDRESS}/{number}/quality").json()["counts"]
    return counts["error"], counts["warning"]


def _in_force(client: httpx.Client, number: int) -> httpx.Response:
    address = f"{ADDRESS}/{number}"
    held = {"If-Match": client.get(address).headers["ETag"]}
    body = {"starts_on": "2026-01-02", "confirm_warnings": "修复属实"}
    return client.post(f"{address}/in-force", json=body, headers=held)


def _delta(client: httpx.Client, base: int, *shapes: dict[str, Any], rows: list[dict[str, Any]]) -> int:
    files = {"file": ("d.geojson", geojson(*shapes, properties=rows))}
    answer = client.post(f"{ADDRESS}/{base}/delta", files=files, data={"change_field": "CHANGE"})
    assert answer.status_code == 201, answer.text
    return int(answer.json()["number"])


def test_a_mending_that_is_undone_brings_the_file_s_shape_back_and_holds_the_draft_until_it_is_accepted(
    running: Server,
):
    client = running.client("ZRZY")
    _store(client)
    receipt = client.get(f"{ADDRESS}/1/quality/mendings").json()["items"][0]
    assert receipt["why"]["zh"] == "边界自相交" and receipt["undone_at"] is None
    assert len(receipt["mended"]["coordinates"][0]) < len(receipt["original"]["coordinates"][0])
    assert _counts(client, 1) == (0, 2)

    done = _act(client, 1, "undo", [1])

    assert (done["number"], done["count"], done["errors"]) == (1, 1, 1)
    assert "不能生效" in done["follows"]["zh"]
    assert _counts(client, 1) == (1, 1)
    assert _in_force(client, 1).status_code == 409
    kept = client.get(f"{ADDRESS}/1/export?format=gpkg&purpose=改正")
    assert geopandas.read_file(io.BytesIO(kept.content)).is_valid.tolist() == [False, True, True]
    assert client.post(f"{ADDRESS}/1/quality").json()["counts"]["error"] == 1
    issue = client.get(f"{ADDRESS}/1/quality", params={"level": "error"}).json()["items"][0]
    assert (issue["code"], issue["row"]) == ("mending-undone", 1)
    assert _act(client, 1, "undo", [1])["count"] == 0

    assert _act(client, 1, "accept")["count"] == 1
    assert _counts(client, 1) == (0, 2)
    assert _in_force(client, 1).status_code == 200


def test_of_a_version_in_force_a_copy_is_the_draft_and_a_delta_with_the_corrected_shape_mends_it(
    running: Server,
):
    client = running.client("ZRZY")
    _store(client)
    assert _in_force(client, 1).status_code == 200

    assert _act(client, 1, "undo")["number"] == 2

    versions = client.get(ADDRESS).json()["items"]
    assert [(v["state"], v["error_count"]) for v in versions] == [("in_force", 0), ("draft", 2)]
    difference = client.get("/api/layers/PLAN/difference", params={"from": 1, "to": 2}).json()
    assert (difference["unchanged"], difference["changed_shape"]) == (3, 0)

    # Other values alone leave the shape in error; a corrected shape does not, and what was not touched stays.
    third = _delta(
        client, 2, {"type": "Point", "coordinates": []}, rows=[{"BSM": "A", "CHANGE": "2", "MC": "甲"}]
    )
    assert _counts(client, third) == (2, 0)
    fourth = _delta(client, third, polygon(lonlat_square()), rows=[{"BSM": "A", "CHANGE": "2"}])
    assert _counts(client, fourth) == (1, 0)
    fifth = _delta(client, fourth, polygon(lonlat_square(LON + 0.01)), rows=[{"BSM": "B", "CHANGE": "2"}])
    assert _counts(client, fifth) == (0, 0)
    assert _in_force(client, fifth).status_code == 200


def test_who_may_not_upload_undoes_nothing_and_a_feature_without_a_receipt_is_named(running: Server):
    client = running.client("ZRZY")
    _store(client)
    address = f"{ADDRESS}/1/quality/mendings"

    with running.client("STHJ") as other, running.client() as nobody:
        assert other.post(address, json={"act": "undo"}).status_code == 403
        assert nobody.post(address, json={"act": "undo"}).status_code == 401
    refused = client.post(address, json={"act": "undo", "rows": [1, 3]})
    assert refused.status_code == 409
    assert "feature 3" in refused.json()["detail"]
    assert _counts(client, 1) == (0, 2)


@pytest.mark.parametrize("rows", ["1", "all"])
def test_the_console_lists_receipts_and_undoes_them(command: Command, running: Server, rows: str):
    _store(running.client("ZRZY"))

    undone = command("layer", "mendings", "PLAN", "1", "--undo", rows)
    listed = command("layer", "mendings", "PLAN", "1", "--format", "json").json
    table = command("layer", "mendings", "PLAN", "1")
    accepted = command("layer", "mendings", "PLAN", "1", "--accept", "all", "--format", "json").json

    count = 2 if rows == "all" else 1
    assert undone.status == 0 and "不能生效" in undone.err
    assert [item["undone_by"] is not None for item in listed] == [True, rows == "all"]
    assert "修复凭据" in table.out and "撤销" in table.out
    assert (accepted["count"], accepted["errors"]) == (count, 0)
