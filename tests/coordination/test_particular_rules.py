"""Particular rules: several of one layer, by attribute, distance and relation, each with its own control, words, basis and department."""

from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pytest
import shapely
from sqlalchemy.orm import Session

from blueprint.city import AreaMeasure, City
from blueprint.errors import InvalidInputError
from blueprint.footprint import Footprint
from blueprint.permissions import at_console
from blueprint.snapshot import layers_on
from coordination.check_report import CheckReport, Finding
from coordination.checks import run_check
from coordination.judging import rule_set_of
from coordination.noticing import noticing
from coordination.projects import register_project
from coordination.report_verification import verify_report, with_site
from coordination.responsibility import concerns_by_department
from coordination.rule_file import parse_rule_set
from coordination.rule_layers import refuse_never_met
from coordination.rule_sets import Condition, RuleSet, to_json
from coordination.rule_trial import try_rules
from tests.coordination.world import COORDINATOR, DETAILS, NOW, TODAY
from tests.made import at_origin, publish, square

OPERATOR = at_console("test")
HEAD = "code: test\nversion: 1\nrules:\n"


def _rule(id_: str, layer: str, *lines: str) -> str:
    """A rule of nine lines and what is added; its first line is that of its dash."""
    return "    ".join(
        [
            f"  - id: {id_}\n",
            f"layer: {layer}\n",
            f"title: {id_}\n",
            f"title_en: {id_}\n",
            'finding: "{area_m2}㎡"\n',
            'finding_en: "{area_m2} m²"\n',
            "remedy: 避让\n",
            "remedy_en: Keep off\n",
            f"basis: [《{id_}》第一条]\n",
            "last_checked_on: 2026-11-01\n",
            *(f"{line}\n" for line in lines),
        ]
    )


PIPE = _rule("R-5", "PIPE", "control: prohibit", "relation: within_distance", "distance_m: 5") + _rule(
    "R-50", "PIPE", "control: restrict", "relation: within_distance", "distance_m: 50", "department: YJJ"
)
WATER = "".join(
    _rule(f"R-{grade}", "WATER", f"control: {control}", f"when: {{field: JB, values: [{grade}]}}")
    for grade, control in (("一级", "prohibit"), ("二级", "restrict"), ("准", "advise"))
)


def _city(city: City, tmp_path: Path, rules: str) -> City:
    path = tmp_path / "rules.yaml"
    path.write_text(HEAD + rules, encoding="utf-8")
    return replace(city, area_measure=AreaMeasure.PLANE, rules_path=path)


def _footprint(shape: shapely.Polygon) -> Footprint:
    return Footprint(shapely.normalize(shapely.MultiPolygon([at_origin(shape)])), "EPSG:4550", "none")


def _check(session: Session, city: City, shape: shapely.Polygon | None = None) -> CheckReport:
    footprint = _footprint(shape or square(0, 0, 100))
    return run_check(session, footprint, city=city, actor=OPERATOR, on=TODAY)


def _by_rule(report: CheckReport) -> dict[str | None, Finding]:
    return {finding.rule: finding for finding in report.findings}


def test_two_distances_of_one_layer_are_two_findings_and_divide_the_ledger(
    session: Session, city: City, tmp_path: Path
):
    """A pipeline 3 m east of the site: 2 m of its 5 m zone and 47 m of its 50 m zone lie in it."""
    city = _city(city, tmp_path, PIPE)
    publish(session, city, "PIPE", [shapely.LineString([(103, -500), (103, 600)])], control="inform")

    report = _check(session, city)

    found = _by_rule(report)
    assert set(found) == {"R-5", "R-50"}
    assert (found["R-5"].overlap_m2, found["R-50"].overlap_m2) == (pytest.approx(200), pytest.approx(4700))
    assert [str(f.relation) for f in report.findings] == ["within_distance"] * 2
    assert (found["R-5"].distance_m, found["R-5"].basis) == (pytest.approx(3), "《R-5》第一条")
    ledger = report.ledger
    assert (ledger.prohibited_m2, ledger.restricted_m2) == (pytest.approx(200), pytest.approx(4500))
    assert ledger.conflict_free_m2 == pytest.approx(5300) and ledger.closes
    layer = next(layer for layer in report.layers if layer.code == "PIPE")
    assert (layer.outcome, layer.control, layer.feature_count) == ("conflict", "prohibit", 0)
    assert [(told.rule.id, told.finding) for told in report.rules] == [
        ("R-5", "200.00㎡"),
        ("R-50", "4,700.00㎡"),
    ]
    assert report.unsigned_rules == ("R-5", "R-50")
    document = with_site(report, _footprint(square(0, 0, 100)))
    assert set(concerns_by_department(document)) == {city.departments[0].code, "YJJ"}
    assert verify_report(session, document, city=city, actor=OPERATOR).holds
    earlier = verify_report(session, document | {"engine": "overlay-2"}, city=city, actor=OPERATOR)
    assert not earlier.is_same_engine and "计算引擎已更新" in earlier.conclusion


