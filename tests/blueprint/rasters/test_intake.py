"""GeoTIFFs at the door: what is taken and how it lies afterwards, what is refused and in which words."""

import io
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from affine import Affine
from pyproj import Transformer
from sqlalchemy.orm import Session

from blueprint.city import City
from blueprint.errors import InvalidInputError
from blueprint.jurisdiction import jurisdiction
from blueprint.layers.models import LayerVersion
from blueprint.layers.reading import staged
from blueprint.objects import objects_of
from blueprint.rasters.intake import RasterRequest, take_in
from service.settings import Settings
from tests.badfiles import zipped
from tests.blueprint.rasters.conftest import Publish
from tests.made import ORIGIN
from tests.rasters import WORKING, north_up, rotated, slope, sparse, write_tif

Opened = Callable[[LayerVersion], Any]


def test_a_raster_in_the_working_crs_keeps_every_pixel(
    tmp_path: Path, publish_raster: Publish, opened: Opened
):
    values = np.random.default_rng(1).normal(10, 5, (700, 1300)).astype(np.float32)

    version = publish_raster(write_tif(tmp_path / "slope.tif", values))

    raster = version.raster
    assert raster is not None
    assert (raster.resampling, raster.width, raster.height, raster.pixel_width_m) == ("none", 1300, 700, 10)
    assert (raster.minimum, raster.maximum) == (values.min(), values.max())
    assert raster.mean == pytest.approx(values.mean(dtype=np.float64), rel=1e-12)
    assert raster.deviation == pytest.approx(values.std(dtype=np.float64), rel=1e-12)
    with opened(version) as stored:
        assert np.array_equal(stored.read(1), values)
        assert stored.transform == north_up(height=700)
        assert stored.crs.to_epsg() == 4550


def test_it_is_stored_as_a_cog_with_overviews_and_statistics(
    tmp_path: Path, session: Session, publish_raster: Publish, opened: Opened
):
    version = publish_raster(write_tif(tmp_path / "slope.tif", slope(1500, 1500)))

    with opened(version) as stored:
        assert stored.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"
        assert stored.overviews(1) == [2, 4]
        assert stored.block_shapes == [(512, 512)]
        assert float(stored.tags(1)["STATISTICS_MAXIMUM"]) == 1499
    path = objects_of(session).existing(version.raster.object_sha256)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_missing_values_are_said_in_one_way(tmp_path: Path, publish_raster: Publish, opened: Opened):
    values = slope()
    values[0, 0], values[1, 1], values[2, 2] = -9999, np.nan, np.inf

    version = publish_raster(write_tif(tmp_path / "slope.tif", values, nodata=-9999))

    assert version.raster.nodata == "nan"
    assert version.raster.valid_count == values.size - 3
    with opened(version) as stored:
        assert np.isnan(stored.read(1)[[0, 1, 2], [0, 1, 2]]).all()


def test_a_mask_becomes_a_value_that_no_pixel_has(tmp_path: Path, publish_raster: Publish, opened: Opened):
    values = np.arange(200, dtype=np.uint8).reshape(10, 20)
    path = write_tif(tmp_path / "classes.tif", values)
    with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True), rasterio.open(path, "r+") as opened_file:
        opened_file.write_mask(values != 7)

    version = publish_raster(path, value_kind="classes")

    assert version.raster.nodata == "255"
    assert version.raster.classes == {str(code): 1 for code in range(200) if code != 7}
    with opened(version) as stored:
        assert (stored.read(1) == 255).sum() == 1


@pytest.mark.parametrize("value", [-9999.0, float(np.finfo(np.float32).min), 1e20])
def test_a_value_that_stands_for_none_without_the_file_saying_so_is_told(
    tmp_path: Path, publish_raster: Publish, value: float
):
    values = slope().astype(np.float32)
    values[:3] = value
    unsaid, said = write_tif(tmp_path / "a.tif", values), write_tif(tmp_path / "b.tif", values, nodata=value)

    (noted,) = publish_raster(unsaid).quality["issues"]
    assert f"the value {value:g} looks like what stands for missing pixels" in noted["message"]
    assert not publish_raster(said).quality["issues"]


