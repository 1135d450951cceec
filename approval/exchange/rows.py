"""The rows of the exchange tables, from live data: process, cases, items with every step, results, stops, opinions, site.

`DFSJZJ` is a row's own key and never changes, so that a row that is sent again replaces itself. A case counts once it has its
project code; what changed since a day is sent again as a whole case.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime

from sqlalchemy import or_, select
from sqlalchemy.orm import Session, joinedload, selectinload

from approval.exchange.control_lines import control_lines
from approval.exchange.fields import Row, Value, tables
from approval.item_models import Item, ItemResult, ItemStep, TimeSpan
from approval.item_states import EXCHANGE_CODE, ItemState
from approval.matter_models import ConsultationAnswer, JointConsultation
from approval.models import Case, CaseMessage, CaseStage
from approval.preparation import table_of
from approval.process_table import ItemRule, ProcessTable
from approval.stages import STAGE_TITLES, Stage
from blueprint.city import City

BESIDE = 5
"""The standard's number of what runs beside the stages (并行推进)."""


@dataclass(frozen=True)
class Changed:
    """Since when rows are wanted: cases of which anything that a row says came about on that day or later; None: all."""

    since: date | None = None


Rows = dict[str, list[Row]]


@dataclass(frozen=True)
class _Writer:
    rows: Rows
    city: City

    def add(self, table: str, key: str, changed: datetime, **values: Value) -> None:
        """Add a row with what every table has."""
        common: dict[str, Value] = {
            "LSH": len(self.rows[table]) + 1,
            "DFSJZJ": f"{self.city.administrative_code}-{key}",
            "XZQHDM": self.city.administrative_code,
            "SJYXBS": "1",
            "SJSCZT": "0",
            "GXSJ": changed,
        }
        given = common | values
        self.rows[table].append({field.field: given.get(field.field) for field in tables()[table]})


def build(session: Session, city: City, changed: Changed, *, today: date) -> Rows:
    """The rows of every table for the cases that changed, with the process tables that they run under, and the control lines."""
    writer = _Writer({table: [] for table in tables()}, city)
    versions: set[str] = set()
    for case in _cases(session, changed):
        table = table_of(session, case)
        process = f"{table.version}-{case.project_type}"
        if process not in versions:
            versions.add(process)
            _process(writer, table, str(case.project_type), process)
        _case(writer, session, case, table, process)
    for key, changed_at, values in control_lines(session, today):
        writer.add("SPGL_DFGHKZXXXB", key, changed_at, **values)
    return writer.rows


def _cases(session: Session, changed: Changed) -> Iterator[Case]:
    statement = (
        select(Case)
        .where(Case.project_code.is_not(None), Case.project_type.is_not(None))
        .options(selectinload(Case.stages))
        .order_by(Case.id)
    )
    if changed.since is not None:
        stepped = (
            select(ItemStep.id)
            .join(ItemStep.item)
            .where(Item.case_id == Case.id, ItemStep.taken_on >= changed.since)
            .exists()
        )
        since = datetime.combine(changed.since, datetime.min.time(), UTC)
        concluded = (
            select(CaseStage.id)
            .where(CaseStage.case_id == Case.id, CaseStage.concluded_on >= changed.since)
            .exists()
        )
        corrected = (
            select(CaseMessage.id)
            .where(CaseMessage.case_id == Case.id, CaseMessage.received_at >= since)
            .exists()
        )
        uploaded = (
            select(ItemResult.item_id)
            .join(ItemResult.item)
            .where(Item.case_id == Case.id, ItemResult.uploaded_at >= since)
            .exists()
        )
        consulted = (
            select(JointConsultation.id)
            .join(JointConsultation.item)
            .join(JointConsultation.answers)
            .where(
                Item.case_id == Case.id,
                or_(
                    JointConsultation.asked_on >= changed.since,
                    ConsultationAnswer.answered_on >= changed.since,
                ),
            )
            .exists()
        )
        statement = statement.where(
            or_(
                stepped,
                concluded,
                corrected,
                uploaded,
                consulted,
                Case.project_code_bound_at >= since,
                Case.prepared_at >= since,
            )
        )
    yield from session.scalars(statement)


