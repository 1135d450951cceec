"""Incremental updates: a delta makes the next version, what does not fit the base is refused with its rows."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import geopandas
import httpx
import numpy as np
import pyogrio
import pytest
import shapely
from sqlalchemy import text
from sqlalchemy.orm import Session

from blueprint.jobs.worker import Worker
from blueprint.layers.delta import Change, judge
from blueprint.layers.map_shift import to_gcj02
from service.job_kinds import KINDS
from tests import formatfiles
from tests.badfiles import LAT, LON, geojson, lonlat_square, polygon
from tests.service.conftest import Server

PLAN = {
    "code": "PLAN", "title": "规划", "department": "ZRZY", "geometry": "polygon", "control": "restrict",
    "source_id_field": "BSM",
}  # fmt: skip
Rows = Mapping[str, tuple[float, str]]
OLD: Rows = {"A": (0, "甲"), "B": (0.01, "乙"), "C": (0.02, "丙"), "D": (0.03, "丁")}
NEW: Rows = {"A": (0, "甲"), "B": (0.01, "乙二"), "C": (0.0205, "丙"), "E": (0.04, "戊")}


def _file(rows: Rows, **more: Mapping[str, object]) -> bytes:
    """Squares by BSM, each so far east and of this name; `more` gives other fields by BSM."""
    properties = [
        {"BSM": key, "MC": name} | {field: values.get(key) for field, values in more.items()}
        for key, (_, name) in rows.items()
    ]
    return geojson(*[polygon(lonlat_square(LON + east)) for east, _ in rows.values()], properties=properties)


def _store(client: httpx.Client, content: bytes) -> None:
    client.post("/api/layers", json=PLAN)
    answer = client.post("/api/layers/PLAN/versions", files={"file": ("plan.geojson", content)})
    assert answer.status_code == 201, answer.text


def _put(
    client: httpx.Client, content: bytes, *, base: int = 1, name: str = "d.geojson", **form: str
) -> httpx.Response:
    address = f"/api/layers/PLAN/versions/{base}/delta"
    return client.post(address, files={"file": (name, content)}, data=form)


def _content(running: Server, number: int) -> dict[str, tuple[Any, ...]]:
    """What a version says, by BSM: name, area, parts' area, and shapes of its tiles."""
    query = text(
        "SELECT f.source_id, f.attributes ->> 'MC', f.attributes ? 'CHANGE', round(CAST(f.plane_m2 AS numeric), 3),"
        " ST_AsText(ST_Normalize(ST_SnapToGrid(f.geom, 0.001))),"
        " (SELECT round(CAST(sum(p.plane_m2) AS numeric), 3) FROM blueprint.part p"
        "  WHERE p.version_id = f.version_id AND p.feature_id = f.feature_id),"
        " (SELECT count(DISTINCT level) FROM blueprint.tile_sheet t"
        "  WHERE t.version_id = f.version_id AND f.feature_id = ANY(t.feature_ids) AND level >= 14)"
        " FROM blueprint.feature f JOIN blueprint.layer_version v ON v.id = f.version_id"
        " WHERE v.number = :number"
    )
    with Session(running.edge.engine) as session:
        return {row[0]: tuple(row[1:]) for row in session.execute(query, {"number": number})}


CHANGES = {"B": "2", "C": "change", "D": "调出", "E": "add"}
DELTA: Rows = {"B": NEW["B"], "C": NEW["C"], "D": OLD["D"], "E": NEW["E"]}


def test_rows_that_say_what_they_are_make_the_next_version(running: Server):
    with running.client("ZRZY") as client:
        _store(client, _file(OLD))
        answer = _put(client, _file(DELTA, CHANGE=CHANGES), change_field="CHANGE")
        assert answer.status_code == 201, answer.text
        in_force = client.post("/api/layers/PLAN/versions/2/in-force", json={})
        _store_whole = client.post("/api/layers/PLAN/versions", files={"file": ("n.geojson", _file(NEW))})

    version = answer.json()
    assert version["checked_at"] is not None
    assert in_force.status_code == 200, in_force.text
    assert (version["number"], version["base"], version["feature_count"]) == (2, 1, 4)
    assert _store_whole.status_code == 201
    assert _content(running, 2) == _content(running, 3)


