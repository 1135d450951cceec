"""A check report as a document and a workbook: what it says, and that it can be verified; figures by hand."""

import html
import io
import json
import re
import zipfile
from dataclasses import replace
from typing import Any

import orjson
import pytest
import shapely
from pypdf import PdfReader
from sqlalchemy.orm import Session

from blueprint.city import AreaMeasure, City
from blueprint.errors import InvalidInputError
from blueprint.footprint import Footprint
from blueprint.permissions import at_console
from blueprint.snapshot import take_snapshot
from blueprint.strip import Strip
from coordination.check_report import CheckReport
from coordination.checks import run_check
from coordination.figures import hectares, mu, percent, square_metres
from coordination.masking import RestrictedConflict, SizeClass
from coordination.report_forms import ReportForm, write_report
from coordination.report_land import land_classes, land_taken
from coordination.report_maps import report_maps
from coordination.report_reading import REPORT_FILE, read_report
from coordination.report_verification import verify_report, with_site
from coordination.rules import Severity
from coordination.what_if import as_supposed, read_assumed, suppose
from tests.coordination.world import TODAY
from tests.made import at_origin, publish, square

OPERATOR = at_console("test")


@pytest.fixture
def plane(city: City) -> City:
    """The city with areas in the plane."""
    return replace(city, area_measure=AreaMeasure.PLANE)


def _footprint(city: City, side: float = 100) -> Footprint:
    shape = at_origin(shapely.MultiPolygon([square(0, 0, side)]))
    return Footprint(shapely.normalize(shape), city.working_crs, "none")


def _checked(session: Session, city: City, **options: Any) -> tuple[CheckReport, Footprint]:
    footprint = _footprint(city)
    return (
        run_check(session, footprint, city=city, actor=OPERATOR, on=TODAY, with_shapes=True, **options),
        footprint,
    )


def _publish(session: Session, city: City) -> None:
    publish(
        session,
        city,
        "FARM",
        [square(50, 0, 100)],
        control="prohibit",
        title="永久基本农田",
        basis="《土地管理法》第三十五条",
    )
    publish(
        session,
        city,
        "USE",
        [square(0, 0, 50), square(0, 50, 50)],
        control="inform",
        title="规划用地",
        symbology="land_use_2023",
        class_field="DM",
        attributes=[{"DM": "0101"}, {"DM": "070100"}],
    )


def test_figures_are_rounded_half_up_and_in_the_units_of_land_administration():
    assert square_metres(0.125) == "0.13"
    assert square_metres(1234567.005) == "1,234,567.01"
    assert hectares(125_000.5) == "12.5001"
    assert mu(10_000) == "15.0000"
    assert percent(0.50005) == "50.01"


def test_what_is_not_nought_is_never_printed_as_nought():
    assert square_metres(0.0) == "0.00"
    assert square_metres(0.005) == "0.01"
    assert square_metres(0.00314) == "0.0031"
    assert hectares(0.31) == "0.000031"
    assert percent(0.0000025) == "0.00025"
    assert square_metres(1e-12) == "<0.000000001"


def test_a_pdf_says_conclusion_ledger_article_land_and_draft_and_carries_its_report(
    session: Session, plane: City
):
    _publish(session, plane)
    report, footprint = _checked(session, plane)

    written = write_report(
        session, report, footprint, ReportForm.PDF, city=plane, actor=OPERATOR, name="示例小学"
    )

    reader = PdfReader(io.BytesIO(written.content))
    text = "".join("".join(page.extract_text() for page in reader.pages).split())
    assert "不符合" in text
    assert "10,000.00m²=1.0000公顷ha=15.0000亩" in text
    assert "《土地管理法》第三十五条" in text
    assert "闭合closes" in text
    assert "水田" in text
    assert "建议意见：不同意" in text
    carried = json.loads(reader.attachments[REPORT_FILE][0])
    assert carried["digest"] == report.digest


