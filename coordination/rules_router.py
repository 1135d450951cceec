"""The routes of the rule set: what the rules say, also to who only reads; a changed one tried on projects, put in force, taken back."""

from datetime import date, datetime
from typing import Annotated, Any, ClassVar

from fastapi import APIRouter, Response
from pydantic import BaseModel, Field
from sqlalchemy.orm import Session

from blueprint.audit.log import record
from blueprint.city import City
from blueprint.edge import ActorDep, CityDep, NowDep, SessionDep
from blueprint.errors import NotFoundError, NotPermittedError
from blueprint.etags import IfMatch, Tagged, refuse_changed, tagged
from blueprint.given import Day, Given
from blueprint.idempotency import IdempotentRoute
from blueprint.permissions import Act, Actor, require
from blueprint.snapshot import layers_on
from coordination.kept_rules import rules_for
from coordination.recheck import Turn
from coordination.rule_difference import RuleTurn
from coordination.rule_file import MAX_BYTES, parse_rule_set
from coordination.rule_layers import never_met
from coordination.rule_publication import put_in_force, roll_back
from coordination.rule_sets import RuleSet, to_json
from coordination.rule_trial import rule_changes, try_rules
from coordination.rules import Severity
from coordination.rules_in_force import Standing, history, lock_rules, rule_set_on

router = APIRouter(tags=["checks"], route_class=IdempotentRoute)

MAX_TRIED = 25
"""So many projects are checked twice while a request waits; the command line tries a thousand."""

_FILE = "rules.yaml"


class RuleSetInForceOut(BaseModel):
    """A rule set that was put in force, or planned, from a day on; `sha256` null is the file of the city's profile. Who decided is
    told to who is signed in.
    """

    rule_set: str
    sha256: str | None
    starts_on: date
    standing: Standing
    decided_at: datetime
    decided_by: str | None
    taken_back_at: datetime | None
    taken_back_by: str | None


class RuleSetOut(Tagged):
    """The rule set in force today: its code, version and SHA-256, its rules of layers that the reader may read, and the ids of
    those that are not signed off; `never_met` says by the id of a rule why it cannot be met on its layer, where that is so,
    `titles` what the layers of the catalogue are called, by their codes. `history` are those that were put in force, the newest
    first; without any, the file of the city's profile holds.
    """

    changes_by_itself: ClassVar[dict[str, Any]] = {"unsigned": True, "never_met": True, "titles": True}

    code: str
    version: int
    sha256: str
    unsigned: list[str]
    never_met: dict[str, str]
    titles: dict[str, str]
    rules: list[dict[str, Any]]
    history: list[RuleSetInForceOut]


@router.get("/api/rules")
def show_rules(
    session: SessionDep, actor: ActorDep, city: CityDep, now: NowDep, response: Response
) -> RuleSetOut:
    """The rule set that checks cite, as far as the reader may know its layers, with the rules of today and of other days;
    404 where the city has none.
    """
    require(actor, Act.CHECK_FOOTPRINT)
    return tagged(_out(session, city, actor, now), response)


@router.get(
    "/api/rules/file",
    response_class=Response,
    responses={200: {"content": {"application/yaml": {"schema": {"type": "object"}}}}},
)
def download_rules(session: SessionDep, actor: ActorDep, city: CityDep, now: NowDep) -> Response:
    """The file of the rule set in force today, word for word, to be changed and tried: for who may put one in force, and reads all its
    layers.
    """
    require(actor, Act.PUT_RULES_IN_FORCE)
    rule_set = _today(session, city, now)
    if len(rules_for(session, rule_set, actor=actor)) < len(rule_set.rules):
        raise NotPermittedError(
            "the rule set has rules of layers that you may not read; its file is not for you"
        )
    record(
        session,
        actor,
        "download_rules",
        kind="rule_set",
        id=rule_set.name,
        after={"sha256": rule_set.sha256},
    )
    name = f"rules-{now.date()}.yaml"
    return Response(
        rule_set.content,
        media_type="application/yaml",
        headers={"content-disposition": f'attachment; filename="{name}"'},
    )


class TrialIn(Given):
    """A changed rule set as the text of its YAML file, the day on which projects are checked by it (today when not given), and how
    many of the newest projects; 0 compares its rules alone.
    """

    rules: Annotated[str, Field(min_length=1, max_length=MAX_BYTES)]
    on: Day | None = None
    limit: Annotated[int, Field(ge=0, le=MAX_TRIED)] = MAX_TRIED


class TrialOut(BaseModel):
    """A project's verdict under the rules in force and under the changed ones; `layers` whose findings weigh otherwise."""

    project_id: int
    name: str
    verdict_before: Severity
    verdict_after: Severity
    turn: Turn
    layers: list[str]


class FieldChangeOut(BaseModel):
    """A field of a rule that says something else."""

    name: str
    before: Any
    after: Any


