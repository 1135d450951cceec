"""What is drawn of features on a level of the tiles: shapes as TWKB in the units of the level's tiles.

Whole shapes lie on the grid of the level's tiles: a tile of that zoom would lay them there anyway, and that of the full
level is four times as fine as the one of zoom 22, the last there is. What would vanish on a generalised level is made as
wide or long as one unit. Of many areas most are drawn by `compiled_shapes`.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

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
from blueprint.layers.pieces import cut_area, cut_line
from blueprint.layers.twkb import small_boxes, twkb_of

_DECIMALS_OF_PIECES = 5
"""Of a unit. Pieces are put together again, for which they must stay valid and meet where they were cut: on the full level this is
what numbers of that size have of decimals, and a whole shape would be rounded a hundred thousand times as coarsely."""


@dataclass(frozen=True)
class Shapes:
    """Shapes of one level: of which feature of the batch each is, whether it is a piece of it (pieces are last), its bounds.

    The TWKB of each stands after its length, as in an array of PostgreSQL; shape `i` is from `ends[i]` to `ends[i + 1]`.
    """

    rows: np.ndarray
    are_pieces: np.ndarray
    content: np.ndarray
    ends: np.ndarray
    bounds: np.ndarray

    @classmethod
    def of(cls, rows: np.ndarray, are_pieces: np.ndarray, shapes: np.ndarray) -> "Shapes":
        """The same of shapes of GEOS that are in the level's units already."""
        order = np.argsort(are_pieces, kind="stable")
        order = order[~shapely.is_empty(shapes[order])]
        rows, are_pieces, shapes = rows[order], are_pieces[order], shapes[order]
        decimals = np.where(are_pieces, _DECIMALS_OF_PIECES, 0)
        factors = 10.0 ** decimals[:, np.newaxis]
        written = twkb_of(shapes, decimals)
        bounds = np.rint(shapely.bounds(shapes) * factors) / factors
        return cls(rows, are_pieces, written.content, written.ends, bounds)


@dataclass(frozen=True)
class Areas:
    """Areas of a batch in EPSG:3857, shells clockwise, with what decides how they are drawn: m² and centroids there, chances."""

    areas_m2: np.ndarray
    centroids: np.ndarray
    chances: np.ndarray
    shape_of: Callable[[int], shapely.Geometry]

    def draw(self, level: int) -> Iterator[Shapes]:
        """The features on a level: as they are, simplified, or a square of the smallest size by chance."""
        if level == FULL_LEVEL:
            yield from self.outlines(np.arange(len(self.areas_m2)), level)
            return
        smallest = smallest_area_m2(level)
        is_small = self.areas_m2 < smallest
        yield from self.outlines(np.nonzero(~is_small)[0], level)
        yield self._squares(np.nonzero(is_small & (self.chances < self.areas_m2 / smallest))[0], level)

    def outlines(self, rows: np.ndarray, level: int) -> Iterator[Shapes]:
        """These features on a level; a narrow one that would collapse keeps its width.

        Projecting and simplifying can make a hair's breadth of a shape invalid; only one that is cut must not be.
        """
        shapes = np.array([self.shape_of(row) for row in rows.tolist()], dtype=object)
        is_full = level == FULL_LEVEL
        if not is_full:
            simple = shapely.simplify(shapes, pixel_m(level) / 2, preserve_topology=False)
            is_narrow = shapely.area(simple) < self.areas_m2[rows] / 2
            simple[is_narrow] = shapely.simplify(
                shapes[is_narrow], pixel_m(level) / 8, preserve_topology=True
            )
            shapes = simple
        is_large = shapely.get_num_coordinates(shapes) > MAX_SHAPE_VERTICES
        cuts = [cut_area(shape, MAX_SHAPE_VERTICES) for shape in _valid(shapes[is_large])]
        whole = shapely.transform(shapes[~is_large], lambda points: points / unit_m(level))
        pieces = np.array([piece for cut in cuts for piece in cut], dtype=object)
        yield Shapes.of(
            np.concatenate([rows[~is_large], np.repeat(rows[is_large], [len(cut) for cut in cuts])]),
            np.arange(len(whole) + len(pieces)) >= len(whole),
            np.concatenate(
                [
                    whole if is_full else _on_grid(whole),
                    shapely.transform(pieces, lambda points: points / unit_m(level)),
                ]
            ),
        )

    def _squares(self, rows: np.ndarray, level: int) -> Shapes:
        half = np.sqrt(smallest_area_m2(level)) / 2
        low, high = self.centroids[rows] - half, self.centroids[rows] + half
        bounds = np.rint(np.column_stack([low, high]) / unit_m(level))
        squares = small_boxes(bounds.astype(np.int64))
        return Shapes(rows, np.zeros(len(rows), dtype=bool), squares.content, squares.ends, bounds)


def _valid(shapes: np.ndarray) -> np.ndarray:
    return np.where(shapely.is_valid(shapes), shapes, shapely.buffer(shapes, 0))


def _on_grid(shapes: np.ndarray) -> np.ndarray:
    """Areas laid on whole units; one that would vanish there is made larger by a unit."""
    shapes = _valid(shapes)
    laid = shapely.set_precision(shapes, 1)
    is_gone = ~(shapely.area(laid) > 0)
    grown = shapely.buffer(shapes[is_gone], 1, join_style="mitre")
    laid[is_gone] = shapely.transform(grown, np.rint)
    return np.asarray(laid)


def areas_of(shapes: np.ndarray, chances: np.ndarray) -> Areas:
    """Areas in EPSG:3857 to be drawn."""
    turned = shapely.orient_polygons(shapes, exterior_cw=True)
    centroids = shapely.get_coordinates(shapely.centroid(turned))
    return Areas(shapely.area(turned), centroids, chances, lambda row: turned[row])


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
    laid: Any = shapely.linestrings(points[order], indices=of_single[order])
    is_multi = shapely.get_type_id(lines) == shapely.GeometryType.MULTILINESTRING
    joined: Any = shapely.multilinestrings(laid, indices=of_line)
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
