"""`blueprint audit A B`: layers against each other, and what they still have against each other as a file."""

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import asdict
from datetime import date
from functools import partial
from pathlib import Path
from typing import Annotated

import typer
from rich.status import Status
from sqlalchemy.orm import Session

from blueprint.edge import Edge
from blueprint.errors import InvalidInputError
from blueprint.machine_code import is_kept
from blueprint.sentences import Sentence
from coordination.figures import hectares
from coordination.plan_audit import kernel
from coordination.plan_audit.areas import overlap_areas
from coordination.plan_audit.audit import OnCluster, audit_layers, find_audit
from coordination.plan_audit.differences_file import write_differences
from coordination.plan_audit.ledger import DistrictPair, Month, series, statistics, statistics_by_district
from coordination.plan_audit.matrix import PairStanding, matrix
from coordination.plan_audit.schemas import PlanAuditOut, audit_out
from service.commands.context import console, local_operator, open_edge, reached_engine, say
from service.commands.job import PHASES
from service.commands.options import FormatOption, OutputFormat, parse_day, print_json, print_table

STATE_WORDS = {"open": "未解决 open", "accepted": "已认可 accepted", "settled": "已解决 settled"}


def audit(
    codes: Annotated[
        list[str] | None, typer.Argument(help="图层代码 layer codes; with more than two, every pair")
    ] = None,
    kept_apart: Annotated[
        bool,
        typer.Option(
            "--kept-apart",
            help="城市档案中互不重叠的全部图层对 every pair that may not overlap, by the city profile",
        ),
    ] = False,
    on: Annotated[
        str | None, typer.Option(help="日期 the versions of a day YYYY-MM-DD; today when not given")
    ] = None,
    workers: Annotated[
        int | None, typer.Option(min=1, max=256, help="进程数 processes; all cores when not given")
    ] = None,
    scheduler: Annotated[
        str | None,
        typer.Option(
            help="在 Dask 集群上运行 on a Dask cluster, by the address of its scheduler: tcp://host:8786"
        ),
    ] = None,
    through: Annotated[
        Path | None,
        typer.Option(
            help="经共享文件夹以 GeoParquet 分区交给集群 windows go to the cluster as GeoParquet in this shared folder"
        ),
    ] = None,
    output_path: Annotated[
        Path | None,
        typer.Option(
            "--output",
            help="差异台账写入文件，未解决、已认可、已解决的都在内 write the ledger, open, accepted and settled: .gpkg, .parquet, .fgb, .geojson",
        ),
    ] = None,
    by_district: Annotated[
        bool, typer.Option("--by-district", help="按区县统计 sum the ledger by district too")
    ] = False,
    by_month: Annotated[
        bool, typer.Option("--by-month", help="逐月台账 how the ledger stood month by month, too")
    ] = False,
    areas_only: Annotated[
        bool,
        typer.Option(
            "--areas-only", help="只算面积，不入台账 only areas by class pair, quickly; nothing is kept"
        ),
    ] = False,
    output: FormatOption = OutputFormat.TABLE,
) -> None:
    """多规差异分析：图层两两叠加，差异图斑入台账 · where layers overlap that should not; the differences go into a ledger."""
    if kept_apart and (codes or output_path is not None or areas_only):
        raise InvalidInputError(
            "--kept-apart audits the pairs of the city profile; leave out codes, --output and --areas-only"
        )
    pairs = _kept_apart(on) if kept_apart else list(itertools.combinations(dict.fromkeys(codes or ()), 2))
    if not pairs and not kept_apart:
        raise InvalidInputError("an audit compares two different layers; name two or more, or --kept-apart")
    if output_path is not None and len(pairs) > 1:
        raise InvalidInputError("--output writes the differences of one pair; name two layers")
    if through is not None and scheduler is None:
        raise InvalidInputError("--through is how windows go to a cluster; name it by --scheduler")
    day = parse_day(on)
    if areas_only:
        if output_path is not None or by_district or by_month or scheduler is not None:
            raise InvalidInputError(
                "--areas-only gives no patches, no districts and no months, and needs no cluster; leave --output, --by-district, --by-month and --scheduler out"
            )
        _areas(pairs, day, workers, output)
        return
    with open_edge() as edge:
        begin = beginning(edge)
        found = []
        districts: dict[int, tuple[DistrictPair, ...]] = {}
        months: dict[int, tuple[Month, ...]] = {}
        for first, second in pairs:
            with console.status(f"{first} × {second}") as shown, _told_that_it_goes_on():
                number = audit_layers(
                    begin,
                    first,
                    second,
                    city=edge.city,
                    actor=local_operator(),
                    on=day or edge.now().date(),
                    now=edge.now(),
                    workers=workers,
                    on_cluster=OnCluster(scheduler, reached_engine, through) if scheduler else None,
                    tell=partial(_tell, shown, f"{first} × {second}"),
                )
            with begin() as session:
                done = find_audit(session, number, actor=local_operator())
                found.append(audit_out(done, statistics(session, done, actor=local_operator())))
                if by_district:
                    districts[done.id] = statistics_by_district(
                        session, done, city=edge.city, actor=local_operator()
                    )
                if by_month:
                    months[done.id] = series(session, done, actor=local_operator())
                if output_path is not None:
                    count = write_differences(
                        session,
                        done,
                        output_path,
                        city=edge.city,
                        actor=local_operator(),
                        now=edge.now(),
                    )
                    say(Sentence("wrote {path}: {count:,} differences", path=output_path, count=count))
    if output is OutputFormat.JSON:
        print_json(
            [
                item.model_dump(mode="json")
                | ({"districts": [vars(pair) for pair in districts[item.id]]} if by_district else {})
                | (
                    {"months": [vars(m) | {"audited_on": str(m.audited_on)} for m in months[item.id]]}
                    if by_month
                    else {}
                )
                for item in found
            ]
        )
        return
    if kept_apart:
        print_matrix(parse_day(on))
        return
    names = {edge.city.administrative_code: f"{edge.city.name}（未分区县 not divided）"} | {
        district.code: district.name for district in edge.city.districts
    }
    for item in found:
        _print(item)
        if by_district:
            _print_districts(item, districts[item.id], names)
        if by_month:
            _print_months(item, months[item.id])


