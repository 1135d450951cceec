"""What a coordinator registers of a project (项目登记), and whether the regulation may not be for it (Art. 5): plain values."""

from dataclasses import dataclass, fields, replace
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Any

from blueprint.city import City
from blueprint.credit_code import read_credit_code
from blueprint.errors import InvalidInputError
from coordination.heights import checked_top_m
from coordination.models import MAX_NAME, MAX_TEXT


class ApprovalLevel(StrEnum):
    """Who approves the investment: 区县, 市, 省, 国家."""

    DISTRICT = "district"
    CITY = "city"
    PROVINCE = "province"
    STATE = "state"


MAX_INVESTMENT = Decimal(10**9)
"""In units of 10,000 yuan (万元): ten trillion yuan, more than a city has."""


@dataclass(frozen=True)
class ProjectDetails:
    """What is registered; `investment_10k_cny` is in units of 10,000 yuan (万元), `district` and `project_type` are codes of the profile.

    `top_m` is the elevation of the highest point (拟建最高点高程, 1985 datum), for rules of height.
    `in_scope` None leaves the decision of Art. 5 open where there are doubts, and is yes where there are none.
    """

    name: str
    applicant: str
    purpose: str
    in_scope: bool | None = None
    scope_reason: str | None = None
    applicant_code: str | None = None
    project_type: str | None = None
    industry: str | None = None
    investment_10k_cny: Decimal | None = None
    planned_use: str | None = None
    district: str | None = None
    funds_source: str | None = None
    planned_start_on: date | None = None
    approval_level: ApprovalLevel | None = None
    top_m: float | None = None


_AT_MOST = {
    "name": MAX_NAME,
    "applicant": MAX_NAME,
    "purpose": MAX_TEXT,
    "scope_reason": MAX_TEXT,
    "industry": MAX_NAME,
    "planned_use": MAX_NAME,
    "funds_source": MAX_NAME,
}
_NEEDED = ("name", "applicant", "purpose")

PARTICULARS = tuple(f.name for f in fields(ProjectDetails) if f.name not in ("in_scope", "scope_reason"))
"""What may be corrected while the project is in work; the scope is decided by an act of its own."""

GROUNDS = ("purpose", "project_type", "planned_use", "approval_level", "top_m")
"""Those of them that opinions rest on: they stay while departments are being asked, and changed, departments are asked again."""

_DOUBTS = {
    "重大交通 major transport": ("铁路", "高速公路", "机场", "轨道交通", "高铁", "港口", "国道"),
    "水利 water": ("水库", "水利枢纽", "引水工程", "调水工程", "堤防"),
    "能源 energy": (
        "电厂", "电站", "风电", "光伏", "核电", "油气管道", "输气管道", "输油管道", "输变电", "煤矿",
    ),
    "特殊工程 special project": ("军事", "国防", "涉密", "保密工程", "监狱"),
}  # fmt: skip
"""Words in a project's name, purpose or industry for which a person has to look at Art. 5."""


def checked(details: ProjectDetails, city: City) -> ProjectDetails:
    """The details trimmed, with the credit code in its one form; InvalidInputError names the field that is wrong."""
    texts: dict[str, Any] = {name: (getattr(details, name) or "").strip() or None for name in _AT_MOST}
    for name, at_most in _AT_MOST.items():
        value = texts[name]
        if value is None and name in _NEEDED:
            raise InvalidInputError("the project's {name} is empty; say it", name=name, place=name)
        if value is not None and len(value) > at_most:
            raise InvalidInputError(
                "the project's {name} has more than {at_most} characters; shorten it",
                name=name,
                at_most=at_most,
                place=name,
            )
    if details.in_scope is False and texts["scope_reason"] is None:
        raise InvalidInputError(
            "a project outside the regulation's scope needs the reason for it (Art. 5)",
            place="scope_reason",
        )
    code = (details.applicant_code or "").strip()
    money = details.investment_10k_cny
    if money is not None and not (money.is_finite() and 0 <= money <= MAX_INVESTMENT):
        raise InvalidInputError(
            "the investment (总投资) is given in units of 10,000 yuan (万元), from 0 to 1,000,000,000",
            place="investment_10k_cny",
        )
    if details.project_type is not None:
        city.project_type(details.project_type)
    _refuse_unknown_district(details.district, city)
    checked_top_m(details.top_m)
    return replace(details, **texts, applicant_code=read_credit_code(code) if code else None)


def _refuse_unknown_district(code: str | None, city: City) -> None:
    known = {district.code: district.name for district in city.districts}
    if code is not None and code not in known:
        words = [f"{c} {name}" for c, name in known.items()]
        raise InvalidInputError(
            "no district {code!r} in the city profile; it has: {words}",
            code=code,
            words=words,
            place="district",
        )


def scope_doubts(details: ProjectDetails) -> tuple[str, ...]:
    """Why the regulation may not be for a project (Art. 5), each in words; a person decides, this only asks."""
    found = []
    if details.approval_level in (ApprovalLevel.PROVINCE, ApprovalLevel.STATE):
        found.append("须报省级或国家审批 approved by the province or the state")
    text = " ".join((details.name, details.purpose, details.industry or ""))
    for kind, words in _DOUBTS.items():
        met = [word for word in words if word in text]
        if met:
            found.append(f"疑似{kind}（{'、'.join(met)}）")
    return tuple(found)
