"""A search for sites as long work: the whole of a district is asked for over HTTP, done by the worker, told to who asked alone.

What is found is shown while it is searched and stays where the search is called off; where its worker dies another goes on.
"""

from dataclasses import asdict, dataclass, replace
from datetime import date, datetime
from typing import Any

import shapely
from sqlalchemy.orm import Session

from blueprint.audit.log import record
from blueprint.city import polygonal
from blueprint.footprint import Footprint
from blueprint.jobs.kinds import JobKind, JobRun
from blueprint.jobs.models import Job
from blueprint.jobs.queue import put_in
from blueprint.permissions import Act, Actor, Sensitivity, Thing
from blueprint.snapshot import take_snapshot
from coordination.site_finder import find_sites, refuse_beyond_bounds
from coordination.siting import readable_by
from coordination.siting_schemas import search_out
from coordination.trim import TrimLevel


@dataclass(frozen=True)
class SiteSearch:
    """What is searched for: how large (m²), what is to be kept off, how many places, the day, the planned use, the highest point."""

    area_m2: float
    level: str
    at_most: int
    on: str
    planned_use: str | None = None
    top_m: float | None = None


def put_in_search(
    session: Session, area: Footprint, request: SiteSearch, *, actor: Actor, now: datetime
) -> Job:
    """Ask for the job that searches an area (working CRS)."""
    refuse_beyond_bounds(request.area_m2, request.at_most)
    ground = {"wkb": shapely.to_wkb(area.geometry, hex=True), "crs": area.source_crs}
    # What the answer tells goes by the rights of who asked: the job is theirs alone, and as closed as can be.
    thing = Thing(actor.department, Sensitivity.RESTRICTED)
    return put_in(session, SITE_SEARCH, thing, {"area": ground, **asdict(request)}, actor=actor, now=now)


def _run(run: JobRun) -> dict[str, Any]:
    arguments = dict(run.arguments)
    ground = arguments.pop("area")
    request = SiteSearch(**arguments)
    on = date.fromisoformat(request.on)
    area = Footprint(polygonal(shapely.from_wkb(ground["wkb"])), ground["crs"], "none")
    readable = readable_by(take_snapshot(run.session, on), run.actor)
    run.told_layers.update(layer.code for layer in readable.layers)
    found = find_sites(
        run.session,
        replace(area, planned_use=request.planned_use, top_m=request.top_m),
        area_m2=request.area_m2,
        city=run.edge.city,
        actor=run.actor,
        on=on,
        level=TrimLevel(request.level),
        at_most=request.at_most,
        tell=run.tell,
        show=lambda found: run.show(search_out(found, run.edge.city).model_dump(mode="json")),
        kept=run.kept,
        keep=run.keep,
    )
    record(
        run.session,
        run.actor,
        "search_sites",
        kind="site_search",
        id=f"{request.area_m2:.0f} m²",
        after={
            "searched_m2": round(found.searched_m2),
            "candidates": found.candidates,
            "sites": len(found.sites),
        },
    )
    return search_out(found, run.edge.city).model_dump(mode="json")


SITE_SEARCH = JobKind("site_search", Act.KEEP_CHECK, _run, is_personal=True)
