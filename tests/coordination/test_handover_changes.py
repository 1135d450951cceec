"""After the handover: what is corrected, what is taken back, and in which order approval is told."""

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import jsonschema
import pytest
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from approval.models import Case
from blueprint.city import City
from blueprint.documents.rendering import DocumentForm
from blueprint.errors import ConflictError, InvalidInputError
from coordination import consultation, projects
from coordination.clearance import clear_project
from coordination.generation_opinion import write_generation_opinion
from coordination.handover import FORMATS
from coordination.handover_changes import correct_handover, withdraw_clearance
from coordination.handover_models import Clearance, Handover
from coordination.models import Project
from coordination.project_states import ProjectStatus
from service.push import push_due
from tests.coordination.test_push import LATER, cleared  # noqa: F401
from tests.coordination.world import CALENDAR, COORDINATOR, NOW, footprint

INTERFACES = Path(__file__).parents[2] / "docs" / "interfaces"


@pytest.fixture
def both(cleared: Engine) -> Iterator[Session]:  # noqa: F811
    """A session on a database with one cleared project; what is pushed is seen after a commit."""
    with Session(cleared) as session:
        yield session


def project_of(session: Session) -> Project:
    return session.scalars(select(Project)).one()


def correct(session: Session, world: City, reason: str = "更正", **changes: object) -> Clearance:
    return correct_handover(
        session,
        project_of(session).id,
        changes,
        reason=reason,
        city=world,
        actor=COORDINATOR,
        now=LATER,
    )


def withdraw(session: Session) -> Clearance:
    return withdraw_clearance(
        session,
        project_of(session).id,
        reason="用地方案变更",
        calendar=CALENDAR,
        actor=COORDINATOR,
        now=LATER,
    )


def clear_again(session: Session, world: City) -> Clearance:
    project_id = project_of(session).id
    with session.begin_nested():
        consultation.revise_footprint(
            session,
            project_id,
            footprint(world, 410, 450),
            city=world,
            calendar=CALENDAR,
            actor=COORDINATOR,
            now=LATER,
        )
        projects.check_project(session, project_id, city=world, actor=COORDINATOR, now=LATER)
        consultation.open_consultation(
            session, project_id, city=world, calendar=CALENDAR, actor=COORDINATOR, now=LATER
        )
        return clear_project(session, project_id, city=world, calendar=CALENDAR, actor=COORDINATOR, now=LATER)


def push(session: Session) -> int:
    session.commit()
    engine = session.get_bind()
    assert isinstance(engine, Engine)
    sent = push_due(engine, now=LATER + timedelta(days=1), approval_url=None, secret=None)
    session.expire_all()
    return sent


def case_of(session: Session) -> Case:
    return session.scalars(select(Case)).one()


def test_a_correction_reaches_the_case_and_the_document_after_its_handover(
    both: Session, world: City
) -> None:
    correct(both, world, name="示例第一小学")
    correct(both, world, applicant="鞍山市教育局基建处")

    assert push(both) == 3

    case = case_of(both)
    assert (case.project_name, case.applicant) == ("示例第一小学", "鞍山市教育局基建处")
    written = write_generation_opinion(
        both, project_of(both), DocumentForm.DOCX, city=world, actor=COORDINATOR, now=NOW
    )
    assert written.planning_number == case.planning_number


def test_what_departments_judged_is_not_corrected_and_nothing_is_told_of_no_change(
    both: Session, world: City
) -> None:
    with pytest.raises(InvalidInputError, match="withdraw the clearance"):
        correct(both, world, purpose="新建中学一所")
    with pytest.raises(ConflictError, match="nothing to correct"):
        correct(both, world, name=project_of(both).name)
    with pytest.raises(ConflictError, match=r"Art\. 5"):
        correct(both, world, name="某水库")
    with pytest.raises(InvalidInputError, match="reason"):
        correct(both, world, reason=" ", name="示例第一小学")

    both.rollback()
    assert len(both.scalars(select(Handover)).all()) == 1


def test_a_withdrawn_clearance_is_told_and_the_project_is_adjusted_and_cleared_again(
    both: Session, world: City
) -> None:
    push(both)
    first = withdraw(both)
    project = project_of(both)
    assert project.status == ProjectStatus.ADJUSTING
    assert all(each.superseded_on for each in consultation.consultations_of(both, project))
    with pytest.raises(ConflictError, match="not cleared"):
        withdraw(both)
    push(both)
    assert case_of(both).withdrawn_why == "用地方案变更"

    second = clear_again(both, world)

    assert push(both) == 1
    case = case_of(both)
    assert (case.withdrawn_on, case.message_id) == (None, second.handover.message_id)
    assert case.message["follows"] == first.messages[-1].message_id
    assert case.message["footprint"]["revision"] == 2
    assert projects.standing_clearance(both, project) is second


def test_what_was_never_sent_is_cancelled_and_the_next_handover_waits_for_the_withdrawal(
    both: Session, world: City
) -> None:
    correct(both, world, name="示例第一小学")
    first = withdraw(both)
    second = clear_again(both, world)

    assert [m.cancelled_at is not None for m in first.messages] == [True, True, False]
    assert second.handover.follows_id == first.messages[-1].id
    assert push(both) == 2
    assert case_of(both).message_id == second.handover.message_id
    assert case_of(both).withdrawn_on is None


def test_a_handover_that_came_but_whose_receipt_was_lost_is_withdrawn_all_the_same(
    both: Session, world: City
) -> None:
    push(both)
    both.scalars(select(Handover)).one().delivered_at = None
    withdraw(both)

    assert push(both) == 1

    assert case_of(both).withdrawn_on == LATER.date()


def test_every_message_is_as_its_published_schema_says(both: Session, world: City) -> None:
    correct(both, world, name="示例第一小学")
    withdraw(both)
    clear_again(both, world)

    for sent in both.scalars(select(Handover)):
        document = json.loads(sent.body)
        name = document["format"].removeprefix("one-blueprint-").replace("/", "-")
        published = json.loads((INTERFACES / f"{name}.schema.json").read_text(encoding="utf-8"))
        assert published == FORMATS[document["format"]].model_json_schema(), (
            f"docs/interfaces/{name}.schema.json is stale: blueprint project handover-schema {document['format']}"
        )
        jsonschema.Draft202012Validator(published).validate(document)
