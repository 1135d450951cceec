"""HTTP shapes of sessions, persons and appointments."""

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, Field

from blueprint.given import Given, Instant

RoleName = Literal[
    "planner",
    "reviewer",
    "section_head",
    "director",
    "coordinator",
    "lead",
    "supervisor",
    "operator",
    "auditor",
]


class SignIn(Given):
    """A login and its password."""

    login: str = Field(min_length=1, max_length=60)
    password: str = Field(min_length=1, max_length=200)


class Me(BaseModel):
    """Who is signed in; `csrf_token` goes into the header `X-CSRF-Token` of every change."""

    name: str
    department: str | None
    roles: list[str]
    rights: list[str]
    must_change_password: bool
    csrf_token: str | None


class PasswordChange(Given):
    """One's own password."""

    old: str = Field(min_length=1, max_length=200)
    new: str = Field(min_length=1, max_length=200)


class PersonIn(Given):
    """A new account."""

    login: str = Field(min_length=2, max_length=60)
    name: str = Field(min_length=1, max_length=100)
    email: str | None = Field(default=None, max_length=200)


class AppointmentIn(Given):
    """A role to be given; `section` is the name of one of the department's, without `starts_at` from now on, without
    `ends_at` until it is ended.
    """

    role: RoleName
    department: str | None = Field(default=None, max_length=40)
    section: str | None = Field(default=None, max_length=100)
    starts_at: Instant | None = None
    ends_at: Instant | None = None


class AppointmentOut(BaseModel):
    """A role of a person, from an instant to an instant."""

    id: int
    role: str
    department: str | None
    section: str | None
    section_id: int | None
    starts_at: datetime
    ends_at: datetime | None
    granted_by: str
    ended_by: str | None


class PersonOut(BaseModel):
    """An account and all its appointments, also those that are over."""

    login: str
    name: str
    email: str | None
    must_change_password: bool
    is_sample: bool
    deactivated_at: datetime | None
    appointments: list[AppointmentOut]


class NewPersonOut(PersonOut):
    """A new account with its password for the first sign-in, shown once."""

    password: str


class NewPassword(BaseModel):
    """A password for one sign-in, shown once."""

    password: str


class PersonPage(BaseModel):
    """A page of accounts; `next` is the cursor of the following one."""

    items: list[PersonOut]
    next: str | None
