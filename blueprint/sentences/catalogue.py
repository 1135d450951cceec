"""The Chinese of our sentences: a gettext catalogue beside this module, read when the first sentence is asked for in Chinese."""

from collections.abc import Mapping
from functools import cache
from importlib import import_module
from pathlib import Path

CATALOGUE = Path(__file__).parent / "zh_CN.po"


@cache
def chinese() -> Mapping[str, str]:
    """The Chinese of every sentence that has it."""
    # Babel takes longer to import than many a command takes to run, and most runs say nothing that is wrong.
    pofile = import_module("babel.messages.pofile")
    with CATALOGUE.open("rb") as opened:
        messages = list(pofile.read_po(opened, locale="zh_CN"))
    return {message.id: message.string for message in messages if message.id and message.string}


def chinese_of(template: str) -> str | None:
    """The Chinese template of a sentence; None where there is none."""
    return chinese().get(template)
