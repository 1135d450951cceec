"""Checks in worlds of any layers and rules say what shapely and numpy say of them, by whichever way they are asked.

`BLUEPRINT_WORLDS=1000:3000` runs other seeds than the suite does.
"""

import os
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
import shapely
from sqlalchemy.orm import Session

from blueprint.city import AreaMeasure, City
from blueprint.footprint import Footprint
from blueprint.overlay_together import Ground, overlay_together
from blueprint.permissions import at_console
from blueprint.snapshot import layers_on, take_snapshot
from coordination.check_report import CheckReport
from coordination.checks import run_check
from coordination.judging import rule_set_of
from coordination.rule_layers import refuse_never_met
from tests.coordination.made_worlds import MadeWorld, made_worlds, publish_worlds, rules_yaml
from tests.coordination.world import TODAY
from tests.coordination.world_oracle import Expected, expected
from tests.made import at_origin, differing, geodesic_m2

OPERATOR = at_console("test")
SEEDS = range(*map(int, os.environ.get("BLUEPRINT_WORLDS", "0:3").split(":")))
PLACES = 12


def city_of(city: City, worlds: Sequence[MadeWorld], seed: int, folder: Path) -> City:
    path = folder / "rules.yaml"
    path.write_text(rules_yaml(worlds[0].rules), encoding="utf-8")
    measure = AreaMeasure.ELLIPSOID if seed % 4 == 1 else AreaMeasure.PLANE
    return replace(
        city, area_measure=measure, rules_path=path if worlds[0].rules else None, boundary_path=None
    )


def site_of(world: MadeWorld, city: City) -> Footprint:
    shape = shapely.normalize(at_origin(world.placed(world.site)))
    return Footprint(shape, city.working_crs, "none", planned_use=world.use, top_m=world.top_m)


def _lines(report: CheckReport, told: Expected, within: float) -> list[str]:
    """Where a report differs from what is expected, one line a place."""
    found = {(f.layer, f.source_id, f.rule): f for f in report.findings}
    right = {(t.layer, t.source_id, t.rule): t for t in told.findings}
    lines = [f"not expected: {key} {found[key]}" for key in found.keys() - right.keys()]
    lines += [f"missing: {key} {right[key]}" for key in right.keys() - found.keys()]
    if len(found) != len(report.findings):
        lines.append("two findings of one feature and rule")
    for key in found.keys() & right.keys():
        f, t = found[key], right[key]
        one = (f.control, str(f.relation), f.sliver, f.length_m, f.point_count, f.distance_m)
        other = (t.control, t.relation, bool(t.sliver), float(t.length_m), t.points, t.distance_m)
        lines += differing(one, other, within=within, place=str(key))
        lines += differing(f.overlap_m2, float(t.m2), within=within + t.slack_m2, place=f"{key} area")
    layers = {each.code: each for each in report.layers}
    slack_m2 = sum(each.slack_m2 for each in told.findings)
    lines += differing(
        {c: str(e.outcome) for c, e in layers.items()}, told.outcomes, within=0, place="outcome"
    )
    lines += differing({c: e.control for c, e in layers.items()}, told.controls, within=0, place="control")
    lines += differing(
        {c: e.overlap_m2 or 0.0 for c, e in layers.items()},
        {c: float(m2) for c, m2 in told.union_m2.items()},
        within=within + slack_m2,
        place="union",
    )
    ledger = {name: getattr(report.ledger, name) for name in told.ledger}
    lines += differing(
        ledger,
        {name: float(m2) for name, m2 in told.ledger.items()},
        within=2 * within + slack_m2,
        place="ledger",
    )
    lines += differing(str(report.verdict), told.verdict, within=0, place="verdict")
    return [*lines, *([] if report.ledger.closes else ["the ledger does not close"])]


@pytest.mark.parametrize("seed", SEEDS)
def test_a_check_says_what_the_definitions_say(session: Session, city: City, seed: int, tmp_path: Path):
    worlds = made_worlds(seed, PLACES)
    city = city_of(city, worlds, seed, tmp_path)
    publish_worlds(session, city, worlds, tmp_path, reverse=seed % 2 == 1)
    rules = rule_set_of(city)
    if rules is not None:
        refuse_never_met(rules, layers_on(session, TODAY), on=TODAY)
    snapshot = take_snapshot(session, TODAY)
    sites = [site_of(world, city) for world in worlds]
    known = overlay_together(
        session, [site.geometry for site in sites], Ground(session, snapshot.layers, city=city)
    )

    reports = [run_check(session, site, city=city, actor=OPERATOR, on=TODAY) for site in sites]

    for world, site, report, read in zip(worlds, sites, reports, known, strict=True):
        on_ellipsoid = city.area_measure is AreaMeasure.ELLIPSOID
        told = expected(world, partial(_geodesic_m2, world, city) if on_ellipsoid else shapely.area)
        within = 0.01 if on_ellipsoid or any(layer.kind == "raster" for layer in world.layers) else 1e-5
        assert _lines(report, told, within) == [], (seed, world.place)
        together = run_check(session, site, city=city, actor=OPERATOR, on=TODAY, known=read)
        assert differing(_plain(report), _plain(together), within=1e-4) == [], (seed, world.place)


def _geodesic_m2(world: MadeWorld, city: City, shape: shapely.Geometry) -> float:
    return geodesic_m2(at_origin(world.placed(shape)), city)


def _plain(report: CheckReport) -> dict[str, object]:
    """What a report says, findings by what they are of: equal ones may change places with the last digit of an area."""
    document = report.to_json()
    document["findings"] = {f"{f['layer']} {f['source_id']} {f['rule']}": f for f in document["findings"]}
    for each in document["findings"].values():
        each["sliver_cause"] = each["sliver_cause"] is not None
        # The outline of what lies outside may have spikes without width.
        if each["relation"] == "outside":
            each["sliver_width_m"] = None
    return document
