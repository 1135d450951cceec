"""Pieces that a site and a feature's parts share, summed by feature in one compiled loop."""

import numpy as np

from blueprint.compiling import compiled_once


@compiled_once()
def sum_pieces(
    keys: np.ndarray,
    dimensions: np.ndarray,
    plane_m2: np.ndarray,
    measured_m2: np.ndarray,
    lengths_m: np.ndarray,
    points: np.ndarray,
    on_boundary: np.ndarray,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Sums over each run of rows with the same key (a column each, in order): where it begins, with the end of all; figures; and counts.

    Figures are areas in the plane and by the measure in m², perimeters of what has an area and lengths of lines in m; counts are the largest
    dimension, points, and 1 where all pieces lie on the boundary.
    """
    rows = keys.shape[1]
    starts = np.empty(rows + 1, dtype=np.int64)
    figures, counts = np.zeros((rows, 4)), np.zeros((rows, 3), dtype=np.int64)
    run = -1
    for row in range(rows):
        is_new = row == 0
        for key in range(keys.shape[0]):
            is_new = is_new or keys[key, row] != keys[key, row - 1]
        if is_new:
            run += 1
            starts[run], counts[run, 2] = row, 1
        if dimensions[row] == 2:
            figures[run, 0] += plane_m2[row]
            figures[run, 1] += measured_m2[row]
            figures[run, 2] += lengths_m[row]
        elif dimensions[row] == 1:
            figures[run, 3] += lengths_m[row]
        counts[run, 0] = max(counts[run, 0], dimensions[row])
        counts[run, 1] += points[row]
        counts[run, 2] &= on_boundary[row]
    starts[run + 1] = rows
    return starts[: run + 2], figures[: run + 1], counts[: run + 1]
