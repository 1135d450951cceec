"""The pages of a layer's life in a real browser: from a file with a wrong system and one with a warning to in force and back again."""

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Page

from blueprint.city import City
from blueprint.jobs.worker import Worker
from blueprint.permissions import Role
from service.job_kinds import KINDS
from tests import badfiles, formatfiles
from tests.badfiles import LAT, LON, geojson, lonlat_square, polygon
from tests.rasters import slope, write_tif
from tests.service.browser import fresh_page, until
from tests.service.conftest import Server
from tests.service.office import PASSWORD, Office

pytestmark = pytest.mark.browser

PICTURES = os.environ.get("PAGE_PICTURES")
"""A folder for pictures of the pages, for whoever changes them."""

SPIKED = [(0, 0), (0.001, 0), (0.001, 0.001), (0.0005, 0.001), (0.0005, 0.002), (0.0005, 0.001), (0, 0.001), (0, 0)]  # fmt: skip
"""A square of side 0.001° with a spike of no width, which is mended: a warning."""
BOW_TIE = [(0, 0), (0.001, 0.001), (0.001, 0), (0, 0.001), (0, 0)]


def ring(corners: list[tuple[float, float]]) -> list[list[float]]:
    return [[LON + east, LAT + north] for east, north in corners]


def picture(page: Page, name: str) -> None:
    if PICTURES:
        page.wait_for_timeout(1500)
        page.screenshot(path=f"{PICTURES}/{name}.png", full_page=True)


def said(page: Page, words: str) -> None:
    until(page, f"document.getElementById('message').textContent.includes('{words}')")


@pytest.fixture
def page() -> Iterator[Page]:
    with fresh_page() as page:
        yield page


@pytest.fixture
def site(running: Server, city: City) -> Server:
    """The service with a planner of the department that keeps PLAN, and a layer beside it."""
    Office(running, city).hire("gui", Role.PLANNER, department="ZRZY")
    with running.client("ZRZY") as keeper:
        for code, title, abstract in (("PLAN", "控制线", "试点区域"), ("ROAD", "道路红线", None)):
            layer = {"code": code, "title": title, "department": "ZRZY", "geometry": "polygon", "control": "restrict", "abstract": abstract}  # fmt: skip
            assert keeper.post("/api/layers", json=layer).status_code == 201
        stored = keeper.post(
            "/api/layers/ROAD/versions",
            files={"file": ("road.geojson", geojson(polygon(lonlat_square(LON + 0.0005))))},
            data={"in_force_from": "2024-01-01", "review_by": "2024-12-31"},
        )
        assert stored.status_code == 201, stored.text
    return running


