"""Backup and restore of everything: PostgreSQL's dump of the database, and the objects kept beside it.

A restore never works on what is there: a database beside it is filled, migrated, held to the city and its audit log
proven, and only then takes the place. Where the server is not ours to make databases on, only an empty one is filled.
"""

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import IO

from alembic.script.revision import ResolutionError
from sqlalchemy import Engine, create_engine, make_url, select, text
from sqlalchemy.orm import Session
from sqlalchemy.pool import NullPool

from blueprint.audit.log import record
from blueprint.audit.verification import Anchor, Verification, head_of, verify
from blueprint.city import City
from blueprint.cluster.programs import Programs
from blueprint.database import CONNECT_ARGS, application_name
from blueprint.errors import ConflictError, InvalidInputError, UnavailableError
from blueprint.models import CityRow
from blueprint.permissions import Actor
from service import migrations
from service.archive import DUMP, OBJECTS, Manifest, Progress, Reading, Writing, writing
from service.setup import initialise

_NOT_KEPT = ("blueprint.wall_key", "blueprint.session", "blueprint.failed_sign_in")
"""Tables whose rows stay behind: a key of this server's, and sessions, which may have been ended since."""


@dataclass(frozen=True)
class Written:
    """A backup that is whole."""

    bytes: int
    audit_seq: int
    objects: int


def keeper_engine(url: str) -> Engine:
    """An engine of the tables' owner, at work on all rows."""
    options = CONNECT_ARGS["options"] + " -c blueprint.keeper=on"
    arguments = CONNECT_ARGS | {"options": options, "application_name": application_name()}
    return create_engine(url, poolclass=NullPool, connect_args=arguments)


def back_up(
    path: Path,
    *,
    url: str,
    programs: Programs,
    objects: Path,
    actor: Actor,
    now: datetime,
    progress: Progress,
) -> Written:
    """Write a backup of the database at the owner's `url` and of the folder of objects; both are as of one moment.

    Objects are never changed once they are there, so those that the dump speaks of are all in it.
    """
    engine = keeper_engine(url)
    with Session(engine) as session, session.begin():
        # Told before the dump, so that the backup itself knows of it.
        record(session, actor, "back_up_database", kind="backup", id=path.name, after={"state": "begun"})
    with Session(engine) as session:
        city = session.scalars(select(CityRow)).one()
        revision = migrations.current_revision(session.connection())
        head = head_of(session, now)
    with writing(path, progress) as archive:
        with _dumping(url, programs) as dump:
            archive.add(DUMP, dump)
        _add_objects(archive, objects)
        archive.finish(
            Manifest(
                city=city.name,
                administrative_code=city.administrative_code,
                working_srid=city.working_srid,
                schema_revision=str(revision),
                made_at=now.isoformat(),
                audit_seq=head.seq,
                audit_hash=head.hash,
                members=dict(archive.members),
            )
        )
    size = path.stat().st_size
    with Session(engine) as session, session.begin():
        after = {"state": "written", "bytes": size, "dump_sha256": archive.members[DUMP].sha256}
        record(session, actor, "back_up_database", kind="backup", id=path.name, after=after)
    return Written(size, head.seq, len(archive.members) - 1)


def _add_objects(archive: Writing, folder: Path) -> None:
    for file in sorted(folder.rglob("*")) if folder.is_dir() else []:
        if file.is_file() and not file.is_symlink() and not file.name.startswith("."):
            with file.open("rb") as stream:
                archive.add(f"{OBJECTS}{file.relative_to(folder).as_posix()}", stream)


def refuse_unfit(manifest: Manifest, city: City) -> None:
    """Refuse a backup of another city, or of a newer version, before anything is touched."""
    if (manifest.administrative_code, manifest.working_srid) != (city.administrative_code, city.working_srid):
        raise ConflictError(
            "this backup is of {city} ({administrative_code}, EPSG:{working_srid}), the profile is of"
            " {city_name} ({city_administrative_code}, {working_crs}); use that city's profile"
            " (BLUEPRINT_CITY)",
            city=manifest.city,
            administrative_code=manifest.administrative_code,
            working_srid=manifest.working_srid,
            city_name=city.name,
            city_administrative_code=city.administrative_code,
            working_crs=city.working_crs,
        )
    try:
        migrations.refuse_unknown(manifest.schema_revision)
    except ResolutionError as error:
        raise ConflictError(
            "this backup is of schema revision {schema_revision}, which this version does not know; install"
            " the version that made it, or a newer one",
            schema_revision=manifest.schema_revision,
        ) from error


def is_empty(url: str) -> bool:
    """Whether the database at `url` has nothing of ours in it."""
    with create_engine(url, poolclass=NullPool).connect() as connection:
        return migrations.current_revision(connection) is None


def head_at(url: str) -> Anchor | None:
    """Where the audit log of the database that is there stands; None when it has none that can be read."""
    engine = keeper_engine(url)
    with Session(engine) as session:
        if session.scalar(text("SELECT to_regclass('blueprint.audit_entry')")) is None:
            return None
        return head_of(session, datetime.now().astimezone())


def fill(
    archive: Reading, *, url: str, service_url: str, programs: Programs, city: City, progress: Progress
) -> None:
    """Fill an empty database from a backup, in one transaction, and bring it to this version's schema."""
    command = ["pg_restore", "--no-owner", "--no-privileges", "--no-comments", "--exit-on-error"]
    with archive.open(DUMP) as dump:
        _restoring(url, programs, [*command, "--single-transaction"], dump, progress)
    initialise(url, city, service_url=service_url)
    with keeper_engine(url).connect() as connection:
        connection.execute(text("ANALYZE"))
        connection.commit()


