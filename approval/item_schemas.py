"""HTTP shapes of items, their steps and time, the process table, and the library of materials."""

from datetime import date, datetime
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BaseModel, Field

from approval.clock import Card
from approval.item_states import Holder, ItemState, Step
from approval.materials import NeedState
from approval.matter_models import ObligationSource
from approval.process_table import DayUnit, Obtained
from approval.stages import Stage
from blueprint.etags import Tagged
from blueprint.given import WHOLE, Day, Given

Reason = Annotated[str, Field(min_length=1, max_length=4000)]
Code = Annotated[str, Field(min_length=1, max_length=20)]


class ProcessIn(Given):
    """What kind of project a case is; `items` are those that it needs beside the ones that every such project does."""

    project_type: Code
    items: list[Code] = Field(default_factory=list, max_length=200)
    district: str | None = Field(default=None, max_length=20)


class ItemIn(Given):
    """An item that a case needs besides, or again."""

    code: Code


class LackingIn(Given):
    """A material to be corrected: what about it, and of one that is there already what its defect is."""

    material: Code
    what: Reason
    defect: Reason | None = None


class PromisedIn(Given):
    """A missing material, and the day until which it is promised (容缺受理)."""

    material: Code
    due_on: Day


class ResultIn(Given):
    """The result, or the refusal, as it was signed: 文号, title, who signed, until when a result is good."""

    number: str = Field(min_length=1, max_length=100)
    title: str = Field(min_length=1, max_length=200)
    signed_by: str = Field(min_length=1, max_length=200)
    valid_until: Day | None = None


class StepIn(Given):
    """A step with what belongs to it; `reason` where the step needs one."""

    step: Annotated[Step, Field(strict=False)]
    reason: Reason | None = None
    lacking: list[LackingIn] = Field(default_factory=list, max_length=100, description="with ask_correction")
    promised: list[PromisedIn] = Field(default_factory=list, max_length=100, description="with accept")
    on_commitment: bool = Field(default=False, description="with submit: 告知承诺")
    stop_kind: str | None = Field(default=None, max_length=24, description="with stop")
    working_days: Annotated[int, Field(ge=1, le=200), WHOLE] | None = Field(
        default=None, description="with stop and extend"
    )
    result: ResultIn | None = Field(default=None, description="with approve and refuse")


class StepsIn(Given):
    """A step with many items of a case: of the window's `submit` and `accept`; without `items` all whose turn it is."""

    step: Literal["submit", "accept"]
    items: list[Code] | None = Field(default=None, min_length=1, max_length=200)


class StepOut(BaseModel):
    """A step that was taken; `exchange_code` is its 办理状态 BLZT, `voucher` what the applicant is handed of it, if anything."""

    number: int
    step: Step
    state: ItemState
    exchange_code: int | None
    taken_on: date
    taken_at: datetime
    taken_by: str
    department: str | None
    reason: str | None
    detail: dict[str, Any]
    voucher: str | None


class SpanOut(BaseModel):
    """Days that lay with one holder: those after `starts_on` up to and with `ends_on`, or until today."""

    holder: Holder
    starts_on: date
    ends_on: date | None
    working_days: int
    stop_kind: str | None


class MaterialOut(BaseModel):
    """A version of a material in a case's library; `place` says where it lies and where it came from."""

    id: int
    code: str
    version: int
    title: str
    origin: Obtained
    item: str | None
    given_on: date
    given_by: str
    valid_until: date | None
    is_valid: bool
    replaces_reason: str | None
    file_name: str | None
    sha256: str | None
    size_bytes: int | None
    place: str


class NeedOut(BaseModel):
    """A material that an item needs (one of `codes`), filled in from the library where it is there."""

    codes: list[str]
    title: str
    state: NeedState
    material: MaterialOut | None
    promised_until: date | None


class ResultOut(BaseModel):
    """A signed result or refusal; its file is uploaded after."""

    number: str
    title: str
    signed_by: str
    signed_on: date
    valid_until: date | None
    uploaded_at: datetime | None
    sha256: str | None
    material_id: int


class BasisOut(BaseModel):
    """An opinion that the item rests on, given in coordination or when it was consulted about; it is not asked for again."""

    source: ObligationSource
    department: str
    kind: str
    text: str | None
    given_on: date


