"""Pre-flight of a FlatGeobuf: its features are counted one by one, as GDAL stops in silence at the number that the head says.

The parts of a file are those of https://github.com/flatgeobuf/flatgeobuf (src/fbs/header.fbs): a head, an index where there is
one, then every feature behind its length.
"""

import mmap
import struct
from pathlib import Path

from blueprint.errors import InvalidInputError

_MAGIC_BYTES = 8
_NODE_BYTES = 40
_FEATURES_COUNT, _INDEX_NODE_SIZE = 8, 9
"""The places of two fields in the table of the head."""

_DEFAULT_NODE_SIZE = 16


def count_features(path: Path) -> int:
    """How many features a FlatGeobuf holds; InvalidInputError where its head says another number (0: it does not say)."""
    with path.open("rb") as opened, mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ) as content:
        try:
            (head_bytes,) = struct.unpack_from("<I", content, _MAGIC_BYTES)
            first = _MAGIC_BYTES + 4 + head_bytes
            head = content[_MAGIC_BYTES + 4 : first]
            said = _number(head, _FEATURES_COUNT, "<Q", 0)
            node_size = _number(head, _INDEX_NODE_SIZE, "<H", _DEFAULT_NODE_SIZE)
        except struct.error as error:
            raise InvalidInputError("the head of the FlatGeobuf is damaged; export it again") from error
        at = first + (_index_bytes(said, node_size) if said and node_size > 1 else 0)
        count = 0
        while at + 4 <= len(content):
            at += 4 + struct.unpack_from("<I", content, at)[0]
            count += 1
    if at != path.stat().st_size:
        raise InvalidInputError("the FlatGeobuf is cut short or padded; copy it again")
    if said and said != count:
        raise InvalidInputError(
            "the FlatGeobuf says that it has {said:,} features and holds {count:,}; export it again",
            said=said,
            count=count,
        )
    return count


def _number(head: bytes, field: int, form: str, default: int) -> int:
    """A number of the head's table by its place among the fields; what is not written has its default."""
    (table,) = struct.unpack_from("<I", head)
    (back,) = struct.unpack_from("<i", head, table)
    fields = table - back
    (size,) = struct.unpack_from("<H", head, fields)
    if 4 + 2 * field + 2 > size:
        return default
    (offset,) = struct.unpack_from("<H", head, fields + 4 + 2 * field)
    return int(struct.unpack_from(form, head, table + offset)[0]) if offset else default


def _index_bytes(features: int, node_size: int) -> int:
    """The bytes of the packed index of so many features: its leaves, and every level of nodes above them, one at least."""
    level = -(-features // node_size)
    nodes = features + level
    while level > 1:
        level = -(-level // node_size)
        nodes += level
    return nodes * _NODE_BYTES
