"""Whole cases by a machine that does whatever the rules let it do: what must hold however a case is walked."""

import itertools
import random
import secrets
from collections import Counter
from datetime import date, timedelta
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

from approval import cases, matters, obligations, preparation
from approval.case_items import items_of
from approval.item_models import Item, ItemResult, ItemStep, TimeSpan
from approval.item_overview import Desk, ledger_out
from approval.item_states import HOLDERS, ON_THE_WAY, TRANSITIONS, Holder, ItemState, Step
from approval.item_steps import Promised, ResultGiven
from approval.items import find_item
from approval.joint_consultation import awaited, find_answer, list_answers
from approval.materials import NeedState, open_promises
from approval.matter_models import AnswerKind, MatterKind, MatterState
from approval.matters import Turn
from approval.process_table import Obtained
from approval.requirements import acceptance_obstacles, dossier_of, needs
from approval.stages import Stage, StageStatus
from blueprint.city import City
from blueprint.errors import ConflictError
from tests.approval.office import CALENDAR, WINDOW, Office, lacking, promised
from tests.approval.test_between_departments import answer, ask, bring_up

_ONWARD = frozenset(
    {Step.SUBMIT, Step.ACCEPT, Step.BEGIN, Step.APPROVE, Step.RESUME, Step.CORRECT, Step.VERIFY}
)
"""Steps that lead towards a decision."""
OPTIONAL = ("A101", "A110", "A112", "A113", "E501")


