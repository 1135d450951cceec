"""What changed between two rasters of a layer, pixel by pixel on the newer one's grid: counted, and where.

Blocks are compared one after another, so that memory does not grow with the raster. On another grid than the newer one's,
a pixel is compared with the older one's that holds its centre.
"""

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import rasterio.features
import shapely
from affine import Affine
from rasterio.windows import Window

from blueprint.errors import InvalidInputError
from blueprint.rasters.values import Threshold, ValueKind

BLOCK = 1024
MAX_PATCHES = 20_000
"""So many patches are drawn of a difference, shared out among its blocks; of more, pixels are put together four by four."""

MAX_PIXELS = 4 << 30
MAX_FINER = 16
"""So many times finer than the newer pixels the older ones may be, along a side."""

CHANGES = ("", "added", "removed", "gained", "lost", "attributes")
"""What a pixel became, by its code: newly known, no longer known, newly or no longer met by the rule, of another value."""

ADDED, REMOVED, GAINED, LOST, OTHER = range(1, len(CHANGES))


@dataclass(frozen=True)
class Pixels:
    """The grid that two rasters are compared on: that of the newer one, as far as both reach."""

    transform: Affine
    width: int
    height: int

    def windows(self) -> Iterator[Window]:
        """Blocks from the north-west on."""
        for row in range(0, self.height, BLOCK):
            for column in range(0, self.width, BLOCK):
                yield Window(column, row, min(BLOCK, self.width - column), min(BLOCK, self.height - row))


@dataclass(frozen=True)
class BlockDifference:
    """A block: its bounds, how many pixels did what, and patches with what they became.

    `counts` has the names of CHANGES without `attributes`, and `changed`, `unchanged`, `rose`, `fell`; a pixel that is newly known and met counts
    as added and as gained. `drawn_pixels` is the side in pixels of what the patches are made of, 1 where they are exact.
    """

    bounds: tuple[float, float, float, float]
    pixels: int
    counts: Counter[str]
    classes: Counter[tuple[int, int]]
    sum_of_changes: float
    largest_rise: float
    largest_fall: float
    patches: tuple[tuple[str, bytes], ...]
    drawn_pixels: int


@dataclass(frozen=True)
class ClassChange:
    """Pixels of one class that became another's."""

    old: int
    new: int
    pixels: int
    area_m2: float


@dataclass(frozen=True)
class RasterChange:
    """How the values of two rasters differ, beyond the counts: of classes which became which, of measures how far.

    Areas in m² as the city measures them; changes in the layer's unit, over the pixels that changed. `drawn_pixels` is 1
    where patches are the changed pixels exactly, else the side of the squares of pixels that they are drawn in.
    """

    changed_m2: float
    rose_m2: float
    fell_m2: float
    mean_change: float | None
    largest_rise: float
    largest_fall: float
    classes: tuple[ClassChange, ...]
    drawn_pixels: int


def raster_change(blocks: Sequence[BlockDifference], pixel_m2: Sequence[float]) -> RasterChange:
    """Put blocks together; `pixel_m2` is the area of a pixel in each."""

    def area(name: str) -> float:
        return math.fsum(block.counts[name] * each for block, each in zip(blocks, pixel_m2, strict=True))

    classes: dict[tuple[int, int], tuple[int, float]] = {}
    for block, each in zip(blocks, pixel_m2, strict=True):
        for pair, count in block.classes.items():
            pixels, area_m2 = classes.get(pair, (0, 0.0))
            classes[pair] = pixels + count, area_m2 + count * each
    changed = sum(block.counts["changed"] for block in blocks)
    return RasterChange(
        changed_m2=area("changed"),
        rose_m2=area("rose"),
        fell_m2=area("fell"),
        mean_change=math.fsum(block.sum_of_changes for block in blocks) / changed if changed else None,
        largest_rise=max(block.largest_rise for block in blocks),
        largest_fall=min(block.largest_fall for block in blocks),
        classes=tuple(
            ClassChange(old, new, pixels, area_m2)
            for (old, new), (pixels, area_m2) in sorted(
                classes.items(), key=lambda item: (-item[1][0], item[0])
            )
        ),
        drawn_pixels=max(block.drawn_pixels for block in blocks),
    )


def common_grid(old: Any | None, new: Any | None) -> Pixels:
    """The newer raster's grid over both; of one alone, its own."""
    lead = new if new is not None else old
    assert lead is not None
    t: Affine = lead.transform
    bounds = [raster.bounds for raster in (old, new) if raster is not None]
    west, north = min(b.left for b in bounds), max(b.top for b in bounds)
    east, south = max(b.right for b in bounds), min(b.bottom for b in bounds)
    left, top = _whole(math.floor, (west - t.c) / t.a), _whole(math.floor, (north - t.f) / t.e)
    right, bottom = _whole(math.ceil, (east - t.c) / t.a), _whole(math.ceil, (south - t.f) / t.e)
    grid = Pixels(t @ Affine.translation(left, top), right - left, bottom - top)
    if grid.width * grid.height > MAX_PIXELS:
        raise InvalidInputError("the two rasters lie too far apart to be compared pixel by pixel")
    if old is not None and (t.a > MAX_FINER * old.transform.a or t.e < MAX_FINER * old.transform.e):
        raise InvalidInputError(
            "a pixel of the newer raster holds more than {max_finer}² of the older one's; they are not"
            " compared",
            max_finer=MAX_FINER,
        )
    return grid


