"""Unified acceptance (统一受理): the window takes in, or accepts, many items of a case in one act."""

from collections.abc import Iterator

import pytest

from blueprint.city import City
from tests.service.approving import Office, approving


@pytest.fixture
def office(fresh_database: str, city: City) -> Iterator[Office]:
    with approving(fresh_database, city) as office:
        yield office


def test_what_is_ready_is_accepted_at_once_and_what_is_in_the_way_of_the_rest_is_said(office: Office) -> None:
    """Art. 2, 9: each item is judged as if it were taken alone."""
    steps = f"{office.case}/steps"

    refused = office.call("POST", steps, expect=409, json={"step": "accept"})
    taken = office.call("POST", steps, expect=200, json={"step": "submit"})
    for code in ("M01", "M02", "M10"):
        office.hand_in(code)
    done = office.call("POST", steps, expect=200, json={"step": "accept"})

    assert refused["detail"].endswith("has no item that could be accepted now")
    assert refused["detail_zh"].endswith("没有现在可受理的事项")
    assert [item["code"] for item in taken["taken"]] == [
        "A102",
        "A104",
        "A105",
        "A112",
    ]  # of the open stage alone
    assert [item["code"] for item in done["taken"]] == ["A104"]
    why = {row["code"]: row["why"] for row in done["not_taken"]}
    assert why.keys() == {"A102", "A105", "A112"}
    assert "comes after" in why["A102"] and "comes after" in why["A105"]
    assert "使用林地可行性报告或现状调查表 (M15) is missing" in why["A112"]
    waiting = office.call("GET", f"{office.case}/items/A112", expect=200)
    assert waiting["state"] == "submitted" and [step["step"] for step in waiting["steps"]] == ["submit"]
    accepted = office.call("GET", f"{office.case}/items/A104", expect=200)
    assert [step["step"] for step in accepted["steps"]] == ["submit", "accept"]
    assert [span["holder"] for span in accepted["spans"]] == ["window", "department"]
    office.call("POST", steps, expect=409, json={"step": "accept", "items": ["A104"]})
    office.call("POST", steps, expect=422, json={"step": "approve"})
    office.call("POST", steps, "ZRZY", expect=403, json={"step": "accept"})


def test_a_system_that_takes_many_steps_may_ask_for_no_answer(office: Office) -> None:
    """RFC 7240: `Prefer: return=minimal`."""
    with office.place.client("SPJ") as client:
        path = f"{office.case}/items/A104/steps"
        answer = client.post(path, json={"step": "submit"}, headers={"Prefer": "return=minimal"})
        again = client.post(path, json={"step": "submit"}, headers={"Prefer": "return=minimal"})

    assert (answer.status_code, answer.content) == (204, b"")
    assert answer.headers["Preference-Applied"] == "return=minimal"
    assert again.status_code == 409 and "not possible now" in again.json()["detail"]
    assert office.call("GET", f"{office.case}/items/A104", expect=200)["state"] == "submitted"
