"""The catalogue of issue kinds: code, level, what it says in Chinese and English, what to do; `docs/quality.md` is made from it."""

import csv
import re
import string
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Any

from blueprint.sentences import Sentence, sentence_from

CATALOGUE = Path(__file__).parent / "kinds.csv"
_COLUMNS = ["code", "level", "zh", "en", "todo_zh", "todo_en"]


class Level(StrEnum):
    """How bad an issue is (致命／错误／警告／提示): the file is refused, it cannot come into force, a person must confirm, for information."""

    FATAL = "fatal"
    ERROR = "error"
    WARNING = "warning"
    INFO = "info"


@dataclass(frozen=True)
class Words:
    """A text in both languages."""

    zh: str
    en: str


@dataclass(frozen=True)
class IssueKind:
    """A kind of issue; `{name}` in its texts stands for a value of the issue."""

    code: str
    level: Level
    says: Words
    todo: Words

    @property
    def placeholders(self) -> set[str]:
        """The names of the values that its texts need."""
        texts = (self.says.zh, self.says.en)
        return {name for text in texts for _, name, _, _ in string.Formatter().parse(text) if name}

    def words(self, params: Mapping[str, Any]) -> Words:
        """What an issue with these values says; one that is a sentence, or was kept as that, in its language."""
        said = {
            name: sentence_from(value) if isinstance(value, dict) else value for name, value in params.items()
        }
        chinese = {name: v.chinese if isinstance(v, Sentence) else v for name, v in said.items()}
        return Words(self.says.zh.format_map(chinese), self.says.en.format_map(said))


@cache
def kinds() -> dict[str, IssueKind]:
    """All kinds by code, in the order of the catalogue; raises ValueError with file and line where it is wrong."""
    found: dict[str, IssueKind] = {}
    with CATALOGUE.open(encoding="utf-8", newline="") as opened:
        reader = csv.DictReader(opened, strict=True)
        if reader.fieldnames != _COLUMNS:
            raise ValueError(f"{CATALOGUE}:1: the columns must be {', '.join(_COLUMNS)}")
        for row in reader:
            place = f"{CATALOGUE}:{reader.line_num}"
            if None in row or not all(row.values()) or row["code"] in found:
                raise ValueError(f"{place}: a cell is empty or too many, or the code is there twice")
            if not re.fullmatch(r"[a-z][a-z-]{2,39}", row["code"]):
                raise ValueError(f"{place}: code {row['code']!r} must be lower-case words with hyphens")
            found[row["code"]] = IssueKind(
                code=row["code"],
                level=Level(row["level"]),
                says=Words(row["zh"], row["en"]),
                todo=Words(row["todo_zh"], row["todo_en"]),
            )
    return found
