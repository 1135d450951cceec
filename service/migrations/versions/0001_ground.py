"""The ground: city, tokens, layers, versions, periods in force, features, parts, tile shapes.

Revision ID: 0001
Revises: none
"""

from alembic import context, op
from sqlalchemy import text

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the schema `blueprint`; geometry columns get the working CRS of the city the database is made for."""
    city = context.config.attributes["city"]
    srid = int(city.working_srid)
    op.execute("CREATE EXTENSION IF NOT EXISTS postgis")
    op.execute("CREATE EXTENSION IF NOT EXISTS btree_gist")
    op.execute("CREATE SCHEMA blueprint")
    op.execute(_TABLES.replace("WORKING_SRID", str(srid)))
    op.get_bind().execute(
        text(
            "INSERT INTO blueprint.city (id, name, administrative_code, working_srid, geographic_srid)"
            " VALUES (1, :name, :code, :srid, :geographic_srid)"
        ),
        {
            "name": city.name,
            "code": city.administrative_code,
            "srid": srid,
            "geographic_srid": city.geographic_srid,
        },
    )


def downgrade() -> None:
    """Remove the schema; the extensions stay, others may use them."""
    op.execute("DROP SCHEMA blueprint CASCADE")


_TABLES = """
CREATE TABLE blueprint.city (
    id integer CONSTRAINT pk_city PRIMARY KEY CONSTRAINT ck_city_single CHECK (id = 1),
    name varchar(200) NOT NULL,
    administrative_code varchar(20) NOT NULL,
    working_srid integer NOT NULL,
    geographic_srid integer NOT NULL
);

CREATE TABLE blueprint.token (
    id serial CONSTRAINT pk_token PRIMARY KEY,
    sha256 varchar(64) NOT NULL CONSTRAINT uq_token_sha256 UNIQUE,
    label varchar(200) NOT NULL,
    department varchar(40),
    is_service boolean NOT NULL,
    made_at timestamptz NOT NULL,
    expires_on date NOT NULL,
    revoked_at timestamptz
);

CREATE TABLE blueprint.layer (
    id serial CONSTRAINT pk_layer PRIMARY KEY,
    code varchar(60) NOT NULL CONSTRAINT uq_layer_code UNIQUE,
    title varchar(200) NOT NULL,
    title_en varchar(200),
    department varchar(40) NOT NULL,
    geometry varchar(10) NOT NULL CONSTRAINT ck_layer_geometry CHECK (geometry IN ('polygon', 'line', 'point')),
    control varchar(10) NOT NULL
        CONSTRAINT ck_layer_control CHECK (control IN ('prohibit', 'restrict', 'advise', 'inform')),
    conflict_when varchar(10) NOT NULL
        CONSTRAINT ck_layer_conflict_when CHECK (conflict_when IN ('inside', 'outside')),
    buffer_m double precision NOT NULL,
    tolerance_m2 double precision NOT NULL,
    sliver_width_m double precision NOT NULL,
    sensitivity varchar(10) NOT NULL
        CONSTRAINT ck_layer_sensitivity CHECK (sensitivity IN ('public', 'internal', 'restricted')),
    basis text,
    source_id_field varchar(60),
    label_field varchar(60),
    color varchar(7),
    is_base_map boolean NOT NULL,
    CONSTRAINT ck_layer_not_negative CHECK (buffer_m >= 0 AND tolerance_m2 >= 0 AND sliver_width_m >= 0)
);

CREATE TABLE blueprint.layer_version (
    id serial CONSTRAINT pk_layer_version PRIMARY KEY,
    layer_id integer NOT NULL CONSTRAINT fk_layer_version_layer_id REFERENCES blueprint.layer (id),
    number integer NOT NULL,
    source_name varchar(255) NOT NULL,
    source_sha256 varchar(64) NOT NULL,
    source_crs text NOT NULL,
    operation text NOT NULL,
    operation_accuracy_m double precision,
    buffer_m double precision NOT NULL,
    feature_count integer NOT NULL,
    vertex_count bigint NOT NULL,
    valid_until date,
    quality jsonb NOT NULL,
    uploaded_by varchar(200) NOT NULL,
    uploaded_at timestamptz NOT NULL,
    withdrawn_on date,
    withdrawn_by varchar(200),
    extent geometry(Polygon, WORKING_SRID) NOT NULL,
    coverage geometry(MultiPolygon, WORKING_SRID),
    CONSTRAINT uq_layer_version_layer_id_number UNIQUE (layer_id, number)
);

