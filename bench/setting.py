"""What the benchmarks run on: a private cluster filled once with the made city, and servers that end with the run."""

import fcntl
import hashlib
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Engine, make_url

from bench.loading import load_city_into
from bench.made_city import CITY, TENFOLD, TENTH, Ground, MadeLayer, made_layers, resized
from blueprint import cluster
from blueprint.city import City, load_city
from blueprint.database import make_engine
from blueprint.wall import KEEPER, seeing
from service.setup import initialise

ROOT = Path(__file__).resolve().parent.parent
PROFILE = Path(__file__).parent / "city.toml"
PEERS = ROOT / ".blueprint" / "bench-venv" / "bin"
"""Made by `scripts/setup.sh bench` from uv.lock, so that the peer's packages never meet ours."""

_BARE_SHAPERS = (
    "bench/made_city.py",
    "bench/loading.py",
    "blueprint/layers/measuring.py",
    "blueprint/layers/compiled_ground.py",
    "blueprint/layers/elements.py",
    "blueprint/layers/outlines.py",
    "blueprint/layers/parts.py",
    "blueprint/layers/pieces.py",
)
"""The files that decide what is in a bare city; tables of an older schema are migrated, as they are for a user."""

_SHAPERS = (
    *_BARE_SHAPERS,
    "blueprint/layers/compiled_measures.py",
    "blueprint/layers/plain_areas.py",
    "blueprint/layers/generalise.py",
    "blueprint/layers/cutting_child.py",
    "blueprint/layers/sheets.py",
    "blueprint/layers/tile_shapes.py",
    "service/migrations/versions/*.py",
)
"""The files that decide what is in the loaded city: when one changes it is made anew."""

_SIZES = {CITY: "", TENTH: "-tenth", TENFOLD: "-tenfold"}

_START_TIMEOUT_S = 180


@dataclass(frozen=True)
class Setting:
    """The loaded city: where it is, and what is in it."""

    engine: Engine
    city: City
    home: Path
    layers: tuple[MadeLayer, ...]
    ground: Ground = CITY

    @property
    def polygon_count(self) -> int:
        """How many polygons the city has."""
        return sum(layer.count for layer in self.layers)


def say(message: str) -> None:
    """Tell the person at the terminal; standard output is for results."""
    print(message, file=sys.stderr, flush=True)


@contextmanager
def made_city(
    *, small: bool, rebuild: bool, ground: Ground = CITY, lies_in: Path | None = None
) -> Iterator[Setting]:
    """The made city of all layers, or as dense on another ground, which has a cluster of its own beside the whole one's.

    Ten times the ground is a bare city. One that `lies_in` another folder is taken as it is.
    """
    name = ("bench-small" if small else "bench") + _SIZES[ground]
    layers = resized(made_layers(small=small), ground)
    is_bare = ground == TENFOLD
    with city_of(name, layers, ground, rebuild=rebuild, is_bare=is_bare, lies_in=lies_in) as setting:
        yield setting


