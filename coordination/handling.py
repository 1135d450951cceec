"""A request's way inside its department (科室流转, Art. 8): received, studied, reviewed, issued; handed on and sent back.

Nothing of it is an opinion before it is issued: past the limit a draft is silence (Art. 11). A department without steps
answers at once, and so does who is entitled to sign.
"""

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from blueprint.accounts.models import Section, directory
from blueprint.audit.log import record
from blueprint.city import City
from blueprint.errors import ConflictError, InvalidInputError, NotFoundError
from blueprint.permissions import Act, Actor, Post, RefusedError, Role, Thing, require
from blueprint.sentences import Sentence, Word, spoken
from blueprint.working_days import WorkingCalendar
from coordination.drafts import draft_of, given_by
from coordination.handling_models import (
    TRANSITIONS,
    Handling,
    HandlingEvent,
    HandlingState,
    HandlingStep,
    ResponsibleSection,
)
from coordination.handling_rules import Place, post_for, post_to, works_in_steps
from coordination.models import OpinionRequest, Source
from coordination.notice_models import NoticeKind
from coordination.notices import tell
from coordination.opinion_requests import locked, seen
from coordination.opinions import OpinionGiven, give_opinion, refuse_past
from coordination.projects import trimmed_reason

NEEDS_REASON = frozenset({HandlingStep.HAND_OVER, HandlingStep.SEND_BACK, HandlingStep.REOPEN})

_TOLD = {
    HandlingStep.HAND_OVER: "待科室接收 handed to a section",
    HandlingStep.ASSIGN: "已交办 assigned",
    HandlingStep.SUBMIT: "意见草稿待审核 a draft waits for its review",
    HandlingStep.APPROVE: "意见待签发 an opinion waits for its signature",
    HandlingStep.SEND_BACK: "意见草稿被退回 a draft was sent back",
    HandlingStep.REOPEN: "意见重新办理 an opinion is taken up again",
}


def name_responsible(
    session: Session,
    department: str,
    section_id: int,
    officer: str | None,
    *,
    city: City,
    actor: Actor,
    now: datetime,
) -> ResponsibleSection:
    """Name the section, and the person by login, to whom requests for opinions go (责任科室、责任人)."""
    require(actor, Act.ORGANISE_DEPARTMENT, Thing(department=department))
    city.department(department)
    _open_section(session, department, section_id, now)
    person = _member(session, department, section_id, officer, now) if officer is not None else None
    named = session.get(ResponsibleSection, department, with_for_update=True)
    before = None if named is None else {"section": named.section_id, "officer": named.officer}
    if named is None:
        named = ResponsibleSection(department=department)
        session.add(named)
    named.section_id, named.officer, named.named_by, named.named_at = section_id, person, actor.name, now
    session.flush()
    after = {"section": section_id, "officer": person}
    record(session, actor, "name_responsible", kind="department", id=department, before=before, after=after)
    return named


def responsible_for(session: Session, departments: Collection[str]) -> dict[str, ResponsibleSection]:
    """Who is responsible in each of these departments that has named somebody."""
    statement = select(ResponsibleSection).where(ResponsibleSection.department.in_(departments))
    return {named.department: named for named in session.scalars(statement)}


def state_of(handling: Handling | None, request: OpinionRequest) -> HandlingState:
    """At which step a request is; answered, by whatever way, it is issued until it is taken up again."""
    opinion = request.opinion
    if opinion is not None and (handling is None or handling.amends != opinion.number):
        return HandlingState.ISSUED
    return HandlingState(handling.state) if handling is not None else HandlingState.TO_RECEIVE


def place_of(
    handling: Handling | None, request: OpinionRequest, named: ResponsibleSection | None, city: City
) -> Place:
    """Where a request lies: as its steps left it, before the first one with whom its department named."""
    department = city.department(request.department)
    state = state_of(handling, request)
    if handling is not None:
        return Place(department, state, handling.section_id, handling.officer)
    if named is None:
        return Place(department, state)
    return Place(department, state, named.section_id, named.officer)


