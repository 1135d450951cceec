"""`blueprint account …`: accounts of persons, their roles, passwords and sessions."""

from datetime import datetime, time, timedelta
from enum import StrEnum
from typing import Annotated
from zoneinfo import ZoneInfo

import typer
from sqlalchemy.orm import Session

from blueprint.accounts import identities, persons, second_factor
from blueprint.accounts.router import issuer_of, person_out
from blueprint.accounts.separation import APPOINTABLE
from blueprint.edge import Edge
from blueprint.errors import InvalidInputError
from blueprint.permissions import Act, Role, require
from blueprint.rights_table import REACH_WORDS, reach_legend, rights_markdown, rights_rows
from blueprint.sentences import Sentence
from service.commands.context import confirm, local_operator, open_edge, say
from service.commands.options import FormatOption, OutputFormat, parse_day, print_json, print_table

app = typer.Typer(no_args_is_help=True, help="账户：人员、岗位、密码 · accounts of persons, roles, passwords")

Login = Annotated[str, typer.Argument(help="登录名 login")]
_ROLES = ", ".join(sorted(APPOINTABLE))


class RightsFormat(StrEnum):
    """How the rights are printed; `markdown` is the table of `docs/rights.md`."""

    TABLE = "table"
    JSON = "json"
    MARKDOWN = "markdown"


@app.command("rights")
def rights(
    output: Annotated[
        RightsFormat, typer.Option("--format", help="table | json | markdown")
    ] = RightsFormat.TABLE,
) -> None:
    """权限表：谁可做什么，范围多大 · who may do what, how far, with which class of data."""
    if output is RightsFormat.MARKDOWN:
        typer.echo(rights_markdown(), nl=False)
        return
    rows = rights_rows()
    if output is RightsFormat.JSON:
        print_json(
            [
                {
                    "act": row.act,
                    "class": row.sensitivity,
                    "roles": {
                        role: reach.name.lower() for role, reach in row.reach.items() if reach is not None
                    },
                }
                for row in rows
            ]
        )
        return
    print_table(
        "权限表 Rights",
        ["行为 act", "密级 class", *(" ".join(words) for words in REACH_WORDS.values())],
        [
            [
                row.act,
                row.sensitivity,
                *("\n".join(row.roles_that_reach(column)) for column in REACH_WORDS),
            ]
            for row in rows
        ],
        empty="",
    )
    for line in reach_legend():
        say(line)


@app.command("add")
def add(
    login: Login,
    name: Annotated[str, typer.Option("--name", help="姓名 name")],
    email: Annotated[str | None, typer.Option("--email", help="电子邮箱 e-mail")] = None,
) -> None:
    """新建账户，打印一次性密码 · make an account and print a password for the first sign-in."""
    with open_edge() as edge, Session(edge.engine, expire_on_commit=False) as session, session.begin():
        person, password = persons.add_person(
            session, login, name, email=email, actor=local_operator(), now=edge.now()
        )
    say(
        Sentence(
            "{login}: the password below is good for one sign-in; appoint with `blueprint account appoint`",
            login=person.login,
        )
    )
    typer.echo(password)


@app.command("list")
def list_accounts(output: FormatOption = OutputFormat.TABLE) -> None:
    """列出账户与现任岗位 · list accounts and the roles held today."""
    require(local_operator(), Act.ADMINISTER_ACCOUNTS)
    with open_edge() as edge, Session(edge.engine, expire_on_commit=False) as session:
        now = edge.now()
        items = [person_out(person) for person in persons.list_persons(session, limit=10_000)]
    if output is OutputFormat.JSON:
        print_json([item.model_dump(mode="json") for item in items])
        return
    print_table(
        "账户 Accounts",
        ["登录名 login", "姓名 name", "现任岗位 roles", "状态 state"],
        [
            [
                i.login,
                i.name,
                ", ".join(
                    f"{a.role}{f' @ {a.department}' if a.department else ''}"
                    for a in i.appointments
                    if a.starts_at <= now and (a.ends_at is None or a.ends_at > now)
                ),
                "停用 deactivated" if i.deactivated_at else "示例密码 sample password" if i.is_sample else "",
            ]
            for i in items
        ],
        empty="尚无账户 no account yet: blueprint account add LOGIN --name NAME",
    )


@app.command("show")
def show(login: Login) -> None:
    """一个账户及其全部岗位 · one account with every role it ever held."""
    require(local_operator(), Act.ADMINISTER_ACCOUNTS)
    with open_edge() as edge, Session(edge.engine, expire_on_commit=False) as session:
        print_json(person_out(persons.find_person(session, login)).model_dump(mode="json"))


