"""Taking a file in: it is stored as the next draft version of its layer and checked, for whoever brings it and however."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import IO

from sqlalchemy.orm import Session

from blueprint.edge import Edge
from blueprint.layers.delta import apply_delta, sublayer_to_stage
from blueprint.layers.features_file import features_folder
from blueprint.layers.models import GeometryKind, Layer, LayerVersion
from blueprint.layers.reading import prepare_large, staged
from blueprint.layers.retirement import refuse_retired
from blueprint.layers.storing import Upload, cut_version, read_version, silent
from blueprint.quality.check import check_version, keep_check, started_check


@dataclass(frozen=True)
class OnBase:
    """That a file is a delta on a version; `change_field` is where its rows say what they are."""

    base: LayerVersion
    change_field: str | None = None


def take_in(
    session: Session,
    layer: Layer,
    source: IO[bytes],
    name: str,
    upload: Upload,
    *,
    delta: OnBase | None = None,
    edge: Edge,
    now: datetime,
    progress: Callable[[str, int], None] = silent,
) -> LayerVersion:
    """Store a file as a draft, all of its layer or a delta on a version, and check it: in the caller's transaction.

    The caller asked the right. Raises InvalidInputError for what cannot be taken, ConflictError for a delta that does not fit
    and for a retired layer.
    """
    refuse_retired(layer)
    city, scratch = edge.city, edge.scratch
    dataset = (
        upload.sublayer if delta is None else sublayer_to_stage(layer, upload.sublayer, delta.change_field)
    )
    when_large = prepare_large if layer.geometry != GeometryKind.RASTER else lambda: None
    with staged(source, name, scratch=scratch, sublayer=dataset, when_large=when_large) as file:
        if delta is not None:
            version = apply_delta(
                session,
                layer,
                file,
                upload,
                base=delta.base,
                change_field=delta.change_field,
                city=city,
                now=now,
                progress=progress,
            )
            # What the file holds is not all of the version: the check has it from the database.
            check_version(
                session,
                layer,
                version,
                city=city,
                scratch=scratch,
                actor=upload.actor,
                now=now,
                progress=progress,
            )
            return version
        with features_folder(scratch) as folder:
            version = read_version(
                session, layer, file, upload, city=city, now=now, folder=folder, progress=progress
            )
            # The check and the cutting both go by the features in the folder, each on a processor of its own.
            with started_check(layer, version, city=city, folder=folder) as child:
                cut_version(session, version, file, upload, city=city, folder=folder, progress=progress)
                keep_check(
                    session, layer, version, child, city=city, actor=upload.actor, now=now, progress=progress
                )
            return version
