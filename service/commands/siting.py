"""`blueprint shift FILE`: the nearest place that fits. `blueprint refit FILE`: the same area off what it meets. `blueprint find-site AREA`: where a site of a size could lie."""

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer
from sqlalchemy.orm import Session

from blueprint.city import City
from blueprint.errors import InvalidInputError
from coordination.figures import hectares, percent, rounded, square_metres
from coordination.found_sites import Search
from coordination.heights import checked_top_m
from coordination.refit import Refit, find_refit
from coordination.report_words import SEVERITY_WORDS, WITHHELD_WORDS
from coordination.site_finder import METHOD, district_area, find_sites
from coordination.siting import find_shift
from coordination.siting_schemas import refit_out, search_out, shift_out, unfinished
from coordination.trim import TrimLevel
from coordination.use_matrix import use_code
from service.commands.context import console, local_operator, open_edge
from service.commands.options import (
    FormatOption,
    OutputFormat,
    SublayerOption,
    TopOption,
    UseCodeOption,
    WidthOption,
    parse_day,
    print_json,
    print_table,
)
from service.commands.site import read_site
from service.commands.trim import refuse_other_files, write_boundaries

CrsOption = Annotated[str | None, typer.Option(help="坐标系 EPSG:n where the file does not say it")]
DayOption = Annotated[str | None, typer.Option(help="检查日 a day YYYY-MM-DD; today when not given")]
BoundaryOption = Annotated[
    Path | None, typer.Option("--output", help="红线写入 write the boundary: .gpkg or .geojson")
]


def shift(
    file: Annotated[
        Path, typer.Argument(help="用地红线文件 footprint: GeoPackage, zipped Shapefile, GeoJSON, TXT")
    ],
    within_m: Annotated[
        float, typer.Option(help="搜索距离（米） how far it may move, at most 2,000")
    ] = 500.0,
    level: Annotated[
        TrimLevel, typer.Option(help="避让哪些管控 what to keep off: prohibit, or restrict too")
    ] = TrimLevel.PROHIBIT,
    crs: CrsOption = None,
    width_m: WidthOption = None,
    sublayer: SublayerOption = None,
    use: UseCodeOption = None,
    top_m: TopOption = None,
    on: DayOption = None,
    output_path: BoundaryOption = None,
    output: FormatOption = OutputFormat.TABLE,
) -> None:
    """就近调整：红线整体平移到最近的无硬冲突位置 · the nearest place where the footprint, as it is, meets nothing hard."""
    day = parse_day(on)
    refuse_other_files(output_path)
    with open_edge() as edge, Session(edge.engine, expire_on_commit=False) as session, session.begin():
        footprint = read_site(
            session, edge, file, crs=crs, width_m=width_m, sublayer=sublayer, use=use, top_m=top_m
        )
        found = find_shift(
            session,
            footprint,
            city=edge.city,
            actor=local_operator(),
            on=day or edge.now().date(),
            level=level,
            within_m=within_m,
        )
        if output_path is not None:
            write_boundaries([(found.moved, found.area_m2)], output_path, edge.city)
        shown = shift_out(found, edge.city)
    if output is OutputFormat.JSON:
        print_json(shown.model_dump(mode="json"))
        return
    words = (
        "可避让 free"
        if found.is_free
        else f"{within_m:g} m 内无可避让位置，此处冲突最少 none is free, least is met here"
    )
    typer.echo(
        f"{words}: 东移 east {rounded(found.east_m, 2)} m，北移 north {rounded(found.north_m, 2)} m，距离 distance {rounded(found.distance_m, 2)} m"
    )
    typer.echo(
        f"结论 verdict: {' '.join(SEVERITY_WORDS[found.verdict_before])} → {' '.join(SEVERITY_WORDS[found.verdict_after])}；"
        f"硬冲突 hard {square_metres(found.hard_before_m2)} → {square_metres(found.hard_after_m2)} m²"
    )
    if found.restricted_withheld:
        typer.echo(" ".join(WITHHELD_WORDS))
    if found.has_restricted_conflicts:
        typer.echo("另涉及受限图层 a restricted layer is met there, too")
    typer.echo(shown.method)


