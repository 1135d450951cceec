"""What is registered of a project: the credit code's check character, the profile's codes, doubts about the scope."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from blueprint.city import City
from blueprint.credit_code import read_credit_code
from blueprint.errors import InvalidInputError
from coordination.particulars import ApprovalLevel, checked, scope_doubts
from tests.coordination.world import DETAILS

CODES = ("9144030071526726XG", "914403001922038216", "91330100799655058B", "91110000802100433B")
"""Published codes of four companies."""


@pytest.mark.parametrize("code", CODES)
def test_a_published_credit_code_is_taken_however_it_is_written(code: str) -> None:
    assert read_credit_code(f" {code[:8]} {code[8:].lower()} ") == code


@pytest.mark.parametrize("code", CODES)
def test_one_wrong_character_and_two_that_changed_places_are_found(code: str) -> None:
    for place in range(8, 18):
        other = "1" if code[place] != "1" else "2"
        with pytest.raises(InvalidInputError, match="check character"):
            read_credit_code(code[:place] + other + code[place + 1 :])
    for place in range(8, 17):
        if code[place] != code[place + 1]:
            swapped = code[:place] + code[place + 1] + code[place] + code[place + 2 :]
            with pytest.raises(InvalidInputError):
                read_credit_code(swapped)


@pytest.mark.parametrize(
    ("code", "why"),
    [
        ("9144030071526726X", "this one has 17"),
        ("91440300715267260O", "has no O"),
        ("91AB030071526726XG", "six digits of a district"),
        ("９144030071526726XG", "has no ９"),
        ("", "this one has 0"),
    ],
)
def test_a_malformed_credit_code_is_refused_with_what_is_wrong(code: str, why: str) -> None:
    with pytest.raises(InvalidInputError, match=why):
        read_credit_code(code)


@pytest.mark.parametrize(
    ("wrong", "place"),
    [
        ({"name": " "}, "name"),
        ({"applicant_code": "123"}, "applicant_code"),
        ({"project_type": "castle"}, "project_type"),
        ({"district": "999999"}, "district"),
        ({"investment_10k_cny": Decimal("-1")}, "investment_10k_cny"),
        ({"investment_10k_cny": Decimal("NaN")}, "investment_10k_cny"),
        ({"funds_source": "钱" * 201}, "funds_source"),
        ({"in_scope": False}, "scope_reason"),
    ],
)
def test_what_cannot_be_registered_is_refused_with_its_field(
    city: City, wrong: dict[str, Any], place: str
) -> None:
    with pytest.raises(InvalidInputError) as refused:
        checked(replace(DETAILS, **wrong), city)
    assert refused.value.place == place


def test_what_is_registered_is_trimmed_and_blanks_are_nothing(city: City) -> None:
    details = checked(
        replace(DETAILS, name=" 示例小学 ", industry="  ", applicant_code=CODES[0].lower()), city
    )

    assert (details.name, details.industry, details.applicant_code) == ("示例小学", None, CODES[0])


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"name": "鞍山至海城高速公路"}, "major transport"),
        ({"purpose": "新建水库一座"}, "water"),
        ({"industry": "风电"}, "energy"),
        ({"name": "某军事设施"}, "special"),
        ({"approval_level": ApprovalLevel.STATE}, "state"),
    ],
)
def test_what_article_5_may_leave_out_is_doubted_in_words(changes: dict[str, Any], word: str) -> None:
    (doubt,) = scope_doubts(replace(DETAILS, **changes))

    assert word in doubt


def test_a_school_is_not_doubted() -> None:
    assert scope_doubts(DETAILS) == ()
