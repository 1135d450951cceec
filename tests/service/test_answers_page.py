"""The pages of options and of audits in a real browser: sites compared, found, checked by the file; plans against each other."""

import json
import re
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import shapely
from playwright.sync_api import Error, Page, Route
from sqlalchemy.orm import Session

from blueprint.city import City
from blueprint.city_router import to_lonlat
from blueprint.jobs.worker import Worker
from blueprint.wall import KEEPER, seeing
from service.job_kinds import KINDS
from tests.coordination.conftest import world  # noqa: F401
from tests.coordination.world import store_draft
from tests.made import at_origin
from tests.service.browser import until
from tests.service.office import Office
from tests.service.test_coordination_pages import go, office, page, picture, sign_in  # noqa: F401
from tests.service.test_site_search import held

pytestmark = pytest.mark.browser


def _write(path: Path, city: City, *boxes: tuple[int, int, int, int]) -> str:
    """A GeoJSON of boxes in local metres, each a feature with a name."""
    features: list[dict[str, Any]] = [
        {
            "type": "Feature",
            "properties": {"NAME": f"地块{number}"},
            "geometry": to_lonlat(at_origin(shapely.box(*box)), city).__geo_interface__,
        }
        for number, box in enumerate(boxes, start=1)
    ]
    path.write_text(json.dumps({"type": "FeatureCollection", "features": features}), encoding="utf-8")
    return str(path)


def _work(office: Office) -> None:  # noqa: F811
    with seeing(KEEPER):
        assert Worker(office.server.edge, KINDS).run_one()


def _said(page: Page, words: str) -> None:  # noqa: F811
    until(page, f"document.getElementById('message').innerText.includes('{words}')")


