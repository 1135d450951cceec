"""A version of a layer as a file again, with the stamp of its export in it; written as a stream, memory flat."""

import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Protocol

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pyogrio
from pyogrio.errors import DataLayerError, DataSourceError, FeatureError, FieldError, GeometryError
from pyproj import CRS, Transformer
from sqlalchemy.orm import Session

from blueprint.city import City
from blueprint.errors import InvalidInputError
from blueprint.layers.models import Layer, LayerVersion
from blueprint.layers.shapefile_export import notes_on, pack, shortened
from blueprint.layers.stamps import Stamp
from blueprint.layers.table import GEOMETRY, Table, batches, free_name, table_of, without_days
from blueprint.rasters.export import write_raster
from blueprint.sentences import Sentence


@dataclass(frozen=True)
class Form:
    """A format: the suffix of its files, GDAL's or our own name for it, its media type."""

    suffix: str
    driver: str
    media_type: str


FORMS = {
    "gpkg": Form(".gpkg", "GPKG", "application/geopackage+sqlite3"),
    "parquet": Form(".parquet", "Parquet", "application/vnd.apache.parquet"),
    "fgb": Form(".fgb", "FlatGeobuf", "application/flatgeobuf"),
    "geojson": Form(".geojson", "GeoJSON", "application/geo+json"),
    "shp": Form(".zip", "ESRI Shapefile", "application/zip"),
    "tif": Form(".tif", "COG", "image/tiff"),
}
"""By the name that a request gives; features in all but the last, rasters in the last alone."""

_DEGREES = {"GeoJSON"}
_ROW_GROUP = 50_000


class Write(Protocol):
    """What writes a version, or something of it, to a file with its stamp, and says how many features."""

    def __call__(  # noqa: D102
        self, session: Session, layer: Layer, version: LayerVersion, path: Path, *, city: City, stamp: Stamp
    ) -> int: ...


def form_of(path: Path, *, is_raster: bool) -> Form:
    """The format of a file by its suffix; InvalidInputError for one in which a raster, or features, cannot be."""
    fitting = [form for form in FORMS.values() if (form.driver == "COG") == is_raster]
    for form in fitting:
        if path.suffix.lower() == form.suffix:
            return form
    suffixes = ", ".join(form.suffix for form in fitting)
    raise InvalidInputError(
        "cannot export {things} to {suffix}; use {suffixes}",
        things=Sentence("a raster") if is_raster else Sentence("features"),
        suffix=path.suffix or Sentence("a file without suffix"),
        suffixes=suffixes,
    )


def write_version(
    session: Session, layer: Layer, version: LayerVersion, path: Path, *, city: City, stamp: Stamp
) -> int:
    """Write a version and say how many features it has (a raster: 0); GeoJSON is in longitude and latitude, all else in the working CRS.

    Asks no right and keeps no record: `blueprint.sharing.exports.export_layer` does.
    """
    form = form_of(path, is_raster=version.raster is not None)
    if form.driver == "COG":
        write_raster(session, version, path, stamp=stamp)
        return 0
    table = table_of(session, version)
    if form.driver == "FlatGeobuf":
        table = without_days(table)
    crs = f"EPSG:{city.geographic_srid}" if form.driver in _DEGREES else city.working_crs
    rows = _Rows(batches(session, version, table, move=_move(city) if form.driver in _DEGREES else None))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(prefix=f".{path.stem}.", dir=path.parent) as folder:
            partial = Path(folder) / path.name
            match form.driver:
                case "Parquet":
                    _write_parquet(partial, table, rows, crs, stamp)
                case "ESRI Shapefile":
                    table = shortened(table)
                    _write_shapefile(partial, layer, table, rows, crs, stamp)
                case driver:
                    _write(
                        partial,
                        layer,
                        table,
                        rows,
                        crs,
                        driver,
                        **stamp.options(driver),
                        **_OPTIONS.get(driver, {}),
                    )
            shutil.move(partial, path)
    except OSError as error:
        raise InvalidInputError(
            "cannot write {path}: {strerror}", path=path, strerror=error.strerror
        ) from error
    return rows.count


