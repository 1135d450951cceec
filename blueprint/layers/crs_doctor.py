"""The CRS doctor: in which coordinate system a layer's numbers fall into the city, judged by a sample of its vertices.

It suggests and says why and how sure; nothing is applied until a person accepts it. All Gauss-Krüger zones of CGCS2000
are one formula with another central meridian, so that 86 systems, both orders of the axes and drawings in millimetres
are tried at the cost of a few projections.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import lru_cache

import numpy as np
import shapely
from pyproj import CRS, Transformer

from blueprint.jurisdiction import Jurisdiction
from blueprint.sentences import Sentence, spoken

CGCS2000 = "EPSG:4490"
_MILLION = 1_000_000
_MERIDIAN_0 = (
    "+proj=tmerc +lat_0=0 +lon_0=0 +k={k} +x_0=500000 +y_0=0 +a=6378137 +rf=298.257222101 +units=m +type=crs"
)
SAME_PLACE_M = 1.0
_UTM_RANK = 4
SURE_SHARE, LIKELY_SHARE = 0.95, 0.5


class Confidence(StrEnum):
    """How sure a guess is."""

    SURE = "sure"
    LIKELY = "likely"
    POSSIBLE = "possible"


@dataclass(frozen=True)
class Guess:
    """A coordinate system in which the data fall into the city.

    `share_inside` is the share of the sample within the city's outline; `swapped` says that the file has y before x,
    `scale` what its numbers must be multiplied with. `also` are systems that put the data at the same place.
    """

    crs: str
    name: Sentence
    share_inside: float
    confidence: Confidence
    why: tuple[Sentence, ...]
    swapped: bool = False
    scale: float = 1.0
    also: tuple[str, ...] = ()

    @property
    def is_acceptable(self) -> bool:
        """Say whether naming the CRS is all it takes; swapped or scaled numbers must be corrected in the file."""
        return not self.swapped and self.scale == 1.0

    def sentence(self) -> Sentence:
        """The guess as an advice."""
        also = Sentence(" (the same place as {others})", others=self.also) if self.also else ""
        if self.swapped:
            return Sentence(
                "x and y (latitude and longitude) seem to be swapped: exchanged they fit {crs}{also}; correct the file",
                crs=self.crs,
                also=also,
            )
        if self.scale != 1.0:
            return Sentence(
                "the numbers seem to be millimetres: as metres they fit {crs}{also}; export the file in metres",
                crs=self.crs,
                also=also,
            )
        return Sentence(
            "its coordinates fit {crs} {name}{also}; {confidence}: {why}",
            crs=self.crs,
            name=self.name,
            also=also,
            confidence=spoken(self.confidence),
            why=self.why,
        )


@dataclass(frozen=True)
class _Candidate:
    crs: str
    name: Sentence
    lonlat: np.ndarray
    swapped: bool
    scale: float
    rank: int
    why: tuple[Sentence, ...]


def suggest(points: np.ndarray, place: Jurisdiction, *, working_crs: str) -> tuple[Guess, ...]:
    """The systems in which a sample of vertices falls into the city, best first; those of one place are one guess.

    `points` are x, y as the file has them.
    """
    if not len(points):
        return ()
    found: list[tuple[_Candidate, np.ndarray, float, float]] = []
    to_working = _to_working(working_crs)
    for candidate in _candidates(points):
        metres = np.column_stack(to_working.transform(candidate.lonlat[:, 0], candidate.lonlat[:, 1]))
        inside, around = _shares(metres, place)
        if around >= LIKELY_SHARE:
            found.append((candidate, metres, inside, around))
    found.sort(key=lambda item: (-item[2], -item[3], item[0].swapped, item[0].scale != 1.0, item[0].rank))
    groups: list[tuple[Guess, np.ndarray]] = []
    for candidate, metres, inside, _ in found:
        twin = next((n for n, (_, other) in enumerate(groups) if _same_place(metres, other)), None)
        if twin is not None:
            if (candidate.swapped, candidate.scale) == (groups[twin][0].swapped, groups[twin][0].scale):
                guess = groups[twin][0]
                groups[twin] = (replace(guess, also=(*guess.also, candidate.crs)), groups[twin][1])
            continue
        groups.append((_guess(candidate, inside, place), metres))
    guesses = [guess for guess, _ in groups]
    rivals = [guess for guess in guesses if guess.share_inside >= LIKELY_SHARE and not _is_foreign(guess)]
    if len(rivals) > 1:
        guesses = [_doubted(guess) for guess in guesses]
    return tuple(sorted(guesses, key=_is_foreign)[:5])


def share_inside(points: np.ndarray, place: Jurisdiction) -> float:
    """The share of points (metres of the working CRS) that lie within the city's outline."""
    return _shares(points, place)[0]


@lru_cache(maxsize=8)
def _to_working(working_crs: str) -> Transformer:
    target = CRS.from_user_input(working_crs)
    geodetic = target.geodetic_crs
    assert geodetic is not None
    return Transformer.from_crs(geodetic, target, always_xy=True)


def _guess(candidate: _Candidate, inside: float, place: Jurisdiction) -> Guess:
    fall = (
        Sentence("{share:.0%} of the sampled vertices fall into the city's outline", share=inside)
        if place.outline is not None
        else Sentence(
            "{share:.0%} of the sampled vertices fall into the area of the working CRS", share=inside
        )
    )
    why = (*candidate.why, fall)
    sure = Confidence.SURE if inside >= SURE_SHARE else Confidence.LIKELY
    is_utm = candidate.rank == _UTM_RANK
    confidence = sure if inside >= LIKELY_SHARE and not is_utm else Confidence.POSSIBLE
    return Guess(candidate.crs, candidate.name, inside, confidence, why, candidate.swapped, candidate.scale)


