"""The two written forms of the investment project code."""

from datetime import date

import pytest

from approval.project_code import check_digit, read_project_code
from blueprint.errors import InvalidInputError


@pytest.mark.parametrize(
    "code",
    [
        "2111-522323-04-01-342068",
        "2109-210302-04-01-315727",
        "2203-210381-04-01-904166",
        "2306-210303-07-02-572030",
        "2404-210323-04-05-120888",
        "2511-210300-04-01-669303",
        "2608-210311-04-01-402751",
        "2019-210302-47-01-004312",
        "2020-330327-48-01-167360",
        "2020-451421-88-03-016343",
    ],
)
def test_codes_of_both_forms_are_taken_without_a_warning(code: str) -> None:
    read = read_project_code(f" {code} ")

    assert (read.text, read.warning) == (code, None)


def test_a_wrong_check_digit_only_warns_and_names_the_right_one() -> None:
    read = read_project_code("2511-210300-04-01-669304")

    assert read.text == "2511-210300-04-01-669304"
    assert read.warning is not None
    assert "should be 3" in read.warning


@pytest.mark.parametrize(
    "code",
    [
        "",
        "CH-210300-2026-000001",
        "2513-210300-04-01-669303",
        "2500-210300-04-01-669303",
        "2013-210302-47-01-004312",
        "2019-210302-47-04-004312",
        "2511-210300-04-01-66930",
        "2511-210300-04-01-6693033",
        "２５１１-210300-04-01-669303",
        "2511-210300-04-01-669303\n2",
        "2511 210300 04 01 669303",
    ],
)
def test_anything_else_is_refused(code: str) -> None:
    with pytest.raises(InvalidInputError, match="project code"):
        read_project_code(code)


@pytest.mark.parametrize(
    ("code", "wrong"),
    [
        ("0001-210300-04-01-669303", ["年月"]),
        ("2511-21030-04-1-669303", ["行政区划", "类型"]),
        ("2019-210302-47-04-004312", ["类别 kind, 01 to 03, not '04'"]),
        ("2511-210300-04-669303", ["5 parts with hyphens between them, not 4"]),
    ],
)
def test_the_parts_that_are_wrong_are_named(code: str, wrong: list[str]) -> None:
    with pytest.raises(InvalidInputError) as refused:
        read_project_code(code)

    said = refused.value.message.split("): ")[1].split("; it reads like")[0].split("; ")
    assert [each.startswith(part) for each, part in zip(said, wrong, strict=True)] == [True] * len(wrong)


def test_a_month_still_to_come_warns() -> None:
    code, today = "2608-210311-04-01-402751", date(2026, 7, 31)

    assert "尚未到来" in str(read_project_code(code, today=today).warning)
    assert read_project_code(code, today=date(2026, 8, 1)).warning is None


def test_a_region_outside_the_city_warns() -> None:
    code = "2608-210311-04-01-402751"

    assert read_project_code(code, region="210300").warning is None
    assert "行政区划 210311 不在本市（210100）" in str(read_project_code(code, region="210100").warning)
    assert "行政区划" in str(read_project_code("2019-210302-47-01-004312", region="210100").warning)


def test_a_code_issued_by_the_province_or_the_state_is_the_citys_too() -> None:
    for issuer in ("210000", "000000", "000052"):
        assert read_project_code(f"2019-{issuer}-47-01-004312", region="210300").warning is None
    assert "不在本市" in str(read_project_code("2019-220000-47-01-004312", region="210300").warning)
    for district in ("500103", "500229"):  # a district and a county of Chongqing
        assert read_project_code(f"2019-{district}-47-01-004312", region="500000").warning is None
    assert "不在本市" in str(read_project_code("2019-510104-47-01-004312", region="500000").warning)


def test_the_check_digit_is_iso_7064_mod_11_10() -> None:
    assert check_digit("0794") == "5"
