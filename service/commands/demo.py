"""`blueprint demo`: from nothing to a conflict report of a sample city, one project all the way, and a map."""

import contextlib
import os
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text
from sqlalchemy import select
from sqlalchemy.orm import Session

from approval.models import Case
from blueprint.edge import Edge
from blueprint.errors import BlueprintError
from blueprint.footprint import Footprint, read_footprint_file
from blueprint.tokens import issue_token, revoke_tokens
from coordination.check_report import CheckReport, given_to
from coordination.checks import run_check
from coordination.models import Project
from service.commands.check import SEVERITY_STYLES, ReportFormat, print_report, render, write
from service.commands.context import local_operator, open_edge, output, say
from service.commands.demo_approval import approve_sample
from service.commands.demo_coordination import ask_about_sample, clear_sample
from service.commands.layer_upload import store_file
from service.commands.serve import bind, run
from service.push import push_due
from service.samples import SampleProject, load_samples, sample_accounts, sample_folder, sample_projects
from service.settings import Settings, read_settings
from service.simulation.year import is_lived, live_a_year

DEFAULT_CITY = "anshan"
SAMPLE_SECTION = "综合科"
"""The responsible section of the first department: its opinions go from reception to signature (科室流转)."""
SAMPLE_PROJECT_CODE = "2608-210311-04-01-402751"
"""A made investment project code of the form in use since 2020-11."""


def demo(
    serve_too: Annotated[
        bool, typer.Option("--serve/--no-serve", help="完成后启动地图服务 serve the map when done")
    ] = True,
    city: Annotated[str, typer.Option(help="示例城市 sample city: anshan | cambridge")] = DEFAULT_CITY,
    port: Annotated[int, typer.Option(min=0, max=65535, help="端口 port; 0 takes a free one")] = 8000,
    year: Annotated[
        int,
        typer.Option(
            min=0,
            max=5000,
            help="另模拟一年的审批，项目数 also a made-up year of so many projects in approval",
        ),
    ] = 0,
) -> None:
    """演示：示例图层、冲突报告、一个项目走完全程、地图 · sample layers, conflict reports, one project all the way, a map."""
    folder = sample_folder(city)
    settings = _settings(folder, city)
    listener = bind("127.0.0.1", port) if serve_too else None
    with contextlib.ExitStack() as stack:
        if listener is not None:
            stack.callback(listener.close)
        base_url = f"http://127.0.0.1:{listener.getsockname()[1]}" if listener is not None else None
        edge = stack.enter_context(open_edge(settings=settings, base_url=base_url, stays=False))
        say(f"一张蓝图 One Blueprint · {edge.city.name} {edge.city.name_en or ''}")
        layers, stored = load_samples(edge, folder, store=store_file, actor=local_operator())
        say(f"图层 layers: {layers}, 新版本 new versions: {stored}")
        projects = sample_projects(folder)
        verdicts = _check_all(edge, projects, settings.home / "demo")
        _walk(edge, projects, verdicts)
        ask_about_sample(edge, [p for p in projects if verdicts[p.name] == "prohibit"])
        if year:
            _live(edge, settings, year)
        if listener is not None:
            _print_tokens(edge)
            _print_accounts(edge)
            run(edge, settings, listener)
        else:
            _print_next(settings, city)


def _live(edge: Edge, settings: Settings, projects: int) -> None:
    """A made-up year, once: its statistics are on the page `/approval`."""
    with Session(edge.engine) as session:
        if is_lived(session):
            say("模拟的一年已在库中 the made-up year is there already")
            return
    say(f"模拟一年的审批 living a made-up year of {projects} projects, through the HTTP API")
    lived = live_a_year(edge, settings, projects=projects, people=min(300, projects), seed=20260302)
    say(f"办结事项 items decided: {lived.decided}, HTTP: {lived.requests}")


def _settings(folder: Path, city: str) -> Settings:
    """The default city uses the home itself; another needs a database of its own, so a home of its own."""
    settings = read_settings()
    home = settings.home if city == DEFAULT_CITY else settings.home / city
    return settings.model_copy(update={"city": folder / "city.toml", "home": home})


