"""A restricted layer and a reader without clearance, whichever way is tried: two worlds that differ in it alone look the same.

In one world the layer SECRET is one feature of 30 m × 100 m; in the other it is three, larger, of another title, in its second
version. What a department that may not read it gets, status, headers and body, must not tell which world it is in.
"""

import json
import re
import secrets
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack
from dataclasses import replace
from datetime import date
from typing import Any

import httpx
import pytest
import shapely
from sqlalchemy import text
from sqlalchemy.orm import Session

from blueprint.city import City, Limits
from service.push import push_due
from service.settings import Settings
from tests.badfiles import good
from tests.coordination.world import world_city
from tests.made import LONG_AGO, ORIGIN, publish, square
from tests.service.conftest import Server, serving

OWNER, READER, COORDINATOR, OPEN_OWNER = "slj", "tjj", "zrzy", "wlj"
ANSWERS = 60
BEFORE_IT = date(2019, 6, 1)
_TIMES = re.compile(r"\d{4}-\d\d-\d\dT[\d:.]+(Z|[+-]\d\d:\d\d)")
_NOISE = re.compile(
    r'"handover": ?"[^"]+"|"request_id": ?"[^"]+"|"message_id": ?"[^"]+"|sha256:[0-9a-f]{64}|"sha256": ?"[^"]+"|http://127\.0\.0\.1:\d+'
)


def _site(west: float = 0, side: float = 100) -> dict[str, Any]:
    box = shapely.box(ORIGIN[0] + west, ORIGIN[1], ORIGIN[0] + west + side, ORIGIN[1] + side)
    return shapely.geometry.mapping(box)


@pytest.fixture(scope="module")
def worlds(server: Any, template: str, city: City) -> Iterator[tuple[Server, Server]]:
    """The two worlds, each served; in both a project was checked, asked about, cleared and pushed by the coordinator."""
    world = replace(world_city(city), limits=Limits(restricted_answers_per_day=ANSWERS))
    names = [f"{template.partition('_template_')[0]}_closed_{secrets.token_hex(6)}" for _ in range(2)]
    try:
        with ExitStack() as stack:
            pair = []
            for number, name in enumerate(names):
                url = server.create(name, template=template)
                running = stack.enter_context(serving(url, world, Settings()))
                _fill(running, world, is_other=bool(number))
                pair.append(running)
            yield pair[0], pair[1]
    finally:
        for name in names:
            server.drop(name)


def _fill(running: Server, city: City, *, is_other: bool) -> None:
    secret: dict[str, Any] = {
        "department": OWNER,
        "sensitivity": "restricted",
        "control": "restrict",
        "title": "绝密设施" if is_other else "机密设施",
        "basis": "绝密依据" if is_other else None,
    }
    with Session(running.edge.engine) as session, session.begin():
        publish(session, city, "OPEN", [square(0, 0, 50)], department=OPEN_OWNER, control="advise")
        starts_on = BEFORE_IT if is_other else LONG_AGO
        publish(session, city, "SECRET", [shapely.box(0, 0, 30, 100)], starts_on=starts_on, **secret)
        if is_other:
            shapes = [shapely.box(0, 0, 30, 100), shapely.box(30, 0, 45, 100), square(900, 900, 50)]
            publish(session, city, "SECRET", shapes, starts_on=running.edge.now().date(), **secret)
    coordinator = running.client(COORDINATOR)
    project = {"name": "示例小学", "applicant": "教育局", "purpose": "新建小学", "crs": "EPSG:4550"}
    assert coordinator.post("/api/projects", json=project | {"footprint": _site()}).status_code == 201
    for step in ("checks", "consultation"):
        answer = coordinator.post(f"/api/projects/1/{step}")
        assert answer.status_code == 201, answer.text
    for asked in coordinator.get("/api/projects/1").json()["consultation"]["requests"]:
        address = f"/api/opinion-requests/{asked['id']}/opinion"
        agreed: dict[str, Any] = {"kind": "agree"}
        if asked["department"] == OWNER:
            conditions = [{"text": "避让", "finding": 1}]
            agreed = {"kind": "agree_with_conditions", "condition_list": conditions}
        assert running.client(asked["department"]).put(address, json=agreed).status_code == 200
    assert coordinator.post("/api/projects/1/clearance").status_code == 201
    push_due(running.edge.engine, now=running.edge.now(), approval_url=None, secret=None)
    owner = running.client(OWNER)
    kept = owner.post("/api/checks", params={"crs": "EPSG:4550", "keep": True}, json=_site())
    assert kept.status_code == 200, kept.text


