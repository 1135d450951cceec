"""The shared library of materials (Art. 14): given once, in any stage or by coordination, and found by itself ever after."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session, joinedload

from approval.clock import months_later
from approval.item_models import Item, Material, MaterialReader, Promise
from approval.item_states import ENDED_WITHOUT
from approval.models import Case
from approval.process_table import ItemRule, MaterialRule, Obtained, ProcessTable
from blueprint.audit.log import record
from blueprint.errors import ConflictError, InvalidInputError, NotFoundError
from blueprint.objects import Stored
from blueprint.permissions import Act, Actor
from blueprint.sentences import Word

ORIGIN_WORDS = {
    Obtained.APPLICANT: Word("given by the applicant"),
    Obtained.HANDOVER: Word("handed over by coordination"),
    Obtained.RESULT: Word("as the result of an item"),
}


class NeedState(StrEnum):
    """How a material that an item needs stands: 已有, 已过期, 容缺承诺, 待提交."""

    HERE = "here"
    EXPIRED = "expired"
    PROMISED = "promised"
    MISSING = "missing"


@dataclass(frozen=True)
class Need:
    """A material that an item needs (one of `codes`), and the one in the library that fills it."""

    codes: tuple[str, ...]
    title: str
    state: NeedState
    material: Material | None = None
    promised_until: date | None = None


Library = Mapping[str, Material]
"""The newest version of every material of a case."""


def library(session: Session, case_id: int, code: str | None = None) -> Library:
    """The case's materials, or the one of a code; of each the newest version."""
    statement = select(Material).where(Material.case_id == case_id).order_by(Material.version)
    if code is not None:
        statement = statement.where(Material.code == code)
    return {material.code: material for material in session.scalars(statement)}


def is_valid(material: Material, today: date) -> bool:
    """Say whether a material still counts; its last day does."""
    return material.valid_until is None or material.valid_until >= today


def needs_of(
    rule: ItemRule,
    table: ProcessTable,
    known: Library,
    promises: Iterable[Promise],
    *,
    today: date,
    needed_items: Collection[str],
) -> list[Need]:
    """What an item needs, each filled from the library where it is there (Art. 14).

    The result of an item that the case does not need is not asked for: nobody could bring it.
    """
    promised = {promise.material: promise.due_on for promise in promises}
    results = {item.result for item in table.items.values() if item.code in needed_items}
    possible = (
        tuple(
            code
            for code in codes
            if table.material(code).obtained_from is not Obtained.RESULT or code in results or code in known
        )
        for codes in rule.materials
    )
    return [_need(codes, table, known, promised, today) for codes in possible if codes]


def _need(
    codes: tuple[str, ...],
    table: ProcessTable,
    known: Library,
    promised: Mapping[str, date],
    today: date,
) -> Need:
    title = " / ".join(table.material(code).title for code in codes)
    found = [known[code] for code in codes if code in known]
    for material in found:
        if is_valid(material, today):
            return Need(codes, title, NeedState.HERE, material)
    for code in codes:
        if code in promised:
            return Need(codes, title, NeedState.PROMISED, promised_until=promised[code])
    return Need(codes, title, NeedState.EXPIRED if found else NeedState.MISSING, next(iter(found), None))


def place_of(material: Material) -> str:
    """Where a material lies, in words: who is asked again is told this instead."""
    item = f"，事项 item {material.item.code} {material.item.title}" if material.item is not None else ""
    until = f"，有效至 valid until {material.valid_until}" if material.valid_until else ""
    return (
        f"{material.title} ({material.code}) 第 {material.version} 版 version {material.version}，"
        f"{ORIGIN_WORDS[Obtained(material.origin)].both}，{material.given_on}{item}{until}"
    )


def refuse_known(known: Library, code: str, today: date) -> None:
    """Refuse to ask for, or to take, what is there and valid (Art. 14); says where it lies."""
    material = known.get(code)
    if material is not None and is_valid(material, today):
        raise ConflictError(
            "{place_of} is in the case already and is not asked for again (Art. 14); a"
            " version that has to be replaced needs a reason",
            place_of=place_of(material),
        )


@dataclass(frozen=True)
class FileGiven:
    """A file as it was kept: its name and place in the object folder."""

    name: str
    stored: Stored


@dataclass(frozen=True)
class MaterialGiven:
    """A material that the applicant hands in; `replaces_reason` says why what is there must be replaced."""

    code: str
    file: FileGiven
    valid_until: date | None = None
    replaces_reason: str | None = None
    item: Item | None = None


