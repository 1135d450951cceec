"""Long work as jobs: asked for over HTTP, done once whatever dies, cancelled without a trace, told how far it is."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import fields, replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import shapely
from sqlalchemy import select, text, update
from sqlalchemy.orm import Session

from blueprint.errors import ConflictError, NotPermittedError, UnavailableError
from blueprint.jobs import queue
from blueprint.jobs.kinds import JobKind, JobRun
from blueprint.jobs.models import Job
from blueprint.jobs.spool import waiting_file
from blueprint.jobs.worker import Worker
from blueprint.layers.cell import cell
from blueprint.layers.confinement import Bounds
from blueprint.layers.storing import Upload
from blueprint.layers.upload_job import upload_from_json, upload_to_json
from blueprint.permissions import Act, Actor, Role, Sensitivity, Thing, at_console, may
from service.commands.worker import working
from service.job_kinds import KINDS
from service.settings import read_settings
from tests import badfiles
from tests.badfiles import LON, geojson, lonlat_square, polygon
from tests.conftest import TestServer
from tests.service.conftest import Command, Server, define_plan

PLAN = {
    "code": "PLAN", "title": "规划", "department": "ZRZY", "geometry": "polygon", "control": "restrict"
}  # fmt: skip
ASYNC = {"Prefer": "respond-async"}
CONSOLE = at_console("test")
THING = Thing("ZRZY", Sensitivity.PUBLIC, "PLAN")


@pytest.fixture
def with_tables(running: Server, server: TestServer) -> None:
    """The service's role may make tables, for traces that are easily looked for."""
    url = running.edge.engine.url
    with server.administer(str(url.database)) as connection:
        connection.exec_driver_sql(f'GRANT CREATE ON SCHEMA blueprint TO "{url.username}"')


def _upload(server: Server, content: bytes, *, department: str = "ZRZY", **fields_: str) -> Any:
    with server.client(department) as client:
        client.post("/api/layers", json=PLAN)
        return client.post(
            "/api/layers/PLAN/versions",
            files={"file": ("plan.geojson", content)},
            data=fields_,
            headers=ASYNC,
        )


def _job(server: Server, number: int) -> dict[str, Any]:
    with server.client("ZRZY") as client:
        answer = client.get(f"/api/jobs/{number}")
        assert answer.status_code == 200, answer.text
        return dict(answer.json())


def _put_in(server: Server, kind: JobKind, *, key: str | None = None) -> int:
    with Session(server.edge.engine) as session, session.begin():
        job = queue.put_in(session, kind, THING, {}, actor=CONSOLE, now=server.edge.now(), key=key)
        return job.id


def _kind(run: Callable[[JobRun], dict[str, Any]]) -> JobKind:
    return JobKind("made_up", Act.UPLOAD_VERSION, run)


def _count(server: Server, table: str) -> int:
    with Session(server.edge.engine) as session:
        return int(session.scalar(text(f"SELECT count(*) FROM blueprint.{table}")) or 0)


def test_a_small_file_is_stored_before_the_answer(running: Server):
    with running.client("ZRZY") as client:
        client.post("/api/layers", json=PLAN)
        answer = client.post("/api/layers/PLAN/versions", files={"file": ("a.geojson", badfiles.good())})

    assert answer.status_code == 201
    assert answer.json()["number"] == 1


