"""A small made-up year of a city, through the HTTP API: every statistic of it recomputed from the spans themselves."""

from datetime import date, timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from approval.statistics import By
from bench.year import contents, recomputed
from blueprint.city import City
from blueprint.wall import KEEPER, seeing
from service.settings import Settings
from service.simulation.year import live_a_year
from tests.approval.office import MONDAY
from tests.service.conftest import serving


@pytest.mark.timeout(300)
def test_a_year_is_lived_over_http_and_its_statistics_are_what_the_rows_say(
    fresh_database: str, city: City
) -> None:
    """Art. 2, 7, 13: holidays, lateness, corrections, stops, extensions, promises, questions, letters by the dice of one seed."""
    end = MONDAY + timedelta(days=280)
    with serving(fresh_database, city, Settings(), clock=lambda: end) as place:
        lived = live_a_year(place.edge, Settings(), projects=2, people=22, seed=11)

        with place.client("SPJ") as client:
            shown = client.get("/api/approval/statistics?by=stage&from=2025-01-01&to=2027-12-31").json()
            late = client.get("/api/approval/late").json()["items"]
        whole = [recomputed(place.edge.engine, by, date(2025, 12, 1), end.date()) for by in By]
        odd = [recomputed(place.edge.engine, by, date(2026, 3, 10), date(2026, 10, 20)) for by in By]
        with Session(place.edge.engine) as session, seeing(KEEPER):
            lived_through = contents(place.edge.engine)
            takers = set(session.scalars(text("SELECT DISTINCT taken_by FROM approval.item_step")))
            written_of = set(session.scalars(text("SELECT DISTINCT kind FROM approval.letter")))

    assert (lived.projects, lived.people) == (2, 22) and lived.decided > 20
    assert len(shown["rows"]) >= 2 and min(whole) > 0 and min(odd) > 0
    assert sum(shown["under_way"]["in_stage"].values()) + shown["under_way"]["concluded"] == 2
    assert all(row["due_on"] < "2026-12-08" for row in late)
    assert all(lived_through[name] > 0 for name in ("extensions", "promises", "answers", "letters"))
    assert {"item", "stage", "case"} <= written_of
    assert any("模拟经办人" in taker for taker in takers)
