"""The second wall: PostgreSQL itself shows of the sensitive tables only what the one a transaction is for may see.

The code's own checks (`permissions`) stand in front of it; this one holds when a query forgets them. Every transaction
tells the database who it is for, signed with a key that the database's owner keeps; policies of the tables read it.
"""

import hashlib
import hmac
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import lru_cache

import orjson
from sqlalchemy import Connection, Engine, event, text
from sqlalchemy.orm import Session, SessionTransaction

from blueprint.database import execute_plainly
from blueprint.permissions import Act, Actor, Role, Sensitivity, Thing, may

_VIEWER, _DUE, _TOLD = "wall_viewer", "wall_due", "wall_told"
_BLOCK = 64
"""Bytes of a block of SHA-256, to which HMAC fills a key up (RFC 2104)."""


class Sight(StrEnum):
    """A kind of rows that a viewer sees all of; what is of the own department or person is seen without."""

    PROJECTS = "projects"
    OPINIONS = "opinions"
    OPEN_WORK = "open_work"
    CHECKS = "checks"
    RESTRICTED = "restricted"
    CASES = "cases"
    JOBS = "jobs"
    GRANTS = "grants"
    ACCOUNTS = "accounts"
    AUDIT = "audit"
    EVERYTHING = "everything"


@dataclass(frozen=True)
class Viewer:
    """Whom a transaction is for, as the policies ask.

    `departments` are those whose open work is seen, the own among them; of restricted layers are seen those of the
    departments `cleared`, and the `layers` that were granted.
    """

    sees: frozenset[Sight] = frozenset()
    account: str | None = None
    department: str | None = None
    person_id: int | None = None
    departments: tuple[str, ...] = ()
    cleared: tuple[str, ...] = ()
    layers: tuple[str, ...] = ()

    def told(self) -> bytes:
        """The viewer as the database's functions read it."""
        return orjson.dumps(
            {
                "sees": sorted(self.sees),
                "account": self.account,
                "department": self.department,
                "person": self.person_id,
                "departments": self.departments,
                "cleared": self.cleared,
                "layers": self.layers,
            }
        )


NOBODY = Viewer()
KEEPER = Viewer(frozenset({Sight.EVERYTHING}))
"""The machine's own command line, and work that falls due."""

DOOR = Viewer(frozenset({Sight.ACCOUNTS, Sight.GRANTS}))
"""While it is found out who is there."""


@lru_cache(maxsize=1024)
def viewer_of(actor: Actor) -> Viewer:
    """What an actor sees, by the table of rights; the layers that a token is limited to are the code's to ask."""
    if Role.CONSOLE in actor.roles:
        return KEEPER
    actor = replace(actor, scope=replace(actor.scope, layers=None))
    own = Thing(department=actor.department)
    rights = {
        Sight.PROJECTS: any(may(actor, act, own) for act in _ON_PROJECTS),
        Sight.OPINIONS: any(
            may(actor, act) for act in (Act.CONSULT_DEPARTMENTS, Act.CLEAR_PROJECT, Act.CLOSE_OVERDUE)
        ),
        Sight.OPEN_WORK: may(actor, Act.READ_OPEN_WORK),
        Sight.CHECKS: any(may(actor, act) for act in (Act.READ_CHECK, Act.KEEP_CHECK, Act.CLEAR_PROJECT)),
        Sight.RESTRICTED: _cleared(actor, None),
        Sight.CASES: any(may(actor, act) for act in _ON_CASES),
        Sight.JOBS: may(actor, Act.READ_JOBS),
        Sight.GRANTS: may(actor, Act.READ_AUDIT_LOG),
        Sight.ACCOUNTS: may(actor, Act.ADMINISTER_ACCOUNTS),
        Sight.AUDIT: may(actor, Act.READ_AUDIT_LOG),
    }
    departments = {actor.department or "", *actor.territory.departments}
    overseen = (d for d in departments if may(actor, Act.READ_OPEN_WORK, Thing(department=d)))
    return Viewer(
        sees=frozenset(sight for sight, held in rights.items() if held),
        account=actor.name,
        department=actor.department,
        person_id=actor.person_id,
        departments=tuple(sorted({actor.department or "", *overseen} - {""})),
        cleared=tuple(sorted(d for d in departments if _cleared(actor, d))),
        layers=tuple(grant.layer for grant in actor.grants),
    )


_ON_PROJECTS = (
    Act.READ_PROJECT,
    Act.REGISTER_PROJECT,
    Act.CONSULT_DEPARTMENTS,
    Act.READ_OPINION_REQUESTS,
    Act.GIVE_OPINION,
    Act.CLOSE_OVERDUE,
    Act.READ_OPEN_WORK,
    Act.KEEP_CHECK,
    Act.CLEAR_PROJECT,
    Act.PUSH_HANDOVER,
)
"""Whoever may do one of these sees projects: a token may be for that act alone."""

