"""The shipped files of the sample city of Cambridge: they open, they are small, and they are the city's own figures."""

import csv
import gzip
import json
import runpy
import tomllib
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyogrio
import pytest
import shapely

from blueprint.city import DepartmentRole, load_city
from blueprint.footprint import read_footprint_file
from blueprint.layers.catalogue import check_definition
from blueprint.layers.catalogue_file import read_catalogue
from service.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "data" / "sample_layers" / "make_cambridge.py"
FOLDER = ROOT / "data" / "sample_layers" / "cambridge"
SITES = FOLDER / "footprints" / "special_permit_areas.gpkg"
SOURCE = ROOT.parent / "shared" / "data" / "cambridge_ma"
MAX_FOLDER_BYTES = 6 << 20
MAX_EXPECTED_BYTES = 300_000

CITY = load_city(FOLDER / "city.toml")
CATALOGUE = read_catalogue(FOLDER / "layers.toml")
PROJECTS: list[dict[str, Any]] = tomllib.loads((FOLDER / "projects.toml").read_text(encoding="utf-8"))[
    "project"
]
TYPES = {
    "polygon": {"Polygon", "MultiPolygon"}, "line": {"LineString", "MultiLineString"}, "point": {"Point"},
}  # fmt: skip
ORDER = ["clear", "inform", "advise", "restrict", "prohibit"]
COUNTS = {
    "zoning": 261, "zoning_overlay": 53, "historic_district": 2, "conservation_district": 4, "landmark": 117,
    "landmark_50m": 117, "national_register": 226, "flood_100y": 21, "flood_500y": 39, "water": 74, "wetland": 31,
    "open_space": 276, "rail_line": 97, "subway_30m": 3, "major_road_line": 833, "road_surface": 205,
    "drainage_line": 137, "utility_point": 14,
}  # fmt: skip
"""As the city's own files count them."""

LAYERS = [pytest.param(entry, id=entry.definition.code) for entry in CATALOGUE]


def read(path: Path, table: str | None = None) -> tuple[dict[str, np.ndarray], np.ndarray, str | None]:
    """Attributes, shapes and CRS of a table, in the order of the file."""
    meta, _, wkb, values = pyogrio.raw.read(path, layer=table)
    return dict(zip(meta["fields"], values, strict=True)), shapely.from_wkb(wkb), meta["crs"]


def expected(name: str) -> Iterator[dict[str, str]]:
    with gzip.open(
        Path(__file__).parent / f"cambridge_expected_{name}.csv.gz", "rt", encoding="utf-8"
    ) as rows:
        yield from csv.DictReader(rows)


def test_the_profile_names_what_the_service_needs() -> None:
    assert (CITY.administrative_code, CITY.working_crs, CITY.time_zone) == (
        "2511000", "EPSG:26986", "America/New_York",
    )  # fmt: skip
    assert (CITY.calendar_country, CITY.calendar_subdivision) == ("US", "MA")
    roles = [department.role for department in CITY.departments]
    assert roles.count(DepartmentRole.COORDINATOR) == roles.count(DepartmentRole.APPROVALS) == 1
    assert len([department for department in CITY.departments if department.always_asked]) == 2
    assert CITY.boundary_path is not None
    _, (outline,), crs = read(CITY.boundary_path)
    assert outline.is_valid
    assert crs == "EPSG:4326"


def test_all_eighteen_layers_are_there_and_sound() -> None:
    assert {entry.definition.code for entry in CATALOGUE} == COUNTS.keys()
    for entry in CATALOGUE:
        check_definition(entry.definition, city=CITY)


@pytest.mark.parametrize("entry", LAYERS)
def test_a_layer_opens_with_its_fields_and_kind(entry: Any) -> None:
    definition = entry.definition
    for version in entry.versions:
        attributes, shapes, crs = read(version.path, version.sublayer)
        assert len(shapes) == COUNTS[definition.code]
        assert {shape.geom_type for shape in shapes} <= TYPES[definition.geometry]
        assert (version.crs or crs) == "EPSG:4326"
        assert definition.label_field in attributes
        keys = attributes[definition.source_id_field].tolist()
        assert len(set(keys)) == len(keys)
        assert None not in keys


def test_the_sites_are_the_355_and_named_by_their_key() -> None:
    attributes, shapes, _ = read(SITES)
    keys = attributes["GlobalID"].tolist()
    assert len(set(keys)) == len(keys) == len(shapes) == 355
    assert {row["footprint_id"] for row in expected("layers")} <= set(keys)


