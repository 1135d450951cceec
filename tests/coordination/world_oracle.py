"""What a check must say of a made world, worked out from the definitions with shapely and numpy alone: no statement, no parts, no rule engine."""

import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import shapely

from tests.coordination.made_worlds import CONTROLS, PIXEL_M, USES, WIDTHS, MadeLayer, MadeRule, MadeWorld

NOISE_M = 1e-6
ROUND = 160
"""Segments a quarter circle: within a millimetre up to 100 m."""
DRAWN_M = 0.012
"""A zone is drawn to the centimetre."""
HIGHEST_TOP_M = 9_000.0
Measure = Callable[[shapely.Geometry], float]


@dataclass
class Told:
    """One finding: what it is of, its control, and its figures."""

    layer: str
    source_id: str | None
    rule: str | None
    control: str
    relation: str
    m2: float
    length_m: float = 0.0
    points: int = 0
    distance_m: float = 0.0
    sliver: bool = False
    shape: shapely.Geometry | None = None
    attributes: Mapping[str, Any] | None = None
    is_feature: bool = True
    is_asked: bool = False
    slack_m2: float = 0.0
    """By how much the area may be otherwise: the edge of a zone is drawn to the centimetre."""


@dataclass(frozen=True)
class Expected:
    """All that is compared: findings, by layer its outcome, control and union, the ledger, the verdict."""

    findings: list[Told]
    outcomes: dict[str, str]
    controls: dict[str, str]
    union_m2: dict[str, float]
    ledger: dict[str, float]
    verdict: str


def worst(controls: Iterable[str], default: str) -> str:
    """The one that weighs most."""
    return min(controls, key=CONTROLS.index, default=default)


def expected(world: MadeWorld, measure: Measure) -> Expected:
    """What is to be said of the world's site; areas by `measure`."""
    found: list[Told] = []
    outcomes, controls, unions = {}, {}, {}
    for layer in world.layers:
        rules = [rule for rule in world.rules if rule.layer == layer.code]
        general = next((rule for rule in rules if not rule.is_particular), None)
        own = [rule for rule in rules if rule.is_particular]
        if layer.kind == "raster":
            told, is_known, union = _of_raster(world, layer, general, own, measure)
        else:
            told, union = _of_features(world, layer, general, own, measure)
            is_known = layer.coverage is None or shapely.covers(layer.coverage, world.site)
        found += told
        is_hit = any(not each.sliver for each in told)
        outcomes[layer.code] = "conflict" if is_hit else "clear" if is_known else "outside_coverage"
        base = _governed(layer, general)
        counted = [each.control for each in told if each.relation != "uncovered"]
        controls[layer.code] = worst(counted, base)
        unions[layer.code] = union
    return Expected(found, outcomes, controls, unions, _ledger(world.site, found, measure), _verdict(found))


def _verdict(found: list[Told]) -> str:
    severities = ["inform" if each.sliver else each.control for each in found]
    return worst(severities, "clear")


def _ledger(site: shapely.Geometry, found: list[Told], measure: Measure) -> dict[str, float]:
    """By unions alone: of what is left after a difference GEOS's next intersection may be larger than either."""
    taken: list[shapely.Geometry] = []
    pieces, before = {}, 0.0
    for control, name in zip(CONTROLS, ("prohibited_m2", "restricted_m2", "advised_m2"), strict=False):
        taken += [
            told.shape
            for told in found
            if told.shape is not None
            and told.control == control
            and not told.sliver
            and shapely.get_dimensions(told.shape) == 2
        ]
        after = measure(areal(shapely.union_all(taken))) if taken else 0.0
        pieces[name], before = after - before, after
    return pieces | {"conflict_free_m2": measure(site) - before}


def areal(shape: shapely.Geometry) -> shapely.Geometry:
    """The areas of a shape."""
    return shapely.MultiPolygon(
        [part for part in shapely.get_parts(shape, return_index=False) if part.geom_type == "Polygon"]
        if shape.geom_type != "GeometryCollection"
        else [p for part in shape.geoms for p in shapely.get_parts(part) if p.geom_type == "Polygon"]
    )


def _governed(layer: MadeLayer, general: MadeRule | None) -> str:
    if general is None:
        return layer.control
    if layer.kind == "raster" and "height" in general.says:
        return str(general.says["height"]["above"])
    return str(general.says.get("control", layer.control))


def _is_noise(shape: shapely.Geometry) -> bool:
    return 2 * shape.area <= NOISE_M * shape.length


def _is_sliver(shape: shapely.Geometry, m2: float, layer: MadeLayer) -> bool:
    width = layer.definition.get("sliver_width_m", 0.0)
    is_thin = (
        2 * shape.area <= width * shape.length and shapely.buffer(shape, -width / 2, quad_segs=8).is_empty
    )
    return m2 < layer.definition.get("tolerance_m2", 0.0) or is_thin


