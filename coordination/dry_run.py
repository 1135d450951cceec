"""The dry run put together: what a version changes in the blueprint, and what that does to projects and kept checks."""

from datetime import date, datetime
from typing import Any

from sqlalchemy.orm import Session

from blueprint.audit.log import record
from blueprint.city import City
from blueprint.jobs.kinds import JobKind, JobRun
from blueprint.layers import catalogue, publication
from blueprint.layers.difference import Difference
from blueprint.layers.forecast import MAX_CHANGED, forecast
from blueprint.layers.models import LayerVersion
from blueprint.permissions import Act, Actor, require
from blueprint.sharing.purposes import record_reading
from coordination.recheck import Turn, foresee_effects
from coordination.schemas import DryRunOut, MeetingOut, SiteEffectOut


def dry_run(
    session: Session,
    version: LayerVersion,
    *,
    starts_on: date,
    city: City,
    actor: Actor,
    now: datetime,
    at_most: int | None = MAX_CHANGED,
) -> DryRunOut:
    """Say what would change if the version came into force on a day; nothing is kept but that it was asked."""
    require(actor, Act.BRING_INTO_FORCE, version.layer.thing)
    found = forecast(session, version, starts_on=starts_on, city=city, actor=actor, now=now, at_most=at_most)
    effects = foresee_effects(session, found, city=city, actor=actor)
    turns = {turn: sum(site.turn is turn for site in effects.sites) for turn in Turn}
    record(
        session,
        actor,
        "dry_run",
        kind="version",
        id=f"{version.layer.code} v{version.number}",
        after={"starts_on": starts_on, "projects": effects.touched_projects},
    )
    met = {meeting.layer for meeting in found.meetings}
    things = [version.layer.thing, *(layer.thing for layer in found.before if layer.code in met)]
    record_reading(session, actor, things, kind="dry_run", id=f"{version.layer.code} v{version.number}")
    difference = found.difference
    return DryRunOut(
        layer=version.layer.code,
        version=version.number,
        starts_on=starts_on,
        superseded=found.old.number if found.old is not None else None,
        summary=_summary(difference, turns, effects.touched_projects),
        compared_by=difference.compared_by,
        added=difference.added,
        removed=difference.removed,
        changed_shape=difference.changed_shape,
        changed_attributes=difference.changed_attributes,
        changed_zone=difference.changed_zone,
        unchanged=difference.unchanged,
        net_m2=difference.net_m2,
        layers=[MeetingOut(**vars(meeting)) for meeting in found.meetings],
        touched_projects=effects.touched_projects,
        touched_checks=effects.touched_checks,
        sites=[SiteEffectOut(**vars(site)) for site in effects.sites],
    )


def _summary(difference: Difference, turns: dict[Turn, int], projects: int) -> str:
    changed, hectares = difference.changed, f"{difference.net_m2 / 10_000:+,.2f}"
    if difference.raster is not None:
        zh, en = f"像元变化 {changed:,} 个，达阈值面积 {hectares} 公顷", f"{changed:,} pixels"
        hectares += " ha met by the threshold"
    else:
        zh, en = f"图斑变化 {changed:,} 个，面积 {hectares} 公顷", f"{changed:,} features"
        hectares += " ha"
    return (
        f"{zh}；涉及在办项目 {projects} 个，"
        f"转为冲突 {turns[Turn.TO_CONFLICT]}，转为无冲突 {turns[Turn.TO_CLEAR]}"
        f" · {en}, {hectares}; {projects} open projects touched,"
        f" {turns[Turn.TO_CONFLICT]} sites turn to conflict, {turns[Turn.TO_CLEAR]} to clear"
    )


def _run(run: JobRun) -> dict[str, Any]:
    layer = catalogue.find_layer(run.session, run.arguments["layer"])
    version = publication.version_of(run.session, layer, run.arguments["version"])
    run.tell("dry_run", version.feature_count)
    starts_on = date.fromisoformat(run.arguments["starts_on"])
    result = dry_run(
        run.session,
        version,
        starts_on=starts_on,
        city=run.edge.city,
        actor=run.actor,
        now=run.edge.now(),
        at_most=None,
    )
    run.told_layers.update(meeting.layer for meeting in result.layers)
    return result.model_dump(mode="json")


DRY_RUN = JobKind("dry_run", Act.BRING_INTO_FORCE, _run)
