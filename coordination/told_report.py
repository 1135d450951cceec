"""The shape of a report that somebody hands in to be verified: what is read of it, held to kinds and bounds first; pure."""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from blueprint.errors import InvalidInputError
from blueprint.given import Text, TopM, WidthM
from blueprint.sentences.validation import sentence_of_validation

_MAX_LAYERS = 5_000

_Name = Annotated[Text, Field(max_length=200)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="ignore", strict=True)


class _Layer(_Part):
    code: _Name
    outcome: _Name
    version: Annotated[int, Field(ge=1, le=2_000_000_000)] | None = None


class _Conflict(_Part):
    department: _Name
    size_class: _Name


class _Restricted(_Part):
    conflicts: Annotated[list[_Conflict], Field(max_length=_MAX_LAYERS)]


class _Strip(_Part):
    width_m: WidthM
    points: Annotated[int, Field(ge=0, le=1_000_000)]
    centre: str


class _Site(_Part):
    wkb: str
    strip: _Strip | None = None


class _Report(_Part):
    layers: Annotated[list[_Layer], Field(max_length=_MAX_LAYERS)]
    restricted: _Restricted | None = None
    assumed: Annotated[list[_Name], Field(max_length=_MAX_LAYERS)] | None = None
    planned_use: _Name | None = None
    top_m: TopM | None = None
    rule_set_sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")] | None = None
    digest: _Name | None = None
    check_id: Annotated[str, Field(pattern=r"^[0-9]{1,9}$")] | None = None
    site: _Site | None = None


def refuse_another_shape(document: Mapping[str, Any]) -> None:
    """Raise InvalidInputError, which names the place, where a report is not of the kinds and sizes that checks write."""
    try:
        _Report.model_validate(dict(document))
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise InvalidInputError(
            "this is no check report ({where}: {msg}); give what `blueprint check … --format json`, `html`, `pdf`, `docx`"
            " or `xlsx` wrote",
            where=where,
            msg=sentence_of_validation(first),
            place=where,
        ) from error
