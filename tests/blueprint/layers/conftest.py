"""What the tests of hostile files share: reading a file as an upload does."""

import io
import json
from dataclasses import dataclass, field
from typing import Any

import pytest
import shapely

from blueprint.layers.reading import ReadingRequest, reading, staged
from service.settings import Settings

SURROUNDINGS = (380_000.0, 4_470_000.0, 620_000.0, 4_640_000.0)
"""Anshan and twenty kilometres around it, EPSG:4550."""


@dataclass
class Taken:
    """What came of a file: shapes in the working CRS, attributes, the report."""

    report: dict[str, Any]
    shapes: list[shapely.Geometry] = field(default_factory=list)
    rows: list[dict[str, Any]] = field(default_factory=list)

    @property
    def said(self) -> str:
        """All that the report says."""
        return "\n".join(issue["message"] for issue in self.report["issues"])


class Reader:
    """Reads a file to its end in the confined child, with no database."""

    def __call__(self, content: bytes, name: str = "x", **values: Any) -> Taken:
        request = ReadingRequest(
            **(
                {
                    "geometry": "polygon",
                    "working_crs": "EPSG:4550",
                    "working_srid": 4550,
                    "surroundings": SURROUNDINGS,
                }
                | values
            )
        )
        taken = Taken({})
        with staged(io.BytesIO(content), name, scratch=Settings().scratch, sublayer=request.sublayer) as file:
            with reading(file, request) as opened:
                for batch in opened.batches:
                    taken.shapes += list(shapely.from_wkb(batch.column("geom").to_pylist()))
                    taken.rows += [json.loads(text) for text in batch.column("attributes").to_pylist()]
            taken.report = opened.report
        return taken


@pytest.fixture
def read() -> Reader:
    """Read a file as an upload does, without storing it."""
    return Reader()
