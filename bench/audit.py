"""The overlaps of two full coverages: their areas by pairs of edges, their shapes as an audit cuts them, and `geopandas.overlay`, on the
same shapes.
"""

import os
import random
import time
from collections.abc import Iterator
from typing import Any

import geopandas
import numpy as np
import shapely

from bench.made_city import SIDE_M, SOUTH, WEST, made_layers, polygons
from bench.setting import say
from coordination.plan_audit.cores import on_cores
from coordination.plan_audit.kernel import common_areas, edges_of
from coordination.plan_audit.overlaps import WindowTask, load_loops
from coordination.plan_audit.windows import windows

SAMPLE = 20_000
"""So many pairs are measured by GEOS too."""

SAME_M2 = 1e-3
"""The areas of a pair by both ways agree within this."""


def measure_audit(*, small: bool) -> dict[str, Any]:
    """Seconds of the three ways; ends the run where a pair's areas differ, or a sum is not the city's area."""
    layers = {layer.code: layer for layer in made_layers(small=small)}
    first, second = (np.concatenate(list(polygons(layers[code]))) for code in ("LANDUSE", "PLANNED"))
    origin = (WEST + SIDE_M / 2, SOUTH + SIDE_M / 2)
    common_areas(*(edges_of(side[:2], origin) for side in (first, second)), np.array([0]), np.array([0]))
    say("audit: areas by pairs of edges")
    started = time.perf_counter()
    rows = shapely.STRtree(second).query(first)
    edges = [edges_of(side, origin) for side in (first, second)]
    areas = common_areas(*edges, rows[0], rows[1])
    kernel_s = time.perf_counter() - started
    met = areas > SAME_M2
    if abs(areas.sum() - SIDE_M**2) > SAME_M2 * np.sqrt(len(areas)):
        raise SystemExit(f"the overlaps sum to {areas.sum():.3f} m², the city has {SIDE_M**2:.0f}")
    chosen = np.array(random.Random(7).sample(range(len(areas)), min(SAMPLE, len(areas))))
    cut = shapely.area(shapely.intersection(first[rows[0][chosen]], second[rows[1][chosen]]))
    worst = float(np.abs(cut - areas[chosen]).max())
    if worst > SAME_M2:
        raise SystemExit(f"a pair differs by {worst:g} m² from GEOS")
    del edges
    say("audit: shapes by windows")
    load_loops()
    own = time.process_time()
    started = time.perf_counter()
    shapes_m2, shapes, count = 0.0, 0, os.cpu_count() or 1
    for _, found in on_cores(_tasks_of([first, second]), count):
        shapes_m2 += float(found.areas_m2.sum())
        shapes += len(found.shapes)
    shapes_s, shapes_cpu_s = time.perf_counter() - started, time.process_time() - own
    if abs(shapes_m2 - SIDE_M**2) > 1 or shapes < int(met.sum()):
        raise SystemExit(f"{shapes} shapes sum to {shapes_m2:.3f} m², {met.sum()} areas to {SIDE_M**2:.0f}")
    say("audit: geopandas.overlay")
    frames = [geopandas.GeoDataFrame({"n": range(len(side))}, geometry=side) for side in (first, second)]
    own = time.process_time()
    started = time.perf_counter()
    overlay_m2 = float(geopandas.overlay(*frames, how="intersection").area.sum())
    overlay_s, overlay_cpu_s = time.perf_counter() - started, time.process_time() - own
    if abs(overlay_m2 - SIDE_M**2) > 1:
        raise SystemExit(f"geopandas finds {overlay_m2:.3f} m², the city has {SIDE_M**2:.0f}")
    return {
        "first": len(first),
        "second": len(second),
        "overlaps": int(met.sum()),
        "threads": os.cpu_count(),
        "worst_pair_m2": worst,
        "areas_s": round(kernel_s, 2),
        "geopandas_s": round(overlay_s, 2),
        "geopandas_over_areas": round(overlay_s / kernel_s, 2),
        "shapes_s": round(shapes_s, 2),
        "geopandas_over_shapes": round(overlay_s / shapes_s, 2),
        "cpu_s": {"shapes": round(shapes_cpu_s, 2), "geopandas": round(overlay_cpu_s, 2)},
    }


def _tasks_of(sides: list[np.ndarray]) -> Iterator[WindowTask]:
    """The windows as an audit gives them to its workers; shapes are written when a window's turn comes."""
    for window in windows(*(shapely.bounds(side) for side in sides)):
        rows = (window.first, window.second)
        shapes = [list(shapely.to_wkb(side[each])) for side, each in zip(sides, rows, strict=True)]
        yield WindowTask(
            window.path, window.box, rows[0].tolist(), shapes[0], rows[1].tolist(), shapes[1], 0.0, 0.0
        )
