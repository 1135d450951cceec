"""A hand-drawn outline of Anshan and its seven districts: roughly in the right place, no legal boundary, taken from no map.

The districts share their arcs point for point, so they tile the outline exactly. Longitude, latitude in degrees (CGCS2000).
"""

from dataclasses import dataclass

import numpy as np
import shapely

DECIMALS = 7
"""Of a degree in the written files: about a centimetre."""

NODES = {
    "taian_haicheng_north": (122.645, 41.190),
    "haicheng_tiexi_north": (122.820, 41.160),
    "tiexi_lishan_north": (122.995, 41.180),
    "lishan_tiedong_east": (123.220, 41.085),
    "tiedong_qianshan_east": (123.110, 40.980),
    "qianshan_haicheng_east": (123.035, 40.915),
    "haicheng_xiuyan_east": (123.145, 40.810),
    "haicheng_xiuyan_west": (122.900, 40.480),
    "taian_haicheng_west": (122.350, 41.030),
    "haicheng_tiexi_qianshan": (122.835, 41.070),
    "tiexi_qianshan_tiedong": (122.955, 41.075),
    "tiexi_tiedong_lishan": (122.985, 41.125),
}
"""Where three of the districts and the outside meet."""

ARCS: dict[str, tuple[str, list[tuple[float, float]], str]] = {
    "taian_outside": (
        "taian_haicheng_west",
        [
            (122.31, 41.07), (122.28, 41.14), (122.23, 41.19), (122.20, 41.26), (122.21, 41.33), (122.20, 41.39),
            (122.24, 41.45), (122.29, 41.50), (122.34, 41.53), (122.40, 41.56), (122.52, 41.53), (122.60, 41.47),
            (122.64, 41.38), (122.65, 41.28),
        ],
        "taian_haicheng_north",
    ),
    "haicheng_outside_north": (
        "taian_haicheng_north", [(122.70, 41.175), (122.76, 41.165)], "haicheng_tiexi_north",
    ),
    "tiexi_outside": (
        "haicheng_tiexi_north", [(122.86, 41.185), (122.92, 41.195), (122.975, 41.195)], "tiexi_lishan_north",
    ),
    "lishan_outside": (
        "tiexi_lishan_north",
        [(123.04, 41.205), (123.10, 41.195), (123.16, 41.175), (123.21, 41.15), (123.235, 41.11)],
        "lishan_tiedong_east",
    ),
    "tiedong_outside": (
        "lishan_tiedong_east", [(123.215, 41.05), (123.20, 41.02), (123.16, 40.995)], "tiedong_qianshan_east",
    ),
    "qianshan_outside": (
        "tiedong_qianshan_east", [(123.09, 40.955), (123.07, 40.925)], "qianshan_haicheng_east",
    ),
    "haicheng_outside_east": (
        "qianshan_haicheng_east", [(123.08, 40.88), (123.13, 40.85)], "haicheng_xiuyan_east",
    ),
    "xiuyan_outside": (
        "haicheng_xiuyan_east",
        [
            (123.22, 40.82), (123.30, 40.79), (123.38, 40.74), (123.45, 40.72), (123.52, 40.67), (123.60, 40.64),
            (123.68, 40.60), (123.74, 40.55), (123.75, 40.48), (123.70, 40.43), (123.66, 40.36), (123.60, 40.32),
            (123.56, 40.25), (123.52, 40.18), (123.44, 40.14), (123.38, 40.08), (123.31, 40.05), (123.24, 40.02),
            (123.17, 40.03), (123.12, 40.08), (123.05, 40.11), (123.00, 40.17), (122.95, 40.22), (122.94, 40.30),
            (122.90, 40.35), (122.88, 40.42),
        ],
        "haicheng_xiuyan_west",
    ),
    "haicheng_outside_south": (
        "haicheng_xiuyan_west",
        [
            (122.85, 40.50), (122.79, 40.49), (122.72, 40.52), (122.66, 40.58), (122.60, 40.63), (122.57, 40.70),
            (122.50, 40.74), (122.45, 40.79), (122.41, 40.86), (122.36, 40.91), (122.33, 40.97),
        ],
        "taian_haicheng_west",
    ),
    "taian_haicheng": (
        "taian_haicheng_west",
        [(122.40, 41.04), (122.45, 41.07), (122.50, 41.09), (122.55, 41.13), (122.60, 41.16)],
        "taian_haicheng_north",
    ),
    "haicheng_tiexi": (
        "haicheng_tiexi_north", [(122.825, 41.13), (122.84, 41.10)], "haicheng_tiexi_qianshan",
    ),
    "haicheng_qianshan": (
        "haicheng_tiexi_qianshan",
        [
            (122.79, 41.05), (122.765, 41.02), (122.78, 40.985), (122.82, 40.96), (122.87, 40.95), (122.92, 40.935),
            (122.98, 40.92),
        ],
        "qianshan_haicheng_east",
    ),
    "tiexi_qianshan": (
        "haicheng_tiexi_qianshan", [(122.87, 41.07), (122.91, 41.068)], "tiexi_qianshan_tiedong",
    ),
    "tiexi_tiedong": ("tiexi_qianshan_tiedong", [(122.97, 41.095)], "tiexi_tiedong_lishan"),
    "tiexi_lishan": ("tiexi_tiedong_lishan", [(122.995, 41.145), (123.00, 41.165)], "tiexi_lishan_north"),
    "tiedong_lishan": (
        "tiexi_tiedong_lishan",
        [(123.02, 41.13), (123.06, 41.115), (123.10, 41.11), (123.15, 41.10), (123.19, 41.09)],
        "lishan_tiedong_east",
    ),
    "tiedong_qianshan": (
        "tiexi_qianshan_tiedong",
        [(122.95, 41.05), (122.975, 41.025), (123.01, 41.01), (123.06, 40.995)],
        "tiedong_qianshan_east",
    ),
    "haicheng_xiuyan": (
        "haicheng_xiuyan_east",
        [(123.08, 40.77), (123.03, 40.73), (123.01, 40.67), (122.97, 40.63), (122.94, 40.57), (122.91, 40.53)],
        "haicheng_xiuyan_west",
    ),
}  # fmt: skip
"""Each arc: its first node, the points drawn between, its last node."""

