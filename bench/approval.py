"""Approval with many years in it: 200,000 cases and 4 million items, each read beside the bare indexed query for the same rows.

A bare query is what one would write by hand and fetch as tuples, on the same connection, prepared by nobody. Ours is the
function that the route calls, up to the models that go out. The statistics page is measured over HTTP beside a read of one
case from a list of one.
"""

import http.client
import json
import statistics
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, create_engine, text
from sqlalchemy.orm import Session
from sqlalchemy.pool import NullPool

from approval import cases
from approval.case_overview import case_out
from approval.item_overview import Desk, case_items, list_items
from approval.item_states import ItemState
from approval.lateness import Wanted, who_is_late
from approval.matter_models import LateKind
from approval.matter_router import late_out
from approval.preparation import keep_table, table_in_force
from approval.stages import Stage
from approval.standing import under_way
from approval.statistics import By, figures, stage_figures
from approval.statistics_router import period_of
from approval.summaries import recount
from bench.setting import PROFILE, ROOT, Setting, our_server, say
from blueprint import cluster
from blueprint.city import City, load_city
from blueprint.database import load_statements, make_engine
from blueprint.tokens import issue_token
from blueprint.wall import KEEPER, seeing
from service.setup import initialise

A_CITY = ROOT / "data" / "sample_layers" / "anshan" / "city.toml"
"""Whose departments the items are of, and whose calendar counts."""
DISTRICTS = ["210302", "210303", "210304", "210311", "210321", "210323", "210381"]
CASES = 200_000
TODAY = date(2026, 11, 26)
DEPARTMENT = "ZRZY"
ROUNDS = 30

_SQL = load_statements(ROOT / "bench" / "approval_loading.sql")
_LOADED = (
    "cases", "stages", "items", "promises", "commitments", "papers", "results", "questions", "answers", "standing",
)  # fmt: skip

_CASE = """
SELECT c.*, s.* FROM approval.case AS c INNER JOIN approval.case_stage AS s ON s.case_id = c.id
WHERE c.project_code = :number ORDER BY s.position"""
_ITEMS_OF_CASE = """
SELECT i.* FROM approval.item AS i INNER JOIN approval.case AS c ON c.id = i.case_id
WHERE c.project_code = :number ORDER BY i.code, i.round"""
_TO_DO = """
SELECT i.*, c.project_code, c.planning_number, c.project_name, c.process_version
FROM approval.item AS i INNER JOIN approval.case AS c ON c.id = i.case_id
WHERE i.department = :department AND i.state = 'in_review' ORDER BY i.id LIMIT 50"""
_OVERDUE = """
SELECT i.*, c.project_code, c.planning_number, c.hall, c.process_version
FROM approval.item AS i INNER JOIN approval.case AS c ON c.id = i.case_id
WHERE i.due_on IS NOT NULL AND i.yellow_on <= :today AND NOT i.provisional ORDER BY i.due_on LIMIT 500"""
_OVERDUE_STAGES = """
SELECT s.*, c.project_code, c.planning_number, c.hall, c.district, c.process_version
FROM approval.case_stage AS s INNER JOIN approval.case AS c ON c.id = s.case_id
WHERE s.concluded_on IS NULL AND s.{0}due_on IS NOT NULL AND s.{0}yellow_on <= :today ORDER BY s.{0}due_on LIMIT 500"""
_OF_ITEMS = """
SELECT i.id, i.code, i.stage, i.title, i.department, {0}, c.project_code, c.planning_number, c.hall, c.process_version
FROM {1} INNER JOIN approval.case AS c ON c.id = i.case_id WHERE {2} ORDER BY {3} LIMIT 500"""
_OVERDUE_ALL = (
    _OVERDUE,
    _OVERDUE_STAGES.format(""),
    _OVERDUE_STAGES.format("case_"),
    _OF_ITEMS.format(
        "p.due_on", "approval.promise AS p INNER JOIN approval.item AS i ON i.id = p.item_id", "p.kept_on IS NULL", "p.due_on"
    ),
    _OF_ITEMS.format(
        "i.verify_due_on", "approval.item AS i", "i.verify_due_on IS NOT NULL AND i.verified_on IS NULL", "i.verify_due_on"
    ),
    _OF_ITEMS.format(
        "r.signed_on", "approval.item_result AS r INNER JOIN approval.item AS i ON i.id = r.item_id", "r.uploaded_at IS NULL",
        "r.signed_on",
    ),
    _OF_ITEMS.format(
        "j.due_on",
        "approval.consultation_answer AS a INNER JOIN approval.joint_consultation AS j ON j.id = a.consultation_id"
        " INNER JOIN approval.item AS i ON i.id = j.item_id",
        "a.kind IS NULL", "j.due_on",
    ),
)  # fmt: skip
"""What the page of supervision lists, as one would ask for each by hand: items, stages, cases, promises, checks, uploads, answers."""


@dataclass(frozen=True)
class Pair:
    """Medians in milliseconds of ours and of the bare query, and their ratio."""

    ours_ms: float
    bare_ms: float
    ratio: float


