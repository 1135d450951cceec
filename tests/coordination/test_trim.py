"""The smallest trim on whole metres: what is left, that it clears, and the missing metres of a setback."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import shapely
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyproj import Transformer
from sqlalchemy.orm import Session

from blueprint.city import AreaMeasure, City
from blueprint.footprint import Footprint, footprint_from_geojson
from blueprint.permissions import at_console
from coordination.checks import run_check
from coordination.rules import Severity
from coordination.trim import Trim, TrimLevel, find_trim
from tests.coordination.world import SCRATCH, TODAY
from tests.made import at_origin, geodesic_m2, publish, square

OPERATOR = at_console("test")


@pytest.fixture
def plane(city: City) -> City:
    """The city with areas in the plane and no rule set."""
    return replace(city, area_measure=AreaMeasure.PLANE, rules_path=None)


def _trim(session: Session, city: City, level: TrimLevel = TrimLevel.PROHIBIT) -> Trim:
    site = shapely.normalize(at_origin(shapely.MultiPolygon([square(0, 0, 100)])))
    footprint = Footprint(site, city.working_crs, "none")
    return find_trim(session, footprint, city=city, actor=OPERATOR, on=TODAY, level=level)


def _is(shape: Any, expected: shapely.Geometry) -> bool:
    return bool(shapely.equals(shape, at_origin(expected)))


def test_prohibited_ground_is_cut_off_and_what_is_left_is_checked_again(session: Session, plane: City):
    publish(session, plane, "FARM", [shapely.box(60, 0, 200, 100)], control="prohibit")
    publish(session, plane, "RIVER", [shapely.box(0, 0, 100, 10)], control="restrict")

    found = _trim(session, plane)

    assert _is(found.kept, shapely.box(0, 0, 60, 100))
    assert (found.kept_m2, found.lost_m2) == (pytest.approx(6000), pytest.approx(4000))
    assert (found.verdict_before, found.verdict_after) == (Severity.PROHIBIT, Severity.RESTRICT)
    assert found.not_cleared == ()


def test_restrictions_are_cut_off_where_asked(session: Session, plane: City):
    publish(session, plane, "FARM", [shapely.box(60, 0, 200, 100)], control="prohibit")
    publish(session, plane, "RIVER", [shapely.box(0, 0, 100, 10)], control="restrict")

    found = _trim(session, plane, TrimLevel.RESTRICT)

    assert _is(found.kept, shapely.box(0, 10, 60, 100))
    assert (found.kept_m2, found.verdict_after) == (pytest.approx(5400), Severity.CLEAR)


def test_of_several_parts_the_largest_is_named(session: Session, plane: City):
    publish(session, plane, "FARM", [shapely.box(20, -10, 30, 110)], control="prohibit")

    found = _trim(session, plane)

    assert found.kept is not None
    assert len(found.kept.geoms) == 2
    assert _is(found.largest, shapely.box(30, 0, 100, 100))
    assert (found.kept_m2, found.largest_m2) == (pytest.approx(9000), pytest.approx(7000))


def test_what_lies_outside_the_boundary_is_cut_off(session: Session, plane: City):
    boundary = [shapely.box(-50, -50, 100, 70)]
    publish(session, plane, "URBAN", boundary, control="prohibit", conflict_when="outside")

    assert _is(_trim(session, plane).kept, shapely.box(0, 0, 100, 70))


def test_nothing_may_be_left(session: Session, plane: City):
    publish(session, plane, "FARM", [square(-10, -10, 200)], control="prohibit")

    found = _trim(session, plane)

    assert (found.kept, found.largest, found.verdict_after) == (None, None, None)
    assert (found.kept_m2, found.lost_m2) == (0, pytest.approx(10_000))


def test_a_setback_says_how_many_metres_are_missing_and_the_trim_makes_them_good(
    session: Session, plane: City
):
    """A line 30 m east of the site, with a width of 50 m: 20 m are missing."""
    line = shapely.LineString([(130, -1000), (130, 1000)])
    publish(session, plane, "POWER", [line], control="prohibit", buffer_m=50)

    found = _trim(session, plane)

    [setback] = found.setbacks
    assert (setback.width_m, setback.distance_m) == (50, pytest.approx(30))
    assert setback.missing_m == pytest.approx(20)
    assert setback.place is not None and setback.place.length == pytest.approx(30)
    (from_x, _), (to_x, _) = shapely.get_coordinates(setback.place) - shapely.get_coordinates(
        at_origin(shapely.Point(0, 0))
    )
    assert (from_x, to_x) == (pytest.approx(100), pytest.approx(130)), "from the site to the line"
    assert found.kept_m2 == pytest.approx(8000, abs=1e-3)
    assert found.verdict_after is Severity.CLEAR


def test_a_setback_goes_by_the_distance_of_its_rule(session: Session, plane: City, tmp_path: Path):
    """Of lines 30 m and 3 m away: by a rule of 50 m; the catalogue's 5 m are missed at the nearer one alone."""
    words = [f"{name}: a" for name in ("title", "title_en", "finding", "finding_en", "remedy", "remedy_en")]
    reach = ["control: prohibit", "relation: within_distance", "distance_m: 50"]
    lines = ["id: R-50", "layer: POWER", *words, "basis: [a]", "last_checked_on: 2026-11-01", *reach]
    path = tmp_path / "rules.yaml"
    path.write_text("code: t\nversion: 1\nrules:\n  - " + "\n    ".join(lines), encoding="utf-8")
    power = [shapely.LineString([(x, -1000), (x, 1000)]) for x in (130, -3)]
    publish(session, plane, "POWER", power, control="inform", buffer_m=5)

    found = _trim(session, replace(plane, rules_path=path))

    told = [(setback.feature, setback.width_m, round(setback.missing_m, 6)) for setback in found.setbacks]
    assert told == [("S2", 50, 47), ("S1", 50, 20), ("S2", 5, 2)]
    assert found.kept_m2 == pytest.approx(100 * (100 - 47 - 20), abs=1e-3)


