"""Shapes one by one: what lies outside the city."""

import numpy as np
import pyarrow as pa
import pytest
import shapely

from blueprint.quality.issues import Issues
from blueprint.quality.shape_batch import ShapeBatch
from blueprint.quality.shapes import ShapeCheck
from blueprint.standards.loading import find_standard, standards
from tests.made import square


@pytest.mark.parametrize(
    ("shape", "found"),
    [
        (shapely.Point(50, 50), {}),
        (shapely.Point(500, 50), {"outside-city-wholly": 1}),
        (shapely.LineString([(500, 0), (900, 0)]), {"outside-city-wholly": 1}),
        (shapely.LineString([(50, 0), (900, 0)]), {"crosses-city": 1}),
        (square(500, 0, 9), {"outside-city": 1}),
    ],
)
def test_a_point_or_a_line_that_lies_outside_the_city_is_an_error_as_an_area_is(
    shape: shapely.Geometry, found: dict[str, int]
):
    issues, standard = Issues(is_strict=True), find_standard("HHAX")
    check = ShapeCheck(standard, standards().limits, square(0, 0, 100), np.empty(0, np.uint64))
    batch = ShapeBatch(
        np.array([1]), pa.array([shapely.to_wkb(shape)], pa.large_binary()), shapely.bounds(np.array([shape]))
    )

    check.check(batch, issues, is_areal=False)

    assert dict(issues.counts) == found
