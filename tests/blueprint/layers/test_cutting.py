import numpy as np
import pyarrow as pa
import pytest
import shapely
from shapely import affinity
from sqlalchemy import delete, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from blueprint.city import City
from blueprint.fitted import Fitted
from blueprint.layers.compiled_shapes import compiled_areas
from blueprint.layers.generalise import FULL_LEVEL, GENERALISED_LEVELS, chances, unit_m
from blueprint.layers.models import InForcePeriod, LayerVersion, PublicationEvent
from blueprint.layers.pieces import cut_area, cut_line
from blueprint.layers.tile_shapes import Areas, areas_of
from tests.made import publish, square
from tests.twkb import from_twkb

RANDOM = np.random.default_rng(11)


class Unmoved(Fitted):
    def __init__(self) -> None:
        """No projection: the shapes lie in EPSG:3857 already."""

    def apply(self, points: np.ndarray) -> np.ndarray:
        return points


def drawn_by_row(areas: Areas, level: int) -> dict[int, shapely.Geometry]:
    drawn = {}
    for shapes in areas.draw(level):
        for row, begin, end in zip(shapes.rows.tolist(), shapes.ends[:-1], shapes.ends[1:], strict=True):
            drawn[row] = from_twkb(shapes.content[begin + 4 : end].tobytes())
    return drawn


def coast(radius: float, vertices: int, *, holes: int = 0) -> shapely.Polygon:
    turn = np.linspace(0, 2 * np.pi, vertices, endpoint=False)
    reach = radius * (1 + 0.1 * np.sin(9 * turn) + 0.01 * RANDOM.uniform(-1, 1, vertices))
    shape = shapely.Polygon(np.column_stack([reach * np.cos(turn), reach * np.sin(turn)]))
    ponds = [shapely.Point(radius * (n / holes - 0.5), 0).buffer(radius / holes / 4) for n in range(holes)]
    return shapely.difference(shape, shapely.union_all(ponds))


@pytest.mark.parametrize(
    "shape", [coast(3_000, 5_000, holes=4), shapely.MultiPolygon([coast(50, 400), square(900, 0, 9)])]
)
def test_pieces_are_small_and_valid_and_fill_their_shape(shape):
    pieces = cut_area(shape, 128)

    assert max(shapely.get_num_coordinates(pieces)) <= 128
    assert shapely.is_valid(pieces).all()
    assert sum(shapely.area(pieces)) == pytest.approx(shape.area, rel=1e-12)
    assert shapely.symmetric_difference(shapely.union_all(pieces), shape).area < 1e-6 * shape.area
    assert len(pieces) < shapely.get_num_coordinates(shape) / 30 + 2


def test_runs_of_a_line_have_its_vertices_and_no_other():
    line = shapely.LineString(RANDOM.uniform(0, 1000, (1_000, 2)))

    runs = cut_line(line, 128)

    assert [len(run.coords) for run in runs] == [128] * 7 + [111]
    assert sum(run.length for run in runs) == pytest.approx(line.length, rel=1e-12)
    joined = [run.coords[0] for run in runs] + [runs[-1].coords[-1]]
    assert joined == [line.coords[n] for n in (*range(0, 1_000, 127), 999)]


def test_parts_carry_the_areas_that_the_database_computes_and_shapes_lie_where_it_projects_them(
    session: Session, city: City
):
    plots = [square(300 * n, 20_000, 150 + n) for n in range(20)]
    shapes = [
        coast(4_000, 2_000, holes=3),
        shapely.MultiPolygon([square(0, -9_000, 700), square(0, -20_000, 90)]),
        *plots,
    ]
    version = publish(session, city, "coast", shapes, buffer_m=25.0)

    off, zones, features = session.execute(
        text(
            "SELECT max(greatest(abs(plane_m2 - ST_Area(geom)), abs(ellipsoid_m2 - blueprint.ellipsoid_m2(geom)))"
            "  / greatest(plane_m2, 10000)),"
            " count(*) FILTER (WHERE is_zone), count(DISTINCT feature_id)"
            " FROM blueprint.part WHERE version_id = :version_id"
        ),
        {"version_id": version.id},
    ).one()
    apart = session.execute(
        text(
            "SELECT max(ST_HausdorffDistance(ST_GeomFromTWKB(shape.written), ST_Scale(ST_SetSRID(ST_Transform(feature.geom, 3857), 0), :units, :units)))"
            " FROM blueprint.tile_sheet AS sheet"
            " CROSS JOIN unnest(sheet.feature_ids, sheet.are_pieces, sheet.shapes) AS shape (feature_id, is_piece, written)"
            " JOIN blueprint.feature AS feature USING (version_id, feature_id)"
            " WHERE sheet.version_id = :version_id AND sheet.level = :level AND NOT shape.is_piece"
        ),
        {"version_id": version.id, "level": FULL_LEVEL, "units": 1 / unit_m(FULL_LEVEL)},
    ).scalar_one()

    assert off < 1e-10  # a square millimetre on a hectare: PROJ's own last digits
    assert zones >= 22
    assert features == 22
    assert apart <= 0.5 * 2**0.5 + 1e-3  # the grid's half unit across, 0.4 mm


