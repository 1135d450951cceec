"""Inside the cell: cut the features of one version into parts, and draw the shapes of its tiles.

Features are taken from the file along a Hilbert curve, so that parts and shapes of a place come to lie on few pages, of their
tables and of the indexes. Standard output carries Arrow streams, one after the other: parts, then sheets, of some features.
"""

import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import shapely
from pyproj import Transformer

from blueprint.fitted import Fitted
from blueprint.layers.confinement import drop_rights
from blueprint.layers.cut_streams import PARTS, SHEETS
from blueprint.layers.elements import texts
from blueprint.layers.fields_as_text import fields_as_text
from blueprint.layers.generalise import FULL_LEVEL, GENERALISED_LEVELS, chances
from blueprint.layers.mapped_features import FEATURES, MappedFeatures
from blueprint.layers.measuring import equal_area
from blueprint.layers.parts import PartCutter, along_curve, centres
from blueprint.layers.sheets import Names, sheets_of
from blueprint.layers.tile_shapes import Areas, Shapes, areas_of, choose_points, draw_lines, draw_points

_LEVELS = (*GENERALISED_LEVELS, FULL_LEVEL)
_TILE_TOLERANCE_M = 1e-6
_CLASS_CODE = "YSDM"
"""The standard's own field of a feature's class, where a layer names none or a row leaves it out."""


Drawer = Callable[[pa.LargeBinaryArray, Fitted, np.ndarray], Areas]
"""Makes areas to be drawn of EWKB, the projection to the tiles, and the features' chances."""


def main(request: dict[str, Any]) -> None:
    """Cut the version of the request."""
    cut(request, _areas, Fitted)


def cut(request: dict[str, Any], drawer: Drawer, fitted: type[Fitted]) -> None:
    """The same, with areas drawn by `drawer`, points moved and areas measured by `fitted`."""
    to_tiles = (
        Transformer.from_pipeline(request["to_tiles"])
        if request["to_tiles"]
        else Transformer.from_crs(request["working_crs"], "EPSG:3857", always_xy=True)
    )
    to_equal_area = equal_area(request["working_crs"], request["equal_area"], fitted)
    # Opens what PROJ needs while it may still be read.
    to_tiles.transform(*request["middle"])
    to_equal_area.apply(np.array([request["middle"]]))
    drop_rights(request["uid"], request["gid"])
    features = MappedFeatures(Path(request["folder"]) / FEATURES)
    if not len(features):
        return
    parts = PartCutter(request["geometry"], request["working_srid"], to_equal_area)
    drawn = _Drawn(request, drawer, fitted(to_tiles, tolerance_m=_TILE_TOLERANCE_M))
    if request["geometry"] == "point":
        places = np.concatenate([centres(boxes) for boxes in features.boxes()])
        drawn.choose(places, features.numbers("feature_id"))
    for rows in along_curve(features):
        batch = features.take(rows)
        _send(PARTS, [parts.parts(batch)])
        _send(SHEETS, drawn.sheets(batch, rows))


def _send(schema: pa.Schema, batches: Iterable[pa.RecordBatch]) -> None:
    with pa.ipc.new_stream(sys.stdout.buffer, schema) as sink:
        for batch in batches:
            sink.write_batch(batch)


class _Drawn:
    """What is drawn by: the kind of the features, the projection to the tiles, the fields that tiles name."""

    def __init__(self, request: dict[str, Any], drawer: Drawer, to_tiles: Fitted) -> None:
        self._request = request
        self._drawer = drawer
        self._to_tiles = to_tiles
        self._chosen: dict[int, np.ndarray] = {}

    def choose(self, places: np.ndarray, feature_ids: np.ndarray) -> None:
        """Choose for every level which of the points near each other are drawn: of all of the version."""
        projected, chance = self._to_tiles.apply(places), chances(feature_ids)
        self._chosen = {level: choose_points(projected, chance, level) for level in GENERALISED_LEVELS}
        self._chosen[FULL_LEVEL] = np.ones(len(places), dtype=bool)

    def sheets(self, batch: pa.RecordBatch, rows: np.ndarray) -> Iterator[pa.RecordBatch]:
        """The features on every level, in sheets."""
        return sheets_of(self._drawn(batch, rows), self._names(batch))

    def _drawn(self, batch: pa.RecordBatch, rows: np.ndarray) -> Iterator[tuple[int, Shapes]]:
        column = batch.column("geom")
        if self._request["geometry"] == "polygon":
            areas = self._drawer(column, self._to_tiles, chances(batch.column("feature_id").to_numpy()))
            for level in _LEVELS:
                yield from ((level, shapes) for shapes in areas.draw(level))
            return
        shapes = _projected(column, self._to_tiles)
        for level in _LEVELS:
            if self._request["geometry"] == "line":
                yield level, draw_lines(shapes, level)
            else:
                yield level, draw_points(shapes, self._chosen[level][rows], level)

    def _names(self, batch: pa.RecordBatch) -> Names:
        label_field, class_field = self._request["label_field"], self._request["class_field"]
        fields = fields_as_text(batch.column("attributes"), {label_field, class_field, _CLASS_CODE} - {None})
        nothing = pa.nulls(batch.num_rows, pa.string())
        return Names(
            feature_ids=batch.column("feature_id").to_numpy(),
            labels=texts(fields.get(label_field, nothing)),
            source_ids=texts(batch.column("source_id")),
            class_codes=texts(pc.coalesce(fields.get(class_field, nothing), fields[_CLASS_CODE])),
        )


def _projected(column: pa.LargeBinaryArray, to_tiles: Fitted) -> np.ndarray:
    shapes = shapely.set_srid(shapely.from_wkb(column.to_pylist()), 0)
    return np.asarray(shapely.transform(shapes, to_tiles.apply))


def _areas(column: pa.LargeBinaryArray, to_tiles: Fitted, chance: np.ndarray) -> Areas:
    return areas_of(_projected(column, to_tiles), chance)
