"""Rows that are copied out of PostgreSQL in its binary format, in pieces of any size."""

import io
import itertools

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from blueprint.copying import CopiedRows, copy_in, many_at_once, numbers_out, rows_of

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

    @settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
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


def test_columns_with_and_without_gaps_are_copied_in_as_they_are(session: Session):
    session.execute(
        text(
            "CREATE TEMPORARY TABLE copied (version_id integer, whole bigint, is_so boolean, share double precision,"
            " row jsonb, gone integer, told text, row_too jsonb)"
        )
    )
    columns = {
        "whole": pa.array([1, 2, 3], pa.int64()),
        "is_so": pa.array([True, False, None], pa.bool_()),
        "share": pa.array([0.5, None, -1.5]),
        "row": pa.array(['{"a": 1}', None, "[]"]),
        "gone": pa.nulls(3, pa.int32()),
        "told": pa.array(["图斑", "", None]),
        "row_too": pa.array(["1", "2", "3"]),
    }
    batch = pa.record_batch(list(columns.values()), names=list(columns))

    for some in (batch, batch.slice(1), batch.slice(0, 0)):
        copy_in(session, "copied", rows_of(some, version_id=7, jsonb={"row", "row_too"}))

    rows = [
        (7, 1, True, 0.5, {"a": 1}, None, "图斑", 1),
        (7, 2, False, None, None, None, "", 2),
        (7, 3, None, -1.5, [], None, None, 3),
    ]
    assert [tuple(row) for row in session.execute(text("SELECT * FROM copied"))] == rows + rows[1:]


def test_batches_are_copied_together_up_to_some_bytes_and_none_is_lost(session: Session):
    for table in ("kept", "also_kept"):
        session.execute(
            text(f"CREATE TEMPORARY TABLE {table} (version_id integer, number bigint, name text)")
        )
    batches = [
        pa.record_batch({"number": [n], "name": ["x" * size]})
        for n, size in enumerate((10, 5_000_000, 3_000_000, 20, 30))
    ]

    tables = ["kept", "kept", "kept", "also_kept", "kept"]
    together = [
        *many_at_once(
            (table, rows_of(batch, version_id=7)) for table, batch in zip(tables, batches, strict=True)
        )
    ]
    for table, rows in together:
        copy_in(session, table, rows)

    assert [(table, rows.count) for table, rows in together] == [("kept", 3), ("also_kept", 1), ("kept", 1)]
    both = (
        "SELECT number, length(name) FROM (TABLE kept UNION ALL TABLE also_kept) AS kept_ones ORDER BY number"
    )
    stored = session.execute(text(both)).all()
    assert [tuple(row) for row in stored] == [(0, 10), (1, 5_000_000), (2, 3_000_000), (3, 20), (4, 30)]
    assert [*many_at_once(iter(()))] == []


def test_numbers_are_read_by_columns_and_nothing_else_is_taken_for_one(session: Session):
    numbers = text("SELECT CAST(n AS bigint), CAST(n / 4.0 AS float8) FROM generate_series(1, :most) AS n")
    kinds = {"n": "i8", "quarter": "f8"}

    read = numbers_out(session, numbers, {"most": 3}, kinds)

    assert (read["n"].tolist(), read["quarter"].tolist()) == ([1, 2, 3], [0.25, 0.5, 0.75])
    assert numbers_out(session, numbers, {"most": 0}, kinds)["n"].tolist() == []
    for other in ("CAST(NULL AS bigint), CAST(1 AS float8)", "CAST(1 AS bigint)", "CAST(1 AS bigint), 1"):
        row = text(f"SELECT {other}")
        with pytest.raises(ValueError, match="not of n, quarter alone"):
            numbers_out(session, row, {}, kinds)


def test_a_copy_whose_connection_is_lost_is_told_as_every_other_statement(engine: Engine):
    with Session(engine) as session:
        session.execute(text("SELECT 1"))
        pid = session.connection().connection.dbapi_connection.get_backend_pid()
        with Session(engine) as other:
            other.execute(text("SELECT pg_terminate_backend(:pid)"), {"pid": pid})
        with pytest.raises(OperationalError) as told:
            numbers_out(session, text("SELECT CAST(1 AS bigint)"), {}, {"n": "i8"})
    assert told.value.connection_invalidated
