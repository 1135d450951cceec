"""Undoing what mending did (撤销修复): a feature of a draft has its shape as the file has it again, and is in error until it is corrected.

Decision 0046 says why the stored shape stays the mended one meanwhile.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, insert, literal, select, update
from sqlalchemy.orm import Session

from blueprint.audit.log import record
from blueprint.errors import ConflictError
from blueprint.layers.copied_draft import copy_to_draft
from blueprint.layers.models import GeometryKind, Layer, LayerVersion
from blueprint.layers.retirement import refuse_retired
from blueprint.permissions import Act, Actor
from blueprint.quality.kinds import Level
from blueprint.quality.models import QualityIssue, mending
from blueprint.quality.reading_issues import MENDED, UNDONE, keep_reading
from blueprint.sentences import Sentence


@dataclass(frozen=True)
class Undone:
    """The draft whose receipts changed, how many of them did, and what follows for who asked."""

    version: LayerVersion
    count: int
    follows: Sentence


def undo(
    session: Session,
    layer: Layer,
    version: LayerVersion,
    rows: Sequence[int] | None,
    *,
    actor: Actor,
    now: datetime,
) -> Undone:
    """Undo the mending of features, or of all: in a draft as it is, of a version that was in force in a copy, the next draft.

    The caller asked the right. Raises ConflictError for a feature without a receipt, and for a version that was
    withdrawn before it came into force.
    """
    _lock(session, layer, version)
    _refuse_unknown(session, version, rows)
    draft = version
    if version.periods:
        draft = copy_to_draft(session, layer, version, actor=actor, now=now)
        _copy_issues(session, version, draft)
    elif version.withdrawn_on is not None:
        raise ConflictError("version {number} is withdrawn", number=version.number)
    count = _mark(session, draft, rows, undone_by=actor.name, undone_at=now)
    _settle(session, draft)
    _record(session, actor, draft, rows, undone=count, base=version.number)
    told = {"count": count, "code": layer.code, "number": draft.number}
    stays = (
        Sentence("version {number} stays as it is; ", number=version.number) if draft is not version else ""
    )
    follows = Sentence(
        "{stays}{count} mendings of {code} version {number}, a draft, are undone: the shapes are as the file has them and"
        " invalid, each is an error; the draft cannot come into force until corrected shapes are uploaded (the whole"
        " file, or a delta on it) or the mendings are accepted again",
        stays=stays,
        **told,
    )
    return Undone(draft, count, follows)


def accept(
    session: Session,
    layer: Layer,
    version: LayerVersion,
    rows: Sequence[int] | None,
    *,
    actor: Actor,
    now: datetime,
) -> Undone:
    """Accept again mendings that were undone in a draft: their warnings are back, to be confirmed with a reason."""
    _lock(session, layer, version)
    _refuse_unknown(session, version, rows)
    count = _mark(session, version, rows, undone_by=None, undone_at=None)
    if count:
        _settle(session, version)
        _record(session, actor, version, rows, accepted=count, at=now)
    follows = Sentence(
        "{count} mendings of {code} version {number} are accepted again; their warnings are confirmed with a reason when"
        " it comes into force",
        count=count,
        code=layer.code,
        number=version.number,
    )
    return Undone(version, count, follows)


def _lock(session: Session, layer: Layer, version: LayerVersion) -> None:
    session.execute(select(Layer.id).where(Layer.id == layer.id).with_for_update())
    session.refresh(version, ["periods", "withdrawn_on", "issue_counts"])
    refuse_retired(layer)
    if layer.geometry == GeometryKind.RASTER:
        raise ConflictError("{layer_code} is a raster; nothing of it was mended", layer_code=layer.code)


def _refuse_unknown(session: Session, version: LayerVersion, rows: Sequence[int] | None) -> None:
    known = set(session.scalars(select(mending.c.feature_id).where(mending.c.version_id == version.id)))
    lacking = sorted(set(rows) - known) if rows is not None else []
    if lacking:
        raise ConflictError(
            "nothing was mended in feature {feature} of version {number}",
            feature=lacking[0],
            number=version.number,
        )
    if not known:
        raise ConflictError("nothing was mended in version {number}", number=version.number)


def _mark(
    session: Session,
    version: LayerVersion,
    rows: Sequence[int] | None,
    *,
    undone_by: str | None,
    undone_at: datetime | None,
) -> int:
    """Write into receipts that they are undone, or that they stand again; how many were not so before."""
    before = mending.c.undone_at.is_(None) if undone_at is not None else mending.c.undone_at.is_not(None)
    statement = (
        update(mending)
        .where(mending.c.version_id == version.id, before)
        .values(undone_by=undone_by, undone_at=undone_at)
        .returning(mending.c.feature_id)
    )
    if rows is not None:
        statement = statement.where(mending.c.feature_id.in_(rows))
    return len(session.execute(statement).all())


def _settle(session: Session, version: LayerVersion) -> None:
    """Bring the issues of the version's mendings up to its receipts; a confirmation of warnings was of others."""
    if version.issue_counts is None:
        return
    gone = session.scalars(
        delete(QualityIssue)
        .where(QualityIssue.version_id == version.id, QualityIssue.kind.in_((MENDED, UNDONE)))
        .returning(QualityIssue.level)
    )
    counts = Counter(version.issue_counts)
    counts.subtract(Counter(str(level) for level in gone))
    counts.update({str(level): count for level, count in keep_reading(session, version, only=MENDED).items()})
    version.issue_counts = {str(level): counts[str(level)] for level in Level}
    version.warnings_confirmed_by = version.warnings_confirmed_at = version.warnings_reason = None
    session.flush()


def _copy_issues(session: Session, version: LayerVersion, draft: LayerVersion) -> None:
    """The same features by the same standard have the same issues: they are not checked again."""
    columns = ("kind", "level", "feature_id", "other_feature_id", "field", "value", "params", "geom")
    table = QualityIssue.__table__
    found = (
        select(literal(draft.id), *(table.c[name] for name in columns))
        .where(table.c.version_id == version.id)
        .order_by(table.c.id)
    )
    session.execute(insert(QualityIssue).from_select(["version_id", *columns], found))


def _record(
    session: Session, actor: Actor, version: LayerVersion, rows: Sequence[int] | None, **what: object
) -> None:
    shown = list(rows[:100]) if rows is not None else "all"
    record(
        session,
        actor,
        Act.UPLOAD_VERSION,
        kind="mending",
        id=version.name,
        after={"features": shown}
        | {name: str(v) if isinstance(v, datetime) else v for name, v in what.items()},
    )
