"""HTTP shapes of projects, consultations, opinions and clearances."""

from datetime import date, datetime
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BaseModel, Field

from blueprint.etags import Tagged
from blueprint.given import Day, GeoJson, Given, TopM, WidthM
from coordination.models import MAX_NAME, MAX_TEXT
from coordination.opinion_schemas import OpinionRequestOut
from coordination.project_states import ProjectStatus

Money = Annotated[float, Field(ge=0, le=1_000_000_000, description="万元 units of 10,000 yuan")]


class ParticularsIn(Given):
    """What is registered of a project; codes of types and districts are those of the city profile."""

    name: str = Field(min_length=1, max_length=MAX_NAME)
    applicant: str = Field(min_length=1, max_length=MAX_NAME)
    purpose: str = Field(min_length=1, max_length=MAX_TEXT)
    applicant_code: str | None = Field(
        default=None, max_length=40, description="统一社会信用代码 unified social credit code, GB 32100-2015"
    )
    project_type: str | None = Field(default=None, max_length=40)
    industry: str | None = Field(default=None, max_length=MAX_NAME)
    investment_10k_cny: Money | None = None
    planned_use: str | None = Field(default=None, max_length=MAX_NAME)
    district: str | None = Field(default=None, max_length=20)
    funds_source: str | None = Field(default=None, max_length=MAX_NAME)
    planned_start_on: Day | None = None
    approval_level: Literal["district", "city", "province", "state"] | None = None
    top_m: TopM | None = None


class ProjectIn(ParticularsIn):
    """What registers a project; `footprint` is GeoJSON in longitude and latitude unless `crs` says otherwise.

    Lines and points of it need `width_m`, their working width.

    `in_scope` left out: yes, unless there are doubts (Art. 5), which a person then decides.
    """

    in_scope: bool | None = None
    scope_reason: str | None = Field(default=None, max_length=MAX_TEXT)
    draft: bool = False
    footprint: GeoJson
    crs: str | None = Field(default=None, max_length=100)
    width_m: WidthM | None = None


class ScopeIn(Given):
    """Whether the regulation is for the project (Art. 5), and why."""

    in_scope: bool
    reason: str = Field(min_length=1, max_length=MAX_TEXT)


class CorrectionIn(Given):
    """What is corrected of a handed-over project (更正), and why; what is left out stays as it is."""

    reason: str = Field(min_length=1, max_length=MAX_TEXT)
    name: str | None = Field(default=None, min_length=1, max_length=MAX_NAME)
    applicant: str | None = Field(default=None, min_length=1, max_length=MAX_NAME)
    applicant_code: str | None = Field(default=None, max_length=40)
    industry: str | None = Field(default=None, max_length=MAX_NAME)
    investment_10k_cny: Money | None = None
    district: str | None = Field(default=None, max_length=20)
    funds_source: str | None = Field(default=None, max_length=MAX_NAME)
    planned_start_on: Day | None = None


class WithdrawalIn(Given):
    """Why a clearance is taken back (撤回)."""

    reason: str = Field(min_length=1, max_length=MAX_TEXT)


class StepIn(Given):
    """A step that is taken for itself: 提交, 调整, 退回, 储备, 恢复, 终止; all but the first need a reason."""

    step: Literal["submit", "adjust", "return", "shelve", "resume", "end"]
    reason: str | None = Field(default=None, max_length=MAX_TEXT)


class ChoiceIn(Given):
    """A department to add or to leave out, and why."""

    department: str = Field(min_length=1, max_length=40)
    reason: str = Field(min_length=1, max_length=MAX_TEXT)


class ConsultationIn(Given):
    """The coordinator's choices beside those whom the check makes responsible."""

    add: list[ChoiceIn] = Field(default=[], max_length=200)
    drop: list[ChoiceIn] = Field(default=[], max_length=200)


class FootprintIn(Given):
    """A new footprint of a project."""

    footprint: GeoJson
    crs: str | None = Field(default=None, max_length=100)
    width_m: WidthM | None = None


class FootprintOut(BaseModel):
    """A footprint revision; `geometry` is GeoJSON in longitude and latitude."""

    revision: int
    geometry: dict[str, Any]
    source_crs: str
    operation: str
    notes: list[str]
    made_by: str
    made_at: datetime


class RestrictedAnswerOut(BaseModel):
    """How often checks of `reader` (a department, or an account of none) asked restricted layers of `owner` on a day."""

    day: date
    reader: str
    owner: str
    asked: int


class RestrictedAnswerPage(BaseModel):
    """A page, newest first; `next` is the cursor of the following one."""

    items: list[RestrictedAnswerOut]
    next: int | None


class CheckOut(BaseModel):
    """A kept check in short; the report is at /api/checks/{id}. Verdict and digest are null for who may not read all its layers."""

    id: int
    digest: str | None
    on: date
    verdict: str | None
    made_at: datetime


class CheckOfRevision(CheckOut):
    """A kept check of a project, and which revision of its footprint it is of."""

    footprint_revision: int | None


class CheckList(BaseModel):
    """The kept checks of a project, the latest first."""

    items: list[CheckOfRevision]
    next: str | None


