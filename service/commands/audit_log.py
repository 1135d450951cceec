"""`blueprint audit-log …`: look at the audit log, prove it, keep its head elsewhere, retire what is old."""

from pathlib import Path
from typing import Annotated

import typer
from sqlalchemy.orm import Session

from blueprint.audit.log import record
from blueprint.audit.search import KEPT_DAYS, Question, entry_values, export_lines, retire, search
from blueprint.audit.verification import Verification, head_of, read_anchors, verify, write_anchor
from blueprint.edge import Edge
from blueprint.errors import InvalidInputError
from blueprint.permissions import Act, require
from blueprint.sentences import Sentence
from service.commands.act_words import OUTCOMES, act_said
from service.commands.context import anchors_file, confirm, local_operator, open_edge, owner_session, say
from service.commands.options import FormatOption, OutputFormat, parse_day, print_json, print_table
from service.settings import read_settings

app = typer.Typer(
    no_args_is_help=True,
    help="审计日志：查询、核验、锚定、归档 · the audit log, append-only and chained by hashes",
)

Actor = Annotated[str | None, typer.Option("--actor", help="操作人 who")]
ActOption = Annotated[str | None, typer.Option("--act", help="操作 what was done, such as upload_version")]
Kind = Annotated[str | None, typer.Option("--kind", help="对象类别 to what kind of thing, such as layer")]
Thing = Annotated[str | None, typer.Option("--thing", help="对象 to which thing")]
First = Annotated[str | None, typer.Option("--from", help="起始日 first day, YYYY-MM-DD")]
Last = Annotated[str | None, typer.Option("--to", help="终止日 last day, YYYY-MM-DD")]


@app.command("list")
def list_entries(
    actor: Actor = None,
    act: ActOption = None,
    kind: Kind = None,
    thing: Thing = None,
    first: First = None,
    last: Last = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="条数 at most so many")] = 50,
    output: FormatOption = OutputFormat.TABLE,
) -> None:
    """查询 · the entries that answer, newest first."""
    require(local_operator(), Act.READ_AUDIT_LOG)
    question = _question(actor, act, kind, thing, first, last)
    with open_edge() as edge, Session(edge.engine, expire_on_commit=False) as session, session.begin():
        items = [entry_values(entry) for entry in search(session, question, limit=limit)]
        record(session, local_operator(), Act.READ_AUDIT_LOG, kind="audit_log", id="search")
    if output is OutputFormat.JSON:
        print_json(items)
        return
    print_table(
        "审计日志 Audit log",
        [
            "序号 number",
            "时间 at",
            "操作人 who",
            "操作 act",
            "对象 thing",
            "用途 purpose",
            "来源 from",
            "结果 outcome",
        ],
        [
            [
                i["seq"],
                i["at"][:19],
                i["actor"],
                act_said(i["act"]),
                f"{i['kind']} {i['thing']}",
                i["purpose"],
                " ".join(filter(None, (i["channel"], i["address"]))),
                OUTCOMES.get(i["outcome"], i["outcome"]),
            ]
            for i in items
        ],
        empty="没有符合条件的记录 no entry answers",
    )


@app.command("verify")
def verify_log() -> None:
    """核验：逐条核对哈希链与锚点 · walk the chain and compare it with the anchors; exit 1 when it was tampered with."""
    require(local_operator(), Act.READ_AUDIT_LOG)
    with open_edge() as edge, Session(edge.engine) as session:
        found = verify(session, read_anchors(_anchors(edge)))
    if found.reason is not None:
        say(f"日志被改动 the log was tampered with: entry {found.wrong_seq}: {found.reason.both}")
        raise typer.Exit(1)
    typer.echo(_told(found))


@app.command("anchor")
def anchor() -> None:
    """锚定：把当前链头记到数据库之外 · keep the head outside the database, and print it to be kept elsewhere still."""
    require(local_operator(), Act.READ_AUDIT_LOG)
    with open_edge() as edge, Session(edge.engine) as session:
        head = head_of(session, edge.now())
        write_anchor(_anchors(edge), head)
    typer.echo(f"{head.seq} {head.hash} {head.at}")


@app.command("export")
def export(
    file: Annotated[Path, typer.Argument(help="目标文件 .ndjson or .csv")],
    actor: Actor = None,
    act: ActOption = None,
    kind: Kind = None,
    thing: Thing = None,
    first: First = None,
    last: Last = None,
) -> None:
    """导出 · write entries to a file, oldest first."""
    require(local_operator(), Act.EXPORT_AUDIT_LOG)
    form = file.suffix.removeprefix(".")
    if form not in ("ndjson", "csv"):
        raise InvalidInputError("name a file that ends in .ndjson or .csv")
    question = _question(actor, act, kind, thing, first, last)
    partial = file.with_name(f".{file.name}.part")
    with open_edge() as edge, Session(edge.engine, expire_on_commit=False) as session, session.begin():
        try:
            with partial.open("w", encoding="utf-8", newline="") as stream:
                stream.writelines(export_lines(session, question, form))
            partial.replace(file)
        except OSError as error:
            raise InvalidInputError(
                "cannot write {file}: {strerror}", file=file, strerror=error.strerror
            ) from error
        record(session, local_operator(), Act.EXPORT_AUDIT_LOG, kind="audit_log", id=form)
    say(Sentence("wrote {path}", path=file))


@app.command("retire")
def retire_entries(
    file: Annotated[Path, typer.Argument(help="归档文件 the file that takes them")],
    before: Annotated[
        str, typer.Option("--before", help=f"早于此日 before this day, {KEPT_DAYS} days ago at least")
    ],
    yes: Annotated[bool, typer.Option("--yes", help="不再询问 do not ask")] = False,
) -> None:
    """归档：写入文件后移出数据库 · write old entries to a file and remove them; the chain goes on."""
    require(local_operator(), Act.EXPORT_AUDIT_LOG)
    day = parse_day(before)
    if day is None:
        raise InvalidInputError("say before which day: --before 2026-01-01")
    if not yes:
        confirm(f"移出 {day} 以前的记录？ Remove the entries before {day} from the database?")
    # The owner's act: the service's own role has no right to take entries away.
    with open_edge() as edge, owner_session() as session, session.begin():
        who = local_operator()
        count = retire(session, day, file, who=who.name, today=edge.now().date())
        record(session, who, "retire_audit_log", kind="audit_log", id=str(file), after={"entries": count})
    say(Sentence("{count} entries are in {path} and no longer in the database", count=count, path=file))


def _question(
    actor: str | None,
    act: str | None,
    kind: str | None,
    thing: str | None,
    first: str | None,
    last: str | None,
) -> Question:
    return Question(
        actor=actor, act=act, kind=kind, thing=thing, first_day=parse_day(first), last_day=parse_day(last)
    )


def _anchors(edge: Edge) -> Path:
    return anchors_file(read_settings(), str(edge.engine.url))


def _told(found: Verification) -> str:
    return f"完好 the log holds: {found.entries} entries, the head is {found.head}"
