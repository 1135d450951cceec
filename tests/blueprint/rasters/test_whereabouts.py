"""GeoTIFFs whose place is in doubt: what the doctor says of them, what is refused, and old datums that an operator registered."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio.features
import shapely
from affine import Affine
from pyproj import Transformer
from sqlalchemy.orm import Session

from blueprint.city import City
from blueprint.crs_registry import (
    ControlPoint,
    Registration,
    register_transformation,
    registered_transformations,
)
from blueprint.errors import InvalidInputError
from blueprint.jurisdiction import jurisdiction
from blueprint.layers.catalogue import LayerDefinition, define_layer
from blueprint.layers.diagnosis import Diagnosis, diagnose
from blueprint.layers.map_shift import to_gcj02
from blueprint.layers.models import LayerVersion
from blueprint.layers.reading import staged
from blueprint.permissions import at_console
from blueprint.rasters.whereabouts import whereabouts
from blueprint.transformations import RegisteredTransformation
from service.settings import Settings
from tests.blueprint.rasters.conftest import NOW, Publish
from tests.made import ORIGIN
from tests.rasters import WORKING, north_up, slope, write_tif

SEVEN = "-100,20,30,0.1,0.2,-0.3,1.5"
OPERATOR = at_console("operator")
Doctor = Callable[..., Diagnosis]


@pytest.fixture
def doctor(session: Session, city: City) -> Doctor:
    """Looks at a file for a raster layer."""
    values = {"code": "DEM", "title": "高程", "department": "ZRZY", "geometry": "raster", "control": "inform"}
    layer, _ = define_layer(
        session, LayerDefinition(value_kind="continuous", **values), city=city, actor=OPERATOR
    )

    def look(path: Path, **said: Any) -> Diagnosis:
        with path.open("rb") as stream, staged(stream, path.name, scratch=Settings().scratch) as file:
            return diagnose(session, layer, file, city=city, **said)

    return look


def register(
    session: Session, city: City, source: str, kind: str, parameters: str
) -> RegisteredTransformation:
    """Registered with the control point that its own parameters give."""
    way = RegisteredTransformation(0, source, kind, parameters, WORKING, 0.1, "函〔2026〕1号")
    x, y = 1_000.0, 2_000.0
    if kind == "seven":
        x, y = 500_000.0, 4_550_000.0
    moved = way.operation(source, WORKING).move(np.array([x]), np.array([y]))
    point = ControlPoint(x, y, float(moved[0][0]), float(moved[1][0]))
    entry = Registration(source, kind, parameters, 0.1, "函〔2026〕1号", [point])
    register_transformation(session, entry, city=city, actor=OPERATOR, now=NOW)
    return registered_transformations(session)[-1]


@pytest.mark.parametrize(
    ("source", "kind", "parameters", "said"),
    [
        ("EPSG:2346", "seven", SEVEN, None),
        ("LOCAL:ANSHAN", "pipeline", f"+proj=affine +xoff={ORIGIN[0] - 1000} +yoff={ORIGIN[1] - 2000} +s12=0.002 +s21=-0.002", "LOCAL:ANSHAN"),
    ],
)  # fmt: skip
def test_a_raster_of_a_registered_system_lies_where_its_parameters_put_it(
    tmp_path: Path,
    session: Session,
    city: City,
    publish_raster: Publish,
    doctor: Doctor,
    opened: Callable[[LayerVersion], Any],
    source: str,
    kind: str,
    parameters: str,
    said: str | None,
):
    """Two planes, of the easting and of the northing: every pixel says where it came from, and so where it belongs."""
    west, south = (1_000.0, 2_000.0) if said else (ORIGIN[0], ORIGIN[1])
    transform = Affine(10, 0, west, 0, -10, south + 1_000)
    columns, rows = np.meshgrid(np.arange(120) + 0.5, np.arange(100) + 0.5)
    planes = [west + 10 * columns - west, south + 1_000 - 10 * rows - south]
    paths = [
        write_tif(tmp_path / f"{n}.tif", plane, transform=transform, crs=None if said else source)
        for n, plane in enumerate(planes)
    ]
    with pytest.raises(InvalidInputError):
        publish_raster(paths[0], crs=said)

    way = register(session, city, source, kind, parameters)
    found = doctor(paths[0], crs=said)
    versions = [publish_raster(path, f"PLANE{n}", crs=said) for n, path in enumerate(paths)]

    assert found.share_inside == 1 and "registered transformation" in (found.operation or "")
    assert (versions[0].source_crs, versions[0].operation_accuracy_m) == (source, 0.1)
    assert "函〔2026〕1号" in versions[0].operation and versions[0].raster.resampling == "bilinear"
    stored = []
    for version in versions:
        with opened(version) as raster:
            assert raster.crs.to_epsg() == 4550
            stored.append(raster.read(1, masked=True)[15:-15, 15:-15])
            grid = raster.transform
    shape = stored[0].shape
    xs, ys = np.meshgrid(np.arange(shape[1]) + 15.5, np.arange(shape[0]) + 15.5)
    moved = way.operation(source, WORKING).move(stored[0] + west, stored[1] + south)
    assert stored[0].count() > 5_000
    assert np.abs(moved[0] - (grid.c + grid.a * xs)).max() < 0.2
    assert np.abs(moved[1] - (grid.f + grid.e * ys)).max() < 0.2


def at(x: float, y: float, *, pixel_m: float = 10.0) -> Affine:
    return Affine(pixel_m, 0, x, 0, -pixel_m, y + 40 * pixel_m)


@pytest.mark.parametrize(
    ("transform", "crs", "guess", "accept"),
    [
        (north_up(height=40), None, "EPSG:4550", "EPSG:4550"),
        (north_up(height=40), "EPSG:4549", "EPSG:4550", "EPSG:4550"),
        (at(41_000_000 + ORIGIN[0], ORIGIN[1]), None, "EPSG:4529", "EPSG:4529"),
        (Affine(0, 10, ORIGIN[1], 10, 0, ORIGIN[0]), None, "EPSG:4550", None),
    ],
)
def test_a_raster_without_a_system_or_in_the_wrong_one_is_refused_with_the_one_that_fits(
    tmp_path: Path,
    publish_raster: Publish,
    doctor: Doctor,
    transform: Affine,
    crs: str | None,
    guess: str,
    accept: str | None,
):
    path = write_tif(tmp_path / "dem.tif", slope(), transform=transform, crs=crs)

    found = doctor(path)

    assert not found.share_inside
    assert found.guesses[0].crs == guess and found.guesses[0].is_acceptable == (accept is not None)
    assert found.raster is not None and (found.raster.width, found.raster.data_type) == (50, "float32")
    assert {feature["properties"]["role"] for feature in found.preview["features"]} >= {"outline"}
    with pytest.raises(InvalidInputError, match="swapped" if accept is None else f"--accept-crs {guess}"):
        publish_raster(path)
    if accept is not None:
        version = publish_raster(path, accept_crs=accept)
        assert version.quality["crs_decision"]["accepted"] == accept


def test_a_raster_cut_to_the_city_and_shifted_by_a_map_service_is_recognised(
    tmp_path: Path, city: City, publish_raster: Publish, doctor: Doctor
):
    outline = jurisdiction(city).outline
    to_degrees = Transformer.from_crs(WORKING, "EPSG:4490", always_xy=True)
    degrees = shapely.transform(outline, lambda xy: np.column_stack(to_degrees.transform(xy[:, 0], xy[:, 1])))
    paths = []
    for name, shape in (("as-is", degrees), ("shifted", shapely.transform(degrees, to_gcj02))):
        west, _, _, north = shape.bounds
        transform = Affine(0.001, 0, west - 0.01, 0, -0.001, north + 0.01)
        size = (
            round((north - shape.bounds[1] + 0.02) / 0.001),
            round((shape.bounds[2] - west + 0.02) / 0.001),
        )
        values = rasterio.features.rasterize([shape], size, fill=0, transform=transform, dtype="uint8")
        paths.append(
            write_tif(tmp_path / f"{name}.tif", values, transform=transform, crs="EPSG:4490", nodata=0)
        )

    sound, shifted = (doctor(path) for path in paths)

    assert sound.shift is None and (sound.share_inside or 0) > 0.9
    assert shifted.shift is not None and shifted.shift.system == "GCJ-02"
    assert publish_raster(paths[0]).quality["placed_on"] == ["the boundaries of the city"]
    with pytest.raises(InvalidInputError, match="GCJ-02"):
        publish_raster(paths[1])
    accepted = publish_raster(paths[1], accept_crs="EPSG:4490")
    assert "GCJ-02" in accepted.quality["crs_decision"]["against"]


def test_pixels_of_nan_are_no_values_also_where_the_file_tags_none(tmp_path: Path):
    values = slope()
    values[:, 25:] = np.nan
    path = write_tif(tmp_path / "dem.tif", values)

    with rasterio.open(path) as source:
        points, edge = whereabouts(source, 1)
        middle = (source.bounds.left + source.bounds.right) / 2

    assert len(points) > 100 and points[:, 0].max() < middle
    assert len(edge) == 40 and (edge[:, 0] == middle).all()


def test_a_raster_that_is_marked_secret_is_refused(tmp_path: Path, publish_raster: Publish):
    path = write_tif(tmp_path / "dem.tif", slope())
    with rasterio.open(path, "r+") as opened:
        opened.update_tags(TIFFTAG_IMAGEDESCRIPTION="密级：机密")

    with pytest.raises(InvalidInputError, match="机密"):
        publish_raster(path)
