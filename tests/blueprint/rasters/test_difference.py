"""What changed between two versions of a raster: pixels, areas, classes, what the rule newly meets, and where."""

from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pyogrio
import pytest
import shapely
from sqlalchemy import select
from sqlalchemy.orm import Session

from blueprint.city import AreaMeasure, City
from blueprint.layers.difference import Difference, compare, read_patches
from blueprint.layers.features_file import features_folder
from blueprint.layers.models import Layer
from blueprint.layers.patch_file import PatchWriter
from blueprint.layers.reading import staged
from blueprint.layers.storing import Upload, store_version
from blueprint.permissions import at_console
from blueprint.rasters import difference as pixels
from blueprint.rasters.difference import ClassChange
from blueprint.sharing import exports
from coordination.dry_run import dry_run
from service.settings import Settings
from tests.blueprint.rasters.conftest import NOW, Publish
from tests.made import ORIGIN, at_origin, square
from tests.rasters import north_up, write_tif

NONE = -1.0


@pytest.fixture
def plane_city(city: City) -> City:
    """Anshan with areas in the plane: a pixel of 10 m is 100 m²."""
    return replace(city, area_measure=AreaMeasure.PLANE)


def draft(session: Session, city: City, path: Path, code: str = "SLOPE"):
    """A file as the next draft of a raster layer that is there."""
    layer = session.scalars(select(Layer).where(Layer.code == code)).one()
    with (
        path.open("rb") as stream,
        staged(stream, path.name, scratch=Settings().scratch) as file,
        features_folder(Settings().scratch) as folder,
    ):
        return store_version(
            session, layer, file, Upload(actor=at_console("test")), city=city, now=NOW, folder=folder
        )


def test_what_changed_is_counted_measured_and_cut_into_patches(
    session: Session, plane_city: City, publish_raster: Publish, tmp_path: Path
):
    before = np.full((20, 20), 10, dtype=np.float32)
    before[0, :5] = NONE
    after = before.copy()
    after[0, :5] = 30  # newly known, and steep
    after[10:12, 10:15] = 30  # steep now: 10 pixels
    after[15, 0] = 8  # another value of no consequence
    after[19, 15:] = NONE  # no longer known
    old = publish_raster(write_tif(tmp_path / "a.tif", before, nodata=NONE), threshold_above=25.0)
    new = draft(session, plane_city, write_tif(tmp_path / "b.tif", after, nodata=NONE))

    found = compare(session, old, new, city=plane_city)
    patches = {(p.change, round(p.area_m2)): p.shape for p in read_patches(session, old, new)}

    assert (found.compared_by, found.added, found.removed, found.changed_attributes) == ("pixel", 5, 5, 11)
    assert found.unchanged == 400 - 5 - 5 - 11
    assert (found.added_m2, found.removed_m2) == (500.0, 500.0)
    assert (found.gained_m2, found.lost_m2, found.net_m2) == (1500.0, 0.0, 1500.0)
    assert found.raster is not None
    assert (found.raster.rose_m2, found.raster.fell_m2, found.raster.changed_m2) == (1000.0, 100.0, 1100.0)
    assert (found.raster.largest_rise, found.raster.largest_fall) == (20.0, -2.0)
    assert found.raster.mean_change == pytest.approx((10 * 20 - 2) / 11)
    assert set(patches) == {("added", 500), ("gained", 1000), ("attributes", 100), ("removed", 500)}
    assert patches["gained", 1000].equals(at_origin(shapely.box(100, 80, 150, 100)))


def test_classes_say_which_became_which_and_areas_are_those_of_the_ellipsoid(
    session: Session, city: City, publish_raster: Publish, tmp_path: Path
):
    before = np.full((30, 30), 1, dtype=np.uint8)
    after = before.copy()
    after[:10, :10], after[20:, :5] = 2, 3
    old = publish_raster(write_tif(tmp_path / "a.tif", before), "COVER", value_kind="classes")
    new = draft(session, city, write_tif(tmp_path / "b.tif", after), "COVER")

    found = compare(session, old, new, city=city)

    assert found.raster is not None
    first, second = found.raster.classes
    assert first == ClassChange(1, 2, 100, pytest.approx(10_000, rel=2e-4))
    assert (second.old, second.new, second.pixels) == (1, 3, 50)
    assert first.area_m2 != 10_000
    patches = {round(p.area_m2): p for p in read_patches(session, old, new)}
    assert sum(patches) == round(found.raster.changed_m2)