def test_a_planner_compares_sites_finds_one_and_checks_many_on_one_page(
    office: Office,  # noqa: F811
    page: Page,  # noqa: F811
    tmp_path: Path,
) -> None:
    server, city = office.server, office.city
    page.goto(f"{server.url}/answers")
    until(page, "document.getElementById('message').className === 'error'")
    sign_in(page, server, "lin")
    go(page, server, "/answers")
    river = _write(tmp_path / "临河.geojson", city, (220, 20, 320, 80))
    far = _write(tmp_path / "远处.geojson", city, (900, 900, 1000, 960))

    page.click("#alternatives button[type=submit]")
    _said(page, "至少两个")
    page.set_input_files("#sites", [river, far])
    page.click("#alternatives button[type=submit]")
    _said(page, "比选完成")
    ranked = page.locator("#comparison tbody tr").all_inner_texts()
    assert ranked[0].split("\t")[1] == "远处" and ranked[1].split("\t")[1] == "临河"
    assert "河道管理范围" in page.inner_text("#comparison-layers")
    until(page, "window.blueprintMap?.loaded()")
    with page.expect_download() as kept:
        page.click("#comparison-files button:has-text('XLSX')")
    assert Path(kept.value.path()).read_bytes().startswith(b"PK")

    road = tmp_path / "道路.geojson"
    line = to_lonlat(at_origin(shapely.LineString([(300, 300), (400, 300)])), city)
    road.write_text(json.dumps(line.__geo_interface__))
    page.set_input_files("#sites", [river, far, road])
    page.fill("#width_m", "12")
    page.click("#alternatives button[type=submit]")
    until(page, "document.querySelectorAll('#comparison tbody tr').length === 3")
    assert "道路" in page.inner_text("#comparison"), "the width is of the road alone"

    page.set_input_files("#area", _write(tmp_path / "area.geojson", city, (200, -100, 700, 300)))
    page.fill("#hectares", "0.5")
    page.click("#finder button[type=submit]")
    until(page, "document.getElementById('search-progress').innerText.includes('排队中')")
    page.click("#search-progress button")
    _said(page, "已取消")
    page.click("#finder button[type=submit]")
    until(page, "document.getElementById('search-progress').innerText.includes('排队中')")
    _work(office)
    _said(page, "找到")
    assert re.search(
        r"0\.500[01] 公顷", page.inner_text("#places")
    )  # a ten-thousandth over what was asked, never under
    assert "普查区" in page.inner_text("#places") and "census" not in page.inner_text("#places")
    page.click("#places tbody tr:first-child td:first-child")
    until(page, "window.blueprintMap.getFilter('site-chosen')[2] === 1")

    page.set_input_files("#site", river)
    page.select_option("#adjust_level", "restrict")
    page.click("#trim")
    _said(page, "已算出可保留的范围")
    assert page.locator("#adjusted tr:has-text('减少')").inner_text().endswith("4,800.00 m²")
    with page.expect_download() as kept:
        page.click("#adjust_files a")
    assert (
        json.loads(Path(kept.value.path()).read_text(encoding="utf-8"))["geometry"]["type"] == "MultiPolygon"
    )
    page.click("#refit")
    _said(page, "已补足原面积")
    assert "0.6000 公顷 → 0.6000 公顷" in page.inner_text("#adjusted")
    page.click("#shift")
    _said(page, "找到最近的可避让位置")
    assert "共 80" in page.inner_text("#adjusted")

    page.set_input_files("#site", far)
    page.click("#shift")
    _said(page, "不必平移")
    (tmp_path / "none.geojson").write_text("{", encoding="utf-8")
    page.set_input_files("#site", str(tmp_path / "none.geojson"))
    page.click("#trim")
    _said(page, "不是 GeoJSON")
    assert page.inner_text("#adjusted") + page.inner_text("#adjust_files") == "", "no answer of another site"

    line = to_lonlat(at_origin(shapely.LineString([(220, 50), (320, 50)])), city)
    (tmp_path / "line.geojson").write_text(json.dumps(line.__geo_interface__), encoding="utf-8")
    page.set_input_files("#site", str(tmp_path / "line.geojson"))
    page.click("#trim")
    _said(page, "线、点的作业带宽")
    page.fill("#adjust_width", "10")
    page.click("#trim")
    _said(page, "已算出可保留的范围")
    assert page.locator("#adjusted tr:has-text('减少')").inner_text().endswith("800.00 m²")
    page.fill("#adjust_width", "")
    assert page.inner_text("#district option:first-child").startswith("全市")

    page.set_input_files(
        "#dataset", _write(tmp_path / "many.geojson", city, (220, 20, 320, 80), (900, 900, 1000, 960))
    )
    page.fill("#name_field", "NAME")
    assert "还没有批量检查" in page.inner_text("#batches")
    page.click("#batch button[type=submit]")
    until(page, "document.getElementById('progress').innerText.includes('排队中')")
    page.click("#progress button")
    _said(page, "已取消")
    until(page, "document.getElementById('batches').innerText.includes('已取消')")
    page.click("#batch button[type=submit]")
    until(page, "document.getElementById('progress').innerText.includes('排队中')")
    with seeing(KEEPER):
        assert Worker(server.edge, KINDS).run_one()
    _said(page, "已检查 2 宗用地")
    assert page.locator("#batch-files a").all_inner_texts() == ["XLSX", "CSV", "GPKG", "JSON"]
    assert "河道管理范围" in page.inner_text("#met") and "river" not in page.inner_text("#met")
    assert page.inner_text("#batch-notes") == ""
    page.reload()  # who left the page has the result again
    until(page, "document.querySelectorAll('#batches tbody tr').length === 2")
    kept_row = page.locator("#batches tbody tr").first
    assert kept_row.inner_text().split("\t")[1:4] == ["many.geojson", "已完成 done", "2"]
    assert page.inner_text("#met") == ""
    kept_row.locator("button").click()
    _said(page, "已检查 2 宗用地")
    assert "河道管理范围" in page.inner_text("#met")

    many = json.loads((tmp_path / "many.geojson").read_text(encoding="utf-8"))
    many["features"].insert(1, {"type": "Feature", "properties": {"NAME": "空"}, "geometry": None})
    (tmp_path / "many.geojson").write_text(json.dumps(many), encoding="utf-8")
    page.set_input_files("#dataset", str(tmp_path / "many.geojson"))
    page.click("#batch button[type=submit]")
    until(page, "document.getElementById('progress').innerText.includes('排队中')")
    _work(office)
    until(page, "document.getElementById('batch-notes').innerText.includes('第 2 个图斑：没有图形')")
    picture(page, "answers")
    assert [fault for fault in page.faults if "401" not in fault and "422" not in fault] == []


