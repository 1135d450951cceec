"""Reading a report that was written earlier: its JSON, a PDF that carries it, or the page that has it in itself."""

import json
import re
from typing import Any

import orjson

from blueprint.documents.rendering import carried_by
from blueprint.errors import InvalidInputError, TooLargeError

REPORT_FILE = "report.json"
"""The name of the attachment by which a PDF can be verified."""

PAGE_BLOCK = "report"
"""The id of the block of data by which a page can be verified."""

MAX_BYTES = 64 << 20
_BLOCK = re.compile(rb'<script type="application/json" id="report">(.*?)</script>', re.DOTALL)


def read_report(content: bytes, name: str) -> dict[str, Any]:
    """The report that a file's bytes are or carry. InvalidInputError names the file where there is none."""
    if len(content) > MAX_BYTES:
        raise TooLargeError(
            "{name} is larger than {max_mb} MB; it is no report",
            name=name,
            max_mb=MAX_BYTES >> 20,
            place="file",
        )
    if content.startswith(b"%PDF"):
        content = _attached(content, name)
    elif content.lstrip()[:1] == b"<":
        found = _BLOCK.search(content)
        if found is None:
            raise InvalidInputError(
                "the page {name} carries no report; give the JSON of its check", name=name, place="file"
            )
        content = found[1]
    try:
        document = orjson.loads(
            content
        )  # unlike json, nothing that JSON does not have: NaN, half a surrogate
    except ValueError as error:
        raise InvalidInputError(
            "{name} is no report; give what `blueprint check … --format json`, `html` or `pdf` wrote",
            name=name,
            place="file",
        ) from error
    if not isinstance(document, dict):
        raise InvalidInputError("{name} is no report; a report is a JSON object", name=name, place="file")
    return document


def as_page_block(document: dict[str, Any]) -> str:
    """The report as a page carries it: no text in it can end the block."""
    return json.dumps(document, ensure_ascii=False, default=str).replace("<", "\\u003c")


def _attached(content: bytes, name: str) -> bytes:
    carried = carried_by(content, REPORT_FILE)
    if carried is None:
        raise InvalidInputError(
            "the PDF {name} is damaged or carries no {report_file}; give the JSON of its check",
            name=name,
            report_file=REPORT_FILE,
            place="file",
        )
    return carried
