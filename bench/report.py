"""What was measured, as a table of ratios held against what is asked (`bench/results/latest.json` and `.md`)."""

import json
import os
import platform
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from sqlalchemy import text

from bench import growth
from bench.setting import Setting

RESULTS = Path(__file__).parent / "results"


@dataclass(frozen=True)
class Bar:
    """A ratio and what is asked of it."""

    title: str
    path: tuple[str, ...]
    asked: float | None
    is_most: bool = False

    def value(self, result: dict[str, Any]) -> float | None:
        """The measured ratio, or None where it was not measured."""
        found: Any = result
        for key in self.path:
            found = found.get(key) if found else None
        return None if found is None else float(found)

    def is_met(self, value: float) -> bool:
        """Whether the ratio is as asked; one of which nothing is asked always is."""
        if self.asked is None:
            return True
        return value <= self.asked if self.is_most else value >= self.asked

    @property
    def asked_in_words(self) -> str:
        """What is asked, for the table."""
        return "" if self.asked is None else f"{'≤' if self.is_most else '≥'} {self.asked:g}"


_SIZES = ("1 ha", "10 ha", "100 ha")
BARS = (
    *(
        Bar(
            f"bare check ÷ index alone, ÷ the same of the design's study, {size}",
            ("checks", size, "bare_over_index_by_study"),
            1.3,
            is_most=True,
        )
        for size in _SIZES
    ),
    *(
        Bar(title.format(size), ("checks", size, key), None)
        for title, key in (
            (
                "the design's own statement ÷ index alone, ÷ the same of its study, {}",
                "areas_over_index_by_study",
            ),
            ("bare check ÷ the design's own, {}", "bare_over_areas"),
            (
                "statement of what is kept ÷ index alone, ÷ the same of the study, {}",
                "statement_over_index_by_study",
            ),
            ("statement of what is kept ÷ the design's own, {}", "statement_over_areas"),
        )
        for size in _SIZES
    ),
    *(
        Bar(
            f"check over HTTP ÷ its statement, {size}",
            ("checks", size, "http_over_statement"),
            2.5 if size == "10 ha" else None,
            is_most=True,
        )
        for size in _SIZES
    ),
    *(
        Bar(f"whole features ÷ check over HTTP, {size}", ("checks", size, "whole_features_over_http"), 3)
        for size in _SIZES
    ),
    *(
        Bar(f"whole features ÷ statement, {size}", ("checks", size, "whole_features_over_statement"), 3)
        for size in _SIZES
    ),
    Bar(
        "permission check and audit entry, share of a check of 10 ha",
        ("guard", "share"),
        0.15,
        is_most=True,
    ),
    Bar(
        "check of 10 ha by 8 clients at once, 95th percentile ÷ median",
        ("live", "p95_over_median"),
        3,
        is_most=True,
    ),
    Bar(
        "GeoPackage of 500,000 polygons to a version in force, ours ÷ ogr2ogr into one indexed table",
        ("intake", "LANDUSE", "ours_over_ogr2ogr"),
        3,
        is_most=True,
    ),
    Bar(
        "MB, largest process of the service meanwhile",
        ("intake", "LANDUSE", "children_mb"),
        1024,
        is_most=True,
    ),
    Bar(
        "MB, largest process of the service while 1,000,000 polygons come in",
        ("memory", "most_mb"),
        1024,
        is_most=True,
    ),
    Bar("the same, 1,000,000 polygons ÷ 100,000", ("memory", "most_over_least"), 1.15, is_most=True),
    Bar(
        "ms that a check waits while a version of the largest layer comes into force or is rolled back",
        ("publication", "blocked_ms"),
        100,
        is_most=True,
    ),
    Bar("tiles a second at z14, ours ÷ tipg", ("tiles", "ours_over_tipg"), 4),
    Bar(
        "overlaps inside a layer of 500,000 polygons, ours ÷ STRtree self-join",
        ("topology", "ours_over_self_join"),
        2,
        is_most=True,
    ),
    Bar(
        "area of every overlap of 500,000 × 200,000 polygons, geopandas.overlay ÷ ours",
        ("audit", "geopandas_over_areas"),
        8,
    ),
    Bar(
        "every overlap of 500,000 × 200,000 polygons as a shape, geopandas.overlay on its one core ÷ an audit's windows on all",
        ("audit", "geopandas_over_shapes"),
        2.2,
    ),
    Bar(
        "every difference of 500,000 × 200,000 polygons read and kept by Dask workers, one ÷ two",
        ("scaling", "one_over_two"),
        1.8,
    ),
    Bar(
        "the same with the boxes of all features, which are read before",
        ("scaling", "with_boxes_one_over_two"),
        None,
    ),
    Bar(
        "the same windows by two bare processes side by side, work done ÷ that of one alone: what the machine can",
        ("scaling", "machine_one_over_two"),
        None,
    ),
    Bar(
        "every difference, ten times the ground ÷ a tenth",
        ("scaling", "whole_over_tenth"),
        11,
        is_most=True,
    ),
    Bar(
        "memory of a Dask worker, ten times the ground ÷ a tenth",
        ("scaling", "memory_over_tenth"),
        1.2,
        is_most=True,
    ),
    *(
        Bar(
            f"statement of the check, ten times the features ÷ a tenth, {size}",
            ("growth", size, "larger_over_smaller"),
            1.3,
            is_most=True,
        )
        for size in _SIZES
    ),
    Bar(
        "10,000 footprints of 10 ha, as many single calls over HTTP ÷ one batch",
        ("batch", "single_over_batch"),
        5,
    ),
    *(
        Bar(
            f"a parcel of {title} on a layer of 200,000, pyramid_oereb's JSON extract ÷ our check over HTTP",
            ("oereb", kind, "theirs_over_ours"),
            5,
        )
        for kind, title in (("few", "1 ha"), ("350", "about 350 hits"))
    ),
    *(
        Bar(
            f"approval with 4 million items: {title} ÷ the bare query",
            ("approval", name, "ratio"),
            3,
            is_most=True,
        )
        for name, title in (
            ("case", "a case"),
            ("items_of_case", "the items of a case"),
            ("to_do", "a department's to-do list"),
            ("overdue", "all that is overdue (items, stages, cases, promises, checks, uploads, answers)"),
            ("overdue_items", "overdue items alone"),
        )
    ),
    Bar(
        "approval: the statistics page ÷ a list of one case, over HTTP",
        ("approval", "page", "ratio"),
        20,
        is_most=True,
    ),
)