def take_step(
    session: Session,
    request_id: int,
    step: HandlingStep,
    *,
    city: City,
    calendar: WorkingCalendar,
    actor: Actor,
    now: datetime,
    section_id: int | None = None,
    officer: str | None = None,
    draft: OpinionGiven | None = None,
    reason: str | None = None,
) -> Handling:
    """Take a step with a request; `officer` is a login, `draft` the opinion as it stands after the step."""
    request = seen(locked(session, OpinionRequest.id == request_id).get(request_id), request_id, actor)
    require(actor, Act.HANDLE_REQUEST, request.thing)
    named = responsible_for(session, [request.department]).get(request.department)
    if not works_in_steps(city.department(request.department), has_responsible_section=named is not None):
        raise ConflictError(
            "{department} answers at once: it has named no responsible section, or the profile says so",
            department=request.department,
        )
    refuse_past(request, calendar=calendar, now=now)
    handling = session.get(Handling, request_id)
    place = place_of(handling, request, named, city)
    post = _post(actor, step, place)
    text = (
        trimmed_reason(reason or "", Sentence("the step {step}", step=_spoken(step)))
        if step in NEEDS_REASON or reason
        else None
    )
    if handling is None:
        handling = Handling(
            request_id=request_id, state=place.state, section_id=place.section_id, officer=place.officer
        )
        session.add(handling)
    _carry_out(session, request, handling, step, actor, section_id=section_id, officer=officer, now=now)
    if draft is not None:
        if step not in (HandlingStep.SAVE, HandlingStep.SUBMIT, HandlingStep.APPROVE, HandlingStep.ISSUE):
            raise InvalidInputError("no draft goes with the step {step}", step=_spoken(step), place="draft")
        handling.draft = draft_of(draft.checked().fits(request))
    if step in (HandlingStep.SAVE, HandlingStep.SUBMIT) and handling.draft is None:
        raise InvalidInputError("there is no draft yet; give the opinion as it is meant to be", place="draft")
    handling.state = TRANSITIONS[place.state][step]
    session.flush()
    if step is HandlingStep.ISSUE:
        _issue(session, request, handling, city=city, calendar=calendar, actor=actor, now=now)
    _note(session, request, handling, step, post, text, actor=actor, now=now)
    return handling


def _carry_out(
    session: Session,
    request: OpinionRequest,
    handling: Handling,
    step: HandlingStep,
    actor: Actor,
    *,
    section_id: int | None,
    officer: str | None,
    now: datetime,
) -> None:
    """What a step changes of section and officer."""
    department = request.department
    match step:
        case HandlingStep.RECEIVE:
            own = next((p.section_id for p in actor.posts if p.section_id is not None), None)
            handling.section_id = handling.section_id or own
            handling.officer = actor.name
        case HandlingStep.HAND_OVER:
            if section_id is not None:
                _open_section(session, department, section_id, now)
            handling.section_id, handling.officer = section_id, None
        case HandlingStep.ASSIGN:
            if officer is None:
                raise InvalidInputError("name whom it is assigned to, by login", place="officer")
            handling.officer = _member(session, department, handling.section_id, officer, now)
        case HandlingStep.REOPEN:
            assert request.opinion is not None
            handling.amends = request.opinion.number
            handling.officer = handling.officer or actor.name
        case _:
            pass


def _spoken(step: HandlingStep) -> Sentence:
    """A step as a sentence says it: what a project's `submit` is (提交), inside a department is 送审."""
    return Word("submit for review") if step is HandlingStep.SUBMIT else spoken(step)


def _post(actor: Actor, step: HandlingStep, place: Place) -> Post:
    if step not in TRANSITIONS[place.state]:
        may_follow = [_spoken(each) for each in TRANSITIONS[place.state]]
        raise ConflictError(
            "the request is {place_state} inside its department; what may follow: {may_follow}",
            place_state=spoken(place.state),
            may_follow=may_follow,
        )
    post = post_to(actor, step, place)
    if post is None:
        raise RefusedError(
            Sentence(
                "{name} may not {step} this request where it lies; it is with {officer}, or for whoever reviews or signs there",
                name=actor.name,
                step=_spoken(step),
                officer=place.officer or Sentence("its section"),
            ),
            actor=actor,
            act=Act.HANDLE_REQUEST,
            thing=Thing(department=place.department.code),
        )
    return post


def _issue(
    session: Session,
    request: OpinionRequest,
    handling: Handling,
    *,
    city: City,
    calendar: WorkingCalendar,
    actor: Actor,
    now: datetime,
) -> None:
    assert handling.draft is not None
    given = given_by(handling.draft, srid=city.working_srid, amends=handling.amends)
    give_opinion(session, request.id, given, actor=actor, calendar=calendar, now=now)


