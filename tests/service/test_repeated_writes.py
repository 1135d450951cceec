"""Writes that are sent twice, and two people who change the same thing; over HTTP, on a database of the test's own."""

import asyncio
import secrets
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from fastapi import APIRouter, FastAPI
from sqlalchemy import text
from sqlalchemy.orm import Session

from blueprint.city import City
from blueprint.idempotency import WRITING, IdempotentRoute, KeptAnswer, forget_old_answers
from blueprint.tokens import issue_token, revoke_tokens
from service.problems import add_problem_handlers
from service.push import push_due
from service.settings import Settings
from tests import badfiles
from tests.conftest import TestServer
from tests.coordination.world import install_layers, square, world_city
from tests.service.conftest import Server, serving

SCHOOL = {
    "name": "示例小学", "applicant": "鞍山市教育局", "purpose": "新建小学一所", "crs": "EPSG:4550",
    "footprint": square(220, 320, 20, 80),
}  # fmt: skip


@pytest.fixture(scope="module")
def place(server: Any, template: str, city: City) -> Iterator[Server]:
    """The small world of coordination, served."""
    world = world_city(city)
    database = f"{template.partition('_template_')[0]}_repeated_{secrets.token_hex(6)}"
    try:
        with serving(server.create(database, template=template), world, Settings()) as running:
            with Session(running.edge.engine) as session, session.begin():
                install_layers(session, world)
            yield running
    finally:
        server.drop(database)


def _key() -> dict[str, str]:
    return {"Idempotency-Key": secrets.token_hex(16)}


def _projects(place: Server) -> int:
    with Session(place.edge.engine) as connection:
        return connection.scalar(text("SELECT count(*) FROM coordination.project")) or 0


def _register(place: Server, headers: dict[str, str] | None = None, **changes: Any) -> httpx.Response:
    return place.client("zrzy").post("/api/projects", json=SCHOOL | changes, headers=headers)


def _consulted(place: Server) -> int:
    """A project whose departments were asked; its id."""
    project = _register(place).json()["id"]
    client = place.client("zrzy")
    for step in ("checks", "consultation"):
        assert client.post(f"/api/projects/{project}/{step}").status_code == 201
    return int(project)


def _request_of(place: Server, project: int, department: str) -> str:
    asked = place.client(department).get("/api/opinion-requests?limit=200").json()["items"]
    return next(f"/api/opinion-requests/{item['id']}" for item in asked if item["project_id"] == project)


def test_the_same_key_again_gets_the_same_answer_and_does_nothing(place: Server):
    before, key = _projects(place), _key()

    first, second = _register(place, key), _register(place, key)

    assert first.status_code == second.status_code == 201
    assert "idempotency-replayed" not in first.headers
    assert second.headers["idempotency-replayed"] == "true"
    assert second.content == first.content
    assert second.headers["etag"] == first.headers["etag"]
    assert second.headers["content-type"] == first.headers["content-type"]
    assert second.headers["x-request-id"] != first.headers["x-request-id"]
    assert _projects(place) == before + 1


def test_a_key_belongs_to_one_caller_one_route_and_one_content(place: Server):
    key = _key()
    project = _register(place, key).json()["id"]

    other = _register(place, key, name="另一所小学")
    assert other.status_code == 422 and "Idempotency-Key" in other.json()["detail"]
    by_query = place.client("zrzy").post("/api/projects?x=1", json=SCHOOL, headers=key)
    assert by_query.status_code == 422
    assert place.client("zrzy").post(f"/api/projects/{project}/checks", headers=key).status_code == 201
    assert place.client("slj").post("/api/projects", json=SCHOOL, headers=key).status_code == 403


def test_twenty_at_once_make_one_project(place: Server):
    before, key = _projects(place), _key()

    with ThreadPoolExecutor(20) as threads:
        answers = list(threads.map(lambda _: _register(place, key), range(20)))

    statuses = {answer.status_code for answer in answers}
    assert 201 in statuses and statuses <= {201, 409}
    assert len({answer.json()["id"] for answer in answers if answer.status_code == 201}) == 1
    for answer in answers:
        if answer.status_code == 409:
            assert "still being done" in answer.json()["detail"]
    assert _projects(place) == before + 1
    assert _register(place, key).headers["idempotency-replayed"] == "true"


