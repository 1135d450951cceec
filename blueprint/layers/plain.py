"""Areas that are sound as they lie in the file, as reading asks for them; a large file's are found by `plain_areas`."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
import pyarrow as pa

from blueprint.fitted import Fitted


class Plain(Protocol):
    """Valid areas of two dimensions in the working CRS, by row."""

    @property
    def bounds(self) -> np.ndarray:
        """West, south, east, north of each."""

    @property
    def vertex_count(self) -> int:
        """Of all of them."""

    def points(self, row: int) -> np.ndarray:
        """The vertices of one."""

    def shapes(self, rows: np.ndarray) -> np.ndarray:
        """Some as GEOS has them."""

    def measured(
        self,
        feature_ids: np.ndarray,
        source_ids: Sequence[str | None],
        attributes: Sequence[str],
        *,
        srid: int,
        to_equal_area: Fitted | None,
    ) -> pa.RecordBatch:
        """The features as `measuring` has them."""


class Plainly(Protocol):
    """Says whether a column of WKB is plain throughout."""

    def __call__(self, column: pa.Array, *, most_vertices: int) -> Plain | None:
        """The areas, None where they are not."""
