"""The surveyors' boundary-point file (勘测定界 TXT): parcels as numbered points, X (north) before Y (east)."""

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

import shapely

from blueprint.errors import InvalidInputError, TooLargeError
from blueprint.sentences import Sentence, Word

MAX_BYTES = 5 << 20
MAX_POINTS = 100_000
MAX_RINGS = 1_000
"""Rings of one parcel: each is compared with every other."""

MAX_WARNINGS = 50
AREA_TOLERANCE = 0.01
"""The stated area and that of the points may differ by this share; more is a warning."""

HECTARE_M2 = 10_000
POINTS_SECTION = "[地块坐标]"
_MILLION = 1_000_000
"""An easting is below a million metres; what stands above is the zone's number."""

_ZONE = re.compile(r"\d{1,3}")
_WIDTH = re.compile(r"\d{1,2}(?:\.\d)?")


@dataclass(frozen=True)
class Parcel:
    """A parcel (地块), easting before northing; `area_ha` is what the file states for all parts of that number."""

    number: str
    name: str
    area_ha: float | None
    purpose: str
    geometry: shapely.Polygon


@dataclass(frozen=True)
class BoundaryPointFile:
    """What a boundary-point file says; `crs` is None when its header does not settle it."""

    crs: str | None
    parcels: tuple[Parcel, ...]
    warnings: tuple[Sentence, ...]


@dataclass(frozen=True)
class _Point:
    line: int
    x: float
    y: float


@dataclass
class _Listed:
    """A parcel as its lines stand: the head, then the points by ring number."""

    line: int
    point_count: int | None
    area_ha: float | None
    number: str
    name: str
    purpose: str
    rings: dict[str, list[_Point]] = field(default_factory=dict)

    @property
    def label(self) -> Word:
        name = self.number or self.name
        return (
            Word("parcel {name}", name=name[:50]) if name else Word("parcel of line {line}", line=self.line)
        )


def read_boundary_points(content: bytes) -> BoundaryPointFile:
    """Read a boundary-point file in GBK or UTF-8; InvalidInputError names the line that is wrong."""
    if len(content) > MAX_BYTES:
        raise TooLargeError(
            "the boundary-point file is larger than {max_mb} MB; split it by parcel", max_mb=MAX_BYTES >> 20
        )
    text = _decode(content)
    header = _header(text)
    listed = _listed(text)
    warnings: list[Sentence] = []
    points = _points(listed)
    if _is_swapped(points):
        for parcel in listed:
            parcel.rings = {
                number: [_Point(point.line, point.y, point.x) for point in ring]
                for number, ring in parcel.rings.items()
            }
        points = _points(listed)
        warnings.append(Sentence("the file writes the easting before the northing, and was read that way"))
    crs = _crs(header, _zone_prefix(points), warnings)
    parcels = [part for parcel in listed for part in _parts(parcel, warnings)]
    if len(warnings) > MAX_WARNINGS:
        warnings[MAX_WARNINGS:] = [Sentence("and {count} warnings more", count=len(warnings) - MAX_WARNINGS)]
    return BoundaryPointFile(crs=crs, parcels=tuple(parcels), warnings=tuple(warnings))


def _decode(content: bytes) -> str:
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            text = content.decode(encoding)
        except UnicodeDecodeError:
            continue
        if POINTS_SECTION in text:
            return text
    raise InvalidInputError(
        "the file is no boundary-point file: it has no line {points_section}; export it as 勘测定界 TXT in GBK"
        " or UTF-8",
        points_section=POINTS_SECTION,
    )


def _header(text: str) -> dict[str, str]:
    lines = text.partition(POINTS_SECTION)[0].replace("＝", "=").splitlines()
    pairs = (line.partition("=") for line in lines if "=" in line)
    return {key.strip(): value.strip() for key, _, value in pairs}


def _listed(text: str) -> list[_Listed]:
    """The parcels as listed; every refusal names its line."""
    parcels: list[_Listed] = []
    count = 0
    for number, line in _lines(text):
        fields = [part.strip() for part in line.split(",")]
        if line.startswith("["):
            raise _wrong(
                number, "another section {section} begins; upload each file by itself", section=line[:40]
            )
        if line.endswith("@"):
            _refuse_empty(parcels)
            parcels.append(_parcel(number, fields))
            continue
        if not parcels:
            raise _wrong(number, "a point stands before the first parcel; a parcel's line ends with @")
        count += 1
        if count > MAX_POINTS:
            raise TooLargeError(
                "the file has more than {max_points:,} points; split it by parcel", max_points=MAX_POINTS
            )
        ring, point = _point(number, fields)
        rings = parcels[-1].rings
        rings.setdefault(ring, []).append(point)
        if len(rings) > MAX_RINGS:
            raise TooLargeError(
                "{label} has more than {max_rings:,} rings; split it",
                label=parcels[-1].label,
                max_rings=MAX_RINGS,
            )
    if not parcels:
        raise InvalidInputError(
            "the file lists no parcel after {points_section}; export it again", points_section=POINTS_SECTION
        )
    _refuse_empty(parcels)
    for parcel in parcels:
        for name, ring_points in parcel.rings.items():
            if len({(point.x, point.y) for point in ring_points}) < 3:
                raise _wrong(
                    ring_points[0].line,
                    "ring {name} of {label} has fewer than three points; complete it",
                    name=name[:20],
                    label=parcel.label,
                )
    return parcels