def test_a_version_on_another_grid_is_compared_at_the_newer_ones_pixel_centres(
    session: Session, plane_city: City, publish_raster: Publish, tmp_path: Path
):
    coarse = np.array([[1, 2], [3, 4]], dtype=np.float32)
    fine = np.kron(coarse, np.ones((2, 2), dtype=np.float32))
    fine[0, 0] = 9
    old = publish_raster(write_tif(tmp_path / "a.tif", coarse, transform=north_up(20.0, height=2)))
    new = draft(session, plane_city, write_tif(tmp_path / "b.tif", np.pad(fine, ((0, 0), (0, 1)))))

    found = compare(session, old, new, city=plane_city)

    assert (found.changed_attributes, found.unchanged, found.added, found.removed) == (1, 15, 4, 0)
    assert (found.added_m2, found.raster and found.raster.changed_m2) == (400.0, 100.0)


def test_where_changes_abound_patches_are_drawn_coarser_and_still_hold_every_change(
    session: Session,
    plane_city: City,
    publish_raster: Publish,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setattr(pixels, "MAX_PATCHES", 40)
    before = np.zeros((64, 64), dtype=np.float32)
    after = before.copy()
    after[::4, ::4] = 1
    old = publish_raster(write_tif(tmp_path / "a.tif", before))
    new = draft(session, plane_city, write_tif(tmp_path / "b.tif", after))

    found = compare(session, old, new, city=plane_city)
    drawn = shapely.union_all([patch.shape for patch in read_patches(session, old, new)])

    assert found.changed_attributes == 256
    assert found.raster is not None and found.raster.drawn_pixels > 1
    rows, columns = np.nonzero(after)
    centres = shapely.points(ORIGIN[0] + 10 * columns + 5, ORIGIN[1] + 640 - 10 * rows - 5)
    assert shapely.covers(drawn, centres).all()


def test_the_dry_run_and_the_file_of_patches_know_rasters(
    session: Session, plane_city: City, publish_raster: Publish, tmp_path: Path
):
    flat, steep = np.zeros((20, 20), dtype=np.float32), np.zeros((20, 20), dtype=np.float32)
    steep[:10] = 40
    old = publish_raster(write_tif(tmp_path / "a.tif", flat), threshold_above=25.0)
    new = draft(session, plane_city, write_tif(tmp_path / "b.tif", steep))

    foreseen = dry_run(
        session, new, starts_on=date(2026, 6, 1), city=plane_city, actor=at_console("test"), now=NOW
    )
    path = tmp_path / "patches.gpkg"
    exports.export_layer(
        session,
        old.layer,
        new,
        path,
        actor=at_console("test"),
        city=plane_city,
        now=NOW,
        write=PatchWriter(old),
    )

    assert "像元变化 200 个，达阈值面积 +2.00 公顷" in foreseen.summary
    assert "200 pixels, +2.00 ha met by the threshold" in foreseen.summary
    frame = pixels_of(path)
    assert frame.equals(at_origin(square(0, 0, 200)).intersection(at_origin(shapely.box(0, 100, 200, 200))))


def pixels_of(path: Path) -> shapely.Geometry:
    """The one patch of a file."""
    _, _, geometry, _ = pyogrio.raw.read(path)
    return shapely.from_wkb(geometry[0])


def test_what_is_compared_with_nothing_is_all_new(
    session: Session, plane_city: City, publish_raster: Publish, tmp_path: Path
):
    version = publish_raster(write_tif(tmp_path / "a.tif", np.zeros((4, 4), dtype=np.float32)))

    found: Difference = compare(session, None, version, city=plane_city)

    assert (found.added, found.added_m2, found.changed_attributes) == (16, 1600.0, 0)