class ObligationOut(BaseModel):
    """A condition that the named item must close."""

    id: int
    source: ObligationSource
    department: str
    content: str
    item_code: str | None
    assigned_by: str | None
    how: str | None
    closed_by: str | None
    closed_on: date | None


class ItemBrief(Tagged):
    """An item as a list shows it; `due_on` is the day by which its `holder` must act, `working_days` what a concluded one took."""

    changes_by_itself: ClassVar = {"card": True}

    id: int
    case: str
    project_name: str
    code: str
    round: int
    stage: Stage | None
    title: str
    department: str
    department_name: str
    state: ItemState
    state_words: str
    holder: Holder | None
    on_commitment: bool
    limit_days: int | None
    extended_days: int
    day_unit: DayUnit
    submitted_on: date | None
    accepted_on: date | None
    concluded_on: date | None
    was_late: bool | None
    working_days: int | None
    due_on: date | None
    provisional: bool
    card: Card | None


class ItemOut(ItemBrief):
    """An item with its steps, time, materials, result, and what is in the way of accepting it."""

    changes_by_itself: ClassVar = {
        "card": True,
        "spans": True,
        "needs": True,
        "obstacles": True,
        "basis": True,
        "obligations": True,
    }

    steps: list[StepOut]
    possible: list[Step]
    spans: list[SpanOut]
    needs: list[NeedOut]
    obstacles: list[str]
    result: ResultOut | None
    basis: list[BasisOut]
    obligations: list[ObligationOut]
    verify_due_on: date | None
    verified_on: date | None


class ItemList(BaseModel):
    """Items of a case."""

    items: list[ItemBrief]


class NotTakenOut(BaseModel):
    """An item with which a step could not be taken, and why."""

    code: str
    title: str
    why: str


class TogetherOut(BaseModel):
    """What a step with many items did: those it was taken with, and what was in the way of the others."""

    taken: list[ItemBrief]
    not_taken: list[NotTakenOut]


class ItemPage(BaseModel):
    """A page of items; `next` is the cursor of the following one."""

    items: list[ItemBrief]
    next: str | None


class MaterialList(BaseModel):
    """The library of a case: every version of every material."""

    items: list[MaterialOut]


class ReaderOut(BaseModel):
    """Somebody who read a version of a material: when first and last, and how often."""

    name: str
    department: str | None
    first_at: datetime
    last_at: datetime
    times: int


class ReaderList(BaseModel):
    """Who read a version of a material, the last first."""

    items: list[ReaderOut]


class ProjectTypeOut(BaseModel):
    """A kind of project with the working days of its four stages."""

    code: str
    exchange_code: int
    title: str
    stage_days: list[int]


class MaterialRuleOut(BaseModel):
    """A material of the table."""

    code: str
    title: str
    valid_months: int | None
    obtained_from: Obtained


class StopRuleOut(BaseModel):
    """A reason for which the clock stops, and for how many working days at most."""

    code: str
    title: str
    most_days: int


class ItemRuleOut(BaseModel):
    """An item of the table, with where the row comes from and what is unsure about it."""

    code: str
    stage: Stage | None
    title: str
    kind: str
    department: str
    legal_days: int | None
    promised_days: int | None
    day_unit: DayUnit
    project_types: list[str]
    always: bool
    on_commitment: bool
    after: list[list[str]]
    materials: list[list[str]]
    result: str
    legal_basis: str
    source: str
    unsure: str


class ProcessTableOut(BaseModel):
    """The process table that a case prepared today starts under."""

    version: str
    title: str
    in_force_from: date
    sha256: str
    leads: dict[Stage, str]
    project_types: list[ProjectTypeOut]
    stops: list[StopRuleOut]
    materials: list[MaterialRuleOut]
    items: list[ItemRuleOut]


class TurnOut(BaseModel):
    """Working days of a case that lay with one holder, and the items that they lay with."""

    holder: Holder
    starts_on: date
    ends_on: date
    working_days: int
    items: list[str]


class LedgerOut(BaseModel):
    """Why a case took so many working days: whose each of them was; the sums add up to `elapsed`."""

    case: str
    from_on: date | None
    to_on: date | None
    elapsed: int
    sums: dict[Holder, int]
    turns: list[TurnOut]
