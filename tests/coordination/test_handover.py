"""The message to approval: its canonical form and its signature."""

import json
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest

from blueprint.errors import InvalidInputError, NotSignedInError
from coordination.handover import (
    HandoverMessage,
    canonical,
    read_any_message,
    read_message,
    sha256_of,
    sign,
    verify,
)

NOW = datetime(2026, 11, 30, 9, 0, tzinfo=ZoneInfo("Asia/Shanghai"))


def message(**changes: Any) -> HandoverMessage:
    ring = [[0, 0], [10, 0], [10, 10], [0, 0]]
    values: dict[str, Any] = {
        "message_id": UUID(int=7),
        "city_code": "210300",
        "city_name": "鞍山市",
        "project": {
            "planning_number": "CH-210300-2026-000001",
            "name": "示例小学",
            "applicant": "教育局",
            "purpose": "小学",
        },
        "footprint": {"revision": 1, "crs": "EPSG:4550", "area_m2": 50, "coordinates": [[ring]]},
        "check": {
            "digest": f"sha256:{'0' * 64}",
            "on": date(2026, 11, 23),
            "verdict": "clear",
            "conflicts": [],
        },
        "opinions": [],
        "cleared_on": date(2026, 11, 30),
        "cleared_by": "自然资源局",
    }
    return HandoverMessage(**(values | changes))


def test_the_canonical_form_survives_reading_and_any_way_of_writing() -> None:
    first = message()
    rewritten = json.dumps(json.loads(canonical(first)), indent=4, ensure_ascii=True).encode()

    assert sha256_of(read_message(rewritten)) == sha256_of(first)
    assert sha256_of(message(city_name="别的市")) != sha256_of(first)


@pytest.mark.parametrize(
    "change",
    [{"verdict": "prohibit"}, {"digest": "sha256:1"}, {"extra": 1}],
    ids=["prohibited", "no digest", "unknown field"],
)
def test_a_message_that_is_not_of_the_agreed_form_is_refused_with_its_field(change: dict[str, Any]) -> None:
    document = json.loads(canonical(message()))
    document["check"] |= change

    with pytest.raises(InvalidInputError, match=r"check\."):
        read_message(json.dumps(document).encode())


@pytest.mark.parametrize(
    "coordinates",
    ["[]", "[[]]", "[[[]]]", "[[[[0,0]]]]", "[[[[0,0],[1,1],[0,0]]]]", "[[[[0,0],[10,0],[10,10],[0,0]],[]]]",
     "[[[[0,0],[10,0],[10,10],[0,0]]],[]]", "[[[[0],[10,0],[10,10],[0,0]]]]", "[[[[0,0],[10,0],[10,1e999],[0,0]]]]", "{}", "null"],
)  # fmt: skip
def test_a_site_without_parts_or_rings_of_four_points_is_refused_with_its_field(coordinates: str) -> None:
    document = json.loads(canonical(message()))
    ring = json.dumps(document["footprint"]["coordinates"])
    body = json.dumps(document).replace(ring, coordinates)

    with pytest.raises(InvalidInputError, match=r"footprint\.coordinates") as refused:
        read_any_message(body.encode())
    assert "\n" not in refused.value.message


def test_a_number_that_is_none_is_refused() -> None:
    broken = canonical(message()).replace('"area_m2":50.0', '"area_m2":NaN')

    with pytest.raises(InvalidInputError):
        read_message(broken.encode())


def test_a_signature_holds_for_its_body_secret_and_time_alone() -> None:
    body = canonical(message()).encode()
    header = sign(body, secret="shared", at=NOW)

    verify(header, body, secret="shared", now=NOW + timedelta(seconds=299))
    for wrong in (
        {"body": body + b" "},
        {"secret": "other"},
        {"now": NOW + timedelta(seconds=301)},
        {"now": NOW - timedelta(seconds=301)},
        {"header": header.replace("t=", "t=1")},
        {"header": "t=,v1="},
        {"header": "t=１２,v1=é"},
        {"header": ""},
    ):
        given: dict[str, Any] = {"header": header, "body": body, "secret": "shared", "now": NOW} | wrong
        with pytest.raises(NotSignedInError):
            verify(given["header"], given["body"], secret=given["secret"], now=given["now"])
