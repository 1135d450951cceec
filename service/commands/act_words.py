"""What acts are called in Chinese at the console: by the words that the pages have for them."""

import re
from functools import cache
from importlib.resources import files

OUTCOMES = {"done": "已办 done", "refused": "被拒 refused"}
_WORD = re.compile(r'(\w+): "([^"]+)"')


@cache
def act_words() -> dict[str, str]:
    """The Chinese of each act that has some, by the name that the audit log keeps."""
    return dict(_WORD.findall(files("service").joinpath("web", "act_words.js").read_text(encoding="utf-8")))


def act_said(name: str) -> str:
    """An act in a table: its Chinese, and the name by which it is asked for."""
    return f"{act_words()[name]} {name}" if name in act_words() else name