def test_a_field_that_is_named_as_what_pixels_say_is_a_field_of_its_feature(session: Session, plane: City):
    publish(session, plane, "SOIL", [square(50, 0, 100)], attributes=[{"known_share": 0.5, "NAME": "潮土"}])
    report, footprint = _checked(session, plane)

    page = write_report(session, report, footprint, ReportForm.HTML, city=plane, actor=OPERATOR, name="甲")

    assert "NAME: 潮土；known_share: 0.5" in page.content.decode()


def test_a_page_says_what_the_document_says_with_a_map_for_each_conflict_and_carries_its_report(
    session: Session, plane: City
):
    """A name that is markup stays a name, in the maps and in what the page carries."""
    _publish(session, plane)
    name = "</script><b>&"
    publish(session, plane, "SLIVER", [square(99.999, 0, 1)], control="restrict", title=name)
    report, footprint = _checked(session, plane)

    page = write_report(
        session, report, footprint, ReportForm.HTML, city=plane, actor=OPERATOR, verify_at="/verify"
    ).content

    text = page.decode()
    assert "10,000.00 m² = 1.0000 公顷 ha = 15.0000 亩" in text
    assert "占地分类" in text and "水田" in text
    assert text.count("<svg") == 4, "overview, farmland, two uses; none for the sliver of a millimetre"
    assert "0.0010 m²" in text
    assert 'href="/verify"' in text
    assert name not in text
    assert read_report(page, "r.html").document == json.loads(
        json.dumps(with_site(report, footprint), default=str)
    )


def test_a_report_has_an_overview_and_a_map_for_each_conflict_with_the_layers_around(
    session: Session, plane: City
):
    _publish(session, plane)
    report, footprint = _checked(session, plane)

    maps = report_maps(session, report, footprint.geometry, city=plane, actor=OPERATOR)

    assert list(maps) == ["overview", "conflict-1", "conflict-2", "conflict-3"]
    legend = [item.label for item in maps["overview"].items]
    assert "永久基本农田" in legend
    assert "规划用地 0101 水田" in legend
    assert "规划用地 0701 城镇住宅用地" in legend
    assert "用地红线 site boundary" in legend
    assert shapely.contains(maps["conflict-1"].frame.box, at_origin(shapely.box(50, 0, 100, 100)))


def test_the_legend_of_a_map_names_nothing_that_is_not_in_its_frame(session: Session, plane: City):
    """The box of a ring of 2 km holds the frame; the ring itself is nowhere in it."""
    _publish(session, plane)
    ring = shapely.difference(shapely.box(-1000, -1000, 1000, 1000), shapely.box(-990, -990, 990, 990))
    publish(session, plane, "RING", [ring], control="inform", title="城镇环线")
    report, footprint = _checked(session, plane)

    maps = report_maps(session, report, footprint.geometry, city=plane, actor=OPERATOR)

    assert "永久基本农田" in {item.label for item in maps["overview"].items}
    assert "城镇环线" not in {item.label for item in maps["overview"].items}


def test_land_is_taken_once_however_many_features_cover_it_and_gaps_are_no_land(
    session: Session, plane: City
):
    """Two cadastral features of farmland share 20 m of the site; its last 10 m lie outside of what must cover it."""
    publish(
        session, plane, "USE", [shapely.box(0, 0, 60, 100), shapely.box(40, 0, 90, 100)],
        control="inform", symbology="land_use_2023", class_field="DM", attributes=[{"DM": "0101"}] * 2,
    )  # fmt: skip
    publish(
        session, plane, "OUT", [shapely.box(0, 0, 90, 100)],
        control="restrict", conflict_when="outside", symbology="land_use_2023", class_field="DM",
    )  # fmt: skip
    report, _ = _checked(session, plane)

    land = land_taken(session, report)

    assert [(row.layer, row.code, row.overlap_m2) for row in land] == [("USE", "0101", pytest.approx(9000))]
    [total] = land_classes(land)
    assert (total.land_class, total.overlap_m2) == ("农用地 agricultural land", pytest.approx(9000))


