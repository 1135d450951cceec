"""The difference of two rule sets (规则集对比): which rules are new, gone or changed, and in what; pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from coordination.rule_sets import Rule, to_json


class RuleTurn(StrEnum):
    """What became of a rule."""

    ADDED = "added"
    REMOVED = "removed"
    CHANGED = "changed"


@dataclass(frozen=True)
class FieldChange:
    """A field that says something else; None where it says nothing."""

    name: str
    before: Any
    after: Any


@dataclass(frozen=True)
class RuleChange:
    """A rule, by its id, that is in one of the sets alone, or says something else."""

    id: str
    layer: str
    title: str
    turn: RuleTurn
    fields: tuple[FieldChange, ...] = ()


def compare_rules(before: Iterable[Rule], after: Iterable[Rule]) -> tuple[RuleChange, ...]:
    """Compare the rules of two sets, by their ids; where in its file a rule stands is nothing of it."""
    ours, theirs = ({rule.id: rule for rule in rules} for rules in (before, after))
    found = []
    for id_ in [*theirs, *(id_ for id_ in ours if id_ not in theirs)]:
        old, new = ours.get(id_), theirs.get(id_)
        told = new or old
        assert told is not None
        if old is None or new is None:
            turn = RuleTurn.ADDED if old is None else RuleTurn.REMOVED
            found.append(RuleChange(id_, told.layer, told.title, turn))
            continue
        one, other = to_json(old), to_json(new)
        fields = tuple(
            FieldChange(name, one[name], other[name])
            for name in one
            if name != "line" and one[name] != other[name]
        )
        if fields:
            found.append(RuleChange(id_, told.layer, told.title, RuleTurn.CHANGED, fields))
    return tuple(found)
