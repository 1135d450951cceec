"""The pages that a coordinator and a department work with on the first day, in a real browser: from a registration to a clearance."""

import json
import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path

import pytest
from geoalchemy2.shape import to_shape
from playwright.sync_api import Page
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from blueprint.accounts import sections
from blueprint.city import City, Department
from blueprint.city_router import to_lonlat
from blueprint.footprint import footprint_from_geojson
from blueprint.jobs.worker import Worker
from blueprint.levels import Level
from blueprint.permissions import Role, at_console
from blueprint.wall import KEEPER, seeing
from coordination.handover_models import Clearance
from coordination.models import Opinion, OpinionRequest, Project
from coordination.recheck_job import put_in_recheck
from service.job_kinds import KINDS
from service.settings import Settings
from tests.coordination.conftest import world  # noqa: F401
from tests.coordination.world import SCRATCH, install_layer, install_layers, square
from tests.service.browser import fresh_page, until
from tests.service.conftest import Server, serving
from tests.service.office import OPERATOR, PASSWORD, Office

pytestmark = pytest.mark.browser

PICTURES = os.environ.get("PAGE_PICTURES")
"""A folder for pictures of the pages, for whoever changes them."""


@pytest.fixture(scope="module")
def office(
    make_database: Callable[[], AbstractContextManager[str]],
    world: City,  # noqa: F811
) -> Iterator[Office]:
    district = Department("slj-hc", "海城市水利局", level=Level.DISTRICT, district="210381")
    city = replace(world, departments=(*world.departments, district))
    with make_database() as database, serving(database, city, Settings()) as running:
        with seeing(KEEPER), Session(running.edge.engine) as session, session.begin():
            install_layers(session, city)
        office = Office(running, city)
        office.hire("lin", Role.COORDINATOR, department="zrzy")
        for login, department in (("shui", "slj"), ("wen", "wlj"), ("fa", "fgw"), ("pi", "spj")):
            office.hire(login, Role.REVIEWER, department=department)
        yield office


@pytest.fixture
def page() -> Iterator[Page]:
    with fresh_page() as page:
        yield page


