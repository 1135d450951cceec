"""Audits of two layers: figures by hand and against geopandas, borders of windows, and the life of a difference."""

import json
import time
from contextlib import nullcontext
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import geopandas
import numpy as np
import pyogrio
import pytest
import shapely
from distributed import LocalCluster
from geoalchemy2.shape import to_shape
from shapely.affinity import translate
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from blueprint.city import AreaMeasure, City
from blueprint.city_router import to_lonlat
from blueprint.errors import ConflictError, InvalidInputError, NotFoundError, NotPermittedError
from blueprint.permissions import Actor, Role, at_console
from blueprint.sharing.exports import trace_file
from blueprint.sharing.purposes import OWN_DATA, STANDING_PURPOSES
from coordination.plan_audit import audit as audits
from coordination.plan_audit import cores
from coordination.plan_audit.audit import OnCluster, audit_layers, find_audit, open_audit
from coordination.plan_audit.differences_file import write_differences
from coordination.plan_audit.ledger import (
    decide,
    list_differences,
    series,
    statistics,
    statistics_by_district,
)
from coordination.plan_audit.models import DifferenceState, PlanAudit, PlanDifference
from coordination.plan_audit.schemas import differences_out
from tests.made import ORIGIN, at_origin, geodesic_m2, publish, square

NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)
TODAY = NOW.date()
OPERATOR = at_console("test")


@pytest.fixture
def plane(city: City) -> City:
    """The city with areas in the plane."""
    return replace(city, area_measure=AreaMeasure.PLANE)


def _audit(session: Session, city: City, *, on: date = TODAY, **options: Any) -> PlanAudit:
    number = audit_layers(
        lambda: nullcontext(session),
        "B_PLAN",
        "A_PLAN",
        city=city,
        actor=OPERATOR,
        on=on,
        now=NOW,
        **{"workers": 1} | options,
    )
    session.flush()
    return find_audit(session, number, actor=OPERATOR)


def test_the_ledger_is_summed_by_district_each_difference_once(session: Session, plane: City, tmp_path: Path):
    """Two districts side by side, 0 to 100 and 100 to 200 m east; one difference lies across, one outside of both."""
    outlines = {"1": shapely.box(0, 0, 100, 100), "2": shapely.box(100, 0, 200, 100)}
    features = [
        {
            "type": "Feature",
            "properties": {"XZQDM": code},
            "geometry": shapely.geometry.mapping(to_lonlat(at_origin(outline), plane)),
        }
        for code, outline in outlines.items()
    ]
    path = tmp_path / "boundary.geojson"
    path.write_text(json.dumps({"type": "FeatureCollection", "features": features}))
    shapes = {
        "a1": square(10, 10, 20),
        "a2": shapely.box(95, 50, 125, 60),
        "b3": square(150, 10, 10),
        "b4": square(500, 500, 10),
    }
    _publish(session, plane, "A_PLAN", shapes)
    _publish(session, plane, "B_PLAN", shapes)
    audit = _audit(session, plane)

    found = statistics_by_district(session, audit, city=replace(plane, boundary_path=path), actor=OPERATOR)

    sums = {(p.district, p.first_class): (p.differences, round(p.overlap_m2, 6)) for p in found}
    assert sums == {
        ("1", "class a"): (1, 400),
        ("2", "class a"): (1, 300),  # its inner point lies there
        ("2", "class b"): (1, 100),
        (None, "class b"): (1, 100),
    }
    with pytest.raises(InvalidInputError, match="names no district"):
        statistics_by_district(session, audit, city=replace(plane, boundary_path=None), actor=OPERATOR)


def _differences(session: Session, audit: PlanAudit) -> dict[tuple[str, str], PlanDifference]:
    rows = list_differences(session, audit, actor=OPERATOR, limit=100_000)
    return {(row.first_key, row.second_key): row for row in rows}


