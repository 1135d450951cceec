"""Rule sets: validated line by line, in force by day, thresholds on the union, and what a changed one would turn."""

from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
import shapely
from sqlalchemy.orm import Session

from blueprint.city import AreaMeasure, City
from blueprint.errors import InvalidInputError
from blueprint.footprint import Footprint
from blueprint.permissions import at_console
from blueprint.snapshot import layers_on
from coordination.check_report import CheckReport
from coordination.checks import run_check
from coordination.projects import register_project
from coordination.report_verification import verify_report, with_site
from coordination.reports import to_html
from coordination.rule_file import load_rule_set, parse_rule_set
from coordination.rule_layers import refuse_never_met
from coordination.rule_trial import try_rules
from coordination.rules import Severity
from tests.coordination.world import COORDINATOR, DETAILS, NOW, TODAY
from tests.made import at_origin, publish, square

OPERATOR = at_console("test")
HEAD = "code: test\nversion: 2\nrules:\n"


def _rule(layer: str = "FOREST", **more: str) -> str:
    fields = {
        "id": f"R-{layer}",
        "layer": layer,
        "title": "占用林地",
        "title_en": "On forest land",
        "finding": "占用{area_m2}㎡（{share}%）",
        "finding_en": "{area_m2} m² taken",
        "remedy": "办理使用林地审核",
        "remedy_en": "Ask for consent",
        "basis": "[《森林法》第三十七条]",
        "last_checked_on": "2026-11-01",
    } | more
    lines = [
        f"{key}: {value}" if value.startswith("[") else f"{key}: {value!r}" for key, value in fields.items()
    ]
    lines = [
        line.replace("'{", "{").replace("}'", "}") if line.startswith(("threshold", "signed_off")) else line
        for line in lines
    ]
    return "  - " + "\n    ".join(lines) + "\n"


@pytest.fixture
def city_(city: City) -> City:
    """Anshan with areas in the plane and no rule set."""
    return replace(city, area_measure=AreaMeasure.PLANE, rules_path=None)


def _with_rules(city: City, tmp_path: Path, text: str) -> City:
    path = tmp_path / "rules.yaml"
    path.write_text(HEAD + text, encoding="utf-8")
    return replace(city, rules_path=path)


def _check(session: Session, city: City, *, on: date = TODAY) -> CheckReport:
    return run_check(session, _footprint(city), city=city, actor=OPERATOR, on=on)


def _footprint(city: City) -> Footprint:
    site = at_origin(shapely.MultiPolygon([square(0, 0, 100)]))
    return Footprint(shapely.normalize(site), city.working_crs, "none")


@pytest.mark.parametrize(
    ("text", "line", "told"),
    [
        ("code: x\nversion: 1\nrules: [", 3, "no YAML"),
        ("code: x\nversion: 0\nrules: []", 2, "whole number"),
        ("code: x\nrules: []", 1, "version is missing"),
        (HEAD + _rule(colour="red"), 14, "unknown key 'colour'"),
        (HEAD + _rule(control="forbid"), 14, "'forbid' is no control"),
        (HEAD + _rule(finding="{hectare}"), 8, "{hectare} is no figure"),
        (HEAD + _rule(last_checked_on="gestern"), 13, "is no day"),
        (HEAD + _rule(below="inform"), 4, "go together"),
        (HEAD + _rule() + _rule(), 14, "is there twice"),
        (HEAD + _rule() + _rule(id="R-2"), 14, "on the same days"),
        (HEAD + _rule(valid_from="2026-02-01", valid_until="2026-01-01"), 15, "lies before"),
        (HEAD + _rule(basis="[]"), 12, "legal basis"),
        (HEAD + _rule(threshold="{share: 50}", below="inform"), 14, "from 0 to 1"),
        (HEAD + _rule(threshold="{area_m2: 0}", below="inform"), 14, "always reached"),
        (HEAD + _rule(threshold="{area_m2: -1}", below="inform"), 14, "0 or more"),
        (
            HEAD + _rule(control="advise", threshold="{area_m2: 5}", below="restrict"),
            16,
            "not milder than advise",
        ),
    ],
)
def test_an_error_names_its_line(text: str, line: int, told: str):
    with pytest.raises(InvalidInputError, match=f"^rules.yaml:{line}: ") as raised:
        parse_rule_set(text.encode(), "rules.yaml")
    assert told in raised.value.message


