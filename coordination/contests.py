"""Contested findings (冲突异议): the coordinator contests one for the applicant, the layer's owner decides."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from blueprint.audit.log import record
from blueprint.errors import ConflictError, InvalidInputError, NotFoundError
from blueprint.permissions import Act, Actor, require
from blueprint.sentences import Sentence
from coordination.consultation import requests_of
from coordination.models import Contest, OpinionRequest
from coordination.notice_models import NoticeKind, Office
from coordination.notices import tell
from coordination.opinion_requests import locked, seen
from coordination.projects import refuse_cleared, trimmed_reason
from coordination.rounds import standing_requests


def contest_finding(
    session: Session, request_id: int, *, finding: int, reason: str, actor: Actor, now: datetime
) -> OpinionRequest:
    """Contest the finding of that number: the applicant says that the layer, or what was made of it, is wrong there.

    It is one of a request that counts: open, or with an opinion that stands, of whatever round; until the clearance.
    """
    request = seen(locked(session, OpinionRequest.id == request_id).get(request_id), request_id, actor)
    require(actor, Act.CONTEST_FINDING, request.thing)
    project = request.consultation.project
    refuse_cleared(session, project)
    text = trimmed_reason(reason, Sentence("the contest"))
    if not 1 <= finding <= len(request.findings):
        raise InvalidInputError(
            "the request has {count} findings; name one by its number",
            count=len(request.findings),
            place="finding",
        )
    if standing_requests(requests_of(session, project)).get(request.department) is not request:
        raise ConflictError(
            "this request was taken back, or its department was asked again; contest the finding in the"
            " present round"
        )
    if any(contest.finding == finding for contest in request.contests):
        raise ConflictError(
            "finding {finding} is contested already; a finding is contested once a round", finding=finding
        )
    request.contests.append(Contest(finding=finding, reason=text, contested_by=actor.name, contested_at=now))
    session.flush()
    after = {"department": request.department, "finding": finding, "reason": text}
    record(session, actor, Act.CONTEST_FINDING, kind="opinion_request", id=request.id, after=after)
    tell(
        session,
        NoticeKind.CONTESTED,
        f"第 {finding} 项冲突有异议，请处理 finding {finding} is contested, please decide",
        to=request.department,
        project=project,
        request=request,
        now=now,
    )
    return request


def decide_contest(
    session: Session,
    request_id: int,
    *,
    finding: int,
    is_upheld: bool,
    reason: str,
    actor: Actor,
    now: datetime,
) -> OpinionRequest:
    """Decide a contest as the layer's owner: upheld, the finding is set aside and no longer blocks; decided once."""
    request = seen(locked(session, OpinionRequest.id == request_id).get(request_id), request_id, actor)
    require(actor, Act.DECIDE_CONTEST, request.thing)
    refuse_cleared(session, request.consultation.project)
    text = trimmed_reason(reason, Sentence("the decision"))
    contest = next((each for each in request.contests if each.finding == finding), None)
    if contest is None:
        raise NotFoundError(
            "finding {finding} of request {request_id} is not contested",
            finding=finding,
            request_id=request_id,
        )
    if contest.decided_at is not None:
        raise ConflictError(
            "finding {finding} was decided by {decided_by} already",
            finding=finding,
            decided_by=contest.decided_by,
        )
    contest.is_upheld, contest.decision = is_upheld, text
    contest.decided_by, contest.decided_at = actor.name, now
    session.flush()
    after = {"department": request.department, "finding": finding, "upheld": is_upheld, "reason": text}
    record(session, actor, Act.DECIDE_CONTEST, kind="opinion_request", id=request.id, after=after)
    tell(
        session,
        NoticeKind.CONTEST_DECIDED,
        f"{{department}} 已处理第 {finding} 项异议 has decided on the contested finding {finding}",
        subject=request.department,
        to=Office.COORDINATOR,
        project=request.consultation.project,
        request=request,
        now=now,
    )
    return request


def set_aside(request: OpinionRequest) -> list[tuple[dict[str, Any], Contest]]:
    """The findings of a request that its department has set aside, with the contest that led to it."""
    return [
        (request.findings[contest.finding - 1], contest) for contest in request.contests if contest.is_upheld
    ]


def undecided(requests: Sequence[OpinionRequest]) -> list[str]:
    """The departments that still have a contest to decide."""
    return sorted({r.department for r in requests if any(c.decided_at is None for c in r.contests)})
