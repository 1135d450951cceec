"""Every way over HTTP to the same question gives the same answer: live, kept, of a project, alternatives, what if, batch, verified.

`BLUEPRINT_WORLDS=100:140` asks in other worlds than the suite does.
"""

import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import shapely
from sqlalchemy.orm import Session

from blueprint.city import AreaMeasure, City, DepartmentRole
from blueprint.jobs.worker import Worker
from coordination import live
from service.job_kinds import KINDS
from service.settings import Settings
from tests.coordination.made_worlds import MadeWorld, made_worlds, publish_worlds, rules_yaml
from tests.made import at_origin, differing
from tests.service.conftest import Server, serving

SEEDS = range(*map(int, os.environ.get("BLUEPRINT_WORLDS", "1:2").split(":")))
PLACES = 3
WITHIN = 1e-4
"""An outline that is checked live is cut in the process (decisions 0031, 0038, 0052)."""


@pytest.fixture(params=SEEDS)
def place(
    request: Any, make_database: Any, city: City, tmp_path: Path
) -> Iterator[tuple[Server, list[MadeWorld]]]:
    """A service with worlds of one kind, whose sites are small and large."""
    live.load()
    worlds = made_worlds(request.param, PLACES, high=600)
    path = tmp_path / "rules.yaml"
    path.write_text(rules_yaml(worlds[0].rules), encoding="utf-8")
    measure = AreaMeasure.PLANE if request.param % 2 else AreaMeasure.ELLIPSOID
    city = replace(
        city, area_measure=measure, rules_path=path if worlds[0].rules else None, boundary_path=None
    )
    with make_database() as url, serving(url, city, Settings()) as running:
        with Session(running.edge.engine) as session, session.begin():
            publish_worlds(session, city, worlds, tmp_path)
        yield running, worlds


def _plain(report: dict[str, Any]) -> dict[str, Any]:
    """What a report says of the site; who asked, when and under which number is no part of it."""
    said = {
        k: v
        for k, v in report.items()
        if k not in ("check_id", "reader", "assumed", "assumed_said", "source_crs", "operation", "notes")
    }
    said["footprint"] = {
        k: v
        for k, v in said["footprint"].items()
        if k in ("area_m2", "plane_area_m2", "perimeter_m", "parts")
    }
    said["findings"] = {f"{f['layer']} {f['source_id']} {f['rule']}": dict(f) for f in said["findings"]}
    for each in said["findings"].values():
        each["sliver_cause"] = each["sliver_cause"] is not None
        each["sliver_width_m"] = each["sliver_width_m"] is not None
    return said


def _split(shape: shapely.MultiPolygon) -> dict[str, Any]:
    """A site as parcels beside each other: cut along whole metres, one of them twice there."""
    west, south, east, north = shape.bounds
    middle = float(np.floor((west + east) / 2))
    halves = [
        shapely.intersection(shape, shapely.box(*b))
        for b in ((west - 1, south - 1, middle, north + 1), (middle, south - 1, east + 1, north + 1))
    ]
    parts = [p for half in halves for p in shapely.get_parts(half) if p.geom_type == "Polygon"]
    return _collection([*parts, parts[0]])


def _collection(shapes: Sequence[shapely.Geometry], rows: Sequence[dict[str, Any]] = ()) -> dict[str, Any]:
    given = rows or [{}] * len(shapes)
    features = [
        {"type": "Feature", "properties": row, "geometry": shapely.geometry.mapping(shape)}
        for shape, row in zip(shapes, given, strict=True)
    ]
    return {
        "type": "FeatureCollection",
        "features": features,
        "crs": {"type": "name", "properties": {"name": "urn:ogc:def:crs:EPSG::4550"}},
    }