def submit(
    session: Session,
    case: Case,
    table: ProcessTable,
    given: MaterialGiven,
    *,
    actor: Actor,
    now: datetime,
) -> Material:
    """Take a material into the case's library, for every item that needs it now or later; keeps promises of it."""
    rule, today = table.material(given.code), now.date()
    if rule.obtained_from is not Obtained.APPLICANT:
        raise ConflictError(
            "{rule_title} ({rule_code}) comes {origin_words}; the applicant is not asked for it (Art. 14)",
            rule_title=rule.title,
            rule_code=rule.code,
            origin_words=ORIGIN_WORDS[rule.obtained_from],
        )
    known = library(session, case.id, rule.code)
    reason = (given.replaces_reason or "").strip() or None
    if reason is None:
        refuse_known(known, rule.code, today)
    if given.valid_until is not None and given.valid_until < today:
        raise InvalidInputError(
            "{rule_title} was valid until {valid_until} only",
            rule_title=rule.title,
            valid_until=given.valid_until,
            place="valid_until",
        )
    material = Material(
        case_id=case.id,
        code=rule.code,
        version=known[rule.code].version + 1 if rule.code in known else 1,
        title=rule.title,
        origin=Obtained.APPLICANT,
        item=given.item,
        given_on=today,
        given_by=actor.name,
        valid_until=given.valid_until or _valid_until(rule, today),
        replaces_reason=reason,
        file_name=given.file.name,
        sha256=given.file.stored.sha256,
        size_bytes=given.file.stored.size_bytes,
    )
    session.add(material)
    session.flush()
    for promise in open_promises(session, case.id, rule.code):
        promise.kept_on = today
    session.flush()
    _note(session, actor, case, material, act=Act.GIVE_MATERIAL)
    return material


def _valid_until(rule: MaterialRule, today: date) -> date | None:
    return months_later(today, rule.valid_months) if rule.valid_months is not None else None


def open_promises(
    session: Session, case_id: int, code: str | None = None, *, item: Item | None = None
) -> Sequence[Promise]:
    """Promises of a case that were not kept yet, of one material if a code is given, or for one item.

    For an item that ended without approval nothing is owed any more.
    """
    statement = (
        select(Promise)
        .join(Promise.item)
        .where(Item.case_id == case_id, Item.state.not_in(ENDED_WITHOUT), Promise.kept_on.is_(None))
    )
    if item is not None:
        statement = statement.where(Promise.item_id == item.id)
    if code is not None:
        statement = statement.where(Promise.material == code)
    return session.scalars(statement.order_by(Promise.due_on, Promise.id)).all()


def list_materials(session: Session, case: Case) -> Sequence[Material]:
    """Every version of every material of a case."""
    statement = (
        select(Material)
        .where(Material.case_id == case.id)
        .options(joinedload(Material.item))
        .order_by(Material.code, Material.version)
    )
    return session.scalars(statement).all()


def read_file(session: Session, case: Case, material_id: int, *, actor: Actor, now: datetime) -> Material:
    """The material whose file is shown to somebody; who read it is recorded, and told in the list of its readers."""
    material = _find(session, case, material_id)
    if material.sha256 is None:
        raise NotFoundError(
            "{material_title} has no file (yet): {origin_words}",
            material_title=material.title,
            origin_words=ORIGIN_WORDS[Obtained(material.origin)],
        )
    _note(session, actor, case, material, act=Act.READ_CASE)
    session.execute(
        insert(MaterialReader)
        .values(
            material_id=material.id,
            name=actor.name,
            department=actor.department,
            first_at=now,
            last_at=now,
            times=1,
        )
        .on_conflict_do_update(
            index_elements=[MaterialReader.material_id, MaterialReader.name],
            set_={"last_at": now, "times": MaterialReader.times + 1, "department": actor.department},
        )
    )
    return material


def readers_of(session: Session, case: Case, material_id: int) -> Sequence[MaterialReader]:
    """Who read a version of a material, the last first."""
    material = _find(session, case, material_id)
    statement = select(MaterialReader).where(MaterialReader.material_id == material.id)
    return session.scalars(statement.order_by(MaterialReader.last_at.desc(), MaterialReader.id)).all()


def _find(session: Session, case: Case, material_id: int) -> Material:
    material = session.get(Material, material_id)
    if material is None or material.case_id != case.id:
        raise NotFoundError("no material {material_id} in this case", material_id=material_id)
    return material


def _note(session: Session, actor: Actor, case: Case, material: Material, *, act: Act) -> None:
    after: dict[str, Any] = {"version": material.version, "sha256": material.sha256}
    record(
        session,
        actor,
        act,
        kind="material",
        id=f"{case.project_code or case.planning_number}/{material.code}",
        after=after,
    )