@contextmanager
def city_of(
    name: str,
    layers: tuple[MadeLayer, ...],
    ground: Ground,
    *,
    rebuild: bool,
    is_bare: bool = False,
    lies_in: Path | None = None,
) -> Iterator[Setting]:
    """These layers in a private, durable cluster of their own, which is kept for the next run and stopped after this.

    One run at a time: another one would take away the city that this one is still making.
    """
    home = (lies_in or ROOT / ".blueprint" / name).resolve()
    wanted = _fingerprint(_BARE_SHAPERS if is_bare else _SHAPERS)
    if lies_in is not None and not _made_from(home).exists():
        raise SystemExit(f"no made city lies in {home}")
    home.parent.mkdir(exist_ok=True)
    with home.with_suffix(".running").open("w") as mark:
        try:
            fcntl.flock(mark, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise SystemExit("another benchmark is running here; wait for its end") from None
        is_wanted = any(_says(record, wanted) for record in (_made_from(home), _begun_from(home)))
        if lies_in is None and (rebuild or not is_wanted):
            _made_from(home).unlink(missing_ok=True)
            cluster.remove(home)
        yield from _made_city(home, layers, ground, wanted=wanted, is_bare=is_bare)


def _made_from(home: Path) -> Path:
    return home / "made-from"


def _begun_from(home: Path) -> Path:
    """Of a city whose loading was broken off: its next run goes on at the layer that is not there."""
    return home / "begun-from"


def _says(record: Path, wanted: str) -> bool:
    return record.exists() and record.read_text(encoding="utf-8") == wanted


def _made_city(
    home: Path, layers: tuple[MadeLayer, ...], ground: Ground, *, wanted: str, is_bare: bool
) -> Iterator[Setting]:
    city = load_city(PROFILE)
    url = cluster.ensure_running(home, say=say)
    engine = make_engine(url)
    setting = Setting(engine, city, home, layers, ground)
    try:
        owner_url = cluster.owner_url(home)
        initialise(owner_url, city, service_url=url)
        if not _made_from(home).exists():
            _begun_from(home).write_text(wanted, encoding="utf-8")
            say(f"making {setting.polygon_count:,} polygons in {len(setting.layers)} layers, once")
            owner = make_engine(owner_url)
            load_city_into(owner, city, setting.layers, ground, is_bare=is_bare, say=say)
            owner.dispose()
            _begun_from(home).replace(_made_from(home))
        with seeing(KEEPER):
            yield setting
    finally:
        engine.dispose()
        cluster.stop(home)


def _fingerprint(shapers: tuple[str, ...]) -> str:
    content = hashlib.sha256()
    for pattern in shapers:
        for path in sorted(ROOT.glob(pattern)):
            content.update(path.read_bytes())
    return content.hexdigest()


@contextmanager
def our_server(setting: Setting) -> Iterator[str]:
    """`blueprint serve` with one worker, as a user starts it; gives host:port."""
    environment = os.environ | {"BLUEPRINT_HOME": str(setting.home), "BLUEPRINT_CITY": str(PROFILE)}
    environment.pop("DATABASE_URL", None)
    program = [str(Path(sys.executable).parent / "blueprint"), "serve", "--port", "{port}"]
    with running(program, environment, setting.home / "serve.log", ready="/health/ready") as host:
        yield host


@contextmanager
def tipg_server(setting: Setting) -> Iterator[str]:
    """Tipg with one worker on the schema `bench`, a connection for each of the client's; gives host:port.

    Its buffer around a tile is set to ours (64 of 4096), a quarter of its own default: fewer features to draw.
    """
    program = PEERS / "uvicorn"
    if not program.exists():
        raise SystemExit("tipg is not there to compare with; `make setup-bench` installs it")
    url = make_url(cluster.owner_url(setting.home))  # the plain tables are the owner's
    folder = str(url.query["host"]).replace("/", "%2F")
    environment = os.environ | {
        "DATABASE_URL": f"postgresql://{url.username}:{url.password}@{folder}:{url.query['port']}/{url.database}",
        "TIPG_DB_SCHEMAS": '["bench"]',
        "TIPG_TILE_BUFFER": "64",
        "DB_MIN_CONN_SIZE": "8",
        "DB_MAX_CONN_SIZE": "8",
    }
    words = [str(program), "tipg.main:app", "--workers", "1", "--log-level", "warning", "--no-access-log"]
    words += ["--port", "{port}"]
    with running(words, environment, setting.home / "tipg.log", ready="/healthz") as host:
        yield host


@contextmanager
def running(words: list[str], environment: dict[str, str], log: Path, *, ready: str) -> Iterator[str]:
    """A server that ends with the run; `{port}` in its words is a free one. Gives host:port when `ready` answers."""
    host = f"127.0.0.1:{_free_port()}"
    with log.open("w", encoding="utf-8") as out:
        process = subprocess.Popen(
            [word.replace("{port}", host.split(":")[1]) for word in words],
            env=environment,
            stdout=out,
            stderr=subprocess.STDOUT,
        )
    try:
        _wait(process, f"http://{host}{ready}", log)
        yield host
    finally:
        process.terminate()
        process.wait(timeout=20)


def _wait(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    deadline = time.monotonic() + _START_TIMEOUT_S
    while process.poll() is None and time.monotonic() < deadline:
        try:
            urllib.request.urlopen(url, timeout=5).close()
            return
        except OSError:
            time.sleep(0.2)
    raise SystemExit(f"the server did not start; the end of {log} says:\n{log.read_text()[-800:]}")


def _free_port() -> int:
    with socket.socket() as tried:
        tried.bind(("127.0.0.1", 0))
        port: int = tried.getsockname()[1]
        return port
