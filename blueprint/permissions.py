"""One place decides who may do what: `may(actor, act, thing)`, readable as the tables `RIGHTS` and `CLEARED`.

A right is a role's, for an act, as far as its reach: the own department, the own level's territory, up to the city, or
everywhere. `blueprint account rights` prints the tables, `docs/rights.md` holds them.
"""

from dataclasses import dataclass, field
from enum import StrEnum

from blueprint.errors import NotPermittedError, NotSignedInError
from blueprint.levels import WHOLE_CITY, Reach, Territory
from blueprint.owed import HOW, Owed
from blueprint.sentences import Sentence, spoken


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

    READ_STANDARDS = "read_standards"
    LIST_LAYERS = "list_layers"
    READ_LAYER = "read_layer"
    COMPARE_VERSIONS = "compare_versions"
    DEFINE_LAYER = "define_layer"
    UPLOAD_VERSION = "upload_version"
    BRING_INTO_FORCE = "bring_into_force"
    WITHDRAW_VERSION = "withdraw_version"
    EXPORT_LAYER = "export_layer"
    READ_JOBS = "read_jobs"
    CHECK_FOOTPRINT = "check_footprint"
    READ_CHECK = "read_check"
    KEEP_CHECK = "keep_check"
    AUDIT_PLANS = "audit_plans"
    JUDGE_DIFFERENCE = "judge_difference"
    REGISTER_PROJECT = "register_project"
    READ_PROJECT = "read_project"
    CONSULT_DEPARTMENTS = "consult_departments"
    PUT_RULES_IN_FORCE = "put_rules_in_force"
    READ_OPINION_REQUESTS = "read_opinion_requests"
    GIVE_OPINION = "give_opinion"
    ENTER_OPINION = "enter_opinion"
    HANDLE_REQUEST = "handle_request"
    REVIEW_DRAFT = "review_draft"
    ISSUE_OPINION = "issue_opinion"
    ORGANISE_DEPARTMENT = "organise_department"
    ARRANGE_STAND_IN = "arrange_stand_in"
    STOP_CLOCK = "stop_clock"
    CONTEST_FINDING = "contest_finding"
    DECIDE_CONTEST = "decide_contest"
    ASK_FOR_GUIDANCE = "ask_for_guidance"
    GIVE_GUIDANCE = "give_guidance"
    CLOSE_OVERDUE = "close_overdue"
    READ_STATISTICS = "read_statistics"
    CLEAR_PROJECT = "clear_project"
    PUSH_HANDOVER = "push_handover"
    RECEIVE_HANDOVER = "receive_handover"
    READ_CASE = "read_case"
    BIND_PROJECT_CODE = "bind_project_code"
    PREPARE_CASE = "prepare_case"
    ADVANCE_CASE = "advance_case"
    LEAD_STAGE = "lead_stage"
    ACCEPT_ITEM = "accept_item"
    DECIDE_ITEM = "decide_item"
    GIVE_MATERIAL = "give_material"
    SUPERVISE = "supervise"
    SETTLE_MATTER = "settle_matter"
    EXCHANGE_DATA = "exchange_data"
    REQUEST_ACCESS = "request_access"
    GRANT_ACCESS = "grant_access"
    READ_GRANTS = "read_grants"
    READ_EXPORTS = "read_exports"
    READ_DEPARTMENTS = "read_departments"
    READ_OPEN_WORK = "read_open_work"
    READ_AUDIT_LOG = "read_audit_log"
    EXPORT_AUDIT_LOG = "export_audit_log"
    ADMINISTER_ACCOUNTS = "administer_accounts"
    REGISTER_CRS = "register_crs"


@dataclass(frozen=True)
class Grant:
    """Another department's layer that the actor's department was granted for a purpose (Art. 17)."""

    number: int
    layer: str
    purpose: str
    may_export: bool


@dataclass(frozen=True)
class Scope:
    """What a machine's token is for: some acts, some layers; None is all that its department may."""

    acts: frozenset[Act] | None = None
    layers: frozenset[str] | None = None

    def covers(self, act: Act, thing: "Thing") -> bool:
        """Say whether the token is for this; for some layers only, it is for no act on layers as such."""
        if self.acts is not None and act not in self.acts:
            return False
        return self.layers is None or act not in LAYER_ACTS or thing.layer in self.layers


UNSCOPED = Scope()


