"""The dry run: what a version would change, which projects and kept checks it touches, and which verdicts turn."""

import json
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
import shapely
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
from tests.made import publish, square

ZRZY = at_console("test")
RULE = {
    "id": "R", "layer": "PLAN", "title": "规则", "title_en": "rule", "finding": "占用", "finding_en": "taken",
    "remedy": "避让", "remedy_en": "keep off", "basis": ["《示例》"], "last_checked_on": "2026-11-01",
}  # fmt: skip


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


def _with_rule(world: City, tmp_path: Path, **said: Any) -> City:
    path = tmp_path / "rules.yaml"
    path.write_text(json.dumps({"code": "test", "version": 1, "rules": [RULE | said]}), encoding="utf-8")
    return replace(world, rules_path=path)


def _turns(session: Session, city: City, draft: Any) -> dict[int, str]:
    found = dry_run(session, draft, starts_on=TODAY, city=city, actor=COORDINATOR, now=NOW)
    return {site.id: str(site.verdict_after) for site in found.sites}


def test_the_first_version_of_a_boundary_touches_what_lies_outside_of_it(world_session: Session, world: City):
    outside = _project(world_session, world, 600, 640)
    options = {"control": "prohibit", "conflict_when": "outside", "starts_on": None}
    draft = publish(world_session, world, "PLAN", [square(0, 0, 500)], **options)

    assert _turns(world_session, world, draft) == {outside: "prohibit"}


def test_where_a_plan_comes_to_cover_the_ground_its_gap_is_noticed(
    world_session: Session, world: City, tmp_path: Path
):
    """Both versions have the same plan; the second says that it knows more ground, of which it plans nothing."""
    gap = {"control": "restrict", "finding": "未覆盖", "finding_en": "not covered"}
    city = _with_rule(world, tmp_path, gap=gap)
    open_ground = _project(world_session, city, 600, 640)
    _project(world_session, city, 820, 840)
    plan = [square(0, 0, 100)]
    for starts_on, east in ((date(2026, 1, 1), 500), (None, 700)):
        known = shapely.MultiPolygon([shapely.box(0, 0, east, 100)])
        draft = publish(
            world_session, city, "PLAN", plan, control="inform", starts_on=starts_on, coverage=known
        )

    assert _turns(world_session, city, draft) == {open_ground: "restrict"}


def test_a_surface_whose_inner_edge_moves_touches_what_lies_anywhere_under_it(
    world_session: Session, world: City, tmp_path: Path
):
    """A surface rises by 1:20 from 100 m; where its inner edge comes 400 m nearer, it is 20 m lower over a site far from that edge."""
    height = {"limit": "XG", "slope": "PD", "above": "prohibit", "within": "inform"}
    city = _with_rule(world, tmp_path, height=height)
    site = replace(footprint(city, 900, 940), top_m=125)
    project = projects.register_project(world_session, DETAILS, site, city=city, actor=COORDINATOR, now=NOW)
    rows = [{"BSM": "1", "XG": 100, "PD": "1:20"}]
    ring = shapely.box(-2000, -2000, 2000, 2000)
    for starts_on, east in ((date(2026, 1, 1), 200), (None, 600)):
        cone = ring.difference(shapely.box(-200, -200, east, 200))
        options = {"attributes": rows, "source_id_field": "BSM", "control": "prohibit"}
        draft = publish(world_session, city, "PLAN", [cone], starts_on=starts_on, **options)

    assert _turns(world_session, city, draft) == {project.id: "prohibit"}


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
