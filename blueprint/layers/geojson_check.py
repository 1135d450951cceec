"""Pre-flight of a GeoJSON: every feature is one, every shape holds nothing but numbers, no number is too long to be kept.

GDAL passes over a line that is broken, a member of `features` that is no feature, a hole or a part whose coordinates are
none, takes the last of two members of one name, and turns a whole number of more than 64 bits into a real one, each without a word; a layer with less in it would be the answer.
"""

import json
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any

from blueprint.errors import InvalidInputError
from blueprint.sentences import Sentence

_READ = 1 << 22
MAX_FEATURE_BYTES = 200 << 20
"""A longer feature is refused, by GDAL too (`OGR_GEOJSON_MAX_OBJ_SIZE`)."""

_DEPTH = {"point": 0, "multipoint": 1, "linestring": 1, "multilinestring": 2, "polygon": 2, "multipolygon": 3}
_BLANK = " \t\r\n\x1e"
"""What may stand between the features of a file by lines; RFC 8142 begins each with a record separator."""


class _TwiceError(Exception):
    """That an object says a name twice, of which a reader takes the last."""


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        raise _TwiceError(next(name for name in names if names.count(name) > 1))
    return found


_decode = json.JSONDecoder(strict=False, object_pairs_hook=_object).raw_decode


def check_geojson(path: Path, *, by_lines: bool) -> None:
    """Refuse a GeoJSON of which a reader would leave something out; InvalidInputError names the feature (from 1)."""
    with path.open(
        encoding="latin-1", newline=""
    ) as opened:  # bytes as they stand: only the structure is looked at
        text = _Text(opened)
        if by_lines:
            _check_lines(text)
        else:
            _check_document(text)


class _Text:
    """A JSON text of which so much is in memory as one value needs."""

    def __init__(self, opened: Any) -> None:
        self._opened, self._held, self._at = opened, "", 0
        self._more()
        if self._held.startswith("\xef\xbb\xbf"):  # a byte order mark
            self._at = 3

    def _more(self) -> bool:
        block = self._opened.read(max(_READ, len(self._held) - self._at))
        self._held, self._at = self._held[self._at :] + block, 0
        return bool(block)

    def next(self) -> str:
        """The next character that is not blank, which is not taken; nothing at the end."""
        while True:
            while self._at < len(self._held):
                if self._held[self._at] not in _BLANK:
                    return self._held[self._at]
                self._at += 1
            if not self._more():
                return ""

    def take(self, mark: str) -> bool:
        """Take the mark, where it comes next."""
        is_next = self.next() == mark
        self._at += is_next
        return is_next

    def value(self) -> Any:
        """The next value; ValueError where it is none."""
        self.next()
        while True:
            try:
                found, end = _decode(self._held, self._at)
            except RecursionError:
                raise InvalidInputError("the GeoJSON is nested too deep; export it again") from None
            except ValueError:
                if len(self._held) - self._at > MAX_FEATURE_BYTES or not self._more():
                    raise
                continue
            # A number at the end of what is held might go on.
            if end < len(self._held) or not self._more():
                self._at = end
                return found


def _check_lines(text: _Text) -> None:
    number = 0
    while text.next():
        number += 1
        _check_feature(_value(text, number), number, may_be_bare=True)


def _check_document(text: _Text) -> None:
    members: dict[str, Any] = {}
    text.take("{")
    try:
        while not text.take("}"):
            key = text.value()
            if not isinstance(key, str) or not text.take(":"):
                raise ValueError
            if key in members:
                raise InvalidInputError(
                    'the GeoJSON has two members "{name}"; export it again', name=_shown(key)
                )
            if key == "features" and text.next() == "[":
                members[key] = None
                for number, feature in enumerate(_features(text), start=1):
                    _check_feature(feature, number)
            else:
                members[key] = text.value()
            if not text.take(",") and text.next() != "}":
                raise ValueError
    except _TwiceError as error:
        raise InvalidInputError(
            'the GeoJSON has two members "{name}"; export it again', name=_shown(str(error))
        ) from None
    except ValueError:
        raise _broken(None) from None
    if text.next():
        raise InvalidInputError("the GeoJSON goes on after its end; export it again")
    if "features" not in members:
        if not isinstance(members.get("type"), str):
            raise InvalidInputError("this JSON is no GeoJSON; export it as a FeatureCollection")
        _check_feature(members, 1, may_be_bare=True)


