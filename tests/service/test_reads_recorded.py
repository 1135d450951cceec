"""Whatever shows something of a layer that is not public leaves an entry with what it was read for; a public one leaves none."""

import json
import re
import secrets
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import httpx
import pytest
import shapely
from sqlalchemy import text
from sqlalchemy.orm import Session

from blueprint.city import City, KeptApart
from blueprint.jobs.worker import Worker
from blueprint.layers.originals import original_path
from blueprint.permissions import CLEARED, Act, Sensitivity
from blueprint.sharing.purposes import OWN_DATA, STANDING_PURPOSES
from service.commands.act_words import act_words
from service.job_kinds import KINDS
from service.settings import Settings
from tests.coordination.world import world_city
from tests.made import ORIGIN, publish, square
from tests.service.conftest import Command, Server, serving

OWNER, READER, COORDINATOR = "slj", "tjj", "zrzy"
SITE = shapely.geometry.mapping(shapely.box(ORIGIN[0], ORIGIN[1], ORIGIN[0] + 100, ORIGIN[1] + 100))
FAR = shapely.geometry.mapping(shapely.box(ORIGIN[0] + 900, ORIGIN[1], ORIGIN[0] + 999, ORIGIN[1] + 9))
TILE = "14/13789/6137.mvt"


@pytest.fixture(scope="module")
def place(server: Any, template: str, city: City) -> Iterator[Server]:
    """A service with an internal and a public layer, each in two versions; a project that meets both was asked about."""
    name = f"{template.partition('_template_')[0]}_recorded_{secrets.token_hex(6)}"
    world = replace(world_city(city), kept_apart=(KeptApart("apart", None, ("INSIDE", "OPEN")),))
    try:
        with serving(server.create(name, template=template), world, Settings()) as running:
            with Session(running.edge.engine) as session, session.begin():
                for code, kind in (("INSIDE", "internal"), ("OPEN", "public")):
                    publish(session, world, code, [square(0, 0, 50)], department=OWNER, sensitivity=kind)
                    publish(
                        session,
                        world,
                        code,
                        [square(0, 0, 60)],
                        starts_on=None,
                        department=OWNER,
                        sensitivity=kind,
                    )
            client = running.client(COORDINATOR)
            body = {"name": "n", "applicant": "a", "purpose": "p", "crs": "EPSG:4550", "footprint": SITE}
            assert client.post("/api/projects", json=body).status_code == 201
            for step in ("checks", "consultation"):
                assert client.post(f"/api/projects/1/{step}").status_code == 201
            yield running
    finally:
        server.drop(name)


def _entries(place: Server, act: str = "read_layer") -> list[Any]:
    with Session(place.edge.engine) as session:
        rows = session.execute(
            text("SELECT * FROM blueprint.audit_entry WHERE act = :act ORDER BY seq"), {"act": act}
        )
        return list(rows.mappings())


def _check(site: Any, **asked: Any) -> Callable[[httpx.Client], httpx.Response]:
    return lambda client: client.post("/api/checks", params={"crs": "EPSG:4550", **asked}, json=site)


PATHS: dict[str, tuple[str, Callable[[httpx.Client], httpx.Response]]] = {
    "layers": (READER, lambda c: c.get("/api/layers")),
    "layer": (READER, lambda c: c.get("/api/layers/INSIDE")),
    "versions": (READER, lambda c: c.get("/api/layers/INSIDE/versions")),
    "version": (READER, lambda c: c.get("/api/layers/INSIDE/versions/1")),
    "quality": (READER, lambda c: c.get("/api/layers/INSIDE/versions/1/quality")),
    "difference": (OWNER, lambda c: c.get("/api/layers/INSIDE/difference?from=1&to=2")),
    "tilejson": (READER, lambda c: c.get("/tiles/INSIDE.json")),
    "tiles": (READER, lambda c: c.get(f"/tiles/INSIDE/{TILE}")),
    "check": (READER, _check(SITE)),
    "check, clear of it": (READER, _check(FAR)),
    "check as GeoJSON": (READER, _check(SITE, f="geojson")),
    "kept_check": (READER, lambda c: c.get("/api/checks/1")),
    "opinion_request": (OWNER, lambda c: c.get("/api/opinion-requests")),
    "opinion_request, one": (OWNER, lambda c: c.get("/api/opinion-requests/2")),
    "opinion_request on a project's page": (OWNER, lambda c: c.get("/api/projects/1")),
}


@pytest.mark.parametrize("way", PATHS)
def test_a_reading_leaves_an_entry_with_its_purpose(way: str, place: Server):
    who, ask = PATHS[way]
    before = len(_entries(place))

    answer = ask(place.client(who))

    assert answer.status_code in (200, 204), answer.text
    (entry,) = _entries(place)[before:]
    assert entry["kind"] in way and entry["department"] == who
    assert entry["after"]["layers"] == ["INSIDE"]
    assert entry["purpose"] == (
        OWN_DATA if who == OWNER else "本部门履行职责 the department's own duty (Art. 8, 17)"
    )


def test_an_export_leaves_an_entry_with_the_purpose_that_was_stated(place: Server):
    answer = place.client(READER).get("/api/layers/INSIDE/versions/1/export", params={"purpose": "选址"})

    assert answer.status_code == 200, answer.text
    assert _entries(place, "export_layer")[-1]["purpose"] == "选址"


def test_a_public_layer_is_read_without_an_entry(place: Server):
    before = len(_entries(place))

    for path in ("", "/versions", "/versions/1", "/versions/1/quality", "/difference?from=1&to=1"):
        assert place.client(READER).get(f"/api/layers/OPEN{path}").status_code == 200
    assert place.client().get("/api/layers").status_code == 200
    assert place.client().get(f"/tiles/OPEN/{TILE}").status_code in (200, 204)
    assert _check(SITE)(place.client()).status_code == 200

    assert len(_entries(place)) == before


