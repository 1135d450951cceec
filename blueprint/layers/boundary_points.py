"""Boundary points (界址点坐标) of a 勘测定界 TXT file, as land surveyors hand over a red line.

Sections in brackets: `[属性描述]` holds `key=value` lines with the coordinate system, `[地块坐标]` the parcels: a header
line that ends in `@`, then one line a point: number, ring, X (northing first), Y (easting, with or without the zone).
"""

import re
from dataclasses import dataclass, field

import shapely

from blueprint.errors import InvalidInputError

MAX_BYTES = 5 << 20
MAX_POINTS = 100_000
AREA_TOLERANCE = 0.01
"""A stated area may differ by this share from the coordinates' before it is told."""

_ENCODINGS = ("utf-8-sig", "gb18030")
_SECTION = re.compile(r"^\[(.+)\]$")
_FOREIGN_DATUMS = (
    "西安80",
    "西安1980",
    "1980西安",
    "80西安",
    "1980 西安",
    "北京54",
    "1954北京",
    "54北京",
    "北京1954",
)
_FIRST_ZONE, _LAST_ZONE = 25, 45
_ZONE_M = 1_000_000.0


@dataclass(frozen=True)
class Parcel:
    """A parcel (地块): its polygon in easting, northing (metres); `area_ha` as the file states it."""

    number: str
    name: str
    area_ha: float | None
    purpose: str
    geometry: shapely.Polygon


@dataclass(frozen=True)
class BoundaryPointFile:
    """What a file says: its CRS as EPSG:n where it can be told, its parcels, and what looked odd."""

    crs: str | None
    parcels: tuple[Parcel, ...]
    warnings: tuple[str, ...]


@dataclass
class _Draft:
    header: list[str]
    line: int
    rings: dict[str, list[tuple[float, float]]] = field(default_factory=dict)


def read_boundary_points(content: bytes) -> BoundaryPointFile:
    """Read a boundary-point file; InvalidInputError names the line that cannot be read."""
    if len(content) > MAX_BYTES:
        raise InvalidInputError(
            "the boundary-point file is larger than 5 MB; hand over one project at a time"
        )
    facts, drafts = _sections(_decoded(content))
    system = facts.get("坐标系", "")
    if any(name in system for name in _FOREIGN_DATUMS):
        raise InvalidInputError(
            f"the boundary points are in {system}; have them transformed to CGCS2000 with official parameters"
        )
    if not drafts:
        raise InvalidInputError(
            "the file has no [地块坐标] section with parcels; it is no boundary-point file"
        )
    has_prefix = _has_zone_prefix(drafts)
    parcels, warnings = [], []
    for draft in drafts:
        parcel = _parcel(draft)
        parcels.append(parcel)
        warnings += _area_warning(parcel)
    return BoundaryPointFile(_crs(facts, drafts, has_prefix=has_prefix), tuple(parcels), tuple(warnings))


def _decoded(content: bytes) -> str:
    for encoding in _ENCODINGS:
        try:
            return content.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise InvalidInputError(
        "the boundary-point file is neither UTF-8 nor GB18030 text; save it as one of them"
    )


def _sections(text: str) -> tuple[dict[str, str], list[_Draft]]:
    section, facts, drafts, points = "", {}, [], 0
    for number, raw in enumerate(text.splitlines(), start=1):
        line = raw.strip()
        if not line:
            continue
        if match := _SECTION.match(line):
            section = match[1].strip()
        elif section == "属性描述":
            key, _, value = line.partition("=")
            facts[key.strip()] = value.strip()
        elif section == "地块坐标" and line.endswith("@"):
            drafts.append(_Draft([part.strip() for part in line.rstrip("@").split(",")], number))
        elif section == "地块坐标":
            points += 1
            if points > MAX_POINTS:
                raise InvalidInputError(
                    f"the boundary-point file has more than {MAX_POINTS:,} points; split it"
                )
            _add_point(drafts, line, number)
    return facts, drafts


def _add_point(drafts: list[_Draft], line: str, number: int) -> None:
    parts = [part.strip() for part in line.split(",")]
    if not drafts:
        raise InvalidInputError(f"line {number}: a point before any parcel line (one that ends in @)")
    try:
        ring, northing, easting = parts[1], float(parts[2]), float(parts[3])
    except (IndexError, ValueError):
        message = f"line {number}: {line[:60]!r} is no boundary point; write it as J1,1,northing,easting"
        raise InvalidInputError(message) from None
    if not (abs(northing) < 1e9 and abs(easting) < 1e9):
        raise InvalidInputError(f"line {number}: a coordinate is not a finite number of metres")
    drafts[-1].rings.setdefault(ring, []).append((easting, northing))


def _parcel(draft: _Draft) -> Parcel:
    """The first ring is the outline; a later one is a hole where it lies within, else the parcel is refused."""
    if not draft.rings or any(len(set(points)) < 3 for points in draft.rings.values()):
        raise InvalidInputError(f"line {draft.line}: a ring of this parcel has fewer than three points")
    shell, *holes = draft.rings.values()
    outline = shapely.Polygon(shell)
    for hole in holes:
        if outline.is_valid and not outline.covers(shapely.Polygon(hole)):
            raise InvalidInputError(
                f"line {draft.line}: a further ring lies outside the first; make it a parcel of its own"
            )
    header = [*draft.header, *[""] * 7]
    return Parcel(
        number=header[2],
        name=header[3],
        area_ha=_number(header[1]),
        purpose=header[6],
        geometry=shapely.Polygon(shell, holes),
    )


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _area_warning(parcel: Parcel) -> list[str]:
    found_ha = parcel.geometry.area / 10_000
    if parcel.area_ha is None or abs(parcel.area_ha - found_ha) <= AREA_TOLERANCE * found_ha:
        return []
    return [
        f"地块 parcel {parcel.number or parcel.name}: 面积 stated {parcel.area_ha:g} ha, 坐标 from coordinates {found_ha:.4f} ha"
    ]


def _has_zone_prefix(drafts: list[_Draft]) -> bool:
    eastings = [easting for draft in drafts for points in draft.rings.values() for easting, _ in points]
    with_prefix = [easting >= _FIRST_ZONE * _ZONE_M for easting in eastings]
    if any(with_prefix) and not all(with_prefix):
        raise InvalidInputError("some eastings carry a zone number and some do not; write them all alike")
    return bool(with_prefix) and all(with_prefix)


def _crs(facts: dict[str, str], drafts: list[_Draft], *, has_prefix: bool) -> str | None:
    """CGCS2000 3-degree zone n: EPSG:4488+n with the zone in the easting, EPSG:4509+n without."""
    if facts.get("几度分带", "3") not in ("3", "3度", "3°", "三"):
        raise InvalidInputError(
            "the boundary points are not in 3-degree zones (几度分带); transform them to a 3-degree zone"
        )
    zone = _number(facts.get("带号", ""))
    if has_prefix:
        easting = next(iter(drafts[0].rings.values()))[0][0]
        in_easting = int(easting // _ZONE_M)
        if zone is not None and zone != in_easting:
            raise InvalidInputError(
                f"带号 says zone {zone:g}, the eastings say {in_easting}; correct one of them"
            )
        zone = in_easting
    if zone is None or zone != int(zone) or not _FIRST_ZONE <= zone <= _LAST_ZONE:
        return None
    return f"EPSG:{(4488 if has_prefix else 4509) + int(zone)}"
