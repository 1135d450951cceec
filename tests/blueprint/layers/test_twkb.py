import numpy as np
import pytest
import shapely
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text
from sqlalchemy.orm import Session

from blueprint.layers.elements import Elements
from blueprint.layers.twkb import small_boxes, twkb_of
from tests.twkb import from_twkb

# Half the world in units of the full level, and thousandths of them.
NUMBERS = st.integers(-(2**35) * 1000, 2**35 * 1000).map(lambda number: number / 1000)
POINTS = st.tuples(NUMBERS, NUMBERS)
LINES = st.lists(POINTS, min_size=2, max_size=150, unique=True)
RINGS = st.lists(POINTS, min_size=3, max_size=40, unique=True).map(lambda ring: [*ring, ring[0]])
AREAS = st.tuples(RINGS, st.lists(RINGS, max_size=3)).map(lambda rings: shapely.Polygon(*rings))
BY_DIMENSION = (
    st.one_of(POINTS.map(shapely.Point), st.lists(POINTS, min_size=1, max_size=5).map(shapely.MultiPoint)),
    st.one_of(LINES.map(shapely.LineString), st.lists(LINES, min_size=1, max_size=3).map(shapely.MultiLineString)),
    st.one_of(AREAS, st.lists(AREAS, min_size=1, max_size=3).map(shapely.MultiPolygon)),
)  # fmt: skip


def each(elements: Elements) -> list[bytes]:
    contents = [
        elements.content[a:b].tobytes() for a, b in zip(elements.ends[:-1], elements.ends[1:], strict=True)
    ]
    assert [int.from_bytes(content[:4], "big") + 4 for content in contents] == [*map(len, contents)]
    return [content[4:] for content in contents]


def rounded(shape: shapely.Geometry, decimals: int) -> shapely.Geometry:
    return shapely.transform(shape, lambda points: np.rint(points * 10.0**decimals) / 10.0**decimals)


@pytest.mark.parametrize("dimension", [0, 1, 2])
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_what_is_written_is_what_postgis_writes_and_reads(
    session: Session, dimension: int, data: st.DataObject
):
    shapes = np.array(data.draw(st.lists(BY_DIMENSION[dimension], min_size=1, max_size=6)), dtype=object)
    decimals = np.array(data.draw(st.lists(st.integers(0, 5), min_size=len(shapes), max_size=len(shapes))))

    written = each(twkb_of(shapes, decimals))

    laid = [rounded(shape, places) for shape, places in zip(shapes, decimals.tolist(), strict=True)]
    theirs, read = (
        [bytes(row[0]) for row in rows]
        for rows in (
            session.execute(text(f"SELECT {what} FROM unnest(:shapes, :decimals) AS given (shape, decimals)"),
                {"shapes": given, "decimals": decimals.tolist()})
            for what, given in (
                ("ST_AsTWKB(ST_GeomFromWKB(shape), decimals)", [shapely.to_wkb(shape) for shape in laid]),
                ("ST_AsBinary(ST_GeomFromTWKB(shape))", written),
            )
        )
    )  # fmt: skip
    # PostGIS leaves out points that rounding laid on the one before.
    is_same = [np.diff(shapely.get_coordinates(shape), axis=0).any(axis=1).all() for shape in laid]
    assert [mine for mine, same in zip(written, is_same, strict=True) if same] == [
        other for other, same in zip(theirs, is_same, strict=True) if same
    ]
    assert [shapely.from_wkb(shape) for shape in read] == laid
    assert [from_twkb(content) for content in written] == laid


def test_what_rounding_leaves_of_a_shape_too_small_for_it_is_read_as_a_shape(session: Session):
    speck = shapely.box(0.1, 0.1, 0.3, 0.3)
    shapes = np.array([
        speck, shapely.box(0, 0, 9, 9) - speck, shapely.MultiPolygon([speck, shapely.box(4, 4, 6, 6)]),
        shapely.MultiPolygon([shapely.Polygon(), shapely.box(4, 4, 6, 6)]),
    ])  # fmt: skip

    written = each(twkb_of(shapes, np.zeros(4, np.int64)))

    areas = session.execute(
        text("SELECT ST_Area(ST_GeomFromTWKB(shape)) FROM unnest(:shapes) AS shape"), {"shapes": written}
    )
    assert areas.scalars().all() == [0, 81, 4, 4]
    tile = text(
        "SELECT ST_AsMVT(drawn, 'specks', 4096, 'geom') FROM ("
        " SELECT ST_AsMVTGeom(ST_GeomFromTWKB(shape), ST_MakeEnvelope(0, 0, 4096, 4096), 4096, 64, TRUE) AS geom"
        " FROM unnest(:shapes) AS shape) AS drawn"
    )
    assert session.execute(tile, {"shapes": written}).scalar_one()


def test_small_boxes_are_written_as_any_polygon():
    random = np.random.default_rng(3)
    corners = random.integers(-(2**35), 2**35, (300, 2))
    bounds = np.hstack([corners, corners + random.integers(1, 64, (300, 2))])

    boxes = small_boxes(bounds)

    clockwise = bounds[:, [0, 1, 0, 3, 2, 3, 2, 1, 0, 1]].reshape(-1, 5, 2).astype(float)
    assert each(boxes) == each(twkb_of(shapely.polygons(clockwise), np.zeros(300, np.int64)))
    assert each(small_boxes(bounds[:0])) == []


def test_no_shapes_are_no_bytes():
    assert each(twkb_of(np.array([], dtype=object), np.zeros(0, np.int64))) == []
