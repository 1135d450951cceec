"""Cases as the outside sees them."""

from sqlalchemy.orm import Session

from approval import cases
from approval.leads import lead_of
from approval.models import Case
from approval.schemas import CaseBrief, CaseOut, StageOut
from approval.stages import STAGE_TITLES, Stage, StageDays, current_stage, in_sight
from blueprint.city import City


def case_brief(case: Case) -> CaseBrief:
    """A case as a list shows it."""
    return CaseBrief(
        id=case.id,
        number=case.project_code or case.planning_number,
        planning_number=case.planning_number,
        project_code=case.project_code,
        project_name=case.project_name,
        applicant=case.applicant,
        current_stage=current_stage(cases.days_of(case)),
        project_type=case.project_type,
        process_version=case.process_version,
        hall=case.hall,
        district=case.district,
        received_at=case.received_at,
        withdrawn_on=case.withdrawn_on,
    )


def case_out(session: Session, case: Case, city: City) -> CaseOut:
    """A case with its stages and who leads each."""
    return CaseOut(
        **case_brief(case).model_dump(),
        purpose=case.purpose,
        project_code_bound_by=case.project_code_bound_by,
        project_code_bound_at=case.project_code_bound_at,
        handover=case.message,
        withdrawn_why=case.withdrawn_why,
        stages=[
            StageOut(
                stage=Stage(row.stage),
                title=STAGE_TITLES[Stage(row.stage)],
                status=StageDays(Stage(row.stage), row.accepted_on, row.concluded_on).status,
                accepted_on=row.accepted_on,
                accepted_by=row.accepted_by,
                concluded_on=row.concluded_on,
                concluded_by=row.concluded_by,
                limit_days=row.limit_days,
                due_on=in_sight(row.due_on),
                provisional=row.provisional,
                yellow_on=in_sight(row.yellow_on),
                case_due_on=in_sight(row.case_due_on),
                lead=lead_of(session, case, row.stage, city),
            )
            for row in case.stages
        ],
    )