def _publish(
    session: Session, city: City, code: str, shapes: dict[str, shapely.Geometry], **more: Any
) -> None:
    attributes = [{"BSM": key, "YSDM": f"class {key[0]}"} for key in shapes]
    publish(session, city, code, list(shapes.values()), attributes=attributes, source_id_field="BSM", **more)


def test_every_overlap_is_a_difference_with_its_area_classes_and_shares(session: Session, plane: City):
    _publish(session, plane, "A_PLAN", {"a1": square(0, 0, 100), "a2": square(200, 0, 100)})
    _publish(
        session,
        plane,
        "B_PLAN",
        {
            "b1": shapely.box(50, 0, 150, 200),  # takes half of a1
            "b2": square(100, 0, 50),  # touches a1
            "b3": shapely.box(299.99, 0, 400, 100),  # a strip of a centimetre in a2
        },
    )

    audit = _audit(session, plane)

    found = _differences(session, audit)
    assert set(found) == {("a1", "b1"), ("a2", "b3")}
    half = found["a1", "b1"]
    assert half.overlap_m2 == pytest.approx(5000)
    assert (half.first_share, half.second_share) == (pytest.approx(0.5), pytest.approx(0.25))
    assert (half.first_class, half.second_class) == ("class a", "class b")
    assert (half.state, half.is_sliver) == ("open", False)
    assert to_shape(half.geom).equals(at_origin(shapely.box(50, 0, 100, 100)))
    assert found["a2", "b3"].is_sliver
    assert (audit.found, audit.finished_at) == (2, NOW)
    assert [(p.state, p.is_sliver, p.differences) for p in statistics(session, audit, actor=OPERATOR)] == [
        ("open", False, 1),
        ("open", True, 1),
    ]


def test_features_of_one_id_are_one_in_shares_and_in_what_is_a_sliver(session: Session, plane: City):
    """A parcel that two pieces of one plan take halves of is taken whole; thirty pieces of 0.5 m² of one plan are 15 m²."""
    parcels = [square(0, 0, 100), shapely.box(0, 200, 300, 300)]
    keys = [{"BSM": "a1"}, {"BSM": "a2"}]
    halves = [shapely.box(0, -50, 50, 150), shapely.box(50, -50, 100, 150)]
    pieces = [shapely.box(10 * n, 299, 10 * n + 0.5, 310) for n in range(30)]
    publish(session, plane, "A_PLAN", parcels, attributes=keys, source_id_field="BSM", tolerance_m2=1)
    publish(
        session, plane, "B_PLAN", [*halves, *pieces], attributes=[{"BSM": "b1"}] * 2 + [{"BSM": "b2"}] * 30,
        source_id_field="BSM", tolerance_m2=1,
    )  # fmt: skip

    found = _differences(session, _audit(session, plane))

    whole, many = found["a1", "b1"], found["a2", "b2"]
    assert (whole.first_share, whole.second_share) == (pytest.approx(1), pytest.approx(0.5))
    assert (many.overlap_m2, many.is_sliver) == (pytest.approx(15), False)


def test_areas_are_by_the_citys_measure(session: Session, city: City):
    _publish(session, city, "A_PLAN", {"a": square(0, 0, 1000)})
    _publish(session, city, "B_PLAN", {"b": square(500, 0, 1000)})

    found = _differences(session, _audit(session, city))["a", "b"]

    expected = geodesic_m2(at_origin(shapely.box(500, 0, 1000, 1000)), city)
    assert found.overlap_m2 == pytest.approx(expected, rel=1e-9)


def test_a_sliver_is_one_by_the_citys_measure_as_in_a_check(session: Session, city: City):
    """60 km east of the central meridian 100 m² of the plane are 99.991 on the ellipsoid: less than a tolerance of 99.995."""
    _publish(session, city, "A_PLAN", {"a": square(60_000, 0, 100)}, tolerance_m2=99.995)
    _publish(session, city, "B_PLAN", {"b": square(60_090, 90, 100)}, tolerance_m2=99.995)

    found = _differences(session, _audit(session, city))["a", "b"]

    assert (found.overlap_m2, found.is_sliver) == (pytest.approx(99.991, abs=1e-3), True)


