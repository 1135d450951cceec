"""Documents: one content as PDF and Word, workbooks whose texts are never run, maps at a round scale."""

import io
import re
import zipfile

import docx
import numpy as np
import pytest
import shapely
from docx.oxml.ns import qn
from PIL import Image
from pypdf import PdfReader

from blueprint.documents.blocks import Column, Document, Heading, Paragraph, Picture, Table
from blueprint.documents.maps import (
    HEIGHT_MM,
    WIDTH_MM,
    MapItem,
    MapPicture,
    bar_length_m,
    frame_around,
)
from blueprint.documents.rendering import draw_maps, print_page, to_docx, to_pdf
from blueprint.documents.workbook import Sheet, to_xlsx
from blueprint.errors import UnavailableError

SITE = shapely.box(500_000, 4_550_000, 500_300, 4_550_200)
DOCUMENT = Document(
    title="策划生成意见书",
    subtitle="鞍山市 · <script>alert(1)</script>",
    blocks=(
        Heading("检查结论"),
        Paragraph("依据《防洪法》第27条\n䶮𠮷"),
        Table(
            (Column("图层"), Column("m²", is_figure=True)), (("河道", "1,234.50"), ("合计", "1,234.50")), True
        ),
        Picture("site", "位置图"),
    ),
    footer="机器初判",
    author="zrzy",
    attachments={"report.json": '{"a": 1}'},
)


def _map() -> MapPicture:
    items = (
        MapItem("农田 farmland", "#f9a825", (shapely.box(500_100, 4_549_000, 501_000, 4_551_000),)),
        MapItem("用地红线 site", "#d00000", (SITE,), fill_opacity=0.0, line_mm=0.7),
    )
    return MapPicture("位置", frame_around([SITE]), items, "EPSG:4550")


def test_a_document_becomes_a_pdf_with_its_words_its_map_and_what_it_carries():
    reader = PdfReader(io.BytesIO(to_pdf(DOCUMENT, {"site": _map()})))

    text = "".join(page.extract_text() for page in reader.pages)
    assert "策划生成意见书" in text
    assert "<script>alert(1)</script>" in text
    assert "䶮𠮷" in text
    assert "1,234.50" in text
    assert len(reader.pages[0].images) == 1
    assert reader.attachments["report.json"] == [b'{"a": 1}']
    assert reader.metadata is not None
    assert reader.metadata.author == "zrzy"


def test_the_same_document_becomes_a_word_file_with_the_same_words():
    word = docx.Document(io.BytesIO(to_docx(DOCUMENT, {"site": _map()})))

    texts = [paragraph.text for paragraph in word.paragraphs]
    assert texts[0] == "策划生成意见书"
    assert any("䶮𠮷" in text for text in texts)
    assert [[cell.text for cell in row.cells] for row in word.tables[0].rows] == [
        ["图层", "m²"],
        ["河道", "1,234.50"],
        ["合计", "1,234.50"],
    ]
    assert len(word.inline_shapes) == 1


def test_the_columns_of_a_word_table_have_their_widths_in_every_program_and_rows_stay_on_one_page():
    """Writer and WPS go by the grid of a table, which was even: a column of two digits was as broad as one of articles."""
    table = docx.Document(io.BytesIO(to_docx(DOCUMENT, {"site": _map()}))).tables[0]

    assert [round(column.width.mm) for column in table.columns] == [
        round(cell.width.mm) for cell in table.rows[0].cells
    ]
    assert all(row._tr.trPr.find(qn("w:cantSplit")) is not None for row in table.rows)
    assert table.rows[0]._tr.trPr.find(qn("w:tblHeader")) is not None


def test_a_page_fetches_neither_files_nor_addresses(tmp_path):
    """A file that is there and could be read is left out all the same."""
    picture = tmp_path / "secret.png"
    Image.new("RGB", (8, 8), "red").save(picture)
    page = f'<p>text</p><img src="{picture.as_uri()}"><img src="http://127.0.0.1:1/x.png">'

    reader = PdfReader(io.BytesIO(print_page(page)))

    assert "text" in reader.pages[0].extract_text()
    assert len(reader.pages[0].images) == 0


