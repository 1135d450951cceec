"""The demo's projects in coordination: one that is cleared today, one whose departments are to answer."""

from dataclasses import replace
from datetime import date, datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from blueprint.city import City, DepartmentRole
from blueprint.edge import Edge
from blueprint.footprint import read_footprint_file
from blueprint.permissions import Actor, Role
from coordination.clearance import clear_project
from coordination.clock import close_overdue
from coordination.consultation import open_consultation
from coordination.models import Consultation, OpinionKind, Project
from coordination.opinions import OpinionGiven, give_opinion
from coordination.particulars import ProjectDetails
from coordination.projects import check_project, register_project
from service.commands.context import local_operator, say
from service.samples import SampleProject


def ask_about_sample(edge: Edge, projects: list[SampleProject]) -> None:
    """Ask the departments about the first of these projects, once: board, inbox and opinion pages then have something."""
    if not projects:
        return
    chosen = projects[0]
    with Session(edge.engine, expire_on_commit=False) as session, session.begin():
        if session.scalars(select(Project.id).where(Project.name == chosen.name)).first() is not None:
            return
        _, consultation = _consult(session, edge, chosen, _keeper(edge.city), edge.now())
        for request in consultation.requests:
            name = edge.city.department(request.department).name
            say(f"          征求 asked {name}, 限 due {request.due_on}: 待反馈 awaited (/board, /inbox)")


def _consult(
    session: Session, edge: Edge, chosen: SampleProject, keeper: Actor, now: datetime
) -> tuple[Project, Consultation]:
    """Register a project, check it, and open its consultation, at an instant."""
    footprint = read_footprint_file(chosen.path, city=edge.city, scratch=edge.scratch)
    details = ProjectDetails(name=chosen.name, applicant=chosen.applicant, purpose=chosen.purpose)
    project = register_project(session, details, footprint, city=edge.city, actor=keeper, now=now)
    say(f"{now.date()} 登记 registered {project.planning_number} {chosen.name}")
    check = check_project(session, project.id, city=edge.city, actor=keeper, now=now)
    say(f"{now.date()} 检查 checked: {check.verdict}")
    consultation = open_consultation(
        session, project.id, city=edge.city, calendar=edge.calendar, actor=keeper, now=now
    )
    return project, consultation


def _at_noon(edge: Edge, day: date) -> datetime:
    return datetime.combine(day, datetime.min.time(), tzinfo=edge.now().tzinfo) + timedelta(hours=12)


def clear_sample(edge: Edge, chosen: SampleProject) -> str:
    """Register, check and consult eight working days ago, answer the day after, one department silent, clear today."""
    today = edge.now().date()
    start = today
    while edge.calendar.working_days_left(start, today) < edge.city.limits.opinion_working_days + 3:
        start -= timedelta(days=1)
    keeper = _keeper(edge.city)
    opened = _at_noon(edge, start)
    with Session(edge.engine, expire_on_commit=False) as session, session.begin():
        project, consultation = _consult(session, edge, chosen, keeper, opened)
        answered_at = _at_noon(edge, start + timedelta(days=1))
        silent = consultation.requests[-1]
        for request in consultation.requests:
            name = edge.city.department(request.department).name
            if request is silent:
                say(f"          征求 asked {name}, 限 due {request.due_on}: 未反馈 no answer")
                continue
            actor = Actor(
                name=name, department=request.department, roles=frozenset({Role.ANYONE, Role.DEPARTMENT})
            )
            given = OpinionGiven(
                kind=OpinionKind.AGREE_WITH_CONDITIONS,
                conditions="按本部门管控要求实施 as our control rules require",
            )
            give_opinion(session, request.id, given, actor=actor, calendar=edge.calendar, now=answered_at)
            say(f"          征求 asked {name}, 限 due {request.due_on}: 有条件同意 agrees with conditions")
        close_overdue(session, today, now=edge.now(), calendar=edge.calendar)
        say(f"{silent.withdrawn_on} 到期收回，视为无意见 withdrawn, deemed no objection (第十一条 Art. 11)")
        clear_project(
            session, project.id, city=edge.city, calendar=edge.calendar, actor=keeper, now=edge.now()
        )
        say(f"{today} 通过并推送 cleared and handed over")
        return project.planning_number


def _keeper(city: City) -> Actor:
    """The bureau that keeps coordination, else the person at the command line."""
    for department in city.departments:
        if department.role is DepartmentRole.COORDINATOR:
            roles = frozenset({Role.ANYONE, Role.DEPARTMENT, Role.COORDINATOR})
            return Actor(name=department.name, department=department.code, roles=roles)
    return replace(local_operator(), name="operator")