def test_places_found_so_far_show_on_the_page_and_stay_where_the_search_is_called_off(
    office: Office,  # noqa: F811
    page: Page,  # noqa: F811
    tmp_path: Path,
) -> None:
    """The worker holds when four are searched, the rows are there, and after the cancelling they still are."""
    server, city = office.server, office.city
    sign_in(page, server, "lin")
    go(page, server, "/answers")
    page.set_input_files("#area", _write(tmp_path / "area.geojson", city, (0, 0, 12_000, 2_000)))
    page.fill("#hectares", "2")
    page.click("#finder button[type=submit]")
    until(page, "document.getElementById('search-progress').innerText.includes('排队中')")
    with seeing(KEEPER):
        working = threading.Thread(target=Worker(server.edge, [held(4)]).run_one)
        working.start()
        until(page, "document.getElementById('search-progress').innerText.includes('已查 4 / ')")
        until(page, "document.querySelectorAll('#places tbody .finding-row').length > 0")
        assert "仍在查找" in page.inner_text("#method")
        picture(page, "finder-so-far")
        page.click("#search-progress button")
        working.join(timeout=30)
    _said(page, "保留已找到的")
    assert page.locator("#places tbody .finding-row").count() > 0
    assert "只查了" in page.inner_text("#method") and page.inner_text("#search-progress") == ""
    picture(page, "finder-cancelled")
    assert [fault for fault in page.faults if "401" not in fault] == []


def test_a_site_is_checked_as_if_another_version_applied_beside_what_is_in_force(
    office: Office,  # noqa: F811
    page: Page,  # noqa: F811
    tmp_path: Path,
) -> None:
    server, city = office.server, office.city
    with seeing(KEEPER), Session(server.edge.engine) as session, session.begin():
        store_draft(session, city, "farmland", (600, 700))
    sign_in(page, server, "lin")
    go(page, server, "/layer?code=farmland")
    page.click("#versions [data-version='2']")
    page.click("#version-acts a:has-text('试算')")

    until(page, "document.getElementById('supposed').innerText.includes('第 2 版')")
    page.click("#supposing button[type=submit]")
    _said(page, "请选择红线文件")
    page.set_input_files("#supposed_site", _write(tmp_path / "site.geojson", city, (600, 20, 700, 80)))
    page.click("#supposing button[type=submit]")
    _said(page, "试算完成")
    row = page.locator("#supposed-layers tr:has-text('永久基本农田')").inner_text()
    assert "第 1 → 2 版" in row and "无冲突" in row and "禁止" in row and "6,000.00 m²" in row
    with page.expect_download() as kept:
        page.click("#supposed-files button:has-text('XLSX')")
    assert Path(kept.value.path()).read_bytes().startswith(b"PK")
    picture(page, "what-if")

    page.click("#supposed button")
    page.click("#supposing button[type=submit]")
    _said(page, "请选择假定适用的版本")
    page.select_option("#supposed_layer", "river")
    until(page, "!document.getElementById('supposed_version').disabled")
    assert page.locator("#supposed_version option").all_inner_texts()[1].startswith("第 1 版")
    assert [fault for fault in page.faults if "401" not in fault] == []


