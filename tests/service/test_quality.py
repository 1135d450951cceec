"""The quality check as planners meet it: upload, read what is wrong, mend or confirm, bring into force."""

import json
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import geopandas
import httpx
import pyogrio
import pytest
import shapely
from sqlalchemy import text
from sqlalchemy.orm import Session

from blueprint.layers.catalogue import find_layer
from blueprint.layers.publication import bring_into_force, version_of
from blueprint.permissions import at_console
from tests.badfiles import LAT, LON, geojson, lonlat_square, polygon
from tests.made import geodesic_m2
from tests.service.conftest import Command, Server, define_plan

EAST, NORTH = ORIGIN = 499_000, 4_552_000
ORDINARY = {"YSDM": "2090020620", "XZQDM": "210302", "XZQMC": "铁东区", "GHZT": "1", "JQDLDM": "0101"}


def _file(*shapes: shapely.Polygon, rows: list[dict[str, Any]]) -> bytes:
    """Shapes in EPSG:4550, metres east and north of a place in the city, as GeoJSON."""
    features = [
        {
            "type": "Feature",
            "properties": row,
            "geometry": shapely.geometry.mapping(shapely.transform(shape, lambda xy: xy + ORIGIN)),
        }
        for shape, row in zip(shapes, rows, strict=True)
    ]
    crs = {"type": "name", "properties": {"name": "urn:ogc:def:crs:EPSG::4550"}}
    return json.dumps({"type": "FeatureCollection", "crs": crs, "features": features}).encode()


def _sound(number: int, shape: shapely.Polygon, city: Any, **other: Any) -> dict[str, Any]:
    """The attributes of a sound feature of 规划用地用海."""
    placed = shapely.transform(shape, lambda xy: xy + ORIGIN)
    return (
        ORDINARY
        | {
            "BSM": f"2103020001{number:08d}",
            "YDYHFLDM": "070100",
            "YDYHFLMC": "城镇住宅用地",
            "TBMJ": round(geodesic_m2(placed, city), 2),
        }
        | other
    )


