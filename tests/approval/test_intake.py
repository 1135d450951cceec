"""Taking in handovers, binding codes, walking stages: on a real database."""

from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from approval import cases
from approval.intake import receive
from approval.models import Case, CaseStage
from approval.preparation import prepare
from approval.stages import Stage
from blueprint.city import City
from blueprint.database import make_engine
from blueprint.errors import ConflictError, NotFoundError
from blueprint.permissions import Actor
from blueprint.wall import KEEPER, seeing
from blueprint.working_days import WorkingCalendar
from coordination.handover import HandoverMessage
from tests.conftest import OBJECTS

NOW = datetime(2026, 12, 1, 9, 0, tzinfo=ZoneInfo("Asia/Shanghai"))
OFFICER = Actor("行政审批局", "spj")
CALENDAR = WorkingCalendar("CN")
CODE = "2511-210300-04-01-669303"


def message(number: int, *, message_id: UUID | None = None, **changes: Any) -> HandoverMessage:
    ring = [[0, 0], [10, 0], [10, 10], [0, 0]]
    values: dict[str, Any] = {
        "message_id": message_id or uuid4(),
        "city_code": "210300",
        "city_name": "鞍山市",
        "project": {
            "planning_number": f"CH-210300-2026-{number:06d}",
            "name": "示例小学",
            "applicant": "教育局",
            "purpose": "小学",
        },
        "footprint": {"revision": 1, "crs": "EPSG:4550", "area_m2": 50, "coordinates": [[ring]]},
        "check": {
            "digest": f"sha256:{'0' * 64}",
            "on": date(2026, 11, 23),
            "verdict": "clear",
            "conflicts": [],
        },
        "opinions": [],
        "cleared_on": date(2026, 11, 30),
        "cleared_by": "自然资源局",
    }
    return HandoverMessage(**(values | changes))


def prepared(session: Session, city: City, case: Case) -> Case:
    """A case of an industrial project with the items that every such project needs."""
    return prepare(session, case, "SOC_IND", [], district=None, city=city, actor=OFFICER, now=NOW)


def in_first_stage(session: Session, case: Case) -> Case:
    """A case whose first stage was accepted today."""
    return cases.accept_stage(
        session, case.planning_number, Stage.LAND_USE_PLANNING,
        actor=OFFICER, calendar=CALENDAR, today=NOW.date(),
    )  # fmt: skip


def test_a_message_makes_a_case_with_four_stages_that_carries_the_planning_number(session: Session) -> None:
    case = receive(session, message(1), now=NOW)

    assert cases.find_case(session, "ch-210300-2026-000001 ") is case
    assert [row.stage for row in case.stages] == list(Stage)
    assert case.project_code is None


def test_the_same_message_again_answers_the_first_case(session: Session) -> None:
    sent = message(1)
    first = receive(session, sent, now=NOW)

    again = receive(session, sent, now=NOW + timedelta(hours=1))

    assert again.id == first.id
    assert again.received_at == NOW
    assert session.scalar(select(func.count()).select_from(CaseStage)) == 4


def test_the_same_message_id_with_another_body_is_refused(session: Session) -> None:
    sent = message(1)
    receive(session, sent, now=NOW)

    with pytest.raises(ConflictError, match="another body"):
        receive(session, message(1, message_id=sent.message_id, city_name="别的市"), now=NOW)


def test_a_project_is_handed_over_once(session: Session) -> None:
    receive(session, message(1), now=NOW)

    with pytest.raises(ConflictError, match="handed over already"):
        receive(session, message(1), now=NOW)


def test_the_same_message_delivered_eight_times_at_once_makes_one_case(fresh_database: str) -> None:
    engine, sent = make_engine(fresh_database, objects=OBJECTS), message(1)

    def deliver(_: int) -> int:
        with seeing(KEEPER), Session(engine) as session, session.begin():
            return receive(session, sent, now=NOW).id

    with ThreadPoolExecutor(8) as pool:
        made = set(pool.map(deliver, range(8)))

    with Session(engine) as session:
        assert session.scalars(select(Case.id)).all() == list(made)
        assert session.scalar(select(func.count()).select_from(CaseStage)) == 4
    engine.dispose()