@pytest.mark.parametrize("project", [pytest.param(p, id=p["case_id"]) for p in PROJECTS])
def test_a_project_s_footprint_is_read_and_is_made_of_the_sites(project: dict[str, Any]) -> None:
    """A case may have two sites, a parcel and the building on it; its footprint is their union."""
    attributes, shapes, _ = read(SITES)
    site_of = dict(zip(attributes["GlobalID"], shapes, strict=True))
    area_of = {row["footprint_id"]: float(row["footprint_area_m2"]) for row in expected("layers")}
    features = features_of(project)
    for feature in features:
        assert feature["properties"]["CaseID"] == project["case_id"]
        shape = shapely.from_geojson(json.dumps(feature["geometry"]))
        site = site_of[feature["properties"]["GlobalID"]]
        assert shapely.get_coordinates(shape).tolist() == shapely.get_coordinates(site).tolist()
    footprint = read_footprint_file(FOLDER / project["file"], city=CITY, scratch=Settings().scratch)
    areas_m2 = [area_of[feature["properties"]["GlobalID"]] for feature in features]
    assert max(areas_m2) - 1e-4 <= footprint.geometry.area <= sum(areas_m2) + 1e-4


@pytest.mark.parametrize("project", [pytest.param(p, id=p["case_id"]) for p in PROJECTS])
def test_a_project_s_verdict_follows_from_the_figures(project: dict[str, Any]) -> None:
    """The strictest control of the layers it overlaps by more than their tolerance, in the independent figures."""
    definitions = {entry.definition.code: entry.definition for entry in CATALOGUE}
    sites = {feature["properties"]["GlobalID"] for feature in features_of(project)}
    met = ["clear"]
    for row in expected("layers"):
        definition = definitions[row["layer_code"]]
        length_or_points = float(row["overlap_length_m"] or row["n_points"] or 0)
        is_met = float(row["overlap_m2"] or 0) > definition.tolerance_m2 or length_or_points > 0
        if row["footprint_id"] in sites and is_met:
            met.append(str(definition.control))
    assert max(met, key=ORDER.index) == project["expected"]


def features_of(project: dict[str, Any]) -> list[dict[str, Any]]:
    features = json.loads((FOLDER / project["file"]).read_text(encoding="utf-8"))["features"]
    assert features
    return list(features)


def test_the_verdicts_differ() -> None:
    assert {project["expected"] for project in PROJECTS} == {"inform", "advise", "restrict", "prohibit"}


def test_the_figures_agree_with_each_other() -> None:
    """A site's sums cannot be more than its features' figures added up, nor less than the largest of them."""
    parts: dict[tuple[str, str], list[float]] = defaultdict(list)
    for row in expected("pairs"):
        measure = float(row["overlap_m2"] or row["overlap_length_m"] or row["n_points"] or 0)
        parts[row["footprint_id"], row["layer_code"]].append(measure)
    rows = list(expected("layers"))
    assert {(row["footprint_id"], row["layer_code"]) for row in rows} == parts.keys()
    for row in rows:
        measures = parts[row["footprint_id"], row["layer_code"]]
        total = float(row["overlap_m2"] or row["overlap_length_m"] or row["n_points"] or 0)
        assert max(measures) - 1e-3 <= total <= sum(measures) + 1e-3
        assert len(measures) == int(row["n_overlapping"]) + int(row["n_touching_only"])


def test_the_files_are_small() -> None:
    assert sum(path.stat().st_size for path in FOLDER.rglob("*") if path.is_file()) < MAX_FOLDER_BYTES
    tables = list(Path(__file__).parent.glob("cambridge_expected_*.csv.gz"))
    assert len(tables) == 2
    assert sum(path.stat().st_size for path in tables) < MAX_EXPECTED_BYTES


def test_origin_and_licence_are_named() -> None:
    text = (FOLDER / "SOURCE.md").read_text(encoding="utf-8")
    assert "github.com/cambridgegis/cambridgegis_data" in text
    assert "44a03d195bb4bc3d9f0bf31452f5ab2d6b2f7be9" in text
    assert "Public Domain Dedication and License" in (FOLDER / "LICENSE.md").read_text(encoding="utf-8")


@pytest.mark.skipif(not SOURCE.is_dir(), reason=f"the city's own files are not at {SOURCE}")
def test_coordinates_and_attributes_are_the_city_s_own() -> None:
    """To the last bit: the same points in the same order, the same values."""
    for table in runpy.run_path(str(SCRIPT))["TABLES"]:
        original, city_shapes, _ = read(SOURCE / table.source)
        attributes, shapes, _ = read(FOLDER / f"{table.package}.gpkg", table.name)
        assert len(shapes) == len(city_shapes) > 0, table.name
        assert shapely.to_wkb(shapes).tolist() == shapely.to_wkb(city_shapes).tolist(), table.name
        assert set(attributes) - {"SOURCE_FID"} == set(original), table.name
        for field, values in original.items():
            assert list(map(str, attributes[field])) == list(map(str, values)), (table.name, field)
    outline = (SOURCE / "boundary" / "BOUNDARY_CityBoundary.geojson").read_bytes()
    assert (FOLDER / "boundary.geojson").read_bytes() == outline