def test_a_workbook_holds_every_finding_and_the_ledger_in_numbers(session: Session, plane: City):
    _publish(session, plane)
    report, footprint = _checked(session, plane)

    written = write_report(
        session, report, footprint, ReportForm.XLSX, city=plane, actor=OPERATOR, name="=1+1"
    )

    book = zipfile.ZipFile(io.BytesIO(written.content))
    sheets = {n: book.read(n).decode() for n in book.namelist() if n.startswith("xl/worksheets/")}
    assert len(sheets) == 7
    assert not any("<f>" in sheet for sheet in sheets.values())
    assert "<v>5000</v>" in sheets["xl/worksheets/sheet2.xml"]
    assert sheets["xl/worksheets/sheet3.xml"].count("<row ") == 1 + len(report.findings)


def test_the_geojson_says_the_rest_of_the_report_beside_its_shapes(session: Session, plane: City):
    _publish(session, plane)
    report, footprint = _checked(session, plane)

    written = write_report(session, report, footprint, ReportForm.GEOJSON, city=plane, actor=OPERATOR)

    given, told = orjson.loads(written.content), orjson.loads(orjson.dumps(report.to_json()))
    findings = [each["properties"] for each in given["features"] if each["properties"]["kind"] == "finding"]
    assert [{k: v for k, v in each.items() if k != "kind"} for each in findings] == told.pop("findings")
    assert given["report"] | {"reader": given["reader"]} == told


def _words_of(content: bytes, form: ReportForm) -> str:
    """What people read in a file, without what divides its words into lines and cells."""
    if form is ReportForm.PDF:
        pages = PdfReader(io.BytesIO(content)).pages
        return "".join("".join(page.extract_text() for page in pages).split())
    if form is ReportForm.HTML:
        shown = content.decode().split("<script", 1)[0]
        return "".join(html.unescape(re.sub(r"<[^>]*>", "", shown)).split())
    part = "word/document.xml" if form is ReportForm.DOCX else "xl/sharedStrings.xml"
    words = zipfile.ZipFile(io.BytesIO(content)).read(part).decode()
    return "".join(html.unescape(re.sub(r"<[^>]*>", "", words)).split())


@pytest.mark.parametrize("form", [ReportForm.PDF, ReportForm.DOCX, ReportForm.HTML, ReportForm.XLSX])
def test_every_form_says_what_the_json_says(session: Session, plane: City, form: ReportForm):
    _publish(session, plane)
    report, footprint = _checked(session, plane)
    slj = next(d for d in plane.departments if d.code == "SLJ")
    first, *rest = report.findings
    told = replace(
        report,
        findings=(first._replace(department="SLJ", rule="R-FARM", attributes={"MC": "上等田"}), *rest),
        layers=tuple(each._replace(title_en=f"layer of {each.code}") for each in report.layers),
        strip=Strip(24.0, shapely.MultiLineString([[(0, 0), (0, 100)]]), 0),
        planned_use="1207",
        top_m=63.5,
        assumed=("FARM:1",),
        check_id="4711",
        has_answers_left=False,
        has_hidden_layers=True,
        restricted_conflicts=(RestrictedConflict("WLJ", SizeClass.SMALL),),
        unsigned_rules=("R-FARM",),
        rule_set_sha256="ab" * 32,
    )

    content = write_report(
        session, told, footprint, form, city=plane, actor=OPERATOR, name="示例小学"
    ).content

    words = _words_of(content, form)
    for said in (
        slj.name,  # whom the rule names, not the owner of the layer
        "layer of FARM",
        "规则rule R-FARM" if form is not ReportForm.XLSX else "R-FARM",
        "MC: 上等田",
        "中心线长度 centre line",
        "作业带宽 working width",
        "1207 城镇村道路用地",
        "最高点高程 highest point",
        "FARM:1",
        "4711",
        "答复次数已用完",
        "answers on restricted layers are used up",
        "另有受限图层",
        "占用地不足 5%",
        "these 1 are not signed off: R-FARM",
        "ab" * 32,
        report.digest,
        "does not comply",
        "农用地 agricultural land",
        "建议意见：不同意",
        "Proposed: disagree",
        "/verify",
        "第十七、十八条",
    ):
        assert "".join(said.split()) in words, said


