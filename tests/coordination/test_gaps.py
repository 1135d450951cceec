"""Coverage gaps: what no detailed plan covers is a finding beside the plans that are met, with words and a control of its own."""

from dataclasses import replace
from pathlib import Path

import pytest
import shapely
from sqlalchemy.orm import Session

from blueprint.city import AreaMeasure, City
from blueprint.errors import InvalidInputError
from blueprint.footprint import Footprint
from blueprint.permissions import at_console
from coordination.check_report import CheckReport
from coordination.checks import run_check
from coordination.report_verification import verify_report, with_site
from coordination.reports import to_html
from coordination.rule_file import parse_rule_set
from tests.coordination.world import TODAY
from tests.made import at_origin, publish, square

OPERATOR = at_console("test")
RULES = """code: test
version: 1
rules:
  - id: R-XXGH
    layer: XXGH
    title: 详细规划
    title_en: Detailed plan
    finding: 涉及详细规划{area_m2}㎡。
    finding_en: "{area_m2} m² in detailed plans."
    remedy: 先编制详细规划
    remedy_en: Have a detailed plan made first
    basis: [《中华人民共和国城乡规划法》第三十八条]
    last_checked_on: 2026-11-01
    gap: {control: restrict, finding: "{area_m2}㎡（{share}%）没有详细规划。", finding_en: "{area_m2} m² without a detailed plan."}
"""


@pytest.fixture
def plane(city: City, tmp_path: Path) -> City:
    """The city with areas in the plane and the rule of gaps."""
    path = tmp_path / "rules.yaml"
    path.write_text(RULES, encoding="utf-8")
    return replace(city, area_measure=AreaMeasure.PLANE, rules_path=path)


def _footprint(shape: shapely.Polygon) -> Footprint:
    return Footprint(shapely.normalize(shapely.MultiPolygon([at_origin(shape)])), "EPSG:4550", "none")


def _check(session: Session, city: City, shape: shapely.Polygon) -> CheckReport:
    return run_check(session, _footprint(shape), city=city, actor=OPERATOR, on=TODAY)


def test_the_part_that_no_plan_covers_is_a_finding_beside_the_plans(session: Session, plane: City):
    """Of 100 × 100 m two plans that overlap cover 60 × 100: 4,000 m² are left open, a fifth of them in the red line."""
    plans = [square(-100, 0, 150), shapely.box(0, -10, 60, 200)]
    publish(session, plane, "XXGH", plans, control="inform")
    publish(session, plane, "HX", [shapely.box(92, -50, 300, 150)], control="prohibit")

    report = _check(session, plane, square(0, 0, 100))

    gap = next(f for f in report.findings if f.relation == "uncovered")
    assert (gap.feature_id, gap.control, gap.severity) == (None, "restrict", "restrict")
    assert (gap.overlap_m2, gap.overlap_share) == (pytest.approx(4000), pytest.approx(0.4))
    met = [f for f in report.findings if f.layer == "XXGH" and f.relation != "uncovered"]
    assert [f.severity for f in met] == ["inform", "inform"]
    ledger = report.ledger
    assert (ledger.prohibited_m2, ledger.restricted_m2) == (pytest.approx(800), pytest.approx(3200))
    assert ledger.conflict_free_m2 == pytest.approx(6000) and ledger.closes
    layer = next(layer for layer in report.layers if layer.code == "XXGH")
    assert (layer.feature_count, layer.overlap_m2, layer.uncovered_m2) == (2, 6000, pytest.approx(4000))
    assert layer.outcome == "conflict"
    (words,) = report.rules
    assert words.finding == "涉及详细规划6,000.00㎡。4,000.00㎡（40.00%）没有详细规划。"
    page = to_html(report, _footprint(square(0, 0, 100)), (), {}, city=plane)
    assert "4,000.00㎡" in page and "无规划覆盖" in page
    document = with_site(report, _footprint(square(0, 0, 100)))
    assert verify_report(session, document, city=plane, actor=OPERATOR).holds


def test_ground_that_is_covered_has_no_gap_and_none_at_all_is_one_gap(session: Session, plane: City):
    publish(session, plane, "XXGH", [square(0, 0, 50), square(50, 0, 50)], control="inform")

    covered, outside = (
        _check(session, plane, shapely.box(0, 0, 100, 50)),
        _check(session, plane, square(500, 0, 10)),
    )

    assert {f.relation for f in covered.findings} == {"covers"}
    (gap,) = outside.findings
    assert (gap.relation, gap.overlap_m2, outside.verdict) == ("uncovered", pytest.approx(100), "restrict")


def test_a_thin_gap_is_a_sliver_and_only_informs(session: Session, plane: City):
    publish(
        session, plane, "XXGH", [square(0, 0, 50), square(50.02, 0, 50)], control="inform", sliver_width_m=0.1
    )

    report = _check(session, plane, shapely.box(0, 0, 100, 50))

    gap = next(f for f in report.findings if f.relation == "uncovered")
    assert (gap.sliver, gap.severity) == (True, "inform")
    assert gap.overlap_m2 == pytest.approx(1.0)
    assert report.ledger.restricted_m2 == 0


def test_a_gap_without_words_is_refused_with_its_line():
    text = RULES[: RULES.index("    gap:")] + "    gap: {control: restrict}\n"

    with pytest.raises(InvalidInputError, match=r"rules\.yaml:14: finding, finding_en is missing"):
        parse_rule_set(text.encode(), "rules.yaml")
