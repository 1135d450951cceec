"""Planned use × class of the layer: by the longest code, strict where something is not known, and the ledger by feature."""

from dataclasses import replace
from pathlib import Path
from typing import Any

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
from coordination.report_verification import verify_report, with_site
from coordination.rule_file import parse_rule_set
from coordination.rule_sets import Condition
from coordination.use_matrix import UseMatrix, use_code
from tests.coordination.world import TODAY
from tests.made import at_origin, publish, square

OPERATOR = at_console("test")
RULES = """code: test
version: 1
rules:
  - id: R-GHYDYH
    layer: GHYDYH
    title: 与规划用地用海不符
    title_en: Not the planned use
    finding: 涉及{area_m2}㎡
    finding_en: "{area_m2} m²"
    remedy: 调整规划
    remedy_en: Change the plan
    basis: [《中华人民共和国城乡规划法》第三十八条]
    last_checked_on: 2026-11-01
    matrix:
      field: GHYT
      uses:
        "0701": {"0701": inform, "08": advise, "*": restrict}
        "*": {"12": advise, "*": prohibit}
"""
MATRIX = UseMatrix(
    "GHYT",
    {
        "0701": {"0701": Control.INFORM, "08": Control.ADVISE, "*": Control.RESTRICT},
        "*": {"12": Control.ADVISE, "*": Control.PROHIBIT},
    },
)


@pytest.mark.parametrize(
    ("use", "value", "control"),
    [
        ("0701", "0701", "inform"),
        ("070102", "070101", "inform"),  # children go with their parent
        ("0701", "080000", "advise"),  # padded as plan databases do
        ("0701", "0804", "advise"),
        ("0701", "1401", "restrict"),
        ("0901", "1207", "advise"),
        ("0901", "0701", "prohibit"),
        ("0701", 701, "inform"),  # a number has lost its nought
        ("0701", 804.0, "advise"),
        ("0701", "０８０４", "advise"),
        ("0701", "0804 教育用地", "advise"),
        ("0701", "1401＋0701", "inform"),  # full-width signs are the same
        ("0701", "1401+0701", "inform"),  # planned for both: one of them may be built
        ("0701", "+", "restrict"),  # signs between classes and no class
        ("0701", None, "restrict"),  # a class that is not known is the strictest of the row
        (None, "0701", "prohibit"),  # and so is a use
        (None, None, "prohibit"),
    ],
)
def test_the_control_of_a_use_in_a_class(use: str | None, value: Any, control: str):
    assert MATRIX.rule(use, {"GHYT": value}).control == control


def test_codes_of_a_matrix_may_be_padded_too_and_none_is_there_twice():
    """070100 in the file was never met by 0701 in the layer: the milder or harder "other classes" held."""
    padded = RULES.replace('"0701"', '"070100"').replace('"12"', '"120000"')

    matrix = parse_rule_set(padded.encode(), "rules.yaml").rules[0].matrix

    assert matrix == MATRIX
    with pytest.raises(InvalidInputError, match=r"^rules\.yaml:17: .*'080000' is there twice"):
        parse_rule_set(RULES.replace('"08": advise', '"08": advise, "080000": inform').encode(), "rules.yaml")


@pytest.mark.parametrize("value", ["一级", "Ⅰ级", "I级", "1级", "Ⅰ", "1", 1, "１"])
def test_a_grade_is_the_same_in_any_numerals(value: Any):
    matrix = UseMatrix("JB", {"*": {"1": Control.PROHIBIT, "2": Control.RESTRICT, "*": Control.INFORM}})

    assert matrix.rule(None, {"JB": value}).control == Control.PROHIBIT
    assert Condition("JB", ("一级",)).is_met({"JB": value})
    assert not Condition("JB", ("二级", "一类")).is_met({"JB": value})


@pytest.mark.parametrize(
    ("symbology", "code", "control"),
    [
        ("land_use_2020", "060102", "advise"),
        ("land_use_2020", "060102 村庄内部道路用地", "advise"),
        ("land_use_2020", 60102, "advise"),
        ("land_use_2020", 60102.0, "advise"),
        ("land_use_2023", "060102", "prohibit"),
    ],
)
def test_codes_of_the_edition_of_2020_are_read_as_what_they_mean_in_that_of_2023(
    session: Session, plane: City, symbology: str, code: Any, control: str
):
    """060102 was 村庄内部道路用地, which is in 1207 since; it is 田间道 in the edition of 2023."""
    publish(
        session, plane, "GHYDYH", [square(0, 0, 100)], attributes=[{"GHYT": code}],
        class_field="GHYT", symbology=symbology,
    )  # fmt: skip

    report = _check(session, plane, "0901")

    assert report.verdict == control
    assert ("1207" in (report.findings[0].control_reason or "")) is (symbology == "land_use_2020")
    assert verify_report(session, with_site(report, _site(plane, "0901")), city=plane, actor=OPERATOR).holds


