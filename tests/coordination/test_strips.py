"""Linear works and points: half the width to either side, flat ends, whole at bends and joints; how far they run in a conflict."""

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import geopandas
import numpy as np
import pytest
import shapely
from shapely.geometry import mapping
from sqlalchemy.orm import Session

from blueprint.city import AreaMeasure, City
from blueprint.errors import InvalidInputError
from blueprint.footprint import Footprint, footprint_from_geojson, read_footprint_file
from blueprint.permissions import at_console
from blueprint.strip import grow
from coordination.checks import run_check
from coordination.kept_footprints import kept_footprint
from coordination.projects import check_project, current_revision, footprint_of, register_project
from coordination.report_verification import verify_report, with_site
from service.settings import Settings
from tests.coordination.world import COORDINATOR, DETAILS, NOW, TODAY
from tests.made import at_origin, publish

OPERATOR = at_console("test")


@pytest.fixture
def plane(city: City) -> City:
    """The city with areas in the plane and no rule set."""
    return replace(city, area_measure=AreaMeasure.PLANE, rules_path=None)


def _grown(*shapes: shapely.Geometry, width_m: float = 20) -> shapely.Geometry:
    return shapely.union_all(grow(np.array(shapes, dtype=object), width_m)[0])


def _road(city: City, scratch: Path, *shapes: shapely.Geometry, width_m: float | None = 20) -> Footprint:
    features = [{"type": "Feature", "properties": {}, "geometry": mapping(at_origin(s))} for s in shapes]
    document: dict[str, Any] = {"type": "FeatureCollection", "features": features}
    return footprint_from_geojson(document, city=city, scratch=scratch, crs=city.working_crs, width_m=width_m)


def test_a_straight_line_is_as_large_as_its_length_times_its_width():
    assert _grown(shapely.LineString([(0, 0), (300, 0)])).equals(shapely.box(0, -10, 300, 10))


def test_a_bend_and_a_joint_of_two_pieces_are_the_same_ground():
    whole = _grown(shapely.LineString([(0, 0), (100, 0), (100, 100)]))
    pieces = _grown(shapely.LineString([(0, 0), (100, 0)]), shapely.LineString([(100, 100), (100, 0)]))

    assert whole.symmetric_difference(pieces).area < 1e-9


def test_three_lines_that_meet_leave_no_notch():
    meeting = [shapely.LineString([(0, 0), end]) for end in ((100, 0), (-50, 87), (-50, -87))]

    assert _grown(*meeting).covers(shapely.Point(0, 0).buffer(9.9))


@pytest.mark.parametrize("width_m", [20, 2000])
def test_a_point_is_a_circle_of_its_width_to_the_centimetre(width_m: float):
    circle, radius_m = _grown(shapely.Point(5, 5), width_m=width_m), width_m / 2

    assert circle.area == pytest.approx(math.pi * radius_m**2, abs=0.01 * 2 * math.pi * radius_m)
    assert circle.boundary.distance(shapely.Point(5, 5)) > radius_m - 0.01


@pytest.mark.parametrize(
    ("shape", "width_m", "told"),
    [
        (shapely.LineString([(0, 0), (9, 0)]), None, "is a LineString; say its working width"),
        (shapely.Point(0, 0), None, "is a Point; say its working width"),
        (shapely.LineString([(0, 0), (9, 0)]), 0, "more than 0"),
        (shapely.LineString([(0, 0), (9, 0)]), 2001, "at most 2000 m"),
        (shapely.LineString([(3, 3), (3, 3)]), 20, "has no length"),
        (shapely.box(0, 0, 9, 9), 20, "no line and no point"),
    ],
)
def test_what_cannot_be_a_strip_is_refused_in_a_sentence(
    city: City, tmp_path: Path, shape: shapely.Geometry, width_m: float | None, told: str
):
    with pytest.raises(InvalidInputError, match=told):
        _road(city, tmp_path, shape, width_m=width_m)


def test_a_road_through_a_field_tells_its_area_and_how_far_it_runs_there(
    session: Session, plane: City, tmp_path: Path
):
    """A road of 300 m and 20 m of width; 100 m of it in the field, so 2,000 of its 6,000 m²."""
    publish(session, plane, "FARM", [shapely.box(100, -500, 200, 500)], control="prohibit")
    publish(session, plane, "RAIL", [shapely.LineString([(50, -99), (50, 99)])])
    road = _road(plane, tmp_path, shapely.LineString([(0, 0), (300, 0)]))

    report = run_check(session, road, city=plane, actor=OPERATOR, on=TODAY)

    farm, rail = report.findings
    assert (farm.overlap_m2, farm.crossing_m) == (pytest.approx(2000), pytest.approx(100))
    assert (rail.relation, rail.length_m, rail.crossing_m) == ("crosses", pytest.approx(20), None)
    told = report.to_json()["footprint"]
    assert (told["area_m2"], told["width_m"]) == (pytest.approx(6000), 20)
    assert told["centre_line_m"] == pytest.approx(300)
    assert "300.00 m" in report.notes[0]
    document = json.loads(json.dumps(with_site(report, road), default=str))
    assert document["site"]["strip"]["width_m"] == 20
    assert verify_report(session, document, city=plane, actor=OPERATOR).differences == ()


def test_an_area_and_the_road_to_it_are_one_site(city: City, tmp_path: Path):
    site = _road(city, tmp_path, shapely.box(0, 0, 100, 100), shapely.LineString([(50, -200), (50, 50)]))

    assert site.geometry.area == pytest.approx(100 * 100 + 200 * 20)
    assert len(site.geometry.geoms) == 1


@pytest.mark.parametrize("kind", ["line", "point"])
def test_a_dataset_of_lines_or_points_is_read_with_a_width(city: City, tmp_path: Path, kind: str):
    shape = shapely.LineString([(0, 0), (300, 0)]) if kind == "line" else shapely.Point(0, 0)
    path = tmp_path / "work.gpkg"
    geopandas.GeoDataFrame({"n": [1]}, geometry=[at_origin(shape)], crs=city.working_crs).to_file(path)

    scratch = Settings().scratch
    site = read_footprint_file(path, city=city, scratch=scratch, width_m=20)

    assert site.geometry.area == pytest.approx(6000 if kind == "line" else 313.99, abs=0.01)
    with pytest.raises(InvalidInputError, match=f"it is a {kind}"):
        read_footprint_file(path, city=city, scratch=scratch)


def test_a_project_along_a_line_keeps_the_line_and_tells_crossings_at_every_check(
    session: Session, plane: City, tmp_path: Path
):
    publish(session, plane, "FARM", [shapely.box(100, -500, 200, 500)], control="prohibit")
    road = _road(plane, tmp_path, shapely.LineString([(0, 0), (300, 0)]), shapely.Point(0, 400))
    project = register_project(session, DETAILS, road, city=plane, actor=COORDINATOR, now=NOW)

    check = check_project(session, project.id, city=plane, actor=COORDINATOR, now=NOW)

    session.expire_all()
    assert footprint_of(current_revision(session, project)).strip == road.strip
    assert kept_footprint(check, source_crs="", operation="").strip == road.strip
    assert check.report["findings"][0]["crossing_m"] == pytest.approx(100)
    assert check.report["footprint"]["width_m"] == 20
    assert verify_report(session, check.report, city=plane, actor=COORDINATOR, kept=check).holds
    check.report["findings"][0]["crossing_m"] = 99.0
    told = verify_report(session, check.report, city=plane, actor=COORDINATOR, kept=check).differences
    [difference] = told
    assert difference.endswith("the report says 99.0, checked again it is 100.0")