def _by_code(items: list[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = {}
    for item in items:
        found.setdefault(item["code"], []).append(item)
    return found


def test_a_sound_file_of_a_standard_has_no_issue_and_comes_into_force(
    command: Command, tmp_path: Path, city: Any
):
    define_plan(command, "--standard", "GHYDYH", "--source-id-field", "BSM")
    squares = [shapely.box(0, 0, 100, 100), shapely.box(100, 0, 200, 100)]
    path = tmp_path / "plan.geojson"
    path.write_bytes(_file(*squares, rows=[_sound(n, s, city) for n, s in enumerate(squares, 1)]))

    uploaded = command(
        "layer", "upload", "PLAN", path, "--crs", "EPSG:4550", "--in-force", "--format", "json"
    )

    assert uploaded.status == 0, uploaded.err
    found = command("layer", "quality", "PLAN", "1", "--format", "json").json
    assert found["items"] == []
    assert uploaded.json["state"] == "in_force"
    assert found["counts"] == {"fatal": 0, "error": 0, "warning": 0, "info": 0}
    assert found["standard"] == "GHYDYH"


def test_codes_that_a_table_or_a_database_keeps_as_numbers_are_the_codes_of_the_standard(
    command: Command, tmp_path: Path, city: Any
):
    define_plan(command, "--standard", "GHYDYH", "--source-id-field", "NO")
    squares = [shapely.box(0, 0, 100, 100), shapely.box(100, 0, 200, 100)]
    rows = [_sound(n, s, city, NO=1000 + n, YDYHFLDM="100101") for n, s in enumerate(squares, 1)]
    rows = [row | {"YDYHFLMC": "一类工业用地"} for row in rows]
    frame = geopandas.GeoDataFrame(
        rows, geometry=[shapely.transform(s, lambda xy: xy + ORIGIN) for s in squares], crs="EPSG:4550"
    )
    table, database = tmp_path / "plan.csv", tmp_path / "plan.gpkg"
    frame.assign(WKT=frame.geometry.to_wkt()).drop(columns="geometry").to_csv(table, index=False)
    codes = dict.fromkeys(("YSDM", "XZQDM", "GHZT", "YDYHFLDM", "NO"), float)
    frame.astype(codes).to_file(database, engine="pyogrio")

    uploads = [
        command("layer", "upload", "PLAN", path, "--crs", "EPSG:4550", "--format", "json")
        for path in (table, database)
    ]

    assert [uploaded.status for uploaded in uploads] == [0, 0], uploads
    for number in ("1", "2"):
        items = command("layer", "quality", "PLAN", number, "--format", "json").json["items"]
        assert [(item["code"], item["field"]) for item in items] == [("field-extra", "NO")]
    same = command("layer", "difference", "PLAN", "1", "2", "--format", "json").json
    assert (same["compared_by"], same["unchanged"], same["changed_attributes"]) == ("source_id", 2, 0)


def test_every_breach_is_found_with_row_place_and_words_and_drawn_for_qgis(
    command: Command, tmp_path: Path, city: Any
):
    define_plan(command, "--standard", "GHYDYH", "--source-id-field", "BSM")
    big, overlapping = shapely.box(0, 0, 100, 100), shapely.box(90, 0, 190, 100)
    spiked = shapely.Polygon(
        [(300, 0), (400, 0), (400, 100), (351, 100), (350.5, 160), (350, 100), (300, 100)]
    )
    small = shapely.box(400, 0, 410, 10)
    ring = shapely.box(500, 0, 600, 100).difference(shapely.box(540, 40, 560, 60))
    far = shapely.box(500, 200, 600, 300)
    shapes = [big, overlapping, spiked, small, ring, far]
    rows = [
        _sound(1, big, city, TBMJ=9000.0),
        _sound(1, overlapping, city, YDYHFLDM="9901"),
        _sound(3, spiked, city, BSM="X", YDYHFLDM="170900", YDYHFLMC="沟渠"),
        _sound(4, small, city, XZQDM="110000", YSDM="1"),
        _sound(5, ring, city, GHZT="123", TBDLMJ="一亩"),
        _sound(6, far, city, YDYHFLDM="0203", YDYHFLMC="橡胶园地", XZQMC=None),
    ]
    rows[5]["TBMJ"] = round(rows[5]["TBMJ"] / 10_000, 2)
    path, errors = tmp_path / "plan.geojson", tmp_path / "errors.gpkg"
    path.write_bytes(_file(*shapes, rows=rows))

    uploaded = command("layer", "upload", "PLAN", path, "--crs", "EPSG:4550", "--errors", errors)
    assert uploaded.status == 0, uploaded.err
    found = command("layer", "quality", "PLAN", "1", "--format", "json").json
    issues = _by_code(found["items"])

    assert {code: [i["row"] for i in items] for code, items in issues.items()} == {
        "area-mismatch": [1],
        "duplicate-id": [2],
        "land-use-unknown": [2],
        "spike": [3],
        "id-form": [3],
        "land-use-child": [3],
        "place-code": [4],
        "class-code": [4],
        "too-small": [4],
        "value-length": [5],
        "value-type": [5],
        "value-missing": [6],
        "area-unit": [6],
        "overlap": [2],
        "gap": [None],
    }
    overlap, gap = issues["overlap"][0], issues["gap"][0]
    assert (overlap["other_row"], overlap["level"], overlap["file"]) == (1, "error", "plan.geojson")
    assert "1000.0" in overlap["text"]["zh"] and "1000.0" in overlap["text"]["en"]
    assert overlap["place"] == pytest.approx([EAST + 95, NORTH + 50], abs=0.01)
    assert "400.0" in gap["text"]["en"]
    assert "公顷" in issues["area-unit"][0]["text"]["zh"]
    assert issues["spike"][0]["level"] == "warning"
    assert issues["value-missing"][0]["field"] == "XZQMC"

    areas = geopandas.read_file(errors, layer="issues_area")
    assert areas.crs.to_epsg() == 4550
    assert areas[areas.code == "overlap"].area.tolist() == pytest.approx([1000.0])
    assert len(geopandas.read_file(errors, layer="issues_point")) >= 5


def test_a_check_anew_waits_for_a_publication_under_way_and_then_leaves_its_confirmation(running: Server):
    with running.client("ZRZY") as client, Session(running.edge.engine) as publishing:
        plan = {
            "code": "PLAN",
            "title": "规划",
            "department": "ZRZY",
            "geometry": "polygon",
            "control": "inform",
        }
        client.post("/api/layers", json=plan)
        upload = {"file": ("p.geojson", geojson(polygon(lonlat_square())))}
        assert client.post("/api/layers/PLAN/versions", files=upload).status_code == 201
        version = version_of(publishing, find_layer(publishing, "PLAN"), 1)
        now = running.edge.now()
        bring_into_force(publishing, version, starts_on=now.date(), actor=at_console("test"), now=now)
        with ThreadPoolExecutor() as threads:
            checking = threads.submit(client.post, "/api/layers/PLAN/versions/1/quality")
            _until_somebody_waits(running)
            publishing.commit()
            answer = checking.result()

    assert (answer.status_code, "its check stands" in answer.text) == (409, True)


def _until_somebody_waits(running: Server) -> None:
    """Until another transaction waits for a lock that one of ours has."""
    with Session(running.edge.engine) as session:
        for _ in range(600):
            if session.scalar(text("SELECT count(*) FROM pg_locks WHERE NOT granted")):
                return
            session.rollback()
            time.sleep(0.05)
    raise AssertionError("nobody waits")


def test_errors_stop_a_version_and_the_draft_stays(command: Command, tmp_path: Path, city: Any):
    define_plan(command, "--standard", "GHYDYH")
    squares = [shapely.box(0, 0, 100, 100), shapely.box(50, 0, 150, 100)]
    path = tmp_path / "plan.geojson"
    path.write_bytes(_file(*squares, rows=[_sound(n, s, city) for n, s in enumerate(squares, 1)]))

    refused = command(
        "layer", "upload", "PLAN", path, "--crs", "EPSG:4550", "--confirm-warnings", "无妨", "--in-force"
    )

    assert refused.status == 1
    assert "has 1 errors and cannot come into force" in refused.err
    assert command("layer", "versions", "PLAN", "--format", "json").json[0]["state"] == "draft"
    assert "草稿" in command("layer", "versions", "PLAN").out
    listed = command("layer", "list").out
    assert "限制" in listed and "面" in listed
    assert "管控 control" in command("layer", "show", "PLAN").out
    table = command("layer", "quality", "PLAN", "1")
    said = " ".join(table.out.split())  # a narrow console breaks it over lines
    assert "致命 fatal 0，错误 error 1，警告 warning 0，提示 info 0" in said and "GHYDYH" in said


def test_warnings_are_confirmed_with_a_reason_that_is_kept_and_recorded(running: Server, city: Any):
    client = running.client("ZRZY")
    definition = {
        "code": "PLAN",
        "title": "规划",
        "department": "ZRZY",
        "geometry": "polygon",
        "control": "inform",
    }
    assert client.post("/api/layers", json=definition).status_code == 201
    same = polygon(lonlat_square())
    uploaded = _upload(client, geojson(same, same))
    assert (uploaded.json()["error_count"], uploaded.json()["warning_count"]) == (0, 1), uploaded.text

    refused = client.post("/api/layers/PLAN/versions/1/in-force", json={})
    confirmed = client.post(
        "/api/layers/PLAN/versions/1/in-force", json={"confirm_warnings": "两期调查各一个"}
    )

    assert refused.status_code == 409 and "1 warnings" in refused.json()["detail"]
    assert confirmed.json()["state"] == "in_force", confirmed.text
    confirmation = client.get("/api/layers/PLAN/versions/1/quality").json()["confirmation"]
    assert confirmation["reason"] == "两期调查各一个"
    with Session(running.edge.engine) as session:
        recorded = session.scalar(
            text("SELECT after ->> 'reason' FROM blueprint.audit_entry WHERE kind = 'quality_warnings'")
        )
        published = session.scalar(
            text(
                "SELECT after ->> 'warnings_reason' FROM blueprint.audit_entry"
                " WHERE act = 'bring_into_force' AND kind = 'version'"
            )
        )
    assert recorded == published == "两期调查各一个"
    version = client.get("/api/layers/PLAN/versions/1").json()
    assert (version["warnings_reason"], version["warnings_confirmed_by"]) == (recorded, confirmation["by"])
    assert version["warnings_confirmed_at"] == confirmation["at"]


def test_an_upload_that_cannot_come_into_force_says_why_issue_by_issue(running: Server):
    client = running.client("ZRZY")
    definition = {
        "code": "PLAN",
        "title": "规划",
        "department": "ZRZY",
        "geometry": "polygon",
        "control": "inform",
    }
    client.post("/api/layers", json=definition)
    same = polygon(lonlat_square())

    refused = _upload(client, geojson(same, same), in_force_from="2026-01-01")

    assert refused.status_code == 409
    assert [issue["code"] for issue in refused.json()["issues"]] == ["duplicate-geometry"]
    assert client.get("/api/layers/PLAN/versions").json()["items"] == []


def test_a_bow_tie_is_refused_with_both_readings_drawn(command: Command, running: Server, tmp_path: Path):
    bow_tie = [[LON, LAT], [LON + 0.001, LAT + 0.001], [LON + 0.001, LAT], [LON, LAT + 0.001], [LON, LAT]]
    path, errors = tmp_path / "bow.geojson", tmp_path / "errors.gpkg"
    path.write_bytes(geojson(polygon(bow_tie)))
    define_plan(command)

    refused = command("layer", "upload", "PLAN", path, "--errors", errors)
    with running.client("ZRZY") as client:
        problem = _upload(client, path.read_bytes())

    assert refused.status == 2 and "can be read in 2 ways" in refused.err
    drawn = geopandas.read_file(errors)
    assert drawn.code.tolist() == ["geometry-ambiguous"] * 2
    assert drawn.area[1] == pytest.approx(2 * drawn.area[0], rel=0.01)
    assert problem.status_code == 422
    assert [issue["geometry"]["type"] for issue in problem.json()["issues"]] == ["MultiPolygon", "Polygon"]
    assert problem.json()["issues"][0]["level"] == "fatal"


def test_what_was_mended_leaves_a_receipt_and_can_be_taken_back(running: Server):
    client = running.client("ZRZY")
    definition = {
        "code": "PLAN",
        "title": "规划",
        "department": "ZRZY",
        "geometry": "polygon",
        "control": "inform",
    }
    client.post("/api/layers", json=definition)
    hair = [*lonlat_square()[:3], [LON + 0.0005, LAT + 0.001], [LON + 0.0005, LAT + 0.002]]
    hair += [[LON + 0.0005, LAT + 0.001], *lonlat_square()[3:]]

    assert _upload(client, geojson(polygon(hair))).status_code == 201

    receipt = client.get("/api/layers/PLAN/versions/1/quality/mendings").json()["items"][0]
    assert (receipt["row"], round(receipt["moved_m"])) == (1, 111)
    assert receipt["after_m2"] == pytest.approx(receipt["before_m2"], abs=0.01)
    assert len(receipt["original"]["coordinates"][0]) == len(hair)
    drawn = client.get("/api/layers/PLAN/versions/1/quality/errors.gpkg")
    assert drawn.headers["content-type"] == "application/geopackage+sqlite3"
    layers = {str(name) for name, _ in pyogrio.list_layers(drawn.content)}
    assert layers == {"issues_point", "mended_originals"}
    told = pyogrio.read_info(drawn.content, layer="mended_originals")["layer_metadata"]["DESCRIPTION"]
    assert "PLAN v1" in told and "ZRZY" in told


def test_a_drafts_issues_are_its_departments_and_come_page_by_page(running: Server):
    client = running.client("ZRZY")
    definition = {
        "code": "PLAN",
        "title": "规划",
        "department": "ZRZY",
        "geometry": "polygon",
        "control": "inform",
    }
    client.post("/api/layers", json=definition)
    _upload(client, geojson(*[polygon(lonlat_square())] * 6))
    address = "/api/layers/PLAN/versions/1/quality"

    with running.client("STHJ") as other, running.client() as nobody:
        assert other.get(address).status_code == 403
        assert nobody.get(f"{address}/errors.gpkg").status_code == 401
    rows, cursor = [], "0"
    while cursor is not None:
        page = client.get(address, params={"limit": 2, "cursor": cursor}).json()
        rows += [issue["row"] for issue in page["items"]]
        cursor = page["next"]
    assert rows == [2, 3, 4, 5, 6]
    assert client.get(address, params={"level": "error"}).json()["items"] == []
    assert client.post(address).json()["counts"]["warning"] == 5


def test_fields_are_mapped_by_the_planner_never_by_themselves_and_kept(
    command: Command, tmp_path: Path, city: Any
):
    define_plan(command, "--standard", "GHYDYH")
    square = shapely.box(0, 0, 100, 100)
    row = _sound(1, square, city)
    row["YDDM"], row["图斑面积"] = row.pop("YDYHFLDM"), row.pop("TBMJ")
    path = tmp_path / "plan.geojson"
    path.write_bytes(_file(square, rows=[row]))

    first = command("layer", "upload", "PLAN", path, "--crs", "EPSG:4550")
    assert first.status == 0, first.err
    missing = command("layer", "quality", "PLAN", "1", "--level", "error", "--format", "json").json["items"]
    assert {issue["field"] for issue in missing} == {"YDYHFLDM", "TBMJ"}
    shown = command("layer", "map", "PLAN", path, "--crs", "EPSG:4550", "--format", "json").json
    assert {(s["source_field"], s["standard_field"], s["why"]) for s in shown["suggestions"]} == {
        ("YDDM", "YDYHFLDM", "alias"),
        ("图斑面积", "TBMJ", "title"),
    }
    assert shown["mapping"] == {}

    wrong = command("layer", "map", "PLAN", "--map", "YDDM=NOPE")
    assert (wrong.status, "no field 'NOPE'" in wrong.err) == (2, True)
    second = command(
        "layer",
        "upload",
        "PLAN",
        path,
        "--crs",
        "EPSG:4550",
        "--map",
        "YDDM=YDYHFLDM",
        "--map",
        "图斑面积=TBMJ",
    )
    third = command("layer", "upload", "PLAN", path, "--crs", "EPSG:4550", "--in-force", "--format", "json")
    assert second.status == 0, second.err
    assert third.json["error_count"] == 0 and third.json["state"] == "in_force", third.err
    kept = command("layer", "quality", "PLAN", "3", "--format", "json").json["field_mapping"]
    assert (kept["YDYHFLDM"], kept["BSM"]) == ("YDDM", "BSM")

    less = tmp_path / "less.geojson"
    less.write_bytes(geojson(polygon(lonlat_square()), properties=[{"BSM": "B1", "YDDM": "0701"}]))
    assert command("layer", "upload", "PLAN", less).status == 0
    noted = command("layer", "quality", "PLAN", "4", "--level", "warning", "--format", "json").json["items"]
    assert any("TBMJ 取自字段 “图斑面积”，此文件没有该字段" in issue["text"]["zh"] for issue in noted), noted


def test_fields_are_mapped_over_http(running: Server):
    client = running.client("ZRZY")
    definition = {
        "code": "PLAN",
        "title": "规划",
        "department": "ZRZY",
        "geometry": "polygon",
        "control": "inform",
    }
    client.post("/api/layers", json=definition | {"standard": "GHYDYH"})
    _upload(client, geojson(polygon(lonlat_square()), properties=[{"BSM": "1", "YDDM": "0701"}]))

    suggested = client.get("/api/layers/PLAN/field-mapping").json()["suggestions"]
    kept = client.put("/api/layers/PLAN/field-mapping", json={"mapping": {"YDYHFLDM": "YDDM"}}).json()
    forgotten = client.put("/api/layers/PLAN/field-mapping", json={"mapping": {"YDYHFLDM": ""}}).json()

    assert [(s["standard_field"], s["source_field"]) for s in suggested] == [("YDYHFLDM", "YDDM")]
    assert (kept["mapping"], kept["suggestions"]) == ({"YDYHFLDM": "YDDM"}, [])
    assert forgotten["mapping"] == {}
    bad = client.put("/api/layers/PLAN/field-mapping", json={"mapping": {"NOPE": "YDDM"}})
    assert bad.status_code == 422


def _upload(client: httpx.Client, content: bytes, **form: str) -> httpx.Response:
    return client.post("/api/layers/PLAN/versions", files={"file": ("plan.geojson", content)}, data=form)