def test_what_is_hard_only_of_what_is_left_is_cut_off_as_well(session: Session, plane: City, tmp_path: Path):
    """A wood takes 8 % of the site and 16 % of what the farmland leaves of it; from a tenth on it is prohibited."""
    words = [f"{name}: a" for name in ("title", "title_en", "finding", "finding_en", "remedy", "remedy_en")]
    share = ["threshold: {share: 0.1}", "below: advise"]
    lines = ["id: R", "layer: WOOD", *words, "basis: [a]", "last_checked_on: 2026-11-01", *share]
    path = tmp_path / "rules.yaml"
    path.write_text("code: t\nversion: 1\nrules:\n  - " + "\n    ".join(lines), encoding="utf-8")
    publish(session, plane, "FARM", [shapely.box(50, 0, 200, 100)], control="prohibit")
    publish(session, plane, "WOOD", [shapely.box(0, 0, 8, 100)], control="prohibit")

    found = _trim(session, replace(plane, rules_path=path))

    assert _is(found.kept, shapely.box(8, 0, 50, 100))
    assert (found.verdict_after, found.not_cleared) == (Severity.CLEAR, ())


def test_a_line_without_a_width_is_said_not_to_be_cleared(session: Session, plane: City):
    publish(session, plane, "WALL", [shapely.LineString([(50, -10), (50, 110)])], control="prohibit")

    found = _trim(session, plane)

    assert found.not_cleared == ("WALL",)
    assert found.lost_m2 == pytest.approx(0)


def test_scraps_are_left_out(session: Session, plane: City):
    farm = shapely.MultiPolygon([shapely.box(0, 0, 99.5, 50), shapely.box(99.5, 1.5, 100, 50)])
    publish(session, plane, "FARM", [farm], control="prohibit")

    assert _is(_trim(session, plane).kept, shapely.box(0, 50, 100, 100))


def test_areas_are_by_the_citys_measure(session: Session, city: City):
    publish(session, city, "FARM", [shapely.box(60, 0, 200, 100)], control="prohibit")

    found = _trim(session, replace(city, rules_path=None))

    assert found.kept_m2 == pytest.approx(geodesic_m2(at_origin(shapely.box(0, 0, 60, 100)), city), rel=1e-9)
    assert found.largest_m2 == pytest.approx(found.kept_m2)


BOX = st.tuples(st.integers(-50, 120), st.integers(-50, 120), st.integers(5, 80), st.integers(5, 80))


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(BOX, min_size=1, max_size=6))
def test_whatever_is_prohibited_the_rest_is_clear_and_nothing_more_is_lost(
    session: Session, plane: City, boxes: list[tuple[int, int, int, int]]
):
    shapes = [shapely.box(x, y, x + w, y + h) for x, y, w, h in boxes]
    with session.begin_nested() as nested:
        publish(session, plane, "FARM", shapes, control="prohibit")
        found = _trim(session, plane)
        nested.rollback()

    prohibited = shapely.intersection(square(0, 0, 100), shapely.union_all(shapes)).area
    assert found.lost_m2 == pytest.approx(prohibited, abs=4 * 1.0)
    assert found.verdict_after in (None, Severity.CLEAR)


def test_what_is_left_has_no_threads_and_can_be_given_again_in_another_zone(session: Session, plane: City):
    """Two fields are a nanometre apart: what is left of the site between them crosses itself once its corners are rounded."""
    fields = [shapely.box(-10, 60, 50, 110), shapely.box(50.000000001, 60, 110, 110)]
    publish(session, plane, "FARM", fields, control="prohibit")

    found = _trim(session, plane)

    assert found.kept is not None
    assert shapely.symmetric_difference(found.kept, at_origin(shapely.box(0, 0, 100, 60))).area < 1e-3
    to_zone_40 = Transformer.from_crs(plane.working_crs, "EPSG:4528", always_xy=True)
    given = shapely.transform(found.kept, lambda xy: np.column_stack(to_zone_40.transform(*xy.T)))
    again = footprint_from_geojson(given.__geo_interface__, city=plane, scratch=SCRATCH, crs="EPSG:4528")
    assert not run_check(session, again, city=plane, actor=OPERATOR, on=TODAY).findings
