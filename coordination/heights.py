"""Height against a surface (限高面): how high a building may be at a place, and whether the project's highest point stays below.

A surface is level (内水平面), rises away from the zone's inner edge (锥形面, `slope` alone), or rises towards an azimuth (进近面,
`slope` and `azimuth`). Elevations in metres above the 1985 national height datum; pure but for shapes.
"""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

from blueprint.errors import InvalidInputError
from blueprint.layers.models import Control
from coordination.use_matrix import Ruling

LOWEST_TOP_M, HIGHEST_TOP_M = -500.0, 9_000.0
"""Between these lies the highest point of any project."""

_STEEPEST = 1.0
"""No surface rises steeper (a transitional one 1:7): 5 is probably meant as 5 %, and is not taken."""

_RATIO = re.compile(r"(\d+(?:\.\d+)?)\s*[:：/]\s*(\d+(?:\.\d+)?)", re.ASCII)
_PERCENT = re.compile(r"(\d+(?:\.\d+)?)\s*[%％]", re.ASCII)


@dataclass(frozen=True)
class HeightRule:
    """The fields of a zone that hold its surface, and the control of a project that stays `within` it or reaches `above`.

    `limit_field` holds the elevation of the surface, at its lowest edge where it rises. A raster layer names no field: its
    pixels are the elevations.
    """

    above: Control
    within: Control
    limit_field: str | None = None
    slope_field: str | None = None
    azimuth_field: str | None = None

    def rule(
        self, top_m: float | None, attributes: Mapping[str, Any], zone: BaseGeometry, shared: BaseGeometry
    ) -> Ruling:
        """The control of one zone for a project whose highest point is at `top_m`, and why; what is not known counts as above.

        `shared` is the common area of the project's site and the zone: the surface counts where it is lowest in it.
        """
        limit_m, assumed = self._lowest_m(attributes, zone, shared)
        if limit_m is None:
            return Ruling(self.above, assumed or "")
        told = f"该处限高 {limit_m:.2f} m（1985 高程）"
        told_en = f"the limit here is {limit_m:.2f} m"
        if top_m is None:
            reason = (
                f"{told}，未给出拟建最高点高程，从严认定 {told_en}; the project's highest point is not given"
            )
            return Ruling(self.above, _joined(reason, assumed))
        if top_m > limit_m:
            over_m = top_m - limit_m
            reason = (
                f"{told}，拟建最高点 {top_m:.2f} m，超出 {over_m:.2f} m {told_en}; "
                f"the highest point of {top_m:.2f} m is {over_m:.2f} m above it"
            )
            return Ruling(self.above, _joined(reason, assumed))
        reason = (
            f"{told}，拟建最高点 {top_m:.2f} m，未超出 {told_en}; "
            f"the highest point of {top_m:.2f} m stays {limit_m - top_m:.2f} m below it"
        )
        return Ruling(self.within, _joined(reason, assumed))

    def _lowest_m(
        self, attributes: Mapping[str, Any], zone: BaseGeometry, shared: BaseGeometry
    ) -> tuple[float | None, str | None]:
        """Where the surface is lowest over what is shared, in metres; None, and why, where the zone does not say it."""
        limit_m = _number(attributes.get(self.limit_field or ""))
        if limit_m is None:
            return None, (
                f"图斑缺少限高 {self.limit_field}，从严认定 the zone has no {self.limit_field}: the strictest holds"
            )
        if self.slope_field is None:
            return limit_m, None
        slope = slope_of(attributes.get(self.slope_field))
        if slope is None:
            return limit_m, (
                f"图斑缺少坡度 {self.slope_field}，按起始高程认定"
                f" the zone has no {self.slope_field}: its lowest elevation is taken"
            )
        towards = attributes.get(self.azimuth_field or "")
        azimuth = _number(towards)
        if azimuth is None and str(towards if towards is not None else "").strip():
            return limit_m, (
                f"图斑方位 {self.azimuth_field} 不是度数，按起始高程认定"
                f" {self.azimuth_field} of the zone is no number of degrees: its lowest elevation is taken"
            )
        if azimuth is not None:
            return limit_m + slope * _run_along(zone, shared, azimuth), None
        inner = _inner_edge(zone)
        if inner.is_empty:
            return limit_m, (
                "锥形面没有内边，按起始高程认定 a rising surface without an inner edge: its lowest elevation is taken"
            )
        return limit_m + slope * float(shapely.distance(inner, shared)), None


def of_raster(rule: HeightRule, top_m: float | None) -> Ruling:
    """The control where a raster of limiting elevations lies below the project's highest point, and why."""
    if top_m is None:
        return Ruling(
            rule.above,
            "未给出拟建最高点高程，从严认定 the project's highest point is not given: the strictest holds",
        )
    return Ruling(
        rule.above,
        f"限高低于拟建最高点 {top_m:.2f} m（1985 高程） the limit lies below the highest point of {top_m:.2f} m",
    )


def checked_top_m(top_m: float | None) -> float | None:
    """The elevation of a project's highest point; InvalidInputError for one that no building has."""
    if top_m is not None and not LOWEST_TOP_M <= top_m <= HIGHEST_TOP_M:
        raise InvalidInputError(
            "the highest point (拟建最高点高程) is an elevation in metres from {lowest_top_m:g} to"
            " {highest_top_m:g}, not {top_m:g}",
            lowest_top_m=LOWEST_TOP_M,
            highest_top_m=HIGHEST_TOP_M,
            top_m=top_m,
            place="top_m",
        )
    return top_m


def slope_of(raw: Any) -> float | None:
    """A slope as rise by run: 0.05, "5%" and "1:20" are the same; None for what is none, or steeper than 45°."""
    text = str(raw if raw is not None else "").strip()
    if found := _RATIO.fullmatch(text):
        return float(found[1]) / float(found[2]) if float(found[2]) else None
    if found := _PERCENT.fullmatch(text):
        return float(found[1]) / 100
    value = _number(raw)
    return value if value is not None and 0 <= value <= _STEEPEST else None


def _number(raw: Any) -> float | None:
    try:
        value = float(raw)
    except (TypeError, ValueError):
        return None
    return value if math.isfinite(value) else None


def _inner_edge(zone: BaseGeometry) -> BaseGeometry:
    """The edge of the holes: around them a conical surface rises."""
    polygons = [part for part in shapely.get_parts(zone) if part.geom_type == "Polygon"]
    return shapely.MultiLineString([ring for polygon in polygons for ring in polygon.interiors])


def _run_along(zone: BaseGeometry, shared: BaseGeometry, azimuth: float) -> float:
    """How far what is shared lies from the zone's lowest edge, in the direction of rise (degrees from north, clockwise)."""
    direction = np.array([math.sin(math.radians(azimuth)), math.cos(math.radians(azimuth))])
    lowest, nearest = (float((shapely.get_coordinates(shape) @ direction).min()) for shape in (zone, shared))
    return max(0.0, nearest - lowest)


def _joined(reason: str, assumed: str | None) -> str:
    return f"{reason}；{assumed}" if assumed is not None else reason
