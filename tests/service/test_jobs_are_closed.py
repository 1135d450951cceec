"""What jobs and batches tell of restricted layers: who sees it, with which token, for how long, and what is kept of that."""

import json
import secrets
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import httpx
import pytest
import shapely
from sqlalchemy import select, text, update
from sqlalchemy.orm import Session

from blueprint.jobs import queue
from blueprint.jobs.models import Job
from blueprint.jobs.worker import Worker
from blueprint.models import Token
from blueprint.permissions import Act, Scope, Sensitivity, Thing
from blueprint.sharing.grants import Terms, give_access
from blueprint.sharing.models import AccessGrant
from blueprint.tokens import issue_token
from coordination.recheck_job import RECHECK
from service.job_kinds import KINDS
from service.settings import Settings
from tests.coordination.world import COORDINATOR, HERITAGE, world_city
from tests.made import ORIGIN, publish, square
from tests.service.conftest import Server, serving

OWNER, THIRD, GUEST = "wlj", "fgw", "tjj"
SITES = {
    "type": "FeatureCollection",
    "crs": {"type": "name", "properties": {"name": "urn:ogc:def:crs:EPSG::4550"}},
    "features": [
        {"type": "Feature", "properties": {}, "geometry": shapely.geometry.mapping(shapely.box(x, y, x + 20, y + 20))}
        for x, y in [(ORIGIN[0] + 10, ORIGIN[1])]
    ],
}  # fmt: skip


@pytest.fixture(scope="module")
def place(server: Any, template: str, city: Any) -> Iterator[Server]:
    """A service with a restricted layer and a public one that overlap."""
    name = f"{template.partition('_template_')[0]}_closed_{secrets.token_hex(6)}"
    world = world_city(city)
    try:
        with serving(server.create(name, template=template), world, Settings()) as running:
            with Session(running.edge.engine) as session, session.begin():
                publish(
                    session, world, "SECRET", [square(0, 0, 50)], department=OWNER, sensitivity="restricted"
                )
                publish(session, world, "OPEN", [square(20, 0, 50)], department="slj", sensitivity="public")
                give_access(
                    session,
                    Terms("SECRET", ends_on=running.edge.now().date() + timedelta(days=9)),
                    department=GUEST,
                    purpose="防洪规划",
                    actor=HERITAGE,
                    city=world,
                    now=running.edge.now(),
                )
            yield running
    finally:
        server.drop(name)


def _scoped(place: Server, department: str, **scope: Any) -> httpx.Client:
    with Session(place.edge.engine) as session, session.begin():
        token = issue_token(
            session, department=department, city=place.edge.city, now=place.edge.now(), scope=Scope(**scope)
        )
    client = place.client()
    client.headers["Authorization"] = f"Bearer {token}"
    return client


def _ask_for_batch(client: httpx.Client) -> str:
    answer = client.post("/api/check-batches", files={"file": ("s.geojson", json.dumps(SITES).encode())})
    assert answer.status_code == 202, answer.text
    return str(answer.headers["Location"])


def _ask_for_audit(client: httpx.Client) -> str:
    answer = client.post("/api/plan-audits", json={"first": "SECRET", "second": "OPEN"})
    assert answer.status_code == 202, answer.text
    return str(answer.headers["Location"])


def _run(place: Server, client: httpx.Client, address: str) -> dict[str, Any]:
    while Worker(place.edge, KINDS).run_one():
        pass
    return dict(client.get(address).json())


def test_a_job_of_any_kind_over_a_restricted_layer_is_nothing_to_a_third_department(place: Server):
    owner, third = place.client(OWNER), place.client(THIRD)
    prefers = {"Prefer": "respond-async"}
    file = {"file": ("s.geojson", json.dumps(SITES).encode())}
    ground = shapely.geometry.mapping(
        shapely.box(ORIGIN[0] - 50, ORIGIN[1], ORIGIN[0] + 150, ORIGIN[1] + 100)
    )
    search = {"area_m2": 500, "crs": "EPSG:4550"}
    asked = {
        "batch_check": _ask_for_batch(owner),
        "site_search": owner.post("/api/site-searches", params=search, json=ground).headers["Location"],
        "plan_audit": _ask_for_audit(owner),
        "upload": owner.post("/api/layers/SECRET/versions", files=file, headers=prefers).headers["Location"],
        "dry_run": owner.post("/api/layers/SECRET/versions/1/dry-run").headers["Location"],
    }
    with Session(place.edge.engine) as session, session.begin():
        thing = Thing(sensitivity=Sensitivity.RESTRICTED)
        job = queue.put_in(session, RECHECK, thing, {"newest": 0}, actor=COORDINATOR, now=place.edge.now())
        asked["recheck"] = f"/api/jobs/{job.id}"
    assert set(asked) == {kind.name for kind in KINDS}

    def is_closed() -> None:
        for address in asked.values():
            assert third.get(address).status_code == 404
            assert third.post(f"{address}/cancel").status_code == 404
        assert third.get("/api/jobs").json()["items"] == []

    is_closed()
    for kind, address in asked.items():
        if kind in ("upload", "recheck"):
            assert (
                (place.client("zrzy") if kind == "recheck" else owner).post(f"{address}/cancel").is_success
            ), kind
    results = {
        kind: _run(place, owner, asked[kind])
        for kind in ("batch_check", "site_search", "plan_audit", "dry_run")
    }
    assert results["site_search"]["result"]["sites"], results["site_search"]
    assert "SECRET" in results["batch_check"]["result"]["layers"]
    assert results["plan_audit"]["result"]["second"] == "SECRET"
    is_closed()
    # Who may read the layer, but did not ask, sees neither a batch nor an audit's job; the audit itself is for them.
    guest = place.client(GUEST)
    assert guest.get(asked["batch_check"]).status_code == guest.get(asked["plan_audit"]).status_code == 404
    assert guest.get(asked["site_search"]).status_code == 404
    audit = f"/api/plan-audits/{results['plan_audit']['result']['id']}"
    assert guest.get(audit).status_code == 200
    refused = third.get(audit)
    assert refused.status_code == 404
    assert "no audit" in refused.text and "SECRET" not in refused.text
    # A token of the same department, but not for that layer, neither.
    narrow = _scoped(place, OWNER, layers=frozenset({"OPEN"}))
    for kind in ("batch_check", "site_search", "plan_audit", "dry_run"):
        assert narrow.get(asked[kind]).status_code == 404, kind
        assert narrow.post(f"{asked[kind]}/cancel").status_code == 404, kind
    assert narrow.get("/api/jobs").json()["items"] == []
    assert narrow.get(results["batch_check"]["result"]["file"]).status_code == 404


