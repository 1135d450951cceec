"""The generation opinion: the handover's words, as PDF and Word; only of a cleared project."""

import io
import zipfile

import pytest
from pypdf import PdfReader
from sqlalchemy import select
from sqlalchemy.orm import Session

from blueprint.city import City
from blueprint.documents.blocks import Heading, Paragraph, Table
from blueprint.documents.rendering import DocumentForm
from blueprint.errors import ConflictError
from coordination.clearance import clear_project
from coordination.generation_opinion import generation_opinion, write_generation_opinion
from coordination.handover import read_message
from coordination.handover_models import Handover
from coordination.models import OpinionKind, Project
from coordination.opinions import Answer, FindingKind, OpinionGiven
from tests.coordination.test_rounds import answer, consult, register
from tests.coordination.world import CALENDAR, COORDINATOR, NOW


def handover_of(session: Session) -> Handover:
    return session.scalars(select(Handover)).one()


@pytest.fixture
def cleared(world_session: Session, world: City) -> Project:
    project = register(world_session, world)
    opened = consult(world_session, world, project)
    conditions = "办理涉河建设方案许可\n施工期避开汛期"
    answer(
        world_session,
        opened,
        "slj",
        OpinionGiven(
            OpinionKind.AGREE_WITH_CONDITIONS,
            conditions=conditions,
            answers=(Answer(1, FindingKind.AGREE_WITH_CONDITIONS, "办理涉河建设方案许可"),),
        ),
    )
    for department in ("fgw", "wlj"):
        answer(world_session, opened, department)
    clear_project(world_session, project.id, city=world, calendar=CALENDAR, actor=COORDINATOR, now=NOW)
    return project


def test_it_is_written_with_the_clearance_and_not_before(world_session: Session, world: City) -> None:
    project = register(world_session, world)

    with pytest.raises(ConflictError, match="is not cleared"):
        write_generation_opinion(
            world_session, project, DocumentForm.PDF, city=world, actor=COORDINATOR, now=NOW
        )


@pytest.mark.parametrize("form", list(DocumentForm))
def test_the_document_says_project_findings_opinions_and_every_condition(
    world_session: Session, world: City, cleared: Project, form: DocumentForm
) -> None:
    written = write_generation_opinion(world_session, cleared, form, city=world, actor=COORDINATOR, now=NOW)

    if form is DocumentForm.PDF:
        text = "".join(page.extract_text() for page in PdfReader(io.BytesIO(written.content)).pages)
    else:
        with zipfile.ZipFile(io.BytesIO(written.content)) as file:
            text = file.read("word/document.xml").decode()
            pictures = [name for name in file.namelist() if name.startswith("word/media/")]
            assert len(pictures) == 4, "the site, and each of three conflicts"
    for words in (
        "策划生成意见书",
        cleared.planning_number,
        "示例小学",
        "河道管理范围",
        "避开汛期",
        "出具对象",
        COORDINATOR.name,
        "水利局",
        "《防洪法》第27条",
        "附：详图与摘要",
        handover_of(world_session).sha256,
    ):
        assert words in "".join(text.split()), words


def test_its_figures_are_those_of_the_handover(world_session: Session, world: City, cleared: Project) -> None:
    handover = handover_of(world_session)
    message = read_message(handover.body.encode())

    document = generation_opinion(message, sha256=handover.sha256, city=world, maps={})

    tables = [block for block in document.blocks if isinstance(block, Table)]
    conflicts = {row[0]: row[3] for row in tables[1].rows}
    assert conflicts == {c.title: f"{round(c.overlap_m2, 2):,.2f}" for c in message.check.conflicts}
    assert [row[2] for row in tables[4].rows] == ["办理涉河建设方案许可", "施工期避开汛期"]
    headings = [block.text for block in document.blocks if isinstance(block, Heading)]
    assert len(headings) == 7
    singly = tables[2].rows
    # The site lies from 220 to 320 m of eastings, 60 m high; the river ends at 300, the zone of protection begins at 250.
    assert [row[:4] for row in singly] == [
        ("1", "河道管理范围\n1", "限制 restricted", "4,800.00 m²"),
        ("2", "建设控制地带\n1", "建议 advised", "4,200.00 m²"),
        ("3", "普查区\n1", "提示 for information", "6,000.00 m²"),
    ]
    assert singly[0][4:] == ("《防洪法》第27条", "水利局\n有条件同意 agreed with conditions")
    assert singly[1][4:] == ("—", "文旅局")
    digests = [row[1] for row in tables[-1].rows]
    assert digests[:2] == [message.check.digest, f"sha256:{handover.sha256}"]
    assert handover.sha256[:16] in document.footer
    assert any("第 1 版" in b.text for b in document.blocks if isinstance(b, Paragraph))
