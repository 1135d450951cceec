"""Rule sets that checks were made with, kept word for word, so that an old report can be verified after its rules changed."""

from datetime import datetime
from typing import Any

from sqlalchemy import LargeBinary, String, event, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Mapped, Session, mapped_column

from blueprint.database import Base
from coordination.rule_sets import RuleSet, parse_rule_set


class KeptRuleSet(Base):
    """A rule set by the SHA-256 of its file; the rules are public, and so is this."""

    __tablename__ = "rule_set"
    __table_args__ = ({"schema": "coordination"},)

    sha256: Mapped[str] = mapped_column(String(64), primary_key=True)
    name: Mapped[str] = mapped_column(String(200))
    content: Mapped[bytes] = mapped_column(LargeBinary)
    first_used_at: Mapped[datetime] = mapped_column(server_default=func.now())


_known: set[tuple[Any, str]] = set()
"""What this process knows to be kept, by database: nearly every check uses the same."""


def keep_rule_set(session: Session, rule_set: RuleSet) -> None:
    """Keep a rule set the first time that a check uses it."""
    key = (session.get_bind().engine.url, rule_set.sha256)
    if key in _known:
        return
    values = {"sha256": rule_set.sha256, "name": rule_set.name[:200], "content": rule_set.content}
    session.execute(insert(KeptRuleSet).values(values).on_conflict_do_nothing())
    event.listen(session, "after_commit", lambda _: _known.add(key), once=True)


def kept_rule_set(session: Session, sha256: str) -> RuleSet | None:
    """The rule set of that SHA-256, if a check was made with it here."""
    kept = session.scalars(select(KeptRuleSet).where(KeptRuleSet.sha256 == sha256)).one_or_none()
    return parse_rule_set(kept.content, kept.name) if kept is not None else None