def test_what_is_mended_in_a_delta_leaves_a_receipt_with_the_feature_it_became_and_older_ones_stay(
    running: Server,
):
    def haired(east: float) -> list[list[float]]:
        square = lonlat_square(LON + east)
        middle = LON + east + 0.0005
        hair = [[middle, LAT + 0.001], [middle, LAT + 0.002], [middle, LAT + 0.001]]
        return [*square[:3], *hair, *square[3:]]

    base = geojson(
        *[polygon(haired(0)), polygon(haired(0.01)), polygon(lonlat_square(LON + 0.02))],
        properties=[{"BSM": key} for key in "ABC"],
    )
    delta = geojson(
        *[polygon(haired(0.04)), polygon(lonlat_square(LON + 0.01)), polygon(haired(0.02))],
        properties=[
            {"BSM": "D", "CHANGE": "1"},
            {"BSM": "B", "CHANGE": "2"},
            {"BSM": "C", "CHANGE": "2"},
        ],
    )
    with running.client("ZRZY") as client:
        _store(client, base)
        answer = _put(client, delta, change_field="CHANGE")
        receipts = client.get("/api/layers/PLAN/versions/2/quality/mendings").json()["items"]

    assert answer.status_code == 201, answer.text
    assert [receipt["row"] for receipt in receipts] == [
        1,
        3,
        4,
    ]  # A of the base; C and the new D of the delta


def test_a_row_gives_only_what_changes_by_the_id_alone_and_what_was_said_of_the_base_goes_on(running: Server):
    base = _file(OLD, ZT=dict.fromkeys(OLD, "现状"))
    rows = [
        ({"BSM": "B", "MC": "乙二", "CHANGE": "2"}, None),
        ({"BSM": "C", "CHANGE": "3"}, None),
        ({"BSM": "C", "CHANGE": "1"}, polygon(lonlat_square(LON + 0.0205))),
        ({"BSM": "D", "CHANGE": "调出"}, None),
    ]
    features = [{"type": "Feature", "properties": row, "geometry": shape} for row, shape in rows]
    changes = json.dumps({"type": "FeatureCollection", "features": features}).encode()
    removal = geojson(polygon(), properties=[{"BSM": "A", "CHANGE": "3"}])
    with running.client("ZRZY") as client, running.client("NYNC") as others:
        client.post("/api/layers", json=PLAN)
        said = {"review_by": "2027-06-30", "in_force_from": "2026-01-01"}
        client.post("/api/layers/PLAN/versions", files={"file": ("p.geojson", base)}, data=said)
        answer = _put(client, changes, change_field="CHANGE", in_force_from="2026-02-01")
        nothing_else = _put(client, removal, base=2, change_field="CHANGE")
        original = client.get("/api/layers/PLAN/versions/2/original")
        refused = others.get("/api/layers/PLAN/versions/2/original")
        whole = _file({"A": OLD["A"], "B": NEW["B"], "C": NEW["C"]}, ZT=dict.fromkeys(OLD, "现状"))
        client.post("/api/layers/PLAN/versions", files={"file": ("whole.geojson", whole)})

    assert answer.status_code == 201, answer.text
    version = answer.json()
    assert (version["state"], version["review_by"], version["feature_count"]) == ("in_force", "2027-06-30", 3)
    assert nothing_else.status_code == 201, nothing_else.text
    assert nothing_else.json()["feature_count"] == 2
    assert (original.content, refused.status_code) == (changes, 403)
    assert _content(running, 2) == _content(running, 4)
    query = text(
        "SELECT after FROM blueprint.audit_entry WHERE after ? 'base' OR kind = 'original' ORDER BY seq"
    )
    with Session(running.edge.engine) as session:
        kept = session.scalars(
            text("SELECT attributes FROM blueprint.feature WHERE version_id = 2 ORDER BY 1")
        )
        assert [row["ZT"] for row in kept] == ["现状"] * 3
        put, _, taken = session.scalars(query)
    assert (put["added"], put["changed"], put["removed"]) == (0, 2, 1)
    assert taken["file"] == "d.geojson"


