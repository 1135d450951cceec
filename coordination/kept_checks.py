"""Kept checks (留存的检查): a report word for word with its footprint, for readers who may read every layer it speaks of."""

from dataclasses import dataclass, replace
from datetime import date, datetime

from sqlalchemy import cast, func, select
from sqlalchemy.dialects.postgresql import JSONPATH
from sqlalchemy.orm import Session

from blueprint.audit.log import record
from blueprint.city import City
from blueprint.errors import NotFoundError
from blueprint.footprint import Footprint
from blueprint.layers.models import Layer
from blueprint.permissions import Act, Actor, Thing, may
from blueprint.sharing.purposes import record_reading
from coordination.check_report import CheckReport
from coordination.kept_footprints import columns_of
from coordination.models import Check, FootprintRevision
from coordination.rules import Outcome

_TOLD_LAYERS = cast(f'$.layers[*] ? (@.outcome != "{Outcome.NOT_PERMITTED}").code', JSONPATH)
"""The codes of the layers that a report tells of."""


def keep_check(
    session: Session,
    report: CheckReport,
    footprint: Footprint,
    *,
    city: City,
    actor: Actor,
    now: datetime,
    project_id: int | None = None,
    footprint_revision_id: int | None = None,
) -> Check:
    """Keep a report with its footprint, so that it can be shown again and proven from its versions."""
    check = Check(
        project_id=project_id,
        footprint_revision_id=footprint_revision_id,
        digest=report.digest,
        on_day=report.on,
        verdict=str(report.verdict),
        report={},
        **columns_of(footprint, city),
        made_by=actor.name,
        made_at=now,
    )
    session.add(check)
    session.flush()
    check.report = replace(report, check_id=str(check.id)).to_json()
    session.flush()
    record(
        session,
        actor,
        Act.KEEP_CHECK,
        kind="check",
        id=check.id,
        after={"digest": check.digest, "verdict": check.verdict, "project": project_id},
    )
    return check


def find_check(session: Session, check_id: int, *, actor: Actor) -> Check:
    """A kept check, for a reader who may read every layer that it speaks of; for others there is no such check."""
    check = session.get(Check, check_id)
    if check is None or not may_see(session, check, actor):
        raise NotFoundError(
            "no check {check_id} was kept, or it speaks of layers that you may not read", check_id=check_id
        )
    record_reading(session, actor, _things_of(session, check), kind="kept_check", id=check.id)
    return check


@dataclass(frozen=True)
class CheckInShort:
    """A kept check of a project as a list shows it. `is_seen`: the reader may read every layer that it speaks of."""

    id: int
    digest: str
    on: date
    verdict: str
    made_at: datetime
    footprint_revision: int | None
    is_seen: bool


def checks_of(
    session: Session, project_id: int, *, actor: Actor, before: int = 0, limit: int = 50
) -> list[CheckInShort]:
    """The kept checks of a project, the latest first, from before the one of that number on; no report is loaded for it."""
    statement = (
        select(
            Check.id,
            Check.digest,
            Check.on_day,
            Check.verdict,
            Check.made_at,
            FootprintRevision.number,
            func.jsonb_path_query_array(Check.report, _TOLD_LAYERS),
        )
        .outerjoin(FootprintRevision, FootprintRevision.id == Check.footprint_revision_id)
        .where(Check.project_id == project_id)
        .order_by(Check.id.desc())
        .limit(limit)
    )
    if before:
        statement = statement.where(Check.id < before)
    things = {layer.code: layer.thing for layer in session.scalars(select(Layer))}
    readable = {code for code, thing in things.items() if may(actor, Act.READ_LAYER, thing)}
    shown: set[str] = set()
    found = []
    for number, digest, on, verdict, made_at, revision, codes in session.execute(statement):
        told = things.keys() & set(codes)
        is_seen = told <= readable
        found.append(CheckInShort(number, digest, on, verdict, made_at, revision, is_seen))
        shown |= told if is_seen else set()
    record_reading(
        session, actor, [things[code] for code in sorted(shown)], kind="kept_checks", id=project_id
    )
    return found


def _told(check: Check) -> set[str]:
    """The codes of the layers that a kept check tells of."""
    return {layer["code"] for layer in check.report["layers"] if layer["outcome"] != Outcome.NOT_PERMITTED}


def _things_of(session: Session, check: Check) -> list[Thing]:
    """The layers that a kept check tells of."""
    return [layer.thing for layer in session.scalars(select(Layer).where(Layer.code.in_(_told(check))))]


def may_see(session: Session, check: Check, actor: Actor) -> bool:
    """Say whether the actor may read every layer that a kept check speaks of: its verdict and digest tell of them all."""
    return all(may(actor, Act.READ_LAYER, thing) for thing in _things_of(session, check))
