"""The documents a map client starts from: TileJSON 3.0.0 of a layer, and a MapLibre style of all public layers."""

import re
from collections import defaultdict
from dataclasses import dataclass
from datetime import date
from typing import Any
from urllib.parse import quote

from geoalchemy2.shape import to_shape
from pyproj import Transformer
from sqlalchemy import Row, Select, and_, or_, select
from sqlalchemy.orm import Session

from blueprint.city import City
from blueprint.errors import NotFoundError
from blueprint.layers.models import Control, GeometryKind, InForcePeriod, Layer, LayerVersion, Symbology
from blueprint.permissions import Act, Actor, Sensitivity, may
from blueprint.sharing.purposes import record_reading
from blueprint.standards.loading import standards
from tiles.addresses import ALL_LAYERS, NoSuchTileError, no_such_layer

SOURCE_MAX_ZOOM = 18
"""A client enlarges tiles of this zoom further in: one unit of a tile is 4 cm there."""

COLORS = {
    Control.PROHIBIT: "#d55e00",
    Control.RESTRICT: "#e69f00",
    Control.ADVISE: "#0072b2",
    Control.INFORM: "#009e73",
}
"""The colours of Okabe and Ito, which colour-blind people tell apart, for layers that name none."""
_BASE_MAP_COLOR = "#8a8a8a"
_CONTROL_NAMES = {
    Control.PROHIBIT: "禁止",
    Control.RESTRICT: "限制",
    Control.ADVISE: "建议",
    Control.INFORM: "提示",
}
_COLOR = re.compile(r"#[0-9a-fA-F]{6}")
_BOTTOM_UP = [Control.INFORM, Control.ADVISE, Control.RESTRICT, Control.PROHIBIT]
_KINDS_BOTTOM_UP = [GeometryKind.POLYGON, GeometryKind.LINE, GeometryKind.POINT]


@dataclass(frozen=True)
class Scene:
    """Where the documents are read: the address that the service is known by, the city, and the day."""

    base_url: str
    city: City
    today: date
    on: date | None

    @property
    def day(self) -> date:
        """The day asked for."""
        return self.on or self.today

    def tiles(self, name: str) -> list[str]:
        """The address of tiles, with `{z}`, `{x}` and `{y}` to be put in by the client."""
        on = f"?on={self.on}" if self.on else ""
        return [f"{self.base_url.rstrip('/')}/tiles/{quote(name, safe='')}/{{z}}/{{x}}/{{y}}.mvt{on}"]


@dataclass(frozen=True)
class Description:
    """A document, and whether anybody may read it."""

    document: dict[str, Any]
    is_public: bool


def tilejson(session: Session, code: str, scene: Scene, actor: Actor) -> Description:
    """The TileJSON 3.0.0 of the layer's version in force on the day; bounds in degrees of longitude and latitude."""
    row = session.execute(_on_day(scene.day).where(Layer.code == code)).one_or_none()
    if row is None or not may(actor, Act.READ_LAYER, row.Layer.thing):
        raise no_such_layer(code)
    layer, version, starts_on = row.Layer, row.LayerVersion, row.starts_on
    if layer.geometry == GeometryKind.RASTER:
        raise NoSuchTileError("layer {code} is a raster; it has no vector tiles", code=code)
    if version is None:
        raise NoSuchTileError("no version of layer {code} is in force on {day}", code=code, day=scene.day)
    record_reading(session, actor, [layer.thing], kind="tilejson", id=f"{layer.code} v{version.number}")
    control = _CONTROL_NAMES[Control(layer.control)]
    department = _department_name(layer.department, scene.city)
    document = {
        "tilejson": "3.0.0",
        "name": layer.title,
        "description": f"{layer.title}（{control}）：{department}，第 {version.number} 版，{starts_on} 起现行",
        "attribution": department,
        "version": f"{version.number}.0.0",
        "scheme": "xyz",
        "tiles": scene.tiles(layer.code),
        "minzoom": 0,
        "maxzoom": SOURCE_MAX_ZOOM,
        "bounds": _bounds([version], scene.city),
        "vector_layers": [
            {
                "id": layer.code,
                "description": f"{layer.title}图斑；缩小显示时图形经过综合",
                "minzoom": 0,
                "maxzoom": SOURCE_MAX_ZOOM,
                "fields": _fields(layer),
            }
        ],
    }
    return Description(document, is_public=layer.sensitivity == Sensitivity.PUBLIC)


def style(session: Session, scene: Scene) -> Description:
    """A MapLibre style (version 8) of all public layers in force, worst control on top, that needs nothing else."""
    public = _on_day(scene.day).where(
        Layer.sensitivity == Sensitivity.PUBLIC,
        Layer.geometry != GeometryKind.RASTER,
        LayerVersion.id.is_not(None),
    )
    rows = sorted(session.execute(public).all(), key=_bottom_up)
    document: dict[str, Any] = {
        "version": 8,
        "name": f"{scene.city.name}一张蓝图",
        "metadata": {"blueprint:on": scene.day.isoformat()},
        "sources": {},
        "layers": [{"id": "background", "type": "background", "paint": {"background-color": "#f4f3ef"}}],
    }
    if rows:
        document["sources"][ALL_LAYERS] = {
            "type": "vector",
            "tiles": scene.tiles(ALL_LAYERS),
            "minzoom": 0,
            "maxzoom": SOURCE_MAX_ZOOM,
            "bounds": _bounds([row.LayerVersion for row in rows], scene.city),
        }
    for row in rows:
        document["layers"].extend(_style_layers(row.Layer))
    return Description(document, is_public=True)