def _of_features(
    world: MadeWorld, layer: MadeLayer, general: MadeRule | None, own: list[MadeRule], measure: Measure
) -> tuple[list[Told], float]:
    site, given = world.site, layer.definition
    is_outside = given.get("conflict_when") == "outside"
    base = _governed(layer, general)
    found: list[Told] = []
    if is_outside:
        beyond = areal(shapely.difference(site, shapely.union_all(layer.shapes)))
        if not _is_noise(beyond):
            m2 = measure(beyond)
            found.append(
                Told(layer.code, None, None, base, "outside", m2, sliver=_is_sliver(beyond, m2, layer), shape=beyond, is_feature=False)
            )  # fmt: skip
    else:
        for key, shape, row in zip(layer.keys, layer.shapes, layer.rows, strict=True):
            told = _met(site, layer, shape, row, measure)
            if told is not None:
                told.source_id, told.attributes, told.control = key, row, base
                found.append(told)
    shapes = [
        told.shape for told in found if told.shape is not None and shapely.get_dimensions(told.shape) == 2
    ]
    union_m2 = measure(areal(shapely.union_all(shapes))) if shapes else 0.0
    _soften(world, layer, general, found, union_m2, base, measure)
    for told in found:
        _rule_on(world, layer, general, own, told)
    if not is_outside and general is not None and "gap" in general.says:
        found += _gap(world, layer, general, measure)
    for rule in own:
        if _asks(rule, layer):
            for key, shape, row in zip(layer.keys, layer.shapes, layer.rows, strict=True):
                asked = _asked(site, layer, rule, shape, row, measure)
                if asked is not None:
                    asked.source_id = key
                    found.append(asked)
    return found, union_m2


def _met(
    site: shapely.Geometry,
    layer: MadeLayer,
    shape: shapely.Geometry,
    row: Mapping[str, Any],
    measure: Measure,
) -> Told | None:
    common = shapely.intersection(site, shape)
    dimension = shapely.get_dimensions(shape)
    buffer_m = layer.definition.get("buffer_m", 0.0)
    length_m, points, is_body = 0.0, 0, False
    if dimension == 2:
        is_body = not _is_noise(areal(common))
    elif dimension == 1:
        length_m = shapely.length(common)
        is_body = length_m > NOISE_M
    else:
        is_body = not common.is_empty
        points = int(is_body)
    if not is_body:
        length_m = 0.0
    is_on_edge = is_body and dimension < 2 and shapely.covered_by(common, shapely.boundary(site))
    if buffer_m:
        by = layer.definition.get("buffer_by")
        reach = _reach(buffer_m, by, row)
        zone = shapely.buffer(shape, reach, quad_segs=ROUND)
    elif dimension == 2:
        zone = shape
    else:
        if not is_body:
            return None
        return Told(
            layer.code, None, None, "", _thin_relation(shape, length_m, is_on_edge), 0.0, length_m, points
        )
    shared = areal(shapely.intersection(site, zone))
    if _is_noise(shared):
        return None
    m2, slack_m2 = measure(shared), DRAWN_M * shared.length if buffer_m else 0.0
    relation = "overlaps"
    if buffer_m and not is_body:
        relation = "within_distance"
    elif buffer_m and dimension == 1:
        relation = _thin_relation(shape, length_m, is_on_edge)
    elif site.area - shared.area <= NOISE_M * site.length:
        relation = "within"
    elif zone.area - shared.area <= NOISE_M * shared.length:
        relation = "covers"
    return Told(
        layer.code, None, None, "", relation, m2, length_m, points,
        0.0 if is_body else float(shapely.distance(site, shape)), _is_sliver(shared, m2, layer), shared, slack_m2=slack_m2,
    )  # fmt: skip


def _thin_relation(shape: shapely.Geometry, length_m: float, is_on_edge: bool) -> str:
    if is_on_edge:
        return "touches"
    if shapely.get_dimensions(shape) == 0 or shape.length - length_m <= NOISE_M:
        return "contains"
    return "crosses"


def _text(value: Any) -> str:
    return unicodedata.normalize("NFKC", str(value if value is not None else "")).strip()


def _reach(strictest_m: float, by: Mapping[str, Any] | None, row: Mapping[str, Any]) -> float:
    """The width of the voltage, the strictest for one that is missing or not listed, and half the thing's own width."""
    if by is None:
        return strictest_m
    width = WIDTHS.get(_text(row.get("DY")).removesuffix("kV"), strictest_m)
    if "edge_width_field" not in by:
        return width
    number = re.match(r"\d+", _text(row.get("KD")))
    return width + (float(number.group()) if number else 6.0) / 2


