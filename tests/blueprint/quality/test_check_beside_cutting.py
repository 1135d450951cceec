"""A file is checked while it is cut: where the check ends before its time, all of it ends in one sentence and nothing is kept."""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from blueprint.city import City
from blueprint.edge import Edge
from blueprint.errors import InvalidInputError
from blueprint.layers import taking_in
from blueprint.layers.catalogue import LayerDefinition, define_layer
from blueprint.layers.children import Child
from blueprint.layers.confinement import Bounds
from blueprint.layers.storing import Upload
from blueprint.permissions import at_console
from blueprint.quality import check
from tests.badfiles import LON, geojson, lonlat_square, polygon
from tests.made import SCRATCH

NOW = datetime(2026, 11, 26, tzinfo=UTC)
_started = taking_in.started_check


@contextmanager
def _killed(*args: Any, **options: Any) -> Iterator[Child | None]:
    """The check at work, and ended from outside: as a machine does that has no memory left."""
    with _started(*args, **options) as child:
        assert child is not None
        child.kill()
        yield child


@pytest.mark.parametrize("end", ["killed", "memory"])
def test_a_check_that_ends_beside_the_cutting_leaves_one_sentence_and_nothing_else(
    session: Session, city: City, monkeypatch: pytest.MonkeyPatch, end: str
):
    if end == "killed":
        monkeypatch.setattr(taking_in, "started_check", _killed)
    else:
        monkeypatch.setattr(check, "BOUNDS", Bounds(cpu_seconds=60, memory_bytes=1 << 20, file_bytes=0))
    definition = LayerDefinition(
        code="BESIDE", title="旁检", department="ZRZY", geometry="polygon", control="restrict"
    )
    layer, _ = define_layer(session, definition, city=city, actor=at_console("t"))
    content = geojson(*[polygon(lonlat_square(LON + 0.01 * n)) for n in range(20)])
    edge = Edge(session.get_bind(), city, lambda: NOW, "http://127.0.0.1", SCRATCH)
    steps: list[str] = []

    with (
        pytest.raises(InvalidInputError, match=r"^the quality check came to its bounds .*; split the layer$"),
        session.begin_nested(),
    ):
        taking_in.take_in(
            session,
            layer,
            io.BytesIO(content),
            "plan.geojson",
            Upload(actor=at_console("t")),
            edge=edge,
            now=NOW,
            progress=lambda step, count: steps.append(step) if count else None,
        )

    assert "cut" in steps  # the parts were stored when the check had ended
    for table in ("layer_version", "feature", "part", "tile_sheet", "quality_issue"):
        assert not session.execute(text(f"SELECT count(*) FROM blueprint.{table}")).scalar_one(), table
