"""The audit log on a real database: it goes with the act, keeps no secret, and every way to change it is found."""

import threading
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, make_url, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from blueprint.audit.log import Origin, coming_from, record, without_secrets
from blueprint.audit.models import AuditEntry
from blueprint.audit.search import Question, export_lines, retire, search
from blueprint.audit.verification import Verification, head_of, read_anchors, verify, write_anchor
from blueprint.database import make_engine
from blueprint.errors import InvalidInputError
from blueprint.permissions import Act, Actor

WHO = Actor("张三", "ZRZY")
NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
Tamper = Callable[[str], None]


@pytest.fixture
def engine(fresh_database: str) -> Engine:
    """A database of the test's own, with committed rows."""
    return make_engine(fresh_database)


@pytest.fixture
def tamper(server: Any, engine: Engine) -> Tamper:
    """Do something to the log that only the server's administrator can: no trigger is in the way."""

    def run(statement: str) -> None:
        with server.administer(make_url(engine.url).database) as connection:
            connection.execute(text("SET LOCAL session_replication_role = replica"))
            connection.execute(text(statement))

    return run


def _write(engine: Engine, count: int = 5) -> None:
    for number in range(count):
        with Session(engine) as session, session.begin():
            record(session, WHO, Act.UPLOAD_VERSION, kind="layer", id=f"L{number}", after={"n": number})


def _verify_in_pieces(engine: Engine) -> Verification:
    """The same, two entries at a time."""
    with Session(engine) as session:
        found = verify(session, most=2)
        while found.holds and found.walked_to < found.head:
            found = verify(session, after=found.walked_to, most=2)
    return found


def _verify(engine: Engine, anchors: Path | None = None) -> Verification:
    with Session(engine) as session:
        return verify(session, read_anchors(anchors) if anchors else None)


def test_an_entry_says_who_when_where_from_and_what(engine: Engine):
    with (
        coming_from(Origin("http", "10.1.2.3", "req-12345678")),
        Session(engine) as session,
        session.begin(),
    ):
        record(
            session,
            WHO,
            Act.BRING_INTO_FORCE,
            kind="version",
            id="STBHHX 3",
            before={"in_force": None},
            after={"in_force": date(2026, 1, 1)},
            purpose="年度更新",
        )
    with Session(engine) as session:
        (entry,) = search(session, Question(kind="version"), limit=10)
    assert (entry.actor, entry.department, entry.channel, entry.address, entry.request_id) == (
        "张三",
        "ZRZY",
        "http",
        "10.1.2.3",
        "req-12345678",
    )
    assert (entry.act, entry.thing, entry.purpose) == ("bring_into_force", "STBHHX 3", "年度更新")
    assert (entry.before, entry.after) == ({"in_force": None}, {"in_force": "2026-01-01"})
    assert abs(entry.at - datetime.now(UTC)) < timedelta(minutes=5)


def test_it_is_written_with_the_act_or_not_at_all(engine: Engine):
    with suppress(ZeroDivisionError), Session(engine) as session, session.begin():
        record(session, WHO, Act.UPLOAD_VERSION, kind="layer", id="A")
        raise ZeroDivisionError
    with Session(engine) as session:
        record(session, WHO, Act.UPLOAD_VERSION, kind="layer", id="B")
        session.rollback()
        record(session, WHO, Act.UPLOAD_VERSION, kind="layer", id="C")
        session.commit()
    with Session(engine) as session:
        assert [entry.thing for entry in search(session, Question(), limit=10)] == ["C"]


def test_a_savepoint_that_is_undone_takes_no_entry_of_the_whole_with_it(engine: Engine):
    with Session(engine) as session, session.begin():
        record(session, WHO, Act.UPLOAD_VERSION, kind="layer", id="whole")
        with suppress(ZeroDivisionError), session.begin_nested():
            raise ZeroDivisionError
        with session.begin_nested():
            session.execute(text("SELECT 1"))
    with Session(engine) as session:
        assert [entry.thing for entry in search(session, Question(), limit=10)] == ["whole"]


