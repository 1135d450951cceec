"""Areas by pairs of edges: the same as GEOS for any two shapes, and by class pair the same as the ledger, on any windows."""

from contextlib import nullcontext
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy.orm import Session

from blueprint.city import AreaMeasure, City
from blueprint.permissions import at_console
from coordination.plan_audit.areas import overlap_areas
from coordination.plan_audit.audit import audit_layers, find_audit
from coordination.plan_audit.kernel import common_areas, edges_of
from coordination.plan_audit.ledger import statistics
from tests.made import publish

NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)
OPERATOR = at_console("test")


def _common(one: shapely.Geometry, other: shapely.Geometry) -> float:
    sides = [edges_of(np.array([shape], dtype=object), (50.0, 50.0)) for shape in (one, other)]
    return float(common_areas(*sides, np.array([0]), np.array([0]))[0])


SQUARE = shapely.box(0, 0, 100, 100)
RING = SQUARE.difference(shapely.box(20, 20, 80, 80))


@pytest.mark.parametrize(
    ("other", "area_m2"),
    [
        (SQUARE, 10_000),
        (shapely.box(100, 0, 200, 100), 0),  # an edge in common
        (shapely.box(100, 100, 200, 200), 0),  # a corner in common
        (shapely.box(40, 40, 60, 60), 400),
        (shapely.box(-100, -100, 300, 300), 10_000),
        (RING, 6_400),
        (shapely.MultiPolygon([shapely.box(0, 0, 10, 10), shapely.box(90, 90, 110, 110)]), 200),
        (shapely.Polygon([(0, 0), (100, 0), (0, 100)]), 5_000),
        (shapely.Polygon([(50, -50), (150, 50), (50, 150), (-50, 50)]), 10_000),
    ],
)
def test_cases_by_hand(other: shapely.Geometry, area_m2: float):
    assert _common(SQUARE, other) == pytest.approx(area_m2, abs=1e-9)
    assert _common(other, SQUARE) == pytest.approx(area_m2, abs=1e-9)


def test_a_hole_in_a_hole_is_no_common_ground():
    assert _common(RING, shapely.box(20, 20, 80, 80)) == pytest.approx(0, abs=1e-9)
    assert _common(RING, RING) == pytest.approx(6_400)


POINT = st.tuples(st.integers(0, 60), st.integers(0, 60))


@settings(max_examples=150, deadline=None)
@given(st.lists(POINT, min_size=3, max_size=9), st.lists(POINT, min_size=3, max_size=9))
def test_any_two_shapes_have_the_area_that_geos_finds(
    one: list[tuple[int, int]], other: list[tuple[int, int]]
):
    """Rings of whatever points, made valid: with holes, several parts, edges that lie on each other."""
    shapes = []
    for points in (one, other):
        made = shapely.make_valid(shapely.Polygon(points))
        areas = [p for p in shapely.get_parts(shapely.get_parts(made)) if p.geom_type == "Polygon"]
        shapes.append(shapely.MultiPolygon(areas))
    if any(shape.is_empty for shape in shapes):
        return

    assert _common(*shapes) == pytest.approx(shapely.intersection(*shapes).area, abs=1e-6)


def _grid(columns: int, rows: int, seed: int) -> list[shapely.Polygon]:
    """A full coverage of 1,000 × 1,000 m whose inner corners are moved."""
    rng = np.random.default_rng(seed)
    x, y = np.meshgrid(np.linspace(0, 1000, columns + 1), np.linspace(0, 1000, rows + 1))
    x[1:-1, 1:-1] += rng.uniform(-20, 20, x[1:-1, 1:-1].shape)
    y[1:-1, 1:-1] += rng.uniform(-20, 20, y[1:-1, 1:-1].shape)
    corners = np.stack([x, y], axis=-1)
    return [
        shapely.Polygon([corners[r, c], corners[r, c + 1], corners[r + 1, c + 1], corners[r + 1, c]])
        for r in range(rows)
        for c in range(columns)
    ]


@pytest.mark.parametrize("most", [10_000, 20])
def test_two_full_coverages_sum_to_the_ground_and_to_the_ledger(session: Session, city: City, most: int):
    plane = replace(city, area_measure=AreaMeasure.PLANE)
    for code, shapes in (("A_PLAN", _grid(7, 5, 1)), ("B_PLAN", _grid(4, 6, 2))):
        attributes = [{"YSDM": str(number % 3)} for number in range(len(shapes))]
        publish(session, plane, code, shapes, attributes=attributes)

    found = overlap_areas(session, "B_PLAN", "A_PLAN", city=plane, actor=OPERATOR, on=NOW.date(), most=most)
    number = audit_layers(
        lambda: nullcontext(session), "A_PLAN", "B_PLAN",
        city=plane, actor=OPERATOR, on=NOW.date(), now=NOW, workers=1,
    )  # fmt: skip
    ledger = statistics(session, find_audit(session, number, actor=OPERATOR), actor=OPERATOR)

    assert found.overlap_m2 == pytest.approx(1_000_000, abs=1e-3)
    sums: dict[tuple[str | None, str | None], float] = {}
    for row in ledger:
        pair = (row.first_class, row.second_class)
        sums[pair] = sums.get(pair, 0.0) + row.overlap_m2
    assert {(c.first_class, c.second_class): c.overlap_m2 for c in found.classes} == pytest.approx(
        sums, abs=1e-3
    )


def test_on_the_ellipsoid_the_sum_is_that_of_the_features(session: Session, city: City):
    """40 km east of the central meridian, where a square kilometre of the plane is 39 m² too large."""
    for code, seed in (("A_PLAN", 1), ("B_PLAN", 2)):
        east = [
            shapely.transform(shape, lambda xy: xy + np.array([40_000, 0])) for shape in _grid(5, 5, seed)
        ]
        publish(session, city, code, east)

    found = overlap_areas(session, "A_PLAN", "B_PLAN", city=city, actor=OPERATOR, on=NOW.date())
    number = audit_layers(
        lambda: nullcontext(session), "A_PLAN", "B_PLAN",
        city=city, actor=OPERATOR, on=NOW.date(), now=NOW, workers=1,
    )  # fmt: skip
    ledger = statistics(session, find_audit(session, number, actor=OPERATOR), actor=OPERATOR)

    assert abs(found.overlap_m2 - 1_000_000) > 10  # the plane is another one
    assert found.overlap_m2 == pytest.approx(sum(row.overlap_m2 for row in ledger), rel=1e-8)
