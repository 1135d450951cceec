"""`blueprint trim FILE`: the smallest trim of a footprint that clears its hard conflicts."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import geopandas
import shapely
import typer
from sqlalchemy.orm import Session

from blueprint.city import City
from blueprint.city_router import to_lonlat
from blueprint.errors import InvalidInputError
from blueprint.sentences import Sentence
from coordination.figures import hectares, rounded, square_metres
from coordination.report_words import SEVERITY_WORDS, WITHHELD_WORDS
from coordination.trim import Trim, TrimLevel, find_trim
from coordination.trim_router import METHOD, trim_out
from service.commands.context import local_operator, open_edge, say
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

_DRIVERS = {".gpkg": "GPKG", ".geojson": "GeoJSON"}


def trim(
    file: Annotated[
        Path, typer.Argument(help="用地红线文件 footprint: GeoPackage, zipped Shapefile, GeoJSON, TXT")
    ],
    level: Annotated[
        TrimLevel, typer.Option(help="消除哪些冲突 what to clear: prohibit, or restrict too")
    ] = TrimLevel.PROHIBIT,
    crs: Annotated[str | None, typer.Option(help="坐标系 EPSG:n where the file does not say it")] = None,
    width_m: WidthOption = None,
    sublayer: SublayerOption = None,
    use: UseCodeOption = None,
    top_m: TopOption = None,
    on: Annotated[str | None, typer.Option(help="检查日 a day YYYY-MM-DD; today when not given")] = None,
    output_path: Annotated[
        Path | None, typer.Option("--output", help="新红线写入 write the new boundary: .gpkg or .geojson")
    ] = None,
    output: FormatOption = OutputFormat.TABLE,
) -> None:
    """红线调整建议：最小裁剪、可用范围、退让不足 · the smallest trim that clears, what is free, missing setbacks."""
    day = parse_day(on)
    refuse_other_files(output_path)
    with open_edge() as edge, Session(edge.engine, expire_on_commit=False) as session, session.begin():
        footprint = read_site(
            session, edge, file, crs=crs, width_m=width_m, sublayer=sublayer, use=use, top_m=top_m
        )
        found = find_trim(
            session,
            footprint,
            city=edge.city,
            actor=local_operator(),
            on=day or edge.now().date(),
            level=level,
        )
        if output_path is not None:
            if found.kept is None:
                raise InvalidInputError(
                    "nothing of the footprint is free of hard conflicts; there is no boundary to write"
                )
            write_boundaries([(found.kept, found.kept_m2)], output_path, edge.city)
        if output is OutputFormat.JSON:
            print_json(trim_out(found, edge.city).model_dump(mode="json"))
            return
    _print(found)


def refuse_other_files(path: Path | None) -> None:
    """Refuse a name for a boundary whose format is not written."""
    if path is not None and path.suffix.lower() not in _DRIVERS:
        raise InvalidInputError(
            "a boundary is written to .gpkg or .geojson, not to {suffix!r}", suffix=path.suffix
        )


def write_boundaries(
    boundaries: Sequence[tuple[shapely.MultiPolygon, float]], path: Path, city: City
) -> None:
    """Write outlines with their areas (m², by the city's measure): GeoJSON in longitude and latitude, else the working CRS."""
    driver = _DRIVERS[path.suffix.lower()]
    in_degrees = driver == "GeoJSON"
    shapes = [to_lonlat(shape, city) if in_degrees else shape for shape, _ in boundaries]
    crs = f"EPSG:{city.geographic_srid}" if in_degrees else city.working_crs
    columns = {"rank": range(1, len(shapes) + 1), "area_m2": [area for _, area in boundaries]}
    frame = geopandas.GeoDataFrame(columns, geometry=shapes, crs=crs)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        frame.to_file(path, layer="footprint", driver=driver, engine="pyogrio")
    except OSError as error:
        raise InvalidInputError(
            "cannot write {path}: {strerror}", path=path, strerror=error.strerror
        ) from error
    say(Sentence("wrote {path}", path=path))


def _print(found: Trim) -> None:
    before = " ".join(SEVERITY_WORDS[found.verdict_before])
    after = " ".join(SEVERITY_WORDS[found.verdict_after]) if found.verdict_after is not None else "—"
    typer.echo(f"结论 verdict: {before} → {after}")
    for words, area in (
        ("原面积 before", found.area_before_m2),
        ("保留 kept", found.kept_m2),
        ("减少 lost", found.lost_m2),
        ("最大一块 largest part", found.largest_m2),
    ):
        typer.echo(f"{words}: {square_metres(area)} m² = {hectares(area)} 公顷 ha")
    if found.not_cleared:
        typer.echo(f"裁剪不能消除 no trim clears: {', '.join(found.not_cleared)}")
    if found.restricted_withheld:
        typer.echo(" ".join(WITHHELD_WORDS))
    if found.has_restricted_conflicts:
        typer.echo("另涉及受限图层，未计入 a restricted layer is met, too; it is not counted")
    if found.setbacks:
        print_table(
            "退让 Setbacks (m)",
            ["图层 layer", "图斑 feature", "要求 width", "实距 distance", "不足 missing"],
            (
                [s.layer, s.feature, rounded(s.width_m, 2), rounded(s.distance_m, 2), rounded(s.missing_m, 2)]
                for s in found.setbacks
            ),
            empty="",
        )
    typer.echo(METHOD)