def _whole(kind: Any, number: float) -> int:
    """A number of pixels, where rounding in the last digits makes none of it."""
    near = round(number)
    return near if abs(number - near) < 1e-6 else int(kind(number))


def compare_blocks(
    old: Any | None, new: Any | None, *, threshold: Threshold, value_kind: str
) -> Iterator[BlockDifference]:
    """Compare two open rasters of the working CRS block by block; None is no raster at all."""
    grid = common_grid(old, new)
    windows = list(grid.windows())
    most = max(20, MAX_PATCHES // len(windows))
    for window in windows:
        transform = grid.transform @ Affine.translation(window.col_off, window.row_off)
        shape = (window.height, window.width)
        before, was_known = _values(old, transform, shape)
        after, is_known = _values(new, transform, shape)
        was_met = was_known & threshold.holds_for(before)
        is_met = is_known & threshold.holds_for(after)
        both = was_known & is_known
        differs = both & (before != after)
        rises = after[differs] - before[differs]
        counts = Counter(
            added=int((is_known & ~was_known).sum()),
            removed=int((was_known & ~is_known).sum()),
            changed=int(differs.sum()),
            unchanged=int((both & ~differs).sum()),
            gained=int((is_met & ~was_met).sum()),
            lost=int((was_met & ~is_met).sum()),
            rose=int((rises > 0).sum()),
            fell=int((rises < 0).sum()),
        )
        codes = np.select(
            [is_known & ~was_known, was_known & ~is_known, is_met & ~was_met, was_met & ~is_met, differs],
            [ADDED, REMOVED, GAINED, LOST, OTHER],
            0,
        ).astype(np.uint8)
        patches, side = _patches(codes, transform, most)
        yield BlockDifference(
            bounds=(
                transform.c,
                transform.f + window.height * transform.e,
                transform.c + window.width * transform.a,
                transform.f,
            ),
            pixels=window.width * window.height,
            counts=counts,
            classes=_classes(before[differs], after[differs])
            if value_kind == ValueKind.CLASSES
            else Counter(),
            sum_of_changes=float(rises.sum()),
            largest_rise=float(rises.max(initial=0.0)),
            largest_fall=float(rises.min(initial=0.0)),
            patches=patches,
            drawn_pixels=side,
        )


def _values(raster: Any | None, transform: Affine, shape: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """The raster's value at the centre of each pixel of a block, and where it has one."""
    values, known = np.zeros(shape, dtype=np.float64), np.zeros(shape, dtype=bool)
    if raster is None:
        return values, known
    own = raster.transform
    xs = transform.c + (np.arange(shape[1]) + 0.5) * transform.a
    ys = transform.f + (np.arange(shape[0]) + 0.5) * transform.e
    columns, rows = np.floor((xs - own.c) / own.a).astype(int), np.floor((ys - own.f) / own.e).astype(int)
    in_columns = np.nonzero((columns >= 0) & (columns < raster.width))[0]
    in_rows = np.nonzero((rows >= 0) & (rows < raster.height))[0]
    if not in_columns.size or not in_rows.size:
        return values, known
    columns, rows = columns[in_columns], rows[in_rows]
    window = Window(
        int(columns[0]),
        int(rows[0]),
        int(columns[-1] - columns[0]) + 1,
        int(rows[-1] - rows[0]) + 1,
    )
    read = raster.read(1, window=window, masked=True)
    taken = np.ix_(rows - rows[0], columns - columns[0])
    here = np.ix_(in_rows, in_columns)
    known[here] = ~np.ma.getmaskarray(read)[taken]
    values[here] = np.where(known[here], read.data[taken], 0.0)
    return values, known


def _classes(before: np.ndarray, after: np.ndarray) -> Counter[tuple[int, int]]:
    pairs, counts = np.unique(np.column_stack([before, after]).astype(np.int64), axis=0, return_counts=True)
    return Counter(
        {(int(old), int(new)): int(count) for (old, new), count in zip(pairs, counts, strict=True)}
    )


def _patches(codes: np.ndarray, transform: Affine, most: int) -> tuple[tuple[tuple[str, bytes], ...], int]:
    """Polygons of equal code as WKB, at most so many; and the side in pixels of what they are made of."""
    side = 1
    while True:
        found = _polygons(codes, transform, most)
        if found is not None:
            return tuple(found), side
        codes, transform, side = _coarser(codes), transform @ Affine.scale(2), 2 * side


def _polygons(codes: np.ndarray, transform: Affine, most: int) -> list[tuple[str, bytes]] | None:
    if not codes.any():
        return []
    # A patch has at least one run of pixels in a row; where runs abound there is no use in drawing them all.
    starts = (codes != 0) & (codes != np.pad(codes, ((0, 0), (1, 0)))[:, :-1])
    if starts.sum() > 50 * most:
        return None
    found = []
    for document, code in rasterio.features.shapes(codes, mask=codes != 0, transform=transform):
        found.append((CHANGES[int(code)], shapely.to_wkb(shapely.geometry.shape(document))))
        if len(found) > most:
            return None
    return found


def _coarser(codes: np.ndarray) -> np.ndarray:
    """Four pixels as one, which has changed when any of them has."""
    rows, columns = codes.shape
    even = np.pad(codes, ((0, rows % 2), (0, columns % 2)))
    return np.asarray(even.reshape(even.shape[0] // 2, 2, even.shape[1] // 2, 2).max(axis=(1, 3)))