Try = Callable[[httpx.Client], httpx.Response]


def _get(path: str, **headers: str) -> Try:
    return lambda client: client.get(path, headers=headers)


def _check(form: str, site: dict[str, Any], **asked: Any) -> Try:
    return lambda client: client.post(
        "/api/checks", params={"crs": "EPSG:4550", "f": form, **asked}, json=site
    )


def _post(path: str, body: Any, **headers: str) -> Try:
    return lambda client: client.post(path, json=body, headers=headers)


def _report_on(code: str) -> bytes:
    """A report that was made up, of a layer in its first version."""
    site = shapely.to_wkb(shapely.geometry.shape(_site()), hex=True)
    layers = [{"code": code, "version": 1, "outcome": "conflict"}]
    restricted: dict[str, Any] = {"conflicts": []}
    document = {"on": "2026-01-01", "layers": layers, "site": {"wkb": site}, "restricted": restricted}
    return json.dumps(document).encode()


TILE = "14/13789/6137.mvt"
LAYER = {"code": "SECRET", "title": "x", "department": READER, "geometry": "line", "control": "inform"}
ANY = {"If-Match": "*"}
WAYS: dict[str, Try] = {
    "the list of layers": _get("/api/layers"),
    "a page of one": _get("/api/layers?limit=1"),
    "the layer": _get("/api/layers/SECRET"),
    "its versions": _get("/api/layers/SECRET/versions"),
    "one version": _get("/api/layers/SECRET/versions/1"),
    "a version that one world has": _get("/api/layers/SECRET/versions/2"),
    "its quality": _get("/api/layers/SECRET/versions/2/quality"),
    "its picture": _get("/api/layers/SECRET/versions/2/picture"),
    "its difference": _get("/api/layers/SECRET/difference?from=1&to=2"),
    "its export": _get("/api/layers/SECRET/versions/2/export"),
    "the register of exports": _get("/api/exports?layer=SECRET"),
    "a tile": _get(f"/tiles/SECRET/{TILE}"),
    "a tile that is there": _get(f"/tiles/SECRET/{TILE}", **{"If-None-Match": "*"}),
    "a version's tile": _get(f"/tiles/SECRET/versions/2/{TILE}"),
    "a tile of all layers": _get(f"/tiles/blueprint/{TILE}"),
    "a tile of layers by name": _get(f"/tiles/blueprint/{TILE}?layers=OPEN,SECRET"),
    "its TileJSON": _get("/tiles/SECRET.json"),
    "the style": _get("/tiles/style.json"),
    "a check": _check("json", _site()),
    "a check as GeoJSON": _check("geojson", _site()),
    "a check as a page": _check("html", _site()),
    "a check of a past day": _check("json", _site(), on="2020-06-01"),
    "a check before it was there": _check("json", _site(), on=str(BEFORE_IT)),
    "a check beside it": _check("json", _site(200)),
    "verifying a report that names it": lambda client: client.post(
        "/api/report-verifications", files={"file": ("r.json", _report_on("SECRET"))}
    ),
    "comparing reports that name it": lambda client: client.post(
        "/api/report-differences",
        files={"before": ("r.json", _report_on("SECRET")), "after": ("s.json", _report_on("SECRET"))},
    ),
    "a check kept": _check("json", _site(), keep=True),
    "a check kept by its owner": _get("/api/checks/2"),
    "the same as GeoJSON": _get("/api/checks/2?f=geojson"),
    "the coordinator's check": _get("/api/checks/1"),
    "the list of projects": _get("/api/projects"),
    "a project that meets it": _get("/api/projects/1"),
    "the opinion requests": _get("/api/opinion-requests"),
    "its owner's opinion request": _get("/api/opinion-requests/2"),
    "the cases": _get("/api/approval/cases"),
    "the case": _get("/api/approval/cases/CH-210300-2026-000001"),
    "the grants": _get("/api/access-grants"),
    "who asked for it": _get("/api/restricted-answers"),
    "the audit log": _get("/api/audit-log?thing=SECRET"),
    "defining a layer of its code": _post("/api/layers", LAYER),
    "holding a definition to a tag": _post("/api/layers", LAYER, **ANY),
    "bringing it into force": _post("/api/layers/SECRET/versions/2/in-force", {}, **ANY),
    "withdrawing it": _post("/api/layers/SECRET/versions/2/withdrawal", {}, **ANY),
    "uploading to it": lambda client: client.post(
        "/api/layers/SECRET/versions", files={"file": ("x.geojson", good())}
    ),
    "granting it to oneself": _post(
        "/api/access-grants",
        {"layer": "SECRET", "department": READER, "purpose": "x", "ends_on": "2026-12-31"},
    ),
    "its owner's opinion": lambda client: client.put(
        "/api/opinion-requests/2/opinion", json={"kind": "agree"}, headers=ANY
    ),
    "the footprint of a project": lambda client: client.put(
        "/api/projects/1/footprint", json={"footprint": _site(), "crs": "EPSG:4550"}, headers=ANY
    ),
}


