"""Places along a Hilbert curve: what lies near each other in the plane comes near each other in the order."""

from collections.abc import Sequence

import numpy as np

_BITS = 16


def hilbert_keys(points: np.ndarray, bounds: Sequence[float]) -> np.ndarray:
    """The place of each point (a row of x and y) on the curve that fills the bounds (west, south, east, north).

    After J. Skilling, "Programming the Hilbert curve" (2004), in two dimensions.
    """
    low, high = np.array(bounds[:2]), np.array(bounds[2:])
    side = (1 << _BITS) - 1
    cells = np.clip((points - low) / np.maximum(high - low, 1e-9) * side, 0, side).astype(np.uint32)
    x, y = cells[:, 0].copy(), cells[:, 1].copy()
    keys = np.zeros(len(points), dtype=np.uint64)
    for bit in range(_BITS - 1, -1, -1):
        right, up = (x >> bit) & 1, (y >> bit) & 1
        keys = (keys << np.uint64(2)) | ((3 * right) ^ up).astype(np.uint64)
        # The quadrants at the curve's ends are mirrored, and turned where it begins on the other side.
        is_turned = up == 0
        is_mirrored = is_turned & (right == 1)
        x, y = np.where(is_mirrored, side - x, x), np.where(is_mirrored, side - y, y)
        x, y = np.where(is_turned, y, x), np.where(is_turned, x, y)
    return keys
