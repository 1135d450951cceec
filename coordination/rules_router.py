"""The route of the rule set: what the rules say, also to who only reads."""

from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel

from blueprint.edge import ActorDep, CityDep, NowDep, SessionDep
from blueprint.errors import NotFoundError
from blueprint.permissions import Act, require
from coordination.judging import rule_set_of
from coordination.kept_rules import rules_for
from coordination.rule_sets import to_json

router = APIRouter(tags=["checks"])


class RuleSetOut(BaseModel):
    """The rule set of the city: its code, version and SHA-256, its rules of layers that the reader may read, and the ids of
    those that are not signed off.
    """

    code: str
    version: int
    sha256: str
    unsigned: list[str]
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
    return RuleSetOut(
        code=rule_set.code,
        version=rule_set.version,
        sha256=rule_set.sha256,
        unsigned=[rule.id for rule in today if rule.signed_off is None],
        rules=[to_json(rule) for rule in rules],
    )
