"""The city to the outside: who it is, which CRS, where on the globe."""

from typing import Any

import numpy as np
import shapely
from fastapi import APIRouter
from pydantic import BaseModel
from pyproj import Transformer
from shapely.geometry import mapping

from blueprint.city import City
from blueprint.edge import ActorDep, CityDep
from blueprint.jurisdiction import district_outlines, jurisdiction
from blueprint.permissions import Act, require

router = APIRouter(prefix="/api/city", tags=["city"])


class DepartmentOut(BaseModel):
    """A department of the profile."""

    code: str
    name: str
    name_en: str | None
    level: str
    role: str


class LayerGroupOut(BaseModel):
    """A group of layers, in the order in which lists show them."""

    code: str
    name: str
    name_en: str | None


class DistrictOut(BaseModel):
    """A district of the profile; `has_outline`: the city's boundary file has it, so that a site can be searched in it."""

    code: str
    name: str
    has_outline: bool


class ProjectTypeOut(BaseModel):
    """A type of project, and which departments are asked of every project of it."""

    code: str
    name: str
    name_en: str | None
    always_asked: list[str]


class CityOut(BaseModel):
    """The city profile as map clients need it; `bounds` west, south, east, north in degrees; `has_outline`: it names a boundary file."""

    name: str
    name_en: str | None
    administrative_code: str
    working_crs: str
    area_measure: str
    time_zone: str
    bounds: tuple[float, float, float, float]
    departments: list[DepartmentOut]
    layer_groups: list[LayerGroupOut]
    has_outline: bool
    districts: list[DistrictOut]
    project_types: list[ProjectTypeOut]


@router.get("")
def show_city(actor: ActorDep, city: CityDep) -> CityOut:
    """The city this service works for."""
    require(actor, Act.LIST_LAYERS)
    outlined = district_outlines(city).keys()
    return CityOut(
        name=city.name,
        name_en=city.name_en,
        administrative_code=city.administrative_code,
        working_crs=city.working_crs,
        area_measure=str(city.area_measure),
        time_zone=city.time_zone,
        bounds=to_lonlat_bounds(jurisdiction(city).bounds, city),
        departments=[
            DepartmentOut(code=d.code, name=d.name, name_en=d.name_en, level=d.level, role=d.role)
            for d in city.departments
        ],
        layer_groups=[
            LayerGroupOut(code=group.code, name=group.name, name_en=group.name_en)
            for group in city.layer_groups
        ],
        has_outline=jurisdiction(city).outline is not None,
        districts=[
            DistrictOut(code=district.code, name=district.name, has_outline=district.code in outlined)
            for district in city.districts
        ],
        project_types=[
            ProjectTypeOut(
                code=kind.code, name=kind.name, name_en=kind.name_en, always_asked=list(kind.always_asked)
            )
            for kind in city.project_types
        ],
    )


@router.get("/outline")
def show_outline(actor: ActorDep, city: CityDep) -> dict[str, Any]:
    """The jurisdiction's outline as a GeoJSON feature; its geometry is null where the profile names no boundary."""
    require(actor, Act.LIST_LAYERS)
    outline = jurisdiction(city).outline
    geometry = mapping(to_lonlat(outline, city)) if outline is not None else None
    return {"type": "Feature", "properties": {"name": city.name}, "geometry": geometry}


def to_lonlat_bounds(
    bounds: tuple[float, float, float, float], city: City
) -> tuple[float, float, float, float]:
    """Bounds of the working CRS (metres) as west, south, east, north in degrees."""
    transformer = Transformer.from_crs(city.working_crs, f"EPSG:{city.geographic_srid}", always_xy=True)
    west, south, east, north = transformer.transform_bounds(*bounds)
    return (west, south, east, north)


def to_lonlat(geometry: Any, city: City) -> Any:
    """A shape of the working CRS, or an array of shapes, in longitude and latitude of its geographic CRS."""
    transformer = Transformer.from_crs(city.working_crs, f"EPSG:{city.geographic_srid}", always_xy=True)
    return shapely.transform(geometry, lambda xy: np.column_stack(transformer.transform(xy[:, 0], xy[:, 1])))