def prove(url: str, manifest: Manifest, anchors: list[Anchor]) -> Verification:
    """Walk the restored audit log, and hold it to where the backup says it stood and to older anchors."""
    own = Anchor(manifest.audit_seq, manifest.audit_hash, manifest.made_at)
    with Session(keeper_engine(url)) as session:
        return verify(session, [*anchors, own])


def record_restore(
    url: str, path: Path, manifest: Manifest, *, replaced: Anchor | None, actor: Actor
) -> None:
    """Tell the restored log what happened: from which backup, and where the log ended that it replaces."""
    with Session(keeper_engine(url)) as session, session.begin():
        record(
            session,
            actor,
            "restore_database",
            kind="backup",
            id=path.name,
            before={"audit_seq": replaced.seq, "audit_hash": replaced.hash} if replaced is not None else None,
            after={
                "made_at": manifest.made_at,
                "audit_seq": manifest.audit_seq,
                "dump_sha256": manifest.members[DUMP].sha256,
            },
        )


def put_back_objects(archive: Reading, folder: Path) -> int:
    """Put back the objects that are missing; one that is there stays. Says how many were put back."""
    count = 0
    for relative, stream in archive.objects():
        place = folder / relative
        if place.exists():
            continue
        place.parent.mkdir(parents=True, exist_ok=True)
        draft = place.with_name(f".{place.name}.part")
        with draft.open("wb") as file:
            shutil.copyfileobj(stream, file)
        draft.replace(place)
        count += 1
    return count


def _environment(url: str) -> dict[str, str]:
    """What libpq reads; the password is never a word of a command line."""
    parts = make_url(url)
    given = {
        "PGHOST": parts.host or parts.query.get("host"),
        "PGPORT": parts.port or parts.query.get("port"),
        "PGUSER": parts.username,
        "PGPASSWORD": parts.password,
        "PGDATABASE": parts.database,
        "PGOPTIONS": "-c blueprint.keeper=on",
        "PGAPPNAME": application_name("backup"),
    }
    kept = {
        name: value for name, value in os.environ.items() if name.startswith(("PGSSL", "PGPASSFILE", "HOME"))
    }
    fixed = {"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "TZ": "UTC"}
    return kept | fixed | {name: str(value) for name, value in given.items() if value is not None}


@contextmanager
def _dumping(url: str, programs: Programs) -> Iterator[IO[bytes]]:
    words = [str(programs.folder / "pg_dump"), "--format=custom", "--compress=6", "--enable-row-security"]
    words += ["--no-owner", "--no-privileges", *(f"--exclude-table-data={table}" for table in _NOT_KEPT)]
    with _running(words, url, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        yield process.stdout
        _end(process, "pg_dump")


def _restoring(url: str, programs: Programs, words: list[str], dump: IO[bytes], progress: Progress) -> None:
    database = str(make_url(url).database)
    command = [str(programs.folder / words[0]), *words[1:], f"--dbname={database}"]
    with _running(command, url, stdin=subprocess.PIPE) as process:
        assert process.stdin is not None
        try:
            while piece := dump.read(1 << 20):
                process.stdin.write(piece)
                progress(len(piece))
            process.stdin.close()
        except BrokenPipeError:
            pass  # it says itself why it stopped
        _end(process, "pg_restore")


@contextmanager
def _running(
    words: list[str], url: str, *, stdin: int = subprocess.DEVNULL, stdout: int = subprocess.DEVNULL
) -> Iterator[subprocess.Popen[bytes]]:
    """A program that is ended when what is done with it fails; it says in a file of its own what went wrong."""
    try:
        process = subprocess.Popen(
            words, env=_environment(url), cwd="/", stdin=stdin, stdout=stdout, stderr=subprocess.PIPE
        )
    except OSError as error:
        raise UnavailableError(
            "{words} cannot be run: {strerror}", words=words[0], strerror=error.strerror
        ) from error
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()
        for stream in (process.stdin, process.stdout, process.stderr):
            if stream is not None and not stream.closed:
                _close(stream)


def _close(stream: IO[bytes]) -> None:
    try:
        stream.close()
    except BrokenPipeError:
        return


def _end(process: subprocess.Popen[bytes], name: str) -> None:
    assert process.stderr is not None
    told = process.stderr.read().decode("utf-8", "replace").strip().splitlines()
    if process.wait() != 0:
        reason = next((line for line in told if "error:" in line), told[-1] if told else "no reason given")
        raise UnavailableError(
            "{name} failed: {reason}", name=name, reason=reason.partition("error: ")[2] or reason
        )


Say = Callable[[str], None]


def counting(say: Say, what: str, *, every: int = 100_000_000) -> Progress:
    """Tells progress in whole hundreds of megabytes."""
    done = 0

    def count(piece: int) -> None:
        nonlocal done
        if done // every != (done + piece) // every:
            say(f"{what}: {(done + piece) // 1_000_000:,} MB")
        done += piece

    return count


def refuse_existing(path: Path, *, yes: bool) -> None:
    """Refuse to write over a file unless that was said."""
    if path.is_dir():
        raise InvalidInputError("{path} is a folder; name a file", path=path)
    if path.exists() and not yes:
        raise InvalidInputError(
            "{path} is there already; name another file, or say --yes to replace it", path=path
        )
