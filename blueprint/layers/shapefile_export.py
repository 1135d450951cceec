"""What a Shapefile cannot hold, and how an export says so: names of ten bytes, texts of 254, files of 2 GB."""

import zipfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pyarrow as pa

from blueprint.layers.table import Column, Table

NAME_BYTES = 10
TEXT_BYTES = 254
READ_ME = "READ_ME.txt"


def shortened(table: Table) -> Table:
    """The table with field names of at most ten bytes in UTF-8, no two alike (a third 规划用地面积 becomes 规划用_2)."""
    taken: set[str] = set()
    columns = []
    for column in table.columns:
        name, number = _cut(column.name, NAME_BYTES), 1
        while name.lower() in taken:
            number += 1
            name = _cut(column.name, NAME_BYTES - len(f"_{number}")) + f"_{number}"
        taken.add(name.lower())
        columns.append(replace(column, name=name))
    return replace(table, columns=tuple(columns))


def _cut(text: str, size: int) -> str:
    return text.encode()[:size].decode(errors="ignore")


def notes_on(columns: Sequence[Column]) -> list[str]:
    """What became shorter, Chinese first."""
    notes = [
        f"字段 {column.key} 名为 {column.name} · the field {column.key} is called {column.name}"
        for column in columns
        if column.name != column.key
    ]
    notes += [
        f"字段 {column.key} 的文字截至 {TEXT_BYTES} 字节 · texts of {column.key} are cut at {TEXT_BYTES} bytes"
        for column in columns
        if pa.types.is_string(column.kind) and column.longest > TEXT_BYTES + 2
    ]
    return notes


def pack(folder: Path, archive: Path, *, words: Sequence[str]) -> None:
    """Pack the parts of a Shapefile; the words go into a text that is not compressed, so that its bytes are found."""
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as packed:
        packed.writestr(zipfile.ZipInfo(READ_ME), "\r\n".join(words) + "\r\n", zipfile.ZIP_STORED)
        for part in sorted(folder.iterdir()):
            packed.write(part, part.name)