def test_every_way_to_the_same_question_has_the_same_answer(
    place: tuple[Server, list[MadeWorld]], tmp_path: Path
):
    running, worlds = place
    coordinator = next(d.code for d in running.edge.city.departments if d.role is DepartmentRole.COORDINATOR)
    sites = [at_origin(world.placed(world.site)) for world in worlds]
    answers = []
    with running.client(coordinator) as client:
        for world, site in zip(worlds, sites, strict=True):
            document = shapely.geometry.mapping(site)
            query = {k: v for k, v in (("use", world.use), ("top_m", world.top_m)) if v is not None}

            def asked(given: Any, _query: dict[str, Any] = query, **more: Any) -> dict[str, Any]:
                answer = client.post("/api/checks", json=given, params={"crs": "EPSG:4550", **_query, **more})
                assert answer.status_code == 200, answer.text
                report: dict[str, Any] = answer.json()
                return report

            live_report = asked(document)
            kept = asked(document, keep=True)
            ways = {
                "live": live_report,
                "kept, read again": client.get(f"/api/checks/{kept['check_id']}").json(),
            }
            turned = shapely.transform(shapely.reverse(site), lambda xy: xy)
            ways["turned"] = asked(shapely.geometry.mapping(turned))
            ways["its own crs"] = asked(_collection([site]))
            versioned = [layer["code"] for layer in kept["layers"] if layer["raster"] is None]
            if versioned:
                ways["what if"] = asked(document, assume=[f"{code}:1" for code in versioned])
                ways["what if"] = {k: v for k, v in ways["what if"].items() if k in kept}
            body = {"name": "x", "applicant": "y", "purpose": "z", "footprint": document, "crs": "EPSG:4550"}
            body |= {"planned_use": world.use} if world.use else {}
            body |= {"top_m": world.top_m} if world.top_m is not None else {}
            project = client.post("/api/projects", json=body)
            assert project.status_code == 201, project.text
            checked = client.post(f"/api/projects/{project.json()['id']}/checks")
            assert checked.status_code == 201, checked.text
            ways["of a project"] = client.get(f"/api/checks/{checked.json()['id']}").json()
            right = _plain(kept)
            for name, report in ways.items():
                assert report["digest"] == kept["digest"], name
                assert differing(_plain(report), right, within=WITHIN) == [], (name, world.place)
            # Cut edges have corners where the outline had none: the figures are the same, the digest is not.
            parcels = _plain(asked(_split(site))) | {"digest": right["digest"]}
            assert differing(parcels, right, within=2e-3) == [], world.place
            files = {"file": ("report.json", json.dumps(kept).encode())}
            verified = client.post(f"/api/checks/{kept['check_id']}/verification").json()
            assert verified["differences"] == [], verified
            with_site = {"footprint": ("site.geojson", json.dumps(_collection([site])).encode())}
            told = client.post("/api/report-verifications", files=files | with_site).json()
            assert told["differences"] == [], told
            answers.append(kept)
        _same_as_alternatives(client, worlds, sites, answers)
        _same_as_batch(running, client, worlds, sites, answers)


def _same_as_alternatives(
    client: Any,
    worlds: Sequence[MadeWorld],
    sites: Sequence[shapely.Geometry],
    answers: Sequence[dict[str, Any]],
) -> None:
    """Alternatives share a use: compared is what has the first one's."""
    rows = [n for n, world in enumerate(worlds) if world.use == worlds[0].use]
    if len(rows) < 2:
        return
    given = [
        {"name": str(n), "footprint": shapely.geometry.mapping(sites[n]), "crs": "EPSG:4550"}
        | ({"top_m": worlds[n].top_m} if worlds[n].top_m is not None else {})
        for n in rows
    ]
    body = {"sites": given} | ({"use": worlds[0].use} if worlds[0].use else {})
    answer = client.post("/api/alternatives", json=body)
    assert answer.status_code == 200, answer.text
    for told in answer.json()["alternatives"]:
        kept = answers[int(told["name"])]
        report = told["report"]
        assert report["digest"] == kept["digest"]
        assert differing(_plain(report), _plain(kept), within=WITHIN) == []


def _same_as_batch(
    running: Server,
    client: Any,
    worlds: Sequence[MadeWorld],
    sites: Sequence[shapely.Geometry],
    answers: Sequence[dict[str, Any]],
) -> None:
    rows = [{"USE": world.use, "TOP": world.top_m} for world in worlds]
    files = {"file": ("sites.geojson", json.dumps(_collection(sites, rows)).encode())}
    asked = client.post("/api/check-batches", files=files, data={"use_field": "USE", "top_field": "TOP"})
    assert asked.status_code == 202, asked.text
    assert Worker(running.edge, KINDS).run_one()
    job = client.get(asked.headers["Location"]).json()
    assert job["state"] == "done", job
    for told, kept in zip(
        client.get(f"{job['result']['file']}?f=json").json()["sites"], answers, strict=True
    ):
        assert (told["digest"], told["verdict"]) == (kept["digest"], kept["verdict"])
        for name in ("prohibited_m2", "restricted_m2", "advised_m2", "conflict_free_m2"):
            assert told[name] == pytest.approx(kept["ledger"][name], abs=WITHIN)