@dataclass(frozen=True)
class Post:
    """A role as somebody holds it now: in a section where it is of one; `holder` is whose it is when they stand in for them.

    Who was delegated single rights has them alone (`acts`); who stands in for somebody absent has all of the role's.
    """

    role: Role
    section_id: int | None = None
    holder: str | None = None
    acts: frozenset[Act] | None = None

    def covers(self, act: Act) -> bool:
        """Say whether the act is one of those that the post is held for."""
        return self.acts is None or act in self.acts


@dataclass(frozen=True)
class Actor:
    """Who acts: a name for the record, the department and level, the roles, and what the department was granted."""

    name: str
    department: str | None = None
    roles: frozenset[Role] = field(default_factory=lambda: frozenset({Role.ANYONE}))
    grants: tuple[Grant, ...] = ()
    person_id: int | None = None
    owes: Owed | None = None
    reader: str = ""
    """What names the session or token, without being it: reads are summed by it."""
    territory: Territory = WHOLE_CITY
    scope: Scope = UNSCOPED
    token_id: int | None = None
    posts: tuple[Post, ...] = ()
    """The posts of a person, own ones and those of whom they stand in for; a machine has none."""

    def roles_for(self, act: Act) -> frozenset[Role]:
        """The roles that count for an act: one's own, and those that somebody else's post gives for it."""
        lent = {post.role for post in self.posts if post.holder is not None and post.covers(act)}
        return self.roles | lent if lent else self.roles

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


Rights = dict[Role, Reach]
"""Which roles have a right, and how far it goes; whoever has the console has every right."""


def _own(*roles: Role) -> Rights:
    return dict.fromkeys(roles, Reach.OWN)


def _territory(*roles: Role) -> Rights:
    return dict.fromkeys(roles, Reach.TERRITORY) | {Role.CONSOLE: Reach.EVERYWHERE}


def _upward(*roles: Role) -> Rights:
    return dict.fromkeys(roles, Reach.UPWARD) | {Role.CONSOLE: Reach.EVERYWHERE}


def _any(*roles: Role) -> Rights:
    return dict.fromkeys((*roles, Role.CONSOLE), Reach.EVERYWHERE)


_OFFICE = (Role.DEPARTMENT, Role.PLANNER, Role.REVIEWER, Role.SECTION_HEAD, Role.DIRECTOR)
_DECIDERS = (Role.DEPARTMENT, Role.REVIEWER, Role.SECTION_HEAD, Role.DIRECTOR, Role.LEAD)
_MEMBERS = (*_OFFICE, Role.COORDINATOR, Role.LEAD, Role.SUPERVISOR)

