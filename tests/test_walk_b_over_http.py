"""Walk B over HTTP: from a footprint to a concluded approval case, through a real server with a clock that is set."""

import json
import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

import httpx
import pytest
import uvicorn
from sqlalchemy import select
from sqlalchemy.orm import Session

from blueprint.city import City
from blueprint.database import make_engine
from blueprint.edge import Edge
from blueprint.tokens import issue_token
from coordination.handover import SIGNATURE_HEADER, sign
from coordination.handover_models import Handover
from service.app import create_app
from service.push import push_due
from service.settings import Settings
from tests.conftest import OBJECTS
from tests.coordination.world import NOW, SCRATCH, install_layer, install_layers, square, world_city

SECRET = "a secret that both systems share"
CODE = "2511-210300-04-01-669303"
STAGES = ("land_use_planning", "project_permit", "construction_permit", "completion_acceptance")


@dataclass
class Clock:
    """A clock that stands where it was set."""

    now: datetime = NOW

    def __call__(self) -> datetime:
        return self.now


@dataclass
class Place:
    """A running service: its address, its clock, a token per department."""

    url: str
    clock: Clock
    edge: Edge
    city: City
    tokens: dict[str, str] = field(default_factory=dict)

    def call(self, method: str, path: str, who: str | None, *, expect: int, **content: Any) -> Any:
        """Ask as a department; the status is held to what is expected, errors to problem documents."""
        headers = {"Authorization": f"Bearer {self.tokens[who]}"} if who else {}
        answer = httpx.request(
            method, f"{self.url}{path}", headers=headers | content.pop("headers", {}), **content
        )
        assert answer.status_code == expect, answer.text
        if expect >= 400:
            assert answer.headers["content-type"] == "application/problem+json"
        return answer.json()

    def days_pass(self, days: int) -> None:
        """Set the clock forward."""
        self.clock.now += timedelta(days=days)


@contextmanager
def _serving(database_url: str, city: City, *, with_layers: bool) -> Iterator[Place]:
    """A real server on a database, with a token for every department and one for the interface."""
    world = world_city(city)
    engine = make_engine(database_url, objects=OBJECTS)
    clock = Clock()
    edge = Edge(engine=engine, city=world, clock=clock, base_url="http://127.0.0.1", scratch=SCRATCH)
    with Session(engine) as session, session.begin():
        if with_layers:
            install_layers(session, world)
        tokens = {
            d.code: issue_token(session, department=d.code, city=world, now=NOW, days=366)
            for d in world.departments
        }
        tokens["interface"] = issue_token(
            session, department=None, city=world, now=NOW, days=366, is_service=True
        )
    app = create_app(edge, Settings(handover_secret=SECRET))
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=0, log_level="warning"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    deadline = time.monotonic() + 20
    while not server.started:
        assert time.monotonic() < deadline, "the server did not start"
        time.sleep(0.02)
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        yield Place(f"http://127.0.0.1:{port}", clock, edge, world, tokens)
    finally:
        server.should_exit = True
        thread.join(timeout=20)
        engine.dispose()


@pytest.fixture
def place(fresh_database: str, city: City) -> Iterator[Place]:
    """A server on a database of its own, with the layers of the small world."""
    with _serving(fresh_database, city, with_layers=True) as place:
        yield place


@pytest.fixture(scope="module")
def bare_place(server: Any, template: str, city: City) -> Iterator[Place]:
    """A server without layers or projects, for what never gets as far as them."""
    database = f"{template.partition('_template_')[0]}_bare_{secrets.token_hex(6)}"
    try:
        with _serving(server.create(database, template=template), city, with_layers=False) as place:
            yield place
    finally:
        server.drop(database)


def school(west: float = 220, east: float = 320, **changes: Any) -> dict[str, Any]:
    values = {"name": "示例小学", "applicant": "鞍山市教育局", "purpose": "新建小学一所", "crs": "EPSG:4550"}
    return values | {"footprint": square(west, east, 20, 80)} | changes


def approve(place: Place, item: str) -> None:
    """Take an item of the bureau from the window to its result, what is lacking promised (容缺受理)."""

    def step(step: str, **more: Any) -> Any:
        return place.call("POST", f"{item}/steps", "spj", expect=200, json={"step": step} | more)

    lacking = [need["codes"][-1] for need in step("submit")["needs"] if need["state"] == "missing"]
    step("accept", promised=[{"material": code, "due_on": "2027-01-31"} for code in lacking])
    step("begin")
    step("approve", result={"number": f"{item}号", "title": "批复", "signed_by": "局长"})


