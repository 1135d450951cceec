"""Uploads as jobs: the file waits in the scratch folder, a worker stores it as a version."""

import io
from collections.abc import Mapping
from dataclasses import fields
from datetime import date, datetime
from pathlib import Path
from typing import IO, Any

import shapely
from sqlalchemy.orm import Session

from blueprint.edge import Edge
from blueprint.errors import ConflictError
from blueprint.jobs import spool
from blueprint.jobs.kinds import JobKind, JobRun, Tell
from blueprint.jobs.models import Job
from blueprint.jobs.queue import put_in
from blueprint.layers import catalogue, publication
from blueprint.layers.models import Layer
from blueprint.layers.storing import Upload
from blueprint.layers.taking_in import OnBase, take_in
from blueprint.permissions import Act, Actor, require

LARGE_BYTES = 16 << 20
"""A larger file is answered with a job: reading, cutting and storing it takes longer than a client likes to wait."""


_NOT_SAID = ("actor", "objects")
"""Of an upload: who it is the job knows, and where originals are kept the machine."""


def put_in_upload(
    session: Session,
    layer: Layer,
    source: IO[bytes],
    name: str,
    upload: Upload,
    *,
    in_force_from: date | None = None,
    confirm_warnings: str | None = None,
    delta: OnBase | None = None,
    edge: Edge,
    now: datetime,
) -> Job:
    """Keep the file and ask for the job that stores it as a version, in force from a day on if one is given."""
    if in_force_from is not None:
        require(upload.actor, Act.BRING_INTO_FORCE, layer.thing)
    spooled = spool.keep(source, scratch=edge.scratch)
    size = source.seek(0, io.SEEK_END)
    arguments = {
        "layer": layer.code,
        "spooled": spooled,
        "name": name,
        "upload": upload_to_json(upload),
        "in_force_from": in_force_from.isoformat() if in_force_from is not None else None,
        "confirm_warnings": confirm_warnings,
        "base": delta.base.number if delta is not None else None,
        "change_field": delta.change_field if delta is not None else None,
    }
    return put_in(session, UPLOAD, layer.thing, arguments, actor=upload.actor, now=now, bytes_total=size)


def upload_to_json(upload: Upload) -> dict[str, Any]:
    """What the uploader says of a file, but who it is, as plain values."""
    given = {
        field.name: getattr(upload, field.name) for field in fields(upload) if field.name not in _NOT_SAID
    }
    return {name: _plain(value) for name, value in given.items() if value is not None}


def upload_from_json(values: Mapping[str, Any], actor: Actor, *, objects: Path | None = None) -> Upload:
    """The same read back."""
    return Upload(actor=actor, objects=objects, **{name: _value(value) for name, value in values.items()})


def _plain(value: Any) -> Any:
    if isinstance(value, shapely.Geometry):
        return {"wkb": shapely.to_wkb(value, hex=True)}
    if isinstance(value, Mapping):
        return {"pairs": dict(value)}
    return {"day": value.isoformat()} if isinstance(value, date) else value


def _value(value: Any) -> Any:
    if isinstance(value, dict) and value.keys() == {"wkb"}:
        return shapely.from_wkb(value["wkb"])
    if isinstance(value, dict) and value.keys() == {"day"}:
        return date.fromisoformat(value["day"])
    if isinstance(value, dict) and value.keys() == {"pairs"}:
        return value["pairs"]
    return value


def _run(run: JobRun) -> dict[str, Any]:
    """Store and check the file; a version that cannot come into force stays a draft, and the result says why."""
    session, edge, now = run.session, run.edge, run.edge.now()
    layer = catalogue.find_layer(session, run.arguments["layer"])
    require(run.actor, Act.UPLOAD_VERSION, layer.thing)
    upload = upload_from_json(run.arguments["upload"], run.actor, objects=edge.objects)
    delta = None
    if run.arguments["base"] is not None:
        delta = OnBase(
            publication.version_of(session, layer, run.arguments["base"]), run.arguments["change_field"]
        )
    path = spool.waiting_file(run.arguments["spooled"], scratch=edge.scratch)
    with (
        path.open("rb") as stream,
        io.BufferedReader(_Counted(stream, run.tell), 1 << 20) as counted,
    ):
        version = take_in(
            session,
            layer,
            counted,
            run.arguments["name"],
            upload,
            delta=delta,
            edge=edge,
            now=now,
            progress=run.tell,
        )
    result = {"layer": layer.code, "version": version.number, "features": version.feature_count}
    if run.arguments["in_force_from"] is not None:
        require(run.actor, Act.BRING_INTO_FORCE, layer.thing)
        try:
            publication.bring_into_force(
                session,
                version,
                starts_on=date.fromisoformat(run.arguments["in_force_from"]),
                actor=run.actor,
                now=now,
                confirm_warnings=run.arguments.get("confirm_warnings"),
            )
        except ConflictError as refusal:
            # The draft stays: what stands against it can be read, and a long upload is not made twice.
            result["not_in_force"] = refusal.sentence.both
    return result


class _Counted(io.RawIOBase):
    """A file that tells how many of its bytes were read."""

    def __init__(self, source: IO[bytes], tell: Tell) -> None:
        self._source = source
        self._tell = tell
        self._done = 0

    def readable(self) -> bool:
        """It is there to be read."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Fill the buffer with the next bytes; 0 at the end."""
        block = self._source.read(len(buffer))
        buffer[: len(block)] = block
        self._done += len(block)
        self._tell("stage", self._done)
        return len(block)


def _tidy(edge: Edge, arguments: Mapping[str, Any]) -> None:
    spool.forget(arguments["spooled"], scratch=edge.scratch)


UPLOAD = JobKind("upload", Act.UPLOAD_VERSION, _run, _tidy)