@pytest.mark.parametrize(
    ("text", "line", "told"),
    [
        (HEAD + _rule(finding="{area_m2:d}"), 8, "without : or !"),
        (HEAD + _rule(finding="{area_m2:>50000000}"), 8, "without : or !"),
        (HEAD + _rule(finding="{area_m2:{foo}}"), 8, "without : or !"),
        (HEAD + _rule(finding_en="{area_m2!x}"), 9, "without : or !"),
        (HEAD + _rule(finding="{area_m2.real}"), 8, "is no figure"),
        (HEAD + _rule(finding="{}"), 8, "is no figure"),
        (f"code: x\nversion: {'1' * 50}\nrules: []", 2, "no whole number"),
        ('code: "a\\0b"\nversion: 1\nrules: []', 1, "NUL"),
        ('code: "\\ud800"\nversion: 1\nrules: []', 1, "surrogate"),
        (f"code: {'x' * 5000}\nversion: 1\nrules: []", 1, "at most 4,000"),
        ("code: x\nversion: 1\nrules: " + "[" * 3000, 3, "nested deeper"),
        ("code: &a x\nversion: 1\nrules: [*a, *a]", 3, "alias"),
        ("code: x\nversion: 1\nrules: [" + "1," * 3000 + "]", 3, "at most 2,000"),
        (
            HEAD + _rule(matrix="[]").replace("[]", "{field: A, uses: {" + "".join(f"{n}: 1," for n in range(15_000)) + "}}"),
            14, "15,000 entries",
        ),
        ("code: x\nversion: 1\nrules: [" + "1," * 60_000 + "]", 3, "more than 50,000"),
        (HEAD + "#" * (600 << 10), None, "larger than 512 kB"),
    ],
)  # fmt: skip
def test_a_file_made_to_harm_is_refused_in_a_sentence(text: str, line: int | None, told: str):
    with pytest.raises(InvalidInputError, match=rf"rules\.yaml:{line}: " if line else "rules") as raised:
        parse_rule_set(text.encode(), "rules.yaml")
    assert told in raised.value.message
    assert "\n" not in raised.value.message and len(raised.value.message) < 300


def test_a_report_cites_the_rule_set_and_says_what_to_do_and_what_is_not_signed_off(
    session: Session, city_: City, tmp_path: Path
):
    publish(session, city_, "FOREST", [shapely.box(0, 0, 100, 25)])
    publish(session, city_, "RIVER", [square(500, 0, 10)])
    signed = _rule("RIVER", signed_off='{by: "水利局", on: 2026-11-02}')
    city = _with_rules(city_, tmp_path, _rule() + signed)

    report = _check(session, city)

    assert report.rule_set == "test v2"
    [told] = report.rules
    assert (told.finding, told.finding_en) == ("占用2,500.00㎡（25.00%）", "2,500.00 m² taken")
    assert told.to_json()["remedy"] == "办理使用林地审核"
    assert report.unsigned_rules == ("R-FOREST",)
    page = to_html(report, _footprint(city), (), {}, city=city)
    assert "办理使用林地审核" in page
    assert "尚未签认" in page


