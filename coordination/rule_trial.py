"""Trying a changed rule set on past projects (规则试算): which verdicts would turn, before it is in force; nothing is kept."""

from collections import Counter
from dataclasses import dataclass
from datetime import date

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.orm import Session

from blueprint.audit.log import record
from blueprint.city import City
from blueprint.permissions import Act, Actor, may, require
from blueprint.snapshot import layers_on
from coordination.check_report import CheckReport
from coordination.checks import run_check
from coordination.judging import of_city
from coordination.kept_rules import rules_for
from coordination.models import FootprintRevision, Project
from coordination.projects import footprint_of
from coordination.recheck import Turn, turn_of
from coordination.rule_difference import RuleChange, compare_rules
from coordination.rule_layers import refuse_never_met
from coordination.rule_sets import RuleSet
from coordination.rules import Severity
from coordination.rules_in_force import rule_set_on


@dataclass(frozen=True)
class Trial:
    """A project's verdict under the rules of today and under the changed ones, and the layers whose findings weigh otherwise."""

    project_id: int
    name: str
    verdict_before: Severity
    verdict_after: Severity
    turn: Turn
    layers: tuple[str, ...]


def try_rules(
    session: Session, rule_set: RuleSet, *, city: City, actor: Actor, on: date, limit: int = 1000
) -> tuple[Trial, ...]:
    """Check the newest projects' footprints twice on a day, by the rule set in force then and by another one; that is not kept.

    InvalidInputError names the line of a rule that is never met on its layer, of those that the actor may read.
    """
    require(actor, Act.CONSULT_DEPARTMENTS)
    of_city(rule_set, city)
    refuse_unfit(session, rule_set, actor=actor, on=on)
    newest = (
        select(FootprintRevision, Project)
        .join(Project, Project.id == FootprintRevision.project_id)
        .ext(distinct_on(FootprintRevision.project_id))
        .order_by(FootprintRevision.project_id.desc(), FootprintRevision.number.desc())
        .limit(limit)
    )
    trials = []
    for revision, project in session.execute(newest).all():
        footprint = footprint_of(revision)
        before, after = (
            run_check(
                session, footprint, city=city, actor=actor, on=on, rule_set=each, keeps_rules=each is None
            )
            for each in (None, rule_set)
        )
        trials.append(
            Trial(
                project_id=project.id,
                name=f"{project.planning_number} {project.name}",
                verdict_before=before.verdict,
                verdict_after=after.verdict,
                turn=turn_of(before.verdict, after.verdict),
                layers=_weigh_otherwise(before, after),
            )
        )
    record(
        session,
        actor,
        "try_rules",
        kind="rule_set",
        id=rule_set.name,
        after={"sha256": rule_set.sha256, "projects": len(trials)},
    )
    return tuple(trials)


def rule_changes(
    session: Session, rule_set: RuleSet, *, city: City, actor: Actor, on: date
) -> tuple[RuleChange, ...]:
    """In what a rule set differs from the one in force on a day, as far as the actor may read the layers of its rules."""
    require(actor, Act.CONSULT_DEPARTMENTS)
    before = rule_set_on(session, city, on)
    return compare_rules(
        rules_for(session, before, actor=actor) if before is not None else (),
        rules_for(session, rule_set, actor=actor),
    )


def refuse_unfit(session: Session, rule_set: RuleSet, *, actor: Actor, on: date) -> tuple[str, ...]:
    """Refuse a rule set with a rule that is never met on its layer as it is on a day, of those layers that the actor may read.

    Rules that ended before the day are left as they are. Gives the layers of rules that are none, or none that the actor may know.
    """
    layers = layers_on(session, on)
    readable = [layer for layer in layers if may(actor, Act.READ_LAYER, layer.thing)]
    refuse_never_met(rule_set, readable, on=on)
    known = {layer.code for layer in readable}
    return tuple(dict.fromkeys(rule.layer for rule in rule_set.rules if rule.layer not in known))


def _weigh_otherwise(before: CheckReport, after: CheckReport) -> tuple[str, ...]:
    def weights(report: CheckReport) -> Counter[tuple[str, int | None, Severity]]:
        return Counter((finding.layer, finding.feature_id, finding.severity) for finding in report.findings)

    one, other = weights(before), weights(after)
    return tuple(sorted({layer for layer, _, _ in (one - other) | (other - one)}))