def _coverage(seed: int, count: int) -> list[shapely.Polygon]:
    """A square kilometre divided into so many cells without gap or overlap."""
    points = shapely.multipoints(np.random.default_rng(seed).uniform(0, 1000, (count, 2)))
    cells = shapely.get_parts(shapely.voronoi_polygons(points, extend_to=shapely.box(0, 0, 1000, 1000)))
    return [cell for cell in shapely.intersection(cells, shapely.box(0, 0, 1000, 1000)) if cell.area > 0]


def test_the_overlaps_of_two_full_coverages_sum_to_the_ground_and_are_those_of_geopandas(
    session: Session, plane: City
):
    ours, theirs = _coverage(1, 60), _coverage(2, 40)
    _publish(session, plane, "A_PLAN", {f"a{n}": cell for n, cell in enumerate(ours)})
    _publish(session, plane, "B_PLAN", {f"b{n}": cell for n, cell in enumerate(theirs)})

    found = _differences(session, _audit(session, plane, most=12))

    assert sum(row.overlap_m2 for row in found.values()) == pytest.approx(1_000_000, abs=1e-3)
    frames = [
        geopandas.GeoDataFrame({name: range(len(cells))}, geometry=cells)
        for name, cells in (("a", ours), ("b", theirs))
    ]
    oracle = geopandas.overlay(*frames, how="intersection", keep_geom_type=True)
    expected = {
        (f"a{r.a}", f"b{r.b}"): r.geometry.area for r in oracle.itertuples() if r.geometry.area > 1e-3
    }
    assert {key for key, row in found.items() if row.overlap_m2 > 1e-3} == set(expected)
    for key, area in expected.items():
        assert found[key].overlap_m2 == pytest.approx(area, abs=1e-3)


def test_two_workers_a_cluster_and_small_windows_find_what_one_finds(
    session: Session, plane: City, cluster: LocalCluster, tmp_path: Path
):
    _publish(session, plane, "A_PLAN", {f"a{n}": cell for n, cell in enumerate(_coverage(3, 50))})
    _publish(session, plane, "B_PLAN", {f"b{n}": cell for n, cell in enumerate(_coverage(4, 50))})
    alone = {key: row.overlap_m2 for key, row in _differences(session, _audit(session, plane)).items()}
    session.execute(PlanDifference.__table__.delete())
    session.execute(PlanAudit.__table__.delete())
    session.expire_all()

    together = _differences(session, _audit(session, plane, workers=2, most=20))

    assert {key: row.overlap_m2 for key, row in together.items()} == alone
    session.execute(PlanDifference.__table__.delete())
    session.execute(PlanAudit.__table__.delete())
    session.expire_all()

    files = OnCluster(cluster.scheduler_address, through=tmp_path)
    by_others = _audit(session, plane, on_cluster=files, most=20)

    assert len(by_others.windows_done) > 1
    assert {key: row.overlap_m2 for key, row in _differences(session, by_others).items()} == alone


def test_an_audit_that_was_stopped_goes_on_after_the_windows_it_did(
    session: Session, plane: City, monkeypatch: pytest.MonkeyPatch
):
    _publish(session, plane, "A_PLAN", {f"a{n}": cell for n, cell in enumerate(_coverage(5, 40))})
    _publish(session, plane, "B_PLAN", {f"b{n}": cell for n, cell in enumerate(_coverage(6, 40))})
    told: list[int] = []

    def stop(phase: str, done: int) -> None:
        if phase == "compile" or not done:
            return
        told.append(done)
        if len(told) == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        _audit(session, plane, most=20, tell=stop)
    stopped = session.scalars(select(PlanAudit)).one()
    assert (len(stopped.windows_done), stopped.finished_at) == (2, None)
    compared: list[str] = []
    whole = cores.overlaps_of
    monkeypatch.setattr(cores, "overlaps_of", lambda task: compared.append(task.path) or whole(task))

    going_on: list[tuple[str, int]] = []
    audit = _audit(session, plane, most=20, tell=lambda phase, done: going_on.append((phase, done)))

    assert audit.id == stopped.id
    assert going_on[0] == ("resume", told[1])
    assert going_on[-1] == ("ledger", audit.found)
    assert len(compared) == len(audit.windows_done) - 2
    assert sum(r.overlap_m2 for r in _differences(session, audit).values()) == pytest.approx(1e6, abs=1e-3)


