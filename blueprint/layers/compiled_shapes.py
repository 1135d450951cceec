"""Many areas on the levels of the tiles: by the compiled loops of `outlines`, and by GEOS what they leave."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from blueprint.fitted import Fitted
from blueprint.layers.generalise import FULL_LEVEL, MAX_SHAPE_VERTICES, pixel_m, unit_m
from blueprint.layers.outlines import DRAWN, Outlines, drawn, outlines_in, turned
from blueprint.layers.tile_shapes import Areas, Shapes


@dataclass(frozen=True)
class CompiledAreas(Areas):
    """The same areas, flat."""

    flat: Outlines

    def outlines(self, rows: np.ndarray, level: int) -> Iterator[Shapes]:
        """These features on a level."""
        is_full = level == FULL_LEVEL
        made = drawn(
            self.flat,
            self.areas_m2,
            rows,
            tolerance=-1.0 if is_full else pixel_m(level) / 2,
            units=1 / unit_m(level),
            most_vertices=MAX_SHAPE_VERTICES,
        )
        is_drawn = made.fates == DRAWN
        yield Shapes(
            rows[is_drawn],
            np.zeros(int(is_drawn.sum()), dtype=bool),
            made.content,
            np.concatenate([[0], made.ends[is_drawn]]),
            made.bounds[is_drawn],
        )
        yield from super().outlines(rows[~is_drawn], level)


def compiled_areas(column: pa.LargeBinaryArray, to_tiles: Fitted, chances: np.ndarray) -> Areas:
    """Areas of the working CRS (EWKB) to be drawn."""
    outlines = outlines_in(column)
    projected, areas_m2, centroids = turned(outlines, to_tiles.apply(outlines.points))
    return CompiledAreas(areas_m2, centroids, chances, projected.shape, projected)