def requests_of(place: Place, project_id: int) -> dict[str, dict[str, Any]]:
    shown = place.call("GET", f"/api/projects/{project_id}", "zrzy", expect=200)
    return {request["department"]: request for request in shown["consultation"]["requests"]}


def test_a_project_goes_the_whole_way_from_footprint_to_concluded_case(place: Place) -> None:
    # Registered, with a planning number and no project code.
    project = place.call("POST", "/api/projects", "zrzy", expect=201, json=school())
    number, path = project["planning_number"], f"/api/projects/{project['id']}"
    assert (number, project["status"], project["footprint"]["revision"]) == (
        "CH-210300-2026-000001",
        "preparing",
        1,
    )
    place.call("POST", f"{path}/consultation", "zrzy", expect=409)

    # Checked: the river restricts, the heritage zone advises.
    check = place.call("POST", f"{path}/checks", "zrzy", expect=201)
    assert (check["verdict"], check["on"]) == ("restrict", "2026-11-23")

    # Departments asked: those touched, and the one always asked; five working days.
    place.call("POST", f"{path}/consultation", "zrzy", expect=201)
    place.call("POST", f"{path}/consultation", "zrzy", expect=409)
    requests = requests_of(place, project["id"])
    assert sorted(requests) == ["fgw", "slj", "wlj"]
    assert {(r["due_on"], r["state"], r["working_days_left"]) for r in requests.values()} == {
        ("2026-11-30", "awaited", 5)
    }
    place.call("POST", f"{path}/clearance", "zrzy", expect=409)

    # A department sees and answers its own request alone.
    own = place.call("GET", "/api/opinion-requests", "slj", expect=200)
    assert [item["id"] for item in own["items"]] == [requests["slj"]["id"]]
    assert place.call("GET", "/api/opinion-requests?department=wlj", "slj", expect=200)["items"] == []
    water, heritage = (f"/api/opinion-requests/{requests[d]['id']}" for d in ("slj", "wlj"))
    draft = place.call("GET", water, "slj", expect=200)["draft"]
    assert "河道管理范围" in draft
    place.call("GET", water, "wlj", expect=404)
    conditions = {"kind": "agree_with_conditions", "conditions": "办理涉河建设方案许可"}
    place.call("PUT", f"{water}/opinion", "wlj", expect=404, json=conditions)
    place.call("PUT", f"{water}/opinion", "zrzy", expect=403, json=conditions)
    place.call("PUT", f"{water}/opinion", "slj", expect=422, json={"kind": "agree_with_conditions"})
    place.call("PUT", f"{water}/opinion", "slj", expect=422, json={"kind": "deemed_no_objection"})
    answered = place.call("PUT", f"{water}/opinion", "slj", expect=200, json=conditions)
    assert (answered["state"], answered["opinion"]["given_on"]) == ("given", "2026-11-23")
    place.call("PUT", f"{water}/opinion", "slj", expect=409, json={"kind": "agree"})

    # The heritage department stays silent: on the due day in time, the day after withdrawn, a late answer refused.
    place.days_pass(7)
    assert place.call("GET", heritage, "wlj", expect=200)["state"] == "awaited"
    place.days_pass(1)
    silent = place.call("GET", heritage, "wlj", expect=200)
    assert (silent["state"], silent["withdrawn_on"]) == ("deemed_no_objection", "2026-12-01")
    place.call("PUT", f"{heritage}/opinion", "wlj", expect=409, json={"kind": "agree"})

    # The blueprint changed far away from the site: checked again before it is cleared.
    with Session(place.edge.engine) as session, session.begin():
        install_layer(session, place.city, "farmland", (0, 90), starts_on=date(2026, 12, 1))
    changed = place.call("POST", f"{path}/clearance", "zrzy", expect=409)
    assert "check again" in changed["detail"]
    place.call("POST", f"{path}/checks", "zrzy", expect=201)
    place.call("POST", f"{path}/clearance", "slj", expect=403)
    cleared = place.call("POST", f"{path}/clearance", "zrzy", expect=201)
    place.call("POST", f"{path}/clearance", "zrzy", expect=409)
    place.call(
        "PUT",
        f"{path}/footprint",
        "zrzy",
        expect=409,
        json={"footprint": square(500, 550), "crs": "EPSG:4550"},
    )

    # Pushed over HTTP, and by the interface once more: one case.
    handover = cleared["handover"]
    assert (handover["attempts"], handover["delivered_at"]) == (0, None)
    place.call("GET", f"/api/approval/cases/{number}", "spj", expect=404)
    pushed = push_due(place.edge.engine, now=place.edge.now(), approval_url=place.url, secret=SECRET)
    assert pushed == 1
    assert place.call("GET", path, "zrzy", expect=200)["status"] == "handed_over"
    counts = place.call("GET", "/api/board", "zrzy", expect=200)["counts"]
    assert (counts["cleared"], counts["handed_over"]) == (0, 1)
    with Session(place.edge.engine) as session:
        body = session.scalars(select(Handover.body)).one().encode()
    receipt = place.call("POST", "/api/approval/intake", "interface", expect=200, content=body)
    assert receipt["message_sha256"] == handover["sha256"]
    altered = json.loads(body) | {"city_name": "别的市"}
    place.call("POST", "/api/approval/intake", "interface", expect=409, json=altered)
    cases = place.call("GET", "/api/approval/cases", "spj", expect=200)["items"]
    assert [(case["number"], case["project_code"]) for case in cases] == [(number, None)]

    # No stage without the project code; then four stages in order.
    case_path = f"/api/approval/cases/{number}"
    place.call("POST", f"{case_path}/stages/{STAGES[0]}/accept", "spj", expect=409)
    place.call("PUT", f"{case_path}/project-code", "spj", expect=422, json={"project_code": number})
    place.call("PUT", f"{case_path}/project-code", "slj", expect=403, json={"project_code": CODE})
    bound = place.call("PUT", f"{case_path}/project-code", "spj", expect=200, json={"project_code": CODE})
    assert (bound["number"], bound["project_code_warning"]) == (CODE, None)
    case_path = f"/api/approval/cases/{CODE}"
    unprepared = place.call("POST", f"{case_path}/stages/{STAGES[0]}/accept", "spj", expect=409)
    assert "say its project type first" in unprepared["detail"]
    process = {"project_type": "SOC_SMALL"}
    place.call("PUT", f"{case_path}/process", "spj", expect=200, json=process)
    (owed,) = place.call("GET", f"{case_path}/obligations", "spj", expect=200)["items"]
    for met in ({"item_code": "A103"}, {"how": "已写入备案证"}):
        place.call("PUT", f"{case_path}/obligations/{owed['id']}", "spj", expect=200, json=met)
    for place_in_order, stage in enumerate(STAGES):
        for later in STAGES[place_in_order + 1 :]:
            place.call("POST", f"{case_path}/stages/{later}/accept", "spj", expect=409)
        place.call("POST", f"{case_path}/stages/{stage}/conclude", "spj", expect=409)
        place.call("POST", f"{case_path}/stages/{stage}/accept", "spj", expect=200)
        place.days_pass(10)
        place.call("POST", f"{case_path}/stages/{stage}/conclude", "spj", expect=409)
        for item in place.call("GET", f"{case_path}/items", "spj", expect=200)["items"]:
            if item["stage"] == stage:
                approve(place, f"{case_path}/items/{item['code']}")
        place.call("POST", f"{case_path}/stages/{stage}/conclude", "spj", expect=200)
        place.call("POST", f"{case_path}/stages/{stage}/accept", "spj", expect=409)
    case = place.call("GET", case_path, "spj", expect=200)
    assert case["current_stage"] is None
    assert [(s["title"], s["accepted_on"], s["concluded_on"]) for s in case["stages"]] == [
        ("立项用地规划许可", "2026-12-01", "2026-12-11"),
        ("工程建设许可", "2026-12-11", "2026-12-21"),
        ("施工许可", "2026-12-21", "2026-12-31"),
        ("竣工验收", "2026-12-31", "2027-01-10"),
    ]
    assert {o["department"]: o["kind"] for o in case["handover"]["opinions"]} == {
        "fgw": "deemed_no_objection",
        "slj": "agree_with_conditions",
        "wlj": "deemed_no_objection",
    }