def test_no_secret_is_kept():
    told = without_secrets(
        {
            "login": "zhang",
            "new_password": "p",
            "Authorization": "Bearer x",
            "nested": {"totp_secret": "s"},
            "l": [1],
        }
    )
    assert told == {
        "login": "zhang",
        "new_password": "[secret]",
        "Authorization": "[secret]",
        "nested": {"totp_secret": "[secret]"},
        "l": [1],
    }


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE blueprint.audit_entry SET actor = 'nobody'",
        "DELETE FROM blueprint.audit_entry",
        "TRUNCATE blueprint.audit_entry",
        "UPDATE blueprint.audit_checkpoint SET seq = 0",
    ],
)
def test_neither_the_service_nor_the_owner_can_change_it(engine: Engine, fresh_owner: Engine, statement: str):
    _write(engine, 2)
    with pytest.raises(DBAPIError, match="permission denied"), engine.begin() as connection:
        connection.execute(text(statement))
    with pytest.raises(DBAPIError, match="append-only"), fresh_owner.begin() as connection:
        connection.execute(text(statement))
    assert _verify(engine).entries == 2


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO blueprint.audit_entry SELECT 3, at, 'forger', department, roles, channel, address, request_id,"
        " act, kind, thing, purpose, before, after, outcome, hash, hash FROM blueprint.audit_entry WHERE seq = 2",
        "SELECT blueprint.retire_audit(1, 'x', 'y')",
        "ALTER TABLE blueprint.audit_entry DISABLE TRIGGER append_only",
        "ALTER TABLE blueprint.audit_entry DISABLE ROW LEVEL SECURITY",
        "DROP POLICY wall ON blueprint.audit_entry",
        "DROP TRIGGER append_only ON blueprint.audit_entry",
        "SELECT inner_key FROM blueprint.wall_key",
        "UPDATE blueprint.wall_key SET inner_key = ''",
        "SET session_replication_role = replica",
        "SET ROLE blueprint",
        "SET row_security = off; SELECT count(*) FROM blueprint.audit_entry",
    ],
)
def test_the_service_enters_by_append_audit_alone_and_takes_no_wall_down(engine: Engine, statement: str):
    _write(engine, 2)
    refused = r"permission denied|must be owner|row-level security"
    with pytest.raises(DBAPIError, match=refused), engine.begin() as connection:
        connection.execute(text(statement))
    assert _verify(engine).entries == 2


@pytest.mark.parametrize(
    ("statement", "seq", "reason"),
    [
        ("UPDATE blueprint.audit_entry SET actor = '李四' WHERE seq = 3", 3, "changed"),
        ("UPDATE blueprint.audit_entry SET at = at - interval '1 day' WHERE seq = 1", 1, "changed"),
        ("UPDATE blueprint.audit_entry SET after = '{\"n\": 7}' WHERE seq = 5", 5, "changed"),
        ("DELETE FROM blueprint.audit_entry WHERE seq = 3", 4, "missing"),
        ("DELETE FROM blueprint.audit_entry WHERE seq = 1", 2, "missing"),
        (
            "UPDATE blueprint.audit_entry SET seq = CASE seq WHEN 2 THEN -3 ELSE -2 END WHERE seq IN (2, 3);"
            " UPDATE blueprint.audit_entry SET seq = -seq WHERE seq < 0",
            2,
            "does not follow",
        ),
        (
            "INSERT INTO blueprint.audit_entry SELECT 6, at, 'forger', department, roles, channel, address, request_id,"
            " act, kind, thing, purpose, before, after, outcome, hash, hash FROM blueprint.audit_entry WHERE seq = 5",
            6,
            "changed",
        ),
    ],
    ids=["a name", "a time", "a value", "one removed", "the first removed", "two swapped", "one put in"],
)
def test_whatever_is_changed_is_found_and_said_where(
    engine: Engine, tamper: Tamper, statement: str, seq: int, reason: str
):
    _write(engine)
    assert _verify(engine) == _verify_in_pieces(engine) == Verification(5, 5)

    tamper(statement)

    found = _verify(engine)
    assert not found.holds
    assert found.wrong_seq == seq
    assert reason in str(found.reason)
    assert _verify_in_pieces(engine) == found


def test_an_end_that_is_cut_off_is_found_by_the_anchor(engine: Engine, tamper: Tamper, tmp_path: Path):
    _write(engine)
    with Session(engine) as session:
        write_anchor(tmp_path / "anchors", head_of(session, NOW))
    tamper("DELETE FROM blueprint.audit_entry WHERE seq > 3")

    assert _verify(engine).holds  # the chain alone cannot know
    found = _verify(engine, tmp_path / "anchors")
    assert found.wrong_seq == 5
    assert "cut off" in str(found.reason)