def _is_foreign(guess: Guess) -> bool:
    """UTM puts data some two kilometres beside Gauss-Krüger, mostly still in the city; no plan of a city is drawn in it."""
    return guess.crs.startswith("EPSG:326")


def _doubted(guess: Guess) -> Guess:
    """A guess that is not the only one that fits."""
    why = (*guess.why, Sentence("but another system fits as well"))
    weaker = Confidence.POSSIBLE if guess.confidence is Confidence.POSSIBLE else Confidence.LIKELY
    return replace(guess, confidence=weaker, why=why)


def _same_place(one: np.ndarray, other: np.ndarray) -> bool:
    return one.shape == other.shape and float(np.abs(one - other).max()) < SAME_PLACE_M


def _shares(metres: np.ndarray, place: Jurisdiction) -> tuple[float, float]:
    """The shares of points within the outline, and within the city's surroundings."""
    finite = np.isfinite(metres).all(axis=1)
    west, south, east, north = place.surroundings
    x, y = metres[:, 0], metres[:, 1]
    with np.errstate(invalid="ignore"):
        around = finite & (x >= west) & (x <= east) & (y >= south) & (y <= north)
    inside = around
    if place.outline is not None:
        inside = np.zeros(len(metres), dtype=bool)
        inside[around] = shapely.intersects_xy(place.outline, metres[around])
    return float(inside.mean()), float(around.mean())


def _candidates(points: np.ndarray) -> Iterator[_Candidate]:
    """Every system that numbers of this size could be in, with the degrees that they would then be."""
    for swapped in (False, True):
        xy = points[:, ::-1] if swapped else points
        if np.abs(xy).max() <= 360:
            why = (Sentence("the numbers are degrees"),)
            yield _Candidate(CGCS2000, Sentence("CGCS2000"), xy, swapped, 1.0, 0, why)
            continue
        scale = 0.001 if np.abs(xy).max() > 60 * _MILLION else 1.0
        yield from _projected(xy * scale, swapped, scale)


def _projected(xy: np.ndarray, swapped: bool, scale: float) -> Iterator[_Candidate]:
    x, y = xy[:, 0], xy[:, 1]
    if y.min() < 0 or y.max() >= 10 * _MILLION:
        return
    zones = np.unique(np.floor(x / _MILLION).astype(np.int64))
    if len(zones) == 1 and 13 <= zones[0] <= 45:
        zone = int(zones[0])
        is_three = zone >= 25
        if is_three or zone <= 23:
            digits = Sentence("the eastings have 8 digits, of which the first two are the zone")
            crs = f"EPSG:{(4488 if is_three else 4478) + zone}"
            name = Sentence(
                "{degrees}-degree zone {zone}, with the zone before the easting",
                degrees=3 if is_three else 6,
                zone=zone,
            )
            meridian = 3 * zone if is_three else 6 * zone - 3
            yield _Candidate(
                crs, name, _degrees(x - zone * _MILLION, y, meridian), swapped, scale, 1, (digits,)
            )
    elif x.min() >= 0 and x.max() < _MILLION:
        digits = Sentence("the eastings have 6 digits, without the zone")
        offset = _degrees(x, y, 0)
        for zone in range(25, 46):
            name = _without_zone(3, zone, 3 * zone)
            lonlat = offset + np.array([3 * zone, 0])
            yield _Candidate(f"EPSG:{4509 + zone}", name, lonlat, swapped, scale, 2, (digits,))
        for zone in range(13, 24):
            name = _without_zone(6, zone, 6 * zone - 3)
            lonlat = offset + np.array([6 * zone - 3, 0])
            yield _Candidate(f"EPSG:{4489 + zone}", name, lonlat, swapped, scale, 3, (digits,))
        utm = _degrees(x, y, 0, k=0.9996)
        for zone in range(43, 54):
            name = Sentence("WGS 84 / UTM zone {zone}N", zone=zone)
            lonlat = utm + np.array([6 * zone - 183, 0])
            yield _Candidate(f"EPSG:{32600 + zone}", name, lonlat, swapped, scale, _UTM_RANK, (digits,))
    if x.min() >= 8 * _MILLION and x.max() <= 15.1 * _MILLION:
        why = (Sentence("the numbers are those of web maps"),)
        lonlat = np.column_stack(_web_mercator().transform(x, y))
        yield _Candidate("EPSG:3857", Sentence("Web Mercator"), lonlat, swapped, scale, 5, why)


def _without_zone(degrees: int, zone: int, meridian: int) -> Sentence:
    return Sentence(
        "{degrees}-degree zone {zone} (central meridian {meridian}E), without the zone before the easting",
        degrees=degrees,
        zone=zone,
        meridian=meridian,
    )


def _degrees(x: np.ndarray, y: np.ndarray, meridian: float, *, k: float = 1.0) -> np.ndarray:
    """Degrees of a Gauss-Krüger easting (false easting 500,000 m) and northing."""
    lon, lat = _inverse(k).transform(x, y)
    return np.column_stack([np.asarray(lon) + meridian, lat])


@lru_cache(maxsize=4)
def _inverse(k: float) -> Transformer:
    projected = CRS.from_proj4(_MERIDIAN_0.format(k=k))
    geodetic = projected.geodetic_crs
    assert geodetic is not None
    return Transformer.from_crs(projected, geodetic, always_xy=True)


@lru_cache(maxsize=1)
def _web_mercator() -> Transformer:
    return Transformer.from_crs("EPSG:3857", "EPSG:4326", always_xy=True)
