"""The fields of the exchange tables as a data file: names, kinds, code lists and references, with what is unsure of each."""

import csv
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from functools import lru_cache
from pathlib import Path

from approval.project_code import read_project_code
from blueprint.credit_code import read_credit_code
from blueprint.errors import InvalidInputError
from blueprint.sentences import Sentence, spoken

Value = str | int | float | date | datetime | None
Row = Mapping[str, Value]

FIELDS = Path(__file__).parent / "fields.csv"
_REGION = re.compile(r"[0-9]{6}", re.ASCII)


class Kind(StrEnum):
    """What a field holds."""

    TEXT = "text"
    INTEGER = "integer"
    NUMBER = "number"
    DAY = "day"
    INSTANT = "instant"
    REGION = "region"
    PROJECT_CODE = "project_code"
    CREDIT_CODE = "credit_code"


_TYPES: dict[Kind, type | tuple[type, ...]] = {
    Kind.INTEGER: int,
    Kind.NUMBER: (int, float),
    Kind.DAY: date,
    Kind.INSTANT: datetime,
}


@dataclass(frozen=True)
class Field:
    """One field of a table; `refers_to` names the table and field in which its value has to be."""

    table: str
    table_name: str
    field: str
    name: str
    required: bool
    kind: Kind
    values: frozenset[str]
    refers_to: tuple[str, str] | None
    source: str
    unsure: str


@lru_cache(maxsize=1)
def tables() -> dict[str, tuple[Field, ...]]:
    """The tables in the order in which they refer to each other, each with its fields."""
    found: dict[str, list[Field]] = {}
    with FIELDS.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            table, _, field = row["refers_to"].partition(".")
            found.setdefault(row["table"], []).append(
                Field(
                    table=row["table"],
                    table_name=row["table_name"],
                    field=row["field"],
                    name=row["name"],
                    required=row["required"] == "yes",
                    kind=Kind(row["kind"]),
                    values=frozenset(row["values"].split()),
                    refers_to=(table, field) if table else None,
                    source=row["source"],
                    unsure=row["unsure"],
                )
            )
    return {table: tuple(fields) for table, fields in found.items()}


def mistake(field: Field, value: Value, known: frozenset[Value]) -> Sentence | None:
    """What is wrong with a value, in a sentence; `known` are the values that the field it refers to has."""
    if value is None or value == "":
        return Sentence("is required") if field.required else None
    expected = _TYPES.get(field.kind, str)
    if not isinstance(value, expected):
        return Sentence("should be {kind}, is {value!r}", kind=spoken(field.kind), value=value)
    if field.values and str(value) not in field.values:
        listed = sorted(field.values, key=lambda code: (len(code), code))
        return Sentence("{value} is not in the code list: {listed}", value=value, listed=listed)
    if field.refers_to is not None and value not in known:
        where = ".".join(field.refers_to)
        return Sentence("{value} is not in {where} (yet)", value=value, where=where)
    return _wrong_code(field.kind, str(value))


def _wrong_code(kind: Kind, text: str) -> Sentence | None:
    try:
        match kind:
            case Kind.REGION if not _REGION.fullmatch(text):
                return Sentence("{code!r} is no code of a district of six digits", code=text)
            case Kind.CREDIT_CODE:
                read_credit_code(text)
            case Kind.PROJECT_CODE:
                read_project_code(text)
    except InvalidInputError as error:
        return error.sentence
    return None