def test_a_report_as_it_was_written_holds_though_areas_were_rounded_otherwise(session: Session, plane: City):
    _publish(session, plane)
    report, footprint = _checked(session, plane)
    document = orjson.loads(orjson.dumps(with_site(report, footprint)))
    document["ledger"]["conflict_free_m2"] += 5e-5

    found = verify_report(session, document, city=plane, actor=OPERATOR)

    assert found.holds, found.differences
    assert found.digest == report.digest


def test_a_report_holds_on_its_own_versions_when_newer_ones_are_in_force(session: Session, plane: City):
    _publish(session, plane)
    report, footprint = _checked(session, plane)
    document = orjson.loads(orjson.dumps(with_site(report, footprint)))
    publish(session, plane, "NEW", [square(0, 0, 100)])
    publish(
        session,
        plane,
        "FARM",
        [square(500, 0, 10)],
        control="prohibit",
        title="永久基本农田",
        basis="《土地管理法》第三十五条",
        starts_on=TODAY,
    )
    assert _checked(session, plane)[0].verdict is Severity.RESTRICT

    assert verify_report(session, document, city=plane, actor=OPERATOR).holds


@pytest.mark.parametrize(
    ("forge", "told"),
    [
        (lambda d: d["ledger"].update(prohibited_m2=1.0), "ledger.prohibited_m2"),
        (
            lambda d: d["ledger"].update(restricted_m2=d["ledger"]["restricted_m2"] + 1e-3),
            "ledger.restricted_m2",
        ),
        (lambda d: d.update(verdict="clear"), "verdict"),
        (lambda d: d["findings"].pop(), "findings"),
        (lambda d: d["findings"][0].update(basis="《别的法》"), "findings FARM S1.basis"),
        (lambda d: d["layers"].pop(0), "digest"),
        (lambda d: d.update(digest="sha256:" + "0" * 64), "digest"),
        (lambda d: d["footprint"].update(area_m2=9_999.0), "footprint.area_m2"),
        (lambda d: d.update(on="2019-06-01"), "assumed"),
        (lambda d: d.update(unsigned_rules=["R-1"]), "unsigned_rules"),
    ],
)
def test_whatever_is_changed_in_a_report_is_found_and_said_where(
    session: Session, plane: City, forge: Any, told: str
):
    _publish(session, plane)
    report, footprint = _checked(session, plane)
    document = orjson.loads(orjson.dumps(with_site(report, footprint)))

    forge(document)

    found = verify_report(session, document, city=plane, actor=OPERATOR)
    assert any(f"（{told}）" in difference for difference in found.differences), found.differences


def test_a_report_of_what_if_holds_as_such_and_not_as_one_of_the_blueprint_in_force(
    session: Session, plane: City
):
    _publish(session, plane)
    draft = publish(session, plane, "FARM", [square(500, 0, 10)], control="prohibit", starts_on=None)
    snapshot = suppose(
        session,
        take_snapshot(session, TODAY),
        assumed := read_assumed([f"FARM:{draft.number}"]),
        actor=OPERATOR,
    )
    report, footprint = _checked(session, plane, snapshot=snapshot)
    document = orjson.loads(orjson.dumps(with_site(as_supposed(report, assumed), footprint)))
    assert verify_report(session, document, city=plane, actor=OPERATOR).holds

    document["assumed"], document["notes"] = [], []

    found = verify_report(session, document, city=plane, actor=OPERATOR)
    assert any("（assumed）" in difference for difference in found.differences), found.differences


def test_a_rule_that_changed_since_is_a_difference(session: Session, plane: City):
    _publish(session, plane)
    report, footprint = _checked(session, plane)
    document = orjson.loads(orjson.dumps(with_site(report, footprint)))
    publish(
        session, plane, "FARM", [square(500, 0, 10)], control="advise", title="永久基本农田", starts_on=None
    )

    found = verify_report(session, document, city=plane, actor=OPERATOR)

    assert not found.holds
    assert any("（digest）" in difference for difference in found.differences)


