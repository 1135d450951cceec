"""The object folder: files of our own making (rasters as COG) by their SHA-256, beside the database they belong to."""

import hashlib
import os
import re
import stat
import tempfile
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy.orm import Session

from blueprint.database import OBJECTS
from blueprint.errors import StorageFullError, UnavailableError, is_disk_full

_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class Stored:
    """A file of the folder: its SHA-256 and size in bytes."""

    sha256: str
    size_bytes: int


@dataclass(frozen=True)
class ObjectFolder:
    """Files that never change, readable by the service's user alone; what the same bytes is the same file."""

    folder: Path

    def put(self, source: Path) -> Stored:
        """Copy a regular file into the folder; it is complete under its name, or not there at all.

        A transaction that is rolled back later leaves the file: nothing names it, and it does no harm.
        """
        try:
            return self._put(source)
        except OSError as error:
            if is_disk_full(error):
                raise StorageFullError(
                    "the disk of the object folder is full; nothing was stored, free some space and try again"
                ) from error
            raise UnavailableError(
                "the object folder {folder} cannot be used: {strerror}",
                folder=self.folder,
                strerror=error.strerror,
            ) from error

    def _put(self, source: Path) -> Stored:
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        digest, size = hashlib.sha256(), 0
        # The source's writer may be hostile: a link in its place would lead to a file that is not its own.
        descriptor = os.open(source, os.O_RDONLY | os.O_NOFOLLOW)
        with os.fdopen(descriptor, "rb") as opened:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise UnavailableError("{source_name} is no regular file", source_name=source.name)
            handle, name = tempfile.mkstemp(prefix=".incoming-", dir=self.folder)
            partial = Path(name)
            try:
                with os.fdopen(handle, "wb") as target:
                    while block := opened.read(1 << 20):
                        digest.update(block)
                        size += target.write(block)
                    target.flush()
                    os.fsync(target.fileno())
                final = self.path(digest.hexdigest())
                final.parent.mkdir(exist_ok=True, mode=0o700)
                partial.replace(final)
                _sync(final.parent)
            finally:
                partial.unlink(missing_ok=True)
        return Stored(digest.hexdigest(), size)

    def path(self, sha256: str) -> Path:
        """Where the file of that SHA-256 is, or would be."""
        if not _SHA256.fullmatch(sha256):
            raise ValueError(f"{sha256!r} is no SHA-256")
        return self.folder / sha256[:2] / sha256[2:]

    def existing(self, sha256: str) -> Path:
        """The file of that SHA-256; one that is gone is said with what to do."""
        path = self.path(sha256)
        if not path.is_file():
            raise UnavailableError(
                "the object folder {folder} lacks {sha256}…; restore it from the backup of the same day as"
                " the database",
                folder=self.folder,
                sha256=sha256[:12],
            )
        return path


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def objects_of(session: Session) -> ObjectFolder:
    """The object folder of the store that a session works on."""
    folder = session.get_bind().get_execution_options().get(OBJECTS)
    if folder is None:
        raise UnavailableError("this database was opened without its object folder; set BLUEPRINT_HOME")
    return ObjectFolder(folder)
