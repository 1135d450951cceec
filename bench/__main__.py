"""`python -m bench [all|check|tiles|publication|intake|memory|topology|audit|scaling|batch|growth|oereb|approval|year|city|tenfold] [--small] [--rebuild]`: measure and print ratios; a full run, scaling and batch are kept."""

import argparse
import json
import os
from pathlib import Path
from typing import Any

from bench import report
from bench.approval import measure_approval
from bench.audit import measure_audit
from bench.batch import measure_batch
from bench.check import measure_checks
from bench.growth import measure_growth
from bench.guard import measure_guard
from bench.intake import measure_intake
from bench.live import measure_live
from bench.made_city import TENFOLD, TENTH
from bench.memory import measure_memory
from bench.oereb import measure_oereb
from bench.publication import measure_publication
from bench.scaling import measure_scaling
from bench.setting import Setting, made_city, our_server, say
from bench.tiles import measure_tiles
from bench.topology import measure_topology
from bench.year import measure_year

HERE = "here"
"""What `--tenfold` means without a folder: the one of this checkout."""


def main() -> int:
    """Measure what is asked; 1 when a ratio of the full city is not as asked."""
    arguments = _arguments()
    if arguments.what == "tenfold":  # loads it and stops
        with made_city(small=arguments.small, rebuild=arguments.rebuild, ground=TENFOLD):
            return 0
    if arguments.what == "topology":  # needs no database
        return _end({"topology": measure_topology(small=arguments.small)}, arguments)
    if arguments.what == "audit":  # nor does this
        return _end({"audit": measure_audit(small=arguments.small)}, arguments)
    if arguments.what == "scaling":  # nor this
        return _end({"scaling": measure_scaling(small=arguments.small)}, arguments)
    if arguments.what == "approval":  # has a city of cases of its own
        return _end({"approval": measure_approval(small=arguments.small)}, arguments)
    if arguments.what == "year":  # lives one, and holds its statistics to it
        print(json.dumps(measure_year(small=arguments.small), indent=2, default=str))
        return 0
    if arguments.what == "intake":  # has one of its own
        return _end({"intake": measure_intake(small=arguments.small)}, arguments)
    if arguments.what == "oereb":  # and this
        measured = measure_oereb(small=arguments.small, rebuild=arguments.rebuild)
        return _end({"oereb": measured}, arguments)
    if arguments.what == "memory":  # as has this
        return _end({"memory": measure_memory(small=arguments.small)}, arguments)
    with made_city(small=arguments.small, rebuild=arguments.rebuild, lies_in=arguments.city) as setting:
        result: dict[str, Any] = report.circumstances(setting)
        if arguments.what in ("all", "check"):
            say("checks: over HTTP, the statement, whole features in turn")
            with our_server(setting) as host:
                result["checks"] = measure_checks(setting, host)
                say("checks: without and with permission check and audit entry in turn")
                result["guard"] = measure_guard(setting, host)
                say("checks: outlines dragged by eight clients at once")
                result["live"] = measure_live(setting, host)
        if arguments.what in ("all", "batch"):
            with our_server(setting) as host:
                result["batch"] = measure_batch(setting, host, small=arguments.small)
        if arguments.what in ("all", "growth"):
            result["growth"] = _growth(setting, arguments)
        if arguments.what in ("all", "tiles"):
            say("tiles: ours and tipg in turn")
            result["tiles"] = measure_tiles(setting)
        if arguments.what in ("all", "publication"):
            say("publication: in force and back, while checks go on")
            result["publication"] = measure_publication(setting)
        if arguments.what == "all":
            result["topology"] = measure_topology(small=arguments.small)
            result["audit"] = measure_audit(small=arguments.small)
            result["scaling"] = measure_scaling(small=arguments.small)
            result["intake"] = measure_intake(small=arguments.small)
            result["memory"] = measure_memory(small=arguments.small)
            result["oereb"] = measure_oereb(small=arguments.small, rebuild=arguments.rebuild)
            result["approval"] = measure_approval(small=arguments.small)
        result["load_average_after"] = round(os.getloadavg()[0], 2)
    return _end(result, arguments)


def _growth(setting: Setting, arguments: argparse.Namespace) -> dict[str, Any]:
    """Beside a tenth of the city, or beside the city of ten times its ground, which is not made anew with it."""
    if arguments.tenfold is None:
        with made_city(small=arguments.small, rebuild=arguments.rebuild, ground=TENTH) as tenth:
            return measure_growth(tenth, setting)
    lies_in = None if arguments.tenfold == HERE else Path(arguments.tenfold)
    with made_city(small=arguments.small, rebuild=False, ground=TENFOLD, lies_in=lies_in) as tenfold:
        return measure_growth(setting, tenfold)


def _end(result: dict[str, Any], arguments: argparse.Namespace) -> int:
    """Print what was measured and keep a full run; 1 when a ratio of the full city is not as asked."""
    print("\n".join(report.findings(result)) if "polygons" not in result else report.to_markdown(result))
    if arguments.small:
        return 0
    if arguments.what == "all":
        report.keep(result)
    elif arguments.what in ("scaling", "batch", "oereb"):
        report.keep_part(arguments.what, result)
    for title in report.missed(result):
        say(f"not as asked: {title}")
    return 1 if report.missed(result) else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument(
        "what",
        nargs="?",
        default="all",
        choices=[
            "all",
            "check",
            "tiles",
            "publication",
            "intake",
            "memory",
            "topology",
            "audit",
            "scaling",
            "batch",
            "growth",
            "oereb",
            "approval",
            "year",
            "city",
            "tenfold",
        ],
    )
    parser.add_argument(
        "--small",
        action="store_true",
        help="a twentieth of the polygons: to try the benchmark itself, not to quote",
    )
    parser.add_argument("--rebuild", action="store_true", help="make the city anew first")
    parser.add_argument(
        "--city",
        type=Path,
        metavar="FOLDER",
        help="take the city that lies in this folder as it is, made by another checkout",
    )
    parser.add_argument(
        "--tenfold",
        nargs="?",
        const=HERE,
        metavar="FOLDER",
        help="growth: from the city to ten times its ground, made once (see README.md) or taken from a folder as it is",
    )
    arguments = parser.parse_args()
    if arguments.tenfold is not None and arguments.what != "growth":
        parser.error("--tenfold goes with growth")
    return arguments


if __name__ == "__main__":
    raise SystemExit(main())