def test_what_was_refused_was_not_done_and_its_key_is_free(place: Server):
    before, key = _projects(place), _key()

    assert _register(place, key, name="").status_code == 422
    assert _register(place, key, name=" ").status_code == 422
    assert _register(place, key).status_code == 201
    assert _projects(place) == before + 1


def test_an_act_whose_answer_cannot_be_kept_is_not_done_either(place: Server, server: TestServer):
    before, key = _projects(place), _key()
    database = str(place.edge.engine.url.database)

    with server.administer(database) as connection:
        connection.exec_driver_sql(
            "ALTER TABLE blueprint.kept_answer ADD CONSTRAINT ck_no CHECK (status <> 201) NOT VALID"
        )
    try:
        assert _register(place, key).status_code == 500
    finally:
        with server.administer(database) as connection:
            connection.exec_driver_sql("ALTER TABLE blueprint.kept_answer DROP CONSTRAINT ck_no")

    assert _projects(place) == before
    assert _register(place, key).status_code == 201


def test_a_form_sent_again_is_the_same_although_its_boundary_is_another(place: Server):
    key, client = _key(), place.client("zrzy")
    wgs84 = {"crs": "EPSG:4490"}

    def upload(content: bytes) -> httpx.Response:
        return client.post(
            "/api/layers/farmland/versions", files={"file": ("a.geojson", content)}, data=wgs84, headers=key
        )

    first, again = upload(badfiles.good()), upload(badfiles.good())
    assert first.status_code == 201, first.text
    assert (
        again.headers["idempotency-replayed"] == "true" and again.json()["number"] == first.json()["number"]
    )
    assert upload(badfiles.good().replace(b"B1", b"B2")).status_code == 422


def test_a_revoked_token_gets_no_kept_answer(place: Server):
    key, now = _key(), place.edge.now()
    with Session(place.edge.engine) as session, session.begin():
        token = issue_token(session, department=None, city=place.edge.city, now=now, is_service=True)
    client = httpx.Client(base_url=place.url, headers={"Authorization": f"Bearer {token}", **key})
    asked = {"params": {"crs": "EPSG:4550"}, "json": SCHOOL["footprint"]}
    assert client.post("/api/checks", **asked).status_code == 200
    assert client.post("/api/checks", **asked).headers["idempotency-replayed"] == "true"
    with Session(place.edge.engine) as session, session.begin():
        revoke_tokens(session, department=None, now=now)

    again = client.post("/api/checks", **asked)

    assert again.status_code == 401 and token not in again.text


def test_nothing_of_who_and_which_key_is_kept_and_all_of_it_goes_after_a_day(place: Server):
    key = _key()
    assert _register(place, key).status_code == 201
    with Session(place.edge.engine) as session, session.begin():
        kept = session.query(KeptAnswer).all()
        rows = " ".join(str(vars(row)) for row in kept)
        assert key["Idempotency-Key"] not in rows and place.tokens["zrzy"] not in rows
        assert forget_old_answers(session, now=datetime.now(UTC) + timedelta(hours=23)) == 0
        assert forget_old_answers(session, now=datetime.now(UTC) + timedelta(hours=25)) == len(kept) > 0
    assert "idempotency-replayed" not in _register(place, key).headers


def test_a_key_of_yesterday_is_a_new_one(place: Server):
    key = _key()
    first = _register(place, key).json()["id"]
    with place.edge.engine.begin() as connection:
        connection.execute(text("UPDATE blueprint.kept_answer SET made_at = made_at - interval '25 hours'"))

    assert _register(place, key).json()["id"] != first


def test_a_malformed_key_is_refused(place: Server):
    for key in ("", "x" * 256, "with space"):
        assert _register(place, {"Idempotency-Key": key}).status_code == 422