def _features(text: _Text) -> Iterator[Any]:
    """The members of the list that comes next."""
    number = 0
    text.take("[")
    if text.take("]"):
        return
    while True:
        number += 1
        yield _value(text, number)
        if text.take("]"):
            return
        if not text.take(","):
            raise _broken(number + 1)


def _value(text: _Text, number: int) -> Any:
    try:
        return text.value()
    except _TwiceError as error:
        raise InvalidInputError(
            "feature {number} of the GeoJSON says {name!r} twice, of which one would be lost; correct it",
            number=number,
            name=_shown(str(error)),
            place=f"feature {number}",
        ) from None
    except ValueError:
        raise _broken(number) from None


def _shown(name: str) -> str:
    """A name of the file, whose bytes stand for letters until it is shown."""
    return name.encode("latin-1", "replace").decode(errors="replace")[:100]


def _broken(number: int | None) -> InvalidInputError:
    if number is None:
        return InvalidInputError("the GeoJSON is broken outside its features; export it again")
    return InvalidInputError(
        "feature {number} of the GeoJSON is broken (no JSON); export it again",
        number=number,
        place=f"feature {number}",
    )


def _check_feature(feature: Any, number: int, *, may_be_bare: bool = False) -> None:
    """Hold a member to be a feature; the whole of a file, or a line, may be a bare shape."""
    wrong = _wrong_with(feature, may_be_bare=may_be_bare)
    if wrong is not None:
        raise InvalidInputError(
            "feature {number} of the GeoJSON {what}; correct it, or it would be left out",
            number=number,
            what=wrong,
            place=f"feature {number}",
        )
    if isinstance(properties := feature.get("properties"), dict):
        for name, value in properties.items():
            if type(value) is int and not -(2**63) <= value < 2**63:
                raise InvalidInputError(
                    "feature {number} of the GeoJSON has a whole number of more than 64 bits in {field}, of which digits"
                    " would be lost; write it as text, in quotation marks",
                    number=number,
                    field=_shown(name),
                    place=f"feature {number}",
                )


def _wrong_with(feature: Any, *, may_be_bare: bool) -> Sentence | None:
    kind = feature.get("type") if isinstance(feature, dict) else None
    if kind == "Feature":
        shape = feature.get("geometry")
        return _wrong_shape(shape) if shape is not None else None
    if may_be_bare and isinstance(kind, str) and kind.lower() in (*_DEPTH, "geometrycollection"):
        return _wrong_shape(feature)
    return Sentence("is no Feature")


def _wrong_shape(shape: Any, depth: int = 0) -> Sentence | None:
    kind = shape.get("type") if isinstance(shape, dict) else None
    kind = kind.lower() if isinstance(kind, str) else ""
    if kind == "geometrycollection":
        parts = shape.get("geometries")
        if not isinstance(parts, list) or depth > 100:
            return Sentence("has a collection without shapes")
        return next((wrong for part in parts if (wrong := _wrong_shape(part, depth + 1))), None)
    if kind not in _DEPTH:
        return Sentence("has a shape of no known type")
    if not _are_numbers(shape.get("coordinates"), _DEPTH[kind]):
        return Sentence("has coordinates that are no numbers, or too few")
    return None


def _are_numbers(coordinates: Any, depth: int) -> bool:
    """Say whether lists within lists of this depth hold points of two numbers or more; an empty list is no shape."""
    if not isinstance(coordinates, list):
        return False
    if not coordinates:
        return True
    if depth == 0:
        return len(coordinates) > 1 and set(map(type, coordinates)) <= {int, float}
    if depth > 1:
        return all(_are_numbers(part, depth - 1) for part in coordinates)
    if set(map(type, coordinates)) != {list}:
        return False
    types = set(map(type, chain.from_iterable(coordinates)))
    return min(map(len, coordinates)) > 1 and types <= {int, float}
