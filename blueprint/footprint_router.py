"""Route that reads the file of a footprint (用地红线) for a page: the site as it would be taken, nothing is kept."""

from typing import Annotated, Any

from fastapi import APIRouter, File, Form, UploadFile
from pydantic import BaseModel
from shapely.geometry import mapping

from blueprint.city import polygonal
from blueprint.city_router import to_lonlat
from blueprint.crs_registry import register_for
from blueprint.edge import ActorDep, EdgeDep, SessionDep
from blueprint.footprint import read_footprint
from blueprint.given import Text, WidthM
from blueprint.idempotency import IdempotentRoute
from blueprint.layers.upload_answer import name_of
from blueprint.permissions import Act, require

router = APIRouter(tags=["checks"], route_class=IdempotentRoute)


class FootprintReading(BaseModel):
    """A site as it was read: `footprint` in the working CRS, to give on with `crs`; `geometry` in longitude and latitude, to draw.

    `plane_area_m2` is measured in the plane of the working CRS; `source_crs`, `operation` and `notes` say how it came there.
    """

    footprint: dict[str, Any]
    crs: str
    geometry: dict[str, Any]
    plane_area_m2: float
    source_crs: str
    operation: str
    notes: list[str]


@router.post("/api/footprints")
def read_file(
    file: Annotated[UploadFile, File(description="用地红线文件 the file of a footprint")],
    session: SessionDep,
    actor: ActorDep,
    edge: EdgeDep,
    crs: Annotated[Text | None, Form(max_length=100)] = None,
    width_m: Annotated[WidthM | None, Form()] = None,
    sublayer: Annotated[Text | None, Form(max_length=200, description="of a file with several")] = None,
) -> FootprintReading:
    """Read a footprint from a file: Shapefile (zipped), GeoPackage, DXF, KML, GeoJSON, boundary-point TXT and others."""
    require(actor, Act.KEEP_CHECK)
    site = read_footprint(
        file.file,
        name_of(file),
        city=edge.city,
        scratch=edge.scratch,
        crs=crs,
        width_m=width_m,
        sublayer=sublayer,
        register=register_for(session, actor),
    )
    return FootprintReading(
        footprint=mapping(site.geometry),
        crs=edge.city.working_crs,
        geometry=mapping(polygonal(to_lonlat(site.geometry, edge.city))),
        plane_area_m2=site.geometry.area,
        source_crs=site.source_crs,
        operation=site.operation,
        notes=list(site.notes),
    )
