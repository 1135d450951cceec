"""Routes of exports: a version as a file, and the register of what was exported."""

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Annotated, Any, Literal

from fastapi import APIRouter, Query
from fastapi.responses import StreamingResponse

from blueprint.edge import ActorDep, EdgeDep, NowDep, SessionDep
from blueprint.errors import InvalidInputError, StorageFullError, UnavailableError, is_disk_full
from blueprint.given import Text
from blueprint.layers import catalogue
from blueprint.layers.delta_file import DeltaWriter
from blueprint.layers.difference import refuse_long_comparison
from blueprint.layers.drafts import readable_version
from blueprint.layers.export import FORMS, Write, write_version
from blueprint.layers.patch_file import PatchWriter
from blueprint.layers.router import Code, Number
from blueprint.permissions import Act, require
from blueprint.sharing import exports
from blueprint.sharing.models import Export
from blueprint.sharing.schemas import ExportOut, ExportPage

router = APIRouter(tags=["sharing"])

_FILE: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "the file, with its stamp; `Export-Number` is its number in the register",
        "content": {
            form.media_type: {"schema": {"type": "string", "format": "binary"}}
            for form in FORMS.values()
            if "json" not in form.media_type
        }
        | {"application/geo+json": {"schema": {"type": "object", "required": ["type", "features"]}}},
    }
}


@router.get("/api/layers/{code}/versions/{number}/export", response_class=StreamingResponse, responses=_FILE)
def export_version(
    code: Code,
    number: Number,
    session: SessionDep,
    actor: ActorDep,
    edge: EdgeDep,
    now: NowDep,
    form: Annotated[
        Literal["gpkg", "parquet", "fgb", "geojson", "shp", "tif"] | None,
        Query(alias="f", description="gpkg, parquet, fgb, geojson, shp (zip); of a raster tif"),
    ] = None,
    purpose: Annotated[
        Text | None,
        Query(max_length=1000, description="用途 what for; needed for what is not public and not granted"),
    ] = None,
    since: Annotated[
        int | None, Query(ge=1, le=2_000_000_000, description="only where it differs from this version")
    ] = None,
    as_delta: Annotated[
        bool,
        Query(
            description="动态维护 with `since`: as a delta (WHQ, WHC, WHH; a GeoPackage), which can be put on it again"
        ),
    ] = False,
) -> StreamingResponse:
    """A version, or where it differs from another, as a file: stamped, registered, and counted where it is not public (429 and 403 say what is left)."""
    require(actor, Act.EXPORT_LAYER)
    layer = catalogue.find_readable(session, code, actor)
    version = readable_version(session, layer, number, actor)
    written = FORMS[form or ("gpkg" if version.raster is None or since is not None else "tif")]
    name = f"{layer.code}-v{version.number}{written.suffix}"
    write: Write = write_version
    if as_delta and (since is None or form not in (None, "gpkg")):
        raise InvalidInputError(
            "a delta leads from one version to another and has three layers in one file; ask for it with since=n and f=gpkg"
        )
    if since is not None:
        old = readable_version(session, layer, since, actor)
        refuse_long_comparison(old, version)
        write = DeltaWriter(old) if as_delta else PatchWriter(old)
        name = f"{layer.code}-v{since}-v{version.number}{written.suffix}"
    try:
        edge.scratch.mkdir(parents=True, exist_ok=True, mode=0o711)
        with tempfile.TemporaryDirectory(prefix="export-", dir=edge.scratch) as folder:
            path = Path(folder) / name
            export = exports.export_layer(
                session,
                layer,
                version,
                path,
                actor=actor,
                city=edge.city,
                now=now,
                purpose=purpose,
                write=write,
            )
            # Open, its file needs no name: what is not sent is gone, however the request ends.
            file = path.open("rb")
    except OSError as error:
        if is_disk_full(error):
            raise StorageFullError("the disk is full; nothing was exported") from error
        raise UnavailableError(
            "the scratch folder cannot be used: {strerror}", strerror=error.strerror
        ) from error
    headers = {
        "Content-Disposition": f'attachment; filename="{name}"',
        "Content-Length": str(export.bytes),
        "Export-Number": export.number,
    }
    return StreamingResponse(_blocks(file), media_type=written.media_type, headers=headers)


def _blocks(file: IO[bytes]) -> Iterator[bytes]:
    with file:
        while block := file.read(1 << 18):
            yield block


@router.get("/api/exports")
def list_exports(
    session: SessionDep,
    actor: ActorDep,
    layer: Annotated[Text | None, Query(max_length=60)] = None,
    number: Annotated[
        Text | None, Query(max_length=36, description="导出编号 as it stands in the file")
    ] = None,
    sha256: Annotated[Text | None, Query(max_length=64, description="of the file, hexadecimal")] = None,
    cursor: Annotated[int | None, Query(ge=1, le=2_000_000_000)] = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 200,
) -> ExportPage:
    """Files that the caller's department exported, or others of its layers; the auditor sees all."""
    found = exports.list_exports(
        session, actor=actor, layer=layer, number=number, sha256=sha256, before=cursor, limit=limit
    )
    return ExportPage(
        items=[export_out(export) for export in found], next=found[-1].id if len(found) == limit else None
    )


def export_out(export: Export) -> ExportOut:
    """An entry of the register as it is shown."""
    layer = export.version.layer
    own = ("layer", "owner", "version")
    return ExportOut(
        layer=layer.code,
        owner=layer.department,
        version=export.version.number,
        **{name: getattr(export, name) for name in ExportOut.model_fields if name not in own},
    )
