"""Zones by an attribute and from the legal edge, each on a case worked out by hand and named after its article."""

from dataclasses import replace
from typing import Any

import pytest
import shapely
from sqlalchemy.orm import Session

from blueprint.city import AreaMeasure, City
from blueprint.errors import InvalidInputError
from blueprint.footprint import Footprint
from blueprint.layers.buffers import read_buffer_rule
from blueprint.permissions import at_console
from coordination.check_report import CheckReport
from coordination.checks import run_check
from coordination.trim import TrimLevel, find_trim
from tests.coordination.world import TODAY
from tests.made import at_origin, publish, square

OPERATOR = at_console("test")
VOLTAGE = {"field": "DYDJ", "widths": {"66": 10, "220": 15, "500": 20}}


@pytest.fixture
def plane(city: City) -> City:
    """The city with areas in the plane and no rule set."""
    return replace(city, area_measure=AreaMeasure.PLANE, rules_path=None)


def _site(city: City) -> Footprint:
    """A hectare: from 0 to 100 m east and north."""
    shape = shapely.normalize(at_origin(shapely.MultiPolygon([square(0, 0, 100)])))
    return Footprint(shape, city.working_crs, "none")


def _check(session: Session, city: City) -> CheckReport:
    return run_check(session, _site(city), city=city, actor=OPERATOR, on=TODAY)


def _line_north(x: float) -> shapely.LineString:
    return shapely.LineString([(x, -1000), (x, 1000)])


@pytest.mark.parametrize(
    ("value", "width_m", "is_assumed"),
    [
        ("220", 15, False),
        (220, 15, False),
        (220.0, 15, False),
        ("220kV", 15, False),
        ("66千伏", 10, False),
        ("220.0", 15, False),
        ("66/220kV", 20, True),
        ("66kV、220kV 同塔", 20, True),
        (None, 20, True),
        ("", 20, True),
        ("35", 20, True),
    ],
)
def test_the_width_goes_by_the_value_however_it_is_written(value: Any, width_m: float, is_assumed: bool):
    zone = read_buffer_rule(VOLTAGE, 20, "GDX").zone(20, {"DYDJ": value})

    assert zone.width_m == width_m
    assert (zone.assumed is not None) is is_assumed


def test_power_facilities_rules_art_5_lines_of_66_and_220_kv_have_10_and_15_m(session: Session, plane: City):
    """Lines 12 m west and 12 m east of the site: the 66 kV one's 10 m do not reach it, the 220 kV one's 15 m take 3 m of it."""
    lines = [_line_north(-12), _line_north(112)]
    publish(
        session, plane, "GDX", lines, attributes=[{"DYDJ": "66"}, {"DYDJ": "220"}],
        buffer_m=20, buffer_by=VOLTAGE,
    )  # fmt: skip

    [finding] = _check(session, plane).findings

    assert finding.attributes["DYDJ"] == "220"
    assert (finding.overlap_m2, finding.distance_m) == (pytest.approx(300), pytest.approx(12))
    assert finding.control_reason is None


def test_a_line_without_its_voltage_has_the_strictest_width_and_the_finding_says_so(
    session: Session, plane: City
):
    publish(
        session, plane, "GDX", [_line_north(112)], attributes=[{"DYDJ": None}], buffer_m=20, buffer_by=VOLTAGE
    )

    [finding] = _check(session, plane).findings

    assert finding.overlap_m2 == pytest.approx(800)
    assert finding.control_reason is not None
    assert "从严按 20 m 认定" in finding.control_reason


def test_highway_safety_regulation_art_11_the_control_zone_begins_at_the_edge_of_the_road_not_at_its_centre_line(
    session: Session, plane: City
):
    """A national road (20 m beyond its edge) that is 24 m wide, its centre 30 m east: 20 + 12 − 30 = 2 m of the site."""
    publish(
        session, plane, "GL", [_line_north(130), _line_north(-30)],
        attributes=[{"KD": "24"}, {"KD": None}],
        control="prohibit", buffer_m=20, buffer_by={"edge_width_field": "KD", "edge_width_m": 30},
    )  # fmt: skip

    east, west = sorted(_check(session, plane).findings, key=lambda f: f.overlap_m2)
    trim = find_trim(session, _site(plane), city=plane, actor=OPERATOR, on=TODAY, level=TrimLevel.PROHIBIT)

    assert east.overlap_m2 == pytest.approx(200)
    assert west.overlap_m2 == pytest.approx(500)  # without its width the road counts as 30 m wide
    assert west.control_reason is not None and "按 30 m 认定" in west.control_reason
    assert [(s.width_m, s.missing_m) for s in trim.setbacks] == [
        (35, pytest.approx(5)),
        (32, pytest.approx(2)),
    ]
    assert trim.kept_m2 == pytest.approx(9300)


def test_another_rule_is_another_digest(session: Session, plane: City):
    digests = set()
    for rule in (None, VOLTAGE):
        with session.begin_nested() as nested:
            publish(
                session, plane, "GDX", [_line_north(300)], attributes=[{"DYDJ": "66"}],
                buffer_m=20, buffer_by=rule,
            )  # fmt: skip
            digests.add(_check(session, plane).digest)
            nested.rollback()

    assert len(digests) == 2


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"field": "DYDJ"}, "go together"),
        ({"field": "DYDJ", "widths": {"66": -1}}, "more than 0"),
        ({"field": "DYDJ", "widths": {"500": 30}}, "the strictest width"),
        ({"colour": 1}, "unknown key 'colour'"),
        ({"edge_width_m": "wide"}, "must be a number"),
    ],
)
def test_a_rule_that_makes_no_sense_is_refused(
    session: Session, plane: City, given: dict[str, Any], told: str
):
    with pytest.raises(InvalidInputError, match=told):
        publish(session, plane, "GDX", [_line_north(0)], buffer_m=20, buffer_by=given)
