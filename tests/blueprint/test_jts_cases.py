"""The overlay and the area kernel against the test cases of the JTS Topology Suite, whose expected results are written in their files.

The files (github.com/locationtech/jts, modules/tests/src/test/resources/testxml/general; EDL 1.0 or EPL 2.0) are not part of this
repository: where they do not lie beside it, the cases below, written afresh from the definitions, stand alone.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date
from xml.etree import ElementTree

import numpy as np
import pytest
import shapely
from shapely.geometry.base import BaseGeometry
from sqlalchemy.orm import Session

from blueprint.city import AreaMeasure, City, polygonal
from blueprint.overlay import find_overlaps
from blueprint.snapshot import take_snapshot
from coordination.plan_audit.kernel import common_areas, edges_of
from tests.conftest import ROOT
from tests.made import at_origin, publish

FOLDER = ROOT.parent / "shared" / "data" / "jts_overlay_dev"
FILES = ("TestNGOverlayA", "TestOverlayAA", "TestOverlayEmpty", "TestOverlayLA", "TestOverlayPA")
APART_M = 2_000.0
"""Every case lies by itself: none of them is larger."""
AS_GIVEN = {"TestOverlayLA 2": 900.0, "TestOverlayPA 2": 12.0}
"""Features are measured as they are given, not as sets of points: a line that goes back over 140 m of itself has them twice (760 m as
a set), and six points that are given twice are twelve.
"""
KINDS = {0: "point", 1: "line", 2: "polygon"}


@dataclass(frozen=True)
class Case:
    """An area, another shape, and what they share as the case says."""

    name: str
    site: shapely.MultiPolygon
    shape: BaseGeometry
    shared: BaseGeometry


def _hand(name: str, site: str, shape: str, shared: str) -> Case:
    read = [shapely.from_wkt(text) for text in (site, shape, shared)]
    return Case(name, polygonal(read[0]), read[1], read[2])


BOX = "POLYGON((0 0,0 10,10 10,10 0,0 0))"
BY_HAND = [
    _hand("a hole takes away", BOX, "POLYGON((-5 -5,-5 20,20 20,20 -5,-5 -5),(2 2,8 2,8 8,2 8,2 2))",
          "POLYGON((0 0,0 10,10 10,10 0,0 0),(2 2,8 2,8 8,2 8,2 2))"),
    _hand("inside a hole is outside", BOX, "POLYGON((-9 -9,-9 30,30 30,30 -9,-9 -9),(-1 -1,11 -1,11 11,-1 11,-1 -1))", "POLYGON EMPTY"),
    _hand("filling a hole exactly", BOX, "POLYGON((-9 -9,-9 30,30 30,30 -9,-9 -9),(0 0,10 0,10 10,0 10,0 0))", "LINESTRING(0 0,10 0)"),
    _hand("the same shape", BOX, BOX, BOX),
    _hand("a shared edge", BOX, "POLYGON((10 0,20 0,20 10,10 10,10 0))", "LINESTRING(10 0,10 10)"),
    _hand("a shared corner", BOX, "POLYGON((10 10,20 10,20 20,10 20,10 10))", "POINT(10 10)"),
    _hand("a bow of two parts meeting in a point", BOX, "MULTIPOLYGON(((0 0,5 5,0 10,0 0)),((10 0,10 10,5 5,10 0)))",
          "MULTIPOLYGON(((0 0,5 5,0 10,0 0)),((10 0,10 10,5 5,10 0)))"),
    _hand("a comb of three teeth", BOX, "POLYGON((1 -5,1 5,2 5,2 -3,4 -3,4 5,5 5,5 -3,7 -3,7 5,8 5,8 -5,1 -5))",
          "MULTIPOLYGON(((1 0,1 5,2 5,2 0,1 0)),((4 0,4 5,5 5,5 0,4 0)),((7 0,7 5,8 5,8 0,7 0)))"),
    _hand("a line through, along and out", BOX, "LINESTRING(-5 5,10 5,10 10,20 10)", "LINESTRING(0 5,10 5,10 10)"),
    _hand("a line that only touches a corner", BOX, "LINESTRING(5 15,15 5)", "POINT(10 10)"),
    _hand("points inside, on the edge and outside", BOX, "MULTIPOINT(5 5,10 5,15 5)", "MULTIPOINT(5 5,10 5)"),
]  # fmt: skip


def _of_files() -> Iterator[Case]:
    """The cases of the files that state an intersection of an area with something, both valid and not empty, in full precision."""
    for name in FILES if FOLDER.is_dir() else ():
        root = ElementTree.parse(FOLDER / f"{name}.xml").getroot()
        precision = root.find("precisionModel")
        if precision is not None and precision.get("scale") is not None:
            continue
        for number, case in enumerate(root.findall("case")):
            shapes = [_read(case.findtext(side)) for side in ("a", "b")]
            told = [
                _read(op.text)
                for op in case.iter("op")
                if (op.get("name") or "").lower().startswith("intersection")
            ]
            if not told or any(s is None or s.is_empty or not s.is_valid for s in shapes) or told[0] is None:
                continue
            areas = [s for s in shapes if s is not None and shapely.get_dimensions(s) == 2]
            if not areas or any(s is not None and s.geom_type == "GeometryCollection" for s in shapes):
                continue
            [other] = [s for s in shapes if s is not areas[-1]]
            assert other is not None
            yield Case(f"{name} {number}", polygonal(areas[-1]), other, told[0])


def _read(text: str | None) -> BaseGeometry | None:
    text = " ".join((text or "").split())
    if not text:
        return None
    try:
        compact = text.replace(" ", "")
        return shapely.from_wkb(compact) if re.fullmatch(r"[0-9A-Fa-f]+", compact) else shapely.from_wkt(text)
    except shapely.GEOSException:
        return None


def _measure(shape: BaseGeometry, dimension: int) -> float:
    """What of a shape has that dimension: m², m, or points."""
    parts = [p for p in shapely.get_parts(shape) if shapely.get_dimensions(p) == dimension and not p.is_empty]
    if dimension == 0:
        return float(len(parts))
    return float(sum(p.area if dimension == 2 else p.length for p in parts))


def _placed(shape: BaseGeometry, number: int) -> BaseGeometry:
    step = np.array([number % 20, number // 20]) * APART_M
    return shapely.transform(shape, lambda xy: xy + step)


def test_what_is_shared_is_what_the_cases_say(session: Session, city: City):
    """Every case at its place in one city: hits exactly where something of the shape's own dimension is shared, and as much."""
    plane = replace(city, area_measure=AreaMeasure.PLANE, rules_path=None)
    cases = [*BY_HAND, *_of_files()]
    placed = [
        Case(c.name, polygonal(_placed(c.site, n)), _placed(c.shape, n), c.shared)
        for n, c in enumerate(cases)
    ]
    for dimension, kind in KINDS.items():
        shapes = [case.shape for case in placed if shapely.get_dimensions(case.shape) == dimension]
        publish(session, plane, kind, shapes, tolerance_m2=0.0, sliver_width_m=0.0)
    layers = take_snapshot(session, date(2026, 11, 23)).layers

    wrong = []
    for case in placed:
        dimension = int(shapely.get_dimensions(case.shape))
        overlay = find_overlaps(session, polygonal(at_origin(case.site)), layers, city=plane)
        found = sum((o.point_count, o.length_m, o.overlap_m2)[dimension] for o in overlay.overlaps)
        expected = AS_GIVEN.get(case.name, _measure(case.shared, dimension))
        if len(overlay.overlaps) != (expected > 0) or found != pytest.approx(expected, abs=1e-6):
            wrong.append((case.name, found, expected, len(overlay.overlaps)))

    assert wrong == []
    assert len(cases) - len(BY_HAND) >= 40 or not FOLDER.is_dir()


def test_the_area_kernel_gives_what_the_cases_say():
    cases = [case for case in (*BY_HAND, *_of_files()) if shapely.get_dimensions(case.shape) == 2]
    sides = (np.array([case.site for case in cases]), np.array([case.shape for case in cases]))
    pairs = np.arange(len(cases))

    areas = common_areas(*(edges_of(side, (0.0, 0.0)) for side in sides), pairs, pairs)

    expected = [_measure(case.shared, 2) for case in cases]
    assert areas == pytest.approx(np.array(expected), abs=1e-6)
