"""Overlaps and gaps inside one polygon layer, also of a million features: edges are summed in a sweep, not features compared.

Every ring is run through with its inside on the left. Where two features share an edge they run it in opposite
directions and the edge cancels out; how many features cover a place changes only across edges that are left, the
loose ones. So the faces between the loose edges, few in a sound coverage, hold every gap (covered by none) and every
overlap (by more than one), and only features that reach into an overlap are compared with each other. Where most edges
are loose there is no coverage to speak of, and features are compared with those whose boxes meet.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Protocol, TypeVar

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

from blueprint.common_ground import NOISE_M, common_ground
from blueprint.memory import give_back
from blueprint.quality.edges import EdgeSum

MAX_LOOSE = 400_000
"""A layer with more loose edges is no coverage: taking their arrangement apart would take minutes."""

MAX_CROSSINGS = 500_000
"""Nor is one whose loose edges cross each other more often, as far as a sample tells."""

BATCH = 10_000
_THREADS = 2
_PAIRS_AT_ONCE = 1000
_QUERIED_AT_ONCE = 200
_FACES_AT_ONCE = 1000
_SAMPLE = 1000
_Item = TypeVar("_Item")
_Made = TypeVar("_Made")


class PolygonLayer(Protocol):
    """Valid polygons in metres: their boxes, and their shapes by row."""

    @property
    def souths(self) -> np.ndarray:
        """The south of each box."""

    def boxes(self) -> Iterator[np.ndarray]:
        """West, south, east, north of the polygons, a row each, some at a time in the order of their rows."""

    def take(self, rows: np.ndarray) -> np.ndarray:
        """The shapes of these rows."""

    def edges(self, rows: np.ndarray) -> EdgeSum:
        """The edges of these rows, summed."""


@dataclass(frozen=True)
class InMemory:
    """A layer that is held as an array."""

    shapes: np.ndarray

    @property
    def souths(self) -> np.ndarray:
        """The south of each box."""
        return np.asarray(shapely.bounds(self.shapes)[:, 1])

    def boxes(self) -> Iterator[np.ndarray]:
        """West, south, east, north of all polygons, a row each."""
        yield np.asarray(shapely.bounds(self.shapes))

    def take(self, rows: np.ndarray) -> np.ndarray:
        """The shapes of these rows."""
        return np.asarray(self.shapes[rows])

    def edges(self, rows: np.ndarray) -> EdgeSum:
        """The edges of these rows, summed."""
        return EdgeSum.of(self.take(rows))


@dataclass(frozen=True)
class Overlap:
    """Two features by their rows, the smaller first, and what they share."""

    left: int
    right: int
    area_m2: float
    shape: BaseGeometry


@dataclass(frozen=True)
class LooseEdges:
    """Edges that no neighbour runs the other way, and how many more features have each on this side than on the other."""

    start: np.ndarray
    end: np.ndarray
    net: np.ndarray


@dataclass(frozen=True)
class Faces:
    """The faces between loose edges by how many features cover them: none inside the layer, one, several."""

    gaps: np.ndarray
    covered: np.ndarray
    overlaps: np.ndarray


def faces_of(layer: PolygonLayer, *, tell: Callable[[int], None] = lambda _: None) -> Faces | None:
    """The faces of a layer; None where too few edges match to speak of a coverage. `tell` gets the rows done."""
    loose = loose_edges(layer, tell=tell)
    if loose is None:
        return None
    if not len(loose.net):
        nothing = np.array([], dtype=object)
        return Faces(nothing, nothing, nothing)
    with ThreadPoolExecutor(1) as thread:  # which has the memory that the threads of the sweep leave behind
        return thread.submit(_arranged, loose).result()


def _arranged(loose: LooseEdges) -> Faces | None:
    """The faces between loose edges; None where these cross each other too often."""
    lines = np.asarray(shapely.linestrings(np.stack([loose.start, loose.end], axis=1)))
    if _crossings(lines) > MAX_CROSSINGS:
        return None
    # Cut as exactly as numbers allow, edges that all but coincide leave faces with hairs, by which a whole gap was misjudged.
    faces = shapely.get_parts(
        shapely.polygonize(shapely.get_parts(shapely.union_all(lines, grid_size=NOISE_M)))
    )
    counts = _cover_counts(shapely.point_on_surface(faces), loose)
    thick = 2 * shapely.area(faces) > NOISE_M * shapely.length(faces)
    return Faces(faces[thick & (counts <= 0)], faces[counts > 0], faces[thick & (counts > 1)])


class TooMuchToCompareError(Exception):
    """More vertices would have to be compared than the caller wanted."""


def find_overlaps(
    layer: PolygonLayer, faces: Faces | None, *, most_vertices: int | None = None
) -> Iterator[Overlap]:
    """Every pair of features that share an area, those of a coverage by its faces, of another layer box by box.

    Raises TooMuchToCompareError when the pairs have more than `most_vertices` together.
    """
    budget = _Budget(most_vertices)
    if faces is not None:
        if len(faces.overlaps):
            rows = _reaching_into(faces.overlaps, layer)
            shapes = layer.take(rows)
            yield from _pairs(rows, shapes, rows, shapes, rows, budget)
        return
    open_rows, open_shapes = np.array([], dtype=int), np.array([], dtype=object)
    for rows in _split(_from_south(layer.souths), BATCH):
        shapes = layer.take(rows)
        still = shapely.bounds(open_shapes)[:, 3] >= shapely.bounds(shapes[0])[1]
        open_rows = np.concatenate([open_rows[still], rows])
        open_shapes = np.concatenate([open_shapes[still], shapes])
        yield from _pairs(rows, shapes, open_rows, open_shapes, rows, budget)


def loose_edges(layer: PolygonLayer, *, tell: Callable[[int], None] = lambda _: None) -> LooseEdges | None:
    """Sum the directed edges of a layer from south to north; None when more than MAX_LOOSE are left."""
    souths = layer.souths
    order = _from_south(souths)
    begins = souths[order[::BATCH]]
    del souths
    give_back()
    carried = EdgeSum.nothing()
    settled: list[EdgeSum] = []
    count = 0
    with ThreadPoolExecutor(_THREADS) as threads:
        summed = _ahead(threads, layer.edges, _split(order, BATCH))
        for number, edges in enumerate(summed, start=1):
            carried = carried.plus(edges)
            is_last = number == len(begins)
            if not is_last:
                # No feature that is still to come reaches below its own southern end.
                is_settled = np.maximum(carried.start[:, 1], carried.end[:, 1]) < begins[number]
                settled.append(carried.of_rows(is_settled))
                carried = carried.of_rows(~is_settled)
                count += len(settled[-1].net)
            if count + len(carried.net) > MAX_LOOSE and (count > MAX_LOOSE or is_last):
                return None
            tell(min(number * BATCH, len(order)))
    settled.append(carried)
    give_back()
    return LooseEdges(
        np.concatenate([edges.start for edges in settled]),
        np.concatenate([edges.end for edges in settled]),
        np.concatenate([edges.net for edges in settled]),
    )


def _from_south(souths: np.ndarray) -> np.ndarray:
    """The rows from south to north, in four bytes each: a layer may have a million."""
    return np.argsort(souths, kind="stable").astype(np.uint32)


def _reaching_into(faces: np.ndarray, layer: PolygonLayer) -> np.ndarray:
    """The rows whose boxes reach into one of the faces."""
    tree, found, first = shapely.STRtree(faces), [np.empty(0, np.int64)], 0
    for boxes in layer.boxes():
        met, _ = tree.query(shapely.box(*boxes.T), predicate="intersects")
        found.append(first + np.unique(met))
        first += len(boxes)
    return np.concatenate(found)


def _cover_counts(points: np.ndarray, loose: LooseEdges) -> np.ndarray:
    """How many features cover each point: the loose edges that a ray to the east meets, upward less downward ones."""
    counts = np.zeros(len(points), dtype=int)
    tree = shapely.STRtree(np.asarray(shapely.linestrings(np.stack([loose.start, loose.end], axis=1))))
    east = max(loose.start[:, 0].max(), loose.end[:, 0].max()) + 1
    for first in range(0, len(points), _FACES_AT_ONCE):
        x, y = shapely.get_coordinates(points[first : first + _FACES_AT_ONCE]).T
        point, edge = tree.query(
            shapely.linestrings(
                np.stack([np.column_stack([x, y]), np.column_stack([x * 0 + east, y])], axis=1)
            )
        )
        (x1, y1), (x2, y2) = loose.start[edge].T, loose.end[edge].T
        side = (x2 - x1) * (y[point] - y1) - (x[point] - x1) * (y2 - y1)
        up = (y1 <= y[point]) & (y[point] < y2) & (side > 0)
        down = (y2 <= y[point]) & (y[point] < y1) & (side < 0)
        np.add.at(counts, first + point, loose.net[edge] * (up.astype(int) - down.astype(int)))
    return counts


def _crossings(lines: np.ndarray) -> float:
    """About how many pairs of lines cross each other."""
    some = np.unique(np.linspace(0, len(lines) - 1, _SAMPLE).astype(int))
    met = shapely.STRtree(lines).query(lines[some], predicate="crosses").shape[1]
    return float(met / len(some) * len(lines) / 2)


@dataclass
class _Budget:
    """How many vertices may still be compared; None for as many as there are."""

    left: int | None

    def spend(self, vertices: int) -> None:
        if self.left is not None:
            self.left -= vertices
            if self.left < 0:
                raise TooMuchToCompareError


def _pairs(
    rows: np.ndarray,
    shapes: np.ndarray,
    other_rows: np.ndarray,
    other_shapes: np.ndarray,
    newest: np.ndarray,
    budget: _Budget,
) -> Iterator[Overlap]:
    """Pairs of one of `rows` and one of `other_rows` that share an area, each once."""
    tree = shapely.STRtree(other_shapes)
    is_new = np.isin(other_rows, newest)
    vertices, other_vertices = shapely.get_num_coordinates(shapes), shapely.get_num_coordinates(other_shapes)

    def meeting(some: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        left, right = tree.query(shapes[some], predicate="intersects")
        left = some[left]
        # Of two that came in together one order is kept; one that came in with an earlier batch is met once anyway.
        once = (rows[left] != other_rows[right]) & (~is_new[right] | (rows[left] < other_rows[right]))
        return left[once], right[once]

    def shared(pairs: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
        return common_ground(shapes[pairs[0]], other_shapes[pairs[1]])

    with ThreadPoolExecutor(_THREADS) as threads:
        for left, right in _ahead(threads, meeting, _split(np.arange(len(rows)), _QUERIED_AT_ONCE)):
            budget.spend(int(vertices[left].sum() + other_vertices[right].sum()))
            chunks = [
                (left[n : n + _PAIRS_AT_ONCE], right[n : n + _PAIRS_AT_ONCE])
                for n in range(0, len(left), _PAIRS_AT_ONCE)
            ]
            for chunk, common in zip(chunks, _ahead(threads, shared, chunks), strict=True):
                area = shapely.area(common)
                for pair in np.nonzero(2 * area > NOISE_M * shapely.length(common))[0]:
                    one, other = int(rows[chunk[0][pair]]), int(other_rows[chunk[1][pair]])
                    yield Overlap(min(one, other), max(one, other), float(area[pair]), common[pair])


def _split(rows: np.ndarray, size: int) -> Iterator[np.ndarray]:
    for first in range(0, len(rows), size):
        yield rows[first : first + size].astype(np.int64)


def _ahead(
    threads: ThreadPoolExecutor, make: Callable[[_Item], _Made], items: Iterable[_Item]
) -> Iterator[_Made]:
    """What `make` gives for each item, in order, no more than a few of them ahead of who takes them."""
    under_way: deque[Future[_Made]] = deque()
    for item in items:
        under_way.append(threads.submit(make, item))
        if len(under_way) > _THREADS:
            yield under_way.popleft().result()
    while under_way:
        yield under_way.popleft().result()
