"""Publication is atomic: whoever reads sees the whole old version or the whole new one; a full disk leaves nothing."""

import os
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from sqlalchemy import create_engine, make_url, text
from sqlalchemy.orm import Session
from sqlalchemy.pool import NullPool

from blueprint.city import City
from blueprint.database import make_engine
from blueprint.layers.catalogue import LayerDefinition, define_layer
from blueprint.layers.features_file import features_folder
from blueprint.layers.publication import bring_into_force
from blueprint.layers.reading import staged
from blueprint.layers.storing import Upload, store_version
from blueprint.permissions import at_console
from blueprint.quality.check import NOTHING_FOUND
from blueprint.snapshot import take_snapshot
from service.settings import Settings
from tests import badfiles
from tests.badfiles import LON, geojson, lonlat_square, polygon
from tests.conftest import TestServer
from tests.service.conftest import Command, define_plan

NOW = datetime(2026, 11, 23, tzinfo=UTC)
TODAY = date(2026, 11, 23)
DEFINITION = LayerDefinition(
    code="PLAN", title="规划", department="ZRZY", geometry="polygon", control="restrict"
)


def _store(session: Session, city: City, path: Path, *, die: threading.Event | None = None) -> None:
    layer, _ = define_layer(session, DEFINITION, city=city, actor=at_console("t"))

    def progress(step: str, count: int) -> None:
        if die is not None and step == "cut" and count > 0:
            die.set()
            raise KeyboardInterrupt

    with (
        path.open("rb") as stream,
        staged(stream, path.name, scratch=Settings().scratch) as file,
        features_folder(Settings().scratch) as folder,
    ):
        version = store_version(
            session,
            layer,
            file,
            Upload(actor=at_console("t")),
            city=city,
            now=NOW,
            folder=folder,
            progress=progress,
        )
    version.checked_at, version.issue_counts = NOW, NOTHING_FOUND
    bring_into_force(session, version, starts_on=TODAY, actor=at_console("t"), now=NOW)


def test_readers_see_the_old_version_until_the_new_one_is_whole(
    fresh_database: str, city: City, tmp_path: Path
):
    engine = make_engine(fresh_database)
    old, new = tmp_path / "old.geojson", tmp_path / "new.geojson"
    old.write_bytes(badfiles.good())
    new.write_bytes(geojson(*[polygon(lonlat_square(LON + 0.01 * n)) for n in range(50)]))
    with Session(engine) as session, session.begin():
        _store(session, city, old)

    with Session(engine) as writer, Session(engine) as reader:
        _store(writer, city, new)
        assert [layer.version for layer in take_snapshot(reader, TODAY).layers] == [1]
        assert reader.scalar(text("SELECT count(*) FROM blueprint.feature")) == 1
        reader.rollback()
        writer.commit()
        assert [layer.version for layer in take_snapshot(reader, TODAY).layers] == [2]
    engine.dispose()


def test_a_publication_that_dies_leaves_the_old_version_and_nothing_of_the_new(
    fresh_database: str, city: City, tmp_path: Path
):
    engine = make_engine(fresh_database)
    path = tmp_path / "plan.geojson"
    path.write_bytes(badfiles.good())
    with Session(engine) as session, session.begin():
        _store(session, city, path)
    died = threading.Event()

    with pytest.raises(KeyboardInterrupt), Session(engine) as session, session.begin():
        _store(session, city, path, die=died)

    assert died.is_set()
    with Session(engine) as session:
        assert [layer.version for layer in take_snapshot(session, TODAY).layers] == [1]
        counts = [
            session.scalar(text(f"SELECT count(*) FROM blueprint.{table}"))
            for table in ("layer_version", "feature", "part")
        ]
        assert counts == [1, 1, 1]
    engine.dispose()


def test_two_versions_are_never_in_force_on_one_day(fresh_database: str, city: City, tmp_path: Path):
    engine = create_engine(fresh_database, poolclass=NullPool)
    path = tmp_path / "plan.geojson"
    path.write_bytes(badfiles.good())
    with Session(engine) as session, session.begin():
        _store(session, city, path)

    clash = text(
        "INSERT INTO blueprint.in_force_period (layer_id, version_id, starts_on, decided_by, decided_at)"
        " SELECT layer_id, version_id, starts_on + 10, 'x', now() FROM blueprint.in_force_period"
    )
    with pytest.raises(Exception, match="ex_in_force_period_one_version_a_day"), engine.begin() as connection:
        connection.execute(clash)


@pytest.fixture
def small_disk() -> Iterator[Path]:
    """A disk of 24 MB, where the users of the server and of the reader come to it: pytest shuts its own folder again."""
    folder = Path(tempfile.mkdtemp(prefix="blueprint-small-", dir="/var/tmp"))
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24m,mode=0711", "tmpfs", str(folder)], check=True)
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)
    folder.rmdir()


needs_mount = pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a small disk")


@needs_mount
def test_a_full_scratch_disk_is_one_sentence(
    command: Command, small_disk: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fresh_database: str
):
    path = tmp_path / "plan.geojson"
    path.write_bytes(badfiles.good() + b" " * (30 << 20))
    assert define_plan(command).status == 0
    monkeypatch.setenv("BLUEPRINT_SCRATCH", str(small_disk))

    result = command("layer", "upload", "PLAN", path)

    assert result.status == 2
    assert "blueprint: the disk is full; nothing was stored, free some space and upload again" in result.err
    assert list(small_disk.iterdir()) == []


@needs_mount
def test_a_full_database_disk_is_one_sentence_and_leaves_nothing(
    server: TestServer, fresh_database: str, command: Command, small_disk: Path, tmp_path: Path
):
    path = tmp_path / "plan.geojson"
    path.write_bytes(
        geojson(*[polygon(lonlat_square(LON + 0.002 * (n % 50), side=0.001)) for n in range(40_000)])
    )
    assert define_plan(command).status == 0
    database = make_url(fresh_database).database
    os.chown(small_disk, *_owner(server))
    space = f"small_{os.getpid()}"
    with server.maintenance() as connection:
        connection.execute(text(f"CREATE TABLESPACE {space} LOCATION '{small_disk}'"))
        connection.execute(text(f'ALTER DATABASE "{database}" SET TABLESPACE {space}'))

    try:
        result = command("layer", "upload", "PLAN", path)
        assert result.status == 2
        assert "disk is full; nothing was stored" in result.err
        assert "Traceback" not in result.err
    finally:
        with server.maintenance() as connection:
            connection.execute(text(f'ALTER DATABASE "{database}" SET TABLESPACE pg_default'))
            connection.execute(text(f"DROP TABLESPACE {space}"))
    # Not on the full disk: a new process of the server may need a file there before it answers.
    with create_engine(fresh_database, poolclass=NullPool).connect() as connection:
        assert connection.scalar(text("SELECT count(*) FROM blueprint.layer_version")) == 0


def _owner(server: TestServer) -> tuple[int, int]:
    """The user and group that the server runs as; asked while a process of it is surely there."""
    with server.maintenance() as connection:
        process = Path(f"/proc/{connection.scalar(text('SELECT pg_backend_pid()'))}").stat()
        return process.st_uid, process.st_gid