def test_a_project_notices_a_change_as_far_away_as_a_rule_goes(session: Session, city: City, tmp_path: Path):
    city = _city(city, tmp_path, PIPE)
    pipe = publish(session, city, "PIPE", [shapely.LineString([(0, 0), (0, 9)])])
    water = publish(session, city, "WATER", [square(0, 0, 9)])

    assert noticing(session, None, pipe, city=city, on=TODAY).beyond_m == 50
    assert noticing(session, None, water, city=city, on=TODAY).beyond_m == 0


def test_a_rule_goes_from_the_legal_edge_of_a_river_however_wide_it_is(
    session: Session, city: City, tmp_path: Path
):
    """A river of 900 m whose centre line runs 500 m east of the site: its bank is 50 m off, and the rule goes 60 m."""
    by = "distance_by: {edge_width_field: KD, edge_width_m: 12}"
    text = _rule("R-RIVER", "RIVER", "control: prohibit", "relation: within_distance", "distance_m: 60", by)
    city = _city(city, tmp_path, text)
    lines = [shapely.LineString([(x, -500), (x, 600)]) for x in (600, 9000)]
    rows = [{"KD": "900 米"}, {"KD": "—"}]
    version = publish(session, city, "RIVER", lines, control="inform", attributes=rows)

    [finding] = _check(session, city).findings

    assert (finding.rule, finding.overlap_m2) == ("R-RIVER", pytest.approx(1000))
    assert finding.distance_m == pytest.approx(500)
    assert noticing(session, None, version, city=city, on=TODAY).beyond_m == 510


@pytest.mark.parametrize("distance_m", [50, 1000])
def test_a_distance_is_met_to_the_centimetre_in_whatever_direction(
    session: Session, city: City, tmp_path: Path, distance_m: int
):
    """A corner of the site 2 cm within the distance of a store, in the direction in which chords are furthest from the circle."""
    text = _rule("R", "STORE", "control: prohibit", "relation: within_distance", f"distance_m: {distance_m}")
    city = _city(city, tmp_path, text)
    turn = np.radians(90 / 32)
    east, north = (distance_m - 0.02) * np.array([np.cos(turn), np.sin(turn)])
    options = {"control": "inform", "tolerance_m2": 0, "sliver_width_m": 0}
    publish(session, city, "STORE", [shapely.Point(100 + east, 100 + north)], **options)

    [finding] = _check(session, city).findings

    assert (finding.rule, finding.distance_m) == ("R", pytest.approx(distance_m - 0.02))


def test_the_zone_of_a_rule_has_the_area_of_a_circle_to_the_square_metre(
    session: Session, city: City, tmp_path: Path
):
    text = _rule("R", "STORE", "control: prohibit", "relation: within_distance", "distance_m: 50")
    city = _city(city, tmp_path, text)
    publish(session, city, "STORE", [shapely.Point(50, 50)], control="inform")

    found = {finding.rule: finding.overlap_m2 for finding in _check(session, city).findings}

    assert found["R"] == pytest.approx(np.pi * 2500, abs=1)


def test_a_site_that_is_the_whole_of_a_feature_lies_within_it_and_covers_it(
    session: Session, city: City, tmp_path: Path
):
    city = _city(city, tmp_path, _rule("R-ALL", "PARK", "control: prohibit", "relation: covers"))
    publish(session, city, "PARK", [square(0, 0, 100), square(0, 0, 100.01)], control="inform")

    found = [(str(f.relation), f.rule) for f in _check(session, city).findings]

    assert found == [("within", "R-ALL"), ("within", None)]