def test_a_project_outside_the_scope_is_checked_and_goes_no_further(place: Place) -> None:
    without_reason = school(in_scope=False)
    place.call("POST", "/api/projects", "zrzy", expect=422, json=without_reason)

    project = place.call(
        "POST", "/api/projects", "zrzy", expect=201, json=school(in_scope=False, scope_reason="报国家审批")
    )

    path = f"/api/projects/{project['id']}"
    place.call("POST", f"{path}/checks", "zrzy", expect=201)
    assert "Art. 5" in place.call("POST", f"{path}/consultation", "zrzy", expect=409)["detail"]
    place.call("POST", f"{path}/clearance", "zrzy", expect=409)


def test_a_changed_footprint_opens_a_round_of_its_own(place: Place) -> None:
    project = place.call("POST", "/api/projects", "zrzy", expect=201, json=school())
    path = f"/api/projects/{project['id']}"
    place.call("POST", f"{path}/checks", "zrzy", expect=201)
    place.call("POST", f"{path}/consultation", "zrzy", expect=201)
    first = requests_of(place, project["id"])["slj"]["id"]

    revised = place.call(
        "PUT",
        f"{path}/footprint",
        "zrzy",
        expect=200,
        json={"footprint": square(400, 450), "crs": "EPSG:4550"},
    )

    assert revised["revision"] == 2
    assert place.call("GET", f"/api/opinion-requests/{first}", "slj", expect=200)["state"] == "withdrawn"
    place.call("PUT", f"/api/opinion-requests/{first}/opinion", "slj", expect=409, json={"kind": "agree"})
    shown = place.call("GET", path, "zrzy", expect=200)
    assert (shown["check"], shown["consultation"]) == (None, None)
    place.call("POST", f"{path}/checks", "zrzy", expect=201)
    place.call("POST", f"{path}/consultation", "zrzy", expect=201)
    assert list(requests_of(place, project["id"])) == ["fgw"]


