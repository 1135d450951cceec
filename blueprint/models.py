"""Tables of the ground that are not layers: the city this database was made for, and tokens."""

from datetime import date, datetime

from sqlalchemy import CheckConstraint, String
from sqlalchemy.orm import Mapped, mapped_column

from blueprint.database import Base


class CityRow(Base):
    """The one city of this database; its working CRS never changes after it was made."""

    __tablename__ = "city"
    __table_args__ = (CheckConstraint("id = 1", name="single"), {"schema": "blueprint"})

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    name: Mapped[str] = mapped_column(String(200))
    administrative_code: Mapped[str] = mapped_column(String(20))
    working_srid: Mapped[int]
    geographic_srid: Mapped[int]


class Token(Base):
    """A bearer token of a department or of a service client; only its SHA-256 is kept."""

    __tablename__ = "token"
    __table_args__ = ({"schema": "blueprint"},)

    id: Mapped[int] = mapped_column(primary_key=True)
    sha256: Mapped[str] = mapped_column(String(64), unique=True)
    label: Mapped[str] = mapped_column(String(200))
    department: Mapped[str | None] = mapped_column(String(40))
    is_service: Mapped[bool] = mapped_column(default=False)
    made_at: Mapped[datetime]
    expires_on: Mapped[date]
    revoked_at: Mapped[datetime | None]
