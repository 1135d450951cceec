"""The coordinate system that a GeoJSON names, wherever in the file its own member stands."""

import json
import time
from pathlib import Path
from typing import Any

import pytest

from blueprint.errors import InvalidInputError
from blueprint.geojson_crs import crs_named_in

XIAN = {"type": "name", "properties": {"name": "Xian 1980"}}
OTHER = {"type": "name", "properties": {"name": "EPSG:4490"}}
FEATURES: list[dict[str, Any]] = [
    {"type": "Feature", "properties": {"crs": OTHER, "note": '"crs": {'}, "geometry": None}
]
MANY = FEATURES * 12_000


def written(folder: Path, *members: tuple[str, Any]) -> Path:
    path = folder / "a.geojson"
    path.write_text(json.dumps(dict(members)), encoding="utf-8")
    return path


@pytest.mark.parametrize("features", [FEATURES, MANY], ids=["a small file", "a large file"])
def test_the_documents_own_member_is_found_on_either_side_of_the_features(
    tmp_path: Path, features: list[Any]
):
    kind, held, named = ("type", "FeatureCollection"), ("features", features), ("crs", XIAN)

    assert crs_named_in(written(tmp_path, kind, named, held)) == "Xian 1980"
    assert crs_named_in(written(tmp_path, kind, held, named)) == "Xian 1980"
    assert crs_named_in(written(tmp_path, kind, held, ("name", "a"), named, ("bbox", [1, 2]))) == "Xian 1980"
    assert crs_named_in(written(tmp_path, kind, ("crs", None), held)) is None
    assert crs_named_in(written(tmp_path, kind, held)) is None


def test_of_one_feature_and_behind_a_mark_of_byte_order(tmp_path: Path):
    path = written(tmp_path, ("type", "Feature"), ("crs", XIAN), ("properties", {}), ("geometry", None))
    path.write_bytes(b"\xef\xbb\xbf " + path.read_bytes())

    assert crs_named_in(path) == "Xian 1980"


@pytest.mark.parametrize("given", ["EPSG:4610", {"name": "EPSG:4610"}, {"type": "link"}, 4610])
def test_another_form_is_refused(tmp_path: Path, given: object):
    with pytest.raises(InvalidInputError, match="without a name"):
        crs_named_in(written(tmp_path, ("crs", given), ("features", [])))


def test_a_member_within_members_without_end_is_soon_left_alone(tmp_path: Path):
    path = tmp_path / "deep.geojson"
    path.write_text('{"crs": ' * 170_000 + "1" + "}" * 170_000, encoding="utf-8")
    started = time.process_time()

    assert crs_named_in(path) is None
    assert time.process_time() - started < 5
