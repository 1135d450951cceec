"""The upload doctor at the command line: suggestions, accepted CRS, shifts, registered transformations, originals."""

import hashlib
import json
import re
import stat
from pathlib import Path

import numpy as np
import pytest
import shapely
from pyproj import CRS, Transformer
from sqlalchemy import create_engine, text

from blueprint.layers import originals
from blueprint.layers.map_shift import to_gcj02
from tests import badfiles, formatfiles
from tests.badfiles import LAT, LON, geojson, lonlat_square, polygon
from tests.service.conftest import Command, Server, define_plan


@pytest.fixture
def defined(command: Command) -> Command:
    result = define_plan(command)
    assert result.status == 0, result.err
    return command


def quality_of(url: str) -> dict:
    with create_engine(url).connect() as connection:
        return connection.scalar(text("SELECT quality FROM blueprint.layer_version ORDER BY id DESC LIMIT 1"))


def audit_of(url: str, act: str) -> dict:
    with create_engine(url).connect() as connection:
        return connection.scalar(
            text(
                "SELECT after FROM blueprint.audit_entry"
                " WHERE act = :act AND kind <> 'quality_check' ORDER BY seq DESC LIMIT 1"
            ),
            {"act": act},
        )


def test_a_wrong_zone_is_suggested_and_taken_only_when_a_person_accepts_it(
    defined: Command, fresh_database: str, tmp_path: Path
):
    squares = formatfiles.in_metres(formatfiles.SQUARES, "EPSG:4529")
    path = badfiles.write_dataset(tmp_path / "plan.gpkg", squares, crs="EPSG:4550")

    refused = defined("layer", "upload", "PLAN", path)
    assert refused.status == 2
    assert "outside the city" in refused.err and "--accept-crs EPSG:4529" in refused.err
    wrong = defined("layer", "upload", "PLAN", path, "--accept-crs", "EPSG:4528")
    assert wrong.status == 2 and "EPSG:4529" in wrong.err
    assert defined("layer", "upload", "PLAN", path, "--accept-crs", "EPSG:4529").status == 0

    decision = quality_of(fresh_database)["crs_decision"]
    assert decision["accepted"] == "EPSG:4529" and decision["declared"] == "EPSG:4550"
    assert decision["confidence"] == "sure" and "8 digits" in decision["why"][0]
    assert decision["why_zh"][0] == "横坐标为 8 位，前两位为带号"
    assert audit_of(fresh_database, "upload_version")["crs_decision"] == decision


def test_a_diagnosis_shows_where_the_data_fall_and_stores_nothing(
    defined: Command, fresh_database: str, tmp_path: Path
):
    squares = formatfiles.in_metres(formatfiles.SQUARES)
    path = badfiles.write_dataset(tmp_path / "plan.gpkg", squares, crs=None)
    sketch = tmp_path / "plan.svg"

    result = defined("layer", "diagnose", "PLAN", path, "--sketch", sketch, "--format", "json")

    assert result.status == 0, result.err
    found = json.loads(result.out)
    assert found["declared_crs"] is None and found["row_count"] == 2
    assert found["guesses"][0]["crs"] == "EPSG:4550"
    assert found["guesses"][0]["name_zh"] == "3 度带第 41 带（中央经线 123°E），横坐标前不加带号"
    assert found["guesses"][0]["why_zh"][0] == "横坐标为 6 位，不含带号"
    assert found["rows"][0]["MC"] == "图斑1"
    assert [feature["properties"]["role"] for feature in found["preview"]["features"]][:2] == [
        "outline",
        "guess EPSG:4550",
    ]
    assert sketch.read_text(encoding="utf-8").startswith("<svg")
    with create_engine(fresh_database).connect() as connection:
        assert connection.scalar(text("SELECT count(*) FROM blueprint.layer_version")) == 0


