"""The server process of a private cluster: starting it in odd surroundings, asking it, stopping it."""

import os
import shutil
import signal
import time
from collections.abc import Callable
from pathlib import Path

import psycopg2
from sqlalchemy import make_url

from blueprint.cluster.place import PORT, Place
from blueprint.cluster.programs import Programs
from blueprint.errors import StorageFullError, UnavailableError

_START_TIMEOUT_S = 60
_RECOVERY_TIMEOUT_S = 1800
"""A server that answers "starting up" is replaying its log after a crash; that is given half an hour."""
_STOP_TIMEOUT_S = 30
_LOG_LIMIT_BYTES = 20_000_000


def answers(url: str) -> bool:
    """Whether the server at `url` lets us in right now."""
    return server_version(url) is not None


def server_version(url: str) -> str | None:
    """The version of the server at `url`, or None when it does not let us in."""
    try:
        return _ask_version(url)
    except psycopg2.OperationalError:
        return None


def start(place: Place, programs: Programs, *, durable: bool, say: Callable[[str], None]) -> None:
    """Start the server unless it runs, and wait until it lets us in."""
    if answers(place.admin_url()):
        return
    say("启动私有数据库 / starting the private database")
    deadline = time.monotonic() + _START_TIMEOUT_S
    while True:
        if find_process(place) is None:
            _launch(place, programs, durable=durable)
        if _wait(place, deadline, say):
            return
        # It went away at once. Processes of a server that was killed may still be ending and hold its memory.
        if "shared memory block" not in _last_words(place) or time.monotonic() > deadline:
            raise _did_not_start(place)
        time.sleep(0.5)


def stop(place: Place) -> bool:
    """Stop the server of the place, roughly if it does not listen; says whether there was one."""
    process_id = find_process(place)
    if process_id is not None:
        for how in (signal.SIGINT, signal.SIGQUIT, signal.SIGKILL):
            _signal(place, process_id, how)
            if _wait_for_end(place, process_id):
                break
    place.remove_outside_socket_dir()
    return process_id is not None


def stop_makers(place: Place) -> None:
    """End an initdb that outlived the process which had begun to make the cluster."""
    for folder in Path("/proc").glob("[0-9]*"):
        words = _command_line(int(folder.name))
        if words[0].endswith(b"/initdb") and os.fsencode(f"--pgdata={place.data_dir}") in words:
            _signal(place, int(folder.name), signal.SIGKILL)


def find_process(place: Place) -> int | None:
    """The id of the server that runs on this very data directory; a number left by a crash is not one."""
    try:
        process_id = int((place.data_dir / "postmaster.pid").read_text(encoding="utf-8").split("\n")[0])
    except (OSError, ValueError):
        return None
    return process_id if _is_server(place, process_id) else None


def _is_server(place: Place, process_id: int) -> bool:
    words = _command_line(process_id)
    return words[0].endswith(b"/postgres") and os.fsencode(place.data_dir) in words


