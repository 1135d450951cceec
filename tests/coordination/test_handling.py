"""Inside a department (Art. 8): receive, study, review, issue; sections, absence, delegation; and silence past the limit."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, ClassVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test
from sqlalchemy import Engine, delete, select
from sqlalchemy.orm import Session

from blueprint.accounts import persons, sections
from blueprint.accounts.staff import staff_of
from blueprint.accounts.stand_ins import arrange_stand_in, end_stand_in, lent_posts
from blueprint.city import City
from blueprint.errors import BlueprintError, ConflictError, InvalidInputError, NotFoundError
from blueprint.internal_steps import InternalLimits
from blueprint.permissions import Act, Actor, Post, RefusedError, Role, at_console, may
from coordination import clock, handling
from coordination.handling import take_step
from coordination.handling_models import Handling, HandlingState, HandlingStep, ResponsibleSection
from coordination.handling_views import lying_of, remind_inside
from coordination.limits import OpinionStatus
from coordination.models import OpinionKind, OpinionRequest
from coordination.notice_models import Notice, NoticeKind
from coordination.opinion_requests import request_status
from coordination.opinions import Condition, OpinionGiven
from tests.coordination.test_opinions import place
from tests.coordination.test_rounds import consult, register
from tests.coordination.world import CALENDAR, COORDINATOR, DUE_ON, HERITAGE, NOW, WATER

OPERATOR = at_console("test")
AGREE = OpinionGiven(OpinionKind.AGREE)
PEOPLE = {
    "xin": (Role.REVIEWER, "河湖科"),
    "ke": (Role.SECTION_HEAD, "河湖科"),
    "gui": (Role.REVIEWER, "规划科"),
    "zhang": (Role.SECTION_HEAD, "规划科"),
    "ju": (Role.DIRECTOR, None),
}


@dataclass
class Bureau:
    """The water bureau with two sections and people in them, and the request that it has to answer."""

    session: Session
    city: City
    sections: dict[str, int]
    request: OpinionRequest

    def actor(self, login: str, now: datetime = NOW) -> Actor:
        """Somebody of the bureau, with the posts of an instant, as a session would have them."""
        role, section = PEOPLE[login]
        posts = (Post(role, self.sections[section] if section else None),)
        lent = lent_posts(self.session, login, "slj", now=now)
        roles = frozenset({Role.ANYONE, role})
        return Actor(f"{login.title()} {login}", "slj", roles, person_id=1, posts=(*posts, *lent))

    def step(self, login: str, step: str, now: datetime = NOW, **given: Any) -> Handling:
        return take_step(
            self.session,
            self.request.id,
            HandlingStep(step),
            city=self.city,
            calendar=CALENDAR,
            actor=self.actor(login, now),
            now=now,
            **given,
        )

    def stand_in(self, login: str, deputy: str, *, by: str | None = None, **given: Any) -> Any:
        options = {"act": None, "starts_on": NOW.date(), "ends_on": DUE_ON, "reason": "出差"} | given
        actor = self.actor(by or login)
        return arrange_stand_in(self.session, login, deputy, city=self.city, actor=actor, now=NOW, **options)

    def with_whom(self, login: str) -> tuple[bool, bool]:
        """Whether the request waits for this person, and whether it lies in their section."""
        lying = lying_of(
            self.session, [self.request], city=self.city, calendar=CALENDAR, actor=self.actor(login)
        )[self.request.id]
        return lying.is_with_me, lying.is_with_my_section


@pytest.fixture(scope="module")
def made(world_engine: Engine, world: City) -> Iterator[Bureau]:
    """The bureau in a transaction of its own: accounts take long to make."""
    with world_engine.connect() as connection:
        transaction = connection.begin()
        with Session(connection, join_transaction_mode="create_savepoint", expire_on_commit=False) as session:
            yield make_bureau(session, world)
        transaction.rollback()


@pytest.fixture
def bureau(made: Bureau, world: City) -> Iterator[Bureau]:
    """The bureau as it was made; what a test does is undone."""
    savepoint = made.session.begin_nested()
    yield replace(made, city=world)
    savepoint.rollback()
    made.session.expire_all()


def make_bureau(session: Session, city: City) -> Bureau:
    made = {
        name: sections.add_section(session, "slj", name, city=city, actor=OPERATOR, now=NOW).id
        for name in ("河湖科", "规划科")
    }
    for login, (role, section) in PEOPLE.items():
        person, _ = persons.add_person(session, login, login.title(), actor=OPERATOR, now=NOW)
        persons.appoint(
            session, person, role, department="slj", section=section, city=city, actor=OPERATOR, now=NOW
        )
    opened = consult(session, city, register(session, city))
    request = next(each for each in opened.requests if each.department == "slj")
    bureau = Bureau(session, city, made, request)
    director = bureau.actor("ju")
    handling.name_responsible(session, "slj", made["河湖科"], None, city=city, actor=director, now=NOW)
    return bureau


def test_an_opinion_is_received_studied_reviewed_and_issued_by_who_signs(bureau: Bureau) -> None:
    at = place(bureau.city, 220, 260)
    draft = OpinionGiven(
        OpinionKind.AGREE_WITH_CONDITIONS, condition_list=(Condition("避开汛期", finding=1, place=at),)
    )

    bureau.step("xin", "receive")
    bureau.step("xin", "submit", draft=draft)
    assert bureau.request.opinion is None
    bureau.step("ke", "approve")
    with pytest.raises(RefusedError):
        bureau.step("ke", "issue")
    done = bureau.step("ju", "issue")

    opinion = bureau.request.opinion
    assert opinion is not None and (opinion.given_by, opinion.kind) == ("Ju ju", "agree_with_conditions")
    assert [(c.text, c.finding, c.place is not None) for c in opinion.condition_list] == [
        ("避开汛期", 1, True)
    ]
    assert [(e.step, e.by) for e in done.events] == [
        ("receive", "Xin xin"), ("submit", "Xin xin"), ("approve", "Ke ke"), ("issue", "Ju ju")
    ]  # fmt: skip
    assert HandlingState(done.state) is HandlingState.ISSUED


def test_what_is_drafted_and_not_issued_by_the_limit_is_silence_and_no_step_is_taken_any_more(
    bureau: Bureau,
) -> None:
    for login, step, given in (
        ("xin", "receive", {}),
        ("xin", "submit", {"draft": AGREE}),
        ("ke", "approve", {}),
    ):
        bureau.step(login, step, **given)
    late = NOW.replace(day=1, month=12, hour=0, minute=0)

    assert request_status(bureau.request, late.date()) is OpinionStatus.DEEMED_NO_OBJECTION
    with pytest.raises(ConflictError, match="silence counts"):
        bureau.step("ju", "issue", now=late)
    assert clock.close_overdue(bureau.session, late.date(), now=late, calendar=CALENDAR) > 0
    assert bureau.request.opinion is not None
    assert bureau.request.opinion.kind == OpinionKind.DEEMED_NO_OBJECTION
    with pytest.raises(ConflictError):
        bureau.step("ke", "send_back", now=late, reason="x")


def test_a_request_goes_to_another_section_and_back_and_a_draft_is_sent_back_with_a_reason(
    bureau: Bureau,
) -> None:
    with pytest.raises(RefusedError):
        bureau.step("gui", "receive")
    bureau.step("xin", "hand_over", section_id=bureau.sections["规划科"], reason="属规划科职责")
    with pytest.raises(RefusedError):
        bureau.step("xin", "receive")
    assert (bureau.with_whom("gui"), bureau.with_whom("xin")) == ((True, True), (False, False))

    bureau.step("gui", "receive")
    bureau.step("gui", "submit", draft=AGREE)
    with pytest.raises(RefusedError):
        bureau.step("ke", "approve")
    with pytest.raises(InvalidInputError, match="reason"):
        bureau.step("zhang", "send_back")
    bureau.step("zhang", "send_back", reason="请补充依据")
    assert (bureau.with_whom("gui"), bureau.with_whom("zhang")) == ((True, True), (False, True))
    bureau.step("gui", "submit")
    bureau.step("zhang", "approve", draft=OpinionGiven(OpinionKind.NO_OBJECTION))
    assert bureau.with_whom("ju") == (True, False)
    bureau.step("ju", "send_back", reason="再议")

    bureau.step("zhang", "assign", officer="zhang")
    with pytest.raises(InvalidInputError, match="no reviewer"):
        bureau.step("zhang", "assign", officer="xin")
    kinds = bureau.session.scalars(select(Notice.text).where(Notice.kind == NoticeKind.HANDLING)).all()
    assert any("待科室接收" in text and "规划科" in text for text in kinds)


def test_who_is_away_has_somebody_standing_in_for_their_days_and_a_right_is_delegated_alone(
    bureau: Bureau,
) -> None:
    for login, step, given in (("xin", "receive", {}), ("xin", "submit", {"draft": AGREE})):
        bureau.step(login, step, **given)
    with pytest.raises(RefusedError):
        bureau.step("gui", "approve")

    away = bureau.stand_in("ke", "gui")
    assert bureau.with_whom("gui") == (True, True)
    approved = bureau.step("gui", "approve")
    assert (approved.events[-1].by, approved.events[-1].stands_for) == ("Gui gui", "Ke ke")
    bureau.stand_in("ju", "zhang", act=Act.ISSUE_OPINION, reason="委托签发")
    deputy = bureau.actor("zhang")
    assert may(deputy, Act.ISSUE_OPINION, bureau.request.thing)
    assert not may(deputy, Act.ORGANISE_DEPARTMENT, bureau.request.thing)
    end_stand_in(bureau.session, away.id, actor=bureau.actor("ke"), now=NOW)
    assert bureau.actor("gui").posts == (Post(Role.REVIEWER, bureau.sections["规划科"]),)

    bureau.step("zhang", "issue")
    assert bureau.request.opinion is not None and bureau.request.opinion.given_by == "Zhang zhang"


def test_a_stand_in_is_a_member_there_arranged_by_oneself_or_the_director_and_never_twice(
    bureau: Bureau,
) -> None:
    with pytest.raises(RefusedError):
        bureau.stand_in("ke", "gui", by="xin")
    bureau.stand_in("ke", "gui", by="ju")
    with pytest.raises(ConflictError, match="away"):
        bureau.stand_in("ke", "xin")
    with pytest.raises(ConflictError, match="away"):
        bureau.stand_in("xin", "ke")
    with pytest.raises(InvalidInputError, match="themselves"):
        bureau.stand_in("ju", "ju")
    with pytest.raises(InvalidInputError, match="holds no role"):
        bureau.stand_in("ju", "nobody")
    with pytest.raises(InvalidInputError, match="does not hold"):
        bureau.stand_in("xin", "gui", act=Act.ISSUE_OPINION)
    with pytest.raises(InvalidInputError, match="last day"):
        bureau.stand_in(
            "ju", "xin", starts_on=NOW.date() - timedelta(days=9), ends_on=NOW.date() - timedelta(days=1)
        )
    later = NOW + timedelta(days=30)
    assert bureau.actor("gui", later).posts == (Post(Role.REVIEWER, bureau.sections["规划科"]),)


def test_the_people_of_a_department_are_listed_for_itself_by_section_and_name(bureau: Bureau) -> None:
    given = {"city": bureau.city, "now": NOW}

    found = staff_of(bureau.session, "slj", actor=bureau.actor("xin"), **given)

    assert [(each.login, each.section) for each in found] == [
        ("ju", None), ("ke", "河湖科"), ("xin", "河湖科"), ("gui", "规划科"), ("zhang", "规划科"),
    ]  # fmt: skip
    assert found[1].roles == (Role.SECTION_HEAD,)
    for stranger in (HERITAGE, COORDINATOR):
        with pytest.raises(RefusedError):
            staff_of(bureau.session, "slj", actor=stranger, **given)


def test_a_department_without_sections_answers_at_once_and_one_with_steps_only_by_who_signs(
    bureau: Bureau,
) -> None:
    session, world = bureau.session, bureau.city
    session.execute(delete(ResponsibleSection))
    options: dict[str, Any] = {"calendar": CALENDAR, "now": NOW}

    with pytest.raises(ConflictError, match="answers at once"):
        bureau.step("xin", "receive")
    stepping = replace(
        world,
        departments=tuple(replace(d, internal_steps=d.code == "slj") for d in world.departments),
    )
    with pytest.raises(ConflictError, match="answers in steps"):
        handling.answer(
            session, bureau.request.id, AGREE, city=stepping, actor=bureau.actor("xin"), **options
        )
    handling.answer(session, bureau.request.id, AGREE, city=world, actor=bureau.actor("xin"), **options)
    assert bureau.request.opinion is not None

    again = replace(AGREE, amends=1)
    signed = handling.answer(
        session, bureau.request.id, again, city=stepping, actor=bureau.actor("ju"), **options
    )
    assert signed.opinion is not None and signed.opinion.number == 2
    kept = session.get_one(Handling, bureau.request.id)
    assert [(e.step, e.by) for e in kept.events] == [("issue", "Ju ju")]


def test_the_head_signs_where_the_profile_says_so_and_an_opinion_is_amended_through_the_same_steps(
    bureau: Bureau,
) -> None:
    heads = tuple(replace(d, sign_off=Role.SECTION_HEAD) for d in bureau.city.departments)
    bureau.city = replace(bureau.city, departments=heads)
    for login, step, given in (
        ("xin", "receive", {}),
        ("xin", "submit", {"draft": AGREE}),
        ("ke", "approve", {}),
        ("ke", "issue", {}),
        ("xin", "reopen", {"reason": "有新情况"}),
        ("xin", "submit", {"draft": OpinionGiven(OpinionKind.NO_OBJECTION)}),
        ("ke", "approve", {}),
    ):
        bureau.step(login, step, **given)
    assert bureau.request.opinion is not None and bureau.request.opinion.kind == OpinionKind.AGREE

    bureau.step("ke", "issue")

    assert (bureau.request.opinion.kind, bureau.request.opinion.number) == (OpinionKind.NO_OBJECTION, 2)


def test_what_a_department_does_inside_is_nobody_elses(bureau: Bureau) -> None:
    for stranger in (COORDINATOR, HERITAGE):
        with pytest.raises((RefusedError, NotFoundError)):
            take_step(
                bureau.session,
                bureau.request.id,
                HandlingStep.RECEIVE,
                city=bureau.city,
                calendar=CALENDAR,
                actor=stranger,
                now=NOW,
            )
        seen = lying_of(bureau.session, [bureau.request], city=bureau.city, calendar=CALENDAR, actor=stranger)
        assert seen == {}


def test_internal_days_run_one_after_the_other_never_beyond_the_legal_limit_and_are_reminded_of_once(
    bureau: Bureau,
) -> None:
    session = bureau.session
    city = replace(bureau.city, internal_limits=InternalLimits(receive=1, study=2, review=1, issue=9))

    def due_on() -> Any:
        (lying,) = lying_of(session, [bureau.request], city=city, calendar=CALENDAR, actor=WATER).values()
        return lying.due_on

    def remind(days: float) -> int:
        return remind_inside(
            session, city=city, calendar=CALENDAR, actor=OPERATOR, now=NOW + timedelta(days=days)
        )

    assert due_on() == NOW.date() + timedelta(days=1)
    assert (remind(1), remind(2), remind(2.1)) == (0, 1, 0)
    bureau.step("xin", "receive")
    assert due_on() == NOW.date() + timedelta(days=3)
    bureau.step("xin", "submit", draft=AGREE)
    assert due_on() == NOW.date() + timedelta(days=4)
    bureau.step("ke", "approve")
    assert due_on() == DUE_ON == bureau.request.due_on
    told = session.scalars(select(Notice).where(Notice.kind == NoticeKind.INTERNAL_DUE)).one()
    assert told.department == "slj" and "河湖科" in told.text and str(DUE_ON) in told.text


class HandlingMachine(RuleBasedStateMachine):
    """Everybody of the bureau tries every step at any time; whatever is refused must have changed nothing."""

    make: ClassVar[Callable[[], Bureau]]
    issued: ClassVar[int] = 0
    silent: ClassVar[int] = 0

    def __init__(self) -> None:
        super().__init__()
        self.bureau = type(self).make()
        self.session = self.bureau.session
        self.savepoint = self.session.begin_nested()
        self.now: datetime = NOW
        self.said: dict[int, str] = {}

    def teardown(self) -> None:
        status = request_status(self.bureau.request, self.now.date())
        type(self).silent += status is OpinionStatus.DEEMED_NO_OBJECTION
        type(self).issued += status is OpinionStatus.GIVEN
        self.savepoint.rollback()
        self.session.expire_all()

    @rule(hours=st.sampled_from((2, 5, 30, 200)))
    def time_passes(self, hours: float) -> None:
        self.now += timedelta(hours=hours)

    def _take(self, login: str, step: HandlingStep) -> None:
        before = handling.state_of(self.session.get(Handling, self.bureau.request.id), self.bureau.request)
        section = self.bureau.sections["规划科" if login in ("xin", "ke") else "河湖科"]
        draft = AGREE if step is HandlingStep.SUBMIT else None
        status = request_status(self.bureau.request, self.now.date())
        try:
            with self.session.begin_nested():
                done = self.bureau.step(
                    login, step, self.now, section_id=section, officer=login, draft=draft, reason="理由"
                )
        except BlueprintError:
            self.session.expire_all()
            return
        assert status in (OpinionStatus.AWAITED, OpinionStatus.GIVEN)
        assert HandlingState(done.state) in handling.TRANSITIONS[before].values()
        if step is HandlingStep.ISSUE:
            assert login == "ju" or any(
                post.holder == "Ju ju" for post in self.bureau.actor(login, self.now).posts
            )

    @rule(login=st.sampled_from(sorted(PEOPLE)), step=st.sampled_from(HandlingStep))
    def anybody_tries(self, login: str, step: HandlingStep) -> None:
        self._take(login, step)

    @rule(steps=st.integers(1, 4))
    def those_it_waits_for_go_on(self, steps: int) -> None:
        """What the work asks for: the next steps, each by who may take it."""
        for _ in range(steps):
            self._go_on()

    def _go_on(self) -> None:
        following = {
            "to_receive": "receive",
            "in_study": "submit",
            "in_review": "approve",
            "to_issue": "issue",
        }
        row = self.session.get(Handling, self.bureau.request.id)
        state = handling.state_of(row, self.bureau.request)
        for login in PEOPLE if state in following else ():
            if self.bureau.with_whom(login)[0]:
                self._take(login, HandlingStep(following[state]))
                break

    @rule(deputy=st.sampled_from(("xin", "zhang")))
    def the_director_goes_away(self, deputy: str) -> None:
        try:
            with self.session.begin_nested():
                self.bureau.stand_in("ju", deputy)
        except BlueprintError:
            self.session.expire_all()

    @rule()
    def the_job_runs(self) -> None:
        clock.close_overdue(self.session, self.now.date(), now=self.now, calendar=CALENDAR)

    @invariant()
    def an_opinion_was_issued_and_what_was_not_in_time_is_silence(self) -> None:
        request = self.bureau.request
        row, opinion = self.session.get(Handling, request.id), request.opinion
        if opinion is None:
            late = self.now.date() > request.due_on
            assert (request_status(request, self.now.date()) is OpinionStatus.DEEMED_NO_OBJECTION) == late
            assert row is None or row.state != HandlingState.ISSUED
        elif opinion.kind != OpinionKind.DEEMED_NO_OBJECTION:
            assert opinion.given_on <= request.due_on
            assert row is not None
            issues = [event for event in row.events if event.step == HandlingStep.ISSUE]
            assert [event.by for event in issues][-1] == opinion.given_by and len(issues) == opinion.number

    @invariant()
    def the_trail_is_only_added_to(self) -> None:
        row = self.session.get(Handling, self.bureau.request.id)
        for event in row.events if row is not None else ():
            assert self.said.setdefault(event.id, f"{event.step} {event.by}") == f"{event.step} {event.by}"


def test_no_way_through_a_department_leads_round_its_signature_or_the_limit(
    bureau: Bureau,
) -> None:
    HandlingMachine.make = staticmethod(lambda: bureau)

    run_state_machine_as_test(
        HandlingMachine,
        settings=settings(
            max_examples=20,
            stateful_step_count=16,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            derandomize=True,
        ),
    )

    assert HandlingMachine.issued > 2 and HandlingMachine.silent > 2, "the machine comes to neither end"
