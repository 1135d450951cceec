"""The investment project code (项目代码): its two written forms and its check digit, as pure rules (Art. 12)."""

import re
from dataclasses import dataclass

from blueprint.errors import InvalidInputError

_SINCE_2020 = re.compile(r"([0-9]{2})(0[1-9]|1[0-2])-([0-9]{6})-([0-9]{2})-([0-9]{2})-([0-9]{5})([0-9])")
"""YYMM-region-department-type-number and check digit: GB/T 40058-2021, in use from November 2020."""

_UNTIL_2020 = re.compile(r"(201[4-9]|202[01])-([0-9]{6})-([0-9]{2})-(0[1-3])-([0-9]{6})")
"""YYYY-region-trade-kind-number."""


@dataclass(frozen=True)
class ProjectCode:
    """A code of one of the two forms; `warning` says what looks wrong though the form is right."""

    text: str
    warning: str | None = None


def read_project_code(text: str) -> ProjectCode:
    """Read a code as a person typed it; refuses what has neither form, only warns of the check digit."""
    code = text.strip()
    if _UNTIL_2020.fullmatch(code):
        return ProjectCode(code)
    if not _SINCE_2020.fullmatch(code):
        raise InvalidInputError(
            f"{code[:40]!r} is no project code (项目代码); it reads like 2109-210302-04-01-315727"
            " or, until 2020, 2019-210302-47-01-004312",
            place="project_code",
        )
    digits = code.replace("-", "")
    if check_digit(digits[:-1]) == digits[-1]:
        return ProjectCode(code)
    return ProjectCode(
        code,
        warning=f"校验位不符，请核对 (the check digit of {code} should be {check_digit(digits[:-1])}; compare it)",
    )


def check_digit(digits: str) -> str:
    """The check digit after these digits by ISO 7064 MOD 11,10."""
    product = 10
    for digit in digits:
        product = ((product + int(digit)) % 10 or 10) * 2 % 11
    return str((11 - product) % 10)
