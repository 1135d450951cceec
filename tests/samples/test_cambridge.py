"""Our engine against independent figures: 355 real development sites on 18 real layers (`tests/data/README.md`)."""

import csv
import gzip
from collections import defaultdict
from collections.abc import Iterator
from datetime import date
from typing import Any

import geopandas
import pytest
from sqlalchemy.orm import Session

from blueprint.edge import Edge
from blueprint.footprint import Footprint, footprint_from_geojson
from blueprint.overlay import NOISE_M
from blueprint.overlay_together import Ground, overlay_together
from blueprint.permissions import at_console
from blueprint.snapshot import take_snapshot
from coordination.check_report import CheckReport
from coordination.checks import asked_of, run_check
from service.samples import sample_folder
from tests.conftest import ROOT
from tests.made import differing

TODAY = date(2026, 11, 23)
PRINTED = 5.1e-5
"""The figures are printed to four decimals."""
ZONES = ("landmark_50m", "subway_30m")
ROUND_M = 0.015
"""The figures have zones of chords, up to 4 mm within the circle; ours lie up to a centimetre outside."""
LONGEST_M = 20_000
"""No overlap of a site has a longer outline; thinner than the noise floor, none has a larger area than this times it."""


def _rows(name: str) -> Iterator[dict[str, str]]:
    with gzip.open(
        ROOT / "tests" / "data" / f"cambridge_expected_{name}.csv.gz", "rt", encoding="utf-8"
    ) as stream:
        yield from csv.DictReader(stream)


@pytest.fixture(scope="module")
def footprints(cambridge: Edge) -> dict[str, Footprint]:
    """Every site, by its GlobalID."""
    sites = geopandas.read_file(sample_folder("cambridge") / "footprints" / "special_permit_areas.gpkg")
    found: dict[str, Footprint] = {}
    for site, geometry in zip(sites.GlobalID, sites.geometry, strict=True):
        document: Any = geometry.__geo_interface__
        found[site] = footprint_from_geojson(document, city=cambridge.city, scratch=cambridge.scratch)
    return found


@pytest.fixture(scope="module")
def reports(cambridge: Edge, footprints: dict[str, Footprint]) -> dict[str, CheckReport]:
    """The check of every site."""
    with Session(cambridge.engine) as session:
        return {
            site: run_check(session, footprint, city=cambridge.city, actor=at_console("test"), on=TODAY)
            for site, footprint in footprints.items()
        }


def test_sites_checked_together_have_the_reports_that_they_have_alone(
    cambridge: Edge, footprints: dict[str, Footprint], reports: dict[str, CheckReport]
):
    actor = at_console("test")
    with Session(cambridge.engine) as session:
        snapshot = take_snapshot(session, TODAY)
        asked = asked_of(snapshot.layers, actor=actor, on=TODAY)
        ground = Ground(session, asked, city=cambridge.city)
        known = overlay_together(session, [site.geometry for site in footprints.values()], ground)
        together = {
            name: run_check(
                session, site, city=cambridge.city, actor=actor, on=TODAY, snapshot=snapshot, known=each
            )
            for (name, site), each in zip(footprints.items(), known, strict=True)
        }

    assert all(each is not None for each in known)
    for name, report in reports.items():
        assert differing(_told(report), _told(together[name]), within=1e-5) == [], name


def _told(report: CheckReport) -> dict[str, Any]:
    """The report with its findings by feature: of two that are as large either may come first."""
    told = report.to_json()
    told["findings"].sort(
        key=lambda finding: (finding["layer"], finding["feature_id"] or 0, finding["relation"])
    )
    return told


def test_every_site_and_layer_is_measured_as_expected(
    footprints: dict[str, Footprint], reports: dict[str, CheckReport]
):
    """Where the figures have no row, nothing of the layer is met."""
    expected = {(row["footprint_id"], row["layer_code"]): row for row in _rows("layers")}
    assert len(expected) > 1_000
    layers = [(site, layer) for site, report in reports.items() for layer in report.layers]
    assert len(layers) == 355 * 18

    for site, layer in layers:
        row = expected.get((site, layer.code), {})
        where = (site, layer.code)
        more_m2 = layer.overlap_m2 - float(row.get("overlap_m2") or 0)
        assert -PRINTED <= more_m2 <= PRINTED + _of_zones_m2(layer.code, footprints[site]), where
        if not row or row["kind"] != "area":
            assert layer.length_m == pytest.approx(float(row.get("overlap_length_m") or 0), abs=PRINTED), (
                where
            )
            assert layer.point_count == int(row.get("n_points") or 0), where


def test_every_feature_that_is_met_is_a_finding_and_no_other(
    footprints: dict[str, Footprint], reports: dict[str, CheckReport]
):
    expected: dict[str, dict[tuple[str, str], float]] = defaultdict(dict)
    dust: dict[str, set[tuple[str, str]]] = defaultdict(set)
    for row in _rows("pairs"):
        measure = float(row["overlap_m2"] or row["overlap_length_m"] or row["n_points"] or 0)
        key = (row["layer_code"], row["feature_id"])
        if measure > 0:
            expected[row["footprint_id"]][key] = measure
        else:  # printed as zero it is a touch or dust: at this precision either answer is right
            dust[row["footprint_id"]].add(key)

    assert sum(map(len, expected.values())) > 1_500
    for site, report in reports.items():
        found = {(finding.layer, str(finding.source_id)): finding for finding in report.findings}
        assert found.keys() - dust[site] == expected[site].keys(), site
        for key in found.keys() & dust[site]:
            assert found[key].overlap_m2 < max(PRINTED, NOISE_M * LONGEST_M)
        for key, measure in expected[site].items():
            finding = found[key]
            more = (finding.overlap_m2 or finding.length_m or finding.point_count) - measure
            assert -PRINTED <= more <= PRINTED + _of_zones_m2(finding.layer, footprints[site]), (site, key)


def _of_zones_m2(layer: str, site: Footprint) -> float:
    """How much more of a zone is met than the figures have: an arc within a site is no longer than its outline."""
    return ROUND_M * site.geometry.length if layer in ZONES else 0.0


def test_every_ledger_closes(reports: dict[str, CheckReport]):
    assert all(report.ledger.closes for report in reports.values())