def test_that_loops_are_compiled_first_is_told_where_they_are_not_there_at_once(
    session: Session, plane: City, monkeypatch: pytest.MonkeyPatch
):
    _publish(session, plane, "A_PLAN", {"a": square(0, 0, 100)})
    _publish(session, plane, "B_PLAN", {"b": square(50, 0, 100)})
    monkeypatch.setattr(audits, "_KEPT_S", 0.0)
    monkeypatch.setattr(audits, "load_loops", lambda: time.sleep(0.1))
    told: list[str] = []

    _audit(session, plane, tell=lambda phase, _done: told.append(phase))

    assert told[0] == "compile"
    assert told[1:] == ["compare", "compare", "ledger"]


def test_the_same_versions_are_not_compared_twice(session: Session, plane: City):
    _publish(session, plane, "A_PLAN", {"a": square(0, 0, 100)})
    _publish(session, plane, "B_PLAN", {"b": square(50, 0, 100)})

    assert _audit(session, plane).id == _audit(session, plane).id


def test_a_difference_is_settled_when_one_side_yields_and_open_again_when_it_comes_back(
    session: Session, plane: City
):
    days = [date(2026, 1, day) for day in (1, 2, 3)]
    _publish(session, plane, "A_PLAN", {"a": square(0, 0, 100)})
    for day, west in zip(days, (50, 500, 60), strict=True):
        _publish(session, plane, "B_PLAN", {"b": square(west, 0, 100)}, starts_on=day)

    states = []
    for day in days:
        audit = _audit(session, plane, on=day)
        session.expire_all()
        row = _differences(session, audit)["a", "b"]
        states.append(
            (row.state, row.yielded, row.settled_audit_id == audit.id, row.first_audit_id == audit.id)
        )

    assert states == [
        ("open", None, False, True), ("settled", "second", True, False), ("open", None, False, False),
    ]  # fmt: skip


def test_the_ledger_is_told_month_by_month_with_the_side_that_yielded(
    session: Session, plane: City, tmp_path: Path
):
    """Two differences in January; in February the first layer gives one up, in March both layers half of the other. A sliver never counts."""
    days = [date(2026, 1, 5), date(2026, 2, 3), date(2026, 3, 2)]
    a = {"a": square(0, 0, 100), "c": square(0, 300, 100), "s": square(0, 600, 100)}
    b = {"b": square(50, 0, 100), "d": square(50, 300, 100), "t": square(99.999, 600, 100)}
    moved = {"a": square(-60, 0, 100)}
    for day, first, second in (
        (days[0], a, b),
        (days[1], a | moved, None),
        (days[2], a | moved | {"c": square(-25, 300, 100)}, b | {"d": square(75, 300, 100)}),
    ):
        _publish(session, plane, "A_PLAN", first, starts_on=day)
        if second is not None:
            _publish(session, plane, "B_PLAN", second, starts_on=day)
        audit = _audit(session, plane, on=day)
    session.expire_all()

    rows = _differences(session, audit)
    months = series(session, audit, actor=OPERATOR)

    assert {key: (row.state, row.yielded) for key, row in rows.items()} == {
        ("a", "b"): ("settled", "first"), ("c", "d"): ("settled", "both"), ("s", "t"): ("open", None),
    }  # fmt: skip
    assert [(m.month, m.audited_on, m.open, round(m.open_m2), m.settled) for m in months] == [
        ("2026-01", days[0], 2, 10_000, 0), ("2026-02", days[1], 1, 5_000, 1), ("2026-03", days[2], 0, 0, 2),
    ]  # fmt: skip
    settled = {
        (each.first_key, each.second_key): (each.settled_versions, each.settled_on)
        for each in differences_out(list(rows.values()), plane)
    }
    assert settled == {
        ("a", "b"): ((2, 1), days[1]), ("c", "d"): ((3, 2), days[2]), ("s", "t"): (None, None),
    }  # fmt: skip
    for path in (tmp_path / "ledger.gpkg", tmp_path / "ledger.parquet"):
        write_differences(session, audit, path, city=plane, actor=OPERATOR, now=NOW)
        frame = geopandas.read_parquet(path) if path.suffix == ".parquet" else geopandas.read_file(path)
        assert frame.set_index("first_key")["settled_versions"].dropna().to_dict() == {
            "a": "2 × 1",
            "c": "3 × 2",
        }
    fields = pyogrio.read_info(tmp_path / "ledger.gpkg")
    assert dict(zip(fields["fields"], fields["dtypes"], strict=True))["settled_audit_id"] == "int64"