class ConsultationBrief(BaseModel):
    """A round of consultation: about which footprint, who was added or left out, and whether it still counts."""

    id: int
    round: int
    footprint_revision: int
    check_id: int
    working_days: int
    opened_on: date
    opened_by: str
    added: list[dict[str, str]]
    dropped: list[dict[str, str]]
    superseded_on: date | None
    superseded_why: str | None


class ConsultationOut(ConsultationBrief):
    """A round with the requests that the caller may see; `standing` are those of earlier rounds that still count."""

    requests: list[OpinionRequestOut]
    standing: list[OpinionRequestOut]


class ConsultationList(BaseModel):
    """All rounds of a project, in their order."""

    items: list[ConsultationOut]


class ProposedOut(BaseModel):
    """A department that a round would concern: why, with how many findings; `stands`: its earlier opinion counts, it is not asked."""

    department: str
    department_name: str
    why: str
    findings: list[dict[str, Any]]
    working_days: int
    due_on: date
    provisional: bool
    stands: bool
    may_be_dropped: bool


class ProposalOut(BaseModel):
    """Whom the next round would ask by the check of the current footprint."""

    round: int
    footprint_revision: int
    check_id: int
    departments: list[ProposedOut]


class EventOut(BaseModel):
    """What happened to a project."""

    id: int
    at: datetime
    by: str
    department: str | None
    act: str
    details: dict[str, Any]


class History(BaseModel):
    """A page of a project's history; `next` is the cursor of the following one."""

    items: list[EventOut]
    next: str | None


class HandoverOut(BaseModel):
    """How the delivery of a message to approval stands; a `cancelled_at` one was withdrawn before it was sent."""

    message_id: str
    kind: Literal["handover", "correction", "withdrawal"]
    sha256: str
    attempts: int
    next_try_at: datetime
    last_error: str | None
    delivered_at: datetime | None
    cancelled_at: datetime | None


class ClearanceOut(BaseModel):
    """A project's passing, its handover, and the corrections and the withdrawal that came after (`changes`)."""

    id: int
    planning_number: str
    footprint_revision: int
    check_id: int
    cleared_on: date
    cleared_by: str
    withdrawn_at: datetime | None
    withdrawn_by: str | None
    withdrawn_why: str | None
    handover: HandoverOut
    changes: list[HandoverOut]


class ProjectBrief(Tagged):
    """A project as a list shows it."""

    id: int
    planning_number: str
    name: str
    applicant: str
    in_scope: bool
    status: ProjectStatus
    project_type: str | None
    district: str | None
    registered_at: datetime


class ProjectOut(ProjectBrief):
    """A project with its current footprint, and what was done about it."""

    changes_by_itself: ClassVar = {
        "status": True,
        "consultation": {
            "requests": {"__all__": OpinionRequestOut.changes_by_itself},
            "standing": {"__all__": OpinionRequestOut.changes_by_itself},
        },
        "clearance": {"handover": True, "changes": True},
    }

    purpose: str
    applicant_code: str | None
    industry: str | None
    investment_10k_cny: float | None
    planned_use: str | None
    funds_source: str | None
    planned_start_on: date | None
    approval_level: str | None
    top_m: float | None
    scope_reason: str | None
    scope_decided_by: str | None
    scope_doubts: list[str]
    next_steps: list[str]
    registered_by: str
    footprint: FootprintOut
    check: CheckOut | None
    consultation: ConsultationOut | None
    clearance: ClearanceOut | None


class ProjectPage(BaseModel):
    """A page of projects; `next` is the cursor of the following one."""

    items: list[ProjectBrief]
    next: str | None


class OpenWorkOut(BaseModel):
    """A piece of open work; `left_behind` says that who began it holds no role in the department any more."""

    kind: Literal["opinion_request", "draft", "access_request", "access_to_decide"]
    id: str
    title: str
    since: date
    due_on: date | None
    begun_by: str | None
    left_behind: bool


class OpenWorkList(BaseModel):
    """All open work of a department."""

    department: str
    items: list[OpenWorkOut]


class MeetingOut(BaseModel):
    """Another layer, and on how many places (pairs of features) the changed features meet it before and after."""

    layer: str
    title: str
    places_before: int
    places_after: int
    change_m2: float


class SiteEffectOut(BaseModel):
    """An open project or a kept check that the difference touches, and how its verdict turns."""

    kind: Literal["project", "check"]
    id: int
    name: str
    verdict_before: str
    verdict_after: str
    turn: Literal["to_conflict", "to_clear", "other", "same"]


class DryRunOut(BaseModel):
    """What would change if a version came into force on a day; `sites` are those that were looked at, 200 at most."""

    layer: str
    version: int
    starts_on: date
    superseded: int | None
    summary: str
    compared_by: str
    added: int
    removed: int
    changed_shape: int
    changed_attributes: int
    changed_zone: int
    unchanged: int
    net_m2: float
    layers: list[MeetingOut]
    touched_projects: int
    touched_checks: int
    sites: list[SiteEffectOut]
