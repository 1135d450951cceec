"""Backup and restore on real clusters: what went in comes out, a bad file touches nothing, the old database stays until the end."""

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import create_engine, make_url, text
from sqlalchemy.orm import Session
from sqlalchemy.pool import NullPool

from blueprint import cluster
from blueprint.audit.log import record
from blueprint.audit.verification import verify
from blueprint.city import City
from blueprint.cluster import databases
from blueprint.permissions import Actor
from service import cli
from service.archive import reading
from service.backup import back_up, keeper_engine
from service.setup import initialise
from tests.conftest import CITY_PROFILE
from tests.service.conftest import Result

Run = Callable[..., Result]


@dataclass(frozen=True)
class Home:
    """A home with a private cluster of its own."""

    path: Path
    run: Run

    def ask(self, question: str) -> object:
        """Ask the database as its owner, on all rows."""
        with keeper_engine(cluster.owner_url(self.path)).connect() as connection:
            return connection.scalar(text(question))

    def define(self, code: str) -> None:
        """Define a layer, which is also an entry of the log."""
        what = ("--title", code, "--department", "ZRZY", "--geometry", "polygon", "--control", "inform")
        assert self.run("layer", "define", code, *what).status == 0

    def layers(self) -> object:
        """The codes of the layers."""
        return self.ask("SELECT string_agg(code, ' ' ORDER BY code) FROM blueprint.layer")

    def tamper(self, statement: str) -> None:
        """Do to the database what only its superuser can."""
        url = make_url(cluster.admin_url(self.path)).set(database="blueprint")
        with create_engine(url, poolclass=NullPool).begin() as connection:
            connection.execute(text("SET LOCAL session_replication_role = replica"))
            connection.execute(text(statement))


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    path = Path("/var/tmp") / f"blueprint-backup-{os.getpid()}-{time.monotonic_ns()}"
    path.mkdir(mode=0o755)
    (path / "home").mkdir(mode=0o755)
    cluster.ensure_running(path / "home", durable=False)
    yield path
    for home in path.iterdir():
        if (home / "cluster").exists():
            cluster.remove(home)
    shutil.rmtree(path)


