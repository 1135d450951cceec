"""Marks of secrecy (密级) and military ground: this service holds public and internal data, so both stop at the door."""

import re
from collections.abc import Collection, Iterable

import pyarrow as pa
import pyarrow.compute as pc

from blueprint.errors import InvalidInputError
from blueprint.layers.texts import digits
from blueprint.sentences import Sentence

_SECRET = re.compile(r"(?<![非不无未])(绝密|机密|秘密)")
_ISO_CLASS = re.compile(
    r"MD_ClassificationCode[^<>]{0,200}codeListValue\s*=\s*[\"'](confidential|secret|topSecret)[\"']",
    re.IGNORECASE,
)
_MARK_FIELDS = {
    "密级",
    "保密级别",
    "保密等级",
    "涉密等级",
    "密级代码",
    "miji",
    "mjdm",
    "security_class",
    "classification",
}
_MARK_VALUES = {"mm", "jm", "um", "secret", "top secret", "topsecret", "confidential"}
_CLASS_FIELDS = {
    "ydyhfldm",
    "ydyhflmc",
    "dlbm",
    "dlmc",
    "ghyddm",
    "ghydmc",
    "yddm",
    "ydmc",
    "dldm",
    "ydfldm",
    "地类编码",
    "地类名称",
}
_MILITARY_CODES = {"1501", "150100", "2201", "220100"}
"""军事设施用地 and 军事用海 of the land-use classes of 2020 and 2023."""

_MILITARY_FIELDS = {"ydyhfldm", "ghyddm", "yddm", "dldm", "ydfldm"}


def refuse_marked(*texts: str) -> None:
    """Refuse names and metadata that are marked 秘密 or above."""
    for text in texts:
        found = _SECRET.search(text)
        if found is not None:
            raise _marked(f"{found.group(1)} (in its name or metadata)")
        found = _ISO_CLASS.search(text)
        if found is not None:
            raise _marked(f"{found.group(1)} (in its metadata)")


def refuse_marked_rows(batch: pa.RecordBatch, class_fields: Collection[str] = ()) -> None:
    """Refuse rows that a field of secrecy marks 秘密 or above, and rows of military ground.

    `class_fields` are those that the planner says to hold land-use classes, beside the known names.
    """
    for name, column in _columns(batch):
        key = name.strip().lower()
        if key in _MARK_FIELDS:
            for value in _values(column):
                if _SECRET.search(value) or value.strip().lower() in _MARK_VALUES:
                    raise _marked(Sentence("{value} (in the field {name})", value=value[:20], name=name))
        is_said = name in class_fields
        if key in _CLASS_FIELDS or is_said:
            for value in _values(column):
                is_military = (is_said or key in _MILITARY_FIELDS) and value.strip() in _MILITARY_CODES
                if is_military or value.strip().startswith("军事"):
                    raise InvalidInputError(
                        "the file holds military ground ({name} = {value}), which this service must not"
                        " keep; take those features out",
                        name=name,
                        value=value[:20],
                    )


def _columns(batch: pa.RecordBatch) -> Iterable[tuple[str, pa.Array]]:
    """The columns with their names, and what lists and objects hold by the names that they have in there."""
    waiting = list(zip(batch.schema.names, batch.columns, strict=True))
    while waiting:
        name, column = waiting.pop(0)
        if pa.types.is_struct(column.type):
            is_marked = name.strip().lower() in _MARK_FIELDS
            waiting += [
                (name if is_marked else column.type[place].name, column.field(place))
                for place in range(column.type.num_fields)
            ]
        elif pa.types.is_map(column.type):
            waiting += [(name, column.keys), (name, column.items)]
        elif pa.types.is_nested(column.type):
            waiting.append((name, column.flatten()))
        else:
            yield name, column


def _values(column: pa.Array) -> Iterable[str]:
    return (str(digits(value)) for value in pc.unique(column).to_pylist() if value is not None)


def _marked(what: str | Sentence) -> InvalidInputError:
    return InvalidInputError(
        "the file is marked {what}; this service takes public and internal data only, nothing of it was kept",
        what=what,
    )