def test_a_coordinator_audits_two_plans_and_accepts_a_difference_on_the_map(
    office: Office,  # noqa: F811
    page: Page,  # noqa: F811
) -> None:
    server = office.server
    sign_in(page, server, "lin")
    go(page, server, "/audits")
    assert "三区三线互不重叠" in page.inner_text("#matrix")

    page.fill("#first", "river")
    page.fill("#second", "heritage")
    page.click("#other button[type=submit]")
    until(page, "document.getElementById('progress').innerText.includes('排队中')")
    with seeing(KEEPER):
        assert Worker(server.edge, KINDS).run_one()
    _said(page, "核查完成")
    assert page.locator("#differences tbody tr").count() == 1
    assert "names no district" in page.inner_text("#districts")
    until(
        page,
        "window.blueprintMap?.loaded() && window.blueprintMap.queryRenderedFeatures({layers: ['differences-fill']}).length > 0",
    )
    page.click("#differences tbody td:first-child")
    page.click("#differences button:has-text('认可')")
    page.fill("#dialog-reason", "文物保护与河道管理并行")
    page.click("dialog button[type=submit]")
    _said(page, "已记入台账")
    assert "没有这样的差异" in page.inner_text("#differences")
    page.select_option("#state", "accepted")
    until(page, "document.getElementById('differences').innerText.includes('并行')")
    assert "文旅局" in page.inner_text("#differences") and "水利局" in page.inner_text("#differences")
    assert page.locator("#months tbody tr").count() == 1
    page.fill("#purpose", "核查")
    with page.expect_download() as ledger:
        page.click("#ledger-files button:has-text('GPKG')")
    assert Path(ledger.value.path()).read_bytes().startswith(b"SQLite format 3")
    picture(page, "audits")
    # What another person has decided meanwhile is not undone unseen.
    number = page.inner_text("#differences tbody td:first-child")
    with server.client("zrzy") as other:
        assert other.put(f"/api/plan-differences/{number}", json={"state": "open"}).status_code == 200
        told = {"state": "accepted", "reason": "另一人的理由"}
        assert other.put(f"/api/plan-differences/{number}", json=told).status_code == 200
    page.click("#differences button:has-text('撤回认可')")
    _said(page, "刚由他人处理")
    assert "另一人的理由" in page.inner_text("#differences")
    page.click("#differences button:has-text('撤回认可')")
    _said(page, "已记入台账")
    assert "没有这样的差异" in page.inner_text("#differences")
    # A pair that the city profile does not list is found again among the audits made, by its address.
    go(page, server, "/audits")
    assert page.is_hidden("#ledger-card")
    page.click("#past a")
    page.wait_for_url(f"{server.url}/audits?id=*")
    until(page, "!document.getElementById('ledger-card').hidden && document.getElementById('message').hidden")
    assert page.inner_text("#map-about").startswith("建设控制地带")
    assert [fault for fault in page.faults if "401" not in fault and "422" not in fault] == []


def test_a_report_is_verified_on_its_page_by_number_and_by_file(
    office: Office,  # noqa: F811
    page: Page,  # noqa: F811
    tmp_path: Path,
) -> None:
    """A kept check by the address that its page leads to; the same report with its verdict changed is said to differ, and where."""
    server, city = office.server, office.city
    site = json.loads(Path(_write(tmp_path / "site.geojson", city, (220, 20, 320, 80))).read_text())
    with server.client("zrzy") as client:
        kept = client.post("/api/checks?keep=true", json=site)
        assert kept.status_code == 200, kept.text
        number = kept.json()["check_id"]
        html = client.get(f"/api/checks/{number}?f=html").text
    forged = tmp_path / "forged.html"
    forged.write_text(html.replace('"verdict": "restrict"', '"verdict": "clear"', 1), encoding="utf-8")
    unsealed = tmp_path / "unsealed.html"
    unsealed.write_text(re.sub(' data-seal="[^"]*"', "", html).replace("限制", "符合"), encoding="utf-8")
    sign_in(page, server, "lin")

    go(page, server, f"/verify?check={number}")
    _said(page, f"检查 {number}已核验")
    assert "一致" in page.inner_text("#verdict-of-report")
    picture(page, "verify-same")
    page.set_input_files("#report", str(forged))
    page.keyboard.press("Tab")
    page.click("#verify button[type=submit]")
    _said(page, "未通过核验")
    assert "不一致" in page.inner_text("#verdict-of-report")
    assert "结论（verdict）：报告为“无冲突”，复算为“限制”" in page.inner_text("#differences")
    picture(page, "verify-differs")
    page.set_input_files("#report", str(unsealed))
    page.click("#verify button[type=submit]")
    page.wait_for_selector("#verdict-of-report .restrict")
    assert "封签缺失，未能核验" in page.inner_text("#verdict-of-report")
    assert "文件上的文字、表格与图" in page.inner_text("#unverified")
    picture(page, "verify-unsealed")
    page.goto(f"{server.url}/api/checks/{number}?f=html")
    picture(page, "report")
    assert page.locator("svg").count() > 1