def test_a_document_that_names_a_map_that_is_not_given_is_an_error_of_one_sentence():
    with pytest.raises(UnavailableError, match="the document could not be written"):
        to_pdf(DOCUMENT)


def test_a_text_that_begins_like_a_formula_stays_a_text():
    evil = ("=cmd|' /C calc'!A0", "+1+1", "-2", "@SUM(A1)", "http://example.org")

    book = zipfile.ZipFile(
        io.BytesIO(to_xlsx([Sheet("a", ("x", "m²"), [(t, 1.5) for t in evil])], title="t"))
    )

    sheet, strings = (book.read(f"xl/{name}.xml").decode() for name in ("worksheets/sheet1", "sharedStrings"))
    assert "<f>" not in sheet
    assert "hyperlink" not in sheet
    assert "<v>1.5</v>" in sheet
    for text in ("+1+1", "@SUM(A1)", "http://example.org"):
        assert f"<t>{text}</t>" in strings


def test_a_sheet_prints_with_its_head_on_every_page_and_its_figures_in_their_units():
    columns = ("图层 layer", "m²", "公顷 ha", "占用地 share", "说明 note")
    rows = [("河道", 1234.5, 0.12345, 0.0123, "长" * 100), ("碎面", 0.0031, 0.0000003, 1e-7, "")]
    facts = [("用地面积 area 亩 mu", 1.5), ("城市 city", "鞍山")]

    book = zipfile.ZipFile(
        io.BytesIO(
            to_xlsx(
                [
                    Sheet("a", columns, rows),
                    Sheet("b", ("项 item", "内容 content"), facts, is_facts=True),
                    Sheet("c", columns, []),
                ],
                title="t & u",
            )
        )
    )

    sheet, pairs, empty = (book.read(f"xl/worksheets/sheet{n}.xml").decode() for n in (1, 2, 3))
    assert 'orientation="landscape"' in sheet and 'paperSize="9"' in sheet and 'fitToHeight="0"' in sheet
    assert "t &amp;&amp; u" in sheet and "page &amp;P of &amp;N" in sheet
    assert '<autoFilter ref="A1:E3"/>' in sheet and "autoFilter" not in pairs + empty
    assert "_xlnm.Print_Titles" in (workbook := book.read("xl/workbook.xml").decode())
    assert "a!$A$1:$E$3" in workbook
    heights = [float(height) for height in re.findall(r'<row r="\d+"[^>]* ht="([\d.]+)"', sheet)]
    assert heights == [30, 60], "a text that goes over four lines has them; others have the one of every row"
    styles = book.read("xl/styles.xml").decode()
    for form in ("[=0]0.00;[&lt;0.01]0.00######;#,##0.00", "0.00%", "#,##0.0000"):
        assert form in styles
    strings = book.read("xl/sharedStrings.xml").decode()
    assert "无 none" in strings


def test_a_map_is_as_large_as_its_scale_says_and_shows_the_site_in_red():
    picture = Image.open(io.BytesIO(draw_maps({"site": _map()})["site"])).convert("RGB")

    frame = _map().frame
    pixels = np.asarray(picture).astype(int)
    red = (pixels[..., 0] > 180) & (pixels[..., 1] < 60) & (pixels[..., 2] < 60)
    # The left and right edge of the site are 300 m apart; the legend's red box lies below the frame.
    columns = np.flatnonzero(red[: picture.height * 3 // 4].any(axis=0))
    metres_a_pixel = frame.denominator * 0.0254 / 170
    assert (columns.max() - columns.min()) * metres_a_pixel == pytest.approx(300, abs=4)


def test_a_frame_holds_its_shapes_at_a_round_scale_and_its_bar_fits():
    frame = frame_around([SITE])

    assert frame.denominator == 2500
    assert frame.east - frame.west == pytest.approx(WIDTH_MM * 2.5)
    assert frame.north - frame.south == pytest.approx(HEIGHT_MM * 2.5)
    assert shapely.contains(frame.box, SITE)
    assert bar_length_m(frame) == 100
    assert frame_around([shapely.Point(0, 0)]).denominator == 250
