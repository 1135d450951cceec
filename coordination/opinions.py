"""Opinions (部门意见): what a department answers, as a whole and to single findings, in time and amended in time (Art. 11)."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date, datetime
from enum import StrEnum
from typing import Any

from psycopg2.errors import CheckViolation
from shapely.geometry.base import BaseGeometry
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from blueprint.audit.log import record
from blueprint.errors import ConflictError, InvalidInputError
from blueprint.permissions import Act, Actor, may, require
from blueprint.sentences import Sentence, spoken
from blueprint.working_days import WorkingCalendar
from coordination.clock import end_stop, settle
from coordination.limits import OpinionStatus
from coordination.marks import kept
from coordination.models import (
    MAX_TEXT,
    EarlierOpinion,
    Opinion,
    OpinionCondition,
    OpinionKind,
    OpinionRequest,
    Source,
)
from coordination.notice_models import NoticeKind, Office
from coordination.notices import tell
from coordination.opinion_requests import locked, request_status, seen
from coordination.project_states import ProjectStatus


class FindingKind(StrEnum):
    """What is said of a single finding: as of the whole, or that no consultation is needed about it (无须征询)."""

    AGREE = "agree"
    AGREE_WITH_CONDITIONS = "agree_with_conditions"
    DISAGREE = "disagree"
    NO_OBJECTION = "no_objection"
    NOT_NEEDED = "not_needed"


_NEEDS_TEXT = {FindingKind.AGREE_WITH_CONDITIONS, FindingKind.DISAGREE, FindingKind.NOT_NEEDED}
_STRICTNESS: dict[str, int] = {OpinionKind.DISAGREE: 2, OpinionKind.AGREE_WITH_CONDITIONS: 1}
MAX_CONDITIONS = 200
MAX_ANSWERS = 10 * MAX_TEXT
"""Conditions, and characters said of single findings: what the handover carries of an opinion."""


@dataclass(frozen=True)
class Answer:
    """What is said of the finding of that number (from 1, in the order of the request), with its words where it needs some."""

    finding: int
    kind: FindingKind
    text: str | None = None


@dataclass(frozen=True)
class Condition:
    """One condition, of one finding where it is, at a place in the working CRS where it has one."""

    text: str
    finding: int | None = None
    place: BaseGeometry | None = None


@dataclass(frozen=True)
class OpinionGiven:
    """A department's answer; conditions or reason where the kind asks for them.

    `conditions` as one text has a condition a line, `condition_list` each by itself: one of the two. A disagreement
    names its legal `basis`; without one the bases of the findings count. `amends` is the number of the opinion that
    this one takes the place of.
    """

    kind: OpinionKind
    conditions: str | None = None
    reason: str | None = None
    remark: str | None = None
    condition_list: tuple[Condition, ...] = ()
    basis: str | None = None
    would_agree_if: str | None = None
    markup: BaseGeometry | None = None
    answers: tuple[Answer, ...] = ()
    source: Source = Source.SYSTEM
    evidence: str | None = None
    amends: int | None = None

    def checked(self) -> "OpinionGiven":
        """The answer with its texts trimmed; refuses one without what its kind needs, or with what it does not."""
        names = ("conditions", "reason", "remark", "basis", "would_agree_if", "evidence")
        texts = {name: _trimmed(getattr(self, name), name) for name in names}
        if self.kind is OpinionKind.DEEMED_NO_OBJECTION:
            raise InvalidInputError(
                "silence is recorded by the system; answer no_objection (无意见) instead", place="kind"
            )
        listed = self._listed(texts["conditions"])
        if (self.kind is OpinionKind.AGREE_WITH_CONDITIONS) != bool(listed):
            raise InvalidInputError(
                "agree_with_conditions needs its conditions, and no other answer has any",
                place="conditions",
            )
        is_opposed = self.kind is OpinionKind.DISAGREE
        if is_opposed != (texts["reason"] is not None):
            raise InvalidInputError("disagree needs its reason, and no other answer has one", place="reason")
        for name in ("basis", "would_agree_if"):
            if texts[name] is not None and not is_opposed:
                raise InvalidInputError("{name} belongs to disagree (不同意) alone", name=name, place=name)
        if (self.source is not Source.SYSTEM) != (texts["evidence"] is not None):
            raise InvalidInputError(
                "an answer by letter or telephone needs its evidence, and no other has one",
                place="evidence",
            )
        answers = tuple(replace(a, text=_trimmed(a.text, "answers")) for a in self.answers)
        self._refuse_misfits(answers, listed)
        return replace(
            self,
            conditions="\n".join(condition.text for condition in listed) or None,
            reason=texts["reason"],
            remark=texts["remark"],
            basis=texts["basis"],
            would_agree_if=texts["would_agree_if"],
            evidence=texts["evidence"],
            condition_list=listed,
            answers=answers,
        )

    def _listed(self, text: str | None) -> tuple[Condition, ...]:
        if text is not None and self.condition_list:
            raise InvalidInputError(
                "give the conditions as one text or as a list, not as both",
                place="conditions",
            )
        if text is not None:
            return tuple(Condition(line.strip()) for line in text.splitlines() if line.strip())
        listed = tuple(
            replace(each, text=_trimmed(each.text, "condition_list") or "") for each in self.condition_list
        )
        if len(listed) > MAX_CONDITIONS or any(not each.text for each in listed):
            raise InvalidInputError(
                "a condition says something, and an opinion has at most {max_conditions} of them",
                max_conditions=MAX_CONDITIONS,
                place="condition_list",
            )
        if sum(len(each.text) + 1 for each in listed) > MAX_TEXT:
            raise InvalidInputError(
                "the conditions together have more than {max_text} characters; shorten them",
                max_text=MAX_TEXT,
                place="condition_list",
            )
        return listed

    def _refuse_misfits(self, answers: Sequence[Answer], listed: Sequence[Condition]) -> None:
        """Each has the words it needs, they can be handed over, and the whole is at least as strict as its strictest part."""
        for answer in answers:
            if answer.kind in _NEEDS_TEXT and answer.text is None:
                raise InvalidInputError(
                    "the answer to finding {finding} ({answer_kind}) needs its words",
                    finding=answer.finding,
                    answer_kind=spoken(answer.kind),
                    place="answers",
                )
        texts = {(answer.kind, answer.text) for answer in answers if answer.text}
        conditions = [kind for kind, _ in texts if kind is FindingKind.AGREE_WITH_CONDITIONS]
        if len(conditions) + max(len(listed), 1) > MAX_CONDITIONS:
            raise InvalidInputError(
                "an opinion has at most {max_conditions} conditions, those of its findings among them",
                max_conditions=MAX_CONDITIONS,
                place="answers",
            )
        if sum(len(text or "") for _, text in texts) > MAX_ANSWERS:
            raise InvalidInputError(
                "what is said of findings has more than {max_answers} characters together; shorten it",
                max_answers=MAX_ANSWERS,
                place="answers",
            )
        strictest = max((_STRICTNESS.get(str(answer.kind), 0) for answer in answers), default=0)
        if strictest > _STRICTNESS.get(self.kind, 0):
            raise InvalidInputError(
                "the opinion as a whole is milder than what is said of a finding; make the whole as strict",
                place="kind",
            )

    def fits(self, request: OpinionRequest) -> "OpinionGiven":
        """The answer held to its request: findings that exist, each answered once; the basis of a disagreement."""
        count = len(request.findings)
        numbers = [answer.finding for answer in self.answers]
        named = [*numbers, *(c.finding for c in self.condition_list if c.finding is not None)]
        if any(not 1 <= number <= count for number in named):
            raise InvalidInputError(
                "the request has {count} findings, numbered from 1 to {count}; name one of them",
                count=count,
                place="answers",
            )
        if len(set(numbers)) < len(numbers):
            raise InvalidInputError("a finding is answered twice; answer it once", place="answers")
        if self.kind is not OpinionKind.DISAGREE or self.basis is not None:
            return self
        bases = dict.fromkeys(finding["basis"] for finding in request.findings if finding.get("basis"))
        if not bases:
            raise InvalidInputError(
                "disagree needs its legal basis: no finding of this request has one",
                place="basis",
            )
        return replace(self, basis="；".join(bases)[:MAX_TEXT])


def _trimmed(text: str | None, place: str) -> str | None:
    trimmed = (text or "").strip() or None
    if trimmed is not None and len(trimmed) > MAX_TEXT:
        raise InvalidInputError(
            "the opinion's {where} is longer than {max_text} characters; shorten it",
            where=place,
            max_text=MAX_TEXT,
            place=place,
        )
    return trimmed


def give_opinion(
    session: Session,
    request_id: int,
    given: OpinionGiven,
    *,
    actor: Actor,
    calendar: WorkingCalendar,
    now: datetime,
) -> OpinionRequest:
    """Record a department's answer while its limit runs, or amend it; a second or late one is refused in this transaction."""
    request = seen(locked(session, OpinionRequest.id == request_id).get(request_id), request_id, actor)
    _require_to_answer(actor, request, given.source)
    answer = given.checked().fits(request)
    before = request.opinion
    if before is None:
        refuse_late(request, calendar=calendar, now=now)
        if request.stopped_on is not None:
            end_stop(request, reason="已答复 answered", by=actor.name, calendar=calendar, now=now)
        session.flush()
        request.opinion = opinion = Opinion(number=1)
    else:
        _refuse_amendment(session, request, before, answer.amends, today=now.date())
        before.earlier.append(EarlierOpinion(number=before.number, content=opinion_content(before)))
        before.number += 1
        before.condition_list.clear()
        session.flush()
        opinion = before
    _write(opinion, answer, actor=actor, now=now)
    with refused_by_the_database():
        session.flush()
    record(
        session,
        actor,
        Act.GIVE_OPINION,
        kind="opinion_request",
        id=request.id,
        after={
            "department": request.department,
            "kind": answer.kind,
            "number": opinion.number,
            "source": answer.source,
        },
    )
    tell(
        session,
        NoticeKind.ANSWERED,
        "{department} 已反馈意见 has answered" + (f"（第 {opinion.number} 次）" if before else ""),
        to=Office.COORDINATOR,
        subject=request.department,
        project=request.consultation.project,
        request=request,
        now=now,
    )
    return request


