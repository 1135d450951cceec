"""Every control of the sample city's catalogue and every rule on a case worked out by hand, named after its article.

The site is a hectare, 0 to 100 m east and north. Areas take their western 30 m (3,000 m²), or leave 30 m outside; a line runs north,
so far from the site that 4 m of its legal width reach it (400 m²); a point lies in the middle of it.
"""

import math
from dataclasses import asdict, replace
from typing import Any

import pytest
import shapely
from sqlalchemy.orm import Session

from blueprint.city import AreaMeasure, City, load_city
from blueprint.footprint import Footprint
from blueprint.layers.catalogue_file import read_catalogue
from blueprint.permissions import at_console
from coordination.checks import run_check
from coordination.judging import rule_set_of
from service.samples import sample_folder
from tests.coordination.world import TODAY
from tests.made import at_origin, publish, square

DEFINITIONS = {
    entry.definition.code: entry.definition
    for entry in read_catalogue(sample_folder("anshan") / "layers.toml")
}
WEST = shapely.box(-200, -200, 30, 300)
DISC_30 = 122 * 30**2 * math.tan(math.pi / 122)
"""A circle of 30 m within 122 tangents, which meet 1 cm outside."""


def _line(width_m: float) -> shapely.LineString:
    """A line that runs north, 4 m nearer to the site than its width."""
    return shapely.LineString([(100 + width_m - 4, -500), (100 + width_m - 4, 500)])


CASES = [
    ("城镇开发边界管理 自然资发〔2023〕193号 第二条", "CZKFBJ", shapely.box(30, -200, 300, 300), "restrict", "outside", 3000),
    ("土地管理法 第三十五条 永久基本农田", "YJJBNT", WEST, "prohibit", "overlaps", 3000),
    ("自然资发〔2022〕142号 第一条 生态保护红线", "STBHHX", WEST, "prohibit", "overlaps", 3000),
    ("水污染防治法 第六十五条 一级保护区", "SYBHQ_1", WEST, "prohibit", "overlaps", 3000),
    ("水污染防治法 第六十六条 二级保护区", "SYBHQ_2", WEST, "restrict", "overlaps", 3000),
    ("防洪法 第二十二条 河道管理范围", "HLGLFW", WEST, "restrict", "overlaps", 3000),
    ("城市蓝线管理办法 第十、十一条", "CSLX", WEST, "restrict", "overlaps", 3000),
    ("电力设施保护条例实施细则 第五条 66千伏 10米", "GDX_66", _line(10), "restrict", "within_distance", 400),
    ("电力设施保护条例实施细则 第五条 220千伏 15米", "GDX_220", _line(15), "restrict", "within_distance", 400),
    ("铁路安全管理条例 第二十七条 20米，路基宽 13.6 米之半", "TL", _line(26.8), "prohibit", "within_distance", 400),
    ("公路安全保护条例 第十一条 等级不明按 30米，路基宽 12 米之半", "GL", _line(36), "prohibit", "within_distance", 400),
    ("石油天然气管道保护法 第三十条 5米", "YQGD_5", _line(5), "prohibit", "within_distance", 400),
    ("石油天然气管道保护法 第三十五条 50米", "YQGD_50", _line(50), "restrict", "within_distance", 400),
    ("文物保护法 第十七条 保护范围", "WWBH", WEST, "prohibit", "overlaps", 3000),
    ("文物保护法 第十八条 建设控制地带", "WWJK", WEST, "restrict", "overlaps", 3000),
    ("地质灾害防治条例 第二十一条 采空区", "CKQ", WEST, "restrict", "overlaps", 3000),
    ("应急〔2020〕15号 尾矿库", "WKK", WEST, "prohibit", "overlaps", 3000),
    ("民用航空法 第五十八条 净空保护区，未给出高程", "JCJK", WEST, "restrict", "overlaps", 3000),
    ("风景名胜区条例 第二十六条", "FJMSQ", WEST, "restrict", "overlaps", 3000),
    ("森林法 第三十七条 林地", "LD", WEST, "restrict", "overlaps", 3000),
    ("城乡规划法 第三十八条 规划用地，与拟用途相符", "GHYDYH", WEST, "inform", "overlaps", 3000),
    ("城乡规划法 第三十八条 控规地块，场地均在地块内", "KGDK", square(-50, -50, 300), "advise", "within", 10_000),
    ("地质灾害防治条例 第十九条 隐患点 30米", "DZZH", shapely.Point(50, 50), "restrict", "covers", DISC_30),
    ("历史文化名城名镇名村保护条例 第三十四条 历史建筑", "LSJZ", shapely.Point(50, 50), "advise", "contains", 0),
    ("城镇燃气管理条例 第三十三条 5米", "RQGD", _line(5), "restrict", "within_distance", 400),
    ("文物保护法 第二十九条 地下文物埋藏区", "WWMC", WEST, "restrict", "overlaps", 3000),
    ("城乡规划法 第三十四条 近期规划", "JQGH", WEST, "advise", "overlaps", 3000),
]  # fmt: skip