def test_a_no_data_value_that_cannot_occur_hides_nothing(tmp_path: Path, publish_raster: Publish):
    path = write_tif(tmp_path / "classes.tif", np.ones((10, 10), dtype=np.uint8), nodata=125)
    content = path.read_bytes()
    assert content.count(b"125\x00") == 1
    # GDAL itself refuses to write a negative no-data value for bytes; other programs do not.
    path.write_bytes(content.replace(b"125\x00", b"-99\x00"))

    assert publish_raster(path, value_kind="classes").raster.valid_count == 100


@pytest.mark.parametrize(("east", "north"), [(1, 1), (-1, -1), (-1, 1)])
def test_south_up_and_east_first_are_turned_without_resampling(
    tmp_path: Path, publish_raster: Publish, opened: Opened, east: int, north: int
):
    values = np.arange(20 * 30, dtype=np.float32).reshape(20, 30)
    upright = values[::-1] if north > 0 else values
    upright = upright[:, ::-1] if east < 0 else upright
    transform = Affine(
        10 * east,
        0,
        ORIGIN[0] + (300 if east < 0 else 0),
        0,
        10 * north,
        ORIGIN[1] + (200 if north < 0 else 0),
    )

    version = publish_raster(write_tif(tmp_path / "slope.tif", values, transform=transform))

    assert version.raster.resampling == "none"
    with opened(version) as stored:
        assert np.array_equal(stored.read(1), upright)
        assert stored.transform == north_up(height=20)


@pytest.mark.parametrize("crs", ["EPSG:4490", "EPSG:4529", "EPSG:4326"])
@pytest.mark.parametrize(("kind", "resampling"), [("continuous", "bilinear"), ("classes", "nearest")])
def test_another_crs_is_resampled_once_to_where_it_belongs(
    tmp_path: Path, publish_raster: Publish, opened: Opened, crs: str, kind: str, resampling: str
):
    """A plane that rises with the easting: after resampling every pixel still says its own easting."""
    to_source = Transformer.from_crs(WORKING, crs, always_xy=True)
    west, south = to_source.transform(ORIGIN[0], ORIGIN[1])
    pixel = 10.0 if crs == "EPSG:4529" else 0.0001
    transform = Affine(pixel, 0, west, 0, -pixel, south + 200 * pixel)
    columns, rows = np.meshgrid(np.arange(300) + 0.5, np.arange(200) + 0.5)
    xs, ys = transform.c + pixel * columns, transform.f - pixel * rows
    eastings = to_source.transform(xs.ravel(), ys.ravel(), direction="INVERSE")[0].reshape(xs.shape)
    values = eastings - ORIGIN[0]
    values = np.round(values / 1000).astype(np.int16) if kind == "classes" else values.astype(np.float64)

    version = publish_raster(
        write_tif(tmp_path / "east.tif", values, crs=crs, transform=transform), value_kind=kind
    )

    assert version.raster.resampling == resampling
    with opened(version) as stored:
        assert stored.crs.to_epsg() == 4550
        found = stored.read(1, masked=True)
        east = stored.transform.c + stored.transform.a * (np.arange(stored.width) + 0.5) - ORIGIN[0]
        expected = np.broadcast_to(east, found.shape)
        off = np.abs(found - (np.round(expected / 1000) if kind == "classes" else expected))[10:-10, 10:-10]
    assert off.count() > 10_000
    if kind == "classes":
        assert set(np.unique(found.compressed())) <= set(np.unique(values))
        assert (off > 0).mean() < 0.01
    else:
        assert off.max() < 1  # a tenth of a pixel: the kernel is widened where pixels become larger


def test_a_rotated_raster_is_resampled(tmp_path: Path, publish_raster: Publish, opened: Opened):
    values = np.full((100, 100), 7, dtype=np.float32)

    version = publish_raster(
        write_tif(tmp_path / "slope.tif", values, transform=rotated(30, 10, east=500, north=1500))
    )

    raster = version.raster
    assert raster.resampling == "bilinear"
    with opened(version) as stored:
        area_m2 = np.isfinite(stored.read(1)).sum() * raster.pixel_width_m * raster.pixel_height_m
    assert area_m2 == pytest.approx(1_000_000, rel=0.02)


def test_one_band_of_several_is_named(tmp_path: Path, publish_raster: Publish):
    path = write_tif(tmp_path / "two.tif", np.stack([slope(), slope() + 100]))

    with pytest.raises(InvalidInputError, match="has 2 bands; name the one"):
        publish_raster(path)
    with pytest.raises(InvalidInputError, match="no band '3'"):
        publish_raster(path, band="3")
    assert publish_raster(path, band="2").raster.minimum == 100


