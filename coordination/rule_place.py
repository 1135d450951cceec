"""A place in the file of a rule set (规则集文件): a node of its YAML that knows its line, read as one kind of value within bounds; pure."""

from collections.abc import Sequence
from datetime import date
from string import Formatter
from typing import Any

import yaml

from blueprint.errors import InvalidInputError
from blueprint.layers.models import Control
from blueprint.sentences import Sentence
from coordination.rule_sets import FIGURES

_MAX_ENTRIES, _MAX_NODES, _MAX_TEXT, _MAX_DEPTH = 2_000, 50_000, 4_000, 20


class Loader(yaml.SafeLoader):
    """YAML as deep as rules go, and each node written out: an alias of an alias would make a few lines endless."""

    _depth = _nodes = 0

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        """The next node, as long as it is neither an alias nor too deep."""
        event: Any = self.peek_event()  # type: ignore[no-untyped-call]
        mark: Any = event.start_mark
        if isinstance(event, yaml.AliasEvent):
            raise yaml.composer.ComposerError(None, None, "an alias; write it out", mark)
        if self._depth >= _MAX_DEPTH:
            raise yaml.composer.ComposerError(None, None, f"nested deeper than {_MAX_DEPTH}", mark)
        if self._nodes >= _MAX_NODES:
            raise yaml.composer.ComposerError(None, None, f"more than {_MAX_NODES:,} values", mark)
        self._depth += 1
        self._nodes += 1
        node = super().compose_node(parent, index)
        self._depth -= 1
        return node


class Place:
    """A node of the file, which knows its line."""

    def __init__(self, node: yaml.Node | None, name: str) -> None:
        self._node, self._name = node, name

    @property
    def line(self) -> int:
        """Its line in the file, counted from 1."""
        return int(self._node.start_mark.line) + 1 if self._node is not None else 1

    def fault(self, template: str | Sentence, /, **values: object) -> InvalidInputError:
        """An error that names the line."""
        what = template if isinstance(template, Sentence) else Sentence(template, **values)
        return InvalidInputError(
            "{file}:{number}: {what}", file=self._name, number=self.line, what=what, place=f"line {self.line}"
        )

    def mapping(self, *, required: Sequence[str] = (), optional: Sequence[str] = ()) -> "dict[str, Place]":
        """The values by key; no key may be unknown, twice or missing."""
        if not isinstance(self._node, yaml.MappingNode):
            raise self.fault("expected keys and values ({keys})", keys=(*required, *optional))
        found: dict[str, Place] = {}
        known = dict.fromkeys((*required, *optional))
        for key, value in self._node.value:
            at = Place(key, self._name)
            text = at.text()
            if text not in known:
                raise at.fault("unknown key {text}; known are {known}", text=shown(text), known=known)
            if text in found:
                raise at.fault("{text} is there twice", text=shown(text))
            found[text] = Place(value, self._name)
        missing = [key for key in required if key not in found]
        if missing:
            raise self.fault("{missing} is missing", missing=missing)
        return found

    def entries(self) -> "dict[str, Place]":
        """The values by key, whatever the keys are; none twice, and at least one."""
        if not isinstance(self._node, yaml.MappingNode) or not self._node.value:
            raise self.fault("expected keys and values")
        self._refuse_too_many()
        keys = [Place(key, self._name) for key, _ in self._node.value]
        return self.mapping(optional=[key.text() for key in keys])

    def sequence(self) -> "list[Place]":
        """The items of a list."""
        if not isinstance(self._node, yaml.SequenceNode):
            raise self.fault("expected a list, each item after a dash")
        self._refuse_too_many()
        return [Place(node, self._name) for node in self._node.value]

    def _refuse_too_many(self) -> None:
        if self._node is not None and len(self._node.value) > _MAX_ENTRIES:
            raise self.fault(
                "{count:,} entries, at most {max_entries:,} are taken",
                count=len(self._node.value),
                max_entries=_MAX_ENTRIES,
            )

    def text(self) -> str:
        """A text that is not empty, which can be kept and sent as UTF-8."""
        if not isinstance(self._node, yaml.ScalarNode) or not self._node.value.strip():
            raise self.fault("expected a text")
        text = str(self._node.value).strip()
        if len(text) > _MAX_TEXT:
            raise self.fault(
                "a text of {count:,} characters, at most {max_text:,} are taken",
                count=len(text),
                max_text=_MAX_TEXT,
            )
        if any(sign == "\0" or "\ud800" <= sign <= "\udfff" for sign in text):
            raise self.fault("a text with a NUL character or half a surrogate, which cannot be stored")
        return text

    def number(self) -> float:
        """A number of 0 or more."""
        value = self.value()
        if value < 0:
            raise self.fault("expected a number of 0 or more")
        return value

    def value(self) -> float:
        """A number of either sign, as pixels have them."""
        try:
            value = float(self.text())
        except ValueError:
            raise self.fault("{text} is no number", text=shown(self.text())) from None
        if not abs(value) < 1e12:
            raise self.fault("expected a number of at most twelve digits")
        return value

    def whole(self) -> int:
        """A whole number of 1 or more, of nine digits at most."""
        text = self.text()
        if not text.isdecimal() or len(text) > 9 or int(text) < 1:
            raise self.fault("{text} is no whole number from 1 to 999,999,999", text=shown(text))
        return int(text)

    def day(self) -> date:
        """A day as YYYY-MM-DD."""
        try:
            return date.fromisoformat(self.text())
        except ValueError:
            raise self.fault("{text} is no day; write it as 2026-01-31", text=shown(self.text())) from None

    def control(self) -> Control:
        """A control."""
        text = self.text()
        if text not in list(Control):
            raise self.fault(
                "{text} is no control; it is one of {control}", text=shown(text), control=Control
            )
        return Control(text)

    def wording(self) -> str:
        """The words of a finding, with figures in braces."""
        text = self.text()
        try:
            figures = [(n, spec, how) for _, n, spec, how in Formatter().parse(text) if n is not None]
        except ValueError as error:
            raise self.fault("a brace is not closed: {error}", error=error) from error
        for name, spec, conversion in figures:
            if name not in FIGURES:
                raise self.fault(
                    "{{{name}}} is no figure; they are {figures}", name=name[:60], figures=FIGURES
                )
            if spec or conversion:
                raise self.fault("a figure is given as it is written: {{{name}}}, without : or !", name=name)
        return text


def shown(text: str) -> str:
    """What is wrong in a file, as a sentence can hold it."""
    return repr(text if len(text) <= 60 else f"{text[:60]}…")
