"""One place decides who may do what: `may(actor, act, thing)`, readable as the table `RIGHTS`."""

from dataclasses import dataclass, field
from enum import StrEnum

from blueprint.errors import NotPermittedError, NotSignedInError


class Role(StrEnum):
    """What an actor is. A person holds roles by appointment; a machine's token is of a department or of the interface."""

    ANYONE = "anyone"
    PLANNER = "planner"
    REVIEWER = "reviewer"
    SECTION_HEAD = "section_head"
    DIRECTOR = "director"
    COORDINATOR = "coordinator"
    LEAD = "lead"
    SUPERVISOR = "supervisor"
    OPERATOR = "operator"
    AUDITOR = "auditor"
    DEPARTMENT = "department"
    SERVICE = "service"
    CONSOLE = "console"


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
    REQUEST_ACCESS = "request_access"
    GRANT_ACCESS = "grant_access"
    READ_GRANTS = "read_grants"
    READ_EXPORTS = "read_exports"
    READ_AUDIT_LOG = "read_audit_log"
    EXPORT_AUDIT_LOG = "export_audit_log"
    ADMINISTER_ACCOUNTS = "administer_accounts"


@dataclass(frozen=True)
class Grant:
    """Another department's layer that the actor's department was granted for a purpose (Art. 17)."""

    number: int
    layer: str
    purpose: str
    may_export: bool


@dataclass(frozen=True)
class Actor:
    """Who acts: a name for the record, the department, the roles, and what the department was granted."""

    name: str
    department: str | None = None
    roles: frozenset[Role] = field(default_factory=lambda: frozenset({Role.ANYONE}))
    grants: tuple[Grant, ...] = ()
    person_id: int | None = None
    reader: str = ""
    """What names the session or token, without being it: reads are summed by it."""

    @property
    def signed_in(self) -> bool:
        """Say whether the actor is known at all."""
        return self.roles != {Role.ANYONE}

    def grant_of(self, layer: str | None, *, to_export: bool = False) -> Grant | None:
        """The grant that opens a layer to the actor, if there is one; `to_export`: one that lets it be taken away."""
        mine = (grant for grant in self.grants if grant.layer == layer)
        return next((grant for grant in mine if grant.may_export or not to_export), None)


ANONYMOUS = Actor(name="anonymous")


def at_console(name: str) -> Actor:
    """The person at the command line of the machine itself, who has the database anyway; the record says `console`."""
    return Actor(name=name, roles=frozenset({Role.ANYONE, Role.CONSOLE}))


@dataclass(frozen=True)
class Thing:
    """What is acted on, as far as rights depend on it: its department, its class, and which layer it is."""

    department: str | None = None
    sensitivity: Sensitivity = Sensitivity.PUBLIC
    layer: str | None = None


def _own(*roles: Role) -> frozenset[str]:
    """A right that a role has on its own department's things only."""
    return frozenset(f"own {role}" for role in roles)


def _any(*roles: Role) -> frozenset[str]:
    """A right on everybody's things; whoever has the console has every right."""
    return frozenset({*roles, Role.CONSOLE})


_OFFICE = (Role.DEPARTMENT, Role.PLANNER, Role.REVIEWER, Role.SECTION_HEAD, Role.DIRECTOR)
_MEMBERS = (*_OFFICE, Role.COORDINATOR, Role.LEAD, Role.SUPERVISOR)

