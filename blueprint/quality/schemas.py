"""Shapes of the quality check over HTTP."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field

from blueprint.given import Given


class WordsOut(BaseModel):
    """A text in Chinese and English."""

    zh: str
    en: str


class IssueOut(BaseModel):
    """An issue: what, where and what to do. `row` is the feature's number in the file, `geometry` GeoJSON in longitude and latitude."""

    code: str
    level: str
    file: str
    row: int | None
    other_row: int | None
    field: str | None
    value: str | None
    text: WordsOut
    todo: WordsOut
    place: Annotated[list[float], Field(min_length=2, max_length=2)] | None = Field(
        description="east and north in metres of the working CRS"
    )
    lonlat: Annotated[list[float], Field(min_length=2, max_length=2)] | None
    geometry: dict[str, Any] | None


class ConfirmationOut(BaseModel):
    """Who let the warnings stand, when and why."""

    by: str
    at: datetime
    reason: str


class MendingOut(BaseModel):
    """The receipt of a mended feature: areas in m² of the plane, the largest distance its outline moved in metres, the shape as the file had it and as it was mended."""

    row: int
    source_id: str | None
    reason: str = Field(description="what GEOS finds wrong, with the place in the working CRS")
    why: WordsOut
    place: Annotated[list[float], Field(min_length=2, max_length=2)] = Field(
        description="east and north in metres of the working CRS"
    )
    lonlat: Annotated[list[float], Field(min_length=2, max_length=2)]
    before_m2: float
    after_m2: float
    moved_m: float
    original: dict[str, Any]
    mended: dict[str, Any]
    undone_by: str | None = Field(description="who undid it; null where the mending stands")
    undone_at: datetime | None


class QualityOut(BaseModel):
    """What a version was checked by and what was found; `next` is the cursor of the following page of issues."""

    layer: str
    number: int
    file: str
    standard: str | None
    field_mapping: dict[str, str]
    checked_at: datetime | None
    counts: dict[str, int] | None
    confirmation: ConfirmationOut | None
    mended_count: int
    mended_m2: float
    receipt_count: int = Field(description="features with a receipt of mending, those of its base among them")
    undone_count: int = Field(description="of these the mendings that were undone; each is an error")
    items: list[IssueOut]
    next: str | None


class MendingPage(BaseModel):
    """Receipts of mending, by the features' numbers."""

    items: list[MendingOut]
    next: str | None


class MendingActIn(Given):
    """What is to be done with receipts: of the features named, or of all of the version."""

    act: Literal["undo", "accept"]
    rows: list[Annotated[int, Field(ge=1, le=2_000_000_000)]] | None = Field(
        default=None, min_length=1, max_length=10_000, description="the features' numbers; all when not given"
    )


class MendingActOut(BaseModel):
    """The draft whose receipts changed (of a version that was in force: a copy of it), how many did, and what follows."""

    layer: str
    number: int
    count: int
    errors: int
    follows: WordsOut


class FieldMappingIn(Given):
    """Fields of the standard to fields of the layer's files; an empty text forgets one."""

    mapping: dict[
        Annotated[str, Field(max_length=60, pattern=r"^[^\x00]*$")],
        Annotated[str, Field(max_length=200, pattern=r"^[^\x00]*$")],
    ] = Field(max_length=200)


class SuggestionOut(BaseModel):
    """A field of the newest version that may be this one of the standard, and why; nothing is applied by itself."""

    standard_field: str
    title: str
    source_field: str
    why: Literal["case", "alias", "title", "cut", "likeness"]


class FieldMappingOut(BaseModel):
    """What is kept for a layer, and suggestions."""

    layer: str
    standard: str | None
    mapping: dict[str, str]
    suggestions: list[SuggestionOut]
