"""HTTP shapes of cases and their stages."""

from datetime import date, datetime
from typing import Any, ClassVar, Literal

from pydantic import BaseModel, Field

from approval.stages import Stage, StageStatus
from blueprint.etags import Tagged
from blueprint.given import Given


class ProjectCodeIn(Given):
    """The investment project code (项目代码) from the provincial platform."""

    project_code: str = Field(min_length=1, max_length=40)


class ReceiptOut(BaseModel):
    """What approval answers to a handover; the same to the same message."""

    message_id: str
    message_sha256: str
    planning_number: str
    received_at: datetime


class StageOut(BaseModel):
    """One stage of a case; `lead` is its lead department (Art. 9), `case_due_on` when the days of all stages together are used up."""

    stage: Stage
    title: str
    status: StageStatus
    accepted_on: date | None
    accepted_by: str | None
    concluded_on: date | None
    concluded_by: str | None
    limit_days: int | None
    due_on: date | None
    provisional: bool
    yellow_on: date | None
    case_due_on: date | None
    lead: str | None


class CaseBrief(Tagged):
    """A case as a list shows it; `number` is the project code once it is bound, the planning number before."""

    id: int
    number: str
    planning_number: str
    project_code: str | None
    project_name: str
    applicant: str
    current_stage: Stage | None
    project_type: str | None
    process_version: str | None
    hall: str | None
    district: str | None
    received_at: datetime
    withdrawn_on: date | None


class CaseOut(CaseBrief):
    """A case with its stages and what coordination handed over."""

    changes_by_itself: ClassVar = {"project_code_warning": True}

    purpose: str
    project_code_bound_by: str | None
    project_code_bound_at: datetime | None
    project_code_warning: str | None = None
    withdrawn_why: str | None
    handover_warning: str | None
    """What of project type and district is other than coordination handed it over; nothing is held up by it."""
    stages: list[StageOut]
    handover: dict[str, Any]


class CaseMessageOut(BaseModel):
    """A message of coordination about a case, as it came."""

    message_id: str
    sha256: str
    kind: Literal["handover", "correction", "withdrawal"]
    received_at: datetime
    message: dict[str, Any]


class CaseMessageList(BaseModel):
    """Every message about a case, in the order they came."""

    items: list[CaseMessageOut]


class CasePage(BaseModel):
    """A page of cases; `next` is the cursor of the following one."""

    items: list[CaseBrief]
    next: str | None