_OPTIONS: dict[str, dict[str, Any]] = {
    "GeoJSON": {"COORDINATE_PRECISION": 9},
    "ESRI Shapefile": {"encoding": "UTF-8", "2GB_LIMIT": "YES"},
}


def _move(city: City) -> Any:
    transformer = Transformer.from_crs(city.working_crs, f"EPSG:{city.geographic_srid}", always_xy=True)
    return lambda xy: np.column_stack(transformer.transform(xy[:, 0], xy[:, 1]))


class _Rows:
    """The batches as they pass, counted."""

    def __init__(self, source: Iterator[pa.RecordBatch]) -> None:
        self._source = source
        self.count = 0

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        for batch in self._source:
            self.count += batch.num_rows
            yield batch


def _write(
    path: Path, layer: Layer, table: Table, rows: _Rows, crs: str, driver: str, **options: Any
) -> None:
    renamed = (pa.record_batch(batch.columns, schema=table.schema) for batch in rows)
    reader = pa.RecordBatchReader.from_batches(table.schema, renamed)
    write_rows(
        reader, path, layer=layer.code, driver=driver, geometry_type=table.geometry_type, crs=crs, **options
    )


def write_rows(
    reader: pa.RecordBatchReader, path: Path, *, driver: str, geometry_name: str = GEOMETRY, **options: Any
) -> None:
    """Write rows by GDAL; a GeoPackage gets a second layer where it has one already. InvalidInputError where they do not fit."""
    if driver == "GPKG":
        # Its own two columns; a file can bring attributes of these names.
        taken = {name.lower() for name in reader.schema.names if name != geometry_name}
        options |= {"FID": free_name("fid", taken), "GEOMETRY_NAME": free_name("geom", taken)}
    try:
        pyogrio.write_arrow(reader, path, driver=driver, geometry_name=geometry_name, **options)
    except (DataLayerError, DataSourceError, FeatureError, FieldError, GeometryError) as error:
        raise InvalidInputError(
            "cannot write {file_name}: {error}", file_name=path.name, error=error
        ) from error


def _write_shapefile(archive: Path, layer: Layer, table: Table, rows: _Rows, crs: str, stamp: Stamp) -> None:
    """The parts of a Shapefile (`.shp .shx .dbf .prj .cpg`) in a zip, with what they could not hold in its READ_ME.txt."""
    with TemporaryDirectory(dir=archive.parent) as folder:
        try:
            _write(
                Path(folder) / f"{layer.code}.shp", layer, table, rows, crs, "ESRI Shapefile",
                **_OPTIONS["ESRI Shapefile"],
            )  # fmt: skip
        except InvalidInputError as error:
            if "2GB" not in error.message.replace(" ", ""):
                raise
            raise InvalidInputError(
                "the version does not fit into a Shapefile, whose parts hold 2 GB at most; export it as .gpkg"
            ) from error
        document = json.dumps(stamp.to_json(), ensure_ascii=False)
        pack(Path(folder), archive, words=[stamp.text(), document, *notes_on(table.columns)])


def _write_parquet(path: Path, table: Table, rows: _Rows, crs: str, stamp: Stamp) -> None:
    """GeoParquet 1.1.0: WKB in a column, what it means in the file's metadata."""
    column = {
        "encoding": "WKB",
        "geometry_types": [table.geometry_type],
        "crs": CRS.from_user_input(crs).to_json_dict(),
        "bbox": list(table.bounds),
    }
    geo = {"version": "1.1.0", "primary_column": GEOMETRY, "columns": {GEOMETRY: column}}
    metadata = {"geo": json.dumps(geo), "blueprint_export": json.dumps(stamp.to_json(), ensure_ascii=False)}
    schema = table.schema.with_metadata(metadata)
    with pq.ParquetWriter(path, schema, compression="zstd") as writer:
        waiting: list[pa.RecordBatch] = []
        for batch in rows:
            waiting.append(batch)
            if sum(b.num_rows for b in waiting) >= _ROW_GROUP:
                writer.write_table(pa.Table.from_batches(waiting).cast(schema))
                waiting.clear()
        if waiting:
            writer.write_table(pa.Table.from_batches(waiting).cast(schema))
