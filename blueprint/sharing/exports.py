"""Taking a version of a layer away as a file: by right, within limits, with a stamp, registered (Art. 17, 18)."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy import ColumnElement, func, or_, select
from sqlalchemy.orm import Session, joinedload

from blueprint.audit.log import record
from blueprint.city import City
from blueprint.errors import (
    InvalidInputError,
    NotFoundError,
    NotPermittedError,
    TooManyAttemptsError,
    UnavailableError,
)
from blueprint.layers.drafts import refuse_draft_of_others
from blueprint.layers.export import Write, form_of, write_version
from blueprint.layers.models import Layer, LayerVersion
from blueprint.layers.stamps import Stamp, new_number, trace_of
from blueprint.permissions import Act, Actor, Grant, Role, Sensitivity, require
from blueprint.sentences import Sentence
from blueprint.sharing.models import AccessGrant, Export, GrantState
from blueprint.sharing.purposes import OWN_DATA, ground_of


@dataclass(frozen=True)
class Left:
    """What may still be taken away: files and features."""

    exports: int
    features: int

    def refusal_of(self, features: int) -> Sentence | None:
        """Why one more file of so many features is too much; None when it is not."""
        if self.exports <= 0:
            return Sentence("no export is left")
        if features > self.features:
            return Sentence(
                "{left:,} features are left, and this version has {features:,}",
                left=max(0, self.features),
                features=features,
            )
        return None


def export_layer(
    session: Session,
    layer: Layer,
    version: LayerVersion,
    path: Path,
    *,
    actor: Actor,
    city: City,
    now: datetime,
    purpose: str | None = None,
    write: Write = write_version,
) -> Export:
    """Write a version to a file with its stamp, and register it; all but the file is in the caller's transaction.

    What of it is written is `write`'s: the whole, or what it differs in from another.

    Refused without the right, without a purpose where none is granted, and beyond what the grant or the day lets be taken.
    """
    require(actor, Act.EXPORT_LAYER, layer.thing)
    refuse_draft_of_others(actor, layer, version)
    form_of(path, is_raster=version.raster is not None and write is write_version)
    terms = terms_of(session, layer, version.feature_count, purpose=purpose, actor=actor, city=city, now=now)
    stamp = stamp_of(
        layer,
        version,
        new_number(),
        purpose=terms.purpose,
        conditions=terms.conditions,
        grant=terms.grant,
        city=city,
        actor=actor,
        now=now,
    )
    features = write(session, layer, version, path, city=city, stamp=stamp)
    return register(session, version, path, stamp, features=features, actor=actor)


@dataclass(frozen=True)
class ExportTerms:
    """On what something of a layer is taken away: what for, under which conditions, by which grant."""

    purpose: str | None
    conditions: str | None
    grant: Grant | None


def terms_of(
    session: Session,
    layer: Layer,
    features: int,
    *,
    purpose: str | None,
    actor: Actor,
    city: City,
    now: datetime,
) -> ExportTerms:
    """The terms on which the actor takes so many features of a layer away.

    Refused without a purpose where none is granted, and beyond what the grant or the day lets be taken.
    """
    ground = ground_of(actor, layer.thing, to_export=True)
    is_open = layer.sensitivity == Sensitivity.PUBLIC
    conditions = layer.conditions
    grant = None if is_open else ground.grant
    if grant is not None:
        conditions = _hold_to_grant(session, grant, features, now=now).conditions or conditions
        purpose = grant.purpose
    elif not is_open:
        purpose = _stated(purpose, is_own=ground.purpose == OWN_DATA)
    if not is_open and Role.CONSOLE not in actor.roles:
        _hold_to_day(session, features, actor=actor, city=city, now=now)
    return ExportTerms(purpose, conditions, grant)


def stamp_of(
    layer: Layer,
    version: LayerVersion,
    number: str,
    *,
    purpose: str | None,
    conditions: str | None,
    grant: Grant | None,
    city: City,
    actor: Actor,
    now: datetime,
    other_numbers: tuple[str, ...] = (),
) -> Stamp:
    """The stamp of a file that the actor takes away of a version, under this number of the register."""
    return Stamp(
        number=number,
        account=actor.name,
        department=actor.department,
        exported_at=now,
        city=city.name,
        layer=layer.code,
        title=layer.title,
        version=version.number,
        sensitivity=layer.sensitivity,
        owner=layer.department,
        purpose=purpose,
        conditions=conditions,
        grants=(grant.number,) if grant is not None else (),
        other_numbers=other_numbers,
    )


def register(
    session: Session, version: LayerVersion, path: Path, stamp: Stamp, *, features: int, actor: Actor
) -> Export:
    """Put a file that was written with this stamp in the register and on record."""
    try:
        trace = trace_of(path)
    except OSError as error:
        raise UnavailableError(
            "the file that was written cannot be read again: {strerror}", strerror=error.strerror
        ) from error
    export = Export(
        number=stamp.number,
        version_id=version.id,
        version=version,
        grant_id=next(iter(stamp.grants), None),
        account=stamp.account,
        department=stamp.department,
        format=path.suffix.removeprefix(".").lower(),
        sensitivity=stamp.sensitivity,
        features=features,
        bytes=trace.size,
        sha256=trace.sha256,
        purpose=stamp.purpose,
        exported_at=stamp.exported_at,
    )
    session.add(export)
    session.flush()
    names = ("number", "grant_id", "format", "features", "bytes", "sha256")
    record(
        session,
        actor,
        Act.EXPORT_LAYER,
        kind="version",
        id=f"{stamp.layer} v{stamp.version}",
        after={name: getattr(export, name) for name in names},
        purpose=stamp.purpose,
    )
    return export


def _stated(purpose: str | None, *, is_own: bool) -> str:
    """What data that is taken away without a grant is for: said each time, but for one's own."""
    stated = (purpose or "").strip()
    if stated:
        return stated
    if is_own:
        return OWN_DATA
    raise InvalidInputError(
        "say what the file is for (purpose): data that is not public is taken away for the unit's own duty only (Art. 17)",
        place="purpose",
    )