ATTRIBUTES = {
    "CZKFBJ": {"FQLX": "集中建设区"},
    "GHYDYH": {"YDYHFLDM": "070102"},
    "LD": {"BHDJ": "Ⅱ"},
    "RQGD": {"YLJB": "低压"},
}
"""What decides of a feature whose layer has particular rules or a matrix; the site is for homes (0701)."""


@pytest.mark.parametrize(
    ("code", "shape", "severity", "relation", "area_m2"), [c[1:] for c in CASES], ids=[c[0] for c in CASES]
)
def test_the_control_by_its_article(
    session: Session,
    city: City,
    code: str,
    shape: shapely.Geometry,
    severity: str,
    relation: str,
    area_m2: float,
):
    plane = replace(city, area_measure=AreaMeasure.PLANE)
    definition = {k: v for k, v in asdict(DEFINITIONS[code]).items() if k != "code"}
    publish(session, plane, code, [shape], attributes=[ATTRIBUTES.get(code, {})], **definition)
    site = shapely.normalize(at_origin(shapely.MultiPolygon([square(0, 0, 100)])))

    report = run_check(
        session,
        Footprint(site, city.working_crs, "none", planned_use="0701"),
        city=plane,
        actor=at_console("test"),
        on=TODAY,
    )

    # Rules that reach further than the layer's own zone have cases of their own below.
    [finding] = [f for f in report.findings if f.rule not in ("R-RQGD-KZ", "R-TAILINGS")]
    assert (str(finding.severity), str(finding.relation)) == (severity, relation)
    assert finding.overlap_m2 == pytest.approx(area_m2, abs=0.01)
    assert str(report.verdict) == severity
    pieces = {"prohibit": "prohibited_m2", "restrict": "restricted_m2", "advise": "advised_m2"}
    if len(report.findings) == 1:
        for control, piece in pieces.items():
            expected = area_m2 if control == severity else 0
            assert getattr(report.ledger, piece) == pytest.approx(expected, abs=0.01)
    assert finding.basis and {rule.rule.layer for rule in report.rules} <= {code}


OWN = [
    ("水污染防治法 第六十五条 一级保护区", "R-YYSSYD-1", "YYSSYD", WEST, {"SYBHJB": "1"}, "prohibit", 3000),
    ("水污染防治法 第六十六条 二级保护区", "R-YYSSYD-2", "YYSSYD", WEST, {"SYBHJB": "2"}, "restrict", 3000),
    ("水污染防治法 第六十七条 准保护区", "R-YYSSYD-3", "YYSSYD", WEST, {"SYBHJB": "3"}, "advise", 3000),
    ("水污染防治法 第六十五条 级别不明从严", "R-YYSSYD-1", "YYSSYD", WEST, {}, "prohibit", 3000),
    ("自然保护区条例 第二十七条 核心区", "R-ZRBHD-CORE", "ZRBHD", WEST, {"GNFQ": "核心保护区"}, "prohibit", 3000),
    ("自然保护区条例 第三十二条 一般控制区", "R-ZRBHD", "ZRBHD", WEST, {"GNFQ": "一般控制区"}, "restrict", 3000),
    ("名城名镇名村保护条例 第二十八条 核心保护范围", "R-LSWHJQ-CORE", "LSWHJQ", WEST, {"BHQH": "核心保护范围"}, "prohibit", 3000),
    ("名城名镇名村保护条例 第二十六条 建设控制地带", "R-LSWHJQ", "LSWHJQ", WEST, {"BHQH": "建设控制地带"}, "restrict", 3000),
    ("防洪法 第三十三条 蓄滞洪区", "R-XZHQ", "XZHQ", WEST, {}, "restrict", 3000),
    ("洪涝风险控制线", "R-HLFXKZX", "HLFXKZX", WEST, {}, "restrict", 3000),
    ("建设项目使用林地审核审批管理办法 第四条 Ⅰ级", "R-LD-1", "LD", WEST, {"BHDJ": "Ⅰ"}, "prohibit", 3000),
    ("地质灾害防治条例 第十九条 危险区", "R-DZZHYFQ-WX", "DZZHYFQ", WEST, {"FQ": "危险区"}, "prohibit", 3000),
    ("地质灾害防治条例 第二十一条 易发区", "R-DZZHYFQ", "DZZHYFQ", WEST, {"FQ": "中易发区"}, "restrict", 3000),
    ("自然资发〔2023〕193号 特别用途区", "R-CZKFBJ-TBYTQ", "CZKFBJ", square(-50, -50, 300), {"FQLX": "特别用途区"}, "restrict", 10_000),
    ("自然资发〔2023〕193号 弹性发展区", "R-CZKFBJ-TXFZQ", "CZKFBJ", square(-50, -50, 300), {"FQLX": "弹性发展区"}, "restrict", 10_000),
    ("电力设施保护条例实施细则 第五条 10千伏 5米，半幅宽 3 米", "R-POWER", "GYXL", _line(8), {"DYDJ": "10kV", "KD": 6}, "restrict", 400),
    ("电力设施保护条例实施细则 第五条 66千伏 10米", "R-POWER", "GYXL", _line(13), {"DYDJ": "66kV", "KD": 6}, "restrict", 400),
    ("电力设施保护条例实施细则 第五条 220千伏 15米", "R-POWER", "GYXL", _line(18), {"DYDJ": 220, "KD": 6}, "restrict", 400),
    ("电力设施保护条例实施细则 第五条 500千伏 20米", "R-POWER", "GYXL", _line(23), {"DYDJ": "500kV", "KD": 6}, "restrict", 400),
    ("电力设施保护条例实施细则 第五条 电压与宽度不明从严", "R-POWER", "GYXL", _line(26), {}, "restrict", 400),
    ("CJJ 51 次高压控制范围 15米", "R-RQGD-KZ", "RQGD", _line(15), {"YLJB": "次高压"}, "advise", 400),
    ("CJJ 51 高压控制范围 50米", "R-RQGD-KZ", "RQGD", _line(50), {"YLJB": "高压"}, "advise", 400),
    ("应急〔2020〕15号 尾矿库1公里", "R-TAILINGS", "WKK", shapely.box(1060, -2000, 1500, 2000), {}, "restrict", 4000),
    ("城乡规划法 第三十八条 无控规", "R-KGDK", "KGDK", shapely.box(-50, -50, 30, 300), {}, "restrict", 7000),
    ("城乡规划法 第三十八条 居住用于规划绿地", "R-GHYDYH", "GHYDYH", WEST, {"YDYHFLDM": "1401"}, "restrict", 3000),
    ("城乡规划法 第三十八条 居住用于规划商业用地", "R-GHYDYH", "GHYDYH", WEST, {"YDYHFLDM": "0901"}, "advise", 3000),
    ("城市绿线管理办法 第十一条", "R-GREEN", "ZXCQCSLVX", WEST, {}, "prohibit", 3000),
    ("城市紫线管理办法 第十三条", "R-PURPLE", "ZXCQCSZX", WEST, {}, "prohibit", 3000),
    ("城市黄线管理办法 第十三条", "R-YELLOW", "ZXCQCSHX", WEST, {}, "prohibit", 3000),
    ("民用建筑设计统一标准 第4.3.1条 道路红线", "R-ROADRED", "ZXCQDLHX", WEST, {}, "prohibit", 3000),
]  # fmt: skip