def answer(
    session: Session,
    request_id: int,
    given: OpinionGiven,
    *,
    city: City,
    calendar: WorkingCalendar,
    actor: Actor,
    now: datetime,
) -> OpinionRequest:
    """Answer a request at once: in a department without steps, by who is entitled to sign, or as a letter that came."""
    request = seen(locked(session, OpinionRequest.id == request_id).get(request_id), request_id, actor)
    named = responsible_for(session, [request.department]).get(request.department)
    department = city.department(request.department)
    if given.source is not Source.SYSTEM or not works_in_steps(
        department, has_responsible_section=named is not None
    ):
        return give_opinion(session, request_id, given, actor=actor, calendar=calendar, now=now)
    require(actor, Act.GIVE_OPINION, request.thing)
    handling = session.get(Handling, request_id)
    post = post_for(actor, Act.ISSUE_OPINION, place_of(handling, request, named, city))
    if post is None:
        raise ConflictError(
            "{department_name} answers in steps: submit the draft for its review, and who is entitled"
            " issues it (POST …/handling/steps)",
            department_name=department.name,
        )
    give_opinion(session, request_id, given, actor=actor, calendar=calendar, now=now)
    if handling is None:
        handling = Handling(
            request_id=request_id,
            state=HandlingState.ISSUED,
            section_id=named.section_id if named is not None else None,
            officer=named.officer if named is not None else None,
        )
        session.add(handling)
    handling.state, handling.draft = HandlingState.ISSUED, draft_of(given.checked().fits(request))
    session.flush()
    _note(session, request, handling, HandlingStep.ISSUE, post, None, actor=actor, now=now)
    return request


def _open_section(session: Session, department: str, section_id: int, now: datetime) -> Section:
    section = session.get(Section, section_id)
    if (
        section is None
        or section.department != department
        or section.starts_at > now
        or (section.ends_at is not None and section.ends_at <= now)
    ):
        raise NotFoundError(
            "{department} has no open section {section_id}; `blueprint department tree` shows them",
            department=department,
            section_id=section_id,
        )
    return section


def _member(session: Session, department: str, section_id: int | None, login: str, now: datetime) -> str:
    """The name of a member of the department, and of the section where there is one, who may study a request."""
    known = directory(now)
    roles = (Role.REVIEWER, Role.SECTION_HEAD, Role.DIRECTOR)
    rows = session.execute(
        select(known.c.name, known.c.section_id).where(
            known.c.login == login, known.c.department == department, known.c.role.in_(roles)
        )
    ).all()
    for row in rows:
        if section_id is None or row.section_id in (None, section_id):
            return f"{row.name} {login}"
    raise InvalidInputError(
        "{login} is no reviewer, section head or director there; name one who is",
        login=login[:60],
        place="officer",
    )


def _note(
    session: Session,
    request: OpinionRequest,
    handling: Handling,
    step: HandlingStep,
    post: Post,
    reason: str | None,
    *,
    actor: Actor,
    now: datetime,
) -> None:
    """The trail, the log, and a notice to the department where somebody else has to go on."""
    session.refresh(handling, ["section"])
    section = handling.section.name if handling.section is not None else None
    event = HandlingEvent(
        request_id=request.id,
        step=step,
        state=handling.state,
        at=now,
        by=actor.name,
        stands_for=post.holder,
        section=section,
        officer=handling.officer,
        reason=reason,
    )
    session.add(event)
    session.flush()
    session.expire(handling, ["events"])
    names = ("step", "state", "stands_for", "section", "officer", "reason")
    after = {name: getattr(event, name) for name in names}
    record(session, actor, Act.HANDLE_REQUEST, kind="opinion_request", id=request.id, after=after)
    if step in _TOLD:
        whom = "、".join(each for each in (section, _name(handling.officer)) if each)
        tell(
            session,
            NoticeKind.HANDLING,
            f"{_TOLD[step]}{f'（{whom}）' if whom else ''}",
            to=request.department,
            project=request.consultation.project,
            request=request,
            now=now,
        )


def _name(officer: str | None) -> str | None:
    """A person's name without the login."""
    return officer.rpartition(" ")[0] or officer if officer is not None else None