def test_a_rule_holds_from_a_day_to_a_day_both_included(session: Session, city_: City, tmp_path: Path):
    publish(session, city_, "FOREST", [square(0, 0, 100)], control="advise")
    text = _rule(control="prohibit", valid_from="2026-03-01", valid_until="2026-03-31")
    city = _with_rules(city_, tmp_path, text)

    days = (date(2026, 2, 28), date(2026, 3, 1), date(2026, 3, 31), date(2026, 4, 1))
    reports = [_check(session, city, on=day) for day in days]

    assert [report.verdict for report in reports] == [
        Severity.ADVISE, Severity.PROHIBIT, Severity.PROHIBIT, Severity.ADVISE,
    ]  # fmt: skip
    before, first, last, after = [report.digest for report in reports]
    assert before == after != first == last, "a check with other rules is another check"


@pytest.mark.parametrize(
    ("threshold", "verdict"),
    [
        ("{area_m2: 2000}", Severity.RESTRICT),
        ("{area_m2: 2000.5}", Severity.ADVISE),
        ("{share: 0.2}", Severity.RESTRICT),
        ("{share: 0.21}", Severity.ADVISE),
        ("{area_m2: 99999, share: 0.1}", Severity.RESTRICT),
    ],
)
def test_below_its_threshold_a_layer_is_softer_and_the_ledger_with_it(
    session: Session, city_: City, tmp_path: Path, threshold: str, verdict: Severity
):
    """Two features of 1,000 m² each: judged on what the layer takes in all, 2,000 of 10,000 m²."""
    publish(session, city_, "FOREST", [shapely.box(0, 0, 100, 10), shapely.box(0, 50, 100, 60)])
    city = _with_rules(city_, tmp_path, _rule(threshold=threshold, below="advise"))

    report = _check(session, city)

    assert report.verdict is verdict
    ledger = report.ledger
    expected = (2000.0, 0.0) if verdict is Severity.RESTRICT else (0.0, 2000.0)
    assert (ledger.restricted_m2, ledger.advised_m2) == (
        pytest.approx(expected[0]),
        pytest.approx(expected[1]),
    )
    assert ledger.closes
    assert report.layers[0].control == verdict
    assert report.rules[0].softened_from == (None if verdict is Severity.RESTRICT else "restrict")


def test_a_length_is_a_threshold_too(session: Session, city_: City, tmp_path: Path):
    publish(session, city_, "FOREST", [shapely.LineString([(50, -10), (50, 110)])])

    short, long = (
        _check(
            session,
            _with_rules(
                city_, tmp_path / str(least), _rule(threshold=f"{{length_m: {least}}}", below="inform")
            ),
        )
        for least in (100, 101)
        if (tmp_path / str(least)).mkdir() is None
    )

    assert (short.verdict, long.verdict) == (Severity.RESTRICT, Severity.INFORM)


@pytest.mark.parametrize("east", [61.72, 42.24])
def test_just_as_much_as_the_threshold_is_reached_though_coordinates_are_rounded(
    session: Session, city_: City, tmp_path: Path, east: float
):
    """Sides of whole centimetres: the area is that of the threshold, but for the last digits of a coordinate."""
    publish(session, city_, "FOREST", [shapely.box(0.07, 0, east, 100)])
    threshold = f"{{area_m2: {round((east - 0.07) * 100, 2)}}}"
    city = _with_rules(city_, tmp_path, _rule(threshold=threshold, below="inform"))

    assert _check(session, city).verdict is Severity.RESTRICT


def test_a_threshold_never_makes_a_rule_harder(session: Session, city_: City, tmp_path: Path):
    publish(session, city_, "FOREST", [shapely.box(0, 0, 100, 1)], control="inform")
    city = _with_rules(city_, tmp_path, _rule(threshold="{area_m2: 5000}", below="restrict"))

    assert _check(session, city).verdict is Severity.INFORM


