"""A restricted layer and a reader without clearance: that it is met is told, and nothing else whichever way one asks."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import shapely
from sqlalchemy.orm import Session

from blueprint.city import AreaMeasure, City
from blueprint.footprint import Footprint
from blueprint.permissions import ANONYMOUS, Actor, Role
from coordination.check_report import CheckReport
from coordination.checks import run_check
from coordination.kept_checks import find_check, keep_check
from coordination.masking import SizeClass, size_class_of
from coordination.report_verification import with_site
from coordination.reports import to_geojson, to_html
from coordination.rules import Severity
from tests.made import at_origin, publish, square
from tests.rasters import store_raster, write_tif

TODAY = date(2026, 11, 23)
Check = Callable[..., CheckReport]


@pytest.fixture
def city_(city: City) -> City:
    """Anshan with areas in the plane."""
    return replace(city, area_measure=AreaMeasure.PLANE)


@pytest.fixture
def member(city: City) -> Actor:
    """Somebody of a department that owns none of the layers."""
    return Actor("member", city.departments[3].code, frozenset({Role.ANYONE, Role.DEPARTMENT}))


@pytest.fixture
def check(session: Session, city_: City, member: Actor) -> Check:
    """Check a square site of 100 m in local metres."""

    def run(site: shapely.Polygon = square(0, 0, 100), actor: Actor = member) -> CheckReport:  # noqa: B008 - a value
        return run_check(session, _footprint(site, city_), city=city_, actor=actor, on=TODAY)

    return run


def _footprint(site: shapely.Polygon, city: City) -> Footprint:
    return Footprint(shapely.normalize(at_origin(shapely.MultiPolygon([site]))), city.working_crs, "none")


def _restricted(session: Session, city: City, *shapes: shapely.Geometry, code: str = "SECRET", **more: Any):
    return publish(
        session,
        city,
        code,
        shapes,
        title="机密设施",
        sensitivity="restricted",
        control="prohibit",
        basis="机密依据",
        **more,
    )


def test_a_conflict_is_told_by_department_and_class_alone(session: Session, city_: City, check: Check):
    publish(session, city_, "OPEN", [square(1000, 0, 10)])
    _restricted(session, city_, shapely.box(0, 0, 30, 100))

    report = check()

    assert report.to_json()["restricted"] == {
        "hidden": True,
        "withheld": False,
        "conflicts": [{"department": city_.departments[0].code, "size_class": "part"}],
    }
    assert report.verdict is Severity.ADVISE
    assert report.ledger.conflict_free_m2 == pytest.approx(10_000)
    assert [layer.code for layer in report.layers] == ["OPEN"]


def test_no_form_of_the_report_names_it(session: Session, city_: City, check: Check):
    publish(session, city_, "OPEN", [square(0, 0, 10)])
    _restricted(session, city_, shapely.box(0, 0, 30, 100))
    report, footprint = check(), _footprint(square(0, 0, 100), city_)

    site = str(with_site(report, footprint)["site"]["wkb"])

    for text in (
        repr(report),
        str(report.to_json()),
        str(to_geojson(report, footprint, city=city_)),
        to_html(report, footprint, (), {}, city=city_).replace(site, "its own outline"),
    ):
        assert "SECRET" not in text and "机密" not in text
        assert "3000" not in text and "0.3000" not in text and "30.00" not in text


HEIGHTS = """code: test
version: 1
rules:
  - id: R-XG
    layer: SECRET
    title: 限高
    title_en: Height limit
    finding: "{area_m2}㎡"
    finding_en: "{area_m2} m²"
    remedy: 降低高度
    remedy_en: Build lower
    basis: [《示例》第一条]
    last_checked_on: 2026-11-01
    height: {above: prohibit, within: advise}
