"""The lead department of a stage (牵头部门, Art. 9): it accepts and concludes its stage and writes to who is late in it, as the hall does."""

from sqlalchemy.orm import Session

from approval.models import Case
from approval.preparation import table_of
from approval.stages import Stage
from blueprint.permissions import Act, Actor, Thing, may, require


def lead_of(session: Session, case: Case, stage: str | None) -> str | None:
    """The department that leads a stage of a case; None before the case is prepared, and beside the stages."""
    if stage is None or case.process_version is None:
        return None
    return table_of(session, case).leads[Stage(stage)]


def require_over_stage(session: Session, actor: Actor, act: Act, case: Case, stage: str | None) -> None:
    """Refuse who neither leads the stage nor has the right over the whole case."""
    lead = lead_of(session, case, stage)
    if lead is not None and may(actor, Act.LEAD_STAGE, Thing(department=lead)):
        return
    require(actor, act, case.thing)