def _refuse_empty(parcels: list[_Listed]) -> None:
    if parcels and not parcels[-1].rings:
        raise _wrong(parcels[-1].line, "{label} has no points; export it again", label=parcels[-1].label)


def _lines(text: str) -> Iterator[tuple[int, str]]:
    """The lines after the section's head that are not blank, with their numbers in the file."""
    begun = False
    # Old programs end a text with Ctrl-Z.
    for number, line in enumerate(text.rstrip("\x1a").replace("，", ",").splitlines(), start=1):
        if begun and line.strip():
            yield number, line.strip()
        begun = begun or POINTS_SECTION in line


def _parcel(line: int, fields: list[str]) -> _Listed:
    if len(fields) < 6:
        raise _wrong(
            line, "a parcel's line is 界址点数,地块面积,地块编号,地块名称,图形属性,图幅号,地块用途,地类编码,@"
        )
    count, area, number, name, kind, *rest = fields[:-1]
    if kind not in ("面", ""):
        raise _wrong(line, "the parcel is a {kind!r}; only areas (面) can be a footprint", kind=kind[:20])
    area_ha = _number(line, area.removesuffix("公顷"), "the area in hectares") if area else None
    if area_ha is not None and area_ha < 0:
        raise _wrong(line, "the area is negative; correct it")
    if count and not count.isdecimal():
        raise _wrong(line, "the number of points {count!r} is no whole number; correct it", count=count[:20])
    return _Listed(
        line=line,
        point_count=int(count[:9]) if count else None,
        area_ha=area_ha or None,  # a zero is how the tools write that it is not known
        number=number,
        name=name,
        purpose=rest[1] if len(rest) > 1 else "",
    )


def _point(line: int, fields: list[str]) -> tuple[str, _Point]:
    if len(fields) < 4:
        raise _wrong(line, "a point's line is 点号,圈号,X,Y with X the northing; complete it")
    if not fields[1]:
        raise _wrong(line, "the point has no ring number (圈号); complete it")
    return fields[1], _Point(line, _number(line, fields[2], "X"), _number(line, fields[3], "Y"))


def _number(line: int, text: str, what: str) -> float:
    try:
        value = float("nan") if "_" in text else float(text)
    except ValueError:
        value = float("nan")
    if not math.isfinite(value):
        raise _wrong(line, "{what} {text!r} is no number; correct it", what=what, text=text[:30])
    return value


def _wrong(line: int, template: str, /, **values: object) -> InvalidInputError:
    return InvalidInputError(
        "line {number} of the boundary-point file: {what}",
        number=line,
        what=Sentence(template, **values),
        place=f"line {line}",
    )


def _points(listed: list[_Listed]) -> list[_Point]:
    return [point for parcel in listed for ring in parcel.rings.values() for point in ring]


def _is_swapped(points: list[_Point]) -> bool:
    """Say whether east stands before north throughout: a northing has 7 digits, an easting 6, or 8 with its zone."""
    return all(
        _is_easting(p.x) and _is_northing(p.y) and not (_is_easting(p.y) and _is_northing(p.x))
        for p in points
    )


def _is_northing(metres: float) -> bool:
    return 0 < metres < 10 * _MILLION


def _is_easting(metres: float) -> bool:
    return 0 < metres < _MILLION or 13 * _MILLION <= metres < 46 * _MILLION


