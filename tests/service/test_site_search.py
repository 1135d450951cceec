"""A search for sites as a job: what is found shows while it runs, stays where it is called off, and another worker goes on with it."""

import json
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import shapely
from sqlalchemy import select
from sqlalchemy.orm import Session

from blueprint.audit.models import AuditEntry
from blueprint.city import City
from blueprint.jobs.kinds import JobKind, JobRun
from blueprint.jobs.worker import Worker
from blueprint.wall import KEEPER, seeing
from coordination.found_sites import Search
from coordination.site_finder import find_sites
from coordination.site_search_job import SITE_SEARCH
from service.job_kinds import KINDS
from tests.made import at_origin, publish, square
from tests.service.conftest import Command, Server

GROUND = shapely.box(0, 0, 16_000, 4_000)
"""Two blocks of eight windows."""

FIELDS = [
    square(900, 900, 400),
    square(2_600, 2_700, 300),
    square(9_000, 1_000, 700),
    square(13_000, 800, 250),
]


@pytest.fixture
def searched(running: Server, city: City) -> Server:
    """All is farmland but four fields, the largest in the second block; a layer of the department advises within one."""
    with seeing(KEEPER), Session(running.edge.engine) as session, session.begin():
        farm = shapely.difference(GROUND.buffer(2_000), shapely.union_all(FIELDS))
        publish(session, city, "FARM", [farm], control="prohibit")
        publish(session, city, "NOISE", [square(800, 800, 600)], control="advise", sensitivity="internal")
    return running


def _ask(server: Server) -> str:
    with server.client("ZRZY") as client:
        ground = shapely.geometry.mapping(at_origin(GROUND))
        answer = client.post("/api/site-searches?area_m2=20000&crs=EPSG:4550", json=ground)
    assert answer.status_code == 202, answer.text
    return str(answer.headers["Location"])


def _told(server: Server, address: str) -> dict[str, Any]:
    with server.client("ZRZY") as client:
        return dict(client.get(address).json())


def _kind(hear: Callable[[str, int, JobRun], None]) -> JobKind:
    """The search, of which somebody hears how far it is."""

    def run(run: JobRun) -> dict[str, Any]:
        def tell(phase: str, done: int) -> None:
            run.tell(phase, done)
            hear(phase, done, run)

        return SITE_SEARCH.run(replace(run, tell=tell))

    return replace(SITE_SEARCH, run=run)


def held(windows: int) -> JobKind:
    """The search, which stops for as long as it may when so many windows are searched."""

    def hold(phase: str, done: int, run: JobRun) -> None:
        while phase.startswith("search") and done >= windows:
            time.sleep(0.05)
            run.tell(phase, done)

    return _kind(hold)


def _until(server: Server, address: str, condition: Callable[[dict[str, Any]], Any]) -> dict[str, Any]:
    end = time.monotonic() + 60
    while not condition(job := _told(server, address)):
        assert time.monotonic() < end, job
        time.sleep(0.1)
    return job


def test_what_is_found_shows_while_it_is_searched_and_stays_where_it_is_cancelled(searched: Server):
    address = _ask(searched)
    thread = threading.Thread(target=Worker(searched.edge, [held(9)]).run_one)
    thread.start()

    job = _until(searched, address, lambda job: job["so_far"] and job["features_done"] >= 9)
    with searched.client("ZRZY") as client:
        client.post(f"{address}/cancel")
    thread.join(timeout=30)

    assert (job["state"], job["result"]) == ("running", None)
    first = job["so_far"]["sites"][0]
    assert shapely.geometry.shape(first["site"]).centroid.x > 123.05, "the block with most room came first"
    ended = _told(searched, address)
    found = ended["so_far"]
    assert (ended["state"], ended["result"]) == ("cancelled", None)
    assert found["sites"] and found["sites"][0] == first
    assert (found["is_finished"], found["tiles"]) == (False, 16)
    assert 8 <= found["windows_done"] < 16
    assert "查找尚未完成" in found["method"] and "is not finished" in found["method"]
    with searched.client("LCJ") as client:
        assert client.get(address).status_code == 404
    with seeing(KEEPER), Session(searched.edge.engine) as session:
        read = session.scalars(select(AuditEntry).where(AuditEntry.act == "read_layer")).all()
    number = address.rsplit("/", 1)[1]
    assert ["NOISE"] in [
        entry.after["layers"] for entry in read if (entry.kind, entry.thing) == ("job", number)
    ]


def test_another_worker_goes_on_where_the_first_was_lost_and_finds_the_same_once(searched: Server):
    whole, address = _ask(searched), _ask(searched)
    assert Worker(searched.edge, KINDS).run_one()
    stopping = threading.Event()
    first = Worker(searched.edge, [held(9)], stopping=stopping)
    thread = threading.Thread(target=first.run_one)
    thread.start()
    _until(searched, address, lambda job: job["so_far"] and job["features_done"] >= 9)
    time.sleep(1.5)  # a beat: what is to be kept is kept
    stopping.set()
    thread.join(timeout=30)
    heard: list[tuple[str, int]] = []

    assert Worker(searched.edge, [_kind(lambda phase, done, _run: heard.append((phase, done)))]).run_one()

    job = _told(searched, address)
    assert (job["state"], job["attempts"], job["so_far"]) == ("done", 2, None)
    searched_again = [done for phase, done in heard if phase.startswith("search")]
    assert min(searched_again, default=16) >= 8, "the first block is not searched again"
    assert not any(phase.startswith("blocks") for phase, _ in heard)
    alone = _told(searched, whole)["result"]
    assert [site["site"] for site in job["result"]["sites"]] == [site["site"] for site in alone["sites"]]
    assert {**job["result"], "sites": None} == {**alone, "sites": None} | {
        "free_m2": pytest.approx(alone["free_m2"])
    }


def test_ctrl_c_at_the_console_leaves_what_was_found_and_says_that_it_is_not_all(
    searched: Server, command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    def interrupted(*given: Any, tell: Callable[[str, int], None], **more: Any) -> Search:
        def told(phase: str, done: int) -> None:
            tell(phase, done)
            if phase.startswith("search") and done >= 9:
                raise KeyboardInterrupt

        return find_sites(*given, tell=told, **more)

    monkeypatch.setattr("service.commands.siting.find_sites", interrupted)
    area, output = tmp_path / "area.geojson", tmp_path / "sites.geojson"
    area.write_text(json.dumps(shapely.geometry.mapping(at_origin(GROUND))), encoding="utf-8")

    ended = command("find-site", area, "--area-ha", "2", "--crs", "EPSG:4550", "--output", output)

    assert ended.status == 130
    assert "查找尚未完成" in ended.out
    assert json.loads(output.read_text(encoding="utf-8"))["features"]
