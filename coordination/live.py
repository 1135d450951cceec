"""The live check (实时检核): what lies near an outline is read and cut in this process rather than by the statement.

The statement hands shapes to GEOS one by one, and is set up anew each time; `blueprint.overlay_together` walks them. Figures agree
to 2·10⁻⁵ m² (decisions 0031, 0038), so whatever is kept, printed or verified stays with the statement.
"""

import threading
from collections.abc import Sequence

from sqlalchemy.orm import Session

from blueprint.city import City
from blueprint.connections import Beside
from blueprint.footprint import Footprint
from blueprint.overlay import Known
from blueprint.overlay_together import Ground, load_loops, overlay_together
from blueprint.snapshot import LayerOnDay

LARGEST_M2 = 20_000_000.0
"""An outline whose box is larger is asked by the statement: what lies near it would fill the memory."""

_ready = threading.Event()
_loading = threading.Lock()


def load() -> None:
    """Load what is compiled, once a process; the first time on a machine it is compiled, which takes a while."""
    with _loading:
        if not _ready.is_set():
            load_loops()
            _ready.set()


def load_beside() -> None:
    """The same beside whatever the process does; until it is there the statement is asked."""
    threading.Thread(target=load, name="live", daemon=True).start()


def known_of(
    session: Session,
    footprint: Footprint,
    asked: Sequence[LayerOnDay],
    *,
    city: City,
    beside: Beside | None = None,
) -> Known | None:
    """What the layers that are asked say of an outline, for `run_check`; None where the statement is to be asked."""
    if not _ready.is_set():
        return None
    ground = Ground(session, asked, city=city)
    sites = [footprint.geometry]
    return overlay_together(session, sites, ground, largest_m2=LARGEST_M2, beside=beside)[0]
