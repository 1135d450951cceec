"""Pre-flight of single files, inside the cell and before GDAL: what a file may not contain whatever its driver does."""

import re
import sqlite3
from pathlib import Path

from blueprint.errors import InvalidInputError
from blueprint.layers.formats import (
    FILE_GEODATABASE,
    GEOJSON,
    GEOJSON_LINES,
    GEOPACKAGE,
    GML,
    KML,
    MAPINFO_TAB,
    SHAPEFILE,
    Format,
)
from blueprint.layers.geodatabase import check_geodatabase
from blueprint.layers.geojson_check import check_geojson
from blueprint.layers.marks import refuse_marked
from blueprint.layers.shapefile import check_shapefile
from blueprint.layers.xml_check import check_xml

_BLOCK = 1 << 20
_TRIGGERS = (
    "rtree_",
    "trigger_insert_feature_count_",
    "trigger_delete_feature_count_",
    "gpkg_",
    "fgti_",
    "fgtu_",
)
_MODULES = re.compile(
    r"""CREATE\s+VIRTUAL\s+TABLE\s+("([^"]|"")+"|\[[^]]+\]|`[^`]+`|'[^']+'|\w+)\s+USING\s+"?(rtree|rtree_i32|fts3|fts4|fts5)\b""",
    re.IGNORECASE,
)
MAX_SUBLAYERS = 2000


def check_file(path: Path, form: Format) -> None:
    """Refuse what the format allows and we do not: programs in a database, entities in XML, tables of other files."""
    if form == SHAPEFILE:
        check_shapefile(path)
    elif form in (GEOJSON, GEOJSON_LINES):
        check_geojson(path, by_lines=form == GEOJSON_LINES)
    elif form == GEOPACKAGE:
        _check_geopackage(path)
    elif form in (KML, GML):
        check_xml(path, form)
    elif form == MAPINFO_TAB:
        _check_table(path)
    elif form == FILE_GEODATABASE:
        check_geodatabase(path)


def _check_table(path: Path) -> None:
    """A MapInfo table may be a view of other files; only one that holds its own rows is taken."""
    text = path.read_bytes()[:_BLOCK].decode("latin-1").lower()
    if re.search(r'type\s+"?native"?', text) is None or re.search(r'isseamless"?\s*=\s*"?true', text):
        raise InvalidInputError("the MapInfo table is a view of other files; save it as a native table")


def _check_geopackage(path: Path) -> None:
    """A view, a trigger or a foreign virtual table in a GeoPackage is a program; the standard's own triggers are taken."""
    try:
        with sqlite3.connect(f"file:{path}?mode=ro&immutable=1", uri=True) as connection:
            connection.execute("PRAGMA trusted_schema = OFF")
            things = connection.execute(
                "SELECT type, name, coalesce(sql, ''), rootpage FROM sqlite_master"
                " WHERE type IN ('table', 'view', 'trigger')"
            ).fetchall()
            names = {name for kind, name, *_ in things if kind == "table"}
            if not {"gpkg_contents", "gpkg_geometry_columns", "gpkg_spatial_ref_sys"} <= names:
                raise InvalidInputError("this SQLite file is no GeoPackage with features; export it again")
            contents = connection.execute(
                "SELECT table_name, identifier, description FROM gpkg_contents"
            ).fetchall()
            metadata = _metadata(connection) if "gpkg_metadata" in names else []
    except sqlite3.DatabaseError as error:
        raise InvalidInputError(
            "the GeoPackage cannot be read: {error}; export it again", error=error
        ) from error
    tables = {str(row[0]).lower() for row in contents}  # as SQLite tells them apart
    if len(tables) > MAX_SUBLAYERS:
        raise InvalidInputError(
            "the GeoPackage has {count:,} layers; upload the one that you mean", count=len(tables)
        )
    for kind, name, sql, root_page in things:
        if kind == "view" and name.lower() in tables:
            raise InvalidInputError(
                "the GeoPackage's layer {name!r} is a view; save it as a table and upload again", name=name
            )
        if kind == "trigger" and not name.lower().startswith(_TRIGGERS):
            raise InvalidInputError(
                "the GeoPackage has a trigger {name!r}; export the layer to a new file", name=name[:80]
            )
        is_virtual = not root_page or "virtual" in sql[:40].lower()
        if kind == "table" and is_virtual and not _MODULES.match(sql):
            raise InvalidInputError(
                "the GeoPackage has a virtual table {name!r}; export the layer to a new file", name=name[:80]
            )
    refuse_marked(*(str(text) for row in contents for text in row if text), *metadata)


def _metadata(connection: sqlite3.Connection) -> list[str]:
    rows = connection.execute("SELECT substr(metadata, 1, 1000000) FROM gpkg_metadata LIMIT 100")
    return [str(row[0]) for row in rows if row[0]]


def rows_of_mid(mif: Path) -> int | None:
    """The rows of attributes beside a MapInfo MIF; None where it has no columns."""
    with mif.with_suffix(".mid").open("rb") as opened:
        return sum(1 for line in opened if line.strip()) or None
