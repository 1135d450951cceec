"""Pre-flight of KML and GML: whole XML without entities, in which no shape has what a reader passes over in silence.

GDAL reads a GML that was cut short as one without features, takes the last of several shapes of a feature, drops rings and shapes of a KML that the standard does not
allow for, and makes numbers and days of what are none.
"""

import re
from datetime import date
from pathlib import Path
from typing import Any
from xml.parsers import expat

from blueprint.errors import InvalidInputError
from blueprint.layers.formats import KML, Format
from blueprint.sentences import Sentence

_BLOCK = 1 << 20
_FORBIDDEN = (b"<!DOCTYPE", b"<!ENTITY", b"<!doctype", b"<!entity")
_NUMBER = r"[-+]?+(?:\d++(?:\.\d*+)?+|\.\d++)(?:[eE][-+]?+\d++)?+"
_TUPLES = re.compile(rf"\s*+(?:{_NUMBER}\s*+,\s*+{_NUMBER}(?:\s*+,\s*+(?:{_NUMBER})?+)?+\s++)*+")
_WHOLE = re.compile(r"\s*+(?:[-+]?+\d{1,18}+)?+\s*+")
_REAL = re.compile(rf"\s*+(?:{_NUMBER})?+\s*+")
_DAY = re.compile(r"\s*(\d{4})-(\d{2})-(\d{2})")
_SHAPES = {"Point", "LineString", "LinearRing", "Polygon", "MultiGeometry", "Model", "Track", "MultiTrack"}
_MOST_OF = {"int": 2**31 - 1, "short": 2**31 - 1, "uint": 2**32 - 1, "ushort": 2**32 - 1}
_COORDINATES = {"coordinates", "posList", "pos", "lowerCorner", "upperCorner", "coord", "X", "Y", "Z"}
_MEMBERS = {"featureMember", "featureMembers", "member"}
_GML_SHAPES = {
    "Point", "LineString", "Curve", "CompositeCurve", "OrientableCurve", "LinearRing", "Ring", "Polygon", "Surface",
    "CompositeSurface", "OrientableSurface", "PolyhedralSurface", "TriangulatedSurface", "Tin", "Solid", "CompositeSolid",
    "MultiPoint", "MultiLineString", "MultiCurve", "MultiPolygon", "MultiSurface", "MultiSolid", "MultiGeometry",
    "GeometricComplex", "Box",
}  # fmt: skip
"""Shapes of GML; what stands within one is a part of it."""

_HELD_BY_LINK = re.compile(
    r"(?:surface|polygon|curve|lineString|point|geometry|solid)Members?|exterior|interior"
)
_MOST_TEXT = 40
"""A longer text of GML is no day."""


def check_xml(path: Path, form: Format) -> None:
    """Refuse document types and entities, which name other files and expand without end, and what would be lost."""
    checking = _Kml() if form == KML else _Gml()
    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.StartElementHandler = checking.start
    parser.EndElementHandler = checking.end
    parser.CharacterDataHandler = checking.text
    last = b""
    try:
        with path.open("rb") as opened:
            while block := opened.read(_BLOCK):
                if any(word in last + block for word in _FORBIDDEN):
                    raise InvalidInputError("the XML has a DOCTYPE or an ENTITY; export it without one")
                if b"\x00" in block:
                    raise InvalidInputError("the XML is not in UTF-8; save it as UTF-8")
                parser.Parse(block)
                last = block[-16:]
        parser.Parse(b"", True)
    except (expat.ExpatError, ValueError, LookupError) as error:
        raise InvalidInputError(
            "the XML cannot be read: {error}; save it whole, as UTF-8", error=error
        ) from error


class _Elements:
    """The elements that are open, by their names without a prefix; `held` is the text of one that is looked at."""

    def __init__(self) -> None:
        self.open: list[str] = [""]
        self.held: list[str] | None = None

    def text(self, text: str) -> None:
        """Keep text of an element that is looked at."""
        if self.held is not None:
            self.held.append(text)

    def taken(self) -> str:
        """The text of the element that ends."""
        text, self.held = "".join(self.held or ()), None
        return text