def test_another_rule_set_is_another_digest_and_a_report_holds_under_its_own(
    session: Session, city_: City, tmp_path: Path
):
    publish(session, city_, "FOREST", [shapely.box(0, 0, 100, 10)])
    city = _with_rules(city_, tmp_path, _rule(threshold="{area_m2: 5000}", below="advise"))
    report = _check(session, city)
    document = with_site(report, _footprint(city))

    assert report.digest != _check(session, city_).digest
    assert verify_report(session, document, city=city, actor=OPERATOR).holds
    # Its rules are kept: it holds under others, too, and by itself it is held to those of today.
    assert verify_report(session, document, city=city_, actor=OPERATOR).holds
    del document["rule_set_sha256"]
    other = verify_report(session, document, city=city_, actor=OPERATOR)
    told = " ".join(other.differences)
    assert all(f"（{field}）" in told for field in ("digest", "verdict", "rule_set"))


def test_a_report_from_before_findings_named_their_rule_holds_and_an_altered_one_does_not(
    session: Session, city_: City, tmp_path: Path
):
    publish(session, city_, "FOREST", [shapely.box(0, 0, 100, 10)], basis=None)
    city = _with_rules(city_, tmp_path, _rule())
    document = with_site(_check(session, city), _footprint(city))
    [finding] = document["findings"]
    assert (finding.pop("rule"), finding.pop("department")) == ("R-FOREST", None)
    assert finding["basis"] == "《森林法》第三十七条"
    finding["basis"] = None

    assert verify_report(session, document, city=city, actor=OPERATOR).differences == ()

    altered = document | {"findings": [finding | {"basis": "《水法》"}]}
    [difference] = verify_report(session, altered, city=city, actor=OPERATOR).differences
    assert difference.startswith("冲突（findings FOREST S1.basis）")


def test_a_changed_rule_set_is_tried_on_projects_and_nothing_is_kept(
    world_session: Session, world: City, tmp_path: Path
):
    city = replace(world, rules_path=None)
    footprint = Footprint(
        shapely.MultiPolygon([shapely.box(500_210, 4_550_000, 500_240, 4_550_100)]), city.working_crs, "none"
    )
    register_project(world_session, DETAILS, footprint, city=city, actor=COORDINATOR, now=NOW)
    path = tmp_path / "harder.yaml"
    path.write_text(HEAD + _rule("river", control="prohibit"), encoding="utf-8")

    [trial] = try_rules(world_session, load_rule_set(path), city=city, actor=COORDINATOR, on=TODAY)

    assert (trial.verdict_before, trial.verdict_after) == (Severity.RESTRICT, Severity.PROHIBIT)
    assert trial.layers == ("river",)
    assert not world_session.new


@pytest.mark.parametrize(
    ("geometry", "threshold", "below", "told"),
    [
        ("polygon", "{length_m: 50}", "inform", "by length_m, and layer FOREST has area_m2, share: it would never be reached"),
        ("line", "{area_m2: 500, share: 0.1}", "inform", "by area_m2, share, and layer FOREST has length_m"),
        ("point", "{area_m2: 500}", "inform", "none of area, share or length"),
        ("polygon", "{area_m2: 500}", "prohibit", "prohibit is not milder than restrict, the control of layer FOREST"),
        ("line", "{area_m2: 500, length_m: 50}", "inform", None),
    ],
)  # fmt: skip
def test_a_threshold_that_a_layer_never_reaches_is_refused_with_its_line(
    session: Session, city_: City, geometry: str, threshold: str, below: str, told: str | None
):
    """By a length of areas, or an area of lines, every conflict was below it, and softened without a word."""
    shapes = {
        "polygon": square(0, 0, 9),
        "line": shapely.LineString([(0, 0), (9, 9)]),
        "point": shapely.Point(0, 0),
    }
    publish(session, city_, "FOREST", [shapes[geometry]])
    rules = parse_rule_set((HEAD + _rule(threshold=threshold, below=below)).encode(), "rules.yaml")

    if told is None:
        refuse_never_met(rules, layers_on(session, TODAY), on=TODAY)
    else:
        with pytest.raises(InvalidInputError, match=r"^rules\.yaml:14: R-FOREST: ") as raised:
            refuse_never_met(rules, layers_on(session, TODAY), on=TODAY)
        assert told in raised.value.message
