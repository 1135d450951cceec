"""Defining a layer, changing it and taking it out of use in a real browser."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page
from sqlalchemy import text

from blueprint.city import City
from blueprint.permissions import Role
from tests.service.browser import fresh_page, until
from tests.service.conftest import Server
from tests.service.office import Office
from tests.service.test_layer_pages import picture, said, sign_in

pytestmark = pytest.mark.browser


@pytest.fixture
def page() -> Iterator[Page]:
    with fresh_page() as page:
        yield page


def opened(page: Page, server: Server, path: str) -> None:
    page.goto(f"{server.url}{path}")
    until(page, "document.getElementById('message').hidden")


def error_at(page: Page, item: str) -> str:
    until(page, f"document.querySelector('[data-item={item}] .field-error') !== null")
    return page.inner_text(f"[data-item={item}] .field-error")


def test_the_coordinator_defines_changes_and_retires_a_layer_on_the_pages_alone(
    running: Server, city: City, page: Page
) -> None:
    office = Office(running, city)
    office.hire("xie", Role.COORDINATOR, department="ZRZY")
    office.hire("gui", Role.PLANNER, department="ZRZY")
    sign_in(page, running, "gui")
    page.goto(f"{running.url}/define")
    said(page, "只有协同主管可以定义图层")
    opened(page, running, "/catalogue")
    assert not page.is_visible("#define")

    page.context.clear_cookies()
    sign_in(page, running, "xie")
    opened(page, running, "/catalogue")
    assert "由协同主管在此页定义" in page.inner_text("#catalogue")
    page.click("#define a")
    until(page, "document.getElementById('save') !== null")
    picture(page, "define-empty")
    page.click("#save")
    assert "请填写" in error_at(page, "code")
    page.fill("#layer-code", "9号线")
    page.fill("#layer-title", "高压走廊")
    page.click("#save")
    until(page, "document.querySelector('[data-item=code] .field-error')?.textContent.includes('code')")
    page.fill("#layer-code", "GYZL")
    page.select_option("#layer-geometry", "raster")
    assert page.is_visible("#layer-threshold_above") and not page.is_visible("#layer-buffer_m")
    page.select_option("#layer-geometry", "line")
    page.select_option("#layer-control", "restrict")
    page.fill("#layer-buffer_m", "15")
    page.fill("#layer-buffer_field", "DYDJ")
    page.fill("#layer-widths", "220=20，110=10")
    page.fill("#layer-scale", "一比两千")
    page.click("#save")
    assert "scale" in error_at(page, "scale")
    page.fill("#layer-scale", "2000")
    page.click("#save")
    assert "strictest width" in error_at(page, "buffer_m")
    picture(page, "define-error")
    page.fill("#layer-buffer_m", "20")
    page.fill("#layer-abstract", "架空线路走廊")
    page.fill("#layer-color", "#aa3300")
    page.dblclick("#save")
    page.wait_for_url(f"{running.url}/layer?code=GYZL")
    until(page, "document.getElementById('message').hidden")
    assert "架空线路走廊" in page.inner_text("#particulars") and page.is_visible("#upload-card")

    opened(page, running, "/define")
    page.fill("#layer-code", "GYZL")
    page.fill("#layer-title", "另一个")
    page.click("#save")
    assert "已有图层 GYZL" in error_at(page, "code")

    opened(page, running, "/define?code=GYZL")
    assert (
        page.input_value("#layer-widths") == "110=10, 220=20" and page.input_value("#layer-scale") == "2000"
    )
    page.fill("#layer-title_en", "Overhead lines")
    with running.client("ZRZY") as other:
        shown = other.get("/api/layers/GYZL").json()
        kept = {"code": "GYZL", "department": "ZRZY", "geometry": "line", "control": "restrict"}
        assert shown["buffer_by"]["widths"] == {"220": 20, "110": 10}
        assert other.post("/api/layers", json=kept | {"title": "高压线走廊"}).status_code == 201
    page.click("#save")
    said(page, "别人刚刚作了改动")
    assert page.input_value("#layer-title_en") == "Overhead lines"
    with running.edge.engine.begin() as connection:
        connection.execute(text("UPDATE blueprint.layer SET layer_group = 'OLD' WHERE code = 'GYZL'"))
    opened(page, running, "/define?code=GYZL")
    page.fill("#layer-title_en", "Overhead lines")
    page.fill("#layer-tolerance_m2", "")
    page.press("#layer-tolerance_m2", "Tab")
    assert page.input_value("#layer-tolerance_m2") == "1"
    assert page.input_value("#layer-group") == "OLD"
    page.click("#save")
    assert "OLD" in error_at(page, "group")
    page.select_option("#layer-group", "")
    picture(page, "define-change")
    page.click("#save")
    page.wait_for_url(f"{running.url}/layer?code=GYZL")
    until(page, "document.getElementById('layer-heading').textContent.includes('Overhead lines')")

    page.click("#change")
    until(page, "document.getElementById('save') !== null")
    page.click("#retire-acts button")
    page.fill("#dialog-reason", "并入市政管线图层")
    page.click("dialog button[type=submit]")
    page.wait_for_url(f"{running.url}/layer?code=GYZL")
    until(page, "document.getElementById('standing').textContent.includes('已停用')")
    assert not page.is_visible("#upload-card")
    picture(page, "layer-retired")
    opened(page, running, "/catalogue")
    assert page.locator("tr[data-layer=GYZL]").count() == 0
    page.select_option("#state", "retired")
    until(page, "document.querySelector('tr[data-layer=GYZL]') !== null")
    opened(page, running, "/define?code=GYZL")
    assert not page.is_visible("#define")
    page.click("#retire-acts button")
    page.click("dialog button[type=submit]")
    page.wait_for_url(f"{running.url}/layer?code=GYZL")
    until(page, "document.getElementById('message').hidden && !document.getElementById('upload-card').hidden")
    refusals = ("422", "412", "404")  # an item that is wrong, a change of another, a group that is not there
    assert [fault for fault in page.faults if not any(status in fault for status in refusals)] == []
