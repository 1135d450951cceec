"""HTTP shapes of plan audits and the ledger of differences."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Literal

import shapely
from geoalchemy2.shape import to_shape
from pydantic import BaseModel, Field

from blueprint.city import City
from blueprint.city_router import to_lonlat
from blueprint.etags import Tagged
from blueprint.given import Day, Given
from coordination.plan_audit.ledger import ClassPair
from coordination.plan_audit.models import PlanAudit, PlanDifference

State = Literal["open", "accepted", "settled"]


class PlanAuditIn(Given):
    """Two polygon layers to compare, in the versions of a day; today when not given."""

    first: str = Field(min_length=1, max_length=60)
    second: str = Field(min_length=1, max_length=60)
    on: Day | None = None


class ClassPairOut(BaseModel):
    """How many differences of one state two classes have, and how large (m²)."""

    state: State
    first_class: str | None
    second_class: str | None
    is_sliver: bool
    differences: int
    overlap_m2: float


class DistrictPairOut(ClassPairOut):
    """The same for one district; null for what lies in no district whose outline is known."""

    district: str | None


class ClassAreaOut(BaseModel):
    """How much two classes have in common (m²), and in how many pairs of features."""

    first_class: str | None
    second_class: str | None
    overlaps: int
    overlap_m2: float


class OverlapAreasOut(BaseModel):
    """What two layers have in common, slivers included; the layer whose code comes first is the first one."""

    first: str
    second: str
    first_version: int
    second_version: int
    overlaps: int
    overlap_m2: float
    classes: list[ClassAreaOut]


class PairStandingOut(BaseModel):
    """Two layers that may not overlap, and how their ledger stands; areas in m², slivers not counted.

    Figures are null before a first audit; `is_current` says whether the last one compared the versions in force today;
    `missing` names the layers that have none.
    """

    rule: str
    rule_en: str | None
    first: str
    second: str
    first_title: str | None
    second_title: str | None
    missing: list[str]
    audit_id: int | None
    audited_on: date | None
    is_current: bool | None
    open: int | None
    open_m2: float | None
    accepted: int | None
    settled: int | None


class PlanAuditOut(BaseModel):
    """An audit; the layer whose code comes first is the first one. `statistics` is the ledger of the two layers as it is now."""

    id: int
    first: str
    second: str
    first_title: str
    second_title: str
    first_department: str
    second_department: str
    first_version: int
    second_version: int
    on: date
    found: int
    windows_done: int
    made_by: str
    started_at: datetime
    finished_at: datetime | None
    statistics: list[ClassPairOut] | None = None


class PlanAuditPage(BaseModel):
    """A page of audits, newest first; `next` is the cursor of the following one."""

    items: list[PlanAuditOut]
    next: int | None


class DifferenceOut(Tagged):
    """A difference (差异图斑): features by their source ids, areas in m² by the city's measure, shares of the features.

    A key that begins with @ is of a feature without an id, known by its shape. `first_owner`, `second_owner` are the departments of the
    layers; `yielded` says which of the two gave way, so that it is settled: null where others have come in the place of both.
    `settled_on` is the day of the audit that found it settled, `settled_versions` those of the two layers then. `bounds` are west, south, east, north in degrees.
    """

    id: int
    first_owner: str
    second_owner: str
    first_key: str
    second_key: str
    first_class: str | None
    second_class: str | None
    overlap_m2: float
    first_share: float
    second_share: float
    is_sliver: bool
    state: State
    reason: str | None
    decided_by: str | None
    decided_at: datetime | None
    first_audit_id: int
    last_audit_id: int
    settled_audit_id: int | None
    settled_on: date | None
    settled_versions: tuple[int, int] | None
    yielded: Literal["first", "second", "both"] | None
    bounds: tuple[float, float, float, float]


class MonthOut(BaseModel):
    """How the ledger of two layers stood after the last audit of a month (YYYY-MM); slivers not counted, areas in m²."""

    month: str
    audit_id: int
    audited_on: date
    open: int
    open_m2: float
    accepted: int
    accepted_m2: float
    settled: int


class DifferencePage(BaseModel):
    """Differences by id; `next` is the cursor of the following page."""

    items: list[DifferenceOut]
    next: int | None


class DecisionIn(Given):
    """Accept a difference, for a reason, or take that back."""

    state: Literal["accepted", "open"]
    reason: str | None = Field(default=None, max_length=2000)


def audit_out(audit: PlanAudit, statistics: tuple[ClassPair, ...] | None = None) -> PlanAuditOut:
    """An audit as the outside sees it."""
    return PlanAuditOut(
        id=audit.id,
        first=audit.first_layer.code,
        second=audit.second_layer.code,
        first_title=audit.first_layer.title,
        second_title=audit.second_layer.title,
        first_department=audit.first_layer.department,
        second_department=audit.second_layer.department,
        first_version=audit.first_version.number,
        second_version=audit.second_version.number,
        on=audit.on_day,
        found=audit.found,
        windows_done=len(audit.windows_done),
        made_by=audit.made_by,
        started_at=audit.started_at,
        finished_at=audit.finished_at,
        statistics=None
        if statistics is None
        else [ClassPairOut.model_validate(vars(pair)) for pair in statistics],
    )


def difference_out(row: PlanDifference, city: City) -> DifferenceOut:
    """A difference as the outside sees it."""
    return differences_out([row], city)[0]


def differences_out(rows: Sequence[PlanDifference], city: City) -> list[DifferenceOut]:
    """Differences as the outside sees them."""
    if not rows:
        return []
    told = {"bounds", "first_owner", "second_owner", "settled_on", "settled_versions"}
    names = DifferenceOut.model_fields.keys() - told
    boxes = shapely.box(*shapely.bounds([to_shape(row.geom) for row in rows]).reshape(-1, 4).T)
    bounds = shapely.bounds(to_lonlat(boxes, city))
    return [
        DifferenceOut(
            **{name: getattr(row, name) for name in names},
            first_owner=row.first_layer.department,
            second_owner=row.second_layer.department,
            settled_on=row.settled_audit.on_day if row.settled_audit is not None else None,
            settled_versions=settled_versions(row),
            bounds=tuple(box.tolist()),
        )
        for row, box in zip(rows, bounds, strict=True)
    ]


def settled_versions(row: PlanDifference) -> tuple[int, int] | None:
    """The numbers of the versions of both layers in which a difference was found settled."""
    audit = row.settled_audit
    return None if audit is None else (audit.first_version.number, audit.second_version.number)
