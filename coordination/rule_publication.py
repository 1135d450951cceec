"""Putting a rule set in force on a day (规则集生效), and taking it back (回退)."""

from datetime import date, datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from blueprint.audit.log import record
from blueprint.city import City
from blueprint.errors import ConflictError, InvalidInputError
from blueprint.permissions import Act, Actor, require
from coordination.judging import of_city, rule_set_of
from coordination.kept_rules import KeptRuleSet, keep_rule_set, rules_for
from coordination.rule_file import load_rule_set
from coordination.rule_sets import Rule, RuleSet
from coordination.rule_trial import refuse_unfit
from coordination.rules_in_force import RuleSetInForce, as_decided, entries, kept_rules, lock_rules


def put_in_force(
    session: Session,
    rule_set: RuleSet,
    *,
    starts_on: date,
    city: City,
    actor: Actor,
    now: datetime,
) -> RuleSetInForce:
    """Let a rule set be in force from a day on, until the next that is planned; another that was planned for that day is taken back.

    Raises InvalidInputError for a day in the past, a rule that its layer never meets and a city whose profile names no
    rules, ConflictError where it is in force then already or another one has its code and version.
    """
    require(actor, Act.PUT_RULES_IN_FORCE)
    lock_rules(session, city)
    of_city(rule_set, city)
    if starts_on < now.date():
        raise InvalidInputError(
            "{day} is past: what checks of that day went by stays; choose today or a later day",
            day=starts_on,
            place="starts_on",
        )
    refuse_unfit(session, rule_set, actor=actor, on=starts_on)
    before = _needed(as_decided(session, city, starts_on))
    if before.sha256 == rule_set.sha256:
        raise ConflictError("{name} is in force on {day} already", name=rule_set.name, day=starts_on)
    _refuse_other_of_name(session, rule_set, city)
    _refuse_unseen(session, before, rule_set, actor)
    for planned in entries(session, RuleSetInForce.starts_on == starts_on):
        if starts_on > now.date():
            _take_back(planned, actor, now)
    keep_rule_set(session, rule_set)
    return _start(session, rule_set.sha256, rule_set.name, before, starts_on=starts_on, actor=actor, now=now)


def roll_back(session: Session, city: City, *, actor: Actor, now: datetime) -> RuleSetInForce:
    """Take back what is planned, the one decided last first: it never comes; where none is, that in force gives way today to that before it."""
    require(actor, Act.PUT_RULES_IN_FORCE)
    lock_rules(session, city)
    today = now.date()
    begun = entries(session)
    if not begun:
        raise ConflictError("no rule set was put in force here; that of the city's profile holds")
    planned = [entry for entry in begun if entry.starts_on > today]
    if planned:
        last = max(planned, key=lambda entry: entry.id)
        _take_back(last, actor, now)
        record(
            session,
            actor,
            Act.PUT_RULES_IN_FORCE,
            kind="rule_set",
            id=last.name,
            before={"planned_from": last.starts_on},
            after={"taken_back": True},
        )
        return last
    last = begun[-1]
    # Before its first day: so going back twice goes further back, not to and fro.
    first = next(place for place, entry in enumerate(begun) if entry.sha256 == last.sha256)
    if last.sha256 is None:
        raise ConflictError("the rule set of the city's profile is in force again; there is none before it")
    sha256 = begun[first - 1].sha256 if first else None
    before = _needed(as_decided(session, city, today))
    after = _needed(rule_set_of(city)) if sha256 is None else of_city(kept_rules(session, sha256), city)
    _refuse_unseen(session, before, after, actor)
    return _start(session, sha256, after.name, before, starts_on=today, actor=actor, now=now)


def _start(
    session: Session,
    sha256: str | None,
    name: str,
    before: RuleSet,
    *,
    starts_on: date,
    actor: Actor,
    now: datetime,
) -> RuleSetInForce:
    entry = RuleSetInForce(
        sha256=sha256, name=name[:200], starts_on=starts_on, decided_by=actor.name, decided_at=now
    )
    session.add(entry)
    session.flush()
    record(
        session,
        actor,
        Act.PUT_RULES_IN_FORCE,
        kind="rule_set",
        id=name,
        before={"in_force": before.name, "sha256": before.sha256},
        after={"starts_on": starts_on, "sha256": sha256},
    )
    return entry


def _take_back(entry: RuleSetInForce, actor: Actor, now: datetime) -> None:
    entry.taken_back_by, entry.taken_back_at = actor.name, now


def _needed(rule_set: RuleSet | None) -> RuleSet:
    assert rule_set is not None
    return rule_set


def _refuse_other_of_name(session: Session, rule_set: RuleSet, city: City) -> None:
    """Reports cite code and version, also of files that the profile named before: two sets of one name would be told apart by nobody."""
    assert city.rules_path is not None
    of_profile = load_rule_set(city.rules_path)
    others = select(func.count()).where(
        KeptRuleSet.name == rule_set.name[:200], KeptRuleSet.sha256 != rule_set.sha256
    )
    is_profile = of_profile.name == rule_set.name and of_profile.sha256 != rule_set.sha256
    if is_profile or session.scalar(others):
        raise ConflictError(
            "{name} is another rule set already, and reports cite it; give the changed one a new version",
            name=rule_set.name,
        )


def _refuse_unseen(session: Session, before: RuleSet, after: RuleSet, actor: Actor) -> None:
    """Refuse to change rules of layers that the actor may not read: they would go without a word."""

    def unseen(rule_set: RuleSet) -> dict[str, Rule]:
        seen = {rule.id for rule in rules_for(session, rule_set, actor=actor)}
        return {rule.id: rule for rule in rule_set.rules if rule.id not in seen}

    if unseen(before) != unseen(after):
        raise ConflictError(
            "rules of layers that you may not read would change; who may read them all puts this rule set in force"
        )
