"""Sharing over HTTP: a restricted layer is closed, asked for, granted for a purpose and a time, withdrawn; all of it recorded."""

from datetime import timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from blueprint.city import City, DepartmentRole
from tests.made import ORIGIN, publish, square
from tests.service.conftest import Server

SITE: dict[str, Any] = {
    "type": "Polygon",
    "coordinates": [
        [[ORIGIN[0] + x, ORIGIN[1] + y] for x, y in ((0, 0), (100, 0), (100, 100), (0, 100), (0, 0))]
    ],
}


@pytest.fixture
def departments(running: Server, city: City) -> tuple[str, str, str]:
    """Owner, reader and a third; the owner keeps the restricted layer SECRET."""
    owner, reader, third = [d.code for d in city.departments if d.role is DepartmentRole.OPINION][:3]
    with Session(running.edge.engine) as session, session.begin():
        publish(session, city, "OPEN", [square(0, 0, 50)], department=third)
        publish(
            session,
            city,
            "SECRET",
            [square(0, 0, 80)],
            department=owner,
            sensitivity="restricted",
            control="prohibit",
            conditions="不得转交第三方",
        )
    return owner, reader, third


def _check(client: httpx.Client) -> dict[str, Any]:
    answer = client.post("/api/checks", params={"crs": "EPSG:4550"}, json=SITE)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def _tile(client: httpx.Client) -> int:
    return client.get("/tiles/SECRET/14/13785/6135.mvt").status_code


def _entries(server: Server, **asked: str) -> list[Any]:
    with Session(server.edge.engine) as session:
        where = " AND ".join(f"{name} = :{name}" for name in asked)
        rows = session.execute(
            text(f"SELECT * FROM blueprint.audit_entry WHERE {where} ORDER BY seq"),
            asked,
        )
        return list(rows.mappings())


def test_a_layer_is_asked_for_granted_read_with_its_purpose_and_withdrawn(
    running: Server, departments: tuple[str, str, str]
):
    owner, reader, third = departments
    mine, theirs, others = running.client(owner), running.client(reader), running.client(third)
    today = running.edge.now().date()

    assert _check(theirs)["restricted"]["conflicts"] == [{"department": owner, "size_class": "most"}]
    assert _tile(theirs) == 404
    assert theirs.get("/api/layers/SECRET").status_code == 404

    asked = theirs.post(
        "/api/access-requests",
        json={"owner": owner, "purpose": "防洪影响评价", "wanted": "未公布的埋藏区"},
    )
    assert asked.status_code == 201, asked.text
    number = asked.json()["id"]
    assert others.get(f"/api/access-grants/{number}").status_code == 404
    assert others.get("/api/access-grants").json()["items"] == []
    terms = {"layer": "SECRET", "ends_on": str(today + timedelta(days=30))}
    assert theirs.post(f"/api/access-grants/{number}/grant", json=terms).status_code == 403
    too_long = {"layer": "SECRET", "ends_on": str(today + timedelta(days=400))}
    assert mine.post(f"/api/access-grants/{number}/grant", json=too_long).status_code == 409
    not_mine = {"layer": "OPEN", "ends_on": str(today + timedelta(days=30))}
    assert mine.post(f"/api/access-grants/{number}/grant", json=not_mine).status_code == 404
    granted = mine.post(f"/api/access-grants/{number}/grant", json=terms)
    assert granted.status_code == 200, granted.text
    assert granted.json()["conditions"] == "不得转交第三方"

    report = _check(theirs)
    assert report["restricted"] == {"hidden": False, "withheld": False, "conflicts": []}
    assert "SECRET" in {finding["layer"] for finding in report["findings"]}
    assert _tile(theirs) in (200, 204)
    assert theirs.get("/api/layers/SECRET").status_code == 200
    assert _check(others)["restricted"]["hidden"]
    told = _entries(running, act="read_layer")
    assert {entry["kind"] for entry in told} == {"check", "layer", "tiles"}
    assert all(entry["purpose"] == "防洪影响评价" and entry["department"] == reader for entry in told)

    withdrawn = mine.post(f"/api/access-grants/{number}/withdrawal", json={"reason": "用途已结束"})
    assert withdrawn.status_code == 200
    assert _check(theirs)["restricted"]["hidden"]
    assert _tile(theirs) == 404
    states = [entry["after"]["state"] for entry in _entries(running, kind="access_grant")]
    assert states == ["requested", "granted", "withdrawn"]
    with Session(running.edge.engine) as session, pytest.raises(DBAPIError, match="never deleted"):
        session.execute(text("DELETE FROM blueprint.access_grant"))


def test_a_grant_that_is_over_opens_nothing(running: Server, departments: tuple[str, str, str]):
    owner, reader, _ = departments
    today = running.edge.now().date()
    body = {"department": reader, "purpose": "专项规划", "layer": "SECRET", "ends_on": str(today)}
    assert running.client(owner).post("/api/access-grants", json=body).status_code == 201
    assert _tile(running.client(reader)) in (200, 204)
    with Session(running.edge.engine) as session, session.begin():
        session.execute(
            text("UPDATE blueprint.access_grant SET starts_on = starts_on - 9, ends_on = ends_on - 1")
        )
    assert _tile(running.client(reader)) == 404


def test_a_purpose_is_needed_and_a_request_can_be_refused_or_taken_back(
    running: Server, departments: tuple[str, str, str]
):
    owner, reader, _ = departments
    mine, theirs = running.client(owner), running.client(reader)
    for purpose in ("", "   "):
        answer = theirs.post("/api/access-requests", json={"owner": owner, "purpose": purpose})
        assert answer.status_code == 422
    own = theirs.post("/api/access-requests", json={"owner": reader, "purpose": "x"})
    assert own.status_code == 409
    first, second = (
        theirs.post("/api/access-requests", json={"owner": owner, "purpose": "x"}).json()["id"]
        for _ in range(2)
    )
    refused = mine.post(f"/api/access-grants/{first}/refusal", json={"reason": "涉密"})
    assert (refused.status_code, refused.json()["state"]) == (200, "refused")
    back = theirs.post(f"/api/access-grants/{second}/withdrawal", json={"reason": "不再需要"})
    assert (back.status_code, back.json()["state"]) == (200, "refused")
    again = mine.post(f"/api/access-grants/{first}/refusal", json={"reason": "涉密"})
    assert again.status_code == 409


def test_no_page_of_layers_tells_of_one_that_is_closed(running: Server, departments: tuple[str, str, str]):
    _, reader, _ = departments
    client = running.client(reader)
    page = client.get("/api/layers", params={"limit": 1}).json()
    assert [item["code"] for item in page["items"]] == ["OPEN"]
    assert page["next"] is None
    unknown, closed = client.get("/api/layers/NOTHING"), client.get("/api/layers/SECRET")
    assert unknown.status_code == closed.status_code == 404
    assert unknown.json()["detail"].replace("NOTHING", "") == closed.json()["detail"].replace("SECRET", "")