@pytest.mark.parametrize(
    ("rule", "code", "shape", "attributes", "severity", "area_m2"),
    [c[1:] for c in OWN],
    ids=[c[0] for c in OWN],
)
def test_a_rule_that_goes_by_an_attribute_a_distance_or_a_gap_by_its_article(
    session: Session,
    city: City,
    rule: str,
    code: str,
    shape: shapely.Geometry,
    attributes: dict[str, Any],
    severity: str,
    area_m2: float,
):
    plane = replace(city, area_measure=AreaMeasure.PLANE)
    kind = "line" if shape.geom_type == "LineString" else "polygon"
    known = DEFINITIONS.get(code)
    definition = asdict(known) if known is not None else {"code": code, "geometry": kind, "control": "inform"}
    publish(
        session,
        plane,
        code,
        [shape],
        attributes=[attributes],
        **{k: v for k, v in definition.items() if k != "code"},
    )
    site = shapely.normalize(at_origin(shapely.MultiPolygon([square(0, 0, 100)])))

    report = run_check(
        session,
        Footprint(site, city.working_crs, "none", planned_use="0701"),
        city=plane,
        actor=at_console("test"),
        on=TODAY,
    )

    found = [f for f in report.findings if f.rule == rule and (rule != "R-KGDK" or f.relation == "uncovered")]
    [finding] = found
    assert (str(finding.severity), finding.basis is not None) == (severity, True)
    assert finding.overlap_m2 == pytest.approx(area_m2, abs=0.01)
    assert report.ledger.closes
    [words] = [told for told in report.rules if told.rule.id == rule]
    assert words.rule.remedy and words.finding and "{" not in words.finding


def test_every_layer_of_the_catalogue_with_shapes_has_a_case_and_so_has_every_rule():
    rules = rule_set_of(load_city(sample_folder("anshan") / "city.toml"))
    assert rules is not None
    general = {rule.layer for rule in rules.rules if not rule.is_particular}

    assert {case[1] for case in CASES} == {c for c, d in DEFINITIONS.items() if d.geometry != "raster"}
    told = {case[1] for case in OWN}
    for rule in rules.rules:
        assert rule.id in told or (rule.layer in general and rule.layer in DEFINITIONS), rule.id
        assert rule.valid_from is not None and rule.signed_off is None
