"""Cases as the outside sees them."""

from sqlalchemy.orm import Session

from approval import cases
from approval.leads import lead_of
from approval.models import Case
from approval.preparation import table_of
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
        handover_warning=_other_than_handed_over(session, case),
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


def _other_than_handed_over(session: Session, case: Case) -> str | None:
    """What was prepared otherwise than coordination has it; a case that the city's departments approve has no district."""
    if case.project_type is None:
        return None
    handed, table = case.message["project"], table_of(session, case)
    kind, district = handed.get("project_type"), handed.get("district")
    told = []
    if kind in table.project_types and kind != case.project_type:
        names = [f"{table.project_types[code].title}（{code}）" for code in (kind, case.project_type)]
        told.append(f"项目类型：策划为{names[0]}，现为{names[1]}")
    if district is not None and case.district is not None and district != case.district:
        told.append(f"区县：策划为 {district}，现为 {case.district}")
    if not told:
        return None
    return f"与策划生成信息不一致，请核对 other than handed over, compare: {'；'.join(told)}"