_SEAL = re.compile(r'data-seal="[A-Za-z0-9+/=]+"')
"""Of a page: encrypted, with a nonce of its own."""


def _seen(answer: httpx.Response) -> tuple[int, dict[str, str], str]:
    """An answer without what differs from moment to moment."""
    names = ("content-type", "allow", "retry-after", "cache-control", "vary")
    headers = {name: answer.headers[name] for name in names if name in answer.headers}
    is_tile = "mapbox" in answer.headers.get("content-type", "")
    body = answer.content.hex() if is_tile else _SEAL.sub("…", _NOISE.sub("…", _TIMES.sub("…", answer.text)))
    if is_tile or "tiles" in str(answer.request.url):
        # Versions have other ids and instants in another database: of tags it counts whether there is one.
        headers["etag"] = "a tag" if "etag" in answer.headers else "none"
    return answer.status_code, headers, body


@pytest.mark.parametrize("way", WAYS)
def test_no_way_of_asking_tells_one_world_from_the_other(way: str, worlds: tuple[Server, Server]):
    for who in (READER, None):
        first, second = (WAYS[way](world.client(who)) for world in worlds)

        assert _seen(first) == _seen(second), (way, who)
        # A refusal says again what was asked for; what is told of its own accord must not name it.
        for word in ("机密", "绝密", *(["SECRET"] if first.is_success else [])):
            assert word not in first.text, (way, who, word)


_SAMPLES = {
    "{code}": "SECRET", "{department_code}": OWNER, "{project_id}": "1", "{request_id}": "2", "{check_id}": "1",
    "{number}": "CH-210300-2026-000001",
}  # fmt: skip


def _paths(world: Server) -> list[str]:
    """Every address that is read, with what is there in place of its parameters."""
    paths = []
    for path, acts in world.client(COORDINATOR).get("/api/openapi.json").json()["paths"].items():
        if "get" not in acts:
            continue
        address = path.replace("/versions/{number}", "/versions/2")
        if address.startswith("/api/departments"):
            address = address.replace("{code}", OWNER)
        for name, value in _SAMPLES.items():
            address = address.replace(name, value)
        paths.append(re.sub(r"\{\w+\}", "1", address))
    return paths


def test_nothing_that_is_read_tells_one_world_from_the_other(worlds: tuple[Server, Server]):
    paths = _paths(worlds[0])
    known = 0
    for path in paths:
        for who in (READER, None):
            first, second = (world.client(who).get(path) for world in worlds)
            known += first.is_success
            if first.headers.get("content-type", "").startswith(("application/vnd", "application/pdf")):
                assert first.status_code == second.status_code, path
                continue
            assert _seen(first) == _seen(second), (path, who)
            assert "机密" not in first.text and "绝密" not in second.text, (path, who)
    assert len(paths) > 80 and known > 40


def test_the_two_worlds_do_differ_for_who_may_read_it(worlds: tuple[Server, Server]):
    differing = (
        "its versions",
        "a check",
        "a tile",
        "its TileJSON",
        "a check kept by its owner",
        "the list of layers",
    )
    for way in differing:
        first, second = (WAYS[way](world.client(OWNER)) for world in worlds)
        assert first.status_code in (200, 204), (way, first.text)
        assert first.content != second.content, way


