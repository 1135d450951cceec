"""A map as SVG within a page: the same picture that documents have as PNG, without a child process and sharp at any size."""

from collections.abc import Iterable
from dataclasses import replace
from html import escape

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

from blueprint.documents.maps import HEIGHT_MM, WIDTH_MM, Frame, MapItem, MapPicture, bar_length_m

_PX_PER_MM = 5.0
_WIDTH, _HEIGHT = WIDTH_MM * _PX_PER_MM, HEIGHT_MM * _PX_PER_MM
_LEGEND_ROW, _LEGEND_COLUMNS, _BELOW = 22.0, 2, 26.0
_MARK = 22.0
_INK = "#1c1c1c"


def svg_of(picture: MapPicture, name: str) -> str:
    """The map with legend, scale bar, north arrow and the coordinates of its corners; `name` keeps its parts' ids apart.

    Text of titles and labels is escaped: what a layer is called cannot be markup.
    """
    frame = picture.frame
    named = [item for item in picture.items if item.label]
    height = _HEIGHT + _BELOW + _LEGEND_ROW * (-(-len(named) // _LEGEND_COLUMNS))
    hatches = {
        item.color: f"{name}-hatch-{number}" for number, item in enumerate(picture.items) if item.hatch
    }
    parts = [
        f'<svg viewBox="0 0 {_WIDTH:g} {height:g}" width="{_WIDTH:g}" height="{height:g}" role="img"'
        f' aria-label="{escape(picture.title)}" font-size="13" fill="{_INK}">',
        "<defs>",
        f'<clipPath id="{name}-frame"><rect width="{_WIDTH:g}" height="{_HEIGHT:g}"/></clipPath>',
        *(_hatch(mark, color) for color, mark in hatches.items()),
        "</defs>",
        f'<rect width="{_WIDTH:g}" height="{_HEIGHT:g}" fill="#fbfaf7"/>',
        f'<g clip-path="url(#{name}-frame)">',
        *(_drawn(item, frame, hatches.get(item.color) if item.hatch else None) for item in picture.items),
        *_marks(picture.items, frame),
        "</g>",
        f'<rect width="{_WIDTH:g}" height="{_HEIGHT:g}" fill="none" stroke="{_INK}"/>',
        _bar(frame),
        _arrow(),
        _corners(frame),
        *_legend(named),
        "</svg>",
    ]
    return "\n".join(parts)


def _hatch(mark: str, color: str) -> str:
    return (
        f'<pattern id="{mark}" width="8" height="8" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">'
        f'<line x1="0" y1="0" x2="0" y2="8" stroke="{color}" stroke-width="2"/></pattern>'
    )


def _drawn(item: MapItem, frame: Frame, hatch: str | None) -> str:
    """The shapes of an item as one; where they are linked, each in its link, whose id is `map-` and what it leads to."""
    if item.links:
        return "".join(
            f'<a href="#{escape(link.target)}" id="map-{escape(link.target)}"><title>{escape(link.title)}</title>'
            f"{_drawn(replace(item, shapes=(shape,), links=()), frame, hatch)}</a>"
            for shape, link in zip(item.shapes, item.links, strict=True)
        )
    dashes = ' stroke-dasharray="8 5"' if item.is_dashed else ""
    line = f'stroke="{item.color}" stroke-width="{item.line_mm * _PX_PER_MM:.2f}"{dashes}'
    areas, lines, points = _split(item.shapes, frame)
    found = []
    if areas:
        if item.fill_opacity > 0:
            found.append(
                f'<path d="{areas}" fill="{item.color}" fill-opacity="{item.fill_opacity:g}" fill-rule="evenodd"/>'
            )
        fill = f"url(#{hatch})" if hatch else "none"
        found.append(f'<path d="{areas}" fill="{fill}" fill-rule="evenodd" {line}/>')
    if lines:
        found.append(f'<path d="{lines}" fill="none" {line}/>')
    found += [
        f'<circle cx="{x:.1f}" cy="{y:.1f}" r="6" fill="{item.color}" stroke="white"/>' for x, y in points
    ]
    return "".join(found)


def _marks(items: Iterable[MapItem], frame: Frame) -> Iterable[str]:
    """The mark of each linked shape, over all that is drawn, moved aside where another stands: shapes may cover each other."""
    taken: set[tuple[int, int]] = set()
    seen = shapely.box(frame.west, frame.south, frame.east, frame.north)
    for item in items:
        for shape, link in zip(item.shapes, item.links, strict=False):
            within = shapely.clip_by_rect(shape, *seen.bounds)
            if within.is_empty:
                continue
            x, y = _placed(shapely.point_on_surface(within), frame)[0]
            while (place := (round(x / _MARK), round(y / _MARK))) in taken and x < _WIDTH - _MARK:
                x += _MARK
            taken.add(place)
            yield (
                f'<a href="#{escape(link.target)}" class="mark"><title>{escape(link.title)}</title>'
                f'<circle cx="{x:.1f}" cy="{y:.1f}" r="10" fill="white" stroke="{item.color}" stroke-width="2"/>'
                f'<text x="{x:.1f}" y="{y + 4:.1f}" font-size="11" text-anchor="middle">{escape(link.mark)}</text></a>'
            )


def _split(shapes: Iterable[BaseGeometry], frame: Frame) -> tuple[str, str, list[tuple[float, float]]]:
    """Areas, lines and points of the shapes, as they lie on the page."""
    areas, lines = [], []
    points: list[tuple[float, float]] = []
    half_pixel = frame.denominator / 1000 / _PX_PER_MM / 2
    for shape in shapes:
        for part in shapely.get_parts(shape):
            if part.geom_type == "Point":
                points.append(tuple(_placed(part, frame)[0]))
                continue
            if shapely.get_num_coordinates(part) > 50:
                part = shapely.simplify(part, half_pixel)
            for piece in shapely.get_parts(part):
                if piece.geom_type == "Polygon":
                    areas += [f"{_path(ring, frame)}Z" for ring in (piece.exterior, *piece.interiors)]
                elif not piece.is_empty:
                    lines.append(_path(piece, frame))
    return "".join(areas), "".join(lines), points


def _placed(shape: BaseGeometry, frame: Frame) -> np.ndarray:
    scale = _WIDTH / (frame.east - frame.west)
    return (shapely.get_coordinates(shape) - (frame.west, frame.north)) * (scale, -scale)


def _path(line: BaseGeometry, frame: Frame) -> str:
    return "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in _placed(line, frame))


def _bar(frame: Frame) -> str:
    length = bar_length_m(frame)
    px = length * _WIDTH / (frame.east - frame.west)
    unit = f"{length / 1000:g} km" if length >= 1000 else f"{length:g} m"
    top = _HEIGHT - 16
    return (
        f'<rect x="12" y="{top - 26:g}" width="{px + 60:g}" height="38" fill="white" fill-opacity=".85"/>'
        f'<rect x="24" y="{top:g}" width="{px / 2:g}" height="6" fill="{_INK}" stroke="{_INK}"/>'
        f'<rect x="{24 + px / 2:g}" y="{top:g}" width="{px / 2:g}" height="6" fill="white" stroke="{_INK}"/>'
        f'<text x="20" y="{top - 6:g}">0</text><text x="{14 + px:g}" y="{top - 6:g}">{unit}</text>'
    )


def _arrow() -> str:
    """North of the grid, in the upper right corner."""
    x = _WIDTH - 34
    return (
        f'<path d="M{x:g} 14L{x - 11:g} 58L{x:g} 48Z" fill="{_INK}" stroke="{_INK}"/>'
        f'<path d="M{x:g} 14L{x + 11:g} 58L{x:g} 48Z" fill="white" stroke="{_INK}"/>'
        f'<text x="{x:g}" y="74" text-anchor="middle">北 N</text>'
    )


def _corners(frame: Frame) -> str:
    told = f"X {frame.south:,.1f}  Y {frame.west:,.1f}  →  X {frame.north:,.1f}  Y {frame.east:,.1f}"
    return (
        f'<text x="0" y="{_HEIGHT + 17:g}" font-size="11" fill="#555">{told}</text>'
        f'<text x="{_WIDTH:g}" y="{_HEIGHT + 17:g}" text-anchor="end">比例尺 scale 1:{frame.denominator:,.0f}</text>'
    )


def _legend(items: Iterable[MapItem]) -> Iterable[str]:
    for number, item in enumerate(items):
        x = number % _LEGEND_COLUMNS * _WIDTH / _LEGEND_COLUMNS
        y = _HEIGHT + _BELOW + number // _LEGEND_COLUMNS * _LEGEND_ROW
        opacity = max(item.fill_opacity, 0.05)
        yield (
            f'<rect x="{x + 2:g}" y="{y + 2:g}" width="30" height="14" fill="{item.color}" fill-opacity="{opacity:g}"'
            f' stroke="{item.color}" stroke-width="{max(item.line_mm * _PX_PER_MM, 1):.2f}"/>'
            f'<text x="{x + 40:g}" y="{y + 14:g}">{escape(item.label)}</text>'
        )
