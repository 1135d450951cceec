"""A blueprint that leaves as files and is read into another database gives the same figures there, and its reports are told apart.

`BLUEPRINT_WORLDS=1:40` carries other worlds than the suite does.
"""

import os
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from geoalchemy2.shape import to_shape
from sqlalchemy import select
from sqlalchemy.orm import Session

from blueprint.city import City
from blueprint.database import make_engine
from blueprint.errors import InvalidInputError
from blueprint.layers import export
from blueprint.layers.catalogue import LayerDefinition, define_layer
from blueprint.layers.features_file import features_folder
from blueprint.layers.models import LayerVersion
from blueprint.layers.publication import bring_into_force
from blueprint.layers.reading import staged
from blueprint.layers.stamps import Stamp
from blueprint.layers.storing import Upload, store_version
from blueprint.quality.check import NOTHING_FOUND
from coordination.check_report import CheckReport
from coordination.checks import run_check
from coordination.report_verification import verify_report, with_site
from service.settings import Settings
from tests.conftest import OBJECTS
from tests.coordination.made_worlds import made_worlds, publish_worlds
from tests.coordination.test_checks_in_random_worlds import OPERATOR, city_of, site_of
from tests.coordination.world import TODAY
from tests.made import differing

SEEDS = range(*map(int, os.environ.get("BLUEPRINT_WORLDS", "5:6").split(":")))
NOW = datetime(2026, 1, 1, tzinfo=UTC)
SCRATCH = Settings().scratch


def _carried(
    version: LayerVersion,
    code: str,
    path: Path,
    definition: LayerDefinition,
    source: Session,
    target: Session,
    *,
    city: City,
) -> None:
    """Export a version and store the file as the other database's first."""
    stamp = Stamp(
        number="BPX-" + "0" * 32, account="test", department=None, exported_at=NOW, city="鞍山市", layer=code, title=code,
        version=1, sensitivity="public", owner=city.departments[0].code,
    )  # fmt: skip
    export.write_version(source, version.layer, version, path, city=city, stamp=stamp)
    layer, _ = define_layer(target, definition, city=city, actor=OPERATOR)
    coverage = to_shape(version.coverage) if version.coverage is not None else None
    upload = Upload(actor=OPERATOR, coverage=coverage)
    with (
        path.open("rb") as stream,
        staged(stream, path.name, scratch=SCRATCH) as file,
        features_folder(SCRATCH) as folder,
    ):
        stored = store_version(target, layer, file, upload, city=city, now=NOW, folder=folder)
    stored.checked_at, stored.issue_counts = NOW, NOTHING_FOUND
    bring_into_force(target, stored, starts_on=date(2020, 1, 1), actor=OPERATOR, now=NOW)
    target.flush()


def _figures(report: CheckReport) -> dict[str, object]:
    """What a report says but its digest."""
    findings = {
        f"{f.layer} {f.source_id} {f.rule}": [
            f.control,
            str(f.severity),
            str(f.relation),
            f.overlap_m2,
            f.length_m,
            f.point_count,
            f.distance_m,
        ]
        for f in report.findings
    }
    layers = {
        each.code: [str(each.outcome), each.control, each.overlap_m2, each.overlap_sum_m2, each.length_m]
        for each in report.layers
    }
    return {
        "verdict": str(report.verdict),
        "findings": findings,
        "layers": layers,
        "ledger": vars(report.ledger),
    }


@pytest.mark.parametrize("seed", SEEDS)
def test_layers_exported_and_read_into_another_database_give_the_same_figures(
    session: Session,
    city: City,
    make_database: Callable[[], AbstractContextManager[str]],
    seed: int,
    tmp_path: Path,
):
    worlds = made_worlds(seed, 6)
    city = city_of(city, worlds, seed, tmp_path)
    publish_worlds(session, city, worlds, tmp_path)
    sites = [site_of(world, city) for world in worlds]
    reports = [run_check(session, site, city=city, actor=OPERATOR, on=TODAY) for site in sites]
    versions = {version.layer.code: version for version in session.scalars(select(LayerVersion))}

    with make_database() as url:
        engine = make_engine(url, objects=OBJECTS)
        with Session(engine) as other, other.begin():
            for number, layer in enumerate(worlds[0].layers):
                suffix = "tif" if layer.kind == "raster" else ("gpkg", "parquet")[number % 2]
                definition = LayerDefinition(
                    code=layer.code, title=layer.code, department=city.departments[0].code, geometry=layer.kind, control=layer.control,
                    **({} if layer.kind == "raster" else {"source_id_field": "N"}), **layer.definition,
                )  # fmt: skip
                path = tmp_path / "out" / f"{layer.code}.{suffix}"
                _carried(versions[layer.code], layer.code, path, definition, session, other, city=city)
            for site, report in zip(sites, reports, strict=True):
                again = run_check(other, site, city=city, actor=OPERATOR, on=TODAY)
                assert differing(_figures(report), _figures(again), within=1e-6) == []
                assert again.digest != report.digest  # it is of other files
                told = _verified(other, report, site, city)
                assert told and all("\n" not in line and 5 < len(line) < 400 for line in told), told
        engine.dispose()


def _verified(session: Session, report: CheckReport, site: object, city: City) -> list[str]:
    """What the other database says of a report of the first."""
    try:
        verified = verify_report(session, with_site(report, site), city=city, actor=OPERATOR)  # type: ignore[arg-type]
    except InvalidInputError as error:
        return [error.message]
    assert not verified.holds
    return [str(each) for each in verified.differences]