@contextmanager
def _told_that_it_goes_on() -> Iterator[None]:
    try:
        yield
    except KeyboardInterrupt:
        say(
            "已比对的已保存，再运行同一命令即从此处继续 what was compared is kept: the same command goes on from here"
        )
        raise


def _tell(shown: Status, pair: str, phase: str, done: int) -> None:
    """Where an audit is; that it compiles first, goes on, or hands windows over, is said in a line that stays, also where no status is shown."""
    if phase in ("compile", "hand_over", "resume"):
        say(PHASES[phase])
    shown.update(f"{pair} · {PHASES[phase]} {done:,}")


def _kept_apart(on: str | None) -> list[tuple[str, str]]:
    """The pairs of the city profile whose layers are in force; what cannot be compared is said."""
    found = []
    for pair in _matrix(parse_day(on)):
        if pair.missing:
            say(f"{pair.first} × {pair.second}: 无现行版本 no version in force: {', '.join(pair.missing)}")
        else:
            found.append((pair.first, pair.second))
    return found


def _matrix(day: date | None) -> list[PairStanding]:
    with open_edge() as edge, beginning(edge)() as session:
        if not edge.city.kept_apart:
            raise InvalidInputError("the city profile names no layers that may not overlap ([[kept_apart]])")
        return matrix(session, city=edge.city, actor=local_operator(), on=day or edge.now().date())


def print_matrix(day: date | None) -> None:
    """How every pair of the profile stands."""
    print_table(
        "互不重叠的规划 Plans that may not overlap",
        [
            "规则 rule",
            "图层 layers",
            "核查日 audited",
            "未解决 open",
            "公顷 ha",
            "已认可 accepted",
            "已解决 settled",
        ],
        (
            [
                pair.rule,
                f"{pair.first} × {pair.second}",
                "—"
                if pair.audited_on is None
                else f"{pair.audited_on}{'' if pair.is_current else ' 版本已更新 outdated'}",
                "—" if pair.open is None else f"{pair.open:,}",
                "—" if pair.open_m2 is None else f"{pair.open_m2 / 10_000:,.4f}",
                "—" if pair.accepted is None else f"{pair.accepted:,}",
                "—" if pair.settled is None else f"{pair.settled:,}",
            ]
            for pair in _matrix(day)
        ),
        empty="无 none",
    )


