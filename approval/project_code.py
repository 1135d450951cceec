"""The investment project code (项目代码): its two written forms and its check digit, as pure rules (Art. 12)."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from blueprint.errors import InvalidInputError
from blueprint.sentences import Sentence

_REGION = ("行政区划 region, six digits", "([1-9][0-9]{2}|000)[0-9]{3}")
"""By GB/T 2260; what begins with 000 was issued by the state."""

_MUNICIPALITIES = frozenset({"11", "12", "31", "50"})
"""北京、天津、上海、重庆 (GB/T 2260): cities of a province's rank, whose counties have other digits in the third and fourth place."""

_SINCE_2020 = (
    ("年月 year and month (YYMM, from 2011 on)", "201[12]|(2[1-9]|[3-9][0-9])(0[1-9]|1[0-2])"),
    _REGION,
    ("部门 department, two digits", "[0-9]{2}"),
    ("类型 type, two digits", "[0-9]{2}"),
    ("顺序号和校验位 number and check digit, six digits", "[0-9]{6}"),
)
"""YYMM-region-department-type-number and check digit: GB/T 40058-2021, in use from November 2020."""

_OLD_YEAR = "201[4-9]|202[01]"
_UNTIL_2020 = (
    ("年份 year, 2014 to 2021", _OLD_YEAR),
    _REGION,
    ("行业 trade, two digits", "[0-9]{2}"),
    ("类别 kind, 01 to 03", "0[1-3]"),
    ("顺序号 number, six digits", "[0-9]{6}"),
)
"""YYYY-region-trade-kind-number."""


@dataclass(frozen=True)
class ProjectCode:
    """A code of one of the two forms; `warning` says what looks wrong though the form is right."""

    text: str
    warning: str | None = None


def read_project_code(text: str, *, today: date | None = None, region: str | None = None) -> ProjectCode:
    """Read a code as a person typed it, part by part; refuses what has neither form and names the parts that are wrong.

    A wrong check digit, a month still to come (if `today` is given), or a region that is neither in the city whose code is
    `region` nor its province nor the state, only warns.
    """
    code = text.strip()
    is_old = re.fullmatch(_OLD_YEAR, code.split("-")[0], re.ASCII) is not None
    wrong = _mistakes(code, _UNTIL_2020 if is_old else _SINCE_2020)
    if wrong:
        raise InvalidInputError(
            "{code!r} is no project code (项目代码): {wrong}; it reads like 2109-210302-04-01-315727 or, until"
            " 2020, 2019-210302-47-01-004312",
            code=code[:40],
            wrong=wrong,
            place="project_code",
        )
    doubts, digits = [], code.replace("-", "")
    own = code.split("-")[1]
    is_above = own.startswith("000") or own == (region or own)[:2] + "0000"
    if region is not None and not own.startswith(_city_digits(region)) and not is_above:
        doubts.append(
            f"行政区划 {own} 不在本市（{region}），请核对 (the region {own} is none of this city's; compare it)"
        )
    if is_old:
        return ProjectCode(code, warning="；".join(doubts) or None)
    if check_digit(digits[:-1]) != digits[-1]:
        doubts.append(
            f"校验位不符，请核对 (the check digit of {code} should be {check_digit(digits[:-1])}; compare it)"
        )
    if today is not None and code[:4] > f"{today:%y%m}":
        doubts.append(
            f"年月 {code[:4]} 尚未到来，请核对 (its year and month are still to come; compare them)"
        )
    return ProjectCode(code, warning="；".join(doubts) or None)


def _city_digits(region: str) -> str:
    """What the codes of a city's districts have in common; those of a municipality share no more than the province's digits."""
    return region[:2] if region[:2] in _MUNICIPALITIES else region[:4]


def _mistakes(code: str, form: Sequence[tuple[str, str]]) -> list[Sentence]:
    """Which parts of a code are not as this form has them."""
    parts = code.split("-")
    if len(parts) != len(form):
        return [
            Sentence(
                "{count} parts with hyphens between them, not {given}", count=len(form), given=len(parts)
            )
        ]
    return [
        Sentence("{part}, not {given!r}", part=name, given=part[:10])
        for part, (name, pattern) in zip(parts, form, strict=True)
        if not re.fullmatch(pattern, part, re.ASCII)
    ]


def check_digit(digits: str) -> str:
    """The check digit after these digits by ISO 7064 MOD 11,10."""
    product = 10
    for digit in digits:
        product = ((product + int(digit)) % 10 or 10) * 2 % 11
    return str((11 - product) % 10)