class _Kml(_Elements):
    """KML 2.2: one shape in a placemark, one outer ring in a polygon, one ring in a boundary."""

    def __init__(self) -> None:
        super().__init__()
        self.number = 0
        self.counts: list[int] = [0]
        self.kinds: dict[tuple[str, str], str] = {}
        self.schema, self.name = "", ""
        self.names: set[str] = set()

    def start(self, name: str, attributes: dict[str, str]) -> None:
        local, parent = name.rpartition(":")[2], self.open[-1]
        self.open.append(local)
        self.counts.append(0)
        if local == "Placemark":
            self.number += 1
            self.names = set()
        elif local in ("coordinates", "SimpleData"):
            self.held = []
        if local in ("Data", "SimpleData"):
            self._say_once(attributes.get("name", ""))
        if local == "Schema":
            self.schema = attributes.get("id") or attributes.get("name", "")
        elif local == "SchemaData":
            self.schema = attributes.get("schemaUrl", "").rpartition("#")[2]
        elif local == "SimpleField":
            self.kinds[self.schema, attributes.get("name", "")] = attributes.get("type", "").lower()
        elif local == "SimpleData":
            self.name = attributes.get("name", "")
        if (
            (parent == "Placemark" and local in _SHAPES)
            or (parent == "Polygon" and local == "outerBoundaryIs")
            or (parent in ("outerBoundaryIs", "innerBoundaryIs") and local == "LinearRing")
        ):
            self.counts[-2] += 1
            if self.counts[-2] > 1:
                raise self._wrong(
                    Sentence(
                        "has two <{name}> in one <{parent}>, of which one would be lost",
                        name=local,
                        parent=parent,
                    )
                )

    def end(self, name: str) -> None:
        local = name.rpartition(":")[2]
        self.open.pop()
        self.counts.pop()
        if local == "coordinates":
            if not _TUPLES.fullmatch(self.taken() + " "):
                raise self._wrong(Sentence("has coordinates that are no numbers, or too few"))
        elif local == "SimpleData":
            text, kind = self.taken(), self.kinds.get((self.schema, self.name), "")
            if not _is_of(kind, text):
                raise self._wrong(
                    Sentence(
                        "says {text!r} in its field {name}, which is no {kind}",
                        text=text[:40],
                        name=self.name,
                        kind=kind,
                    )
                )

    def _say_once(self, name: str) -> None:
        if name in self.names:
            raise self._wrong(Sentence("says {name!r} twice, of which one would be lost", name=name[:100]))
        self.names.add(name)

    def _wrong(self, what: Sentence) -> InvalidInputError:
        return InvalidInputError(
            "placemark {number} of the KML {what}; correct it",
            number=self.number,
            what=what,
            place=f"feature {self.number}",
        )


def _is_of(kind: str, text: str) -> bool:
    if kind in _MOST_OF:
        if not _WHOLE.fullmatch(text):
            return False
        return not text.strip() or -(2**31) <= int(text) <= _MOST_OF[kind]
    return kind not in ("float", "double") or _REAL.fullmatch(text) is not None


class _Gml(_Elements):
    """GML: one shape in a feature, no part of a shape that only a link names, and no day that is none."""

    def __init__(self) -> None:
        super().__init__()
        self.number = 0
        self.feature_depth = self.shape_depth = 0
        self.held_by = ""

    def start(self, name: str, attributes: dict[str, str]) -> None:
        local, parent = name.rpartition(":")[2], self.open[-1]
        self.open.append(local)
        self.held = None if local in _COORDINATES else []
        if "xlink:href" in attributes and _HELD_BY_LINK.fullmatch(local):
            raise InvalidInputError(
                "the GML names a part of a shape by a link (<{name}>), which is not followed; export it with whole shapes",
                name=local,
            )
        if not self.feature_depth:
            if parent in _MEMBERS:
                self.number += 1
                self.feature_depth, self.held_by = len(self.open), ""
        elif not self.shape_depth and local in _GML_SHAPES:
            self.shape_depth = len(self.open)
            if self.held_by:
                raise InvalidInputError(
                    "feature {number} of the GML has two shapes (in <{first}> and <{second}>), of which one would be lost;"
                    " export it with the one that is meant",
                    number=self.number,
                    first=self.held_by,
                    second=parent,
                    place=f"feature {self.number}",
                )
            self.held_by = parent

    def end(self, name: str) -> None:
        depth = len(self.open)
        self.open.pop()
        if depth == self.shape_depth:
            self.shape_depth = 0
        elif depth == self.feature_depth:
            self.feature_depth = 0
        if self.held is None:
            return
        text = self.taken()
        if len(text) <= _MOST_TEXT and (found := _DAY.match(text)) and not _is_day(*found.groups()):
            raise InvalidInputError(
                "the GML says {text!r} in a field {field}, which is no day as YYYY-MM-DD; correct it",
                text=text.strip(),
                field=name.rpartition(":")[2],
            )


def _is_day(year: Any, month: Any, day: Any) -> bool:
    try:
        date(int(year), int(month), int(day))
    except ValueError:
        return False
    return True
