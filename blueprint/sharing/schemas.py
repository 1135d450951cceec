"""HTTP shapes of access requests and grants."""

from datetime import date, datetime

from pydantic import BaseModel, Field

from blueprint.etags import Tagged
from blueprint.given import Day, Given


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
