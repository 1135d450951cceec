"""The exactness rules of DESIGN 3.2, one test each, on a real PostGIS; shapes on whole metres."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from typing import Any

import pytest
import shapely
from sqlalchemy.orm import Session

from blueprint.city import AreaMeasure, City
from blueprint.footprint import Footprint
from blueprint.permissions import ANONYMOUS, at_console
from coordination.check_report import CheckReport, Finding, LayerResult
from coordination.checks import run_check
from coordination.rules import Outcome, Severity
from tests.made import at_origin, publish, square

TODAY = date(2026, 11, 23)
Check = Callable[..., CheckReport]


@pytest.fixture
def plane_city(city: City) -> City:
    """Anshan with areas in the plane, so that the right answer is a whole number."""
    return replace(city, area_measure=AreaMeasure.PLANE)


@pytest.fixture
def check(session: Session, plane_city: City) -> Check:
    """Check a site in local metres."""

    def run(
        site: shapely.Geometry, *, on: date = TODAY, actor: Any = None, city: City = plane_city
    ) -> CheckReport:
        placed = shapely.normalize(
            at_origin(shapely.MultiPolygon([site]) if site.geom_type == "Polygon" else site)
        )
        footprint = Footprint(geometry=placed, source_crs=city.working_crs, operation="none")
        return run_check(session, footprint, city=city, actor=actor or at_console("test"), on=on)

    return run


def layer_of(report: CheckReport, code: str) -> LayerResult:
    """The result of one layer."""
    return next(layer for layer in report.layers if layer.code == code)


def only(report: CheckReport) -> Finding:
    """The one finding of a report."""
    assert len(report.findings) == 1, report.findings
    return report.findings[0]


def test_overlap_is_measured_in_square_metres(session: Session, plane_city: City, check: Check):
    publish(session, plane_city, "A", [square(0, 0, 100)], control="prohibit")

    finding = only(check(square(90, 90, 100)))

    assert finding.overlap_m2 == pytest.approx(100, abs=1e-6)
    assert finding.overlap_share == pytest.approx(0.01)
    assert finding.feature_share == pytest.approx(0.01)
    assert (finding.relation, finding.severity) == ("overlaps", Severity.PROHIBIT)


def test_touching_along_an_edge_is_no_conflict(session: Session, plane_city: City, check: Check):
    publish(session, plane_city, "A", [square(0, 0, 100)])

    report = check(square(100, 0, 100))

    assert report.findings == ()
    assert layer_of(report, "A").outcome is Outcome.CLEAR


def test_touching_at_a_corner_is_no_conflict(session: Session, plane_city: City, check: Check):
    publish(session, plane_city, "A", [square(0, 0, 100)])

    assert check(square(100, 100, 100)).verdict is Severity.CLEAR


def test_a_point_on_the_boundary_touches_and_is_not_lost(session: Session, plane_city: City, check: Check):
    publish(session, plane_city, "P", [shapely.Point(100, 50)])

    finding = only(check(square(0, 0, 100)))

    assert (finding.relation, finding.point_count, finding.severity) == ("touches", 1, Severity.RESTRICT)


def test_a_point_inside_is_contained(session: Session, plane_city: City, check: Check):
    publish(session, plane_city, "P", [shapely.Point(50, 50), shapely.Point(500, 500)])

    finding = only(check(square(0, 0, 100)))

    assert (finding.relation, finding.point_count, finding.source_id) == ("contains", 1, "S1")


def test_a_line_along_the_boundary_touches_and_is_not_lost(session: Session, plane_city: City, check: Check):
    publish(session, plane_city, "L", [shapely.LineString([(100, -50), (100, 150)])])

    finding = only(check(square(0, 0, 100)))

    assert finding.relation == "touches"
    assert finding.length_m == pytest.approx(100)


def test_a_long_line_along_the_boundary_is_measured_over_its_parts(
    session: Session, plane_city: City, check: Check
):
    publish(session, plane_city, "L", [shapely.LineString([(100, y) for y in range(-500, 501)])])

    finding = only(check(square(0, 0, 100)))

    assert finding.relation == "touches"
    assert finding.length_m == pytest.approx(100)


def test_a_line_ending_on_the_boundary_from_outside_is_no_conflict(
    session: Session, plane_city: City, check: Check
):
    publish(session, plane_city, "L", [shapely.LineString([(100, 50), (200, 50)])])

    assert check(square(0, 0, 100)).findings == ()


def test_a_crossing_line_gives_its_length_inside(session: Session, plane_city: City, check: Check):
    publish(session, plane_city, "L", [shapely.LineString([(-50, 50), (150, 50)])])

    finding = only(check(square(0, 0, 100)))

    assert finding.relation == "crosses"
    assert finding.length_m == pytest.approx(100)


def test_a_line_inside_is_contained(session: Session, plane_city: City, check: Check):
    publish(session, plane_city, "L", [shapely.LineString([(10, 50), (90, 50)])])

    assert only(check(square(0, 0, 100))).relation == "contains"


def test_a_footprint_within_a_feature_is_said_so(session: Session, plane_city: City, check: Check):
    publish(session, plane_city, "A", [square(0, 0, 1000)])

    finding = only(check(square(100, 100, 10)))

    assert (finding.relation, finding.overlap_share) == ("within", 1.0)


def test_a_footprint_that_covers_a_feature_is_said_so(session: Session, plane_city: City, check: Check):
    publish(session, plane_city, "A", [square(100, 100, 10)])

    finding = only(check(square(0, 0, 1000)))

    assert (finding.relation, finding.feature_share) == ("covers", 1.0)


def test_tolerance_is_judged_on_the_sum_over_the_pieces(session: Session, plane_city: City, check: Check):
    teeth = [square(10 * n, -1, 0.9) for n in range(100)]
    comb = shapely.union_all([*teeth, shapely.box(0, -3, 1000, -1)])
    publish(session, plane_city, "A", [comb], tolerance_m2=1.0)

    finding = only(check(shapely.box(0, -1, 1000, 100)))

    assert finding.overlap_m2 == pytest.approx(100 * 0.9 * 0.9)
    assert not finding.sliver


def test_tolerance_decides_the_hit_and_not_the_measure(session: Session, plane_city: City, check: Check):
    publish(
        session, plane_city, "A", [square(0, 0, 100), square(300, 0, 100)], control="prohibit", tolerance_m2=5
    )

    report = check(shapely.box(98, 0, 100, 2).union(shapely.box(200, 0, 310, 10)))

    small = next(f for f in report.findings if f.sliver)
    assert small.overlap_m2 == pytest.approx(4)
    assert layer_of(report, "A").overlap_m2 == pytest.approx(104)
    assert layer_of(report, "A").feature_count == 1
    assert report.ledger.prohibited_m2 == pytest.approx(100)


def test_a_thin_overlap_is_a_sliver_with_its_width_and_cause(
    session: Session, plane_city: City, check: Check
):
    publish(session, plane_city, "A", [square(0, 0, 1000)], control="prohibit", sliver_width_m=0.1)

    report = check(shapely.box(999.97, 100, 1200, 300))

    finding = only(report)
    assert finding.sliver
    assert finding.overlap_m2 == pytest.approx(6, rel=1e-6)
    assert finding.sliver_width_m == pytest.approx(0.03, rel=1e-3)
    assert finding.sliver_cause is not None and "3.0 cm" in finding.sliver_cause
    assert report.verdict is Severity.INFORM


def test_a_thick_overlap_with_a_thin_tail_is_no_sliver(session: Session, plane_city: City, check: Check):
    tailed = shapely.union_all([square(0, 0, 2), shapely.box(2, 0, 1000, 0.05)])
    publish(session, plane_city, "A", [tailed], tolerance_m2=0, sliver_width_m=0.1)

    assert not only(check(shapely.box(-10, -10, 1100, 10))).sliver


def test_features_of_one_layer_that_overlap_count_once_in_the_union(
    session: Session, plane_city: City, check: Check
):
    publish(session, plane_city, "A", [square(0, 0, 100), square(50, 0, 100)])

    layer = layer_of(check(square(0, 0, 150)), "A")

    assert layer.overlap_m2 == pytest.approx(15_000)
    assert layer.overlap_sum_m2 == pytest.approx(20_000)
    assert layer.overlap_share == pytest.approx(15_000 / 22_500)


def test_lines_of_one_layer_that_lie_on_each_other_count_once(
    session: Session, plane_city: City, check: Check
):
    line = shapely.LineString([(10, 50), (90, 50)])
    publish(session, plane_city, "L", [line, line])

    assert layer_of(check(square(0, 0, 100)), "L").length_m == pytest.approx(80)


def test_no_share_exceeds_one(session: Session, plane_city: City, check: Check):
    site = square(0, 0, 100)
    publish(session, plane_city, "A", [site, site, site])

    report = check(site)

    assert all(f.overlap_share <= 1 and (f.feature_share or 0) <= 1 for f in report.findings)
    assert layer_of(report, "A").overlap_share == 1.0


def test_a_hole_is_no_part_of_its_feature(session: Session, plane_city: City, check: Check):
    ring = square(0, 0, 1000).difference(square(400, 400, 200))
    publish(session, plane_city, "A", [ring])

    assert check(square(450, 450, 100)).findings == ()
    assert only(check(square(350, 450, 100))).overlap_m2 == pytest.approx(5000)


def test_a_footprint_with_a_hole_and_parts_is_measured_as_it_is(
    session: Session, plane_city: City, check: Check
):
    publish(session, plane_city, "A", [square(0, 0, 1000)])
    frame = square(100, 100, 100).difference(square(120, 120, 60))

    report = check(shapely.MultiPolygon([frame, square(300, 300, 10)]))

    assert report.footprint.area_m2 == pytest.approx(10_000 - 3_600 + 100)
    assert report.footprint.parts == 2
    assert only(report).overlap_m2 == pytest.approx(6_500)


def test_a_feature_around_one_part_of_a_footprint_is_not_around_the_other(
    session: Session, plane_city: City, check: Check
):
    corner = square(0, 0, 1000).difference(square(500, 500, 500))
    publish(session, plane_city, "A", [corner])

    assert only(check(square(100, 100, 50))).relation == "within"
    finding = only(check(shapely.MultiPolygon([square(100, 100, 50), square(800, 800, 50)])))
    assert (finding.relation, finding.overlap_m2) == ("overlaps", pytest.approx(2_500))


def test_a_line_across_a_footprint_is_not_around_it(session: Session, plane_city: City, check: Check):
    publish(session, plane_city, "L", [shapely.LineString([(-50, -50), (150, 150)])])

    finding = only(check(square(0, 0, 100)))

    assert (finding.relation, finding.overlap_m2) == ("crosses", 0)
    assert finding.length_m == pytest.approx(100 * 2**0.5)


def test_a_buffered_line_gives_zone_overlap_length_and_distance(
    session: Session, plane_city: City, check: Check
):
    publish(session, plane_city, "R", [shapely.LineString([(0, 0), (1000, 0)])], buffer_m=50)

    near = only(check(shapely.box(400, 30, 500, 130)))
    on_it = only(check(shapely.box(400, -10, 500, 90)))

    assert (near.relation, near.length_m) == ("within_distance", 0)
    assert near.distance_m == pytest.approx(30)
    assert near.overlap_m2 == pytest.approx(100 * 20)
    assert (on_it.relation, on_it.distance_m) == ("crosses", 0)
    assert on_it.length_m == pytest.approx(100)
    assert on_it.overlap_m2 == pytest.approx(100 * 60)


def test_beyond_the_buffer_is_no_conflict(session: Session, plane_city: City, check: Check):
    publish(session, plane_city, "R", [shapely.LineString([(0, 0), (1000, 0)])], buffer_m=50)

    assert check(shapely.box(400, 50, 500, 150)).findings == ()


def test_outside_a_boundary_is_a_finding_of_its_own(session: Session, plane_city: City, check: Check):
    publish(session, plane_city, "U", [square(0, 0, 1000)], conflict_when="outside")

    finding = only(check(shapely.box(900, 0, 1100, 100)))

    assert (finding.relation, finding.feature_id) == ("outside", None)
    assert finding.overlap_m2 == pytest.approx(10_000)
    assert check(square(100, 100, 100)).findings == ()


def test_the_ledger_is_disjoint_and_closes(session: Session, plane_city: City, check: Check):
    publish(session, plane_city, "A", [shapely.box(0, 0, 40, 100)], control="prohibit")
    publish(session, plane_city, "B", [shapely.box(20, 0, 60, 100)], control="restrict")
    publish(session, plane_city, "C", [shapely.box(50, 0, 70, 100)], control="advise")
    publish(session, plane_city, "D", [shapely.box(0, 0, 100, 100)], control="inform")

    ledger = check(square(0, 0, 100)).ledger

    assert ledger.prohibited_m2 == pytest.approx(4000)
    assert ledger.restricted_m2 == pytest.approx(2000)
    assert ledger.advised_m2 == pytest.approx(1000)
    assert ledger.conflict_free_m2 == pytest.approx(3000)
    assert ledger.closes


def test_verdict_is_the_worst_severity(session: Session, plane_city: City, check: Check):
    publish(session, plane_city, "C", [square(0, 0, 100)], control="advise")
    publish(session, plane_city, "B", [square(0, 0, 100)], control="restrict")

    assert check(square(0, 0, 100)).verdict is Severity.RESTRICT


def test_clear_is_not_said_outside_coverage(session: Session, plane_city: City, check: Check):
    coverage = shapely.MultiPolygon([square(0, 0, 500)])
    publish(session, plane_city, "A", [square(0, 0, 100)], coverage=coverage)

    assert layer_of(check(square(200, 200, 100)), "A").outcome is Outcome.CLEAR
    assert layer_of(check(square(450, 450, 100)), "A").outcome is Outcome.OUTSIDE_COVERAGE


def test_a_plan_past_its_term_is_not_asked(session: Session, plane_city: City, check: Check):
    publish(session, plane_city, "A", [square(0, 0, 100)], valid_until=date(2025, 12, 31))

    report = check(square(0, 0, 100))

    assert layer_of(report, "A").outcome is Outcome.EXPIRED
    assert report.findings == ()
    assert layer_of(check(square(0, 0, 100), on=date(2025, 12, 31)), "A").outcome is Outcome.CONFLICT


def test_a_layer_without_a_version_in_force_has_no_data(session: Session, plane_city: City, check: Check):
    publish(session, plane_city, "A", [square(0, 0, 100)])
    publish(session, plane_city, "B", [square(0, 0, 100)], starts_on=None)

    assert layer_of(check(square(0, 0, 100)), "B").outcome is Outcome.NO_DATA


def test_a_reader_without_rights_gets_no_figure(session: Session, plane_city: City, check: Check):
    publish(session, plane_city, "A", [square(0, 0, 100)])
    publish(session, plane_city, "B", [square(0, 0, 100)], sensitivity="internal", control="prohibit")

    report = check(square(0, 0, 100), actor=ANONYMOUS)

    layer = layer_of(report, "B")
    assert layer.outcome is Outcome.NOT_PERMITTED
    assert (layer.overlap_m2, layer.feature_count, layer.version) == (None, None, None)
    assert {finding.layer for finding in report.findings} == {"A"}
    assert report.ledger.prohibited_m2 == 0


def test_a_past_day_is_checked_against_the_versions_of_that_day(
    session: Session, plane_city: City, check: Check
):
    publish(session, plane_city, "A", [square(0, 0, 100)], starts_on=date(2024, 1, 1))
    publish(session, plane_city, "A", [square(0, 0, 50)], starts_on=date(2026, 3, 1))
    site = square(0, 0, 100)

    assert only(check(site, on=date(2026, 2, 28))).overlap_m2 == pytest.approx(10_000)
    assert only(check(site, on=date(2026, 3, 1))).overlap_m2 == pytest.approx(2_500)


def test_same_input_same_digest_and_another_version_another(session: Session, plane_city: City, check: Check):
    publish(session, plane_city, "A", [square(0, 0, 100)])
    site = square(0, 0, 50)
    turned = shapely.Polygon([(50, 50), (50, 0), (0, 0), (0, 50)])

    first = check(site).digest
    assert check(turned).digest == first
    assert check(site, on=date(2025, 1, 1)).digest == first
    assert check(square(0, 0, 51)).digest != first

    publish(session, plane_city, "A", [square(0, 0, 100)], starts_on=date(2026, 6, 1))
    assert check(site).digest != first


def test_findings_of_equal_areas_keep_their_order_whatever_the_last_digit(
    session: Session, plane_city: City, check: Check
):
    """Of two rectangles of the same sides the one that comes first is a hair smaller, by the rounding of its coordinates."""
    strips = [shapely.box(west, south, west + 10, south + 13.37) for west, south in ((0, 0.15), (20, 0))]
    publish(session, plane_city, "A", strips)

    found = check(square(-50, -50, 200)).findings

    assert 0 < found[1].overlap_m2 - found[0].overlap_m2 < 1e-6
    assert [finding.source_id for finding in found] == ["S1", "S2"]


def test_on_the_ellipsoid_areas_differ_from_the_plane(session: Session, city: City, check: Check):
    publish(session, city, "A", [square(0, 0, 1000)])

    report = check(square(0, 0, 1000), city=city)

    assert report.area_measure == "ellipsoid"
    assert report.footprint.plane_area_m2 == pytest.approx(1_000_000)
    assert report.footprint.area_m2 != pytest.approx(1_000_000, abs=1e-3)
    assert report.ledger.restricted_m2 == pytest.approx(report.footprint.area_m2, abs=0.01)


def test_the_ledger_stops_at_a_layer_that_covers_the_whole_site(
    session: Session, plane_city: City, check: Check
):
    publish(session, plane_city, "P", [square(0, 0, 10)], control="prohibit")
    publish(session, plane_city, "R", [square(-100, -100, 150), square(50, -100, 150)], control="restrict")
    publish(session, plane_city, "R2", [square(90, 0, 50)], control="restrict")
    publish(session, plane_city, "A", [square(-500, -500, 1000)], control="advise")

    report = check(shapely.box(0, 0, 100, 50))

    assert report.ledger.closes
    assert report.ledger.prohibited_m2 == pytest.approx(100)
    assert report.ledger.restricted_m2 == pytest.approx(4900)
    assert (report.ledger.advised_m2, report.ledger.conflict_free_m2) == (0, 0)


def test_overlapping_features_do_not_cover_a_site_by_their_sum(
    session: Session, plane_city: City, check: Check
):
    twice = [shapely.box(0, 0, 60, 100), shapely.box(0, 0, 70, 100)]
    publish(session, plane_city, "R", twice, control="restrict")

    report = check(square(0, 0, 100))

    assert report.ledger.restricted_m2 == pytest.approx(7000)
    assert report.ledger.conflict_free_m2 == pytest.approx(3000)
    assert layer_of(report, "R").overlap_m2 == pytest.approx(7000)
    assert layer_of(report, "R").overlap_sum_m2 == pytest.approx(13_000)


def test_one_feature_over_the_whole_site_covers_it_though_others_overlap_it(
    session: Session, plane_city: City, check: Check
):
    publish(session, plane_city, "P", [square(-10, -10, 200), square(0, 0, 10)], control="prohibit")
    publish(session, plane_city, "R", [square(0, 0, 20)], control="restrict")

    report = check(square(0, 0, 100))

    assert report.ledger.prohibited_m2 == pytest.approx(10_000)
    assert report.ledger.restricted_m2 == 0
    assert report.ledger.closes