def test_the_width_goes_by_an_attribute_from_the_legal_edge_and_one_that_is_missing_means_the_strictest(
    session: Session, city: City, tmp_path: Path
):
    """Roads 25 m away, 10 m wide: a county road's 10 m end 10 m before the site, 30 m of an unknown grade reach 10 m into it."""
    by = "distance_by: {field: DJ, widths: {县道: 10, 高速公路: 30}, edge_width_field: KD, edge_width_m: 12}"
    text = _rule("R-ROAD", "ROAD", "control: prohibit", "relation: within_distance", "distance_m: 30", by)
    city = _city(city, tmp_path, text)
    road = shapely.LineString([(125, -500), (125, 600)])
    rows = [{"DJ": "县道", "KD": 10}, {"KD": 10}]
    publish(session, city, "ROAD", [road, road], control="inform", attributes=rows)

    [finding] = _check(session, city).findings

    assert finding.overlap_m2 == pytest.approx(1000)
    assert "从严按 30 m 认定" in (finding.control_reason or "")


def test_grades_of_one_layer_have_rules_of_their_own_and_one_that_is_missing_the_strictest(
    session: Session, city: City, tmp_path: Path
):
    city = _city(city, tmp_path, WATER)
    strips = [shapely.box(x, -10, x + 20, 200) for x in (0, 20, 40, 60)]
    grades = [{"JB": "一级"}, {"JB": "二级"}, {"JB": "准"}, {}]
    publish(session, city, "WATER", strips, control="inform", attributes=grades)

    report = _check(session, city)

    told = [
        (f.source_id, f.rule, str(f.severity))
        for f in sorted(report.findings, key=lambda f: f.source_id or "")
    ]
    assert told == [
        ("S1", "R-一级", "prohibit"), ("S2", "R-二级", "restrict"), ("S3", "R-准", "advise"), ("S4", "R-一级", "prohibit"),
    ]  # fmt: skip
    assert "从严认定" in (next(f for f in report.findings if f.source_id == "S4").control_reason or "")
    ledger = report.ledger
    pieces = (ledger.prohibited_m2, ledger.restricted_m2, ledger.advised_m2, ledger.conflict_free_m2)
    assert pieces == tuple(pytest.approx(m2) for m2 in (4000, 2000, 2000, 2000))
    assert [told.finding for told in report.rules] == ["4,000.00㎡", "2,000.00㎡", "2,000.00㎡"]


def test_a_trial_names_a_layer_of_which_features_only_change_places(
    world_session: Session, world: City, tmp_path: Path
):
    """What was prohibited is restricted and the other way round: the verdict is the same, and each finding another."""
    shapes = [shapely.box(2000, 0, 2050, 100), shapely.box(2050, 0, 2100, 100)]
    publish(world_session, world, "WATER", shapes, attributes=[{"JB": "一级"}, {"JB": "二级"}])
    city = _city(world, tmp_path, WATER)
    site = _footprint(shapely.box(2000, 0, 2100, 100))
    register_project(world_session, DETAILS, site, city=city, actor=COORDINATOR, now=NOW)
    swapped = WATER.replace("[一级]", "[甲]").replace("[二级]", "[一级]").replace("[甲]", "[二级]")

    [trial] = try_rules(
        world_session,
        parse_rule_set((HEAD + swapped).encode(), "rules.yaml"),
        city=city,
        actor=COORDINATOR,
        on=TODAY,
    )

    assert (trial.verdict_before, trial.verdict_after) == ("prohibit", "prohibit")
    assert trial.layers == ("WATER",)


@pytest.mark.parametrize(
    ("value", "is_met"),
    [("0103", True), ("010300", True), ("010301", False), ("01", False), ("10", True), ("1000", False), (1000.0, False)],
)  # fmt: skip
def test_a_class_code_of_a_condition_is_the_same_padded_and_a_voltage_is_none(value: object, is_met: bool):
    condition = Condition("DM", ("0103", "10"))

    assert condition.is_met({"DM": value}) is is_met
    assert Condition("DM", ("010300",)).is_met({"DM": value}) is (is_met and value != "10")


