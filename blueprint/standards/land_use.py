"""Codes of land and sea use: padded spellings, two editions, children that a list does not have, mixed use."""

import re
import unicodedata
from dataclasses import dataclass
from enum import StrEnum

from blueprint.standards.entries import LandUseClass, Standards

_LEADING = re.compile(r"\d{2,6}(?!\d)", re.ASCII)
_BETWEEN = r"[+/、,，;；＋／]"
_DIGITS = re.compile(r"\d{2}|\d{4}|\d{6}", re.ASCII)


class LandUseVerdict(StrEnum):
    """What can be said of a code."""

    KNOWN = "known"
    OLD_EDITION = "old_edition"
    UNKNOWN_CHILD = "unknown_child"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class JudgedCode:
    """A code as it was written, without its padding, and the class that it, or its nearest known parent, stands for."""

    raw: str
    code: str
    verdict: LandUseVerdict
    found: LandUseClass | None


def normalised(raw: str) -> str:
    """A code without the zeros that plan databases fill it up with: 耕地 is 01 and 010000, the same.

    Whole pairs of zeros are taken off, never below two digits: 1000 is 10, and 0110 stays.
    """
    code = raw.strip()
    while _DIGITS.fullmatch(code) and len(code) > 2 and code.endswith("00"):
        code = code[:-2]
    return code


def as_edition_2023(raw: str, standards: Standards) -> str:
    """Codes of the trial edition of 2020 as the edition of 2023 has them: 2303 田间道 is 060102 there, 2303 another class.

    Mixed use stays mixed, and a name behind its code where it is; a number that has lost its nought is read with it. A code that the
    old edition does not know is left as it is.
    """
    parts = re.split(f"({_BETWEEN})", raw)
    return "".join(_part_as_edition_2023(part, standards) for part in parts)


def _part_as_edition_2023(part: str, standards: Standards) -> str:
    text = unicodedata.normalize("NFKC", part).strip()
    head = _LEADING.match(text)
    if head is None:
        return part
    code = head.group()
    found = standards.land_use["2020"].get(normalised(code.zfill(len(code) + len(code) % 2)))
    return found.maps_to_2023 + text[head.end() :] if found is not None and found.maps_to_2023 else part


def codes_in(raw: str) -> list[str]:
    """The codes of a field as they are written, several of mixed use."""
    return [part.strip() for part in re.split(_BETWEEN, raw) if part.strip()]


def judge_land_use(raw: str, name: str | None, standards: Standards) -> list[JudgedCode]:
    """Judge a field's codes (mixed use is written 0701+0901 or 0701/0901) by both editions.

    The edition of 2023 goes first. Some codes changed their meaning: there the name beside the code decides.
    """
    return [_judge(code, name, standards) for code in codes_in(raw)]


def _judge(raw: str, name: str | None, standards: Standards) -> JudgedCode:
    code = normalised(raw)
    new, old = standards.land_use["2023"].get(code), standards.land_use["2020"].get(code)
    if new is not None and old is not None and name == old.title != new.title:
        return JudgedCode(raw, code, LandUseVerdict.OLD_EDITION, old)
    if new is not None:
        return JudgedCode(raw, code, LandUseVerdict.KNOWN, new)
    if old is not None:
        return JudgedCode(raw, code, LandUseVerdict.OLD_EDITION, old)
    if _DIGITS.fullmatch(code):
        for length in range(len(code) - 2, 0, -2):
            parent = standards.land_use["2023"].get(code[:length])
            if parent is not None:
                return JudgedCode(raw, code, LandUseVerdict.UNKNOWN_CHILD, parent)
    return JudgedCode(raw, code, LandUseVerdict.UNKNOWN, None)
