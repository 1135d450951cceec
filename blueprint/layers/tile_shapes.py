"""What is drawn of features on a level of the tiles: shapes as WKB in the units of the level's tiles.

Areas go by `outlines`, compiled; what has too many vertices, becomes narrow or vanishes on the grid goes by GEOS, as do lines
and points. Whole shapes of the generalised levels lie on the grid of the level's tiles, for a tile of that zoom would lay
them there anyway; what would vanish is made as wide or long as one unit.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import shapely

from blueprint.layers.generalise import (
    FULL_LEVEL,
    MAX_SHAPE_VERTICES,
    cell_m,
    pixel_m,
    smallest_area_m2,
    unit_m,
)
from blueprint.layers.outlines import DRAWN, Outlines, drawn
from blueprint.layers.pieces import cut_area, cut_line

_LENGTH = struct.Struct(">i")


@dataclass(frozen=True)
class Shapes:
    """Shapes of one level: of which feature of the batch each is, whether it is a piece of it (pieces are last), its bounds.

    The WKB of each stands after its length, as in an array of PostgreSQL; shape `i` is from `ends[i]` to `ends[i + 1]`.
    """

    rows: np.ndarray
    are_pieces: np.ndarray
    content: bytes
    ends: np.ndarray
    bounds: np.ndarray

    @classmethod
    def of(cls, rows: np.ndarray, are_pieces: np.ndarray, shapes: np.ndarray) -> "Shapes":
        """The same of shapes of GEOS that are in the level's units already."""
        order = np.argsort(are_pieces, kind="stable")
        shapes = shapes[order]
        contents = shapely.to_wkb(shapes)
        ends = np.cumsum([0, *(len(content) + _LENGTH.size for content in contents)])
        content = b"".join(part for content in contents for part in (_LENGTH.pack(len(content)), content))
        return cls(rows[order], are_pieces[order], content, ends, shapely.bounds(shapes))


@dataclass(frozen=True)
class Areas:
    """Areas of a batch in EPSG:3857, with what decides how they are drawn: m² and centroids there, and their chances."""

    outlines: Outlines
    areas_m2: np.ndarray
    centroids: np.ndarray
    chances: np.ndarray

    def draw(self, level: int) -> Iterator[Shapes]:
        """The features on a level: as they are, simplified, or a square of the smallest size by chance."""
        if level == FULL_LEVEL:
            yield from self._outlines(np.arange(len(self.areas_m2)), level)
            return
        smallest = smallest_area_m2(level)
        is_small = self.areas_m2 < smallest
        yield from self._outlines(np.nonzero(~is_small)[0], level)
        yield self._squares(np.nonzero(is_small & (self.chances < self.areas_m2 / smallest))[0], level)

    def _squares(self, rows: np.ndarray, level: int) -> Shapes:
        half = np.sqrt(smallest_area_m2(level)) / 2
        low, high = self.centroids[rows] - half, self.centroids[rows] + half
        corners = np.rint(np.column_stack([low, high]) / unit_m(level))
        return Shapes.of(rows, np.zeros(len(rows), dtype=bool), shapely.box(*corners.T, ccw=False))

    def _outlines(self, rows: np.ndarray, level: int) -> Iterator[Shapes]:
        is_full = level == FULL_LEVEL
        made = drawn(
            self.outlines,
            self.areas_m2,
            rows,
            tolerance=-1.0 if is_full else pixel_m(level) / 2,
            units=1 / unit_m(level),
            is_on_grid=not is_full,
            most_vertices=MAX_SHAPE_VERTICES,
        )
        is_drawn = made.fates == DRAWN
        yield Shapes(
            rows[is_drawn],
            np.zeros(int(is_drawn.sum()), dtype=bool),
            made.content.tobytes(),
            np.concatenate([[0], made.ends[is_drawn]]),
            made.bounds[is_drawn],
        )
        if not is_drawn.all():
            several = [self._by_geos(int(row), level) for row in rows[~is_drawn]]
            counts = [len(shapes) for _, shapes in several]
            yield Shapes.of(
                np.repeat(rows[~is_drawn], counts),
                np.repeat([are_pieces for are_pieces, _ in several], counts),
                np.array([shape for _, shapes in several for shape in shapes], dtype=object),
            )

    def _by_geos(self, row: int, level: int) -> tuple[bool, list[shapely.Geometry]]:
        """A feature that is large, narrow or tiny: whether it is in pieces, and its shapes.

        Projecting and simplifying can make a hair's breadth of it invalid; only what is cut must not be.
        """
        original, is_full = self.outlines.shape(row), level == FULL_LEVEL
        shape = original
        if not is_full:
            shape = shapely.simplify(original, pixel_m(level) / 2, preserve_topology=False)
            if shapely.area(shape) < self.areas_m2[row] / 2:
                shape = shapely.simplify(original, pixel_m(level) / 8, preserve_topology=True)
        is_large = bool(shapely.get_num_coordinates(shape) > MAX_SHAPE_VERTICES)
        pieces = [shape]
        if is_large:
            pieces = cut_area(
                shape if shapely.is_valid(shape) else shapely.buffer(shape, 0), MAX_SHAPE_VERTICES
            )
        scaled = shapely.transform(pieces, lambda points: points / unit_m(level))
        return is_large, [piece if is_full or is_large else _on_grid(piece) for piece in scaled]


