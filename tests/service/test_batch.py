"""Batches by the command line and over HTTP: a row a footprint, the same as single calls say, for who asked alone."""

import csv
import io
import json
import zipfile
from pathlib import Path
from typing import Any

import geopandas
import pytest
import shapely

from blueprint.jobs.schemas import JobOut
from blueprint.jobs.worker import Worker
from service.commands.job import progress_of
from service.job_kinds import KINDS
from tests import badfiles
from tests.badfiles import LON, lonlat_square, polygon
from tests.service.conftest import Command, Server, publish_plan


def _collection(count: int) -> dict[str, Any]:
    """Sites from west to east: the first in the plan, the last far from it, each with a name that a spreadsheet would run."""
    features = [
        {
            "type": "Feature",
            "properties": {"NAME": f"=site {number}", "USE": "0701 住宅", "TOP": 40.0 + number},
            "geometry": polygon(lonlat_square(LON + 0.0005 + 0.002 * number)),
        }
        for number in range(count)
    ]
    return {"type": "FeatureCollection", "features": features}


@pytest.fixture
def sites(tmp_path: Path) -> Path:
    path = tmp_path / "sites.geojson"
    path.write_text(json.dumps(_collection(120)), encoding="utf-8")
    return path


def test_a_batch_says_of_each_footprint_what_a_single_check_says(
    command: Command, tmp_path: Path, sites: Path
):
    publish_plan(command, tmp_path)
    result, book = tmp_path / "result.json", tmp_path / "result.xlsx"
    single = tmp_path / "single.geojson"
    options = ("--name-field", "NAME", "--use-field", "USE", "--top-field", "TOP")

    summary = command(
        "check-batch", sites, *options, "--workers", 2, "--output", result, "--format", "json"
    ).json
    alone = command("check-batch", sites, *options, "--workers", 1, "--output", book, "--format", "json").json

    assert summary == alone
    assert summary["sites"] == 120
    answers = json.loads(result.read_text(encoding="utf-8"))["sites"]
    assert [a["number"] for a in answers] == list(range(1, 121))
    assert {a["verdict"] for a in answers} == {"prohibit", "clear"}
    for place in (0, 119):
        single.write_text(json.dumps(_collection(120)["features"][place]), encoding="utf-8")
        report = command("check", single, "--use", "0701", "--top-m", 40 + place, "--format", "json").json
        assert answers[place]["digest"] == report["digest"]
        assert answers[place]["prohibited_m2"] == pytest.approx(report["ledger"]["prohibited_m2"], abs=1e-6)
        assert (answers[place]["name"], answers[place]["top_m"]) == (f"=site {place}", 40 + place)
    with zipfile.ZipFile(book) as opened:
        texts = opened.read("xl/sharedStrings.xml").decode()
        sheet = opened.read("xl/worksheets/sheet1.xml").decode()
    assert texts.count("=site ") == 120
    assert "<f>" not in sheet and sheet.count("<row ") == 121


def test_notes_of_reading_stand_once_in_a_table_and_no_cell_is_a_formula(command: Command, tmp_path: Path):
    publish_plan(command, tmp_path)
    given = _collection(3)
    given["features"][1]["geometry"] = None
    for feature, name in zip(given["features"], ("＝1+1", "b", "-1+1"), strict=True):
        feature["properties"]["NAME"] = name
    path, result = tmp_path / "sites.geojson", tmp_path / "result.csv"
    path.write_text(json.dumps(given), encoding="utf-8")

    done = command("check-batch", path, "--name-field", "NAME", "--output", result)

    assert done.status == 0, done.err
    content = result.read_bytes()
    assert content.startswith(b"\xef\xbb\xbf")
    text = content.decode("utf-8-sig")
    assert text.count("没有图形") == 1
    header, first, second, empty, title, note = csv.reader(io.StringIO(text))
    assert len(header) == len(first) == len(second)
    assert (first[1], second[1], empty) == ("'＝1+1", "'-1+1", [])
    assert title == ["读入说明 notes of reading 1"] and "第 2 个图斑" in note[0]


