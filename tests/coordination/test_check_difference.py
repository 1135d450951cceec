"""The difference of two checks: what became of each finding, and which cause it has."""

from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import orjson
import pytest
import shapely
from sqlalchemy.orm import Session

from blueprint.city import AreaMeasure, City
from blueprint.footprint import Footprint
from blueprint.permissions import Actor, Role, at_console
from coordination.check_difference import Cause, Change, compare_checks
from coordination.checks import run_check
from coordination.report_verification import with_site
from coordination.report_words import CAUSE_WORDS, CHANGE_WORDS
from coordination.rules import Severity
from tests.coordination.world import TODAY
from tests.made import at_origin, publish, square

OPERATOR = at_console("test")
EARLIER = date(2026, 1, 1)


@pytest.fixture
def plane(city: City) -> City:
    """The city with areas in the plane and no rule set."""
    return replace(city, area_measure=AreaMeasure.PLANE, rules_path=None)


def _report(
    session: Session, city: City, *, on: date = TODAY, side: float = 100, actor: Actor = OPERATOR
) -> dict[str, Any]:
    site = shapely.normalize(at_origin(shapely.MultiPolygon([square(0, 0, side)])))
    footprint = Footprint(site, city.working_crs, "none")
    report = run_check(session, footprint, city=city, actor=actor, on=on)
    document: dict[str, Any] = orjson.loads(orjson.dumps(with_site(report, footprint)))
    return document


def _publish(
    session: Session, city: City, code: str, shapes: dict[str, shapely.Geometry], **more: Any
) -> None:
    rows = [{"BSM": key} for key in shapes]
    publish(session, city, code, list(shapes.values()), attributes=rows, source_id_field="BSM", **more)


def test_a_check_does_not_differ_from_itself(session: Session, plane: City):
    _publish(session, plane, "FARM", {"a": square(50, 0, 100)})
    report = _report(session, plane)

    found = compare_checks(report, report)

    assert (found.findings, found.layers, found.causes) == ((), (), ())
    assert not found.footprint_changed


def test_another_planned_use_is_no_other_rule_and_a_changed_rule_file_is(session: Session, plane: City):
    _publish(session, plane, "FARM", {"a": square(50, 0, 100)})
    report = _report(session, plane) | {"rule_set_sha256": "1"}

    assert compare_checks(report, report | {"planned_use": "0701"}).causes == (Cause.PARTICULARS,)
    assert compare_checks(report, report | {"rule_set_sha256": "2"}).causes == (Cause.RULE,)
    softer = [layer | {"control": "advise"} for layer in report["layers"]]
    shrunk = report | {"layers": softer, "rules": [{"layer": "FARM"}]}
    assert compare_checks(report, shrunk, same_footprint=False).causes == (Cause.FOOTPRINT,)


def test_a_new_version_makes_findings_new_gone_and_grown(session: Session, plane: City):
    old = {"grows": square(90, 0, 50), "goes": square(0, 0, 10), "stays": square(0, 50, 10)}
    new = {"grows": square(80, 0, 50), "comes": square(30, 30, 10), "stays": square(0, 50, 10)}
    _publish(session, plane, "FARM", old, starts_on=date(2020, 1, 1))
    before = _report(session, plane, on=EARLIER)
    _publish(session, plane, "FARM", new, starts_on=date(2026, 2, 1))

    found = compare_checks(before, _report(session, plane))

    changes = {change.feature: change.change for change in found.findings}
    assert changes == {"grows": Change.GROWN, "goes": Change.GONE, "comes": Change.NEW}
    assert {change.causes for change in found.findings} == {(Cause.LAYER_VERSION,)}
    [layer] = found.layers
    assert (layer.layer, layer.version_before, layer.version_after) == ("FARM", 1, 2)
    [grown] = [change for change in found.findings if change.change is Change.GROWN]
    assert grown.before is not None
    assert grown.after is not None
    assert (grown.before.overlap_m2, grown.after.overlap_m2) == (pytest.approx(500), pytest.approx(1000))


def test_another_footprint_is_the_cause_where_the_layers_stayed(session: Session, plane: City):
    _publish(session, plane, "FARM", {"a": square(50, 0, 100)})

    found = compare_checks(_report(session, plane), _report(session, plane, side=60))

    assert found.footprint_changed
    assert found.area_change_m2 == pytest.approx(3600 - 10_000)
    [change] = found.findings
    assert (change.change, change.causes) == (Change.SHRUNK, (Cause.FOOTPRINT,))