RIGHTS: dict[Act, Rights] = {
    Act.READ_STANDARDS: _any(Role.ANYONE),
    Act.LIST_LAYERS: _any(Role.ANYONE),
    Act.READ_LAYER: _any(Role.ANYONE),
    Act.COMPARE_VERSIONS: _any(*_MEMBERS),
    Act.DEFINE_LAYER: _territory(Role.COORDINATOR),
    Act.UPLOAD_VERSION: _own(Role.DEPARTMENT, Role.PLANNER) | _territory(Role.COORDINATOR),
    Act.BRING_INTO_FORCE: _own(Role.DEPARTMENT, Role.PLANNER, Role.SECTION_HEAD, Role.DIRECTOR)
    | _territory(Role.COORDINATOR),
    Act.WITHDRAW_VERSION: _own(Role.DEPARTMENT, Role.PLANNER, Role.SECTION_HEAD, Role.DIRECTOR)
    | _territory(Role.COORDINATOR),
    Act.EXPORT_LAYER: _any(*_MEMBERS),
    Act.READ_JOBS: _any(*_MEMBERS),
    Act.CHECK_FOOTPRINT: _any(Role.ANYONE),
    Act.READ_CHECK: _any(*_MEMBERS),
    Act.KEEP_CHECK: _any(*_MEMBERS),
    Act.AUDIT_PLANS: _any(*_MEMBERS),
    Act.JUDGE_DIFFERENCE: _own(Role.DEPARTMENT, Role.PLANNER, Role.SECTION_HEAD, Role.DIRECTOR)
    | _territory(Role.COORDINATOR),
    Act.REGISTER_PROJECT: _territory(Role.COORDINATOR),
    Act.READ_PROJECT: _any(*_MEMBERS),
    Act.CONSULT_DEPARTMENTS: _territory(Role.COORDINATOR),
    Act.PUT_RULES_IN_FORCE: _territory(Role.COORDINATOR),
    Act.READ_OPINION_REQUESTS: _any(*_MEMBERS),
    Act.GIVE_OPINION: _own(Role.DEPARTMENT, Role.REVIEWER, Role.SECTION_HEAD, Role.DIRECTOR) | _any(),
    Act.ENTER_OPINION: _territory(Role.COORDINATOR),
    Act.HANDLE_REQUEST: _own(Role.DEPARTMENT, Role.REVIEWER, Role.SECTION_HEAD, Role.DIRECTOR) | _any(),
    Act.REVIEW_DRAFT: _own(Role.DEPARTMENT, Role.SECTION_HEAD, Role.DIRECTOR) | _any(),
    Act.ISSUE_OPINION: _own(Role.DEPARTMENT, Role.SECTION_HEAD, Role.DIRECTOR) | _any(),
    Act.ORGANISE_DEPARTMENT: _own(Role.DIRECTOR) | _any(),
    Act.ARRANGE_STAND_IN: _own(Role.REVIEWER, Role.SECTION_HEAD, Role.DIRECTOR) | _any(),
    Act.STOP_CLOCK: _own(Role.DEPARTMENT, Role.REVIEWER, Role.SECTION_HEAD, Role.DIRECTOR)
    | _territory(Role.COORDINATOR),
    Act.CONTEST_FINDING: _territory(Role.COORDINATOR),
    Act.DECIDE_CONTEST: _own(Role.DEPARTMENT, Role.SECTION_HEAD, Role.DIRECTOR) | _any(),
    Act.ASK_FOR_GUIDANCE: _own(Role.DEPARTMENT, Role.REVIEWER, Role.SECTION_HEAD, Role.DIRECTOR)
    | _territory(Role.COORDINATOR),
    Act.GIVE_GUIDANCE: _own(Role.DEPARTMENT, Role.SECTION_HEAD, Role.DIRECTOR) | _any(),
    Act.CLOSE_OVERDUE: _territory(Role.COORDINATOR) | _any(Role.SUPERVISOR),
    Act.READ_STATISTICS: _territory(Role.COORDINATOR) | _any(Role.SUPERVISOR),
    Act.CLEAR_PROJECT: _territory(Role.COORDINATOR),
    Act.PUSH_HANDOVER: _territory(Role.COORDINATOR),
    Act.RECEIVE_HANDOVER: _any(Role.SERVICE),
    Act.READ_CASE: _any(*_MEMBERS),
    Act.BIND_PROJECT_CODE: _territory(Role.LEAD),
    Act.PREPARE_CASE: _territory(Role.LEAD),
    Act.ADVANCE_CASE: _territory(Role.LEAD),
    Act.LEAD_STAGE: _own(Role.DEPARTMENT, Role.SECTION_HEAD, Role.DIRECTOR, Role.LEAD) | _any(),
    Act.ACCEPT_ITEM: _territory(Role.LEAD),
    Act.DECIDE_ITEM: _own(*_DECIDERS) | _any(),
    Act.GIVE_MATERIAL: _own(*_DECIDERS) | _territory(Role.LEAD),
    Act.SUPERVISE: _territory(Role.LEAD) | _any(Role.SUPERVISOR),
    Act.SETTLE_MATTER: _own(Role.DEPARTMENT, Role.SECTION_HEAD, Role.DIRECTOR, Role.LEAD) | _any(),
    Act.EXCHANGE_DATA: _territory(Role.LEAD),
    Act.REQUEST_ACCESS: _any(*_OFFICE, Role.COORDINATOR, Role.LEAD),
    Act.GRANT_ACCESS: _own(Role.DEPARTMENT, Role.SECTION_HEAD, Role.DIRECTOR) | _any(),
    Act.READ_GRANTS: _any(*_MEMBERS, Role.AUDITOR),
    Act.READ_EXPORTS: _any(*_MEMBERS, Role.AUDITOR),
    Act.READ_DEPARTMENTS: _any(*_MEMBERS, Role.OPERATOR, Role.AUDITOR),
    Act.READ_OPEN_WORK: _own(*_OFFICE, Role.LEAD) | _territory(Role.COORDINATOR) | _any(Role.SUPERVISOR),
    Act.READ_AUDIT_LOG: _any(Role.AUDITOR),
    Act.EXPORT_AUDIT_LOG: _any(Role.AUDITOR),
    Act.ADMINISTER_ACCOUNTS: _any(Role.OPERATOR),
    Act.REGISTER_CRS: _any(Role.OPERATOR),
}

CLEARED: dict[Sensitivity, Rights] = {
    Sensitivity.PUBLIC: _any(*Role),
    Sensitivity.INTERNAL: _upward(*_MEMBERS) | _any(Role.SUPERVISOR),
    Sensitivity.RESTRICTED: _own(*_MEMBERS) | _territory(Role.COORDINATOR),
}
"""Whose data a role may read or take away, by the layer's class (Art. 17, 18), if the act is a right of the actor's."""

