"""A small world on whole metres for the way to a case: departments, layers and footprints in EPSG:4550."""

import io
import json
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import shapely
from sqlalchemy.orm import Session

from blueprint.city import City, Department, DepartmentRole
from blueprint.footprint import Footprint, footprint_from_geojson
from blueprint.layers.catalogue import LayerDefinition, define_layer
from blueprint.layers.features_file import features_folder
from blueprint.layers.models import LayerVersion
from blueprint.layers.publication import bring_into_force
from blueprint.layers.reading import staged
from blueprint.layers.storing import Upload, store_version
from blueprint.permissions import Actor, Role, at_console
from blueprint.quality.check import NOTHING_FOUND
from blueprint.working_days import WorkingCalendar
from coordination.particulars import ProjectDetails
from service.settings import Settings

EAST, NORTH = 500_000, 4_550_000
"""The world's south-west corner; every figure below is metres from it."""

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=ZoneInfo("Asia/Shanghai"))
"""A Monday; five working days later it is Monday 2026-11-30."""
TODAY = NOW.date()
DUE_ON = date(2026, 11, 30)
CALENDAR = WorkingCalendar("CN")
SCRATCH = Settings().scratch

COORDINATOR = Actor("自然资源局", "zrzy", frozenset({Role.ANYONE, Role.DEPARTMENT, Role.COORDINATOR}))
WATER = Actor("水利局", "slj", frozenset({Role.ANYONE, Role.DEPARTMENT}))
HERITAGE = Actor("文旅局", "wlj", frozenset({Role.ANYONE, Role.DEPARTMENT}))
APPROVALS = Actor("行政审批局", "spj", frozenset({Role.ANYONE, Role.DEPARTMENT, Role.LEAD}))

DETAILS = ProjectDetails(name="示例小学", applicant="鞍山市教育局", purpose="新建小学一所")


def world_city(city: City) -> City:
    """The city with departments of this world and no outline."""
    departments = (
        Department("zrzy", "自然资源局", role=DepartmentRole.COORDINATOR),
        Department("spj", "行政审批局", role=DepartmentRole.APPROVALS),
        Department("slj", "水利局"),
        Department("wlj", "文旅局"),
        Department("tjj", "统计局"),
        Department("fgw", "发展和改革委员会", always_asked=True),
    )
    return replace(city, departments=departments, boundary_path=None)


LAYERS = {
    "farmland": (LayerDefinition("farmland", "永久基本农田", "zrzy", "polygon", "prohibit"), (0, 100)),
    "river": (
        LayerDefinition("river", "河道管理范围", "slj", "polygon", "restrict", basis="《防洪法》第27条"),
        (200, 300),
    ),
    "heritage": (LayerDefinition("heritage", "建设控制地带", "wlj", "polygon", "advise"), (250, 350)),
    "census": (LayerDefinition("census", "普查区", "tjj", "polygon", "inform"), (0, 1000)),
}
"""Layers and the strip of eastings their one feature covers; northings 0 to 100 m."""


def square(west: float, east: float, south: float = 0, north: float = 100) -> dict[str, Any]:
    """A rectangle as GeoJSON in EPSG:4550."""
    return shapely.geometry.mapping(shapely.box(EAST + west, NORTH + south, EAST + east, NORTH + north))


def feature_collection(west: float, east: float) -> bytes:
    """One rectangle as a GeoJSON file."""
    feature = {"type": "Feature", "properties": {"BSM": "1"}, "geometry": square(west, east)}
    return json.dumps({"type": "FeatureCollection", "features": [feature]}).encode()


def store_draft(session: Session, city: City, code: str, strip: tuple[float, float]) -> LayerVersion:
    """Store a new version of a layer of this world."""
    layer, _ = define_layer(session, LAYERS[code][0], city=city, actor=at_console("test"))
    upload = Upload(actor=at_console("test"), crs="EPSG:4550")
    with (
        staged(io.BytesIO(feature_collection(*strip)), f"{code}.geojson", scratch=SCRATCH) as file,
        features_folder(SCRATCH) as folder,
    ):
        version = store_version(session, layer, file, upload, city=city, now=NOW, folder=folder)
    version.checked_at, version.issue_counts = NOW, NOTHING_FOUND
    return version


def install_layer(
    session: Session, city: City, code: str, strip: tuple[float, float], *, starts_on: date
) -> None:
    """Store a new version of a layer of this world and bring it into force."""
    version = store_draft(session, city, code, strip)
    bring_into_force(session, version, starts_on=starts_on, actor=at_console("test"), now=NOW)


def install_layers(session: Session, city: City) -> None:
    """Store all layers of this world, in force since the beginning of the year."""
    for code, (_, strip) in LAYERS.items():
        install_layer(session, city, code, strip, starts_on=date(2026, 1, 1))


def footprint(city: City, west: float, east: float, south: float = 20, north: float = 80) -> Footprint:
    """A site as the service takes it."""
    return footprint_from_geojson(
        square(west, east, south, north), city=city, scratch=SCRATCH, crs="EPSG:4550"
    )


def write_footprint(path: Path, west: float, east: float) -> Path:
    """A site as a GeoJSON file in EPSG:4550."""
    feature = {"type": "Feature", "properties": {}, "geometry": square(west, east, 20, 80)}
    path.write_text(json.dumps({"type": "FeatureCollection", "features": [feature]}))
    return path
