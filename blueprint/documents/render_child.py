"""What runs in the child: draws the maps and writes the document that it is given, to standard output.

Started by `rendering` as `layers.children` are: no network, bounded CPU and memory. Nothing that a
document names is fetched, neither by an address nor from the disk.
"""

import base64
import io
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import weasyprint
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from pypdf import PdfReader
from pypdf.errors import DependencyError, PyPdfError
from weasyprint.urls import URLFetcher

from blueprint.documents.blocks import Document
from blueprint.documents.carrying import read_carried
from blueprint.documents.drawing import draw
from blueprint.documents.maps import MapPicture
from blueprint.documents.word import write_docx

_TEMPLATES = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def main(task: dict[str, Any]) -> None:
    """Do one task: `pdf` or `docx` of a document with its maps, `print` of a page of HTML, `maps` alone, what a PDF has `carried`, what an office `package` carries."""
    sys.stdout.buffer.write(_do(task))
    sys.stdout.buffer.flush()


def _do(task: dict[str, Any]) -> bytes:
    pictures = {name: draw(MapPicture.from_json(given)) for name, given in task["maps"].items()}
    encoded = {name: base64.b64encode(png).decode() for name, png in pictures.items()}
    match task["form"]:
        case "maps":
            return json.dumps(encoded).encode()
        case "print":
            return _print(task["html"])
        case "carried":
            return _carried(base64.b64decode(task["pdf"]), task["name"])
        case "package":
            return _carried_by(base64.b64decode(task["package"]))
        case "docx":
            return write_docx(Document.from_json(task["document"]), pictures)
        case _:
            document = Document.from_json(task["document"])
            page = _TEMPLATES.get_template("document.html").render(
                document=document, pictures=encoded, kind_of=lambda block: type(block).__name__
            )
            return _print(page, document.attachments)


def _carried(pdf: bytes, name: str) -> bytes:
    """The attachment of a PDF; nothing where there is none, or where the PDF cannot be read."""
    try:
        found = PdfReader(io.BytesIO(pdf)).attachments.get(name)
    except (PyPdfError, DependencyError, ArithmeticError, LookupError, NotImplementedError, RecursionError,
            ValueError, TypeError, AttributeError):  # fmt: skip
        return b""
    return found[0] if found else b""


def _carried_by(package: bytes) -> bytes:
    found = read_carried(package)
    if found is None:
        return b""
    return json.dumps(
        [base64.b64encode(part).decode() for part in (found.text, found.seal, found.sha256)]
    ).encode()


def _print(page: str, attachments: Mapping[str, str] | None = None) -> bytes:
    fetcher = URLFetcher(allowed_protocols=["data"], allow_redirects=False)
    carried = [
        weasyprint.Attachment(string=text, name=name, url_fetcher=fetcher)
        for name, text in (attachments or {}).items()
    ]
    written = weasyprint.HTML(string=page, url_fetcher=fetcher).write_pdf(attachments=carried)
    assert isinstance(written, bytes)
    return written
