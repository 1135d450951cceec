"""What a child streams out is looked through: a stream that breaks off, or whose bytes do not fit together, is told as such."""

import io

import numpy as np
import pyarrow as pa
import pytest

from blueprint.errors import UnavailableError
from blueprint.layers.child_streams import BrokenOffError, sent_batches
from blueprint.layers.compiled_ground import followed
from blueprint.layers.cut_streams import PARTS
from blueprint.layers.outlines import outlines_of


def _stream(column: pa.Array, times: int = 1) -> bytes:
    batch = pa.record_batch([column], names=["geom"])
    with io.BytesIO() as sink:
        with pa.ipc.new_stream(sink, batch.schema) as writer:
            for _ in range(times):
                writer.write_batch(batch)
        return sink.getvalue()


def test_a_stream_that_breaks_off_anywhere_is_told_as_that():
    whole = _stream(pa.array([b"x" * 5_000] * 3, pa.large_binary()), times=2)
    assert [batch.num_rows for batch in sent_batches(io.BytesIO(whole))] == [3, 3]
    told = 0
    for stop in range(0, len(whole) - 8, 997):
        try:
            rows = sum(batch.num_rows for batch in sent_batches(io.BytesIO(whole[:stop])))
        except BrokenOffError:
            told += 1
        else:
            assert rows in (3, 6), stop  # between two batches a stream just ends
    assert told > 20


def test_offsets_that_do_not_fit_are_no_rows_and_another_kind_of_rows_is_none_either():
    offsets = pa.py_buffer(np.array([0, 10, 5], np.int64))
    bent = pa.LargeBinaryArray.from_buffers(pa.large_binary(), 2, [None, offsets, pa.py_buffer(b"x" * 10)])

    with pytest.raises(UnavailableError, match="damaged"):
        list(sent_batches(io.BytesIO(_stream(bent))))
    with pytest.raises(UnavailableError, match="none of what was asked"):
        list(sent_batches(io.BytesIO(_stream(pa.array([b"x"], pa.large_binary()))), (PARTS,)))


@pytest.mark.parametrize("side", [1e22, 1e200])
def test_an_edge_beyond_the_earth_has_more_points_than_memory_and_never_fewer_than_are_written(side: float):
    """Counted in 64 bits its runs came round to one, and five points were written where one had room."""
    square = np.array([(0, 0), (0, side), (side, side), (side, 0), (0, 0)], np.float64)

    with pytest.raises(MemoryError):
        followed(np.tile(square, (4_000, 1)), np.arange(0, 20_001, 5, dtype=np.int64), 200.0)


def test_a_part_with_heights_in_an_ewkb_is_no_flat_outline():
    ring = np.array([(0, 0, 1), (0, 9, 1), (9, 9, 1), (0, 0, 1)], "<f8")
    head = b"\x01" + (0xA0000003).to_bytes(4, "little") + (4550).to_bytes(4, "little")
    # Rings of two dimensions whose bytes add up, behind a head that says three.
    flat = head + (1).to_bytes(4, "little") + (4).to_bytes(4, "little") + ring[:, :2].tobytes()

    with pytest.raises(ValueError, match=r".+"):
        outlines_of(np.frombuffer(bytearray(flat), np.uint8), np.array([0, len(flat)]))