def test_a_file_of_more_than_the_limit_is_answered_with_a_job(
    running: Server, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("blueprint.layers.upload_answer.LARGE_BYTES", 100)
    with running.client("ZRZY") as client:
        client.post("/api/layers", json=PLAN)
        answer = client.post("/api/layers/PLAN/versions", files={"file": ("a.geojson", badfiles.good())})

    assert answer.status_code == 202


def test_an_upload_that_prefers_so_is_a_job_that_a_worker_does(running: Server):
    answer = _upload(running, badfiles.good(), in_force_from="2026-11-23")

    assert answer.status_code == 202
    job = answer.json()
    assert answer.headers["Location"] == f"/api/jobs/{job['id']}"
    assert (job["state"], job["attempts"], job["bytes_total"]) == ("waiting", 0, len(badfiles.good()))
    assert _count(running, "layer_version") == 0
    (spooled,) = _waits(running)
    assert (running.edge.scratch / "waiting" / spooled).read_bytes() == badfiles.good()

    assert Worker(running.edge, KINDS).run_one()

    job = _job(running, job["id"])
    assert (job["state"], job["result"]) == ("done", {"layer": "PLAN", "version": 1, "features": 1})
    with running.client("ZRZY") as client:
        version = client.get("/api/layers/PLAN/versions/1").json()
        assert (version["source_name"], version["periods"][0]["starts_on"]) == ("plan.geojson", "2026-11-23")
        assert client.get("/api/jobs?layer=PLAN").json()["items"][0]["id"] == job["id"]
        for asked in ("layer=PLAN&unfinished=true", "layer=OTHER"):
            assert client.get(f"/api/jobs?{asked}").json()["items"] == []
    assert not (running.edge.scratch / "waiting" / spooled).exists()
    assert not Worker(running.edge, KINDS).run_one()


def test_a_worker_removes_what_killed_processes_left_and_nothing_that_is_in_use(
    running: Server, tmp_path: Path
):
    scratch = tmp_path / "scratch"
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    for name in ("upload-killed", "features-killed", "upload-new", "of-another", "waiting"):
        (scratch / name).mkdir(parents=True)
        (scratch / name / "part").write_bytes(b"x")
    (scratch / "waiting" / "new").write_bytes(b"x")
    (scratch / "upload-link").symlink_to(elsewhere)
    days_ago = time.time() - 2 * 86_400
    for name in ("upload-killed", "features-killed", "of-another", "waiting/part", "upload-link"):
        os.utime(scratch / name, (days_ago, days_ago))

    assert Worker(replace(running.edge, scratch=scratch), KINDS).sweep() == 3

    left = {path.relative_to(scratch).as_posix() for path in scratch.rglob("*") if path.is_file()}
    assert left == {"upload-new/part", "of-another/part", "waiting/new"}
    assert elsewhere.is_dir()


def _waits(server: Server) -> set[str]:
    with Session(server.edge.engine) as session:
        return queue.names_of_files(session)


def test_what_the_uploader_says_comes_whole_to_the_worker():
    values = {"crs": "EPSG:4490", "sublayer": "a", "encoding": "GB18030", "valid_until": date(2030, 1, 1)}
    upload = Upload(
        actor=CONSOLE,
        coverage=shapely.MultiPolygon([shapely.box(0, 0, 1, 1)]),
        mapping={"YDYHFLDM": "day", "day": "用地代码"},
        **values,  # type: ignore[arg-type]
    )

    again = upload_from_json(upload_to_json(upload), CONSOLE)

    assert all(getattr(again, field.name) == getattr(upload, field.name) for field in fields(Upload))


SPIKE = [
    (0, 0),
    (0.001, 0),
    (0.001, 0.001),
    (0.0005, 0.001),
    (0.0005, 0.002),
    (0.0005, 0.001),
    (0, 0.001),
    (0, 0),
]
MENDED = geojson(polygon([[LON + east, badfiles.LAT + north] for east, north in SPIKE]))
"""A square with a spike of no width, which is mended: a warning."""


def test_warnings_keep_the_draft_of_a_job_out_of_force_until_somebody_confirms_them(running: Server):
    spiked = _upload(running, MENDED, in_force_from="2026-11-23").json()["id"]
    Worker(running.edge, KINDS).run_one()
    confirmed = _upload(running, MENDED, in_force_from="2026-11-23", confirm_warnings="核对过").json()["id"]
    Worker(running.edge, KINDS).run_one()

    assert "1 warnings" in _job(running, spiked)["result"]["not_in_force"]
    assert "not_in_force" not in _job(running, confirmed)["result"]
    with running.client("ZRZY") as client:
        first, second = client.get("/api/layers/PLAN/versions").json()["items"]
    assert (first["state"], first["warning_count"], first["warnings_reason"]) == ("draft", 1, None)
    assert (second["state"], second["warnings_reason"]) == ("in_force", "核对过")


def test_a_file_that_is_refused_ends_its_job_with_the_sentence(running: Server):
    number = _upload(running, geojson()).json()["id"]

    Worker(running.edge, KINDS).run_one()

    job = _job(running, number)
    assert job["state"] == "failed"
    assert "0 features" in job["error"]
    assert _count(running, "layer_version") == 0


def test_who_may_not_do_what_a_job_does_neither_puts_it_in_nor_sees_nor_cancels_it(running: Server):
    stranger = Actor("水利局", "SLJ", frozenset({Role.ANYONE, Role.DEPARTMENT}))
    operator = Actor("账户", None, frozenset({Role.ANYONE, Role.OPERATOR}))
    for kind in KINDS:
        # Some acts are every department's; none of them is an operator's of accounts.
        refused = operator if may(stranger, kind.act, THING) else stranger
        with Session(running.edge.engine) as session, pytest.raises(NotPermittedError):
            queue.put_in(session, kind, THING, {}, actor=refused, now=running.edge.now())
    number = _upload(running, badfiles.good()).json()["id"]

    others = next(d for d in running.tokens if d not in ("ZRZY",))
    with running.client(others) as client:
        assert client.get(f"/api/jobs/{number}").status_code == 404
        assert client.post(f"/api/jobs/{number}/cancel").status_code == 404
        assert client.get("/api/jobs").json()["items"] == []
    with running.client() as client:
        assert client.get("/api/jobs").status_code == 401


def test_a_job_that_waits_is_cancelled_at_once_and_once(running: Server):
    number = _upload(running, badfiles.good()).json()["id"]
    with Session(running.edge.engine) as session:
        job = session.get_one(Job, number)
        file = waiting_file(job.arguments["spooled"], scratch=running.edge.scratch)
        job.kept = {"of": "an attempt that was lost"}
        session.commit()
    with running.client("ZRZY") as client:
        first = client.post(f"/api/jobs/{number}/cancel")
        second = client.post(f"/api/jobs/{number}/cancel")

    assert (first.status_code, first.json()["state"]) == (200, "cancelled")
    assert second.status_code == 409
    assert not Worker(running.edge, KINDS).run_one()
    assert not file.exists()
    with Session(running.edge.engine) as session:
        assert session.scalar(select(Job.kept).where(Job.id == number)) is None


@pytest.mark.usefixtures("with_tables")
def test_a_running_job_is_cancelled_in_the_midst_of_a_statement_and_leaves_nothing(running: Server):
    begun = threading.Event()

    def run(run: JobRun) -> dict[str, Any]:
        run.session.execute(text("CREATE TABLE blueprint.trace ()"))
        begun.set()
        run.session.execute(text("SELECT pg_sleep(60)"))
        return {}

    number = _put_in(running, _kind(run))
    thread = threading.Thread(target=Worker(running.edge, [_kind(run)]).run_one)
    thread.start()
    assert begun.wait(10)
    started = time.monotonic()
    with running.client("ZRZY") as client:
        assert client.post(f"/api/jobs/{number}/cancel").json()["state"] == "running"
    thread.join(timeout=20)

    assert time.monotonic() - started < 10
    assert _job(running, number)["state"] == "cancelled"
    with Session(running.edge.engine) as session:
        assert session.scalar(text("SELECT to_regclass('blueprint.trace')")) is None


def test_a_cancelled_job_does_not_wait_for_the_child_that_reads_its_file(running: Server, tmp_path: Path):
    begun = threading.Event()

    def run(_: JobRun) -> dict[str, Any]:
        with cell(
            "tests.blueprint.layers.probe",
            {"do": "hang"},
            folder=tmp_path,
            skipped_drivers="",
            bounds=Bounds(),
        ) as child:
            begun.set()
            child.wait()
        return {}

    number = _put_in(running, _kind(run))
    thread = threading.Thread(target=Worker(running.edge, [_kind(run)]).run_one)
    thread.start()
    assert begun.wait(20)
    with running.client("ZRZY") as client:
        client.post(f"/api/jobs/{number}/cancel")
    thread.join(timeout=10)

    assert not thread.is_alive()
    assert _job(running, number)["state"] == "cancelled"


def test_a_job_tells_how_far_it_is_without_a_write_for_every_feature(running: Server):
    seen: list[dict[str, Any]] = []

    def run(run: JobRun) -> dict[str, Any]:
        for done in range(100_000):
            run.tell("copy", done)
        time.sleep(2.5)
        seen.append(_job(running, number))
        return {}

    number = _put_in(running, _kind(run))
    Worker(running.edge, [_kind(run)]).run_one()

    assert (seen[0]["phase"], seen[0]["features_done"]) == ("copy", 99_999)
    with Session(running.edge.engine) as session:
        # xmin tells the last write; the row was written when put in, taken up, at the beats and at the end.
        writes = session.scalar(
            text("SELECT n_tup_upd FROM pg_stat_user_tables WHERE relid = 'blueprint.job'::regclass")
        )
    assert (writes or 0) < 20


@pytest.mark.usefixtures("with_tables")
def test_two_workers_do_every_job_once(running: Server):
    def run(run: JobRun) -> dict[str, Any]:
        run.session.execute(text("INSERT INTO blueprint.did DEFAULT VALUES"))
        return {}

    with Session(running.edge.engine) as session, session.begin():
        session.execute(text("CREATE TABLE blueprint.did (number serial)"))
    for _ in range(30):
        _put_in(running, _kind(run))

    def work() -> None:
        worker = Worker(running.edge, [_kind(run)])
        while worker.run_one():
            pass

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)

    assert _count(running, "did") == 30


