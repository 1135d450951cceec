"""Versions among each other: what changed between two, which is in force on a day, back to an earlier one."""

from datetime import UTC, date, datetime, timedelta

import pytest
import shapely
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from blueprint.city import City
from blueprint.errors import ConflictError
from blueprint.layers.difference import compare, read_patches
from blueprint.layers.models import Layer, LayerVersion, PublicationEvent, VersionState
from blueprint.layers.publication import bring_into_force, roll_back, state_on, withdraw
from blueprint.layers.succession import version_on
from blueprint.permissions import at_console
from blueprint.snapshot import take_snapshot
from tests.made import LONG_AGO, ORIGIN, at_origin, geodesic_m2, publish, square

ME = at_console("test")
NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)
TODAY = NOW.date()
DAY = timedelta(days=1)
DECEMBER = date(2026, 12, 15)


def _version(
    session: Session,
    city: City,
    rows: dict[str, tuple[shapely.Geometry, str]],
    *,
    starts_on: date | None = None,
) -> LayerVersion:
    """A version of PLAN whose features are these by BSM, each with its shape and name."""
    return publish(
        session,
        city,
        "PLAN",
        [shape for shape, _ in rows.values()],
        starts_on=starts_on,
        attributes=[{"BSM": key, "MC": name} for key, (_, name) in rows.items()],
        source_id_field="BSM",
    )


def _layer(version: LayerVersion) -> Layer:
    return version.layer


OLD = {
    "same": (square(0, 0, 100), "甲"),
    "renamed": (square(200, 0, 100), "乙"),
    "moved": (square(400, 0, 100), "丙"),
    "gone": (square(600, 0, 100), "丁"),
}
NEW = {
    "same": (square(0, 0, 100), "甲"),
    "renamed": (square(200, 0, 100), "乙二"),
    "moved": (square(450, 0, 100), "丙"),
    "new": (square(800, 0, 50), "戊"),
}


def test_what_was_added_removed_and_changed_is_counted_and_measured(session: Session, city: City):
    old, new = _version(session, city, OLD), _version(session, city, NEW)

    found = compare(session, old, new, city=city)

    assert (found.compared_by, found.added, found.removed) == ("source_id", 1, 1)
    assert (found.changed_shape, found.changed_attributes, found.unchanged) == (1, 1, 1)
    assert found.changed_fields == {"MC": 1}
    assert found.added_m2 == pytest.approx(geodesic_m2(at_origin(square(800, 0, 50)), city), rel=1e-7)
    assert found.removed_m2 == pytest.approx(geodesic_m2(at_origin(square(600, 0, 100)), city), rel=1e-7)
    assert found.gained_m2 == pytest.approx(
        geodesic_m2(at_origin(shapely.box(500, 0, 550, 100)), city), rel=1e-7
    )
    assert found.lost_m2 == pytest.approx(
        geodesic_m2(at_origin(shapely.box(400, 0, 450, 100)), city), rel=1e-7
    )
    assert found.net_m2 == pytest.approx(found.added_m2 - found.removed_m2 + found.gained_m2 - found.lost_m2)


def test_the_patches_are_where_the_difference_lies(session: Session, city: City):
    old, new = _version(session, city, OLD), _version(session, city, NEW)

    compare(session, old, new, city=city)
    patches = {(p.change, p.source_id): p for p in read_patches(session, old, new)}

    assert set(patches) == {
        ("attributes", "renamed"), ("gained", "moved"), ("lost", "moved"), ("removed", "gone"), ("added", "new"),
    }  # fmt: skip
    assert patches["attributes", "renamed"].fields == {"MC": ["乙", "乙二"]}
    assert patches["gained", "moved"].shape.area == pytest.approx(5000)


def _reach(session: Session) -> shapely.Geometry:
    """Where a footprint notices the difference that was computed last, in local metres."""
    shapes = session.scalars(text("SELECT ST_AsBinary(reach) FROM pg_temp.difference_reach"))
    found = shapely.union_all([shapely.from_wkb(bytes(shape)) for shape in shapes])
    return shapely.transform(found, lambda xy: xy - ORIGIN)


def _line(x: float) -> shapely.LineString:
    return shapely.LineString([(x, 0), (x, 100)])


