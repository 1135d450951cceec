"""Routes of the tree of levels, departments and sections."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Path, Query
from pydantic import BaseModel, Field

from blueprint.accounts import sections
from blueprint.accounts.models import Section
from blueprint.accounts.sections import Branch, Tree
from blueprint.edge import ActorDep, CityDep, EdgeDep, NowDep, SessionDep
from blueprint.given import Given, Instant
from blueprint.idempotency import IdempotentRoute
from blueprint.levels import Level
from blueprint.permissions import Act, Thing, require

router = APIRouter(tags=["departments"], route_class=IdempotentRoute)

Code = Annotated[str, Path(max_length=40, pattern=r"^[^\x00]*$", description="部门代码 department code")]
SectionId = Annotated[int, Path(ge=1, le=2_000_000_000)]


class SectionIn(Given):
    """A new section (科室); without `starts_at` from now on."""

    name: str = Field(min_length=1, max_length=100)
    name_en: str | None = Field(default=None, max_length=100)
    starts_at: Instant | None = None


class SectionOut(BaseModel):
    """A section from an instant to an instant, and who heads it now."""

    id: int
    department: str
    name: str
    name_en: str | None
    starts_at: datetime
    ends_at: datetime | None
    heads: list[str]


class BranchOut(BaseModel):
    """A department with its sections."""

    code: str
    name: str
    name_en: str | None
    level: Level
    role: str
    sections: list[SectionOut]


class DistrictOut(BaseModel):
    """A district with its departments."""

    code: str
    name: str
    departments: list[BranchOut]


class TreeOut(BaseModel):
    """The departments of the city, and those of each district."""

    name: str
    departments: list[BranchOut]
    districts: list[DistrictOut]


@router.get("/api/departments")
def show_tree(
    session: SessionDep,
    actor: ActorDep,
    city: CityDep,
    now: NowDep,
    with_past: Annotated[bool, Query(description="also sections that are closed or not open yet")] = False,
) -> TreeOut:
    """The tree of levels, departments and sections."""
    require(actor, Act.READ_DEPARTMENTS)
    return tree_out(
        sections.tree_of(session, city=city, actor=actor, now=now, with_past=with_past), name=city.name
    )


@router.post("/api/departments/{code}/sections", status_code=201)
def add_section(
    code: Code, body: SectionIn, session: SessionDep, actor: ActorDep, city: CityDep, edge: EdgeDep
) -> SectionOut:
    """Open a section of a department."""
    require(actor, Act.ADMINISTER_ACCOUNTS, Thing(department=code))
    section = sections.add_section(
        session,
        code,
        body.name,
        name_en=body.name_en,
        starts_at=city.instant_of(body.starts_at) if body.starts_at is not None else None,
        city=city,
        actor=actor,
        now=edge.now(),
    )
    return section_out(section)


@router.post("/api/sections/{section_id}/end")
def end_section(section_id: SectionId, session: SessionDep, actor: ActorDep, now: NowDep) -> SectionOut:
    """Close a section that nobody holds a role in; it stays on record."""
    require(actor, Act.ADMINISTER_ACCOUNTS)
    return section_out(sections.end_section(session, section_id, actor=actor, now=now))


def section_out(section: Section, heads: tuple[str, ...] = ()) -> SectionOut:
    """A section as it is shown."""
    names = [name for name in SectionOut.model_fields if name != "heads"]
    return SectionOut(**{name: getattr(section, name) for name in names}, heads=list(heads))


def tree_out(tree: Tree, *, name: str) -> TreeOut:
    """The tree as it is shown."""
    return TreeOut(
        name=name,
        departments=[_branch_out(branch) for branch in tree.city],
        districts=[
            DistrictOut(code=d.code, name=d.name, departments=[_branch_out(branch) for branch in branches])
            for d, branches in tree.districts
        ],
    )


def _branch_out(branch: Branch) -> BranchOut:
    department = branch.department
    return BranchOut(
        code=department.code,
        name=department.name,
        name_en=department.name_en,
        level=department.level,
        role=department.role,
        sections=[section_out(found.section, found.heads) for found in branch.sections],
    )
