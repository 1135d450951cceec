"""The life of differences over random versions of two layers, against overlaps made by shapely: pairs, areas, slivers, states."""

from contextlib import nullcontext
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import numpy as np
import pytest
import shapely
from shapely.affinity import translate
from sqlalchemy.orm import Session

from blueprint.city import AreaMeasure, City, polygonal
from blueprint.permissions import at_console
from coordination.plan_audit.areas import overlap_areas
from coordination.plan_audit.audit import audit_layers, find_audit
from coordination.plan_audit.ledger import decide, list_differences
from coordination.plan_audit.models import DifferenceState
from tests.coordination.test_answers_in_random_worlds import some_polygon
from tests.made import publish

OPERATOR = at_console("test")
NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)
TOLERANCE_M2, WIDTH_M = 20.0, 0.5
Layer = dict[str, shapely.Polygon]


def _next(rng: np.random.Generator, layer: Layer, step: int) -> None:
    """Some features go, some move by metres, some come."""
    for key in list(layer):
        luck = rng.random()
        if luck < 0.25:
            del layer[key]
        elif luck < 0.5:
            layer[key] = translate(layer[key], *rng.uniform(-15, 15, 2).round(2))
    for number in range(int(rng.integers(1, 5))):
        layer[f"{step}-{number}"] = some_polygon(rng, 0, 300)


@pytest.mark.parametrize("seed", [1, 2])
def test_the_ledger_is_what_the_versions_have_in_common(session: Session, city: City, seed: int):
    rng = np.random.default_rng(seed)
    plane = replace(city, area_measure=AreaMeasure.PLANE, rules_path=None)
    layers: dict[str, Layer] = {"A_PLAN": {}, "B_PLAN": {}}
    accepted: dict[tuple[str, str], float] = {}
    day = date(2026, 1, 5)
    for step in range(4):
        for code, layer in layers.items():
            _next(rng, layer, step)
            publish(
                session, plane, code, list(layer.values()), attributes=[{"BSM": key} for key in layer], source_id_field="BSM",
                tolerance_m2=TOLERANCE_M2, sliver_width_m=WIDTH_M, starts_on=day,
            )  # fmt: skip
        number = audit_layers(
            lambda: nullcontext(session), *layers, city=plane, actor=OPERATOR, on=day, now=NOW, workers=1, most=3
        )  # fmt: skip
        session.flush()
        session.expire_all()
        audit = find_audit(session, number, actor=OPERATOR)
        found = {
            (each.first_key, each.second_key): each
            for each in list_differences(session, audit, actor=OPERATOR, limit=None)
        }
        common = {
            (one, other): shared
            for one, first in layers["A_PLAN"].items()
            for other, second in layers["B_PLAN"].items()
            if (shared := polygonal(shapely.intersection(first, second))).area > 1e-6
        }

        assert audit.found == len(common)
        assert {key for key, each in found.items() if each.state != DifferenceState.SETTLED} == common.keys()
        accepted = {key: m2 for key, m2 in accepted.items() if key in common}
        for key, shared in common.items():
            stays = key in accepted and shared.area <= accepted[key] + TOLERANCE_M2
            assert found[key].state == (DifferenceState.ACCEPTED if stays else DifferenceState.OPEN)
            assert found[key].overlap_m2 == pytest.approx(shared.area, abs=1e-4)
            is_sliver = shared.area < TOLERANCE_M2 or shapely.buffer(shared, -WIDTH_M / 2).is_empty
            assert found[key].is_sliver is bool(is_sliver)
        areas = overlap_areas(
            session, *layers, city=plane, actor=OPERATOR, on=day, threads=1, most=3
        )  # fmt: skip
        assert areas.overlap_m2 == pytest.approx(sum(shared.area for shared in common.values()), abs=1e-2)
        for key, each in found.items():
            if each.state == DifferenceState.OPEN and rng.random() < 0.3:
                decide(session, each.id, accepted=True, reason="批准的例外", actor=OPERATOR, now=NOW)
                accepted[key] = each.overlap_m2
        day += timedelta(days=20)
