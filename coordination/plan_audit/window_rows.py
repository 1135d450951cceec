"""What a window of an audit reads from the database, and what is kept there of it: here, or by a worker that reaches the database itself."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import pyarrow as pa
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from blueprint.copying import CopiedRows, copy_in, copy_out, numbers_out, rows_of
from blueprint.database import array_of, load_statements
from blueprint.errors import UnavailableError
from blueprint.wall import KEEPER, seeing
from coordination.plan_audit.models import PlanAudit
from coordination.plan_audit.overlaps import FoundOverlaps, WindowTask, overlaps_of
from coordination.plan_audit.windows import Box

SQL = load_statements(Path(__file__).with_suffix(".sql"))

Reach = Callable[[], Engine | None]
"""Gives the database by the settings of the process that calls it; None where these name none."""

_BOX = ("west", "south", "east", "north")
_ROWS_AT_ONCE = 10_000


@dataclass(frozen=True)
class WindowKeys:
    """What a window is to compare, by the ids of features: all that a worker needs who reads and keeps by itself."""

    audit_id: int
    path: str
    box: Box
    version_ids: tuple[int, int]
    first_ids: np.ndarray
    second_ids: np.ndarray
    tolerance_m2: float
    sliver_width_m: float
    working_srid: int


def read_boxes(session: Session, version_id: int) -> tuple[np.ndarray, np.ndarray]:
    """The ids of a version's features in their order, and their boxes (west, south, east, north in the working CRS)."""
    kinds = {"feature_id": "i8"} | dict.fromkeys(_BOX, "f8")
    columns = numbers_out(session, SQL["boxes"], {"version_id": version_id}, kinds)
    return columns["feature_id"], np.column_stack([columns[name] for name in _BOX])


def read_shapes(session: Session, version_id: int, ids: np.ndarray) -> tuple[np.ndarray, list[bytes]]:
    """Features of a version by their ids, in the order of these: the ids and the shapes as WKB."""
    numbers: list[bytes] = []
    shapes: list[bytes] = []

    def take(columns: list[list[bytes | None]]) -> None:
        numbers.extend(value or b"" for value in columns[0])
        shapes.extend(value or b"" for value in columns[1])

    rows = CopiedRows(take, width=2, at_once=_ROWS_AT_ONCE)
    values = {"version_id": version_id, "feature_ids": array_of(ids.tolist())}
    copy_out(session, SQL["shapes"], values, rows)
    rows.end()
    return np.frombuffer(b"".join(numbers), ">i8").astype(np.int64), shapes


def read_window(session: Session, keys: WindowKeys) -> WindowTask:
    """The features of a window with their shapes."""
    first = read_shapes(session, keys.version_ids[0], keys.first_ids)
    second = read_shapes(session, keys.version_ids[1], keys.second_ids)
    return WindowTask(keys.path, keys.box, *first, *second, keys.tolerance_m2, keys.sliver_width_m)


def keep_found(
    session: Session, audit_id: int, path: str, found: FoundOverlaps, *, working_srid: int
) -> None:
    """Keep what a window found, once: whoever comes second, another process or another worker, finds the window done."""
    columns = {
        "first_feature_id": pa.array(found.first_ids, pa.int64()),
        "second_feature_id": pa.array(found.second_ids, pa.int64()),
        "is_sliver": pa.array(found.slivers, pa.bool_()),
        "geom": found.shapes,
    }
    with session.begin_nested() as kept:
        session.execute(SQL["forget_found"])
        session.execute(SQL["make_found"])
        copy_in(session, "audit_found", rows_of(pa.record_batch(columns), audit_id=audit_id))
        session.execute(SQL["keep_found"], {"working_srid": working_srid})
        # Not before: the others would wait with what they found. Rows of theirs hold the audit's key, which this does not touch.
        audit = session.get_one(PlanAudit, audit_id, with_for_update={"key_share": True})
        if path in audit.windows_done:
            kept.rollback()
            return
        audit.windows_done = [*audit.windows_done, path]
        audit.found += len(found)


def database_of(session: Session) -> str:
    """What tells this database from every other one."""
    return str(session.scalar(SQL["which_database"]))


def reached_database(reach: Reach) -> str | None:
    """On a worker: which database it reaches by its own settings, if any."""
    engine = _engine(reach)
    if engine is None:
        return None
    try:
        with Session(engine) as session:
            return database_of(session)
    except SQLAlchemyError:
        return None


def compare_in_database(reach: Reach, keys: WindowKeys) -> int:
    """On a worker: read a window, compare it and keep what was found; gives how many overlaps there were."""
    engine = _engine(reach)
    if engine is None:
        raise UnavailableError("a worker that came later does not reach the database; give it DATABASE_URL")
    # Who runs audits on a cluster is at the machine's own command line, and may read both layers: that was asked there.
    with seeing(KEEPER):
        with Session(engine) as session:
            task = read_window(session, keys)
        found = overlaps_of(task)
        with Session(engine) as session, session.begin():
            keep_found(session, keys.audit_id, keys.path, found, working_srid=keys.working_srid)
    return len(found)


@lru_cache(maxsize=1)
def _engine(reach: Reach) -> Engine | None:
    return reach()
