"""A version of a layer as a file again: GeoPackage, GeoJSON or FlatGeobuf, each with the stamp of its export in it."""

import json
from collections.abc import Iterator
from pathlib import Path

import geopandas
import shapely
from shapely.geometry.base import BaseGeometry
from sqlalchemy import select
from sqlalchemy.orm import Session

from blueprint.city import City
from blueprint.city_router import to_lonlat
from blueprint.errors import InvalidInputError
from blueprint.layers.models import Layer, LayerVersion, feature
from blueprint.layers.stamps import Stamp

BATCH = 20_000
_DRIVERS = {".gpkg": "GPKG", ".geojson": "GeoJSON", ".fgb": "FlatGeobuf"}


def driver_of(path: Path) -> str:
    """The driver that writes such a file; InvalidInputError for a suffix that is none of ours."""
    driver = _DRIVERS.get(path.suffix.lower())
    if driver is None:
        raise InvalidInputError(
            f"cannot export to {path.suffix or 'a file without suffix'}; use .gpkg, .geojson or .fgb"
        )
    return driver


def write_version(
    session: Session, layer: Layer, version: LayerVersion, path: Path, *, city: City, stamp: Stamp
) -> int:
    """Write a version's features as declared and say how many; GeoJSON is in longitude and latitude, the others in the working CRS.

    Asks no right and keeps no record: `blueprint.sharing.exports.export_layer` does.
    """
    driver = driver_of(path)
    frame = geopandas.pd.concat(list(_frames(session, version, city, to_degrees=driver == "GeoJSON")))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_name(f".{path.stem}.part{path.suffix}")
        frame.to_file(partial, layer=layer.code, driver=driver, engine="pyogrio", **stamp.options(driver))
        partial.replace(path)
    except OSError as error:
        raise InvalidInputError(f"cannot write {path}: {error.strerror}") from error
    return len(frame)


def _frames(
    session: Session, version: LayerVersion, city: City, *, to_degrees: bool
) -> Iterator[geopandas.GeoDataFrame]:
    statement = (
        select(feature.c.feature_id, feature.c.attributes, feature.c.geom.ST_AsBinary())
        .where(feature.c.version_id == version.id)
        .order_by(feature.c.feature_id)
        .execution_options(yield_per=BATCH)
    )
    crs = f"EPSG:{city.geographic_srid}" if to_degrees else city.working_crs
    for rows in session.execute(statement).partitions():
        shapes: list[BaseGeometry] = [shapely.from_wkb(bytes(row[2])) for row in rows]
        if to_degrees:
            shapes = [to_lonlat(shape, city) for shape in shapes]
        attributes = [{k: _flat(v) for k, v in row[1].items()} for row in rows]
        yield geopandas.GeoDataFrame(attributes, geometry=shapes, crs=crs)


def _flat(value: object) -> object:
    return json.dumps(value, ensure_ascii=False) if isinstance(value, list | dict) else value