@app.command("appoint")
def appoint(
    login: Login,
    role: Annotated[str, typer.Argument(help=f"岗位 role: {_ROLES}")],
    department: Annotated[str | None, typer.Option("--department", help="部门代码 department")] = None,
    section: Annotated[str | None, typer.Option("--section", help="科室 section")] = None,
    first: Annotated[str | None, typer.Option("--from", help="起始日 first day")] = None,
    last: Annotated[str | None, typer.Option("--until", help="末日 last day, inclusive")] = None,
) -> None:
    """任命岗位 · give a role."""
    if role not in set(APPOINTABLE):
        raise InvalidInputError("no role {role!r}; choose one of: {roles}", role=role, roles=_ROLES)
    with open_edge() as edge, Session(edge.engine, expire_on_commit=False) as session, session.begin():
        appointment = persons.appoint(
            session,
            persons.find_person(session, login),
            Role(role),
            department=department,
            section=section,
            starts_at=_instant(first, edge),
            ends_at=_instant(last, edge, days=1),
            city=edge.city,
            actor=local_operator(),
            now=edge.now(),
        )
        number = appointment.id
    told = {"number": number, "login": login, "role": role}
    if department:
        say(
            Sentence("appointment {number}: {login} is {role} of {department}", **told, department=department)
        )
    else:
        say(Sentence("appointment {number}: {login} is {role}", **told))


@app.command("end")
def end(number: Annotated[int, typer.Argument(min=1, help="任命编号 number of the appointment")]) -> None:
    """结束岗位，立即生效 · end a role at once; it stays on record."""
    with open_edge() as edge, Session(edge.engine, expire_on_commit=False) as session, session.begin():
        persons.end_appointment(session, number, actor=local_operator(), now=edge.now())
    say(Sentence("appointment {number} is over", number=number))


@app.command("reset-password")
def reset_password(login: Login) -> None:
    """重置密码，打印一次性密码 · a new password for one sign-in; all sessions end."""
    with open_edge() as edge, Session(edge.engine, expire_on_commit=False) as session, session.begin():
        person = persons.find_person(session, login)
        password = persons.reset_password(session, person, actor=local_operator(), now=edge.now())
    typer.echo(password)


@app.command("reset-second-factor")
def reset_second_factor(login: Login) -> None:
    """取消其动态口令 · take away the second factor of somebody who lost it; all sessions end."""
    with open_edge() as edge, Session(edge.engine, expire_on_commit=False) as session, session.begin():
        person = persons.find_person(session, login)
        second_factor.reset(session, person, actor=local_operator(), now=edge.now())
    say(
        Sentence(
            "{login} has no second factor now and signs in with the password alone, to set up another",
            login=login,
        )
    )


@app.command("link")
def link(
    login: Login,
    subject: Annotated[str, typer.Argument(help="身份提供方给出的 sub · what the provider calls the person")],
    issuer: Annotated[
        str | None, typer.Option("--issuer", help="提供方 issuer; default BLUEPRINT_OPENID_ISSUER")
    ] = None,
) -> None:
    """关联统一身份 · let somebody sign in at the OpenID Connect provider."""
    with open_edge() as edge, Session(edge.engine, expire_on_commit=False) as session, session.begin():
        person = persons.find_person(session, login)
        identity = identities.link(
            session,
            person,
            issuer=issuer_of(issuer, edge),
            subject=subject,
            actor=local_operator(),
            now=edge.now(),
        )
    say(
        Sentence(
            "link {number}: {subject} of {issuer} signs in as {login}",
            number=identity.id,
            subject=subject,
            issuer=identity.issuer,
            login=login,
        )
    )


@app.command("unlink")
def unlink(number: Annotated[int, typer.Argument(min=1, help="关联编号 number of the link")]) -> None:
    """解除统一身份关联 · end a link at once; it stays on record."""
    with open_edge() as edge, Session(edge.engine, expire_on_commit=False) as session, session.begin():
        identities.unlink(session, number, actor=local_operator(), now=edge.now())
    say(Sentence("link {number} is over", number=number))


@app.command("sign-out")
def sign_out(login: Login) -> None:
    """立即结束其全部会话 · end all sessions of a person at once."""
    require(local_operator(), Act.ADMINISTER_ACCOUNTS)
    with open_edge() as edge, Session(edge.engine, expire_on_commit=False) as session, session.begin():
        person = persons.find_person(session, login)
        count = persons.end_sessions(session, person, actor=local_operator(), now=edge.now())
    say(Sentence("{count} session(s) of {login} are over", count=count, login=login))


@app.command("deactivate")
def deactivate(
    login: Login, yes: Annotated[bool, typer.Option("--yes", help="不再询问 do not ask")] = False
) -> None:
    """停用账户 · close an account: sessions and roles end, the record stays."""
    if not yes:
        confirm(f"停用 {login}？ Close the account {login}?")
    with open_edge() as edge, Session(edge.engine, expire_on_commit=False) as session, session.begin():
        persons.deactivate(
            session, persons.find_person(session, login), actor=local_operator(), now=edge.now()
        )
    say(Sentence("{login} is deactivated", login=login))


def _instant(day: str | None, edge: Edge, *, days: int = 0) -> datetime | None:
    parsed = parse_day(day)
    if parsed is None:
        return None
    midnight = datetime.combine(parsed, time(), ZoneInfo(edge.city.time_zone))
    return midnight + timedelta(days=days)
