"""Overlaps inside one layer of 500,000 polygons: ours, and a plain self-join of shapely's `STRtree`, in one run.

The self-join is `STRtree(shapes).query(shapes, predicate="intersects")`: it tells which polygons touch or overlap, not yet
which of them share an area. Ours tells those, and the gaps. Both must find the overlaps that were put in.
"""

import statistics
import time
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import shapely

from bench.made_city import made_layers, polygons
from bench.setting import say
from blueprint.quality.topology import InMemory, faces_of, find_overlaps

LAYER = "LANDUSE"
ROUNDS = 3
PUT_IN = 40
ASKED = 2.0


@dataclass(frozen=True)
class TopologyFigures:
    """Seconds, the medians of the rounds, and their ratio."""

    polygons: int
    overlaps: int
    gaps: int
    ours_s: float
    self_join_s: float
    ours_over_self_join: float


def measure_topology(*, small: bool) -> dict[str, Any]:
    """The figures, in changing order; ends at once when the two do not agree."""
    layer = next(layer for layer in made_layers(small=small) if layer.code == LAYER)
    shapes = _with_faults(np.concatenate(list(polygons(layer))))
    ours: list[float] = []
    plain: list[float] = []
    for number in range(ROUNDS):
        for way in ("ours", "plain") if number % 2 else ("plain", "ours"):
            started = time.perf_counter()
            if way == "ours":
                held = InMemory(shapes)
                faces = faces_of(held)
                overlaps = list(find_overlaps(held, faces))
                ours.append(time.perf_counter() - started)
                if faces is None or len(overlaps) != PUT_IN or len(faces.gaps) != PUT_IN:
                    raise SystemExit(f"found {len(overlaps)} overlaps, put in {PUT_IN}")
            else:
                left, right = shapely.STRtree(shapes).query(shapes, predicate="intersects")
                plain.append(time.perf_counter() - started)
                pairs = {(a.left, a.right) for a in overlaps} if ours else set()
                if not pairs <= set(zip(left.tolist(), right.tolist(), strict=True)):
                    raise SystemExit("the self-join does not have the overlaps that were found")
                del left, right
        say(f"topology: round {number + 1}: ours {ours[-1]:.1f} s, self-join {plain[-1]:.1f} s")
    ours_s, plain_s = statistics.median(ours), statistics.median(plain)
    return asdict(
        TopologyFigures(
            len(shapes), PUT_IN, PUT_IN, round(ours_s, 2), round(plain_s, 2), round(ours_s / plain_s, 3)
        )
    )


def _with_faults(shapes: np.ndarray) -> np.ndarray:
    """A corner of every so many polygons is moved inwards or outwards by a metre: an overlap and a gap each."""
    shapes = shapes.copy()
    for row in np.linspace(len(shapes) // 7, len(shapes) * 6 // 7, PUT_IN).astype(int):
        points = shapely.get_coordinates(shapes[row])
        points[3] += (0.0, -1.0)  # on its southern edge: over the neighbour's, which does not move
        points[6] += (0.0, 1.0)
        shapes[row] = shapely.Polygon(points)
    return shapes
