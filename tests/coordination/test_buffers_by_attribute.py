"""Zones by an attribute and from the legal edge, each on a case worked out by hand and named after its article."""

import io
import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import shapely
from sqlalchemy.orm import Session

from blueprint.city import AreaMeasure, City
from blueprint.errors import InvalidInputError
from blueprint.footprint import Footprint
from blueprint.layers.buffers import read_buffer_rule
from blueprint.layers.catalogue import LayerDefinition, define_layer
from blueprint.layers.features_file import features_folder
from blueprint.layers.publication import bring_into_force
from blueprint.layers.reading import staged
from blueprint.layers.storing import Upload, store_version
from blueprint.permissions import at_console
from blueprint.quality.check import NOTHING_FOUND
from coordination.check_report import CheckReport
from coordination.checks import run_check
from coordination.trim import TrimLevel, find_trim
from tests.coordination.world import NOW, SCRATCH, TODAY
from tests.made import LONG_AGO, at_origin, publish, square

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
        ("２２０ｋＶ", 15, False),
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


@pytest.mark.parametrize("width_m", [50, 1000])
def test_a_zone_made_at_upload_is_met_to_the_centimetre_as_the_distance_of_a_rule_is(
    session: Session, plane: City, width_m: int
):
    """A store whose zone ends 2 cm within the site's corner, in the direction in which 16 chords were furthest from the circle."""
    turn = np.radians(90 / 32)
    east, north = 100 + (width_m - 0.02) * np.array([np.cos(turn), np.sin(turn)])
    place = shapely.geometry.mapping(at_origin(shapely.Point(east, north)))
    feature = {"type": "Feature", "properties": {}, "geometry": place}
    content = json.dumps({"type": "FeatureCollection", "features": [feature]}).encode()
    definition = LayerDefinition(
        "STORE", "库", plane.departments[0].code, "point", "restrict", buffer_m=width_m, tolerance_m2=0, sliver_width_m=0
    )  # fmt: skip
    layer, _ = define_layer(session, definition, city=plane, actor=OPERATOR)
    upload = Upload(actor=OPERATOR, crs=plane.working_crs)
    with (
        staged(io.BytesIO(content), "store.geojson", scratch=SCRATCH) as file,
        features_folder(SCRATCH) as folder,
    ):
        version = store_version(session, layer, file, upload, city=plane, now=NOW, folder=folder)
    version.checked_at, version.issue_counts = NOW, NOTHING_FOUND
    bring_into_force(session, version, starts_on=LONG_AGO, actor=OPERATOR, now=NOW)

    [finding] = _check(session, plane).findings

    assert (finding.relation, finding.distance_m) == ("within_distance", pytest.approx(width_m - 0.02))


@pytest.mark.parametrize(
    ("value", "edge_m", "is_assumed"),
    [
        (24, 24, False),
        ("24 米", 24, False),
        ("２４ｍ", 24, False),
        ("约24m", 24, False),
        ("0.3km", 300, False),
        ("1,200", 1200, False),
        ("2×12", 24, False),
        ("12+12m", 24, False),
        ("12-24", 24, True),
        ("12～24米", 24, True),
        ("0.1-0.2公里", 200, True),
        ("双幅 2x15", 30, True),
        ("6-8", 10, True),  # never less than what holds where nothing is said
        ("二级", 10, True),
        ("-12", 10, True),
        (0, 10, True),
        (None, 10, True),
    ],
)
def test_the_width_of_a_road_is_read_however_it_is_written_and_the_widest_where_several_are(
    value: Any, edge_m: float, is_assumed: bool
):
    """ "12-24" was read as 12 m, "0.3km" as a third of a metre, full-width digits not at all."""
    zone = read_buffer_rule({"edge_width_field": "KD", "edge_width_m": 10}, 20, "GL").zone(20, {"KD": value})

    assert zone.half_width_m == edge_m / 2
    assert (zone.assumed is not None) is is_assumed
