"""Reading the footprint that a command is given."""

from dataclasses import replace
from pathlib import Path

from sqlalchemy.orm import Session

from blueprint.crs_registry import register_for
from blueprint.edge import Edge
from blueprint.footprint import Footprint, read_footprint_file
from coordination.heights import checked_top_m
from coordination.use_matrix import use_code
from service.commands.context import local_operator


def read_site(
    session: Session,
    edge: Edge,
    file: Path,
    *,
    crs: str | None = None,
    width_m: float | None = None,
    sublayer: str | None = None,
    use: str | None = None,
    top_m: float | None = None,
) -> Footprint:
    """The footprint of a file, in any CRS that PROJ knows or the city registered; lines and points need a width (m).

    `use` is the class code of what is planned there, `top_m` the elevation of its highest point.
    """
    footprint = read_footprint_file(
        file,
        city=edge.city,
        scratch=edge.scratch,
        crs=crs,
        width_m=width_m,
        sublayer=sublayer,
        register=register_for(session, local_operator()),
    )
    return replace(footprint, planned_use=use_code(use), top_m=checked_top_m(top_m))
