"""Tables as a workbook (XLSX): texts stay texts, whatever they begin with, figures are figures."""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from xlsxwriter import Workbook

Cell = str | float | int | date | None
_MAX_TEXT = 32_767
"""What a cell can hold."""


@dataclass(frozen=True)
class Sheet:
    """A sheet: its name (at most 31 characters), the titles of its columns, its rows, and how its figures are shown."""

    name: str
    columns: tuple[str, ...]
    rows: Sequence[Sequence[Cell]]
    number_format: str = "#,##0.00"


def to_xlsx(sheets: Sequence[Sheet], *, title: str, author: str = "") -> bytes:
    """The sheets as the bytes of an XLSX. A text that begins like a formula (=, +, -, @) is written as a text, never run."""
    buffer = io.BytesIO()
    options = {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
    with Workbook(buffer, options) as book:
        book.set_properties({"title": title, "author": author})
        head = book.add_format({"bold": True, "bg_color": "#F1F1F1", "border": 1, "text_wrap": True})
        plain = book.add_format({"text_wrap": True, "valign": "top"})
        day = book.add_format({"num_format": "yyyy-mm-dd", "valign": "top"})
        for sheet in sheets:
            figure = book.add_format({"num_format": sheet.number_format, "valign": "top"})
            page = book.add_worksheet(sheet.name)
            page.freeze_panes(1, 0)
            for column, text in enumerate(sheet.columns):
                page.write_string(0, column, text, head)
                page.set_column(column, column, _width(sheet, column))
            for number, row in enumerate(sheet.rows, start=1):
                for column, value in enumerate(row):
                    match value:
                        case None:
                            continue
                        case str():
                            page.write_string(number, column, value[:_MAX_TEXT], plain)
                        case date():
                            page.write_datetime(number, column, value, day)
                        case int():
                            page.write_number(number, column, value)
                        case float():
                            page.write_number(number, column, value, figure)
    return buffer.getvalue()


def _width(sheet: Sheet, column: int) -> float:
    """Wide enough for what the first rows say; a Chinese character takes two places."""
    texts = [sheet.columns[column], *(str(row[column] or "") for row in sheet.rows[:50])]
    longest = max(sum(2 if ord(c) > 0x2E7F else 1 for c in text) for text in texts)
    return float(min(max(longest + 2, 8), 60))
