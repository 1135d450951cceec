"""What data that is not public is read for (Art. 17): the grant's purpose, else the standing one of own data or of a role."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from blueprint.audit.log import record
from blueprint.permissions import Act, Actor, Grant, Role, Sensitivity, Thing

OWN_DATA = "本部门数据 own data"

STANDING_PURPOSES = {
    Role.COORDINATOR: "多规合一业务协同 departmental coordination (Art. 6)",
    Role.LEAD: "联合审批 joint approval (Art. 9)",
    Role.SUPERVISOR: "统计督办 supervision (Art. 2, 7)",
    Role.PLANNER: "在一张蓝图上编制规划 planning on the blueprint (Art. 8)",
    Role.REVIEWER: "提出部门意见 the department's opinion (Art. 8, 11)",
    Role.SECTION_HEAD: "提出部门意见 the department's opinion (Art. 8, 11)",
    Role.DIRECTOR: "提出部门意见 the department's opinion (Art. 8, 11)",
    Role.DEPARTMENT: "本部门履行职责 the department's own duty (Art. 8, 17)",
    Role.CONSOLE: "系统运行维护 upkeep of the service (Art. 7)",
}
"""What a role reads other departments' internal data for: that class is open to every department for its duty, so nobody
asks each time; the record says which duty. The first role that an actor holds counts."""


@dataclass(frozen=True)
class Ground:
    """On what ground somebody reads a layer: a purpose, and the grant that has it."""

    purpose: str | None
    grant: Grant | None = None


def ground_of(actor: Actor, thing: Thing, *, to_export: bool = False) -> Ground:
    """The ground on which an actor reads a layer that is not public, or takes it away."""
    if actor.department is not None and actor.department == thing.department:
        return Ground(OWN_DATA)
    grant = actor.grant_of(thing.layer, to_export=to_export)
    if grant is not None:
        return Ground(grant.purpose, grant)
    return Ground(next((why for role, why in STANDING_PURPOSES.items() if role in actor.roles), None))


def record_reading(
    session: Session,
    actor: Actor,
    things: Iterable[Thing],
    *,
    kind: str,
    id: str | int,
    after: Mapping[str, Any] | None = None,
) -> None:
    """Record that the actor was shown something of these layers, as far as they are not public, and what for (Art. 17)."""
    closed = {t.layer: t for t in things if t.sensitivity is not Sensitivity.PUBLIC and t.layer is not None}
    if not closed:
        return
    grounds = [ground_of(actor, thing) for thing in closed.values()]
    purposes = dict.fromkeys(ground.purpose for ground in grounds if ground.purpose)
    grants = dict.fromkeys(ground.grant.number for ground in grounds if ground.grant is not None)
    record(
        session,
        actor,
        Act.READ_LAYER,
        kind=kind,
        id=id,
        after={"layers": list(closed), "grants": list(grants), **(after or {})},
        purpose="; ".join(purposes) or None,
    )


def taken_by(actor: Actor, things: Iterable[Thing], now: datetime) -> str:
    """What stands in a file that is taken away: who took it when, and by which grants (Art. 17, 18)."""
    grounds = [ground_of(actor, thing) for thing in things if thing.sensitivity is not Sensitivity.PUBLIC]
    grants = sorted({ground.grant.number for ground in grounds if ground.grant is not None})
    by_grants = f" · 共享授权 grants {', '.join(map(str, grants))}" if grants else ""
    who = f"取用 taken by {actor.name} {actor.department or ''}"
    return f"{who} {now.isoformat(timespec='seconds')}{by_grants}"