def measure_approval(*, small: bool) -> dict[str, Any]:
    """The figures; the city of cases is made once and kept for the next run."""
    count = CASES // 20 if small else CASES
    with _loaded(count) as setting:
        city = load_city(A_CITY)
        desk = Desk(city, city.calendar, TODAY)
        numbers = _numbers(setting.engine, count)
        result: dict[str, Any] = {"cases": count, "items": count * 20}
        say("approval: a case, a to-do list, the overdue list; ours and the bare query in turn")
        with Session(setting.engine) as session:

            def ours_case(number: str) -> Any:
                return case_out(session, cases.find_case(session, number), desk.city)

            def ours_items(number: str) -> Any:
                return case_items(session, cases.find_case_id(session, number), desk)

            def ours_to_do(_: str) -> Any:
                return list_items(session, desk, department=DEPARTMENT, state=ItemState.IN_REVIEW)

            def ours_late(_: str, wanted: Wanted = Wanted()) -> Any:  # noqa: B008 - it is frozen
                anew = Desk(city, city.calendar, TODAY)  # as a request has one of its own
                return [late_out(late, anew) for late in who_is_late(session, anew, wanted).items]

            result["overdue_rows"] = Counter(str(late.kind) for late in who_is_late(session, desk).items)
            for name, ours, bare in (
                ("case", ours_case, (_CASE,)),
                ("items_of_case", ours_items, (_ITEMS_OF_CASE,)),
                ("to_do", ours_to_do, (_TO_DO,)),
                ("overdue", ours_late, _OVERDUE_ALL),
                ("overdue_items", partial(ours_late, wanted=Wanted(kind=LateKind.ITEM)), (_OVERDUE,)),
            ):
                result[name] = vars(_pair(session, numbers, ours, bare))
            period = period_of(TODAY, None, None)
            result["one_row_ms"] = _median(
                [_time(lambda n=n: _fetch(session, _ONE_ROW, n)) for n in numbers]  # type: ignore[misc]
            )
            for by in (By.STAGE, By.DEPARTMENT, By.ITEM, By.MONTH):
                result[f"statistics_{by}_ms"] = _median(
                    [_time(lambda by=by: _statistics(session, period, by)) for _ in numbers]  # type: ignore[misc]
                )
        say("approval: the statistics page over HTTP, and one case from a list of one")
        result["page"] = _over_http(setting)
    return result


_ONE_ROW = "SELECT * FROM approval.case_stage WHERE id = CAST(right(:number, 6) AS integer)"


def _statistics(session: Session, period: Any, by: By) -> Any:
    session.rollback()
    return figures(session, period, by), stage_figures(session, period), under_way(session)


def _fetch(session: Session, sql: str, number: str) -> Any:
    values = {"number": number, "department": DEPARTMENT, "today": TODAY}
    wanted = {name: value for name, value in values.items() if f":{name}" in sql}
    return session.execute(text(sql), wanted).all()


def _fetch_all(session: Session, statements: Sequence[str], number: str) -> None:
    for sql in statements:
        _fetch(session, sql, number)


def _pair(session: Session, numbers: list[str], ours: Callable[[str], Any], bare: Sequence[str]) -> Pair:
    times: dict[bool, list[float]] = {True: [], False: []}
    for turn, number in enumerate(numbers):
        for is_ours in (True, False) if turn % 2 else (False, True):
            session.rollback()  # a request begins with nothing known
            session.expunge_all()
            session.execute(text("SELECT 1"))
            read = partial(ours, number) if is_ours else partial(_fetch_all, session, bare, number)
            seconds = _time(read)
            if turn >= 3:
                times[is_ours].append(seconds)
    mine, theirs = _median(times[True]), _median(times[False])
    return Pair(mine, theirs, round(mine / theirs, 2))


def _time(act: Callable[[], Any]) -> float:
    began = time.perf_counter()
    act()
    return (time.perf_counter() - began) * 1000


def _median(times: list[float]) -> float:
    return round(statistics.median(times), 2)


