"""The routes of the rule set: what the rules say, also to who only reads; a changed one tried on projects."""

from typing import Annotated, Any

from fastapi import APIRouter
from pydantic import BaseModel, Field

from blueprint.edge import ActorDep, CityDep, NowDep, SessionDep
from blueprint.errors import NotFoundError
from blueprint.given import Day, Given
from blueprint.idempotency import IdempotentRoute
from blueprint.permissions import Act, require
from blueprint.snapshot import layers_on
from coordination.judging import rule_set_of
from coordination.kept_rules import rules_for
from coordination.recheck import Turn
from coordination.rule_file import MAX_BYTES, parse_rule_set
from coordination.rule_layers import never_met
from coordination.rule_sets import to_json
from coordination.rule_trial import try_rules
from coordination.rules import Severity

router = APIRouter(tags=["checks"], route_class=IdempotentRoute)

MAX_TRIED = 25
"""So many projects are checked twice while a request waits; the command line tries a thousand."""


class RuleSetOut(BaseModel):
    """The rule set of the city: its code, version and SHA-256, its rules of layers that the reader may read, and the ids of
    those that are not signed off; `never_met` says by the id of a rule why it cannot be met on its layer, where that is so,
    `titles` what the layers of the catalogue are called, by their codes.
    """

    code: str
    version: int
    sha256: str
    unsigned: list[str]
    never_met: dict[str, str]
    titles: dict[str, str]
    rules: list[dict[str, Any]]


@router.get("/api/rules")
def show_rules(session: SessionDep, actor: ActorDep, city: CityDep, now: NowDep) -> RuleSetOut:
    """The rule set that checks cite, as far as the reader may know its layers, with the rules of today and of other days;
    404 where the city has none.
    """
    require(actor, Act.CHECK_FOOTPRINT)
    rule_set = rule_set_of(city)
    if rule_set is None:
        raise NotFoundError("the city's profile names no rule set; the catalogue's controls hold")
    rules = rules_for(session, rule_set, actor=actor)
    today = [rule for rule in rules if rule.holds_on(now.date())]
    layers = {layer.code: layer for layer in layers_on(session, now.date())}
    reasons = {rule.id: never_met(rule, layers[rule.layer]) for rule in rules if rule.layer in layers}
    return RuleSetOut(
        code=rule_set.code,
        version=rule_set.version,
        sha256=rule_set.sha256,
        unsigned=[rule.id for rule in today if rule.signed_off is None],
        never_met={id_: reason.both for id_, reason in reasons.items() if reason is not None},
        titles={rule.layer: layers[rule.layer].title for rule in rules if rule.layer in layers},
        rules=[to_json(rule) for rule in rules],
    )


class TrialIn(Given):
    """A changed rule set as the text of its YAML file, the day on which projects are checked by it (today when not given), and how
    many of the newest projects.
    """

    rules: Annotated[str, Field(min_length=1, max_length=MAX_BYTES)]
    on: Day | None = None
    limit: Annotated[int, Field(ge=1, le=MAX_TRIED)] = MAX_TRIED


class TrialOut(BaseModel):
    """A project's verdict under the rules in force and under the changed ones; `layers` whose findings weigh otherwise."""

    project_id: int
    name: str
    verdict_before: Severity
    verdict_after: Severity
    turn: Turn
    layers: list[str]


class TrialsOut(BaseModel):
    """What a changed rule set would turn: nothing of it is kept but that it was tried."""

    rule_set: str
    sha256: str
    turned: int
    unsigned: list[str]
    projects: list[TrialOut]


@router.post("/api/rules/trial")
def try_changed_rules(
    given: TrialIn, session: SessionDep, actor: ActorDep, city: CityDep, now: NowDep
) -> TrialsOut:
    """Check the newest projects by the rules in force and by changed ones, and say whose verdict would turn; an error of the file
    names its line. For who consults departments.
    """
    require(actor, Act.CONSULT_DEPARTMENTS)
    rule_set = parse_rule_set(given.rules.encode(), "rules.yaml")
    day = given.on or now.date()
    trials = try_rules(session, rule_set, city=city, actor=actor, on=day, limit=given.limit)
    return TrialsOut(
        rule_set=rule_set.name,
        sha256=rule_set.sha256,
        turned=sum(trial.turn is not Turn.SAME for trial in trials),
        unsigned=[rule.id for rule in rule_set.rules if rule.holds_on(day) and rule.signed_off is None],
        projects=[TrialOut(**vars(trial) | {"layers": list(trial.layers)}) for trial in trials],
    )
