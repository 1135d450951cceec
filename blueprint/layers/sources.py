"""Inside the cell: a dataset of whatever format as one stream of Arrow batches, after a pre-flight of our own."""

import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import chain, islice
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyogrio
import shapely

from blueprint.errors import InvalidInputError
from blueprint.geojson_crs import crs_named_in
from blueprint.layers.boundary_points import MAX_BYTES, read_boundary_points
from blueprint.layers.curves import STEP_DEGREES
from blueprint.layers.days import MOST, NoDay, no_days_of_geopackage, no_days_of_shapefile
from blueprint.layers.delimited import read_table
from blueprint.layers.drawing import drawing_layers, drawing_notes, set_drawing_options, unless_entity_broken
from blueprint.layers.flatgeobuf import count_features
from blueprint.layers.formats import (
    BOUNDARY_POINTS,
    CSV,
    DXF,
    FILE_GEODATABASE,
    FLATGEOBUF,
    FORMATS,
    GEOJSON,
    GEOJSON_LINES,
    GEOPACKAGE,
    GEOPARQUET,
    GML,
    KML,
    MAPINFO_MIF,
    MAPINFO_TAB,
    SHAPEFILE,
    Format,
)
from blueprint.layers.gdal_failures import unless_broken
from blueprint.layers.geopackage import (
    columns_left_out,
    no_numbers_of_geopackage,
    null_shapes,
    refuse_two_systems,
)
from blueprint.layers.geoparquet import read_geoparquet
from blueprint.layers.mapinfo import no_numbers_of_mif
from blueprint.layers.no_numbers import NoNumber, mend_whole_columns, no_numbers_of_shapefile
from blueprint.layers.numbers import fields_of_long_numbers, fields_with_room, with_digits
from blueprint.layers.preflight import check_file, rows_of_mid
from blueprint.layers.shapefile import (
    empty_records,
    memo_columns,
    mend_field_names,
    rows_in_use,
    settle_encoding,
)
from blueprint.layers.xml_fields import own_fields, set_field_options
from blueprint.sentences import Sentence

BATCH_FEATURES = 1000
MAX_FIELDS = 1000


@dataclass
class Source:
    """An open dataset: its CRS (None where it does not say), fields, batches, and what a reader should know.

    `expected` is how many rows the file itself says it has, where it does. Closed lines of a drawing may be areas.
    `wrong_cells` are those that should hold a day or a number and do not. `shapeless` tells how many rows the file itself
    leaves without a shape, where it does.
    """

    crs: str | None
    sublayer: str
    geometry_name: str
    fields: list[str]
    batches: Iterator[pa.RecordBatch]
    notes: list[tuple[str, Sentence]] = field(default_factory=list)
    expected: int | None = None
    is_drawing: bool = False
    wrong_cells: Sequence[NoDay | NoNumber] = ()
    shapeless: Callable[[], int] | None = None


@contextmanager
def open_source(request: Mapping[str, Any]) -> Iterator[Source]:
    """Open the dataset of a request by the one reader for its format; InvalidInputError when it is none."""
    path = Path(request["path"])
    form = FORMATS[path.suffix]
    check_file(path, form)
    named = crs_named_in(path) if form == GEOJSON and not request["crs"] else None
    if form == CSV:
        table = read_table(path, encoding=request["encoding"], batch_rows=BATCH_FEATURES)
        yield _checked(
            Source(
                crs=table.crs,
                sublayer=request["shown_as"] or "csv",
                geometry_name=table.geometry_name,
                fields=list(table.fields),
                batches=table.batches,
                notes=[("encoding", note) for note in table.notes],
            )
        )
    elif form == GEOPARQUET:
        parquet = read_geoparquet(path, batch_rows=BATCH_FEATURES)
        yield _checked(
            Source(
                crs=parquet.crs,
                sublayer=request["shown_as"] or "parquet",
                geometry_name=parquet.geometry_name,
                fields=list(parquet.fields),
                batches=parquet.batches,
                notes=[("geoparquet", note) for note in parquet.notes],
                expected=parquet.row_count,
            )
        )
    elif form == BOUNDARY_POINTS:
        yield _boundary_points(path)
    else:
        with _by_gdal(path, form, request) as source:
            # GDAL passes over a name that it does not know, and says WGS 84.
            yield _checked(source if named is None else replace(source, crs=named))


def _checked(source: Source) -> Source:
    if len(source.fields) > MAX_FIELDS:
        raise InvalidInputError(
            "the layer has {count:,} fields, at most {max_fields:,} are taken; leave out what nobody needs",
            count=len(source.fields),
            max_fields=MAX_FIELDS,
        )
    return source


