"""Proving the audit log: every hash follows from the one before it, and the head is where an anchor saw it."""

import json
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path

from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from blueprint.audit.models import AuditCheckpoint, AuditEntry
from blueprint.errors import ConflictError, InvalidInputError
from blueprint.sentences import Sentence

_WALKING = 0x61756469745F6C67
"""The lock of who walks the chain for a request."""

_FIRST_WRONG = """
SELECT seq, CASE
    WHEN seq <> expected_seq THEN 'gap'
    WHEN previous <> expected_previous THEN 'break'
    ELSE 'change'
END AS reason
FROM (
    SELECT entry.seq, entry.previous, entry.hash, blueprint.audit_hash(entry) AS right_hash,
        lag(entry.seq, 1, CAST(:seq AS bigint)) OVER in_order + 1 AS expected_seq,
        lag(entry.hash, 1, CAST(:hash AS bytea)) OVER in_order AS expected_previous
    FROM blueprint.audit_entry AS entry
    WHERE entry.seq > :seq AND entry.seq <= :last
    WINDOW in_order AS (ORDER BY entry.seq)
) AS chained
WHERE seq <> expected_seq OR previous <> expected_previous OR hash <> right_hash
ORDER BY seq
LIMIT 1
"""

_REASONS = {
    "gap": Sentence("entries before it are missing, or it was put in"),
    "break": Sentence("it does not follow from the entry before it"),
    "change": Sentence("it was changed"),
}

PIECE = 50_000
"""How many entries are walked for one request: some seconds' work."""

_END_OF_PIECE = """
SELECT max(piece.seq)
FROM (SELECT seq FROM blueprint.audit_entry WHERE seq > :seq ORDER BY seq LIMIT :most) AS piece
"""


@dataclass(frozen=True)
class Anchor:
    """The head of the log as it was at a moment, kept where the database's keeper cannot change it."""

    seq: int
    hash: str
    at: str


@dataclass(frozen=True)
class Verification:
    """What was found: the number of entries and the head, or the first entry that is wrong and why.

    `walked_to` is the last entry that was looked at: below the head, another walk goes on from there.
    """

    entries: int
    head: int
    wrong_seq: int | None = None
    reason: Sentence | None = None
    walked_to: int = field(default=0, compare=False)

    @property
    def holds(self) -> bool:
        """Say whether the log is as it was written."""
        return self.wrong_seq is None


def verify(
    session: Session, anchors: list[Anchor] | None = None, *, after: int = 0, most: int | None = None
) -> Verification:
    """Walk the whole chain from the last checkpoint, and compare with every anchor that lies on it.

    With `most` so many entries at a time, from the entry `after` on, to which the walk before has come.
    """
    began = session.scalars(
        select(AuditCheckpoint).order_by(AuditCheckpoint.seq.desc()).limit(1)
    ).one_or_none()
    seq, previous = (began.seq, began.hash) if began else (0, _genesis(session))
    entries, head = session.execute(
        text("SELECT count(*), coalesce(max(seq), :seq) FROM blueprint.audit_entry"), {"seq": seq}
    ).one()
    if after > head:
        raise InvalidInputError(
            "the log has {head} entries, none {after}; begin anew", head=head, after=after, place="cursor"
        )
    if after > seq:
        reached = session.get(AuditEntry, after, populate_existing=True)
        if reached is None:
            return Verification(
                entries, head, after, Sentence("the entry that the walk had come to is not there")
            )
        seq, previous = after, reached.hash
    last: int = session.scalar(text(_END_OF_PIECE), {"seq": seq, "most": most}) or seq
    wrong = session.execute(text(_FIRST_WRONG), {"seq": seq, "hash": previous, "last": last}).one_or_none()
    if wrong is not None:
        return Verification(entries, head, wrong.seq, _REASONS[wrong.reason], last)
    for anchor in anchors or ():
        reason = _broken_anchor(session, anchor, retired_to=began, head=head)
        if reason is not None:
            return Verification(entries, head, anchor.seq, reason, last)
    return Verification(entries, head, walked_to=last)


def verify_piece(session: Session, anchors: list[Anchor], *, after: int = 0) -> Verification:
    """A piece of the walk for a request: one at a time, since it takes a while and keeps a connection."""
    is_free = session.scalar(select(func.pg_try_advisory_xact_lock(_WALKING)))
    if not is_free:
        raise ConflictError("the log is being verified already; wait until that is done")
    return verify(session, anchors, after=after, most=PIECE)


def _broken_anchor(
    session: Session, anchor: Anchor, *, retired_to: AuditCheckpoint | None, head: int
) -> Sentence | None:
    if anchor.seq > head:
        return Sentence(
            "the log ends at {head}, but it reached {seq} on {at}: its end was cut off",
            head=head,
            seq=anchor.seq,
            at=anchor.at,
        )
    if retired_to is not None and anchor.seq < retired_to.seq:
        return None
    if retired_to is not None and anchor.seq == retired_to.seq:
        found: bytes | None = retired_to.hash
    else:
        entry = session.get(AuditEntry, anchor.seq, populate_existing=True)
        found = entry.hash if entry is not None else None
    if anchor.seq and (found is None or found.hex() != anchor.hash):
        return Sentence("it is not the entry that was anchored on {at}: the log was rewritten", at=anchor.at)
    return None


def head_of(session: Session, now: datetime) -> Anchor:
    """The head of the log now, to be kept somewhere else."""
    entry = session.scalars(select(AuditEntry).order_by(AuditEntry.seq.desc()).limit(1)).one_or_none()
    if entry is None:
        return Anchor(0, "", now.isoformat())
    return Anchor(entry.seq, entry.hash.hex(), now.isoformat())


def write_anchor(path: Path, anchor: Anchor) -> None:
    """Add an anchor to a file of one JSON object a line."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8") as stream:
        stream.write(json.dumps(asdict(anchor)) + "\n")


def read_anchors(path: Path) -> list[Anchor]:
    """The anchors of a file; none when there is no file."""
    if not path.exists():
        return []
    try:
        return [Anchor(**json.loads(line)) for line in path.read_text(encoding="utf-8").splitlines() if line]
    except (ValueError, TypeError) as error:
        raise InvalidInputError("{path} is no file of anchors: {error}", path=path, error=error) from error


def _genesis(session: Session) -> bytes:
    return bytes(session.scalar(text("SELECT sha256('One Blueprint')")) or b"")