def test_two_report_files_are_compared_on_the_page_that_verifies_them(
    office: Office,  # noqa: F811
    page: Page,  # noqa: F811
    tmp_path: Path,
) -> None:
    """A Word file against a workbook of a moved site; a file that is no report is told in Chinese, and what was drawn goes."""
    server, city = office.server, office.city
    with server.client("zrzy") as client:
        for name, form, west in (("first.docx", "docx", 220), ("second.xlsx", "xlsx", 280)):
            box = (west, 20, west + 100, 80)
            site = json.loads(Path(_write(tmp_path / "site.geojson", city, box)).read_text())
            (tmp_path / name).write_bytes(client.post(f"/api/checks?f={form}", json=site).content)
    (tmp_path / "none.json").write_text("{}", encoding="utf-8")
    sign_in(page, server, "lin")
    go(page, server, "/verify")
    page.set_input_files("#before", str(tmp_path / "first.docx"))
    page.set_input_files("#after", str(tmp_path / "second.xlsx"))
    page.click("#compare button[type=submit]")
    _said(page, "已对比。")

    said = page.inner_text("#compared")
    assert "红线变更" in said and "减小" in said, said
    assert page.is_hidden("#not-drawn")
    until(
        page,
        "window.blueprintMap.loaded() && window.blueprintMap.queryRenderedFeatures({layers: ['difference-after']}).length > 0",
    )
    picture(page, "verify-compared")
    page.set_input_files("#after", str(tmp_path / "none.json"))
    page.click("#compare button[type=submit]")
    _said(page, "不是检查报告")
    assert page.inner_text("#compared") == ""
    assert [fault for fault in page.faults if "422" not in fault] == []


def test_a_reports_page_leads_from_its_map_to_the_finding_and_back_without_a_network(
    office: Office,  # noqa: F811
    page: Page,  # noqa: F811
    tmp_path: Path,
) -> None:
    """The page is opened from the disk with no service behind it: pointer and click tie the map's numbers to the rows."""
    server, city = office.server, office.city
    site = json.loads(Path(_write(tmp_path / "site.geojson", city, (220, 20, 320, 80))).read_text())
    with server.client("zrzy") as client:
        html = client.post("/api/checks?f=html", json=site).text
    saved = tmp_path / "report.html"
    saved.write_text(html, encoding="utf-8")
    page.context.set_offline(True)
    page.goto(saved.as_uri())

    rows = page.locator("tr.finding")
    assert rows.count() == page.locator("svg a.mark").count() > 0
    row, shape = page.locator("#finding-1"), page.locator("#map-finding-1")
    color = "el => getComputedStyle(el.querySelector('td')).backgroundColor"
    plain = row.evaluate(color)
    page.locator("svg a.mark[href='#finding-1']").hover()
    assert row.evaluate(color) != plain
    width = "el => getComputedStyle(el.querySelector('path')).strokeWidth"
    page.mouse.move(0, 0)
    thin = shape.evaluate(width)
    row.hover()
    assert shape.evaluate(width) == "5px" != thin
    page.locator("svg a.mark[href='#finding-1']").click()
    assert page.url.endswith("#finding-1")
    picture(page, "report-linked")
    page.locator("#finding-1 a").click()
    assert page.url.endswith("#map-finding-1") and page.locator("svg a:target").count() == 1
    assert page.faults == []


LIVE = "document.getElementById('standing').dataset.verdict"