def _soften(
    world: MadeWorld,
    layer: MadeLayer,
    general: MadeRule | None,
    found: list[Told],
    union_m2: float,
    base: str,
    measure: Measure,
) -> None:
    if general is None or "threshold" not in general.says or not any(not told.sliver for told in found):
        return
    least = general.says["threshold"]
    lines = [shapely.intersection(world.site, s) for s in layer.shapes if shapely.get_dimensions(s) == 1]
    length_m = shapely.length(shapely.union_all(lines)) if lines else 0.0
    share = union_m2 / measure(world.site)
    is_reached = (
        union_m2 >= least.get("area_m2", np.inf) * (1 - 1e-9)
        or share >= least.get("share", np.inf) * (1 - 1e-9)
        or length_m >= least.get("length_m", np.inf) * (1 - 1e-9)
    )
    below = general.says["below"]
    if not is_reached and CONTROLS.index(below) > CONTROLS.index(base):
        for told in found:
            told.control = below


def _is_meant(when: Mapping[str, Any] | None, row: Mapping[str, Any]) -> bool:
    if when is None:
        return True
    value = _text(row.get("JB")).replace("I级", "一级")
    return value == "" or value in when["values"]


def _asks(rule: MadeRule, layer: MadeLayer) -> bool:
    relation = rule.says.get("relation")
    return (
        relation == "within_distance"
        or (relation == "touches" and layer.kind == "polygon")
        or layer.definition.get("conflict_when") == "outside"
    )


def _fits(relation: str | None, told: Told, shape: shapely.Geometry | None) -> bool:
    if relation == "covers" and told.relation == "within":
        return (
            told.shape is not None
            and shape is not None
            and abs(shape.area - told.shape.area) <= NOISE_M * told.shape.length
        )
    return relation in (None, told.relation) or (
        relation == "overlaps" and told.relation in ("within", "covers")
    )


def _rule_on(
    world: MadeWorld, layer: MadeLayer, general: MadeRule | None, own: list[MadeRule], told: Told
) -> None:
    """The control of what was met: the strictest of the particular rules that fit, else the general one's class or height."""
    row = told.attributes or {}
    shape = _whole(layer, told)
    fitting = [
        rule
        for rule in own
        if not _asks(rule, layer)
        and _fits(rule.says.get("relation"), told, shape)
        and _is_meant(rule.says.get("when"), row)
    ]
    told.rule = general.id if general is not None else None
    if fitting:
        rule = min(fitting, key=lambda each: CONTROLS.index(each.says["control"]))
        told.control, told.rule = rule.says["control"], rule.id
    elif general is not None and told.is_feature and "matrix" in general.says:
        told.control = _by_class(world.use, row)
    elif general is not None and told.is_feature and "height" in general.says:
        told.control = _by_height(general.says["height"], world.top_m, row, layer, told)


def _whole(layer: MadeLayer, told: Told) -> shapely.Geometry | None:
    if told.source_id is None:
        return None
    number = layer.keys.index(told.source_id)
    shape, buffer_m = layer.shapes[number], layer.definition.get("buffer_m", 0.0)
    if not buffer_m:
        return shape
    reach = _reach(buffer_m, layer.definition.get("buffer_by"), layer.rows[number])
    return shapely.buffer(shape, reach, quad_segs=ROUND)


def _by_class(use: str | None, row: Mapping[str, Any]) -> str:
    rows = list(USES.values()) if use is None else [USES.get(use, USES["*"])]
    value = _text(row.get("DM"))
    if not value:
        return worst((control for each in rows for control in each.values()), "inform")

    def of(each: Mapping[str, str], code: str) -> str:
        padded = code[:4] if code.endswith("00") else code
        return each.get(padded) or each.get(padded[:2]) or each["*"]

    mildest = [max((of(each, part) for part in value.split("+")), key=CONTROLS.index) for each in rows]
    return worst(mildest, "inform")


def _by_height(
    height: Mapping[str, str], top_m: float | None, row: Mapping[str, Any], layer: MadeLayer, told: Told
) -> str:
    limit = {"30": 30.0, "45.5": 45.5, "60": 60.0}.get(_text(row.get("XG")))
    if limit is None or top_m is None:
        return height["above"]
    slope = {"1:20": 0.05, "5%": 0.05, "0.1": 0.1}.get(_text(row.get("PD")))
    azimuth = {"0": 0.0, "90": 90.0, "225": 225.0}.get(_text(row.get("FWJ")))
    zone = layer.shapes[layer.keys.index(told.source_id or "")]
    if slope is not None and azimuth is not None:
        turn = np.radians(azimuth)
        along = [shapely.get_coordinates(s) @ [np.sin(turn), np.cos(turn)] for s in (zone, told.shape)]
        limit += slope * max(0.0, along[1].min() - along[0].min())
    elif slope is not None and isinstance(zone, shapely.Polygon) and zone.interiors:
        limit += slope * min(shapely.distance(ring, told.shape) for ring in zone.interiors)
    return height["above"] if top_m > limit else height["within"]