def _numbers(engine: Engine, count: int) -> list[str]:
    with Session(engine) as session:
        found = session.execute(
            text("SELECT project_code FROM approval.case WHERE id % :every = 0 ORDER BY id"),
            {"every": count // ROUNDS},
        )
        return list(found.scalars())


def _over_http(setting: Setting) -> dict[str, float]:
    with Session(setting.engine) as session, session.begin():
        token = issue_token(session, department="BENCH", city=setting.city, now=datetime.now(UTC))
    with our_server(setting) as host:
        client = http.client.HTTPConnection(host, timeout=60)
        page, row = "/api/approval/statistics", "/api/approval/cases?limit=1&cursor=1000"
        times: dict[str, list[float]] = {page: [], row: []}
        for turn in range(ROUNDS):
            for path in (page, row) if turn % 2 else (row, page):
                seconds = _time(lambda path=path: _get(client, path, token))  # type: ignore[misc]
                if turn >= 3:
                    times[path].append(seconds)
        client.close()
    statistics_ms, row_ms = _median(times[page]), _median(times[row])
    return {"statistics_ms": statistics_ms, "row_ms": row_ms, "ratio": round(statistics_ms / row_ms, 2)}


def _get(client: http.client.HTTPConnection, path: str, token: str) -> None:
    client.request("GET", path, headers={"Authorization": f"Bearer {token}"})
    answer = client.getresponse()
    body = answer.read()
    if answer.status != 200:
        raise SystemExit(f"{path} answered {answer.status}: {body[:300]!r}")


@contextmanager
def _loaded(count: int) -> Iterator[Setting]:
    home = ROOT / ".blueprint" / f"bench-approval-{count}"
    made_from = f"{count} " + "".join(str(_SQL[name]) for name in _LOADED)
    record = home / "made-from"
    if not record.exists() or record.read_text(encoding="utf-8") != made_from:
        cluster.remove(home)
    city = load_city(PROFILE)
    url = cluster.ensure_running(home, say=say)
    engine = make_engine(url)
    try:
        initialise(cluster.owner_url(home), city, service_url=url)
        if not record.exists():
            _load(home, city, count, service=engine)
            record.write_text(made_from, encoding="utf-8")
        with seeing(KEEPER):
            yield Setting(engine, city, home, ())
    finally:
        engine.dispose()
        cluster.stop(home)


def _load(home: Path, city: City, count: int, *, service: Engine) -> None:
    """Fill the tables by their own server, without their plain indexes, which are made again when they are full."""
    say(f"making {count:,} cases with {count * 20:,} items, once")
    began = time.monotonic()
    table = table_in_force(city, today=TODAY)
    rules = list(table.items.values())
    with seeing(KEEPER), Session(service) as session, session.begin():
        keep_table(session, table, city, datetime.now(UTC))
    values = {
        "cases": count,
        "today": TODAY,
        "message": json.dumps(_message(), ensure_ascii=False),
        "version": table.version,
        "types": list(table.project_types),
        "districts": DISTRICTS,
        "stages": [str(stage) for stage in Stage],
        "codes": [rule.code for rule in rules],
        "item_stages": [str(rule.stage or "") for rule in rules],
        "titles": [rule.title for rule in rules],
        "departments": [rule.department for rule in rules],
    }
    engine = create_engine(cluster.admin_url(home), poolclass=NullPool)
    engine = create_engine(engine.url.set(database=_database(home)), poolclass=NullPool)
    with engine.begin() as connection:
        connection.execute(text("SET session_replication_role = replica"))  # no foreign keys asked row by row
        indexes = connection.execute(text(_PLAIN_INDEXES)).all()
        for index in indexes:
            connection.execute(text(f"DROP INDEX {index.name}"))
        for name in _LOADED:
            connection.execute(_SQL[name], {k: v for k, v in values.items() if f":{k}" in str(_SQL[name])})
            say(f"  {name}: {time.monotonic() - began:.0f} s")
        for index in indexes:
            connection.execute(text(index.definition))
        connection.execute(text("SELECT setval('approval.case_id_seq', :cases)"), {"cases": count})
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM ANALYZE"))
    say(f"  indexes: {time.monotonic() - began:.0f} s")
    counting = time.monotonic()
    with Session(engine) as session, session.begin():
        recount(session)
    say(f"  counted anew: {time.monotonic() - counting:.0f} s")
    engine.dispose()


_PLAIN_INDEXES = """
SELECT indexrelid::regclass::text AS name, pg_get_indexdef(indexrelid) AS definition
FROM pg_index INNER JOIN pg_class ON pg_class.oid = indrelid
WHERE relnamespace = 'approval'::regnamespace AND relname IN ('item', 'case_stage', 'case', 'promise', 'item_result', 'joint_consultation', 'consultation_answer')
    AND NOT indisprimary AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = indexrelid)"""


def _database(home: Path) -> str:
    return str(create_engine(cluster.owner_url(home)).url.database)


def _message() -> dict[str, Any]:
    """A handover of the usual size: a site of forty corners, fifteen layers, twelve opinions."""
    ring = [[41_500_000 + i * 7.25, 4_550_000 + (i % 7) * 11.5] for i in range(40)]
    conflict = {
        "layer": "ECO_RED",
        "title": "生态保护红线",
        "department": "ZRZY",
        "control": "prohibit",
        "feature_count": 2,
    }
    conflict |= {"overlap_m2": 12.5, "length_m": 0, "point_count": 0}
    opinion = {
        "department": "SLJ",
        "department_name": "鞍山市水利局",
        "kind": "agree_with_conditions",
        "given_on": "2026-02-25",
    }
    opinion |= {"conditions": "雨水排放口不得高于河道设计水位"}
    return {
        "format": "one-blueprint-handover/1",
        "project": {"name": "基准项目", "applicant": "建设单位", "purpose": "建设"},
        "footprint": {"revision": 1, "crs": "EPSG:4550", "area_m2": 50_000, "coordinates": [[ring]]},
        "check": {"digest": "sha256:" + "0" * 64, "verdict": "restrict", "conflicts": [conflict] * 15},
        "opinions": [opinion] * 12,
        "cleared_by": "自然资源局",
    }  # fmt: skip