def test_every_write_of_the_api_takes_a_key(place: Server):
    document = httpx.get(f"{place.url}/api/openapi.json", timeout=60).json()
    without = [
        f"{method} {path}"
        for path, operations in document["paths"].items()
        for method, operation in operations.items()
        if method.upper() in WRITING
        and not any(parameter["name"] == "Idempotency-Key" for parameter in operation.get("parameters", ()))
    ]

    assert set(without) <= {
        "post /api/session",
        "post /api/session/code",
        "delete /api/session",
        "post /api/approval/progress",
        "post /api/approval/progress/voucher",
    }


def test_the_second_of_two_opinions_on_one_reading_is_refused_and_nothing_is_lost(place: Server):
    address = _request_of(place, _consulted(place), "slj")
    one, two = place.client("slj"), place.client("slj")
    read_by_one, read_by_two = one.get(address), two.get(address)
    assert read_by_one.headers["etag"] == read_by_two.headers["etag"]

    given = one.put(
        f"{address}/opinion", json={"kind": "agree"}, headers={"If-Match": read_by_one.headers["etag"]}
    )
    late = two.put(
        f"{address}/opinion",
        json={"kind": "disagree", "reason": "在河道管理范围内"},
        headers={"If-Match": read_by_two.headers["etag"]},
    )

    assert given.status_code == 200
    assert late.status_code == 412 and "read it again" in late.json()["detail"]
    now = two.get(address)
    assert now.json()["opinion"]["kind"] == "agree"
    assert now.headers["etag"] == given.headers["etag"] != read_by_two.headers["etag"]


def test_two_opinions_at_the_same_moment_leave_one_standing(place: Server):
    address = _request_of(place, _consulted(place), "wlj")
    tag = place.client("wlj").get(address).headers["etag"]

    def answer(number: int) -> httpx.Response:
        opinion = {"kind": "agree", "remark": f"第{number}位"}
        return place.client("wlj").put(f"{address}/opinion", json=opinion, headers={"If-Match": tag})

    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(answer, range(8)))

    assert sorted(a.status_code for a in answers) == [200] + [412] * 7
    winner = next(a for a in answers if a.status_code == 200).json()["opinion"]["remark"]
    assert place.client("wlj").get(address).json()["opinion"]["remark"] == winner


def test_a_project_that_moved_on_is_not_changed_on_an_old_reading(place: Server):
    project = _consulted(place)
    client, address = place.client("zrzy"), f"/api/projects/{project}"
    old = client.get(address).headers["etag"]
    request = _request_of(place, project, "slj")
    assert place.client("slj").put(f"{request}/opinion", json={"kind": "agree"}).status_code == 200

    held = {"If-Match": old}
    footprint = {"footprint": square(220, 310, 20, 80), "crs": "EPSG:4550"}
    assert client.put(f"{address}/footprint", json=footprint, headers=held).status_code == 412
    for step in ("checks", "consultation", "clearance"):
        assert client.post(f"{address}/{step}", headers=held).status_code == 412
    fresh = {"If-Match": client.get(address).headers["etag"]}
    assert client.put(f"{address}/footprint", json=footprint, headers=fresh).status_code == 200
    assert client.put(f"{address}/footprint", json=footprint, headers=fresh).status_code == 412


def test_a_tag_tells_a_reader_of_nothing_he_may_not_see(place: Server):
    project = _consulted(place)
    address = f"/api/projects/{project}"
    before = {who: place.client(who).get(address).headers["etag"] for who in ("zrzy", "tjj")}
    request = _request_of(place, project, "slj")
    assert place.client("slj").put(f"{request}/opinion", json={"kind": "agree"}).status_code == 200

    after = {who: place.client(who).get(address).headers["etag"] for who in ("zrzy", "tjj")}

    assert after["zrzy"] != before["zrzy"]
    assert after["tjj"] == before["tjj"]


def test_a_layers_definition_is_not_overwritten_on_an_old_reading(place: Server):
    client = place.client("zrzy")
    definition = {
        "code": "PLAN",
        "title": "规划",
        "department": "zrzy",
        "geometry": "polygon",
        "control": "advise",
    }
    assert client.post("/api/layers", json=definition, headers={"If-Match": '"x"'}).status_code == 412
    first = client.post("/api/layers", json=definition)
    assert client.get("/api/layers/PLAN").headers["etag"] == first.headers["etag"]

    held = {"If-Match": first.headers["etag"]}
    changed = client.post("/api/layers", json=definition | {"label_field": "MC"}, headers=held)
    assert changed.status_code == 201 and changed.headers["etag"] != first.headers["etag"]
    assert client.post("/api/layers", json=definition | {"title": "甲"}, headers=held).status_code == 412
    assert client.get("/api/layers/PLAN").json()["label_field"] == "MC"


