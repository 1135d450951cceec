"""Inside a department (Art. 8): who may take which step, with whom a request is, and until when; pure rules of plain values."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from blueprint.city import Department
from blueprint.internal_steps import InternalLimits
from blueprint.permissions import RIGHTS, Act, Actor, Post, Role, Thing, may
from blueprint.working_days import WorkingCalendar
from coordination.handling_models import TRANSITIONS, HandlingState, HandlingStep
from coordination.limits import Stop, due_date


@dataclass(frozen=True)
class Place:
    """Where a request lies inside its department: at which step, in which section, with whom."""

    department: Department
    state: HandlingState
    section_id: int | None = None
    officer: str | None = None


def works_in_steps(department: Department, *, has_responsible_section: bool) -> bool:
    """Say whether a department's people answer in steps: as the profile says, else when it has named who is responsible."""
    return department.internal_steps if department.internal_steps is not None else has_responsible_section


def post_for(actor: Actor, act: Act, place: Place) -> Post | None:
    """The post by which an actor has a right on a request where it lies; the own one before one that is held for another.

    A post in a section is for what lies there, and for what no section has yet. A machine of the department, or who is
    at the console, is bound to no section.
    """
    if not may(actor, act, Thing(department=place.department.code)):
        return None
    roles = set(RIGHTS[act])
    if act is Act.ISSUE_OPINION and place.department.sign_off is Role.DIRECTOR:
        roles.discard(Role.SECTION_HEAD)
    posts = actor.posts or tuple(Post(role) for role in sorted(actor.roles))
    fitting = (
        post
        for post in posts
        if post.role in roles
        and post.covers(act)
        and (post.section_id is None or place.section_id in (None, post.section_id))
    )
    return min(fitting, key=lambda post: post.holder is not None, default=None)


def post_of_officer(actor: Actor, place: Place) -> Post | None:
    """The post by which a request is the actor's to study: the own one, or that of the officer they stand in for."""
    if place.officer is None:
        return None
    if place.officer == actor.name:
        return Post(Role.REVIEWER, place.section_id)
    held = (post for post in actor.posts if post.holder == place.officer and post.acts is None)
    return next(held, None)


def post_to(actor: Actor, step: HandlingStep, place: Place) -> Post | None:
    """The post by which an actor may take a step; None where the step does not follow, or is not theirs."""
    if step not in TRANSITIONS[place.state]:
        return None
    match step:
        case HandlingStep.RECEIVE:
            return post_for(actor, Act.HANDLE_REQUEST, place)
        case HandlingStep.ISSUE:
            return post_for(actor, Act.ISSUE_OPINION, place)
        case HandlingStep.SEND_BACK if place.state is HandlingState.TO_ISSUE:
            return post_for(actor, Act.ISSUE_OPINION, place)
        case HandlingStep.APPROVE | HandlingStep.SEND_BACK:
            return post_for(actor, Act.REVIEW_DRAFT, place)
        case HandlingStep.HAND_OVER if place.state is HandlingState.TO_RECEIVE:
            return post_for(actor, Act.HANDLE_REQUEST, place)
        case _:
            return post_of_officer(actor, place) or post_for(actor, Act.REVIEW_DRAFT, place)


def is_with(actor: Actor, place: Place) -> bool:
    """Say whether a request waits for this very person."""
    match place.state:
        case HandlingState.TO_RECEIVE:
            return post_for(actor, Act.HANDLE_REQUEST, place) is not None and (
                place.officer is None or post_of_officer(actor, place) is not None
            )
        case HandlingState.IN_STUDY:
            return post_of_officer(actor, place) is not None
        case HandlingState.IN_REVIEW:
            return post_for(actor, Act.REVIEW_DRAFT, place) is not None
        case HandlingState.TO_ISSUE:
            return post_for(actor, Act.ISSUE_OPINION, place) is not None
        case HandlingState.ISSUED:
            return False


def is_with_section_of(actor: Actor, place: Place) -> bool:
    """Say whether a request lies in a section that the actor is of."""
    return place.section_id is not None and any(post.section_id == place.section_id for post in actor.posts)


_DAYS = {
    HandlingState.TO_RECEIVE: ("receive",),
    HandlingState.IN_STUDY: ("receive", "study"),
    HandlingState.IN_REVIEW: ("receive", "study", "review"),
    HandlingState.TO_ISSUE: ("receive", "study", "review", "issue"),
}
"""The steps whose days have to be over when a state is."""


def internal_due_on(
    state: HandlingState,
    *,
    sent_on: date,
    due_on: date,
    limits: InternalLimits,
    stops: Sequence[Stop],
    calendar: WorkingCalendar,
) -> date | None:
    """The last day of a state's internal limit, counted as the legal one is, and never after that (Art. 11)."""
    if state is HandlingState.ISSUED:
        return None
    days = max(1, sum(getattr(limits, name) for name in _DAYS[state]))
    counted = due_date(sent_on, working_days=days, stops=stops, calendar=calendar, is_internal=True)
    return min(due_on, counted.on)
