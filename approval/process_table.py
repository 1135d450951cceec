"""The process table (审批流程表): stages, project types, items and materials of a city, as a folder of versioned data files.

`table.toml` has stages, types, clock and stops; `items.csv` and `materials.csv` a row each. A row says its `source` and
what is `unsure`. Reading checks every reference and names each row that is wrong.
"""

import csv
import hashlib
import json
import tomllib
from collections.abc import Iterable
from dataclasses import MISSING, dataclass, fields
from datetime import date
from enum import StrEnum
from pathlib import Path
from typing import Any, TypeVar

from approval.stages import Stage
from blueprint.errors import InvalidInputError, NotFoundError
from blueprint.sentences import Sentence

_Row = TypeVar("_Row")

TABLES = Path(__file__).parent / "tables"


class DayUnit(StrEnum):
    """In what a limit is counted: working days (行政许可法 82), or calendar days where a law says 日 (环境影响评价法 22)."""

    WORKING = "working"
    CALENDAR = "calendar"


class Obtained(StrEnum):
    """Where a material comes from: the applicant, the handover of coordination, or the result of another item (Art. 14)."""

    APPLICANT = "applicant"
    HANDOVER = "handover"
    RESULT = "result"


@dataclass(frozen=True)
class Clock:
    """Limits of the procedure itself, in working days but for `correction_days`; `yellow_share` is of an item's limit."""

    acceptance_days: int
    correction_days: int
    extension_days: int
    delivery_days: int
    yellow_share: float
    escalation_days: int
    commitment_check_days: int
    consultation_days: int
    promise_days: int = 60
    """For a material that is tolerated as missing (容缺); tables of before say nothing of it. A proposal."""


@dataclass(frozen=True)
class ProjectType:
    """A kind of project with its track: working days of each of the four stages, and its code in the exchange standard."""

    code: str
    exchange_code: int
    title: str
    stage_days: tuple[int, ...]


@dataclass(frozen=True)
class StopRule:
    """A reason for which the clock stops (特别程序), and for how many working days at most."""

    code: str
    title: str
    most_days: int


@dataclass(frozen=True)
class MaterialRule:
    """A material (材料); one with `valid_months` is good for so long from the day it is given."""

    code: str
    title: str
    valid_months: int | None
    obtained_from: Obtained


@dataclass(frozen=True)
class ItemRule:
    """An item (事项). `stage` None: it runs beside the stages (并行推进). `after` and `materials` are lists of alternatives.

    `always`: every project of the types needs it; others are chosen for the project.
    """

    code: str
    stage: Stage | None
    title: str
    kind: str
    department: str
    legal_days: int | None
    promised_days: int | None
    day_unit: DayUnit
    project_types: tuple[str, ...]
    always: bool
    on_commitment: bool
    after: tuple[tuple[str, ...], ...]
    materials: tuple[tuple[str, ...], ...]
    result: str
    legal_basis: str
    source: str
    unsure: str

    @property
    def limit_days(self) -> int | None:
        """The limit that counts: what the city promises, else what the law allows; None when neither is known."""
        return self.legal_days if self.promised_days is None else self.promised_days


@dataclass(frozen=True)
class ProcessTable:
    """One version of the table; a running case keeps the one it started under."""

    version: str
    title: str
    in_force_from: date
    clock: Clock
    leads: dict[Stage, str]
    project_types: dict[str, ProjectType]
    stops: dict[str, StopRule]
    materials: dict[str, MaterialRule]
    items: dict[str, ItemRule]
    sha256: str

    def project_type(self, code: str) -> ProjectType:
        """The project type of that code."""
        return _found(self.project_types, code, Sentence("project type"))

    def item(self, code: str) -> ItemRule:
        """The item of that code."""
        return _found(self.items, code, Sentence("item"))

    def stop(self, code: str) -> StopRule:
        """The reason for a stop of that code."""
        return _found(self.stops, code, Sentence("special procedure"))

    def material(self, code: str) -> MaterialRule:
        """The material of that code."""
        return _found(self.materials, code, Sentence("material"))

    def items_of(self, project_type: str) -> list[ItemRule]:
        """The items that projects of a type may need, in the table's order."""
        return [item for item in self.items.values() if project_type in item.project_types]


def _found(known: dict[str, _Row], code: str, what: Sentence) -> _Row:
    if code not in known:
        raise NotFoundError(
            "no {what} {code!r} in this table; it has: {known}", what=what, code=code[:40], known=known
        )
    return known[code]


