"""Every control of the sample city's catalogue and rules on a case worked out by hand, named after its article.

The site is a hectare, 0 to 100 m east and north. Areas take their western 30 m (3,000 m²), or leave 30 m outside; a line runs north,
so far from the site that 4 m of its legal width reach it (400 m²); a point lies in the middle of it.
"""

import math
from dataclasses import asdict, replace

import pytest
import shapely
from sqlalchemy.orm import Session

from blueprint.city import AreaMeasure, City
from blueprint.footprint import Footprint
from blueprint.layers.catalogue import read_catalogue
from blueprint.permissions import at_console
from coordination.checks import run_check
from service.samples import sample_folder
from tests.coordination.world import TODAY
from tests.made import at_origin, publish, square

DEFINITIONS = {
    entry.definition.code: entry.definition
    for entry in read_catalogue(sample_folder("anshan") / "layers.toml")
}
WEST = shapely.box(-200, -200, 30, 300)
DISC_30 = 64 * 0.5 * 30**2 * math.sin(2 * math.pi / 64)
"""A circle of 30 m in 64 chords."""


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
    ("城乡规划法 第三十八条 规划用地", "GHYDYH", WEST, "inform", "overlaps", 3000),
    ("城乡规划法 第三十八条 控规单元", "KGDK", WEST, "advise", "overlaps", 3000),
    ("地质灾害防治条例 第十九条 隐患点 30米", "DZZH", shapely.Point(50, 50), "restrict", "covers", DISC_30),
    ("历史文化名城名镇名村保护条例 第三十四条 历史建筑", "LSJZ", shapely.Point(50, 50), "advise", "contains", 0),
    ("城镇燃气管理条例 第三十三条 5米", "RQGD", _line(5), "restrict", "within_distance", 400),
    ("文物保护法 第二十九条 地下文物埋藏区", "WWMC", WEST, "restrict", "overlaps", 3000),
    ("城乡规划法 第三十四条 近期规划", "JQGH", WEST, "advise", "overlaps", 3000),
]  # fmt: skip


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
    publish(session, plane, code, [shape], **definition)
    site = shapely.normalize(at_origin(shapely.MultiPolygon([square(0, 0, 100)])))

    report = run_check(
        session, Footprint(site, city.working_crs, "none"), city=plane, actor=at_console("test"), on=TODAY
    )

    [finding] = report.findings
    assert (str(finding.severity), str(finding.relation)) == (severity, relation)
    assert finding.overlap_m2 == pytest.approx(area_m2, abs=0.01)
    assert str(report.verdict) == severity
    pieces = {"prohibit": "prohibited_m2", "restrict": "restricted_m2", "advise": "advised_m2"}
    for control, piece in pieces.items():
        expected = area_m2 if control == severity else 0
        assert getattr(report.ledger, piece) == pytest.approx(expected, abs=0.01)
    assert finding.basis and {rule.rule.layer for rule in report.rules} <= {code}


def test_every_layer_of_the_catalogue_with_shapes_has_a_case():
    assert {case[1] for case in CASES} == {c for c, d in DEFINITIONS.items() if d.geometry != "raster"}