def test_a_side_yields_though_others_of_its_layer_lie_on_the_same_ground(session: Session, plane: City):
    """Two features on one half of a patch do not take the whole; one that lay there already has not come in another's place."""
    whole, half = square(0, 0, 100), shapely.box(50, 0, 75, 100)  # of a patch 50 m wide and 100 m high
    away = square(-200, 0, 100)
    cases = [
        ([whole], [None, half, half], "first"),
        ([whole], [None, shapely.box(50, 0, 80, 100), shapely.box(70, 0, 100, 100)], None),
        ([whole, whole], [None, whole], "first"),
        ([whole, whole], [None, whole, whole], None),
        ([whole, whole], [None, whole, half, half], "first"),
        ([whole, away], [None, shapely.box(-200, 0, 100, 100)], None),
        ([whole, whole], [away, away], "first"),
        ([whole, whole.buffer(9)], [None, whole.buffer(9).difference(square(60, 10, 80))], "first"),
    ]
    patches = {f"b{row}": translate(square(50, 0, 100), 0, 300 * row) for row in range(len(cases))}
    _publish(session, plane, "B_PLAN", patches)
    for step, day in enumerate((date(2026, 1, 1), date(2026, 1, 2))):
        shapes = {
            f"a{row}-{place}": translate(shape, 0, 300 * row)
            for row, case in enumerate(cases)
            for place, shape in enumerate(case[step])
            if shape is not None
        }
        _publish(session, plane, "A_PLAN", shapes, starts_on=day)
        audit = _audit(session, plane, on=day)
    session.expire_all()

    rows = _differences(session, audit)

    found = [rows[f"a{row}-0", f"b{row}"] for row in range(len(cases))]
    assert [(row.state, row.yielded) for row in found] == [("settled", case[2]) for case in cases]


def test_features_without_ids_are_known_again_in_another_order_and_with_a_changed_boundary(
    session: Session, plane: City
):
    """What was accepted stays accepted; a difference that lies elsewhere is another one."""
    _publish(session, plane, "A_PLAN", {"a": square(0, 0, 100), "c": square(0, 300, 100)})
    north, south = square(50, 300, 100), square(50, 0, 100)
    for day, shapes in (
        (date(2026, 1, 1), [south, north]),
        (date(2026, 1, 2), [shapely.box(53, 300, 150, 400), south, square(0, 380, 10)]),
    ):
        version = publish(session, plane, "B_PLAN", shapes, starts_on=day)
        session.execute(
            text("UPDATE blueprint.feature SET source_id = NULL WHERE version_id = :id"), {"id": version.id}
        )
        audit = _audit(session, plane, on=day)
        session.expire_all()
        if day.day == 1:
            before = {row.id: row for row in list_differences(session, audit, actor=OPERATOR)}
            for number in before:
                decide(session, number, accepted=True, reason="过渡期", actor=OPERATOR, now=NOW)

    after = list_differences(session, audit, actor=OPERATOR)

    assert {row.id: (row.state, round(row.overlap_m2)) for row in after if row.id in before} == {
        min(before): ("accepted", 5000), max(before): ("accepted", 4700),
    }  # fmt: skip
    assert [(row.state, round(row.overlap_m2)) for row in after if row.id not in before] == [("open", 100)]
    assert all(row.second_key.startswith("@") for row in after)