def test_a_coordinators_day_over_http(place: Place) -> None:
    # Registered with its particulars; a wrong credit code and an unknown district are refused.
    particulars = {"applicant_code": "9144030071526726XG", "investment_10k_cny": 1250.5, "district": "210302"}
    for wrong in ({"applicant_code": "9144030071526726X1"}, {"district": "1"}, {"project_type": "castle"}):
        place.call("POST", "/api/projects", "zrzy", expect=422, json=school(**(particulars | wrong)))
    doubtful = school(name="鞍山高速公路服务区", **particulars)
    project = place.call("POST", "/api/projects", "zrzy", expect=201, json=doubtful)
    path = f"/api/projects/{project['id']}"
    assert project["scope_decided_by"] is None and "高速公路" in project["scope_doubts"][0]
    decided = {"in_scope": True, "reason": "服务设施，市级审批"}
    place.call("PUT", f"{path}/scope", "zrzy", expect=200, json=decided)

    # A round is proposed, then opened with one department more and one less.
    place.call("POST", f"{path}/checks", "zrzy", expect=201)
    proposal = place.call("GET", f"{path}/consultation", "zrzy", expect=200)
    assert {d["department"]: d["may_be_dropped"] for d in proposal["departments"]} == {
        "fgw": True,
        "slj": False,
        "wlj": True,
    }
    choices = {
        "add": [{"department": "tjj", "reason": "人口数据"}],
        "drop": [{"department": "fgw", "reason": "已列入计划"}],
    }
    opened = place.call("POST", f"{path}/consultation", "zrzy", expect=201, json=choices)
    ids = {r["department"]: r["id"] for r in opened["requests"]}
    assert sorted(ids) == ["slj", "tjj", "wlj"]

    # The inbox, the notice, the clock with a stop; the reader's first look is kept.
    inbox = place.call("GET", "/api/departments/slj/inbox", "slj", expect=200)
    assert [(i["request_id"], i["urgency"]) for i in inbox["items"]] == [(ids["slj"], "later")]
    (notice,) = place.call("GET", "/api/notices?unread=true", "slj", expect=200)["items"]
    place.call("POST", f"/api/notices/{notice['id']}/read", "wlj", expect=404)
    place.call("POST", f"/api/notices/{notice['id']}/read", "slj", expect=200)
    water = f"/api/opinion-requests/{ids['slj']}"
    place.call("GET", water, "slj", expect=200)
    place.call("POST", f"{water}/clock-stop", "wlj", expect=404, json={"reason": "缺材料"})
    place.call("POST", f"{water}/clock-stop", "slj", expect=200, json={"reason": "缺洪评"})
    place.days_pass(1)
    moved = place.call("POST", f"{water}/clock-restart", "zrzy", expect=200, json={"reason": "已补充"})
    assert moved["due_on"] == "2026-12-01"
    clock = place.call("GET", f"{water}/clock", "slj", expect=200)
    assert clock["first_seen_by"] and clock["days"][-1]["day"] == "2026-12-01"
    assert [d["day"] for d in clock["days"] if d["stopped"]] == ["2026-11-24"]
    assert [n["kind"] for n in clock["told"]] == ["asked", "clock_stopped", "clock_restarted"]

    # Opposed with a mark on the map, amended to a condition at a place; a letter is entered by the coordinator.
    mark = {"type": "Point", "coordinates": [122.995, 41.108]}
    opposed = {"kind": "disagree", "reason": "妨碍行洪", "would_agree_if": "缩小红线", "markup": mark}
    place.call("PUT", f"{water}/opinion", "slj", expect=200, json=opposed)
    letter = {"kind": "agree", "source": "letter", "evidence": "鞍统函〔2026〕1号"}
    place.call("PUT", f"/api/opinion-requests/{ids['tjj']}/opinion", "zrzy", expect=200, json=letter)
    against = place.call("GET", f"{path}/contradictions", "zrzy", expect=200)["items"]
    assert [(c["one"]["department"], c["other"]["department"]) for c in against] == [("tjj", "slj")]
    amended = {
        "kind": "agree_with_conditions",
        "condition_list": [{"text": "避开汛期施工", "finding": 1, "place": mark}],
        "amends": 1,
    }
    place.call("PUT", f"{water}/opinion", "slj", expect=409, json=amended | {"amends": 7})
    answered = place.call("PUT", f"{water}/opinion", "slj", expect=200, json=amended)["opinion"]
    assert (answered["number"], answered["earlier"][0]["kind"]) == (2, "disagree")
    heritage = f"/api/opinion-requests/{ids['wlj']}"
    contest = {"finding": 1, "reason": "已调出"}
    place.call("POST", f"{heritage}/contests", "zrzy", expect=200, json=contest)
    place.call("POST", f"{heritage}/contest-decisions", "wlj", expect=200, json=contest | {"upheld": False})

    # The board and the figures; laid aside and taken up again through a new round; cleared with its document.
    (row,) = place.call("GET", "/api/board", "zrzy", expect=200)["items"]
    assert (row["given"], row["awaited"]) == (2, 1)
    place.call("POST", f"{path}/steps", "zrzy", expect=422, json={"step": "shelve"})
    place.call("POST", f"{path}/steps", "zrzy", expect=200, json={"step": "shelve", "reason": "资金"})
    place.call("GET", f"{path}/generation-opinion", "zrzy", expect=409)
    place.call("POST", f"{path}/steps", "zrzy", expect=200, json={"step": "resume", "reason": "已落实"})
    again = place.call("POST", f"{path}/consultation", "zrzy", expect=201, json={"drop": choices["drop"]})
    assert [r["department"] for r in again["requests"]] == ["wlj"]
    assert sorted(r["department"] for r in again["standing"]) == ["slj", "tjj"]
    last = f"/api/opinion-requests/{again['requests'][0]['id']}/opinion"
    place.call("PUT", last, "wlj", expect=200, json={"kind": "no_objection"})
    place.call("POST", f"{path}/clearance", "zrzy", expect=201)
    headers = {"Authorization": f"Bearer {place.tokens['slj']}"}
    document = httpx.get(f"{place.url}{path}/generation-opinion?f=docx", headers=headers, timeout=120)
    assert document.status_code == 200 and document.content.startswith(b"PK")
    book = httpx.get(f"{place.url}/api/project-list.xlsx", headers=headers)
    assert book.status_code == 200 and book.content.startswith(b"PK")
    figures = place.call("GET", "/api/statistics/opinions", "zrzy", expect=200)["items"]
    assert {f["department"]: (f["asked"], f["answered"]) for f in figures} == {
        "slj": (1, 1),
        "tjj": (1, 1),
        "wlj": (2, 1),
    }
    place.call("GET", "/api/statistics/opinions", "slj", expect=403)
    acts = [e["act"] for e in place.call("GET", f"{path}/history", "slj", expect=200)["items"]]
    assert acts == [
        "register_project",
        "give_footprint",
        "decide_scope",
        "consult_departments",
        "shelve_project",
        "resume_project",
        "consult_departments",
        "clear_project",
    ]