def test_what_is_not_known_is_said():
    assert "图斑缺少属性 GHYT，从严认定" in MATRIX.rule("0701", {}).reason
    assert "未给出项目拟用途，从严认定" in MATRIX.rule(None, {"GHYT": "0701"}).reason


def test_the_code_of_a_planned_use_stands_at_its_head():
    assert [use_code(t) for t in ("0701 城镇住宅用地", "0701", "住宅", None, "07011", "")] == [
        "0701", "0701", None, None, None, None,
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("old", "new", "line", "told"),
    [
        (', "*": restrict}', "}", 17, "what holds for other classes"),
        ('        "*": {"12": advise, "*": prohibit}\n', "", 17, "what holds for other uses"),
        ('08": advise', '08": maybe', 17, "no control"),
        ("      field: GHYT\n", "", 15, "field is missing"),
    ],
)
def test_an_error_in_a_matrix_names_its_line(old: str, new: str, line: int, told: str):
    with pytest.raises(InvalidInputError, match=f"^rules.yaml:{line}: .*{told}"):
        parse_rule_set(RULES.replace(old, new).encode(), "rules.yaml")


@pytest.fixture
def plane(city: City, tmp_path: Path) -> City:
    """The city with areas in the plane and the rule set of this test."""
    path = tmp_path / "rules.yaml"
    path.write_text(RULES, encoding="utf-8")
    return replace(city, area_measure=AreaMeasure.PLANE, rules_path=path)


def _site(city: City, use: str | None) -> Footprint:
    shape = shapely.normalize(at_origin(shapely.MultiPolygon([square(0, 0, 100)])))
    return Footprint(shape, city.working_crs, "none", planned_use=use)


def _check(session: Session, city: City, use: str | None) -> CheckReport:
    return run_check(session, _site(city, use), city=city, actor=OPERATOR, on=TODAY)


def test_urban_and_rural_planning_law_art_38_a_site_is_judged_by_what_is_planned_under_it(
    session: Session, plane: City
):
    """Of 10,000 m²: 5,000 planned as homes, 3,000 as green, 1,000 as public services, 1,000 without a class."""
    shapes = [
        shapely.box(0, 0, 50, 100),
        shapely.box(50, 0, 80, 100),
        shapely.box(80, 0, 90, 100),
        shapely.box(90, 0, 100, 100),
    ]
    classes = [{"GHYT": "0701"}, {"GHYT": "1401"}, {"GHYT": "0804"}, {"GHYT": None}]
    publish(session, plane, "GHYDYH", shapes, attributes=classes, control="restrict")
    publish(session, plane, "RIVER", [shapely.box(0, 0, 100, 10)], control="restrict")

    homes = _check(session, plane, "0701")
    works = _check(session, plane, "1001")

    found = {f.attributes["GHYT"]: (f.control, f.severity) for f in homes.findings if f.layer == "GHYDYH"}
    assert found == {
        "0701": ("inform", "inform"), "1401": ("restrict", "restrict"), "0804": ("advise", "advise"), None: ("restrict", "restrict"),
    }  # fmt: skip
    ledger = homes.ledger
    # the river restricts 100 × 10 m, of which 40 × 10 lie on restricted ground anyway
    assert ledger.restricted_m2 == pytest.approx(3000 + 1000 + 600)
    assert (ledger.advised_m2, ledger.conflict_free_m2) == (pytest.approx(900), pytest.approx(4500))
    assert ledger.closes
    assert next(layer for layer in homes.layers if layer.code == "GHYDYH").control == "restrict"
    assert works.ledger.prohibited_m2 == pytest.approx(10_000)
    assert homes.digest != works.digest


def test_a_report_by_the_planned_use_verifies(session: Session, plane: City):
    publish(session, plane, "GHYDYH", [square(0, 0, 60)], attributes=[{"GHYT": "1401"}])
    report = _check(session, plane, "0701")
    document = with_site(report, _site(plane, "0701"))

    assert report.to_json()["planned_use"] == "0701"
    assert verify_report(session, document, city=plane, actor=OPERATOR).differences == ()
    assert not verify_report(session, document | {"planned_use": "1001"}, city=plane, actor=OPERATOR).holds
