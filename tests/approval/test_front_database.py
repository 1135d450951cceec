"""The front-end exchange database (前置库): what changed is put into its tables once, answers are read back, a stop in between does no harm."""

from collections.abc import Iterator

import pytest
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from approval.exchange import front, queue
from approval.exchange.fields import tables
from approval.exchange.front import Front
from approval.interface_models import ExchangeRow, RowState
from approval.item_states import Step
from blueprint.city import City
from blueprint.errors import ConflictError, UnavailableError
from tests.approval.office import WINDOW, Office


@pytest.fixture
def office(session: Session, city: City) -> Office:
    return Office(session, city)


@pytest.fixture
def target(empty_database: str) -> Iterator[Front]:
    engine = front.engine_of(empty_database)
    yield Front(engine, "spgl")
    engine.dispose()


def put(office: Office, target: Front) -> int:
    """A run: what changed is queued, and put in batches."""
    queue.fill(office.session, office.city, since=None, actor=WINDOW, now=office.now)
    count = 0
    while some := front.put_batch(
        office.session, target, city=office.city, limit=20, actor=WINDOW, now=office.now
    ):
        count += some
    return count


def rows_of(target: Front, table: str) -> list[dict[str, object]]:
    with target.engine.connect() as connection:
        found = connection.execute(text(f"SELECT * FROM spgl.{table.lower()} ORDER BY dfsjzj"))
        return [dict(row) for row in found.mappings()]


def test_what_changed_is_put_once_and_put_again_after_a_stop_replaces_itself(
    office: Office, target: Front
) -> None:
    case = office.case()
    office.step(case, "A104", Step.SUBMIT)
    with pytest.raises(ConflictError, match=r"lacks spgl_dfxmsplcxxb, .* make them with --create"):
        front.hold_to_tables(target)
    front.make_tables(target)
    front.hold_to_tables(target)

    first = put(office, target)
    again = put(office, target)
    there = {table: len(rows_of(target, table)) for table in tables()}
    office.days_pass(1)
    for code in ("M01", "M02", "M10"):
        office.hand_in(case, code)
    office.step(case, "A104", Step.ACCEPT)
    queue.fill(office.session, office.city, since=None, actor=WINDOW, now=office.now)
    with office.session.begin_nested() as stopped:  # what was put is there, that it was is not noted
        lost = front.put_batch(
            office.session, target, city=office.city, limit=500, actor=WINDOW, now=office.now
        )
        stopped.rollback()
    office.session.expire_all()
    after = put(office, target)

    assert first > 40 and again == 0 and sum(there.values()) == first
    assert 0 < lost == after < first
    steps = "SPGL_XMSPSXBLXXXXB"
    assert len(rows_of(target, steps)) == there[steps] + 1
    kept = office.session.scalars(select(ExchangeRow.state).distinct()).all()
    assert kept == [RowState.SENT]


def test_what_the_receiving_side_says_is_read_back(office: Office, target: Front) -> None:
    office.step(office.case(), "A104", Step.SUBMIT)
    front.make_tables(target)
    put(office, target)
    with target.engine.begin() as connection:
        connection.execute(text("UPDATE spgl.spgl_xmspsxblxxb SET sjsczt = '1'"))
        connection.execute(text("UPDATE spgl.spgl_xmjbxxb SET sjsczt = '2', sbyy = '项目代码不存在'"))

    told = front.take_answers(office.session, target, actor=WINDOW)
    nothing_new = front.take_answers(office.session, target, actor=WINDOW)
    refused = queue.refused_rows(office.session)
    queue.send_again(office.session, None, actor=WINDOW, now=office.now)
    office.session.expire_all()

    assert told.refused == 1 and told.taken == len(rows_of(target, "SPGL_XMSPSXBLXXB"))
    assert (nothing_new.taken, nothing_new.refused) == (0, 0)
    assert [(row.table_name, row.reason) for row in refused] == [("SPGL_XMJBXXB", "项目代码不存在")]
    assert put(office, target) == 1
    assert rows_of(target, "SPGL_XMJBXXB")[0]["sbyy"] is None


def test_a_front_database_that_is_away_is_said_and_nothing_is_noted(office: Office) -> None:
    away = Front(front.engine_of("postgresql+psycopg2://nobody@127.0.0.1:9/nothing"))
    office.step(office.case(), "A104", Step.SUBMIT)
    queue.fill(office.session, office.city, since=None, actor=WINDOW, now=office.now)

    with pytest.raises(UnavailableError, match=r"the front database .* did not take it"):
        front.put_batch(office.session, away, city=office.city, limit=20, actor=WINDOW, now=office.now)
