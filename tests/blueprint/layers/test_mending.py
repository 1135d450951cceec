"""Mending invalid shapes: what it changes is said, what can be read in two ways is not guessed."""

import pytest
import shapely

from blueprint.layers.mending import mend, moved_m

SQUARE = [(0, 0), (10, 0), (10, 10), (0, 10)]


def test_a_bow_tie_has_two_readings_the_lobes_and_the_uncrossed_outline():
    mending = mend(shapely.Polygon([(0, 0), (10, 10), (10, 0), (0, 10)]), tolerance_m2=1.0)

    lobes, uncrossed = mending.readings
    assert (len(lobes.geoms), lobes.area) == (2, 50.0)
    assert uncrossed.equals(shapely.box(0, 0, 10, 10))
    assert mending.before_m2 == 0.0


def test_an_outline_that_winds_twice_around_a_place_can_be_a_hole_there_or_none():
    twice = shapely.Polygon([(0, 0), (9, 0), (9, 9), (3, 9), (3, 3), (6, 3), (6, 12), (0, 12)])

    areas = [round(reading.area, 3) for reading in mend(twice, tolerance_m2=1.0).readings]

    assert len(areas) >= 2 and len(set(areas)) == len(areas)


def test_a_hair_out_of_an_outline_is_cut_and_the_receipt_says_how_long_it_was():
    hair = shapely.Polygon([*SQUARE[:3], (5, 10), (5, 20), (5, 10), SQUARE[3]])

    mending = mend(hair, tolerance_m2=1.0)

    assert mending.shape.equals(shapely.Polygon(SQUARE))
    assert (mending.before_m2, mending.after_m2, mending.moved_m) == (100.0, 100.0, 10.0)
    assert mending.readings == ()


def test_a_knot_smaller_than_the_tolerance_is_no_bow_tie():
    knot = [(0, 0), (10, 0), (10, 10), (5.1, 10), (4.9, 10.1), (4.9, 10), (5.1, 10.1), (0, 10)]

    mending = mend(shapely.Polygon(knot), tolerance_m2=1.0)

    assert mending.readings == ()
    assert mending.changed_m2 == pytest.approx(0.005, abs=0.001)
    assert 0 < mending.moved_m < 0.15


def test_the_distance_moved_is_measured_from_both_outlines():
    small, large = shapely.box(0, 0, 10, 10), shapely.box(0, 0, 10, 13)

    assert moved_m(small, large) == moved_m(large, small) == 3.0


def test_a_spike_of_a_site_of_several_parts_is_mended_as_that_of_one_is():
    """What its other reading leaves is a collection with one MultiPolygon in it: it was taken for no area at all, and refused."""
    spiked = shapely.Polygon([(0, 0), (10, 0), (10, 10), (5, 10), (5, 18), (5, 10), (0, 10)])

    mending = mend(shapely.MultiPolygon([spiked, shapely.box(20, 0, 30, 10)]), tolerance_m2=1.0)

    assert mending.readings == ()
    assert mending.after_m2 == pytest.approx(200)