OUTLINE = [
    "taian_outside", "haicheng_outside_north", "tiexi_outside", "lishan_outside", "tiedong_outside",
    "qianshan_outside", "haicheng_outside_east", "xiuyan_outside", "haicheng_outside_south",
]  # fmt: skip

DISTRICTS = {
    ("210302", "铁东区"): ["tiexi_tiedong", "tiedong_lishan", "tiedong_outside", "-tiedong_qianshan"],
    ("210303", "铁西区"): [
        "tiexi_outside", "-tiexi_lishan", "-tiexi_tiedong", "-tiexi_qianshan", "-haicheng_tiexi",
    ],
    ("210304", "立山区"): ["lishan_outside", "-tiedong_lishan", "tiexi_lishan"],
    ("210311", "千山区"): ["tiexi_qianshan", "tiedong_qianshan", "qianshan_outside", "-haicheng_qianshan"],
    ("210321", "台安县"): ["taian_outside", "-taian_haicheng"],
    ("210323", "岫岩满族自治县"): ["xiuyan_outside", "-haicheng_xiuyan"],
    ("210381", "海城市"): [
        "taian_haicheng", "haicheng_outside_north", "haicheng_tiexi", "haicheng_qianshan", "haicheng_outside_east",
        "haicheng_xiuyan", "haicheng_outside_south",
    ],
}  # fmt: skip
"""Each district: its code and name, and its arcs in order; a minus walks an arc backwards."""


@dataclass(frozen=True)
class District:
    """A district of the made outline, in degrees."""

    code: str
    name: str
    geometry: shapely.Polygon


def outline_and_districts(seed: int) -> tuple[shapely.Polygon, list[District]]:
    """The outline and the districts that tile it, in degrees, longitude first."""
    rng = np.random.default_rng([seed, 1])
    arcs = {}
    for name, (first, between, last) in ARCS.items():
        drawn = np.array([NODES[first], *between, NODES[last]])
        arcs[name] = np.round(_roughened(drawn, rng), DECIMALS)
    districts = [District(code, name, _ring(arcs, walk)) for (code, name), walk in DISTRICTS.items()]
    return _ring(arcs, OUTLINE), districts


def _roughened(points: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Halve every stretch three times and push its middle aside, as borders wander along brooks and ridges."""
    for share in (0.10, 0.12, 0.12):
        along = np.diff(points, axis=0)
        aside = np.column_stack([-along[:, 1], along[:, 0]]) * rng.uniform(-share, share, (len(along), 1))
        middles = points[:-1] + along / 2 + aside
        mixed = np.empty((len(points) + len(middles), 2))
        mixed[0::2], mixed[1::2] = points, middles
        points = mixed
    return points


def _ring(arcs: dict[str, np.ndarray], walk: list[str]) -> shapely.Polygon:
    pieces = [arcs[name.lstrip("-")][:: -1 if name.startswith("-") else 1] for name in walk]
    for piece, following in zip(pieces, pieces[1:] + pieces[:1], strict=True):
        if not (piece[-1] == following[0]).all():
            raise ValueError(f"the arcs of {walk} do not join")
    return shapely.Polygon(np.concatenate([piece[:-1] for piece in pieces]))
