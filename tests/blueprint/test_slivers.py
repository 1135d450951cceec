"""The opening test against circles that lie in the shape: no area into which a wide circle fits is a sliver."""

from dataclasses import replace

import numpy as np
import pytest
import shapely
from sqlalchemy.orm import Session

from blueprint.city import AreaMeasure, City
from blueprint.overlay import find_overlaps
from blueprint.slivers import are_thin, is_thin
from blueprint.snapshot import take_snapshot
from tests.made import LONG_AGO, at_origin, publish

BITE = shapely.Polygon(
    [(101.10912188236244, 42.8899782915), (95.8167682144, 81.594929791), (99.405, 83.262), (110.765, 41.093)]
)
"""A circle 8.5 m across lies in it; cut across at 43.66 m, GEOS 3.11 leaves nothing of its 267 m² shrunk by 2.5 m."""


def test_a_shape_into_which_a_wide_circle_fits_is_no_sliver_however_few_its_corners(
    session: Session, city: City
):
    """Where the cut between two parts of a feature ran through it, it was one: what is prohibited was but for information."""
    city = replace(city, area_measure=AreaMeasure.PLANE, rules_path=None)
    bite = shapely.transform(BITE, lambda xy: np.add(xy, (50, 200 - 43.657177938)))
    feature = shapely.segmentize(shapely.box(0, 0, 400, 400), 4)
    publish(session, city, "LINE", [feature], control="prohibit", sliver_width_m=5.0, tolerance_m2=0.0)
    site = at_origin(shapely.MultiPolygon([bite]))

    [overlap] = find_overlaps(session, site, take_snapshot(session, LONG_AGO).layers, city=city).overlaps

    assert shapely.maximum_inscribed_circle(bite, tolerance=0.01).length > 4.2
    assert overlap.overlap_m2 == pytest.approx(bite.area)
    assert not overlap.is_sliver


def test_what_is_thin_is_told_by_the_circles_that_lie_in_it():
    rng = np.random.default_rng(2)
    drawn = [shapely.Polygon(rng.uniform(0, 100, (int(rng.integers(3, 8)), 2))) for _ in range(4_000)]
    shapes = np.array([shape for shape in drawn if shape.is_valid and shape.area > 1], dtype=object)
    shapes = shapely.segmentize(shapes, rng.uniform(10, 100, len(shapes)))
    radii = shapely.length(shapely.maximum_inscribed_circle(shapes, tolerance=1e-4))

    for share, is_right in ((0.97, False), (0.6, False), (1.01, True)):
        found = np.array([is_thin(s, 2 * share * r) for s, r in zip(shapes, radii, strict=True)])
        assert (found == is_right).mean() > (0.999 if is_right else 0.99999), share


def test_parts_and_strips_are_told_one_by_one():
    strip = shapely.box(0, 0, 500, 0.09)
    pair = shapely.MultiPolygon([strip, shapely.box(0, 10, 500, 10.09)])
    beside = shapely.MultiPolygon([strip, shapely.box(0, 10, 1, 11)])

    assert are_thin(np.array([strip, pair, beside, shapely.Polygon()]), 0.1).tolist() == [
        True,
        True,
        False,
        True,
    ]
    assert are_thin(np.array([], dtype=object), 0.1).tolist() == []
