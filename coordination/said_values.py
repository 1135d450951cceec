"""What an attribute says however it is written (属性值): full-width signs, padded class codes and grades in any numerals are the same; pure."""

import re
import unicodedata
from functools import lru_cache

from blueprint.standards.land_use import normalised

_PADDED = 6
_GRADE = re.compile(r"(?:第)?([一二三四五六七八九]|[ivx]{1,4}|[1-9])(级|類|类|等)?")
_NUMERALS = {
    **{numeral: str(number) for number, numeral in enumerate("一二三四五六七八九", start=1)},
    **{
        numeral: str(number)
        for number, numeral in enumerate(["i", "ii", "iii", "iv", "v", "vi", "vii", "viii", "ix"], start=1)
    },
}


@lru_cache(maxsize=4096)
def said(value: str) -> str:
    """A value as it is compared: 一级, Ⅰ级, I级, 1级, Ⅰ and 1 are one grade, 010000 is 01; other words are as they are written.

    一类 is the first of classes, no grade.
    """
    text = unicodedata.normalize("NFKC", value).strip()
    if len(text) == _PADDED:
        # A class code as plan databases fill it up; shorter numbers stay as they are.
        text = normalised(text)
    grade = _GRADE.fullmatch(text.casefold())
    if grade is None:
        return text
    numeral, kind = grade[1], grade[2] or ""
    number = _NUMERALS.get(numeral, numeral)
    if not number.isdecimal():
        return text
    return number if kind in ("", "级") else number + kind