def _boundary_points(path: Path) -> Source:
    with path.open("rb") as opened:
        surveyed = read_boundary_points(opened.read(MAX_BYTES + 1))
    parcels = surveyed.parcels
    columns = {
        "地块编号": [parcel.number for parcel in parcels],
        "地块名称": [parcel.name for parcel in parcels],
        "地块面积公顷": [parcel.area_ha for parcel in parcels],
        "地块用途": [parcel.purpose for parcel in parcels],
        "geometry": list(shapely.to_wkb([parcel.geometry for parcel in parcels])),
    }
    batch = pa.RecordBatch.from_pydict(columns)
    return Source(
        crs=surveyed.crs,
        sublayer="界址点",
        geometry_name="geometry",
        fields=list(columns)[:-1],
        batches=(batch.slice(first, BATCH_FEATURES) for first in range(0, batch.num_rows, BATCH_FEATURES)),
        notes=[("boundary-points", warning) for warning in surveyed.warnings],
    )


@contextmanager
def _by_gdal(path: Path, form: Format, request: Mapping[str, Any]) -> Iterator[Source]:
    options: dict[str, Any] = {}
    pyogrio.set_gdal_config_options({"OGR_ARC_STEPSIZE": str(STEP_DEGREES)})
    notes: list[tuple[str, Sentence]] = []
    expected = None
    wrong: Iterator[NoDay | NoNumber] = iter(())
    shapeless: Callable[[], int] | None = None
    if form in (GEOJSON, GEOJSON_LINES):
        options["DATE_AS_STRING"] = "YES"  # else it makes days of what are none
    if form == SHAPEFILE:
        wrong = chain(no_days_of_shapefile(path), no_numbers_of_shapefile(path))
        shapeless = partial(empty_records, path)
        mend_whole_columns(path)
        encoding = settle_encoding(path, given=request["encoding"])
        notes += [("encoding", note) for note in encoding.notes]
        notes += [("field-names", note) for note in mend_field_names(path, encoding.name)]
        options["encoding"] = encoding.name
        notes += _leave_memos_out(path, options)
        options["ADJUST_TYPE"] = "YES"  # else a whole number of more than 18 places is read as a real one
    if form == GML:
        set_field_options(path)
    if form == MAPINFO_MIF:
        wrong = no_numbers_of_mif(path)
    if form == DXF:
        set_drawing_options(path, request)
        sublayer = "entities"
        if request["sublayer"] not in (None, "entities"):
            sublayer = choose_sublayer(drawing_layers(path), request["sublayer"], None)
            options["where"] = "Layer = '" + sublayer.replace("'", "''") + "'"
        notes += drawing_notes(path, request["geometry"], sublayer if "where" in options else None)
    else:
        sublayer = choose_sublayer(sublayers(path), request["sublayer"], request["layer_hint"])
        options["layer"] = sublayer
    if form in (KML, GML):
        options["columns"] = own_fields(path, sublayer, form)
    if form in (GEOPACKAGE, SHAPEFILE, FLATGEOBUF, FILE_GEODATABASE, MAPINFO_TAB, MAPINFO_MIF):
        expected = _expected(path, form, sublayer)
    if form == GEOPACKAGE:
        wrong = chain(no_days_of_geopackage(path, sublayer), no_numbers_of_geopackage(path, sublayer))
        if not request["crs"]:
            refuse_two_systems(path, sublayer)
    with _opened(path, options) as (meta, reader):
        name = meta["geometry_name"] or "wkb_geometry"
        if reader.schema.names.count(name) > 1:
            raise InvalidInputError(
                "a field of the layer is called {name}, as its shapes are; rename it", name=name[:80]
            )
        if name not in reader.schema.names:
            raise InvalidInputError("the layer has no geometry; check that it is the right one")
        fields = [str(column) for column in meta["fields"] if column != name]
        if form == GEOPACKAGE:
            left_out = columns_left_out(path, sublayer, (*meta["fields"], name))
            notes += [("fields-left-out", note) for note in left_out]
            shapeless = partial(null_shapes, path, sublayer, name)
        yield Source(
            crs=_said(meta["crs"]),
            sublayer=request["shown_as"] or sublayer,
            geometry_name=name,
            fields=fields,
            batches=with_digits(
                unless_entity_broken(path, reader) if form == DXF else unless_broken(reader),
                _long_fields(path, fields_with_room(reader.schema, fields), options),
            ),
            notes=notes,
            expected=expected,
            is_drawing=form == DXF,
            wrong_cells=list(islice(wrong, MOST)),
            shapeless=shapeless,
        )