def _on_screen(page: Page, city: City, x: float, y: float) -> tuple[float, float]:  # noqa: F811
    """Where a place in local metres lies on the screen."""
    lon, lat = shapely.get_coordinates(to_lonlat(at_origin(shapely.Point(x, y)), city))[0]
    at = page.evaluate(
        f"(() => {{ const p = window.blueprintMap.project([{lon}, {lat}]); return [p.x, p.y]; }})()"
    )
    box = page.locator("#map canvas").first.bounding_box()
    assert box is not None
    return box["x"] + at[0], box["y"] + at[1]


def test_a_verdict_follows_an_outline_that_is_drawn_and_dragged_by_mouse_and_by_finger_and_moved_by_keys(
    office: Office,  # noqa: F811
    page: Page,  # noqa: F811
) -> None:
    """The river lies from 200 to 300 m, all layers up to 100 m north: an outline beyond is clear, one corner dragged into it is not."""
    server, city = office.server, office.city
    page.goto(f"{server.url}/live")
    until(page, "document.getElementById('standing').innerText.includes('还没有红线')")
    assert "还没有角点" in page.inner_text("#corners")
    lon, lat = shapely.get_coordinates(to_lonlat(at_origin(shapely.Point(450, 50)), city))[0]
    page.evaluate(f"window.blueprintMap.jumpTo({{center: [{lon}, {lat}], zoom: 16}})")
    until(page, "window.blueprintMap.loaded()")
    picture(page, "live-empty")
    page.click("#acts button:has-text('画线')")
    for x, y in ((220, 120), (220, 180)):
        page.mouse.click(*_on_screen(page, city, x, y))
    page.click("#acts button:has-text('完成')")
    until(page, "document.querySelector('#standing .error') !== null")  # a line has no area without a width
    page.fill("#width", "10")
    until(page, f"{LIVE} !== '' && {LIVE} !== undefined")
    page.click("#acts button:has-text('再画一块')")
    for x, y in ((210, 10), (260, 10), (260, 60)):
        page.mouse.click(*_on_screen(page, city, x, y))
    page.click("#acts button:has-text('完成')")
    until(page, f"{LIVE} === 'restrict'")
    picture(page, "live-line-and-area")
    page.click("#acts button:has-text('清除')")

    page.click("#acts button:has-text('画红线')")
    for x, y in ((500, 120), (600, 120), (600, 180), (500, 180)):
        page.mouse.click(*_on_screen(page, city, x, y))
    page.click("#acts button:has-text('完成')")
    until(page, f"{LIVE} === 'clear'")
    # What the map has come to draw is not asked: on a busy machine that is what was there before.
    page.evaluate("window.blueprintMap.queryRenderedFeatures = () => []")
    page.mouse.move(*_on_screen(page, city, 500, 120))
    page.mouse.down()
    for x in range(480, 220, -20):
        page.mouse.move(*_on_screen(page, city, x, 50))
        page.wait_for_timeout(30)
    until(page, f"{LIVE} === 'restrict'")  # the button is still held: the verdict is that of the drag
    page.mouse.up()
    finger = page.context.new_cdp_session(page)

    def by_finger(what: str, *places: tuple[float, float]) -> None:
        points = [dict(zip("xy", _on_screen(page, city, *place), strict=True)) for place in places]
        finger.send("Input.dispatchTouchEvent", {"type": what, "touchPoints": points})

    at, away = (240, 50), (500, 120)
    for start, end, verdict in ((at, away, "clear"), (away, at, "restrict")):
        by_finger("touchStart", start)
        for share in (0.25, 0.5, 0.75, 1):
            by_finger("touchMove", tuple(a + share * (b - a) for a, b in zip(start, end, strict=True)))
            page.wait_for_timeout(30)
        until(page, f"{LIVE} === '{verdict}'")  # the finger still lies on it
        by_finger("touchEnd")
    until(page, "document.getElementById('report').innerText.includes('河道管理范围')")
    until(
        page,
        "window.blueprintMap.getSource('found')._data?.geojson?.features?.length > 0 || window.blueprintMap.querySourceFeatures('found').length > 0",
    )
    picture(page, "live-restrict")

    corner = page.locator("[data-corner='0']")
    corner.focus()
    words = corner.inner_text()
    page.keyboard.press("Shift+ArrowRight")
    until(page, f"document.querySelector('[data-corner=\"0\"]').innerText !== '{words}'")
    assert page.evaluate("document.activeElement.dataset.corner") == "0"
    page.keyboard.press("Delete")
    until(page, f"document.querySelectorAll('#corners button').length === 3 && {LIVE} === 'clear'")
    # Another shape beside it: taken up again by a button, and what is called off leaves both.
    own = page.inner_text("#corners")
    page.click("#acts button:has-text('再画一点')")
    page.mouse.click(*_on_screen(page, city, 560, 20))
    page.click("#acts button:has-text('再画一块')")
    page.click("#acts button:has-text('取消')")
    page.click("#acts button:has-text('换一块')")
    until(page, f"document.getElementById('corners').innerText === {json.dumps(own)}")
    page.mouse.move(*_on_screen(page, city, 560, 20))
    page.mouse.down()
    page.mouse.move(*_on_screen(page, city, 560, 10))
    page.mouse.up()
    until(page, "document.querySelectorAll('#corners button').length === 1")
    page.click("#acts button:has-text('删除此块')")
    until(page, f"document.getElementById('corners').innerText === {json.dumps(own)}")
    page.focus("#move-all")
    for key, times in (("ArrowLeft", 26), ("ArrowDown", 10)):
        for _ in range(times):
            page.keyboard.press(f"Shift+{key}")
    until(page, f"{LIVE} === 'restrict'")
    page.fill("#top", "99999")
    until(page, f"{LIVE} === ''")
    assert page.locator("#standing .error").count() == 1
    page.click("#acts button:has-text('清除')")
    until(page, "document.getElementById('standing').innerText.includes('还没有红线')")
    assert [fault for fault in page.faults if "422" not in fault] == []


