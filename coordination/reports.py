"""A check report for people and maps: GeoJSON of the conflicts, a page to print."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import shapely
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from shapely.geometry import mapping
from shapely.geometry.base import BaseGeometry

from blueprint.city import City
from blueprint.city_router import to_lonlat
from blueprint.footprint import Footprint
from coordination.check_report import CheckReport, Reader
from coordination.figures import hectares
from coordination.report_words import OUTCOME_WORDS, RELATION_WORDS, SEVERITY_WORDS, SIZE_WORDS

_TEMPLATES = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def to_geojson(report: CheckReport, footprint: Footprint, *, city: City) -> dict[str, Any]:
    """The footprint and the shape of every finding as GeoJSON, longitude first (CGCS2000 equals WGS 84 at this accuracy)."""
    site = {
        "kind": "footprint",
        "verdict": str(report.verdict),
        "digest": report.digest,
        "check_id": report.check_id,
        "area_m2": report.footprint.area_m2,
    }
    features = [_feature(footprint.geometry, site, city)]
    for finding, document in zip(report.findings, report.to_json()["findings"], strict=True):
        features.append(_feature(finding.shape, {"kind": "finding", **document}, city))
    reader = report.reader.to_json() if report.reader is not None else None
    return {"type": "FeatureCollection", "reader": reader, "features": features}


def _feature(shape: BaseGeometry | None, properties: dict[str, Any], city: City) -> dict[str, Any]:
    geometry = mapping(to_lonlat(shape, city)) if shape is not None else None
    return {"type": "Feature", "properties": properties, "geometry": geometry}


def to_html(report: CheckReport, footprint: Footprint, *, city: City, name: str = "") -> str:
    """The report as one self-contained page: verdict, map, ledger, findings, every layer, versions and digest."""
    departments = {department.code: department.name for department in city.departments}
    return _TEMPLATES.get_template("check_report.html").render(
        report=report,
        city=city,
        name=name,
        departments=departments,
        titles={layer.code: layer.title for layer in report.layers},
        picture=_picture(report, footprint),
        severity_words=SEVERITY_WORDS,
        outcome_words=OUTCOME_WORDS,
        relation_words=RELATION_WORDS,
        size_words=SIZE_WORDS,
        hectares=hectares,
        reader_line=reader_line(report.reader) if report.reader is not None else "",
    )


def reader_line(reader: Reader) -> str:
    """Whom a document was given to, as its footer and its metadata say it: account, department, instant, grants."""
    grants = "、".join(f"{grant.number} ({grant.layer}: {grant.purpose})" for grant in reader.grants)
    granted = f" · 授权编号 grants {grants}" if grants else ""
    return (
        f"{reader.account} · {reader.department or '—'} · {reader.at.isoformat(timespec='seconds')}{granted}"
    )


def _picture(report: CheckReport, footprint: Footprint) -> dict[str, Any]:
    """What an SVG of the site needs: y points down, the frame is the site and a tenth around it."""
    shapes = [f.shape for f in report.findings if f.shape is not None]
    west, south, east, north = shapely.total_bounds([footprint.geometry])
    margin = max(east - west, north - south, 1.0) * 0.1
    west, south, east, north = west - margin, south - margin, east + margin, north + margin
    width, height = east - west, north - south
    scale = 600 / max(width, height)

    def path(shape: shapely.Geometry) -> str:
        return " ".join(_paths(shape, west, north, scale))

    return {
        "width": round(width * scale),
        "height": round(height * scale),
        "site": path(footprint.geometry),
        "findings": [
            {
                "severity": str(finding.severity),
                "path": path(finding.shape),
                "is_line": finding.shape.geom_type.endswith("LineString"),
                "label": f"{finding.layer} {finding.source_id or finding.feature_id or ''}",
            }
            for finding in reversed(report.findings)
            if finding.shape is not None and not finding.shape.geom_type.endswith("Point")
        ],
        "points": [
            [round((p.x - west) * scale, 1), round((north - p.y) * scale, 1)]
            for shape in shapes
            if shape.geom_type.endswith("Point")
            for p in shapely.get_parts(shape)
        ],
        "bar_m": _bar(width),
        "bar_px": round(_bar(width) * scale),
    }


def _bar(width_m: float) -> int:
    return max(
        step
        for step in (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000)
        if step <= max(width_m / 3, 1)
    )


def _paths(shape: shapely.Geometry, west: float, north: float, scale: float) -> Iterable[str]:
    for part in shapely.get_parts(shape):
        rings = [part.exterior, *part.interiors] if part.geom_type == "Polygon" else [part]
        for ring in rings:
            points = " L".join(f"{(x - west) * scale:.1f} {(north - y) * scale:.1f}" for x, y in ring.coords)
            yield f"M{points}{'Z' if part.geom_type == 'Polygon' else ''}"