def test_a_rewritten_log_with_right_hashes_is_found_by_the_anchor(
    engine: Engine, tamper: Tamper, tmp_path: Path
):
    _write(engine)
    with Session(engine) as session:
        write_anchor(tmp_path / "anchors", head_of(session, NOW))
    tamper("DELETE FROM blueprint.audit_entry WHERE seq > 2")
    _write(engine, 4)

    assert _verify(engine).holds
    found = _verify(engine, tmp_path / "anchors")
    assert found.wrong_seq == 5
    assert "rewritten" in str(found.reason)


def test_writers_at_once_leave_no_gap(engine: Engine):
    writers = [threading.Thread(target=_write, args=(engine, 20)) for _ in range(4)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert _verify(engine) == Verification(80, 80)


def test_old_entries_are_retired_to_a_file_by_the_owner_and_the_chain_goes_on(
    engine: Engine, fresh_owner: Engine, tamper: Tamper, tmp_path: Path
):
    _write(engine, 3)
    with Session(engine) as session:
        write_anchor(tmp_path / "anchors", head_of(session, NOW))
    today = datetime.now(UTC).date()
    with Session(fresh_owner) as session, session.begin(), pytest.raises(InvalidInputError, match="180 days"):
        retire(session, today, tmp_path / "old.ndjson", who="auditor", today=today)
    with Session(fresh_owner) as session, session.begin(), pytest.raises(DBAPIError, match="180 days"):
        # The database itself holds to it, whatever the service thinks what day it is.
        later = today + timedelta(days=400)
        retire(session, today + timedelta(days=1), tmp_path / "old.ndjson", who="auditor", today=later)
    (tmp_path / "old.ndjson").unlink()

    # Entries of last year, rightly chained: written anew with an older clock.
    tamper("UPDATE blueprint.audit_entry SET at = at - interval '1 year'")
    tamper(
        "UPDATE blueprint.audit_entry SET hash = blueprint.audit_hash(audit_entry) WHERE seq = 1;"
        " UPDATE blueprint.audit_entry SET previous = (SELECT hash FROM blueprint.audit_entry WHERE seq = 1) WHERE seq = 2;"
        " UPDATE blueprint.audit_entry SET hash = blueprint.audit_hash(audit_entry) WHERE seq = 2;"
        " UPDATE blueprint.audit_entry SET previous = (SELECT hash FROM blueprint.audit_entry WHERE seq = 2) WHERE seq = 3;"
        " UPDATE blueprint.audit_entry SET hash = blueprint.audit_hash(audit_entry) WHERE seq = 3"
    )
    assert _verify(engine) == Verification(3, 3)
    _write(engine, 2)
    with Session(fresh_owner) as session, session.begin():
        before = today - timedelta(days=181)
        assert retire(session, before, tmp_path / "old.ndjson", who="auditor", today=today) == 3

    assert len((tmp_path / "old.ndjson").read_text().splitlines()) == 3
    assert _verify(engine) == Verification(2, 5)
    tamper("DELETE FROM blueprint.audit_entry WHERE seq = 4")
    assert _verify(engine).wrong_seq == 5


def test_a_cell_of_an_export_is_never_a_formula(engine: Engine):
    with Session(engine) as session, session.begin():
        record(session, Actor("=cmd|'/c calc'!A1"), "sign_in", kind="session", id="+1")
    with Session(engine) as session:
        head, line = export_lines(session, Question(), "csv")
        (told,) = export_lines(session, Question(actor="=cmd|'/c calc'!A1"), "ndjson")
    assert head.startswith("seq,at,actor")
    assert ",'=cmd" in line and ",'+1," in line
    assert '"actor": "=cmd' in told


def test_it_is_searched_by_who_what_and_when(engine: Engine):
    _write(engine, 3)
    with Session(engine) as session, session.begin():
        record(session, Actor("李四"), Act.GIVE_OPINION, kind="opinion", id=7, outcome="refused")
    today = datetime.now().astimezone().date()
    with Session(engine) as session:

        def asked(**question: Any) -> list[str]:
            return [entry.thing for entry in search(session, Question(**question), limit=10)]

        assert asked(actor="李四") == ["7"]
        assert asked(act="upload_version") == ["L2", "L1", "L0"]
        assert asked(kind="layer", thing="L1") == ["L1"]
        assert asked(outcome="refused") == ["7"]
        assert len(asked(first_day=today - timedelta(days=1), last_day=today + timedelta(days=1))) == 4
        assert asked(first_day=today + timedelta(days=2)) == []
        assert [e.seq for e in search(session, Question(), before=3, limit=1)] == [2]
        assert session.get(AuditEntry, 1) is not None