def test_a_dry_run_is_shown_to_who_may_read_the_layers_that_it_meets(place: Server):
    owner = place.client("slj")
    with Session(place.edge.engine) as session, session.begin():
        thing = Thing("slj", Sensitivity.PUBLIC, "OPEN")
        kind = next(kind for kind in KINDS if kind.name == "dry_run")
        job = queue.put_in(session, kind, thing, {}, actor=COORDINATOR, now=place.edge.now())
        address, number = f"/api/jobs/{job.id}", job.id
    assert owner.get(address).status_code == 200
    with Session(place.edge.engine) as session, session.begin():
        session.execute(update(Job).where(Job.id == number).values(state="done", told_layers=["SECRET"]))

    assert owner.get(address).status_code == 404
    assert place.client("zrzy").get(address).status_code == 200


def test_a_batch_asks_what_was_granted_and_is_closed_with_the_grant(place: Server):
    guest = place.client(GUEST)
    batch, audit = _ask_for_batch(guest), _ask_for_audit(guest)
    job = _run(place, guest, batch)
    assert job["state"] == "done", job
    assert _run(place, guest, audit)["state"] == "done"
    assert set(job["result"]["layers"]) == {"SECRET", "OPEN"}
    file = job["result"]["file"]
    shown = guest.get(f"{file}?f=csv").content.decode("utf-8-sig")
    with Session(place.edge.engine) as session:
        number = session.scalars(select(AccessGrant.id)).one()
        entry = session.execute(
            text("SELECT * FROM blueprint.audit_entry WHERE kind = 'batch_check' ORDER BY seq DESC LIMIT 1")
        ).one()
    today = place.edge.now().date()
    assert f"统计局 {GUEST} {today}T" in shown and f"grants {number}" in shown
    assert (entry.act, entry.after["layers"], entry.after["grants"]) == ("read_layer", ["SECRET"], [number])
    assert entry.purpose == "防洪规划"
    for form in ("json", "xlsx", "gpkg"):
        assert guest.get(f"{file}?f={form}").status_code == 200
    try:
        with Session(place.edge.engine) as session, session.begin():
            ended = update(AccessGrant).values(starts_on=today - timedelta(9), ends_on=today - timedelta(1))
            session.execute(ended)
        gone = guest.get(file)
        assert gone.status_code == 404 and "SECRET" not in gone.text
        assert guest.get(batch).status_code == guest.get(audit).status_code == 404
    finally:
        with Session(place.edge.engine) as session, session.begin():
            session.execute(update(AccessGrant).values(starts_on=today, ends_on=today + timedelta(9)))


def test_a_token_is_worth_no_more_by_a_job_than_by_itself(place: Server):
    narrow = _scoped(place, OWNER, layers=frozenset({"OPEN"}))
    job = _run(place, narrow, _ask_for_batch(narrow))
    assert set(job["result"]["layers"]) == {"OPEN"}

    acts = frozenset({Act.KEEP_CHECK, Act.READ_JOBS})
    for column, said in (("revoked_at", "revoked"), ("expires_at", "expired")):
        client = _scoped(place, OWNER, acts=acts)
        address = _ask_for_batch(client)
        with Session(place.edge.engine) as session, session.begin():
            newest = session.scalars(select(Token).order_by(Token.id.desc()).limit(1)).one()
            setattr(newest, column, place.edge.now() - timedelta(seconds=1))
        job = _run(place, place.client(OWNER), address)
        assert job["state"] == "failed" and said in job["error"], job
