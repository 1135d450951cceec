"""Who a person is at an OpenID Connect provider: an operator registers the pair (issuer, subject), and nothing else matches."""

from datetime import datetime

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from blueprint.accounts.models import LinkedIdentity, Person
from blueprint.audit.log import record
from blueprint.errors import ConflictError, InvalidInputError, NotFoundError
from blueprint.permissions import Act, Actor, require


def link(
    session: Session, person: Person, *, issuer: str, subject: str, actor: Actor, now: datetime
) -> LinkedIdentity:
    """Let whom the provider calls `subject` sign in as this person; nobody links the own account."""
    require(actor, Act.ADMINISTER_ACCOUNTS)
    if actor.person_id == person.id:
        raise ConflictError("nobody links the own account; let another operator do it")
    if not issuer.strip() or not subject.strip():
        raise InvalidInputError("an identity needs the provider's issuer and the subject that it tells")
    holder = session.scalar(
        select(Person.login).join(LinkedIdentity).where(*_now(issuer, subject)).with_for_update()
    )
    if holder is not None:
        raise ConflictError("this subject is linked to {holder}; end that link first", holder=holder)
    identity = LinkedIdentity(
        person=person, issuer=issuer, subject=subject, linked_by=actor.name, linked_at=now
    )
    session.add(identity)
    session.flush()
    record(
        session,
        actor,
        "link_identity",
        kind="person",
        id=person.login,
        after={"number": identity.id, "issuer": issuer, "subject": subject},
    )
    return identity


def unlink(session: Session, identity_id: int, *, actor: Actor, now: datetime) -> LinkedIdentity:
    """End a link at once; it stays on record."""
    require(actor, Act.ADMINISTER_ACCOUNTS)
    identity = session.get(LinkedIdentity, identity_id, with_for_update=True)
    if identity is None:
        raise NotFoundError(
            "no link {identity_id}; `blueprint account show LOGIN` lists them", identity_id=identity_id
        )
    if identity.ended_at is not None:
        raise ConflictError(
            "link {identity_id} ended on {ended_at} already",
            identity_id=identity_id,
            ended_at=identity.ended_at,
        )
    identity.ended_by, identity.ended_at = actor.name, now
    session.flush()
    record(
        session,
        actor,
        "unlink_identity",
        kind="person",
        id=identity.person.login,
        before={"number": identity.id, "issuer": identity.issuer, "subject": identity.subject},
    )
    return identity


def person_of(session: Session, *, issuer: str, subject: str) -> Person | None:
    """The person that this pair was registered for."""
    return session.scalars(select(Person).join(LinkedIdentity).where(*_now(issuer, subject))).one_or_none()


def _now(issuer: str, subject: str) -> tuple[ColumnElement[bool], ...]:
    return (
        LinkedIdentity.issuer == issuer,
        LinkedIdentity.subject == subject,
        LinkedIdentity.ended_at.is_(None),
    )
