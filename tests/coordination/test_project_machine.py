"""A project driven at random on a real database (hypothesis): no path leads round the regulation."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, ClassVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from sqlalchemy import select
from sqlalchemy.orm import Session

from blueprint.city import City
from blueprint.errors import BlueprintError
from coordination import clock, consultation, contests, notices, opinions, projects, steps
from coordination.clearance import clear_project
from coordination.handover import read_message
from coordination.handover_changes import withdraw_clearance
from coordination.handover_models import Clearance, Handover
from coordination.limits import OpinionStatus
from coordination.models import Check, Consultation, Opinion, OpinionKind, OpinionRequest, Project
from coordination.opinion_requests import request_status
from coordination.opinions import OpinionGiven
from coordination.project_states import BY_HAND, TRANSITIONS, ProjectStatus, Step
from coordination.responsibility import Why, concerns_by_department, responsible_departments
from coordination.rounds import Choice, is_opposed, standing_requests
from tests.coordination.test_rounds import WHO
from tests.coordination.world import CALENDAR, COORDINATOR, DETAILS, NOW, footprint

GIVEN = {
    OpinionKind.AGREE: OpinionGiven(OpinionKind.AGREE),
    OpinionKind.NO_OBJECTION: OpinionGiven(OpinionKind.NO_OBJECTION),
    OpinionKind.AGREE_WITH_CONDITIONS: OpinionGiven(OpinionKind.AGREE_WITH_CONDITIONS, conditions="办理许可"),
    OpinionKind.DISAGREE: OpinionGiven(OpinionKind.DISAGREE, reason="理由", basis="《城乡规划法》"),
}
SITES = ((220, 320), (220, 300), (310, 340), (50, 120), (400, 450))
"""River and heritage; the same river and less heritage; heritage alone; farmland, which prohibits; nothing."""

_MAY_ANSWER = {**WHO, "zrzy": COORDINATOR}


class ProjectMachine(RuleBasedStateMachine):
    """One project; every act is tried in every state, and what is refused must have changed nothing."""

    session: ClassVar[Session]
    city: ClassVar[City]
    clearances: ClassVar[int] = 0
    withdrawals: ClassVar[int] = 0

    def __init__(self) -> None:
        super().__init__()
        self.savepoint = self.session.begin_nested()
        self.now: datetime = NOW
        self.seen: dict[int, str] = {}

    def teardown(self) -> None:
        self.savepoint.rollback()
        self.session.expire_all()

    def _try(self, act: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
        """Do it in a savepoint of its own: refused, it left nothing behind."""
        try:
            with self.session.begin_nested():
                return act(self.session, *arguments, **options)
        except BlueprintError:
            self.session.expire_all()
            return None

    @property
    def project(self) -> Project:
        return self.session.get_one(Project, self.project_id)

    def _requests(self) -> list[OpinionRequest]:
        statement = (
            select(OpinionRequest)
            .join(OpinionRequest.consultation)
            .where(Consultation.project_id == self.project_id)
            .order_by(OpinionRequest.id)
        )
        return list(self.session.scalars(statement))

    @initialize(site=st.sampled_from(SITES), is_draft=st.sampled_from((False, False, False, True)))
    def begin(self, site: tuple[float, float], is_draft: bool) -> None:
        made = projects.register_project(
            self.session,
            DETAILS,
            footprint(self.city, *site),
            city=self.city,
            actor=COORDINATOR,
            now=self.now,
            is_draft=is_draft,
        )
        self.project_id = made.id

    @rule(days=st.sampled_from((0.3, 1, 3, 8)))
    def time_passes(self, days: float) -> None:
        self.now += timedelta(days=days)

    @rule()
    def check_and_consult(self) -> None:
        self._try(projects.check_project, self.project_id, city=self.city, actor=COORDINATOR, now=self.now)
        self._try(
            consultation.open_consultation,
            self.project_id,
            city=self.city,
            calendar=CALENDAR,
            actor=COORDINATOR,
            now=self.now,
        )

    @rule(department=st.sampled_from(("wlj", "fgw", "slj")), is_against=st.booleans())
    def leave_out_who_is_in_the_way(self, department: str, is_against: bool) -> None:
        """What a coordinator in need would do: everybody agrees but one, who is against it or silent, and is left out."""
        self.check_and_consult()
        self._everybody_but(department, is_against=is_against)
        self._try(
            consultation.open_consultation,
            self.project_id,
            city=self.city,
            calendar=CALENDAR,
            actor=COORDINATOR,
            now=self.now,
            add=[Choice("tjj", "理由")],
            drop=[Choice(department, "理由")],
        )
        self._everybody_but(department, is_against=is_against)
        self.clear()

    def _everybody_but(self, department: str, *, is_against: bool) -> None:
        for request in self._requests():
            against = request.department == department
            if not against or is_against:
                self._try(
                    opinions.give_opinion,
                    request.id,
                    GIVEN[OpinionKind.DISAGREE if against else OpinionKind.AGREE],
                    actor=_MAY_ANSWER[request.department],
                    calendar=CALENDAR,
                    now=self.now,
                )

    @rule(site=st.sampled_from(SITES))
    def revise(self, site: tuple[float, float]) -> None:
        self._try(
            consultation.revise_footprint,
            self.project_id,
            footprint(self.city, *site),
            city=self.city,
            calendar=CALENDAR,
            actor=COORDINATOR,
            now=self.now,
        )

    @rule(step=st.sampled_from([*Step, *[Step.SUBMIT, Step.RESUME] * 12]))
    def step(self, step: Step) -> None:
        before = ProjectStatus(self.project.status)
        done = self._try(
            steps.take_step,
            self.project_id,
            step,
            reason="理由",
            calendar=CALENDAR,
            actor=COORDINATOR,
            now=self.now,
        )
        assert (done is not None) == (step in BY_HAND and step in TRANSITIONS[before])

    @rule(pick=st.integers(0, 20), kind=st.sampled_from(sorted(GIVEN)), amends=st.none() | st.integers(1, 3))
    def answer(self, pick: int, kind: OpinionKind, amends: int | None) -> None:
        from dataclasses import replace

        requests = self._requests()
        if not requests:
            return
        request = requests[pick % len(requests)]
        open_before = request_status(request, self.now.date())
        given = replace(GIVEN[OpinionKind(kind)], amends=amends)
        actor = _MAY_ANSWER[request.department]
        done = self._try(
            opinions.give_opinion, request.id, given, actor=actor, calendar=CALENDAR, now=self.now
        )
        if open_before in (OpinionStatus.WITHDRAWN, OpinionStatus.DEEMED_NO_OBJECTION):
            assert done is None
        if open_before in (OpinionStatus.AWAITED, OpinionStatus.STOPPED):
            assert done is not None

    @rule(pick=st.integers(0, 20))
    def everybody_agrees(self, pick: int) -> None:
        for request in self._requests()[pick % 3 :]:
            actor = _MAY_ANSWER[request.department]
            self._try(
                opinions.give_opinion,
                request.id,
                GIVEN[OpinionKind.AGREE],
                actor=actor,
                calendar=CALENDAR,
                now=self.now,
            )

    @rule(pick=st.integers(0, 20), starts=st.booleans())
    def stop_or_start_the_clock(self, pick: int, starts: bool) -> None:
        requests = self._requests()
        if requests:
            act = clock.restart_clock if starts else clock.stop_clock
            self._try(
                act,
                requests[pick % len(requests)].id,
                reason="补充材料",
                actor=COORDINATOR,
                calendar=CALENDAR,
                now=self.now,
            )

    @rule(pick=st.integers(0, 20), upheld=st.booleans())
    def contest(self, pick: int, upheld: bool) -> None:
        requests = self._requests()
        if requests:
            request = requests[pick % len(requests)]
            self._try(
                contests.contest_finding,
                request.id,
                finding=1,
                reason="异议",
                actor=COORDINATOR,
                now=self.now,
            )
            self._try(
                contests.decide_contest,
                request.id,
                finding=1,
                is_upheld=upheld,
                reason="核实",
                actor=_MAY_ANSWER[request.department],
                now=self.now,
            )

    @rule()
    def the_job_runs(self) -> None:
        clock.recount_open(self.session, calendar=CALENDAR, now=self.now)
        clock.close_overdue(self.session, self.now.date(), now=self.now, calendar=CALENDAR)
        notices.remind(self.session, calendar=CALENDAR, now=self.now)

    @rule(
        kinds=st.lists(st.sampled_from([*sorted(GIVEN), "agree", "agree", "agree"]), min_size=3, max_size=3)
    )
    def hurry_through(self, kinds: list[str]) -> None:
        """What an eager coordinator would do: ask, have it answered somehow, clear at once."""
        self.check_and_consult()
        for number, request in enumerate(self._requests()):
            self._try(
                opinions.give_opinion,
                request.id,
                GIVEN[OpinionKind(kinds[number % 3])],
                actor=_MAY_ANSWER[request.department],
                calendar=CALENDAR,
                now=self.now,
            )
        self.clear()

    @rule()
    def clear(self) -> None:
        done = self._try(
            clear_project,
            self.project_id,
            city=self.city,
            calendar=CALENDAR,
            actor=COORDINATOR,
            now=self.now,
        )

        type(self).clearances += done is not None

    @rule(pick=st.integers(0, 1))
    def withdraw_the_clearance(self, pick: int) -> None:
        """Now and then; what was cleared before it stays known, and is not handed over any more."""
        was_cleared = self.project.status == ProjectStatus.CLEARED
        if pick == 0:
            done = self._try(
                withdraw_clearance,
                self.project_id,
                reason="方案变更",
                calendar=CALENDAR,
                actor=COORDINATOR,
                now=self.now,
            )
            assert (done is not None) == was_cleared
            type(self).withdrawals += done is not None

    @invariant()
    def no_late_opinion_is_stored(self) -> None:
        for request in self._requests():
            opinion = request.opinion
            if opinion is not None and opinion.kind != OpinionKind.DEEMED_NO_OBJECTION:
                assert opinion.given_on <= request.due_on
                assert request.withdrawn_on is None or request.withdrawn_why is not None

    @invariant()
    def silence_is_of_those_who_said_nothing_in_time(self) -> None:
        deemed = select(Opinion).where(Opinion.kind == OpinionKind.DEEMED_NO_OBJECTION)
        for opinion in self.session.scalars(deemed):
            request = opinion.request
            assert request.withdrawn_on == opinion.given_on == request.due_on + timedelta(days=1)
            assert self.now.date() > request.due_on

    @invariant()
    def a_cleared_project_has_nothing_open_and_nothing_that_prohibits(self) -> None:
        clearances = self.session.scalars(
            select(Clearance).where(Clearance.project_id == self.project_id, Clearance.withdrawn_at.is_(None))
        ).all()
        is_cleared = self.project.status == ProjectStatus.CLEARED
        assert (len(clearances) == 1) == is_cleared
        if not is_cleared:
            return
        message = read_message(clearances[0].handover.body.encode())
        assert message.check.verdict in ("clear", "inform", "advise", "restrict")
        assert {o.kind for o in message.opinions} <= {
            "agree",
            "agree_with_conditions",
            "no_objection",
            "deemed_no_objection",
        }
        requests = self._requests()
        assert all(
            request_status(r, self.now.date()) not in (OpinionStatus.AWAITED, OpinionStatus.STOPPED)
            for r in requests
        )
        check = self.session.get_one(Check, clearances[0].check_id)
        responsible = responsible_departments(concerns_by_department(check.report), self.city)
        for department, request in standing_requests(requests).items():
            if department in responsible or request.why == Why.ADDED or not request.findings:
                assert not is_opposed(request)
            if department in responsible:
                assert all(contest.decided_at is not None for contest in request.contests)

    @invariant()
    def what_was_said_and_handed_over_never_changes_afterwards(self) -> None:
        for handover in self.session.scalars(select(Handover)):
            assert self.seen.setdefault(handover.id, handover.sha256) == handover.sha256


@pytest.mark.slow
def test_no_path_leads_round_the_regulation(world_session: Session, world: City) -> None:
    ProjectMachine.session, ProjectMachine.city = world_session, world

    run_state_machine_as_test(
        ProjectMachine,
        settings=settings(
            max_examples=40,
            stateful_step_count=30,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            derandomize=True,
        ),
    )

    assert ProjectMachine.withdrawals > 0
    assert ProjectMachine.clearances > 5, (
        "the machine hardly ever comes to a clearance: it proves nothing of it"
    )