def _command_line(process_id: int) -> list[bytes]:
    # Readable by all, empty for a zombie, and another one where the number was given anew.
    try:
        return Path(f"/proc/{process_id}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return [b""]


def _launch(place: Place, programs: Programs, *, durable: bool) -> None:
    if place.log_file.exists() and place.log_file.stat().st_size > _LOG_LIMIT_BYTES:
        place.log_file.replace(place.log_file.with_suffix(".log.1"))
    try:
        _end_orphans(place)
        _remove_leftovers(place)
        place.prepare_socket_dir()
        settings = "".join(
            f"{name} = {value}\n" for name, value in _settings(place, programs, durable=durable).items()
        )
        place.write("settings.conf", settings)
        hook = "include = '../settings.conf'\n"
        configuration = place.data_dir / "postgresql.conf"
        if hook not in configuration.read_text(encoding="utf-8"):
            with configuration.open("a", encoding="utf-8") as file:
                file.write(hook)
    except OSError as error:
        raise UnavailableError(
            "the private database in {base} cannot be started: {strerror}",
            base=place.base,
            strerror=error.strerror,
        ) from error
    programs.launch(place)


def _end_orphans(place: Place) -> None:
    # A busy process of a server that was killed holds its memory until it is done, which may be minutes.
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            stands_in = (folder / "cwd").readlink()
        except OSError:
            continue
        if stands_in == place.data_dir and _command_line(int(folder.name))[0].startswith(b"postgres: "):
            _signal(place, int(folder.name), signal.SIGQUIT)


def _remove_leftovers(place: Place) -> None:
    # PostgreSQL takes these for signs of life when their number was given to another process, or is a zombie's.
    (place.data_dir / "postmaster.pid").unlink(missing_ok=True)
    if place.socket_dir.exists():
        for path in place.socket_dir.glob(".s.PGSQL.*"):
            path.unlink()


def _settings(place: Place, programs: Programs, *, durable: bool) -> dict[str, str]:
    memory_mb = _memory_bytes() // 1_000_000
    settings = {
        "listen_addresses": "''",
        "port": str(PORT),
        "unix_socket_directories": _quoted_folder(place.socket_dir),
        "unix_socket_permissions": "0700",
        "max_connections": "100",
        "shared_buffers": f"{max(64, min(2048, memory_mb // 4))}MB",
        "effective_cache_size": f"{max(128, memory_mb // 2)}MB",
        "work_mem": "32MB",
        "maintenance_work_mem": "256MB",
        # Else a large layer waits for its own log: whoever stores it writes the log out and makes the next file of it.
        "wal_buffers": "64MB",
        "wal_writer_delay": "10ms",
        "max_wal_size": "4GB",
        "checkpoint_timeout": "15min",
        "random_page_cost": "1.1",
        "max_parallel_workers_per_gather": "2",
        "jit": "off",
        "timezone": "'UTC'",
        "log_timezone": "'UTC'",
        "log_line_prefix": "'%m [%p] %d '",
    }
    if not durable:
        settings |= {
            "fsync": "off",
            "synchronous_commit": "off",
            "full_page_writes": "off",
            "shared_buffers": "256MB",
        }
    elif programs.has_library("pg_prewarm"):
        # What was in memory when the server stopped is read back after its start: else the first checks wait for pages.
        settings["shared_preload_libraries"] = "'pg_prewarm'"
    if _shared_memory_bytes() < 256_000_000:  # containers often give 64 MB, too little for a parallel query
        settings["dynamic_shared_memory_type"] = "mmap"
    return settings


def _quoted_folder(folder: Path) -> str:
    # A list of folders inside a string: both have quotes of their own.
    listed = '"' + str(folder).replace('"', '""') + '"'
    return "'" + listed.replace("\\", "\\\\").replace("'", "''") + "'"


def _memory_bytes() -> int:
    machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    try:
        return min(machine, int(Path("/sys/fs/cgroup/memory.max").read_text(encoding="ascii")))
    except (OSError, ValueError):  # no limit is the word "max"
        return machine


def _shared_memory_bytes() -> int:
    try:
        return shutil.disk_usage("/dev/shm").total  # noqa: S108  # asked for its size only
    except OSError:
        return 0


def _wait(place: Place, deadline: float, say: Callable[[str], None]) -> bool:
    """Wait until the server lets us in; False when it went away."""
    url = place.admin_url()
    last_seen = time.monotonic()
    recovering, say_at = False, deadline
    while True:
        try:
            _ask_version(url)
            return True
        except psycopg2.OperationalError as error:
            if "starting up" in str(error) and not recovering:
                recovering = True
                deadline += _RECOVERY_TIMEOUT_S
                say_at = last_seen + 3
            if "password authentication failed" in str(error):
                raise UnavailableError(
                    "the private database in {base} refuses its own password file; put back the right one",
                    base=place.base,
                ) from error
        now = time.monotonic()
        if recovering and now > say_at:
            say("数据库正在恢复，请稍候 / the database replays its log after a crash, please wait")
            say_at = deadline
        if find_process(place) is not None:
            last_seen = now
        elif now - last_seen > 1.0:
            return False
        if now > deadline:
            raise _did_not_start(place)
        time.sleep(0.05)


def _ask_version(url: str) -> str:
    parts = make_url(url)
    connection = psycopg2.connect(
        host=parts.query["host"],
        port=parts.query["port"],
        user=parts.username,
        password=parts.password,
        dbname=parts.database,
        connect_timeout=3,
    )
    try:
        return str(connection.get_parameter_status("server_version")).split(" ")[0]
    finally:
        connection.close()


def _signal(place: Place, process_id: int, how: signal.Signals) -> None:
    try:
        os.kill(process_id, how)
    except ProcessLookupError:
        return
    except PermissionError as error:
        raise UnavailableError(
            "the private database in {base} runs as another user of this machine; stop it as that user",
            base=place.base,
        ) from error


def _wait_for_end(place: Place, process_id: int) -> bool:
    deadline = time.monotonic() + _STOP_TIMEOUT_S
    while time.monotonic() < deadline:
        if not _is_server(place, process_id):
            return True
        time.sleep(0.02)
    return False


def _last_words(place: Place) -> str:
    try:
        with place.log_file.open("rb") as file:
            file.seek(0, os.SEEK_END)
            file.seek(max(0, file.tell() - 4000))
            lines = file.read().decode("utf-8", errors="replace").strip().splitlines()
    except OSError:
        return ""
    return "\n".join(lines[-8:])


def _did_not_start(place: Place) -> UnavailableError:
    words = _last_words(place)
    if "No space left on device" in words:
        return StorageFullError(
            "the disk of {base} is full: the private database cannot start; free some space", base=place.base
        )
    return UnavailableError(
        "the private database in {base} did not start; the end of {log_file} says:\n{words}",
        base=place.base,
        log_file=place.log_file,
        words=words,
    )