def test_projects_and_requests_page_by_cursor(place: Place) -> None:
    for west in (220, 230, 240):
        project = place.call("POST", "/api/projects", "zrzy", expect=201, json=school(west, west + 80))
        place.call("POST", f"/api/projects/{project['id']}/checks", "zrzy", expect=201)
        place.call("POST", f"/api/projects/{project['id']}/consultation", "zrzy", expect=201)

    def walk(address: str, who: str) -> list[int]:
        seen, cursor = [], "0"
        while cursor is not None:
            page = place.call("GET", f"{address}&limit=2&cursor={cursor}", who, expect=200)
            seen += [item["id"] for item in page["items"]]
            cursor = page["next"]
        return seen

    assert len(walk("/api/projects?", "slj")) == 3
    assert len(walk("/api/opinion-requests?state=awaited", "zrzy")) == 9
    assert len(walk("/api/opinion-requests?state=awaited", "slj")) == 3
    assert walk("/api/opinion-requests?state=given", "zrzy") == []


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/api/projects"),
        ("GET", "/api/projects"),
        ("GET", "/api/projects/1"),
        ("PUT", "/api/projects/1/footprint"),
        ("POST", "/api/projects/1/checks"),
        ("POST", "/api/projects/1/consultation"),
        ("POST", "/api/projects/1/clearance"),
        ("GET", "/api/opinion-requests"),
        ("GET", "/api/opinion-requests/1"),
        ("PUT", "/api/opinion-requests/1/opinion"),
        ("POST", "/api/approval/intake"),
        ("GET", "/api/approval/cases"),
        ("GET", "/api/approval/cases/1"),
        ("PUT", "/api/approval/cases/1/project-code"),
        ("POST", "/api/approval/cases/1/stages/project_permit/accept"),
        ("POST", "/api/approval/cases/1/stages/project_permit/conclude"),
    ],
)
def test_nobody_gets_in_without_a_token(bare_place: Place, method: str, path: str) -> None:
    bodies = {
        "/api/projects": school(),
        "/api/projects/1/footprint": {"footprint": square(0, 1)},
        "/api/opinion-requests/1/opinion": {"kind": "agree"},
        "/api/approval/cases/1/project-code": {"project_code": CODE},
    }

    bare_place.call(method, path, None, expect=401, json=bodies.get(path) if method != "GET" else None)