def _on_grid(shape: shapely.Geometry) -> shapely.Geometry:
    if not shapely.is_valid(shape):
        shape = shapely.buffer(shape, 0)
    laid = shapely.set_precision(shape, 1)
    if shapely.area(laid) > 0:
        return laid
    return shapely.transform(shapely.buffer(shape, 1, join_style="mitre"), np.rint)


def draw_lines(lines: np.ndarray, level: int) -> Shapes:
    """Lines in EPSG:3857 on a level, simplified and never lost."""
    rows = np.arange(len(lines))
    if level != FULL_LEVEL:
        lines = shapely.simplify(lines, pixel_m(level) / 2, preserve_topology=False)
    units = shapely.transform(lines, lambda points: points / unit_m(level))
    is_long = shapely.get_num_coordinates(units) > MAX_SHAPE_VERTICES
    whole = units[~is_long] if level == FULL_LEVEL else _lines_on_grid(units[~is_long])
    cuts = [cut_line(line, MAX_SHAPE_VERTICES) for line in units[is_long]]
    runs = [run for cut in cuts for run in cut]
    return Shapes.of(
        np.concatenate([rows[~is_long], np.repeat(rows[is_long], [len(cut) for cut in cuts])]),
        np.arange(len(whole) + len(runs)) >= len(whole),
        np.array([*whole, *runs], dtype=object),
    )


def _lines_on_grid(lines: np.ndarray) -> np.ndarray:
    """Lines laid on whole units, each point once; what is left of a short one is a unit long."""
    singles, of_line = shapely.get_parts(lines, return_index=True)
    points, of_single = shapely.get_coordinates(singles, return_index=True)
    points = np.rint(points)
    is_new = np.ones(len(points), dtype=bool)
    is_new[1:] = (of_single[1:] != of_single[:-1]) | (points[1:] != points[:-1]).any(axis=1)
    points, of_single = points[is_new], of_single[is_new]
    is_alone = np.bincount(of_single, minlength=len(singles))[of_single] == 1
    points = np.concatenate([points, points[is_alone] + [1, 0]])
    of_single = np.concatenate([of_single, of_single[is_alone]])
    order = np.argsort(of_single, kind="stable")
    laid = shapely.linestrings(points[order], indices=of_single[order])
    is_multi = shapely.get_type_id(lines) == shapely.GeometryType.MULTILINESTRING
    joined = shapely.multilinestrings(laid, indices=of_line)
    joined[~is_multi] = shapely.get_geometry(joined[~is_multi], 0)
    return np.asarray(joined)


def draw_points(points: np.ndarray, is_chosen: np.ndarray, level: int) -> Shapes:
    """Points in EPSG:3857 on a level: those that were chosen for it."""
    rows = np.nonzero(is_chosen)[0]
    units = shapely.transform(points[rows], lambda xy: xy / unit_m(level))
    if level != FULL_LEVEL:
        units = shapely.transform(units, np.rint)
    return Shapes.of(rows, np.zeros(len(rows), dtype=bool), units)


def choose_points(centres: np.ndarray, chance: np.ndarray, level: int) -> np.ndarray:
    """Of the points of a version that lie in one cell of a level's grid, one; `centres` are in EPSG:3857."""
    is_chosen = np.zeros(len(centres), dtype=bool)
    cells = np.floor(centres / cell_m(level) + 0.5)
    order = np.lexsort((chance, cells[:, 1], cells[:, 0]))
    sorted_cells = cells[order]
    is_first = np.ones(len(order), dtype=bool)
    is_first[1:] = (sorted_cells[1:] != sorted_cells[:-1]).any(axis=1)
    is_chosen[order[is_first]] = True
    return is_chosen
