"""Contradictions between departments (意见冲突): who agrees against who disagrees, conditions on one place; pure functions."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import combinations

from geoalchemy2.shape import to_shape
from shapely.geometry.base import BaseGeometry

from coordination.finding_places import place_of
from coordination.models import Opinion, OpinionKind, OpinionRequest
from coordination.opinions import FindingKind

_FOR = {OpinionKind.AGREE, OpinionKind.AGREE_WITH_CONDITIONS}


class ContradictionKind(StrEnum):
    """What stands against what: 同意与不同意, 同一位置的条件."""

    AGREE_AGAINST_DISAGREE = "agree_against_disagree"
    CONDITIONS_ON_ONE_PLACE = "conditions_on_one_place"


@dataclass(frozen=True)
class Side:
    """A department and what it says; of the finding of that number, where it is of one."""

    department: str
    request_id: int
    words: str
    finding: int | None = None


@dataclass(frozen=True)
class Contradiction:
    """Two departments side by side; conditions on one place need not be opposite: a person compares them.

    `place` is what the two have in common, in the working CRS.
    """

    kind: ContradictionKind
    one: Side
    other: Side
    place: BaseGeometry | None = None


def find_contradictions(requests: Sequence[OpinionRequest]) -> tuple[Contradiction, ...]:
    """What of the opinions that stand cannot be followed together, or has to be compared; by department.

    A condition is on the place that was drawn for it, else where its finding lies; one of the whole site is on none.
    """
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
    placed = [list(_placed(request, opinion)) for request, opinion in answered]
    for one, other in combinations(placed, 2):
        found += [
            Contradiction(ContradictionKind.CONDITIONS_ON_ONE_PLACE, first, second, here.intersection(there))
            for first, here in one
            for second, there in other
            if _share(here, there)
        ]
    return tuple(found)


def _placed(request: OpinionRequest, opinion: Opinion) -> Iterator[tuple[Side, BaseGeometry]]:
    """The conditions that are on a place, those of the whole and those said of single findings, each once."""
    said = [(c.text, c.finding, c.place) for c in opinion.condition_list]
    told = {(text, finding) for text, finding, _ in said}
    for answer in opinion.answers:
        condition = (answer["text"], answer["finding"])
        if answer["kind"] == FindingKind.AGREE_WITH_CONDITIONS and condition not in told:
            said.append((*condition, None))
    for text, finding, drawn in said:
        place = to_shape(drawn) if drawn is not None else place_of(request, finding)
        if place is not None:
            yield Side(request.department, request.id, text, finding), place


def _share(here: BaseGeometry, there: BaseGeometry) -> bool:
    """Whether two places have something in common; areas that only touch have not."""
    return bool(here.intersects(there)) and not (here.area and there.area and here.touches(there))