def sign_in(page: Page, server: Server, login: str = "gui") -> None:
    page.goto(f"{server.url}/sign-in")
    page.fill("#login", login)
    page.fill("#password", PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url(f"{server.url}/")


def open_layer(page: Page, server: Server) -> None:
    page.goto(f"{server.url}/layer?code=PLAN")
    until(page, "document.getElementById('message').hidden")


def look_at(page: Page, file: Path) -> None:
    """Choose a file and wait until it was looked at."""
    page.evaluate("document.getElementById('upload').hidden = true")
    page.set_input_files("#file", file)
    until(
        page,
        "!document.getElementById('upload').hidden && document.getElementById('upload-progress').textContent === ''",
    )


def put_in_force(page: Page, number: int) -> None:
    page.click("#foresee")
    until(page, "document.getElementById('publish') !== null")
    page.click("#publish")
    page.click("dialog button[type=submit]")
    said(page, f"第 {number} 版自")


def test_a_planner_takes_a_layer_from_a_file_to_in_force_and_back_on_the_pages_alone(
    site: Server, page: Page, tmp_path: Path
) -> None:
    page.goto(f"{site.url}/catalogue")
    until(page, "document.querySelectorAll('#catalogue tr[data-layer]').length === 2")
    assert "已过期待复核" in page.inner_text("tr[data-layer=ROAD]")
    assert "无现行版本" in page.inner_text("tr[data-layer=PLAN]")
    picture(page, "catalogue")
    page.fill("#words", "试点")
    page.press("#words", "Enter")
    until(page, "document.querySelectorAll('#catalogue tr[data-layer]').length === 1")
    page.fill("#words", "没有这样的词")
    page.press("#words", "Enter")
    until(page, "document.getElementById('catalogue').textContent.includes('没有符合条件的图层')")
    open_layer(page, site)
    assert not page.is_visible("#upload-card"), "somebody unknown is offered an upload"

    sign_in(page, site)
    open_layer(page, site)
    assert "还没有版本" in page.inner_text("#versions")
    picture(page, "layer-empty")

    # Data in metres without a word on their system: one is suggested, and taken only when a person says so.
    squares = formatfiles.in_metres(formatfiles.SQUARES)
    look_at(page, badfiles.write_dataset(tmp_path / "first.gpkg", squares, crs=None))
    assert (
        "未注明" in page.inner_text("#diagnosis")
        and page.locator("#diagnosis [name=accept]:checked").count() == 0
    )
    picture(page, "layer-diagnosis")
    page.click("#store")
    until(page, "document.querySelector('#drop .field-error') !== null")
    assert "EPSG:4550" in page.inner_text("#drop .field-error")
    page.check("#diagnosis [name=accept][value='EPSG:4550']")
    page.click("#store")
    said(page, "已存为第 1 版草稿")
    assert "已质检" in page.inner_text("#version-standing")
    picture(page, "layer-draft")
    put_in_force(page, 1)

    spiked = tmp_path / "second.geojson"
    spiked.write_bytes(geojson(polygon(ring(SPIKED))))
    look_at(page, spiked)
    page.click("#store")
    said(page, "已存为第 2 版草稿")
    issue = page.locator("#issues tr[data-code=geometry-mended]")
    issue.click()
    assert "警告" in issue.inner_text()
    picture(page, "layer-quality")
    with page.expect_download() as saved:
        page.click("#quality-files button:has-text('错误图层')")
    assert saved.value.suggested_filename == "PLAN_v2_errors.gpkg"

    # The mending is undone, which holds the draft back, and accepted again.
    page.click("#mendings tr[data-feature='1']")
    assert "边界自相交" in page.inner_text("#mendings") and "已修复" in page.inner_text("#mendings")
    picture(page, "layer-receipt")
    page.click("#undo-chosen")
    said(page, "请先勾选图斑")
    page.check("#mendings input[value='1']")
    page.click("#undo-chosen")
    assert "不能生效" in page.inner_text("dialog")
    picture(page, "layer-undo")
    page.click("dialog button[type=submit]")
    said(page, "1 处修复已撤销")
    assert "不能生效" in page.inner_text("#force") and "已撤销" in page.inner_text("#mendings")
    picture(page, "layer-undone")
    page.click("#accept-all")
    said(page, "已重新接受")
    assert "已修复" in page.inner_text("#mendings")
    page.click("#foresee")
    until(page, "document.getElementById('publish') !== null")
    assert "道路红线" in page.inner_text("#forecast-layers") and "将替代第 1 版" in page.inner_text(
        "#dry-run"
    )
    picture(page, "layer-dry-run")
    page.click("#publish")
    until(page, "document.querySelector('#force .field-error') !== null")
    assert "请写明警告可以保留的理由" in page.inner_text("#force .field-error")
    page.fill("#warnings-reason", "已核对修复前后图形")
    page.click("#publish")
    page.click("dialog button[type=submit]")
    said(page, "第 2 版自")
    assert "已核对修复前后图形" in page.inner_text("#version-particulars")

    page.click("#compare button[type=submit]")
    until(page, "document.getElementById('difference-counts') !== null")
    assert "删除" in page.inner_text("#difference-counts")
    picture(page, "layer-compare")
    with page.expect_download() as saved:
        page.click("#export button")
    assert saved.value.suggested_filename == "PLAN-v2.gpkg"

    page.click("#versions [data-version='1']")
    until(page, "document.getElementById('version-heading').textContent.includes('第 1 版')")
    page.click("button:has-text('回滚到此版')")
    page.click("dialog button[type=submit]")
    said(page, "已回滚到第 1 版")
    picture(page, "layer-rolled-back")
    with site.client() as anyone:
        assert anyone.get("/api/layers/PLAN").json()["version"] == 1
    assert [fault for fault in page.faults if "422" not in fault] == []


def test_a_file_that_is_refused_is_told_in_a_sentence_beside_it_and_drawn(
    site: Server, page: Page, tmp_path: Path
) -> None:
    sign_in(page, site)
    open_layer(page, site)

    disguised = tmp_path / "plan.zip"
    disguised.write_bytes(badfiles.zipped({"../../etc/plan.shp": b"x" * 100}))
    look_at(page, disguised)
    assert len(page.inner_text("#drop .field-error")) > 20
    picture(page, "layer-hostile")

    torn = tmp_path / "torn.geojson"
    torn.write_bytes(json.dumps(json.loads(geojson(polygon(ring(BOW_TIE))))).encode())
    look_at(page, torn)
    assert page.locator("#drop .field-error").count() == 0
    page.click("#store")
    until(page, "document.querySelector('#refused tr[data-code]') !== null")
    assert re.match(
        "图斑 1，位于 .*：边界自相交.* feature 1 at .*: its outline crosses itself",
        page.inner_text("#drop .field-error"),
    )
    assert "可有多种理解" in page.inner_text("#refused") and "候选 2" in page.inner_text("#refused")
    for nth in (1, 0):
        page.locator("#refused tr[data-code=geometry-ambiguous]").nth(nth).click()
        picture(page, f"layer-refused-{nth + 1}")
    with site.client("ZRZY") as keeper:
        assert keeper.get("/api/layers/PLAN/versions").json()["items"] == []
        slopes = {"code": "SLOPE", "title": "坡度", "department": "ZRZY", "geometry": "raster", "control": "inform", "value_kind": "continuous"}  # fmt: skip
        assert keeper.post("/api/layers", json=slopes).status_code == 201

    page.goto(f"{site.url}/layer?code=SLOPE")
    until(page, "document.getElementById('message').hidden")
    look_at(page, write_tif(tmp_path / "bands.tif", np.stack([slope(), slope() + 100])))
    assert page.input_value("#sublayer") == ""
    page.click("#store")
    assert "请选择波段" in page.inner_text("#upload .field-error")
    page.select_option("#sublayer", "2")
    until(
        page,
        "document.getElementById('sublayer').value === '2' && !document.querySelector('#upload .field-error')",
    )
    assert "共 2 个：1、2" in page.inner_text("#found")
    picture(page, "layer-band")
    page.click("#store")
    said(page, "已存为第 1 版草稿")
    assert "149" in page.inner_text("#raster-legend"), page.inner_text("#raster-legend")
    until(
        page,
        "performance.getEntriesByType('resource').some(({ name }) => name.endsWith('/versions/1/picture'))",
    )
    picture(page, "layer-raster")


def test_a_layer_of_a_file_is_chosen_its_fields_mapped_a_delta_put_on_scheduled_and_withdrawn(
    site: Server, city: City, page: Page, tmp_path: Path
) -> None:
    plan = {
        "code": "PLAN",
        "title": "控制线",
        "department": "ZRZY",
        "geometry": "polygon",
        "control": "inform",
    }
    with site.client("ZRZY") as keeper:
        values = plan | {"standard": "CZKFBJ", "source_id_field": "BSM", "sensitivity": "internal"}
        assert keeper.post("/api/layers", json=values).status_code == 201
    several = badfiles.write_dataset(tmp_path / "several.gpkg", formatfiles.SQUARES, layer="first")
    badfiles.write_dataset(several, formatfiles.SQUARES[:1], layer="second", append=True)
    sign_in(page, site)
    open_layer(page, site)

    look_at(page, several)
    page.select_option("#sublayer", "second")
    until(page, "document.getElementById('found').textContent.includes('（面 1）')")
    page.select_option("#upload-mapping [data-field=CZMC]", "MC")
    picture(page, "layer-sublayer")
    page.click("#store")
    said(page, "已存为第 1 版草稿")
    assert "不能生效" in page.inner_text("#force") and page.locator("#foresee").count() == 0
    assert page.input_value("#mapping [data-field=CZMC]") == "MC"
    assert "设立时间" in page.inner_text("#issues")
    picture(page, "layer-errors")

    with site.client("ZRZY") as keeper:
        assert keeper.post("/api/layers", json=values | {"standard": None}).status_code == 201
    open_layer(page, site)
    assert not page.is_visible("#mapping-card")
    delta = tmp_path / "delta.geojson"
    added = {"BSM": "B9", "MC": "新", "BGLX": "调入"}
    delta.write_bytes(geojson(polygon(lonlat_square(LON + 0.01)), properties=[added]))
    look_at(page, delta)
    page.check("#is-delta")
    page.fill("#change-field", "BGLX")
    page.click("#store")
    said(page, "已存为第 2 版草稿")
    page.fill("#starts-on", "2999-01-01")
    put_in_force(page, 2)
    assert "已排期" in page.inner_text("#version-standing")
    page.click("button:has-text('收回此版')")
    page.click("dialog button[type=submit]")
    said(page, "第 2 版已收回")
    assert "原定 2999-01-01 生效，已取消" in page.inner_text("body")
    assert page.faults == []

    Office(site, city).hire("wei", Role.PLANNER, department="FGW")
    page.context.clear_cookies()
    sign_in(page, site, "wei")
    open_layer(page, site)
    for control in ("#upload-card", "#force", "#mapping-card", "#version-acts button"):
        assert not page.is_visible(control), control
    page.click("#versions [data-version='2']")
    until(page, "document.getElementById('version-heading').textContent.includes('第 2 版')")
    page.click("#export button")
    page.fill("#dialog-purpose", "核对边界")
    with page.expect_download() as saved:
        page.click("dialog button[type=submit]")
    assert saved.value.suggested_filename == "PLAN-v2.gpkg"


def test_who_comes_back_to_the_page_sees_the_uploads_that_are_still_being_stored(
    site: Server, page: Page, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sign_in(page, site)
    good = tmp_path / "good.geojson"
    good.write_bytes(badfiles.good())
    with site.client("ZRZY") as keeper:
        files = {"file": ("plan.geojson", badfiles.good())}
        put = keeper.post("/api/layers/PLAN/versions", files=files, headers={"Prefer": "respond-async"})
        assert put.status_code == 202, put.text
    monkeypatch.setattr("blueprint.layers.upload_answer.LARGE_BYTES", 100)
    open_layer(page, site)
    lines = page.locator("#upload-progress > div")
    until(page, "document.getElementById('upload-progress').textContent.includes('上传的文件：排队中')")
    assert page.locator("#upload-progress button").count() == 0, "another's file can be called off"
    page.set_input_files("#file", good)
    page.click("#store")
    until(page, "document.querySelector('#upload-progress button') !== null")
    assert lines.count() == 2, "the second file's bar took the place of the first's"

    open_layer(page, site)
    until(page, "document.querySelector('#upload-progress button') !== null")
    assert lines.count() == 2
    picture(page, "layer-two-uploads")
    assert Worker(site.edge, KINDS).run_one()
    until(page, "document.getElementById('upload-progress').textContent.includes('已存为第 1 版草稿')")
    assert page.is_hidden("#message"), "another's file moved the page"
    assert page.locator("#upload-progress progress").count() == 1, "one's own bar went with another's"
    assert Worker(site.edge, KINDS).run_one()
    said(page, "已存为第 2 版草稿")
    assert page.locator("#upload-progress progress").count() == 0

    page.route("**/api/jobs?*", lambda route: route.abort())
    open_layer(page, site)
    until(page, "document.querySelector('#drop .field-error') !== null")
    assert "第 2 版" in page.inner_text("#versions")


def test_whose_session_is_over_is_led_to_sign_in_when_a_file_is_sent(site: Server, page: Page) -> None:
    sign_in(page, site)
    open_layer(page, site)
    page.context.clear_cookies()
    page.set_input_files("#file", {"name": "plan.geojson", "mimeType": "", "buffer": badfiles.good()})

    until(page, "document.querySelector('.field-error a[href=\"/sign-in\"]') !== null")
    assert "会话已结束" in page.inner_text(".field-error")
