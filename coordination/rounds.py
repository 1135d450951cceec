"""Rounds of a consultation: whom the next one asks, and whose earlier opinion stands; pure functions of plain values."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from blueprint.city import City
from blueprint.errors import InvalidInputError
from coordination.models import MAX_TEXT, OpinionKind, OpinionRequest
from coordination.responsibility import Concern, Why, must_be_asked, responsible_departments


@dataclass(frozen=True)
class Choice:
    """A department that the coordinator adds or leaves out, with the reason."""

    department: str
    reason: str


@dataclass(frozen=True)
class Proposed:
    """A department that a check makes responsible: why, with what, and whether its earlier opinion stands."""

    department: str
    why: Why
    concerns: tuple[Concern, ...]
    working_days: int
    standing: OpinionRequest | None = None
    must_be_asked: bool = False


def told(concerns: Sequence[Concern]) -> list[dict[str, Any]]:
    """The findings of a department as its request has them."""
    return [concern.to_json() for concern in concerns]


def is_told_the_same(request: OpinionRequest, concerns: Sequence[Concern]) -> bool:
    """Say whether a request tells its department what a check finds: the same features, as much of them, as strictly.

    How the footprint lies to a feature besides (`relation`) changes with its other end, and is nothing new to judge.
    """
    return [judged(finding) for finding in request.findings] == [judged(f) for f in told(concerns)]


def judged(finding: Mapping[str, Any]) -> dict[str, Any]:
    """What there is to judge of a finding."""
    return {name: value for name, value in finding.items() if name != "relation"}


def standing_requests(requests: Sequence[OpinionRequest]) -> dict[str, OpinionRequest]:
    """The request of each department that counts: the last one that was not taken back unanswered."""
    counted = {}
    for request in sorted(requests, key=lambda request: request.id):
        if request.withdrawn_on is None or request.opinion is not None:
            counted[request.department] = request
    return counted


def is_opposed(request: OpinionRequest) -> bool:
    """Say whether a department disagrees, and has not confirmed what a meeting decided of that."""
    opinion = request.opinion
    return opinion is not None and opinion.kind == OpinionKind.DISAGREE and opinion.settled_at is None


def is_still_opposed(request: OpinionRequest) -> bool:
    """Say whether a department that the coordinator had added disagrees: no check releases it, so it is asked again."""
    return request.why == Why.ADDED and is_opposed(request)


def propose(
    concerns: Mapping[str, tuple[Concern, ...]],
    earlier: Sequence[OpinionRequest],
    *,
    city: City,
    project_type: str | None,
) -> tuple[Proposed, ...]:
    """Whom a round would ask by a check, and who was asked of the very same before and stands.

    Asked anew is who never answered, who is told other findings than then, and who disagreed.
    """
    standing = standing_requests(earlier)
    asked = responsible_departments(concerns, city, project_type)
    for department, request in standing.items():
        if is_still_opposed(request):
            asked.setdefault(department, Why.ADDED)
    proposed = []
    for department, why in sorted(asked.items()):
        own = concerns.get(department, ())
        last = standing.get(department)
        if last is not None and not is_told_the_same(last, own):
            last, why = None, Why.CHANGED
        elif last is not None and is_opposed(last):
            last, why = None, Why.ADDED if why is Why.ADDED else Why.DISAGREED
        proposed.append(
            Proposed(
                department=department,
                why=why,
                concerns=own,
                working_days=city.opinion_working_days(department, project_type),
                standing=last,
                must_be_asked=must_be_asked(own),
            )
        )
    return tuple(proposed)


def decide(
    proposed: Sequence[Proposed],
    concerns: Mapping[str, tuple[Concern, ...]],
    *,
    add: Sequence[Choice],
    drop: Sequence[Choice],
    city: City,
    project_type: str | None,
) -> tuple[Proposed, ...]:
    """Whom the round asks after the coordinator's choices: the proposed who do not stand, less the dropped, and the added."""
    _refuse_double(add, drop)
    known = {each.department: each for each in proposed}
    for choice in drop:
        if choice.department not in known:
            raise InvalidInputError(f"{choice.department} is not asked anyway; leave it out", place="drop")
        if known[choice.department].must_be_asked:
            raise InvalidInputError(
                f"{choice.department} cannot be left out: layers of its own prohibit or restrict here",
                place="drop",
            )
    dropped = {choice.department for choice in drop}
    asked = {d: each for d, each in known.items() if each.standing is None and d not in dropped}
    for choice in add:
        city.department(choice.department)
        if choice.department in asked:
            raise InvalidInputError(f"{choice.department} is asked anyway; leave it out", place="add")
        asked[choice.department] = Proposed(
            department=choice.department,
            why=Why.ADDED,
            concerns=concerns.get(choice.department, ()),
            working_days=city.opinion_working_days(choice.department, project_type),
        )
    return tuple(asked[department] for department in sorted(asked))


def _refuse_double(add: Sequence[Choice], drop: Sequence[Choice]) -> None:
    seen: set[str] = set()
    for place, choices in (("add", add), ("drop", drop)):
        for choice in choices:
            if not choice.reason.strip():
                raise InvalidInputError(
                    f"say why {choice.department} is {'added' if place == 'add' else 'left out'}", place=place
                )
            if len(choice.reason) > MAX_TEXT:
                raise InvalidInputError(f"the reason has more than {MAX_TEXT} characters", place=place)
            if choice.department in seen:
                raise InvalidInputError(f"{choice.department} is named twice; name it once", place=place)
            seen.add(choice.department)