def test_every_role_that_reads_internal_data_has_a_standing_purpose():
    assert set(STANDING_PURPOSES) == set(CLEARED[Sensitivity.INTERNAL])
    assert all(STANDING_PURPOSES.values())


def test_the_command_line_is_recorded_too(command: Command, tmp_path: Any):
    what = ("--title", "x", "--department", "ZRZY", "--geometry", "polygon", "--control", "restrict")
    assert command("layer", "define", "PLAN", *what, "--sensitivity", "internal").status == 0
    source = "data/sample_layers/anshan/jcjk.geojson"
    assert command("layer", "upload", "PLAN", source, "--in-force").status == 0
    assert command("layer", "upload", "PLAN", source).status == 0
    for words in (
        ("layer", "list"), ("layer", "show", "PLAN"), ("layer", "versions", "PLAN"), ("layer", "difference", "PLAN", "1", "2"),
        ("check", "data/sample_layers/anshan/footprints/factory.geojson"),
    ):  # fmt: skip
        assert command(*words).status == 0, words

    log = command("audit-log", "list", "--format", "json").json

    kinds = {entry["kind"] for entry in log if entry["act"] == "read_layer"}  # type: ignore[attr-defined]
    assert kinds == {"layers", "layer", "versions", "difference", "check"}
    assert "启用" in command("audit-log", "list").out


def test_every_act_has_a_name_in_chinese():
    assert [act for act in Act if act not in act_words()] == []


TELL_OF_NO_LAYER = {
    r"/api/(city|city/outline|standards|standards/.*|rules|approval/process-table)|/health/.*": "published by everybody's leave",
    r"/api/rules/file": "an entry of its own, `download_rules`",
    r"/api/(me|session|accounts|tokens)(/.*)?|/api/departments(/[^/]+/(people|stand-ins|responsible-section))?": "people and credentials",
    r"/api/audit-log(/export|/verification)?": "the log itself, which the auditor reads",
    r"/api/(access-grants|exports|restricted-answers)(/.*)?": "registers of who was granted, took or asked what",
    r"/api/departments/[^/]+/(open-work|inbox)|/api/(notices|board|rechecks|statistics/opinions|projects|project-list.xlsx)": "name "
    "what waits for whom and count it",
    r"/api/projects/[^/]+/(history|contradictions|guidance|meetings|attachments|generation-opinion)": "what people wrote and did",
    r"/api/opinion-requests/[^/]+/(clock|handling)|/api/attachments/.*": "limits, steps and files of an opinion",
    r"/api/approval/.*": "cases: approval reads no layer, only what was handed over",
}
"""Addresses that leave no entry when they are read, and why."""

NOT_IN_THIS_WORLD = {
    "/api/layers/{code}/versions/{number}/dry-run": "a draft alone is foreseen; `coordination.dry_run` records it",
    "/api/layers/{code}/versions/{number}/picture": "the layer is of features; `test_layer_pages` looks at a raster",
    "/api/plan-audits/{audit_id}/districts": "the world has no districts; `ledger` records both sums alike",
}


def test_no_route_shows_a_layer_without_an_entry(place: Server):
    """Every address that is read, by the department that owns the layer where the coordinator may not."""
    _make_long_work(place)
    _lay_original(place)
    clients = [place.client(COORDINATOR), place.client(OWNER)]
    paths = clients[0].get("/api/openapi.json").json()["paths"]
    asked = {
        "/api/layers/{code}/difference": {"from": 1, "to": 2},
        "/api/checks/{check_id}/difference": {"from": 1},
    }
    asked["/api/overlap-areas"] = {"first": "INSIDE", "second": "OPEN"}
    asked["/api/layers/{code}/versions/{number}/export"] = {"purpose": "选址"}
    silent, telling = [], 0
    for path in (path for path, operations in paths.items() if "get" in operations):
        if any(re.fullmatch(pattern, path) for pattern in TELL_OF_NO_LAYER) or path in NOT_IN_THIS_WORLD:
            continue
        values = dict.fromkeys("xyz", "0") | {"code": "INSIDE", "request_id": "2"}
        address = re.sub(r"{(\w+)}", lambda found, known=values: known.get(found[1], "1"), path)  # type: ignore[misc]
        before = _count(place)
        answers = [client.get(address, params=asked.get(path)) for client in clients]
        if any(answer.is_success for answer in answers) and _count(place) > before:
            telling += 1
        else:
            silent.append((path, [answer.status_code for answer in answers]))

    assert silent == []
    assert telling >= 25


def _lay_original(place: Server) -> None:
    """A file as that of which the first version of the internal layer was made."""
    assert place.edge.objects is not None
    said = place.client(OWNER).get("/api/layers/INSIDE/versions/1").json()
    path = original_path(place.edge.objects, said["source_sha256"])
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"{}")


def _make_long_work(place: Server) -> None:
    """A batch and a plan audit of the internal layer, done; the audit is of two plans that may not overlap."""
    client = place.client(COORDINATOR)
    site = {
        "type": "FeatureCollection",
        "crs": {"type": "name", "properties": {"name": "urn:ogc:def:crs:EPSG::4550"}},
        "features": [{"type": "Feature", "properties": {}, "geometry": SITE}],
    }
    file = {"file": ("s.geojson", json.dumps(site).encode())}
    assert client.post("/api/check-batches", files=file).status_code == 202
    body = {"first": "INSIDE", "second": "OPEN"}
    assert client.post("/api/plan-audits", json=body).status_code == 202
    while Worker(place.edge, KINDS).run_one():
        pass


def _count(place: Server) -> int:
    return len(_entries(place)) + len(_entries(place, "export_layer"))