_ON_CASES = (
    Act.READ_CASE,
    Act.RECEIVE_HANDOVER,
    Act.BIND_PROJECT_CODE,
    Act.PREPARE_CASE,
    Act.ADVANCE_CASE,
    Act.LEAD_STAGE,
    Act.ACCEPT_ITEM,
    Act.DECIDE_ITEM,
    Act.GIVE_MATERIAL,
    Act.SUPERVISE,
    Act.SETTLE_MATTER,
    Act.EXCHANGE_DATA,
)


def _cleared(actor: Actor, department: str | None) -> bool:
    return may(actor, Act.READ_LAYER, Thing(department, Sensitivity.RESTRICTED))


_around: ContextVar[Viewer] = ContextVar("wall_viewer", default=NOBODY)


@contextmanager
def seeing(viewer: Viewer) -> Iterator[None]:
    """Transactions begun inside are for this viewer, unless their session entered as another."""
    token = _around.set(viewer)
    try:
        yield
    finally:
        _around.reset(token)


def enter(session: Session, viewer: Viewer) -> None:
    """From here on the session is for this viewer: the transaction under way and all that follow."""
    session.info[_VIEWER] = viewer
    if session.in_transaction():
        session.connection().info[_DUE] = viewer


@event.listens_for(Engine, "begin")
def _on_begin(connection: Connection) -> None:
    connection.info[_TOLD], connection.info[_DUE] = NOBODY, _around.get()


@event.listens_for(Session, "after_begin")
def _after_begin(session: Session, transaction: SessionTransaction, connection: Connection) -> None:
    if _VIEWER in session.info and not transaction.nested:
        connection.info[_DUE] = session.info[_VIEWER]


@event.listens_for(Engine, "before_cursor_execute")
def _before_statement(connection: Connection, *_: object) -> None:
    """Tell who a transaction is for with its first statement; before any savepoint, whose undoing would untell it.

    What goes past this (`database.execute_plainly`) reads no walled table, and would see nothing of it.
    """
    due = connection.info.get(_DUE, NOBODY)
    if connection.info.get(_TOLD, NOBODY) != due:
        _tell(connection, due)


def _tell(connection: Connection, viewer: Viewer) -> None:
    told = viewer.told()
    process_id = connection.connection.dbapi_connection.get_backend_pid()  # type: ignore[union-attr]
    signature = hmac.digest(
        wall_key(connection.engine.url.password), f"{process_id} ".encode() + told, "sha256"
    ).hex()
    execute_plainly(
        connection,
        "SELECT set_config('blueprint.viewer', %(told)s, TRUE)",
        {"told": f"{signature} {told.decode()}"},
    )
    connection.info[_TOLD] = viewer


@lru_cache(maxsize=8)
def wall_key(password: object) -> bytes:
    """The key by which the service signs, from the password of its role: whoever has that is the service."""
    return hashlib.sha256(f"One Blueprint wall {password or ''}".encode()).digest()


def set_key(connection: Connection, password: str | None) -> None:
    """Keep the key of the service's role, or none: then what is told counts unsigned. For the tables' owner."""
    connection.execute(text("DELETE FROM blueprint.wall_key"))
    if password is not None:
        padded = wall_key(password).ljust(_BLOCK, b"\0")
        connection.execute(
            text("INSERT INTO blueprint.wall_key (id, inner_key, outer_key) VALUES (1, :inner, :outer)"),
            {"inner": bytes(b ^ 0x36 for b in padded), "outer": bytes(b ^ 0x5C for b in padded)},
        )


class WallState(StrEnum):
    """How the wall stands for the role that the service uses."""

    UP = "up"
    OWNED = "owned"
    DOWN = "down"


def wall_state(connection: Connection) -> WallState | None:
    """How the wall stands for the role of this connection; None when the database has no wall yet.

    Who owns the tables is held to the policies, but could sign for anybody and take them away; superusers and roles with
    BYPASSRLS are not held at all.
    """
    row = connection.execute(
        text(
            "SELECT rolsuper OR rolbypassrls AS is_free, pg_has_role(current_user, relowner, 'USAGE') AS is_owner"
            " FROM pg_roles, pg_class WHERE rolname = current_user AND pg_class.oid = to_regclass('blueprint.wall_key')"
        )
    ).one_or_none()
    if row is None:
        return None
    if row.is_free:
        return WallState.DOWN
    return WallState.OWNED if row.is_owner else WallState.UP
