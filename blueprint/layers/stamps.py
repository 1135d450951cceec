"""The stamp (导出标记) on every exported file: which export it is, who took it, when, on which grant (Art. 17, 18).

The export's number stands in the file as plain bytes whatever its format, so that a copy is traced without opening it.
"""

import hashlib
import json
import re
import secrets
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

_NUMBER = re.compile(rb"BPX-[0-9a-f]{32}")
_BLOCK = 1 << 20
_LENGTH = 36

TERMS = (
    "仅限本单位履行职责使用，未经提供部门同意不得公布，不得用于商业目的（第十七、十八条）"
    " For the unit's own duty only; not published without the provider's consent, no commercial use (Art. 17, 18)"
)


@dataclass(frozen=True)
class Stamp:
    """What an exported file says of itself; `grants` are the numbers of the grants that allowed it.

    A file that tells of two layers has an entry of the register for each: `other_numbers` are those of the others.
    """

    number: str
    account: str
    department: str | None
    exported_at: datetime
    city: str
    layer: str
    title: str
    version: int
    sensitivity: str
    owner: str
    purpose: str | None = None
    conditions: str | None = None
    grants: tuple[int, ...] = ()
    other_numbers: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """The stamp as plain JSON values."""
        values = vars(self) | {"exported_at": self.exported_at.isoformat(timespec="seconds"), "terms": TERMS}
        return values | {"grants": list(self.grants), "other_numbers": list(self.other_numbers)}

    def text(self) -> str:
        """The stamp as one sentence for people, in the description that map programs show."""
        parts = [
            f"导出编号 export {', '.join((self.number, *self.other_numbers))}",
            f"{self.account} · {self.department or '—'} · {self.exported_at.isoformat(timespec='seconds')}",
            f"{self.city} {self.title} {self.layer} v{self.version} ({self.sensitivity})，提供部门 owner {self.owner}",
        ]
        if self.grants:
            parts.append(f"授权编号 grant {', '.join(str(number) for number in self.grants)}")
        if self.purpose:
            parts.append(f"用途 purpose: {self.purpose}")
        if self.conditions:
            parts.append(f"条件 conditions: {self.conditions}")
        return "；".join((*parts, TERMS))

    def options(self, driver: str) -> dict[str, Any]:
        """What GDAL's writer is given so that the stamp is in the file: its description, its metadata, its members."""
        document = json.dumps(self.to_json(), ensure_ascii=False)
        heading = f"{self.title} {self.layer} v{self.version}"
        match driver:
            case "GPKG":
                names = {"IDENTIFIER": heading, "DESCRIPTION": self.text()}
                kept = {"blueprint_export": document}
                return {**names, "dataset_metadata": kept, "layer_metadata": kept}
            case "GeoJSON":
                members = json.dumps(
                    {"type": "FeatureCollection", "blueprint_export": self.to_json()}, ensure_ascii=False
                )
                # GDAL copies foreign members of "native" data to the top of the file (RFC 7946, 6.1).
                native = {"NATIVE_DATA": members, "NATIVE_MEDIA_TYPE": "application/vnd.geo+json"}
                return {"DESCRIPTION": self.text(), **native}
            case "FlatGeobuf":
                names = {"TITLE": heading, "DESCRIPTION": self.text()}
                return {**names, "layer_metadata": {"blueprint_export": document}}
            case "COG":
                return {"BLUEPRINT_EXPORT": document}
            case _:
                raise ValueError(f"no stamp for {driver}: a format is exported only with one")


def new_number() -> str:
    """A number for an export that nobody guesses and no file has by chance."""
    return f"BPX-{secrets.token_hex(16)}"


@dataclass(frozen=True)
class Trace:
    """What a file tells of its export: its SHA-256, size in bytes, and the numbers that stand in it."""

    sha256: str
    size: int
    numbers: tuple[str, ...]


def trace_of(path: Path) -> Trace:
    """Read a file once, as bytes alone: it may be anything, from anybody."""
    digest, size, found, end = hashlib.sha256(), 0, dict[str, None](), b""
    with path.open("rb") as opened:
        while block := opened.read(_BLOCK):
            digest.update(block)
            size += len(block)
            found |= {number.decode(): None for number in _NUMBER.findall(end + block)}
            end = block[1 - _LENGTH :]
    return Trace(digest.hexdigest(), size, tuple(found))