def test_a_case_is_found_by_its_code_once_it_is_bound_and_the_code_is_unique(
    session: Session, city: City
) -> None:
    receive(session, message(1), now=NOW)
    receive(session, message(2), now=NOW)

    bound, read = cases.bind_project_code(
        session, "CH-210300-2026-000001", CODE, actor=OFFICER, now=NOW, city=city
    )

    assert read.warning is None
    assert cases.find_case(session, CODE) is bound
    assert cases.bind_project_code(session, CODE, CODE, actor=OFFICER, now=NOW, city=city)[0] is bound
    with pytest.raises(ConflictError, match="another case"):
        cases.bind_project_code(session, "CH-210300-2026-000002", CODE, actor=OFFICER, now=NOW, city=city)


def test_two_cases_that_bind_one_code_at_once_get_one_winner(fresh_database: str, city: City) -> None:
    engine = make_engine(fresh_database, objects=OBJECTS)
    with Session(engine) as session, session.begin():
        for number in (1, 2):
            receive(session, message(number), now=NOW)

    def bind(number: int) -> bool:
        try:
            with seeing(KEEPER), Session(engine) as session, session.begin():
                cases.bind_project_code(
                    session, f"CH-210300-2026-{number:06d}", CODE, actor=OFFICER, now=NOW, city=city
                )
        except ConflictError:
            return False
        return True

    with Session(engine) as first, first.begin():
        cases.bind_project_code(first, "CH-210300-2026-000001", CODE, actor=OFFICER, now=NOW, city=city)
        with ThreadPoolExecutor(1) as pool:
            second = pool.submit(bind, 2)
            assert not second.done()
            first.commit()
            assert second.result(timeout=20) is False
    engine.dispose()


def test_a_case_that_nobody_prepared_is_not_accepted_and_is_prepared_still(
    session: Session, city: City
) -> None:
    """Art. 3: a stage without items would be concluded with nothing done."""
    case = receive(session, message(1), now=NOW)
    cases.bind_project_code(session, case.planning_number, CODE, actor=OFFICER, now=NOW, city=city)

    with pytest.raises(ConflictError, match="not prepared yet: say its project type first"):
        in_first_stage(session, case)

    case.stages[0].accepted_on = NOW.date()  # as a case of before may stand
    with pytest.raises(ConflictError, match="not prepared yet"):
        cases.conclude_stage(
            session, CODE, Stage.LAND_USE_PLANNING, actor=OFFICER, calendar=CALENDAR, today=NOW.date()
        )
    assert prepared(session, city, case).project_type == "SOC_IND"
    with pytest.raises(ConflictError, match="not finished: 企业投资项目备案"):
        cases.conclude_stage(
            session, CODE, Stage.LAND_USE_PLANNING, actor=OFFICER, calendar=CALENDAR, today=NOW.date()
        )


def test_a_code_is_not_changed_after_acceptance(session: Session, city: City) -> None:
    case = prepared(session, city, receive(session, message(1), now=NOW))
    number = case.planning_number
    cases.bind_project_code(session, number, CODE, actor=OFFICER, now=NOW, city=city)
    cases.bind_project_code(session, number, "2608-210311-04-01-402751", actor=OFFICER, now=NOW, city=city)
    in_first_stage(session, case)

    with pytest.raises(ConflictError, match="after acceptance"):
        cases.bind_project_code(session, number, CODE, actor=OFFICER, now=NOW, city=city)


def test_an_unknown_number_is_not_found(session: Session) -> None:
    with pytest.raises(NotFoundError):
        cases.find_case(session, "CH-210300-2026-000009")
