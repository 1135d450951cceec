"""Corrections and withdrawals as they arrive: in order, once, and what a running case does with them."""

from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from sqlalchemy.orm import Session

from approval import cases
from approval.intake import messages_of, receive, receive_message
from approval.models import Case
from approval.stages import Stage
from blueprint.city import City
from blueprint.errors import ConflictError
from coordination.handover import CorrectionMessage, HandoverMessage, WithdrawalMessage
from tests.approval.test_intake import CALENDAR, CODE, NOW, OFFICER, in_first_stage, message, prepared


def correction(
    of: HandoverMessage, name: str, *, follows: UUID | None = None, message_id: UUID | None = None
) -> CorrectionMessage:
    return CorrectionMessage(
        message_id=message_id or uuid4(),
        handover_id=of.message_id,
        follows=follows or of.message_id,
        project=of.project.model_copy(update={"name": name}),
        reason="名称误录",
        made_on=NOW.date(),
        made_by="自然资源局",
    )


def withdrawal(of: HandoverMessage) -> WithdrawalMessage:
    return WithdrawalMessage(
        message_id=uuid4(),
        handover_id=of.message_id,
        planning_number=of.planning_number,
        reason="用地方案变更",
        made_on=NOW.date(),
        made_by="自然资源局",
    )


def running(session: Session, city: City, sent: HandoverMessage) -> Case:
    """A case that was prepared, has its code, and is in its first stage."""
    case = prepared(session, city, receive(session, sent, now=NOW))
    cases.bind_project_code(session, case.planning_number, CODE, actor=OFFICER, now=NOW, city=city)
    return in_first_stage(session, case)


def test_a_correction_changes_what_a_running_case_says_of_its_project_and_nothing_else(
    session: Session, city: City
) -> None:
    sent = message(1)
    case = running(session, city, sent)

    kept = receive_message(session, correction(sent, "示例第二小学"), now=NOW)

    assert case.project_name == case.message["project"]["name"] == "示例第二小学"
    assert (case.message_id, case.stages[0].accepted_on) == (str(sent.message_id), NOW.date())
    assert [m.message_id for m in messages_of(session, case.planning_number)][1] == kept.message_id


def test_corrections_are_taken_in_their_order_and_each_once(session: Session) -> None:
    sent = message(1)
    first = correction(sent, "一")
    second = correction(sent, "二", follows=first.message_id)
    with pytest.raises(ConflictError, match="the last message that came is none"):
        receive_message(session, first, now=NOW)
    case = receive(session, sent, now=NOW)

    with pytest.raises(ConflictError, match="follows"):
        receive_message(session, second, now=NOW)
    receipts = [receive_message(session, first, now=NOW + timedelta(hours=n)) for n in range(2)]
    receive_message(session, second, now=NOW)

    assert receipts[0] is receipts[1]
    assert receipts[1].received_at == NOW
    assert case.project_name == "二"
    with pytest.raises(ConflictError, match="another body"):
        receive_message(
            session, correction(sent, "三", follows=second.message_id, message_id=first.message_id), now=NOW
        )


def test_a_withdrawn_case_grants_nothing_until_it_is_handed_over_again(session: Session, city: City) -> None:
    sent = message(1)
    case = running(session, city, sent)
    back = withdrawal(sent)

    receive_message(session, back, now=NOW)

    assert (case.withdrawn_on, case.withdrawn_why) == (NOW.date(), "用地方案变更")
    with pytest.raises(ConflictError, match=r"withdrew the clearance.*用地方案变更"):
        cases.conclude_stage(
            session, CODE, Stage.LAND_USE_PLANNING, actor=OFFICER, calendar=CALENDAR, today=NOW.date()
        )
    with pytest.raises(ConflictError, match="follows no message"):
        receive(session, message(1), now=NOW)
    with pytest.raises(ConflictError, match="nothing is corrected"):
        receive_message(session, correction(sent, "一", follows=back.message_id), now=NOW)

    again = receive(session, message(1, follows=back.message_id, city_name="鞍山"), now=NOW)

    assert again.id == case.id
    assert (again.withdrawn_on, again.message["city_name"], again.project_code) == (None, "鞍山", CODE)
    with pytest.raises(ConflictError, match="not finished"):
        cases.conclude_stage(
            session, CODE, Stage.LAND_USE_PLANNING, actor=OFFICER, calendar=CALENDAR, today=NOW.date()
        )


def test_a_withdrawal_that_comes_before_its_handover_keeps_it_out(session: Session) -> None:
    sent, never_sent = message(1), message(1)
    back = withdrawal(sent)

    kept = receive_message(session, back, now=NOW)

    assert kept.case_id is None
    with pytest.raises(ConflictError, match="follows no message"):
        receive(session, sent, now=NOW)
    with pytest.raises(ConflictError, match="withdrawn already"):
        receive_message(session, withdrawal(sent), now=NOW)
    second = withdrawal(never_sent)
    receive_message(session, second, now=NOW)
    assert receive(session, message(1, follows=second.message_id), now=NOW).withdrawn_on is None


def test_a_withdrawal_of_another_handover_than_the_case_runs_under_is_refused(session: Session) -> None:
    case = receive(session, message(1), now=NOW)

    with pytest.raises(ConflictError, match="was handed over by"):
        receive_message(session, withdrawal(message(1)), now=NOW)

    assert case.withdrawn_on is None
