"""HTTP shapes of notices and of the views of the work."""

from datetime import date, datetime
from uuid import UUID

from pydantic import BaseModel

from coordination.handling_models import HandlingState
from coordination.limits import OpinionStatus
from coordination.schemas import ProjectBrief
from coordination.views import Urgency


class NoticeOut(BaseModel):
    """A notice to a department, or to an office (`coordinator`, `supervisor`)."""

    id: UUID
    kind: str
    department: str | None
    office: str | None
    project_id: int | None
    request_id: int | None
    about_on: date | None
    text: str
    made_at: datetime
    read_at: datetime | None
    read_by: str | None


class NoticeList(BaseModel):
    """The newest notices; there is no further page."""

    items: list[NoticeOut]


class Inside(BaseModel):
    """Where a request lies inside the caller's department, where that answers in steps; `due_on` is its own limit."""

    state: HandlingState
    section: str | None
    officer: str | None
    due_on: date | None
    is_late: bool
    is_with_me: bool
    is_with_my_section: bool


class InboxItem(BaseModel):
    """A request that waits for an answer."""

    request_id: int
    project_id: int
    planning_number: str
    project_name: str
    round: int
    findings: int
    state: OpinionStatus
    sent_on: date
    due_on: date
    provisional: bool
    working_days_left: int
    urgency: Urgency
    inside: Inside | None


class LapsedItem(BaseModel):
    """A request that the department let pass in silence: no objection, and withdrawn (Art. 11)."""

    request_id: int
    project_id: int
    planning_number: str
    project_name: str
    round: int
    due_on: date


class Inbox(BaseModel):
    """What a department has to answer, the earliest due first; `lapsed` is what it let pass in the last thirty days."""

    department: str
    unread_notices: int
    items: list[InboxItem]
    lapsed: list[LapsedItem]


class BoardItem(BaseModel):
    """A project in work: how its requests stand, and what waits for a decision.

    `longest_stop` is how many working days a clock has stood still by now, `stopped_too_long` that the city's limit for
    that is reached.
    """

    project: ProjectBrief
    scope_open: bool
    round: int | None
    awaited: int
    stopped: int
    given: int
    deemed: int
    disagreeing: int
    next_due_on: date | None
    undecided_contests: int
    longest_stop: int
    stopped_too_long: bool


class UndeliveredNotice(BaseModel):
    """A notice that failed often on its way outside and that nobody has read here; it is tried on."""

    channel: str
    to: str
    address: str
    made_at: datetime
    attempts: int
    next_try_at: datetime
    last_error: str | None


class UndeliveredOut(BaseModel):
    """A handover, correction or withdrawal that approval does not have yet; `dead` when somebody has to look at it."""

    message_id: str
    kind: str
    planning_number: str
    attempts: int
    next_try_at: datetime
    last_error: str | None
    dead: bool


class Board(BaseModel):
    """The coordinator's board: projects in work, the next due first; how many stand where; handovers under way.

    Of `in_work` projects the board has the 500 that are due first, of `undelivered_notice_count` notices the latest fifty.
    """

    counts: dict[str, int]
    in_work: int
    items: list[BoardItem]
    undelivered: list[UndeliveredOut]
    undelivered_notice_count: int
    undelivered_notices: list[UndeliveredNotice]


class OpinionFiguresOut(BaseModel):
    """A department's figures; `on_time_share` is of those whose limit is over, from 0 to 1."""

    department: str
    department_name: str
    asked: int
    answered: int
    deemed: int
    withdrawn: int
    open: int
    disagreed: int
    on_time_share: float | None
    median_working_days: float | None


class OpinionStatistics(BaseModel):
    """How departments answered what they were asked between two days."""

    first: date
    last: date
    items: list[OpinionFiguresOut]
