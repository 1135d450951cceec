"""Terms that end by the day: a version past its own term, or past the day of its review, is not asked from the next day on."""

from datetime import date

from sqlalchemy import Date, cast, func, literal, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from blueprint.layers.models import InForcePeriod, LayerVersion, PublicationEvent
from blueprint.layers.succession import Succession


def note_ended_terms(session: Session, *, today: date, by: str) -> int:
    """Note of every version in force that its term has ended since it came into force, each once; says how many were new.

    Nobody acts on that day, so whoever looks at what is due has it noted. A version that came into force past its term
    was told of as such when it did.
    """
    ended_on = func.least(LayerVersion.valid_until, LayerVersion.review_by)
    ended = (
        select(
            InForcePeriod.layer_id,
            LayerVersion.id,
            cast(ended_on + 1, Date),
            literal(Succession.EXPIRED.value),
            literal(by),
        )
        .join(LayerVersion, LayerVersion.id == InForcePeriod.version_id)
        .where(InForcePeriod.days.contains(today), ended_on < today, ended_on >= InForcePeriod.starts_on)
    )
    event = PublicationEvent
    statement = (
        insert(event)
        .from_select([event.layer_id, event.old_version_id, event.starts_on, event.act, event.made_by], ended)
        .on_conflict_do_nothing()
        .returning(event.id)
    )
    return len(session.scalars(statement).all())