@pytest.fixture
def home(folder: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Home:
    """The module's home, its database empty of ours."""
    path = folder / "home"
    monkeypatch.delenv("DATABASE_URL", raising=False)
    monkeypatch.delenv("DATABASE_OWNER_URL", raising=False)
    monkeypatch.setenv("BLUEPRINT_HOME", str(path))
    monkeypatch.setenv("BLUEPRINT_CITY", str(CITY_PROFILE))
    monkeypatch.setenv("COLUMNS", "400")
    name, _, _ = databases.make_beside(path)
    databases.put_in_place(path, name, of=cluster.ensure_running(path, durable=False))
    for left in (*path.glob("audit-anchors*"), *path.glob("*.tar")):
        left.unlink()
    shutil.rmtree(path / "objects", ignore_errors=True)

    def run(*arguments: str | Path) -> Result:
        capfd.readouterr()
        status = cli.run([str(argument) for argument in arguments])
        captured = capfd.readouterr()
        return Result(status, captured.out, captured.err)

    return Home(path, run)


def test_what_was_backed_up_comes_back_with_its_log_and_its_objects(home: Home, tmp_path: Path):
    home.define("A")
    (home.path / "objects" / "ab").mkdir(parents=True)
    (home.path / "objects" / "ab" / "abcd").write_bytes(b"a raster")
    assert home.run("audit-log", "anchor").status == 0
    file = tmp_path / "b.tar"

    assert home.run("database", "backup", file).status == 0
    home.define("B")
    assert home.run("audit-log", "anchor").status == 0
    shutil.rmtree(home.path / "objects")
    refused = home.run("database", "restore", file)
    assert (refused.status, home.layers()) == (2, "A B")
    assert "--yes" in refused.err
    restored = home.run("database", "restore", file, "--yes")

    assert restored.status == 0, restored.err
    assert "the log holds" in restored.out
    assert home.layers() == "A"
    assert (home.path / "objects" / "ab" / "abcd").read_bytes() == b"a raster"
    assert home.run("audit-log", "verify").status == 0
    assert home.ask("SELECT string_agg(act, ' ' ORDER BY seq) FROM blueprint.audit_entry") == (
        "define_layer back_up_database restore_database"
    )
    # The log tells where the one ended that it replaced, and the anchor after the backup is put aside.
    assert home.ask("SELECT before ->> 'audit_seq' FROM blueprint.audit_entry WHERE seq = 3") == "4"
    assert len(list(home.path.glob("audit-anchors-blueprint-before-restore-*"))) == 1
    assert home.ask("SELECT count(*) FROM pg_database WHERE datname LIKE 'blueprint%'") == 1
    # The service's role is let in again, by its own key, and the equal-area projection is there.
    assert home.run("layer", "list").status == 0
    assert (
        home.ask("SELECT blueprint.ellipsoid_m2(ST_MakeEnvelope(530000, 4540000, 531000, 4541000, 4550)) > 0")
        is True
    )
    home.define("C")

    home.tamper("UPDATE blueprint.audit_entry SET actor = 'nobody' WHERE seq = 2")
    found = home.run("audit-log", "verify")
    assert found.status == 1
    assert "entry 2" in found.err


def test_an_existing_file_is_replaced_only_when_that_is_said(home: Home, tmp_path: Path):
    home.define("A")
    file = tmp_path / "b.tar"
    file.write_text("mine")

    assert home.run("database", "backup", file).status == 2
    assert file.read_text() == "mine"
    assert home.run("database", "backup", file, "--yes").status == 0
    assert [path.name for path in tmp_path.iterdir()] == ["b.tar"]
    assert file.stat().st_mode & 0o077 == 0
    assert home.run("database", "backup", tmp_path / "no such folder" / "b.tar").status == 2


def test_a_file_that_is_no_whole_backup_touches_nothing(home: Home, tmp_path: Path):
    home.define("A")
    whole = tmp_path / "b.tar"
    assert home.run("database", "backup", whole).status == 0
    content = whole.read_bytes()
    middle = content.index(b"PGDMP") + 2000
    bad = {
        "empty": (b"", "no backup"),
        "text": (b"hello" * 1000, "no backup"),
        "cut in the dump": (content[: len(content) // 2], "cut off"),
        "cut at the end": (content[:-4096], "cut off"),
        "one bit": (content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :], "damaged"),
    }
    for name, (bytes_, told) in bad.items():
        file = tmp_path / name
        file.write_bytes(bytes_)
        result = home.run("database", "restore", file, "--yes")
        assert result.status == 2, name
        assert told in result.err and "Traceback" not in result.err, (name, result.err)
    assert home.run("database", "restore", tmp_path / "not there", "--yes").status == 2
    assert home.layers() == "A"
    assert home.ask("SELECT count(*) FROM blueprint.audit_entry WHERE act = 'restore_database'") == 0


def test_another_citys_backup_is_refused(home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    home.define("A")
    file = tmp_path / "b.tar"
    assert home.run("database", "backup", file).status == 0
    other = tmp_path / "city.toml"
    other.write_text('name = "别的市"\nadministrative_code = "210400"\nworking_crs = "EPSG:4550"\n')
    monkeypatch.setenv("BLUEPRINT_CITY", str(other))

    result = home.run("database", "restore", file, "--yes")

    assert result.status == 1
    assert "鞍山市" in result.err and "别的市" in result.err
    assert home.layers() == "A"


def test_a_tampered_log_is_not_restored_unless_that_is_said(home: Home, tmp_path: Path):
    home.define("A")
    home.define("B")
    home.tamper("UPDATE blueprint.audit_entry SET actor = 'nobody' WHERE seq = 1")
    file = tmp_path / "b.tar"
    assert home.run("database", "backup", file).status == 0
    home.define("C")

    refused = home.run("database", "restore", file, "--yes")
    assert refused.status == 1
    assert "entry 1" in refused.err
    assert home.layers() == "A B C"
    accepted = home.run("database", "restore", file, "--yes", "--accept-broken-log")
    assert accepted.status == 1
    assert "tampered" in accepted.err
    assert home.layers() == "A B"


def test_an_interrupted_restore_leaves_the_old_database_and_the_next_one_tidies_up(
    home: Home, tmp_path: Path
):
    home.define("A")
    file = tmp_path / "b.tar"
    assert home.run("database", "backup", file).status == 0
    home.define("B")
    program = Path(sys.executable).parent / "blueprint"
    process = subprocess.Popen([program, "database", "restore", file, "--yes"], start_new_session=True)
    beside = "SELECT count(*) FROM pg_database WHERE datname LIKE 'blueprint_restoring_%'"
    while not home.ask(beside):
        assert process.poll() is None
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()

    assert home.layers() == "A B"
    assert home.run("audit-log", "verify").status == 0
    assert home.run("database", "restore", file, "--yes").status == 0
    assert home.layers() == "A"
    assert home.ask(beside) == 0


def test_a_backup_under_write_load_is_of_one_moment(home: Home, city: City, tmp_path: Path):
    home.define("A")
    owner, stop = cluster.owner_url(home.path), threading.Event()

    def write() -> None:
        engine, number = keeper_engine(owner), 0
        while not stop.is_set():
            with Session(engine) as session, session.begin():
                # One act, two places: a layer and its entry are in the backup together or not at all.
                session.execute(
                    text("UPDATE blueprint.layer SET title = :title WHERE code = 'A'"), {"title": str(number)}
                )
                record(session, Actor("writer"), "rename", kind="layer", id="A", after={"title": str(number)})
            number += 1

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for _ in range(200):
            if home.ask("SELECT count(*) > 5 FROM blueprint.audit_entry"):
                break
            time.sleep(0.05)
        file = tmp_path / "b.tar"
        back_up(
            file, url=owner, programs=cluster.programs_of(home.path), objects=home.path / "objects",
            actor=Actor("operator"), now=datetime.now(UTC), progress=lambda _: None,
        )  # fmt: skip
    finally:
        stop.set()
        writer.join()

    assert home.run("database", "restore", file, "--yes").status == 0
    title = home.ask("SELECT title FROM blueprint.layer WHERE code = 'A'")
    last = home.ask(
        "SELECT after ->> 'title' FROM blueprint.audit_entry WHERE act = 'rename' ORDER BY seq DESC LIMIT 1"
    )
    assert title == last
    with Session(keeper_engine(owner)) as session:
        assert verify(session).holds


def test_a_log_that_was_retired_in_part_is_restored_with_its_checkpoint(home: Home, tmp_path: Path):
    home.define("A")
    home.define("B")
    home.tamper(
        "UPDATE blueprint.audit_entry SET at = at - interval '1 year';"
        " UPDATE blueprint.audit_entry SET hash = blueprint.audit_hash(audit_entry) WHERE seq = 1;"
        " UPDATE blueprint.audit_entry SET previous = (SELECT hash FROM blueprint.audit_entry WHERE seq = 1) WHERE seq = 2;"
        " UPDATE blueprint.audit_entry SET hash = blueprint.audit_hash(audit_entry) WHERE seq = 2"
    )
    assert home.run("audit-log", "verify").status == 0
    day = f"{datetime.now(UTC).year}-01-01"
    assert home.run("audit-log", "retire", tmp_path / "old.ndjson", "--before", day, "--yes").status == 0
    file = tmp_path / "b.tar"

    assert home.run("database", "backup", file).status == 0
    assert home.run("database", "restore", file, "--yes").status == 0

    assert home.ask("SELECT max(seq) FROM blueprint.audit_checkpoint") == 2
    assert home.ask("SELECT min(seq) FROM blueprint.audit_entry") == 3
    assert home.run("audit-log", "verify").status == 0


def test_a_restore_waits_for_no_running_service(home: Home, tmp_path: Path):
    home.define("A")
    file = tmp_path / "b.tar"
    assert home.run("database", "backup", file).status == 0
    url = make_url(cluster.ensure_running(home.path)).render_as_string(hide_password=False)
    engine = create_engine(url, connect_args={"application_name": "blueprint 1 service"})
    with engine.connect() as connection:
        connection.execute(text("SELECT 1"))
        result = home.run("database", "restore", file, "--yes")
    engine.dispose()

    assert result.status == 1
    assert "stop the service" in result.err


def test_on_a_server_of_ones_own_only_an_empty_database_is_filled(
    home: Home, empty_database: str, city: City, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    home.define("A")
    file = tmp_path / "b.tar"
    assert home.run("database", "backup", file).status == 0
    monkeypatch.setenv("DATABASE_URL", empty_database)

    assert home.run("database", "restore", file).status == 0
    with keeper_engine(empty_database).connect() as connection:
        assert connection.scalar(text("SELECT code FROM blueprint.layer")) == "A"
    again = home.run("database", "restore", file, "--yes")
    assert again.status == 1
    assert "left as it is" in again.err
    status = home.run("database", "status", "--format", "json")
    assert str(status.json["second_wall"]).startswith("half")  # type: ignore[index]
    copy = tmp_path / "c.tar"
    assert home.run("database", "backup", copy).status == 0
    with reading(copy) as archive:
        archive.prove(lambda _: None)
    initialise(empty_database, city)
