"""The file of a backup: a tar with PostgreSQL's own dump, the objects kept outside the database, and a manifest at its end.

The manifest comes last and names every other member with its size and SHA-256, so a file without it was cut off.
"""

import hashlib
import json
import os
import tarfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any, BinaryIO

from blueprint.errors import InvalidInputError, StorageFullError

DUMP = "database.dump"
OBJECTS = "objects/"
_MANIFEST = "manifest.json"
_FORMAT = "one-blueprint-backup 1"
_PIECE = 1 << 20

Progress = Callable[[int], None]


@dataclass(frozen=True)
class Member:
    """What the manifest says of a member."""

    bytes: int
    sha256: str


@dataclass(frozen=True)
class Manifest:
    """Whose backup it is, of which schema, and where its audit log stood when it began."""

    city: str
    administrative_code: str
    working_srid: int
    schema_revision: str
    made_at: str
    audit_seq: int
    audit_hash: str
    members: dict[str, Member]
    format: str = _FORMAT


class Writing:
    """An archive under way; members are streamed into it and told in the manifest."""

    def __init__(self, file: BinaryIO, progress: Progress) -> None:
        self._file = file
        self._progress = progress
        self.members: dict[str, Member] = {}

    def add(self, name: str, stream: IO[bytes]) -> None:
        """Write a stream of unknown length as a member; its header is written when the length is known."""
        header_at = self._file.tell()
        self._file.write(bytes(tarfile.BLOCKSIZE))
        digest, size = hashlib.sha256(), 0
        while piece := stream.read(_PIECE):
            self._file.write(piece)
            digest.update(piece)
            size += len(piece)
            self._progress(len(piece))
        self._file.write(bytes(-size % tarfile.BLOCKSIZE))
        end_at = self._file.tell()
        info = tarfile.TarInfo(name)
        info.size, info.mode = size, 0o600
        header = info.tobuf(tarfile.GNU_FORMAT)
        if len(header) != tarfile.BLOCKSIZE:
            raise InvalidInputError("{name} has too long a name for a backup; shorten it", name=name)
        self._file.seek(header_at)
        self._file.write(header)
        self._file.seek(end_at)
        self.members[name] = Member(size, digest.hexdigest())

    def finish(self, manifest: Manifest) -> None:
        """Write the manifest and the end of the tar."""
        content = json.dumps(asdict(manifest), ensure_ascii=False, indent=1).encode()
        info = tarfile.TarInfo(_MANIFEST)
        info.size, info.mode = len(content), 0o600
        self._file.write(info.tobuf(tarfile.GNU_FORMAT) + content + bytes(-len(content) % tarfile.BLOCKSIZE))
        self._file.write(bytes(2 * tarfile.BLOCKSIZE))


@contextmanager
def writing(path: Path, progress: Progress) -> Iterator[Writing]:
    """Write an archive beside its place and put it there when it is whole; nothing is left of one that failed."""
    draft = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with os.fdopen(os.open(draft, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600), "w+b") as file:
            yield Writing(file, progress)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
        _sync_folder(path.parent)
    except OSError as error:
        if error.errno == 28:  # ENOSPC
            raise StorageFullError("the disk of {path} is full; nothing was kept", path=path) from error
        raise InvalidInputError(
            "cannot write {path}: {strerror}", path=path, strerror=error.strerror
        ) from error
    finally:
        draft.unlink(missing_ok=True)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


class Reading:
    """An archive whose manifest was read; `prove` compares every member with it."""

    def __init__(
        self, path: Path, tar: tarfile.TarFile, found: dict[str, tarfile.TarInfo], manifest: Manifest
    ) -> None:
        self._path = path
        self._tar = tar
        self._found = found
        self.manifest = manifest

    def prove(self, progress: Progress) -> None:
        """Read every member and compare its SHA-256; InvalidInputError names the first that is not as it was written."""
        for name, told in self.manifest.members.items():
            digest, size = hashlib.sha256(), 0
            with self.open(name) as stream:
                while piece := stream.read(_PIECE):
                    digest.update(piece)
                    size += len(piece)
                    progress(len(piece))
            if (size, digest.hexdigest()) != (told.bytes, told.sha256):
                raise InvalidInputError(
                    "{path} is damaged: {name} is not what was backed up", path=self._path, name=name
                )

    def open(self, name: str) -> IO[bytes]:
        """The bytes of a member."""
        info = self._found.get(name)
        stream = self._tar.extractfile(info) if info is not None else None
        if stream is None:
            raise InvalidInputError("{path} is damaged: {name} is missing", path=self._path, name=name)
        return stream

    def objects(self) -> Iterator[tuple[Path, IO[bytes]]]:
        """The objects, each with its place below the folder of objects."""
        for name in self.manifest.members:
            if name.startswith(OBJECTS):
                relative = Path(name.removeprefix(OBJECTS))
                if relative.is_absolute() or ".." in relative.parts:
                    raise InvalidInputError(
                        "{path} is no backup of ours: it names {name}", path=self._path, name=name
                    )
                with self.open(name) as stream:
                    yield relative, stream


@contextmanager
def reading(path: Path) -> Iterator[Reading]:
    """Open an archive; InvalidInputError says in one sentence why a file is none."""
    try:
        tar = tarfile.open(path, "r:")  # noqa: SIM115  # closed below
    except OSError as error:
        raise InvalidInputError(
            "cannot read {path}: {strerror}", path=path, strerror=error.strerror
        ) from error
    except (tarfile.TarError, EOFError) as error:
        raise InvalidInputError("{path} is no backup of One Blueprint", path=path) from error
    with tar:
        try:
            found = {info.name: info for info in tar if info.isreg()}
        except (tarfile.TarError, EOFError, OSError) as error:
            raise _cut_off(path) from error
        if DUMP not in found and _MANIFEST not in found:
            raise InvalidInputError("{path} is no backup of One Blueprint", path=path)
        if _MANIFEST not in found:
            raise _cut_off(path)
        yield Reading(path, tar, found, _manifest(path, tar, found[_MANIFEST]))


def _cut_off(path: Path) -> InvalidInputError:
    return InvalidInputError(
        "{path} was cut off: its end is missing; copy it again from where it was made", path=path
    )


def _manifest(path: Path, tar: tarfile.TarFile, info: tarfile.TarInfo) -> Manifest:
    try:
        stream = tar.extractfile(info)
        values: dict[str, Any] = json.loads(stream.read() if stream is not None else b"")
        members = {name: Member(**told) for name, told in values.pop("members").items()}
        manifest = Manifest(members=members, **values)
    except (ValueError, TypeError, KeyError, AttributeError, tarfile.TarError, OSError) as error:
        raise InvalidInputError(
            "{path} is no backup that this version reads: {error}", path=path, error=error
        ) from error
    if manifest.format != _FORMAT:
        raise InvalidInputError(
            "{path} is a backup of another kind ({format}); use the version that made it",
            path=path,
            format=manifest.format,
        )
    return manifest
