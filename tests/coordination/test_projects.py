"""Registering projects: planning numbers, scope, footprint revisions."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
import shapely
from geoalchemy2.shape import to_shape
from sqlalchemy import create_engine, select
from sqlalchemy.orm import Session

from blueprint.city import City
from blueprint.errors import InvalidInputError, NotFoundError
from blueprint.wall import KEEPER, seeing
from coordination import consultation, projects
from coordination.models import Project
from tests.coordination.world import CALENDAR, COORDINATOR, DETAILS, EAST, NORTH, NOW, footprint


def register(session: Session, world: City) -> Project:
    site = footprint(world, 400, 450)
    return projects.register_project(session, DETAILS, site, city=world, actor=COORDINATOR, now=NOW)


def test_a_project_gets_the_next_planning_number_of_its_city_and_year(
    world_session: Session, world: City
) -> None:
    site = footprint(world, 400, 450)
    next_year = NOW.replace(year=2027)

    numbers = [
        projects.register_project(
            world_session, DETAILS, site, city=world, actor=COORDINATOR, now=now
        ).planning_number
        for now in (NOW, NOW, next_year)
    ]

    assert numbers == ["CH-210300-2026-000001", "CH-210300-2026-000002", "CH-210300-2027-000001"]


def test_twelve_projects_registered_at_once_get_twelve_numbers_without_a_gap(
    fresh_database: str, world: City
) -> None:
    engine = create_engine(fresh_database, pool_size=12)

    def register_one(_: int) -> None:
        with seeing(KEEPER), Session(engine) as session, session.begin():
            register(session, world)

    with ThreadPoolExecutor(12) as pool:
        list(pool.map(register_one, range(12)))

    with Session(engine) as session:
        numbers = sorted(session.scalars(select(Project.planning_number)))
    engine.dispose()
    assert numbers == [f"CH-210300-2026-{n:06d}" for n in range(1, 13)]


def test_a_project_outside_the_scope_needs_a_reason(world_session: Session, world: City) -> None:
    outside = replace(DETAILS, in_scope=False, scope_reason="  ")

    with pytest.raises(InvalidInputError, match=r"Art\. 5"):
        projects.register_project(
            world_session, outside, footprint(world, 400, 450), city=world, actor=COORDINATOR, now=NOW
        )


@pytest.mark.parametrize("field", ["name", "applicant", "purpose"])
def test_a_project_without_its_particulars_is_refused(
    world_session: Session, world: City, field: str
) -> None:
    with pytest.raises(InvalidInputError, match=field):
        projects.register_project(
            world_session,
            replace(DETAILS, **{field: " "}),
            footprint(world, 400, 450),
            city=world,
            actor=COORDINATOR,
            now=NOW,
        )


def test_a_new_footprint_is_the_next_revision_and_the_first_stays(
    world_session: Session, world: City
) -> None:
    project = register(world_session, world)

    revision = consultation.revise_footprint(
        world_session,
        project.id,
        footprint(world, 500, 550),
        city=world,
        calendar=CALENDAR,
        actor=COORDINATOR,
        now=NOW,
    )

    world_session.refresh(project)
    assert [r.number for r in project.revisions] == [1, 2]
    assert projects.current_revision(world_session, project) is revision
    first = to_shape(project.revisions[0].footprint)
    assert shapely.equals(first, shapely.box(EAST + 400, NORTH + 20, EAST + 450, NORTH + 80))


def test_a_project_is_found_by_planning_number_or_id(world_session: Session, world: City) -> None:
    project = register(world_session, world)

    assert projects.find_project_by_number(world_session, f" {project.planning_number.lower()} ") is project
    assert projects.find_project_by_number(world_session, str(project.id)) is project
    for unknown in ("CH-210300-2026-999999", "999999999", "９", "'; drop table"):
        with pytest.raises(NotFoundError):
            projects.find_project_by_number(world_session, unknown)


def test_a_check_of_a_project_is_kept_with_its_footprint_revision(
    world_session: Session, world: City
) -> None:
    project = register(world_session, world)

    check = projects.check_project(world_session, project.id, city=world, actor=COORDINATOR, now=NOW)

    revision = projects.current_revision(world_session, project)
    assert projects.latest_check(world_session, revision) is check
    assert check.verdict == "inform"
    assert check.report["check_id"] == str(check.id)
