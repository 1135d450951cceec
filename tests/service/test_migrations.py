"""Migrations: up, down and up again; models and migrations agree; one working CRS for ever."""

from dataclasses import replace
from typing import Any

import pytest
import shapely
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from geoalchemy2 import Geometry
from sqlalchemy import Connection, create_engine, make_url, text
from sqlalchemy.orm import Session
from sqlalchemy.pool import NullPool

import approval.interface_models
import approval.item_models
import approval.matter_models
import approval.models
import approval.summary_models
import blueprint.accounts.models
import blueprint.audit.models
import blueprint.crs_registry
import blueprint.idempotency
import blueprint.jobs.models
import blueprint.layers.models
import blueprint.models
import blueprint.quality.models
import blueprint.sharing.models
import blueprint.standards.models
import coordination.attachment_models
import coordination.batch.models
import coordination.handover_models
import coordination.kept_rules
import coordination.meeting_models
import coordination.models
import coordination.notice_models
import coordination.plan_audit.models
import coordination.rules_in_force
import coordination.update_models
from blueprint.city import City
from blueprint.database import CONNECT_ARGS, SCHEMAS, Base, make_engine
from blueprint.errors import ConflictError
from blueprint.sentences import Sentence
from blueprint.wall import KEEPER, seeing
from service import migrations
from service.setup import hold_to_city, initialise
from tests.made import geodesic_m2, publish, square

MODELS = (
    blueprint.models,
    blueprint.audit.models,
    blueprint.crs_registry,
    blueprint.accounts.models,
    blueprint.sharing.models,
    blueprint.standards.models,
    blueprint.quality.models,
    blueprint.idempotency,
    blueprint.jobs.models,
    blueprint.layers.models,
    coordination.batch.models,
    coordination.attachment_models,
    coordination.handover_models,
    coordination.kept_rules,
    coordination.rules_in_force,
    coordination.meeting_models,
    coordination.models,
    coordination.notice_models,
    coordination.plan_audit.models,
    coordination.update_models,
    approval.models,
    approval.item_models,
    approval.matter_models,
    approval.interface_models,
    approval.summary_models,
)


def _objects(connection: Connection) -> set[str]:
    """Our tables and functions by name."""
    found = connection.execute(
        text(
            "SELECT table_schema || '.' || table_name FROM information_schema.tables WHERE table_schema = ANY(:schemas)"
            " UNION SELECT routine_schema || '.' || routine_name FROM information_schema.routines"
            " WHERE routine_schema = ANY(:schemas)"
        ),
        {"schemas": list(SCHEMAS)},
    )
    return {row[0] for row in found}


def test_every_migration_goes_up_down_and_up_again(empty_database: str, city: City):
    engine = create_engine(empty_database, poolclass=NullPool, connect_args=CONNECT_ARGS)
    with engine.begin() as connection:
        migrations.upgrade(connection, city)
        whole = _objects(connection)
    assert "blueprint.part" in whole and "coordination.handover" in whole

    script = ScriptDirectory(str(migrations.__path__[0]))
    steps = [revision.down_revision or "base" for revision in script.walk_revisions()]
    for step in steps:
        with engine.begin() as connection:
            migrations.downgrade(connection, city, revision=str(step))
    with engine.begin() as connection:
        assert _objects(connection) == set()
        migrations.upgrade(connection, city)
        assert _objects(connection) == whole
        assert migrations.current_revision(connection) == migrations.head_revision()


def _same_type(
    context: Any, inspected: Any, column: Any, inspected_type: Any, metadata_type: Any
) -> bool | None:
    """Geometry columns get the city's CRS when the database is made, so only their kind is compared."""
    if isinstance(metadata_type, Geometry):
        return (
            not isinstance(inspected_type, Geometry)
            or inspected_type.geometry_type != metadata_type.geometry_type
        )
    return None


def test_models_and_migrations_agree(empty_database: str, city: City):
    initialise(empty_database, city)
    with create_engine(empty_database, poolclass=NullPool, connect_args=CONNECT_ARGS).connect() as connection:
        context = MigrationContext.configure(
            connection,
            opts={
                "include_schemas": True,
                "include_name": lambda name, kind, _: name in SCHEMAS if kind == "schema" else True,
                "compare_type": _same_type,
            },
        )
        differences = compare_metadata(context, Base.metadata)

    assert differences == []


def test_geometry_is_held_to_the_working_crs_by_the_database(fresh_database: str, city: City):
    with create_engine(fresh_database, poolclass=NullPool, connect_args=CONNECT_ARGS).connect() as connection:
        srids = connection.execute(
            text("SELECT f_table_name, srid FROM geometry_columns WHERE f_table_schema = ANY(:schemas)"),
            {"schemas": list(SCHEMAS)},
        ).all()

    assert len(srids) > 5
    assert {srid for table, srid in srids if table != "tile_sheet"} == {city.working_srid}