def test_an_audit_of_another_day_does_not_undo_the_ledger(session: Session, plane: City):
    _publish(session, plane, "A_PLAN", {"a": square(0, 0, 100)})
    for day, west in ((date(2026, 1, 1), 50), (date(2026, 1, 2), 500)):
        _publish(session, plane, "B_PLAN", {"b": square(west, 0, 100)}, starts_on=day)
    first = open_audit(session, "A_PLAN", "B_PLAN", actor=OPERATOR, on=date(2026, 1, 1), now=NOW)
    audit = _audit(session, plane)

    with pytest.raises(ConflictError, match="stands at an audit of 2026-11-23"):
        _audit(session, plane, on=date(2026, 1, 1))
    with pytest.raises(InvalidInputError, match="yet to come"):
        _audit(session, plane, on=date(2026, 12, 1))

    assert first.finished_at is None
    assert _differences(session, audit) == {}


def test_an_accepted_difference_stays_so_until_it_grows(session: Session, plane: City):
    days = [date(2026, 1, day) for day in (1, 2, 3)]
    _publish(session, plane, "A_PLAN", {"a": square(0, 0, 100)})
    for day, west in zip(days, (50, 60, 40), strict=True):
        _publish(session, plane, "B_PLAN", {"b": square(west, 0, 100)}, starts_on=day)
    row = _differences(session, _audit(session, plane, on=days[0]))["a", "b"]
    decide(session, row.id, accepted=True, reason="过渡期", actor=OPERATOR, now=NOW)

    states = []
    for day in days[1:]:
        audit = _audit(session, plane, on=day)
        session.expire_all()
        again = _differences(session, audit)["a", "b"]
        states.append((again.state, round(again.overlap_m2), again.reason))

    assert states == [("accepted", 4000, "过渡期"), ("open", 6000, "过渡期")]


def test_a_difference_is_accepted_with_a_reason_by_an_owner_of_either_layer(session: Session, plane: City):
    one, other, third = (d.code for d in plane.departments[:3])
    _publish(session, plane, "A_PLAN", {"a": square(0, 0, 100)}, department=one)
    _publish(session, plane, "B_PLAN", {"b": square(50, 0, 100)}, department=other)
    row = _differences(session, _audit(session, plane))["a", "b"]
    owner, stranger = (
        Actor(name, department, frozenset({Role.ANYONE, Role.DEPARTMENT}))
        for name, department in (("owner", other), ("stranger", third))
    )

    with pytest.raises(NotPermittedError):
        decide(session, row.id, accepted=True, reason="x", actor=stranger, now=NOW)
    with pytest.raises(InvalidInputError, match="say why"):
        decide(session, row.id, accepted=True, reason="  ", actor=owner, now=NOW)
    accepted = decide(session, row.id, accepted=True, reason="两规划一致", actor=owner, now=NOW)
    assert (accepted.state, accepted.decided_by, accepted.accepted_m2) == (
        "accepted",
        "owner",
        pytest.approx(5000),
    )

    reopened = decide(session, row.id, accepted=False, reason=None, actor=owner, now=NOW)
    assert (reopened.state, reopened.accepted_m2) == ("open", None)


def test_a_settled_difference_is_not_decided(session: Session, plane: City):
    _publish(session, plane, "A_PLAN", {"a": square(0, 0, 100)})
    _publish(session, plane, "B_PLAN", {"b": square(50, 0, 100)}, starts_on=date(2026, 1, 1))
    row = _differences(session, _audit(session, plane, on=date(2026, 1, 1)))["a", "b"]
    _publish(session, plane, "B_PLAN", {"b": square(500, 0, 100)}, starts_on=date(2026, 1, 2))
    _audit(session, plane)
    session.expire_all()

    with pytest.raises(ConflictError, match="is settled"):
        decide(session, row.id, accepted=True, reason="x", actor=OPERATOR, now=NOW)