CREATE TABLE blueprint.in_force_period (
    id serial CONSTRAINT pk_in_force_period PRIMARY KEY,
    layer_id integer NOT NULL CONSTRAINT fk_in_force_period_layer_id REFERENCES blueprint.layer (id),
    version_id integer NOT NULL CONSTRAINT fk_in_force_period_version_id REFERENCES blueprint.layer_version (id),
    starts_on date NOT NULL,
    ends_on date,
    days daterange GENERATED ALWAYS AS (daterange(starts_on, ends_on)) STORED,
    decided_by varchar(200) NOT NULL,
    decided_at timestamptz NOT NULL,
    CONSTRAINT ck_in_force_period_order CHECK (ends_on IS NULL OR ends_on >= starts_on),
    CONSTRAINT ex_in_force_period_one_version_a_day EXCLUDE USING gist (layer_id WITH =, days WITH &&)
);

CREATE TABLE blueprint.feature (
    version_id integer NOT NULL
        CONSTRAINT fk_feature_version_id REFERENCES blueprint.layer_version (id) ON DELETE CASCADE,
    feature_id bigint NOT NULL,
    source_id text,
    attributes jsonb NOT NULL,
    plane_m2 double precision,
    ellipsoid_m2 double precision,
    length_m double precision,
    point_count integer,
    zone_plane_m2 double precision,
    zone_ellipsoid_m2 double precision,
    geom geometry(Geometry, WORKING_SRID) NOT NULL,
    zone geometry(Geometry, WORKING_SRID),
    CONSTRAINT pk_feature PRIMARY KEY (version_id, feature_id)
);
ALTER TABLE blueprint.feature ALTER COLUMN geom SET STORAGE EXTERNAL;

CREATE TABLE blueprint.part (
    part_id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT pk_part PRIMARY KEY,
    version_id integer NOT NULL
        CONSTRAINT fk_part_version_id REFERENCES blueprint.layer_version (id) ON DELETE CASCADE,
    feature_id bigint NOT NULL,
    is_zone boolean NOT NULL,
    plane_m2 double precision NOT NULL,
    ellipsoid_m2 double precision NOT NULL,
    geom geometry(Geometry, WORKING_SRID) NOT NULL
);
ALTER TABLE blueprint.part ALTER COLUMN geom SET STORAGE EXTERNAL;
CREATE INDEX ix_part_geom ON blueprint.part USING gist (geom);
CREATE INDEX ix_part_version_id ON blueprint.part (version_id);

CREATE TABLE blueprint.tile_shape (
    shape_id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT pk_tile_shape PRIMARY KEY,
    version_id integer NOT NULL
        CONSTRAINT fk_tile_shape_version_id REFERENCES blueprint.layer_version (id) ON DELETE CASCADE,
    level smallint NOT NULL,
    feature_id bigint NOT NULL,
    label text,
    source_id text,
    class_code text,
    geom geometry(Geometry, 3857) NOT NULL
);
ALTER TABLE blueprint.tile_shape ALTER COLUMN geom SET STORAGE EXTERNAL;
CREATE INDEX ix_tile_shape_version_id_level_geom ON blueprint.tile_shape USING gist (version_id, level, geom);

-- Area on the ellipsoid in m2. Edges are straight in the working CRS, so they are followed every 50 m:
-- a geodesic between far corners would cut the shape elsewhere.
CREATE FUNCTION blueprint.ellipsoid_m2(shape geometry, geographic_srid integer) RETURNS double precision
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
AS $$ SELECT ST_Area(CAST(ST_Transform(ST_Segmentize(shape, 50), geographic_srid) AS geography)) $$;

-- Area in m2 by the city's measure: on the ellipsoid, or in the plane of the working CRS.
CREATE FUNCTION blueprint.measure_m2(shape geometry, geographic_srid integer, on_ellipsoid boolean)
RETURNS double precision
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
AS $$ SELECT CASE WHEN on_ellipsoid THEN blueprint.ellipsoid_m2(shape, geographic_srid) ELSE ST_Area(shape) END $$;
"""