def color_of(layer: Layer) -> str:
    """The layer's own colour, or one by its control."""
    if layer.color is not None and _COLOR.fullmatch(layer.color):
        return layer.color.lower()
    return _BASE_MAP_COLOR if layer.is_base_map else COLORS[Control(layer.control)]


def _on_day(day: date) -> Select[Layer, LayerVersion, date]:
    return (
        select(Layer, LayerVersion, InForcePeriod.starts_on)
        .outerjoin(
            InForcePeriod,
            and_(
                InForcePeriod.layer_id == Layer.id,
                InForcePeriod.starts_on <= day,
                or_(InForcePeriod.ends_on.is_(None), InForcePeriod.ends_on > day),
            ),
        )
        .outerjoin(LayerVersion, LayerVersion.id == InForcePeriod.version_id)
    )


def _bottom_up(row: Row[Layer, LayerVersion, date]) -> tuple[bool, int, int, int, str]:
    layer = row[0]
    kind, control = GeometryKind(layer.geometry), Control(layer.control)
    kinds, controls = _KINDS_BOTTOM_UP.index(kind), _BOTTOM_UP.index(control)
    return (not layer.is_base_map, kinds, controls, -layer.position, layer.code)


def _bounds(versions: list[LayerVersion], city: City) -> list[float]:
    to_degrees = Transformer.from_crs(city.working_crs, "OGC:CRS84", always_xy=True)
    boxes = [to_degrees.transform_bounds(*to_shape(version.extent).bounds) for version in versions]
    west, south, east, north = zip(*boxes, strict=True)
    return [round(float(edge), 6) for edge in (min(west), min(south), max(east), max(north))]


def _fields(layer: Layer) -> dict[str, str]:
    fields = {"source_id": f"标识码（{layer.source_id_field}）" if layer.source_id_field else "标识码"}
    if layer.label_field:
        fields["label"] = f"名称（{layer.label_field}）"
    return {**fields, "class_code": f"类别（{layer.class_field or 'YSDM'}），有则给出"}


def _department_name(code: str, city: City) -> str:
    try:
        return city.department(code).name
    except NotFoundError:
        # The profile may have lost a department whose layers are still in force.
        return code


def _by_class(symbology: Symbology, other: str) -> list[Any]:
    """The standard's colours of land use by class code, also as plan databases pad it; `other` where there is no class."""
    edition = standards().land_use[symbology.removeprefix("land_use_")]
    codes: dict[str, list[str]] = defaultdict(list)
    for code, land_use in edition.items():
        padded = [code.ljust(length, "0") for length in (4, 6) if length > len(code)]
        codes[land_use.color.lower()] += [code, *(text for text in padded if text not in edition)]
    cases = [item for color, labels in codes.items() for item in (labels, color)]
    return ["match", ["to-string", ["get", "class_code"]], *cases, other]


def _legend(symbology: Symbology) -> list[dict[str, str]]:
    """The first level of the standard's classes with their colours, for a legend."""
    edition = standards().land_use[symbology.removeprefix("land_use_")]
    return [
        {"code": each.code, "title": each.title, "color": each.color.lower()}
        for each in edition.values()
        if each.parent is None
    ]


def _style_layers(layer: Layer) -> list[dict[str, Any]]:
    color, kind = color_of(layer), GeometryKind(layer.geometry)
    shared: dict[str, Any] = {
        "source": ALL_LAYERS,
        "source-layer": layer.code,
        "metadata": {"blueprint:layer": layer.code, "blueprint:control": layer.control},
    }
    if kind is GeometryKind.POINT:
        radius = ["interpolate", ["linear"], ["zoom"], 8, 2, 14, 5]
        paint = {
            "circle-color": color,
            "circle-radius": radius,
            "circle-stroke-color": "#ffffff",
            "circle-stroke-width": 1,
        }
        return [{"id": layer.code, "type": "circle", **shared, "paint": paint}]
    width = ["interpolate", ["linear"], ["zoom"], 8, 0.6, 16, 2.4]
    line = {
        "type": "line",
        **shared,
        "layout": {"line-join": "round"},
        "paint": {"line-color": color, "line-width": width},
    }
    if kind is GeometryKind.LINE:
        return [{"id": layer.code, **line}]
    opacity = 0.12 if layer.is_base_map else 0.35
    fill_color: Any = color
    if layer.symbology is not None:
        fill_color, opacity = _by_class(Symbology(layer.symbology), color), 0.75
        shared["metadata"] |= {"blueprint:legend": _legend(Symbology(layer.symbology))}
    fill = {"type": "fill", **shared, "paint": {"fill-color": fill_color, "fill-opacity": opacity}}
    # A dot cannot stand in a layer's code, so that the outline's name is nobody else's.
    return [{"id": layer.code, **fill}, {"id": f"{layer.code}.outline", **line}]