def circumstances(setting: Setting) -> dict[str, Any]:
    """When, on what machine, with which versions and on what city it was measured."""
    tables = [
        f"SELECT max(ST_NPoints(geom)) AS n FROM bench.{layer.code.lower()}" for layer in setting.layers
    ]
    with setting.engine.connect() as connection:
        server = connection.execute(
            text("SELECT current_setting('server_version'), postgis_lib_version(), postgis_geos_version()")
        ).one()
        largest = connection.scalar(text(f"SELECT max(n) FROM ({' UNION ALL '.join(tables)}) AS each"))
    return {
        "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "cores": os.cpu_count(),
        "machine": platform.platform(),
        "load_average_before": round(os.getloadavg()[0], 2),
        "python": platform.python_version(),
        "postgresql": server[0].split(" ")[0],
        "postgis": server[1],
        "geos": server[2].split("-")[0],
        "shapely": version("shapely"),
        "layers": len(setting.layers),
        "polygons": setting.polygon_count,
        "largest_polygon_vertices": largest,
    }


def missed(result: dict[str, Any]) -> list[str]:
    """The titles of the ratios that were measured and are not as asked."""
    return [bar.title for bar in BARS if (value := bar.value(result)) is not None and not bar.is_met(value)]


def to_markdown(result: dict[str, Any]) -> str:
    """The result for people: circumstances, ratios, then the figures they come from."""
    lines = [
        "# Benchmark: ratios measured side by side in one run",
        "",
        f"{result['layers']} layers, {result['polygons']:,} polygons; the largest polygon has"
        f" {result['largest_polygon_vertices']:,} vertices. {result['cores']} cores,"
        f" PostgreSQL {result['postgresql']}, PostGIS {result['postgis']} (GEOS {result['geos']}),"
        f" Python {result['python']}, shapely {result['shapely']}. {result['measured_at']},"
        f" load average {result['load_average_before']} before.",
        "",
        *ratios(result),
    ]
    if "checks" in result:
        lines += _check_table(result["checks"])
    if "guard" in result:
        guard = result["guard"]
        lines += [
            "",
            f"A check of 10 ha, medians of {guard['pairs']} pairs: {guard['off_ms']} ms by somebody unknown on public layers,"
            f" {guard['on_ms']} ms by a token on a layer whose reading is recorded.",
        ]
    if "live" in result:
        live = result["live"]
        lines += [
            "",
            f"Outlines of 10 ha dragged by {live['clients']} clients at once, {live['checks']} checks: {live['median_ms']} ms, 95th"
            f" percentile {live['p95_ms']} ms, {live['checks_per_s']} checks a second.",
        ]
    if "tiles" in result:
        lines += _tile_table(result["tiles"])
    if "publication" in result:
        made = result["publication"]
        lines += [
            "",
            f"A version of {made['features']:,} features, {made['turns']} turns: in force in {made['in_force_ms']:.0f} ms,"
            f" rolled back in {made['roll_back_ms']:.0f} ms; a check of 1 ha takes {made['read_ms']:.1f} ms at other times and"
            f" {made['longest_read_ms']:.1f} ms at most meanwhile.",
        ]
    if "growth" in result:
        lines += growth.told(result["growth"])
    return "\n".join([*lines, *_intake(result), *_memory(result), *_oereb(result), *_approval(result)]) + "\n"


def findings(result: dict[str, Any]) -> list[str]:
    """The ratios of a part that was measured alone, with the figures they come from."""
    return [*ratios(result), *_intake(result), *_memory(result), *_oereb(result), *_approval(result)]


