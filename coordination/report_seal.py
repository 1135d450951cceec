"""The seal of a report's file (封签): whether what a PDF, a page, a Word file or a workbook shows is what the service wrote into it.

A check that is run again proves the report that a file carries; the words and figures that people read stand beside it. A
seal is over both, and only the service's key makes one that holds.
"""

import base64
import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from blueprint.accounts.sealing import Sealer
from blueprint.documents.carrying import carrying

_ABOUT = "the file of a check report"

PAGE_BLOCK = "report"
"""The id of the block of data by which a page can be verified."""

_BLOCK = re.compile(
    rb'<script type="application/json" id="report"(?: data-seal="([A-Za-z0-9+/=]*)")?>(.*?)</script>',
    re.DOTALL,
)
_UNSEALED = b'id="report" data-seal=""'

_PDF_SEAL = b"%OneBlueprint-Seal "
_AT_THE_END = re.compile(rb"\n%OneBlueprint-Seal ([A-Za-z0-9+/=]+)\n\Z")
"""A comment (ISO 32000-2, 7.2.4) after the last %%EOF: whatever is added to the PDF comes behind it."""


class SealState(StrEnum):
    """What a file's seal says: written so by this service, changed since or another's, or cut out."""

    INTACT = "intact"
    BROKEN = "broken"
    MISSING = "missing"


@dataclass(frozen=True)
class Seal:
    """The seal that a file has, empty where it has none, and the SHA-256 of what it was laid over as it is now."""

    sealed: bytes | None
    sha256: bytes

    def state(self, sealer: Sealer) -> SealState:
        """Whether this service laid it over just this."""
        if not self.sealed:
            return SealState.MISSING
        is_ours = sealer.open(self.sealed, about=_ABOUT) == self.sha256
        return SealState.INTACT if is_ours else SealState.BROKEN


def seal_package(package: bytes, document: Mapping[str, Any], sealer: Sealer | None) -> bytes:
    """A DOCX or XLSX of ours with the report that it shows in it, sealed."""
    text = json.dumps(document, ensure_ascii=False, default=str).encode()
    return carrying(package, text, lambda sha256: _sealed(sha256, sealer))


def seal_page(page: bytes, sealer: Sealer | None) -> bytes:
    """A page of ours that carries its report, sealed."""
    sealed = base64.b64encode(_sealed(hashlib.sha256(page).digest(), sealer))
    return page.replace(_UNSEALED, _UNSEALED[:-1] + sealed + b'"', 1)


def seal_pdf(pdf: bytes, sealer: Sealer | None) -> bytes:
    """A PDF of ours, sealed over all its bytes."""
    if sealer is None:
        return pdf
    sealed = base64.b64encode(_sealed(hashlib.sha256(pdf).digest(), sealer))
    return pdf + b"\n" + _PDF_SEAL + sealed + b"\n"


def carried_by_page(page: bytes) -> tuple[bytes, Seal] | None:
    """The report that a page carries and its seal; None where it carries none."""
    found = _BLOCK.search(page)
    if found is None:
        return None
    start, end = found.span(1) if found[1] is not None else (0, 0)
    return found[2], Seal(_decoded(found[1]), hashlib.sha256(page[:start] + page[end:]).digest())


def seal_of_pdf(pdf: bytes) -> Seal:
    """The seal of a PDF; it is broken where anything stands behind it, as every later saving puts it there."""
    found = _AT_THE_END.search(pdf)
    if found is None:
        return Seal(_PDF_SEAL if _PDF_SEAL in pdf else None, b"")
    return Seal(_decoded(found[1]), hashlib.sha256(pdf[: found.start()]).digest())


def _decoded(written: bytes | None) -> bytes | None:
    try:
        return base64.b64decode(written) if written is not None else None
    except ValueError:
        return b"?"  # no seal that anything opens to


def _sealed(sha256: bytes, sealer: Sealer | None) -> bytes:
    return sealer.seal(sha256, about=_ABOUT) if sealer is not None else b""