def test_a_layer_that_is_closed_and_one_that_is_not_there_are_refused_in_the_same_words(
    worlds: tuple[Server, Server],
):
    client = worlds[0].client(READER)
    for path in (
        "/api/layers/{}", "/api/layers/{}/versions", "/api/layers/{}/versions/1", "/api/layers/{}/versions/1/quality",
        "/api/layers/{}/difference?from=1&to=2", "/api/layers/{}/versions/1/export", "/tiles/{}.json",
        f"/tiles/{{}}/{TILE}", f"/tiles/{{}}/versions/1/{TILE}", f"/tiles/blueprint/{TILE}?layers={{}}",
    ):  # fmt: skip
        closed, unknown = client.get(path.format("SECRET")), client.get(path.format("NOWHERE"))
        assert closed.status_code == unknown.status_code == 404, path
        assert closed.json()["detail"].replace("SECRET", "X") == unknown.json()["detail"].replace(
            "NOWHERE", "X"
        )


def test_a_key_brings_back_nobody_elses_answer_and_none_of_a_grant_that_was_withdrawn(
    worlds: tuple[Server, Server],
):
    world = worlds[0]
    owner, reader = world.client(OWNER), world.client(READER)
    key = {"Idempotency-Key": "the-same-for-all-of-us"}

    def asked(client: httpx.Client) -> httpx.Response:
        return client.post("/api/checks", params={"crs": "EPSG:4550"}, json=_site(), headers=key)

    assert "SECRET" in asked(owner).text
    assert "SECRET" not in asked(reader).text
    terms = {
        "layer": "SECRET",
        "department": READER,
        "purpose": "x",
        "ends_on": str(world.edge.now().date()),
    }
    granted = owner.post("/api/access-grants", json=terms).json()["id"]
    key["Idempotency-Key"] = "under-a-grant"
    assert "SECRET" in asked(reader).text
    owner.post(f"/api/access-grants/{granted}/withdrawal", json={"reason": "x"})
    after = asked(reader)
    assert after.status_code == 422 and "SECRET" not in after.text


def test_many_small_checks_are_answered_so_often_a_day_and_the_owner_sees_it(
    make_database: Callable[[], AbstractContextManager[str]], city: City
):
    world = replace(world_city(city), limits=Limits(restricted_answers_per_day=5))
    with make_database() as url, serving(url, world, Settings()) as running:
        with Session(running.edge.engine) as session, session.begin():
            publish(session, world, "OPEN", [square(900, 0, 50)], department=OPEN_OWNER)
            publish(session, world, "SECRET", [square(0, 0, 50)], department=OWNER, sensitivity="restricted")
            session.execute(
                text("INSERT INTO coordination.restricted_answer VALUES ('2026-01-01', 'x', :owner, 2)"),
                {"owner": OWNER},
            )

        def asked(west: int) -> dict[str, Any]:
            answer = running.client(READER).post(
                "/api/checks", params={"crs": "EPSG:4550"}, json=_site(west * 10, 10)
            )
            assert answer.status_code == 200, answer.text
            told: dict[str, Any] = answer.json()
            return told

        with ThreadPoolExecutor(4) as threads:
            answers = list(threads.map(asked, range(8)))

        withheld = [answer for answer in answers if answer["restricted"]["withheld"]]
        assert len(withheld) == 3
        assert all(answer["restricted"]["conflicts"] == [] for answer in withheld)
        assert len({answer["verdict"] for answer in withheld}) == 1
        for answer in ("/api/trims", "/api/shifts"):
            found = running.client(READER).post(answer, params={"crs": "EPSG:4550"}, json=_site(0, 10)).json()
            assert found["restricted_withheld"], "what was not asked is no conflict that was not found"
        # Eight checks, the one of a trim that finds nothing to cut, the one of a shift that has nothing to go away from.
        newest = running.client(OWNER).get("/api/restricted-answers?limit=1").json()
        older = running.client(OWNER).get(f"/api/restricted-answers?cursor={newest['next']}").json()
        seen = [(row["reader"], row["owner"], row["asked"]) for row in newest["items"] + older["items"]]
        assert (seen, older["next"]) == ([(READER, OWNER, 10), ("x", OWNER, 2)], None)
        assert running.client(OPEN_OWNER).get("/api/restricted-answers").json()["items"] == []
        with Session(running.edge.engine) as session:
            told = session.scalars(
                text("SELECT after FROM blueprint.audit_entry WHERE act = 'meet_restricted'")
            ).all()
        met = [answer for answer in answers if answer["restricted"]["conflicts"]]
        assert len(told) == len(met) > 0
        assert all(entry == {"told": [f"{OWNER} most"]} for entry in told)
