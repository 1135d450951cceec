"""A small drawing of where data lie on the city's outline, as SVG: for a glance, and for a report."""

import html

import numpy as np
import shapely

SIZE = 480
_COLORS = ("#c62828", "#1565c0", "#2e7d32", "#6a1b9a")


def draw(outline: shapely.MultiPolygon | None, points: dict[str, np.ndarray]) -> str:
    """The outline in grey and each set of points (metres of the working CRS) in a colour of its own, north up.

    What lies further from the city than the city is wide is said and not drawn.
    """
    frame = outline.bounds if outline is not None else _around(points)
    west, south, east, north = frame
    reach = max(east - west, north - south, 1.0)
    near = {name: p for name, p in points.items() if _is_near(p, frame, reach)}
    for values in near.values():
        west, south = np.minimum((west, south), values.min(axis=0)).tolist()
        east, north = np.maximum((east, north), values.max(axis=0)).tolist()
    scale = (SIZE - 20) / max(east - west, north - south, 1.0)

    def place(xy: np.ndarray) -> np.ndarray:
        return np.round(np.column_stack([10 + (xy[:, 0] - west) * scale, 10 + (north - xy[:, 1]) * scale]), 1)

    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {SIZE} {SIZE + 18 * len(points)}" font-size="12">'
    ]
    if outline is not None:
        for part in shapely.get_parts(shapely.simplify(outline, reach / 400)):
            path = " ".join(f"{x},{y}" for x, y in place(shapely.get_coordinates(part.exterior)))
            lines.append(f'<polygon points="{path}" fill="#eceff1" stroke="#607d8b"/>')
    for number, (name, values) in enumerate(points.items()):
        color, label = _COLORS[number % len(_COLORS)], html.escape(name)
        if name in near:
            dots = "".join(f"M{x} {y}h0" for x, y in place(values))
            lines.append(f'<path d="{dots}" stroke="{color}" stroke-width="3" stroke-linecap="round"/>')
        else:
            label += " (far outside)"
        lines.append(f'<text x="10" y="{SIZE + 14 + 18 * number}" fill="{color}">{label}</text>')
    return "".join([*lines, "</svg>"])


def _is_near(values: np.ndarray, frame: tuple[float, float, float, float], reach: float) -> bool:
    west, south, east, north = frame
    low, high = values.min(axis=0), values.max(axis=0)
    return bool(
        low[0] >= west - reach
        and low[1] >= south - reach
        and high[0] <= east + reach
        and high[1] <= north + reach
    )


def _around(points: dict[str, np.ndarray]) -> tuple[float, float, float, float]:
    if not points:
        return (0.0, 0.0, 1.0, 1.0)
    together = np.concatenate(list(points.values()))
    (west, south), (east, north) = together.min(axis=0).tolist(), together.max(axis=0).tolist()
    return (west, south, east, north)