def test_the_same_layer_in_shifted_coordinates_is_refused_unless_a_person_says_they_are_right(
    defined: Command, fresh_database: str, tmp_path: Path
):
    rng = np.random.default_rng(7)
    corners = np.column_stack([LON + rng.uniform(0, 0.05, 40), LAT + rng.uniform(0, 0.05, 40)])
    rings = [lonlat_square(x, y, 0.0006) for x, y in corners]
    right, shifted = tmp_path / "right.geojson", tmp_path / "shifted.geojson"
    right.write_bytes(geojson(*[polygon(ring) for ring in rings]))
    shifted.write_bytes(geojson(*[polygon(to_gcj02(np.array(ring)).tolist()) for ring in rings]))
    assert defined("layer", "upload", "PLAN", right, "--in-force", "--confirm-warnings", "核对过").status == 0

    refused = defined("layer", "upload", "PLAN", shifted)
    assert refused.status == 2 and "GCJ-02" in refused.err
    assert defined("layer", "upload", "PLAN", right).status == 0
    diagnosed = json.loads(defined("layer", "diagnose", "PLAN", shifted, "--format", "json").out)
    assert diagnosed["shift"]["system"] == "GCJ-02"
    assert (
        diagnosed["shift"]["reference_zh"] == "图层 PLAN 第 2 版" and "与图层 PLAN 第 1 版比对" in refused.err
    )
    assert 400 < diagnosed["shift"]["moved_m"] < 600 and "米的偏移" in refused.err
    assert defined("layer", "upload", "PLAN", shifted, "--accept-crs", "EPSG:4490").status == 0
    assert "GCJ-02" in quality_of(fresh_database)["crs_decision"]["against"]


def _old_point(lon: float, lat: float) -> tuple[float, float]:
    """Degrees of Xian 1980 that seven made-up parameters turn into these of CGCS2000."""
    back = Transformer.from_pipeline(
        "+proj=pipeline +step +proj=unitconvert +xy_in=deg +xy_out=rad +step +proj=cart +a=6378137 +rf=298.257222101"
        " +step +inv +proj=helmert +x=100 +y=-20 +z=30 +rx=0.5 +ry=-0.4 +rz=0.3 +s=2 +convention=position_vector"
        " +step +inv +proj=cart +a=6378140 +rf=298.257 +step +proj=unitconvert +xy_in=rad +xy_out=deg"
    )
    return back.transform(lon, lat)


def test_an_old_datum_is_taken_only_by_a_registered_transformation_that_its_control_points_prove(
    defined: Command, fresh_database: str, tmp_path: Path
):
    old = shapely.transform(
        formatfiles.SQUARES[0], lambda xy: np.array([_old_point(lon, lat) for lon, lat in xy])
    )
    path = badfiles.write_dataset(tmp_path / "xian80.gpkg", [old], crs="EPSG:4610")
    corner = formatfiles.in_metres([shapely.Point(LON, LAT)])[0]
    x, y = _old_point(LON, LAT)
    point = f"{x},{y},{corner.x},{corner.y}"
    entry = ["crs", "register", "EPSG:4610", "--accuracy-m", "0.1", "--document", "鞍测〔2019〕3号"]

    geojson = tmp_path / "xian80.geojson"
    geojson.write_text(shapely.to_geojson(old))
    checks = [
        ("check", path, "--format", "json"),
        ("check", geojson, "--crs", "EPSG:4610", "--format", "json"),
    ]

    for refused in (defined("layer", "upload", "PLAN", path), *(defined(*check) for check in checks)):
        assert refused.status == 2 and "blueprint crs register" in refused.err
    wrong = defined(*entry, "--control-point", point, "--seven", "100,-20,30,-0.5,0.4,-0.3,2")
    assert wrong.status == 2 and "control point 1" in wrong.err
    result = defined(*entry, "--control-point", point, "--seven", "100,-20,30,0.5,-0.4,0.3,2")
    assert result.status == 0, result.err
    again = defined(*entry, "--control-point", point, "--seven", "100,-20,30,0.5,-0.4,0.3,2")
    assert again.status == 1 and "already" in again.err
    uploaded = defined("layer", "upload", "PLAN", path, "--in-force", "--format", "json")
    assert uploaded.status == 0, uploaded.err

    version = json.loads(uploaded.out)
    assert version["operation"] == "registered transformation 1 (鞍测〔2019〕3号)"
    assert version["operation_accuracy_m"] == 0.1
    expected = formatfiles.in_metres(formatfiles.SQUARES)[0]
    with create_engine(fresh_database).connect() as connection:
        stored = connection.scalar(text("SELECT ST_AsBinary(geom) FROM blueprint.feature"))
    assert shapely.hausdorff_distance(shapely.from_wkb(bytes(stored)), expected) < 0.001
    for check in checks:
        answer = defined(*check)
        assert answer.status == 0, answer.err
        footprint = json.loads(answer.out)["footprint"]
        assert footprint["plane_area_m2"] == pytest.approx(expected.area, rel=1e-6)
        assert footprint["operation"] == "registered transformation 1 (鞍测〔2019〕3号)"
    assert audit_of(fresh_database, "register_crs")["source"] == "EPSG:4610"
    assert json.loads(defined("crs", "list", "--format", "json").out)[0]["accuracy_m"] == 0.1
    assert defined("crs", "withdraw", "1").status == 0
    assert defined("layer", "upload", "PLAN", path).status == 2


