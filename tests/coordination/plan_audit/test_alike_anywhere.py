"""An audit finds the same whoever compares: threads of one machine, or workers that reach the database or are handed features; also when they are killed meanwhile."""

import itertools
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import shapely
from distributed import Client, LocalCluster
from sqlalchemy import Engine, select, text
from sqlalchemy.orm import Session

from blueprint.city import AreaMeasure, City
from blueprint.database import make_engine
from blueprint.permissions import at_console
from coordination.plan_audit import audit as audits
from coordination.plan_audit.areas import overlap_areas
from coordination.plan_audit.audit import OnCluster, audit_layers, open_audit
from coordination.plan_audit.models import PlanAudit, PlanDifference, plan_audit_overlap
from coordination.plan_audit.overlaps import FoundOverlaps
from coordination.plan_audit.window_rows import keep_found
from tests.conftest import TestServer
from tests.made import publish

NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)
OPERATOR = at_console("test")
Ledger = dict[tuple[str, str], tuple[Any, ...]]


@dataclass(frozen=True)
class Reaching:
    """A database as a worker's settings name it."""

    url: str

    def __call__(self) -> Engine:
        return make_engine(self.url, pool_size=1)


@pytest.fixture
def plane(city: City) -> City:
    return replace(city, area_measure=AreaMeasure.PLANE)


@pytest.fixture
def published(fresh_database: str, plane: City) -> Iterator[Engine]:
    """Two plans of boxes whose edges lie on borders of windows, some across four of them; in a corner they only come near each other."""
    engine = make_engine(fresh_database)
    parcels = [
        shapely.box(x, y, min(x + 64, 1023), min(y + 64, 1023))
        for x in range(0, 1024, 64)
        for y in range(0, 1024, 64)
        if x < 896 or y < 896
    ]
    zones = [
        shapely.box(x - 40, y - 40, x + 40, y + 40)
        for x in range(128, 896, 128)
        for y in range(128, 896, 128)
    ]
    frame = shapely.box(300, 300, 700, 700).difference(shapely.box(400, 400, 512, 600))
    apart = [
        shapely.MultiPolygon([shapely.box(x, 900, x + 2, 902), shapely.box(x, 1020, x + 2, 1023)])
        for x in range(900, 1020, 5)
    ]
    with Session(engine) as session, session.begin():
        for code, shapes in (("A_PLAN", [*parcels, *apart]), ("B_PLAN", [*zones, frame, *_between(apart)])):
            named = [{"BSM": f"{code}{n}", "YSDM": f"class {n % 3}"} for n in range(len(shapes))]
            publish(session, plane, code, shapes, attributes=named, source_id_field="BSM")
    yield engine
    engine.dispose()


def _between(apart: list[shapely.MultiPolygon]) -> list[shapely.Polygon]:
    return [shapely.box(each.bounds[0] + 3, 900, each.bounds[0] + 4, 1023) for each in apart]


def _beginning(engine: Engine) -> audits.Begin:
    @contextmanager
    def begin() -> Iterator[Session]:
        with Session(engine, expire_on_commit=False) as session, session.begin():
            yield session

    return begin


def _ledger(
    engine: Engine, city: City, told: Callable[[str, int], None] = lambda *_: None, **how: Any
) -> Ledger:
    """What an audit enters into an empty ledger, which is emptied again."""
    begin = _beginning(engine)
    options = {"city": city, "actor": OPERATOR, "on": NOW.date(), "now": NOW, "most": 60}
    number = audit_layers(begin, "A_PLAN", "B_PLAN", tell=told, **options, **how)
    with begin() as session:
        audit = session.get_one(PlanAudit, number)
        rows = session.scalars(select(PlanDifference)).all()
        assert len(set(audit.windows_done)) == len(audit.windows_done) > 10
        assert audit.found == len(rows)
        assert session.scalars(select(plan_audit_overlap.c.audit_id)).all() == []
        found = {
            (row.first_key, row.second_key): (
                row.overlap_m2, row.first_share, row.second_share, row.is_sliver, row.first_class,
                row.second_class, bytes(row.geom.data),
            )
            for row in rows
        }  # fmt: skip
        session.execute(PlanDifference.__table__.delete())
        session.execute(PlanAudit.__table__.delete())
    return found


@pytest.mark.parametrize("way", ["database", "network", "files"])
def test_a_cluster_enters_what_one_machine_enters_though_a_worker_and_a_backend_are_killed(
    published: Engine, plane: City, cluster: LocalCluster, server: TestServer, tmp_path: Path, way: str
):
    alone = _ledger(published, plane)
    with Client(cluster.scheduler_address) as client:
        [pid, *_] = client.run(os.getpid).values()
    told: list[str] = []
    done: list[int] = []
    ended: list[bool] = []

    def kill(phase: str, count: int) -> None:
        told.append(phase)
        done.append(count)
        if told.count("compare") == 3:
            os.kill(pid, signal.SIGKILL)
        if told.count("compare") == 5 and way == "database":
            with server.maintenance() as connection:
                ended.extend(
                    connection.scalars(
                        text(
                            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = :name"
                            " AND NOT starts_with(application_name, :ours)"
                        ),
                        {"name": published.url.database, "ours": f"blueprint {os.getpid()}"},
                    )
                )

    reach = Reaching(published.url.render_as_string(hide_password=False))
    on_cluster = OnCluster(
        cluster.scheduler_address,
        reach if way == "database" else None,
        through=tmp_path if way == "files" else None,
    )
    assert _ledger(published, plane, kill, on_cluster=on_cluster) == alone

    with _beginning(published)() as session:
        areas = overlap_areas(session, "A_PLAN", "B_PLAN", city=plane, actor=OPERATOR, on=NOW.date(), most=60)
    assert areas.overlaps == len(alone) > 100
    assert areas.overlap_m2 == pytest.approx(sum(row[0] for row in alone.values()), abs=1e-3)
    assert list(tmp_path.iterdir()) == []
    assert "hand_over" not in told
    assert any(ended) == (way == "database")
    assert any(a == b for a, b in itertools.pairwise(done[1:-1])), "in one window nothing meets"


def test_windows_are_handed_over_where_a_worker_reaches_another_database(
    published: Engine, plane: City, cluster: LocalCluster, database_url: str
):
    told: list[str] = []

    found = _ledger(
        published,
        plane,
        lambda phase, _: told.append(phase),
        on_cluster=OnCluster(cluster.scheduler_address, Reaching(database_url)),
    )

    assert "hand_over" in told
    assert found == _ledger(published, plane)


def test_a_window_that_two_workers_have_compared_is_kept_once(published: Engine, plane: City):
    begin = _beginning(published)
    with begin() as session:
        audit_id = open_audit(session, "A_PLAN", "B_PLAN", actor=OPERATOR, on=NOW.date(), now=NOW).id
    shape = pa.array([shapely.to_wkb(shapely.box(0, 0, 1, 1))], pa.large_binary())
    found = FoundOverlaps(np.array([1]), np.array([2]), np.array([1.0]), np.array([False]), shape)

    for path in ("0", "1", "0"):
        with begin() as session:
            keep_found(session, audit_id, path, found, working_srid=plane.working_srid)

    with begin() as session:
        audit = session.get_one(PlanAudit, audit_id)
        assert (audit.windows_done, audit.found) == (["0", "1"], 2)
        kept = session.execute(select(plan_audit_overlap.c.first_feature_id)).scalars().all()
        assert list(kept) == [1, 1]