def test_what_is_wrong_with_a_batch_is_said_in_a_sentence(command: Command, tmp_path: Path, sites: Path):
    publish_plan(command, tmp_path)
    for arguments in (
        ("check-batch", sites, "--name-field", "NOTHING"),
        ("check-batch", sites, "--top-field", "USE"),
        ("check-batch", sites, "--output", tmp_path / "x.dwg"),
        ("check-batch", sites, "--width-m", "10"),
        ("check-batch", tmp_path / "none.gpkg"),
    ):
        refused = command(*arguments)
        assert (refused.status, refused.err.count("\n")) == (2, 2), refused


def test_a_batch_over_http_is_a_job_whose_result_is_a_file_for_who_asked(
    running: Server, sites: Path, tmp_path: Path
):
    with running.client("ZRZY") as keeper:
        definition = {
            "code": "PLAN",
            "title": "规划",
            "department": "ZRZY",
            "geometry": "polygon",
            "control": "prohibit",
        }
        assert keeper.post("/api/layers", json=definition).status_code == 201
        files = {"file": ("plan.geojson", badfiles.good())}
        keeper.post("/api/layers/PLAN/versions", files=files, data={"in_force_from": "2024-01-01"})
        files = {"file": ("sites.geojson", sites.read_bytes())}
        asked = keeper.post("/api/check-batches", files=files, data={"name_field": "NAME"})
        assert asked.status_code == 202, asked.text
        assert Worker(running.edge, KINDS).run_one()
        job = keeper.get(asked.headers["Location"]).json()
        assert job["state"] == "done", job
        assert (job["result"]["sites"], job["features_done"]) == (120, 120)
        address = job["result"]["file"]
        table = list(csv.reader(io.StringIO(keeper.get(f"{address}?f=csv").content.decode("utf-8-sig"))))
        assert len(table) == 121
        assert table[1][1] == "'=site 0"
        path = tmp_path / "batch.gpkg"
        path.write_bytes(keeper.get(f"{address}?f=gpkg").content)
        frame = geopandas.read_file(path, layer="sites")
        assert len(frame) == 120 and shapely.is_valid(frame.geometry).all()
        met = geopandas.read_file(path, layer="site_by_layer")
        assert set(met["code"]) == {"PLAN"}
    assert job["result"]["name"] == "sites.geojson"
    running_job = JobOut(**job | {"state": "running", "phase": "check of 120", "features_done": 50})
    assert progress_of(running_job) == "检查用地 checking footprints 50 / 120"
    with running.client("SLJ") as other:
        assert other.get(address).status_code == 404
    with running.client() as anyone:
        assert anyone.post("/api/check-batches", files=files).status_code == 401


def test_what_no_single_check_would_take_is_left_out_of_a_batch_and_named(command: Command, tmp_path: Path):
    publish_plan(command, tmp_path)
    given = _collection(6)
    elsewhere, crossing, height, use, speck = given["features"][1:]
    elsewhere["geometry"] = polygon(lonlat_square(10.0))
    west, south = LON, crossing["geometry"]["coordinates"][0][0][1]
    corners = [(0, 0), (1, 1), (1, 0), (0, 1), (0, 0)]
    crossing["geometry"]["coordinates"] = [[(west + 0.002 * x, south + 0.002 * y) for x, y in corners]]
    height["properties"]["TOP"] = "high"
    use["properties"]["USE"] = "住宅"
    # Three corners nanometres apart: a share of its area was a division by zero, which ended the whole batch.
    speck["geometry"] = polygon([(LON, south), (LON + 1e-13, south), (LON, south + 1e-13), (LON, south)])
    path, result = tmp_path / "sites.geojson", tmp_path / "result.json"
    path.write_text(json.dumps(given), encoding="utf-8")
    options = ("--use-field", "USE", "--top-field", "TOP", "--output", result, "--format", "json")

    done = command("check-batch", path, *options)

    assert done.json["sites"] == 2, done.err
    assert [a["number"] for a in json.loads(result.read_text(encoding="utf-8"))["sites"]] == [1, 5]
    said = done.err.splitlines()
    for number, why in ((2, "红线不在本市范围内"), (3, "边界自相交"), (4, "high"), (6, "没有面积")):
        assert any(f"第 {number} 个图斑未检查" in line and why in line for line in said), done.err
    assert any("第 5 个图斑" in line and "从严" in line for line in said), done.err
    assert "4 features are not checked, 2 are" in done.err
