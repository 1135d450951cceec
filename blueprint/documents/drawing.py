"""Drawing a map as a PNG with matplotlib: frame with coordinates, scale bar, north arrow, legend. Runs in the child only."""

import io
import unicodedata
from collections.abc import Sequence
from itertools import accumulate
from typing import Any

import matplotlib as mpl
import numpy as np
import shapely
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch, PathPatch, Rectangle
from matplotlib.path import Path

from blueprint.documents.maps import HEIGHT_MM, WIDTH_MM, Frame, MapItem, MapPicture, bar_length_m

DPI = 170
_MM = 1 / 25.4
_LEFT, _RIGHT, _TOP, _BOTTOM = 3.0, 3.0, 8.0, 7.0
_LEGEND_ROW_MM = 3.8
_LEGEND_COLUMNS = 2
_LABEL_WIDTH = 60
"""How much of a label a column of the legend has room for, in Latin letters; a Chinese character takes two."""

_FONT: Any = {"family": ["Noto Sans CJK SC", "DejaVu Sans"]}
_INK = "#1c1c1c"


def draw(picture: MapPicture) -> bytes:
    """The map as a PNG, at its scale when printed as large as it is."""
    named = [item for item in picture.items if item.label]
    legend_mm = _LEGEND_ROW_MM * (-(-len(named) // _LEGEND_COLUMNS)) + 4.0
    width, height = WIDTH_MM + _LEFT + _RIGHT, HEIGHT_MM + _TOP + _BOTTOM + legend_mm
    figure: Any = Figure(figsize=(width * _MM, height * _MM), dpi=DPI, facecolor="white")
    FigureCanvasAgg(figure)
    axes = figure.add_axes(
        (_LEFT / width, (legend_mm + _BOTTOM) / height, WIDTH_MM / width, HEIGHT_MM / height)
    )
    frame = picture.frame
    axes.set_xlim(frame.west, frame.east)
    axes.set_ylim(frame.south, frame.north)
    axes.set_xticks([])
    axes.set_yticks([])
    axes.set_facecolor("#fbfaf7")
    for order, item in enumerate(picture.items):
        for shape in item.shapes:
            for part in shapely.get_parts(shape):
                _add(axes, part, item, order + 1)
    _add_arrow(axes, frame)
    _add_bar(axes, frame)
    _add_corners(figure, frame, width, height, legend_mm)
    figure.text(
        0.5, 1 - 5.0 / height, picture.title, ha="center", size=10, color=_INK, weight="bold", **_FONT
    )
    figure.text(
        1 - _RIGHT / width,
        (legend_mm + 1.2) / height,
        picture.note,
        ha="right",
        size=5.5,
        color="#555555",
        **_FONT,
    )
    _add_legend(figure, named, width, height, legend_mm)
    buffer = io.BytesIO()
    with mpl.rc_context({"hatch.linewidth": 0.6}):
        figure.savefig(buffer, format="png", metadata={"Software": None})
    return buffer.getvalue()


def _points(mm: float) -> float:
    return mm * 72 * _MM


def _add(axes: Any, part: Any, item: MapItem, order: int) -> None:
    style: Any = "--" if item.is_dashed else "-"
    width = _points(item.line_mm)
    if part.is_empty:
        return
    if part.geom_type == "Polygon":
        path = _path([part.exterior, *part.interiors])
        if item.fill_opacity > 0:
            axes.add_patch(
                PathPatch(path, facecolor=item.color, alpha=item.fill_opacity, linewidth=0, zorder=order)
            )
        axes.add_patch(
            PathPatch(
                path,
                facecolor="none",
                edgecolor=item.color,
                linewidth=width,
                linestyle=style,
                hatch=item.hatch or None,
                zorder=order + 0.5,
            )
        )
    elif part.geom_type in ("LineString", "LinearRing"):
        x, y = np.asarray(part.coords)[:, :2].T
        axes.add_line(Line2D(x, y, color=item.color, linewidth=width, linestyle=style, zorder=order))
    elif part.geom_type == "Point":
        axes.plot(
            [part.x], [part.y], "o", color=item.color, markersize=5, markeredgecolor="white", zorder=order
        )


def _path(rings: Sequence[shapely.LinearRing]) -> Path:
    vertices, codes = [], []
    for ring in rings:
        points = np.asarray(ring.coords)[:, :2]
        vertices.append(points)
        codes.append(np.full(len(points), Path.LINETO, dtype=Path.code_type))
        codes[-1][0], codes[-1][-1] = Path.MOVETO, Path.CLOSEPOLY
    return Path(np.concatenate(vertices), np.concatenate(codes))


def _add_arrow(axes: Any, frame: Frame) -> None:
    """North of the grid, in the upper right corner."""
    size = (frame.east - frame.west) / WIDTH_MM  # one millimetre on paper
    x, y = frame.east - 7 * size, frame.north - 4 * size
    for side, color in ((-1, _INK), (1, "white")):
        corner = [(x, y), (x + side * 2.2 * size, y - 9 * size), (x, y - 7 * size), (x, y)]
        axes.add_patch(PathPatch(Path(corner), facecolor=color, edgecolor=_INK, linewidth=0.6, zorder=1000))
    axes.text(x, y - 12.5 * size, "北 N", ha="center", size=7, color=_INK, zorder=1000, **_FONT)


def _add_bar(axes: Any, frame: Frame) -> None:
    size = (frame.east - frame.west) / WIDTH_MM
    length = bar_length_m(frame)
    x, y = frame.west + 6 * size, frame.south + 4 * size
    axes.add_patch(
        Rectangle(
            (x - 3 * size, y - 2.4 * size),
            length + 20 * size,
            9 * size,
            facecolor="white",
            alpha=0.85,
            linewidth=0,
            zorder=999,
        )
    )
    for half, color in ((0, _INK), (1, "white")):
        axes.add_patch(
            Rectangle(
                (x + half * length / 2, y),
                length / 2,
                1.2 * size,
                facecolor=color,
                edgecolor=_INK,
                linewidth=0.5,
                zorder=1000,
            )
        )
    unit = f"{length / 1000:g} km" if length >= 1000 else f"{length:g} m"
    axes.text(x, y + 2.2 * size, "0", ha="center", size=6.5, color=_INK, zorder=1000, **_FONT)
    axes.text(x + length, y + 2.2 * size, unit, ha="center", size=6.5, color=_INK, zorder=1000, **_FONT)


def _add_corners(figure: Any, frame: Frame, width: float, height: float, legend_mm: float) -> None:
    """The coordinates of two corners, and the scale at which the map prints."""
    below = (legend_mm + _BOTTOM - 3.2) / height
    corner = f"X {frame.south:,.1f}  Y {frame.west:,.1f}  →  X {frame.north:,.1f}  Y {frame.east:,.1f}"
    figure.text(_LEFT / width, below, corner, size=5.5, color="#555555", **_FONT)
    figure.text(
        0.5 + 30 / width, below, f"比例尺 scale 1:{frame.denominator:,.0f}", size=7, color=_INK, **_FONT
    )


def _add_legend(figure: Any, items: Sequence[MapItem], width: float, height: float, legend_mm: float) -> None:
    if not items:
        return
    handles = [_handle(item) for item in items]
    figure.legend(
        handles=handles,
        loc="lower left",
        bbox_to_anchor=(_LEFT / width, 0.5 / height, WIDTH_MM / width, (legend_mm - 2) / height),
        mode="expand",
        ncols=_LEGEND_COLUMNS,
        fontsize=7,
        frameon=False,
        prop=_FONT | {"size": 6.5},
        borderaxespad=0,
        handlelength=2.2,
    )


def _shortened(label: str) -> str:
    """A label that its column has room for."""
    widths = [2 if unicodedata.east_asian_width(letter) in "WF" else 1 for letter in label]
    if sum(widths) <= _LABEL_WIDTH:
        return label
    kept = sum(total <= _LABEL_WIDTH - 2 for total in accumulate(widths))
    return label[:kept] + "…"


def _handle(item: MapItem) -> Any:
    kinds = {shape.geom_type.removeprefix("Multi") for shape in item.shapes}
    style: Any = "--" if item.is_dashed else "-"
    width = max(_points(item.line_mm), 0.8)
    if kinds == {"Point"}:
        return Line2D([], [], color=item.color, marker="o", linestyle="", label=_shortened(item.label))
    if kinds and kinds <= {"LineString"}:
        return Line2D(
            [], [], color=item.color, linewidth=width, linestyle=style, label=_shortened(item.label)
        )
    return Patch(
        facecolor=(item.color, item.fill_opacity),
        edgecolor=item.color,
        linewidth=width,
        linestyle=style,
        hatch=item.hatch or None,
        label=_shortened(item.label),
    )