def refit(
    file: Annotated[
        Path, typer.Argument(help="用地红线文件 footprint: GeoPackage, zipped Shapefile, GeoJSON, TXT")
    ],
    within_m: Annotated[
        float, typer.Option(help="补地距离（米） how far around ground may be given, at most 2,000")
    ] = 500.0,
    level: Annotated[
        TrimLevel, typer.Option(help="避让哪些管控 what to keep off: prohibit, or restrict too")
    ] = TrimLevel.PROHIBIT,
    crs: CrsOption = None,
    sublayer: SublayerOption = None,
    use: UseCodeOption = None,
    top_m: TopOption = None,
    on: DayOption = None,
    output_path: BoundaryOption = None,
    output: FormatOption = OutputFormat.TABLE,
) -> None:
    """等面积调整：去掉硬冲突，在相邻可用地上补足面积 · the footprint without its hard conflicts, the area given back beside it."""
    day = parse_day(on)
    refuse_other_files(output_path)
    with open_edge() as edge, Session(edge.engine, expire_on_commit=False) as session, session.begin():
        footprint = read_site(session, edge, file, crs=crs, sublayer=sublayer, use=use, top_m=top_m)
        found = find_refit(
            session,
            footprint,
            city=edge.city,
            actor=local_operator(),
            on=day or edge.now().date(),
            level=level,
            within_m=within_m,
        )
        if output_path is not None:
            write_boundaries([(found.outline, found.area_m2)], output_path, edge.city)
        shown = refit_out(found, edge.city)
    if output is OutputFormat.JSON:
        print_json(shown.model_dump(mode="json"))
        return
    same = (
        "面积不变 same area"
        if found.is_same_area
        else f"{within_m:g} m 内补不足面积 not enough ground within"
    )
    typer.echo(
        f"{same}: {square_metres(found.area_before_m2)} → {square_metres(found.area_m2)} m²；保留 kept {square_metres(found.kept_m2)} m²，"
        f"补 given {square_metres(found.given_m2)} m²，{_way(found)} {rounded(found.rim_m, 2)} m"
    )
    typer.echo(
        f"结论 verdict: {' '.join(SEVERITY_WORDS[found.verdict_before])} → {' '.join(SEVERITY_WORDS[found.verdict_after])}；"
        f"硬冲突 hard {square_metres(found.hard_before_m2)} → {square_metres(found.hard_after_m2)} m²"
    )
    if found.restricted_withheld:
        typer.echo(" ".join(WITHHELD_WORDS))
    if found.has_restricted_conflicts:
        typer.echo("另涉及受限图层 a restricted layer is met there, too")
    typer.echo(shown.method)