def test_a_wider_buffer_alone_is_a_difference_and_is_noticed_where_it_is_wider(session: Session, city: City):
    old = publish(session, city, "PIPE", [_line(0)], starts_on=None, buffer_m=10)
    new = publish(session, city, "PIPE", [_line(0)], starts_on=None, buffer_m=20)

    found = compare(session, old, new, city=city)

    assert (found.changed_zone, found.changed, found.unchanged) == (1, 1, 0)
    reach = _reach(session)
    assert reach.intersects(square(12, 40, 6)) and not reach.intersects(square(0, 40, 8))


def test_a_line_moved_within_its_zone_is_noticed_where_its_distance_is_another_and_not_along_the_rest(
    session: Session, city: City
):
    """Only where one zone alone is was noticed: a site in both kept the distance, and the length in it, of the line before."""
    lines = [_line(0), shapely.LineString([(0, 0), (0, 90), (4, 95), (4, 100)])]
    old, new = (
        publish(session, city, "PIPE", [line], starts_on=None, buffer_m=20, attributes=[{"BSM": "1"}],
                source_id_field="BSM")
        for line in lines
    )  # fmt: skip

    compare(session, old, new, city=city)

    assert _reach(session).intersects(square(6, 94, 4))
    assert not _reach(session).intersects(square(6, 20, 4))


def test_a_corrected_attribute_is_noticed_in_the_zone_before_as_well(session: Session, city: City):
    rule = {"field": "DYDJ", "widths": {"66": 10, "500": 20}}
    old, new = (
        publish(
            session, city, "GDX", [_line(0)], starts_on=None, attributes=[{"DYDJ": value}],
            buffer_m=20, buffer_by=rule,
        )
        for value in ("500", "66")
    )  # fmt: skip

    compare(session, old, new, city=city)

    assert _reach(session).intersects(square(14, 40, 4))


def test_a_class_that_changed_with_a_corner_is_noticed_in_the_whole_feature(session: Session, city: City):
    old = _version(session, city, {"one": (square(0, 0, 100), "林地")})
    new = _version(session, city, {"one": (shapely.box(0, 0, 101, 100), "耕地")})

    found = compare(session, old, new, city=city)

    assert found.changed_shape == 1
    assert _reach(session).intersects(square(40, 40, 10))


def test_a_line_turned_round_is_noticed_where_its_attributes_changed(session: Session, city: City):
    old = publish(session, city, "ROAD", [_line(0)], starts_on=None, attributes=[{"BSM": "1", "DJ": "a"}],
                  source_id_field="BSM")  # fmt: skip
    new = publish(session, city, "ROAD", [shapely.reverse(_line(0))], starts_on=None,
                  attributes=[{"BSM": "1", "DJ": "b"}], source_id_field="BSM")  # fmt: skip

    compare(session, old, new, city=city)

    assert _reach(session).length == pytest.approx(100)


def test_a_line_turned_round_is_changed_and_a_ring_turned_round_is_not(session: Session, city: City):
    def compared(code: str, shape: shapely.Geometry) -> tuple[int, int]:
        old, new = (
            publish(session, city, code, [each], starts_on=None, attributes=[{"BSM": "1"}], source_id_field="BSM")
            for each in (shape, shapely.reverse(shape))
        )  # fmt: skip
        found = compare(session, old, new, city=city)
        return found.changed_shape, found.unchanged

    assert compared("ROAD", _line(0)) == (1, 0)
    assert compared("AREA", square(0, 0, 100)) == (0, 1)


def test_without_identifiers_an_outline_written_otherwise_is_the_same_and_a_line_turned_round_is_another(
    session: Session, city: City
):
    def compared(code: str, before: shapely.Geometry, after: shapely.Geometry) -> tuple[int, int, int]:
        old, new = (
            publish(
                session, city, code, [shape, shapely.transform(before, lambda xy: xy + 500)], starts_on=None,
                attributes=[{"BSM": "1"}] * 2, source_id_field="BSM",
            )
            for shape in (before, after)
        )  # fmt: skip
        found = compare(session, old, new, city=city)
        assert found.compared_by == "shape"
        return found.added, found.removed, found.unchanged - 1

    area = square(0, 0, 100)
    from_another_vertex = shapely.Polygon([*area.exterior.coords[2:], *area.exterior.coords[1:3]])

    assert compared("A", area, from_another_vertex) == (0, 0, 1)
    assert compared("B", area, shapely.reverse(area)) == (0, 0, 1)
    assert compared("C", area, shapely.MultiPolygon([area])) == (0, 0, 1)
    assert compared("D", area, square(0, 0, 101)) == (1, 1, 0)
    assert compared("ROAD", _line(0), shapely.reverse(_line(0))) == (1, 1, 0)


