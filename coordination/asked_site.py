"""The site that a question is about (所问地块), as the routes of trims, shifts and refits take it: a GeoJSON and what is said of it in the address."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Annotated, Any

from fastapi import Depends, Query
from sqlalchemy.orm import Session

from blueprint.crs_registry import register_for
from blueprint.edge import Edge
from blueprint.footprint import Footprint, footprint_from_geojson
from blueprint.given import Day, Text, TopM, UseCode, WidthM
from blueprint.permissions import Actor
from coordination.trim import TrimLevel

Crs = Annotated[Text | None, Query(max_length=100, description="EPSG:n when not longitude/latitude")]
Use = Annotated[UseCode | None, Query(description="class code of the planned use; for rules that go by it")]
Top = Annotated[
    TopM | None, Query(description="elevation of the highest point, 1985 datum; for rules of height")
]
OnDay = Annotated[Day | None, Query(description="a day; today when not given")]
Level = Annotated[TrimLevel, Query(description="what is to be kept off: prohibit, or restrict too")]


@dataclass(frozen=True)
class AskedSite:
    """What is said of a site beside its shape, on which day it is asked about, and what it is to be kept off."""

    on: OnDay = None
    crs: Crs = None
    width_m: Annotated[
        WidthM | None, Query(description="the working width of lines and points, in metres")
    ] = None
    use: Use = None
    top_m: Top = None
    level: Level = TrimLevel.PROHIBIT

    def read(self, document: Mapping[str, Any], session: Session, edge: Edge, actor: Actor) -> Footprint:
        """The footprint of a GeoJSON, with its planned use and highest point; InvalidInputError says what is wrong with it."""
        footprint = footprint_from_geojson(
            document,
            city=edge.city,
            scratch=edge.scratch,
            crs=self.crs,
            width_m=self.width_m,
            register=register_for(session, actor),
        )
        return replace(footprint, planned_use=self.use, top_m=self.top_m)

    def day(self, now: datetime) -> date:
        """The day that is meant: today where none is given."""
        return self.on or now.date()


AskedSiteDep = Annotated[AskedSite, Depends()]
