"""Trims, shifts, refits and places found in worlds of any features: what is given is checked once more, and no less than was to be kept is lost."""

from dataclasses import dataclass, replace

import numpy as np
import pytest
import shapely
from sqlalchemy.orm import Session

from blueprint.city import AreaMeasure, City
from blueprint.errors import InvalidInputError
from blueprint.footprint import Footprint
from blueprint.permissions import at_console
from coordination.checks import run_check
from coordination.found_sites import soft_share
from coordination.refit import find_refit
from coordination.site_finder import find_sites
from coordination.siting import find_shift
from coordination.trim import SCRAP_M2, TrimLevel, find_trim, is_hard
from tests.coordination.world import TODAY
from tests.made import at_origin, publish

OPERATOR = at_console("test")


def some_polygon(rng: np.random.Generator, low: float, high: float) -> shapely.Polygon:
    """Some polygon of up to seven corners; it may have any form."""
    while True:
        corners = rng.uniform(low, high, (int(rng.integers(3, 8)), 2)).round(3)
        shape = shapely.Polygon(corners)
        if shape.is_valid and shape.area > 1:
            return shape


def _publish_world(session: Session, city: City, rng: np.random.Generator, high: float) -> set[str]:
    """Up to four layers of up to five features each; gives those of lines and points that take no area."""
    thin = set()
    for number in range(int(rng.integers(1, 5))):
        kind, code = rng.integers(0, 4), f"L{number}"
        if kind < 2:
            shapes = [some_polygon(rng, -100, high) for _ in range(int(rng.integers(1, 6)))]
        elif kind == 2:
            shapes = list(shapely.linestrings(rng.uniform(-100, high, (2, 3, 2)).round(3)))
        else:
            shapes = list(shapely.points(rng.uniform(-100, high, (3, 2)).round(3)))
        buffer_m = float(rng.integers(1, 30)) if rng.random() < 0.4 else 0.0
        if kind >= 2 and not buffer_m:
            thin.add(code)
        outside = {"conflict_when": "outside"} if kind < 2 and not buffer_m and rng.random() < 0.2 else {}
        publish(
            session, city, code, shapes, control=str(rng.choice(["prohibit", "restrict", "advise"])),
            tolerance_m2=float(rng.choice([0, 1, 50])), sliver_width_m=float(rng.choice([0, 0.1, 2])), buffer_m=buffer_m, **outside,
        )  # fmt: skip
    return thin


@dataclass(frozen=True)
class _World:
    session: Session
    city: City
    level: TrimLevel
    thin: set[str]

    def hard_in(self, site: Footprint) -> set[str]:
        """The layers whose findings stand against a site by the check itself."""
        report = run_check(self.session, site, city=self.city, actor=OPERATOR, on=TODAY)
        return {finding.layer for finding in report.findings if is_hard(finding, self.level)}


def _world(session: Session, city: City, rng: np.random.Generator, high: float) -> _World:
    measure = AreaMeasure.PLANE if rng.random() < 0.5 else AreaMeasure.ELLIPSOID
    made = replace(city, area_measure=measure, rules_path=None, boundary_path=None)
    level = TrimLevel.RESTRICT if rng.random() < 0.5 else TrimLevel.PROHIBIT
    return _World(session, made, level, _publish_world(session, made, rng, high))


@pytest.mark.parametrize("seed", range(6))
def test_what_is_given_instead_of_a_site_is_what_its_check_says(session: Session, city: City, seed: int):
    rng = np.random.default_rng(seed)
    world = _world(session, city, rng, 200)
    shape = shapely.normalize(at_origin(shapely.MultiPolygon([some_polygon(rng, 0, 100)])))
    site = Footprint(shape, city.working_crs, "none")
    asked = {"city": world.city, "actor": OPERATOR, "on": TODAY, "level": world.level}
    before = run_check(session, site, city=world.city, actor=OPERATOR, on=TODAY, with_shapes=True)
    hard = [finding for finding in before.findings if is_hard(finding, world.level)]
    taken = shapely.union_all([finding.shape for finding in hard if finding.overlap_m2 > 0])

    trim = find_trim(session, site, **asked)
    shift = find_shift(session, site, within_m=150, **asked)

    if trim.kept is not None:
        assert world.hard_in(replace(site, geometry=trim.kept)) == set(trim.not_cleared) <= world.thin
        lost = shapely.difference(shapely.difference(shape, trim.kept), taken)
        assert all(part.area < SCRAP_M2 + 1e-3 for part in shapely.get_parts(lost))
        assert trim.kept_m2 + trim.lost_m2 == pytest.approx(before.footprint.area_m2, abs=1e-3)
    assert shift.is_free is not bool(world.hard_in(replace(site, geometry=shift.moved)))
    try:
        refit = find_refit(session, site, within_m=100, **asked)
    except InvalidInputError:
        assert hard
        return
    assert not world.hard_in(replace(site, geometry=refit.outline))
    assert not refit.is_same_area or refit.area_m2 == pytest.approx(before.footprint.area_m2, abs=1.5)
    assert hard or shapely.equals(refit.outline, shape)


@pytest.mark.parametrize("seed", range(3))
def test_places_found_are_free_of_the_size_apart_and_the_best_first(session: Session, city: City, seed: int):
    rng = np.random.default_rng(seed)
    world = _world(session, city, rng, 600)
    ground = shapely.box(0, 0, 500, 500) - shapely.box(200, 200, 300, 280)
    area = Footprint(at_origin(shapely.MultiPolygon([ground])), city.working_crs, "none")

    found = find_sites(
        session, area, area_m2=2_000, city=world.city, actor=OPERATOR, on=TODAY, level=world.level, at_most=6
    ).sites

    for number, place in enumerate(found):
        assert not world.hard_in(replace(area, geometry=place.site))
        assert 2_000 <= place.report.footprint.area_m2 < 2_020
        assert shapely.buffer(area.geometry, 1e-3).covers(place.site)
        assert all(shapely.intersection(place.site, other.site).area < 0.1 for other in found[:number])
    standings = [(round(soft_share(place.report), 4), -round(place.compactness, 4)) for place in found]
    assert standings == sorted(standings)
