"""What makes overlays and tiles quicker: which versions' features overlap each other, an equal-area projection of the
city, and which tile shapes are pieces of a larger one.

Revision ID: 0003
Revises: 0002
"""

from alembic import context, op
from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError

from blueprint.equal_area import EQUAL_AREA_SRID, equal_area_proj4

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_FUNCTIONS = """
-- Area in m2 on the ellipsoid of a shape in the working CRS. Long edges get a vertex every 50 m, so that what is
-- straight in the plane of the working CRS stays what it is.
CREATE FUNCTION blueprint.ellipsoid_m2(shape geometry) RETURNS double precision
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
AS $$ SELECT ELLIPSOID_AREA $$;

-- Area in m2 by the city's measure: on the ellipsoid, or in the plane of the working CRS.
CREATE FUNCTION blueprint.measure_m2(shape geometry, on_ellipsoid boolean) RETURNS double precision
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
AS $$ SELECT CASE WHEN on_ellipsoid THEN blueprint.ellipsoid_m2(shape) ELSE ST_Area(shape) END $$;
"""
_BY_PROJECTION = f"ST_Area(ST_Transform(ST_Segmentize(shape, 50), {EQUAL_AREA_SRID}))"
_BY_GEODESICS = "ST_Area(CAST(ST_Transform(ST_Segmentize(shape, 50), GEOGRAPHIC_SRID) AS geography))"

_FORMER_FUNCTIONS = """
CREATE FUNCTION blueprint.ellipsoid_m2(shape geometry, geographic_srid integer) RETURNS double precision
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
AS $$ SELECT ST_Area(CAST(ST_Transform(ST_Segmentize(shape, 50), geographic_srid) AS geography)) $$;
CREATE FUNCTION blueprint.measure_m2(shape geometry, geographic_srid integer, on_ellipsoid boolean)
RETURNS double precision
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
AS $$ SELECT CASE WHEN on_ellipsoid THEN blueprint.ellipsoid_m2(shape, geographic_srid) ELSE ST_Area(shape) END $$;
"""


def upgrade() -> None:
    """Of versions that are there nobody knows, so all is taken to overlap, and every shape to be a piece."""
    city = context.config.attributes["city"]
    op.execute("ALTER TABLE blueprint.layer_version ADD COLUMN has_overlaps boolean NOT NULL DEFAULT TRUE")
    op.execute("ALTER TABLE blueprint.layer_version ALTER COLUMN has_overlaps DROP DEFAULT")
    op.execute("ALTER TABLE blueprint.tile_shape ADD COLUMN is_piece boolean NOT NULL DEFAULT TRUE")
    op.execute("ALTER TABLE blueprint.tile_shape ALTER COLUMN is_piece DROP DEFAULT")
    op.execute("DROP FUNCTION blueprint.measure_m2(geometry, integer, boolean)")
    op.execute("DROP FUNCTION blueprint.ellipsoid_m2(geometry, integer)")
    area = _BY_PROJECTION
    if not _register(equal_area_proj4(city)):
        area = _BY_GEODESICS.replace("GEOGRAPHIC_SRID", str(city.geographic_srid))
    op.execute(_FUNCTIONS.replace("ELLIPSOID_AREA", area))


def _register(proj4: str) -> bool:
    """Enter the projection where PostGIS looks for it; on a server that forbids it areas go the slower way."""
    connection = op.get_bind()
    try:
        with connection.begin_nested():
            connection.execute(
                text(
                    "INSERT INTO spatial_ref_sys (srid, auth_name, auth_srid, proj4text)"
                    " VALUES (:srid, 'one-blueprint', :srid, :proj4)"
                    " ON CONFLICT (srid) DO UPDATE SET proj4text = excluded.proj4text"
                ),
                {"srid": EQUAL_AREA_SRID, "proj4": proj4},
            )
    except ProgrammingError:
        return False
    return True


def downgrade() -> None:
    """Forget both; the entry in spatial_ref_sys harms nobody."""
    op.execute("DROP FUNCTION blueprint.measure_m2(geometry, boolean)")
    op.execute("DROP FUNCTION blueprint.ellipsoid_m2(geometry)")
    op.execute(_FORMER_FUNCTIONS)
    op.execute("ALTER TABLE blueprint.tile_shape DROP COLUMN is_piece")
    op.execute("ALTER TABLE blueprint.layer_version DROP COLUMN has_overlaps")
