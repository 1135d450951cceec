"""`blueprint rules …`: validate a rule set, show the one in force, try a changed one on past projects, put it in force, take it back."""

import json
from datetime import date
from pathlib import Path
from typing import Annotated

import typer
from sqlalchemy.orm import Session

from blueprint.city import City
from blueprint.errors import NotFoundError
from blueprint.permissions import Act, require
from blueprint.sentences import Sentence
from coordination.judging import of_city
from coordination.report_words import SEVERITY_WORDS
from coordination.rule_difference import RuleTurn
from coordination.rule_file import load_rule_set
from coordination.rule_publication import put_in_force, roll_back
from coordination.rule_sets import RuleSet, to_json
from coordination.rule_trial import refuse_unfit, rule_changes, try_rules
from coordination.rules_in_force import Standing, history, rule_set_on
from service.commands.check import write
from service.commands.context import local_operator, open_edge, say
from service.commands.options import FormatOption, OutputFormat, parse_day, print_json, print_table

app = typer.Typer(
    no_args_is_help=True,
    help="管控规则集：校验、查看、对比、试算、生效、回退 · rule sets: validate, show, compare, try, put in force, take back",
)

File = Annotated[Path, typer.Argument(help="规则集文件 the YAML file of a rule set")]


@app.command("validate")
def validate(
    file: File,
    by_layers: Annotated[
        bool,
        typer.Option(
            "--layers/--file-alone",
            help="是否核对图层 also whether each rule fits its layer; the file alone needs no database",
        ),
    ] = True,
    output: FormatOption = OutputFormat.TABLE,
) -> None:
    """校验规则集，错误指明行号 · validate a rule set, by itself and by the layers of the catalogue; an error names the line."""
    rule_set = load_rule_set(file)
    if by_layers:
        with open_edge() as edge, Session(edge.engine) as session:
            of_city(rule_set, edge.city)
            waiting = refuse_unfit(session, rule_set, actor=local_operator(), on=edge.now().date())
        if waiting:
            say(
                Sentence(
                    "no layer is called {layers}: their rules wait until there is one, or the codes are wrong",
                    layers=waiting,
                )
            )
    _show(rule_set, output)


@app.command("show")
def show(output: FormatOption = OutputFormat.TABLE) -> None:
    """查看本市现行规则集 · the rule set in force today."""
    with open_edge() as edge, Session(edge.engine) as session:
        rule_set = _on(session, edge.city, edge.now().date())
    _show(rule_set, output)


@app.command("export")
def export(
    output: Annotated[Path, typer.Argument(help="写入的文件 file to write")],
) -> None:
    """导出现行规则集文件 · the file of the rule set in force today, word for word, to be changed."""
    with open_edge() as edge, Session(edge.engine) as session:
        rule_set = _on(session, edge.city, edge.now().date())
    write(rule_set.content, output)


@app.command("history")
def show_history(output: FormatOption = OutputFormat.TABLE) -> None:
    """规则集沿革 · the rule sets that were put in force, the newest first."""
    require(local_operator(), Act.CHECK_FOOTPRINT)
    with open_edge() as edge, Session(edge.engine) as session:
        rows = history(session, today=edge.now().date())
    if output is OutputFormat.JSON:
        print_json(
            [
                {
                    name: getattr(row.entry, name)
                    for name in (
                        "name",
                        "sha256",
                        "starts_on",
                        "decided_by",
                        "decided_at",
                        "taken_back_by",
                        "taken_back_at",
                    )
                }
                | {"standing": row.standing}
                for row in rows
            ]
        )
        return
    print_table(
        "规则集沿革 Rule sets in force",
        ["规则集 rule set", "自 from", "状态 stands", "决定 decided by", "于 at", "收回 taken back by"],
        (
            [
                row.entry.name,
                row.entry.starts_on,
                _STANDING[row.standing],
                row.entry.decided_by,
                f"{row.entry.decided_at:%Y-%m-%d %H:%M}",
                row.entry.taken_back_by or "",
            ]
            for row in rows
        ),
        empty="未曾更换，城市档案的规则集有效 none was put in force; that of the city's profile holds",
    )


@app.command("difference")
def difference(
    file: File,
    on: Annotated[str | None, typer.Option(help="对比日 a day YYYY-MM-DD; today when not given")] = None,
    output: FormatOption = OutputFormat.TABLE,
) -> None:
    """与现行规则集对比 · in what a changed rule set differs from the one in force."""
    rule_set = load_rule_set(file)
    day = parse_day(on)
    with open_edge() as edge, Session(edge.engine) as session:
        changes = rule_changes(
            session, rule_set, city=edge.city, actor=local_operator(), on=day or edge.now().date()
        )
    if output is OutputFormat.JSON:
        print_json([vars(change) | {"fields": [vars(each) for each in change.fields]} for change in changes])
        return
    print_table(
        f"规则对比 Difference · {rule_set.name}",
        ["规则 rule", "图层 layer", "变化 change", "字段 field", "现行 in force", "改动后 changed"],
        (
            [change.id, change.layer, _TURNS[change.turn], name, before, after]
            for change in changes
            for name, before, after in (
                [(each.name, _plain(each.before), _plain(each.after)) for each in change.fields]
                or [("", "", change.title)]
            )
        ),
        empty="规则相同 the same rules",
    )