def sign_in(page: Page, server: Server, login: str) -> None:
    page.goto("about:blank")
    page.context.clear_cookies()
    page.goto(f"{server.url}/sign-in")
    page.fill("#login", login)
    page.fill("#password", PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url(f"{server.url}/")
    page.wait_for_load_state("load")


def go(page: Page, server: Server, address: str) -> None:
    page.goto(f"{server.url}{address}")
    until(page, "document.getElementById('message').hidden || document.getElementById('message').className")


def picture(page: Page, name: str) -> None:
    if PICTURES:
        page.screenshot(path=f"{PICTURES}/{name}.png", full_page=True)


def press(page: Page, words: str, *, reason: str | None = None) -> None:
    """Press a button, answer the question that it asks, and wait for what is said on top."""
    page.evaluate("document.getElementById('message').className = ''")
    page.click(f"button:has-text('{words}')")
    said = "document.getElementById('message').className !== ''"
    until(page, f"document.querySelector('dialog') !== null || {said}")
    if page.locator("dialog").count():
        if reason is not None:
            page.fill("#dialog-reason", reason)
        page.click("dialog button[type=submit]")
    until(page, said)
    assert page.get_attribute("#message", "class") == "done", page.inner_text("#message")


def draw(page: Page, *corners: tuple[float, float]) -> None:
    """Click corners on the map, each a share of its width from the left and of its height from the top."""
    box = page.locator("#map canvas").first.bounding_box()
    assert box is not None
    for east, south in corners:
        page.mouse.click(box["x"] + box["width"] * east, box["y"] + box["height"] * south)


def site_file(folder: Path, city: City, west: float, east: float) -> Path:
    site = footprint_from_geojson(square(west, east, 20, 80), city=city, scratch=SCRATCH, crs="EPSG:4550")
    file = folder / "site.geojson"
    file.write_text(json.dumps(to_lonlat(site.geometry, city).__geo_interface__))
    return file


def test_a_project_goes_from_registration_to_clearance_on_the_pages_alone(
    office: Office, page: Page, tmp_path: Path
) -> None:
    server, city = office.server, office.city
    page.goto(f"{server.url}/board")
    until(page, "document.getElementById('message').className === 'error'")
    assert "请先登录" in page.inner_text("#message")

    sign_in(page, server, "lin")
    go(page, server, "/board")
    assert "没有在办项目" in page.inner_text("#work")
    picture(page, "board-empty")
    page.click("#to-register")
    until(page, "document.getElementById('message').hidden")
    for name, value in (("name", "示例小学"), ("applicant", "鞍山市教育局"), ("purpose", "新建小学一所")):
        page.fill(f"#new-{name}", value)
    page.set_input_files("#site-file", site_file(tmp_path, city, 220, 320))
    until(page, "document.getElementById('site-report').textContent.includes('限制')")
    picture(page, "register")
    page.click("#register button[type=submit]")
    page.wait_for_url(f"{server.url}/project?id=*")
    until(page, "document.getElementById('message').hidden && window.blueprintMap?.loaded()")
    assert "还没有征求意见" in page.inner_text("#requests")
    page.click("button:has-text('修改登记信息')")
    page.fill("#dialog-funds_source", "市级财政")
    page.click("dialog button[type=submit]")
    until(page, "document.getElementById('particulars').textContent.includes('市级财政')")
    press(page, "检查")
    page.click("button:has-text('拟征求部门')")
    until(page, "!document.getElementById('proposal-card').hidden")
    assert {"水利局", "文旅局", "发展和改革委员会"} <= set(
        page.inner_text("#proposal").replace("\t", "\n").split("\n")
    )
    page.click("button:has-text('增加部门')")
    page.select_option("#dialog-department", "spj")
    page.fill("#dialog-reason", "用地手续待办")
    page.click("dialog button[type=submit]")
    until(page, "document.getElementById('proposal').textContent.includes('用地手续待办')")
    page.uncheck("#proposal input[aria-label='发展和改革委员会']")
    picture(page, "project-proposal")
    page.click("button:has-text('发出征求意见')")
    page.fill("#dialog-drop-fgw", "已有批复")
    page.click("dialog button[type=submit]")
    until(page, "document.getElementById('requests').textContent.includes('待反馈')")
    picture(page, "project-consulting")

    sign_in(page, server, "shui")
    go(page, server, "/inbox")
    assert "示例小学" in page.inner_text("#open")
    picture(page, "inbox")
    page.click("#open a")
    page.wait_for_url(f"{server.url}/opinion?id=*")
    until(
        page, "window.blueprintMap?.loaded() && window.blueprintMap.getLayer('site-footprint') !== undefined"
    )
    fits = "(({scrollWidth, clientWidth}) => scrollWidth <= clientWidth)(document.getElementById('findings').parentElement)"
    assert page.evaluate(fits), "the choice for a finding is not cut off"
    page.set_viewport_size({"width": 390, "height": 800})
    assert page.evaluate(fits), "nor is it on a telephone"
    picture(page, "opinion-390")
    page.set_viewport_size({"width": 1280, "height": 800})
    assert "河道管理范围" in page.inner_text("#findings") and "建设控制地带" not in page.inner_text("body")
    page.click(".finding-row td:first-child")
    page.select_option(".finding-row select", "agree_with_conditions")
    page.fill(".finding-row input", "办理涉河建设方案许可")
    page.click("#all button:has-text('按初判填写：有条件同意')")
    assert page.input_value("#kind") == "agree_with_conditions"
    assert "落实其保护要求" in page.input_value("#conditions")
    page.fill("#conditions", "办理涉河建设方案许可\n施工避开汛期")
    page.select_option("#condition-places li:nth-child(1) select", "1")
    page.select_option("#condition-places li:nth-child(2) select", "drawn")
    draw(page, (0.4, 0.4), (0.6, 0.4), (0.5, 0.6))
    until(page, "document.getElementById('condition-places').textContent.includes('已有 3 个')")
    page.click("#condition-places button:has-text('完成')")
    picture(page, "opinion")
    press(page, "提交意见")
    assert "施工避开汛期" in page.inner_text("#given") and "地图上画的范围" in page.inner_text("#given")
    picture(page, "opinion-given")

    on_finding = {"kind": "agree_with_conditions", "condition_list": [{"text": "先行勘探", "finding": 1}]}
    for login, opinion in (("wen", on_finding), ("pi", {"kind": "agree"})):
        client = office.sign_in(login)
        (request,) = client.get("/api/opinion-requests").json()["items"]
        client.put(f"/api/opinion-requests/{request['id']}/opinion", json=opinion)

    sign_in(page, server, "lin")
    go(page, server, "/board")
    assert "意见已齐" in page.inner_text("#work")
    page.select_option("#status", "consulting")
    page.click("#search button")
    until(page, "document.getElementById('found').textContent.includes('示例小学')")
    assert (page.get_attribute("#to-workbook", "href") or "").endswith("?status=consulting")
    picture(page, "board")
    page.click("#work a")
    page.wait_for_url(f"{server.url}/project?id=*")
    until(page, "document.getElementById('message').hidden && window.blueprintMap?.loaded()")
    opposite = page.inner_text("#contradictions")
    assert {"先行勘探", "办理涉河建设方案许可", "河道管理范围 1", "建设控制地带 1"} <= set(
        opposite.replace("\t", "\n").split("\n")
    )
    page.click("#contradictions button:has-text('地图上看')")
    picture(page, "project-contradictions")
    press(page, "通过并推送")
    press(page, "撤回通过", reason="用地方案变更")
    assert "调整方案" in page.inner_text("#standing")
    picture(page, "project-withdrawn")

    with seeing(KEEPER), Session(server.edge.engine) as session:
        assert session.scalars(select(Project)).one().status == "adjusting"
        assert session.scalars(select(Clearance)).one().withdrawn_why == "用地方案变更"
        kinds = {r.department: r.opinion.kind for r in session.scalars(select(OpinionRequest)) if r.opinion}
        assert kinds == {"slj": "agree_with_conditions", "wlj": "agree_with_conditions", "spj": "agree"}
        to_water = OpinionRequest.department == "slj"
        water = session.scalars(select(Opinion).join(Opinion.request).where(to_water)).one()
        said = [(c.text, c.finding, c.place is not None) for c in water.condition_list]
        assert said == [("办理涉河建设方案许可", 1, False), ("施工避开汛期", None, True)]
        assert water.answers[0]["kind"] == "agree_with_conditions"
    assert [fault for fault in page.faults if "401" not in fault] == []


def test_a_drawn_site_becomes_a_projects_next_footprint_and_is_checked_at_once(
    office: Office, page: Page
) -> None:
    server, (project, _) = office.server, opened_requests(office)

    sign_in(page, server, "lin")
    go(page, server, f"/project?id={project}")
    page.click("#footprint-form summary")
    until(
        page, "window.blueprintMap?.getLayer('drawn-site-line') !== undefined && window.blueprintMap.loaded()"
    )
    page.click("#site-acts button:has-text('画红线')")
    draw(page, (0.35, 0.45), (0.6, 0.45), (0.6, 0.55), (0.5, 0.8))
    page.click("#site-acts button:has-text('撤销一点')")
    page.click("#site-acts button:has-text('完成')")
    until(page, "document.getElementById('site-report').textContent.includes('用地面积')")
    picture(page, "project-drawing")
    page.click("#replace button")
    with page.expect_navigation():
        page.click("dialog button[type=submit]")
    until(page, "document.getElementById('particulars').textContent.includes('第 2 版')")

    shown = office.sign_in("lin").get(f"/api/projects/{project}").json()
    assert shown["footprint"]["revision"] == 2 and shown["check"] is None
    (ring,) = shown["footprint"]["geometry"]["coordinates"][0]
    assert len(ring) == 4, "three corners: the fourth was undone"
    assert [fault for fault in page.faults if "401" not in fault] == []


def test_two_checks_of_a_project_are_compared_in_a_table_and_on_its_map(
    office: Office, page: Page, tmp_path: Path
) -> None:
    """The site is moved off the river and onto nothing new: what is gone and shrunk is said with its cause, drawn, and downloaded."""
    server, (project, _) = office.server, opened_requests(office)
    coordinator = office.sign_in("lin")
    moved = footprint_from_geojson(
        square(280, 380, 20, 80), city=office.city, scratch=SCRATCH, crs="EPSG:4550"
    )
    read = coordinator.get(f"/api/projects/{project}")
    given = {"footprint": json.loads(json.dumps(to_lonlat(moved.geometry, office.city).__geo_interface__))}
    put = coordinator.put(
        f"/api/projects/{project}/footprint", json=given, headers={"If-Match": read.headers["ETag"]}
    )
    assert put.status_code == 200, put.text
    checked = coordinator.post(f"/api/projects/{project}/checks").json()
    listed = coordinator.get(f"/api/projects/{project}/checks").json()["items"]
    assert [each["footprint_revision"] for each in listed] == [2, 1]
    assert (listed[0]["id"], listed[0]["verdict"]) == (checked["id"], checked["verdict"])
    pages = [
        coordinator.get(f"/api/projects/{project}/checks?limit=1&cursor={at}").json()
        for at in (0, checked["id"])
    ]
    assert [page["items"] for page in pages] == [[each] for each in listed], "a page of one each"
    assert pages[0]["next"] == str(checked["id"])

    sign_in(page, server, "lin")
    go(page, server, f"/project?id={project}")
    until(page, "window.blueprintMap?.getLayer('site-chosen') !== undefined")
    page.click("#changes summary")
    until(page, "document.querySelector('.difference-table tbody tr') !== null")

    said = page.inner_text("#changes-said")
    assert "首轮征求意见" in page.inner_text("#compared-with")
    assert "红线变更" in said and "undefined" not in said
    changes = page.locator(".difference-table .change").all_inner_texts()
    assert any("减小" in words or "消失" in words for words in changes), changes
    until(
        page,
        "window.blueprintMap.loaded() && window.blueprintMap.queryRenderedFeatures({layers: ['difference-before-line']}).length > 0",
    )
    page.click(".difference-table tbody tr td:first-child")
    until(page, "window.blueprintMap.getFilter('difference-chosen')[2] === 0")
    picture(page, "project-difference")
    with page.expect_download() as saved:
        page.click("#changes-said button:has-text('下载对比')")
    found = json.loads(Path(saved.value.path()).read_text(encoding="utf-8"))
    assert found["footprint_changed"] and len(found["findings"]) == len(changes)
    page.click("#changes summary")
    until(page, "window.blueprintMap.querySourceFeatures('difference').length === 0")
    assert [fault for fault in page.faults if "401" not in fault] == []


def opened_requests(office: Office, **details: str) -> tuple[int, dict[str, int]]:
    """A project that water, heritage and planners are asked about: its id, and those of the requests by department."""
    city, coordinator = office.city, office.sign_in("lin")
    site = footprint_from_geojson(square(220, 320, 20, 80), city=city, scratch=SCRATCH, crs="EPSG:4550")
    given = (
        {"name": "示例小学", "applicant": "教育局", "purpose": "小学"}
        | details
        | {"footprint": to_lonlat(site.geometry, city).__geo_interface__}
    )
    made = coordinator.post("/api/projects", json=json.loads(json.dumps(given))).json()
    coordinator.post(f"/api/projects/{made['id']}/checks")
    opened = coordinator.post(f"/api/projects/{made['id']}/consultation").json()
    return made["id"], {request["department"]: request["id"] for request in opened["requests"]}


def test_a_department_receives_studies_reviews_and_signs_on_its_pages(office: Office, page: Page) -> None:
    server, (_, numbers) = office.server, opened_requests(office)
    with office.session() as session, seeing(KEEPER), session.begin():
        sections.add_section(
            session, "slj", "河湖科", city=office.city, actor=OPERATOR, now=server.edge.now()
        )
    office.hire("yuan", Role.REVIEWER, department="slj", section="河湖科")
    office.hire("ke", Role.SECTION_HEAD, department="slj", section="河湖科")
    office.hire("ju", Role.DIRECTOR, department="slj")
    opinion = f"/opinion?id={numbers['slj']}"

    sign_in(page, server, "ju")
    go(page, server, "/inbox")
    assert "未指定" in page.inner_text("#responsible")
    page.click("button:has-text('登记请假或委托')")
    assert "Ke · 河湖科 · 科长" in page.inner_text("#dialog-deputy"), "people are chosen by name"
    page.click("dialog button:has-text('取消')")
    press(page, "指定责任科室")
    assert "河湖科" in page.inner_text("#responsible")

    sign_in(page, server, "yuan")
    go(page, server, "/inbox")
    assert "待接收" in page.inner_text("#open") and "河湖科" in page.inner_text("#open")
    picture(page, "inbox-in-steps")
    go(page, server, opinion)
    assert page.is_hidden("#answer-card") and page.is_visible("#handling-card")
    press(page, "接收")
    assert not page.is_visible("#submit-row")
    page.click("button:has-text('交办')")
    assert page.inner_text("#dialog-officer").split("\n") == [
        "Ju · 分管领导",
        "Shui · 审查员",
        "Ke · 河湖科 · 科长",
        "Yuan · 河湖科 · 审查员",
    ]
    page.click("dialog button:has-text('取消')")
    page.select_option("#kind", "agree_with_conditions")
    page.fill("#conditions", "避开汛期")
    picture(page, "opinion-in-study")
    press(page, "送审")
    assert "待审核" in page.inner_text("#handling-standing")

    sign_in(page, server, "ke")
    go(page, server, opinion)
    assert page.input_value("#conditions") == "避开汛期"
    press(page, "退回", reason="请写明时段")
    sign_in(page, server, "yuan")
    go(page, server, opinion)
    page.fill("#conditions", "避开汛期（6 月至 9 月）")
    press(page, "送审")
    sign_in(page, server, "ke")
    go(page, server, opinion)
    press(page, "审核通过")

    sign_in(page, server, "ju")
    go(page, server, opinion)
    press(page, "签发")
    assert "避开汛期（6 月至 9 月）" in page.inner_text("#given") and "Ju ju" in page.inner_text("#given")
    picture(page, "opinion-issued")
    assert "剩余" in page.inner_text("#facts")
    with Session(server.edge.engine) as session, session.begin():
        session.execute(
            text("UPDATE coordination.opinion_request SET due_on = due_on - 30, sent_on = sent_on - 30")
        )
    go(page, server, opinion)
    assert "已签发" in page.inner_text("#handling-standing") and "工作日" not in page.inner_text("#facts")
    assert [fault for fault in page.faults if "401" not in fault] == []


def test_a_disagreement_is_drawn_with_its_file_and_a_meeting_settles_it(
    office: Office, page: Page, tmp_path: Path
) -> None:
    server, (project, numbers) = office.server, opened_requests(office)
    office.hire("guan", Role.DIRECTOR, department="wlj")
    letter = tmp_path / "视廊分析.pdf"
    letter.write_bytes(b"%PDF-1.7\n1 0 obj\n")

    sign_in(page, server, "wen")
    go(page, server, f"/opinion?id={numbers['wlj']}")
    until(page, "window.blueprintMap?.getLayer('markup-line') !== undefined && window.blueprintMap.loaded()")
    page.set_input_files("#attachment", letter)
    press(page, "添加附件")
    assert "视廊分析.pdf" in page.inner_text("#attachments")
    # The officer decides: nothing is chosen, and the draft's proposal is taken by a press.
    assert page.input_value("#kind") == ""
    page.click("#answer [type=submit]")
    until(page, "document.getElementById('message').textContent.includes('请选择总体意见')")
    page.click("#all button:has-text('按初判填写')")
    assert page.input_value("#kind") == "agree"
    page.select_option("#kind", "disagree")
    page.fill("#reason", "遮挡视廊")
    page.fill("#basis", "《文物保护法》第十八条")
    page.click("#markup-acts button:has-text('画图示')")
    draw(page, (0.4, 0.4), (0.6, 0.4), (0.5, 0.6))
    until(page, "document.getElementById('markup-hint').textContent.includes('3')")
    page.click("#markup-acts button:has-text('完成')")
    picture(page, "opinion-markup")
    press(page, "提交意见")

    sign_in(page, server, "lin")
    go(page, server, f"/opinion?id={numbers['slj']}")
    press(page, "提出异议", reason="河道已改线")
    page.select_option("#source", "telephone")
    page.fill("#evidence", "2026-11-26 通话记录")
    page.select_option("#kind", "no_objection")
    press(page, "提交意见")
    assert "电话" in page.inner_text("#given") and "通话记录" in page.inner_text("#given")
    assert "异议待处理" in page.inner_text("#findings") and "首次查看" not in page.inner_text("#clock-events")
    go(page, server, f"/project?id={project}")
    assert "视廊分析.pdf" in page.inner_text("#attachments")
    page.click("button:has-text('申请协调会')")
    page.fill("#dialog-question", "高度与视廊")
    page.check("#dialog-departments input[value=slj]")
    assert page.is_checked("#dialog-departments input[value=wlj]")
    page.click("dialog button[type=submit]")
    until(page, "document.getElementById('meetings').textContent.includes('已申请')")
    page.click("#meetings button:has-text('召集')")
    page.fill("#dialog-meets_at", "2099-12-01T09:00")
    page.fill("#dialog-place", "一号会议室")
    page.click("dialog button[type=submit]")
    until(page, "document.getElementById('meetings').textContent.includes('一号会议室')")
    assert "09:00" in page.inner_text("#meetings"), "the time is the city's, whatever the browser's zone is"
    page.click("#meetings button:has-text('记录纪要')")
    page.fill("#dialog-minutes", "建筑限高十二米。")
    page.fill(f"#dialog-settles-{numbers['wlj']}", "限高十二米")
    page.click("dialog button[type=submit]")
    until(page, "document.getElementById('meetings').textContent.includes('待确认')")
    picture(page, "project-meeting")

    sign_in(page, server, "guan")
    go(page, server, f"/project?id={project}")
    press(page, "确认", reason="同意按限高实施")
    assert "已确认" in page.inner_text("#meetings")
    with seeing(KEEPER), office.session() as session:
        opinion = session.scalars(select(Opinion).where(Opinion.request_id == numbers["wlj"])).one()
        assert opinion.settled_at is not None and opinion.markup is not None
        assert to_shape(opinion.markup).geom_type == "Polygon"
    assert [fault for fault in page.faults if "401" not in fault] == []


def test_a_district_asks_the_city_for_guidance_on_the_page_and_reads_the_answer_there(
    office: Office, page: Page
) -> None:
    server, (project, _) = office.server, opened_requests(office, district="210381")
    office.hire("hai", Role.REVIEWER, department="slj-hc")
    office.hire("zhang", Role.DIRECTOR, department="slj")

    sign_in(page, server, "hai")
    go(page, server, f"/project?id={project}")
    page.click("#ask-guidance button")
    page.select_option("#dialog-asked_of", "slj")
    page.fill("#dialog-question", "堤防等级如何认定")
    page.click("dialog button[type=submit]")
    until(page, "document.getElementById('guidance').textContent.includes('待答复')")

    sign_in(page, server, "zhang")
    go(page, server, f"/project?id={project}")
    page.click("#guidance button:has-text('答复')")
    page.fill("#dialog-answer", "按三级堤防")
    page.click("dialog button[type=submit]")
    until(page, "document.getElementById('guidance').textContent.includes('按三级堤防')")
    picture(page, "project-guidance")
    shown = office.sign_in("hai").get(f"/api/projects/{project}/guidance").json()["items"]
    assert [(each["department"], each["answer"]) for each in shown] == [("slj-hc", "按三级堤防")]
    assert [fault for fault in page.faults if "401" not in fault] == []


def test_a_request_shows_on_the_map_what_its_department_is_asked_about_and_nothing_else(
    office: Office,
) -> None:
    _, numbers = opened_requests(office)

    own = office.sign_in("shui").get(f"/api/opinion-requests/{numbers['slj']}/map")
    others = office.sign_in("wen").get(f"/api/opinion-requests/{numbers['slj']}/map")
    plain = office.sign_in("fa").get(f"/api/opinion-requests/{numbers['fgw']}/map")

    shown = [(f["properties"]["kind"], f["properties"].get("layer")) for f in own.json()["features"]]
    assert shown == [("footprint", None), ("finding", "river")]
    assert own.json()["features"][1]["properties"]["number"] == 1
    assert others.status_code == 404
    assert [f["properties"]["kind"] for f in plain.json()["features"]] == ["footprint"]


def test_an_update_is_followed_up_by_a_job_that_can_be_cancelled_and_is_gone_on_with(
    office: Office, page: Page
) -> None:
    edge, (project, _), coordinator = office.server.edge, opened_requests(office), office.sign_in("lin")
    worker = Worker(edge, KINDS)

    def put_in() -> int | None:
        with office.session() as session, seeing(KEEPER), session.begin():
            job = put_in_recheck(session, actor=at_console("system"), now=edge.now())
            return job.id if job is not None else None

    while put_in() is not None:
        worker.run_one()
    with office.session() as session, seeing(KEEPER), session.begin():
        install_layer(session, office.city, "heritage", (400, 500), starts_on=edge.now().date())
    first = put_in()
    assert first is not None and put_in() is None
    assert coordinator.post("/api/rechecks").status_code == 409
    assert coordinator.post(f"/api/jobs/{first}/cancel").status_code == 200
    worker.run_one()
    assert coordinator.get(f"/api/jobs/{first}").json()["state"] == "cancelled"
    assert put_in() is None, "what was cancelled is not begun again by itself"

    again = coordinator.post("/api/rechecks")
    assert again.status_code == 202, again.text
    assert worker.run_one()

    done = coordinator.get(f"/api/jobs/{again.json()['id']}").json()
    assert (done["state"], done["result"]["projects"] > 0) == ("done", True)
    *_, found = coordinator.get(f"/api/rechecks?project_id={project}").json()["items"]
    assert (found["layer"], found["released"], found["act"]) == ("heritage", ["wlj"], "in_force")
    sign_in(page, office.server, "lin")
    page.goto(f"{office.server.url}/project?id={project}")
    until(page, "document.querySelectorAll('#rechecks tbody tr').length > 0")
    told = page.inner_text("#rechecks tbody tr >> nth=1")
    assert "消失 gone" in told and "m² → —" in told, told
    picture(page, "rechecked")
