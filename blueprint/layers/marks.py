"""Marks of secrecy (密级) and military ground: this service holds public and internal data, so both stop at the door."""

import re
from collections.abc import Collection, Iterable

import pyarrow as pa
import pyarrow.compute as pc

from blueprint.errors import InvalidInputError
from blueprint.layers.texts import digits
from blueprint.sentences import Sentence

_WORD = r"([绝絕]\s*密|[机機]\s*密|秘\s*密)"
_SECRET = re.compile(_WORD)
_NOT_SECRET = re.compile(
    r"([非不无無未]|不涉及|未涉及|不含|不含有|不属于|不是|没有|未标注|商业|个人)(任何|国家|國家|工作)*"
    + _WORD
)
"""Said not to be secret, or secrets of others than the state."""

_MARK_IN_TEXT = re.compile(rf"^\s*{_WORD}级?\s*$|{_WORD}\s*[★☆]|[★☆]\s*{_WORD}|密\s*级\s*[:：]?\s*{_WORD}")
"""A mark wherever it stands: the word alone, with the star that GB/T 9704 puts between it and its term, or after 密级."""

_MILITARY_TEXT = re.compile(r"^\s*军事(用地|设施用地|用海)\s*$|军事(禁区|管理区)\s*$")
_TELLING = "密军"
"""One of these is in every text that is a mark or names military ground: others are not looked at closely."""

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
_MILITARY_CODE = re.compile(r"\s*(1501|2201)(\d\d)?\s*", re.ASCII)
"""军事设施用地 and 军事用海 of the land-use classes of 2020 and 2023, filled up with zeros or of a class below."""

_SEPARATORS = re.compile(r"[+/、,，;；＋／]")
"""Between the codes of mixed use."""

_NAMES_OF_SUBLAYERS = {"layer"}
"""Where a DXF keeps the names of its layers."""

_MILITARY_FIELDS = {"ydyhfldm", "ghyddm", "yddm", "dldm", "ydfldm"}


def refuse_marked(*texts: str) -> None:
    """Refuse names and metadata that are marked 秘密 or above."""
    for text in texts:
        word = _secret_in(text)
        if word is not None:
            raise _marked(f"{word} (in its name or metadata)")
        found = _ISO_CLASS.search(text)
        if found is not None:
            raise _marked(f"{found.group(1)} (in its metadata)")


def refuse_marked_rows(batch: pa.RecordBatch, class_fields: Collection[str] = ()) -> None:
    """Refuse rows that a field of secrecy marks 秘密 or above, and rows of military ground.

    `class_fields` are those that the planner says to hold land-use classes, beside the known names.
    """
    for name, column in _columns(batch):
        key = re.sub(r"\s", "", name).lower()
        _refuse_marked_texts(column, name)
        if key in _MARK_FIELDS or "密级" in key:
            for value in _values(column):
                if _secret_in(value) is not None or value.strip().lower() in _MARK_VALUES:
                    raise _in_field(value, name)
        if key in _NAMES_OF_SUBLAYERS:
            refuse_marked(*_values(column))
        is_said = name in class_fields
        if key in _CLASS_FIELDS or is_said:
            for value in _values(column):
                codes = _SEPARATORS.split(value) if is_said or key in _MILITARY_FIELDS else ()
                if any(_MILITARY_CODE.fullmatch(code) for code in codes) or value.strip().startswith("军事"):
                    raise _military(value, name)


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


def _secret_in(text: str) -> str | None:
    """The word of secrecy in a text that is not said to be none."""
    found = _SECRET.search(_NOT_SECRET.sub("", text))
    return found.group(1) if found is not None else None


def _refuse_marked_texts(column: pa.Array, name: str) -> None:
    """Refuse marks in fields that are of something else, remarks and descriptions; few texts hold a sign of theirs."""
    if not (pa.types.is_string(column.type) or pa.types.is_large_string(column.type)):
        return
    for sign in _TELLING:
        for value in _values(column.filter(pc.match_substring(column, sign))):
            found = _MARK_IN_TEXT.search(_NOT_SECRET.sub("", value))
            if found is not None:
                raise _in_field(found.group(0).strip(), name)
            if _MILITARY_TEXT.search(value):
                raise _military(value, name)


def _in_field(value: str, name: str) -> InvalidInputError:
    return _marked(Sentence("{value} (in the field {name})", value=value[:20], name=name))


def _military(value: str, name: str) -> InvalidInputError:
    return InvalidInputError(
        "the file holds military ground ({name} = {value}), which this service must not"
        " keep; take those features out",
        name=name,
        value=value[:20],
    )


def _marked(what: str | Sentence) -> InvalidInputError:
    return InvalidInputError(
        "the file is marked {what}; this service takes public and internal data only, nothing of it was kept",
        what=what,
    )