def _check_all(edge: Edge, projects: list[SampleProject], folder: Path) -> dict[str, str]:
    """Check every sample footprint, print its report, write the first with a conflict as a page; name to verdict."""
    verdicts: dict[str, str] = {}
    page: bytes | None = None
    for project in projects:
        output.print()
        try:
            report, footprint = _check(edge, project)
        except BlueprintError as error:
            verdicts[project.name] = "refused"
            output.print(
                Text.assemble(
                    (f"{project.name}  ", "bold"), ("拒绝 refused  ", "bold magenta"), error.sentence.both
                )
            )
            continue
        verdicts[project.name] = str(report.verdict)
        print_report(report, project.name)
        if page is None and report.verdict in ("prohibit", "restrict"):
            with Session(edge.engine, expire_on_commit=False) as session, session.begin():
                page = render(session, report, footprint, ReportFormat.HTML, edge, project.name)
    output.print()
    _print_summary(projects, verdicts)
    if page is not None:
        write(page, folder / "report.html")
    return verdicts


def _check(edge: Edge, project: SampleProject) -> tuple[CheckReport, Footprint]:
    read = read_footprint_file(project.path, city=edge.city, scratch=edge.scratch)
    footprint = replace(read, top_m=project.top_m, planned_use=project.planned_use)
    now = edge.now()
    with Session(edge.engine, expire_on_commit=False) as session, session.begin():
        report = run_check(
            session, footprint, city=edge.city, actor=local_operator(), on=now.date(), with_shapes=True
        )
    return given_to(report, local_operator(), now), footprint


def _print_summary(projects: list[SampleProject], verdicts: dict[str, str]) -> None:
    table = Table(
        title="示例项目 sample projects", title_justify="left", title_style="bold", header_style="bold"
    )
    for column in ("项目 project", "预期 expected", "结论 verdict", "说明 note"):
        table.add_column(column, overflow="fold")
    for project in projects:
        verdict = verdicts[project.name]
        table.add_row(
            project.name,
            project.expected,
            Text(verdict, style=SEVERITY_STYLES.get(verdict, "magenta")),
            project.note,
        )
    output.print(table)


def _walk(edge: Edge, projects: list[SampleProject], verdicts: dict[str, str]) -> None:
    """Take one project with conditions through consultation, clearance, handover and the four stages, once."""
    chosen = next((p for p in projects if verdicts[p.name] in ("restrict", "advise")), None)
    if chosen is None:
        return
    with Session(edge.engine, expire_on_commit=False) as session:
        known = session.scalars(select(Project).where(Project.name == chosen.name)).first()
        if known is not None:
            push_due(edge.engine, now=edge.now(), approval_url=None, secret=None)
            case = session.scalars(select(Case).where(Case.planning_number == known.planning_number)).first()
            if case is not None:
                say(
                    f"{chosen.name} 已走完全程 went all the way before: {known.planning_number}, {case.project_code}"
                )
                return
    number = clear_sample(edge, chosen)
    push_due(edge.engine, now=edge.now(), approval_url=None, secret=None)
    _approve(edge, number)


def _approve(edge: Edge, number: str) -> None:
    approver = local_operator()
    now = edge.now()
    with Session(edge.engine, expire_on_commit=False) as session, session.begin():
        case = approve_sample(session, edge, number, SAMPLE_PROJECT_CODE, actor=approver)
        say(f"{now.date()} 四阶段办结 four stages concluded: {', '.join(row.stage for row in case.stages)}")


def _print_tokens(edge: Edge) -> None:
    """Fresh tokens for the two administrations and one department; the last run's are revoked."""
    roles = {d.role: d for d in reversed(edge.city.departments)}
    with Session(edge.engine, expire_on_commit=False) as session, session.begin():
        for department in roles.values():
            revoke_tokens(session, department=department.code, now=edge.now())
            token = issue_token(session, department=department.code, city=edge.city, now=edge.now(), days=7)
            say(f"令牌 token {department.code} {department.name}: {token}")


def _print_accounts(edge: Edge) -> None:
    """One account a role, with a new password each time; a public or production start refuses them."""
    password, made = sample_accounts(edge, actor=local_operator(), section=SAMPLE_SECTION)
    for login, role, department in made:
        say(f"示例账户 sample account {login}: {role}{f' @ {department}' if department else ''}")
    say(f"示例密码 their password: {password}")


def _print_next(settings: Settings, city: str) -> None:
    prefix = (
        ""
        if city == DEFAULT_CITY
        else f"BLUEPRINT_CITY={os.path.relpath(settings.city)} BLUEPRINT_HOME={settings.home} "
    )
    say(
        f"下一步 next: {prefix}.venv/bin/blueprint serve · {prefix}.venv/bin/blueprint layer list · {prefix}.venv/bin/blueprint check FILE"
    )
