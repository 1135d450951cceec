"""Statements that are asked ahead, and readings that are put on record beside the session, on a real server."""

import gc
from collections.abc import Iterator
from contextlib import closing, suppress
from typing import Any

import psycopg2
import pytest
from sqlalchemy import Engine, make_url, text
from sqlalchemy.orm import Session

from blueprint.audit.log import APPEND, record, write_ahead
from blueprint.audit.search import Question, search
from blueprint.audit.verification import verify
from blueprint.connections import Asked, Beside
from blueprint.database import make_engine, prepared
from blueprint.permissions import Act, Actor

SLEEP = prepared("sleep", "SELECT pg_sleep(:seconds), pg_backend_pid()")
DIVIDE = prepared("divide", "SELECT 1 / CAST(:by AS integer)")
WHO = Actor("张三", "ZRZY")


@pytest.fixture
def beside(engine: Engine) -> Iterator[Beside]:
    with closing(Beside(engine, {SLEEP: 1, DIVIDE: 2})) as beside:
        yield beside


def _sleep(beside: Beside, seconds: float = 0) -> Asked:
    asked = beside.start("sleep", {"seconds": seconds})
    assert asked is not None
    return asked


def test_figures_have_all_their_digits_whatever_the_server_is_set_to(server: Any, fresh_database: str):
    """A report's figures come as JSON, which the server writes with as many digits as it is set to: 15 less five of them."""
    name = make_url(fresh_database).database or ""
    with server.administer(name) as connection:
        connection.execute(text(f'ALTER DATABASE "{name}" SET extra_float_digits = -5'))
    engine = make_engine(fresh_database)
    with engine.connect() as connection:
        assert connection.scalar(text("SELECT json_build_array(1 / 3.0::double precision)")) == [1 / 3]
    engine.dispose()


def test_so_many_are_under_way_as_may_be_and_a_connection_is_used_again(beside: Beside):
    first = _sleep(beside, 0.2)
    assert beside.start("sleep", {"seconds": 0}) is None
    others = [beside.start("divide", {"by": 2}) for _ in range(3)]
    assert others[2] is None
    assert [other.rows() for other in others if other] == [[(0,)], [(0,)]]
    server = first.rows()[0][1]
    assert _sleep(beside).rows()[0][1] == server


def test_a_statement_that_fails_says_so_and_the_next_one_is_answered(
    beside: Beside, caplog: pytest.LogCaptureFixture
):
    for _ in range(3):
        asked = beside.start("divide", {"by": 0})
        assert asked is not None
        with pytest.raises(psycopg2.Error, match="division by zero"):
            asked.rows()
        again = beside.start("divide", {"by": 0})
        assert again is not None
        assert again.rows_or_none() is None
        assert "division by zero" in caplog.text
    asked = beside.start("divide", {"by": 1})
    assert asked is not None
    assert asked.rows() == [(1,)]


def test_a_connection_that_the_server_closed_meanwhile_is_made_anew(beside: Beside, engine: Engine):
    server = _sleep(beside).rows()[0][1]
    with engine.connect() as connection:
        connection.execute(text("SELECT pg_terminate_backend(:pid, 5000)"), {"pid": server})
    assert _sleep(beside).rows()[0][1] != server


def test_what_nobody_reads_gives_its_place_back(beside: Beside):
    asked = _sleep(beside, 30)
    del asked
    gc.collect()
    _sleep(beside).rows()


def test_after_its_end_nothing_is_asked(engine: Engine):
    beside = Beside(engine, {SLEEP: 1})
    asked = _sleep(beside)
    beside.close()
    asked.rows()
    assert beside.start("sleep", {"seconds": 0}) is None


@pytest.fixture
def own(fresh_database: str) -> Iterator[Engine]:
    engine = make_engine(fresh_database)
    yield engine
    engine.dispose()


def _on_record(engine: Engine) -> list[str]:
    with Session(engine) as session:
        assert verify(session).holds
        return sorted(entry.thing for entry in search(session, Question(), limit=20))


def test_a_reading_is_on_record_once_whether_or_not_it_could_be_written_ahead(own: Engine):
    with closing(Beside(own, {APPEND: 1})) as beside, closing(Beside(own, {APPEND: 0})) as full:
        with Session(own) as session, session.begin():
            for way in (beside, full, None):
                record(session, WHO, Act.READ_LAYER, kind="check", id=f"read {way is beside}")
                write_ahead(session, way)
            record(session, WHO, Act.UPLOAD_VERSION, kind="layer", id="written")
        assert _on_record(own) == ["read False", "read False", "read True", "written"]
        with suppress(ZeroDivisionError), Session(own) as session, session.begin():
            record(session, WHO, Act.READ_LAYER, kind="check", id="read, then undone")
            write_ahead(session, beside)
            record(session, WHO, Act.UPLOAD_VERSION, kind="layer", id="undone")
            raise ZeroDivisionError
    assert _on_record(own) == ["read False", "read False", "read True", "read, then undone", "written"]


def test_a_reading_whose_connection_is_lost_is_written_by_the_session(own: Engine):
    with closing(Beside(own, {APPEND: 1})) as beside, own.connect() as other:
        other.execute(text("SELECT pg_advisory_xact_lock(8448)"))  # whoever appends waits
        with Session(own) as session, session.begin():
            record(session, WHO, Act.READ_LAYER, kind="check", id="read")
            write_ahead(session, beside)
            waiting = "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE wait_event = 'advisory' AND application_name LIKE '%beside'"
            while not session.scalars(text(waiting)).all():
                pass
            other.rollback()
    assert _on_record(own) == ["read"]
