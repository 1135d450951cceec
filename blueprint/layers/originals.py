"""Original files, kept by their SHA-256: what a version was made from can be shown years later, byte for byte."""

import hashlib
import os
import shutil
import tempfile
from pathlib import Path

from sqlalchemy.orm import Session

from blueprint.audit.log import record
from blueprint.errors import NotFoundError, StorageFullError, UnavailableError
from blueprint.layers.models import LayerVersion
from blueprint.layers.reading import StagedFile
from blueprint.permissions import Act, Actor

RESERVE_BYTES = 256 << 20
"""So much of a disk stays free: a full one stops the database for everybody."""


def original_path(objects: Path, sha256: str) -> Path:
    """Where a file of that hash is kept."""
    return objects / sha256[:2] / sha256[2:]


def keep_original(file: StagedFile, objects: Path) -> Path:
    """Keep an uploaded file, once for all versions made from it; only the service's own user can read it.

    A file whose version is not stored after all stays: it is found again when it is uploaded anew.
    """
    kept = original_path(objects, file.sha256)
    if kept.exists():
        return kept
    for folder in (objects, kept.parent):
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    refuse_full(objects, file.original.stat().st_size)
    descriptor, name = tempfile.mkstemp(prefix=".coming-", dir=kept.parent)  # 0600
    try:
        digest = hashlib.sha256()
        with os.fdopen(descriptor, "wb") as target, file.original.open("rb") as source:
            while block := source.read(1 << 20):
                digest.update(block)
                target.write(block)
            target.flush()
            os.fsync(target.fileno())
        if digest.hexdigest() != file.sha256:
            raise UnavailableError("the file changed while it was read; nothing was stored, upload it again")
        Path(name).replace(kept)
    finally:
        Path(name).unlink(missing_ok=True)
    return kept


def take_original(session: Session, version: LayerVersion, objects: Path | None, *, actor: Actor) -> Path:
    """Where the file of a version is kept, for who asked and was found to have the right; that it was taken is recorded.

    Of a public layer, too: the file can hold what its version does not show. NotFoundError where it is not kept.
    """
    name = f"{version.layer.code} v{version.number}"
    kept = original_path(objects, version.source_sha256) if objects is not None else None
    if kept is None or not kept.is_file():
        raise NotFoundError(
            "the original file of {name} is not kept here: {source_name}",
            name=name,
            source_name=version.source_name,
        )
    record(
        session,
        actor,
        Act.EXPORT_LAYER,
        kind="original",
        id=name,
        after={"file": version.source_name, "sha256": version.source_sha256},
    )
    return kept


def refuse_full(folder: Path, wanted_bytes: int) -> None:
    """Refuse what would leave the disk without its reserve (StorageFullError)."""
    free = shutil.disk_usage(folder).free
    if free < wanted_bytes + RESERVE_BYTES:
        raise StorageFullError(
            "the disk of {folder} has {free_mb:,} MB left, too few for this file; nothing was stored, free"
            " some space and upload again",
            folder=folder,
            free_mb=free >> 20,
        )