@pytest.mark.slow
def test_whatever_is_done_with_a_case_its_ledger_steps_and_stages_agree(engine: Engine, city: City) -> None:
    happened: Counter[str] = Counter()

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

        @initialize(
            chosen=st.sets(st.sampled_from(OPTIONAL)),
            kind=st.sampled_from(["GOV_BLD", "GOV_MUNI"]),
            is_on=st.booleans(),
        )
        def start(self, chosen: set[str], kind: str, is_on: bool) -> None:
            """In its first stage, or in the second, whose items may be approved on commitment."""
            self.case = self.office.case("GOV_BLD" if is_on else kind, *(() if is_on else sorted(chosen)))
            self.office.name_item(self.case, "D408")
            if is_on:
                self.office.finish(self.case, Stage.LAND_USE_PLANNING)
                self.office.open(self.case, Stage.PROJECT_PERMIT)

        def items(self) -> list[Item]:
            return list(items_of(self.session, self.case))

        @rule(days=st.integers(1, 12))
        def time_passes(self, days: int) -> None:
            self.office.days_pass(days)

        @rule(seed=st.integers(0, 2**32))
        def the_office_is_at_work(self, seed: int) -> None:
            """Some acts by dice, since drawn one by one they seldom come to a decision."""
            dice = random.Random(seed)
            acts = {
                self.somebody_takes_a_step: 24, self.a_step_that_is_not_possible_is_refused: 2,
                self.applied_for_again: 2, self.a_stage_turns: 3, self.what_was_promised_is_handed_in: 2,
                self.a_department_asks_others: 3, self.who_was_asked_answers: 4, self.a_condition_is_closed: 2,
                self.a_meeting_is_asked_for_and_settled: 1,
            }  # fmt: skip
            for act in dice.choices(list(acts), weights=list(acts.values()), k=12):
                act(dice)

        def somebody_takes_a_step(self, dice: random.Random) -> None:
            newest = {item.code: item for item in self.items()}
            item = dice.choice(
                [item for item in newest.values() if TRANSITIONS.get(ItemState(item.state))]
                or [*newest.values()]
            )
            before = ItemState(item.state)
            steps = list(TRANSITIONS.get(before, {}) or [Step.VERIFY])
            step = dice.choices(steps, weights=[4 if each in _ONWARD else 1 for each in steps])[0]
            more: dict[str, Any] = {"reason": "有理由"}
            if step is Step.ACCEPT:
                if dice.random() < 0.4:
                    more |= {"promised": self.promises_of_all(item, dice.randint(0, 60))}
                elif dice.random() < 0.8:
                    self.office.hand_in_all(self.case, item.code)
            if step is Step.SUBMIT:
                rule = preparation.table_of(self.session, self.case).item(item.code)
                more |= {"on_commitment": rule.on_commitment and dice.random() < 0.7}
            if step is Step.STOP:
                more |= {"stop_kind": "publicity", "working_days": dice.randint(1, 10)}
            if step is Step.EXTEND:
                more |= {"working_days": dice.randint(1, 10)}
            if step in (Step.APPROVE, Step.REFUSE):
                more |= {"result": ResultGiven(secrets.token_hex(8), "批复", "李四")}
            if step is Step.ASK_CORRECTION:
                more |= {"lacking": (lacking("M01", defect="印章不清"),)}
            count = len(find_item(self.session, self.case, item.code).steps)
            code = item.code
            try:
                with self.session.begin_nested():
                    self.office.step(self.case, code, step, **more)
            except ConflictError:
                assert find_item(self.session, self.case, code).state == before
                assert len(find_item(self.session, self.case, code).steps) == count
                return
            happened[step] += 1
            happened["promise"] += len(more.get("promised", ()))
            happened["commitment"] += int(bool(more.get("on_commitment")))
            if step is Step.APPROVE:
                self.nothing_stood_in_the_way_of(find_item(self.session, self.case, code))
            if step is Step.ACCEPT:
                assert not [
                    o
                    for o in acceptance_obstacles(dossier_of(self.session, self.case), item, self.today)
                    if "missing" in o.english
                ]

        def promises_of_all(self, item: Item, days: int) -> tuple[Promised, ...]:
            """A promise of everything that the applicant still has to hand in (容缺受理)."""
            table = preparation.table_of(self.session, self.case)
            wanted = needs(dossier_of(self.session, self.case), item, self.today)
            lacking = [need.codes[0] for need in wanted if need.state is NeedState.MISSING]
            return tuple(
                promised(code, self.today + timedelta(days=days))
                for code in dict.fromkeys(lacking)
                if table.material(code).obtained_from is Obtained.APPLICANT
            )

        def nothing_stood_in_the_way_of(self, approved: Item) -> None:
            """No condition open, no promise past its day, no answer that may still come in time; what is promised is said."""
            assert not obligations.open_obligations(self.session, self.case.id, approved.code)
            still = open_promises(self.session, self.case.id, item=approved)
            assert all(promise.due_on >= self.today for promise in still)
            assert (approved.state == ItemState.APPROVED_WITH_PROMISE) == bool(still)
            assert not awaited(self.session, approved, today=self.today)
            assert (approved.verify_due_on is not None) == approved.on_commitment

        def what_was_promised_is_handed_in(self, dice: random.Random) -> None:
            still = open_promises(self.session, self.case.id)
            if not still:
                return
            code = dice.choice(sorted({promise.material for promise in still}))
            self.office.hand_in(self.case, code)
            happened["kept promise"] += 1
            assert code not in {each.material for each in open_promises(self.session, self.case.id)}

        def a_department_asks_others(self, dice: random.Random) -> None:
            for item in self.items():
                if HOLDERS.get(ItemState(item.state)) in (Holder.DEPARTMENT, Holder.STOP):
                    ask(self.office, self.case, item.code, dice.choice(["SLJ", "WLJ"]))
                    return

        def who_was_asked_answers(self, dice: random.Random) -> None:
            waiting = list_answers(self.session, case_id=self.case.id, department=None, is_open=True)
            if not waiting:
                return
            before = len(obligations.obligations_of(self.session, self.case.id))
            row, kind = dice.choice(waiting), dice.choice(list(AnswerKind))
            more = {"conditions": "避让"} if kind is AnswerKind.AGREE_WITH_CONDITIONS else {}
            answer(self.office, find_answer(self.session, row.id), kind, **more)
            happened["answer"] += 1
            after = len(obligations.obligations_of(self.session, self.case.id))
            assert after - before == (kind is AnswerKind.AGREE_WITH_CONDITIONS)

        def a_condition_is_closed(self, dice: random.Random) -> None:
            owed = [
                row for row in obligations.obligations_of(self.session, self.case.id) if not row.closed_on
            ]
            if not owed:
                return
            row = dice.choice(owed)
            try:
                with self.session.begin_nested():
                    obligations.close(self.session, self.case, row, "已落实", actor=WINDOW, today=self.today)
            except ConflictError:
                assert row.item_code is None

        def a_meeting_is_asked_for_and_settled(self, dice: random.Random) -> None:
            item, decides = dice.choice(self.items()), dice.random() < 0.5
            try:
                with self.session.begin_nested():
                    other = "SLJ" if item.department == "LCJ" else "LCJ"
                    made = bring_up(
                        self.office, self.case, item.code, MatterKind.MEETING, other, by=item.department
                    )
            except ConflictError:
                return
            state = MatterState.DECIDED if decides else MatterState.DECLINED
            turn = Turn(state, text="按蓝线避让" if decides else "不属会议事项")
            lead = self.office.department(made.addressed_to)
            settled = matters.settle(self.session, made, turn, actor=lead, today=self.today)
            assert settled.state == state
            happened["meeting"] += 1

        def a_step_that_is_not_possible_is_refused(self, dice: random.Random) -> None:
            newest = {item.code: item for item in self.items()}
            item = newest[dice.choice(sorted(newest))]
            step = dice.choice([s for s in Step if s not in TRANSITIONS.get(ItemState(item.state), {})])
            with pytest.raises(ConflictError, match="not possible now"), self.session.begin_nested():
                self.office.step(self.case, item.code, step, reason="x")

        def applied_for_again(self, dice: random.Random) -> None:
            code = dice.choice(sorted({item.code for item in self.items()}))
            try:
                with self.session.begin_nested():
                    preparation.add_item(self.session, self.case, code, city=city, actor=WINDOW)
            except ConflictError:
                return

        def a_stage_turns(self, dice: random.Random) -> None:
            stage, opens = dice.choice(list(Stage)), dice.random() < 0.3
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
            max_examples=12, stateful_step_count=14, deadline=None, database=None, derandomize=True,
            suppress_health_check=list(HealthCheck),
        ),
    )  # fmt: skip
    steps = {Step.ACCEPT, Step.APPROVE, Step.STOP, Step.EXTEND}
    wanted = {"promise", "kept promise", "commitment", "answer", "meeting", *steps}
    assert all(happened[each] for each in wanted), happened
