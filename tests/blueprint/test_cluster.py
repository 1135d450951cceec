"""The private cluster, on real PostgreSQL: it starts anywhere, hides from others and gets up after every crash."""

import os
import pwd
import shutil
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import create_engine, make_url, text
from sqlalchemy.exc import OperationalError, ProgrammingError
from sqlalchemy.pool import NullPool

from blueprint import cluster
from blueprint.errors import InvalidInputError, StorageFullError, UnavailableError

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="tells what happens to root only")
MakeHome = Callable[[str], Path]


@pytest.fixture
def make_home() -> Iterator[MakeHome]:
    """Makes the paths of homes in a folder of the test's own that any user may enter; their clusters are removed."""
    # pytest's tmp_path is closed to the system user that the server runs as when we are root.
    folder = Path("/var/tmp") / f"blueprint-test-{os.getpid()}-{time.monotonic_ns()}"
    folder.mkdir(mode=0o755)
    made: list[Path] = []

    def make(name: str) -> Path:
        made.append(folder / name)
        return folder / name

    yield make
    for home in made:
        if home.exists():
            cluster.remove(home)
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def running_home() -> Iterator[Path]:
    """One running cluster for the tests that only look at it."""
    home = Path("/var/tmp") / f"blueprint-test-{os.getpid()}-look"
    cluster.ensure_running(home, durable=True)
    yield home
    cluster.remove(home)
    shutil.rmtree(home)


def ask(url: str, question: str) -> object:
    engine = create_engine(url, poolclass=NullPool)
    with engine.begin() as connection:
        return connection.scalar(text(question))


def execute(url: str, statement: str) -> None:
    with create_engine(url, poolclass=NullPool).begin() as connection:
        connection.execute(text(statement))


def _owner(home: Path, *, durable: bool) -> str:
    cluster.ensure_running(home, durable=durable)
    return cluster.owner_url(home)


def server_process(home: Path) -> int:
    return int((cluster.status(home).data_dir / "postmaster.pid").read_text().splitlines()[0])


def kill_and_wait(process_id: int) -> None:
    os.kill(process_id, signal.SIGKILL)
    while Path(f"/proc/{process_id}/cmdline").exists() and Path(f"/proc/{process_id}/cmdline").read_bytes():
        time.sleep(0.01)


def test_a_new_home_gets_a_database_with_the_extensions(running_home: Path) -> None:
    url = cluster.ensure_running(running_home)

    extensions = ask(url, "SELECT array_agg(extname::text ORDER BY extname) FROM pg_extension")

    assert {"postgis", "btree_gist"} <= set(extensions)  # type: ignore[call-overload]
    assert str(ask(url, "SELECT postgis_version()")) >= "3.3"
    assert (
        ask(
            url,
            "SELECT pg_encoding_to_char(encoding) || ' ' || datcollate FROM pg_database "
            "WHERE datname = current_database()",
        )
        == "UTF8 C.UTF-8"
    )


def test_a_durable_cluster_keeps_what_it_acknowledged(running_home: Path) -> None:
    url = cluster.ensure_running(running_home)

    settings = {
        name: ask(url, f"SELECT current_setting('{name}')")
        for name in ("fsync", "full_page_writes", "synchronous_commit", "data_checksums", "jit")
    }

    assert settings == {
        "fsync": "on",
        "full_page_writes": "on",
        "synchronous_commit": "on",
        "data_checksums": "on",
        "jit": "off",
    }


def test_the_role_of_the_service_owns_nothing_and_the_owner_is_no_superuser(running_home: Path) -> None:
    url, owner = cluster.ensure_running(running_home), cluster.owner_url(running_home)

    execute(owner, "CREATE SCHEMA owned; DROP SCHEMA owned")

    for statement in ("CREATE SCHEMA mine", "CREATE TABLE public.mine ()", "SET ROLE blueprint"):
        with pytest.raises(ProgrammingError, match="permission denied"):
            execute(url, statement)
    for role in (url, owner):
        assert ask(role, "SELECT current_setting('is_superuser')") == "off"
        assert ask(role, "SELECT rolbypassrls FROM pg_roles WHERE rolname = current_user") is False
    assert ask(cluster.admin_url(running_home), "SELECT current_setting('is_superuser')") == "on"


def test_a_wrong_password_is_refused_on_the_socket(running_home: Path) -> None:
    url = make_url(cluster.ensure_running(running_home)).set(password="guess")

    with pytest.raises(OperationalError, match="password authentication failed"):
        ask(url.render_as_string(hide_password=False), "SELECT 1")


def test_no_network_port_is_open(running_home: Path) -> None:
    cluster.ensure_running(running_home)
    sockets = {
        str(descriptor.readlink())
        for descriptor in Path(f"/proc/{server_process(running_home)}/fd").iterdir()
        if str(descriptor.readlink()).startswith("socket:")
    }

    tcp = [
        line.split()
        for name in ("tcp", "tcp6")
        for line in Path(f"/proc/net/{name}").read_text().splitlines()[1:]
    ]

    assert sockets, "the Unix socket must be among them, or this test sees nothing"
    assert not [entry for entry in tcp if f"socket:[{entry[9]}]" in sockets]


