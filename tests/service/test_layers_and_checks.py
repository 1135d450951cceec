"""Layers and checks as users meet them: by command line and by HTTP, on real files."""

import json
import re
from pathlib import Path
from typing import Any

import geopandas
import httpx
import numpy as np
import pytest
import shapely
from pyproj import Transformer

from tests import badfiles
from tests.badfiles import LAT, LON, geojson, lonlat_square, polygon
from tests.conftest import ROOT
from tests.service.conftest import Command, Server, define_plan

DEFINITION = {
    "code": "PLAN",
    "title": "规划",
    "department": "STHJ",
    "geometry": "polygon",
    "control": "prohibit",
    "source_id_field": "BSM",
}


def _named(crs: str) -> dict[str, Any]:
    """The member "crs" of GeoJSON 2008."""
    return {"type": "name", "properties": {"name": crs}}


@pytest.fixture
def keeper(running: Server) -> httpx.Client:
    """A client of the bureau that keeps the blueprint, with one layer defined."""
    client = running.client("ZRZY")
    assert client.post("/api/layers", json=DEFINITION).status_code == 201
    return client


def upload(
    client: httpx.Client, content: bytes, name: str = "plan.geojson", code: str = "PLAN", **form: str
) -> httpx.Response:
    """Upload a file as a version."""
    return client.post(f"/api/layers/{code}/versions", files={"file": (name, content)}, data=form)