def test_another_rule_set_weighs_the_same_area_otherwise(session: Session, plane: City, tmp_path: Path):
    _publish(session, plane, "FARM", {"a": square(50, 0, 100)}, control="restrict")
    path = tmp_path / "rules.yaml"
    path.write_text(
        "code: x\nversion: 1\nrules:\n  - {id: R, layer: FARM, title: t, title_en: t, finding: f, finding_en: f,"
        " remedy: r, remedy_en: r, basis: [b], last_checked_on: 2026-01-01, control: prohibit}\n"
    )

    found = compare_checks(_report(session, plane), _report(session, replace(plane, rules_path=path)))

    [change] = found.findings
    assert (change.change, change.causes) == (Change.WEIGHS_OTHERWISE, (Cause.RULE,))
    assert (found.verdict_before, found.verdict_after) == (Severity.RESTRICT, Severity.PROHIBIT)


def test_several_causes_are_all_named(session: Session, plane: City):
    _publish(session, plane, "FARM", {"a": square(50, 0, 100)}, starts_on=date(2020, 1, 1))
    before = _report(session, plane, on=EARLIER)
    _publish(session, plane, "FARM", {"a": square(40, 0, 100)}, starts_on=date(2026, 2, 1))

    found = compare_checks(before, _report(session, plane, side=200))

    assert found.findings[0].causes == (Cause.FOOTPRINT, Cause.LAYER_VERSION)
    assert found.causes == (Cause.FOOTPRINT, Cause.LAYER_VERSION)


def test_a_layer_past_its_term_or_closed_to_the_other_reader_is_no_other_version(
    session: Session, plane: City
):
    _publish(session, plane, "TERM", {"a": square(0, 0, 50)}, valid_until=date(2026, 6, 1))
    _publish(session, plane, "CLOSED", {"a": square(50, 0, 50)}, sensitivity="internal")
    before, after = _report(session, plane, on=EARLIER), _report(session, plane)
    stranger = Actor("x", plane.departments[1].code, frozenset({Role.ANYONE}))

    expired = compare_checks(before, after)
    closed = compare_checks(_report(session, plane, actor=stranger), after)

    assert [(c.layer, c.change, c.causes) for c in expired.findings] == [
        ("TERM", Change.GONE, (Cause.NOT_ASKED,))
    ]
    assert expired.causes == (Cause.NOT_ASKED,)
    assert [layer.layer for layer in expired.layers] == ["TERM"]
    assert [(c.layer, c.change, c.causes) for c in closed.findings] == [
        ("CLOSED", Change.NEW, (Cause.RIGHTS,))
    ]


def test_a_rule_of_a_later_day_for_one_feature_is_named_and_a_feature_that_goes_is_none(
    session: Session, plane: City, tmp_path: Path
):
    """The rule for S2 softens it; the layer's worst control stays that of S1, until the version comes that has S1 no more."""
    path = tmp_path / "rules.yaml"
    path.write_text(
        "code: x\nversion: 1\nrules:\n  - {id: R, layer: FARM, title: t, title_en: t, finding: f, finding_en: f,"
        " remedy: r, remedy_en: r, basis: [b], last_checked_on: 2026-01-01, control: advise,"
        " when: {field: BSM, values: [S2]}, valid_from: 2026-02-01}\n"
    )
    city = replace(plane, rules_path=path)
    both = {"S1": square(0, 0, 50), "S2": square(50, 50, 50)}
    _publish(session, city, "FARM", both, control="prohibit")
    early, later = _report(session, city, on=EARLIER), _report(session, city, on=date(2026, 3, 1))
    _publish(session, city, "FARM", {"S2": both["S2"]}, control="prohibit", starts_on=date(2026, 4, 1))

    softened, gone = compare_checks(early, later), compare_checks(later, _report(session, city))

    [change] = softened.findings
    assert (change.feature, change.change, change.causes) == ("S2", Change.WEIGHS_OTHERWISE, (Cause.RULE,))
    assert softened.causes == (Cause.RULE,)
    assert [(c.feature, c.change, c.causes) for c in gone.findings] == [
        ("S1", Change.GONE, (Cause.LAYER_VERSION,))
    ]


def test_findings_by_several_rules_of_one_feature_count_once_and_its_pieces_together(
    session: Session, plane: City
):
    _publish(session, plane, "FARM", {"a": square(50, 0, 100)})
    report = _report(session, plane)
    [finding] = report["findings"]

    def measured(**findings: tuple[int, str, float]) -> dict[str, Any]:
        return report | {
            "findings": [
                finding | {"feature_id": piece, "rule": rule, "overlap_m2": area_m2}
                for piece, rule, area_m2 in findings.values()
            ]
        }

    before = measured(near=(1, "R-5", 200), far=(1, "R-50", 4700), other=(2, "R-50", 100))
    after = measured(near=(1, "R-5", 300), far=(1, "R-50", 4700), other=(2, "R-50", 150))

    [change] = compare_checks(before, after).findings
    assert change.before is not None
    assert change.after is not None
    assert (change.before.overlap_m2, change.after.overlap_m2) == (4800, 4850)


def test_every_cause_and_change_has_its_words():
    """One without ended `blueprint report compare` in a fault."""
    assert set(CAUSE_WORDS) == set(Cause) and set(CHANGE_WORDS) == set(Change)
