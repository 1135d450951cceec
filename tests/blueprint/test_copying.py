"""Rows that are copied out of PostgreSQL in its binary format, in pieces of any size."""

import io
import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.orm import Session

from blueprint.copying import CopiedRows

_ROWS = "SELECT CAST(n AS bigint), CASE WHEN n % 3 > 0 THEN '图斑' || n END FROM generate_series(1, 7) AS n"


@pytest.fixture
def stream(session: Session) -> bytes:
    copied = io.BytesIO()
    with session.connection().connection.dbapi_connection.cursor() as cursor:
        cursor.copy_expert(f"COPY ({_ROWS}) TO STDOUT (FORMAT binary)", copied)
    return copied.getvalue()


def _read(pieces: list[bytes], *, width: int = 2) -> list[tuple[bytes | None, ...]]:
    rows: list[tuple[bytes | None, ...]] = []
    copied = CopiedRows(lambda columns: rows.extend(zip(*columns, strict=True)), width=width, at_once=3)
    for piece in pieces:
        assert copied.write(piece) == len(piece)
    copied.end()
    return rows


WANTED = [(n.to_bytes(8), f"图斑{n}".encode() if n % 3 else None) for n in range(1, 8)]


def test_rows_are_the_same_in_pieces_of_any_size(stream: bytes):
    assert _read([stream]) == WANTED

    @given(st.lists(st.integers(0, len(stream)), max_size=12))
    def cut(places: list[int]) -> None:
        ends = [0, *sorted(places), len(stream)]
        pieces = [stream[a:b] for a, b in itertools.pairwise(ends)]
        assert _read(pieces) == WANTED

    cut()
    assert _read([bytes([byte]) for byte in stream]) == WANTED


def test_a_stream_that_breaks_off_or_is_another_is_refused(stream: bytes):
    with pytest.raises(ValueError, match="ends within a row"):
        _read([stream[:-9]])
    with pytest.raises(ValueError, match="not PostgreSQL's binary"):
        _read([b"x" * 40])
    with pytest.raises(ValueError, match="has 2 columns, not 3"):
        _read([stream], width=3)