def test_a_local_grid_is_taken_by_its_pipeline(defined: Command, tmp_path: Path):
    squares = formatfiles.in_metres(formatfiles.SQUARES)
    local = [shapely.transform(square, lambda xy: xy - [450_000, 4_500_000]) for square in squares]
    path = badfiles.write_dataset(tmp_path / "local.gpkg", local, crs=None)
    pipeline = "+proj=affine +xoff=450000 +yoff=4500000"

    unknown = defined("layer", "upload", "PLAN", path, "--crs", "LOCAL:ANSHAN")
    assert unknown.status == 2
    registered = defined(
        "crs", "register", "LOCAL:ANSHAN", "--accuracy-m", "0.05", "--document", "坐标系说明",
        "--control-point", "1000,2000,451000,4502000", "--pipeline", pipeline,
    )  # fmt: skip
    assert registered.status == 0, registered.err
    uploaded = defined("layer", "upload", "PLAN", path, "--crs", "LOCAL:ANSHAN", "--format", "json")
    assert uploaded.status == 0, uploaded.err
    assert "LOCAL:ANSHAN" in json.loads(uploaded.out)["source_crs"]
    refused = defined(
        "crs", "register", "EPSG:4529", "--accuracy-m", "0.05", "--document", "x",
        "--control-point", "1,2,3,4", "--pipeline", pipeline,
    )  # fmt: skip
    assert refused.status == 2 and "taken as it is" in refused.err


def test_the_first_file_of_a_layer_is_compared_with_the_layer_that_the_uploader_names(
    defined: Command, tmp_path: Path
):
    rng = np.random.default_rng(7)
    corners = np.column_stack([LON + rng.uniform(0, 0.05, 40), LAT + rng.uniform(0, 0.05, 40)])
    rings = [lonlat_square(x, y, 0.0006) for x, y in corners]
    right, shifted = tmp_path / "right.geojson", tmp_path / "shifted.geojson"
    right.write_bytes(geojson(*[polygon(ring) for ring in rings]))
    shifted.write_bytes(geojson(*[polygon(to_gcj02(np.array(ring)).tolist()) for ring in rings]))
    what = ("--title", "新", "--department", "ZRZY", "--geometry", "polygon", "--control", "restrict")
    assert defined("layer", "define", "NEW", *what).status == 0

    untested = [defined("layer", "upload", "PLAN", right, "--in-force") for _ in range(2)]
    first = defined("layer", "upload", "PLAN", right, "--in-force", "--confirm-warnings", "对照影像核对过")
    refused = defined("layer", "upload", "NEW", shifted, "--reference", "PLAN")
    unknown = defined("layer", "upload", "NEW", shifted)
    sure = defined("layer", "upload", "NEW", right, "--reference", "PLAN", "--format", "json")

    assert all(each.status == 1 and "has 1 warnings" in each.err for each in untested)
    assert first.status == 0
    assert refused.status == 2 and "GCJ-02" in refused.err and "layer PLAN version 3" in refused.err
    assert unknown.status == 2 and "GCJ-02" in unknown.err and "layer PLAN version" in unknown.err
    assert sure.json["is_place_confirmed"] is True


