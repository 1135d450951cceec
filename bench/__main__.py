"""`python -m bench [--small]`: measure, print the ratios, keep them in `bench/results/`."""

import argparse
import json
import os
import platform
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import text

from bench import check, tiles
from bench.made_city import layers
from bench.setting import made_city, our_server, say, tipg_server

RESULTS = Path(__file__).parent / "results"
BARS = (
    ("check over HTTP / bare statement, 10 ha", "10 ha", "http_over_statement", "at most", 2.5),
    ("whole features / check over HTTP, 1 ha", "1 ha", "naive_over_http", "at least", 3.0),
    ("whole features / check over HTTP, 10 ha", "10 ha", "naive_over_http", "at least", 3.0),
    ("whole features / check over HTTP, 100 ha", "100 ha", "naive_over_http", "at least", 3.0),
)
PORTS = (18_551, 18_552)


def main() -> None:
    """Run both benchmarks on the made city."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument(
        "--small", action="store_true", help="a twentieth of the polygons: to try the benchmark, not to quote"
    )
    parser.add_argument("--only", choices=["check", "tiles"], help="one of the two")
    arguments = parser.parse_args()
    scale = 0.22 if arguments.small else 1.0
    made = layers(scale)
    say(f"{len(made)} layers, {sum(m.count for m in made):,} polygons; the first run loads them")
    with made_city(scale=scale) as (engine, city, home):
        with engine.connect() as connection:
            version = connection.execute(text("SELECT version(), postgis_lib_version()")).one()
            largest = connection.scalar(text("SELECT max(ST_NPoints(geom)) FROM bench.boundary"))
        result: dict[str, Any] = {
            "at": datetime.now(UTC).isoformat(timespec="seconds"),
            "machine": f"{os.cpu_count()} cores, {platform.platform()}",
            "load": os.getloadavg()[0],
            "versions": f"{version[0].split(' (')[0]}, PostGIS {version[1]}",
            "polygons": sum(m.count for m in made),
            "largest_polygon_vertices": largest,
        }
        with our_server(home, PORTS[0]) as ours:
            if arguments.only != "tiles":
                say("checks: HTTP, statement, whole features in turn")
                result["check"] = check.run(engine, city, ours, scale=scale)
            if arguments.only != "check":
                say("tiles: ours and tipg in turn")
                with tipg_server(engine, PORTS[1]) as theirs:
                    result["tiles"] = tiles.run(ours, theirs)
    report = _report(result)
    print(report)
    if not arguments.small and arguments.only is None:
        RESULTS.mkdir(exist_ok=True)
        (RESULTS / "latest.json").write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
        (RESULTS / "latest.md").write_text(report, encoding="utf-8")


def _report(result: dict[str, Any]) -> str:
    lines = [
        "# Benchmark: ratios measured side by side in one run",
        "",
        f"{result['at']}, {result['machine']}, load at start {result['load']:.1f}; {result['versions']};"
        f" {result['polygons']:,} polygons in 15 layers, the largest of {result['largest_polygon_vertices']:,} vertices.",
        "",
    ]
    rows = []
    if "check" in result:
        rows += [(name, result["check"][size][key], f"{word} {bar:g}") for name, size, key, word, bar in BARS]
    if "tiles" in result:
        rows.append(("tiles a second at z14, ours / tipg", result["tiles"]["ours_over_tipg"], "at least 4"))
    lines += ["| ratio | measured | asked |", "| --- | ---: | --- |"]
    lines += [f"| {name} | {value:.2f} | {bar} |" for name, value, bar in rows]
    for part in ("check", "tiles"):
        if part in result:
            lines += ["", f"```json\n{json.dumps({part: result[part]}, indent=1)}\n```"]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
