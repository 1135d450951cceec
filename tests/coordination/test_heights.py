"""Height against a surface: level, conical, rising; strict where something is not known; the ledger by zone."""

from dataclasses import replace
from pathlib import Path

import pytest
import shapely
from sqlalchemy.orm import Session

from blueprint.city import AreaMeasure, City
from blueprint.errors import InvalidInputError
from blueprint.footprint import Footprint
from blueprint.layers.models import Control
from blueprint.permissions import at_console
from coordination.check_report import CheckReport
from coordination.checks import run_check
from coordination.heights import HeightRule, slope_of
from coordination.projects import amend_project, check_project, register_project
from coordination.report_verification import verify_report, with_site
from coordination.rule_file import parse_rule_set
from coordination.site_finder import find_sites
from coordination.siting import find_shift
from coordination.trim import TrimLevel, find_trim
from tests.coordination.world import COORDINATOR, DETAILS, NOW, TODAY
from tests.made import at_origin, publish, square

OPERATOR = at_console("test")
RULES = """code: test
version: 1
rules:
  - id: R-JCJK
    layer: JCJK
    title: 机场净空
    title_en: Airport clearance
    finding: 位于净空保护区{area_m2}㎡。
    finding_en: "{area_m2} m² in the clearance zone."
    remedy: 降低建筑高度并书面征求民航意见
    remedy_en: Build lower and ask the aviation authority
    basis: [《民用机场管理条例》第四十六条]
    last_checked_on: 2026-11-01
    height: {limit: XG, slope: PD, azimuth: FWJ, above: prohibit, within: advise}
"""
SURFACE = HeightRule(Control.PROHIBIT, Control.ADVISE, "XG", "PD", "FWJ")
RING = square(0, 0, 3000) - square(1000, 1000, 1000)
"""A conical surface rises from the edge of its hole, which is the inner horizontal surface."""


@pytest.mark.parametrize(
    ("zone", "attributes", "shared", "top_m", "control", "told"),
    [
        (square(0, 0, 1000), {"XG": 150}, square(0, 0, 100), 150.0, "advise", "stays 0.00 m below"),
        (square(0, 0, 1000), {"XG": "150"}, square(0, 0, 100), 151.5, "prohibit", "1.50 m above"),
        # 200 m from the inner edge, 1:20: 10 m above it
        (RING, {"XG": 150, "PD": "1:20"}, square(2200, 1500, 100), 160.0, "advise", "limit here is 160.00 m"),
        (RING, {"XG": 150, "PD": "5%"}, square(2200, 1500, 100), 160.1, "prohibit", "0.10 m above"),
        # 500 m north of the edge from which it rises to the north by 2 %
        (
            shapely.box(0, 0, 300, 3000),
            {"XG": 50, "PD": 0.02, "FWJ": 0},
            shapely.box(0, 500, 100, 600),
            60.0,
            "advise",
            "limit here is 60.00 m",
        ),
        # the same surface, rising to the west: the site's eastern edge is nearest
        (
            shapely.box(0, 0, 300, 3000),
            {"XG": 50, "PD": 0.02, "FWJ": 270},
            shapely.box(0, 500, 100, 600),
            54.1,
            "prohibit",
            "0.10 m above",
        ),
        (square(0, 0, 1000), {"XG": 150}, square(0, 0, 100), None, "prohibit", "is not given"),
        (square(0, 0, 1000), {}, square(0, 0, 100), 10.0, "prohibit", "has no XG"),
        (square(0, 0, 1000), {"XG": 150}, square(0, 0, 100), 10.0, "advise", "has no PD"),
        (square(0, 0, 1000), {"XG": 150, "PD": 0.05}, square(0, 0, 100), 10.0, "advise", "inner edge"),
    ],
)
def test_the_limit_is_where_the_surface_is_lowest_over_the_site(
    zone: shapely.Geometry,
    attributes: dict[str, object],
    shared: shapely.Geometry,
    top_m: float | None,
    control: str,
    told: str,
):
    ruling = SURFACE.rule(top_m, attributes, zone, shared)

    assert ruling.control == control
    assert ruling.reason is not None and told in ruling.reason


@pytest.mark.parametrize(
    ("raw", "slope"),
    [
        (0.05, 0.05), ("1:20", 0.05), ("1/7", 1 / 7), ("5%", 0.05), ("0.02", 0.02),
        (None, None), ("steep", None), ("1:0", None), (-1, None), ("nan", None), (5, None), ("20", None),
    ],
)  # fmt: skip
def test_a_slope_is_written_in_many_ways(raw: object, slope: float | None):
    assert slope_of(raw) == (pytest.approx(slope) if slope is not None else None)