def _hold_to_grant(session: Session, grant: Grant, taken: int, *, now: datetime) -> AccessGrant:
    """Refuse what is more than the grant lets be taken; its row is locked, so that two at once are counted one by one."""
    row = session.scalars(
        select(AccessGrant).where(AccessGrant.id == grant.number).with_for_update(),
        execution_options={"populate_existing": True},
    ).one()
    if row.state != GrantState.GRANTED or row.ends_on is None or row.ends_on < now.date():
        raise NotPermittedError(
            "grant {row_id} was withdrawn or is over; ask {owner} for access", row_id=row.id, owner=row.owner
        )
    files, features = _taken(session, Export.grant_id == row.id)
    left = Left(row.most_exports - files, row.most_features - features)
    refusal = left.refusal_of(taken)
    if refusal is not None:
        raise NotPermittedError(
            "grant {row_id} allows {most_exports} exports and {most_features:,} features until {ends_on}:"
            " {refusal}; ask {owner} for a new grant",
            row_id=row.id,
            most_exports=row.most_exports,
            most_features=row.most_features,
            ends_on=row.ends_on,
            refusal=refusal,
            owner=row.owner,
        )
    return row


def _hold_to_day(session: Session, taken: int, *, actor: Actor, city: City, now: datetime) -> None:
    """Refuse what is more than an account may take in a day; a lock of the account lets nobody pass beside another."""
    lock = func.hashtextextended(f"blueprint.export {actor.name}", 0)
    session.execute(select(func.pg_advisory_xact_lock(lock)))
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    files, features = _taken(
        session,
        Export.account == actor.name,
        Export.exported_at >= midnight,
        Export.sensitivity != Sensitivity.PUBLIC,
    )
    limits = city.limits
    left = Left(limits.exports_per_day - files, limits.exported_features_per_day - features)
    refusal = left.refusal_of(taken)
    if refusal is not None:
        raise TooManyAttemptsError(
            "an account takes at most {exports_per_day} files and {exported_features_per_day:,} features"
            " that are not public away in a day: {refusal}; go on tomorrow",
            exports_per_day=limits.exports_per_day,
            exported_features_per_day=limits.exported_features_per_day,
            refusal=refusal,
            retry_after=midnight + timedelta(days=1) - now,
        )


def _taken(session: Session, *which: ColumnElement[bool]) -> tuple[int, int]:
    """How many files and features were taken away."""
    counted = select(func.count(Export.id), func.coalesce(func.sum(Export.features), 0)).where(*which)
    files, features = session.execute(counted).one()
    return int(files), int(features)


def list_exports(
    session: Session,
    *,
    actor: Actor,
    layer: str | None = None,
    number: str | None = None,
    sha256: str | None = None,
    before: int | None = None,
    limit: int = 200,
) -> list[Export]:
    """Exports that the actor's department made, or of its layers, newest first; an overseer sees all."""
    require(actor, Act.READ_EXPORTS)
    statement = (
        select(Export)
        .join(Export.version)
        .join(LayerVersion.layer)
        .options(joinedload(Export.version).joinedload(LayerVersion.layer))
        .order_by(Export.id.desc())
        .limit(limit)
    )
    if not actor.roles & {Role.AUDITOR, Role.CONSOLE}:
        mine = actor.department or ""
        statement = statement.where(or_(Export.department == mine, Layer.department == mine))
    if layer is not None:
        statement = statement.where(Layer.code == layer)
    if number is not None:
        statement = statement.where(Export.number == number)
    if sha256 is not None:
        statement = statement.where(Export.sha256 == sha256.lower())
    if before is not None:
        statement = statement.where(Export.id < before)
    return list(session.scalars(statement))


@dataclass(frozen=True)
class Traced:
    """Where a file comes from; `is_unchanged` says that it is that very file, byte by byte."""

    export: Export
    is_unchanged: bool


def trace_file(session: Session, path: Path, *, actor: Actor) -> list[Traced]:
    """Which exports a file is or was made from: by its SHA-256, else by the numbers that stand in it."""
    try:
        trace = trace_of(path)
    except OSError as error:
        raise InvalidInputError(
            "cannot read {path}: {strerror}", path=path, strerror=error.strerror
        ) from error
    same = list_exports(session, actor=actor, sha256=trace.sha256)
    if same:
        return [Traced(export, is_unchanged=True) for export in same]
    named = [
        export for number in trace.numbers for export in list_exports(session, actor=actor, number=number)
    ]
    if not named:
        told = (
            Sentence("it names {numbers}, which is", numbers=trace.numbers)
            if trace.numbers
            else Sentence("it has no stamp, and its SHA-256 is")
        )
        raise NotFoundError(
            "{file_name} cannot be traced: {told} not in the register of exports that you see",
            file_name=path.name,
            told=told,
        )
    return [Traced(export, is_unchanged=False) for export in named]
