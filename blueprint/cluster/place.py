"""Where the files of a private cluster are and whose they are: the marker, the passwords, the socket folder."""

import fcntl
import hashlib
import os
import pwd
import secrets
import shutil
import stat
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

from sqlalchemy import URL

from blueprint.errors import InvalidInputError, UnavailableError

SERVICE_ROLE = "blueprint_service"
OWNER_ROLE = "blueprint"
ADMIN_ROLE = "blueprint_admin"
PORT = 5432
"""Only a part of the socket's name: no TCP port is opened."""

_MARKER = "ONE-BLUEPRINT-CLUSTER"
_ELSEWHERE = "cluster-is-at"
_SYSTEM_FOLDER = Path("/var/lib/blueprint")
_LONGEST_SOCKET_PATH = 107
"""Bytes that Linux takes as the path of a Unix socket."""
_LOCK_TIMEOUT_S = 900


class Identity(TypedDict, total=False):
    """The arguments of `subprocess` that say as whom a program runs."""

    user: int
    group: int
    extra_groups: list[int]


@dataclass(frozen=True)
class Place:
    """The folder of one cluster and the system user that its server runs as."""

    home: Path
    base: Path
    user_id: int
    group_id: int

    @property
    def data_dir(self) -> Path:
        """PostgreSQL's data directory."""
        return self.base / "data"

    @property
    def log_file(self) -> Path:
        """What the server writes about itself."""
        return self.base / "postgresql.log"

    def identity(self) -> Identity:
        """As whom the server's programs run: the place's user when we are root, ourselves otherwise."""
        if os.geteuid() != 0:
            return {}
        return {"user": self.user_id, "group": self.group_id, "extra_groups": []}

    @property
    def is_ready(self) -> bool:
        """Whether the making of the cluster has come to its end; a crash on the way leaves it False."""
        return _first_line(self.base / _MARKER) == "ready"

    @property
    def made_with(self) -> str | None:
        """The major version of PostgreSQL that the data directory belongs to."""
        return _first_line(self.data_dir / "PG_VERSION") if self.is_ready else None

    @property
    def socket_dir(self) -> Path:
        """The folder of the Unix socket; outside the base when the path there would be too long."""
        recorded = _first_line(self.base / "socket-is-at")
        return Path(recorded) if recorded else self.base / "socket"

    def url(self, database: str) -> str:
        """The SQLAlchemy URL of a database for the service's own role, which owns nothing."""
        return self._url(SERVICE_ROLE, database)

    def owner_url(self, database: str) -> str:
        """The SQLAlchemy URL of a database for the role that owns it, which migrates and is no superuser."""
        return self._url(OWNER_ROLE, database)

    def admin_url(self) -> str:
        """The SQLAlchemy URL of the superuser."""
        return self._url(ADMIN_ROLE, "postgres")

    def password(self, role: str) -> str:
        """The password of a role, from its file."""
        password = _first_line(self.base / f"password-{role}")
        if password is None:
            raise UnavailableError(
                "the password file of the private database is missing in {base}; put it back, or remove"
                " that folder to start with an empty database",
                base=self.base,
            )
        return password

    def write(self, name: str, content: str) -> Path:
        """Write a small file of the base whole or not at all, readable by the server's user alone (0600)."""
        path = self.base / name
        draft = self.base / f".{name}.new"
        draft.unlink(missing_ok=True)
        with os.fdopen(
            os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8"
        ) as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        self.give(draft)
        draft.replace(path)
        return path

    def give(self, path: Path) -> None:
        """Make the server's user the owner of a file or folder."""
        if os.geteuid() == 0:
            os.chown(path, self.user_id, self.group_id)

    def make_folder(self, path: Path) -> None:
        """Make a folder that the server's user alone can enter (0700)."""
        path.mkdir(mode=0o700, exist_ok=True)
        path.chmod(0o700)
        self.give(path)

    def make_passwords(self, *roles: str) -> None:
        """Draw a password for each role; they never leave their files but in the URLs."""
        for role in roles:
            self.write(f"password-{role}", secrets.token_urlsafe(32) + "\n")

    def has_password(self, role: str) -> bool:
        """Whether there is a password of the role; a cluster of an older version has none of the service's."""
        return (self.base / f"password-{role}").exists()

    def prepare_socket_dir(self) -> None:
        """Make the socket folder; one whose path would be too long becomes a private folder under /tmp instead."""
        inside = self.base / "socket"
        # A comma would be read as a list of hosts.
        if len(os.fsencode(inside / f".s.PGSQL.{PORT}")) <= _LONGEST_SOCKET_PATH and "," not in str(inside):
            self.make_folder(inside)
            return
        if self.socket_dir != inside and self._is_private(self.socket_dir):
            return
        folder = Path(tempfile.mkdtemp(prefix="blueprint-", dir="/tmp"))  # short on purpose; 0700
        self.give(folder)
        self.write("socket-is-at", f"{folder}\n")

    def remove_outside_socket_dir(self) -> None:
        """Take away the private folder under /tmp, when the socket is there."""
        if self.socket_dir.parent != self.base and self._is_private(self.socket_dir):
            shutil.rmtree(self.socket_dir)

    def declare_ready(self) -> None:
        """Write into the marker that the cluster is made."""
        self.write(_MARKER, "ready\n")

    def forget(self) -> None:
        """Remove what points to a base that has been deleted."""
        (self.home / _ELSEWHERE).unlink(missing_ok=True)

    def _is_private(self, folder: Path) -> bool:
        try:
            found = folder.lstat()
        except OSError:
            return False
        return (
            stat.S_ISDIR(found.st_mode)
            and found.st_uid == self.user_id
            and stat.S_IMODE(found.st_mode) == 0o700
        )

    def _url(self, role: str, database: str) -> str:
        query = {"host": str(self.socket_dir), "port": str(PORT)}
        password = self.password(role)
        return URL.create(
            "postgresql+psycopg2", username=role, password=password, database=database, query=query
        ).render_as_string(hide_password=False)