def test_the_files_are_nobody_elses(running_home: Path) -> None:
    cluster.ensure_running(running_home)
    base = cluster.status(running_home).data_dir.parent

    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (base, *base.iterdir())}

    assert {name for name, mode in modes.items() if mode & 0o077} == set()
    assert stat.S_IMODE((base / "password-blueprint").stat().st_mode) == 0o600


@as_root
def test_started_by_root_the_server_is_not_root(running_home: Path) -> None:
    cluster.ensure_running(running_home)

    owner = Path(f"/proc/{server_process(running_home)}").stat().st_uid

    assert pwd.getpwuid(owner).pw_name == "postgres"


def test_the_second_call_changes_nothing_and_is_quick(running_home: Path) -> None:
    first = cluster.ensure_running(running_home)
    process = server_process(running_home)
    told: list[str] = []

    begun = time.monotonic()
    second = cluster.ensure_running(running_home, say=told.append)

    assert (second, server_process(running_home), told) == (first, process, [])
    assert time.monotonic() - begun < 1


def test_status_changes_nothing(make_home: MakeHome) -> None:
    home = make_home("never-made")

    found = cluster.status(home)

    assert (found.running, found.url, found.version) == (False, None, None)
    assert not home.exists()
    assert cluster.stop(home) is False


def test_what_was_committed_is_there_after_a_stop_and_a_start(make_home: MakeHome) -> None:
    home = make_home("again")
    execute(_owner(home, durable=False), "CREATE TABLE kept AS SELECT 42 AS answer")

    assert cluster.stop(home) is True
    assert cluster.status(home).running is False
    assert ask(_owner(home, durable=False), "SELECT answer FROM kept") == 42


def test_two_homes_at_once_do_not_meet(make_home: MakeHome) -> None:
    homes = [make_home("one"), make_home("two")]
    with ThreadPoolExecutor() as pool:
        urls = list(pool.map(lambda home: _owner(home, durable=False), homes))

    execute(urls[0], "CREATE TABLE only_here ()")

    assert ask(urls[0], "SELECT to_regclass('only_here') IS NOT NULL") is True
    assert ask(urls[1], "SELECT to_regclass('only_here') IS NULL") is True


def test_many_starts_at_once_make_one_cluster(make_home: MakeHome) -> None:
    home = make_home("crowd")
    program = (
        "import sys; from pathlib import Path; from blueprint.cluster import ensure_running;"
        "print(ensure_running(Path(sys.argv[1]), durable=False))"
    )
    starts = [
        subprocess.Popen([sys.executable, "-c", program, str(home)], stdout=subprocess.PIPE, text=True)
        for _ in range(3)
    ]

    urls = {start.communicate(timeout=120)[0] for start in starts}

    assert [start.returncode for start in starts] == [0, 0, 0]
    assert urls == {cluster.ensure_running(home) + "\n"}


def test_a_killed_server_starts_again_with_what_was_committed(make_home: MakeHome) -> None:
    home = make_home("killed")
    execute(_owner(home, durable=True), "CREATE TABLE kept AS SELECT 42 AS answer")

    kill_and_wait(server_process(home))
    assert cluster.status(home).running is False
    assert ask(_owner(home, durable=True), "SELECT answer FROM kept") == 42


def test_a_server_killed_in_the_middle_of_long_work_starts_again_at_once(make_home: MakeHome) -> None:
    home = make_home("busy")
    url = cluster.ensure_running(home, durable=False)
    with ThreadPoolExecutor() as pool:
        # Longer than the test may take: a busy process does not notice that its server is gone.
        work = pool.submit(ask, url, "SELECT count(*) FROM generate_series(1, 1000000000)")
        while not ask(
            url,
            "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%(1, 1000000000)' AND pid <> pg_backend_pid()",
        ):
            time.sleep(0.05)
        kill_and_wait(server_process(home))
        begun = time.monotonic()

        cluster.ensure_running(home, durable=False)

        assert time.monotonic() - begun < 20
        assert isinstance(work.exception(timeout=20), OperationalError)


def test_a_stale_process_number_that_was_given_to_another_process_does_not_block(make_home: MakeHome) -> None:
    home = make_home("reused")
    cluster.ensure_running(home, durable=False)
    record = cluster.status(home).data_dir / "postmaster.pid"
    left_behind = record.read_text()
    cluster.stop(home)
    owner = record.parent.stat()
    with subprocess.Popen(
        ["/bin/sleep", "300"], user=owner.st_uid if os.geteuid() == 0 else None
    ) as stranger:
        record.write_text("\n".join([str(stranger.pid), *left_behind.split("\n")[1:]]))
        os.chown(record, owner.st_uid, owner.st_gid)

        url = cluster.ensure_running(home, durable=False)

        assert ask(url, "SELECT 1") == 1
        assert stranger.poll() is None, "a process that is not ours is left alone"
        stranger.kill()


