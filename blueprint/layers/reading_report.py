"""What the reading child reports: where the data come from, how many, and every issue with its feature and place."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import shapely

from blueprint.crs import Operation
from blueprint.errors import InvalidInputError
from blueprint.layers.mending import Mending
from blueprint.layers.sampling import Sample
from blueprint.sentences import Sentence

MAX_ISSUES = 200
MAX_MENDED = 10_000
MAX_MENDED_VERTICES = 500_000


def noted(rule: str, message: Sentence) -> dict[str, Any]:
    """A warning about a file as a whole, as a report and a version keep it."""
    return {
        "severity": "warning",
        "rule": rule,
        "feature": None,
        "message": str(message),
        "said": message.as_json(),
        "place": None,
        "shapes": [],
    }


@dataclass
class Report:
    """What the reading found; `issues` name feature and place, errors stop the upload, warnings are shown."""

    source_crs: str = ""
    operation: str = ""
    operation_accuracy_m: float | None = None
    sublayer: str = ""
    feature_count: int = 0
    shapeless_count: int = 0
    null_count: int = 0
    vertex_count: int = 0
    inside_count: int = 0
    mended_count: int = 0
    mended_m2: float = 0.0
    error_count: int = 0
    row_count: int = 0
    output_bytes: int = 0
    declared_crs: str | None = None
    declared_text: str | None = None
    left_out: dict[str, int] = field(default_factory=dict)
    sample: Sample = field(default_factory=Sample)
    placed_sample: list[list[float]] = field(default_factory=list)
    extent: list[float] = field(default_factory=list)
    issues: list[dict[str, Any]] = field(default_factory=list)
    fields: list[str] = field(default_factory=list)
    mendings: list[dict[str, Any]] = field(default_factory=list)
    mended_vertices: int = 0
    refusal: dict[str, Any] | None = None

    def add(
        self,
        severity: str,
        rule: str,
        number: int | None,
        message: Sentence,
        place: str | None = None,
        *,
        shapes: Iterable[shapely.Geometry] = (),
    ) -> None:
        """Note an issue, `shapes` (working CRS) drawn with it; the list is bounded, the counts are not."""
        self.error_count += severity == "error"
        if len(self.issues) < MAX_ISSUES:
            drawn = [shapely.to_wkb(shape, hex=True) for shape in shapes if self._has_room(shape)]
            issue = noted(rule, message) | {"severity": severity, "feature": number, "place": place}
            self.issues.append(issue | {"shapes": drawn})

    def keep_receipt(self, number: int, original: shapely.Geometry, mending: Mending) -> None:
        """Note what mending did to a feature, with the shape as it was."""
        self.mended_count += 1
        self.mended_m2 += mending.changed_m2
        if self.mended_count > MAX_MENDED or not self._has_room(original):
            raise InvalidInputError(
                "more than {max_mended:,} features, or {max_mended_vertices:,} vertices, need mending; mend"
                " the layer first",
                max_mended=MAX_MENDED,
                max_mended_vertices=MAX_MENDED_VERTICES,
            )
        self.mendings.append(
            {
                "feature": number,
                "reason": mending.reason,
                "before_m2": mending.before_m2,
                "after_m2": mending.after_m2,
                "moved_m": mending.moved_m,
                "original": shapely.to_wkb(original, hex=True),
            }
        )

    def _has_room(self, shape: shapely.Geometry) -> bool:
        """Shapes in the report are bounded together, as the report is read whole."""
        self.mended_vertices += int(shapely.get_num_coordinates(shape))
        return self.mended_vertices <= MAX_MENDED_VERTICES

    def place_sample(self, operation: Operation) -> None:
        """Where the sampled vertices come to lie in the working CRS."""
        points = self.sample.points()
        if points:
            placed = operation.apply(np.asarray(shapely.points(np.array(points))))
            self.placed_sample = shapely.get_coordinates(placed).tolist()

    def add_once(self, rule: str, message: Sentence) -> None:
        """Note what holds for the whole layer, the first time it is seen."""
        if not any(issue["rule"] == rule for issue in self.issues):
            self.add("warning", rule, None, message)