def test_against_nothing_all_is_added(session: Session, city: City):
    new = _version(session, city, NEW)

    found = compare(session, None, new, city=city)

    assert (found.added, found.removed, found.unchanged) == (4, 0, 0)


def test_lines_are_measured_by_their_length(session: Session, city: City):
    old = publish(session, city, "ROAD", [shapely.LineString([(0, 0), (100, 0)])], starts_on=None)
    new = publish(session, city, "ROAD", [shapely.LineString([(0, 0), (130, 0)])], starts_on=None)

    found = compare(session, old, new, city=city)

    assert found.longer_m == pytest.approx(30)
    assert (found.shorter_m, found.net_m2) == (0, 0)


def test_one_step_leads_back_to_the_version_before(session: Session, city: City):
    first = _version(session, city, OLD, starts_on=LONG_AGO)
    second = _version(session, city, NEW, starts_on=TODAY)

    returned = roll_back(session, _layer(first), None, actor=ME, now=NOW)

    session.expire_all()
    assert returned.id == first.id
    assert (state_on(first, TODAY), state_on(second, TODAY)) == (
        VersionState.IN_FORCE, VersionState.SUPERSEDED,
    )  # fmt: skip


def test_going_back_twice_goes_further_back_also_on_one_day(session: Session, city: City):
    first = _version(session, city, OLD, starts_on=TODAY)
    second = _version(session, city, NEW, starts_on=TODAY)
    _version(session, city, OLD, starts_on=TODAY)

    returned = [roll_back(session, _layer(first), None, actor=ME, now=NOW).number for _ in range(2)]

    assert returned == [second.number, first.number]
    with pytest.raises(ConflictError, match="no earlier version"):
        roll_back(session, _layer(first), None, actor=ME, now=NOW)


def test_a_version_can_be_named_to_return_to_and_a_past_day_stays_as_it_was(session: Session, city: City):
    first = _version(session, city, OLD, starts_on=LONG_AGO)
    second = _version(session, city, NEW, starts_on=date(2025, 1, 1))
    _version(session, city, OLD, starts_on=date(2026, 1, 1))

    roll_back(session, _layer(first), first.number, actor=ME, now=NOW)

    on = {day: take_snapshot(session, day).layers[0].version for day in (date(2025, 6, 1), TODAY)}
    assert on == {date(2025, 6, 1): second.number, TODAY: first.number}


def test_there_is_nothing_to_return_to_before_the_first_or_to_what_never_was_in_force(
    session: Session, city: City
):
    first = _version(session, city, OLD, starts_on=LONG_AGO)
    draft = _version(session, city, NEW)
    scheduled = _version(session, city, NEW, starts_on=DECEMBER)

    with pytest.raises(ConflictError, match="no earlier version"):
        roll_back(session, _layer(first), None, actor=ME, now=NOW)
    for version in (draft, scheduled):
        with pytest.raises(ConflictError, match="never in force"):
            roll_back(session, _layer(first), version.number, actor=ME, now=NOW)


def test_the_version_before_is_that_of_the_days_before_not_the_one_decided_before(
    session: Session, city: City
):
    first = _version(session, city, OLD, starts_on=LONG_AGO)
    _version(session, city, NEW, starts_on=DECEMBER + 14 * DAY)
    between = _version(session, city, OLD, starts_on=DECEMBER)

    later = NOW + (DECEMBER + 20 * DAY - TODAY)
    returned = [roll_back(session, _layer(first), None, actor=ME, now=later).number for _ in range(2)]

    assert returned == [between.number, first.number]


def test_a_day_that_a_version_was_planned_for_before_it_was_moved_is_none_to_return_to(
    session: Session, city: City
):
    first = _version(session, city, OLD, starts_on=LONG_AGO)
    moved = _version(session, city, NEW, starts_on=DECEMBER)
    bring_into_force(session, moved, starts_on=DECEMBER + 365 * DAY, actor=ME, now=NOW)
    session.expire_all()
    withdraw(session, first, on=DECEMBER + DAY, actor=ME)

    with pytest.raises(ConflictError, match="no earlier version"):
        roll_back(session, _layer(first), None, actor=ME, now=NOW + 60 * DAY)