@pytest.mark.parametrize(
    ("height", "told"),
    [
        ("{limit: XG, above: prohibit}", "within is missing"),
        ("{slope: PD, above: prohibit, within: advise}", "goes with the `limit`"),
        ("{limit: XG, azimuth: FWJ, above: prohibit, within: advise}", "direction of a `slope`"),
        ("{limit: XG, above: forbid, within: advise}", "no control"),
        ("{limit: XG, above: advise, within: prohibit}", "is not weighed harder"),
    ],
)
def test_a_height_that_says_too_little_is_refused_with_its_line(height: str, told: str):
    text = RULES.replace("{limit: XG, slope: PD, azimuth: FWJ, above: prohibit, within: advise}", height)

    with pytest.raises(InvalidInputError, match=rf"rules\.yaml:14: .*{told}"):
        parse_rule_set(text.encode(), "rules.yaml")


@pytest.fixture
def plane(city: City, tmp_path: Path) -> City:
    """The city with areas in the plane and the rule of height."""
    path = tmp_path / "rules.yaml"
    path.write_text(RULES, encoding="utf-8")
    return replace(city, area_measure=AreaMeasure.PLANE, rules_path=path)


def _site(top_m: float | None) -> Footprint:
    shape = shapely.normalize(shapely.MultiPolygon([at_origin(shapely.box(1900, 1400, 2300, 1500))]))
    return Footprint(shape, "EPSG:4550", "none", top_m=top_m)


def _check(session: Session, city: City, top_m: float | None) -> CheckReport:
    return run_check(session, _site(top_m), city=city, actor=OPERATOR, on=TODAY)


def test_a_site_on_two_surfaces_is_divided_by_their_limits(session: Session, plane: City):
    """100 m of it under the inner horizontal surface at 150 m, 300 m under the cone that rises from there by 1:20."""
    attributes = [{"XG": 150, "PD": 0}, {"XG": 150, "PD": "1:20"}]
    publish(session, plane, "JCJK", [square(1000, 1000, 1000), RING], attributes=attributes, control="advise")

    low, between, unknown = (_check(session, plane, top_m) for top_m in (149.0, 151.0, None))

    assert (low.verdict, low.ledger.advised_m2) == ("advise", pytest.approx(40_000))
    # 151 m is above both: the cone begins at the limit of the inner surface, at the edge that the site crosses
    assert (between.verdict, between.ledger.prohibited_m2) == ("prohibit", pytest.approx(40_000))
    assert unknown.verdict == "prohibit"
    assert "is not given" in (unknown.findings[0].control_reason or "")
    assert len({low.digest, between.digest, unknown.digest}) == 3
    document = with_site(low, _site(149.0))
    assert document["top_m"] == 149.0
    assert verify_report(session, document, city=plane, actor=OPERATOR).holds


def test_what_is_too_high_is_moved_off_trimmed_off_and_not_placed_under_the_surface(
    session: Session, plane: City
):
    """150 m may be built to the east of x = 2,200; the site's eastern 100 m lie there."""
    publish(session, plane, "JCJK", [square(2200, 0, 3000)], attributes=[{"XG": 150}], control="advise")
    asked = {"city": plane, "actor": OPERATOR, "on": TODAY, "level": TrimLevel.PROHIBIT}
    ground = replace(_site(None), geometry=at_origin(shapely.MultiPolygon([shapely.box(1900, 0, 3000, 900)])))

    low, high = (find_shift(session, _site(top_m), within_m=300, **asked) for top_m in (149.0, 151.0))
    trims = [find_trim(session, _site(top_m), **asked) for top_m in (149.0, 151.0)]
    places = [
        find_sites(session, replace(ground, top_m=top_m), area_m2=40_000, **asked).sites
        for top_m in (149.0, 151.0)
    ]

    assert (low.distance_m, str(low.verdict_after)) == (0, "advise")
    assert (high.is_free, high.east_m) == (True, pytest.approx(-100, abs=0.2))
    assert [trim.lost_m2 for trim in trims] == [0, pytest.approx(10_000)]
    assert {place.report.top_m for place in places[0]} == {149.0}
    edge = at_origin(shapely.Point(2200, 0)).x
    assert max(place.site.bounds[2] for place in places[0]) > edge + 100
    assert places[1] and max(place.site.bounds[2] for place in places[1]) <= edge + 0.01


def test_a_project_is_checked_with_the_height_that_is_registered(session: Session, plane: City):
    publish(session, plane, "JCJK", [square(1000, 1000, 2000)], attributes=[{"XG": 150, "PD": 0}])
    project = register_project(session, DETAILS, _site(None), city=plane, actor=COORDINATOR, now=NOW)
    unknown = check_project(session, project.id, city=plane, actor=COORDINATOR, now=NOW)

    amend_project(session, project.id, replace(DETAILS, top_m=120.0), city=plane, actor=COORDINATOR, now=NOW)
    known = check_project(session, project.id, city=plane, actor=COORDINATOR, now=NOW)

    assert (unknown.verdict, known.verdict) == ("prohibit", "advise")
    with pytest.raises(InvalidInputError, match="highest point"):
        amend_project(
            session, project.id, replace(DETAILS, top_m=9999.0), city=plane, actor=COORDINATOR, now=NOW
        )
