"""Where a file's data would lie: the CRS doctor's advice in a refusal, and the shifts of map services at an upload."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from functools import partial
from typing import Any

import numpy as np
import shapely
from sqlalchemy.orm import Session

from blueprint.city import City
from blueprint.crs import NoPathError, UnnamedDatumError, best_operation
from blueprint.errors import InvalidInputError
from blueprint.jurisdiction import jurisdiction
from blueprint.layers.crs_doctor import CGCS2000, Guess, suggest
from blueprint.layers.map_shift import BACK, MIN_POINTS, SHIFTED, ShiftFinding, compare_shifts
from blueprint.layers.models import Layer, LayerVersion
from blueprint.layers.neighbours import compare_neighbours, shares_on_version
from blueprint.permissions import Actor
from blueprint.sentences import Sentence

NEAR_BOUNDARY_M = 800.0
ON_BOUNDARY_M = 150.0
"""Boundaries of two sources differ by a hundred metres as a rule, the shifts are some 500 m."""

ON_REFERENCE_M = 5.0
REFERENCE_POINTS = 100


def guesses_of(points: list[list[float]], city: City) -> tuple[Guess, ...]:
    """The doctor's guesses for a sample of a file's numbers."""
    if not points:
        return ()
    return suggest(np.array(points, dtype=float), jurisdiction(city), working_crs=city.working_crs)


def advice(points: list[list[float]], city: City, *, option: str) -> Sentence:
    """What a person may do whose data say no CRS, or one in which they lie elsewhere; `option` is how to name one."""
    guesses = guesses_of(points, city)
    if not guesses:
        return Sentence(
            "its coordinates fit no system of CGCS2000 or WGS 84; ask its source which system they are in"
        )
    best = guesses[0]
    if not best.is_acceptable:
        return best.sentence()
    return Sentence(
        "{guess}; if that is right, name {crs} as the coordinate system ({option} {crs} at the console)",
        guess=best.sentence(),
        option=option,
        crs=best.crs,
    )


_THINGS = {"layer": Sentence("layer"), "footprint": Sentence("footprint"), "file": Sentence("file")}


def thing_of(kind: str) -> Sentence | str:
    """What was read, as a sentence names it; a layer of a file by its own name."""
    return _THINGS.get(kind, kind)


def refuse_misplaced(report: dict[str, Any], city: City, *, kind: str) -> None:
    """Refuse data without a CRS, and data that lie outside the city, with the doctor's advice."""
    option = "--accept-crs" if kind.startswith("layer") else "--crs"
    if not report["source_crs"]:
        raise InvalidInputError(
            "the file does not say its coordinate system; give the coordinate system (--crs at the console) like EPSG:n: {advice}",
            advice=advice(report["sample"], city, option=option),
        )
    placed = np.array(report["placed_sample"], dtype=float).reshape(-1, 2)
    west, south, east, north = jurisdiction(city).surroundings
    x, y = placed[:, 0], placed[:, 1]
    around = (x >= west) & (x <= east) & (y >= south) & (y <= north)
    if report["inside_count"] == 0 and len(placed) and not around.any():
        hint = advice(report["sample"], city, option=option)
        if report["source_crs"] in hint.english and _is_said_right(report["sample"], city):
            hint = Sentence("check that its coordinates really are {crs}", crs=report["source_crs"])
        raise InvalidInputError("the {kind} lies outside the city; {hint}", kind=thing_of(kind), hint=hint)


def _is_said_right(points: list[list[float]], city: City) -> bool:
    """Whether the best guess takes the numbers as they are: then the system that is said is in doubt, not their order."""
    guesses = guesses_of(points, city)
    return not guesses or guesses[0].is_acceptable


def name_of(version: LayerVersion) -> Sentence:
    """How a version that data are compared with is called."""
    return Sentence("layer {code} version {number}", code=version.layer.code, number=version.number)


@dataclass(frozen=True)
class PlaceCompared:
    """The shift of a map service that data carry, or on which references they lie as they are: on none, it cannot be ruled out."""

    shift: ShiftFinding | None
    lies_on: tuple[str, ...]


def compare_place(
    session: Session, placed: list[list[float]], city: City, versions: Sequence[LayerVersion]
) -> PlaceCompared:
    """Compare where data lie with reference versions and the boundaries of the profile.

    `placed` is a sample of vertices in the working CRS, metres.
    """
    lies_on: list[str] = []
    for name, points, share_on in _references(session, placed, city, versions):
        shares = compare_shifts(_degrees(points, city), partial(_share_of_degrees, city, share_on))
        if shares is None:
            continue
        shift = shares.shift(name)
        if shift is not None:
            return PlaceCompared(shift, ())
        if shares.lies_as_is:
            lies_on.append(name.english)
    return PlaceCompared(None, tuple(lies_on))