@pytest.mark.usefixtures("with_tables")
def test_a_worker_that_was_held_dead_changes_nothing_when_it_comes_back(running: Server):
    taken_by_another: list[bool] = []

    def run(run: JobRun) -> dict[str, Any]:
        run.session.execute(text("CREATE TABLE blueprint.trace ()"))
        with Session(running.edge.engine) as other, other.begin():
            other.execute(update(Job).values(lease_until=text("now() - interval '1 second'")))
            job = queue.take_up(other, ["made_up"], worker="another")
            taken_by_another.append(job is not None and job.attempts == 2)
        return {}

    number = _put_in(running, _kind(run))
    Worker(running.edge, [_kind(run)]).run_one()

    assert taken_by_another == [True]
    job = _job(running, number)
    assert (job["state"], job["attempts"]) == ("running", 2)
    with Session(running.edge.engine) as session:
        assert session.scalar(text("SELECT to_regclass('blueprint.trace')")) is None


def test_a_worker_that_is_told_to_stop_gives_its_job_back(running: Server):
    stopping = threading.Event()

    def run(run: JobRun) -> dict[str, Any]:
        stopping.set()
        run.tell("copy", 1)
        raise AssertionError("told to stop, and went on")

    number = _put_in(running, _kind(run))
    Worker(running.edge, [_kind(run)], stopping=stopping).run_one()

    assert _job(running, number)["state"] == "waiting"