def _process(writer: _Writer, table: ProcessTable, project_type: str, process: str) -> None:
    kind = table.project_types[project_type]
    since = datetime.combine(table.in_force_from, datetime.min.time(), UTC)
    common = {"SPLCBM": process, "SPLCBBH": table.version}
    writer.add(
        "SPGL_DFXMSPLCXXB",
        f"P-{process}",
        since,
        SPLCMC=f"{table.title}：{kind.title}",
        SPLCSXSJ=table.in_force_from,
        SPLCLX=str(kind.exchange_code),
        **common,
    )
    for number, stage in enumerate(Stage, start=1):
        writer.add(
            "SPGL_DFXMSPLCJDXXB",
            f"P-{process}-{number}",
            since,
            SPJDBM=stage,
            SPJDMC=STAGE_TITLES[stage],
            SPJDXH=number,
            DYBZSPJDXH=number,
            SPJDSX=kind.stage_days[number - 1],
            **common,
        )
    for rule in table.items_of(project_type):
        _process_item(writer, rule, process, table, since)


def _process_item(
    writer: _Writer, rule: ItemRule, process: str, table: ProcessTable, since: datetime
) -> None:
    names = {department.code: department.name for department in writer.city.departments}
    writer.add(
        "SPGL_DFXMSPLCJDSXXXB",
        f"P-{process}-{rule.code}",
        since,
        SPLCBM=process,
        SPLCBBH=table.version,
        SPJDXH=list(Stage).index(rule.stage) + 1 if rule.stage else BESIDE,
        SPSXBM=rule.code,
        SPSXBBH=table.version,
        SPSXMC=rule.title,
        SFSXGZCNZ="1" if rule.on_commitment else "0",
        SPSXBLSX=rule.limit_days,
        SPBMBM=rule.department,
        SPBMMC=names.get(rule.department, rule.department),
        QZSPSXBM=",".join(code for group in rule.after for code in group),
        SFLCBSX="1" if rule.always else "0",
    )


def _case(writer: _Writer, session: Session, case: Case, table: ProcessTable, process: str) -> None:
    project, site = case.message["project"], case.message["footprint"]
    bound_at = case.project_code_bound_at or case.received_at
    code = str(case.project_code)
    ended = [row.concluded_on for row in case.stages if row.concluded_on is not None]
    is_over = len(ended) == len(case.stages)
    names = {department.code: department.name for department in writer.city.departments}
    writer.add(
        "SPGL_XMJBXXB",
        f"C{case.id}",
        bound_at,
        XMDM=code,
        XMMC=case.project_name,
        GCDM=code,
        SPLCLX=str(table.project_types[str(case.project_type)].exchange_code),
        SPLCBM=process,
        SPLCBBH=table.version,
        JSGMJNR=case.purpose,
        YDMJ=site["area_m2"],
        ZTZE=project.get("investment_10k_cny"),
        JSDDXZQH=case.district or writer.city.administrative_code,
        SBSJ=case.received_at,
        XMSFWQBJ="1" if is_over else "0",
        XMWQBJSJ=datetime.combine(max(ended), datetime.min.time(), UTC) if is_over else None,
    )
    writer.add(
        "SPGL_XMDWXXB",
        f"C{case.id}-A",
        bound_at,
        XMDM=code,
        GCDM=code,
        DWMC=case.applicant,
        DWTYSHXYDM=project.get("applicant_code"),
        DWLX="建设单位",
    )
    writer.add(
        "SPGL_XMYDHXJZXXB",
        f"C{case.id}-S{site['revision']}",
        bound_at,
        XMDM=code,
        JZWJXH=site["revision"],
        JZWJMC=f"{code}.geojson",
        JZWJSM=f"{site['crs']}, easting before northing, metres",
        JZWJFJ=json.dumps({"type": "MultiPolygon", "coordinates": site["coordinates"]}),
    )
    for number, opinion in enumerate(case.message["opinions"], start=1):
        writer.add(
            "SPGL_XMQQYJXXB",
            f"C{case.id}-O{number}",
            bound_at,
            XMDM=code,
            QQYJSLBM=f"{code}-{number}",
            BLDWDM=opinion["department"],
            BLDWMC=opinion["department_name"],
            FKSJ=datetime.combine(date.fromisoformat(opinion["given_on"]), datetime.min.time(), UTC),
            QQYJ=opinion.get("conditions") or opinion.get("remark") or opinion["kind"],
        )
    for item in session.scalars(
        select(Item)
        .where(Item.case_id == case.id, Item.submitted_on.is_not(None))
        .options(
            selectinload(Item.steps),
            selectinload(Item.spans),
            joinedload(Item.result).joinedload(ItemResult.material),
        )
        .order_by(Item.id)
    ):
        _item(writer, session, item, code, process, table, names)