"""


@pytest.mark.parametrize(("top_m", "is_told"), [(50.5, True), (None, True), (44.0, False)])
def test_a_restricted_raster_of_limiting_elevations_is_met_where_a_project_reaches_above_it(
    session: Session, city_: City, member: Actor, tmp_path: Path, top_m: float | None, is_told: bool
):
    """Its rule alone says from which elevation on; without it no pixel was beyond anything, and nobody was to be asked."""
    path = tmp_path / "rules.yaml"
    path.write_text(HEIGHTS, encoding="utf-8")
    city = replace(city_, rules_path=path)
    publish(session, city, "OPEN", [square(1000, 0, 10)])
    limits = write_tif(tmp_path / "limits.tif", np.full((40, 40), 45.0, dtype=np.float32))
    store_raster(session, city, limits, "SECRET", sensitivity="restricted")
    footprint = replace(_footprint(square(0, 0, 100), city), top_m=top_m)

    report = run_check(session, footprint, city=city, actor=member, on=TODAY)

    assert bool(report.restricted_conflicts) is is_told
    assert [layer.code for layer in report.layers] == ["OPEN"]


def test_where_it_is_not_met_nothing_is_told(session: Session, city_: City, check: Check):
    publish(session, city_, "OPEN", [square(0, 0, 10)])
    _restricted(session, city_, square(100, 0, 30))  # touches

    report = check()

    assert report.restricted_conflicts == ()
    assert report.has_hidden_layers


@pytest.mark.parametrize(("away_m", "told"), [(30, ["part"]), (60, [])])
def test_the_distance_of_a_rule_is_asked_of_it_too(
    session: Session, city_: City, member: Actor, tmp_path: Path, away_m: float, told: list[str]
):
    """A rule of 50 m: of a wall 30 m away it takes a fifth of the site."""
    words = [f"{name}: a" for name in ("title", "title_en", "finding", "finding_en", "remedy", "remedy_en")]
    reach = ["control: prohibit", "relation: within_distance", "distance_m: 50"]
    lines = ["id: R-50", "layer: SECRET", *words, "basis: [a]", "last_checked_on: 2026-11-01", *reach]
    rules = tmp_path / "rules.yaml"
    rules.write_text("code: test\nversion: 1\nrules:\n  - " + "\n    ".join(lines), encoding="utf-8")
    city = replace(city_, rules_path=rules)
    publish(session, city, "OPEN", [square(0, 0, 10)])
    _restricted(session, city, shapely.box(100 + away_m, -200, 400, 300))

    site = _footprint(square(0, 0, 100), city)
    report = run_check(session, site, city=city, actor=member, on=TODAY)

    assert [str(conflict.size_class) for conflict in report.restricted_conflicts] == told
    assert "R-50" not in str(report.to_json())


def test_several_layers_and_features_of_a_department_are_one_conflict(
    session: Session, city_: City, check: Check
):
    publish(session, city_, "OPEN", [square(0, 0, 10)])
    _restricted(session, city_, square(0, 0, 10), square(50, 50, 10))
    _restricted(session, city_, shapely.box(0, 0, 100, 60), code="SECRET2")

    (conflict,) = check().restricted_conflicts
    assert conflict.size_class is SizeClass.MOST


def test_the_digest_tells_neither_of_a_new_version_nor_of_one_less(
    session: Session, city_: City, check: Check
):
    publish(session, city_, "OPEN", [square(0, 0, 10)])
    _restricted(session, city_, shapely.box(0, 0, 30, 100))
    before = check().digest
    _restricted(session, city_, shapely.box(0, 0, 31, 100), starts_on=date(2026, 1, 1))

    assert check().digest == before


def test_who_is_not_known_is_told_of_no_conflict(session: Session, city_: City, check: Check):
    publish(session, city_, "OPEN", [square(0, 0, 10)])
    _restricted(session, city_, shapely.box(0, 0, 30, 100))

    report = check(actor=ANONYMOUS)

    assert report.restricted_conflicts == ()
    assert report.has_hidden_layers


def test_the_owner_sees_all_of_it(session: Session, city_: City, check: Check):
    publish(session, city_, "OPEN", [square(0, 0, 10)])
    version = _restricted(session, city_, shapely.box(0, 0, 30, 100))
    owner = Actor("owner", version.layer.department, frozenset({Role.ANYONE, Role.DEPARTMENT}))

    report = check(actor=owner)

    assert not report.has_hidden_layers and report.restricted_conflicts == ()
    assert report.ledger.prohibited_m2 == pytest.approx(3000)


def test_a_check_kept_by_the_owner_does_not_exist_for_others(
    session: Session, city_: City, check: Check, member: Actor
):
    version = _restricted(session, city_, shapely.box(0, 0, 30, 100))
    publish(session, city_, "OPEN", [square(0, 0, 10)])
    owner = Actor("owner", version.layer.department, frozenset({Role.ANYONE, Role.DEPARTMENT}))
    kept = keep_check(
        session,
        check(actor=owner),
        _footprint(square(0, 0, 100), city_),
        city=city_,
        actor=owner,
        now=version.uploaded_at,
    )

    assert find_check(session, kept.id, actor=owner) is kept
    with pytest.raises(Exception, match="no check") as unseen:
        find_check(session, kept.id, actor=member)
    with pytest.raises(Exception, match="no check") as unknown:
        find_check(session, 2_000_000_000, actor=member)
    assert str(unseen.value).replace(str(kept.id), "N") == str(unknown.value).replace("2000000000", "N")


@pytest.mark.parametrize(
    ("share", "expected"),
    [(0.0, "small"), (0.0499, "small"), (0.05, "part"), (0.4999, "part"), (0.5, "most"), (1.0, "most")],
)
def test_size_classes(share: float, expected: str):
    assert size_class_of(share) == expected
