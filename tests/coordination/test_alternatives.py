"""Alternatives side by side and checks as if another version applied, on whole metres."""

import base64
import io
import json
import os
import zipfile
from dataclasses import replace

import docx
import pytest
import shapely
from pypdf import PdfReader
from sqlalchemy.orm import Session

from blueprint.accounts.sealing import Sealer
from blueprint.city import AreaMeasure, City
from blueprint.errors import InvalidInputError, NotFoundError, NotPermittedError
from blueprint.footprint import Footprint
from blueprint.permissions import ANONYMOUS, at_console
from blueprint.snapshot import take_snapshot
from coordination.alternatives import Alternative, compare_sites, layer_rows, to_json
from coordination.alternatives_document import ComparisonForm, write_comparison
from coordination.checks import run_check
from coordination.report_reading import read_report
from coordination.report_seal import SealState
from coordination.report_verification import verify_file, verify_report, with_site
from coordination.rules import Severity
from coordination.verification_outcome import Verification
from coordination.what_if import as_supposed, read_assumed, suppose
from tests.coordination.world import NOW, TODAY
from tests.made import at_origin, publish, square

OPERATOR = at_console("test")


@pytest.fixture
def plane(city: City) -> City:
    """The city with areas in the plane and no rule set."""
    return replace(city, area_measure=AreaMeasure.PLANE, rules_path=None)


def _site(city: City, west: float) -> Footprint:
    shape = shapely.normalize(at_origin(shapely.MultiPolygon([square(west, 0, 100)])))
    return Footprint(shape, city.working_crs, "none")


def _compare(session: Session, city: City, **wests: float) -> tuple[Alternative, ...]:
    sites = [(name, _site(city, west)) for name, west in wests.items()]
    return compare_sites(session, sites, city=city, actor=OPERATOR, on=TODAY, now=NOW, with_shapes=True)


def test_the_mildest_verdict_stands_best_and_shares_decide_between_equals(session: Session, plane: City):
    publish(session, plane, "FARM", [shapely.box(150, 0, 200, 100)], control="prohibit")
    publish(session, plane, "RIVER", [shapely.box(0, 0, 1000, 30)], control="restrict")
    publish(session, plane, "LINE", [shapely.LineString([(420, -9), (420, 109)])], control="restrict")

    found = _compare(session, plane, A=100, B=300, C=400, D=500)

    assert [(a.name, a.rank) for a in found] == [("A", 4), ("B", 1), ("C", 1), ("D", 1)]
    rows = {row.code: [result.overlap_m2 for result in row.results] for row in layer_rows(found)}
    assert rows["FARM"] == [pytest.approx(5000), 0, 0, 0]
    assert rows["RIVER"] == [pytest.approx(3000)] * 4
    assert set(rows) == {"FARM", "RIVER", "LINE"}


def test_less_of_the_same_control_stands_better(session: Session, plane: City):
    publish(session, plane, "FARM", [shapely.box(0, 0, 130, 100)], control="prohibit")

    assert [a.rank for a in _compare(session, plane, A=0, B=50, C=90)] == [3, 2, 1]


def test_a_comparison_is_a_document_with_every_report_in_it(session: Session, plane: City):
    publish(session, plane, "FARM", [shapely.box(0, 0, 130, 100)], control="prohibit")
    found = _compare(session, plane, 东址=0, 西址=500)

    content = write_comparison(session, found, ComparisonForm.PDF, city=plane, actor=OPERATOR)

    reader = PdfReader(io.BytesIO(content))
    [carried] = reader.attachments["report.json"]
    assert [each["name"] for each in json.loads(carried)["alternatives"]] == ["东址", "西址"]
    text = "".join(page.extract_text() for page in reader.pages)
    assert "西址" in text and "10,000.00" in text


def test_a_comparison_says_of_a_layer_what_its_findings_weigh_and_what_it_leaves_open(
    session: Session, plane: City
):
    """A plan that advises leaves a part of the site open, which its rule restricts: the table had the layer's control and no area."""
    publish(session, plane, "PLAN", [shapely.box(0, 0, 130, 100)], control="advise")
    first, second = _compare(session, plane, 东址=0, 西址=500)
    report = replace(
        first.report,
        layers=tuple(layer._replace(uncovered_m2=43.5) for layer in first.report.layers),
        findings=tuple(finding._replace(severity=Severity.RESTRICT) for finding in first.report.findings),
    )

    written = [
        write_comparison(session, (replace(first, report=report), second), form, city=plane, actor=OPERATOR)
        for form in (ComparisonForm.DOCX, ComparisonForm.XLSX)
    ]

    rows = [[cell.text for cell in row.cells] for row in docx.Document(io.BytesIO(written[0])).tables[1].rows]
    assert "限制 restricted" in rows[1][1] and "无规划覆盖 not covered 43.50 m²" in rows[1][1]
    assert "无冲突 clear" in rows[1][2]
    sheet = zipfile.ZipFile(io.BytesIO(written[1])).read("xl/worksheets/sheet2.xml").decode()
    assert "<v>43.5</v>" in sheet