def test_compiled_loops_draw_what_geos_draws():
    shapes = np.array([affinity.translate(coast(300, 60 + n), 700 * n) for n in range(40)])
    column = pa.array([*shapely.to_wkb(shapes)], pa.large_binary())
    chance = chances(np.arange(40))
    by_geos, compiled = areas_of(shapes, chance), compiled_areas(column, Unmoved(), chance)

    for level in (*GENERALISED_LEVELS, FULL_LEVEL):
        one, other = drawn_by_row(by_geos, level), drawn_by_row(compiled, level)
        assert one.keys() == other.keys(), level
        apart = [shapely.hausdorff_distance(one[row].boundary, other[row].boundary) for row in one]
        # The tolerance of half a pixel is four units, the grid adds half a unit across its diagonal.
        assert max(apart, default=0) <= (0 if level == FULL_LEVEL else 4.75), level


def test_rows_are_of_versions_that_there_are_and_go_with_them(session: Session, city: City):
    version = publish(session, city, "plots", [square(300 * n, 20_000, 150) for n in range(3)])
    stored = {
        "feature": "version_id, feature_id, attributes, geom",
        "part": "version_id, feature_id, is_zone, plane_m2, ellipsoid_m2, geom",
        "tile_sheet": "version_id, level, extent, feature_ids, are_pieces, labels, source_ids, class_codes, shapes",
    }

    for table, columns in stored.items():
        _, others = columns.split(", ", 1)
        copied = f"INSERT INTO blueprint.{table} ({columns}) SELECT :other, {others} FROM blueprint.{table} WHERE version_id = :mine"
        with pytest.raises(IntegrityError, match="which does not exist"), session.begin_nested():
            session.execute(text(copied), {"other": version.id + 999, "mine": version.id})
        changed = f"UPDATE blueprint.{table} SET version_id = :other WHERE version_id = :mine"
        with pytest.raises(IntegrityError, match="which does not exist"), session.begin_nested():
            session.execute(text(changed), {"other": version.id + 999, "mine": version.id})
    session.execute(delete(PublicationEvent))
    session.execute(delete(InForcePeriod))
    with pytest.raises(IntegrityError, match="does not change"), session.begin_nested():
        session.execute(text("UPDATE blueprint.layer_version SET id = id + 999"))
    session.execute(delete(LayerVersion).where(LayerVersion.id == version.id))

    for table in stored:
        assert not session.execute(
            text(f"SELECT EXISTS (SELECT FROM blueprint.{table} WHERE version_id = {version.id})")
        ).scalar_one()


def test_two_sheets_fill_a_page_and_none_lies_beside_it(session: Session, city: City):
    plots = [square(40 * i, 40 * j, 20 + (i * j) % 15) for i in range(50) for j in range(50)]
    names = [{"MC": "名" * (n % 9) if n % 3 else None} for n in range(len(plots))]
    version = publish(session, city, "plots", plots, attributes=names, label_field="MC")

    longest, full, count = session.execute(
        text(
            "SELECT max(pg_column_size(sheet.*)), percentile_cont(0.5) WITHIN GROUP (ORDER BY pg_column_size(sheet.*)), count(*)"
            " FROM blueprint.tile_sheet AS sheet WHERE version_id = :version_id AND level = :level"
        ),
        {"version_id": version.id, "level": FULL_LEVEL},
    ).one()
    beside = session.scalar(
        text(
            "SELECT max(pg_relation_size(reltoastrelid)) FROM pg_class WHERE oid = CAST('blueprint.tile_sheet' AS regclass)"
        )
    )

    assert count > 30
    assert longest <= 4_080
    assert full > 0.95 * 4_080
    assert beside == 0
