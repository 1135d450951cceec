"""A sentence with its values: English at once, Chinese when somebody asks for it."""

import string
from collections.abc import Iterable, Mapping
from datetime import date, time, timedelta
from enum import StrEnum
from numbers import Integral, Number
from typing import Any

from blueprint.sentences.catalogue import chinese_of

_AS_THEY_ARE = (str, Number, date, time, timedelta)


class Sentence:
    """A sentence of ours: the English as it stands in the code, `{name}` where the value of that name is said.

    Without values the text is taken as it is, braces too; a value is never looked into for braces. A value that is
    several things is listed in the way of the language ("none" where there are none); one that is itself a sentence, or
    an error of ours, is said in that language.
    """

    __slots__ = ("english", "template", "values")

    def __init__(self, template: str, /, **values: object) -> None:
        self.template = template
        self.values = {name: _kept(value) for name, value in values.items()}
        self.english = _in_english(template, self.values)

    def __str__(self) -> str:
        return self.english

    def __repr__(self) -> str:
        return f"Sentence({self.english!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sentence) and (self.template, self.values) == (other.template, other.values)

    def __hash__(self) -> int:
        return hash(self.english)

    @property
    def chinese(self) -> str:
        """The same in Chinese; the English where the catalogue has none."""
        template = chinese_of(self.template)
        if template is None:
            return self.english
        values = {name: _said_in_chinese(value) for name, value in self.values.items()}
        return _CHINESE.vformat(template, (), values) if values else template

    @property
    def both(self) -> str:
        """The Chinese with the English beside it, where one text is kept or shown."""
        chinese = self.chinese
        return self.english if chinese == self.english else f"{chinese} {self.english}"

    def as_json(self) -> dict[str, Any]:
        """The sentence for another process or for the database; `sentence_from` reads it."""
        values = {name: _plain(value) for name, value in self.values.items()}
        return {"english": self.english, "template": self.template, "values": values}


class Word(Sentence):
    """What stands within a sentence, never alone; several are listed as words are, not as sentences."""

    __slots__ = ()


class Term(Word):
    """A word of a trade whose Chinese is given beside it: the same English has another in another trade (withdrawn: 已撤件, 已收回)."""

    __slots__ = ("_chinese",)

    def __init__(self, english: str, /, *, chinese: str) -> None:
        super().__init__(english)
        self._chinese = chinese

    @property
    def chinese(self) -> str:
        """The Chinese that was given."""
        return self._chinese

    def as_json(self) -> dict[str, Any]:
        """The word with both its languages."""
        return super().as_json() | {"chinese": self._chinese}


def spoken(member: StrEnum) -> Word:
    """A state, a step or a right as a sentence says it; `gathering.SPOKEN` lists their kinds."""
    return Word(member.replace("_", " "))


def sentence_from(told: Mapping[str, Any] | str) -> Sentence:
    """A sentence that `as_json` gave; one that this version does not say (any more) in its English alone.

    Only what the catalogue holds is filled in again: whoever told it may have read a hostile file.
    """
    if isinstance(told, str):
        return Sentence(told)
    if "chinese" in told:
        return Term(str(told["english"]), chinese=str(told["chinese"]))
    if chinese_of(str(told["template"])) is not None:
        try:
            values = {str(name): _read(value) for name, value in told["values"].items()}
            return Sentence(str(told["template"]), **values)
        except (AttributeError, LookupError, TypeError, ValueError):
            pass
    return Sentence(str(told["english"]))


def _kept(value: object) -> object:
    """A value as it is at this moment: an object of the database may be out of reach when the Chinese is asked for."""
    if value is None or isinstance(value, (*_AS_THEY_ARE, Sentence)):
        return value
    if isinstance(value, BaseException):
        said = getattr(value, "sentence", None)
        return said if isinstance(said, Sentence) else str(value)
    if isinstance(value, Iterable) and not isinstance(value, bytes):
        return tuple(_kept(each) for each in value)
    return str(value)


def _in_english(template: str, values: Mapping[str, object]) -> str:
    if not values:
        return template
    return template.format_map({name: _said_in_english(value) for name, value in values.items()})


def _said_in_english(value: object) -> object:
    if isinstance(value, Sentence):
        return value.english
    if isinstance(value, tuple):
        between = "; " if _has_sentences(value) else ", "
        return between.join(str(_said_in_english(each)) for each in value) or "none"
    return value


def _said_in_chinese(value: object) -> object:
    if isinstance(value, Sentence):
        return value.chinese
    if isinstance(value, tuple):
        between = "；" if _has_sentences(value) else "、"
        return between.join(str(_said_in_chinese(each)) for each in value) or "无"
    return value


def _has_sentences(several: tuple[object, ...]) -> bool:
    return any(isinstance(each, Sentence) and not isinstance(each, Word) for each in several)


class _ChineseFormatter(string.Formatter):
    """`{name!r}` stands in Chinese quotation marks, with what cannot be printed shown as Python shows it."""

    def convert_field(self, value: Any, conversion: Any) -> Any:
        if conversion == "r" and isinstance(value, str):
            return f"“{repr(value)[1:-1]}”"
        return super().convert_field(value, conversion)


_CHINESE = _ChineseFormatter()


def _plain(value: object) -> object:
    if isinstance(value, Sentence):
        return {"sentence": value.as_json()}
    if isinstance(value, tuple):
        return [_plain(each) for each in value]
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, Integral):  # NumPy's, which would come back as 3.0
        return int(value)
    return float(value) if isinstance(value, Number) and hasattr(value, "__float__") else str(value)


def _read(value: object) -> object:
    if isinstance(value, dict):
        return sentence_from(value["sentence"])
    return tuple(_read(each) for each in value) if isinstance(value, list) else value