def test_a_withdrawn_version_is_not_returned_to(session: Session, city: City):
    first = _version(session, city, OLD, starts_on=LONG_AGO)
    _version(session, city, NEW, starts_on=TODAY)
    withdraw(session, first, on=TODAY, actor=ME)

    with pytest.raises(ConflictError, match="no earlier version"):
        roll_back(session, _layer(first), None, actor=ME, now=NOW)


def test_a_day_to_come_is_of_the_scheduled_version_and_today_of_the_one_before(session: Session, city: City):
    first = _version(session, city, OLD, starts_on=LONG_AGO)
    second = _version(session, city, NEW, starts_on=date(2027, 1, 1))

    assert version_on(session, first.layer_id, TODAY) == first
    assert version_on(session, first.layer_id, date(2027, 1, 1)) == second
    assert state_on(second, TODAY) is VersionState.SCHEDULED
    with pytest.raises(ConflictError, match="is in force since 2020-01-01 already"):
        bring_into_force(session, first, starts_on=TODAY, actor=ME, now=NOW)


def _days(version: LayerVersion) -> list[tuple[int, date, date | None]]:
    """Which version is in force when, as its layer has it."""
    found = [
        (each.number, period.starts_on, period.ends_on)
        for each in version.layer.versions
        for period in each.periods
        if period.starts_on != period.ends_on
    ]
    return sorted(found, key=lambda period: period[1])


def _announced(session: Session, day: date) -> tuple[int | None, int | None]:
    """What the last notice of a day says: the version before and the one from then on."""
    statement = select(PublicationEvent).where(PublicationEvent.starts_on == day)
    event = session.scalars(statement.order_by(PublicationEvent.id.desc()).limit(1)).one()
    return event.old_version_id, event.new_version_id


def _notices_to_come(session: Session) -> list[tuple[date, int | None, int | None]]:
    statement = select(PublicationEvent).where(PublicationEvent.starts_on > TODAY)
    return [
        (event.starts_on, event.old_version_id, event.new_version_id)
        for event in session.scalars(statement.order_by(PublicationEvent.starts_on, PublicationEvent.id))
    ]


def test_the_blueprint_of_today_changes_under_a_version_that_is_scheduled_and_that_stays(
    session: Session, city: City
):
    first = _version(session, city, OLD, starts_on=LONG_AGO)
    second = _version(session, city, NEW, starts_on=TODAY)
    third = _version(session, city, OLD, starts_on=DECEMBER)
    hotfix = _version(session, city, NEW)

    assert roll_back(session, _layer(first), None, actor=ME, now=NOW) == first
    session.expire_all()
    assert _days(first) == [(1, LONG_AGO, TODAY), (1, TODAY, DECEMBER), (3, DECEMBER, None)]
    assert _announced(session, DECEMBER) == (first.id, third.id)

    bring_into_force(session, hotfix, starts_on=TODAY + DAY, actor=ME, now=NOW)
    session.expire_all()
    assert _days(first)[1:] == [(1, TODAY, TODAY + DAY), (4, TODAY + DAY, DECEMBER), (3, DECEMBER, None)]
    assert _announced(session, DECEMBER) == (hotfix.id, third.id)
    assert state_on(second, TODAY) is VersionState.SUPERSEDED


def test_a_scheduled_version_that_is_withdrawn_gives_its_days_to_the_one_before_it_and_no_more(
    session: Session, city: City
):
    first = _version(session, city, OLD, starts_on=LONG_AGO)
    second = _version(session, city, NEW, starts_on=DECEMBER)
    third = _version(session, city, OLD, starts_on=DECEMBER + 14 * DAY)

    withdraw(session, second, on=TODAY, actor=ME)

    session.expire_all()
    assert _days(first) == [(1, LONG_AGO, DECEMBER + 14 * DAY), (3, DECEMBER + 14 * DAY, None)]
    assert _notices_to_come(session) == [(DECEMBER + 14 * DAY, first.id, third.id)]