def test_what_is_away_for_the_moment_is_tried_again_and_given_up_in_the_end(running: Server):
    def run(_: JobRun) -> dict[str, Any]:
        raise UnavailableError("away")

    number = _put_in(running, _kind(run))
    worker = Worker(running.edge, [_kind(run)])
    for _ in range(queue.MAX_FAILURES):
        assert worker.run_one()
        assert _job(running, number)["state"] == "waiting"
        assert not worker.run_one(), "it waits a moment first"
        with Session(running.edge.engine) as session, session.begin():
            session.execute(update(Job).values(not_before=None))
    assert worker.run_one()

    job = _job(running, number)
    assert (job["state"], "given up" in job["error"]) == ("failed", True)


def test_a_fault_of_ours_ends_the_job_and_not_the_worker(running: Server):
    def run(_: JobRun) -> dict[str, Any]:
        raise ZeroDivisionError

    number = _put_in(running, _kind(run))
    Worker(running.edge, [_kind(run)]).run_one()

    job = _job(running, number)
    assert (job["state"], "log" in job["error"]) == ("failed", True)


def test_a_key_is_under_way_once(running: Server):
    kind = _kind(lambda _: {})
    _put_in(running, kind, key="the same")

    with pytest.raises(ConflictError, match="job 1 does the same"):
        _put_in(running, kind, key="the same")

    Worker(running.edge, [kind]).run_one()
    assert _put_in(running, kind, key="the same")