def test_a_delta_of_three_shapefiles_in_one_archive_is_read_and_data_of_a_map_service_are_refused(
    running: Server, tmp_path: Path
):
    def round_file(move: Any = lambda lonlat: lonlat, **more: str) -> bytes:
        rings = [
            shapely.get_coordinates(shapely.Point(LON + east, LAT).buffer(0.001, quad_segs=16))
            for east in (0, 0.01)
        ]
        rows = [{"BSM": key, "MC": key} | more for key in "AB"]
        return geojson(*[polygon(move(ring).tolist()) for ring in rings], properties=rows)

    with running.client("ZRZY") as client:
        _store(client, round_file())
        shifted = _put(client, round_file(to_gcj02, CHANGE="2"), change_field="CHANGE")
        _store(client, round_file(lambda ring: ring + np.array([0.0001, 0])))
        made = client.get("/api/layers/PLAN/versions/2/export", params={"since": 1, "as_delta": "true"})
        client.post("/api/layers/PLAN/versions/2/withdrawal")
        delta = tmp_path / "delta.gpkg"
        delta.write_bytes(made.content)
        folder = tmp_path / "parts"
        folder.mkdir()
        for name in ("WHQPLAN", "WHCPLAN", "WHHPLAN"):
            geopandas.read_file(delta, layer=name).to_file(folder / f"{name}.shp", encoding="UTF-8")
        answer = _put(client, formatfiles.packed(folder), name="delta.zip")

    assert (shifted.status_code, "GCJ-02" in shifted.json()["detail"]) == (422, True), shifted.text
    assert answer.status_code == 201, answer.text
    assert _content(running, 3) == _content(running, 2)


def test_any_two_versions_are_exported_as_a_delta_that_leads_from_one_to_the_other(
    running: Server, tmp_path: Path
):
    with running.client("ZRZY") as client:
        # What a GeoPackage has columns of its own for, truths that some rows lack, numbers beyond a real one's.
        more: dict[str, dict[str, object]] = {
            "fid": {"B": "a"}, "geom": {"B": "b"}, "geometry": {"B": "c"}, "SF": {"B": True}, "SL": {"B": 2**53 - 1},
            "PFRQ": {"B": "2026-02-28"}
        }  # fmt: skip
        _store(client, _file(OLD, **more))
        _store(client, _file(NEW, **more | {"SF": {"B": True, "C": False}}))
        delta = client.get("/api/layers/PLAN/versions/2/export", params={"since": 1, "as_delta": "true"})
        assert delta.status_code == 200, delta.text
        for asked in ({"since": 1, "as_delta": "true", "f": "shp"}, {"as_delta": "true"}):
            refused = client.get("/api/layers/PLAN/versions/2/export", params=asked)
            assert (refused.status_code, "since=n and f=gpkg" in refused.text) == (422, True), refused.text
        client.post("/api/layers/PLAN/versions/2/withdrawal")
        answer = _put(client, delta.content, name="d.gpkg")
        left = client.get("/api/layers/PLAN/difference", params={"from": 2, "to": 3}).json()

    path = tmp_path / "delta.gpkg"
    path.write_bytes(delta.content)
    assert {str(name) for name in pyogrio.list_layers(path)[:, 0]} == {"WHQPLAN", "WHCPLAN", "WHHPLAN"}
    assert (
        dict(
            zip(
                *(pyogrio.read_info(path, layer="WHHPLAN")[key] for key in ("fields", "ogr_types")),
                strict=True,
            )
        )["PFRQ"]
        == "OFTDate"
    )
    kinds = pyogrio.read_dataframe(path, layer="WHCPLAN").groupby("BSM")["WHLX"].agg(set).to_dict()
    assert kinds == {"B": {"2"}, "C": {"2"}, "D": {"3"}, "E": {"1"}}
    assert answer.status_code == 201, answer.text
    assert _content(running, 3) == _content(running, 2)
    assert left["unchanged"] == len(NEW)


