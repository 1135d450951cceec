"""The area of every overlap of two full coverages: pairs of edges, and `geopandas.overlay`, side by side on the same shapes."""

import os
import random
import time
from typing import Any

import geopandas
import numpy as np
import shapely

from bench.made_city import SIDE_M, SOUTH, WEST, made_layers, polygons
from bench.setting import say
from coordination.plan_audit.kernel import common_areas, edges_of

SAMPLE = 20_000
"""So many pairs are measured by GEOS too."""

SAME_M2 = 1e-3
"""The areas of a pair by both ways agree within this."""


def measure_audit(*, small: bool) -> dict[str, Any]:
    """Seconds of both ways; ends the run where a pair's areas differ, or the sum is not the city's area."""
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
    say("audit: geopandas.overlay")
    frames = [geopandas.GeoDataFrame({"n": range(len(side))}, geometry=side) for side in (first, second)]
    started = time.perf_counter()
    overlay_m2 = float(geopandas.overlay(*frames, how="intersection").area.sum())
    overlay_s = time.perf_counter() - started
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
    }