RIGHTS: dict[Act, frozenset[str]] = {
    Act.LIST_LAYERS: _any(Role.ANYONE),
    Act.READ_LAYER: _any(Role.ANYONE),
    Act.DEFINE_LAYER: _any(Role.COORDINATOR),
    Act.UPLOAD_VERSION: _own(Role.DEPARTMENT, Role.PLANNER) | _any(Role.COORDINATOR),
    Act.BRING_INTO_FORCE: _own(Role.DEPARTMENT, Role.PLANNER, Role.SECTION_HEAD, Role.DIRECTOR)
    | _any(Role.COORDINATOR),
    Act.WITHDRAW_VERSION: _own(Role.DEPARTMENT, Role.PLANNER, Role.SECTION_HEAD, Role.DIRECTOR)
    | _any(Role.COORDINATOR),
    Act.EXPORT_LAYER: _any(*_MEMBERS),
    Act.CHECK_FOOTPRINT: _any(Role.ANYONE),
    Act.READ_CHECK: _any(*_MEMBERS),
    Act.KEEP_CHECK: _any(*_MEMBERS),
    Act.REGISTER_PROJECT: _any(Role.COORDINATOR),
    Act.READ_PROJECT: _any(*_MEMBERS),
    Act.CONSULT_DEPARTMENTS: _any(Role.COORDINATOR),
    Act.READ_OPINION_REQUESTS: _any(*_MEMBERS),
    Act.GIVE_OPINION: _own(Role.DEPARTMENT, Role.REVIEWER, Role.SECTION_HEAD, Role.DIRECTOR) | _any(),
    Act.CLOSE_OVERDUE: _any(Role.COORDINATOR, Role.SUPERVISOR),
    Act.CLEAR_PROJECT: _any(Role.COORDINATOR),
    Act.PUSH_HANDOVER: _any(Role.COORDINATOR),
    Act.RECEIVE_HANDOVER: _any(Role.SERVICE),
    Act.READ_CASE: _any(*_MEMBERS),
    Act.BIND_PROJECT_CODE: _any(Role.LEAD),
    Act.ADVANCE_CASE: _any(Role.LEAD),
    Act.REQUEST_ACCESS: _any(*_OFFICE, Role.COORDINATOR, Role.LEAD),
    Act.GRANT_ACCESS: _own(Role.DEPARTMENT, Role.SECTION_HEAD, Role.DIRECTOR) | _any(),
    Act.READ_GRANTS: _any(*_MEMBERS, Role.AUDITOR),
    Act.READ_EXPORTS: _any(*_MEMBERS, Role.AUDITOR),
    Act.READ_AUDIT_LOG: _any(Role.AUDITOR),
    Act.EXPORT_AUDIT_LOG: _any(Role.AUDITOR),
    Act.ADMINISTER_ACCOUNTS: _any(Role.OPERATOR),
}

_DATA_ACTS = frozenset({Act.READ_LAYER, Act.EXPORT_LAYER})


def may(actor: Actor, act: Act, thing: Thing | None = None) -> bool:
    """Say whether `actor` may do `act` on `thing`; data acts also ask the class of the layer (Art. 17, 18)."""
    thing = thing or Thing()
    holders = _holders(actor, thing)
    if not holders & RIGHTS[act]:
        return False
    return act not in _DATA_ACTS or _cleared(actor, act, holders, thing)


def _holders(actor: Actor, thing: Thing) -> set[str]:
    holders: set[str] = set(actor.roles)
    if actor.department is not None and actor.department == thing.department:
        holders |= _own(*actor.roles)
    return holders


_INSIDERS = frozenset({*_MEMBERS, Role.CONSOLE})
_CLEARED = _own(*_MEMBERS) | {Role.COORDINATOR, Role.CONSOLE}


def _cleared(actor: Actor, act: Act, holders: set[str], thing: Thing) -> bool:
    if thing.sensitivity is Sensitivity.PUBLIC:
        return True
    if thing.sensitivity is Sensitivity.INTERNAL:
        return bool(holders & _INSIDERS)
    if holders & _CLEARED:
        return True
    return actor.grant_of(thing.layer, to_export=act is Act.EXPORT_LAYER) is not None


def rights_of(actor: Actor) -> list[Act]:
    """The acts that the actor may do on things of the own department, for menus."""
    thing = Thing(department=actor.department)
    return [act for act in Act if _holders(actor, thing) & RIGHTS[act]]


def require(actor: Actor, act: Act, thing: Thing | None = None) -> None:
    """Refuse in one sentence what `may` does not allow."""
    if may(actor, act, thing):
        return
    if not actor.signed_in and actor.person_id is not None:
        raise NotPermittedError(
            f"{actor.name} holds no role at this moment, or has to change the password first (POST /api/me/password)"
        )
    if not actor.signed_in:
        raise NotSignedInError(
            f"sign in first: {act.replace('_', ' ')} needs a session or a token (Authorization: Bearer …)"
        )
    raise NotPermittedError(
        f"{actor.name} may not {act.replace('_', ' ')} here; ask the department that keeps it"
    )