def test_a_version_and_a_case_are_held_to_what_was_read(place: Server):
    client = place.client("zrzy")
    address = "/api/layers/census/versions/1"
    old = {"If-Match": client.get(address).headers["etag"]}
    assert client.post(f"{address}/withdrawal", headers=old).status_code == 200
    assert client.post(f"{address}/withdrawal", headers=old).status_code == 412
    assert client.post(f"{address}/in-force", json={}, headers=old).status_code == 412


def test_a_weak_tag_matches_nothing_and_a_star_anything(place: Server):
    project = _register(place)
    client, address = place.client("zrzy"), f"/api/projects/{project.json()['id']}/checks"

    assert client.post(address, headers={"If-Match": "W/" + project.headers["etag"]}).status_code == 412
    assert client.post(address, headers={"If-Match": '"x", ' + project.headers["etag"]}).status_code == 201
    assert client.post(address, headers={"If-Match": "*"}).status_code == 201


def test_a_case_is_held_to_what_was_read(place: Server):
    project = _consulted(place)
    coordinator = place.client("zrzy")
    for asked in coordinator.get(f"/api/projects/{project}").json()["consultation"]["requests"]:
        client = place.client(asked["department"])
        opinion = client.put(f"/api/opinion-requests/{asked['id']}/opinion", json={"kind": "agree"})
        assert opinion.status_code == 200, opinion.text
    cleared = coordinator.post(f"/api/projects/{project}/clearance")
    assert cleared.status_code == 201, cleared.text
    push_due(place.edge.engine, now=place.edge.now(), approval_url=None, secret=None)
    approvals, address = (
        place.client("spj"),
        f"/api/approval/cases/{cleared.json()['planning_number']}",
    )

    old = {"If-Match": approvals.get(address).headers["etag"]}
    code = {"project_code": "2606-210302-04-01-123456"}
    bound = approvals.put(f"{address}/project-code", json=code, headers=old)
    assert bound.status_code == 200, bound.text
    prepared = approvals.put(f"{address}/process", json={"project_type": "SOC_SMALL"}, headers=old)
    assert prepared.status_code == 412
    tag = {"If-Match": bound.headers["etag"]}
    prepared = approvals.put(f"{address}/process", json={"project_type": "SOC_SMALL"}, headers=tag)
    assert prepared.status_code == 200, prepared.text
    accept = f"{address}/stages/land_use_planning/accept"
    assert approvals.post(accept, headers=old).status_code == 412
    assert approvals.post(accept, headers={"If-Match": prepared.headers["etag"]}).status_code == 200
    assert approvals.post(accept.replace("accept", "conclude"), headers=old).status_code == 412


def test_an_answer_with_a_secret_is_not_kept_and_the_act_not_repeated(place: Server):
    done: list[int] = []
    router = APIRouter(route_class=IdempotentRoute)

    @router.post("/api/made")
    def make() -> dict[str, object]:
        done.append(1)
        return {"id": 1, "given": [{"token": "ob_shown-once"}]}

    app = FastAPI()
    app.state.edge = place.edge
    add_problem_handlers(app)
    app.include_router(router)
    headers = {"Authorization": f"Bearer {place.tokens['zrzy']}", **_key()}

    async def twice() -> list[httpx.Response]:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            return [await client.post("/api/made", headers=headers) for _ in range(2)]

    first, second = asyncio.run(twice())

    assert first.status_code == 200 and first.json()["given"]
    assert second.status_code == 409 and "shown once" in second.json()["detail"]
    assert len(done) == 1
    with Session(place.edge.engine) as session:
        assert not any(b"shown-once" in (row.body or b"") for row in session.query(KeptAnswer))
