"""What a map in a document shows: shapes in the working CRS (metres, north up), a frame at a round scale, a legend."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

import shapely
from shapely.geometry.base import BaseGeometry

WIDTH_MM, HEIGHT_MM = 165.0, 105.0
"""The size of the frame on paper."""

SCALES = tuple(
    digit * 10**power for power in range(2, 7) for digit in (1, 2, 2.5, 5) if digit * 10**power >= 200
)
"""The denominators that a map may have: 1:200 to 1:5,000,000."""

_MARGIN = 1.25
_LINE_WIDTH_M = 0.0002
"""What is thinner than this on paper cannot be seen (metres)."""


@dataclass(frozen=True)
class Link:
    """Where on the page it is told what a shape is (the id of an element), what the pointer shows of it, and its mark on the map."""

    target: str
    title: str
    mark: str


@dataclass(frozen=True)
class MapItem:
    """Shapes that are drawn alike, and how the legend names them; an empty label keeps them out of it.

    `color` is `#rrggbb`; `fill_opacity` 0 draws lines only; `hatch` are matplotlib's marks; `links`, one a shape or none at
    all, lead from the map of a page to its text.
    """

    label: str
    color: str
    shapes: tuple[BaseGeometry, ...]
    fill_opacity: float = 0.35
    line_mm: float = 0.25
    hatch: str = ""
    is_dashed: bool = False
    links: tuple[Link, ...] = ()


@dataclass(frozen=True)
class Frame:
    """What a map shows: its edges in metres of the working CRS, and the denominator of its scale."""

    west: float
    south: float
    east: float
    north: float
    denominator: float

    @property
    def box(self) -> shapely.Polygon:
        """The frame as a shape."""
        return shapely.box(self.west, self.south, self.east, self.north)


@dataclass(frozen=True)
class MapPicture:
    """A map: title, frame, what is drawn from the bottom up, and the note on its CRS and sources."""

    title: str
    frame: Frame
    items: tuple[MapItem, ...]
    note: str = ""

    def to_json(self) -> dict[str, Any]:
        """The map as plain JSON values, shapes cut to the frame and without what is too small to see; links are of pages alone."""
        tolerance = self.frame.denominator * _LINE_WIDTH_M / 2
        items = [
            asdict(replace(item, shapes=(), links=()))
            | {"shapes": [_hex(shape, self.frame, tolerance) for shape in item.shapes]}
            for item in self.items
        ]
        return {"title": self.title, "frame": asdict(self.frame), "items": items, "note": self.note}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> "MapPicture":
        """The map that `to_json` gave."""
        items = tuple(
            MapItem(**item | {"shapes": tuple(shapely.from_wkb(shape) for shape in item["shapes"])})
            for item in values["items"]
        )
        return cls(values["title"], Frame(**values["frame"]), items, values["note"])


def _hex(shape: BaseGeometry, frame: Frame, tolerance: float) -> str:
    edge = frame.denominator * 0.005
    cut = shapely.clip_by_rect(
        shape, frame.west - edge, frame.south - edge, frame.east + edge, frame.north + edge
    )
    # Cutting drops points; a shape that the simplification spoils is drawn as it is.
    if shape.geom_type.endswith("Point"):
        cut = shape
    elif shapely.get_num_coordinates(cut) > 50:
        cut = shapely.simplify(cut, tolerance)
    return str(shapely.to_wkb(cut, hex=True))


def frame_around(shapes: Iterable[BaseGeometry], *, at_least_m: float = 40.0) -> Frame:
    """The frame at the largest round scale that shows all shapes with some margin, at least so many metres wide."""
    west, south, east, north = (float(edge) for edge in shapely.total_bounds(list(shapes)))
    width_m = max((east - west) * _MARGIN, at_least_m)
    height_m = max((north - south) * _MARGIN, at_least_m * HEIGHT_MM / WIDTH_MM)
    needed = max(width_m / WIDTH_MM, height_m / HEIGHT_MM) * 1000
    denominator = next((scale for scale in SCALES if scale >= needed), SCALES[-1])
    half_width, half_height = WIDTH_MM * denominator / 2000, HEIGHT_MM * denominator / 2000
    x, y = (west + east) / 2, (south + north) / 2
    return Frame(x - half_width, y - half_height, x + half_width, y + half_height, denominator)


def bar_length_m(frame: Frame) -> float:
    """The length of the scale bar: the longest of 1, 2 or 5 times a power of ten that takes at most a quarter of the width."""
    longest = (frame.east - frame.west) / 4
    return max(
        (digit * 10.0**power for power in range(7) for digit in (1, 2, 5) if digit * 10.0**power <= longest),
        default=1.0,
    )
