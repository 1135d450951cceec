"""HTTP shapes of access requests, grants and exports."""

from datetime import date, datetime

from pydantic import BaseModel, Field

from blueprint.etags import Tagged
from blueprint.given import Day, Given
from blueprint.sharing.models import MOST_EXPORTS, MOST_FEATURES


class AccessRequestIn(Given):
    """What a department asks another for; `wanted` says which data in words: restricted layers are not listed."""

    owner: str = Field(max_length=40, description="数据提供部门 the department that keeps the data")
    purpose: str = Field(
        min_length=1, max_length=1000, description="履职用途 the duty that it is for (Art. 17)"
    )
    wanted: str | None = Field(default=None, max_length=1000)


class TermsIn(Given):
    """What an owner grants: a layer, until a last day, under conditions."""

    layer: str = Field(max_length=60)
    ends_on: Day = Field(description="the last day, at most a year ahead")
    starts_on: Day | None = None
    conditions: str | None = Field(default=None, max_length=2000)
    may_export: bool = False
    most_exports: int = Field(
        default=MOST_EXPORTS, ge=1, le=10_000, description="可导出次数 files, in all its time"
    )
    most_features: int = Field(
        default=MOST_FEATURES, ge=1, le=2_000_000_000, description="可导出图斑数 features, in all its time"
    )


class GrantIn(TermsIn):
    """A grant that nobody asked for."""

    department: str = Field(max_length=40)
    purpose: str = Field(min_length=1, max_length=1000)


class ReasonIn(Given):
    """Why a request is refused, or a grant withdrawn."""

    reason: str = Field(min_length=1, max_length=1000)


class GrantOut(Tagged):
    """A request or grant between two departments."""

    id: int
    owner: str
    department: str
    layer: str | None
    purpose: str
    wanted: str | None
    state: str
    requested_by: str | None
    requested_at: datetime | None
    conditions: str | None
    may_export: bool
    most_exports: int
    most_features: int
    starts_on: date | None
    ends_on: date | None
    decided_by: str | None
    decided_at: datetime | None
    reason: str | None
    withdrawn_by: str | None
    withdrawn_at: datetime | None


class GrantPage(BaseModel):
    """A page of requests and grants; `next` is the cursor of the following one."""

    items: list[GrantOut]
    next: int | None


class ExportOut(BaseModel):
    """A file that a version was exported to; `sha256` in hexadecimal, `sensitivity` the layer's class at that moment."""

    id: int
    number: str
    layer: str
    owner: str
    version: int
    account: str
    department: str | None
    format: str
    sensitivity: str
    features: int
    bytes: int
    sha256: str
    grant_id: int | None
    purpose: str | None
    exported_at: datetime


class ExportPage(BaseModel):
    """A page of the register, newest first; `next` is the cursor of the following one."""

    items: list[ExportOut]
    next: int | None