def test_the_intake_takes_a_good_signature_or_an_interface_token_alone(bare_place: Place) -> None:
    body, now = b'{"message_id": "x"}', bare_place.edge.now()
    address = "/api/approval/intake"

    def signed(secret: str, at: datetime, content: bytes = body) -> dict[str, str]:
        return {SIGNATURE_HEADER: sign(content, secret=secret, at=at)}

    # 422: let in, and then the message is looked at.
    bare_place.call("POST", address, None, expect=422, content=body, headers=signed(SECRET, now))
    bare_place.call("POST", address, "interface", expect=422, content=body)
    for headers in (
        signed("another secret", now),
        signed(SECRET, now - timedelta(minutes=6)),
        signed(SECRET, now, b"{}"),
        {SIGNATURE_HEADER: "nonsense"},
    ):
        bare_place.call("POST", address, None, expect=401, content=body, headers=headers)
    for department in ("slj", "zrzy", "spj"):
        bare_place.call("POST", address, department, expect=403, content=body)
    bare_place.call("POST", address, "interface", expect=413, content=b" " * (5 << 20) + b"  ")


def test_text_that_cannot_be_kept_is_refused_at_the_door(bare_place: Place) -> None:
    for changes in (
        {"name": "学\x00校"},
        {"name": "校" * 201},
        {"purpose": "校" * 4001},
        {"applicant": "  "},
        {"scope_reason": "\x00"},
        {"in_scope": "perhaps"},
        {"planning_number": "CH-210300-2026-000001"},
        {"footprint": {"type": "LineString", "coordinates": [[0, 0], [1, 1]]}},
        {"footprint": {}},
        {"crs": "EPSG:1"},
    ):
        bare_place.call("POST", "/api/projects", "zrzy", expect=422, json=school(**changes))
    for kind in ("deemed_no_objection", "perhaps", "", None):
        bare_place.call("PUT", "/api/opinion-requests/1/opinion", "slj", expect=422, json={"kind": kind})
    for path in (
        "/api/approval/cases/%00",
        "/api/opinion-requests?department=%00",
        "/api/projects?cursor=-1",
        "/api/projects/0",
    ):
        bare_place.call("GET", path, "spj", expect=422)
    for path in (
        "/api/approval/cases/CH-210300-2026-999999",
        "/api/projects/2000000000",
        "/api/opinion-requests/7",
    ):
        bare_place.call("GET", path, "zrzy", expect=404)