def _areas(
    pairs: Sequence[tuple[str, str]], day: date | None, threads: int | None, output: OutputFormat
) -> None:
    """The areas of every pair of layers, by class pair."""
    if not is_kept(Path(kernel.__file__)):
        say(PHASES["compile"])
    with open_edge() as edge, beginning(edge)() as session:
        found = [
            overlap_areas(
                session,
                *pair,
                city=edge.city,
                actor=local_operator(),
                on=day or edge.now().date(),
                threads=threads,
            )
            for pair in pairs
        ]
    if output is OutputFormat.JSON:
        print_json([asdict(item) for item in found])
        return
    for item in found:
        print_table(
            f"{item.first} v{item.first_version} × {item.second} v{item.second_version}: {item.overlaps:,} · {item.overlap_m2 / 10_000:,.4f} 公顷 ha",
            [f"{item.first} 类 class", f"{item.second} 类 class", "个数 number", "公顷 ha"],
            (
                [
                    row.first_class or "—",
                    row.second_class or "—",
                    f"{row.overlaps:,}",
                    f"{row.overlap_m2 / 10_000:,.4f}",
                ]
                for row in item.classes
            ),
            empty="无重叠 no overlap",
        )


def beginning(edge: Edge) -> Callable[[], AbstractContextManager[Session]]:
    """What begins a transaction of the command's own."""

    @contextmanager
    def begin() -> Iterator[Session]:
        with Session(edge.engine, expire_on_commit=False) as session, session.begin():
            yield session

    return begin


def _print_districts(item: PlanAuditOut, pairs: Sequence[DistrictPair], names: Mapping[str, str]) -> None:
    print_table(
        f"按区县 By district · {item.first} × {item.second}",
        [
            "区县 district",
            "状态 state",
            f"{item.first} 类 class",
            f"{item.second} 类 class",
            "个数 number",
            "公顷 ha",
        ],
        (
            [
                names.get(pair.district or "", pair.district or "—"),
                STATE_WORDS[pair.state],
                pair.first_class or "—",
                pair.second_class or "—",
                f"{pair.differences:,}",
                f"{pair.overlap_m2 / 10_000:,.4f}",
            ]
            for pair in pairs
            if not pair.is_sliver
        ),
        empty="无差异 no difference",
    )


def _print_months(item: PlanAuditOut, months: Sequence[Month]) -> None:
    print_table(
        f"逐月台账 By month · {item.first} × {item.second}",
        ["月 month", "核查日 audited", "未解决 open", "公顷 ha", "已认可 accepted", "已解决 settled"],
        (
            [
                month.month,
                str(month.audited_on),
                f"{month.open:,}",
                hectares(month.open_m2),
                f"{month.accepted:,}",
                f"{month.settled:,}",
            ]
            for month in months
        ),
        empty="无 none",
    )


def _print(item: PlanAuditOut) -> None:
    rows = item.statistics or []
    real = [row for row in rows if row.state == "open" and not row.is_sliver]
    typer.echo(
        f"{item.first_title} {item.first} v{item.first_version} × {item.second_title} {item.second} v{item.second_version}"
        f" · {item.on}: 未解决差异 open {sum(row.differences for row in real):,},"
        f" {sum(row.overlap_m2 for row in real) / 10_000:,.4f} 公顷 ha"
    )
    print_table(
        f"差异台账 Ledger · {item.first} × {item.second}",
        [
            "状态 state",
            f"{item.first} 类 class",
            f"{item.second} 类 class",
            "碎面 sliver",
            "个数 number",
            "公顷 ha",
        ],
        (
            [
                STATE_WORDS[row.state],
                row.first_class or "—",
                row.second_class or "—",
                "是 yes" if row.is_sliver else "",
                f"{row.differences:,}",
                f"{row.overlap_m2 / 10_000:,.4f}",
            ]
            for row in rows
        ),
        empty="无差异 no difference",
    )
