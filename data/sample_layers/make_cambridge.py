"""Make `cambridge/` from the City of Cambridge's open data (PDDL 1.0): same features, same attributes, same coordinates.

python data/sample_layers/make_cambridge.py [SOURCE] [FOLDER]
SOURCE is a checkout of github.com/cambridgegis/cambridgegis_data with the `scenario/` that SOURCE.md describes.
"""

import csv
import gzip
import io
import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyogrio

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT.parent / "shared" / "data" / "cambridge_ma"
FOLDER = Path(__file__).resolve().parent / "cambridge"
EXPECTED = ROOT / "tests" / "data"

FID_FIELD = "SOURCE_FID"
"""Added where the city's file has no key: the feature's number in that file, by which the scenario names it."""


@dataclass(frozen=True)
class Table:
    """A file of the city that becomes a table of a GeoPackage."""

    package: str
    name: str
    source: str
    has_key: bool = True
    crs: str | None = None


TABLES = [
    Table("planning", "zoning", "cdd_planning/CDD_ZoningDistricts.geojson"),
    Table("planning", "zoning_overlay", "cdd_planning/CDD_ZoningOverlayDistricts.geojson"),
    Table("heritage", "historic_district", "historical_commission/HISTORICAL_HistoricDistricts.geojson"),
    Table(
        "heritage", "conservation_district", "historical_commission/HISTORICAL_NhoodConservationDist.geojson"
    ),
    Table("heritage", "landmark", "historical_commission/HISTORICAL_LandmarksEasements.geojson"),
    Table(
        "heritage",
        "national_register",
        "historical_commission/HISTORICAL_NationalRegisterHistoricPlaces.geojson",
    ),
    Table("hydro", "flood_100y", "hydro/FEMA_FloodPlains100Year.geojson"),
    Table("hydro", "flood_500y", "hydro/FEMA_FloodPlains500Year.geojson"),
    Table("hydro", "water", "hydro/HYDRO_WaterBodies.geojson", has_key=False),
    Table("hydro", "wetland", "hydro/HYDRO_Wetlands.geojson"),
    Table("planning", "open_space", "recreation/RECREATION_OpenSpace.geojson"),
    Table("works", "rail_line", "trans/TRANS_Rail.geojson", has_key=False),
    Table("works", "subway", "trans/TRANS_SubwayLines.geojson", has_key=False),
    Table("works", "major_road_line", "trans/TRANS_MajorRoads.geojson"),
    Table("works", "road_surface", "basemap/BASEMAP_Roads.topojson", has_key=False, crs="EPSG:4326"),
    Table("works", "drainage_line", "infra/INFRA_Drainage.geojson", has_key=False),
    Table("works", "utility_point", "infra/INFRA_UtilityFacilities.geojson"),
    Table(
        "footprints/special_permit_areas",
        "special_permit_areas",
        "cdd_planning/CDD_SpecialPermitAreas.geojson",
    ),
]

SITES = {
    "draper-expansion": "PB-182",
    "2161-massachusetts-avenue": "PB-397",
    "stata-center": "PB-158",
    "745-concord-avenue": "PB-407",
    "130-cambridgepark-drive": "PB-279",
    "mit-west-campus-graduate-dorm": "PB-371",
    "king-open-school": "PB-323",
    "broad-institute": "PB-257",
    "mit-scc": "PB-370",
    "mit-volpe-redevelopment": "PB-368",
    "residences-at-alewife-station": "PB-326",
    "main-library": "PB-193",
    "foundry": "PB-362",
}
"""Sites that are shipped as footprint files of their own: file name to the Planning Board's case."""

QUARTER_CHORDS = {"landmark_50m": 63, "subway_30m": 49}
"""In how many chords a quarter circle of a zone is drawn: to 4 mm of it, as an upload draws zones."""


def main(arguments: list[str]) -> None:
    source = Path(arguments[0]) if arguments else SOURCE
    folder = Path(arguments[1]) if len(arguments) > 1 else FOLDER
    make_layers(source, folder)
    make_footprints(source, folder)
    make_expected(source, EXPECTED if folder == FOLDER else folder)


