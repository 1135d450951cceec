"""The map page in a real browser, against the whole application on a database of the test's own."""

import json
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
import shapely
import uvicorn
from playwright.sync_api import Page
from sqlalchemy.orm import Session

from blueprint.city import City
from blueprint.city_router import to_lonlat
from blueprint.database import make_engine
from blueprint.edge import Edge
from service.app import create_app
from service.settings import Settings
from tests.made import at_origin, publish, square
from tests.service.browser import fresh_page, until

pytestmark = pytest.mark.browser


@pytest.fixture
def site(fresh_database: str, city: City, tmp_path: Path) -> Iterator[str]:
    """The address of the running application."""
    engine = make_engine(fresh_database)
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{listener.getsockname()[1]}"
        edge = Edge(
            engine,
            replace(city, boundary_path=None),
            lambda: datetime(2026, 11, 23, 4, 0, tzinfo=UTC),
            address,
            tmp_path,
        )
        server = uvicorn.Server(uvicorn.Config(create_app(edge, Settings()), log_level="warning"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            _wait_for(server)
            yield address
        finally:
            server.should_exit = True
            thread.join(timeout=20)
            engine.dispose()


@pytest.fixture
def filled(fresh_database: str, city: City) -> None:
    """Four layers around the place of the tests, large enough to be seen on the whole city."""
    engine = make_engine(fresh_database)
    with Session(engine) as session, session.begin():
        publish(
            session, city, "red_line", [square(0, 0, 8_000)], title="生态保护红线", title_en="Ecological red line",
            attributes=[{"MC": "千山红线"}], label_field="MC", control="prohibit", basis="《生态保护红线管理办法》第三条",
        )  # fmt: skip
        publish(session, city, "growth", [square(9_000, 0, 8_000)], title="城镇开发边界", control="inform")
        publish(
            session,
            city,
            "rail",
            [shapely.LineString([(0, -500), (20_000, 9_000)])],
            title="铁路",
            control="restrict",
        )
        publish(
            session, city, "use", [square(0, 9_000, 4_000)], title="规划用地用海", control="inform",
            symbology="land_use_2023", class_field="DM", attributes=[{"DM": "0701"}],
        )  # fmt: skip
    engine.dispose()


@pytest.fixture
def page() -> Iterator[Page]:
    """A page of a fresh browser that reaches this machine alone."""
    with fresh_page() as page:
        yield page


def _wait_for(server: uvicorn.Server) -> None:
    for _ in range(200):
        if server.started:
            return
        time.sleep(0.05)
    raise AssertionError("the application did not start")


def _open(page: Page, site: str) -> None:
    page.goto(site)
    until(page, "window.blueprintMap?.loaded() && window.blueprintMap.areTilesLoaded()")
    page.wait_for_selector("#check")


def _lonlat(shape: shapely.Geometry, city: City) -> str:
    return json.dumps(shapely.geometry.mapping(to_lonlat(at_origin(shape), city)))


@pytest.mark.usefixtures("filled")
def test_the_page_shows_the_blueprint_and_checks_a_footprint(
    site: str, page: Page, city: City, tmp_path: Path
):
    _open(page, site)

    page.wait_for_selector("#layers li[data-layer]")
    rows = page.locator("#layers li[data-layer]")
    assert rows.count() == 4
    assert "生态保护红线 Ecological red line" in rows.first.inner_text()
    assert page.locator("#layers h3").all_inner_texts() == [
        "禁止 prohibits",
        "限制 restricts",
        "提示 informs",
    ]
    assert page.evaluate("blueprintMap.queryRenderedFeatures().length") > 0
    codes = set(page.evaluate("blueprintMap.queryRenderedFeatures().map((feature) => feature.sourceLayer)"))
    assert codes == {"red_line", "growth", "rail", "use"}
    page.screenshot(path=tmp_path / "map.png")

    footprint = tmp_path / "site.geojson"
    footprint.write_text(_lonlat(square(-50, 100, 100), city), encoding="utf-8")
    page.set_input_files("#file", footprint)
    until(page, "document.getElementById('text').value.length > 10")
    page.click("#check button[type=submit]")
    page.wait_for_selector("#verdict")

    assert page.get_attribute("#verdict", "data-verdict") == "prohibit"
    assert "禁止" in page.inner_text("#verdict")
    finding = page.locator("#findings tbody tr")
    assert finding.count() == 1
    assert "生态保护红线" in finding.inner_text()
    assert "5,00" in finding.inner_text() or "4,99" in finding.inner_text()
    until(
        page,
        "blueprintMap.areTilesLoaded() && blueprintMap.queryRenderedFeatures({layers: ['check-finding']}).length > 0",
    )
    page.screenshot(path=tmp_path / "check.png")
    chosen = "blueprintMap.getFilter('check-chosen')[2]"
    assert page.evaluate(chosen) == -1
    finding.hover()
    assert page.evaluate(chosen) == 0 and "chosen" in finding.get_attribute("class")
    finding.evaluate("row => row.classList.remove('chosen')")
    lon, lat = json.loads(_lonlat(shapely.Point(25, 150), city))["coordinates"]
    x, y = page.evaluate(
        f"(() => {{ const p = blueprintMap.project([{lon}, {lat}]); const box = document.getElementById('map')"
        ".getBoundingClientRect(); return [box.x + p.x, box.y + p.y]; })()"
    )
    page.mouse.move(x, y)
    until(page, "document.querySelector('#findings tr.chosen') !== null")
    page.mouse.click(x, y)
    until(page, "document.activeElement.dataset.number === '0'")

    assert page.faults == []
    assert {httpx.URL(url).host for url in page.asked if not url.startswith(("data:", "blob:"))} == {
        "127.0.0.1"
    }


@pytest.mark.usefixtures("filled")
def test_on_a_phone_the_check_stands_below_the_map_and_a_map_in_its_frame(site: str, page: Page):
    page.set_viewport_size({"width": 390, "height": 800})
    page.goto(site)
    until(page, "document.getElementById('message').hidden")
    check = page.locator("#check-heading").bounding_box()
    assert check is not None and check["y"] < 800, "the list of layers is folded up"
    page.click("#layers-shown summary")
    assert page.locator("#layers li").first.is_visible()

    page.goto(f"{site}/live")
    until(page, "document.getElementById('standing').innerText.includes('还没有红线')")
    frame, drawn = (page.locator(name).first.bounding_box() for name in ("#map", "#map canvas"))
    assert frame is not None and drawn is not None
    assert drawn["y"] == pytest.approx(frame["y"], abs=2), "the map lay over the head of the page"


@pytest.mark.usefixtures("filled")
def test_a_click_tells_the_features_there_and_a_layer_can_be_switched_off(site: str, page: Page, city: City):
    _open(page, site)
    place = json.loads(_lonlat(shapely.Point(4_000, 4_000), city))["coordinates"]
    x, y = page.evaluate("(place) => { const p = blueprintMap.project(place); return [p.x, p.y]; }", place)

    page.mouse.click(*page.evaluate(
        "([x, y]) => { const box = document.getElementById('map').getBoundingClientRect(); return [box.x + x, box.y + y]; }", [x, y]
    ))  # fmt: skip
    page.wait_for_selector("#here li")

    told = page.inner_text("#here")
    for word in ("生态保护红线", "千山红线", "S1", "禁止", "《生态保护红线管理办法》第三条"):
        assert word in told

    seen = page.evaluate(
        "(box => box.top >= 0 && box.bottom <= innerHeight)(document.getElementById('here-heading').getBoundingClientRect())"
    )
    assert seen, "what was clicked stands in sight"
    page.click("[data-layer=use] summary")
    assert "居住用地 07" in page.inner_text("[data-layer=use] .legend")
    page.uncheck("#layer-red_line")
    until(page, "!blueprintMap.queryRenderedFeatures().some((feature) => feature.sourceLayer === 'red_line')")
    page.check("#layer-red_line")
    until(page, "blueprintMap.queryRenderedFeatures().some((feature) => feature.sourceLayer === 'red_line')")
    assert page.faults == []


def test_an_empty_blueprint_and_bad_input_are_told_in_a_sentence(site: str, page: Page):
    page.goto(site)
    until(page, "document.getElementById('message').textContent.includes('还没有现行图层')")

    page.click("#check button[type=submit]")
    page.wait_for_selector("#report .error")
    assert "请先选择文件" in page.inner_text("#report")

    page.fill("#text", "not json")
    page.click("#check button[type=submit]")
    until(page, "document.getElementById('report').textContent.includes('JSON')")

    page.fill("#text", '{"type": "LineString", "coordinates": [[122.9, 41.1], [123, 41.2]]}')
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    until(
        page,
        "!/JSON|请先/.test(document.getElementById('report').textContent) && document.querySelector('#report .error')",
    )
    assert len(page.inner_text("#report .error")) > 10


def test_the_page_of_the_api_is_shown_without_any_other_site(site: str, page: Page):
    page.goto(f"{site}/api/docs")
    until(page, "document.querySelectorAll('#swagger-ui .opblock').length > 10")

    assert page.faults == []
    assert {httpx.URL(url).host for url in page.asked if not url.startswith("data:")} == {"127.0.0.1"}


def test_every_file_of_the_pages_is_served_with_its_type_and_asked_about(site: str):
    types = {
        "/": "text/html", "/api/docs": "text/html", "/sign-in": "text/html", "/account": "text/html", "/approval": "text/html", "/progress": "text/html", "/work": "text/html", "/exchange": "text/html", "/web/app.js": "text/javascript", "/web/style.css": "text/css",
        "/web/vendor/maplibre-gl/maplibre-gl.mjs": "text/javascript", "/web/icon.svg": "image/svg+xml",
    }  # fmt: skip
    for path, kind in types.items():
        response = httpx.get(site + path)
        assert response.status_code == 200, path
        assert response.headers["content-type"].split(";")[0].replace("application/java", "text/java") == kind
        assert response.headers["cache-control"] == "no-cache", path
    assert httpx.get(f"{site}/web/../settings.py").status_code == 404
