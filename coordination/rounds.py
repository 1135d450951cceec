"""Rounds of a consultation: whom the next one asks, and whose earlier opinion stands; pure functions of plain values."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from blueprint.city import City
from blueprint.errors import InvalidInputError
from blueprint.sentences import Sentence
from coordination.models import MAX_TEXT, OpinionKind, OpinionRequest
from coordination.responsibility import Concern, Why, must_be_asked, responsible_departments

_BINDING = (OpinionKind.DISAGREE, OpinionKind.AGREE_WITH_CONDITIONS)


@dataclass(frozen=True)
class Choice:
    """A department that the coordinator adds or leaves out, with the reason."""

    department: str
    reason: str


@dataclass(frozen=True)
class Proposed:
    """A department that a check makes responsible: why, with what, and whether its earlier opinion stands.

    `last` is the request to it that counts, whether or not it was told what is found now.
    """

    department: str
    why: Why
    concerns: tuple[Concern, ...]
    working_days: int
    standing: OpinionRequest | None = None
    last: OpinionRequest | None = None
    must_be_asked: bool = False

    @property
    def may_be_dropped(self) -> bool:
        """Say whether the coordinator may leave the department out."""
        return not self.must_be_asked and self.standing is None and not binds(self.last)


def told(concerns: Sequence[Concern]) -> list[dict[str, Any]]:
    """The findings of a department as its request has them."""
    return [concern.to_json() for concern in concerns]


def is_told_the_same(
    request: OpinionRequest, concerns: Sequence[Concern], amended_at: datetime | None = None
) -> bool:
    """Say whether a request tells its department what a check finds: the same features, as much of them, as strictly.

    How the footprint lies to a feature besides (`relation`) changes with its other end, and is nothing new to judge.
    Who was asked before what is judged of the project itself was amended (`amended_at`) was told something else.
    """
    if amended_at is not None and request.consultation.opened_at < amended_at:
        return False
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
    """Say whether a department disagrees that was not asked for its findings: no check releases it, so it is asked again."""
    return is_opposed(request) and (request.why == Why.ADDED or not request.findings)


def is_running(request: OpinionRequest) -> bool:
    """Say whether a request was neither answered nor taken back."""
    return request.opinion is None and request.withdrawn_on is None


def binds(request: OpinionRequest | None) -> bool:
    """Say whether a request may not be left behind: it runs, its department disagrees, sets conditions or has a contest to decide."""
    return request is not None and (
        is_running(request)
        or (request.opinion is not None and request.opinion.kind in _BINDING)
        or any(contest.decided_at is None for contest in request.contests)
    )


def propose(
    concerns: Mapping[str, tuple[Concern, ...]],
    earlier: Sequence[OpinionRequest],
    *,
    city: City,
    project_type: str | None,
    amended_at: datetime | None = None,
) -> tuple[Proposed, ...]:
    """Whom a round would ask by a check, and who was asked of the very same before and stands.

    Asked anew is who never answered, who is told other findings than then, and who disagreed; and everybody who was
    asked before `amended_at`, when what is judged of the project itself was amended last.
    """
    standing = standing_requests(earlier)
    asked = responsible_departments(concerns, city, project_type)
    for department, request in standing.items():
        if is_still_opposed(request):
            asked.setdefault(department, Why.ADDED)
    proposed = []
    for department, why in sorted(asked.items()):
        own = concerns.get(department, ())
        last = stands = standing.get(department)
        if stands is not None and not is_told_the_same(stands, own, amended_at):
            stands, why = None, Why.ADDED if why is Why.ADDED else Why.CHANGED
        elif stands is not None and is_opposed(stands):
            stands, why = None, Why.ADDED if why is Why.ADDED else Why.DISAGREED
        proposed.append(
            Proposed(
                department=department,
                why=why,
                concerns=own,
                working_days=city.opinion_working_days(department, project_type),
                standing=stands,
                last=last,
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
            raise InvalidInputError(
                "{department} is not asked anyway; leave it out",
                department=choice.department,
                place="drop",
            )
        _refuse_drop(known[choice.department])
    dropped = {choice.department for choice in drop}
    asked = {d: each for d, each in known.items() if each.standing is None and d not in dropped}
    for choice in add:
        city.department(choice.department)
        if choice.department in asked:
            raise InvalidInputError(
                "{department} is asked anyway; leave it out", department=choice.department, place="add"
            )
        asked[choice.department] = Proposed(
            department=choice.department,
            why=Why.ADDED,
            concerns=concerns.get(choice.department, ()),
            working_days=city.opinion_working_days(choice.department, project_type),
        )
    return tuple(asked[department] for department in sorted(asked))


def _refuse_drop(each: Proposed) -> None:
    """Nobody is left out whose layers bind, whose opinion stands, or with whom something is not settled."""
    if each.must_be_asked:
        why = Sentence("layers of its own prohibit or restrict here")
    elif each.last is not None and is_running(each.last):
        why = Sentence("it was asked and its limit still runs")
    elif each.last is not None and is_opposed(each.last):
        why = Sentence("it disagrees; it is asked again, or a meeting settles it")
    elif each.standing is not None and not any(c.decided_at is None for c in each.standing.contests):
        why = Sentence("its opinion stands, and it is not asked again")
    elif binds(each.last):
        why = Sentence("it set conditions, or has a contested finding to decide")
    else:
        return
    raise InvalidInputError(
        "{department} cannot be left out: {why}", department=each.department, why=why, place="drop"
    )


def _refuse_double(add: Sequence[Choice], drop: Sequence[Choice]) -> None:
    seen: set[str] = set()
    for place, choices in (("add", add), ("drop", drop)):
        for choice in choices:
            if not choice.reason.strip():
                raise InvalidInputError(
                    "say why {department} is {what}",
                    department=choice.department,
                    what=Sentence("added") if place == "add" else Sentence("left out"),
                    place=place,
                )
            if len(choice.reason) > MAX_TEXT:
                raise InvalidInputError(
                    "the reason has more than {max_text} characters", max_text=MAX_TEXT, place=place
                )
            if choice.department in seen:
                raise InvalidInputError(
                    "{department} is named twice; name it once", department=choice.department, place=place
                )
            seen.add(choice.department)
