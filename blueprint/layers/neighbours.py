"""Whether data lie where they should, told from other layers in force: roads, parcels and zones follow each other's lines.

A share of points that lies on another layer's lines proves nothing by itself: lines are dense in a town, and a road's
middle keeps off parcels. So it is held against the shares of the same points moved elsewhere; only a peak counts (decision 0049).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from blueprint.database import load_statements
from blueprint.layers.map_shift import ShiftFinding
from blueprint.layers.models import GeometryKind, InForcePeriod, Layer, LayerVersion
from blueprint.permissions import Act, Actor, may
from blueprint.sentences import Sentence
from blueprint.sharing.purposes import record_reading

_SQL = load_statements(Path(__file__).with_suffix(".sql"))

MIN_POINTS, MAX_POINTS = 60, 300
WITHIN_M = 5.0
CONTROLS, CONTROL_M, APART_M = 8, 550.0, 150.0
"""Elsewhere: so many places around, as far off as GCJ-02 moves data, none of them near where a shift would put these."""

LEAST_SHARE, LEAST_RATIO, LEAST_SIGMA = 0.15, 2.0, 4.0
MAX_LAYERS, MAX_VERTICES_A_FEATURE = 6, 500


@dataclass(frozen=True)
class Peaks:
    """The shares of so many points that lie on a layer: as they are, with each shift taken back, and the most elsewhere."""

    compared: int
    as_is: float
    shifted_back: dict[str, float]
    elsewhere: float

    @property
    def lies_as_is(self) -> bool:
        """Say whether the data lie on the layer as they are, and nowhere else."""
        return self._is_peak(self.as_is, max(self.elsewhere, *self.shifted_back.values()))

    @property
    def shift(self) -> str | None:
        """The system whose shift taken back puts the data on the layer, and nothing else does."""
        system = max(self.shifted_back, key=lambda name: self.shifted_back[name])
        others = [share for name, share in self.shifted_back.items() if name != system]
        is_peak = self._is_peak(self.shifted_back[system], max(self.as_is, self.elsewhere, *others))
        return system if is_peak else None

    def _is_peak(self, share: float, most_else: float) -> bool:
        mean = (share + most_else) / 2
        sigma = float(np.sqrt(2 * mean * (1 - mean) / self.compared))
        return share >= max(LEAST_SHARE, LEAST_RATIO * most_else) and share - most_else >= LEAST_SIGMA * sigma


SharesOn = Callable[[Sequence[np.ndarray]], list[float]]
"""Which share of each set of points (metres) lies on a layer."""


def compare_peaks(points: np.ndarray, backs: dict[str, np.ndarray], shares_on: SharesOn) -> Peaks:
    """Compare points (metres) with a layer: as they are, as `backs` has them with each shift taken back, and elsewhere."""
    moves = [(back - points).mean(axis=0) for back in backs.values()]
    angles = 2 * np.pi * np.arange(CONTROLS) / CONTROLS
    around = CONTROL_M * np.column_stack([np.cos(angles), np.sin(angles)])
    controls = [step for step in around if all(np.hypot(*(step - move)) > APART_M for move in moves)]
    shares = shares_on([points, *backs.values(), *(points + step for step in controls)])
    back = dict(zip(backs, shares[1:], strict=False))
    return Peaks(len(points), shares[0], back, max(shares[1 + len(backs) :]))


def compare_neighbours(
    session: Session,
    layer: Layer,
    points: np.ndarray,
    backs: dict[str, np.ndarray],
    *,
    actor: Actor,
    day: date,
) -> ShiftFinding | str | None:
    """The shift that data of a layer carry, or on which other layer they lie as they are; None where none tells.

    Looked at are layers in force that the actor may read, which is recorded; points in metres of the working CRS.
    """
    if len(points) < MIN_POINTS:
        return None
    step = -(-len(points) // MAX_POINTS)
    points, backs = points[::step], {system: back[::step] for system, back in backs.items()}
    for version in _near(session, layer, points, actor=actor, day=day):
        record_reading(session, actor, [version.layer.thing], kind="reference", id=version.name)

        def shares_on(sets: Sequence[np.ndarray], version: LayerVersion = version) -> list[float]:
            return shares_on_version(session, version, sets, within_m=WITHIN_M)

        peaks = compare_peaks(points, backs, shares_on)
        name = Sentence("layer {code} version {number}", code=version.layer.code, number=version.number)
        if peaks.lies_as_is:
            return name.english
        if (system := peaks.shift) is not None:
            moved = float(np.hypot(*(backs[system] - points).T).mean())
            back = peaks.shifted_back[system]
            return ShiftFinding(system, name, peaks.compared, peaks.as_is, back, moved)
    return None


def _near(
    session: Session, layer: Layer, points: np.ndarray, *, actor: Actor, day: date
) -> list[LayerVersion]:
    """Versions of lines and areas in force around the points, base maps and those of most features first."""
    (west, south), (east, north) = points.min(axis=0).tolist(), points.max(axis=0).tolist()
    statement = (
        select(LayerVersion)
        .join(InForcePeriod, InForcePeriod.version_id == LayerVersion.id)
        .join(Layer, Layer.id == LayerVersion.layer_id)
        .where(
            InForcePeriod.days.contains(day),
            Layer.id != layer.id,
            Layer.geometry.in_([GeometryKind.POLYGON, GeometryKind.LINE]),
            LayerVersion.vertex_count <= MAX_VERTICES_A_FEATURE * LayerVersion.feature_count,
            LayerVersion.extent.ST_Intersects(
                func.ST_MakeEnvelope(west, south, east, north, func.ST_SRID(LayerVersion.extent))
            ),
        )
        .order_by(Layer.is_base_map.desc(), LayerVersion.feature_count.desc(), Layer.code)
    )
    readable = (v for v in session.scalars(statement) if may(actor, Act.READ_LAYER, v.layer.thing))
    return [version for version, _ in zip(readable, range(MAX_LAYERS), strict=False)]


def shares_on_version(
    session: Session, version: LayerVersion, sets: Sequence[np.ndarray], *, within_m: float
) -> list[float]:
    """Which share of each set of points (metres of the working CRS) lies on a line, a boundary or a point of a version."""
    every = np.concatenate(sets)
    numbers = np.repeat(np.arange(len(sets)), [len(points) for points in sets])
    values = {
        "xs": every[:, 0].tolist(),
        "ys": every[:, 1].tolist(),
        "numbers": numbers.tolist(),
        "version_id": version.id,
        "within_m": within_m,
    }
    found = {row.number: row.points for row in session.execute(_SQL["count_on_version"], values)}
    return [found.get(number, 0) / len(points) for number, points in enumerate(sets)]
