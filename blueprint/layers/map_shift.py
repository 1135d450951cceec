"""The shifts of map services: GCJ-02 (火星坐标, Amap and others) and BD-09 (Baidu), and whether data carry one.

Such data look like WGS 84 and lie some 500 m off. The shift is only recognised here, never taken back: what was
shifted once by a formula that nobody has published is no survey.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from blueprint.sentences import Sentence

_A, _EE = 6378245.0, 0.00669342162296594323
_STEPS = 12
SHIFTED = (72.004, 0.8293, 137.8347, 55.8271)
"""West, south, east, north in degrees: outside of it map services shift nothing, as all known versions of the formula say."""
MIN_POINTS = 20
CLEAR_SHARE, CLEAR_RATIO = 0.5, 2.0
"""At least this share of the points must lie on the reference once shifted back, and so many times what does as it is."""


@dataclass(frozen=True)
class ShiftFinding:
    """Data that fit a reference better when a map service's shift is taken back; shares are of the points compared."""

    system: str
    reference: Sentence
    compared: int
    share_as_is: float
    share_shifted_back: float
    moved_m: float
    """How far the shift moves the data, on average of the points, in metres."""

    def sentence(self) -> Sentence:
        """What was found, for the person who uploads."""
        return Sentence(
            "the coordinates seem to be {system}, the shifted coordinates of map services: of {compared} points compared"
            " with {reference}, {share_as_is:.0%} lie on it as they are and {share_shifted_back:.0%} with the shift of"
            " {moved_m:,.0f} m taken back; get the data in CGCS2000 from their source",
            system=self.system,
            compared=self.compared,
            reference=self.reference,
            share_as_is=float(self.share_as_is),
            share_shifted_back=float(self.share_shifted_back),
            moved_m=self.moved_m,
        )


def to_gcj02(lonlat: np.ndarray) -> np.ndarray:
    """WGS 84 (or CGCS2000) degrees to GCJ-02 degrees."""
    x, y = lonlat[:, 0] - 105.0, lonlat[:, 1] - 35.0
    root = np.sqrt(np.abs(x))
    wave = (20.0 * np.sin(6.0 * x * math.pi) + 20.0 * np.sin(2.0 * x * math.pi)) * 2.0 / 3.0
    north = -100.0 + 2.0 * x + 3.0 * y + 0.2 * y * y + 0.1 * x * y + 0.2 * root + wave
    north += (20.0 * np.sin(y * math.pi) + 40.0 * np.sin(y / 3.0 * math.pi)) * 2.0 / 3.0
    north += (160.0 * np.sin(y / 12.0 * math.pi) + 320.0 * np.sin(y * math.pi / 30.0)) * 2.0 / 3.0
    east = 300.0 + x + 2.0 * y + 0.1 * x * x + 0.1 * x * y + 0.1 * root + wave
    east += (20.0 * np.sin(x * math.pi) + 40.0 * np.sin(x / 3.0 * math.pi)) * 2.0 / 3.0
    east += (150.0 * np.sin(x / 12.0 * math.pi) + 300.0 * np.sin(x / 30.0 * math.pi)) * 2.0 / 3.0
    latitude = np.radians(lonlat[:, 1])
    magic = 1 - _EE * np.sin(latitude) ** 2
    root_magic = np.sqrt(magic)
    north = np.degrees(north / (_A * (1 - _EE) / (magic * root_magic)))
    east = np.degrees(east / (_A / root_magic * np.cos(latitude)))
    return np.asarray(lonlat + np.column_stack([east, north]))


def from_gcj02(lonlat: np.ndarray) -> np.ndarray:
    """GCJ-02 degrees to WGS 84 degrees, within a centimetre, by iteration."""
    guess = lonlat.copy()
    for _ in range(_STEPS):
        guess += lonlat - to_gcj02(guess)
    return guess


def to_bd09(lonlat: np.ndarray) -> np.ndarray:
    """WGS 84 degrees to BD-09 degrees."""
    x, y = to_gcj02(lonlat).T
    turned = math.pi * 3000.0 / 180.0
    radius = np.hypot(x, y) + 0.00002 * np.sin(y * turned)
    angle = np.arctan2(y, x) + 0.000003 * np.cos(x * turned)
    return np.column_stack([radius * np.cos(angle) + 0.0065, radius * np.sin(angle) + 0.006])


def from_bd09(lonlat: np.ndarray) -> np.ndarray:
    """BD-09 degrees to WGS 84 degrees, within a centimetre, by iteration."""
    guess = lonlat.copy()
    for _ in range(_STEPS):
        guess += lonlat - to_bd09(guess)
    return guess


BACK: dict[str, Callable[[np.ndarray], np.ndarray]] = {"GCJ-02": from_gcj02, "BD-09": from_bd09}


@dataclass(frozen=True)
class Shares:
    """Which share of the points compared lies on a reference as they are, and with each shift taken back."""

    compared: int
    as_is: float
    shifted_back: dict[str, float]
    moved_m: dict[str, float]

    @property
    def lies_as_is(self) -> bool:
        """Say whether the data lie on the reference clearly better as they are."""
        back = max(self.shifted_back.values())
        return self.as_is >= CLEAR_SHARE and self.as_is >= CLEAR_RATIO * back

    def shift(self, reference: Sentence) -> ShiftFinding | None:
        """The shift that the data carry, if they lie on the reference clearly better without it."""
        system = max(self.shifted_back, key=lambda name: self.shifted_back[name])
        back = self.shifted_back[system]
        if back < CLEAR_SHARE or back < CLEAR_RATIO * self.as_is:
            return None
        return ShiftFinding(system, reference, self.compared, self.as_is, back, self.moved_m[system])


def compare_shifts(lonlat: np.ndarray, share_on: Callable[[np.ndarray], float]) -> Shares | None:
    """Compare data with a reference; None where there are too few points.

    `share_on` says which share of points (degrees, CGCS2000) lies on the reference.
    """
    if len(lonlat) < MIN_POINTS:
        return None
    back = {system: shifted(lonlat) for system, shifted in BACK.items()}
    return Shares(
        len(lonlat),
        share_on(lonlat),
        {system: share_on(points) for system, points in back.items()},
        {system: _apart_m(lonlat, points) for system, points in back.items()},
    )


def _apart_m(one: np.ndarray, other: np.ndarray) -> float:
    """How far points in degrees are from others, on average, in metres; good to a hundredth within a city."""
    east, north = np.radians(other - one).T * _A
    return float(np.hypot(east * np.cos(np.radians(one[:, 1])), north).mean())


def recognise_shift(
    lonlat: np.ndarray, share_on: Callable[[np.ndarray], float], *, reference: Sentence
) -> ShiftFinding | None:
    """The shift that data carry, if they lie on a reference clearly better without it."""
    shares = compare_shifts(lonlat, share_on)
    return shares.shift(reference) if shares is not None else None
