"""The list of projects as a workbook (项目清单), with what was registered of each."""

from collections.abc import Sequence
from datetime import tzinfo

from sqlalchemy.orm import Session

from blueprint.city import City
from blueprint.documents.workbook import Cell, Sheet, to_xlsx
from blueprint.permissions import Actor
from coordination.models import Project
from coordination.overview import project_briefs
from coordination.project_states import STATUS_WORDS

MAX_ROWS = 100_000
"""So many projects at most are in one workbook."""


def project_list(
    session: Session, projects: Sequence[Project], *, city: City, zone: tzinfo | None, actor: Actor
) -> bytes:
    """These projects as XLSX; instants by the clock of `zone`."""
    columns = (
        "策划编号", "项目名称", "建设单位", "统一社会信用代码", "状态", "项目类型", "行业", "总投资（万元）", "规划用途",
        "区县", "资金来源", "计划开工", "登记时间",
    )  # fmt: skip
    types = {kind.code: kind.name for kind in city.project_types}
    districts = {district.code: district.name for district in city.districts}
    status_of = {brief.id: brief.status for brief in project_briefs(session, projects)}
    rows: list[list[Cell]] = [
        [
            p.planning_number, p.name, p.applicant, p.applicant_code, STATUS_WORDS[status_of[p.id]],
            types.get(p.project_type or "", p.project_type), p.industry,
            None if p.investment_10k_cny is None else float(p.investment_10k_cny), p.planned_use,
            districts.get(p.district or "", p.district), p.funds_source, p.planned_start_on,
            p.registered_at.astimezone(zone).strftime("%Y-%m-%d %H:%M"),
        ]
        for p in projects
    ]  # fmt: skip
    return to_xlsx([Sheet("项目 Projects", columns, rows)], title=f"{city.name}项目清单", author=actor.name)