def test_what_no_particular_rule_is_for_has_the_general_one_with_its_threshold(
    session: Session, city: City, tmp_path: Path
):
    general = _rule("R-ALL", "WATER", "threshold: {area_m2: 9000}", "below: inform")
    city = _city(city, tmp_path, general + WATER)
    strips = [shapely.box(0, -10, 20, 200), shapely.box(20, -10, 50, 200)]
    publish(session, city, "WATER", strips, attributes=[{"JB": "一级"}, {"JB": "其他"}])

    report = _check(session, city)

    found = _by_rule(report)
    assert (found["R-一级"].severity, found["R-ALL"].severity) == ("prohibit", "inform")
    assert found["R-一级"].control_reason is None
    assert "JB 为 其他，没有规则列出" in (found["R-ALL"].control_reason or "")
    assert (report.ledger.prohibited_m2, report.ledger.restricted_m2) == (pytest.approx(2000), 0)
    assert {told.rule.id: told.finding for told in report.rules} == {
        "R-ALL": "3,000.00㎡",
        "R-一级": "2,000.00㎡",
    }


def test_a_relation_of_its_own_touching_within_and_inside_a_layer_whose_outside_is_the_conflict(
    session: Session, city: City, tmp_path: Path
):
    rules = (
        _rule("R-TOUCH", "PARK", "control: advise", "relation: touches")
        + _rule("R-WHOLE", "EDGE", "control: advise", "relation: covers")
        + _rule("R-IN", "PLAN", "control: prohibit", "relation: within")
        + _rule("R-FLEX", "EDGE", "control: restrict", "when: {field: FQLX, values: [弹性发展区]}")
    )
    city = _city(city, tmp_path, rules)
    publish(session, city, "PARK", [shapely.box(100, 0, 150, 40), shapely.box(101, 50, 150, 90)])
    publish(session, city, "PLAN", [square(-10, -10, 200), square(50, 0, 80)], control="inform")
    zones = [{"FQLX": "集中建设区"}, {"FQLX": "弹性发展区"}, {"FQLX": "特别用途区"}]
    halves = [shapely.box(-50, -50, 70, 150), shapely.box(70, -50, 200, 150), shapely.box(0, 0, 30, 30)]
    publish(session, city, "EDGE", halves, attributes=zones, conflict_when="outside")

    report = _check(session, city)

    touch = next(f for f in report.findings if f.rule == "R-TOUCH")
    assert (touch.source_id, str(touch.relation), touch.overlap_m2, touch.length_m) == (
        "S1",
        "touches",
        0,
        40,
    )
    plans = [(f.source_id, str(f.severity)) for f in report.findings if f.layer == "PLAN"]
    assert sorted(plans) == [("S1", "prohibit"), ("S2", "inform")]
    found = {f.rule: f for f in report.findings if f.layer == "EDGE"}
    flexible, whole = found["R-FLEX"], found["R-WHOLE"]
    assert (flexible.source_id, flexible.overlap_m2) == ("S2", pytest.approx(3000))
    assert (whole.source_id, str(whole.relation), whole.overlap_m2) == ("S3", "covers", pytest.approx(900))
    assert len(report.findings) == 5


