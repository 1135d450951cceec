"""The table of attachments (附件): files of a project or of a department's answer, kept by their SHA-256."""

from datetime import datetime

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from blueprint.database import Base
from coordination.models import OpinionRequest, Project


class Attachment(Base):
    """A file of a project, or of one department's request; never changed. The file lies in the object folder."""

    __tablename__ = "attachment"
    __table_args__ = (
        CheckConstraint("size_bytes > 0", name="size"),
        Index("ix_attachment_project_id", "project_id"),
        Index("ix_attachment_request_id", "request_id"),
        {"schema": "coordination"},
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    project_id: Mapped[int] = mapped_column(ForeignKey("coordination.project.id"))
    request_id: Mapped[int | None] = mapped_column(ForeignKey("coordination.opinion_request.id"))
    file_name: Mapped[str] = mapped_column(String(200))
    kind: Mapped[str] = mapped_column(String(10))
    sha256: Mapped[str] = mapped_column(String(64))
    size_bytes: Mapped[int] = mapped_column(BigInteger)
    about: Mapped[str | None] = mapped_column(Text)
    added_by: Mapped[str] = mapped_column(String(200))
    added_department: Mapped[str | None] = mapped_column(String(40))
    added_at: Mapped[datetime]

    project: Mapped[Project] = relationship()
    request: Mapped[OpinionRequest | None] = relationship()
