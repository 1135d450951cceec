"""Worlds made by chance for the check: layers of every kind, a rule set of every rule, a site; in local metres (`tests.made.ORIGIN`)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import shapely
from sqlalchemy.orm import Session

from blueprint.city import City
from tests.made import publish
from tests.rasters import north_up, store_raster, write_tif

CONTROLS = ("prohibit", "restrict", "advise", "inform")
KINDS = ("polygon", "line", "point", "raster")
WIDTHS = {"66": 5.0, "110": 10.0, "220": 15.0}
STRICTEST_M = 20.0
PIXEL_M = 10.0
PIXELS = 40
APART_M = 1_000.0
GRADES = ("一级", "二级", "准")
USES = {"0701": {"0103": "prohibit", "07": "inform", "*": "advise"}, "*": {"0103": "restrict", "*": "inform"}}


@dataclass(frozen=True)
class MadeLayer:
    """A layer in one world: shapes with their keys and attributes, or the pixels of a raster, and how it is defined."""

    code: str
    kind: str
    control: str
    definition: Mapping[str, Any]
    shapes: tuple[shapely.Geometry, ...] = ()
    keys: tuple[str, ...] = ()
    rows: tuple[Mapping[str, Any], ...] = ()
    pixels: np.ndarray | None = None
    coverage: shapely.MultiPolygon | None = None


@dataclass(frozen=True)
class MadeRule:
    """A rule of a layer: what its YAML says, as plain values."""

    id: str
    layer: str
    says: Mapping[str, Any]

    @property
    def is_particular(self) -> bool:
        """Whether it is about some features, a relation or some values."""
        return bool({"when", "relation", "pixels"} & self.says.keys())


@dataclass(frozen=True)
class MadeWorld:
    """One place in metres of its own: the layers there, the rules, and a site with what is to be built on it."""

    place: int
    layers: tuple[MadeLayer, ...]
    rules: tuple[MadeRule, ...]
    site: shapely.MultiPolygon
    use: str | None
    top_m: float | None

    def placed(self, shape: shapely.Geometry) -> shapely.Geometry:
        """A shape of this world in local metres of the city (`tests.made.ORIGIN`)."""
        return placed(shape, self.place)


def placed(shape: shapely.Geometry, place: int) -> shapely.Geometry:
    """A shape at its place in the row of worlds."""
    return shapely.transform(shape, lambda xy: xy + np.array([APART_M * place, 0.0]))


def rules_yaml(rules: Sequence[MadeRule]) -> str:
    """The rule set as its file says it."""
    return "code: made\nversion: 1\nrules:\n" + "".join(_rule(rule) for rule in rules)


def publish_worlds(
    session: Session, city: City, worlds: Sequence[MadeWorld], folder: Path, *, reverse: bool = False
) -> None:
    """Store the layers of worlds that were made together, in their order or the other way round."""
    layers = list(zip(*(world.layers for world in worlds), strict=True))
    for of_worlds in reversed(layers) if reverse else layers:
        layer = of_worlds[0]
        given = {"control": layer.control, **layer.definition}
        if layer.kind == "raster":
            pixels = np.full((PIXELS, int(APART_M / PIXEL_M) * len(worlds)), -1, layer.pixels.dtype)  # type: ignore[union-attr]
            for world, each in zip(worlds, of_worlds, strict=True):
                rows, columns = each.pixels.shape  # type: ignore[union-attr]
                west = int(APART_M / PIXEL_M) * world.place
                pixels[PIXELS - rows :, west : west + columns] = each.pixels
            transform = north_up(PIXEL_M, height=PIXELS, east=-100, south=-100)
            path = write_tif(folder / f"{layer.code}.tif", pixels, transform=transform, nodata=-1)
            store_raster(session, city, path, layer.code, **given)
            continue
        pairs = list(zip(worlds, of_worlds, strict=True))
        known = [world.placed(part) for world, each in pairs if each.coverage for part in each.coverage.geoms]
        publish(
            session, city, layer.code,
            [world.placed(shape) for world, each in pairs for shape in each.shapes],
            attributes=[{**row, "N": key} for _, each in pairs for key, row in zip(each.keys, each.rows, strict=True)],
            coverage=shapely.MultiPolygon(known) if known else None, source_id_field="N", **given,
        )  # fmt: skip


def made_worlds(seed: int, count: int, *, high: float = 250.0) -> list[MadeWorld]:
    """Worlds of the same layers and rules side by side; every third seed lies on a grid, so that outlines touch and lie on each other."""
    rng = np.random.default_rng(seed)
    grid = 10.0 if seed % 3 == 0 else 0.0
    kinds = [_defined(rng, f"L{number}") for number in range(int(rng.integers(2, 8)))]
    rules = tuple(rule for layer in kinds for rule in _rules(rng, layer))
    # A layer says of everywhere what it knows, or of nowhere.
    limited = {layer.code for layer in kinds if layer.kind != "raster" and rng.random() < 0.25}
    worlds = []
    for place in range(count):
        layers = tuple(_filled(rng, layer, place, high, grid, layer.code in limited) for layer in kinds)
        parts = [_polygon(rng, 0, high / 2, grid) for _ in range(int(rng.integers(1, 4)))]
        worlds.append(
            MadeWorld(
                place,
                layers,
                rules,
                shapely.normalize(_areas(shapely.union_all(parts))),
                use=None if rng.random() < 0.3 else str(rng.choice(["0701", "0902"])),
                top_m=None if rng.random() < 0.3 else float(rng.integers(20, 80)),
            )
        )
    return worlds


def _areas(shape: shapely.Geometry) -> shapely.MultiPolygon:
    return shapely.MultiPolygon([part for part in shapely.get_parts(shape) if part.geom_type == "Polygon"])


def _points(
    rng: np.random.Generator, low: float, high: float, size: tuple[int, ...], grid: float
) -> np.ndarray:
    drawn = rng.uniform(low, high, size)
    return np.round(drawn / grid) * grid if grid else drawn.round(3)


def _polygon(rng: np.random.Generator, low: float, high: float, grid: float) -> shapely.Polygon:
    """A polygon of any form, now and then with a hole, now and then a box."""
    while True:
        if rng.random() < 0.3:
            (west, south), (east, north) = _points(rng, low, high, (2, 2), grid)
            shape = shapely.box(min(west, east), min(south, north), max(west, east), max(south, north))
        else:
            shape = shapely.Polygon(_points(rng, low, high, (int(rng.integers(3, 9)), 2), grid))
        if not shape.is_valid or shape.area < 1:
            continue
        if rng.random() < 0.2:
            holed = shape - _polygon(rng, low, high, grid)
            if holed.geom_type == "Polygon" and holed.is_valid and holed.area > 1:
                return holed
        return shape


def _defined(rng: np.random.Generator, code: str) -> MadeLayer:
    """A layer as it is defined, without features."""
    kind, control = str(rng.choice(KINDS, p=[0.5, 0.2, 0.15, 0.15])), str(rng.choice(CONTROLS))
    given: dict[str, Any]
    if kind == "raster":
        is_classes = rng.random() < 0.4
        given = {"value_kind": "classes" if is_classes else "continuous"}
        given["threshold_share"] = float(rng.choice([0, 0.2, 0.5]))
        if is_classes:
            return MadeLayer(code, kind, control, given | {"threshold_values": [1, 3]})
        given["threshold_above"] = float(rng.integers(10, 60))
        return MadeLayer(
            code, kind, control, given | ({"threshold_below": 5.0} if rng.random() < 0.5 else {})
        )
    given = {
        "tolerance_m2": float(rng.choice([0, 1, 50, 400])),
        "sliver_width_m": float(rng.choice([0, 0.5, 5])),
    }
    chance = rng.random()
    if chance < 0.35:
        given["buffer_m"] = STRICTEST_M if rng.random() < 0.6 else float(rng.integers(1, 40))
        if given["buffer_m"] == STRICTEST_M:
            by: dict[str, Any] = {"field": "DY", "widths": WIDTHS}
            if kind != "polygon":
                by |= {"edge_width_field": "KD", "edge_width_m": 6.0}
            given["buffer_by"] = by
    elif kind == "polygon" and chance < 0.5:
        given["conflict_when"] = "outside"
    return MadeLayer(code, kind, control, given)


def _filled(
    rng: np.random.Generator, layer: MadeLayer, place: int, high: float, grid: float, is_limited: bool
) -> MadeLayer:
    """The layer with what it has at a place."""
    if layer.kind == "raster":
        return replace(layer, pixels=_pixels(rng, layer))
    count = int(rng.integers(1, 7))
    if layer.kind == "polygon":
        shapes = [_polygon(rng, -100, high, grid) for _ in range(count)]
    elif layer.kind == "line":
        corners = _points(rng, -100, high, (count, 3, 2), grid)
        shapes = [line for line in shapely.linestrings(corners) if line.length > 1 and line.is_simple]
        shapes = shapes or [shapely.LineString([(-50, -50), (high, high)])]
    else:
        shapes = list(shapely.points(_points(rng, -100, high, (count, 2), grid)))
    return replace(
        layer,
        shapes=tuple(shapes),
        keys=tuple(f"{place}-{number}" for number in range(len(shapes))),
        rows=tuple(_row(rng) for _ in shapes),
        coverage=shapely.MultiPolygon([_polygon(rng, -150, high + 50, grid)]) if is_limited else None,
    )


def _row(rng: np.random.Generator) -> dict[str, Any]:
    """Attributes as they are found: missing, blank, as a number, with a unit, of no kind that is known."""
    row = {
        "DY": rng.choice([None, "", "66", "110", "220", "220kV", "500", "１１０"]),
        "KD": rng.choice([None, "", "12", "8米", "宽"]),
        "JB": rng.choice([None, "", "一级", "二级", "准", "其他", "I级"]),
        "DM": rng.choice([None, "0103", "010300", "0701", "1207", "0103+0701"]),
        "XG": rng.choice([None, "", "30", "45.5", "60", "高"]),
        "PD": rng.choice([None, "", "1:20", "5%", "0.1", "9"]),
        "FWJ": rng.choice([None, "", "0", "90", "225"]),
    }
    return {key: str(value) for key, value in row.items() if value is not None and rng.random() < 0.9}


def _pixels(rng: np.random.Generator, layer: MadeLayer) -> np.ndarray:
    """Fewer pixels than the ground has, so that part of it is not known; a tenth have no value."""
    is_classes = layer.definition["value_kind"] == "classes"
    size = (int(rng.integers(8, PIXELS)), int(rng.integers(8, PIXELS)))
    pixels = rng.integers(0, 5 if is_classes else 60, size).astype(np.int16 if is_classes else np.float32)
    pixels[rng.random(size) < 0.1] = -1
    return pixels


def _rules(rng: np.random.Generator, layer: MadeLayer) -> list[MadeRule]:
    found = []
    is_areal = layer.kind == "polygon" or layer.definition.get("buffer_m", 0) > 0
    if layer.kind == "raster":
        if rng.random() < 0.4:
            pixels: dict[str, Any] = {"share": float(rng.choice([0, 0.1]))}
            if layer.definition["value_kind"] == "classes":
                pixels["values"] = [2, 4]
            else:
                pixels["above"] = float(rng.integers(5, 50))
            found.append({"control": str(rng.choice(CONTROLS)), "pixels": pixels})
        if layer.definition["value_kind"] == "continuous" and rng.random() < 0.3:
            found.append({"height": {"above": "prohibit", "within": "advise"}})
        return [MadeRule(f"{layer.code}-{n}", layer.code, says) for n, says in enumerate(found)]
    chance = rng.random()
    if chance < 0.2:
        measure = (
            {"area_m2": float(rng.integers(50, 4000))}
            if is_areal
            else {"length_m": float(rng.integers(10, 200))}
        )
        if is_areal and rng.random() < 0.5:
            measure["share"] = float(rng.integers(1, 60)) / 100
        if layer.kind != "point" or is_areal:
            found.append(
                {"control": "prohibit", "threshold": measure, "below": str(rng.choice(CONTROLS[1:]))}
            )
    elif chance < 0.35:
        found.append({"matrix": {"field": "DM", "uses": USES}})
    elif chance < 0.5 and layer.kind == "polygon":
        found.append(
            {
                "height": {
                    "limit": "XG",
                    "slope": "PD",
                    "azimuth": "FWJ",
                    "above": "prohibit",
                    "within": "inform",
                }
            }
        )
    elif chance < 0.6:
        found.append({"control": str(rng.choice(CONTROLS))})
    if found and layer.kind == "polygon" and "conflict_when" not in layer.definition and rng.random() < 0.4:
        found[0]["gap"] = {"control": str(rng.choice(CONTROLS)), "finding": "x", "finding_en": "x"}
    if rng.random() < 0.4:
        for grade in GRADES[: int(rng.integers(1, 4))]:
            found.append({"control": str(rng.choice(CONTROLS)), "when": {"field": "JB", "values": [grade]}})
    for _ in range(int(rng.integers(0, 3))):
        if rng.random() < 0.6:
            found.append(_of_relation(rng, layer, is_areal=is_areal))
    return [MadeRule(f"{layer.code}-{n}", layer.code, says) for n, says in enumerate(found)]


def _of_relation(rng: np.random.Generator, layer: MadeLayer, *, is_areal: bool) -> dict[str, Any]:
    of_kind = {
        "polygon": ["overlaps", "within", "covers"],
        "line": ["crosses", "contains"],
        "point": ["contains"],
    }
    kind = "polygon" if layer.kind == "point" and is_areal else layer.kind
    relation = str(rng.choice([*of_kind[kind], "touches", "within_distance"]))
    says: dict[str, Any] = {"control": str(rng.choice(CONTROLS)), "relation": relation}
    if relation == "within_distance":
        says["distance_m"] = STRICTEST_M if rng.random() < 0.5 else float(rng.integers(1, 80))
        if says["distance_m"] == STRICTEST_M:
            says["distance_by"] = {
                "field": "DY",
                "widths": WIDTHS,
                "edge_width_field": "KD",
                "edge_width_m": 6.0,
            }
    if rng.random() < 0.3:
        says["when"] = {"field": "JB", "values": [str(rng.choice(GRADES))]}
    return says


def _rule(rule: MadeRule) -> str:
    words = {
        "id": rule.id, "layer": rule.layer, "title": "规则", "title_en": "Rule", "finding": "'{area_m2}㎡'",
        "finding_en": "'{area_m2} m2'", "remedy": "避让", "remedy_en": "Keep off", "basis": "[《示例》第一条]",
        "last_checked_on": "2026-11-01",
    }  # fmt: skip
    lines = [f"{key}: {value}" for key, value in words.items()]
    lines += [f"{key}: {_flow(value)}" for key, value in rule.says.items()]
    return "  - " + "\n    ".join(lines) + "\n"


def _flow(value: Any) -> str:
    """A value in the flow style of YAML; texts in quotation marks, so that 0103 stays one."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f'"{key}": {_flow(each)}' for key, each in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_flow, value)) + "]"
    return f'"{value}"' if isinstance(value, str) else f"{value}"