def problem(response: httpx.Response, status: int, *words: str) -> dict[str, Any]:
    """A problem document of RFC 9457 with this status whose detail holds these words, and says the same in Chinese."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    document = response.json()
    assert document["status"] == status
    for word in words:
        assert word in document["detail"]
    assert re.search("[一-鿿]", document["title_zh"]) and re.search("[一-鿿]{2}", document["detail_zh"])
    return document


@pytest.mark.parametrize("crs", ["EPSG:4490", "EPSG:4529", "EPSG:4550"])
@pytest.mark.parametrize("suffix", ["gpkg", "shp", "geojson"])
def test_a_file_in_any_form_and_crs_lands_in_the_same_place(
    command: Command, tmp_path: Path, suffix: str, crs: str
):
    square = shapely.box(499_000, 4_552_000, 499_200, 4_552_100)
    from_4550 = Transformer.from_crs("EPSG:4550", crs, always_xy=True)
    placed = shapely.transform(square, lambda xy: np.column_stack(from_4550.transform(xy[:, 0], xy[:, 1])))
    path = badfiles.write_dataset(
        tmp_path / f"plan.{suffix}", [placed], crs=crs, **({} if suffix != "geojson" else {"RFC7946": "NO"})
    )
    if suffix == "shp":
        packed = badfiles.zipped({p.name: p.read_bytes() for p in tmp_path.glob("plan.*")})
        path = tmp_path / "plan.zip"
        path.write_bytes(packed)
    assert define_plan(command).status == 0

    uploaded = command("layer", "upload", "PLAN", path, "--in-force", "--format", "json")
    assert uploaded.status == 0, uploaded.err
    exported = tmp_path / "out.gpkg"
    assert command("layer", "export", "PLAN", exported).status == 0

    stored = geopandas.read_file(exported)
    assert stored.crs.to_epsg() == 4550
    assert stored.geometry[0].equals_exact(square, tolerance=1e-3, normalize=True)
    assert stored.MC[0] == "图斑1"


def test_versions_come_into_force_are_superseded_and_withdrawn(keeper: httpx.Client):
    first = upload(keeper, badfiles.good(), in_force_from="2024-01-01").json()
    second = upload(keeper, geojson(polygon(lonlat_square(LON + 0.01)))).json()
    assert (first["number"], first["state"]) == (1, "in_force")
    assert (second["number"], second["state"]) == (2, "draft")
    layer = keeper.get("/api/layers/PLAN").json()
    assert layer["version"] == 1
    with httpx.Client(base_url=keeper.base_url) as anybody:
        (told,) = anybody.get("/api/layers/PLAN/versions").json()["items"]
    assert (told["number"], told["uploaded_by"]) == (1, layer["department"])
    assert told["periods"][0]["decided_by"] == layer["department"]

    assert keeper.post("/api/layers/PLAN/versions/2/in-force", json={}).json()["state"] == "in_force"
    states = [version["state"] for version in keeper.get("/api/layers/PLAN/versions").json()["items"]]
    assert states == ["superseded", "in_force"]
    assert keeper.get("/api/layers/PLAN").json()["version"] == 2

    problem(
        keeper.post("/api/layers/PLAN/versions/1/in-force", json={"starts_on": "2023-01-01"}),
        409,
        "choose that day or a later one",
    )
    assert keeper.post("/api/layers/PLAN/versions/2/withdrawal").json()["state"] == "withdrawn"
    problem(keeper.post("/api/layers/PLAN/versions/2/withdrawal"), 409, "withdrawn on")
    assert keeper.get("/api/layers/PLAN").json()["version"] is None
    assert keeper.post("/api/layers/PLAN/versions/1/in-force", json={}).json()["state"] == "in_force"


def test_withdrawing_a_version_before_its_first_day_gives_the_days_back(keeper: httpx.Client):
    upload(keeper, badfiles.good(), in_force_from="2024-01-01")
    upload(keeper, geojson(polygon(lonlat_square(LON + 0.01))), in_force_from="2999-01-01")
    first = keeper.get("/api/layers/PLAN/versions/1").json()
    assert first["periods"][0]["ends_on"] == "2999-01-01"
    shown = keeper.get("/api/layers/PLAN").json()
    assert (shown["version"], shown["next_version"], shown["next_from"]) == (1, 2, "2999-01-01")

    assert keeper.post("/api/layers/PLAN/versions/2/withdrawal").status_code == 200

    assert keeper.get("/api/layers/PLAN/versions/1").json()["periods"][0]["ends_on"] is None
    assert keeper.get("/api/layers/PLAN").json()["next_from"] is None
    third = upload(keeper, geojson(polygon(lonlat_square(LON + 0.02))), in_force_from="2998-01-01")
    assert third.json()["state"] == "scheduled", third.text


def test_the_difference_of_two_versions_is_counted(keeper: httpx.Client):
    squares = [polygon(lonlat_square(LON + 0.01 * n)) for n in range(4)]
    upload(keeper, geojson(*squares[:3], properties=[{"BSM": str(n), "MC": "a"} for n in range(3)]))
    upload(
        keeper,
        geojson(
            squares[0],
            polygon(lonlat_square(LON + 0.01, side=0.002)),
            squares[3],
            properties=[{"BSM": "0", "MC": "b"}, {"BSM": "1", "MC": "a"}, {"BSM": "9", "MC": "a"}],
        ),
    )

    counted = keeper.get("/api/layers/PLAN/difference", params={"from": 1, "to": 2}).json()

    assert counted["compared_by"] == "source_id"
    assert (counted["added"], counted["removed"]) == (1, 1)
    assert (counted["changed_shape"], counted["changed_attributes"], counted["unchanged"]) == (1, 1, 0)


def test_what_was_mended_is_said_with_feature_and_place(keeper: httpx.Client):
    spike = [
        [LON, LAT],
        [LON + 0.001, LAT],
        [LON + 0.001, LAT + 0.001],
        [LON + 0.0005, LAT + 0.001],
        [LON + 0.0005, LAT + 0.002],
        [LON + 0.0005, LAT + 0.001],
        [LON, LAT + 0.001],
        [LON, LAT],
    ]

    uploaded = upload(keeper, geojson(polygon(lonlat_square()), polygon(spike)))

    assert uploaded.status_code == 201, uploaded.text
    assert uploaded.json()["mended_count"] == 1
    issue = keeper.get("/api/layers/PLAN/versions/1/quality").json()["items"][0]
    assert (issue["code"], issue["row"], issue["level"]) == ("geometry-mended", 2, "warning")
    assert issue["place"]


def test_a_bad_upload_by_http_is_a_problem_document_and_leaves_nothing(keeper: httpx.Client):
    problem(upload(keeper, b""), 422, "the file is empty")
    problem(upload(keeper, badfiles.zipped({"../x.geojson": b"{}"}), "x.zip"), 422, "unsafe path")
    problem(upload(keeper, geojson({"type": "Point", "coordinates": [LON, LAT]})), 422, "feature 1", "point")
    nothing = problem(upload(keeper, badfiles.good(), code="NOPE"), 404, "no layer 'NOPE'")
    assert nothing["detail_zh"] == "没有图层 “NOPE”；用 `blueprint layer list` 查看代码"
    assert keeper.get("/api/layers/PLAN/versions").json()["items"] == []


def test_a_check_by_http_has_the_shape_of_the_contract(keeper: httpx.Client, running: Server):
    upload(keeper, badfiles.good(), in_force_from="2024-01-01")

    with running.client() as anyone:
        response = anyone.post("/api/checks", json=polygon(lonlat_square(LON + 0.0005)))

    report = response.json()
    assert response.status_code == 200, report
    assert {
        "check_id",
        "digest",
        "working_crs",
        "area_measure",
        "on",
        "rule_set",
        "verdict",
        "footprint",
        "ledger",
        "layers",
        "findings",
    } <= report.keys()
    assert report["check_id"] is None
    assert report["verdict"] == "prohibit"
    assert {"area_m2", "plane_area_m2", "perimeter_m", "parts"} <= report["footprint"].keys()
    assert report["ledger"]["closes"] is True
    layer, finding = report["layers"][0], report["findings"][0]
    assert {
        "code",
        "title",
        "department",
        "version",
        "control",
        "feature_count",
        "overlap_m2",
        "overlap_sum_m2",
        "overlap_share",
        "length_m",
        "point_count",
        "outcome",
    } <= layer.keys()
    assert {
        "layer",
        "version",
        "feature_id",
        "source_id",
        "control",
        "severity",
        "relation",
        "overlap_m2",
        "overlap_share",
        "feature_share",
        "length_m",
        "point_count",
        "distance_m",
        "sliver",
        "sliver_width_m",
        "attributes",
        "basis",
    } <= finding.keys()
    assert finding["source_id"] == "B1"
    assert finding["overlap_share"] == pytest.approx(0.5, rel=1e-3)


def test_a_check_is_kept_only_when_asked_and_shown_again(keeper: httpx.Client, running: Server):
    upload(keeper, badfiles.good(), in_force_from="2024-01-01")
    site = polygon(lonlat_square())

    kept = keeper.post("/api/checks", params={"keep": True}, json=site).json()

    again = keeper.get(f"/api/checks/{kept['check_id']}").json()
    assert again.pop("reader")["account"] == kept.pop("reader")["account"]  # read at another instant
    assert again == kept
    page = keeper.get(f"/api/checks/{kept['check_id']}", params={"f": "html"})
    assert kept["digest"] in page.text
    shapes = keeper.get(f"/api/checks/{kept['check_id']}", params={"f": "geojson"}).json()
    assert [feature["properties"]["kind"] for feature in shapes["features"]] == ["footprint", "finding"]
    problem(keeper.get("/api/checks/4711"), 404)
    with running.client() as anyone:
        problem(anyone.get(f"/api/checks/{kept['check_id']}"), 401)
        problem(anyone.post("/api/checks", params={"keep": True}, json=site), 401)


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        ({"type": "LineString", "coordinates": [[LON, LAT], [LON + 1, LAT]]}, 422, "LineString"),
        ({"type": "Polygon"}, 422, "no GeoJSON geometry"),
        ({"type": "Polygon", "coordinates": "x"}, 422, "no GeoJSON geometry"),
        ({"type": "FeatureCollection", "features": []}, 422, "0 features"),
        ({"type": "FeatureCollection", "features": 5}, 422, "must be a list"),
        (polygon(lonlat_square(LAT, LON)), 422, "swapped"),
        (polygon(lonlat_square(116.4, 39.9)), 422, "outside the city"),
        ([1, 2], 422, "the body is no JSON object"),
        (None, 422, "the request has no body"),
        (
            polygon(lonlat_square()) | {"crs": _named("urn:ogc:def:crs:EPSG::999999")},
            422,
            "'urn:ogc:def:crs:EPSG::999999'",
        ),
        (polygon(lonlat_square()) | {"crs": {"type": "link"}}, 422, "without a name"),
    ],
)
def test_bad_footprints_by_http(keeper: httpx.Client, body: Any, status: int, words: str):
    upload(keeper, badfiles.good(), in_force_from="2024-01-01")

    problem(keeper.post("/api/checks", json=body), status, words)


def test_a_body_that_is_no_json_is_told_where(keeper: httpx.Client):
    sent = keeper.post("/api/checks", content=b'{"type": ', headers={"content-type": "application/json"})

    problem(sent, 422, "the body is no JSON: Expecting value at character 9")


def test_the_crs_that_a_geojson_names_holds_over_http_and_at_the_command_line(
    keeper: httpx.Client, command: Command, tmp_path: Path
):
    """CGCS2000 / zone 41 in metres, as many programs still write it, though RFC 7946 has no such member."""
    upload(keeper, badfiles.good(), in_force_from="2024-01-01")
    lonlat = keeper.post("/api/checks", json=polygon(lonlat_square())).json()
    place = Transformer.from_crs("EPSG:4326", "EPSG:4550", always_xy=True)
    metres = [list(place.transform(*corner)) for corner in lonlat_square()]
    site = polygon(metres) | {"crs": _named("urn:ogc:def:crs:EPSG::4550")}
    file = tmp_path / "site.geojson"
    file.write_text(json.dumps(site), encoding="utf-8")

    over_http = keeper.post("/api/checks", json=site).json()
    at_console = command("check", file, "--format", "json").json

    assert over_http["footprint"]["source_crs"] == at_console["footprint"]["source_crs"] == "EPSG:4550"
    assert over_http["digest"] == at_console["digest"]
    assert over_http["footprint"]["area_m2"] == pytest.approx(lonlat["footprint"]["area_m2"], abs=0.01)


def test_a_footprint_with_nan_by_http(keeper: httpx.Client):
    upload(keeper, badfiles.good(), in_force_from="2024-01-01")
    body = json.dumps(polygon(lonlat_square())).replace(str(LON), "NaN", 1)

    problem(
        keeper.post("/api/checks", content=body, headers={"content-type": "application/json"}), 422, "finite"
    )


def test_a_bow_tie_is_refused_and_a_spike_is_mended_and_said(keeper: httpx.Client):
    upload(keeper, badfiles.good(), in_force_from="2024-01-01")
    bow_tie = [[LON, LAT], [LON + 0.001, LAT + 0.001], [LON + 0.001, LAT], [LON, LAT + 0.001], [LON, LAT]]
    spike = [
        [LON, LAT],
        [LON + 0.001, LAT],
        [LON + 0.002, LAT],
        [LON + 0.001, LAT],
        [LON + 0.001, LAT + 0.001],
        [LON, LAT + 0.001],
        [LON, LAT],
    ]

    problem(keeper.post("/api/checks", json=polygon(bow_tie)), 422, "crosses itself", "2 ways")
    mended = keeper.post("/api/checks", json=polygon(spike)).json()
    assert "mended" in mended["notes"][0]


@pytest.mark.parametrize(
    ("name", "source", "area_m2"),
    [
        ("residential_block.zip", "EPSG:4550", 29_128.85),
        ("logistics_park.gpkg", "EPSG:4550", 98_799.92),
        ("warehouse_survey.txt", "EPSG:4529", 40_700.00),
    ],
)
def test_the_file_of_a_footprint_is_read_as_a_site_to_register(
    keeper: httpx.Client, name: str, source: str, area_m2: float
):
    file = ROOT / "data" / "sample_layers" / "anshan" / "footprints" / name

    site = keeper.post("/api/footprints", files={"file": (name, file.read_bytes())}).json()

    assert (site["crs"], site["source_crs"]) == ("EPSG:4550", source)
    assert site["plane_area_m2"] == pytest.approx(area_m2, abs=0.005)
    details = {"name": "示例", "applicant": "示例", "purpose": "示例"}
    given = {"footprint": site["footprint"], "crs": site["crs"]}
    made = keeper.post("/api/projects", json=details | given).json()
    assert made["footprint"]["geometry"] == site["geometry"]


def test_the_file_of_a_footprint_is_refused_in_words_and_read_for_members_alone(
    keeper: httpx.Client, running: Server
):
    files = {"file": ("site.gpkg", b"SQLite format 3\0 or so")}

    problem(keeper.post("/api/footprints", files=files), 422, "GeoPackage")
    assert running.client().post("/api/footprints", files=files).status_code == 401


def test_rights_are_asked_on_every_layer_route(running: Server, keeper: httpx.Client):
    with running.client() as anyone, running.client("SPJ") as other, running.client("STHJ") as owner:
        problem(anyone.post("/api/layers", json=DEFINITION), 401, "sign in")
        problem(other.post("/api/layers", json=DEFINITION), 403)
        problem(upload(other, badfiles.good()), 403)
        assert upload(owner, badfiles.good()).status_code == 201
        problem(other.post("/api/layers/PLAN/versions/1/in-force", json={}), 403)
        assert owner.post("/api/layers/PLAN/versions/1/in-force", json={}).status_code == 200

        secret = DEFINITION | {"code": "SECRET", "sensitivity": "restricted"}
        assert keeper.post("/api/layers", json=secret).status_code == 201
        codes = [item["code"] for item in other.get("/api/layers").json()["items"]]
        assert "SECRET" not in codes
        unknown = problem(other.get("/api/layers/NOSUCH"), 404)
        hidden = problem(other.get("/api/layers/SECRET"), 404)
        assert hidden["detail"].replace("SECRET", "NOSUCH") == unknown["detail"]
        assert owner.get("/api/layers/SECRET").status_code == 200


def test_a_bad_token_is_401(running: Server):
    response = running.client().get("/api/layers", headers={"Authorization": "Bearer ob_wrong"})

    problem(response, 401, "no whole token")
    assert response.headers["www-authenticate"] == "Bearer"


def test_a_kept_check_is_no_way_round_the_rights_on_a_layer(running: Server, keeper: httpx.Client):
    assert keeper.post("/api/layers", json=DEFINITION | {"sensitivity": "restricted"}).status_code == 201
    upload(keeper, badfiles.good(), in_force_from="2024-01-01")
    kept = keeper.post("/api/checks", params={"keep": True}, json=polygon(lonlat_square())).json()

    with running.client("SPJ") as other, running.client("STHJ") as owner:
        problem(other.get(f"/api/checks/{kept['check_id']}"), 404)
        shown = owner.get(f"/api/checks/{kept['check_id']}").json()
        assert shown.pop("reader")["department"] == "STHJ" and kept.pop("reader")["department"] == "ZRZY"
        assert shown == kept


def test_layers_page_by_cursor(keeper: httpx.Client):
    for code in ("A1", "B1", "C1"):
        assert keeper.post("/api/layers", json=DEFINITION | {"code": code}).status_code == 201

    first = keeper.get("/api/layers", params={"limit": 2}).json()
    second = keeper.get("/api/layers", params={"limit": 2, "cursor": first["next"]}).json()

    assert [item["code"] for item in first["items"] + second["items"]] == ["A1", "B1", "C1", "PLAN"]


def test_every_answer_carries_security_headers_and_problems_their_shape(running: Server):
    response = running.client().get("/api/nowhere")

    document = problem(response, 404)
    assert {"type", "title", "status", "detail", "instance"} <= document.keys()
    assert response.headers["x-content-type-options"] == "nosniff"
    assert "default-src 'none'" in response.headers["content-security-policy"]


def test_health(running: Server):
    assert running.client().get("/health/live").json() == {"status": "live"}
    assert running.client().get("/health/ready").json() == {"status": "ready"}


def test_check_formats_of_the_command_line(command: Command, tmp_path: Path):
    plan = tmp_path / "plan.geojson"
    plan.write_bytes(badfiles.good())
    assert define_plan(command, control="prohibit").status == 0
    assert command("layer", "upload", "PLAN", plan, "--in-force", "2024-01-01").status == 0

    table = command("check", plan)
    document = command("check", plan, "--format", "json")
    shapes = command("check", plan, "--format", "geojson")
    page = tmp_path / "out" / "report.html"
    written = command("check", plan, "--format", "html", "--output", page)

    assert "禁止 prohibited" in table.out and "规划 v1" in table.out
    assert document.json["verdict"] == "prohibit"  # type: ignore[index]
    assert json.loads(shapes.out)["type"] == "FeatureCollection"
    assert written.status == 0 and "合规性检查报告" in page.read_text(encoding="utf-8")
    assert document.err == ""