def test_what_is_no_report_is_refused_in_a_sentence(session: Session, plane: City):
    with pytest.raises(InvalidInputError, match="no check report"):
        verify_report(session, {"layers": 3}, city=plane, actor=OPERATOR)
    with pytest.raises(InvalidInputError, match="does not carry its site"):
        verify_report(session, {"layers": [], "on": "2026-01-01"}, city=plane, actor=OPERATOR)


def _line(points: int) -> str:
    return str(shapely.to_wkb(shapely.LineString([(x, x % 2) for x in range(points)]), hex=True))


@pytest.mark.parametrize(
    ("forge", "told"),
    [
        (lambda d: d["layers"].append({"code": 5, "outcome": "clear"}), r"layers\.2\.code"),
        (lambda d: d["layers"][0].update(code=["x"]), r"layers\.0\.code"),
        (lambda d: d["layers"][0].update(version=10**12), r"layers\.0\.version"),
        (lambda d: d.update(layers=[{"code": "A", "outcome": "no_data"}] * 6_000), "layers"),
        (lambda d: d.update(assumed=[{}]), r"assumed\.0"),
        (lambda d: d.update(top_m=10**300), "top_m"),
        (lambda d: d.update(top_m="high"), "top_m"),
        (lambda d: d.update(check_id="9" * 5000, site=None), "check_id"),
        (lambda d: d.update(planned_use="07\0"), "planned_use"),
        (lambda d: d.update(rule_set_sha256="a" * 63 + "\0"), "rule_set_sha256"),
        (lambda d: d["restricted"].update(conflicts=[{"department": {}, "size_class": []}]), "department"),
        (lambda d: d["site"].update(wkb="00"), "no shape"),
        (lambda d: d["site"].update(wkb=shapely.to_wkb(shapely.Point(0, 0), hex=True)), "no area"),
        (lambda d: d["site"].update(wkb=shapely.to_wkb(shapely.box(0, 0, 1, 1), hex=True)), "outside the city"),
        (lambda d: d["site"].update(wkb=_line(20_001)), "at most 20,000"),
        (lambda d: d["site"].update(strip={"width_m": 4, "points": 0, "centre": _line(20_001)}), "strip"),
        (lambda d: d["site"].update(strip={"width_m": 4, "points": 0, "centre": d["site"]["wkb"]}), "strip"),
        (lambda d: d["site"].update(strip={"width_m": 1e308, "points": 0, "centre": ""}), "width_m"),
        (lambda d: d.update(title="HUGE"), "no report"),
        (lambda d: d.update(title="HALF"), "no report"),
    ],
)  # fmt: skip
def test_a_report_of_another_shape_is_refused_in_a_sentence(
    session: Session, plane: City, forge: Any, told: str
):
    _publish(session, plane)
    report, footprint = _checked(session, plane)
    document = orjson.loads(orjson.dumps(with_site(report, footprint)))

    forge(document)

    content = json.dumps(document).replace('"HUGE"', "9" * 400).replace('"HALF"', r'"\ud800"').encode()
    with pytest.raises(InvalidInputError, match=told) as refused:
        verify_report(session, read_report(content, "r.json").document, city=plane, actor=OPERATOR)
    assert "\n" not in refused.value.message and len(refused.value.message) < 300


def test_a_figure_nested_without_end_is_a_difference_as_any_other(session: Session, plane: City):
    _publish(session, plane)
    report, footprint = _checked(session, plane)
    content = orjson.dumps(with_site(report, footprint))
    deep = content.replace(b'"working_crs":"', b'"working_crs":' + b"[" * 900 + b"]" * 900 + b',"notes":"', 1)

    found = verify_report(session, read_report(deep, "r.json").document, city=plane, actor=OPERATOR)

    [difference] = found.differences
    assert "（working_crs）" in difference
