"""The register of transformations (坐标转换参数): entered by an operator from a surveying authority's document.

An entry is proved by a control point whose coordinates are known in both systems, and never changed: one that is wrong
is withdrawn. What a version was moved by is written into the version, by number and document: parameters of old datums
are no public matter, and only the operator sees them.
"""

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import shapely
from sqlalchemy import Float, String, Text, select
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, Session, mapped_column

from blueprint.audit.log import record
from blueprint.city import City
from blueprint.crs import NoPathError, best_operation
from blueprint.database import Base
from blueprint.errors import ConflictError, InvalidInputError, NotFoundError
from blueprint.permissions import Act, Actor
from blueprint.transformations import Register, RegisteredTransformation

KINDS = ("seven", "pipeline")


class CrsTransformation(Base):
    """A registered transformation into the city's working CRS; `control_points` are x, y, easting, northing in turn."""

    __tablename__ = "crs_transformation"
    __table_args__ = {"schema": "blueprint"}  # noqa: RUF012

    id: Mapped[int] = mapped_column(primary_key=True)
    source: Mapped[str] = mapped_column(String(60))
    kind: Mapped[str] = mapped_column(String(10))
    parameters: Mapped[str] = mapped_column(Text)
    target: Mapped[str] = mapped_column(String(20))
    accuracy_m: Mapped[float] = mapped_column(Float(53))
    document: Mapped[str] = mapped_column(Text)
    control_points: Mapped[list[float]] = mapped_column(ARRAY(Float(53)))
    registered_by: Mapped[str] = mapped_column(String(200))
    registered_at: Mapped[datetime]
    withdrawn_by: Mapped[str | None] = mapped_column(String(200))
    withdrawn_at: Mapped[datetime | None]

    @property
    def rule(self) -> RegisteredTransformation:
        """The transformation as it is computed."""
        return RegisteredTransformation(
            number=self.id,
            source=self.source,
            kind=self.kind,
            parameters=self.parameters,
            target=self.target,
            accuracy_m=self.accuracy_m,
            document=self.document,
        )


@dataclass(frozen=True)
class ControlPoint:
    """A point known in both systems: x, y in the source, easting and northing in the working CRS (metres)."""

    x: float
    y: float
    easting: float
    northing: float


@dataclass(frozen=True)
class Registration:
    """What an operator enters; `parameters` as in `RegisteredTransformation`, `document` says whose they are."""

    source: str
    kind: str
    parameters: str
    accuracy_m: float
    document: str
    control_points: Sequence[ControlPoint]


def register_transformation(
    session: Session, entry: Registration, *, city: City, actor: Actor, now: datetime
) -> CrsTransformation:
    """Keep a transformation that its control points prove.

    Raises InvalidInputError where a control point comes out further off than the accuracy, ConflictError where there is
    one from that source already.
    """
    source = entry.source.strip()
    if entry.kind not in KINDS or not 0 < entry.accuracy_m <= 100:
        raise InvalidInputError(
            "a transformation is seven or pipeline, with an accuracy above 0 and up to 100 m"
        )
    if not entry.document.strip() or not entry.control_points:
        raise InvalidInputError(
            "name the document of the parameters and at least one control point to prove them"
        )
    rule = RegisteredTransformation(
        0, source, entry.kind, entry.parameters, city.working_crs, entry.accuracy_m, entry.document
    )
    _refuse_known(source, rule, city)
    if any(rule.fits(other.source) for other in registered_transformations(session)):
        raise ConflictError(
            "there is a transformation from {source} already; withdraw that one first", source=source
        )
    _prove(rule, entry, city)
    row = CrsTransformation(
        source=source,
        kind=entry.kind,
        parameters=entry.parameters,
        target=city.working_crs,
        accuracy_m=entry.accuracy_m,
        document=entry.document,
        control_points=[v for p in entry.control_points for v in (p.x, p.y, p.easting, p.northing)],
        registered_by=actor.name,
        registered_at=now,
    )
    session.add(row)
    session.flush()
    after = {name: getattr(row, name) for name in ("source", "kind", "accuracy_m", "document")}
    after["parameters_sha256"] = hashlib.sha256(entry.parameters.encode()).hexdigest()
    record(session, actor, Act.REGISTER_CRS, kind="crs_transformation", id=row.id, after=after)
    return row


def _refuse_known(source: str, rule: RegisteredTransformation, city: City) -> None:
    """What PROJ knows a trustworthy way from needs no other."""
    if rule.is_local:
        if rule.kind != "pipeline":
            raise InvalidInputError("a local grid has no datum that is known; register it as a pipeline")
        return
    try:
        best_operation(source, city.working_crs)
    except NoPathError:
        return
    raise InvalidInputError(
        "{source} is taken as it is; only old datums and local grids are registered", source=source
    )


def _prove(rule: RegisteredTransformation, entry: Registration, city: City) -> None:
    operation = rule.operation(entry.source, city.working_crs)
    for number, point in enumerate(entry.control_points, start=1):
        moved = operation.apply(np.array([shapely.Point(point.x, point.y)], dtype=object))[0]
        off_m = math.hypot(moved.x - point.easting, moved.y - point.northing)
        if not off_m <= entry.accuracy_m:
            raise InvalidInputError(
                "control point {number} comes out {off_m:,.3f} m beside where it is, the accuracy is"
                " {accuracy_m:g} m; check the parameters, their signs and the order of x and y",
                number=number,
                off_m=off_m,
                accuracy_m=entry.accuracy_m,
            )


def withdraw_transformation(
    session: Session, number: int, *, actor: Actor, now: datetime
) -> CrsTransformation:
    """Let a transformation be used no more; versions that were made with it keep its name."""
    row = session.get(CrsTransformation, number)
    if row is None:
        raise NotFoundError(
            "no registered transformation {number}; `blueprint crs list` shows them", number=number
        )
    if row.withdrawn_at is not None:
        raise ConflictError("transformation {number} was withdrawn already", number=number)
    row.withdrawn_by, row.withdrawn_at = actor.name, now
    record(session, actor, Act.REGISTER_CRS, kind="crs_transformation", id=row.id, after={"withdrawn": True})
    return row


def list_transformations(session: Session) -> list[CrsTransformation]:
    """All of the register, withdrawn ones too, oldest first."""
    return list(session.scalars(select(CrsTransformation).order_by(CrsTransformation.id)))


def register_for(session: Session, actor: Actor) -> Register:
    """The register for a footprint that this actor brings; for somebody unknown it is empty.

    Who may try points as often as they like, and sees where they come to lie, could work the parameters out.
    """
    return (lambda: registered_transformations(session)) if actor.signed_in else tuple


def registered_transformations(session: Session) -> tuple[RegisteredTransformation, ...]:
    """Those that are used."""
    rows = session.scalars(select(CrsTransformation).where(CrsTransformation.withdrawn_at.is_(None)))
    return tuple(row.rule for row in rows)
