"""HTTP shapes of sessions, persons and appointments."""

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, Field

from blueprint.given import Given, Instant
from blueprint.owed import Owed

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


class Code(Given):
    """A code that the app shows now, or a recovery code."""

    code: str = Field(min_length=6, max_length=40)


class Me(BaseModel):
    """Who is signed in; `csrf_token` goes into the header `X-CSRF-Token` of every change.

    While something is owed (`second_factor_code`, `new_password`, `second_factor`) no role counts.
    """

    name: str
    login: str | None
    department: str | None
    roles: list[str]
    rights: list[str]
    owes: Owed | None
    must_change_password: bool
    has_second_factor: bool
    csrf_token: str | None


class SessionNow(BaseModel):
    """Who this browser is signed in as, if anybody, and the provider at which one can sign in too."""

    me: Me | None
    openid_connect: str | None


class SessionOut(BaseModel):
    """A session of one's own that goes on; `is_this` is the one that asks."""

    made_at: datetime
    last_seen_at: datetime
    expires_at: datetime
    address: str | None
    user_agent: str | None
    way: str
    is_this: bool


class SessionList(BaseModel):
    """All sessions of one's own that go on."""

    items: list[SessionOut]


class PasswordChange(Given):
    """One's own password."""

    old: str = Field(min_length=1, max_length=200)
    new: str = Field(min_length=1, max_length=200)


class SecondFactorIn(Given):
    """To begin a second factor: the password again, unless one signed in at a provider."""

    password: str | None = Field(default=None, min_length=1, max_length=200)


class SecondFactorOut(BaseModel):
    """Whether a code is asked at every sign-in, and how many recovery codes are left."""

    confirmed_at: datetime | None
    recovery_codes_left: int


class NewSecondFactor(BaseModel):
    """What the app has to know, shown once; `qr_svg` is the URI as a drawing."""

    secret: str
    otpauth_uri: str
    qr_svg: str


class RecoveryCodes(BaseModel):
    """Codes that each stand in for the second factor once, shown once."""

    recovery_codes: list[str]


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


class IdentityIn(Given):
    """Whom the provider calls so may sign in as this person; without `issuer` the provider that is set up."""

    subject: str = Field(min_length=1, max_length=255)
    issuer: str | None = Field(default=None, min_length=1, max_length=500)


class IdentityOut(BaseModel):
    """A link to an identity at a provider."""

    id: int
    issuer: str
    subject: str
    linked_by: str
    linked_at: datetime
    ended_by: str | None
    ended_at: datetime | None


class PersonOut(BaseModel):
    """An account, all its appointments and all its links, also those that are over."""

    login: str
    name: str
    email: str | None
    must_change_password: bool
    is_sample: bool
    second_factor_since: datetime | None
    deactivated_at: datetime | None
    appointments: list[AppointmentOut]
    identities: list[IdentityOut]


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