def _zone_prefix(points: list[_Point]) -> int | None:
    """The zone that stands before every easting, if one does; a mixture is refused."""
    first = int(points[0].y // _MILLION)
    for point in points:
        if max(abs(point.x), abs(point.y)) <= 360:
            raise _wrong(point.line, "X and Y look like degrees; export the points in metres (Gauss-Krüger)")
        if not (_is_northing(point.x) and _is_easting(point.y)):
            raise _wrong(
                point.line,
                "X={x:.3f} Y={y:.3f} is no northing and easting in metres; X is the northing",
                x=point.x,
                y=point.y,
            )
        if point.y // _MILLION != first:
            raise _wrong(
                point.line, "Y={y:.3f} is in another zone than the points before; use one zone", y=point.y
            )
    return first or None


def _crs(header: dict[str, str], prefix: int | None, warnings: list[Sentence]) -> str | None:
    """The CGCS2000 zone that the header and the eastings agree on; None when the datum or the zone is not said."""
    unit, projection = header.get("计量单位", ""), header.get("投影类型", "")
    if unit and unit not in ("米", "m"):
        raise InvalidInputError(
            "the file says 计量单位={unit}; export the points in metres (米)", unit=unit[:20]
        )
    if projection and "高斯" not in projection and "gauss" not in projection.lower():
        raise InvalidInputError(
            "the file says 投影类型={projection}; export the points in 高斯克吕格", projection=projection[:20]
        )
    is_known = _is_cgcs2000(header.get("坐标系", ""), warnings)
    stated = _ZONE.search(header.get("带号", ""))
    zone = int(stated.group()) if stated else prefix
    if prefix and zone != prefix:
        raise InvalidInputError(
            "the file says 带号={zone} but its eastings begin with {prefix}; correct one",
            zone=zone,
            prefix=prefix,
        )
    if zone is None:
        return None
    is_three = 25 <= zone <= 45
    if not is_three and not 13 <= zone <= 23:
        raise InvalidInputError(
            "the file says 带号={zone}; zones are 25 to 45 (3°) or 13 to 23 (6°): correct it", zone=zone
        )
    width = _WIDTH.search(header.get("几度分带") or header.get("分带", ""))
    if width and float(width.group()) != (3 if is_three else 6):
        raise InvalidInputError(
            "the file says 几度分带={width} but 带号={zone}; correct one", width=width.group(), zone=zone
        )
    if not is_known:
        return None
    # EPSG numbers CGCS2000's zones by four series: 3° and 6°, with the zone before the easting and without.
    base = (4488 if prefix else 4509) if is_three else (4478 if prefix else 4489)
    return f"EPSG:{base + zone}"


def _is_cgcs2000(name: str, warnings: list[Sentence]) -> bool:
    """Say whether the datum named is CGCS2000; the two old ones are refused, anything else leaves the CRS open."""
    if "2000" in name:
        return True
    for old, marks in {
        "西安80": ("西安", "80", "xian", "xi'an"),
        "北京54": ("北京", "54", "beijing"),
    }.items():
        if any(mark in name.lower() for mark in marks):
            raise InvalidInputError(
                "the file says 坐标系={name} ({old}), which has no public transformation to CGCS2000; have the"
                " surveyor convert it to the 2000国家大地坐标系",
                name=name[:40],
                old=old,
            )
    warnings.append(
        Sentence("the file says 坐标系={name}, which is not known here", name=name[:40])
        if name
        else Sentence("the file does not name its 坐标系")
    )
    return False


def _parts(parcel: _Listed, warnings: list[Sentence]) -> list[Parcel]:
    """A parcel's rings as polygons, one parcel for each part."""
    shapes = _polygons([[(point.y, point.x) for point in ring] for ring in parcel.rings.values()])
    if len(shapes) > 1:
        warnings.append(
            Sentence("{parcel} has {count} separate parts", parcel=parcel.label, count=len(shapes))
        )
    _compare(parcel, sum(shape.area for shape in shapes), warnings)
    return [Parcel(parcel.number, parcel.name, parcel.area_ha, parcel.purpose, shape) for shape in shapes]


def _polygons(rings: list[list[tuple[float, float]]]) -> list[shapely.Polygon]:
    """Sort rings by containment: one inside another is its hole, one outside or in a hole is a polygon of its own."""
    filled = [shapely.Polygon(ring) for ring in rings]
    if len(filled) == 1:
        return filled
    size = shapely.area(filled)
    inner, outer = shapely.STRtree(filled).query(shapely.point_on_surface(filled), predicate="within")
    is_larger = size[outer] > size[inner]
    containers: dict[int, list[int]] = {ring: [] for ring in range(len(rings))}
    for ring, container in zip(inner[is_larger].tolist(), outer[is_larger].tolist(), strict=True):
        containers[ring].append(container)
    holes: dict[int, list[int]] = {ring: [] for ring, around in containers.items() if len(around) % 2 == 0}
    for ring, around in containers.items():
        if len(around) % 2:
            shell = min(around, key=lambda container: float(size[container]))
            holes.setdefault(shell, []).append(ring)
    return [
        shapely.Polygon(rings[shell], [rings[hole] for hole in inside]) for shell, inside in holes.items()
    ]


def _compare(parcel: _Listed, enclosed_m2: float, warnings: list[Sentence]) -> None:
    """Warn where the head of a parcel and its points disagree, as when lines were lost on the way."""
    enclosed_ha = enclosed_m2 / HECTARE_M2
    if parcel.area_ha is not None and abs(parcel.area_ha - enclosed_ha) > AREA_TOLERANCE * enclosed_ha:
        warnings.append(
            Sentence(
                "{parcel}: the file says {said_ha:.4f} ha, its points enclose {enclosed_ha:.4f} ha",
                parcel=parcel.label,
                said_ha=parcel.area_ha,
                enclosed_ha=enclosed_ha,
            )
        )
    rings = parcel.rings.values()
    repeated = sum((ring[0].x, ring[0].y) == (ring[-1].x, ring[-1].y) for ring in rings)
    distinct = sum(map(len, rings)) - repeated
    # Some tools count the closing points and some do not, whether they write them or not.
    if parcel.point_count is not None and not distinct <= parcel.point_count <= distinct + len(rings):
        warnings.append(
            Sentence(
                "{parcel}: the file says {said} points and lists {listed}",
                parcel=parcel.label,
                said=parcel.point_count,
                listed=distinct + repeated,
            )
        )
