"""What a document holds, in order: plain values that every form (PDF, Word) is written from, so that they say the same."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True)
class Heading:
    """A heading; level 1 is a section, 2 a part of it."""

    text: str
    level: int = 1


@dataclass(frozen=True)
class Paragraph:
    """A paragraph; a note is set small, an emphasised one bold."""

    text: str
    is_note: bool = False
    is_strong: bool = False


@dataclass(frozen=True)
class Column:
    """A column of a table: its title, whether it holds figures, and its share of the width."""

    title: str
    is_figure: bool = False
    width: float = 1.0


@dataclass(frozen=True)
class Table:
    """A table of texts; every row has one text a column. The last row may be the total."""

    columns: tuple[Column, ...]
    rows: tuple[tuple[str, ...], ...]
    has_total: bool = False


@dataclass(frozen=True)
class Picture:
    """A map of the document by its name, with what stands beneath it."""

    name: str
    caption: str


@dataclass(frozen=True)
class PageBreak:
    """What follows begins on a new page."""


Block = Heading | Paragraph | Table | Picture | PageBreak
_KINDS: dict[str, type[Block]] = {
    kind.__name__: kind for kind in (Heading, Paragraph, Table, Picture, PageBreak)
}


@dataclass(frozen=True)
class Document:
    """A document: its title, what stands beneath it, its blocks, what every page says at its foot, and who it names as its author.

    `attachments` are texts by file name that a PDF carries along; other forms leave them out.
    """

    title: str
    subtitle: str
    blocks: tuple[Block, ...]
    footer: str = ""
    author: str = ""
    attachments: Mapping[str, str] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """The document as plain JSON values."""
        return asdict(self) | {"blocks": [{"kind": type(b).__name__, **asdict(b)} for b in self.blocks]}

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> "Document":
        """The document that `to_json` gave."""
        return cls(**values | {"blocks": tuple(_block(dict(block)) for block in values["blocks"])})


def _block(values: dict[str, Any]) -> Block:
    kind = _KINDS[values.pop("kind")]
    if kind is Table:
        values["columns"] = tuple(Column(**column) for column in values["columns"])
        values["rows"] = tuple(tuple(row) for row in values["rows"])
    return kind(**values)
