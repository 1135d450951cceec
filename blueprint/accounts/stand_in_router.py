"""Routes of a department's people and of stand-ins (代理): who acts for whom, from a day to a day."""

from datetime import date, datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Path
from pydantic import BaseModel, Field

from blueprint.accounts import stand_ins
from blueprint.accounts.staff import StaffMember, staff_of
from blueprint.accounts.stand_in_models import StandIn
from blueprint.edge import ActorDep, CityDep, NowDep, SessionDep
from blueprint.given import Day, Given
from blueprint.idempotency import IdempotentRoute
from blueprint.permissions import Act, Thing, require

router = APIRouter(tags=["departments"], route_class=IdempotentRoute)

Code = Annotated[str, Path(max_length=40, pattern=r"^[^\x00]*$", description="部门代码 department code")]
StandInId = Annotated[int, Path(ge=1, le=2_000_000_000)]
Login = Annotated[str, Field(min_length=1, max_length=60)]


class StandInIn(Given):
    """Who stands in for whom, both by login, from the first to the last day; with `act` for that right alone (委托)."""

    login: Login
    deputy: Login
    act: Literal["review_draft", "issue_opinion"] | None = None
    starts_on: Day
    ends_on: Day
    reason: str = Field(min_length=1, max_length=1000)


class StandInOut(BaseModel):
    """A stand-in; `act` is the one right that was delegated, None for an absence."""

    id: int
    department: str
    login: str
    deputy: str
    act: str | None
    starts_on: date
    ends_on: date
    reason: str
    made_by: str
    made_at: datetime
    ended_by: str | None
    ended_at: datetime | None


class StandInList(BaseModel):
    """Stand-ins of today and later."""

    items: list[StandInOut]


def stand_in_out(made: StandIn) -> StandInOut:
    """A stand-in as it is shown."""
    return StandInOut.model_validate(made, from_attributes=True)


class StaffMemberOut(BaseModel):
    """Somebody of a department, with the roles held in it and the section, where they are of one."""

    login: str
    name: str
    roles: list[str]
    section_id: int | None
    section: str | None


class Staff(BaseModel):
    """Who handles opinions in a department."""

    department: str
    items: list[StaffMemberOut]


def staff_member_out(member: StaffMember) -> StaffMemberOut:
    """Somebody as a list shows them."""
    return StaffMemberOut.model_validate(member, from_attributes=True)


@router.get("/api/departments/{code}/people")
def list_staff(code: Code, session: SessionDep, actor: ActorDep, city: CityDep, now: NowDep) -> Staff:
    """The reviewers, section heads and directors of the caller's department, by name: whom to assign to, who may stand in."""
    require(actor, Act.HANDLE_REQUEST, Thing(department=code))
    found = staff_of(session, code, city=city, actor=actor, now=now)
    return Staff(department=code, items=[staff_member_out(each) for each in found])


@router.get("/api/departments/{code}/stand-ins")
def list_stand_ins(code: Code, session: SessionDep, actor: ActorDep, now: NowDep) -> StandInList:
    """Who stands in for whom in the caller's department today or later."""
    require(actor, Act.HANDLE_REQUEST, Thing(department=code))
    found = stand_ins.list_stand_ins(session, code, actor=actor, today=now.date())
    return StandInList(items=[stand_in_out(each) for each in found])


@router.post("/api/stand-ins", status_code=201)
def arrange_stand_in(
    given: StandInIn, session: SessionDep, actor: ActorDep, city: CityDep, now: NowDep
) -> StandInOut:
    """Arrange it: for oneself, or as director for anybody of the department."""
    require(actor, Act.ARRANGE_STAND_IN, Thing(department=actor.department))
    made = stand_ins.arrange_stand_in(
        session,
        given.login,
        given.deputy,
        act=Act(given.act) if given.act is not None else None,
        starts_on=given.starts_on,
        ends_on=given.ends_on,
        reason=given.reason,
        city=city,
        actor=actor,
        now=now,
    )
    return stand_in_out(made)


@router.post("/api/stand-ins/{stand_in_id}/end")
def end_stand_in(stand_in_id: StandInId, session: SessionDep, actor: ActorDep, now: NowDep) -> StandInOut:
    """End it at once."""
    require(actor, Act.ARRANGE_STAND_IN, Thing(department=actor.department))
    return stand_in_out(stand_ins.end_stand_in(session, stand_in_id, actor=actor, now=now))