def test_overlaps_is_also_a_site_wholly_inside_or_over_a_feature(
    session: Session, city: City, tmp_path: Path
):
    city = _city(city, tmp_path, _rule("R-ANY", "PARK", "control: prohibit", "relation: overlaps"))
    shapes = [square(-10, -10, 200), square(20, 20, 10), shapely.box(50, 50, 150, 150), square(100, 0, 9)]
    publish(session, city, "PARK", shapes, control="inform")

    found = sorted(_check(session, city).findings, key=lambda f: f.source_id or "")

    assert [(f.source_id, str(f.relation), str(f.severity)) for f in found] == [
        ("S1", "within", "prohibit"), ("S2", "covers", "prohibit"), ("S3", "overlaps", "prohibit"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("lines", "line", "told"),
    [
        (["control: advise", "relation: near"], 15, "'near' is no relation of a rule"),
        (["control: advise", "relation: within_distance"], 4, "go together"),
        (["distance_m: 5"], 4, "go together"),
        (["relation: overlaps"], 4, "control is missing"),
        (["control: advise", "relation: within_distance", "distance_m: 9999"], 16, "at most 5,000 m"),
        (["control: advise", "when: {field: A, values: []}"], 15, "at least one value"),
        (["control: advise", "relation: within_distance", "distance_m: 5",
          "distance_by: {field: A, widths: {b: 9}}"], 17, "must be the strictest width"),
        (["control: advise", "relation: covers", "gap: {}"], 16, "without `when`, `relation` or `pixels`"),
        (["control: advise", "pixels: {share: 0.1}"], 15, "`above` or `below`"),
        (["control: advise", "when: {field: A, values: [b]}", "pixels: {above: 5}"], 16, "of a raster"),
    ],
)  # fmt: skip
def test_half_a_particular_rule_is_refused_with_its_line(lines: list[str], line: int, told: str):
    with pytest.raises(InvalidInputError, match=f"^rules.yaml:{line}: ") as raised:
        parse_rule_set((HEAD + _rule("R", "L", *lines)).encode(), "rules.yaml")
    assert told in raised.value.message


@pytest.mark.parametrize(
    ("shape", "layer", "lines", "told"),
    [
        (square(0, 0, 9), {"conflict_when": "outside"}, ["relation: crosses"], "a rule of it is for overlaps, within, covers"),
        (square(0, 0, 9), {}, ["relation: contains"], "no site contains a polygon"),
        (shapely.LineString([(0, 0), (9, 9)]), {}, ["relation: overlaps"], "for crosses, contains, touches"),
        (shapely.Point(0, 0), {}, ["relation: crosses"], "for contains, touches"),
        (square(0, 0, 9), {}, ["pixels: {above: 15}"], "is no raster"),
        (square(0, 0, 9), {}, ["relation: covers"], None),
        (shapely.Point(0, 0), {"buffer_m": 5}, ["relation: covers"], None),
    ],
)  # fmt: skip
def test_a_rule_that_its_layer_never_meets_is_refused_with_its_line(
    session: Session,
    city: City,
    shape: shapely.Geometry,
    layer: dict[str, object],
    lines: list[str],
    told: str | None,
):
    publish(session, city, "L", [shape], **layer)
    rules = parse_rule_set((HEAD + _rule("R", "L", "control: advise", *lines)).encode(), "rules.yaml")
    layers = layers_on(session, TODAY)

    if told is None:
        refuse_never_met(rules, layers, on=TODAY)
    else:
        with pytest.raises(InvalidInputError, match=r"^rules\.yaml:15: R: ") as raised:
            refuse_never_met(rules, layers, on=TODAY)
        assert told in raised.value.message
    refuse_never_met(rules, [], on=TODAY)


def test_a_rule_that_ended_before_its_layer_became_another_does_not_refuse_the_file(
    session: Session, city: City
):
    publish(session, city, "L", [square(0, 0, 9)])
    layers = layers_on(session, TODAY)
    lines = ["control: advise", "relation: contains"]

    def rules(until: date) -> RuleSet:
        ends = f"valid_until: {until.isoformat()}"
        return parse_rule_set((HEAD + _rule("R", "L", *lines, ends)).encode(), "rules.yaml")

    refuse_never_met(rules(TODAY - timedelta(days=1)), layers, on=TODAY)
    with pytest.raises(InvalidInputError, match="no site contains a polygon"):
        refuse_never_met(rules(TODAY), layers, on=TODAY)


def test_a_rule_names_a_department_of_the_city(city: City, tmp_path: Path):
    text = _rule("R-1", "L", "control: advise", "relation: touches", "department: NOBODY")

    with pytest.raises(InvalidInputError, match="names the department NOBODY"):
        rule_set_of(_city(city, tmp_path, text))


def test_a_rule_is_shown_with_all_that_it_says():
    [rule, _] = parse_rule_set((HEAD + PIPE).encode(), "rules.yaml").rules

    shown = to_json(rule)

    assert (shown["relation"], shown["reach"]["distance_m"], shown["when"]) == ("within_distance", 5, None)