def _item(
    writer: _Writer,
    session: Session,
    item: Item,
    code: str,
    process: str,
    table: ProcessTable,
    names: dict[str, str],
) -> None:
    steps = [step for step in item.steps if ItemState(step.state) in EXCHANGE_CODE]
    chain = {"GCDM": code, "SPSXSLBM": f"{code}-{item.code}-{item.round}"}
    writer.add(
        "SPGL_XMSPSXBLXXB",
        f"I{item.id}",
        steps[-1].taken_at,
        SPSXBM=item.code,
        SPSXBBH=table.version,
        SPLCBM=process,
        SPLCBBH=table.version,
        SPBMBM=item.department,
        SPBMMC=names.get(item.department, item.department),
        BLSPSLBM=f"{code}-{item.stage}" if item.stage else None,
        SXBLSX=item.limit_days,
        **chain,
    )
    before: str | None = None
    for step in steps:
        if step.state == before:
            continue  # an extension or a check leaves the state as it was
        before = step.state
        writer.add(
            "SPGL_XMSPSXBLXXXXB",
            f"I{item.id}-{step.number}",
            step.taken_at,
            BLR=step.taken_by,
            BLCS=names.get(step.department or "", step.department),
            BLZT=str(EXCHANGE_CODE[ItemState(step.state)]),
            BLYJ=step.reason,
            BLSJ=step.taken_at,
            **chain,
        )
    if item.result is not None:
        writer.add(
            "SPGL_XMSPSXPFWJXXB",
            f"I{item.id}-R",
            item.result.uploaded_at or steps[-1].taken_at,
            PFRQ=item.result.signed_on,
            PFWH=item.result.number,
            PFWJBT=item.result.title,
            PFWJYXQX=item.result.valid_until,
            FJMC=item.result.material.file_name,
            FJID=item.result.material.sha256,
            **chain,
        )
    for span in item.spans:
        if span.stop_kind is not None:
            _stop(writer, item, span, table, chain)
    for answer in session.scalars(
        select(ConsultationAnswer)
        .join(ConsultationAnswer.consultation)
        .where(JointConsultation.item_id == item.id)
        .options(joinedload(ConsultationAnswer.consultation))
        .order_by(ConsultationAnswer.id)
    ):
        asked = answer.consultation.asked_on
        writer.add(
            "SPGL_XMSPSXZQYJXXB",
            f"I{item.id}-Q{answer.id}",
            _instant(answer.answered_on or asked),
            BLDWDM=answer.department,
            BLDWMC=names.get(answer.department, answer.department),
            FSSJ=_instant(asked),
            FKSJ=_instant(answer.answered_on) if answer.answered_on else None,
            BLR=answer.answered_by,
            FKYJ=answer.conditions or answer.remark or answer.kind,
            **chain,
        )


def _stop(writer: _Writer, item: Item, span: TimeSpan, table: ProcessTable, chain: dict[str, str]) -> None:
    stop = table.stop(str(span.stop_kind))
    writer.add(
        "SPGL_XMSPSXBLTBCXXXB",
        f"I{item.id}-T{span.id}",
        _instant(span.ends_on or span.starts_on),
        TBCX=stop.title,
        TBCXKSSJ=_instant(span.starts_on),
        TBCXSXLX="工作日",
        TBCXSX=span.working_days,
        **chain,
    )


def _instant(day: date) -> datetime:
    return datetime.combine(day, datetime.min.time(), UTC)
