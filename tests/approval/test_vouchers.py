"""Written vouchers (书面凭证): each step that the law wants one of has it, with what the applicant must be told."""

from datetime import date

import pytest
from sqlalchemy.orm import Session

from approval.item_models import Item
from approval.item_states import Step
from approval.item_steps import Lacking, Promised
from approval.models import Case
from approval.vouchers import voucher, vouchers_of, write_voucher
from blueprint.city import City
from blueprint.documents.blocks import Document, Paragraph, Table
from blueprint.documents.rendering import DocumentForm
from blueprint.errors import NotFoundError
from tests.approval.office import CODE, WINDOW, Office


@pytest.fixture
def office(session: Session, city: City) -> Office:
    return Office(session, city)


def _words(document: Document) -> str:
    parts = [document.title, document.subtitle, document.author]
    for block in document.blocks:
        if isinstance(block, Paragraph):
            parts.append(block.text)
        elif isinstance(block, Table):
            parts += ["|".join(row) for row in block.rows]
    return "\n".join(parts)


def _last(office: Office, case: Case, item: Item) -> str:
    return _words(voucher(office.session, case, item, vouchers_of(item)[-1], office.city))


def test_acceptance_tells_limit_materials_of_that_day_and_promises(office: Office) -> None:
    """行政许可法 32: accepted or not, the applicant is handed a written voucher with the day."""
    case = office.case()
    office.step(case, "A104", Step.SUBMIT)
    for code in ("M01", "M02"):
        office.hand_in(case, code)
    item = office.step(case, "A104", Step.ACCEPT, promised=(Promised("M10", date(2026, 3, 31)),))
    office.days_pass(1)
    office.hand_in(case, "M01", replaces_reason="更正")

    told = _last(office, case, item)

    assert told.startswith("受理通知书\nnotice of acceptance · 凭证编号 no. " + f"{CODE}-A104-1-2")
    assert "教育局：" in told and "予以受理" in told and f"审批期限为 {item.limit_days} 个工作日" in told
    assert "|申请表|2026-03-02" in told and "2026-03-03" not in told
    assert "|2026-03-31" in told and "第三十二条" in told
    assert "鞍山市行政审批局（专用印章 seal）" in told and "2026 年 3 月 2 日" in told


def test_corrections_are_listed_whole_and_refusals_of_acceptance_name_the_remedies(office: Office) -> None:
    """行政许可法 32(一)(二)(四); 行政复议法 20, 行政诉讼法 46."""
    case = office.case()
    office.step(case, "A104", Step.SUBMIT)
    lacking = (Lacking("M01", "请盖章", None), Lacking("M02", "缺第三页", None))
    item = office.step(case, "A104", Step.ASK_CORRECTION, lacking=lacking)
    told = _last(office, case, item)
    assert "1|申请表|请盖章" in told and "|缺第三页" in told and "30 日内补正" in told
    for code in ("M01", "M02"):
        office.hand_in(case, code)
    office.step(case, "A104", Step.CORRECT)
    item = office.step(case, "A104", Step.REFUSE_ACCEPTANCE, reason="不属于本机关职权")
    refused = _last(office, case, item)
    assert refused.startswith("不予受理决定书") and "不属于本机关职权" in refused and "行政复议" in refused

    with pytest.raises(
        NotFoundError, match=r"step 1 of .* has no voucher .*; there are: 2 补正材料一次性告知书"
    ):
        write_voucher(office.session, case, item, 1, DocumentForm.DOCX, city=office.city, actor=WINDOW)


def test_extensions_and_special_procedures_tell_for_how_long_and_why(office: Office) -> None:
    """行政许可法 42, 45: by the approving department, not the window."""
    case = office.case()
    office.step(case, "A104", Step.SUBMIT)
    for code in ("M01", "M02", "M10"):
        office.hand_in(case, code)
    office.step(case, "A104", Step.ACCEPT)
    office.step(case, "A104", Step.BEGIN)
    item = office.step(case, "A104", Step.EXTEND, working_days=5, reason="案情复杂")
    told = _last(office, case, item)
    assert "延长 5 个工作日" in told and "案情复杂" in told and "鞍山市自然资源局（专用印章 seal）" in told
    item = office.step(case, "A104", Step.STOP, stop_kind="publicity", working_days=7, reason="批前公示")
    told = _last(office, case, item)
    assert "公示" in told and "7 个工作日" in told and "第四十五条" in told
    assert [Step(row.step) for row in vouchers_of(item)] == [Step.ACCEPT, Step.EXTEND, Step.STOP]
