"""The dry run: what a version would change, which projects and kept checks it touches, and which verdicts turn."""

from datetime import date, timedelta

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from blueprint.city import City
from blueprint.errors import ConflictError, NotPermittedError
from blueprint.layers.models import InForcePeriod, PublicationEvent
from blueprint.layers.publication import bring_into_force
from blueprint.permissions import at_console
from blueprint.snapshot import take_snapshot
from coordination import projects
from coordination.checks import run_check
from coordination.clearance import clear_project
from coordination.consultation import open_consultation
from coordination.dry_run import dry_run
from coordination.kept_checks import keep_check
from coordination.recheck import Turn, turn_of
from coordination.rules import Severity
from tests.coordination.world import (
    CALENDAR,
    COORDINATOR,
    DETAILS,
    NOW,
    TODAY,
    WATER,
    footprint,
    store_draft,
)

ZRZY = at_console("test")


def _project(session: Session, world: City, west: float, east: float) -> int:
    site = footprint(world, west, east)
    return projects.register_project(session, DETAILS, site, city=world, actor=COORDINATOR, now=NOW).id


def test_a_project_that_would_be_met_turns_to_conflict_and_one_left_alone_to_clear(
    world_session: Session, world: City
):
    freed = _project(world_session, world, 10, 40)
    met = _project(world_session, world, 110, 140)
    far = _project(world_session, world, 600, 640)
    draft = store_draft(world_session, world, "farmland", (50, 150))

    found = dry_run(world_session, draft, starts_on=TODAY, city=world, actor=COORDINATOR, now=NOW)

    turns = {site.id: (site.verdict_before, site.verdict_after, site.turn) for site in found.sites}
    assert turns == {
        freed: ("prohibit", "inform", "to_clear"),
        met: ("inform", "prohibit", "to_conflict"),
    }
    assert far not in turns
    assert (found.touched_projects, found.superseded) == (2, 1)
    assert "涉及在办项目 2 个，转为冲突 1，转为无冲突 1" in found.summary


def test_nothing_is_changed_by_it(world_session: Session, world: City):
    draft = store_draft(world_session, world, "farmland", (50, 150))
    counted = [select(func.count()).select_from(table) for table in (InForcePeriod, PublicationEvent)]
    before = [world_session.scalar(count) for count in counted]

    dry_run(world_session, draft, starts_on=TODAY, city=world, actor=COORDINATOR, now=NOW)

    assert [world_session.scalar(count) for count in counted] == before
    by_code = {layer.code: layer.version for layer in take_snapshot(world_session, TODAY).layers}
    assert by_code["farmland"] == 1


def test_the_meetings_with_other_layers_are_counted(world_session: Session, world: City):
    draft = store_draft(world_session, world, "farmland", (0, 260))

    found = dry_run(world_session, draft, starts_on=TODAY, city=world, actor=COORDINATOR, now=NOW)

    meetings = {m.layer: (m.places_before, m.places_after) for m in found.layers}
    assert meetings == {"census": (1, 1), "river": (0, 1), "heritage": (0, 1)}
    areas = {m.layer: m.change_m2 for m in found.layers}
    assert areas["river"] == pytest.approx(60 * 100, rel=1e-3)
    assert areas["heritage"] == pytest.approx(10 * 100, rel=1e-3)


def test_a_kept_check_is_looked_at_and_a_cleared_project_is_not(world_session: Session, world: City):
    site = footprint(world, 110, 140)
    report = run_check(world_session, site, city=world, actor=COORDINATOR, on=TODAY)
    kept = keep_check(world_session, report, site, city=world, actor=COORDINATOR, now=NOW)
    cleared = _project(world_session, world, 120, 130)
    projects.check_project(world_session, cleared, city=world, actor=COORDINATOR, now=NOW)
    draft = store_draft(world_session, world, "farmland", (0, 150))
    assert (
        dry_run(
            world_session, draft, starts_on=TODAY, city=world, actor=COORDINATOR, now=NOW
        ).touched_projects
        == 1
    )
    _clear(world_session, world, cleared)

    found = dry_run(world_session, draft, starts_on=TODAY, city=world, actor=COORDINATOR, now=NOW)

    assert found.touched_projects == 0
    assert found.touched_checks == 2
    assert [(s.kind, s.id, s.turn) for s in found.sites] == [("check", kept.id, "to_conflict")]


def _clear(session: Session, world: City, project_id: int) -> None:
    open_consultation(session, project_id, city=world, calendar=CALENDAR, actor=COORDINATOR, now=NOW)
    later = NOW + timedelta(days=8)
    clear_project(session, project_id, city=world, calendar=CALENDAR, actor=COORDINATOR, now=later)


def test_it_is_refused_where_the_publication_would_be(world_session: Session, world: City):
    draft = store_draft(world_session, world, "farmland", (50, 150))

    with pytest.raises(ConflictError, match="what was in force on a past day stays"):
        dry_run(
            world_session,
            draft,
            starts_on=date(2026, 2, 1),
            city=world,
            actor=COORDINATOR,
            now=NOW + timedelta(days=10),
        )
    with pytest.raises(NotPermittedError):
        dry_run(world_session, draft, starts_on=TODAY, city=world, actor=WATER, now=NOW)
    with pytest.raises(ConflictError, match="as a job"):
        dry_run(world_session, draft, starts_on=TODAY, city=world, actor=COORDINATOR, now=NOW, at_most=0)


def test_the_day_of_the_start_is_looked_at_not_today(world_session: Session, world: City):
    first = store_draft(world_session, world, "farmland", (0, 200))
    bring_into_force(world_session, first, starts_on=date(2027, 1, 1), actor=ZRZY, now=NOW)
    second = store_draft(world_session, world, "farmland", (0, 210))

    found = dry_run(world_session, second, starts_on=date(2027, 2, 1), city=world, actor=COORDINATOR, now=NOW)

    assert found.superseded == first.number
    assert found.net_m2 == pytest.approx(10 * 100, rel=1e-3)


@pytest.mark.parametrize(
    ("before", "after", "turn"),
    [
        (Severity.CLEAR, Severity.PROHIBIT, Turn.TO_CONFLICT),
        (Severity.INFORM, Severity.ADVISE, Turn.TO_CONFLICT),
        (Severity.RESTRICT, Severity.INFORM, Turn.TO_CLEAR),
        (Severity.RESTRICT, Severity.PROHIBIT, Turn.OTHER),
        (Severity.CLEAR, Severity.INFORM, Turn.OTHER),
        (Severity.ADVISE, Severity.ADVISE, Turn.SAME),
    ],
)
def test_how_a_verdict_turns(before: Severity, after: Severity, turn: Turn):
    assert turn_of(before, after) is turn
