"""Written vouchers of the steps of an item (书面凭证): what the law says the applicant is handed when a step is taken.

A voucher is written from the record of its step, which never changes, so that the same one comes out on any day; the seal
(专用印章) is the authority's own. Refusals of a licence are decisions of their own (`results`).
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy.orm import Session

from approval.case_items import item_name
from approval.item_models import Item, ItemStep
from approval.item_states import WINDOW_STEPS, Step
from approval.materials import list_materials
from approval.models import Case
from approval.preparation import approvals_bureau, table_of
from approval.process_table import DayUnit, ProcessTable
from blueprint.audit.log import record
from blueprint.city import City
from blueprint.documents.blocks import Block, Column, Document, Heading, Paragraph, Table
from blueprint.documents.rendering import DocumentForm
from blueprint.errors import NotFoundError
from blueprint.permissions import Actor


@dataclass(frozen=True)
class VoucherKind:
    """What a voucher is called, in Chinese and English, and the article that asks for it."""

    title: str
    english: str
    basis: str


KINDS: Mapping[Step, VoucherKind] = {
    Step.ACCEPT: VoucherKind("受理通知书", "notice of acceptance", "《中华人民共和国行政许可法》第三十二条"),
    Step.ASK_CORRECTION: VoucherKind(
        "补正材料一次性告知书", "notice of corrections", "《中华人民共和国行政许可法》第三十二条第一款第四项"
    ),
    Step.NOT_ACCEPT: VoucherKind(
        "不受理通知书", "notice of non-acceptance", "《中华人民共和国行政许可法》第三十二条"
    ),
    Step.REFUSE_ACCEPTANCE: VoucherKind(
        "不予受理决定书", "refusal of acceptance", "《中华人民共和国行政许可法》第三十二条"
    ),
    Step.EXTEND: VoucherKind(
        "延长审批期限告知书", "notice of extension", "《中华人民共和国行政许可法》第四十二条"
    ),
    Step.STOP: VoucherKind(
        "特别程序时间告知书", "notice of a special procedure", "《中华人民共和国行政许可法》第四十五条"
    ),
}
"""Steps that the applicant is handed a voucher of."""

_UNITS = {DayUnit.WORKING: "个工作日", DayUnit.CALENDAR: "日"}
_REMEDIES = "如不服本决定，可自收到之日起六十日内依法申请行政复议，或者自收到之日起六个月内依法提起行政诉讼。"
"""行政复议法 (2023) 第二十条, 行政诉讼法 第四十六条."""


@dataclass(frozen=True)
class Written:
    """A voucher as the bytes of a file, and a name for it."""

    content: bytes
    file_name: str


def vouchers_of(item: Item) -> list[ItemStep]:
    """The steps of an item that have a voucher, in the order in which they were taken."""
    return [row for row in item.steps if row.step in KINDS]


def write_voucher(
    session: Session, case: Case, item: Item, number: int, form: DocumentForm, *, city: City, actor: Actor
) -> Written:
    """The voucher of the step of that number as a file; NotFoundError where the step has none. Who fetched it is recorded."""
    row = next((each for each in vouchers_of(item) if each.number == number), None)
    if row is None:
        there = [f"{each.number} {KINDS[Step(each.step)].title}" for each in vouchers_of(item)]
        raise NotFoundError(
            "step {number} of {item_name} has no voucher (书面凭证); there are: {there}",
            number=number,
            item_name=item_name(case, item),
            there=there,
        )
    document = voucher(session, case, item, row, city)
    record(session, actor, "read_voucher", kind="item", id=item_name(case, item), after={"step": number})
    content = form.write(document)
    return Written(content, f"{_number(case, item, row)}.{form}")


def voucher(session: Session, case: Case, item: Item, row: ItemStep, city: City) -> Document:
    """The voucher of a step as blocks."""
    table, step = table_of(session, case), Step(row.step)
    kind = KINDS[step]
    names = {department.code: department.name for department in city.departments}
    # What the window does, it does for the hall that took the case on; the rest is the approving department's.
    issuer = (case.hall or approvals_bureau(city)) if step in WINDOW_STEPS else item.department
    blocks: list[Block] = [
        Paragraph(f"{case.applicant}：", is_strong=True),
        *_facts(case, item, names.get(item.department, item.department)),
        *_told(session, case, item, row, table),
        Paragraph(f"依据 legal basis：{kind.basis}。", is_note=True),
        Paragraph(f"{names.get(issuer, issuer)}（专用印章 seal）", is_strong=True),
        Paragraph(_chinese_day(row.taken_on), is_strong=True),
        Paragraph("申请人（代理人）签收：____________________　　日期：__________", is_note=True),
    ]
    number = _number(case, item, row)
    return Document(
        title=kind.title,
        subtitle=f"{kind.english} · 凭证编号 no. {number}",
        blocks=tuple(blocks),
        footer=f"{number} · {city.name} · 由办理记录生成 written from the record of the step",
        author=names.get(issuer, issuer),
    )


def _number(case: Case, item: Item, row: ItemStep) -> str:
    return f"{item_name(case, item).replace('/', '-')}-{row.number}"


def _facts(case: Case, item: Item, department: str) -> Iterator[Block]:
    facts = [
        ("项目名称 project", case.project_name),
        ("项目代码 project code", case.project_code or "—"),
        (
            "事项 item",
            f"{item.title}（{item.code}）" + (f" 第 {item.round} 次申请" if item.round > 1 else ""),
        ),
        ("审批部门 department", department),
        ("接件日期 taken in", str(item.submitted_on or "—")),
    ]
    yield Table((Column("事实 fact", width=0.3), Column("内容 content", width=0.7)), tuple(facts))


def _told(session: Session, case: Case, item: Item, row: ItemStep, table: ProcessTable) -> Iterator[Block]:
    """What the step tells the applicant."""
    reason = (row.reason or "").strip()
    match Step(row.step):
        case Step.ACCEPT:
            yield from _accepted(session, case, item, row, table)
        case Step.ASK_CORRECTION:
            yield Paragraph(
                "你（单位）提出的申请，材料不齐全或者不符合法定形式。现将需要补正的全部内容一次告知如下，"
                f"请自收到本告知书之日起 {table.clock.correction_days} 日内补正："
            )
            rows = [
                (
                    str(place),
                    str(lack["title"]),
                    "，".join(dict.fromkeys(t for t in (lack["what"], lack["defect"]) if t)),
                )
                for place, lack in enumerate(row.detail["lacking"], start=1)
            ]
            yield Table(
                (
                    Column("序号", width=0.1),
                    Column("材料 material", width=0.4),
                    Column("需要补正的内容 what is lacking", width=0.5),
                ),
                tuple(rows),
            )
        case Step.NOT_ACCEPT:
            yield Paragraph("你（单位）提出的申请，经审查，不受理。理由：")
            yield Paragraph(reason, is_strong=True)
        case Step.REFUSE_ACCEPTANCE:
            yield Paragraph("你（单位）提出的申请，经审查，决定不予受理。理由：")
            yield Paragraph(reason, is_strong=True)
            yield Paragraph(_REMEDIES)
        case Step.EXTEND:
            limit = f"{item.limit_days} {_UNITS[DayUnit(item.day_unit)]}"
            yield Paragraph(
                f"你（单位）的申请不能在 {limit}内作出决定。经本行政机关负责人批准，期限延长 {row.detail['working_days']} 个工作日。理由："
            )
            yield Paragraph(reason, is_strong=True)
        case Step.STOP:
            yield Paragraph(
                f"办理你（单位）的申请依法需要{row.detail['title']}，所需时间为 {row.detail['working_days']} 个工作日，"
                "不计入审批期限。事由："
            )
            yield Paragraph(reason, is_strong=True)
        case _:  # pragma: no cover - `KINDS` has no other
            raise AssertionError(row.step)


def _accepted(
    session: Session, case: Case, item: Item, row: ItemStep, table: ProcessTable
) -> Iterator[Block]:
    limit = (
        ""
        if item.limit_days is None
        else f"审批期限为 {item.limit_days} {_UNITS[DayUnit(item.day_unit)]}，自受理之日起计算，法定的特别程序所需时间不计算在内。"
    )
    how = "本事项实行告知承诺。" if item.on_commitment else ""
    yield Paragraph(f"你（单位）提出的申请，经审查，予以受理。{limit}{how}")
    given = _received(session, case, table.item(item.code).materials, row.taken_on)
    if given:
        yield Heading("收到的材料 Materials received", level=2)
        yield Table(
            (
                Column("序号", width=0.1),
                Column("材料 material", width=0.65),
                Column("收到日期 received", width=0.25),
            ),
            tuple((str(place), title, str(day)) for place, (title, day) in enumerate(given, start=1)),
        )
    promised = row.detail.get("promised", [])
    if promised:
        yield Heading("容缺受理，承诺补交 Promised", level=2)
        yield Table(
            (Column("材料 material", width=0.7), Column("补交期限 until", width=0.3)),
            tuple((table.material(p["material"]).title, p["due_on"]) for p in promised),
        )


def _received(
    session: Session, case: Case, needed: Sequence[Sequence[str]], on: date
) -> list[tuple[str, date]]:
    """Of what the item needs that which was in the library on the day, each in its newest version of then."""
    newest = {m.code: m for m in list_materials(session, case) if m.given_on <= on}
    return [
        (newest[code].title, newest[code].given_on) for codes in needed for code in codes if code in newest
    ]


def _chinese_day(day: date) -> str:
    return f"{day.year} 年 {day.month} 月 {day.day} 日"