class RuleChangeOut(BaseModel):
    """A rule that is in one of the sets alone, or says something else in `fields`."""

    id: str
    layer: str
    title: str
    turn: RuleTurn
    fields: list[FieldChangeOut]


class TrialsOut(BaseModel):
    """In what a changed rule set differs from the one in force, and what it would turn: nothing of it is kept but that it was tried."""

    rule_set: str
    sha256: str
    turned: int
    unsigned: list[str]
    changes: list[RuleChangeOut]
    projects: list[TrialOut]


@router.post("/api/rules/trial")
def try_changed_rules(
    given: TrialIn, session: SessionDep, actor: ActorDep, city: CityDep, now: NowDep
) -> TrialsOut:
    """Compare a changed rule set with the one in force, check the newest projects by both, and say whose verdict would turn; an error of
    the file names its line. For who consults departments.
    """
    require(actor, Act.CONSULT_DEPARTMENTS)
    rule_set = parse_rule_set(given.rules.encode(), _FILE)
    day = given.on or now.date()
    trials = try_rules(session, rule_set, city=city, actor=actor, on=day, limit=given.limit)
    changes = rule_changes(session, rule_set, city=city, actor=actor, on=day)
    return TrialsOut(
        rule_set=rule_set.name,
        sha256=rule_set.sha256,
        turned=sum(trial.turn is not Turn.SAME for trial in trials),
        unsigned=[rule.id for rule in rule_set.rules if rule.holds_on(day) and rule.signed_off is None],
        changes=[
            RuleChangeOut(**vars(change) | {"fields": [FieldChangeOut(**vars(f)) for f in change.fields]})
            for change in changes
        ],
        projects=[TrialOut(**vars(trial) | {"layers": list(trial.layers)}) for trial in trials],
    )


class RulesIn(Given):
    """A rule set as the text of its YAML file, and the day from which it is in force: today when not given."""

    rules: Annotated[str, Field(min_length=1, max_length=MAX_BYTES)]
    starts_on: Day | None = None


@router.post("/api/rules/in-force")
def bring_rules_into_force(
    given: RulesIn,
    session: SessionDep,
    actor: ActorDep,
    city: CityDep,
    now: NowDep,
    response: Response,
    if_match: IfMatch = None,
) -> RuleSetOut:
    """Let a rule set be in force from a day on: checks of that day and later cite it, until another one is."""
    require(actor, Act.PUT_RULES_IN_FORCE)
    rule_set = parse_rule_set(given.rules.encode(), _FILE)
    lock_rules(session, city)
    refuse_changed(if_match, lambda: _out(session, city, actor, now))
    put_in_force(session, rule_set, starts_on=given.starts_on or now.date(), city=city, actor=actor, now=now)
    return tagged(_out(session, city, actor, now), response)


@router.post("/api/rules/roll-back")
def roll_rules_back(
    session: SessionDep,
    actor: ActorDep,
    city: CityDep,
    now: NowDep,
    response: Response,
    if_match: IfMatch = None,
) -> RuleSetOut:
    """Take back the rule set that was planned last, which never comes; where none is planned, that in force gives way to the one before it from today."""
    require(actor, Act.PUT_RULES_IN_FORCE)
    lock_rules(session, city)
    refuse_changed(if_match, lambda: _out(session, city, actor, now))
    roll_back(session, city, actor=actor, now=now)
    return tagged(_out(session, city, actor, now), response)


def _today(session: Session, city: City, now: datetime) -> RuleSet:
    rule_set = rule_set_on(session, city, now.date())
    if rule_set is None:
        raise NotFoundError("the city's profile names no rule set; the catalogue's controls hold")
    return rule_set


def _out(session: Session, city: City, actor: Actor, now: datetime) -> RuleSetOut:
    rule_set = _today(session, city, now)
    rules = rules_for(session, rule_set, actor=actor)
    today = [rule for rule in rules if rule.holds_on(now.date())]
    layers = {layer.code: layer for layer in layers_on(session, now.date())}
    reasons = {rule.id: never_met(rule, layers[rule.layer]) for rule in rules if rule.layer in layers}
    by_whom = actor.signed_in
    return RuleSetOut(
        code=rule_set.code,
        version=rule_set.version,
        sha256=rule_set.sha256,
        unsigned=[rule.id for rule in today if rule.signed_off is None],
        never_met={id_: reason.both for id_, reason in reasons.items() if reason is not None},
        titles={rule.layer: layers[rule.layer].title for rule in rules if rule.layer in layers},
        rules=[to_json(rule) for rule in rules],
        history=[
            RuleSetInForceOut(
                rule_set=each.entry.name,
                sha256=each.entry.sha256,
                starts_on=each.entry.starts_on,
                standing=each.standing,
                decided_at=each.entry.decided_at,
                decided_by=each.entry.decided_by if by_whom else None,
                taken_back_at=each.entry.taken_back_at,
                taken_back_by=each.entry.taken_back_by if by_whom else None,
            )
            for each in history(session, today=now.date())
        ],
    )