def _vrt(_: Path) -> bytes:
    return b'<VRTDataset rasterXSize="1" rasterYSize="1"><VRTRasterBand dataType="Byte" band="1" subClass="VRTRawRasterBand"><SourceFilename relativetoVRT="0">/etc/passwd</SourceFilename></VRTRasterBand></VRTDataset>'


def _wms(_: Path) -> bytes:
    return b'<GDAL_WMS><Service name="WMS"><ServerUrl>http://127.0.0.1:9/</ServerUrl></Service></GDAL_WMS>'


def _truncated(folder: Path) -> bytes:
    content = write_tif(folder / "x.tif", np.random.default_rng(1).random((500, 500))).read_bytes()
    return content[: len(content) // 2]


def _magic_alone(_: Path) -> bytes:
    return b"II*\x00" + b"\x08\x00\x00\x00" + bytes(500)


def _scaled(folder: Path) -> bytes:
    path = write_tif(folder / "x.tif", slope())
    with rasterio.open(path, "r+") as written:
        written.scales, written.offsets = (0.1,), (5.0,)
    return path.read_bytes()


def _complex(folder: Path) -> bytes:
    return write_tif(folder / "x.tif", slope().astype(np.complex64)).read_bytes()


def _many_bands(folder: Path) -> bytes:
    path = folder / "x.tif"
    with rasterio.open(
        path, "w", driver="GTiff", count=65_535, height=1, width=1, dtype="uint8", crs=WORKING,
        transform=north_up(height=1), interleave="pixel",
    ):  # fmt: skip
        pass
    return path.read_bytes()


def _giant(folder: Path) -> bytes:
    return sparse(folder / "x.tif", 200_000).read_bytes()


def _elsewhere(folder: Path) -> bytes:
    return write_tif(folder / "x.tif", slope(), transform=north_up(height=40, east=900_000)).read_bytes()


def _nothing(folder: Path) -> bytes:
    return write_tif(folder / "x.tif", np.full((5, 5), np.nan)).read_bytes()


def _unreferenced(folder: Path) -> bytes:
    return write_tif(folder / "x.tif", slope(), transform=Affine.identity()).read_bytes()


def _no_crs(folder: Path) -> bytes:
    return write_tif(folder / "x.tif", slope(), crs=None).read_bytes()


def _xian(folder: Path) -> bytes:
    return write_tif(folder / "x.tif", slope(), crs="EPSG:2343").read_bytes()


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (_vrt, "no geodata file that can be read"),
        (_wms, "no geodata file"),
        (_truncated, "cannot be read as a GeoTIFF"),
        (_magic_alone, "cannot be read as a GeoTIFF"),
        (_complex, "type complex64"),
        (_scaled, "count 0.1 each and begin at 5"),
        (_many_bands, "65,535 bands"),
        (_giant, "37.3 GB without compression, at most 2 GB"),
        (_elsewhere, "outside the city"),
        (_nothing, "no value at all"),
        (_unreferenced, "no georeference"),
        (_no_crs, "does not say its coordinate system"),
        (_xian, "no registered transformation"),
    ],
)
@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
def test_what_cannot_be_taken_is_refused_in_one_sentence(
    tmp_path: Path, publish_raster: Publish, make: Callable[[Path], bytes], words: str
):
    (tmp_path / "made").mkdir()
    path = tmp_path / "plan.tif"
    path.write_bytes(make(tmp_path / "made"))

    with pytest.raises(InvalidInputError, match=words):
        publish_raster(path)


def test_a_raster_in_a_zip_with_a_wrong_zone_is_told_the_right_one_and_taken_when_a_person_accepts_it(
    tmp_path: Path, publish_raster: Publish, opened: Opened
):
    zoned = north_up(height=40)
    shifted = Affine(zoned.a, 0, zoned.c + 41_000_000, 0, zoned.e, zoned.f)
    tif = write_tif(tmp_path / "slope.tif", slope(), transform=shifted)
    path = tmp_path / "slope.zip"
    path.write_bytes(zipped({"剖面/slope.tif": tif.read_bytes()}))

    with pytest.raises(
        InvalidInputError, match=r"outside the city in EPSG:4550; .*\(--accept-crs EPSG:4529 at the console\)"
    ):
        publish_raster(path)
    version = publish_raster(path, accept_crs="EPSG:4529")

    decision = version.quality["crs_decision"]
    assert (decision["accepted"], decision["declared"]) == ("EPSG:4529", "EPSG:4550")
    with opened(version) as stored:
        assert stored.bounds.left == pytest.approx(zoned.c, abs=10)


