"""The nearest place that fits and the site finder, on whole metres: where, how far, and that nothing hard is met there."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import shapely
from sqlalchemy import select
from sqlalchemy.orm import Session

from blueprint.audit.models import AuditEntry
from blueprint.city import AreaMeasure, City
from blueprint.errors import InvalidInputError, NotPermittedError
from blueprint.footprint import Footprint
from blueprint.permissions import ANONYMOUS, at_console
from coordination.found_sites import Search
from coordination.free_places import places_in
from coordination.given_ground import evenly, regrown
from coordination.refit import Refit, find_refit
from coordination.site_finder import find_sites
from coordination.siting import Shift, find_shift
from coordination.trim import TrimLevel
from tests.coordination.world import TODAY
from tests.made import at_origin, publish, square

OPERATOR = at_console("test")


@pytest.fixture
def plane(city: City) -> City:
    """The city with areas in the plane and no rule set."""
    return replace(city, area_measure=AreaMeasure.PLANE, rules_path=None)


def _site(city: City, shape: shapely.Polygon) -> Footprint:
    site = shapely.normalize(at_origin(shapely.MultiPolygon([shape])))
    return Footprint(site, city.working_crs, "none")


def _shift(session: Session, city: City, within_m: float, **more: Any) -> Shift:
    options = {"level": TrimLevel.PROHIBIT} | more
    site = _site(city, square(0, 0, 100))
    return find_shift(session, site, city=city, actor=OPERATOR, on=TODAY, within_m=within_m, **options)


def test_a_site_moves_just_off_what_it_meets_and_no_further(session: Session, plane: City):
    """Farmland takes the eastern 30 m: 30 m to the west it is free, and nowhere nearer."""
    publish(session, plane, "FARM", [shapely.box(70, -500, 500, 600)], control="prohibit")

    found = _shift(session, plane, 200)

    assert found.is_free
    assert found.distance_m == pytest.approx(30, abs=0.2)
    assert (found.east_m, found.north_m) == (pytest.approx(-30, abs=0.2), pytest.approx(0, abs=0.2))
    assert (found.hard_before_m2, found.hard_after_m2) == (pytest.approx(3000), 0)
    assert found.area_m2 == pytest.approx(10_000)


def test_a_pocket_that_no_ring_of_trials_comes_upon_is_found(session: Session, plane: City):
    """All is farmland but a field with half a metre around the site, 137 m east and 61 m north of it."""
    around = shapely.box(-800, -800, 900, 900) - shapely.box(136.5, 60.5, 237.5, 161.5)
    publish(session, plane, "FARM", [around], control="prohibit")

    found = _shift(session, plane, 300)

    assert (found.is_free, found.is_exact, found.hard_after_m2) == (True, True, 0)
    assert found.distance_m == pytest.approx((136.5**2 + 60.5**2) ** 0.5, abs=0.01)


def _with_wood_rule(city: City, folder: Path) -> City:
    """The city with a rule: of a wood less than a tenth of the site may be taken."""
    rule = {
        "id": "R-WOOD", "layer": "WOOD", "title": "林地", "title_en": "wood", "finding": "占用", "finding_en": "taken",
        "remedy": "避让", "remedy_en": "keep off", "basis": ["《森林法》"], "last_checked_on": "2026-11-01",
        "threshold": {"share": 0.1}, "below": "advise",
    }  # fmt: skip
    path = folder / "rules.yaml"
    path.write_text(json.dumps({"code": "test", "version": 1, "rules": [rule]}), encoding="utf-8")
    return replace(city, rules_path=path)


def test_a_threshold_by_share_is_the_sites_and_not_that_of_the_ground_searched(
    session: Session, plane: City, tmp_path: Path
):
    """A wood of a hectare is a fiftieth of the ground that is searched, and all of the site."""
    publish(session, plane, "WOOD", [square(0, 0, 100)], control="prohibit")

    found = _shift(session, _with_wood_rule(plane, tmp_path), 300)

    assert (found.is_free, found.hard_after_m2) == (True, 0)
    assert found.distance_m == pytest.approx(100, abs=0.2)


@pytest.mark.parametrize(
    ("shape", "control", "rules", "distance_m"),
    [
        (square(-50, -50, 200), "inform", {"within": "prohibit"}, 150),
        (shapely.LineString([(60, -300), (60, 400)]), "inform", {"crosses": "prohibit"}, 40),
        (shapely.LineString([(60, -300), (60, 400)]), "prohibit", {"contains": "inform"}, 40),
    ],
)
def test_a_rule_for_one_relation_is_kept_off_though_the_ground_stands_otherwise_to_the_feature(
    session: Session, plane: City, tmp_path: Path, shape: Any, control: str, rules: Any, distance_m: float
):
    """The ground that is searched holds the area and the line whole: no site within it, or crossed by it, is met there."""
    publish(session, plane, "KEPT", [shape], control=control)
    said = {
        "layer": "KEPT", "title": "规则", "title_en": "rule", "finding": "占用", "finding_en": "taken",
        "remedy": "避让", "remedy_en": "keep off", "basis": ["《示例》"], "last_checked_on": "2026-11-01",
    }  # fmt: skip
    every = [said | {"id": f"R-{name}", "relation": name, "control": rule} for name, rule in rules.items()]
    path = tmp_path / "rules.yaml"
    path.write_text(json.dumps({"code": "test", "version": 1, "rules": every}), encoding="utf-8")

    found = _shift(session, replace(plane, rules_path=path), 500)

    assert (str(found.verdict_before), found.is_free) == ("prohibit", True)
    assert found.distance_m == pytest.approx(distance_m, abs=0.2)


def test_a_place_that_the_check_finds_free_is_free_though_the_ground_is_kept_off(
    session: Session, plane: City, tmp_path: Path
):
    """Within the plan nothing may be built; beside the farmland a site has room only partly within it, which is allowed."""
    publish(session, plane, "FARM", [shapely.box(-900, -900, 25.5, 900)], control="prohibit")
    publish(session, plane, "PLAN", [shapely.box(60, -60, 900, 900)], control="inform")
    rule = {
        "id": "R", "layer": "PLAN", "title": "规则", "title_en": "rule", "finding": "占用", "finding_en": "taken",
        "remedy": "避让", "remedy_en": "keep off", "basis": ["《示例》"], "last_checked_on": "2026-11-01",
        "relation": "within", "control": "prohibit",
    }  # fmt: skip
    path = tmp_path / "rules.yaml"
    path.write_text(json.dumps({"code": "test", "version": 1, "rules": [rule]}), encoding="utf-8")

    found = _shift(session, replace(plane, rules_path=path, boundary_path=None), 100)

    assert (str(found.verdict_before), str(found.verdict_after)) == ("prohibit", "inform")
    assert found.is_free


def test_a_site_that_meets_nothing_stays(session: Session, plane: City):
    publish(session, plane, "FARM", [shapely.box(100, 0, 200, 100)], control="prohibit")

    found = _shift(session, plane, 200)

    assert (found.is_free, found.distance_m) == (True, 0)


def test_what_restricts_is_kept_off_where_asked_and_lines_are(session: Session, plane: City):
    publish(session, plane, "RIVER", [shapely.box(90, -500, 500, 600)], control="restrict")
    publish(session, plane, "WALL", [shapely.LineString([(5, -500), (5, 600)])], control="prohibit")

    mild = _shift(session, plane, 300)
    strict = _shift(session, plane, 300, level=TrimLevel.RESTRICT)

    assert mild.distance_m == pytest.approx(5, abs=0.2)  # to the east, into the river
    assert (mild.hard_after_m2, str(mild.verdict_after)) == (0, "restrict")
    assert strict.distance_m == pytest.approx(95, abs=0.3)  # to the west of the wall
    assert str(strict.verdict_after) == "clear"


def test_where_no_place_is_free_the_one_that_meets_least_is_given(session: Session, plane: City):
    publish(session, plane, "FARM", [shapely.box(-1000, -1000, 150, 3000)], control="prohibit")

    found = _shift(session, plane, 100)

    assert not found.is_free
    assert found.east_m == pytest.approx(100)
    assert found.hard_after_m2 == pytest.approx(5000)


def _refit(session: Session, city: City, within_m: float, **more: Any) -> Refit:
    options = {"level": TrimLevel.PROHIBIT} | more
    site = _site(city, square(0, 0, 100))
    return find_refit(session, site, city=city, actor=OPERATOR, on=TODAY, within_m=within_m, **options)


def test_what_is_cut_off_is_given_back_on_the_free_sides_alone(session: Session, plane: City):
    """Farmland takes the eastern 30 m; to the south is a lake of a metre's distance, and to the west a slope that is only advised against.

    10,000 m² again: 70 × 100 m stay, and 30 m of ground are given in the north, the one side where nothing weighs.
    """
    publish(session, plane, "FARM", [shapely.box(70, -500, 500, 600)], control="prohibit")
    publish(session, plane, "LAKE", [shapely.box(-500, -500, 70, 0)], control="prohibit")
    publish(session, plane, "SLOPE", [shapely.box(-500, 0, 0, 600)], control="advise")

    found = _refit(session, plane, 200)

    assert (found.is_free, found.is_same_area, str(found.verdict_after)) == (True, True, "clear")
    assert found.area_m2 == pytest.approx(10_000, abs=1)
    assert (found.kept_m2, found.given_m2) == (pytest.approx(7000, abs=1), pytest.approx(3000, abs=1))
    assert found.rim_m == pytest.approx(3000 / 70, abs=0.05)
    assert (
        shapely.symmetric_difference(found.outline, at_origin(shapely.box(0, 0, 70, 100 + 3000 / 70))).area
        < 5
    )
    assert (found.hard_before_m2, found.hard_after_m2) == (pytest.approx(3000), 0)


def test_ground_behind_a_wall_is_given_only_as_far_as_the_area_asks(session: Session, plane: City):
    """A lane of 10 m leads around the end of a wall to a field behind it, of which a rim has reached 4,000 m² before it comes round."""
    ways = [shapely.box(60, 100, 70, 160), shapely.box(60, 150, 100, 160), shapely.box(100, -300, 200, 160)]
    free = shapely.union_all([shapely.box(0, 0, 70, 100), *ways])
    publish(session, plane, "FARM", [shapely.box(-600, -600, 700, 700) - free], control="prohibit")

    found = _refit(session, plane, 200)

    assert (found.is_free, found.is_same_area) == (True, True)
    assert found.area_m2 == pytest.approx(10_000, abs=1)


def test_a_site_of_many_kilometres_has_its_area_to_a_square_metre():
    """A rim of a millimetre around it has seventy square metres."""
    site = shapely.MultiPolygon([square(0, 0, 18_000)])
    free = shapely.difference(shapely.box(-500, -500, 18_500, 18_500), square(4_000, 4_000, 100))

    made = evenly(shapely.MultiPolygon([shapely.intersection(site, free)]), free, site.area, 500)

    assert made.outline.area == pytest.approx(site.area, abs=1)


def test_ground_that_only_advises_is_given_where_no_other_is_enough_and_what_is_short_is_said(
    session: Session, plane: City
):
    publish(
        session,
        plane,
        "FARM",
        [shapely.box(70, -500, 500, 600), shapely.box(-500, 100, 70, 600)],
        control="prohibit",
    )
    publish(session, plane, "LAKE", [shapely.box(-500, -500, 70, 0)], control="prohibit")
    publish(session, plane, "SLOPE", [shapely.box(-500, 0, 0, 100)], control="advise")

    enough, short = _refit(session, plane, 200), _refit(session, plane, 20)

    assert (enough.is_same_area, enough.is_free, str(enough.verdict_after)) == (True, True, "advise")
    assert enough.area_m2 == pytest.approx(10_000, abs=1)
    assert (short.is_same_area, short.rim_m) == (False, 20)
    assert short.area_m2 == pytest.approx(9_000, abs=1)


def test_a_site_that_meets_nothing_hard_is_left_as_it_is(session: Session, plane: City, tmp_path: Path):
    """Of a wood less than a tenth of the site may be taken: the 500 m² are no conflict, and need no other ground."""
    publish(session, plane, "WOOD", [shapely.box(95, -500, 500, 600)], control="prohibit")

    found = _refit(session, _with_wood_rule(plane, tmp_path), 200)

    assert (found.given_m2, found.rim_m, found.is_free, found.is_same_area) == (
        pytest.approx(0, abs=1e-6),
        0,
        True,
        True,
    )
    assert shapely.equals(found.outline, at_origin(square(0, 0, 100)))


def test_less_than_a_square_metre_is_not_given_back():
    """The measure of what is short is an area: 0.5 m² of 10,000 moves no boundary, 2 m² do."""
    free = square(-100, -100, 300)

    for lost_m, moves in ((0.005, False), (0.02, True)):
        kept = shapely.MultiPolygon([shapely.box(0, 0, 100 - lost_m, 100)])
        grown = evenly(kept, free, 10_000, 50)
        assert (grown.reach_m > 0, grown.outline.area > kept.area) == (moves, moves)


@pytest.mark.parametrize("turned", [0, 30])
def test_of_the_ways_to_give_ground_the_one_that_is_most_of_a_rectangle_is_taken(turned: int):
    """A corner of 20 × 50 m is cut off: a rim all around would be 2.5 m; one side moved out by 10 m or 20 m keeps straight lines.

    West of the site all is free, on the other sides 5 m: moved west, what is left of 9,000 m² is a rectangle with its corner gone.
    """

    def at(shape: shapely.Geometry) -> shapely.MultiPolygon:
        return shapely.MultiPolygon([shapely.affinity.rotate(shape, -turned, origin=(0, 0))])

    kept = shapely.box(0, 0, 100, 100) - shapely.box(80, 50, 100, 100)
    free = shapely.box(-400, -5, 105, 105) - shapely.box(80, 50, 105, 105)

    found = regrown(at(shapely.box(0, 0, 100, 100)), at(kept), at(free), 300)

    assert found.toward_deg == pytest.approx(270 + turned, abs=1e-6)
    assert found.reach_m == pytest.approx(10, abs=0.002)
    expected = at(kept | shapely.box(-10, 0, 0, 100))
    assert shapely.symmetric_difference(found.outline, expected).area < 1


def test_ground_beyond_a_river_is_not_given_and_a_site_without_free_ground_is_refused(
    session: Session, plane: City
):
    publish(session, plane, "FARM", [shapely.box(70, -500, 500, 600)], control="prohibit")
    river = shapely.difference(square(-20, -20, 140), square(-10, -10, 120))
    publish(session, plane, "RIVER", [river], control="prohibit")

    found = _refit(session, plane, 400)

    assert not found.is_same_area
    assert at_origin(shapely.box(-10, -10, 70, 110)).buffer(0.01).covers(found.outline)
    assert found.area_m2 == pytest.approx(80 * 120, abs=1)
    publish(session, plane, "ALL", [square(-10, -10, 200)], control="prohibit")
    with pytest.raises(InvalidInputError, match="shift it instead"):
        _refit(session, plane, 400)


def test_the_finder_names_places_of_the_size_that_meet_nothing_hard_the_milder_first(
    session: Session, plane: City
):
    """Of a square kilometre two fields are free: one of 300 × 300 m, one of 250 × 250 m on which something advises."""
    ground = square(0, 0, 1000)
    fields = shapely.union_all([square(100, 100, 300), square(600, 600, 250)])
    taken = shapely.difference(ground, fields)
    publish(session, plane, "FARM", [taken], control="prohibit")
    publish(session, plane, "NOISE", [square(600, 600, 250)], control="advise")

    found = find_sites(
        session, _site(plane, ground), area_m2=30_000, city=plane, actor=OPERATOR, on=TODAY, level=TrimLevel.RESTRICT
    )  # fmt: skip

    assert found.free_m2 == pytest.approx(300**2 + 250**2, abs=1)
    verdicts = [str(place.report.verdict) for place in found.sites]
    assert verdicts[0] == "clear" and "advise" in verdicts
    assert verdicts == sorted(verdicts, key=["clear", "advise"].index)
    for place in found.sites:
        assert place.site.area == pytest.approx(30_000, abs=10)
        assert place.report.ledger.prohibited_m2 == 0
        assert at_origin(fields).buffer(0.01).covers(place.site)
    first = found.sites[0]
    assert first.compactness == pytest.approx(1, abs=0.02)  # a disc has room in 300 × 300 m
    shapes = [place.site for place in found.sites]
    overlaps = [a.intersection(b).area for i, a in enumerate(shapes) for b in shapes[:i]]
    assert max(overlaps, default=0) < 0.01


def test_no_place_is_smaller_than_was_asked_by_the_citys_measure(session: Session, city: City):
    """60 km east of the central meridian 300 ha of the plane are 299.97 on the ellipsoid."""
    publish(session, city, "FARM", [square(60_000, 0, 100)], control="prohibit")
    city = replace(city, rules_path=None, boundary_path=None)

    found = find_sites(
        session, _site(city, square(60_000, 0, 2_000)), area_m2=3e6, city=city, actor=OPERATOR, on=TODAY, level=TrimLevel.PROHIBIT
    )  # fmt: skip

    areas = [place.report.footprint.area_m2 for place in found.sites]
    assert len(areas) == 1 and 3e6 <= areas[0] <= 3e6 * 1.0001


def test_a_strip_is_no_site_however_long(session: Session, plane: City):
    ground = square(0, 0, 1000)
    publish(session, plane, "FARM", [shapely.box(0, 40, 1000, 1000)], control="prohibit")

    found = find_sites(
        session, _site(plane, ground), area_m2=30_000, city=plane, actor=OPERATOR, on=TODAY, level=TrimLevel.RESTRICT
    )  # fmt: skip

    assert (found.sites, found.free_m2) == ((), pytest.approx(40_000, abs=1))


def test_ground_across_tiles_is_one_ground(session: Session, plane: City):
    """Free ground of 400 × 300 m over the border of two tiles of 2 km, wherever the tiles begin."""
    ground = shapely.box(0, 0, 2500, 600)
    free = shapely.box(1800, 100, 2200, 400)
    publish(session, plane, "FARM", [shapely.difference(ground, free)], control="prohibit")

    found = find_sites(
        session, _site(plane, ground), area_m2=65_000, city=plane, actor=OPERATOR, on=TODAY, level=TrimLevel.RESTRICT
    )  # fmt: skip

    assert found.tiles == 2
    assert found.sites[0].site.area == pytest.approx(65_000, abs=10)
    assert found.sites[0].compactness > 0.8


def test_windows_of_a_block_without_room_are_passed_over_and_nothing_else_is_found(
    session: Session, plane: City, monkeypatch: pytest.MonkeyPatch
):
    """16 × 8 km are two blocks of 16 windows: a field of 250 m in one of them leaves its window to look at, and those it reaches into."""
    ground, field = shapely.box(0, 0, 16_000, 8_000), square(2_900, 2_900, 250)
    publish(session, plane, "FARM", [shapely.difference(ground, field)], control="prohibit")

    def searched() -> tuple[Search, list[int]]:
        heard: list[int] = []
        found = find_sites(
            session, _site(plane, ground), area_m2=30_000, city=plane, actor=OPERATOR, on=TODAY,
            level=TrimLevel.RESTRICT, tell=lambda _phase, done: heard.append(done),
        )  # fmt: skip
        return found, heard

    by_block, heard = searched()
    monkeypatch.setattr("coordination.site_finder.BLOCK_WINDOWS", 1)
    by_window, all_heard = searched()

    assert (len(heard), len(all_heard)) == (2 + 1 + 1, 32 + 1 + 1), "blocks, windows, ranking"
    assert len(by_block.sites) == 1
    assert by_block.sites[0].site.equals(by_window.sites[0].site)
    assert by_block.free_m2 == pytest.approx(by_window.free_m2, abs=1) == pytest.approx(250**2, abs=1)


def test_a_search_that_ends_by_its_tries_says_that_ground_was_left():
    """Strips of 10 m by 400 m are large enough and no site; three are tried for one place, the fourth is left."""
    strips = [shapely.box(0, y, 400, y + 10) for y in (0, 20, 40, 60)]

    tried = [
        places_in(shapely.MultiPolygon(ground), 4000, at_most=1)
        for ground in (strips[:3], strips, [*strips, square(0, 100, 70)])
    ]

    assert [(len(places.found), places.has_more) for places in tried] == [(0, False), (0, True), (1, True)]


def test_the_best_place_is_found_behind_many_that_came_first(session: Session, plane: City):
    """Three windows of 2 km: the first two are all free, and something advises there; in the last a field of 250 m is free of all."""
    ground = shapely.box(0, 0, 6000, 2000)
    field = square(5400, 800, 250)
    publish(
        session,
        plane,
        "FARM",
        [shapely.difference(shapely.box(4000, 0, 6000, 2000), field)],
        control="prohibit",
    )
    noise = [shapely.box(0, 0, 4000, 2000)]
    publish(session, plane, "NOISE", noise, control="advise", sensitivity="internal")
    heard: list[tuple[str, int]] = []

    found = find_sites(
        session, _site(plane, ground), area_m2=30_000, city=plane, actor=OPERATOR, on=TODAY,
        level=TrimLevel.RESTRICT, at_most=2, tell=lambda phase, done: heard.append((phase, done)),
    )  # fmt: skip

    assert at_origin(field).buffer(0.01).covers(found.sites[0].site)
    assert [str(place.report.verdict) for place in found.sites] == ["clear", "advise"]
    assert found.candidates > 20, "all windows together, not the first places that came"
    assert [phase for phase, _ in heard] == ["blocks of 1", *["search of 3"] * 3, "rank"]
    assert [done for _, done in heard] == [0, 0, 1, 2, found.candidates]
    assert found.free_m2 == pytest.approx(4000 * 2000 + 250**2, abs=1)
    session.commit()  # only then is it in the audit log
    read = session.scalars(select(AuditEntry).where(AuditEntry.act == "read_layer")).all()
    assert [entry.after["layers"] for entry in read if entry.kind == "site_search"] == [["NOISE"]]
    checked = [entry for entry in read if entry.kind == "check"]
    assert 2 <= len(checked) <= 4, "each place that was chosen; no window, no candidate"


def test_bounds_and_rights(session: Session, plane: City):
    publish(session, plane, "FARM", [square(0, 0, 10)])
    site = _site(plane, square(0, 0, 100))
    options: dict[str, Any] = {"city": plane, "on": TODAY, "level": TrimLevel.PROHIBIT}

    with pytest.raises(InvalidInputError, match="search distance"):
        find_shift(session, site, actor=OPERATOR, within_m=5000, **options)
    with pytest.raises(InvalidInputError, match="km²"):
        everywhere = replace(plane, boundary_path=None)
        find_sites(
            session,
            _site(plane, square(-90_000, -90_000, 250_000)),
            area_m2=1e4,
            actor=OPERATOR,
            **options | {"city": everywhere},
        )
    with pytest.raises(InvalidInputError, match="500 ha"):
        find_sites(session, site, area_m2=9e9, actor=OPERATOR, **options)
    acts: tuple[tuple[Any, dict[str, float]], ...] = (
        (find_shift, {"within_m": 10.0}),
        (find_refit, {"within_m": 10.0}),
        (find_sites, {"area_m2": 1e4}),
    )
    for act, more in acts:
        with pytest.raises(NotPermittedError):
            act(session, site, actor=ANONYMOUS, **options, **more)