def test_of_versions_planned_for_one_day_the_last_is_told_to_follow_what_is_in_force_until_then(
    session: Session, city: City
):
    """The one that never was in force stands in no notice: a site that it alone meets has nothing to look at."""
    first = _version(session, city, OLD, starts_on=LONG_AGO)
    second = _version(session, city, NEW, starts_on=DECEMBER)
    third = _version(session, city, OLD, starts_on=DECEMBER)

    session.expire_all()
    assert _days(first) == [(1, LONG_AGO, DECEMBER), (3, DECEMBER, None)]
    assert _notices_to_come(session) == [(DECEMBER, first.id, third.id)]

    bring_into_force(session, third, starts_on=DECEMBER + 3 * DAY, actor=ME, now=NOW)
    assert _notices_to_come(session) == [(DECEMBER + 3 * DAY, first.id, third.id)]

    bring_into_force(session, second, starts_on=DECEMBER + 2 * DAY, actor=ME, now=NOW)
    assert _notices_to_come(session) == [
        (DECEMBER + 2 * DAY, first.id, second.id),
        (DECEMBER + 3 * DAY, second.id, third.id),
    ]


def test_a_withdrawal_that_leaves_days_empty_is_told_to_who_looks_at_the_version_that_follows(
    session: Session, city: City
):
    first = _version(session, city, OLD, starts_on=LONG_AGO)
    second = _version(session, city, NEW, starts_on=DECEMBER)

    withdraw(session, first, on=TODAY, actor=ME)

    session.expire_all()
    assert _days(first) == [(1, LONG_AGO, TODAY), (2, DECEMBER, None)]
    assert _announced(session, TODAY) == (first.id, None)
    assert _announced(session, DECEMBER) == (None, second.id)


@pytest.mark.parametrize("moved_to", [date(2026, 11, 25), date(2027, 3, 1)])
def test_a_scheduled_version_can_be_scheduled_anew(session: Session, city: City, moved_to: date):
    first = _version(session, city, OLD, starts_on=LONG_AGO)
    second = _version(session, city, NEW, starts_on=DECEMBER)

    bring_into_force(session, second, starts_on=moved_to, actor=ME, now=NOW)

    session.expire_all()
    assert _days(first) == [(1, LONG_AGO, moved_to), (2, moved_to, None)]
    assert _announced(session, moved_to) == (first.id, second.id)


def test_what_was_in_force_on_a_past_day_stays_but_what_was_decided_today_can_be_put_right(
    session: Session, city: City
):
    first = _version(session, city, OLD, starts_on=LONG_AGO)
    second, third = _version(session, city, NEW), _version(session, city, OLD)

    with pytest.raises(ConflictError, match="version 1 was in force on 2026-11-16"):
        bring_into_force(session, second, starts_on=TODAY - 7 * DAY, actor=ME, now=NOW)
    bring_into_force(session, second, starts_on=TODAY, actor=ME, now=NOW)
    bring_into_force(session, third, starts_on=TODAY, actor=ME, now=NOW + DAY / 3)

    session.expire_all()
    assert _days(first) == [(1, LONG_AGO, TODAY), (3, TODAY, None)]


def test_every_change_of_what_is_in_force_leaves_an_event(session: Session, city: City):
    first = _version(session, city, OLD, starts_on=LONG_AGO)
    second = _version(session, city, NEW, starts_on=TODAY)
    roll_back(session, _layer(first), None, actor=ME, now=NOW)
    withdraw(session, first, on=TODAY, actor=ME)

    events = session.scalars(select(PublicationEvent).order_by(PublicationEvent.id)).all()

    assert [(e.act, e.old_version_id, e.new_version_id, e.starts_on) for e in events] == [
        ("in_force", None, first.id, LONG_AGO),
        ("in_force", first.id, second.id, TODAY),
        ("rolled_back", second.id, first.id, TODAY),
        ("withdrawn", first.id, None, TODAY),
    ]


def test_a_shape_that_another_programme_wrote_is_not_another_shape(session: Session, city: City) -> None:
    """Its rings begin elsewhere and run the other way round, and one part is written as several."""
    hole = square(10, 10, 20)
    shape = shapely.Polygon(square(0, 0, 100).exterior, [hole.exterior])
    rings = [list(ring.coords) for ring in (shape.exterior, shape.interiors[0])]
    turned = [[*ring[2:-1], *ring[:3]][::-1] for ring in rings]
    old = _version(session, city, {"one": (shape, "甲")})
    new = _version(
        session, city, {"one": (shapely.MultiPolygon([shapely.Polygon(turned[0], turned[1:])]), "甲")}
    )

    found = compare(session, old, new, city=city)

    assert (found.changed_shape, found.unchanged) == (0, 1)