def compare_with_others(
    session: Session,
    layer: Layer,
    placed: list[list[float]],
    city: City,
    *,
    actor: Actor,
    day: date,
) -> PlaceCompared:
    """Compare where data lie with other layers in force that the actor may read, where no reference told.

    `placed` is a sample of vertices in the working CRS, metres.
    """
    points = np.array(placed, dtype=float).reshape(-1, 2)
    if not len(points):
        return PlaceCompared(None, ())
    degrees = _degrees(points, city)
    backs = {system: _metres(back(degrees), city) for system, back in BACK.items()}
    found = compare_neighbours(session, layer, points, backs, actor=actor, day=day)
    if isinstance(found, ShiftFinding):
        return PlaceCompared(found, ())
    return PlaceCompared(None, (found,) if found is not None else ())


def may_be_shifted(report: dict[str, Any], city: City) -> bool:
    """Say whether data are such as map services give away: in degrees or Web Mercator, in China, and not a few vertices."""
    sample = np.array(report["sample"], dtype=float).reshape(-1, 2)
    placed = np.array(report["placed_sample"], dtype=float).reshape(-1, 2)
    if len(placed) < MIN_POINTS:
        return False
    west, south, east, north = SHIFTED
    x, y = _degrees(placed.mean(axis=0, keepdims=True), city)[0]
    in_degrees = bool((np.abs(sample) <= (180.0, 90.0)).all())
    is_of_a_map = in_degrees or report["source_crs"] in ("EPSG:3857", "EPSG:900913")
    return is_of_a_map and west <= x <= east and south <= y <= north


_ShareOn = Callable[[np.ndarray], float]
"""Which share of points (metres) lies on a reference."""


def _references(
    session: Session, placed: list[list[float]], city: City, versions: Sequence[LayerVersion]
) -> Iterator[tuple[Sentence, np.ndarray, _ShareOn]]:
    """What data may lie on: its name, the points to compare, and how."""
    points = np.array(placed, dtype=float).reshape(-1, 2)
    if not len(points):
        return
    sample = points[:: max(1, -(-len(points) // REFERENCE_POINTS))]
    for version in versions:
        yield name_of(version), sample, partial(_share_on_version, session, version)
    lines = jurisdiction(city).lines
    if lines is not None:
        near = points[shapely.dwithin(lines, shapely.points(points), NEAR_BOUNDARY_M)]
        yield Sentence("the boundaries of the city"), near, partial(_share_on_lines, lines)


def _share_of_degrees(city: City, share_on: _ShareOn, lonlat: np.ndarray) -> float:
    return share_on(_metres(lonlat, city))


def _share_on_lines(lines: shapely.Geometry, metres: np.ndarray) -> float:
    return float(shapely.dwithin(lines, shapely.points(metres), ON_BOUNDARY_M).mean())


def _degrees(metres: np.ndarray, city: City) -> np.ndarray:
    placed = best_operation(city.working_crs, f"EPSG:{city.geographic_srid}").apply(
        np.asarray(shapely.points(metres))
    )
    return np.asarray(shapely.get_coordinates(placed))


def _metres(lonlat: np.ndarray, city: City) -> np.ndarray:
    placed = best_operation(f"EPSG:{city.geographic_srid}", city.working_crs).apply(
        np.asarray(shapely.points(lonlat))
    )
    return np.asarray(shapely.get_coordinates(placed))


def _share_on_version(session: Session, version: LayerVersion, metres: np.ndarray) -> float:
    return shares_on_version(session, version, [metres], within_m=ON_REFERENCE_M)[0]


def _refuse_another_datum(report: dict[str, Any], city: City) -> None:
    """Numbers of an old datum fit CGCS2000 as well, so that a fit proves nothing where the file says such a datum.

    A datum of no name with the ellipsoid of CGCS2000 says nothing against it: there a person may accept what fits.
    """
    if report["declared_text"] is None:
        return
    try:
        best_operation(report["declared_text"], city.working_crs)
    except UnnamedDatumError:
        return
    except NoPathError:
        raise InvalidInputError(
            "the file says {declared}, on another datum: its numbers fit CGCS2000 as well and lie up to 150 m off; have it"
            " transformed, or, where the file says it wrongly, give the right one as the coordinate system (--crs at the"
            " console)",
            declared=report["declared_crs"],
        ) from None
    except InvalidInputError:
        return


def decision_of(accepted: str, report: dict[str, Any], city: City) -> dict[str, Any]:
    """What is kept of a CRS that a person accepted: what the file said, what fits and why; one that does not fit is refused."""
    _refuse_another_datum(report, city)
    guesses = guesses_of(report["sample"], city)
    wanted = accepted.strip().upper()
    for guess in guesses:
        if wanted in (guess.crs, *guess.also) or (guess.crs == CGCS2000 and wanted == "EPSG:4326"):
            if not guess.is_acceptable:
                raise InvalidInputError(guess.sentence())
            return {
                "accepted": wanted,
                "declared": report["declared_crs"],
                "share_inside": round(guess.share_inside, 4),
                "confidence": str(guess.confidence),
                "why": [reason.english for reason in guess.why],
                "why_zh": [reason.chinese for reason in guess.why],
            }
    fitting = [guess.sentence() for guess in guesses] or Sentence("no known system puts them there")
    raise InvalidInputError(
        "the data do not fall into the city in {accepted}: {fitting}", accepted=accepted[:60], fitting=fitting
    )
