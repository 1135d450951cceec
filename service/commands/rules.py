"""`blueprint rules …`: validate a rule set, show the city's, try a changed one on past projects."""

from pathlib import Path
from typing import Annotated

import typer
from sqlalchemy.orm import Session

from blueprint.errors import NotFoundError
from blueprint.sentences import Sentence
from coordination.judging import of_city, rule_set_of
from coordination.report_words import SEVERITY_WORDS
from coordination.rule_file import load_rule_set
from coordination.rule_sets import RuleSet, to_json
from coordination.rule_trial import refuse_unfit, try_rules
from service.commands.context import local_operator, open_edge, say
from service.commands.options import FormatOption, OutputFormat, parse_day, print_json, print_table

app = typer.Typer(no_args_is_help=True, help="管控规则集：校验、查看、试算 · rule sets: validate, show, try")

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
    """查看本市现用规则集 · the rule set of the city's profile."""
    with open_edge() as edge:
        rule_set = rule_set_of(edge.city)
    if rule_set is None:
        raise NotFoundError("the city's profile names no rule set; the catalogue's controls hold")
    _show(rule_set, output)


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
