"""Steps of a project that are taken for themselves (退回, 储备, 恢复, 终止 …), each with its reason and its entry in the history."""

from datetime import datetime

from sqlalchemy.orm import Session

from blueprint.errors import InvalidInputError
from blueprint.permissions import Actor
from blueprint.sentences import Sentence, spoken
from blueprint.working_days import WorkingCalendar
from coordination.consultation import supersede_rounds
from coordination.history import note
from coordination.models import Project
from coordination.project_states import BY_HAND, NEEDS_REASON, ProjectStatus, Step
from coordination.projects import lock_project, move, trimmed_reason


def take_step(
    session: Session,
    project_id: int,
    step: Step,
    *,
    reason: str | None,
    calendar: WorkingCalendar,
    actor: Actor,
    now: datetime,
) -> Project:
    """Move a project by hand; when it leaves the consultation, what is still open of it is taken back."""
    if step not in BY_HAND:
        raise InvalidInputError(
            "{step} is no step by itself: it comes with the consultation, the clearance or the withdrawal"
            " of a handover",
            step=spoken(step),
            place="step",
        )
    needs = step in NEEDS_REASON or bool((reason or "").strip())
    text = trimmed_reason(reason or "", Sentence("the step {step}", step=spoken(step))) if needs else None
    project = lock_project(session, project_id)
    before = ProjectStatus(project.status)
    move(project, step)
    if before is ProjectStatus.CONSULTING:
        supersede_rounds(session, project, why=f"{step}: {text}", calendar=calendar, now=now)
    session.flush()
    note(
        session,
        project,
        f"{step}_project",
        actor=actor,
        now=now,
        before={"status": before},
        details={"status": project.status, "reason": text},
    )
    return project