@app.command("in-force")
def bring_into_force(
    file: File,
    starts_on: Annotated[
        str | None, typer.Option("--from", help="生效日 first day in force YYYY-MM-DD; today when not given")
    ] = None,
) -> None:
    """规则集自某日起生效 · let a rule set be in force from a day on; checks of that day and later cite it."""
    rule_set = load_rule_set(file)
    day = parse_day(starts_on)
    with open_edge() as edge, Session(edge.engine) as session, session.begin():
        entry = put_in_force(
            session,
            rule_set,
            starts_on=day or edge.now().date(),
            city=edge.city,
            actor=local_operator(),
            now=edge.now(),
        )
        typer.echo(f"{entry.name} 自 {entry.starts_on} 起生效 in force from then on")


@app.command("roll-back")
def take_back() -> None:
    """回退规则集：取消排期，或恢复前一套 · take back the rule set planned last, which never comes; where none is planned, the one before holds again from today."""
    with open_edge() as edge, Session(edge.engine) as session, session.begin():
        entry = roll_back(session, edge.city, actor=local_operator(), now=edge.now())
        said = (
            "已取消排期 will not come into force"
            if entry.taken_back_at is not None
            else f"自 {entry.starts_on} 起恢复 in force again from then on"
        )
        typer.echo(f"{entry.name} {said}")


_TURNS = {RuleTurn.ADDED: "新增 added", RuleTurn.REMOVED: "删除 removed", RuleTurn.CHANGED: "修改 changed"}
_STANDING = {
    Standing.IN_FORCE: "现行 in force",
    Standing.PLANNED: "已排期 planned",
    Standing.EARLIER: "已替代 earlier",
    Standing.TAKEN_BACK: "已收回 taken back",
}


def _plain(value: object) -> str:
    if value is None:
        return "—"
    return json.dumps(value, ensure_ascii=False) if isinstance(value, dict | list) else str(value)


def _on(session: Session, city: City, day: date) -> RuleSet:
    require(local_operator(), Act.CHECK_FOOTPRINT)
    rule_set = rule_set_on(session, city, day)
    if rule_set is None:
        raise NotFoundError("the city's profile names no rule set; the catalogue's controls hold")
    return rule_set


@app.command("try")
def try_on_projects(
    file: File,
    on: Annotated[str | None, typer.Option(help="检查日 a day YYYY-MM-DD; today when not given")] = None,
    output: FormatOption = OutputFormat.TABLE,
) -> None:
    """用改动后的规则集试算已有项目 · which projects' verdicts a changed rule set would turn; nothing is kept."""
    day = parse_day(on)
    with open_edge() as edge, Session(edge.engine, expire_on_commit=False) as session, session.begin():
        trials = try_rules(
            session, load_rule_set(file), city=edge.city, actor=local_operator(), on=day or edge.now().date()
        )
    if output is OutputFormat.JSON:
        print_json([vars(trial) | {"layers": list(trial.layers)} for trial in trials])
        return
    print_table(
        f"规则试算 Trial · {file.name}",
        ["项目 project", "现规则 now", "改动后 changed", "变化 turn", "图层 layers"],
        (
            [
                trial.name,
                " ".join(SEVERITY_WORDS[trial.verdict_before]),
                " ".join(SEVERITY_WORDS[trial.verdict_after]),
                "" if trial.turn == "same" else trial.turn,
                ", ".join(trial.layers),
            ]
            for trial in trials
        ),
        empty="没有项目 no project",
    )


def _show(rule_set: RuleSet, output: OutputFormat) -> None:
    if output is OutputFormat.JSON:
        rules = [to_json(rule) for rule in rule_set.rules]
        print_json(
            {"code": rule_set.code, "version": rule_set.version, "sha256": rule_set.sha256, "rules": rules}
        )
        return
    print_table(
        f"规则集 Rule set {rule_set.name} · sha256:{rule_set.sha256[:16]}…",
        [
            "规则 rule",
            "图层 layer",
            "名称 title",
            "管控 control",
            "起止 valid",
            "核对日 checked",
            "签认 signed off",
        ],
        (
            [
                rule.id,
                rule.layer,
                rule.title,
                rule.control or "—",
                f"{rule.valid_from or ''}…{rule.valid_until or ''}",
                rule.last_checked_on,
                f"{rule.signed_off.by} {rule.signed_off.on}" if rule.signed_off else "未签认 not yet",
            ]
            for rule in rule_set.rules
        ),
        empty="没有规则 no rule",
    )
