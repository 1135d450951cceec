"""Contradictions between departments (意见冲突): who agrees against who disagrees, conditions on one place; pure functions."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import combinations

from geoalchemy2.shape import to_shape
from shapely.geometry.base import BaseGeometry

from coordination.models import Opinion, OpinionCondition, OpinionKind, OpinionRequest

_FOR = {OpinionKind.AGREE, OpinionKind.AGREE_WITH_CONDITIONS}


class ContradictionKind(StrEnum):
    """What stands against what: 同意与不同意, 同一位置的条件."""

    AGREE_AGAINST_DISAGREE = "agree_against_disagree"
    CONDITIONS_ON_ONE_PLACE = "conditions_on_one_place"


@dataclass(frozen=True)
class Side:
    """A department and what it says."""

    department: str
    request_id: int
    words: str


@dataclass(frozen=True)
class Contradiction:
    """Two departments side by side; conditions on one place need not be opposite: a person compares them."""

    kind: ContradictionKind
    one: Side
    other: Side


def find_contradictions(requests: Sequence[OpinionRequest]) -> tuple[Contradiction, ...]:
    """What of the opinions that stand cannot be followed together, or has to be compared; by department."""
    answered = sorted(
        ((r, r.opinion) for r in requests if r.opinion is not None), key=lambda pair: pair[0].department
    )
    found = [
        Contradiction(
            ContradictionKind.AGREE_AGAINST_DISAGREE,
            Side(request.department, request.id, opinion.conditions or str(opinion.kind)),
            Side(other.department, other.id, opposed.reason or ""),
        )
        for request, opinion in answered
        if opinion.kind in _FOR
        for other, opposed in answered
        if opposed.kind == OpinionKind.DISAGREE and opposed.settled_at is None
    ]
    for (one, opinion), (other, another) in combinations(answered, 2):
        found += [
            Contradiction(
                ContradictionKind.CONDITIONS_ON_ONE_PLACE,
                Side(one.department, one.id, first.text),
                Side(other.department, other.id, second.text),
            )
            for first, here in _placed(opinion)
            for second, there in _placed(another)
            if here.intersects(there)
        ]
    return tuple(found)


def _placed(opinion: Opinion) -> list[tuple[OpinionCondition, BaseGeometry]]:
    return [(c, to_shape(c.place)) for c in opinion.condition_list if c.place is not None]
