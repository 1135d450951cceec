"""Office files (DOCX, XLSX) that carry a text of ours in a custom XML part (ISO/IEC 29500-1, 15.2.5), and what they hold besides, by its SHA-256."""

import base64
import binascii
import hashlib
import io
import re
import struct
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass

NAMESPACE = "urn:one-blueprint:carried"
_PART = "customXml/blueprint.xml"
_RELATION = (
    '<Relationship Id="rIdBlueprint"'
    ' Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/customXml"'
    f' Target="../{_PART}"/>'
)
_RELATIONS = ("word/_rels/document.xml.rels", "xl/_rels/workbook.xml.rels")
_CARRIED = re.compile(rb"<(?:\w+:)?carried\b([^>]*)>([A-Za-z0-9+/=\s]*)</")
_SEAL = re.compile(rb"""\bseal=["']([A-Za-z0-9+/=]*)["']""")

_MAX_MEMBERS = 2_000
_MAX_BYTES = 256 << 20
"""Of all members together, unpacked: a report with its maps has a few MB."""

_CHUNK = 1 << 20

_HEADER_BYTES, _END_BYTES, _HAS_DESCRIPTOR = 30, 22, 0x08
"""Of a ZIP: the fixed part of a member's header and of the end of the directory, and the flag of sizes that follow the data."""


@dataclass(frozen=True)
class Carried:
    """What a file carries: the text, its seal (empty where there is none), and the SHA-256 over the text and all the rest.

    The SHA-256 is empty where bytes of the archive belong to no member: another reader may find other members there.
    """

    text: bytes
    seal: bytes
    sha256: bytes


def carrying(package: bytes, text: bytes, seal: Callable[[bytes], bytes]) -> bytes:
    """An office file of ours that carries the text, too; `seal` is given the SHA-256 over the text and all the rest."""
    buffer = io.BytesIO()
    rest = {}
    with zipfile.ZipFile(io.BytesIO(package)) as given, zipfile.ZipFile(buffer, "w") as made:
        for member in given.infolist():
            content = given.read(member)
            if member.filename in _RELATIONS:
                content = content.replace(b"</Relationships>", f"{_RELATION}</Relationships>".encode())
            rest[member.filename] = hashlib.sha256(content).digest()
            made.writestr(member, content, zipfile.ZIP_DEFLATED)
        sealed = base64.b64encode(seal(_sha256(text, rest))).decode()
        part = zipfile.ZipInfo(_PART, date_time=(1980, 1, 1, 0, 0, 0))
        made.writestr(
            part,
            '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
            f'<carried xmlns="{NAMESPACE}" seal="{sealed}">{base64.b64encode(text).decode()}</carried>',
            zipfile.ZIP_DEFLATED,
        )
    return buffer.getvalue()


def read_carried(package: bytes) -> Carried | None:
    """What a file that somebody sent carries; None where it carries nothing, or is damaged. To be called in a confined child.

    No XML is parsed, and nothing is unpacked beyond 256 MB in all.
    """
    try:
        return _read(package)
    except (zipfile.BadZipFile, zlib.error, struct.error, binascii.Error, EOFError, OSError, LookupError,
            NotImplementedError, RuntimeError, ValueError, OverflowError):  # fmt: skip
        return None


def _read(package: bytes) -> Carried | None:
    rest, found = {}, None
    left = _MAX_BYTES
    with zipfile.ZipFile(io.BytesIO(package)) as given:
        members = given.infolist()
        if len(members) > _MAX_MEMBERS or len({each.filename for each in members}) < len(members):
            return None
        for member in members:
            is_custom = member.filename.startswith("customXml/")
            digest, kept = hashlib.sha256(), bytearray()
            with given.open(member) as stream:
                while chunk := stream.read(_CHUNK):
                    left -= len(chunk)
                    if left < 0:
                        return None
                    digest.update(chunk)
                    if is_custom:
                        kept += chunk
            part = _CARRIED.search(kept) if NAMESPACE.encode() in kept else None
            if part is not None and found is None:
                found = part
            else:
                rest[member.filename] = digest.digest()
    if found is None:
        return None
    text, seal = base64.b64decode(found[2]), _SEAL.search(found[1])
    sha256 = _sha256(text, rest) if _is_all_members(package, members) else b""
    return Carried(text, base64.b64decode(seal[1]) if seal else b"", sha256)


def _is_all_members(package: bytes, members: list[zipfile.ZipInfo]) -> bool:
    """Whether an archive is its members one behind the other and their directory: nothing before, between or after (APPNOTE 4.3.6)."""
    at = 0
    for member in sorted(members, key=lambda each: each.header_offset):
        if member.header_offset != at:
            return False
        method, name_bytes, extra_bytes = struct.unpack_from("<8xH16xHH", package, at)
        if method != member.compress_type:
            return False
        at += _HEADER_BYTES + name_bytes + extra_bytes + member.compress_size
        if member.flag_bits & _HAS_DESCRIPTOR:
            at += 16 if package[at : at + 4] == b"PK\x07\x08" else 12
    signature, directory_bytes, directory_at, comment_bytes = struct.unpack_from(
        "<4s8xIIH", package, len(package) - _END_BYTES
    )
    is_end: bool = signature == b"PK\x05\x06" and comment_bytes == 0
    is_behind: bool = directory_at == at and at + directory_bytes + _END_BYTES == len(package)
    return is_end and is_behind


def _sha256(text: bytes, rest: dict[str, bytes]) -> bytes:
    """Over the text and every other member by name, however the file packs and orders them."""
    digest = hashlib.sha256(hashlib.sha256(text).digest())
    for name in sorted(rest):
        digest.update(hashlib.sha256(name.encode("utf-8", "surrogateescape")).digest() + rest[name])
    return digest.digest()