def make_layers(source: Path, folder: Path) -> None:
    """Copy the outline and every layer's features into GeoPackages by field of work."""
    # The same bytes every time: without this the day of making is written into the file.
    pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": "2026-08-17T00:00:00Z"})
    (folder / "footprints").mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source / "boundary/BOUNDARY_CityBoundary.geojson", folder / "boundary.geojson")
    shutil.copyfile(source / "LICENSE.md", folder / "LICENSE.md")
    for package in dict.fromkeys(table.package for table in TABLES):
        path = folder / f"{package}.gpkg"
        path.unlink(missing_ok=True)
        for table in (table for table in TABLES if table.package == package):
            _copy(table, source / table.source, path)
    (folder / "boundary.geojson").chmod(0o644)
    (folder / "LICENSE.md").chmod(0o644)


def _copy(table: Table, source: Path, path: Path) -> None:
    """Copy by way of Arrow: no attribute changes its type, no coordinate its last digit."""
    meta, features = pyogrio.read_arrow(source, return_fids=not table.has_key)
    geometry_name = meta["geometry_name"] or "wkb_geometry"
    if not table.has_key:
        fids = features.column("OGC_FID").cast(pa.int64())
        features = features.drop_columns(["OGC_FID"]).append_column(FID_FIELD, fids)
    pyogrio.write_arrow(
        features,
        path,
        layer=table.name,
        driver="GPKG",
        geometry_name=geometry_name,
        geometry_type=meta["geometry_type"] or "Unknown",
        crs=table.crs or meta["crs"],
        append=path.exists(),
        layer_options={"SPATIAL_INDEX": "NO", "GEOMETRY_NAME": "geom"},
    )


def make_footprints(source: Path, folder: Path) -> None:
    """Write single sites as GeoJSON, features word for word as the city has them."""
    text = (source / "cdd_planning/CDD_SpecialPermitAreas.geojson").read_text(encoding="utf-8")
    features = json.loads(text)["features"]
    for name, case in SITES.items():
        chosen = [feature for feature in features if feature["properties"]["CaseID"] == case]
        document = {"type": "FeatureCollection", "features": chosen}
        (folder / "footprints" / f"{name}.geojson").write_text(json.dumps(document) + "\n", encoding="utf-8")


def make_expected(source: Path, folder: Path) -> None:
    """Run the scenario's own reckoning and cut its results down to what a test compares.

    The results that lie beside it have zones of 16 chords a quarter circle; here they are drawn as `QUARTER_CHORDS` says.
    """
    measures = ["overlap_m2", "overlap_length_m", "n_points"]
    pairs = ["footprint_id", "layer_code", "feature_id", "kind", *measures]
    sums = [
        "footprint_id",
        "footprint_area_m2",
        "layer_code",
        "kind",
        "n_overlapping",
        "n_touching_only",
        *measures,
    ]
    with tempfile.TemporaryDirectory() as scratch:
        _reckon(source / "scenario", Path(scratch))
        with (Path(scratch) / "expected_pairs.csv").open(encoding="utf-8", newline="") as stream:
            _write_csv(folder / "cambridge_expected_pairs.csv.gz", pairs, csv.DictReader(stream))
        with (Path(scratch) / "expected_summary.csv").open(encoding="utf-8", newline="") as stream:
            rows = (
                row
                for row in csv.DictReader(stream)
                if row["n_overlapping"] != "0" or row["n_touching_only"] != "0"
            )
            _write_csv(folder / "cambridge_expected_layers.csv.gz", sums, rows)


def _reckon(scenario: Path, scratch: Path) -> None:
    """Run `overlay_oracle.py`, which knows nothing of our code, on the scenario with finer zones."""
    told = json.loads((scenario / "scenario.json").read_text(encoding="utf-8"))
    for layer in [told["footprints"], *told["layers"]]:
        layer["file"] = str((scenario / layer["file"]).resolve())
        if layer.get("code") in QUARTER_CHORDS:
            layer["quad_segs"] = QUARTER_CHORDS[layer["code"]]
    (scratch / "scenario.json").write_text(json.dumps(told), encoding="utf-8")
    subprocess.run(
        [sys.executable, scenario / "overlay_oracle.py", scratch / "scenario.json"],
        check=True,
        stdout=subprocess.DEVNULL,
    )


def _write_csv(path: Path, columns: list[str], rows: Iterable[dict[str, str]]) -> None:
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(text.getvalue().encode(), 9, mtime=0))


if __name__ == "__main__":
    main(sys.argv[1:])
