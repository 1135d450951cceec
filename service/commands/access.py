"""`blueprint access …`: access of departments to layers of others."""

from dataclasses import replace
from typing import Annotated

import typer
from sqlalchemy.orm import Session

from blueprint.errors import InvalidInputError
from blueprint.sentences import Sentence
from blueprint.sharing import grants
from blueprint.sharing.models import MOST_EXPORTS, MOST_FEATURES, GrantState
from blueprint.sharing.router import grant_out
from coordination.masking import list_answers
from service.commands.context import local_operator, open_edge, say
from service.commands.options import FormatOption, OutputFormat, parse_day, print_json, print_table

app = typer.Typer(
    no_args_is_help=True, help="共享授权：申请、授权、收回 · access to layers of other departments"
)

Number = Annotated[int, typer.Argument(min=1, help="编号 number of the request or grant")]
Layer = Annotated[str, typer.Argument(help="图层代码 layer code")]
Until = Annotated[str, typer.Option("--until", help="末日 last day, YYYY-MM-DD, at most a year ahead")]
Conditions = Annotated[str | None, typer.Option("--conditions", help="共享条件 under which conditions")]
MayExport = Annotated[bool, typer.Option("--may-export", help="允许导出 may be exported as a file")]
MostExports = Annotated[
    int, typer.Option("--most-exports", min=1, help="可导出次数 files that may be taken in all its time")
]
MostFeatures = Annotated[
    int,
    typer.Option("--most-features", min=1, help="可导出图斑数 features that may be taken in all its time"),
]
Reason = Annotated[str, typer.Option("--reason", help="理由 why")]
Purpose = Annotated[str, typer.Option("--purpose", help="履职用途 the duty that it is for")]


@app.command("list")
def list_grants(
    state: Annotated[GrantState | None, typer.Option("--state", help="状态 only those in this state")] = None,
    output: FormatOption = OutputFormat.TABLE,
) -> None:
    """列出申请与授权 · list requests and grants."""
    with open_edge() as edge, Session(edge.engine, expire_on_commit=False) as session:
        found = grants.list_grants(session, actor=local_operator(), state=state, limit=10_000)
        items = [grant_out(grant) for grant in found]
    if output is OutputFormat.JSON:
        print_json([item.model_dump(mode="json") for item in items])
        return
    print_table(
        "共享授权 Access grants",
        [
            "编号 number",
            "提供 owner",
            "使用 department",
            "图层 layer",
            "用途 purpose",
            "状态 state",
            "至 until",
            "导出 export",
        ],
        [
            [
                i.id,
                i.owner,
                i.department,
                i.layer or i.wanted,
                i.purpose,
                i.state,
                i.ends_on,
                "可 yes" if i.may_export else "否 no",
            ]
            for i in items
        ],
        empty="尚无申请或授权 nothing was asked for yet: blueprint access request",
    )


@app.command("request")
def request(
    owner: Annotated[str, typer.Argument(help="数据提供部门 the department that keeps the data")],
    department: Annotated[str, typer.Option("--for", help="申请部门 the department that asks")],
    purpose: Purpose,
    wanted: Annotated[str | None, typer.Option("--wanted", help="所需数据 which data, in words")] = None,
) -> None:
    """为部门申请数据 · ask for access in the name of a department."""
    with open_edge() as edge, Session(edge.engine, expire_on_commit=False) as session, session.begin():
        edge.city.department(department)
        grant = grants.request_access(
            session,
            owner=owner,
            purpose=purpose,
            wanted=wanted,
            actor=replace(local_operator(), department=department),
            city=edge.city,
            now=edge.now(),
        )
        number = grant.id
    say(
        Sentence(
            "request {number} was made to {owner}; grant it with `blueprint access grant {number} LAYER --until DATE`",
            number=number,
            owner=owner,
        )
    )


@app.command("grant")
def grant_request(
    number: Number,
    layer: Layer,
    until: Until,
    conditions: Conditions = None,
    may_export: MayExport = False,
    most_exports: MostExports = MOST_EXPORTS,
    most_features: MostFeatures = MOST_FEATURES,
) -> None:
    """同意申请 · grant what was asked for."""
    with open_edge() as edge, Session(edge.engine, expire_on_commit=False) as session, session.begin():
        asked = grants.find_grant(session, number, actor=local_operator())
        grants.grant_access(
            session,
            asked,
            _terms(layer, until, conditions, may_export, most_exports, most_features),
            actor=local_operator(),
            now=edge.now(),
        )
    say(
        Sentence(
            "grant {number}: {department} may read {layer} until {until}",
            number=number,
            department=asked.department,
            layer=layer,
            until=until,
        )
    )


@app.command("give")
def give(
    layer: Layer,
    department: Annotated[str, typer.Option("--to", help="使用部门 the department that gets it")],
    purpose: Purpose,
    until: Until,
    conditions: Conditions = None,
    may_export: MayExport = False,
    most_exports: MostExports = MOST_EXPORTS,
    most_features: MostFeatures = MOST_FEATURES,
) -> None:
    """主动授权 · grant access that nobody asked for."""
    with open_edge() as edge, Session(edge.engine, expire_on_commit=False) as session, session.begin():
        given = grants.give_access(
            session,
            _terms(layer, until, conditions, may_export, most_exports, most_features),
            department=department,
            purpose=purpose,
            actor=local_operator(),
            city=edge.city,
            now=edge.now(),
        )
        number = given.id
    say(
        Sentence(
            "grant {number}: {department} may read {layer} until {until}",
            number=number,
            department=department,
            layer=layer,
            until=until,
        )
    )


@app.command("refuse")
def refuse(number: Number, reason: Reason) -> None:
    """拒绝申请 · refuse a request."""
    with open_edge() as edge, Session(edge.engine, expire_on_commit=False) as session, session.begin():
        asked = grants.find_grant(session, number, actor=local_operator())
        grants.refuse_access(session, asked, reason=reason, actor=local_operator(), now=edge.now())
    say(Sentence("request {number} is refused", number=number))


@app.command("withdraw")
def withdraw(number: Number, reason: Reason) -> None:
    """收回授权，立即生效 · withdraw a grant, at once."""
    with open_edge() as edge, Session(edge.engine, expire_on_commit=False) as session, session.begin():
        grant = grants.find_grant(session, number, actor=local_operator())
        grants.withdraw_access(session, grant, reason=reason, actor=local_operator(), now=edge.now())
    say(Sentence("grant {number} is withdrawn", number=number))


@app.command("asked")
def asked(
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="条数 at most so many")] = 1000,
    output: FormatOption = OutputFormat.TABLE,
) -> None:
    """谁的检查涉及受限图层、每日几次 · whose checks asked restricted layers that they may not read, how often a day."""
    with open_edge() as edge, Session(edge.engine, expire_on_commit=False) as session:
        found = list_answers(session, actor=local_operator(), limit=limit)
    items = [{"day": a.day, "reader": a.reader, "owner": a.owner, "asked": a.asked} for a in found]
    if output is OutputFormat.JSON:
        print_json(items)
        return
    print_table(
        "受限图层被检查次数 Checks that asked restricted layers",
        ["日 day", "检查方 reader", "提供部门 owner", "次数 asked"],
        [list(item.values()) for item in items],
        empty="没有 none",
    )


def _terms(
    layer: str, until: str, conditions: str | None, may_export: bool, most_exports: int, most_features: int
) -> grants.Terms:
    ends_on = parse_day(until)
    if ends_on is None:
        raise InvalidInputError("say until when: --until 2026-12-31")
    return grants.Terms(layer, ends_on, None, conditions, may_export, most_exports, most_features)
