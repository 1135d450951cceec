"""What a GeoPackage says beside its shapes, held against what GDAL makes of it: SQLite keeps any value in any column."""

import sqlite3
from collections.abc import Collection, Iterator
from contextlib import closing
from pathlib import Path

from pyproj import CRS
from pyproj.exceptions import CRSError

from blueprint.errors import InvalidInputError
from blueprint.layers.no_numbers import NoNumber
from blueprint.sentences import Sentence

MOST = 100
"""So many cells are named."""

_BITS = {"TINYINT": 8, "SMALLINT": 16, "MEDIUMINT": 32, "INT": 64, "INTEGER": 64}
_REAL = ("FLOAT", "DOUBLE", "REAL")


def no_numbers_of_geopackage(path: Path, table: str) -> Iterator[NoNumber]:
    """Cells of whole numbers, numbers, booleans and texts that hold something else, which GDAL makes 0 or false of, or cuts."""
    quoted = _quoted(table)
    with closing(_opened(path)) as connection:
        wrong = {
            name: condition
            for _, name, kind, *_ in connection.execute(f"PRAGMA table_info({quoted})")
            if (condition := _wrong(_quoted(name), kind.upper())) is not None
        }
        if not wrong:
            return
        # Names are of the file's own catalogue, quoted; the connection can change nothing.
        any_wrong = f"SELECT 1 FROM {quoted} WHERE {' OR '.join(wrong.values())} LIMIT 1"  # noqa: S608
        if connection.execute(any_wrong).fetchone() is None:
            return
        for name, condition in wrong.items():
            rows = connection.execute(
                "SELECT number, substr(CAST(cell AS text), 1, 40) FROM (SELECT row_number() OVER (ORDER BY rowid)"  # noqa: S608
                f" AS number, {_quoted(name)} AS cell, {condition} AS is_wrong FROM {quoted}) WHERE is_wrong LIMIT ?",
                (MOST,),
            )
            for number, text in rows:
                yield NoNumber(number, name, text.replace("\x00", ""))


def _wrong(cell: str, kind: str) -> str | None:
    """The condition under which a cell of a column of this kind is none."""
    if kind == "BOOLEAN":
        return f"({cell} IS NOT NULL AND {cell} NOT IN (0, 1))"
    if kind in _BITS:
        most = 2 ** (_BITS[kind] - 1)
        outside = f" OR {cell} NOT BETWEEN {-most} AND {most - 1}" if _BITS[kind] < 64 else ""
        return f"({cell} IS NOT NULL AND (typeof({cell}) <> 'integer'{outside}))"
    if kind in _REAL:
        return f"(typeof({cell}) NOT IN ('null', 'real', 'integer'))"
    return f"(typeof({cell}) = 'blob')" if kind.partition("(")[0] == "TEXT" else None


def columns_left_out(path: Path, table: str, known: Collection[str]) -> list[Sentence]:
    """A note of the columns that GDAL passes over, as their type is none of the standard; `known` are those it reads."""
    with closing(_opened(path)) as connection:
        columns = connection.execute(f"PRAGMA table_info({_quoted(table)})").fetchall()
    left = [f"{name} ({kind})" for _, name, kind, _, _, key in columns if name not in known and not key]
    if not left:
        return []
    return [
        Sentence(
            "columns whose type is none of the GeoPackage standard were left out: {names}; write them as TEXT, INTEGER or REAL",
            names=left[:20],
        )
    ]


def null_shapes(path: Path, table: str, column: str) -> int:
    """How many rows have no shape by what the file says."""
    with closing(_opened(path)) as connection:
        count = f"SELECT count(*) FROM {_quoted(table)} WHERE {_quoted(column)} IS NULL"  # noqa: S608 - as above
        return int(connection.execute(count).fetchone()[0])


def refuse_two_systems(path: Path, table: str) -> None:
    """Refuse a layer whose coordinate system has the number of one and the text of another: GDAL goes by the number."""
    with closing(_opened(path)) as connection:
        row = connection.execute(
            "SELECT upper(organization), organization_coordsys_id, definition FROM gpkg_geometry_columns AS shapes"
            " JOIN gpkg_spatial_ref_sys AS system ON system.srs_id = shapes.srs_id WHERE table_name = ?",
            (table,),
        ).fetchone()
    if row is None or row[0] != "EPSG":
        return
    try:
        told = CRS.from_wkt(str(row[2])).to_epsg()
    except CRSError:
        return
    if told is not None and told != row[1]:
        raise InvalidInputError(
            "the GeoPackage names its coordinate system EPSG:{number} and describes EPSG:{told}; say which it is (--crs at the"
            " console)",
            number=str(row[1])[:20],
            told=told,
        )


def _opened(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(f"file:{path}?mode=ro&immutable=1", uri=True)
    connection.text_factory = lambda content: content.decode("utf-8", "replace")
    return connection


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