def test_an_audit_of_a_layer_that_one_may_not_read_is_not_there(session: Session, plane: City):
    one, _, third = (d.code for d in plane.departments[:3])
    _publish(session, plane, "A_PLAN", {"a": square(0, 0, 100)}, department=one, sensitivity="restricted")
    _publish(session, plane, "B_PLAN", {"b": square(50, 0, 100)})
    audit = _audit(session, plane)
    row = _differences(session, audit)["a", "b"]
    stranger = Actor("stranger", third, frozenset({Role.ANYONE, Role.DEPARTMENT}))

    with pytest.raises(NotFoundError):
        find_audit(session, audit.id, actor=stranger)
    with pytest.raises(NotFoundError):
        decide(session, row.id, accepted=True, reason="x", actor=stranger, now=NOW)


def test_what_cannot_be_compared_is_refused_in_a_sentence(session: Session, plane: City):
    _publish(session, plane, "A_PLAN", {"a": square(0, 0, 100)})
    with pytest.raises(NotFoundError, match="no layer 'B_PLAN'"):
        _audit(session, plane)
    publish(session, plane, "B_PLAN", [shapely.LineString([(0, 0), (1, 1)])])
    with pytest.raises(InvalidInputError, match="compares polygon layers"):
        _audit(session, plane)


@pytest.mark.parametrize("suffix", [".gpkg", ".parquet", ".geojson", ".fgb"])
def test_differences_are_written_to_a_file_that_is_stamped_and_traced_to_both_layers(
    session: Session, plane: City, tmp_path, suffix: str
):
    _publish(session, plane, "A_PLAN", {"a": square(0, 0, 100)})
    _publish(session, plane, "B_PLAN", {"b": square(50, 0, 100)})
    audit = _audit(session, plane)
    path = tmp_path / f"differences{suffix}"

    assert write_differences(session, audit, path, city=plane, actor=OPERATOR, now=NOW) == 1

    frame = geopandas.read_parquet(path) if suffix == ".parquet" else geopandas.read_file(path)
    assert frame.loc[0, "overlap_m2"] == pytest.approx(5000)
    assert frame.loc[0, "state"] == DifferenceState.OPEN
    in_metres = frame.to_crs(plane.working_crs) if suffix == ".geojson" else frame
    assert in_metres.total_bounds[0] == pytest.approx(ORIGIN[0] + 50, abs=1e-3)
    found = trace_file(session, path, actor=OPERATOR)
    assert {(each.export.version.layer.code, each.export.account) for each in found} == {
        ("A_PLAN", OPERATOR.name),
        ("B_PLAN", OPERATOR.name),
    }
    path.write_bytes(path.read_bytes() + b" ")
    assert [each.is_unchanged for each in trace_file(session, path, actor=OPERATOR)] == [False, False]


def test_a_file_of_differences_is_entered_for_each_layer_on_its_own_ground(
    session: Session, plane: City, tmp_path: Path
):
    """At the console of a department: the first layer is its own, the second another's."""
    one, other = (d.code for d in plane.departments[:2])
    _publish(session, plane, "A_PLAN", {"a": square(0, 0, 100)}, department=one, sensitivity="internal")
    _publish(session, plane, "B_PLAN", {"b": square(50, 0, 100)}, department=other, sensitivity="internal")
    audit = _audit(session, plane)
    path = tmp_path / "differences.gpkg"

    write_differences(session, audit, path, city=plane, actor=replace(OPERATOR, department=one), now=NOW)

    purposes = {each.export.version.layer.code: each.export.purpose for each in trace_file(session, path, actor=OPERATOR)}  # fmt: skip
    assert purposes == {"A_PLAN": OWN_DATA, "B_PLAN": STANDING_PURPOSES[Role.CONSOLE]}