DATA_ACTS = frozenset({Act.READ_LAYER, Act.EXPORT_LAYER})
"""Acts that ask the class of the layer, too."""

LAYER_ACTS = DATA_ACTS | {
    Act.DEFINE_LAYER,
    Act.UPLOAD_VERSION,
    Act.BRING_INTO_FORCE,
    Act.WITHDRAW_VERSION,
    Act.GRANT_ACCESS,
}
"""Acts on a layer, which a token may be limited to."""

_OF_A_DEPARTMENT = LAYER_ACTS | {
    Act.GIVE_OPINION,
    Act.HANDLE_REQUEST,
    Act.REVIEW_DRAFT,
    Act.ISSUE_OPINION,
    Act.ORGANISE_DEPARTMENT,
    Act.ARRANGE_STAND_IN,
    Act.STOP_CLOCK,
    Act.DECIDE_CONTEST,
    Act.ASK_FOR_GUIDANCE,
    Act.GIVE_GUIDANCE,
    Act.JUDGE_DIFFERENCE,
    Act.READ_OPEN_WORK,
    Act.LEAD_STAGE,
    Act.DECIDE_ITEM,
    Act.SETTLE_MATTER,
    Act.BIND_PROJECT_CODE,
    Act.PREPARE_CASE,
    Act.ADVANCE_CASE,
    Act.ACCEPT_ITEM,
    Act.GIVE_MATERIAL,
    Act.SUPERVISE,
}
"""Acts on a department's things, the cases of its hall among them; all others are on what is the city's."""


def may(actor: Actor, act: Act, thing: Thing | None = None) -> bool:
    """Say whether `actor` may do `act` on `thing`; outside its scope a token is worth no more than none."""
    thing = thing or Thing()
    if not actor.scope.covers(act, thing):
        actor = ANONYMOUS
    away = distance(actor, thing)
    roles = actor.roles_for(act)
    if not _reaches(roles, RIGHTS[act], away):
        return False
    return (
        act not in DATA_ACTS
        or _reaches(roles, CLEARED[thing.sensitivity], away)
        or _granted(actor, act, thing)
    )


def distance(actor: Actor, thing: Thing) -> Reach:
    """How far away from the actor a thing is."""
    if thing.department is not None and thing.department == actor.department:
        return Reach.OWN
    territory = actor.territory
    if territory.district is None or thing.department in territory.departments:
        return Reach.TERRITORY
    return Reach.EVERYWHERE if thing.department in territory.of_other_districts else Reach.UPWARD


def _reaches(roles: frozenset[Role], rights: Rights, away: Reach) -> bool:
    return any(role in rights and rights[role] >= away for role in roles)


def _granted(actor: Actor, act: Act, thing: Thing) -> bool:
    return actor.grant_of(thing.layer, to_export=act is Act.EXPORT_LAYER) is not None


def rights_of(actor: Actor) -> list[Act]:
    """The acts that the actor may do on the own department's things and on the city's, for menus."""
    own, city = Thing(department=actor.department), Thing()
    return [act for act in Act if may(actor, act, own if act in _OF_A_DEPARTMENT else city)]


class RefusedError(NotPermittedError):
    """Somebody known may not do this; says who, what and on which thing, so that it can be put on record."""

    def __init__(self, why: Sentence, *, actor: Actor, act: Act, thing: Thing) -> None:
        super().__init__(why)
        self.actor = actor
        self.act = act
        self.thing = thing


def require(actor: Actor, act: Act, thing: Thing | None = None) -> None:
    """Refuse in one sentence what `may` does not allow."""
    if may(actor, act, thing):
        return
    words = spoken(act)
    if not actor.signed_in and actor.person_id is None:
        raise NotSignedInError(
            "sign in first: {right} needs a session or a token (Authorization: Bearer …)", right=words
        )
    thing = thing or Thing()
    if not actor.signed_in:
        why = (
            Sentence("{name} first has to {what}", name=actor.name, what=HOW[actor.owes])
            if actor.owes is not None
            else Sentence("{name} holds no role at this moment", name=actor.name)
        )
    elif not actor.scope.covers(act, thing):
        why = Sentence(
            "this token is not made for: {right} here; ask the operator for one that is", right=words
        )
    else:
        why = Sentence(
            "{name} may not {right} here; ask the department that keeps it", name=actor.name, right=words
        )
    raise RefusedError(why, actor=actor, act=act, thing=thing)
