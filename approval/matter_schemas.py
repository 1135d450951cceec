"""HTTP shapes of supervision, joint consultations, matters and obligations."""

from datetime import date, datetime
from typing import Annotated, Literal

from pydantic import BaseModel, Field

from approval.clock import Card
from approval.item_schemas import Code, ObligationOut, Reason
from approval.item_states import Holder
from approval.matter_models import AnswerKind, LateKind, MatterKind, MatterState
from approval.stages import Stage
from blueprint.given import Given, Instant

DepartmentCode = Annotated[str, Field(min_length=1, max_length=40)]


class LateOut(BaseModel):
    """What is late or about to be, and who has to act."""

    kind: LateKind
    case: str
    stage: Stage | None
    item: str | None
    title: str
    holder: Holder
    department: str | None
    department_name: str | None
    due_on: date
    working_days_late: int
    card: Card


class LateList(BaseModel):
    """Who is late on a day, the longest first; `more`: of a kind only the first are listed."""

    on: date
    items: list[LateOut]
    more: bool


class LetterIn(Given):
    """A letter of supervision to whoever is late with an item (`kind`: with what of it), of several to which department."""

    content: Reason
    kind: Literal["item", "promise", "commitment", "upload", "consultation"] = "item"
    department: DepartmentCode | None = None


class StageLetterIn(Given):
    """A letter of supervision to the lead of a late stage, or to the hall over the whole case."""

    content: Reason
    kind: Literal["stage", "case"] = "stage"


class AnswerIn(Given):
    """The answer to a letter."""

    answer: Reason


class LetterOut(BaseModel):
    """A letter of supervision and its answer."""

    id: int
    case: str
    kind: LateKind
    stage: Stage | None
    item: str | None
    title: str
    department: str
    card: Card
    due_on: date
    content: str
    sent_by: str
    sent_on: date
    answer: str | None
    answered_by: str | None
    answered_on: date | None


class LetterPage(BaseModel):
    """A page of letters; `next` is the cursor of the following one."""

    items: list[LetterOut]
    next: str | None


class ConsultationIn(Given):
    """A question to several departments at once."""

    question: Reason
    departments: list[DepartmentCode] = Field(max_length=50)


class ConsultationAnswerIn(Given):
    """A department's answer; conditions with agree_with_conditions alone."""

    kind: Literal["agree", "agree_with_conditions", "disagree", "no_objection"]
    conditions: Reason | None = None
    remark: Reason | None = None


class ConsultationAnswerOut(BaseModel):
    """What one department was asked, and answered."""

    id: int
    case: str
    item: str
    question: str
    asked_by: str
    asked_on: date
    due_on: date
    provisional: bool
    is_late: bool
    department: str
    kind: AnswerKind | None
    conditions: str | None
    remark: str | None
    answered_by: str | None
    answered_on: date | None


class ConsultationAnswerPage(BaseModel):
    """A page of questions to departments; `next` is the cursor of the following one."""

    items: list[ConsultationAnswerOut]
    next: str | None


class MatterIn(Given):
    """A matter that is brought up about an item, and the other departments that it concerns."""

    kind: Literal["meeting", "guidance", "dispute"]
    question: Reason
    departments: list[DepartmentCode] = Field(default_factory=list, max_length=50)


class DutyIn(Given):
    """What a decision asks of an item."""

    department: DepartmentCode
    content: Reason
    item_code: Code


class TurnIn(Given):
    """A matter is convened for a time and place, decided, or declined with a reason."""

    state: Literal["convened", "decided", "declined"]
    text: Reason | None = None
    meets_at: Instant | None = None
    place: str | None = Field(default=None, max_length=200)
    duties: list[DutyIn] = Field(default_factory=list, max_length=50)


class MatterOut(BaseModel):
    """A meeting, a request for guidance or a dispute."""

    id: int
    case: str
    item: str
    kind: MatterKind
    state: MatterState
    addressed_to: str
    departments: list[str]
    question: str
    asked_by: str
    asked_department: str
    asked_on: date
    meets_at: datetime | None
    place: str | None
    decision: str | None
    decided_by: str | None
    decided_on: date | None


class MatterPage(BaseModel):
    """A page of matters; `next` is the cursor of the following one."""

    items: list[MatterOut]
    next: str | None


class ObligationIn(Given):
    """Name the item that must close an obligation, or say how it was met."""

    item_code: Code | None = None
    how: Reason | None = None


class ObligationList(BaseModel):
    """The obligations of a case."""

    items: list[ObligationOut]
