"""What the children hold of a version's features does not grow with them but for a few bytes each."""

import tracemalloc
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from blueprint.layers.fields_as_text import fields_as_text
from blueprint.layers.mapped_features import FEATURES, SCHEMA, MappedFeatures
from blueprint.layers.parts import along_curve
from blueprint.quality.edges import EdgeSum
from blueprint.quality.mapped_layer import MappedLayer
from blueprint.quality.topology import loose_edges

BATCH, BATCHES = 1_000, 200


@pytest.fixture(scope="module")
def features(tmp_path_factory: pytest.TempPathFactory) -> MappedFeatures:
    """Features all over a square, of a quarter of a kilobyte each; their shapes are none."""
    path = tmp_path_factory.mktemp("features") / FEATURES
    rng = np.random.default_rng(3)
    with pa.OSFile(str(path), "wb") as opened, pa.ipc.new_file(opened, SCHEMA) as sink:
        for number in range(BATCHES):
            low = rng.uniform(0, 100_000, (2, BATCH))
            columns = {
                "feature_id": pa.array(np.arange(BATCH) + number * BATCH),
                "geom": pa.array([bytes(120)] * BATCH, pa.large_binary()),
            } | dict(zip(("west", "south", "east", "north"), map(pa.array, [*low, *(low + 10)]), strict=True))
            sink.write_batch(
                pa.record_batch(
                    [columns.get(field.name, pa.nulls(BATCH, field.type)) for field in SCHEMA], schema=SCHEMA
                )
            )
    return MappedFeatures(path)


def _resident_bytes() -> int:
    """How much of the file counts as this process's memory."""
    parts = Path("/proc/self/smaps").read_text().split(FEATURES)[1:]
    return sum(int(part.partition("Rss:")[2].split()[0]) << 10 for part in parts)


def test_the_file_is_let_go_of_as_it_is_passed_through_and_taken_from(features: MappedFeatures):
    most = 0
    for number, _ in enumerate(features.boxes()):
        most = max(most, _resident_bytes() if number % 16 == 15 else 0)

    assert 0 < most < BATCHES * BATCH * 60
    features.take(np.arange(0, BATCHES * BATCH, BATCH // 2))
    assert _resident_bytes() == 0


def test_of_each_feature_a_few_bytes_are_held(features: MappedFeatures):
    tracemalloc.start()
    runs = along_curve(features)
    rows = np.concatenate(list(runs))
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert (np.sort(rows) == np.arange(BATCHES * BATCH)).all()
    assert most < 40 * len(rows)


def test_a_sweep_holds_no_boxes(features: MappedFeatures):
    class NoEdges(MappedLayer):
        def edges(self, _rows: np.ndarray) -> EdgeSum:
            return EdgeSum.nothing()

    tracemalloc.start()
    assert loose_edges(NoEdges(features)) is not None
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert most < 40 * BATCHES * BATCH


def test_fields_are_told_as_texts_whether_they_are_texts_or_numbers():
    rows = pa.array(['{"BSM":"1","N":2}', '{"BSM":3}', "{}"])

    told = fields_as_text(rows, {"BSM"})

    assert told["BSM"].to_pylist() == ["1", "3", None]
    assert fields_as_text(pa.array(['{"BSM":"甲"}', '{"N":1}']), {"BSM"})["BSM"].to_pylist() == ["甲", None]