def find_site(
    area_ha: Annotated[float, typer.Option(help="所需面积（公顷） how large the site is, in hectares")],
    area: Annotated[Path | None, typer.Argument(help="搜索范围文件 a file with the area to search")] = None,
    district: Annotated[
        str | None, typer.Option(help="县区代码，代替范围文件 the code of a district, instead of a file")
    ] = None,
    use: UseCodeOption = None,
    top_m: TopOption = None,
    level: Annotated[
        TrimLevel, typer.Option(help="避让哪些管控 what to keep off: prohibit, or restrict too")
    ] = TrimLevel.RESTRICT,
    at_most: Annotated[int, typer.Option(help="至多几处 how many places, at most 20")] = 10,
    crs: CrsOption = None,
    sublayer: SublayerOption = None,
    on: DayOption = None,
    output_path: BoundaryOption = None,
    output: FormatOption = OutputFormat.TABLE,
) -> None:
    """辅助选址：范围内哪里放得下一定面积且无冲突的用地，按优劣排序 · where a site of a size could lie without conflict, ranked."""
    day = parse_day(on)
    if (area is None) == (district is None):
        raise InvalidInputError("say where to search: a file with the area, or --district CODE")
    refuse_other_files(output_path)
    with open_edge() as edge, Session(edge.engine, expire_on_commit=False) as session, session.begin():
        if area is not None:
            ground = read_site(session, edge, area, crs=crs, sublayer=sublayer)
        else:
            ground = district_area(district or "", edge.city)
        so_far: list[Search] = []
        with console.status("辅助选址 searching") as shown_status:

            def tell(phase: str, done: int) -> None:
                best = f" · {_best(so_far[-1], edge.city)}" if so_far and so_far[-1].sites else ""
                shown_status.update(f"辅助选址 {phase} {done:,}{best}")

            try:
                found = find_sites(
                    session,
                    replace(ground, planned_use=use_code(use), top_m=checked_top_m(top_m)),
                    area_m2=area_ha * 10_000,
                    city=edge.city,
                    actor=local_operator(),
                    on=day or edge.now().date(),
                    level=level,
                    at_most=at_most,
                    tell=tell,
                    show=so_far.append,
                )
            except KeyboardInterrupt:
                if not so_far:
                    raise
                found = so_far[-1]
        if output_path is not None:
            if not found.sites:
                raise InvalidInputError("no such site was found; there is no boundary to write")
            boundaries = [(place.site, place.report.footprint.area_m2) for place in found.sites]
            write_boundaries(boundaries, output_path, edge.city)
        shown = search_out(found, edge.city)
    if output is OutputFormat.JSON:
        print_json(shown.model_dump(mode="json"))
        if not found.is_finished:
            raise typer.Exit(130)
        return
    print_table(
        f"辅助选址 Places for {area_ha:g} ha · 搜索 searched {hectares(found.searched_m2)} ha · 可用 free {hectares(found.free_m2)} ha"
        f" · 候选 candidates {found.candidates:,}",
        [
            "名次 rank",
            "结论 verdict",
            "面积 ha",
            "其余管控 other controls",
            "紧凑度 compactness",
            "所在可用地 free ha",
            "经纬度 lon, lat",
            "涉及图层 layers",
        ],
        (
            [
                site.rank,
                " ".join(SEVERITY_WORDS[site.verdict]),
                hectares(site.area_m2),
                percent(site.weighed_share) + " %",
                rounded(site.compactness, 2),
                hectares(site.free_m2),
                _first_corner(site.site),
                ", ".join(site.layers),
            ]
            for site in shown.sites
        ),
        empty="没有找到 no such site was found",
    )
    if not found.is_finished:
        typer.echo(unfinished(found))
    if shown.full_windows:
        typer.echo(
            f"{shown.tiles} 格中有 {shown.full_windows} 格候选已满，其中可能还有更好的位置：缩小范围再找"
            f" in {shown.full_windows} of {shown.tiles} windows as many places were looked at as may be, a better one may be left: search a smaller area"
        )
    typer.echo(METHOD)
    if not found.is_finished:
        raise typer.Exit(130)


def _best(found: Search, city: City) -> str:
    """The best place so far, in a line."""
    best = search_out(found, city).sites[0]
    return f"已有 so far {len(found.sites)}: {' '.join(SEVERITY_WORDS[best.verdict])} {hectares(best.area_m2)} ha {_first_corner(best.site)}"


def _way(found: Refit) -> str:
    if found.toward_deg is None:
        return "四周外扩 all around"
    return f"方位角 {rounded(found.toward_deg, 0)}° 一侧外扩 to one side"


def _first_corner(site: dict[str, list[list[list[list[float]]]]]) -> str:
    lon, lat = site["coordinates"][0][0][0][:2]
    return f"{lon:.5f}, {lat:.5f}"
