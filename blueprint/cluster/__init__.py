"""The private PostGIS cluster: a PostgreSQL of the service's own, on a Unix socket that nobody else can reach.

It is made with the machine's own PostgreSQL programs inside a home folder (`BLUEPRINT_HOME`), so that a checkout
works without any database being set up, and two checkouts never meet.
"""

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from blueprint.cluster import making, postmaster
from blueprint.cluster.place import SERVICE_ROLE, Place, find_place, lock, make_place, refuse_stranger
from blueprint.cluster.programs import Programs, find_programs

__all__ = [
    "ClusterStatus",
    "admin_url",
    "ensure_running",
    "owner_url",
    "programs_of",
    "remove",
    "status",
    "stop",
]

DATABASE = "blueprint"
"""The database of the service; the cluster has no other but PostgreSQL's own."""


@dataclass(frozen=True)
class ClusterStatus:
    """What can be said of the private cluster of a home without changing anything; `url` is the owner's."""

    running: bool
    home: Path
    data_dir: Path
    version: str | None
    url: str | None


def _silent(_: str) -> None:
    return


def ensure_running(home: Path, *, durable: bool = True, say: Callable[[str], None] = _silent) -> str:
    """Make and start the cluster of `home` when needed; returns the SQLAlchemy URL of the service's database.

    A cluster that is not `durable` forgets on a power cut: it is for tests alone. Every step that takes a moment
    is told to `say` in one line.
    """
    home = home.resolve()
    place = find_place(home)
    if place is not None and place.is_ready and _lets_in(place):
        return place.url(DATABASE)
    with lock(home, say):
        place = make_place(home, say)
        programs = find_programs(place.made_with)
        if not place.is_ready:
            making.start_afresh(place)
            making.make_files(place, programs, durable=durable, say=say)
        postmaster.start(place, programs, durable=durable, say=say)
        if not place.is_ready:
            making.make_database(place, DATABASE)
            place.declare_ready()
        elif not _lets_in(place):
            making.make_database(place, DATABASE)
        return place.url(DATABASE)


def _lets_in(place: Place) -> bool:
    """Whether both roles get into the database; one made by an older version knows no role of the service's."""
    return (
        place.has_password(SERVICE_ROLE)
        and postmaster.answers(place.url(DATABASE))
        and postmaster.answers(place.owner_url(DATABASE))
    )


def stop(home: Path) -> bool:
    """Stop the cluster of `home`, open transactions rolled back; says whether it had been running."""
    home = home.resolve()
    place = find_place(home)
    if place is None:
        return False
    with lock(home, _silent):
        return postmaster.stop(place)


def status(home: Path) -> ClusterStatus:
    """Say whether the cluster of `home` runs, where its files are and which PostgreSQL it is."""
    home = home.resolve()
    place = find_place(home)
    if place is None:
        return ClusterStatus(
            running=False, home=home, data_dir=home / "cluster" / "data", version=None, url=None
        )
    if not place.is_ready:
        return ClusterStatus(running=False, home=home, data_dir=place.data_dir, version=None, url=None)
    url = place.owner_url(DATABASE)
    version = postmaster.server_version(url)
    return ClusterStatus(
        running=version is not None,
        home=home,
        data_dir=place.data_dir,
        version=version or place.made_with,
        url=url if version else None,
    )


def owner_url(home: Path) -> str:
    """The SQLAlchemy URL of the role that owns the service's database: for migrations, backup and retiring the log."""
    place = find_place(home.resolve())
    return refuse_stranger(home, place).owner_url(DATABASE)


def programs_of(home: Path) -> Programs:
    """PostgreSQL's programs of the version that the cluster of `home` was made with."""
    place = refuse_stranger(home, find_place(home.resolve()))
    return find_programs(place.made_with)


def admin_url(home: Path) -> str:
    """The SQLAlchemy URL of the superuser in the database `postgres`, for making and dropping databases."""
    place = find_place(home.resolve())
    return refuse_stranger(home, place).admin_url()


def remove(home: Path) -> bool:
    """Stop the cluster of `home` and delete its files, which carry our marker; says whether there was one."""
    home = home.resolve()
    place = find_place(home)
    if place is None:
        return False
    with lock(home, _silent):
        postmaster.stop(place)
        shutil.rmtree(place.base)
        place.forget()
    return True