@contextmanager
def refused_by_the_database() -> Iterator[None]:
    """Say in a sentence what the database refuses by its own rule (Art. 11: late, or taken back)."""
    try:
        yield
    except IntegrityError as error:
        told = error.orig
        if not isinstance(told, CheckViolation) or told.diag.constraint_name is not None:
            raise
        raise ConflictError(
            "the opinion was not stored, the database refuses it (Art. 11): {message_primary}",
            message_primary=told.diag.message_primary,
        ) from error


def _require_to_answer(actor: Actor, request: OpinionRequest, source: Source) -> None:
    """A department answers for itself; what came by letter or telephone may be entered by the coordinator as well."""
    if source is not Source.SYSTEM and may(actor, Act.ENTER_OPINION, request.thing):
        return
    require(actor, Act.GIVE_OPINION, request.thing)


def _write(opinion: Opinion, answer: OpinionGiven, *, actor: Actor, now: datetime) -> None:
    for name in ("kind", "conditions", "reason", "remark", "basis", "would_agree_if", "source", "evidence"):
        setattr(opinion, name, getattr(answer, name))
    opinion.markup = kept(answer.markup)
    opinion.answers = [{"finding": a.finding, "kind": str(a.kind), "text": a.text} for a in answer.answers]
    opinion.condition_list = [
        OpinionCondition(number=number, finding=c.finding, text=c.text, place=kept(c.place))
        for number, c in enumerate(answer.condition_list, start=1)
    ]
    opinion.given_by, opinion.given_on, opinion.given_at = actor.name, now.date(), now
    opinion.settled_at = opinion.settled_by = opinion.settled_words = None


