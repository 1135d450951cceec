"""What a new version does to sites (复检): which open projects and kept checks it touches, and which verdicts turn."""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from sqlalchemy import Row, select
from sqlalchemy.orm import Session

from blueprint.city import City
from blueprint.database import load_statements
from blueprint.errors import NotFoundError
from blueprint.footprint import Footprint
from blueprint.layers.difference import compare
from blueprint.layers.forecast import Forecast
from blueprint.permissions import Act, Actor, may, require
from blueprint.snapshot import LayerOnDay, Snapshot
from coordination.checks import run_check
from coordination.kept_checks import find_check
from coordination.kept_footprints import kept_footprint
from coordination.models import Check, FootprintRevision
from coordination.noticing import noticing, steps
from coordination.projects import footprint_of
from coordination.rules import Severity

_SQL = load_statements(Path(__file__).with_suffix(".sql"))

MAX_SITES = 200
"""So many sites are checked before and after; of more it is only said that they are touched."""


_NO_CONFLICT = frozenset({Severity.CLEAR, Severity.INFORM})
"""Verdicts that ask nothing of a project."""


class Turn(StrEnum):
    """What becomes of a verdict."""

    TO_CONFLICT = "to_conflict"
    TO_CLEAR = "to_clear"
    OTHER = "other"
    SAME = "same"


@dataclass(frozen=True)
class SiteEffect:
    """A site that the difference touches, with its verdict before and after; a project or a kept check."""

    kind: str
    id: int
    name: str
    verdict_before: Severity
    verdict_after: Severity
    turn: Turn


@dataclass(frozen=True)
class Effects:
    """How many open projects and kept checks are touched, and what becomes of those that were looked at."""

    touched_projects: int
    touched_checks: int
    sites: tuple[SiteEffect, ...]


def turn_of(before: Severity, after: Severity) -> Turn:
    """Say how a verdict turns: into a conflict, out of it, to another severity, or not at all."""
    if before is after:
        return Turn.SAME
    if (before in _NO_CONFLICT) is (after in _NO_CONFLICT):
        return Turn.OTHER
    return Turn.TO_CONFLICT if before in _NO_CONFLICT else Turn.TO_CLEAR


def foresee_effects(session: Session, found: Forecast, *, city: City, actor: Actor) -> Effects:
    """Say what the forecast version would do to sites; needs the patches of its difference in this transaction.

    Kept checks of projects are counted; only those of no project are looked at by themselves, and only as far as
    the actor may read them.
    """
    require(actor, Act.READ_PROJECT)
    touched: dict[int, Row[Any]] = {}
    met: set[int] = set()
    for old, new in steps(found.old, found.new, on=found.starts_on):
        if (old, new) != (found.old, found.new):  # that of the forecast itself was compared for it
            compare(session, old, new, city=city)
        values = noticing(session, old, new, city=city, on=found.starts_on).values()
        touched.update(
            (row.id, row) for row in session.execute(_SQL["touched"], values | {"kind": "project"})
        )
        met.update(session.scalars(_SQL["touched"], values | {"kind": "check"}))
    projects = [touched[project_id] for project_id in sorted(touched)]
    checks = sorted(met)
    sites: list[SiteEffect] = []
    for row in projects[:MAX_SITES]:
        footprint = footprint_of(session.get_one(FootprintRevision, row.revision_id))
        name = f"{row.planning_number} {row.name}"
        sites.append(_effect("project", row.id, name, footprint, session, found, city=city, actor=actor))
    alone = session.scalars(
        select(Check.id).where(Check.id.in_(checks), Check.project_id.is_(None)).order_by(Check.id)
    )
    for check_id in list(alone)[: MAX_SITES - len(sites)]:
        try:
            check = find_check(session, check_id, actor=actor)
        except NotFoundError:
            continue
        footprint = kept_footprint(
            check,
            source_crs=city.working_crs,
            operation="none",
            planned_use=check.report.get("planned_use"),
            top_m=check.report.get("top_m"),
        )
        sites.append(
            _effect("check", check.id, check.made_by, footprint, session, found, city=city, actor=actor)
        )
    return Effects(len(projects), len(checks), tuple(sites))


def _effect(
    kind: str,
    number: int,
    name: str,
    footprint: Footprint,
    session: Session,
    found: Forecast,
    *,
    city: City,
    actor: Actor,
) -> SiteEffect:
    def verdict(layers: tuple[LayerOnDay, ...]) -> Severity:
        # What the actor may not read says nothing here: no answer about it is used up by a forecast.
        readable = tuple(layer for layer in layers if may(actor, Act.READ_LAYER, layer.thing))
        snapshot = Snapshot(day=found.starts_on, layers=readable)
        report = run_check(session, footprint, city=city, actor=actor, on=found.starts_on, snapshot=snapshot)
        return report.verdict

    before, after = verdict(found.before), verdict(found.after)
    return SiteEffect(kind, number, name, before, after, turn_of(before, after))
