"""The lead department of a stage (牵头部门, Art. 9): it accepts and concludes its stage and writes to who is late in it, as the hall does."""

from collections.abc import Mapping

from sqlalchemy import ColumnElement, and_, false, or_, select
from sqlalchemy.orm import Session

from approval.item_models import Item, ProcessTableVersion
from approval.matter_models import ConsultationAnswer, JointConsultation
from approval.models import Case
from approval.preparation import department_for, table_kept, table_of
from approval.process_table import ProcessTable
from approval.stages import Stage
from blueprint.city import City
from blueprint.permissions import Act, Actor, Thing, may, require


def lead_department(table: ProcessTable, stage: Stage, city: City, district: str | None) -> str:
    """The lead department of a stage (Art. 9), of the case's level: the district's own where it has one."""
    return department_for(table.leads[stage], city, district)


def lead_of(session: Session, case: Case, stage: str | None, city: City) -> str | None:
    """The department that leads a stage of a case; None before the case is prepared, and beside the stages."""
    if stage is None or case.process_version is None:
        return None
    return lead_department(table_of(session, case), Stage(stage), city, case.district)


def led_by(
    session: Session, department: str, city: City, stages: Mapping[Stage, ColumnElement[bool]]
) -> ColumnElement[bool]:
    """Which cases stand in a stage that a department leads: that depends on their table and district.

    `stages` says for each stage which rows are in it.
    """
    led = [
        and_(Case.process_version == version, Case.district.is_not_distinct_from(district), in_stage)
        for version in session.scalars(select(ProcessTableVersion.version))
        for stage, in_stage in stages.items()
        for district in (None, *(each.code for each in city.districts))
        if lead_department(table_kept(session, version), stage, city, district) == department
    ]
    return or_(false(), *led)


def copied_to(session: Session, department: str, city: City) -> ColumnElement[bool]:
    """Which consultations, joined with their items and cases, a department gets a copy of (Art. 13).

    Those over other departments' items of the stages that it leads (Art. 9), where it is not asked itself.
    """
    return and_(
        led_by(session, department, city, {stage: Item.stage == stage for stage in Stage}),
        Item.department != department,
        ~JointConsultation.answers.any(ConsultationAnswer.department == department),
    )


def require_over_stage(
    session: Session, actor: Actor, act: Act, case: Case, stage: str | None, *, city: City
) -> None:
    """Refuse who neither leads the stage nor has the right over the whole case."""
    lead = lead_of(session, case, stage, city)
    if lead is not None and may(actor, Act.LEAD_STAGE, Thing(department=lead)):
        return
    require(actor, act, case.thing)
