"""The applicant's view (申请人查询): by project code and a secret, without an account: where it is, what is missing, until when.

The window gives the secret out once; of it only the hash is kept, and a new one voids the one before. Names of officials,
other departments' opinions and files are not shown.
"""

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from approval.case_items import items_of
from approval.item_models import Item
from approval.item_states import HOLDERS, STATE_WORDS, Holder, ItemState, Step
from approval.materials import NeedState
from approval.models import Case
from approval.process_table import Obtained
from approval.requirements import Dossier, dossier_of, needs, still_lacking
from approval.stages import STAGE_TITLES, Stage, StageDays, StageStatus, in_sight
from approval.vouchers import KINDS, vouchers_of
from blueprint.accounts.throttle import Attempt, count_at_once, forget_attempts
from blueprint.audit.log import record
from blueprint.errors import ConflictError, NotSignedInError
from blueprint.permissions import Act, Actor
from blueprint.wall import DOOR, Sight, Viewer, enter, seeing

APPLICANT = Actor(name="applicant 申请人")
_SEES_CASES = Viewer(frozenset({Sight.CASES}))
_ALPHABET = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"
"""No letter that is taken for a digit; sixteen of them are 80 bits."""


def issue_secret(session: Session, case: Case, *, actor: Actor) -> str:
    """A new secret for the applicant of a case, told once; the one before is void."""
    if case.project_code is None:
        raise ConflictError("bind the project code first: the applicant asks by it")
    secret = "-".join("".join(secrets.choice(_ALPHABET) for _ in range(4)) for _ in range(4))
    is_new = case.applicant_secret_sha256 is None
    case.applicant_secret_sha256 = _hash(secret)
    session.flush()
    record(
        session,
        actor,
        Act.ACCEPT_ITEM,
        kind="case",
        id=case.project_code,
        after={"applicant_may_look": "first" if is_new else "again"},
    )
    return secret


def _hash(secret: str) -> str:
    return hashlib.sha256("".join(secret.split()).replace("-", "").upper().encode()).hexdigest()


@dataclass(frozen=True)
class StageProgress:
    """A stage as the applicant sees it."""

    stage: Stage
    title: str
    status: StageStatus
    accepted_on: date | None
    concluded_on: date | None
    due_on: date | None


@dataclass(frozen=True)
class VoucherProgress:
    """A written voucher that the applicant was handed of a step (书面凭证)."""

    step: int
    title: str
    given_on: date


@dataclass(frozen=True)
class ItemProgress:
    """An item as the applicant sees it: who has it, until when, and what the applicant has to hand in."""

    code: str
    round: int
    stage: Stage | None
    title: str
    department: str
    state: ItemState
    state_words: str
    holder: Holder | None
    due_on: date | None
    provisional: bool
    to_hand_in: list[str]
    stopped_for: str | None
    reason: str | None
    result_number: str | None
    concluded_on: date | None
    vouchers: list[VoucherProgress]


@dataclass(frozen=True)
class Progress:
    """Where a case is; nothing goes on in it since `withdrawn_on`, until it is handed over again."""

    project_code: str
    project_name: str
    withdrawn_on: date | None
    stages: list[StageProgress]
    items: list[ItemProgress]


def look(
    session: Session, engine: Engine, project_code: str, secret: str, *, address: str, now: datetime
) -> Case:
    """The case of a code and its secret; wrong ones have to wait, and learn not which of the two was wrong."""
    code = project_code.strip()
    count_at_once(engine, code, address, now, attempt=Attempt.APPLICANT)
    enter(session, _SEES_CASES)
    case = session.scalars(select(Case).where(Case.project_code == code)).one_or_none()
    kept = case.applicant_secret_sha256 if case is not None else None
    if not hmac.compare_digest(_hash(secret), kept or "0" * 64) or case is None:
        raise NotSignedInError(
            "no case has this project code and this secret; ask the window for a new secret"
        )
    with seeing(DOOR), Session(engine) as counting, counting.begin():
        forget_attempts(counting, code, address, attempt=Attempt.APPLICANT)
    record(session, APPLICANT, "read_progress", kind="case", id=code)
    return case


def progress_of(session: Session, case: Case, names: dict[str, str], *, today: date) -> Progress:
    """What the applicant is told of the own case."""
    items = items_of(session, case)
    dossier = dossier_of(session, case) if items else None
    return Progress(
        project_code=case.project_code or case.planning_number,
        project_name=case.project_name,
        withdrawn_on=case.withdrawn_on,
        stages=[
            StageProgress(
                Stage(row.stage),
                STAGE_TITLES[Stage(row.stage)],
                StageDays(Stage(row.stage), row.accepted_on, row.concluded_on).status,
                row.accepted_on,
                row.concluded_on,
                in_sight(row.due_on) if row.concluded_on is None else None,
            )
            for row in case.stages
        ],
        items=[_item(item, names, _to_hand_in(dossier, item, today) if dossier else []) for item in items],
    )


def _item(item: Item, names: dict[str, str], to_hand_in: list[str]) -> ItemProgress:
    state = ItemState(item.state)
    last = item.steps[-1] if item.steps else None
    ended_without = state in (
        ItemState.NOT_ACCEPTED,
        ItemState.ACCEPTANCE_REFUSED,
        ItemState.REFUSED,
        ItemState.REVOKED,
    )
    return ItemProgress(
        code=item.code,
        round=item.round,
        stage=Stage(item.stage) if item.stage else None,
        title=item.title,
        department=names.get(item.department, item.department),
        state=state,
        state_words=STATE_WORDS[state],
        holder=HOLDERS.get(state),
        due_on=item.due_on,
        provisional=item.provisional,
        to_hand_in=to_hand_in,
        stopped_for=str(last.detail.get("title")) if last and state is ItemState.STOPPED else None,
        reason=last.reason if last and ended_without else None,
        result_number=item.result.number if item.result is not None else None,
        concluded_on=item.concluded_on,
        vouchers=[
            VoucherProgress(row.number, KINDS[Step(row.step)].title, row.taken_on)
            for row in vouchers_of(item)
        ],
    )


def _to_hand_in(dossier: Dossier, item: Item, today: date) -> list[str]:
    """What is missing: before acceptance what the item needs, in a correction what was asked for and did not come, and promises."""
    table, state, told = dossier.table, ItemState(item.state), list[str]()
    if state is ItemState.CORRECTION_ASKED:
        asked = next(step for step in reversed(item.steps) if step.step == Step.ASK_CORRECTION)
        told = [
            f"{lack['title']}：{lack['defect'] or lack['what']}"
            for lack in still_lacking(asked, dossier.library)
        ]
    elif state in (ItemState.NOT_SUBMITTED, ItemState.SUBMITTED) and not item.on_commitment:
        told = [
            f"{need.title}（{_NOT_HERE[need.state]}）"
            for need in needs(dossier, item, today)
            if need.state in _NOT_HERE
            and any(table.material(code).obtained_from is Obtained.APPLICANT for code in need.codes)
        ]
    promised = [promise for promise in dossier.promises if promise.item_id == item.id]
    return told + [f"{table.material(p.material).title}（容缺，{p.due_on} 前 until）" for p in promised]


_NOT_HERE = {NeedState.MISSING: "待提交 to hand in", NeedState.EXPIRED: "已过期 expired"}
