import numpy as np
import pytest
import shapely
from sqlalchemy import text
from sqlalchemy.orm import Session

from blueprint.city import City
from blueprint.layers.generalise import (
    FULL_LEVEL,
    GENERALISED_LEVELS,
    level_of_zoom,
    smallest_area_m2,
    unit_m,
)
from tests.made import publish, square
from tests.twkb import from_twkb


def shapes_of(session: Session, version_id: int, level: int) -> list[tuple[int, shapely.Geometry]]:
    """The shapes of a level in metres of EPSG:3857."""
    return [
        (feature_id, shapely.transform(shape, lambda units: units * unit_m(level)))
        for feature_id, shape in units_of(session, version_id, level)
    ]


def units_of(session: Session, version_id: int, level: int) -> list[tuple[int, shapely.Geometry]]:
    """The shapes of a level as they are stored, in units of the level's tiles."""
    rows = session.execute(
        text(
            "SELECT laid.feature_id, laid.shape FROM blueprint.tile_sheet AS sheet"
            " CROSS JOIN LATERAL unnest(sheet.feature_ids, sheet.shapes) AS laid (feature_id, shape)"
            " WHERE sheet.version_id = :version_id AND sheet.level = :level"
        ),
        {"version_id": version_id, "level": level},
    )
    return [(feature_id, from_twkb(bytes(shape))) for feature_id, shape in rows]


def rough_disc(radius: float, vertices: int) -> shapely.Polygon:
    turn = np.linspace(0, 2 * np.pi, vertices, endpoint=False)
    distance = radius * (1 + 0.002 * np.sin(turn * vertices / 4))
    return shapely.Polygon(np.column_stack([distance * np.cos(turn), distance * np.sin(turn)]) + radius * 2)


@pytest.mark.parametrize(("zoom", "level"), [(0, 8), (8, 8), (9, 9), (13, 14), (14, 14), (15, 24), (22, 24)])
def test_a_zoom_is_drawn_from_the_first_level_not_below_it(zoom, level):
    assert level_of_zoom(zoom) == level


def test_the_full_level_holds_every_feature_as_it_is_in_web_mercator(session: Session, city: City):
    version = publish(session, city, "zoning", [square(0, 0, 100), square(200, 0, 100)])

    shapes = dict(shapes_of(session, version.id, FULL_LEVEL))

    assert sorted(shapes) == [1, 2]
    assert shapes[1].geom_type == "Polygon"
    # A metre on the ground is 1 / cos(latitude) metres of EPSG:3857, at the origin of the tests' layers (41.07° N).
    stretch = 1 / np.cos(np.radians(41.07))
    assert shapes[1].area == pytest.approx(10_000 * stretch**2, rel=0.01)
    assert not shapes[1].exterior.is_ccw


def test_a_huge_polygon_is_stored_in_small_pieces_that_fill_it(session: Session, city: City):
    disc = rough_disc(3_000, 6_000)
    version = publish(session, city, "red_line", [disc])

    pieces = [shape for _, shape in shapes_of(session, version.id, FULL_LEVEL)]

    assert len(pieces) > 20
    assert max(shapely.get_num_coordinates(pieces)) <= 256
    whole = shapely.union_all(pieces)
    assert whole.geom_type == "Polygon"
    assert not whole.interiors
    assert whole.area == pytest.approx(sum(shapely.area(pieces)), rel=1e-9)


def test_small_features_are_thinned_but_the_ground_they_cover_is_kept(session: Session, city: City):
    plots = [square(40 * i, 40 * j, 20) for i in range(40) for j in range(40)]
    version = publish(session, city, "plots", plots)
    full_m2 = sum(shape.area for _, shape in shapes_of(session, version.id, FULL_LEVEL))

    shapes = shapes_of(session, version.id, 12)

    smallest = smallest_area_m2(12)
    assert 0 < len(shapes) < len(plots)
    assert all(shape.area == pytest.approx(smallest, rel=1e-6) for _, shape in shapes)
    assert sum(shape.area for _, shape in shapes) == pytest.approx(full_m2, rel=0.25)


def test_a_large_feature_is_on_every_level_and_loses_vertices(session: Session, city: City):
    version = publish(session, city, "growth", [rough_disc(9_000, 2_000)])

    vertices = [
        sum(shapely.get_num_coordinates([shape for _, shape in shapes_of(session, version.id, level)]))
        for level in (*GENERALISED_LEVELS, FULL_LEVEL)
    ]

    assert min(vertices) > 3
    assert vertices == sorted(vertices)
    assert vertices[0] < vertices[-1] / 10


def test_a_long_narrow_area_does_not_collapse(session: Session, city: City):
    version = publish(session, city, "corridor", [shapely.LineString([(0, 0), (40_000, 9_000)]).buffer(15)])

    for level in GENERALISED_LEVELS:
        shapes = [shape for _, shape in shapes_of(session, version.id, level)]
        assert sum(shapely.area(shapes)) > 0, level


def test_shapes_of_a_generalised_level_lie_on_the_grid_of_its_tiles_and_none_is_empty(
    session: Session, city: City
):
    lane = shapely.LineString([(0, 0), (30_000, 7_000)]).buffer(15)
    plots = [square(70 * i, 3_000, 55) for i in range(60)]
    version = publish(session, city, "lanes", [lane, *plots])

    for level in GENERALISED_LEVELS:
        shapes = dict(units_of(session, version.id, level))
        coordinates = shapely.get_coordinates(list(shapes.values()))
        assert 1 in shapes, level
        assert all(shape.area > 0 for shape in shapes.values()), level
        assert np.array_equal(coordinates, np.round(coordinates)), level


def test_lines_stay_on_every_level_however_short(session: Session, city: City):
    lines = [shapely.LineString([(50 * i, 0), (50 * i + 5, 3), (50 * i + 9, 0)]) for i in range(30)]
    version = publish(session, city, "pipes", lines)

    for level in (*GENERALISED_LEVELS, FULL_LEVEL):
        shapes = shapes_of(session, version.id, level)
        assert sorted(feature_id for feature_id, _ in shapes) == list(range(1, 31)), level
        assert all(not shape.is_empty for _, shape in shapes)


def test_of_points_in_one_cell_one_stays(session: Session, city: City):
    crowd = [shapely.Point(i % 10, i // 10) for i in range(100)]
    version = publish(session, city, "wells", [*crowd, shapely.Point(20_000, 20_000)])

    assert len(shapes_of(session, version.id, FULL_LEVEL)) == 101
    assert 2 <= len(shapes_of(session, version.id, 8)) <= 5
    assert 101 in dict(shapes_of(session, version.id, 8))


def test_a_version_built_twice_is_the_same_for_the_same_features(session: Session, city: City):
    plots = [square(40 * i, 0, 20) for i in range(200)]

    first = publish(session, city, "first", plots)
    second = publish(session, city, "second", plots)

    for level in GENERALISED_LEVELS:
        one, other = shapes_of(session, first.id, level), shapes_of(session, second.id, level)
        assert sorted(feature_id for feature_id, _ in one) == sorted(feature_id for feature_id, _ in other)
