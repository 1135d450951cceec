"""A small made-up year of a city, through the HTTP API: every statistic of it recomputed by a query of its own."""

from datetime import timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from blueprint.city import City
from blueprint.wall import KEEPER, seeing
from service.settings import Settings
from service.simulated_year import live_a_year
from tests.approval.office import MONDAY
from tests.service.conftest import serving

_BY_HAND = """
WITH counted AS (
    SELECT i.id, i.case_id, i.stage, i.state, i.was_late, i.accepted_on, sum(s.working_days) AS days,
        sum(s.working_days) FILTER (WHERE s.holder = 'department') AS department_days,
        coalesce(sum(s.working_days) FILTER (WHERE s.holder = 'stop'), 0) AS stop_days,
        EXISTS (SELECT FROM approval.item_step AS t WHERE t.item_id = i.id AND t.step = 'ask_correction') AS corrected
    FROM approval.item AS i INNER JOIN approval.time_span AS s ON s.item_id = i.id
    WHERE i.id IN (SELECT item_id FROM approval.time_span GROUP BY item_id HAVING bool_and(ends_on IS NOT NULL))
    GROUP BY i.id
)
SELECT coalesce(stage, 'parallel_items') AS "group", count(*) AS items, count(DISTINCT case_id) AS cases,
    percentile_cont(0.5) WITHIN GROUP (ORDER BY days) AS median_days,
    percentile_cont(0.9) WITHIN GROUP (ORDER BY days) AS p90_days, avg(days) AS mean_days,
    percentile_cont(0.5) WITHIN GROUP (ORDER BY days - stop_days) AS median_days_without_stops,
    avg(CAST(corrected AS integer)) AS correction_share, avg(CAST(stop_days > 0 AS integer)) AS stop_share,
    avg(CAST(state = 'refused' AS integer)) AS refused_share,
    avg(CAST(NOT was_late AS integer)) FILTER (WHERE accepted_on IS NOT NULL AND state <> 'taken_back') AS on_time_share
FROM counted GROUP BY 1"""


@pytest.mark.timeout(300)
def test_a_year_is_lived_over_http_and_its_statistics_are_what_the_rows_say(
    fresh_database: str, city: City
) -> None:
    """Art. 2, 7: holidays, lateness, corrections, stops and refusals by the dice of one seed."""
    end = MONDAY + timedelta(days=280)
    settings = Settings()
    with serving(fresh_database, city, settings, clock=lambda: end) as place:
        lived = live_a_year(place.edge, settings, projects=2, seed=7)

        with place.client("SPJ") as client:
            shown = client.get("/api/approval/statistics?by=stage&from=2025-01-01&to=2027-12-31").json()
            late = client.get("/api/approval/late").json()["items"]
        with Session(place.edge.engine) as session, seeing(KEEPER):
            by_hand = {row["group"]: dict(row) for row in session.execute(text(_BY_HAND)).mappings()}

    assert lived.projects == 2 and lived.decided > 8
    rows = {row["group"]: row for row in shown["rows"]}
    assert rows.keys() == by_hand.keys() and len(rows) >= 2
    for group, figures in by_hand.items():
        for name, value in figures.items():
            expected = value if name == "group" else pytest.approx(float(value))
            assert rows[group][name] == expected, (group, name)
    assert sum(shown["under_way"]["in_stage"].values()) + shown["under_way"]["concluded"] == 2
    assert all(row["due_on"] < "2026-12-08" for row in late)
