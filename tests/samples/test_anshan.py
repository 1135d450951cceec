"""The made city of Anshan: every footprint says what its note says, and the figures are shapely's, Geod's and PostGIS's."""

import threading
from dataclasses import replace
from datetime import date

import pytest
import shapely
from sqlalchemy import text
from sqlalchemy.orm import Session

from blueprint.city import polygonal
from blueprint.edge import Edge
from blueprint.errors import InvalidInputError
from blueprint.footprint import Footprint, read_footprint_file
from blueprint.overlay import NOISE_M, find_overlaps
from blueprint.overlay_together import Ground, overlay_together
from blueprint.permissions import at_console
from blueprint.snapshot import LayerOnDay, take_snapshot
from coordination import live
from coordination.checks import asked_of, run_check
from service.samples import SampleProject, sample_folder, sample_projects
from tests.made import differing, geodesic_m2

TODAY = date(2026, 11, 23)
PROJECTS = {project.path.stem: project for project in sample_projects(sample_folder("anshan"))}
TAKEN = [name for name, project in PROJECTS.items() if project.expected != "refused"]


def _footprint(edge: Edge, project: SampleProject) -> Footprint:
    read = read_footprint_file(project.path, city=edge.city, scratch=edge.scratch)
    return replace(read, top_m=project.top_m, planned_use=project.planned_use)


@pytest.mark.parametrize("name", PROJECTS)
def test_every_sample_footprint_has_its_expected_verdict(anshan: Edge, name: str):
    project = PROJECTS[name]
    if project.expected == "refused":
        with pytest.raises(InvalidInputError):
            _footprint(anshan, project)
        return
    with Session(anshan.engine) as session:
        report = run_check(
            session, _footprint(anshan, project), city=anshan.city, actor=at_console("test"), on=TODAY
        )

    assert str(report.verdict) == project.expected
    assert report.ledger.closes


def test_sites_checked_together_have_the_reports_that_they_have_alone(anshan: Edge):
    """Lines, points, rasters, zones by an attribute, outsides, gaps, classes and heights are all among the layers."""
    actor = at_console("test")
    sites = {name: _footprint(anshan, PROJECTS[name]) for name in TAKEN}
    with Session(anshan.engine) as session:
        snapshot = take_snapshot(session, TODAY)
        asked = asked_of(snapshot.layers, actor=actor, on=TODAY)
        known = overlay_together(
            session, [site.geometry for site in sites.values()], Ground(session, asked, city=anshan.city)
        )
        assert sum(each is not None for each in known) > len(sites) / 2
        for (name, site), each in zip(sites.items(), known, strict=True):
            alone, together = (
                run_check(
                    session, site, city=anshan.city, actor=actor, on=TODAY, snapshot=snapshot, known=one
                )
                for one in (None, each)
            )
            assert differing(alone.to_json(), together.to_json(), within=1e-5) == [], name


def test_a_past_day_gives_the_verdict_of_that_day(anshan: Edge):
    footprint = _footprint(anshan, PROJECTS["north_east_park"])
    with Session(anshan.engine) as session:
        past = run_check(session, footprint, city=anshan.city, actor=at_console("test"), on=date(2025, 6, 1))
        today = run_check(session, footprint, city=anshan.city, actor=at_console("test"), on=TODAY)

    assert (str(past.verdict), str(today.verdict)) == ("restrict", "clear")


def _layers(session: Session) -> list[LayerOnDay]:
    return [layer for layer in take_snapshot(session, TODAY).layers if layer.version_id is not None]


@pytest.mark.parametrize("name", TAKEN)
def test_every_overlap_equals_shapely_and_geod_on_whole_features(anshan: Edge, name: str):
    footprint = _footprint(anshan, PROJECTS[name]).geometry
    with Session(anshan.engine) as session:
        layers = _layers(session)
        overlay = find_overlaps(session, footprint, layers, city=anshan.city)
        rows = session.execute(
            text(
                "SELECT version_id, feature_id, ST_AsBinary(coalesce(zone, geom)) FROM blueprint.feature"
                " WHERE version_id = ANY(:versions) AND ST_Dimension(coalesce(zone, geom)) = 2"
            ),
            {"versions": [layer.version_id for layer in layers if layer.conflict_when == "inside"]},
        ).all()

    found = {
        (o.version_id, o.feature_id): o for o in overlay.overlaps if o.is_areal and o.feature_id is not None
    }
    expected = {}
    for version_id, feature_id, wkb in rows:
        shared = polygonal(shapely.intersection(footprint, shapely.from_wkb(bytes(wkb))))
        if 2 * shared.area > NOISE_M * shared.length:
            expected[(version_id, feature_id)] = shared
    assert found.keys() == expected.keys()
    for key, shared in expected.items():
        assert found[key].overlap_m2 == pytest.approx(geodesic_m2(shared, anshan.city), abs=0.01)
    assert overlay.site.area_m2 == pytest.approx(geodesic_m2(footprint, anshan.city), abs=0.01)


def test_a_drawn_outline_is_read_and_cut_in_the_process_and_says_what_the_statement_says(
    anshan: Edge, monkeypatch: pytest.MonkeyPatch
):
    live.load()
    centre = _footprint(anshan, PROJECTS[TAKEN[0]]).geometry.centroid
    actor = at_console("test")
    with Session(anshan.engine) as session:
        in_force = take_snapshot(session, TODAY)
        asked = asked_of(in_force.layers, actor=actor, on=TODAY)
        for half_m in (5, 50, 200, 400, 1500):
            site = Footprint(
                shapely.MultiPolygon([centre.buffer(half_m, quad_segs=9)]), anshan.city.working_crs, "none"
            )
            known = live.known_of(session, site, asked, city=anshan.city)
            assert known is not None
            at_once, alone = (
                run_check(
                    session, site, city=anshan.city, actor=actor, on=TODAY, snapshot=in_force, known=each
                )
                for each in (known, None)
            )
            # The statement follows edges by chords of 50 m, which is what the two differ by (decision 0038).
            assert differing(alone.to_json(), at_once.to_json(), within=2e-5) == []
            assert alone.findings
        monkeypatch.setattr(live, "_ready", threading.Event())
        assert live.known_of(session, site, asked, city=anshan.city) is None


@pytest.mark.parametrize("name", TAKEN)
def test_parts_give_what_st_intersection_gives_on_whole_features(anshan: Edge, name: str):
    footprint = _footprint(anshan, PROJECTS[name]).geometry
    with Session(anshan.engine) as session:
        layers = _layers(session)
        overlay = find_overlaps(session, footprint, layers, city=anshan.city)
        whole = session.execute(
            text(
                "SELECT version_id, feature_id, blueprint.ellipsoid_m2(ST_CollectionExtract("
                "ST_Intersection(site, coalesce(zone, geom)), 3))"
                " FROM blueprint.feature, (SELECT ST_SetSRID(ST_GeomFromWKB(:site), :srid) AS site) AS given"
                " WHERE version_id = ANY(:versions) AND ST_Dimension(coalesce(zone, geom)) = 2"
                " AND ST_Intersects(site, coalesce(zone, geom))"
            ),
            {
                "site": shapely.to_wkb(footprint),
                "srid": anshan.city.working_srid,
                "versions": [layer.version_id for layer in layers if layer.conflict_when == "inside"],
            },
        ).all()

    found = {(o.version_id, o.feature_id): o.overlap_m2 for o in overlay.overlaps if o.is_areal}
    for version_id, feature_id, area_m2 in whole:
        assert found.get((version_id, feature_id), 0.0) == pytest.approx(area_m2, rel=1e-6, abs=0.01)
