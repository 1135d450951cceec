"""Tables of the ground that are not layers: the city this database was made for, tokens, the key of the second wall."""

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, LargeBinary, String, Text
from sqlalchemy.dialects.postgresql import ARRAY
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
    """A bearer token of a department or of a service client; only its SHA-256 is kept. Revoked at the end, never deleted.

    `acts` and `layers` are its scope; NULL is all that its department may.
    """

    __tablename__ = "token"
    __table_args__ = ({"schema": "blueprint"},)

    id: Mapped[int] = mapped_column(primary_key=True)
    sha256: Mapped[str] = mapped_column(String(64), unique=True)
    label: Mapped[str] = mapped_column(String(200))
    department: Mapped[str | None] = mapped_column(String(40))
    is_service: Mapped[bool] = mapped_column(default=False)
    acts: Mapped[list[str] | None] = mapped_column(ARRAY(Text))
    layers: Mapped[list[str] | None] = mapped_column(ARRAY(Text))
    made_by: Mapped[str] = mapped_column(String(200))
    made_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    revoked_by: Mapped[str | None] = mapped_column(String(200))
    revoked_at: Mapped[datetime | None]


class TokenUse(Base):
    """When a token was last used, to within minutes; apart from its row, which a long request would hold."""

    __tablename__ = "token_use"
    __table_args__ = ({"schema": "blueprint"},)

    token_id: Mapped[int] = mapped_column(
        ForeignKey("blueprint.token.id"), primary_key=True, autoincrement=False
    )
    used_at: Mapped[datetime | None]


class WallKey(Base):
    """The key by which the service signs whom a transaction is for (`wall`); only the owner of the tables reads it."""

    __tablename__ = "wall_key"
    __table_args__ = (CheckConstraint("id = 1", name="single"), {"schema": "blueprint"})

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    inner_key: Mapped[bytes] = mapped_column(LargeBinary)
    outer_key: Mapped[bytes] = mapped_column(LargeBinary)
