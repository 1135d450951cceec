"""One place decides who may do what: `may(actor, act, thing)`, readable as the table `RIGHTS`."""

from dataclasses import dataclass, field
from enum import StrEnum

from blueprint.errors import NotPermittedError, NotSignedInError


class Role(StrEnum):
    """What an actor is; a department's token carries DEPARTMENT and, for two of them, their administration (Art. 6, 7)."""

    ANYONE = "anyone"
    DEPARTMENT = "department"
    COORDINATOR = "coordinator"
    APPROVALS = "approvals"
    SERVICE = "service"
    OPERATOR = "operator"


class Sensitivity(StrEnum):
    """The class of a layer's data (Art. 17, 18)."""

    PUBLIC = "public"
    INTERNAL = "internal"
    RESTRICTED = "restricted"


class Act(StrEnum):
    """Everything that can be asked of the service."""

    LIST_LAYERS = "list_layers"
    READ_LAYER = "read_layer"
    DEFINE_LAYER = "define_layer"
    UPLOAD_VERSION = "upload_version"
    BRING_INTO_FORCE = "bring_into_force"
    WITHDRAW_VERSION = "withdraw_version"
    EXPORT_LAYER = "export_layer"
    CHECK_FOOTPRINT = "check_footprint"
    READ_CHECK = "read_check"
    KEEP_CHECK = "keep_check"
    REGISTER_PROJECT = "register_project"
    READ_PROJECT = "read_project"
    CONSULT_DEPARTMENTS = "consult_departments"
    READ_OPINION_REQUESTS = "read_opinion_requests"
    GIVE_OPINION = "give_opinion"
    CLOSE_OVERDUE = "close_overdue"
    CLEAR_PROJECT = "clear_project"
    PUSH_HANDOVER = "push_handover"
    RECEIVE_HANDOVER = "receive_handover"
    READ_CASE = "read_case"
    BIND_PROJECT_CODE = "bind_project_code"
    ADVANCE_CASE = "advance_case"
    READ_AUDIT_LOG = "read_audit_log"
    EXPORT_AUDIT_LOG = "export_audit_log"
    REQUEST_ACCESS = "request_access"
    GRANT_ACCESS = "grant_access"
    READ_GRANTS = "read_grants"


@dataclass(frozen=True)
class Actor:
    """Who acts: a name for the record, the department, the roles."""

    name: str
    department: str | None = None
    roles: frozenset[Role] = field(default_factory=lambda: frozenset({Role.ANYONE}))

    @property
    def signed_in(self) -> bool:
        """Say whether the actor is known at all."""
        return self.roles != {Role.ANYONE}


ANONYMOUS = Actor(name="anonymous")


def operator(name: str) -> Actor:
    """The person at the command line of the machine itself."""
    return Actor(name=name, roles=frozenset({Role.ANYONE, Role.OPERATOR}))


@dataclass(frozen=True)
class Thing:
    """What is acted on, as far as rights depend on it: the department it belongs to, and its class."""

    department: str | None = None
    sensitivity: Sensitivity = Sensitivity.PUBLIC


_OWNER = "owner"
"""Marks a right that a department has on its own things only."""

_KEEPER = frozenset({Role.COORDINATOR, Role.OPERATOR})
_APPROVER = frozenset({Role.APPROVALS, Role.OPERATOR})
_PLANNER = frozenset({_OWNER, Role.COORDINATOR, Role.OPERATOR})
_MEMBER = frozenset({Role.DEPARTMENT, Role.OPERATOR})

RIGHTS: dict[Act, frozenset[str]] = {
    Act.LIST_LAYERS: frozenset({Role.ANYONE}),
    Act.READ_LAYER: frozenset({Role.ANYONE}),
    Act.DEFINE_LAYER: _KEEPER,
    Act.UPLOAD_VERSION: _PLANNER,
    Act.BRING_INTO_FORCE: _PLANNER,
    Act.WITHDRAW_VERSION: _PLANNER,
    Act.EXPORT_LAYER: _MEMBER,
    Act.CHECK_FOOTPRINT: frozenset({Role.ANYONE}),
    Act.READ_CHECK: _MEMBER,
    Act.KEEP_CHECK: _MEMBER,
    Act.REGISTER_PROJECT: _KEEPER,
    Act.READ_PROJECT: _MEMBER,
    Act.CONSULT_DEPARTMENTS: _KEEPER,
    Act.READ_OPINION_REQUESTS: _MEMBER,
    Act.GIVE_OPINION: frozenset({_OWNER, Role.OPERATOR}),
    Act.CLOSE_OVERDUE: _KEEPER,
    Act.CLEAR_PROJECT: _KEEPER,
    Act.PUSH_HANDOVER: _KEEPER,
    Act.RECEIVE_HANDOVER: frozenset({Role.SERVICE, Role.OPERATOR}),
    Act.READ_CASE: _MEMBER,
    Act.BIND_PROJECT_CODE: _APPROVER,
    Act.ADVANCE_CASE: _APPROVER,
    Act.READ_AUDIT_LOG: frozenset({Role.OPERATOR}),
    Act.EXPORT_AUDIT_LOG: frozenset({Role.OPERATOR}),
    Act.REQUEST_ACCESS: _MEMBER,
    Act.GRANT_ACCESS: frozenset({_OWNER, Role.OPERATOR}),
    Act.READ_GRANTS: _MEMBER,
}

_DATA_ACTS = frozenset({Act.READ_LAYER, Act.EXPORT_LAYER})


def may(actor: Actor, act: Act, thing: Thing | None = None) -> bool:
    """Say whether `actor` may do `act` on `thing`; data acts also ask the class of the layer (Art. 17, 18)."""
    thing = thing or Thing()
    holders: set[str] = set(actor.roles)
    if actor.department is not None and actor.department == thing.department:
        holders.add(_OWNER)
    if not holders & RIGHTS[act]:
        return False
    return act not in _DATA_ACTS or _cleared(holders, thing.sensitivity)


def _cleared(holders: set[str], sensitivity: Sensitivity) -> bool:
    if sensitivity is Sensitivity.PUBLIC:
        return True
    if sensitivity is Sensitivity.INTERNAL:
        return bool(holders & {Role.DEPARTMENT, Role.OPERATOR})
    return bool(holders & {_OWNER, Role.COORDINATOR, Role.OPERATOR})


def require(actor: Actor, act: Act, thing: Thing | None = None) -> None:
    """Refuse in one sentence what `may` does not allow."""
    if may(actor, act, thing):
        return
    if not actor.signed_in:
        raise NotSignedInError(
            f"sign in first: {act.replace('_', ' ')} needs a department's token (Authorization: Bearer …)"
        )
    raise NotPermittedError(
        f"{actor.name} may not {act.replace('_', ' ')} here; ask the department that keeps it"
    )
