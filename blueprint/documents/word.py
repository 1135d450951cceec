"""A document as a Word file (DOCX) with python-docx: A4, 仿宋 body, tables with borders. Runs in the child only."""

import io
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import docx
from docx.enum.table import WD_TABLE_ALIGNMENT
from docx.enum.text import WD_ALIGN_PARAGRAPH
from docx.oxml import OxmlElement
from docx.oxml.ns import qn
from docx.shared import Mm, Pt, RGBColor

from blueprint.documents.blocks import Block, Document, Heading, PageBreak, Paragraph, Picture, Table

_WIDTH_MM = 170.0
_BODY, _SANS = "仿宋", "黑体"
_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)


def write_docx(document: Document, pictures: Mapping[str, bytes]) -> bytes:
    """The document as the bytes of a DOCX; fonts are named only, the reader's machine has them."""
    word = docx.Document()
    _set_up(word, document)
    title = word.add_paragraph()
    title.alignment = WD_ALIGN_PARAGRAPH.CENTER
    _say(title, document.title, size=20, font=_SANS, bold=True)
    if document.subtitle:
        below = word.add_paragraph()
        below.alignment = WD_ALIGN_PARAGRAPH.CENTER
        _say(below, document.subtitle, size=11)
    for block in document.blocks:
        _add(word, block, pictures)
    buffer = io.BytesIO()
    word.save(buffer)
    return buffer.getvalue()


def _set_up(word: Any, document: Document) -> None:
    section = word.sections[0]
    section.page_width, section.page_height = Mm(210), Mm(297)
    section.left_margin, section.right_margin = Mm(22), Mm(18)
    section.top_margin, section.bottom_margin = Mm(22), Mm(24)
    normal = word.styles["Normal"]
    normal.font.name, normal.font.size = "Times New Roman", Pt(10.5)
    normal.element.rPr.rFonts.set(qn("w:eastAsia"), _BODY)
    properties = word.core_properties
    properties.title, properties.subject = document.title, document.subtitle
    properties.author = document.author or ""
    properties.created = properties.modified = _EPOCH
    foot = section.footer.paragraphs[0]
    _say(foot, document.footer, size=7)
    foot = section.footer.add_paragraph()
    foot.alignment = WD_ALIGN_PARAGRAPH.RIGHT
    for instruction in ("PAGE", "NUMPAGES"):
        _say(foot, "第 " if instruction == "PAGE" else " 页 / 共 ", size=8)
        _field(foot, instruction)
    _say(foot, " 页", size=8)


def _add(word: Any, block: Block, pictures: Mapping[str, bytes]) -> None:
    match block:
        case Heading():
            heading = word.add_heading(level=block.level)
            _say(heading, block.text, size=14 if block.level == 1 else 12, font=_SANS, bold=True)
        case Paragraph():
            paragraph = word.add_paragraph()
            _say(paragraph, block.text, size=8.5 if block.is_note else 10.5, bold=block.is_strong)
        case Picture():
            paragraph = word.add_paragraph()
            paragraph.alignment = WD_ALIGN_PARAGRAPH.CENTER
            paragraph.paragraph_format.keep_with_next = True
            paragraph.add_run().add_picture(io.BytesIO(pictures[block.name]), width=Mm(_WIDTH_MM))
            caption = word.add_paragraph()
            caption.alignment = WD_ALIGN_PARAGRAPH.CENTER
            _say(caption, block.caption, size=8.5)
        case Table():
            _add_table(word, block)
        case PageBreak():
            word.add_page_break()


def _add_table(word: Any, block: Table) -> None:
    table = word.add_table(rows=1, cols=len(block.columns), style="Table Grid")
    table.alignment = WD_TABLE_ALIGNMENT.CENTER
    table.autofit = False
    total = sum(column.width for column in block.columns)
    widths = [Mm(_WIDTH_MM * column.width / total) for column in block.columns]
    for column, width in zip(table.columns, widths, strict=True):
        column.width = width  # the grid, which Writer and WPS go by; Word goes by the cells
    _mark(table.rows[0], "w:tblHeader")
    _fill(table.rows[0], [column.title for column in block.columns], block, widths, bold=True)
    for number, row in enumerate(block.rows, start=1):
        bold = block.has_total and number == len(block.rows)
        _fill(table.add_row(), row, block, widths, bold=bold)
    word.add_paragraph()


def _fill(row: Any, texts: Any, block: Table, widths: list[Any], *, bold: bool) -> None:
    _mark(row, "w:cantSplit")
    for cell, text, column, width in zip(row.cells, texts, block.columns, widths, strict=True):
        cell.width = width
        paragraph = cell.paragraphs[0]
        if column.is_figure:
            paragraph.alignment = WD_ALIGN_PARAGRAPH.RIGHT
        _say(paragraph, text, size=8.5, bold=bold)


def _mark(row: Any, name: str) -> None:
    """Set a row's property: `w:tblHeader` has it again at the top of every page, `w:cantSplit` on one page."""
    mark = OxmlElement(name)
    mark.set(qn("w:val"), "true")
    row._tr.get_or_add_trPr().append(mark)


def _say(paragraph: Any, text: str, *, size: float, font: str = _BODY, bold: bool = False) -> None:
    run = paragraph.add_run(_printable(text))
    run.font.size, run.bold = Pt(size), bold
    run.font.color.rgb = RGBColor(0x1C, 0x1C, 0x1C)
    run.font.name = "Times New Roman"
    run._element.rPr.rFonts.set(qn("w:eastAsia"), font)


def _printable(text: str) -> str:
    """XML cannot hold control characters."""
    return "".join(c for c in text if c in "\n\t" or (ord(c) >= 32 and not 0xD800 <= ord(c) <= 0xDFFF))


def _field(paragraph: Any, instruction: str) -> None:
    run = paragraph.add_run()
    run.font.size = Pt(8)
    for kind, text in (("begin", None), (None, instruction), ("end", None)):
        if kind is not None:
            element = OxmlElement("w:fldChar")
            element.set(qn("w:fldCharType"), kind)
        else:
            element = OxmlElement("w:instrText")
            element.text = text
        run._r.append(element)
