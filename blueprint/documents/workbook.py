"""Tables as a workbook (XLSX): texts stay texts, whatever they begin with, figures are figures; every sheet prints on A4 or A3."""

import io
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from xlsxwriter import Workbook

Cell = str | float | int | date | None
_MAX_TEXT = 32_767
"""What a cell can hold."""

_MAX_WIDTH, _LINE_POINTS, _MAX_HEIGHT = 60, 15, 405
_BROAD, _MAX_WIDTH_OF_BROAD = 10, 28
"""Sheets of more columns are printed on A3, and their texts go over more lines: else their print is too small to be read."""

_A3, _A4 = 8, 9
_FORMATS = (
    (r"公顷|\bha\b|亩|\bmu\b", "[=0]0.0000;[<0.0001]0.0000######;#,##0.0000"),
    (r"share|占用地|占图斑|%", "[=0]0.00%;[<0.0001]0.00####%;0.00%"),
    (r"m²|\bm$", "[=0]0.00;[<0.01]0.00######;#,##0.00"),
)
"""How figures are shown, by the unit in their title; what is not nought is not shown as nought."""


@dataclass(frozen=True)
class Sheet:
    """A sheet: its name (at most 31 characters), the titles of its columns, its rows, and how figures of no unit are shown.

    The unit in the title of a column, or of the first cell where `is_facts`, says how its figures are shown. Facts are
    pairs of a title and what it says; other sheets are lists, which have filters.
    """

    name: str
    columns: tuple[str, ...]
    rows: Sequence[Sequence[Cell]]
    number_format: str = "#,##0.00"
    is_facts: bool = False


def to_xlsx(sheets: Sequence[Sheet], *, title: str, author: str = "") -> bytes:
    """The sheets as the bytes of an XLSX. A text that begins like a formula (=, +, -, @) is written as a text, never run."""
    buffer = io.BytesIO()
    options = {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
    with Workbook(buffer, options) as book:
        book.set_properties({"title": title, "author": author})
        for sheet in sheets:
            page = book.add_worksheet(sheet.name)
            _set_up(page, sheet, title)
            _fill(book, page, sheet)
    return buffer.getvalue()


def _set_up(page: Any, sheet: Sheet, title: str) -> None:
    """The head stays in sight and comes again on every page; all columns are printed side by side."""
    last_row, last_column = max(1, len(sheet.rows)), len(sheet.columns) - 1
    page.freeze_panes(1, 0)
    page.repeat_rows(0)
    page.set_paper(_A3 if last_column > _BROAD else _A4)
    if last_column > 1:
        page.set_landscape()
    page.set_margins(left=0.5, right=0.5, top=0.7, bottom=0.7)
    page.fit_to_pages(1, 0)
    page.print_area(0, 0, last_row, last_column)
    page.set_header(f"&L&8{_said_on_pages(title)}&R&8&A")
    page.set_footer("&R&8第 &P 页 / 共 &N 页 page &P of &N")
    if sheet.rows and not sheet.is_facts:
        page.autofilter(0, 0, last_row, last_column)


def _said_on_pages(title: str) -> str:
    """A title as the head of a page takes it: at most 255 characters with its codes, which begin with &."""
    return title[:100].replace("&", "&&")


def _fill(book: Any, page: Any, sheet: Sheet) -> None:
    head = book.add_format(
        {"bold": True, "bg_color": "#F1F1F1", "border": 1, "text_wrap": True, "valign": "top"}
    )
    place = {"valign": "top", **({"align": "left"} if sheet.is_facts else {})}
    plain = book.add_format({"text_wrap": True, **place})
    whole = book.add_format({"num_format": "0", **place})
    day = book.add_format({"num_format": "yyyy-mm-dd", **place})
    shown = {
        form: book.add_format({"num_format": form, **place})
        for form in (sheet.number_format, *(form for _, form in _FORMATS))
    }
    widths = [_width(sheet, column) for column in range(len(sheet.columns))]
    for column, (text, width) in enumerate(zip(sheet.columns, widths, strict=True)):
        page.write_string(0, column, text, head)
        page.set_column(column, column, width)
    page.set_row(0, _height(sheet.columns, widths))
    if not sheet.rows:
        page.write_string(1, 0, "无 none", plain)
    for number, row in enumerate(sheet.rows, start=1):
        page.set_row(number, _height(row, widths))
        for column, value in enumerate(row):
            match value:
                case None:
                    continue
                case str():
                    page.write_string(number, column, value[:_MAX_TEXT], plain)
                case date():
                    page.write_datetime(number, column, value, day)
                case int():
                    page.write_number(number, column, value, whole)
                case float():
                    titled = str(row[0]) if sheet.is_facts else sheet.columns[column]
                    page.write_number(number, column, value, shown[_format(titled, sheet.number_format)])


def _format(title: str, other: str) -> str:
    return next((form for pattern, form in _FORMATS if re.search(pattern, title)), other)


def _width(sheet: Sheet, column: int) -> float:
    """Wide enough for what the first rows say; a title may go over two lines."""
    texts = [_text(row[column]) for row in sheet.rows[:50]]
    longest = max([_places(sheet.columns[column]) / 2, *(_places(text) for text in texts)])
    is_last = column == len(sheet.columns) - 1  # what is longest stands last: bases, attributes
    at_most = _MAX_WIDTH_OF_BROAD if len(sheet.columns) > _BROAD and not is_last else _MAX_WIDTH
    return float(min(max(longest + 3, 9), at_most))


def _height(row: Sequence[Cell], widths: Sequence[float]) -> float:
    """As many lines as the longest text of a row takes: only Excel finds that out by itself."""
    lines = max(_lines(_text(value), width) for value, width in zip(row, widths, strict=False))
    return min(_LINE_POINTS * lines, _MAX_HEIGHT)


def _lines(text: str, width: float) -> int:
    return sum(max(1, math.ceil(_places(line) / (width - 1))) for line in text.split("\n"))


def _text(value: Cell) -> str:
    """What a cell shows, nearly."""
    if value is None:
        return ""
    return f"{value:,.4f}" if isinstance(value, float) else str(value)


def _places(text: str) -> int:
    """A Chinese character takes two places."""
    return max((sum(2 if ord(c) > 0x2E7F else 1 for c in line) for line in text.split("\n")), default=0)