@contextmanager
def _opened(path: Path, options: dict[str, Any]) -> Iterator[tuple[dict[str, Any], pa.RecordBatchReader]]:
    with ExitStack() as stack:
        try:
            opened = stack.enter_context(
                pyogrio.raw.open_arrow(
                    str(path), batch_size=BATCH_FEATURES, use_pyarrow=True, datetime_as_string=True, **options
                )
            )
        except UnboundLocalError as error:  # how pyogrio ends where GDAL cannot write a CRS as WKT
            raise InvalidInputError(
                "what the file says of its coordinate system has no sense; correct it or take it out, and name the"
                " system at the upload"
            ) from error
        yield opened


def _long_fields(path: Path, names: list[str], options: dict[str, Any]) -> frozenset[str]:
    """Those of these fields that hold long numbers, by a look at all rows of them and at nothing else."""
    if not names:
        return frozenset()
    with pyogrio.raw.open_arrow(
        str(path), read_geometry=False, use_pyarrow=True, **options | {"columns": names}
    ) as (_, reader):
        return fields_of_long_numbers(batch.select(names) for batch in reader)


def _leave_memos_out(path: Path, options: dict[str, Any]) -> list[tuple[str, Sentence]]:
    """Read no memo of a Shapefile, of which the table has numbers alone; a note of those that hold something."""
    memos = memo_columns(path)
    if not memos:
        return []
    names = [str(name) for name in pyogrio.read_info(str(path), encoding=options["encoding"])["fields"]]
    options["columns"] = [name for place, name in enumerate(names) if place not in memos]
    filled = [names[place] for place, is_filled in memos.items() if is_filled]
    note = Sentence(
        "the texts of memo fields are not in the .dbf and were left out: {names}; make text fields of them and export again",
        names=filled[:20],
    )
    return [("fields-left-out", note)] if filled else []


def _said(crs: str | None) -> str | None:
    """The CRS that a file says; a placeholder for none (GeoPackage's "undefined", MapInfo's "nonearth") says nothing."""
    if not crs or crs.startswith(("LOCAL_CS", "ENGCRS", "ENGINEERINGCRS")) or "ndefined" in crs[:40]:
        return None
    return crs


def sublayers(path: Path) -> list[str]:
    """The layers with geometry of a dataset that GDAL opens."""
    names = [str(name) for name, kind in pyogrio.list_layers(str(path)) if kind is not None]
    if not names:
        raise InvalidInputError("the file holds no layer with geometry; check that it is the right one")
    return names


def list_sublayers(path: Path, request: Mapping[str, Any]) -> list[str]:
    """What a file lets one choose from: its layers with geometry, or a drawing's layers; nothing where there is one."""
    form = FORMATS[path.suffix]
    if form.driver is None or form == CSV:
        return []
    if form != DXF:
        return sublayers(path)
    set_drawing_options(path, request)
    return drawing_layers(path)


def choose_sublayer(names: list[str], wanted: str | None, hint: str | None) -> str:
    """The sublayer that was asked for, the one called like the layer, or the only one."""
    if wanted is not None:
        if wanted not in names:
            raise InvalidInputError(
                "the file has no sublayer {wanted!r}; it has: {names}", wanted=wanted, names=names[:20]
            )
        return wanted
    if len(names) > 1 and hint not in names:
        more = Sentence(" … ({count} in all)", count=len(names)) if len(names) > 20 else ""
        raise InvalidInputError(
            "the file holds several layers; name one as the sublayer (--sublayer at the console): {names}{more}",
            names=names[:20],
            more=more,
        )
    return hint if hint in names and hint is not None else names[0]


def _expected(path: Path, form: Format, sublayer: str) -> int | None:
    """How many rows the file says it has, so that rows that the reader passes over are missed."""
    if form == GEOPACKAGE:
        quoted = '"' + sublayer.replace('"', '""') + '"'
        try:
            with sqlite3.connect(f"file:{path}?mode=ro&immutable=1", uri=True) as connection:
                # The name is of the file's own catalogue, quoted; the connection can change nothing.
                return int(connection.execute(f"SELECT count(*) FROM {quoted}").fetchone()[0])  # noqa: S608
        except sqlite3.DatabaseError as error:
            raise InvalidInputError(
                "the GeoPackage is damaged: {error}; export it again", error=error
            ) from error
    if form == SHAPEFILE:
        return rows_in_use(path.with_suffix(".dbf"))
    if form == MAPINFO_TAB:
        return rows_in_use(path.with_suffix(".dat"))  # which is built like a .dbf
    if form == MAPINFO_MIF:
        return rows_of_mid(path)
    if form == FLATGEOBUF:
        return count_features(path)
    return int(pyogrio.read_info(str(path), layer=sublayer, force_feature_count=True)["features"])
