"""A step with an item as it is given, and what a step works on."""

from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy.orm import Session

from approval.item_models import Item
from approval.item_states import Step, step_term
from approval.models import Case
from approval.process_table import ItemRule, ProcessTable
from approval.requirements import Dossier, dossier_of
from blueprint.errors import InvalidInputError
from blueprint.permissions import Actor
from blueprint.sentences import Sentence
from blueprint.working_days import WorkingCalendar


@dataclass(frozen=True)
class Lacking:
    """A material that has to be corrected; `defect` says what is wrong with one that is there."""

    material: str
    what: str
    defect: str | None = None


@dataclass(frozen=True)
class Promised:
    """A material that is missing and tolerated until a day (容缺受理)."""

    material: str
    due_on: date


@dataclass(frozen=True)
class ResultGiven:
    """What the department signed, a result or a refusal: its number (文号), title, who signed, until when it is good."""

    number: str
    title: str
    signed_by: str
    valid_until: date | None = None


@dataclass(frozen=True)
class StepGiven:
    """A step with what belongs to it."""

    step: Step
    reason: str | None = None
    lacking: tuple[Lacking, ...] = ()
    promised: tuple[Promised, ...] = ()
    on_commitment: bool = False
    stop_kind: str | None = None
    working_days: int | None = None
    result: ResultGiven | None = None


@dataclass(frozen=True)
class Work:
    """What a step works on."""

    session: Session
    case: Case
    item: Item
    table: ProcessTable
    rule: ItemRule
    given: StepGiven
    actor: Actor
    calendar: WorkingCalendar
    now: datetime
    known: Dossier | None = None

    @property
    def dossier(self) -> Dossier:
        """What the case's items are judged by: as it was read for several steps at once, else as it is now."""
        return self.known or dossier_of(self.session, self.case)

    @property
    def today(self) -> date:
        """The day on which it is taken."""
        return self.now.date()

    def wrong(self, template: str, place: str, /, **values: object) -> InvalidInputError:
        """What is wrong with what was given, as the step's own error."""
        return InvalidInputError(
            "{step}: {what}",
            step=step_term(self.given.step),
            what=Sentence(template, **values),
            place=place,
        )
