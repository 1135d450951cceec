"""`blueprint check-batch FILE`: every footprint of a file in one run."""

from pathlib import Path
from typing import Annotated

import typer
from sqlalchemy.orm import Session

from blueprint.errors import InvalidInputError
from blueprint.layers.reading import staged
from blueprint.layers.storing import upload_stream
from blueprint.sentences import Sentence
from coordination.batch.files import BatchForm, summary_of, write_batch
from coordination.batch.keeping import MAX_NOTES_KEPT, about
from coordination.batch.run import check_sites
from coordination.batch.sites import BatchRequest, read_sites
from coordination.report_words import SEVERITY_WORDS, WITHHELD_WORDS
from coordination.rules_in_force import rule_set_on
from service.commands.check import write
from service.commands.context import console, local_operator, open_edge, say
from service.commands.options import (
    FormatOption,
    OutputFormat,
    WidthOption,
    parse_day,
    print_json,
    print_table,
)


def check_batch(
    file: Annotated[
        Path, typer.Argument(help="多个用地的数据集，每个图斑一宗 a dataset, a footprint a feature")
    ],
    output_path: Annotated[
        Path | None, typer.Option("--output", help="结果写入 write the result: .xlsx, .csv, .gpkg, .json")
    ] = None,
    name_field: Annotated[str | None, typer.Option(help="名称字段 the field with their names")] = None,
    use_field: Annotated[
        str | None, typer.Option(help="拟用途字段 the field with the class code of the planned use")
    ] = None,
    top_field: Annotated[
        str | None,
        typer.Option(
            help="最高点高程字段（米，1985 高程） the field with the elevation of the highest point"
        ),
    ] = None,
    crs: Annotated[str | None, typer.Option(help="坐标系 EPSG:n where the file does not say it")] = None,
    sublayer: Annotated[str | None, typer.Option(help="数据集中的图层 which layer of the file")] = None,
    width_m: WidthOption = None,
    on: Annotated[str | None, typer.Option(help="检查日 a day YYYY-MM-DD; today when not given")] = None,
    workers: Annotated[
        int | None, typer.Option(min=1, max=64, help="进程数 processes; all cores when not given")
    ] = None,
    output: FormatOption = OutputFormat.TABLE,
) -> None:
    """批量检查：一个文件至多 10,000 宗用地 · check every footprint of a file, at most 10,000, in one run."""
    day = parse_day(on)
    form = _form(output_path) if output_path is not None else None
    with open_edge() as edge:
        request = BatchRequest(crs, sublayer, width_m, name_field, use_field, top_field)
        with (
            upload_stream(file) as stream,
            staged(stream, file.name, scratch=edge.scratch, sublayer=sublayer) as staged_file,
        ):
            read = read_sites(staged_file, request, city=edge.city)
        on_day, actor = day or edge.now().date(), local_operator()
        with Session(edge.engine) as session:
            rule_set = rule_set_on(session, edge.city, on_day)
        with console.status(file.name) as shown:
            answers = check_sites(
                edge.engine,
                read,
                city=edge.city,
                actor=actor,
                on=on_day,
                rule_set=rule_set,
                workers=workers,
                tell=lambda _phase, done: shown.update(f"{file.name} · {done:,} / {len(read.sites):,}"),
            )
        for note in read.notes[:20]:
            say(note)
        if read.left_out:
            say(
                Sentence(
                    "{left_out:,} features are not checked, {count:,} are",
                    left_out=read.left_out,
                    count=len(read.sites),
                )
            )
        name = rule_set.name if rule_set is not None else edge.city.rule_set
        if form is not None:
            said = about(on_day, name, actor, (), now=edge.now())
            written = write_batch(
                answers, read.sites, form, city=edge.city, about=said, notes=read.notes[:MAX_NOTES_KEPT]
            )
            write(written, output_path)
    summary = summary_of(answers)
    if output is OutputFormat.JSON:
        print_json(summary)
        return
    print_table(
        f"批量检查 Batch · {summary['sites']:,} · {on_day} · {name}",
        ["结论 verdict", "宗数 sites"],
        ([" ".join(SEVERITY_WORDS[v]), f"{count:,}"] for v, count in summary["verdicts"].items()),
        empty="",
    )
    print_table(
        "涉及图层 Layers met",
        ["图层 layer", "宗数 sites"],
        ([f"{summary['titles'][code]} {code}", f"{count:,}"] for code, count in summary["layers"].items()),
        empty="未发现冲突 no conflict found",
    )
    if summary["restricted_withheld"]:
        typer.echo(f"{summary['restricted_withheld']:,}: {' '.join(WITHHELD_WORDS)}")


def _form(path: Path) -> BatchForm:
    suffix = path.suffix.lower().removeprefix(".")
    if suffix not in list(BatchForm):
        raise InvalidInputError(
            "the result is written to .xlsx, .csv, .gpkg or .json, not to {suffix!r}", suffix=path.suffix
        )
    return BatchForm(suffix)
