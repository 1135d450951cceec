"""A raster layer in a check: a threshold on a share of the footprint, beside the layers of features."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import shapely
from sqlalchemy.orm import Session

from blueprint.city import AreaMeasure, City
from blueprint.errors import InvalidInputError, UnavailableError
from blueprint.footprint import Footprint
from blueprint.layers.publication import withdraw
from blueprint.objects import objects_of
from blueprint.permissions import ANONYMOUS, at_console
from blueprint.rasters import zonal
from blueprint.snapshot import take_snapshot
from coordination.alternatives import compare_sites
from coordination.check_report import CheckReport
from coordination.checks import run_check
from coordination.report_verification import verify_report, with_site
from coordination.responsibility import layers_not_seen
from coordination.rules import Outcome, Severity
from coordination.trim import TrimLevel, find_trim
from tests.blueprint.rasters.conftest import Publish
from tests.made import at_origin, publish, square
from tests.rasters import slope, write_tif

TODAY = date(2026, 11, 23)
Check = Callable[..., CheckReport]


@pytest.fixture
def plane_city(city: City) -> City:
    """Anshan with areas in the plane, so that the right answer is a whole number."""
    return replace(city, area_measure=AreaMeasure.PLANE)


@pytest.fixture
def check(session: Session, plane_city: City) -> Check:
    """Check a site in local metres."""

    def run(site: shapely.Geometry, *, on: date = TODAY, actor: Any = None) -> CheckReport:
        footprint = Footprint(
            geometry=shapely.normalize(at_origin(shapely.MultiPolygon([site]))),
            source_crs=plane_city.working_crs,
            operation="none",
        )
        return run_check(
            session, footprint, city=plane_city, actor=actor or at_console("test"), on=on, with_shapes=True
        )

    return run


@pytest.fixture
def tif(tmp_path: Path) -> Path:
    """500 m × 400 m of slope: 0 in the westernmost 10 m, 49 in the easternmost."""
    return write_tif(tmp_path / "slope.tif", slope())


def test_a_raster_whose_file_is_damaged_or_gone_fails_by_itself_and_the_other_layers_are_checked(
    tif: Path, publish_raster: Publish, check: Check, session: Session, plane_city: City
):
    """Its digest is that of a check that did not ask it, a verdict of the others stands, and what is free is not said."""
    site = square(100, 0, 100)
    publish(session, plane_city, "FARM", [square(150, 0, 100)], control="prohibit")
    without = check(site)
    publish_raster(tif, threshold_above=5)
    (slope_layer,) = [
        layer for layer in take_snapshot(session, TODAY).layers if layer.object_sha256 is not None
    ]
    path = objects_of(session).existing(slope_layer.object_sha256 or "")
    path.chmod(0o600)
    path.write_bytes(b"II*\x00 no longer a raster")

    damaged = check(site)
    path.unlink()
    gone = check(site)

    for report in (damaged, gone):
        (layer,) = [layer for layer in report.layers if layer.code == "SLOPE"]
        assert (layer.outcome, layer.feature_count, layer.overlap_m2) == (Outcome.FAILED, None, None)
        assert report.failed_layers == ("SLOPE",)
        assert (report.verdict, report.digest) == (Severity.PROHIBIT, without.digest)
        assert report.ledger == without.ledger
        assert layers_not_seen(report.to_json()) == (layer.title,)
    footprint = Footprint(
        geometry=at_origin(shapely.MultiPolygon([site])), source_crs="EPSG:4550", operation="none"
    )
    with pytest.raises(UnavailableError, match="what it says of the site is not known"):
        find_trim(
            session, footprint, city=plane_city, actor=at_console("test"), on=TODAY, level=TrimLevel.PROHIBIT
        )
    with pytest.raises(UnavailableError, match="what it says of the site is not known"):
        compare_sites(
            session,
            [("A", footprint), ("B", footprint)],
            city=plane_city,
            actor=at_console("test"),
            on=TODAY,
            now=datetime(2026, 11, 23, tzinfo=UTC),
        )


def test_beyond_the_threshold_on_more_than_the_share_is_a_conflict(
    tif: Path, publish_raster: Publish, check: Check
):
    publish_raster(tif, threshold_above=25, threshold_share=0.1, unit="°")

    report = check(shapely.box(200, 100, 300, 200))

    (finding,) = report.findings
    assert (finding.severity, finding.relation, finding.feature_id) == (Severity.RESTRICT, "overlaps", None)
    assert finding.overlap_share == pytest.approx(0.4, abs=1e-9)
    assert finding.overlap_m2 == pytest.approx(4000, abs=1e-3)
    assert finding.attributes["threshold"] == "> 25 °"
    assert finding.attributes["mean"] == pytest.approx(24.5)
    assert finding.shape is not None and finding.shape.equals(at_origin(shapely.box(260, 100, 300, 200)))
    assert report.verdict is Severity.RESTRICT
    assert report.layers[0].outcome is Outcome.CONFLICT
    assert report.ledger.restricted_m2 == pytest.approx(4000, abs=1e-3)
    assert report.ledger.conflict_free_m2 == pytest.approx(6000, abs=1e-3)
    assert report.ledger.closes


RULES = """code: test
version: 1
rules:
"""


def _rule(id_: str, control: str, *lines: str) -> str:
    """A rule of the layer SLOPE."""
    words = f"title: {id_}, title_en: {id_}, finding: '{{area_m2}}㎡', finding_en: '{{area_m2}} m²', remedy: 避让, remedy_en: Keep off"
    given = f"id: {id_}, layer: SLOPE, {words}, basis: [《{id_}》], last_checked_on: 2026-11-01, control: {control}"
    return f"  - {{{', '.join([given, *lines])}}}\n"


def test_rules_by_value_of_one_raster_divide_the_ledger_each_with_its_own_control_basis_and_department(
    tif: Path, publish_raster: Publish, session: Session, plane_city: City, tmp_path: Path
):
    """Of 20° to 29° the layer itself advises above 15°, a rule restricts above 25° (40 m), another prohibits above 28° on more than 20 %."""
    path = tmp_path / "rules.yaml"
    rules = (
        _rule("R-25", "restrict", "pixels: {above: 25}", "department: YJJ")
        + _rule("R-28", "prohibit", "pixels: {above: 28, share: 0.2}")
        + _rule("R-ALL", "advise")
    )
    path.write_text(RULES + rules, encoding="utf-8")
    city = replace(plane_city, rules_path=path)
    publish_raster(tif, threshold_above=15, unit="°", control="advise")
    site = Footprint(
        geometry=shapely.normalize(at_origin(shapely.MultiPolygon([shapely.box(200, 100, 300, 200)]))),
        source_crs="EPSG:4550",
        operation="none",
    )

    report = run_check(session, site, city=city, actor=at_console("test"), on=TODAY, with_shapes=True)

    steep, whole = report.findings
    assert (steep.rule, str(steep.severity), steep.basis, steep.department) == (
        "R-25",
        "restrict",
        "《R-25》",
        "YJJ",
    )
    assert steep.overlap_m2 == pytest.approx(4000, abs=1e-3) and steep.attributes["threshold"] == "> 25 °"
    assert steep.shape is not None and steep.shape.equals(at_origin(shapely.box(260, 100, 300, 200)))
    assert (whole.rule, str(whole.severity), str(whole.relation)) == ("R-ALL", "advise", "within")
    ledger = report.ledger
    assert (ledger.prohibited_m2, ledger.restricted_m2) == (0, pytest.approx(4000, abs=1e-3))
    assert ledger.advised_m2 == pytest.approx(6000, abs=1e-3) and ledger.closes
    assert (report.verdict, report.layers[0].control) == (Severity.RESTRICT, "restrict")
    assert {told.rule.id: told.finding for told in report.rules} == {
        "R-25": "4,000.00㎡",
        "R-ALL": "10,000.00㎡",
    }
    assert verify_report(session, with_site(report, site), city=city, actor=at_console("test")).holds
    trim = find_trim(session, site, city=city, actor=at_console("test"), on=TODAY, level=TrimLevel.RESTRICT)
    assert (trim.kept_m2, trim.verdict_after) == (pytest.approx(6000, abs=1e-3), Severity.ADVISE)


def test_pixels_of_a_rule_that_are_too_ragged_to_be_drawn_have_no_shape_and_a_trim_leaves_the_site(
    tif: Path,
    publish_raster: Publish,
    session: Session,
    plane_city: City,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
):
    path = tmp_path / "rules.yaml"
    path.write_text(RULES + _rule("R-25", "prohibit", "pixels: {above: 25}"), encoding="utf-8")
    city = replace(plane_city, rules_path=path)
    publish_raster(tif, threshold_above=60, control="inform")
    site = Footprint(
        shapely.normalize(at_origin(shapely.MultiPolygon([shapely.box(200, 100, 300, 200)]))),
        plane_city.working_crs,
        "none",
    )
    monkeypatch.setattr(zonal, "MAX_ZONE_VERTICES", 4)

    report = run_check(session, site, city=city, actor=at_console("test"), on=TODAY, with_shapes=True)
    trim = find_trim(session, site, city=city, actor=at_console("test"), on=TODAY, level=TrimLevel.PROHIBIT)

    [steep] = report.findings
    assert (steep.rule, steep.shape, steep.overlap_m2) == ("R-25", None, pytest.approx(4000, abs=1e-3))
    assert report.ledger.prohibited_m2 == pytest.approx(10_000), "nowhere in it is known to be free"
    assert (trim.kept, trim.lost_m2, trim.not_cleared) == (site.geometry, 0, ("SLOPE",))


def test_on_the_share_or_less_it_is_told_but_no_conflict(tif: Path, publish_raster: Publish, check: Check):
    publish_raster(tif, threshold_above=25, threshold_share=0.4)

    report = check(shapely.box(200, 100, 300, 200))

    assert (report.findings, report.verdict) == ((), Severity.CLEAR)
    (layer,) = report.layers
    assert layer.outcome is Outcome.CLEAR
    assert (layer.overlap_share, layer.overlap_m2) == (pytest.approx(0.4), pytest.approx(4000, abs=1e-3))
    assert layer.raster is not None and layer.raster["maximum"] == 29
    assert report.ledger.conflict_free_m2 == pytest.approx(10_000)


def test_touching_pixels_beyond_the_threshold_is_no_conflict(
    tif: Path, publish_raster: Publish, check: Check
):
    publish_raster(tif, threshold_above=25)

    assert check(shapely.box(100, 0, 260, 400)).verdict is Severity.CLEAR
    assert check(shapely.box(100, 0, 260.01, 400)).verdict is Severity.RESTRICT


def test_the_worst_control_comes_first_in_the_ledger(
    session: Session, plane_city: City, tif: Path, publish_raster: Publish, check: Check
):
    publish_raster(tif, threshold_above=25)
    publish(session, plane_city, "RED", [shapely.box(280, 0, 600, 600)], control="prohibit")

    report = check(shapely.box(200, 100, 300, 200))

    ledger = report.ledger
    assert (ledger.prohibited_m2, ledger.restricted_m2) == (
        pytest.approx(2000),
        pytest.approx(2000, abs=1e-3),
    )
    assert ledger.closes
    assert [(f.layer, str(f.severity)) for f in report.findings] == [
        ("RED", "prohibit"),
        ("SLOPE", "restrict"),
    ]


def test_where_pixels_are_missing_nothing_is_called_clear(
    tmp_path: Path, publish_raster: Publish, check: Check
):
    values = slope()
    values[:, 20:] = np.nan
    publish_raster(write_tif(tmp_path / "half.tif", values), threshold_above=45)

    assert check(shapely.box(50, 0, 150, 100)).layers[0].outcome is Outcome.CLEAR
    assert check(shapely.box(150, 0, 250, 100)).layers[0].outcome is Outcome.OUTSIDE_COVERAGE
    assert check(square(5000, 5000, 100)).layers[0].outcome is Outcome.OUTSIDE_COVERAGE


def test_the_digest_is_stable_and_follows_raster_and_rule(
    tmp_path: Path, tif: Path, publish_raster: Publish, check: Check
):
    site = shapely.box(200, 100, 300, 200)
    publish_raster(tif, threshold_above=25, threshold_share=0.1)
    first = check(site).digest

    assert check(site).digest == first
    publish_raster(write_tif(tmp_path / "b.tif", slope() + 1), threshold_above=25, threshold_share=0.1)
    second = check(site).digest
    publish_raster(write_tif(tmp_path / "b.tif", slope() + 1), threshold_above=26, threshold_share=0.1)
    assert len({first, second, check(site).digest}) == 3


def test_a_withdrawn_raster_is_asked_on_the_days_before(
    session: Session, tif: Path, publish_raster: Publish, check: Check
):
    version = publish_raster(tif, threshold_above=25)
    publish_raster(tif, "OTHER")
    withdraw(session, version, on=date(2026, 6, 1), actor=at_console("test"))

    site = shapely.box(200, 100, 300, 200)

    assert check(site, on=date(2026, 5, 31)).verdict is Severity.RESTRICT
    assert check(site).verdict is Severity.CLEAR


def test_a_restricted_raster_is_told_by_department_and_size_alone(
    city: City, tif: Path, publish_raster: Publish, check: Check
):
    publish_raster(tif, threshold_above=25, sensitivity="restricted")
    publish_raster(tif, "OTHER")
    site = shapely.box(200, 100, 300, 200)

    assert check(site, actor=ANONYMOUS).restricted_conflicts == ()
    assert [layer.code for layer in check(site, actor=ANONYMOUS).layers] == ["OTHER"]


@pytest.mark.parametrize(
    ("definition", "words"),
    [
        ({"value_kind": None}, "needs value_kind"),
        ({"buffer_m": 10}, "no buffer"),
        ({"threshold_share": 1.0}, "less than 1"),
        ({"threshold_values": [1]}, "value_kind 'classes'"),
        ({"geometry": "polygon"}, "for raster layers"),
    ],
)
def test_a_definition_that_makes_no_sense_is_refused(
    tif: Path, publish_raster: Publish, definition: dict[str, Any], words: str
):
    with pytest.raises(InvalidInputError, match=words):
        publish_raster(tif, **definition)


HEIGHTS = """code: test
version: 1
rules:
  - id: R-XGM
    layer: XGM
    title: 限高面
    title_en: Height limit
    finding: 限高不足
    finding_en: too high
    remedy: 降低高度
    remedy_en: Build lower
    basis: [《民用机场管理条例》第四十九条]
    last_checked_on: 2026-11-01
    height: {above: prohibit, within: inform}
"""


def test_a_raster_of_limiting_heights_is_met_where_it_lies_below_the_highest_point(
    session: Session, plane_city: City, tif: Path, tmp_path: Path, publish_raster: Publish
):
    """Limits from 0 in the west to 49 in the east, 10 m each: a top at 20 m is too high in the first 20 of 50 columns."""
    publish_raster(tif, "XGM")
    (tmp_path / "rules.yaml").write_text(HEIGHTS, encoding="utf-8")
    city = replace(plane_city, rules_path=tmp_path / "rules.yaml")
    site = shapely.normalize(at_origin(shapely.MultiPolygon([shapely.box(0, 0, 500, 400)])))

    low, unknown = (
        run_check(
            session,
            Footprint(site, city.working_crs, "none", top_m=top_m),
            city=city,
            actor=at_console("test"),
            on=TODAY,
        )
        for top_m in (20.0, None)
    )

    assert low.ledger.prohibited_m2 == pytest.approx(200 * 400, rel=1e-6)
    assert "20.00 m" in (low.findings[0].control_reason or "")
    assert unknown.ledger.prohibited_m2 == pytest.approx(500 * 400, rel=1e-6)
    assert "not given" in (unknown.findings[0].control_reason or "")
