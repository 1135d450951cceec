"""Whole cases by a machine that does whatever the rules let it do: what must hold however a case is walked."""

import itertools
import secrets
from datetime import date
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import Engine, func, select
from sqlalchemy.orm import Session

from approval import cases, preparation
from approval.case_items import items_of
from approval.item_models import Item, ItemResult, ItemStep, TimeSpan
from approval.item_overview import Desk, ledger_out
from approval.item_states import HOLDERS, ON_THE_WAY, TRANSITIONS, ItemState, Step
from approval.item_steps import ResultGiven
from approval.items import find_item
from approval.requirements import acceptance_obstacles, dossier_of
from approval.stages import Stage, StageStatus
from blueprint.city import City
from blueprint.errors import ConflictError
from tests.approval.office import CALENDAR, WINDOW, Office, lacking

OPTIONAL = ("A101", "A110", "A112", "A113", "E501")


@pytest.mark.slow
def test_whatever_is_done_with_a_case_its_ledger_steps_and_stages_agree(engine: Engine, city: City) -> None:
    class Walk(RuleBasedStateMachine):
        """One case, in a transaction of its own."""

        def __init__(self) -> None:
            super().__init__()
            self.connection = engine.connect()
            self.transaction = self.connection.begin()
            session = Session(self.connection, join_transaction_mode="create_savepoint")
            self.office = Office(session, city)
            self.session = session

        def teardown(self) -> None:
            self.session.close()
            self.transaction.rollback()
            self.connection.close()

        @initialize(chosen=st.sets(st.sampled_from(OPTIONAL)), kind=st.sampled_from(["GOV_BLD", "GOV_MUNI"]))
        def start(self, chosen: set[str], kind: str) -> None:
            self.case = self.office.case(kind, *sorted(chosen))
            self.office.name_item(self.case, "D408")

        def items(self) -> list[Item]:
            return list(items_of(self.session, self.case))

        @rule(days=st.integers(1, 12))
        def time_passes(self, days: int) -> None:
            self.office.days_pass(days)

        @rule(data=st.data())
        def somebody_takes_a_step(self, data: Any) -> None:
            newest = {item.code: item for item in self.items()}
            item = newest[data.draw(st.sampled_from(sorted(newest)))]
            before = ItemState(item.state)
            step = data.draw(st.sampled_from(list(TRANSITIONS.get(before, {}) or [Step.VERIFY])))
            if step is Step.ACCEPT and data.draw(st.booleans()):
                self.office.hand_in_all(self.case, item.code)
            more: dict[str, Any] = {"reason": "有理由"}
            if step is Step.STOP:
                more |= {"stop_kind": "publicity", "working_days": data.draw(st.integers(1, 10))}
            if step is Step.EXTEND:
                more |= {"working_days": data.draw(st.integers(1, 10))}
            if step in (Step.APPROVE, Step.REFUSE):
                more |= {"result": ResultGiven(secrets.token_hex(8), "批复", "李四")}
            if step is Step.ASK_CORRECTION:
                more |= {"lacking": (lacking("M01", defect="印章不清"),)}
            steps = len(find_item(self.session, self.case, item.code).steps)
            code = item.code
            try:
                with self.session.begin_nested():
                    self.office.step(self.case, code, step, **more)
            except ConflictError:
                assert find_item(self.session, self.case, code).state == before
                assert len(find_item(self.session, self.case, code).steps) == steps
                return
            if step is Step.ACCEPT:
                assert not [
                    o
                    for o in acceptance_obstacles(dossier_of(self.session, self.case), item, self.today)
                    if "missing" in o
                ]

        @rule(data=st.data())
        def a_step_that_is_not_possible_is_refused(self, data: Any) -> None:
            newest = {item.code: item for item in self.items()}
            item = newest[data.draw(st.sampled_from(sorted(newest)))]
            step = data.draw(
                st.sampled_from([s for s in Step if s not in TRANSITIONS.get(ItemState(item.state), {})])
            )
            with pytest.raises(ConflictError, match="not possible now"), self.session.begin_nested():
                self.office.step(self.case, item.code, step, reason="x")

        @rule(data=st.data())
        def applied_for_again(self, data: Any) -> None:
            code = data.draw(st.sampled_from(sorted({item.code for item in self.items()})))
            try:
                with self.session.begin_nested():
                    preparation.add_item(self.session, self.case, code, city=city, actor=WINDOW)
            except ConflictError:
                return

        @rule(stage=st.sampled_from(Stage), opens=st.booleans())
        def a_stage_turns(self, stage: Stage, opens: bool) -> None:
            try:
                with self.session.begin_nested():
                    (self.office.open if opens else self.office.conclude)(self.case, stage)
            except ConflictError:
                return
            if not opens:
                assert cases.unfinished_items(self.session, self.case, stage) == []

        @property
        def today(self) -> date:
            return self.office.now.date()

        @invariant()
        def every_day_of_an_item_is_somebodys(self) -> None:
            if not hasattr(self, "case"):
                return
            for item in self.items():
                spans = sorted(
                    self.session.scalars(select(TimeSpan).where(TimeSpan.item_id == item.id)),
                    key=lambda span: span.id,
                )
                if not spans:
                    assert item.submitted_on is None
                    continue
                assert spans[0].starts_on == item.submitted_on
                assert all(a.ends_on == b.starts_on for a, b in itertools.pairwise(spans))
                assert (spans[-1].ends_on is None) == (ItemState(item.state) in HOLDERS)
                if item.concluded_on is not None:
                    total = CALENDAR.working_days_left(item.submitted_on, item.concluded_on)
                    assert sum(span.working_days for span in spans) == total

        @invariant()
        def the_steps_of_an_item_lead_to_where_it_stands(self) -> None:
            if not hasattr(self, "case"):
                return
            for item in self.items():
                rows = self.session.scalars(
                    select(ItemStep).where(ItemStep.item_id == item.id).order_by(ItemStep.number)
                ).all()
                assert [row.number for row in rows] == list(range(1, len(rows) + 1))
                state = ItemState.NOT_SUBMITTED
                for row in rows:
                    reached = ItemState(row.state)
                    if ON_THE_WAY.get(Step(row.step)) is reached:
                        continue
                    expected = TRANSITIONS[state][Step(row.step)]
                    assert reached in {expected, ItemState.APPROVED_WITH_PROMISE}
                    state = reached
                assert state == item.state

        @invariant()
        def the_ledger_of_the_case_closes(self) -> None:
            if not hasattr(self, "case"):
                return
            ledger = ledger_out(self.session, self.case, Desk(city, CALENDAR, self.today))
            assert sum(ledger.sums.values()) == ledger.elapsed
            assert sum(turn.working_days for turn in ledger.turns) == ledger.elapsed

        @invariant()
        def nothing_was_taken_in_before_its_stage_and_stages_keep_their_order(self) -> None:
            if not hasattr(self, "case"):
                return
            status = [days.status for days in cases.days_of(self.case)]
            assert status == sorted(
                status, key=[StageStatus.CONCLUDED, StageStatus.ACCEPTED, StageStatus.NOT_ACCEPTED].index
            )
            opened = {row.stage: row.accepted_on for row in self.case.stages}
            for item in self.items():
                if item.submitted_on is not None and item.stage is not None:
                    assert opened[item.stage] is not None and opened[item.stage] <= item.submitted_on
            assert self.session.scalar(select(func.count()).select_from(ItemResult)) == len(
                {
                    item.id
                    for item in self.items()
                    if item.state in ("approved", "approved_with_promise", "revoked", "refused")
                }
            )

    run_state_machine_as_test(
        Walk,
        settings=settings(
            max_examples=12, stateful_step_count=50, deadline=None, database=None, derandomize=True,
            suppress_health_check=list(HealthCheck),
        ),
    )  # fmt: skip
