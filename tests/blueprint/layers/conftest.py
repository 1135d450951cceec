"""What the tests of hostile files share: a web server that notes who calls, and reading a file as an upload does."""

import io
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
import shapely

from blueprint.layers.reading import ReadingRequest, reading, staged
from service.settings import Settings

SURROUNDINGS = (380_000.0, 4_470_000.0, 620_000.0, 4_640_000.0)
"""Anshan and twenty kilometres around it, EPSG:4550."""


@pytest.fixture
def canary() -> Iterator[tuple[str, list[str]]]:
    """A web server that notes who calls."""
    calls: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            calls.append(self.path)
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            return

    web = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=web.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{web.server_port}", calls
    web.shutdown()


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