def test_what_does_not_fit_the_base_is_refused_with_its_rows_and_nothing_is_stored(running: Server):
    rows: Rows = {"A": OLD["A"], "X": (0.05, "无"), "Y": (0.06, "无")}
    with running.client("ZRZY") as client:
        _store(client, _file(OLD))
        answer = _put(
            client, _file(rows, CHANGE={"A": "add", "X": "remove", "Y": "?"}), change_field="CHANGE"
        )
        versions = client.get("/api/layers/PLAN/versions").json()["items"]

    assert answer.status_code == 409
    told = {row["source_id"]: row["what"] for row in answer.json()["rows"]}
    assert "has it already" in told["A"] and "no such feature" in told["X"] and "write 1, 2 or 3" in told["Y"]
    assert [row["number"] for row in answer.json()["rows"]] == [1, 2, 3]
    assert len(versions) == 1


def test_a_delta_from_a_version_that_was_followed_by_another_is_refused(running: Server):
    with running.client("ZRZY") as client:
        _store(client, _file(OLD))
        _store(client, _file(NEW))
        answer = _put(client, _file({"E": NEW["E"]}, CHANGE={"E": "add"}), change_field="CHANGE")

    assert answer.status_code == 409
    assert "moved on: version 2" in answer.json()["detail"]


def test_a_state_before_that_is_not_the_bases_is_refused(running: Server):
    """The delta was made against another B than the one that is stored."""
    with running.client("ZRZY") as client:
        # What a GeoPackage has columns of its own for, truths that some rows lack, numbers beyond a real one's.
        more: dict[str, dict[str, object]] = {
            "fid": {"B": "a"}, "geom": {"B": "b"}, "geometry": {"B": "c"}, "SF": {"B": True}, "SL": {"B": 2**53 - 1}
        }  # fmt: skip
        _store(client, _file(OLD, **more))
        _store(client, _file(NEW, **more | {"SF": {"B": True, "C": False}}))
        delta = client.get("/api/layers/PLAN/versions/2/export", params={"since": 1, "as_delta": "true"})
        client.post("/api/layers/PLAN/versions/2/withdrawal")
        client.post("/api/layers/PLAN/versions/1/withdrawal")
        _store(client, _file(dict(OLD) | {"B": (0.01, "别的"), "C": (0.021, "丙")}))
        answer = _put(client, delta.content, base=3, name="d.gpkg")

    assert answer.status_code == 409, answer.text
    told = {row["source_id"]: row["what"] for row in answer.json()["rows"]}
    assert "attributes before" in told["B"] and "shape before" in told["C"]


def test_a_layer_without_source_ids_takes_no_delta(running: Server):
    with running.client("ZRZY") as client:
        client.post("/api/layers", json=PLAN | {"source_id_field": None})
        client.post("/api/layers/PLAN/versions", files={"file": ("plan.geojson", _file(OLD))})
        answer = _put(client, _file({"E": NEW["E"]}, CHANGE={"E": "add"}), change_field="CHANGE")

    assert (answer.status_code, "source_id_field" in answer.json()["detail"]) == (409, True)


def test_a_delta_by_a_job(running: Server):
    with running.client("ZRZY") as client:
        _store(client, _file(OLD))
        client.headers["Prefer"] = "respond-async"
        answer = _put(client, _file(DELTA, CHANGE=CHANGES), change_field="CHANGE")
        assert answer.status_code == 202
        Worker(running.edge, KINDS).run_one()
        job = client.get(answer.headers["Location"]).json()

    assert (job["state"], job["result"]["version"], job["error"]) == ("done", 2, None)


def test_overlaps_that_a_delta_brings_are_noted(running: Server):
    with running.client("ZRZY") as client:
        _store(client, _file(OLD))
        _put(client, _file({"E": (0.0005, "叠")}, CHANGE={"E": "add"}), change_field="CHANGE")
    with Session(running.edge.engine) as session:
        noted = session.scalars(
            text("SELECT has_overlaps FROM blueprint.layer_version ORDER BY number")
        ).all()

    assert noted == [False, True]