def opinion_content(opinion: Opinion) -> dict[str, Any]:
    """What an opinion says, as plain JSON values, without its marks on the map."""
    names = ("kind", "conditions", "reason", "remark", "basis", "would_agree_if", "source", "evidence")
    content: Mapping[str, Any] = {name: getattr(opinion, name) for name in (*names, "given_by", "answers")}
    return {**content, "given_on": opinion.given_on.isoformat(), "given_at": opinion.given_at.isoformat()}


def _refuse_amendment(
    session: Session, request: OpinionRequest, opinion: Opinion, amends: int | None, *, today: date
) -> None:
    if opinion.kind == OpinionKind.DEEMED_NO_OBJECTION:
        raise ConflictError(_too_late(request))
    if amends != opinion.number:
        raise ConflictError(
            "the department answered on {given_on} already; to amend that before the limit ends, say which"
            " opinion you amend (amends: {opinion_number})",
            given_on=opinion.given_on,
            opinion_number=opinion.number,
        )
    if today > request.due_on and not request.provisional:
        raise ConflictError(_ended(request))
    if request.withdrawn_on is not None:
        raise ConflictError(_withdrawn(request))
    consultation = request.consultation
    session.refresh(consultation)
    session.refresh(consultation.project)
    if consultation.superseded_on is not None or consultation.project.status != ProjectStatus.CONSULTING:
        raise ConflictError(
            "the project goes on by what was said: its round has ended, and an opinion of it is amended no"
            " more"
        )


def refuse_late(request: OpinionRequest, *, calendar: WorkingCalendar, now: datetime) -> None:
    """Refuse whatever comes to a request whose limit has passed, or that was taken back; its row is locked."""
    settle(request, calendar=calendar, now=now)
    status = request_status(request, now.date())
    if status is OpinionStatus.DEEMED_NO_OBJECTION:
        raise ConflictError(_too_late(request))
    if status is OpinionStatus.WITHDRAWN:
        raise ConflictError(_withdrawn(request))


def refuse_past(request: OpinionRequest, *, calendar: WorkingCalendar, now: datetime) -> None:
    """Refuse what belongs to an opinion, answered or not, once the limit has passed (Art. 11); the row is locked."""
    refuse_late(request, calendar=calendar, now=now)
    if request.opinion is not None and now.date() > request.due_on and not request.provisional:
        raise ConflictError(_ended(request))


def _ended(request: OpinionRequest) -> Sentence:
    return Sentence(
        "the limit ended on {due_on}: an opinion is amended until then (Art. 11)", due_on=request.due_on
    )


def _too_late(request: OpinionRequest) -> Sentence:
    return Sentence(
        "the limit ended on {due_on}: silence counts as no objection and the request is withdrawn (Art. 11)",
        due_on=request.due_on,
    )


def _withdrawn(request: OpinionRequest) -> Sentence:
    why = request.withdrawn_why or Sentence("the footprint was changed")
    return Sentence(
        "the request was withdrawn on {withdrawn_on}: {why}", withdrawn_on=request.withdrawn_on, why=why
    )
