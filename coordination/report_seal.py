"""The seal of a report's file (封签): whether what a page, a Word file or a workbook shows is what the service wrote into it.

A check that is run again proves the report that a file carries; the words and figures that people read stand beside it. A
seal is over both, and only the service's key makes one that holds.
"""

import base64
import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
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


@dataclass(frozen=True)
class Seal:
    """The seal that a file has, empty where it has none, and the SHA-256 of what it was laid over as it is now."""

    sealed: bytes
    sha256: bytes

    def holds(self, sealer: Sealer) -> bool:
        """Whether this service laid it over just this."""
        return sealer.open(self.sealed, about=_ABOUT) == self.sha256


def seal_package(package: bytes, document: Mapping[str, Any], sealer: Sealer | None) -> bytes:
    """A DOCX or XLSX of ours with the report that it shows in it, sealed."""
    text = json.dumps(document, ensure_ascii=False, default=str).encode()
    return carrying(package, text, lambda sha256: _sealed(sha256, sealer))


def seal_page(page: bytes, sealer: Sealer | None) -> bytes:
    """A page of ours that carries its report, sealed."""
    sealed = base64.b64encode(_sealed(hashlib.sha256(page).digest(), sealer))
    return page.replace(_UNSEALED, _UNSEALED[:-1] + sealed + b'"', 1)


def carried_by_page(page: bytes) -> tuple[bytes, Seal | None] | None:
    """The report that a page carries and its seal, None for a page from before there were any; None where it carries none."""
    found = _BLOCK.search(page)
    if found is None:
        return None
    if found[1] is None:
        return found[2], None
    start, end = found.span(1)
    try:
        sealed = base64.b64decode(found[1])
    except ValueError:
        sealed = b""
    return found[2], Seal(sealed, hashlib.sha256(page[:start] + page[end:]).digest())


def _sealed(sha256: bytes, sealer: Sealer | None) -> bytes:
    return sealer.seal(sha256, about=_ABOUT) if sealer is not None else b""
