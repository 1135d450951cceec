"""`blueprint database backup` and `restore`: everything in one file, and back, with the audit log proven."""

from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from blueprint import cluster
from blueprint.audit.verification import Anchor, Verification, read_anchors, write_anchor
from blueprint.city import City, load_city
from blueprint.cluster import databases
from blueprint.cluster.programs import Programs, find_programs
from blueprint.database import application_name
from blueprint.errors import ConflictError, InvalidInputError
from service import backup as backups
from service.archive import Manifest, Reading, reading
from service.commands.context import anchors_file, database_url, local_operator, open_edge, owner_url, say
from service.commands.options import FormatOption, OutputFormat, print_json
from service.settings import Settings, read_settings

Yes = Annotated[bool, typer.Option("--yes", help="不再询问，覆盖已有的 replace what is there")]


def backup(
    file: Annotated[Path, typer.Argument(help="备份文件 the file to write")],
    yes: Yes = False,
    output: FormatOption = OutputFormat.TABLE,
) -> None:
    """备份数据库与对象文件 · write the whole database and the objects beside it to one file."""
    settings = read_settings()
    backups.refuse_existing(file, yes=yes)
    with open_edge(settings=settings) as edge:
        say(f"正在备份 backing up {edge.city.name}")
        written = backups.back_up(
            file,
            url=owner_url(settings),
            programs=_programs(settings),
            objects=settings.objects,
            actor=local_operator(),
            now=edge.now(),
            progress=backups.counting(say, "已写入 written"),
        )
    if output is OutputFormat.JSON:
        print_json(asdict(written) | {"file": str(file)})
        return
    say(
        f"备份完成 wrote {file}: {written.bytes:,} bytes, audit log up to entry {written.audit_seq}, {written.objects} objects"
    )


def restore(
    file: Annotated[Path, typer.Argument(help="备份文件 the backup")],
    yes: Yes = False,
    accept_broken_log: Annotated[
        bool,
        typer.Option(
            "--accept-broken-log", help="日志已被改动也恢复 restore though the audit log does not hold"
        ),
    ] = False,
) -> None:
    """从备份恢复 · restore a backup into an empty database, or in place of the one that is there (--yes)."""
    settings = read_settings()
    city = load_city(settings.city)
    with reading(file) as archive:
        manifest = archive.manifest
        backups.refuse_unfit(manifest, city)
        say(f"核对文件 checking {file}: {manifest.city}, {manifest.made_at}")
        archive.prove(backups.counting(say, "已核对 checked"))
        url, owner = database_url(settings), owner_url(settings)
        is_empty = backups.is_empty(owner)
        if not is_empty and settings.database_url is not None:
            raise ConflictError(
                "the database of DATABASE_URL has a blueprint already and is left as it is; restore into a new, empty one"
                " with PostGIS, and let DATABASE_URL name that"
            )
        if not is_empty and not yes:
            raise InvalidInputError(
                "the database has a blueprint already; say --yes to put the backup in its place (make a backup of it first)"
            )
        replaced = None if is_empty else backups.head_at(owner)
        anchors = read_anchors(anchors_file(settings, url))
        known = [anchor for anchor in anchors if anchor.seq <= manifest.audit_seq]
        restoring = _Restoring(archive, file, settings, city, known, replaced, accept_broken_log)
        found = restoring.into(owner, url) if settings.database_url is not None else restoring.beside(url)
        count = backups.put_back_objects(archive, settings.objects)
    _set_anchors(anchors_file(settings, url), anchors, manifest)
    say(f"已恢复 restored {manifest.city} as of {manifest.made_at}, {count} objects put back")
    if found.reason is not None:
        say(f"日志被改动 the log was tampered with: entry {found.wrong_seq}: {found.reason.both}")
        raise typer.Exit(1)
    typer.echo(f"完好 the log holds: {found.entries} entries, the head is {found.head}")


class _Restoring:
    """One restore: where to, and what must hold before the old database goes."""

    def __init__(
        self,
        archive: Reading,
        file: Path,
        settings: Settings,
        city: City,
        anchors: list[Anchor],
        replaced: Anchor | None,
        accept_broken_log: bool,
    ) -> None:
        self._archive = archive
        self._file = file
        self._settings = settings
        self._city = city
        self._anchors = anchors
        self._replaced = replaced
        self._accepts_broken_log = accept_broken_log

    def beside(self, url: str) -> Verification:
        """Into a database of its own beside the private cluster's, which then takes the place."""
        home = self._settings.home
        others = [
            name for name in databases.connected_to(home, url) if not name.startswith(application_name())
        ]
        if others:
            raise ConflictError("the database is in use by {others}; stop the service first", others=others)
        name, owner, service = databases.make_beside(home)
        try:
            found = self.into(owner, service)
            databases.put_in_place(home, name, of=url)
        except BaseException:
            databases.drop_beside(home, name)
            raise
        return found

    def into(self, owner: str, service: str) -> Verification:
        """Into an empty database; says whether its audit log holds, and stops where it does not."""
        manifest = self._archive.manifest
        backups.fill(
            self._archive,
            url=owner,
            service_url=service,
            programs=_programs(self._settings),
            city=self._city,
            progress=backups.counting(say, "已恢复 restored"),
        )
        say("核验审计日志 proving the audit log")
        found = backups.prove(owner, manifest, self._anchors)
        if not found.holds and not self._accepts_broken_log:
            raise ConflictError(
                "the audit log of this backup was tampered with: entry {wrong_seq}: {reason}; nothing was"
                " replaced; say --accept-broken-log to restore it nevertheless",
                wrong_seq=found.wrong_seq,
                reason=found.reason,
            )
        backups.record_restore(owner, self._file, manifest, replaced=self._replaced, actor=local_operator())
        return found


def _programs(settings: Settings) -> Programs:
    """PostgreSQL's programs: those of the private cluster's version, else the newest."""
    return cluster.programs_of(settings.home) if settings.database_url is None else find_programs(None)


def _set_anchors(path: Path, anchors: list[Anchor], manifest: Manifest) -> None:
    """Put aside the anchors of what came after the backup: that part of the log is gone, and the log says so."""
    later = [anchor for anchor in anchors if anchor.seq > manifest.audit_seq]
    if not later:
        return
    stamp = f"{datetime.now(UTC):%Y%m%dT%H%M%S}"
    aside = path.with_name(f"{path.stem}-before-restore-{stamp}{path.suffix}")
    path.rename(aside)
    for anchor in anchors:
        if anchor not in later:
            write_anchor(path, anchor)
    say(f"备份之后的锚点移至 anchors of what came after the backup are in {aside}")
