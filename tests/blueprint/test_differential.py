"""The overlay against another program's (pyramid_oereb, of the Swiss cadastre of restrictions), and properties that any overlay has."""

import importlib.util
from dataclasses import replace
from datetime import date
from importlib.metadata import files
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import shapely
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.orm import Session

from blueprint.city import AreaMeasure, City
from blueprint.overlay import Overlap, Overlay, find_overlaps
from blueprint.snapshot import take_snapshot
from tests.made import at_origin, publish

TODAY = date(2026, 11, 23)
SITE = shapely.MultiPolygon([shapely.Polygon([(0, 0), (120, 10), (100, 90), (60, 60), (10, 100)])])
RULE = {"tolerance_m2": 0.0, "sliver_width_m": 0.0}
SLOW = settings(max_examples=3, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
PLACES = 12
"""Every example holds so many worlds, side by side in one city: to publish costs more than to ask."""
APART_M = 1_000


@pytest.fixture
def plane(city: City) -> City:
    """The city with areas in the plane and no rule set."""
    return replace(city, area_measure=AreaMeasure.PLANE, rules_path=None)


def _peer() -> Any:
    """The peer's `GeometryRecord`, from its file alone: the package wants a whole web framework for its import."""
    [path] = [f for f in files("pyramid-oereb") or () if str(f) == "pyramid_oereb/core/records/geometry.py"]
    spec = importlib.util.spec_from_file_location("oereb_geometry", str(path.locate()))
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.GeometryRecord


RECORD = _peer()
TYPES = {
    "line": {"types": ["LineString", "LinearRing", "MultiLineString"]},
    "polygon": {"types": ["Polygon", "MultiPolygon"]},
    "point": {"types": ["Point", "MultiPoint"]},
}


def _told_by_peer(shape: shapely.Geometry, *, min_area: float = 0.0, **more: Any) -> Any:
    record = RECORD(None, date(2020, 1, 1), None, shape)
    estate = SimpleNamespace(limit=SITE, areas_ratio=1.0)
    is_hit = record.calculate(estate, 0.0, min_area, "m", "m2", TYPES, **more)
    return record if is_hit else None


def _at(shape: shapely.Geometry, place: int) -> shapely.Geometry:
    """A shape of one of the worlds at its place."""
    return shapely.transform(shape, lambda xy: xy + np.array([APART_M * place, 0.0]))


def _overlay(session: Session, city: City, site: shapely.MultiPolygon = SITE) -> Overlay:
    layers = take_snapshot(session, TODAY).layers
    return find_overlaps(session, at_origin(site), layers, city=city)


def _shapes(seed: int) -> dict[str, list[shapely.Geometry]]:
    """Features around the site, whatever they look like: triangles, lines of three points, points."""
    rng = np.random.default_rng(seed)
    corners = np.round(rng.uniform(-40, 160, (12, 3, 2)), 2)
    return {
        "AREAS": [p for p in shapely.polygons(corners) if p.is_valid and p.area > 1],
        "LINES": list(shapely.linestrings(corners)),
        "POINTS": list(shapely.points(corners[:, 0])),
    }


@SLOW
@given(st.lists(st.integers(0, 10_000), min_size=5, max_size=5))
def test_hits_areas_lengths_and_points_are_those_of_the_peer(session: Session, plane: City, seeds: list[int]):
    worlds = [_shapes(seed) for seed in seeds]
    with session.begin_nested() as nested:
        for code in worlds[0]:
            shapes, rows = [], []
            for place, world in enumerate(worlds):
                shapes += [_at(shape, place) for shape in world[code]]
                rows += [{"N": f"{place}-{number}"} for number in range(len(world[code]))]
            publish(session, plane, code, shapes, attributes=rows, source_id_field="N", **RULE)
        codes = {layer.version_id: layer.code for layer in take_snapshot(session, TODAY).layers}
        answers = [_overlay(session, plane, _at(SITE, place)) for place in range(len(worlds))]
        nested.rollback()

    for place, (world, overlay) in enumerate(zip(worlds, answers, strict=True)):
        found = {(codes[o.version_id], o.source_id): o for o in overlay.overlaps}
        told = {
            (code, f"{place}-{number}"): record
            for code, features in world.items()
            for number, shape in enumerate(features)
            if (record := _told_by_peer(shape)) is not None
        }
        # The peer takes a line that only touches for a hit of no length; a hair is the rounding of its cut.
        told = {
            k: r for k, r in told.items() if r.nr_of_points or (r.area_share or r.length_share or 0) > 1e-6
        }
        assert found.keys() == told.keys()
        for key, overlap in found.items():
            assert overlap.overlap_m2 == pytest.approx(told[key].area_share or 0, abs=1e-6)
            assert overlap.length_m == pytest.approx(told[key].length_share or 0, abs=1e-6)
            assert overlap.point_count == (told[key].nr_of_points or 0)


def _only(overlay: Overlay) -> Overlap:
    [overlap] = overlay.overlaps
    return overlap


def test_a_tolerance_decides_what_counts_and_never_what_is_measured(session: Session, plane: City):
    """The peer grows the site by a tolerance and measures the grown one: 100 m² become more."""
    shape = shapely.box(-50, 0, 10, 200)
    publish(session, plane, "AREAS", [shape], tolerance_m2=5, sliver_width_m=0)
    right = SITE.intersection(shape).area

    assert _only(_overlay(session, plane)).overlap_m2 == pytest.approx(right)
    assert _told_by_peer(shape, tolerances={"ALL": 1.0}).area_share > right + 50


def test_many_small_pieces_are_one_overlap(session: Session, plane: City):
    """Twenty pieces of 0.9 m²: one by one all are below a threshold of 1 m², as a feature they are 18 m²."""
    pieces = [shapely.box(20 + 3 * n, 20, 20.9 + 3 * n, 21) for n in range(20)]
    publish(session, plane, "AREAS", [shapely.MultiPolygon(pieces)], tolerance_m2=1, sliver_width_m=0)

    overlap = _only(_overlay(session, plane))

    assert (overlap.overlap_m2, overlap.is_sliver) == (pytest.approx(18), False)
    assert [_told_by_peer(piece, min_area=1.0) for piece in pieces] == [None] * 20


def test_a_layer_is_measured_by_the_union_of_what_overlaps_itself(session: Session, plane: City):
    """The peer adds up: two features on the same 400 m² are 800 m² to it."""
    shape = shapely.box(20, 20, 40, 40)
    publish(session, plane, "AREAS", [shape, shape], **RULE)

    overlay = _overlay(session, plane)

    assert list(overlay.layer_m2.values()) == [pytest.approx(400)]
    assert sum(_told_by_peer(shape).area_share for _ in range(2)) == pytest.approx(800)


BOX = st.tuples(st.integers(-50, 120), st.integers(-50, 120), st.integers(5, 90), st.integers(5, 90))
WORLDS = st.lists(st.lists(BOX, min_size=1, max_size=5), min_size=PLACES, max_size=PLACES)


def _boxes(boxes: list[tuple[int, int, int, int]], place: int = 0) -> list[shapely.Polygon]:
    return [_at(shapely.box(x, y, x + w, y + h), place) for x, y, w, h in boxes]


def _all_boxes(worlds: list[list[tuple[int, int, int, int]]]) -> list[shapely.Polygon]:
    return [box for place, boxes in enumerate(worlds) for box in _boxes(boxes, place)]


def _figures(overlay: Overlay) -> list[tuple[Any, ...]]:
    """What an overlay says, without the numbers of versions: by relation and measures."""
    return sorted(
        (str(o.relation), o.source_id, round(o.overlap_m2, 6), o.is_sliver) for o in overlay.overlaps
    )


@SLOW
@given(WORLDS, WORLDS)
def test_overlap_and_rest_are_the_site_and_the_order_of_layers_changes_nothing(
    session: Session,
    plane: City,
    ones: list[list[tuple[int, int, int, int]]],
    others: list[list[tuple[int, int, int, int]]],
):
    answers = []
    for order in ((("A", ones), ("B", others)), (("A", others), ("B", ones))):
        with session.begin_nested() as nested:
            for code, worlds in order:
                publish(session, plane, code, _all_boxes(worlds), control="prohibit", **RULE)
            told = []
            for place, boxes in enumerate(zip(ones, others, strict=True)):
                overlay = _overlay(session, plane, _at(SITE, place))
                told.append((_figures(overlay), sorted(round(a, 6) for a in overlay.layer_m2.values())))
                features = [box for side in boxes for box in _boxes(side)]
                taken = shapely.intersection(SITE, shapely.union_all(features)).area
                assert overlay.ledger.prohibited_m2 == pytest.approx(taken, abs=1e-6)
                assert overlay.ledger.conflict_free_m2 == pytest.approx(SITE.area - taken, abs=1e-6)
                assert overlay.ledger.closes
            answers.append(told)
            nested.rollback()

    assert answers[0] == answers[1]


@SLOW
@given(WORLDS, st.integers(-2000, 2000), st.integers(-2000, 2000))
def test_moving_all_by_whole_metres_changes_nothing(
    session: Session, plane: City, worlds: list[list[tuple[int, int, int, int]]], east: int, north: int
):
    answers = []
    for shift in (np.zeros(2), np.array([east, north], dtype=float)):
        with session.begin_nested() as nested:
            moved = [shapely.transform(b, lambda xy, d=shift: xy + d) for b in _all_boxes(worlds)]
            publish(session, plane, "A", moved, control="prohibit", **RULE)
            sites = [shapely.transform(_at(SITE, p), lambda xy, d=shift: xy + d) for p in range(PLACES)]
            answers.append([_figures(_overlay(session, plane, site)) for site in sites])
            nested.rollback()

    assert answers[0] == answers[1]


@SLOW
@given(st.lists(st.tuples(st.integers(130, 600), st.integers(0, 1000)), min_size=PLACES, max_size=PLACES))
def test_cutting_a_feature_in_parts_changes_nothing(
    session: Session, plane: City, given_stars: list[tuple[int, int]]
):
    """A star of more than 128 vertices is stored in parts; its overlap is that of the whole."""
    stars = [_star(*each) for each in given_stars]
    with session.begin_nested() as nested:
        publish(session, plane, "A", [_at(s, p) for p, s in enumerate(stars)], control="prohibit", **RULE)
        found = [_only(_overlay(session, plane, _at(SITE, place))).overlap_m2 for place in range(PLACES)]
        nested.rollback()

    assert found == [pytest.approx(shapely.intersection(SITE, star).area, rel=1e-9) for star in stars]


def _star(vertices: int, seed: int) -> shapely.Polygon:
    """A ragged star around the site's middle: seen from there every corner lies behind the one before."""
    rng = np.random.default_rng(seed)
    turns = (np.arange(vertices) + rng.uniform(0, 0.9, vertices)) * 2 * np.pi / vertices
    reach = rng.uniform(20, 90, vertices)
    return shapely.Polygon(np.column_stack([50 + np.cos(turns) * reach, 50 + np.sin(turns) * reach]))