@pytest.mark.parametrize(
    ("change", "word"),
    [
        (Change(1, "A", True, True, True, ["2"]), None),
        (Change(1, "A", True, True, True, ["1", "3"]), None),
        (Change(1, "A", True, True, False, ["3"]), None),
        (Change(1, "A", False, False, True, ["1"]), None),
        (Change(1, "A", False, False, True, ["2"]), "no such feature"),
        (Change(1, "A", True, True, True, ["1"]), "has it already"),
        (Change(1, "A", True, True, True, ["3"]), "state after"),
        (Change(1, "A", True, False, True, ["2"]), "state before is missing"),
        (Change(1, "A", True, True, False, ["2"]), "state after is missing"),
        (Change(1, "A", True, True, True, []), "says nothing"),
        (Change(1, "A", True, True, True, ["2"], False), "no shape"),
        (Change(1, "A", False, False, True, ["1"], False), "no shape"),
    ],
)
def test_what_a_change_must_have(change: Change, word: str | None):
    told = judge(change, has_states=True)

    assert told is None if word is None else word in str(told)


def test_the_words_of_a_refusal_are_json(running: Server):
    with running.client("ZRZY") as client:
        _store(client, _file(OLD))
        answer = _put(client, _file({"A": OLD["A"]}, CHANGE={"A": "add"}), change_field="CHANGE")

    assert answer.headers["content-type"] == "application/problem+json"
    assert json.loads(answer.text)["rows"][0]["source_id"] == "A"


def _typed(running: Server, number: int) -> dict[str, Any]:
    """The field N of a version's features, by BSM."""
    query = text(
        "SELECT source_id, attributes -> 'N' AS n FROM blueprint.feature JOIN blueprint.layer_version v"
        " ON v.id = version_id WHERE v.number = :number"
    )
    with Session(running.edge.engine) as session:
        return {row.source_id: row.n for row in session.execute(query, {"number": number})}


LONG = 210300202600000001


@pytest.mark.parametrize(
    ("old", "new", "kept", "changed"),
    [
        pytest.param({"A": LONG, "B": 2}, {"B": 2, "C": 3}, {"A": str(LONG), "B": "2", "C": "3"}, 0, id="digits"),
        pytest.param({"A": 1, "B": 2}, {"B": "2", "C": "3"}, {"A": 1, "B": 2, "C": 3}, 0, id="numbers"),
        pytest.param({"A": 1, "B": 2}, {"B": LONG, "C": 3}, {"A": "1", "B": str(LONG), "C": "3"}, 1, id="longer"),
    ],
)  # fmt: skip
def test_a_field_of_a_delta_has_one_type_in_the_version_and_none_changes_for_its_type(
    running: Server, old: dict[str, Any], new: dict[str, Any], kept: dict[str, Any], changed: int
):
    places = {"A": 0.0, "B": 0.01, "C": 0.02}
    base = geojson(
        *[polygon(lonlat_square(LON + places[key])) for key in old],
        properties=[{"BSM": key, "N": value} for key, value in old.items()],
    )
    delta = geojson(
        *[polygon(lonlat_square(LON + places[key])) for key in new],
        properties=[{"BSM": key, "N": v, "CHANGE": "2" if key in old else "1"} for key, v in new.items()],
    )
    with running.client("ZRZY") as client:
        _store(client, base)

        assert _put(client, delta, change_field="CHANGE").status_code == 201

        found = client.get("/api/layers/PLAN/difference", params={"from": 1, "to": 2}).json()
    assert _typed(running, 2) == kept
    assert (found["added"], found["changed_attributes"], found["unchanged"]) == (1, changed, 2 - changed)


def test_a_whole_number_of_more_than_64_bits_in_a_geojson_is_refused_with_its_feature_and_field(
    running: Server,
):
    content = geojson(polygon(lonlat_square()), properties=[{"BSM": "A", "编号": 2**64}])
    with running.client("ZRZY") as client:
        client.post("/api/layers", json=PLAN)
        refused = client.post("/api/layers/PLAN/versions", files={"file": ("plan.geojson", content)})
    assert refused.status_code == 422
    assert "feature 1" in refused.json()["detail"] and "编号" in refused.json()["detail"]
