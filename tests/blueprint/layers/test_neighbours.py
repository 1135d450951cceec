"""A shift is told from another layer only where the points lie on its lines there and nowhere else."""

import numpy as np
import shapely

from blueprint.layers.neighbours import SharesOn, compare_peaks

SHIFTS = {"GCJ-02": np.array([500.0, -80.0]), "BD-09": np.array([1000.0, 600.0])}


def _on(lines: shapely.Geometry) -> SharesOn:
    shapely.prepare(lines)
    return lambda sets: [float(shapely.dwithin(lines, shapely.points(s), 5.0).mean()) for s in sets]


def _back(points: np.ndarray) -> dict[str, np.ndarray]:
    return {system: points - move for system, move in SHIFTS.items()}


def _roads(seed: int = 4) -> tuple[shapely.Geometry, np.ndarray]:
    """Roads of no order, and points of which a third lie on them."""
    rng = np.random.default_rng(seed)
    ends = rng.uniform(0, 8000, (60, 2, 2))
    lines = shapely.multilinestrings(shapely.linestrings(ends))
    on = shapely.get_coordinates(shapely.line_interpolate_point(lines, rng.uniform(0, lines.length, 60)))
    return lines, np.concatenate([on, rng.uniform(0, 8000, (120, 2))])


def test_data_on_the_lines_of_another_layer_lie_as_they_are():
    lines, points = _roads()

    peaks = compare_peaks(points, _back(points), _on(lines))

    assert peaks.lies_as_is and peaks.shift is None


def test_data_that_come_onto_the_lines_once_shifted_back_carry_that_shift():
    lines, points = _roads()
    for system, move in SHIFTS.items():
        peaks = compare_peaks(points + move, _back(points + move), _on(lines))

        assert peaks.shift == system and not peaks.lies_as_is


def test_data_that_keep_off_the_lines_are_not_shifted_though_they_meet_them_anywhere_else():
    middles = shapely.multilinestrings([[(0, y), (8000, y)] for y in range(0, 8000, 30)])
    rng = np.random.default_rng(5)
    points = np.column_stack([rng.uniform(0, 8000, 200), 30.0 * rng.integers(0, 260, 200) + 15.0])

    peaks = compare_peaks(points, _back(points), _on(middles))

    assert peaks.as_is == 0.0 and peaks.shifted_back["GCJ-02"] > 0.9
    assert peaks.shift is None and not peaks.lies_as_is
