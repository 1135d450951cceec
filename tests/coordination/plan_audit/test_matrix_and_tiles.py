"""The matrix of plans that may not overlap, and the ledger of two of them as a layer with tiles."""

import math
from contextlib import nullcontext
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import mapbox_vector_tile
import pytest
import shapely
from sqlalchemy.orm import Session

from blueprint.city import AreaMeasure, City, KeptApart, load_city
from blueprint.city_router import to_lonlat
from blueprint.errors import InvalidInputError, NotFoundError
from blueprint.permissions import Actor, Role, at_console
from coordination.plan_audit.audit import audit_layers, find_audit
from coordination.plan_audit.ledger import decide, list_differences
from coordination.plan_audit.matrix import PairStanding, matrix
from coordination.plan_audit.models import DifferenceState, PlanAudit
from coordination.plan_audit.tiles import difference_tile, difference_tilejson
from tests.made import ORIGIN, publish, square

NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)
OPERATOR = at_console("test")


@pytest.fixture
def plane(city: City) -> City:
    """The city with areas in the plane, where three plans may not overlap and one stands against a fourth."""
    rules = (
        KeptApart("三区三线", "lines", ("RED", "FARM", "TOWN")),
        KeptApart("矿区", None, ("FARM",), ("MINE", "RED")),
    )
    return replace(city, area_measure=AreaMeasure.PLANE, kept_apart=rules)


def _audit(session: Session, city: City, first: str, second: str) -> PlanAudit:
    number = audit_layers(
        lambda: nullcontext(session),
        first,
        second,
        city=city,
        actor=OPERATOR,
        on=NOW.date(),
        now=NOW,
        workers=1,
    )
    return find_audit(session, number, actor=OPERATOR)


def _standing(session: Session, city: City, actor: Actor = OPERATOR) -> dict[tuple[str, str], PairStanding]:
    return {(p.first, p.second): p for p in matrix(session, city=city, actor=actor, on=NOW.date())}


def test_each_pair_stands_once_with_its_open_differences_and_whether_they_are_of_today(
    session: Session, plane: City
):
    publish(session, plane, "RED", [square(0, 0, 100)], sensitivity="restricted", department="SLJ")
    publish(session, plane, "FARM", [square(90, 0, 100), square(90, 200, 5)], sensitivity="public")
    publish(session, plane, "TOWN", [square(1000, 0, 10)], sensitivity="public")
    _audit(session, plane, "RED", "FARM")
    _audit(session, plane, "TOWN", "FARM")
    publish(session, plane, "TOWN", [square(185, 0, 10)])

    found = _standing(session, plane)

    assert set(found) == {("FARM", "RED"), ("RED", "TOWN"), ("FARM", "TOWN"), ("FARM", "MINE")}
    red = found["FARM", "RED"]
    assert (red.rule, red.open, red.open_m2, red.is_current) == ("三区三线", 1, pytest.approx(1000), True)
    assert (red.accepted, red.settled, red.missing) == (0, 0, ())
    assert (found["FARM", "TOWN"].open, found["FARM", "TOWN"].is_current) == (0, False)
    assert (found["RED", "TOWN"].open, found["RED", "TOWN"].audit_id) == (None, None)
    assert found["FARM", "MINE"].missing == ("MINE",)
    stranger = Actor("p", "GXJ", frozenset({Role.ANYONE, Role.PLANNER}))
    assert set(_standing(session, plane, stranger)) == {("FARM", "TOWN"), ("FARM", "MINE")}


def test_an_entry_of_the_profile_that_names_one_layer_is_refused(tmp_path: Path):
    path = tmp_path / "city.toml"
    path.write_text(
        'name = "a"\nadministrative_code = "210300"\nworking_crs = "EPSG:4550"\n'
        '[[kept_apart]]\nname = "alone"\nlayers = ["A"]\n'
    )

    with pytest.raises(InvalidInputError, match="alone names no two layers"):
        load_city(path)


def _tile_at(city: City, zoom: int, east: float, north: float) -> tuple[int, int]:
    place = to_lonlat(shapely.Point(ORIGIN[0] + east, ORIGIN[1] + north), city)
    x = (place.x + 180) / 360 * 2**zoom
    y = (1 - math.asinh(math.tan(math.radians(place.y))) / math.pi) / 2 * 2**zoom
    return int(x), int(y)


def _features(content: bytes) -> list[dict[str, Any]]:
    if not content:
        return []
    return list(mapbox_vector_tile.decode(content)["differences"]["features"])


def test_differences_are_tiles_where_no_difference_is_lost_at_any_zoom(session: Session, plane: City):
    """Nine of a square metre side by side, and one of 100 × 100 m a kilometre away, which is accepted."""
    small = [square(10 * n, 0, 1) for n in range(9)]
    publish(session, plane, "RED", [*small, square(1000, 0, 100)], tolerance_m2=0.1, sliver_width_m=0)
    publish(session, plane, "TOWN", [*small, square(1000, 0, 100)], tolerance_m2=0.1, sliver_width_m=0)
    audit = _audit(session, plane, "RED", "TOWN")
    large = max(list_differences(session, audit, actor=OPERATOR), key=lambda d: d.overlap_m2)
    decide(session, large.id, accepted=True, reason="一致", actor=OPERATOR, now=NOW)

    def tile(zoom: int, east: float, *states: DifferenceState) -> list[dict[str, Any]]:
        x, y = _tile_at(plane, zoom, east, 0.5)
        chosen = states or tuple(DifferenceState)
        return _features(
            difference_tile(session, audit, zoom, x, y, city=plane, actor=OPERATOR, states=chosen)
        )

    whole_city = tile(8, 0)
    assert sum(f["properties"]["number"] for f in whole_city) == 10
    assert sum(f["properties"]["overlap_m2"] for f in whole_city) == pytest.approx(10_009)
    close = [f["properties"] for f in tile(18, 40.5)]
    assert {p["state"] for p in close} == {"open"} and all(p["number"] == 1 for p in close)
    assert close[0]["overlap_m2"] == pytest.approx(1)
    assert [f["id"] for f in tile(12, 1050, DifferenceState.ACCEPTED)] == [large.id]
    described = difference_tilejson(session, audit, city=plane, actor=OPERATOR, address="x/{z}/{x}/{y}.mvt")
    west, south, east, north = described["bounds"]
    assert 0 < east - west < 0.02 and 0 < north - south < 0.01
    with pytest.raises(NotFoundError, match="no tile 3/8/0"):
        difference_tile(session, audit, 3, 8, 0, city=plane, actor=OPERATOR)
