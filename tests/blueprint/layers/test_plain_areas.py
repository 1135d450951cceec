"""Batches of sound areas go by as bytes, and are measured as shapes would be; anything else in a batch is found."""

import numpy as np
import pyarrow as pa
import pytest
import shapely

from blueprint.layers.compiled_ground import CompiledGround
from blueprint.layers.measuring import equal_area, measured
from blueprint.layers.plain_areas import plain_areas

_SQUARE = shapely.box(0, 0, 10, 10)
_BOW_TIE = shapely.Polygon([(0, 0), (10, 10), (10, 0), (0, 10), (0, 0)])


def _column(*shapes: shapely.Geometry, **options: int) -> pa.Array:
    return pa.array(list(shapely.to_wkb(np.array(shapes), **options)), pa.binary())


def test_plain_areas_are_handed_on_as_shapes_would_be():
    rng = np.random.default_rng(11)
    at = shapely.points(rng.uniform((500_000, 4_500_000), (505_000, 4_505_000), (60, 2)))
    shapes = shapely.buffer(at, rng.uniform(1, 300, 60))
    shapes[:9] = shapely.difference(shapes[:9], shapely.buffer(at[:9], 0.5))
    shapes[9] = shapely.union(shapes[9], shapely.box(0, 0, 5, 5))
    projection = "+proj=cea +lat_ts=41 +lon_0=123 +ellps=GRS80"
    grounds = [equal_area("EPSG:4550", projection, CompiledGround) for _ in range(2)]
    known = (np.arange(1, 61), [f"t{n}" for n in range(60)], ["{}"] * 60)

    # A column that is part of a longer one, as batches of a file are.
    plain = plain_areas(_column(_BOW_TIE, *shapes).slice(1), most_vertices=1_000)

    assert plain is not None
    one = plain.measured(*known, srid=4550, to_equal_area=grounds[0])
    assert one.equals(measured(*known, shapely.set_srid(shapes, 4550), None, to_equal_area=grounds[1]))
    assert plain.vertex_count == shapely.get_num_coordinates(shapes).sum()
    assert np.array_equal(plain.points(9), shapely.get_coordinates(shapes[9]))
    assert shapely.equals_exact(plain.shapes(np.array([9, 3])), shapes[[9, 3]]).all()


@pytest.mark.parametrize(
    "other",
    [
        _column(_SQUARE, _BOW_TIE),
        _column(_SQUARE, shapely.MultiPolygon([_SQUARE, shapely.box(5, 5, 20, 20)])),
        _column(_SQUARE, shapely.Point(1, 1)),
        _column(_SQUARE, shapely.Polygon()),
        _column(_SQUARE, shapely.force_3d(_SQUARE)),
        _column(_SQUARE, byte_order=0),
        _column(shapely.set_srid(_SQUARE, 4550), include_srid=True),
        _column(shapely.buffer(shapely.Point(0, 0), 100, quad_segs=300)),
        pa.array([shapely.to_wkb(_SQUARE), None]),
        pa.array([shapely.to_wkb(_SQUARE)[:-3]]),
        pa.array([shapely.to_wkb(_SQUARE)[:-16] + bytes([0] * 7 + [0x40]) * 2]),  # a ring that is not closed
        pa.array([shapely.to_wkb(_SQUARE)[:-8] + b"\xff" * 8]),  # not a number
        pa.array([b""]),
        pa.array([], pa.binary()),
    ],
    ids=["crosses", "overlaps", "point", "empty", "high", "big-endian", "named", "many", "none", "cut", "open", "nan", "nothing", "no row"],
)  # fmt: skip
def test_what_is_not_plain_is_found(other: pa.Array):
    assert plain_areas(other, most_vertices=1_000) is None