def test_a_raster_for_a_layer_of_features_is_refused(tmp_path: Path, publish_raster: Publish):
    path = write_tif(tmp_path / "slope.tif", slope())

    with pytest.raises(InvalidInputError, match="this is a raster"):
        publish_raster(path, "LAND", geometry="polygon", value_kind=None)


def test_features_for_a_raster_layer_are_refused(tmp_path: Path, publish_raster: Publish):
    path = tmp_path / "plan.geojson"
    path.write_text('{"type":"FeatureCollection","features":[]}')

    with pytest.raises(InvalidInputError, match="no GeoTIFF"):
        publish_raster(path)


def test_measures_are_no_classes(tmp_path: Path, publish_raster: Publish):
    with pytest.raises(InvalidInputError, match="no whole numbers"):
        publish_raster(write_tif(tmp_path / "slope.tif", slope() + 0.5), value_kind="classes")


def test_a_file_given_its_crs_by_the_uploader(tmp_path: Path, publish_raster: Publish):
    version = publish_raster(write_tif(tmp_path / "slope.tif", slope(), crs=None), crs="EPSG:4550")

    assert version.source_crs == "EPSG:4550"


_BAND = '<VRTRasterBand dataType="Float32" band="1"{}>{}</VRTRasterBand>'
_VRT = f'<VRTDataset rasterXSize="20" rasterYSize="20"><SRS>EPSG:4550</SRS>{_BAND}</VRTDataset>'
_WMS = '<GDAL_WMS><Service name="TMS"><ServerUrl>URL/${z}/${x}/${y}.png</ServerUrl></Service></GDAL_WMS>'
_PYTHON = (
    "<PixelFunctionType>harm</PixelFunctionType><PixelFunctionLanguage>Python</PixelFunctionLanguage>"
    "<PixelFunctionCode><![CDATA[open('PWNED', 'w')]]></PixelFunctionCode>"
)
POINTERS = {
    "a vrt of another file": _VRT.format("", '<SimpleSource><SourceFilename>SECRET</SourceFilename></SimpleSource>'),
    "a vrt of raw bytes": _VRT.format(' subClass="VRTRawRasterBand"', "<SourceFilename>/etc/passwd</SourceFilename>"),
    "a vrt with a program": _VRT.format(' subClass="VRTDerivedRasterBand"', _PYTHON),
    "a vrt of an address": _VRT.format("", "<SimpleSource><SourceFilename>/vsicurl/URL/x.tif</SourceFilename></SimpleSource>"),
    "a map service": _WMS,
}  # fmt: skip


@pytest.mark.parametrize("name", POINTERS)
def test_b10_a_file_that_names_another_raster_is_never_followed(
    tmp_path: Path, city: City, canary: tuple[str, list[str]], name: str
):
    secret, pwned = write_tif(tmp_path / "secret.tif", slope()), tmp_path / "pwned"
    content = (
        POINTERS[name].replace("SECRET", str(secret)).replace("PWNED", str(pwned)).replace("URL", canary[0])
    )
    request = RasterRequest(city.working_crs, jurisdiction(city).surroundings, "continuous")

    with (
        pytest.raises(InvalidInputError, match="no geodata file"),
        staged(io.BytesIO(content.encode()), "x.tif", scratch=Settings().scratch),
    ):
        pytest.fail("a pointer is no raster")
    # Were its first bytes believed to be a GeoTIFF's, the child's own drivers would not open it either.
    with staged(
        io.BytesIO(write_tif(tmp_path / "good.tif", slope()).read_bytes()),
        "x.tif",
        scratch=Settings().scratch,
    ) as file:
        file.dataset.unlink()
        file.dataset.write_text(content)
        with pytest.raises(InvalidInputError):
            take_in(file, request, advise=lambda _points: "")
    assert canary[1] == []
    assert not pwned.exists()
