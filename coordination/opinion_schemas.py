"""HTTP shapes of departments' opinions: requests, answers, clocks, contests, contradictions."""

from datetime import date, datetime
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BaseModel, Field, WithJsonSchema

from blueprint.etags import Tagged
from blueprint.given import WHOLE, Given
from coordination.limits import OpinionStatus
from coordination.models import MAX_TEXT, OpinionKind

Mark = Annotated[
    dict[str, Any],
    WithJsonSchema(
        {
            "type": "object",
            "description": "GeoJSON geometry in longitude and latitude",
            "required": ["type", "coordinates"],
            "properties": {
                "type": {
                    "enum": [
                        "Point",
                        "MultiPoint",
                        "LineString",
                        "MultiLineString",
                        "Polygon",
                        "MultiPolygon",
                    ]
                }
            },
            "examples": [{"type": "Point", "coordinates": [122.99, 41.11]}],
        }
    ),
]


Number = Annotated[int, Field(ge=1, le=1_000_000), WHOLE]


class AnswerIn(Given):
    """What is said of the finding of that number; `not_needed`: no consultation is needed about it (无须征询), with the reason."""

    finding: Number
    kind: Literal["agree", "agree_with_conditions", "disagree", "no_objection", "not_needed"]
    text: str | None = Field(default=None, max_length=MAX_TEXT)


class ConditionIn(Given):
    """One condition; of one finding, and at a place, where it has them."""

    text: str = Field(min_length=1, max_length=MAX_TEXT)
    finding: Number | None = None
    place: Mark | None = None


class OpinionIn(Given):
    """A department's answer: 同意, 有条件同意 (conditions), 不同意 (reason, basis), 无意见.

    Conditions come as one text, one a line, or as `condition_list`. `source` letter or telephone needs its `evidence`.
    `amends` is the number of the opinion that this one takes the place of, before the limit ends.
    """

    kind: Literal["agree", "agree_with_conditions", "disagree", "no_objection"]
    conditions: str | None = Field(default=None, max_length=MAX_TEXT)
    reason: str | None = Field(default=None, max_length=MAX_TEXT)
    remark: str | None = Field(default=None, max_length=MAX_TEXT)
    condition_list: list[ConditionIn] = Field(default=[], max_length=200)
    basis: str | None = Field(default=None, max_length=MAX_TEXT)
    would_agree_if: str | None = Field(default=None, max_length=MAX_TEXT)
    markup: Mark | None = None
    answers: list[AnswerIn] = Field(default=[], max_length=1000)
    source: Literal["system", "letter", "telephone"] = "system"
    evidence: str | None = Field(default=None, max_length=MAX_TEXT)
    amends: Number | None = None


class ReasonIn(Given):
    """Why."""

    reason: str = Field(min_length=1, max_length=MAX_TEXT)


class ContestIn(Given):
    """A finding that the applicant contests, and why."""

    finding: Number
    reason: str = Field(min_length=1, max_length=MAX_TEXT)


class ContestDecisionIn(Given):
    """What the layer's owner decides of a contested finding; upheld, it is set aside."""

    finding: Number
    upheld: bool
    reason: str = Field(min_length=1, max_length=MAX_TEXT)


class OpinionOut(BaseModel):
    """What a department said, or its silence past the limit (`deemed_no_objection`)."""

    kind: str
    conditions: str | None
    reason: str | None
    remark: str | None
    given_by: str
    given_on: date
    given_at: datetime
    number: int
    basis: str | None
    would_agree_if: str | None
    markup: dict[str, Any] | None
    source: str
    evidence: str | None
    answers: list[dict[str, Any]]
    condition_list: list["ConditionOut"]
    earlier: list[dict[str, Any]]
    settled_at: datetime | None
    settled_by: str | None
    settled_words: str | None


class ConditionOut(BaseModel):
    """One condition of an opinion."""

    number: int
    text: str
    finding: int | None
    place: dict[str, Any] | None


class ContestOut(BaseModel):
    """A contested finding and what its owner decided."""

    finding: int
    reason: str
    contested_by: str
    contested_at: datetime
    is_upheld: bool | None
    decision: str | None
    decided_by: str | None
    decided_at: datetime | None


class ClockDayOut(BaseModel):
    """A day of a limit: what it is (周末, 法定节假日, 调休上班 …), whether it counts and as which working day."""

    day: date
    kind: str
    name: str | None
    published: bool
    stopped: bool
    counts: bool
    number: int | None


class ClockStopOut(BaseModel):
    """A stop of the clock and its end, with reasons."""

    stopped_on: date
    stop_reason: str
    stopped_by: str
    restarted_on: date | None
    restart_reason: str | None
    restarted_by: str | None


class DueChangeOut(BaseModel):
    """That a due day moved, and why."""

    at: datetime
    by: str
    from_on: date
    from_provisional: bool
    to_on: date
    to_provisional: bool
    why: str


class ToldOut(BaseModel):
    """What a department was told of its request, and when it read that."""

    kind: str
    made_at: datetime
    read_at: datetime | None
    read_by: str | None


class ClockOut(BaseModel):
    """The limit of a request, explained day by day, with the evidence for what became of it (Art. 11)."""

    request_id: int
    department: str
    state: OpinionStatus
    working_days: int
    sent_at: datetime
    first_seen_at: datetime | None
    first_seen_by: str | None
    due_on: date
    provisional: bool
    ends_at: datetime
    withdrawn_on: date | None
    answered_at: datetime | None
    days: list[ClockDayOut]
    stops: list[ClockStopOut]
    due_changes: list[DueChangeOut]
    told: list[ToldOut]


class SideOut(BaseModel):
    """A department and what it says; `about` a finding, where it is of one."""

    department: str
    department_name: str
    request_id: int
    words: str
    finding: int | None
    about: str | None


class ContradictionOut(BaseModel):
    """Two departments whose opinions have to be compared; `place` is what their conditions share, as GeoJSON."""

    kind: Literal["agree_against_disagree", "conditions_on_one_place"]
    one: SideOut
    other: SideOut
    place: dict[str, Any] | None


class ContradictionList(BaseModel):
    """What of the opinions that stand cannot be followed together, or has to be compared."""

    items: list[ContradictionOut]


class OpinionRequestOut(Tagged):
    """A department's part of a consultation, with its state as of today; `provisional` dates are marked 暂定."""

    changes_by_itself: ClassVar = {"state": True, "working_days_left": True}

    id: int
    project_id: int
    planning_number: str
    project_name: str
    footprint_revision: int
    department: str
    department_name: str
    state: OpinionStatus
    sent_on: date
    due_on: date
    provisional: bool
    working_days: int
    working_days_left: int
    round: int
    why: str
    withdrawn_on: date | None
    withdrawn_why: str | None
    draft: str
    proposed_kind: OpinionKind = Field(description="what the draft proposes 初判; the department decides")
    proposed_words: str | None = Field(description="its reason, or its condition")
    findings: list[dict[str, Any]]
    stopped_on: date | None
    contests: list[ContestOut]
    opinion: OpinionOut | None


class RequestMapOut(BaseModel):
    """What a department looks at of a request, as GeoJSON: features of `kind` footprint or finding."""

    type: Literal["FeatureCollection"]
    features: list[dict[str, Any]]


class OpinionRequestPage(BaseModel):
    """A page of requests; `next` is the cursor of the following one."""

    items: list[OpinionRequestOut]
    next: str | None
