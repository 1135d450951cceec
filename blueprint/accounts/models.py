"""Tables of persons, appointments, second factors, linked identities, sessions and failed sign-ins."""

from datetime import datetime

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    DateTime,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    String,
    TableValuedAlias,
    Text,
    bindparam,
    column,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import ExcludeConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from blueprint.database import Base


class Person(Base):
    """Somebody with an account; deactivated at the end, never deleted. `login` is case-folded."""

    __tablename__ = "person"
    __table_args__ = ({"schema": "blueprint"},)

    id: Mapped[int] = mapped_column(primary_key=True)
    login: Mapped[str] = mapped_column(String(60), unique=True)
    name: Mapped[str] = mapped_column(String(100))
    email: Mapped[str | None] = mapped_column(String(200))
    password_hash: Mapped[str | None] = mapped_column(Text)
    password_set_at: Mapped[datetime | None]
    must_change_password: Mapped[bool] = mapped_column(default=False)
    is_sample: Mapped[bool] = mapped_column(default=False)
    made_by: Mapped[str] = mapped_column(String(200))
    made_at: Mapped[datetime]
    deactivated_at: Mapped[datetime | None]

    appointments: Mapped[list["Appointment"]] = relationship(
        back_populates="person", order_by="Appointment.id"
    )
    second_factor: Mapped["SecondFactor | None"] = relationship(back_populates="person")
    identities: Mapped[list["LinkedIdentity"]] = relationship(
        back_populates="person", order_by="LinkedIdentity.id"
    )


class Section(Base):
    """A section (科室) of a department, from an instant to an instant; it is closed at the end, never deleted.

    No department has two sections of one name at the same time, which an exclusion constraint holds.
    """

    __tablename__ = "section"
    __table_args__ = (
        CheckConstraint("ends_at IS NULL OR ends_at >= starts_at", name="order"),
        ExcludeConstraint(
            ("department", "="),
            ("name", "="),
            (func.tstzrange(column("starts_at"), column("ends_at")), "&&"),
            name="ex_section_name",
            using="gist",
        ),
        {"schema": "blueprint"},
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    department: Mapped[str] = mapped_column(String(40))
    name: Mapped[str] = mapped_column(String(100))
    name_en: Mapped[str | None] = mapped_column(String(100))
    starts_at: Mapped[datetime]
    ends_at: Mapped[datetime | None]
    made_by: Mapped[str] = mapped_column(String(200))
    made_at: Mapped[datetime]
    ended_by: Mapped[str | None] = mapped_column(String(200))
    ended_at: Mapped[datetime | None]


class Appointment(Base):
    """A role (岗位) of a person, in a department where the role is of one, from an instant to an instant."""

    __tablename__ = "appointment"
    __table_args__ = (
        CheckConstraint("ends_at IS NULL OR ends_at >= starts_at", name="order"),
        {"schema": "blueprint"},
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("blueprint.person.id"), index=True)
    role: Mapped[str] = mapped_column(String(20))
    department: Mapped[str | None] = mapped_column(String(40))
    section_id: Mapped[int | None] = mapped_column(ForeignKey("blueprint.section.id"), index=True)
    starts_at: Mapped[datetime]
    ends_at: Mapped[datetime | None]
    granted_by: Mapped[str] = mapped_column(String(200))
    granted_at: Mapped[datetime]
    ended_by: Mapped[str | None] = mapped_column(String(200))
    ended_at: Mapped[datetime | None]

    person: Mapped[Person] = relationship(back_populates="appointments")
    section_row: Mapped[Section | None] = relationship()

    @property
    def section(self) -> str | None:
        """The name of the section."""
        return self.section_row.name if self.section_row is not None else None


class SecondFactor(Base):
    """A person's TOTP secret, sealed; `last_step` is the newest time step of which a code was taken."""

    __tablename__ = "second_factor"
    __table_args__ = ({"schema": "blueprint"},)

    person_id: Mapped[int] = mapped_column(ForeignKey("blueprint.person.id"), primary_key=True)
    sealed_secret: Mapped[bytes] = mapped_column(LargeBinary)
    made_at: Mapped[datetime]
    confirmed_at: Mapped[datetime | None]
    last_step: Mapped[int] = mapped_column(BigInteger)

    person: Mapped[Person] = relationship(back_populates="second_factor")


class RecoveryCode(Base):
    """A code that stands in for the second factor once; 80 random bits, of which only the SHA-256 is kept."""

    __tablename__ = "recovery_code"
    __table_args__ = ({"schema": "blueprint"},)

    person_id: Mapped[int] = mapped_column(ForeignKey("blueprint.person.id"), primary_key=True)
    sha256: Mapped[str] = mapped_column(String(64), primary_key=True)
    used_at: Mapped[datetime | None]


class LinkedIdentity(Base):
    """Who a person is at an OpenID Connect provider, as an operator registered it; ended, never deleted."""

    __tablename__ = "linked_identity"
    __table_args__ = (
        Index(
            "uq_linked_identity_subject",
            "issuer",
            "subject",
            unique=True,
            postgresql_where=text("ended_at IS NULL"),
        ),
        {"schema": "blueprint"},
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("blueprint.person.id"), index=True)
    issuer: Mapped[str] = mapped_column(String(500))
    subject: Mapped[str] = mapped_column(String(255))
    linked_by: Mapped[str] = mapped_column(String(200))
    linked_at: Mapped[datetime]
    ended_by: Mapped[str | None] = mapped_column(String(200))
    ended_at: Mapped[datetime | None]

    person: Mapped[Person] = relationship(back_populates="identities")


class SessionRow(Base):
    """A session of a browser; of its token only the SHA-256 is kept. While it `awaits_code` it gives no right."""

    __tablename__ = "session"
    __table_args__ = (
        CheckConstraint("way IN ('password', 'openid_connect')", name="way"),
        {"schema": "blueprint"},
    )

    sha256: Mapped[str] = mapped_column(String(64), primary_key=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("blueprint.person.id"), index=True)
    made_at: Mapped[datetime]
    last_seen_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]
    address: Mapped[str | None] = mapped_column(String(60))
    user_agent: Mapped[str | None] = mapped_column(String(200))
    way: Mapped[str] = mapped_column(String(20))
    awaits_code: Mapped[bool]


class FailedSignIn(Base):
    """Failures of one login from one address, or of one address; `key` is a hash of them."""

    __tablename__ = "failed_sign_in"
    __table_args__ = ({"schema": "blueprint"},)

    key: Mapped[str] = mapped_column(String(64), primary_key=True)
    failures: Mapped[int]
    blocked_until: Mapped[datetime]
    last_at: Mapped[datetime]


def directory(at: datetime) -> TableValuedAlias:
    """Everybody who has an account, with the roles held at an instant: a function of the tables' owner.

    A reader sees no other person's row behind the second wall (`blueprint.wall`); here are names without secrets.
    """
    return func.blueprint.directory(bindparam(None, at, DateTime(timezone=True))).table_valued(
        column("login", String),
        column("name", String),
        column("role", String),
        column("department", String),
        column("section_id", Integer),
    )
