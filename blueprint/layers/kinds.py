"""Kinds of shapes: what a layer takes, curves and collections made into it."""

import numpy as np
import shapely

from blueprint.layers.curves import is_curved, kinds_of, straightened
from blueprint.sentences import Word

TYPES = {"polygon": (3, 6), "line": (1, 2, 5), "point": (0, 4)}
KIND_NAMES = {
    0: "point",
    1: "line",
    2: "line",
    3: "polygon",
    4: "point",
    5: "line",
    6: "polygon",
    7: "collection",
}
_WORDS = {
    "point": Word("point"),
    "line": Word("line"),
    "polygon": Word("polygon"),
    "collection": Word("collection"),
    "none": Word("no shape"),
}


def kind_word(kind: str) -> Word:
    """A kind of shapes as a sentence says it."""
    return _WORDS.get(kind, Word("other geometry"))


def shapes_of(values: list[bytes | None]) -> tuple[np.ndarray, int]:
    """The shapes of a batch, curves as chords, None where none can be read; and how many were curves."""
    curved = is_curved(kinds_of(values))
    plain = values
    if curved.any():
        plain = [None if bent else value for value, bent in zip(values, curved, strict=True)]
    try:
        shapes = np.asarray(shapely.from_wkb(plain, on_invalid="ignore"))
    except NotImplementedError:  # a curve in a collection stops the whole array
        shapes = np.array([straightened(value) if value else None for value in plain], dtype=object)
    for row in np.nonzero(curved)[0]:
        value = values[row]
        shapes[row] = straightened(value) if value is not None else None
    return shapes, int(curved.sum())


def gathered(shapes: np.ndarray, geometry: str) -> tuple[np.ndarray, int]:
    """Collections that hold nothing but shapes of one kind as one shape of many parts, and how many there were."""
    rows = np.nonzero(shapely.get_type_id(shapes) == 7)[0]
    if not len(rows):
        return shapes, 0
    shapes, count = shapes.copy(), 0
    for row in rows:
        parts = shapely.get_parts(shapely.get_parts(shapes[row]))
        if len(parts) and np.isin(shapely.get_type_id(parts), TYPES[geometry]).all():
            count += 1
            if geometry == "polygon":
                shapes[row] = shapely.multipolygons(parts)
            elif geometry == "line":
                shapes[row] = shapely.multilinestrings(parts)
            else:
                shapes[row] = shapely.multipoints(parts)
    return shapes, count


def closed_lines_as_areas(shapes: np.ndarray) -> np.ndarray:
    """Lines that end where they began as areas: how red lines stand in a drawing."""
    is_line = shapely.get_type_id(shapes) == 1
    closed = is_line & shapely.is_ring(shapes) & (shapely.get_num_coordinates(shapes) >= 4)
    if not closed.any():
        return shapes
    shapes = shapes.copy()
    lines = shapes[closed]
    has_z = bool(shapely.has_z(lines).any())
    points, rings = shapely.get_coordinates(lines, include_z=has_z, return_index=True)
    shapes[closed] = shapely.polygons(shapely.linearrings(points, indices=rings))
    return shapes
