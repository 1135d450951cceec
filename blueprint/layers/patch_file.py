"""Where two versions differ as a file, which opens in QGIS on top of the layer."""

import json
from dataclasses import dataclass
from pathlib import Path

import geopandas
from sqlalchemy.orm import Session

from blueprint.city import City
from blueprint.city_router import to_lonlat
from blueprint.errors import ConflictError, InvalidInputError
from blueprint.layers.difference import DifferencePatch, compare, read_patches
from blueprint.layers.export import form_of
from blueprint.layers.models import Layer, LayerVersion
from blueprint.layers.stamps import Stamp

_DRIVERS = ("GPKG", "GeoJSON", "FlatGeobuf")


@dataclass(frozen=True)
class PatchWriter:
    """Writes the patches from `old` to a version; `fields` is JSON of the values before and after."""

    old: LayerVersion

    def __call__(
        self, session: Session, layer: Layer, version: LayerVersion, path: Path, *, city: City, stamp: Stamp
    ) -> int:
        """GeoJSON is in longitude and latitude, the others in the working CRS; says how many patches."""
        driver = form_of(path, is_raster=False).driver
        if driver not in _DRIVERS:
            raise ConflictError(
                "differences are written to .gpkg, .geojson or .fgb, not to {suffix}", suffix=path.suffix
            )
        compare(session, self.old, version, city=city)
        rows = [dict(vars(patch)) for patch in read_patches(session, self.old, version)]
        for row in rows:
            row["fields"] = None if row["fields"] is None else json.dumps(row["fields"], ensure_ascii=False)
        columns = [name for name in DifferencePatch.__dataclass_fields__ if name != "shape"]
        frame = geopandas.GeoDataFrame(
            {name: [row[name] for row in rows] for name in columns},
            geometry=[row["shape"] for row in rows],
            crs=city.working_crs,
        )
        if driver == "GeoJSON":
            shapes = to_lonlat(frame.geometry.to_numpy(), city)
            frame = frame.set_geometry(shapes, crs=f"EPSG:{city.geographic_srid}")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            frame.to_file(path, layer=layer.code, driver=driver, engine="pyogrio", **stamp.options(driver))
        except OSError as error:
            raise InvalidInputError(
                "cannot write {path}: {strerror}", path=path, strerror=error.strerror
            ) from error
        return len(frame)