def _gap(world: MadeWorld, layer: MadeLayer, general: MadeRule, measure: Measure) -> list[Told]:
    known = world.site
    if layer.coverage is not None:
        known = areal(shapely.intersection(known, layer.coverage))
    gap = areal(shapely.difference(known, shapely.union_all(layer.shapes)))
    if _is_noise(gap):
        return []
    m2 = measure(gap)
    return [
        Told(
            layer.code, None, general.id, general.says["gap"]["control"], "uncovered", m2,
            sliver=_is_sliver(gap, m2, layer), shape=gap, is_feature=False,
        )
    ]  # fmt: skip


def _asked(
    site: shapely.Geometry,
    layer: MadeLayer,
    rule: MadeRule,
    shape: shapely.Geometry,
    row: Mapping[str, Any],
    measure: Measure,
) -> Told | None:
    if not _is_meant(rule.says.get("when"), row):
        return None
    common, relation = shapely.intersection(site, shape), rule.says.get("relation", "overlaps")
    told = Told(layer.code, None, rule.id, rule.says["control"], relation, 0.0, attributes=row, is_asked=True)
    told.distance_m = float(shapely.distance(site, shape))
    if relation == "touches":
        if told.distance_m > NOISE_M or not _is_noise(areal(common)):
            return None
        told.length_m = shapely.length(common)
        return told
    zone = shape
    if relation == "within_distance":
        reach = _reach(rule.says["distance_m"], rule.says.get("distance_by"), row)
        zone = shapely.buffer(shape, reach, quad_segs=ROUND)
    shared = areal(shapely.intersection(site, zone))
    if _is_noise(shared):
        return None
    if relation == "within" and site.area - common.area > NOISE_M * site.length:
        return None
    if relation == "covers" and shape.area - common.area > NOISE_M * common.length:
        return None
    told.shape, told.m2 = shared, measure(shared)
    told.slack_m2 = DRAWN_M * shared.length if relation == "within_distance" else 0.0
    told.sliver = _is_sliver(shared, told.m2, layer)
    if shapely.get_dimensions(shape) == 1:
        told.length_m = shapely.length(common)
    told.points = int(shapely.get_dimensions(shape) == 0 and not common.is_empty)
    return told


def _of_raster(
    world: MadeWorld, layer: MadeLayer, general: MadeRule | None, own: list[MadeRule], measure: Measure
) -> tuple[list[Told], bool, float]:
    """Every pixel cut by the site, one by one."""
    assert layer.pixels is not None
    given = layer.definition
    rows, columns = np.indices(layer.pixels.shape)
    west, north = -100 + PIXEL_M * columns, -100 + PIXEL_M * (len(layer.pixels) - rows)
    boxes = shapely.box(west, north - PIXEL_M, west + PIXEL_M, north)
    cut = shapely.intersection(boxes, world.site)
    shares = shapely.area(cut) / world.site.area
    is_known = layer.pixels != -1
    whole = {
        "above": given.get("threshold_above"),
        "below": given.get("threshold_below"),
        "values": given.get("threshold_values", ()),
    }
    share = given["threshold_share"]
    if general is not None and "height" in general.says:
        whole = {"below": world.top_m if world.top_m is not None else HIGHEST_TOP_M}
    found, site_m2 = [], measure(world.site)
    met_m2 = 0.0
    asked = [(general, whole, share)]
    asked += [(rule, rule.says["pixels"], rule.says["pixels"].get("share", 0.0)) for rule in own]
    for rule, says, least in asked:
        holds = is_known & _holds(layer.pixels, says)
        met = float(shares[holds].sum())
        is_own = rule is None or not rule.is_particular
        if is_own:
            met_m2 = met * site_m2
        if met > least + 1e-7:
            control = _governed(layer, general) if is_own else rule.says["control"]  # type: ignore[union-attr]
            shape = areal(shapely.union_all([areal(each) for each in cut[holds]]))
            found.append(
                Told(
                    layer.code, None, rule.id if rule is not None else None, control,
                    "within" if met >= 1 - 1e-6 else "overlaps", met * site_m2, shape=shape, is_feature=False, is_asked=not is_own,
                )
            )  # fmt: skip
    return found, bool(shares[is_known].sum() >= 1 - 1e-6), met_m2


def _holds(pixels: np.ndarray, says: Mapping[str, Any]) -> np.ndarray:
    holds = np.zeros(pixels.shape, dtype=bool)
    if says.get("above") is not None:
        holds |= pixels > says["above"]
    if says.get("below") is not None:
        holds |= pixels < says["below"]
    return holds | np.isin(pixels, says.get("values", ()))