def load_document(folder: Path) -> dict[str, Any]:
    """A folder's data files as one plain document, as it is kept with the cases that run under it."""
    try:
        document: dict[str, Any] = tomllib.loads((folder / "table.toml").read_text(encoding="utf-8"))
        document["item"] = _rows(folder / "items.csv")
        document["material"] = _rows(folder / "materials.csv")
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise InvalidInputError(
            "the process table in {folder} cannot be read: {error}", folder=folder, error=error
        ) from error
    plain: dict[str, Any] = json.loads(json.dumps(document, default=str))
    return plain


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def read_document(document: dict[str, Any]) -> ProcessTable:
    """The table that a document is; InvalidInputError has a row for each thing that is wrong."""
    try:
        table = _table(document)
    except (KeyError, TypeError, ValueError) as error:
        raise InvalidInputError(
            "the process table has a value of the wrong form: {type_name} {error}",
            type_name=type(error).__name__,
            error=error,
        ) from error
    wrong = list(_mistakes(table))
    if wrong:
        raise InvalidInputError(
            "the process table {version} has {count} rows that cannot be; the first: {row}: {what}",
            version=table.version,
            count=len(wrong),
            row=wrong[0][0],
            what=wrong[0][1],
            rows=[{"row": row, "what_zh": what.chinese, "what": what.english} for row, what in wrong],
        )
    return table


def _table(document: dict[str, Any]) -> ProcessTable:
    types = [
        ProjectType(row["code"], int(row["exchange_code"]), row["title"], tuple(row["stage_days"]))
        for row in document["project_type"]
    ]
    stops = [StopRule(row["code"], row["title"], int(row["most_days"])) for row in document["stop"]]
    materials = [
        MaterialRule(
            row["code"],
            row["title"],
            _days(row["valid_months"]),
            Obtained(row["obtained_from"] or Obtained.APPLICANT),
        )
        for row in document["material"]
    ]
    items = [_item(row) for row in document["item"]]
    for rows in (document["item"], document["material"], document["project_type"], document["stop"]):
        codes = [row["code"] for row in rows]
        if len(set(codes)) < len(codes):
            raise InvalidInputError(
                "two rows of the process table have one code: {codes}",
                codes=sorted({code for code in codes if codes.count(code) > 1}),
            )
    return ProcessTable(
        version=document["version"],
        title=document["title"],
        in_force_from=date.fromisoformat(document["in_force_from"]),
        clock=Clock(
            **{
                field.name: document["clock"][field.name]
                for field in fields(Clock)
                if field.default is MISSING or field.name in document["clock"]
            }
        ),
        leads={Stage(row["code"]): row["lead"] for row in document["stage"]},
        project_types={row.code: row for row in types},
        stops={row.code: row for row in stops},
        materials={row.code: row for row in materials},
        items={row.code: row for row in items},
        sha256=hashlib.sha256(json.dumps(document, ensure_ascii=False, sort_keys=True).encode()).hexdigest(),
    )


def _item(row: dict[str, str]) -> ItemRule:
    return ItemRule(
        code=row["code"],
        stage=Stage(row["stage"]) if row["stage"] else None,
        title=row["title"],
        kind=row["kind"],
        department=row["department"],
        legal_days=_days(row["legal_days"]),
        promised_days=_days(row["promised_days"]),
        day_unit=DayUnit(row["day_unit"]),
        project_types=tuple(row["project_types"].split()),
        always=row["always"] == "yes",
        on_commitment=row["on_commitment"] == "yes",
        after=_alternatives(row["after"]),
        materials=_alternatives(row["materials"]),
        result=row["result"],
        legal_basis=row["legal_basis"],
        source=row["source"],
        unsure=row["unsure"],
    )


def _days(text: str) -> int | None:
    return int(text) if text else None


def _alternatives(text: str) -> tuple[tuple[str, ...], ...]:
    """`A B|C`: A, and one of B and C."""
    return tuple(tuple(part.split("|")) for part in text.split())


def _mistakes(table: ProcessTable) -> Iterable[tuple[str, Sentence]]:
    if set(table.leads) != set(Stage):
        yield "stage", Sentence("each of the four stages has a lead department, once")
    for kind in table.project_types.values():
        if len(kind.stage_days) != len(Stage):
            yield kind.code, Sentence("stage_days has a number for each of the four stages")
    for item in table.items.values():
        for what, codes, known in (
            (Sentence("project type"), item.project_types, table.project_types),
            (Sentence("item"), [code for group in item.after for code in group], table.items),
            (Sentence("material"), [code for group in item.materials for code in group], table.materials),
            (Sentence("material"), [item.result], table.materials),
        ):
            for code in codes:
                if code not in known:
                    yield item.code, Sentence("there is no {what} {code!r}", what=what, code=code)
        if not item.source:
            yield item.code, Sentence("every row says its source")


def newest(tables: Iterable[ProcessTable], *, today: date) -> ProcessTable:
    """The table that cases start under on a day: the latest that is in force."""
    in_force = [table for table in tables if table.in_force_from <= today]
    if not in_force:
        raise NotFoundError("no process table is in force on {today}", today=today)
    return max(in_force, key=lambda table: (table.in_force_from, table.version))