def test_another_crs_or_city_is_refused_in_one_sentence(fresh_database: str, city: City):
    engine = make_engine(fresh_database)
    with pytest.raises(ConflictError, match=r"made for 鞍山市 in EPSG:4550 .* EPSG:4529"):
        hold_to_city(engine, replace(city, working_crs="EPSG:4529"))
    with pytest.raises(ConflictError, match="belongs to 鞍山市"):
        hold_to_city(engine, replace(city, name="沈阳市", administrative_code="210100"))
    engine.dispose()


def test_a_database_without_schema_says_how_to_make_it(empty_database: str, city: City):
    engine = make_engine(empty_database)
    with pytest.raises(ConflictError, match="blueprint database migrate"):
        hold_to_city(engine, city)
    engine.dispose()


def test_initialising_twice_changes_nothing(empty_database: str, city: City):
    initialise(empty_database, city)
    initialise(empty_database, city)

    with create_engine(empty_database, poolclass=NullPool, connect_args=CONNECT_ARGS).connect() as connection:
        assert connection.scalar(text("SELECT count(*) FROM blueprint.city")) == 1


def test_only_who_has_an_older_schema_is_told_that_it_is_changed(empty_database: str, city: City):
    told: list[str] = []

    def tell(sentence: Sentence) -> None:
        told.append(sentence.english)

    initialise(empty_database, city, tell=tell)
    initialise(empty_database, city, tell=tell)
    assert told == []
    with create_engine(empty_database, poolclass=NullPool, connect_args=CONNECT_ARGS).begin() as connection:
        connection.execute(text("SET LOCAL blueprint.keeper = 'on'"))
        migrations.downgrade(connection, city, revision="0095")
    initialise(empty_database, city, tell=tell)

    (sentence,) = told
    assert f"from revision 0095 to {migrations.head_revision()}; tables that are written anew" in sentence


def test_without_the_right_to_enter_a_projection_areas_go_by_geodesics(
    server: Any, empty_database: str, city: City
):
    url = make_url(empty_database)
    with server.administer(url.database) as connection:
        connection.execute(text(f'REVOKE INSERT, UPDATE ON spatial_ref_sys FROM "{url.username}"'))
    initialise(empty_database, city)

    place = shapely.box(530_000, 4_540_000, 531_000, 4_541_000)
    with create_engine(empty_database, poolclass=NullPool).connect() as connection:
        known = connection.scalar(text("SELECT count(*) FROM spatial_ref_sys WHERE srid = 990001"))
        area = connection.scalar(
            text("SELECT blueprint.ellipsoid_m2(ST_GeomFromText(:shape, :srid))"),
            {"shape": place.wkt, "srid": city.working_srid},
        )
    assert known == 0
    assert area == pytest.approx(geodesic_m2(place, city), abs=0.001)


def test_shapes_of_tiles_that_are_there_are_written_anew_each_in_its_place(empty_database: str, city: City):
    initialise(empty_database, city)
    huge = shapely.Point(900, 900).buffer(300, quad_segs=200)
    pair = shapely.MultiPolygon([square(0, 0, 100), square(200, 0, 100).difference(square(220, 20, 9))])
    shapes = text("SELECT sheet_id, shapes FROM blueprint.tile_sheet ORDER BY sheet_id")
    engine = make_engine(empty_database)
    with seeing(KEEPER), Session(engine) as session, session.begin():
        publish(session, city, "plots", [pair, square(400, 0, 3), huge])
        publish(session, city, "lanes", [shapely.LineString([(0, 0), (90, 7), (100, 50)])])
        publish(session, city, "wells", [shapely.Point(5, 5)])
        before = session.execute(shapes).all()
        connection = session.connection()
        migrations.downgrade(connection, city, revision="0095")
        # As they lay before: whole shapes of the full level between the units.
        session.execute(
            text(
                "UPDATE blueprint.tile_sheet SET geoms = (SELECT array_agg("
                " CASE WHEN is_piece THEN geom ELSE ST_Translate(geom, 0.4, -0.4) END ORDER BY place)"
                " FROM unnest(geoms, are_pieces) WITH ORDINALITY AS laid (geom, is_piece, place)) WHERE level = 24"
            )
        )
        migrations.upgrade(connection, city)
        after = session.execute(shapes).all()
    engine.dispose()

    assert sum(len(row.shapes) for row in before) > 20
    assert [(row.sheet_id, [*map(bytes, row.shapes)]) for row in after] == [
        (row.sheet_id, [*map(bytes, row.shapes)]) for row in before
    ]
