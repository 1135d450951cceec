"""The live check (实时检核) of a large outline: what lies near it is read and cut in this process rather than by the statement.

The statement hands shapes to GEOS one by one, and a large outline has hundreds; `blueprint.overlay_together` walks them. Figures agree
to 2·10⁻⁵ m² (decisions 0031, 0038), so whatever is kept, printed or verified stays with the statement.
"""

import threading
from datetime import date

import numpy as np
import shapely
from sqlalchemy.orm import Session

from blueprint.city import City
from blueprint.connections import Beside
from blueprint.footprint import Footprint
from blueprint.outline_walk import walk
from blueprint.overlay import Known
from blueprint.overlay_together import Ground, overlay_together
from blueprint.permissions import Actor
from blueprint.snapshot import Snapshot
from coordination.checks import asked_of

LARGE_M2 = 50_000.0
"""An outline from which on it pays (5 ha); a smaller one is answered before all is set out in arrays."""

LARGEST_M2 = 20_000_000.0
"""An outline whose box is larger is asked by the statement: what lies near it would fill the memory."""

_ready = threading.Event()
_loading = threading.Lock()


def load() -> None:
    """Load what is compiled, once a process; the first time on a machine it is compiled, which takes a while."""
    with _loading:
        if not _ready.is_set():
            square = shapely.box(0, 0, 2, 2)
            sites, parts = np.array([square]), [shapely.to_wkb(shapely.box(1, 1, 3, 3))]
            walk(sites, parts, np.zeros(1, dtype=np.int64), None)
            _ready.set()


def load_beside() -> None:
    """The same beside whatever the process does; until it is there the statement is asked."""
    threading.Thread(target=load, name="live", daemon=True).start()


def known_of(
    session: Session,
    footprint: Footprint,
    snapshot: Snapshot,
    *,
    city: City,
    actor: Actor,
    on: date,
    beside: Beside | None = None,
) -> Known | None:
    """What the layers that the actor may read say of a large outline, for `run_check`; None where the statement is to be asked."""
    if footprint.geometry.area < LARGE_M2 or not _ready.is_set():
        return None
    asked = asked_of(snapshot.layers, actor=actor, on=on)
    ground = Ground(session, asked, city=city)
    sites = [footprint.geometry]
    return overlay_together(session, sites, ground, largest_m2=LARGEST_M2, beside=beside)[0]
