"""Reading a report that was written earlier: its JSON, or the PDF, Word file, workbook or page that carries it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

import orjson

from blueprint.documents.rendering import carried_by, carried_by_package
from blueprint.errors import InvalidInputError, TooLargeError
from coordination.report_seal import Seal, carried_by_page, seal_of_pdf

REPORT_FILE = "report.json"
"""The name of the attachment by which a PDF can be verified."""

ALTERNATIVES = "alternatives"
"""Where a comparison carries its reports."""

MAX_BYTES = 64 << 20

_ZIP, _BYTE_ORDER_MARK = b"PK\x03\x04", b"\xef\xbb\xbf"

_STARTS = {
    ".pdf": b"%PDF",
    ".docx": _ZIP,
    ".xlsx": _ZIP,
    ".html": b"<",
    ".htm": b"<",
}
"""By what files begin that are of the kind which their names say."""

_NOT_IN = {".docx": b"xl/workbook.xml", ".xlsx": b"word/document.xml"}
"""What an office file of that name does not have in it; the names of an archive's members are not packed."""


@dataclass(frozen=True)
class ReportFile:
    """A report as a file has it. `seal` is None for JSON alone: there people read nothing but the report itself."""

    document: dict[str, Any]
    seal: Seal | None = None


def read_report(content: bytes, name: str) -> ReportFile:
    """The report that a file's bytes are or carry. InvalidInputError names the file where there is none."""
    if len(content) > MAX_BYTES:
        raise TooLargeError(
            "{name} is larger than {max_mb} MB; it is no report",
            name=name,
            max_mb=MAX_BYTES >> 20,
            place="file",
        )
    _refuse_another_kind(content, name)
    if content.startswith(b"%PDF"):
        return ReportFile(_document(_attached(content, name), name), seal_of_pdf(content))
    if content.startswith(_ZIP):
        carried = carried_by_package(content)
        if carried is None:
            raise InvalidInputError(
                "the file {name} is damaged or carries no report: another program saved it again, it is from before these"
                " files carried one, or is none of ours; give the file as it was issued",
                name=name,
                place="file",
            )
        return ReportFile(_document(carried.text, name), Seal(carried.seal, carried.sha256))
    if _text(content).lstrip()[:1] == b"<":
        found = carried_by_page(content)
        if found is None:
            raise InvalidInputError(
                "the page {name} carries no report: it was printed or saved again without it, or is none of ours; give the"
                " file as it was issued",
                name=name,
                place="file",
            )
        return ReportFile(_document(found[0], name), found[1])
    return ReportFile(_refuse_bare_comparison(_document(content, name), name))


def reports_of(document: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The reports of a comparison of alternatives, in its order; none where the document is a report itself."""
    found = document.get(ALTERNATIVES)
    if not isinstance(found, list) or not all(isinstance(each, dict) for each in found):
        return []
    return [each["report"] for each in found if isinstance(each.get("report"), dict)]


def _refuse_bare_comparison(document: dict[str, Any], name: str) -> dict[str, Any]:
    """What a comparison says besides its reports, the ranks, only a seal proves."""
    if reports_of(document):
        raise InvalidInputError(
            "{name} is a comparison of alternatives as JSON, which has no seal and does not carry its sites; give its"
            " PDF, DOCX or XLSX",
            name=name,
            place="file",
        )
    return document


def _refuse_another_kind(content: bytes, name: str) -> None:
    """Refuse a file that its readers open as something else than it is verified as: JSON in a page's name shows as a page."""
    suffix = PurePath(name).suffix.lower()
    starts = _STARTS.get(suffix)
    is_another = starts is not None and not _text(content).lstrip().startswith(starts)
    if is_another or (suffix in _NOT_IN and _NOT_IN[suffix] in content):
        raise InvalidInputError(
            "{name} is no {kind} by its content; what people see in it is not what would be verified",
            name=name,
            kind=suffix[1:].upper(),
            place="file",
        )


def _document(content: bytes, name: str) -> dict[str, Any]:
    try:
        document = orjson.loads(_text(content))  # unlike json, no NaN and no half a surrogate
    except ValueError as error:
        raise InvalidInputError(
            "{name} is no report; give what `blueprint check … --format json`, `html`, `pdf`, `docx` or `xlsx` wrote",
            name=name,
            place="file",
        ) from error
    if not isinstance(document, dict):
        raise InvalidInputError("{name} is no report; a report is a JSON object", name=name, place="file")
    if document.get("type") == "FeatureCollection":
        raise InvalidInputError(
            "{name} is GeoJSON: shapes for a map, which carry neither report nor seal and cannot be verified;"
            " give the JSON, PDF, HTML, DOCX or XLSX of the check",
            name=name,
            place="file",
        )
    return document


def _text(content: bytes) -> bytes:
    """A text without the mark of its byte order, which Windows' editor puts before what it saves."""
    return content.removeprefix(_BYTE_ORDER_MARK)


def as_page_block(document: dict[str, Any]) -> str:
    """The report as a page carries it: no text in it can end the block."""
    return json.dumps(document, ensure_ascii=False, default=str).replace("<", "\\u003c")


def _attached(content: bytes, name: str) -> bytes:
    carried = carried_by(content, REPORT_FILE)
    if carried is None:
        raise InvalidInputError(
            "the PDF {name} is damaged or carries no {report_file}: it was printed or saved again without it, or is none of"
            " ours; give the file as it was issued",
            name=name,
            report_file=REPORT_FILE,
            place="file",
        )
    return carried