def _oereb(result: dict[str, Any]) -> list[str]:
    if "oereb" not in result:
        return []
    made = result["oereb"]
    return [
        "",
        f"A layer of {made['polygons']:,} polygons; milliseconds, median / 95th percentile, and kilobytes of an answer:",
        "",
        "| parcel | hits | ours | pyramid_oereb |",
        "| --- | ---: | ---: | ---: |",
        *(
            f"| {each['parcels']} {title} | {each['hits']} | {each['ours_ms']} / {each['ours_p95_ms']}, {each['ours_kb']} kB"
            f" | {each['theirs_ms']} / {each['theirs_p95_ms']}, {each['theirs_kb']} kB |"
            for title, each in (("of 1 ha", made["few"]), ("with about 350 hits", made["350"]))
        ),
    ]


def _approval(result: dict[str, Any]) -> list[str]:
    if "approval" not in result:
        return []
    made = result["approval"]
    pairs = ", ".join(
        f"{title} {made[name]['ours_ms']} ms ({made[name]['bare_ms']} bare)"
        for name, title in (
            ("case", "a case"),
            ("items_of_case", "its items"),
            ("to_do", "to-do list"),
            ("overdue", "all that is overdue"),
            ("overdue_items", "overdue items alone"),
        )
    )
    return [
        "",
        f"{made['cases']:,} cases, {made['items']:,} items: {pairs}. Statistics of twelve months by stage"
        f" {made['statistics_stage_ms']} ms, by department {made['statistics_department_ms']}, by item {made['statistics_item_ms']}, by"
        f" month {made['statistics_month_ms']}; one row {made['one_row_ms']} ms. Over HTTP {made['page']['statistics_ms']} ms, a list"
        f" of one case {made['page']['row_ms']} ms.",
    ]


def _intake(result: dict[str, Any]) -> list[str]:
    lines = []
    for figures in result.get("intake", {}).values():
        steps = ", ".join(
            f"{step} {seconds}" for step, seconds in figures["steps_s"].items() if seconds >= 0.5
        )
        lines += [
            "",
            f"{figures['polygons']:,} polygons of {figures['vertices']:,} vertices to a version in force: {figures['ours_s']} s,"
            f" by ogr2ogr into one indexed table {figures['ogr2ogr_s']} s. Seconds by step: {steps}. The service took"
            f" {figures['service_mb']} MB at most, the largest of its children {figures['children_mb']} MB.",
        ]
    return lines


def _memory(result: dict[str, Any]) -> list[str]:
    told = ", ".join(
        f"{each['polygons']:,}: {each['service_mb']} and {each['children_mb']}"
        for each in result.get("memory", {}).values()
        if isinstance(each, dict)
    )
    return (
        ["", f"MB that the service and the largest of its children had at most, by polygons: {told}."]
        if told
        else []
    )


def ratios(result: dict[str, Any]) -> list[str]:
    """The table of the ratios that were measured."""
    lines = ["| ratio | measured | asked | |", "| --- | ---: | ---: | --- |"]
    for bar in BARS:
        value = bar.value(result)
        if value is not None:
            judged = "" if bar.asked is None else "met" if bar.is_met(value) else "**missed**"
            lines.append(f"| {bar.title} | {value:.2f} | {bar.asked_in_words} | {judged} |")
    return lines


def _check_table(checks: dict[str, Any]) -> list[str]:
    lines = [
        "",
        "Milliseconds a check, median / 95th percentile:",
        "",
        "| footprint | findings | over HTTP | bare | statement | whole features | index alone |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for size, f in checks.items():
        pairs = [
            f"{f[f'{way}_ms']} / {f[f'{way}_p95_ms']}"
            for way in ("http", "bare", "statement", "whole_features", "index")
        ]
        lines.append(f"| {f['footprints']} of {size} | {f['findings']} | {' | '.join(pairs)} |")
    return lines


def _tile_table(tiles: dict[str, Any]) -> list[str]:
    return [
        "",
        f"Tiles a second at z{tiles['zoom']}, {tiles['connections']} connections, the median of"
        f" {tiles['rounds']} rounds (ratio {tiles['ours_over_tipg_least']} to {tiles['ours_over_tipg_most']}):",
        "",
        "| | tiles a second | bytes a tile |",
        "| --- | ---: | ---: |",
        f"| ours | {tiles['ours_per_s']} | {tiles['ours_bytes_a_tile']:,} |",
        f"| tipg | {tiles['tipg_per_s']} | {tiles['tipg_bytes_a_tile']:,} |",
    ]


def keep_part(what: str, result: dict[str, Any]) -> None:
    """Write the result of one part beside the last full run, with what else the machine did then."""
    RESULTS.mkdir(exist_ok=True)
    about = {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "load_average": round(os.getloadavg()[0], 2),
    }
    content = json.dumps(about | result, indent=1, ensure_ascii=False)
    (RESULTS / f"{what}.json").write_text(content + "\n", encoding="utf-8")


def keep(result: dict[str, Any]) -> None:
    """Write the result beside this module, to be committed."""
    RESULTS.mkdir(exist_ok=True)
    content = json.dumps(result, indent=1, ensure_ascii=False)
    (RESULTS / "latest.json").write_text(content + "\n", encoding="utf-8")
    (RESULTS / "latest.md").write_text(to_markdown(result), encoding="utf-8")