def test_invalid_shapes_are_refused_where_nothing_is_to_be_mended(defined: Command, tmp_path: Path):
    square = lonlat_square()
    hair = [square[1], [square[1][0] + 0.001, square[1][1]]]
    path = tmp_path / "plan.geojson"
    path.write_bytes(geojson(polygon([*square[:2], hair[1], *square[1:]])))

    refused = defined("layer", "upload", "PLAN", path, "--no-mend")

    assert refused.status == 2 and "nothing is to be mended" in refused.err
    assert "1 mended" in defined("layer", "upload", "PLAN", path).err


def test_originals_are_kept_once_by_their_hash_and_for_nobody_else(
    defined: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    home = tmp_path / "home"
    monkeypatch.setenv("BLUEPRINT_HOME", str(home))
    path = tmp_path / "plan.geojson"
    path.write_bytes(badfiles.good())

    assert defined("layer", "upload", "PLAN", path).status == 0
    assert defined("layer", "upload", "PLAN", path).status == 0

    kept = [p for p in (home / "objects").rglob("*") if p.is_file()]
    assert len(kept) == 1
    assert kept[0] == originals.original_path(home / "objects", hashlib.sha256(badfiles.good()).hexdigest())
    assert kept[0].read_bytes() == badfiles.good()
    assert stat.S_IMODE(kept[0].stat().st_mode) == 0o600
    assert stat.S_IMODE((home / "objects").stat().st_mode) == 0o700
    assert defined("layer", "original", "PLAN", "2", tmp_path / "back").status == 0
    assert (tmp_path / "back").read_bytes() == badfiles.good()
    kept[0].unlink()
    assert "is not kept here" in defined("layer", "original", "PLAN", "1", tmp_path / "back").err


def test_a_file_that_would_fill_the_disk_is_refused_and_nothing_stored(
    defined: Command, fresh_database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("BLUEPRINT_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(originals, "RESERVE_BYTES", 1 << 62)
    path = tmp_path / "plan.geojson"
    path.write_bytes(badfiles.good())

    result = defined("layer", "upload", "PLAN", path)

    assert result.status == 2 and "free some space" in result.err
    with create_engine(fresh_database).connect() as connection:
        assert connection.scalar(text("SELECT count(*) FROM blueprint.layer_version")) == 0


def test_a_file_is_diagnosed_over_http_by_who_may_upload_it(running: Server, defined: Command):
    squares = formatfiles.in_metres(formatfiles.SQUARES, "EPSG:4529")
    content = geojson(*[shapely.geometry.mapping(square) for square in squares])
    files = {"file": ("plan.geojson", content)}
    keeper, other = running.client("ZRZY"), running.client("SLJ")

    answer = keeper.post("/api/layers/PLAN/diagnosis", files=files)

    assert answer.status_code == 200, answer.text
    found = answer.json()
    assert found["format"] == "GeoJSON" and found["share_inside"] in (None, 0.0)
    assert found["guesses"][0]["crs"] == "EPSG:4529" and found["sketch"].startswith("<svg")
    assert other.post("/api/layers/PLAN/diagnosis", files=files).status_code == 403
    assert keeper.post("/api/layers/PLAN/diagnosis", files={"file": ("x", b"")}).status_code == 422
    accepted = keeper.post("/api/layers/PLAN/versions", files=files, data={"accept_crs": "EPSG:4529"})
    assert accepted.status_code == 201, accepted.text


def test_numbers_of_an_old_datum_are_not_taken_as_cgcs2000_because_they_fit(
    defined: Command, running: Server, tmp_path: Path
):
    squares = formatfiles.in_metres(formatfiles.SQUARES)
    path = badfiles.write_dataset(tmp_path / "xian80.gpkg", squares, crs="EPSG:2383")

    with running.client("ZRZY") as keeper:
        files = {"file": ("xian80.gpkg", path.read_bytes())}
        answer = keeper.post("/api/layers/PLAN/diagnosis", files=files)
        taken = keeper.post("/api/layers/PLAN/versions", files=files, data={"accept_crs": "EPSG:4550"})

    found = answer.json()
    assert answer.status_code == 200, answer.text
    assert found["guesses"] == [] and "blueprint crs register" in found["refusal"]
    assert "blueprint crs register" in found["refusal_zh"] and found["registered"] == []
    assert taken.status_code == 422 and "up to 150 m off" in taken.text
    said = defined("layer", "upload", "PLAN", path, "--crs", "EPSG:4550")
    assert said.status == 0, said.err


@pytest.mark.parametrize(
    ("datum", "is_taken"),
    [
        ('DATUM["D_unknown",SPHEROID["CGCS2000",6378137,298.257222101]]', True),
        ('DATUM["D_Xian_1980",SPHEROID["Xian_1980",6378140,298.257]]', False),
    ],
)
def test_a_datum_of_no_name_may_be_accepted_as_cgcs2000_and_an_old_one_under_any_name_not(
    defined: Command, running: Server, tmp_path: Path, datum: str, is_taken: bool
):
    """`defined` has the layer; the .prj names its system by a word of its own."""
    squares = formatfiles.in_metres(formatfiles.SQUARES)
    parts = badfiles.zipped_shapefile(tmp_path / "parts", squares, crs="EPSG:4550")
    told = re.sub(r"DATUM\[[^\[]*\[[^\]]*\]\]", datum, CRS.from_epsg(4550).to_wkt("WKT1_ESRI"))
    parts["plan.prj"] = re.sub(
        r'^PROJCS\["[^"]*",GEOGCS\["[^"]*"', 'PROJCS["mine",GEOGCS["GCS_mine"', told
    ).encode()
    files = {"file": ("plan.zip", badfiles.zipped(parts))}

    with running.client("ZRZY") as keeper:
        found = keeper.post("/api/layers/PLAN/diagnosis", files=files).json()
        refused = keeper.post("/api/layers/PLAN/versions", files=files)
        taken = keeper.post("/api/layers/PLAN/versions", files=files, data={"accept_crs": "EPSG:4550"})

    assert refused.status_code == 422 and refused.json()["detail"] == found["refusal"]
    assert ("EPSG:4550" in [guess["crs"] for guess in found["guesses"]]) == is_taken, found["guesses"]
    assert taken.status_code == (201 if is_taken else 422), taken.text
    assert is_taken or "up to 150 m off" in taken.text


def test_swapped_degrees_are_told_as_such(defined: Command, tmp_path: Path):
    path = tmp_path / "swapped.geojson"
    path.write_bytes(geojson(polygon([[y, x] for x, y in lonlat_square()])))

    refused = defined("layer", "upload", "PLAN", path)
    found = json.loads(defined("layer", "diagnose", "PLAN", path, "--format", "json").out)

    assert refused.status == 2 and "x 与 y（经度与纬度）似乎颠倒" in refused.err
    assert found["guesses"][0]["swapped"]


def test_heights_that_are_dropped_are_told_before_and_after_the_upload(defined: Command, tmp_path: Path):
    path = tmp_path / "high.geojson"
    path.write_bytes(geojson(polygon([[*corner, 7.5] for corner in lonlat_square()])))

    looked = defined("layer", "diagnose", "PLAN", path)
    uploaded = defined("layer", "upload", "PLAN", path)
    versions = defined("layer", "versions", "PLAN", "--format", "json").json

    assert "高程、量测值" in looked.out
    assert "高程、量测值（Z、M）已舍去" in uploaded.err
    assert [version["is_flattened"] for version in versions] == [True]
