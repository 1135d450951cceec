"""What a caller gives in a body: known fields only, and text that can be kept."""

import re
from datetime import date, datetime
from typing import Annotated, Any, get_args

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    WithJsonSchema,
    field_validator,
)

from blueprint.sentences import Sentence


def _storable(text: str) -> str:
    if "\x00" in text:
        raise ValueError(Sentence("text has a NUL character, which cannot be stored"))
    return text


_NO_NUL = {"pattern": r"^[^\x00]*$"}

Text = Annotated[str, AfterValidator(_storable), Field(json_schema_extra=_NO_NUL)]
"""A text of an address, a query or a form."""


def _say_no_nul(schema: dict[str, Any]) -> None:
    """Let the JSON Schema of a body say of every free text what the body's validator holds it to."""
    for described in schema.get("properties", {}).values():
        for kind in described.get("anyOf", [described]):
            if kind.get("type") == "string" and not {"pattern", "enum", "const", "format"} & kind.keys():
                kind.update(_NO_NUL)


class Given(BaseModel):
    """The base of every body: no unknown field, no value of another kind, no NUL character, which PostgreSQL cannot keep."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False, json_schema_extra=_say_no_nul)

    @classmethod
    def __pydantic_init_subclass__(cls, **_: object) -> None:
        for name, field in cls.model_fields.items():
            kinds = () if field.metadata else (field.annotation, *get_args(field.annotation))
            if date in kinds or datetime in kinds:
                raise TypeError(f"{cls.__name__}.{name}: JSON has no days; write Day or Instant")

    @field_validator("*")
    @classmethod
    def _has_no_nul(cls, value: object) -> object:
        return _storable(value) if isinstance(value, str) else value


_ISO_DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)


def _iso_day(value: object) -> object:
    if isinstance(value, str) and _ISO_DAY.fullmatch(value):
        return date.fromisoformat(value)
    raise ValueError(Sentence("a day is written like 2026-01-31"))


UseCode = Annotated[str, Field(pattern=r"^[0-9]{2}(?:[0-9]{2}){0,2}$")]
"""A class code of the land-use standard: 07, 0701, 070101."""

WidthM = Annotated[float, Field(gt=0, le=2000, allow_inf_nan=False)]
"""The working width of lines and points of a footprint, in metres."""

TopM = Annotated[float, Field(ge=-500, le=9000, allow_inf_nan=False)]
"""The elevation of a project's highest point, in metres above the national datum."""

Day = Annotated[date, BeforeValidator(_iso_day)]
"""A day as ISO 8601 writes it; pydantic alone would take seconds since 1970 for one too."""


def _whole(value: object) -> object:
    return int(value) if isinstance(value, float) and value.is_integer() else value


WHOLE = BeforeValidator(_whole)
"""After an integer's bounds: a whole number as JSON Schema means it, so that `1.0` is one too."""

_ISO_INSTANT = re.compile(
    r"\d{4}-\d{2}-\d{2}[Tt]\d{2}:\d{2}(:\d{2}(\.\d{1,6})?)?([Zz]|[+-]\d{2}:\d{2})?", re.ASCII
)


def _iso_instant(value: object) -> object:
    if isinstance(value, str) and _ISO_INSTANT.fullmatch(value):
        return datetime.fromisoformat(value.upper())
    raise ValueError(Sentence("an instant is written like 2026-01-31T08:00:00+08:00"))


Instant = Annotated[datetime, BeforeValidator(_iso_instant)]
"""An instant as RFC 3339 writes it; without an offset it is for the route to say whose clock is meant."""

_SQUARE = [[122.99, 41.11], [122.991, 41.11], [122.991, 41.111], [122.99, 41.111], [122.99, 41.11]]

_GEOJSON_TYPES = [
    "Polygon",
    "MultiPolygon",
    "LineString",
    "MultiLineString",
    "Point",
    "MultiPoint",
    "Feature",
    "FeatureCollection",
]

GeoJson = Annotated[
    dict[str, Any],
    WithJsonSchema(
        {
            "type": "object",
            "description": "GeoJSON: a geometry, a Feature or a FeatureCollection; lines and points where a width is given",
            "required": ["type"],
            "properties": {"type": {"enum": _GEOJSON_TYPES}},
            "examples": [{"type": "Polygon", "coordinates": [_SQUARE]}],
        }
    ),
]
"""A footprint as it comes in; `blueprint.footprint` reads it and says what is wrong with it."""