@pytest.mark.parametrize("form", ["pdf", "docx", "xlsx"])
def test_a_comparison_holds_as_it_was_sealed_and_not_without_its_seal(
    session: Session, plane: City, form: str
):
    publish(session, plane, "FARM", [shapely.box(0, 0, 130, 100)], control="prohibit")
    found = _compare(session, plane, 东址=0, 西址=500)
    sealer, another = (Sealer(key=base64.b64encode(os.urandom(32)).decode()) for _ in range(2))

    def verified(sealed_by: Sealer | None, found: tuple[Alternative, ...] = found) -> Verification:
        content = write_comparison(
            session, found, ComparisonForm(form), city=plane, actor=OPERATOR, sealer=sealed_by
        )
        file = read_report(content, f"alternatives.{form}")
        return verify_file(session, file, city=plane, actor=OPERATOR, sealer=sealer)

    intact = verified(sealer)
    assert intact.holds and intact.unverified == ()
    assert intact.digest == " ".join(a.report.digest for a in found)
    assert [verified(by).seal for by in (another, None)] == [SealState.BROKEN, SealState.MISSING]
    assert not verified(another).holds and not verified(None).holds
    worse = replace(found[1], report=replace(found[1].report, verdict=Severity.PROHIBIT))
    assert verified(sealer, (found[0], worse)).differences[0].startswith("方案 site 2: ")


def test_a_comparison_as_json_has_nothing_that_proves_its_ranks(session: Session, plane: City):
    publish(session, plane, "FARM", [square(0, 0, 10)])
    found = _compare(session, plane, A=0, B=500)

    with pytest.raises(InvalidInputError, match="which has no seal"):
        read_report(json.dumps(to_json(found), default=str).encode(), "alternatives.json")


@pytest.mark.parametrize("names", [["A"], ["A", "A"], [str(n) for n in range(11)]])
def test_too_few_too_many_and_sites_of_one_name_are_refused(session: Session, plane: City, names: list[str]):
    sites = [(name, _site(plane, 0)) for name in names]

    with pytest.raises(InvalidInputError):
        compare_sites(session, sites, city=plane, actor=OPERATOR, on=TODAY, now=NOW)


def test_a_draft_is_checked_as_if_it_applied_and_the_report_says_so(session: Session, plane: City):
    publish(session, plane, "FARM", [shapely.box(0, 0, 10, 100)], control="prohibit")
    publish(session, plane, "FARM", [shapely.box(0, 0, 60, 100)], control="prohibit", starts_on=None)
    site, assumed = _site(plane, 0), read_assumed(["FARM:2"])

    snapshot = suppose(session, take_snapshot(session, TODAY), assumed, actor=OPERATOR)
    report = run_check(session, site, city=plane, actor=OPERATOR, on=TODAY, snapshot=snapshot)
    report = as_supposed(report, assumed)

    assert report.ledger.prohibited_m2 == pytest.approx(6000)
    assert report.to_json()["assumed"] == ["FARM v2"]
    assert "并非现行蓝图" in report.notes[0]
    assert verify_report(session, with_site(report, site), city=plane, actor=OPERATOR).differences == ()
    assert run_check(
        session, site, city=plane, actor=OPERATOR, on=TODAY
    ).ledger.prohibited_m2 == pytest.approx(1000)


def test_a_draft_is_not_for_everybody_and_what_is_not_there_is_not_assumed(session: Session, plane: City):
    publish(session, plane, "FARM", [square(0, 0, 10)])
    publish(session, plane, "FARM", [square(0, 0, 20)], starts_on=None)
    snapshot = take_snapshot(session, TODAY)

    assert suppose(session, snapshot, read_assumed(["FARM:1"]), actor=ANONYMOUS).layers
    with pytest.raises(NotPermittedError):
        suppose(session, snapshot, read_assumed(["FARM:2"]), actor=ANONYMOUS)
    with pytest.raises(NotFoundError):
        suppose(session, snapshot, read_assumed(["FARM:7"]), actor=OPERATOR)
    for wrong in (["FARM"], ["FARM:x"], [":2:"], ["FARM:1", "FARM:2"]):
        with pytest.raises(InvalidInputError):
            read_assumed(wrong)