def test_a_waiting_file_that_is_gone_is_said(running: Server):
    number = _upload(running, badfiles.good()).json()["id"]
    for name in _waits(running):
        (running.edge.scratch / "waiting" / name).unlink()

    Worker(running.edge, KINDS).run_one()

    assert "gone" in _job(running, number)["error"]


@contextmanager
def _worker_process(database_url: str) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(
        [sys.executable, "-c", "from service.cli import main; main()", "worker"],
        env=os.environ | {"DATABASE_URL": database_url},
        stderr=subprocess.DEVNULL,
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def _until(condition: Callable[[], bool], *, seconds: float = 60.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not come about"
        time.sleep(0.05)


@pytest.mark.timeout(180)
def test_a_killed_worker_leaves_nothing_half_done_and_another_does_its_job_once(
    running: Server, fresh_database: str
):
    content = geojson(
        *[polygon(lonlat_square(LON + 0.00002 * (n % 500), side=0.00001)) for n in range(20_000)]
    )
    number = _upload(running, content).json()["id"]
    with _worker_process(fresh_database) as process:
        _until(lambda: _job(running, number)["state"] == "running")
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert _count(running, "layer_version") == 0
    assert _job(running, number)["state"] == "running", "nobody knows yet that it is dead"
    with Session(running.edge.engine) as session, session.begin():
        session.execute(update(Job).values(lease_until=text("now()")))  # half a minute later

    assert Worker(running.edge, KINDS).run_one()

    job = _job(running, number)
    assert (job["state"], job["attempts"]) == ("done", 2)
    assert _count(running, "layer_version") == 1
    assert _count(running, "feature") == 20_000


def test_jobs_on_the_command_line(command: Command, tmp_path: Path, running: Server):
    path = tmp_path / "plan.geojson"
    path.write_bytes(badfiles.good())
    define_plan(command)

    put_in = command("layer", "upload", "PLAN", path, "--background", "--in-force")
    assert put_in.status == 0
    assert "job 1" in put_in.err
    Worker(running.edge, KINDS).run_one()

    shown = command("job", "show", "1", "--follow", "--format", "json")
    assert shown.status == 0
    assert shown.json["state"] == "done"  # type: ignore[index]
    assert command("job", "cancel", "1").status == 1
    assert "上传" in command("job", "list").out and "状态 state" in command("job", "show", "1").out
    assert [job["id"] for job in command("job", "list", "--format", "json").json] == [1]  # type: ignore[attr-defined]
    assert command("layer", "versions", "PLAN", "--format", "json").json[0]["state"] == "in_force"  # type: ignore[index]
    assert command("job", "show", "99").status == 2


def test_what_puts_in_and_cancels_is_in_the_audit_log(running: Server):
    number = _upload(running, badfiles.good()).json()["id"]
    with running.client("ZRZY") as client:
        client.post(f"/api/jobs/{number}/cancel")

    with Session(running.edge.engine) as session:
        acts = session.scalars(
            text("SELECT act FROM blueprint.audit_entry WHERE kind = 'job' ORDER BY seq")
        ).all()
    assert acts == ["put_in_job", "cancel_job"]


@pytest.mark.timeout(120)
def test_the_worker_beside_the_service_is_started_again_when_it_is_killed(
    running: Server, fresh_database: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("DATABASE_URL", fresh_database)
    workers: list[str] = []
    with working(read_settings()):
        for _ in range(2):
            number = _upload(running, badfiles.good()).json()["id"]
            _until(lambda number=number: _job(running, number)["state"] == "done")  # type: ignore[misc]
            with Session(running.edge.engine) as session:
                workers.append(session.get_one(Job, number).worker or "")
            os.kill(int(workers[-1].rsplit(" ", 1)[1]), signal.SIGKILL)

    assert len(set(workers)) == 2
    assert _count(running, "layer_version") == 2