HELD = """(() => {
  const [begin, end] = [window.setTimeout, window.clearTimeout];
  window.held = [];
  window.setTimeout = (act, after, ...more) => (act.name === "check" || after === 500 ? -window.held.push({ act, name: act.name }) : begin(act, after, ...more));
  window.clearTimeout = (id) => { if (id < 0) window.held[-id - 1].act = null; else end(id); };
  window.let = (name) => { for (const each of window.held) if (each.act && (each.name === "check") === (name === "check")) { const { act } = each; each.act = null; act(); } };
})()"""
"""The timers of the live check go off when the test lets them."""


def test_a_verdict_that_comes_slowly_is_not_given_up_for_the_drawing_of_the_one_before(
    office: Office,  # noqa: F811
    page: Page,  # noqa: F811
    tmp_path: Path,
) -> None:
    """The outline has moved on when its first verdict comes; half a second later what was found then was asked for, in the place of the second."""
    page.goto(f"{office.server.url}/live")
    until(page, "document.getElementById('standing').innerText.includes('还没有红线')")
    page.set_input_files("#file", _write(tmp_path / "site.geojson", office.city, (305, 20, 405, 80)))
    until(page, f"{LIVE} === 'advise'")
    page.evaluate(HELD)
    asked: list[Route] = []

    def ask(count: int) -> None:
        page.evaluate("window.let('check')")
        for _ in range(100):
            if len(asked) == count:
                return
            page.wait_for_timeout(50)
        raise AssertionError(f"{len(asked)} were asked")

    page.route("**/api/checks?f=json*", lambda route: asked.append(route))
    page.focus("#move-all")
    page.keyboard.press("Shift+ArrowRight")
    ask(1)
    for _ in range(2):
        page.keyboard.press("Shift+ArrowLeft")
    asked[0].continue_()
    until(page, "window.held.some(({ act, name }) => act && name !== 'check')")
    ask(2)
    page.evaluate("window.let('the drawing')")
    with suppress(Error):
        asked[1].continue_()

    until(page, f"{LIVE} === 'restrict'")