def test_a_cluster_half_made_when_its_maker_died_is_made_afresh(make_home: MakeHome) -> None:
    home = make_home("half")
    program = (
        "import sys; from pathlib import Path; from blueprint.cluster import ensure_running;"
        "ensure_running(Path(sys.argv[1]))"
    )
    maker = subprocess.Popen([sys.executable, "-c", program, str(home)], start_new_session=True)
    while not (home / "cluster" / "data" / "PG_VERSION").exists():
        assert maker.poll() is None
        time.sleep(0.005)
    os.killpg(maker.pid, signal.SIGKILL)
    maker.wait()
    assert (home / "cluster" / "ONE-BLUEPRINT-CLUSTER").read_text() == "making\n"

    url = cluster.ensure_running(home, durable=False)

    assert str(ask(url, "SELECT postgis_version()")) >= "3.3"


def test_a_folder_that_is_not_ours_is_refused_and_left_alone(make_home: MakeHome) -> None:
    home = make_home("foreign")
    (home / "cluster").mkdir(parents=True)
    (home / "cluster" / "thesis.txt").write_text("mine")

    with pytest.raises(InvalidInputError, match="not made by One Blueprint"):
        cluster.ensure_running(home)

    assert (home / "cluster" / "thesis.txt").read_text() == "mine"
    assert cluster.remove(home) is False


def test_a_home_with_a_very_long_name_has_its_socket_elsewhere(make_home: MakeHome) -> None:
    home = make_home("一张蓝图" * 12 + ', \'so to "say"')
    url = cluster.ensure_running(home, durable=False)
    folder = Path(str(make_url(url).query["host"]))

    assert ask(url, "SELECT 1") == 1
    assert len(os.fsencode(folder)) < 50
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    cluster.stop(home)
    assert not folder.exists()
    assert ask(cluster.ensure_running(home, durable=False), "SELECT 1") == 1


@as_root
def test_a_home_that_the_servers_user_cannot_enter_has_its_files_elsewhere(make_home: MakeHome) -> None:
    closed = make_home("closed")
    closed.mkdir(mode=0o700)
    home = make_home("closed/home")
    told: list[str] = []

    url = cluster.ensure_running(home, durable=False, say=told.append)
    data_dir = cluster.status(home).data_dir

    assert ask(url, "SELECT 1") == 1
    assert data_dir.is_relative_to("/var/lib/blueprint")
    assert any("/var/lib/blueprint" in line for line in told)
    assert cluster.remove(home) is True
    assert not data_dir.exists()


@as_root
def test_a_copied_checkout_does_not_take_the_other_ones_files(make_home: MakeHome) -> None:
    closed = make_home("closed")
    closed.mkdir(mode=0o700)
    first, copy = make_home("closed/first"), make_home("closed/copy")
    cluster.ensure_running(first, durable=False)
    shutil.copytree(first, copy)

    cluster.ensure_running(copy, durable=False)

    assert cluster.status(copy).data_dir != cluster.status(first).data_dir


@as_root
def test_a_full_disk_is_told_in_one_sentence_and_the_next_start_works(make_home: MakeHome) -> None:
    home = make_home("small")
    home.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=20m", "tmpfs", str(home)], check=False).returncode:
        pytest.skip("this machine does not let us mount a small disk")
    try:
        with pytest.raises(StorageFullError, match="is full"):
            cluster.ensure_running(home, durable=False)
        subprocess.run(["mount", "-o", "remount,size=300m", str(home)], check=True)

        assert ask(cluster.ensure_running(home, durable=False), "SELECT 1") == 1
        cluster.remove(home)
    finally:
        subprocess.run(["umount", "--lazy", str(home)], check=True)


def test_a_server_that_cannot_start_is_told_with_its_last_words(make_home: MakeHome) -> None:
    home = make_home("broken")
    cluster.ensure_running(home, durable=False)
    cluster.stop(home)
    with (cluster.status(home).data_dir / "postgresql.conf").open("a") as file:
        file.write("no_such_setting = 1\n")

    with pytest.raises(UnavailableError, match="no_such_setting"):
        cluster.ensure_running(home, durable=False)


def test_a_cluster_of_an_older_version_gets_the_role_of_the_service(make_home: MakeHome) -> None:
    home = make_home("older")
    execute(_owner(home, durable=False), "CREATE TABLE kept AS SELECT 42 AS answer")
    database = make_url(cluster.owner_url(home)).database
    execute(cluster.admin_url(home), f'REVOKE CONNECT ON DATABASE "{database}" FROM blueprint_service')
    execute(cluster.admin_url(home), "DROP ROLE blueprint_service")
    (home / "cluster" / "password-blueprint_service").unlink()

    url = cluster.ensure_running(home, durable=False)

    assert ask(url, "SELECT current_user::text") == "blueprint_service"
    assert ask(cluster.owner_url(home), "SELECT answer FROM kept") == 42


def test_a_lost_password_file_is_told(make_home: MakeHome) -> None:
    home = make_home("lost")
    cluster.ensure_running(home, durable=False)
    cluster.stop(home)
    (home / "cluster" / "password-blueprint").unlink()

    with pytest.raises(UnavailableError, match="password file"):
        cluster.ensure_running(home, durable=False)