def find_place(home: Path) -> Place | None:
    """The place of the cluster of `home` when there is one, made whole or not; changes nothing."""
    for base in (_recorded_elsewhere(home), home / "cluster"):
        try:
            if base is not None and (base / _MARKER).exists():
                owner = base.stat()
                return Place(home, base, owner.st_uid, owner.st_gid)
        except PermissionError as error:
            raise _not_ours(base or home) from error
    return None


def refuse_stranger(home: Path, place: Place | None) -> Place:
    """The place that was found, or an error that says that `home` has no cluster."""
    if place is None:
        raise UnavailableError(
            "there is no private database in {home} yet; start it with `blueprint database start`", home=home
        )
    return place


def make_place(home: Path, say: Callable[[str], None]) -> Place:
    """The place of the cluster of `home`, its folder made when there is none yet."""
    place = find_place(home)
    if place is not None:
        _check_user(place)
        return place
    user = _server_user()
    base = home / "cluster"
    if not _can_enter(home, user):
        base = _elsewhere(home)
        if not _SYSTEM_FOLDER.exists():
            _SYSTEM_FOLDER.mkdir(parents=True)
            _SYSTEM_FOLDER.chmod(0o711)
        say(f"{home} 不能被用户 {user.pw_name} 访问，数据库文件放在 {base} / the database is kept in {base}")
    place = Place(home, base, user.pw_uid, user.pw_gid)
    try:
        if base.exists() and any(path.name != f".{_MARKER}.new" for path in base.iterdir()):
            raise InvalidInputError(
                "{base} is not empty and was not made by One Blueprint; move it away, or set BLUEPRINT_HOME"
                " to another folder",
                base=base,
            )
        place.make_folder(base)
        place.write(_MARKER, "making\n")
        if base != home / "cluster":
            (home / _ELSEWHERE).write_text(f"{base}\n", encoding="utf-8")
    except OSError as error:
        raise _cannot_write(base, error) from error
    return place


@contextmanager
def lock(home: Path, say: Callable[[str], None]) -> Iterator[None]:
    """Let one process at a time make, start or stop the cluster of `home`; a crash lets go of the lock."""
    try:
        if not home.exists():
            home.mkdir(parents=True)
            home.chmod(0o711 if os.geteuid() == 0 else 0o700)
        descriptor = os.open(home / "cluster.lock", os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise _cannot_write(home, error) from error
    try:
        _take(descriptor, home, say)
        yield
    finally:
        os.close(descriptor)


def _take(descriptor: int, home: Path, say: Callable[[str], None]) -> None:
    deadline = time.monotonic() + _LOCK_TIMEOUT_S
    told = False
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise UnavailableError(
                    "another process has been starting or stopping the private database in {home} for"
                    " {lock_timeout_s} minutes; end it and try again",
                    home=home,
                    lock_timeout_s=_LOCK_TIMEOUT_S // 60,
                ) from None
            if not told:
                say(
                    "等待另一个进程启动数据库 / waiting for another process that starts or stops the database"
                )
                told = True
            time.sleep(0.05)


def _server_user() -> pwd.struct_passwd:
    if os.geteuid() != 0:
        return pwd.getpwuid(os.geteuid())
    try:
        return pwd.getpwnam("postgres")
    except KeyError as error:
        raise UnavailableError(
            "PostgreSQL does not run as root and the system user `postgres` is missing;"
            " install Debian's postgresql-15, or run as an ordinary user"
        ) from error


def _check_user(place: Place) -> None:
    if os.geteuid() not in (0, place.user_id):
        raise _not_ours(place.base)
    if place.user_id == 0:
        raise UnavailableError(
            "{base} belongs to root, whom PostgreSQL refuses; chown it to `postgres`", base=place.base
        )


def _can_enter(folder: Path, user: pwd.struct_passwd) -> bool:
    if os.geteuid() != 0:
        return True
    tried = subprocess.run(
        ["/usr/bin/test", "-x", str(folder)],
        user=user.pw_uid,
        group=user.pw_gid,
        extra_groups=[],
        env={},
        cwd="/",
        check=False,
    )
    return tried.returncode == 0


def _elsewhere(home: Path) -> Path:
    return _SYSTEM_FOLDER / hashlib.sha256(os.fsencode(home.resolve())).hexdigest()[:16]


def _recorded_elsewhere(home: Path) -> Path | None:
    # A copied checkout carries the record of another home's files: only its own are taken.
    recorded = _first_line(home / _ELSEWHERE)
    return Path(recorded) if recorded and Path(recorded) == _elsewhere(home) else None


def _first_line(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8").partition("\n")[0]
    except (FileNotFoundError, NotADirectoryError):
        return None
    except PermissionError as error:
        raise _not_ours(path.parent) from error


def _not_ours(folder: Path) -> UnavailableError:
    return UnavailableError(
        "the private database in {folder} belongs to another user of this machine; run as that user, or set"
        " BLUEPRINT_HOME to a folder of your own",
        folder=folder,
    )


def _cannot_write(folder: Path, error: OSError) -> UnavailableError:
    return UnavailableError(
        "the private database cannot be kept in {folder}: {strerror}; set BLUEPRINT_HOME to a folder you"
        " can write",
        folder=folder,
        strerror=error.strerror,
    )
