"""Rule sets that checks were made with, kept word for word, so that an old report can be verified after its rules changed;
and which rules a reader is shown.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import LargeBinary, String, event, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Mapped, Session, mapped_column

from blueprint.database import Base
from blueprint.layers.models import Layer
from blueprint.permissions import Act, Actor, may
from coordination.rule_file import parse_rule_set
from coordination.rule_sets import Rule, RuleSet


class KeptRuleSet(Base):
    """A rule set by the SHA-256 of its file, as whoever holds a report of a check may have it verified."""

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


def rules_for(session: Session, rule_set: RuleSet, *, actor: Actor) -> tuple[Rule, ...]:
    """The rules of layers that the actor may read: a rule names its layer and says what it protects (Art. 17, 18).

    A rule of a layer that the catalogue does not have is shown like one of a restricted layer, to who defines layers and
    reads them all: else it would show by its going that the layer has come.
    """
    known = {layer.code: layer.thing for layer in session.scalars(select(Layer))}
    may_know_all = may(actor, Act.DEFINE_LAYER)
    return tuple(
        rule
        for rule in rule_set.rules
        if (may(actor, Act.READ_LAYER, known[rule.layer]) if rule.layer in known else may_know_all)
    )
