"""Preparing a case (Art. 3, 9): its project type, the items that it needs and who approves them, before anything is accepted.

The case keeps the process table that is in force on that day for good; the hall that prepares it follows it to its end
(Art. 12).
"""

import json
from collections.abc import Collection, Sequence
from datetime import date, datetime
from functools import lru_cache
from pathlib import Path
from weakref import WeakKeyDictionary

from sqlalchemy import Engine, delete, select, update
from sqlalchemy.orm import Session

from approval.case_items import case_name, item_name, items_of
from approval.handed_papers import forget_papers, keep_papers
from approval.item_models import Item, ItemStep, Material, ProcessTableVersion
from approval.item_states import ENDED_WITHOUT, ItemState
from approval.matter_models import Matter
from approval.models import Case
from approval.obligations import forget_of_handover, from_handover
from approval.process_table import (
    TABLES,
    ItemRule,
    Obtained,
    ProcessTable,
    load_document,
    newest,
    read_document,
)
from blueprint.audit.log import record
from blueprint.city import City, DepartmentRole
from blueprint.errors import ConflictError, InvalidInputError
from blueprint.permissions import Act, Actor


@lru_cache(maxsize=16)
def _parsed(content: str) -> ProcessTable:
    return read_document(json.loads(content))


def _content(folder: Path) -> str:
    return json.dumps(load_document(folder), ensure_ascii=False, sort_keys=True)


def table_in_force(city: City, *, today: date) -> ProcessTable:
    """The table that a case prepared today would start under: the city's own, else the general one."""
    return newest((_parsed(_content(folder)) for folder in _folders(city)), today=today)


def _folders(city: City) -> list[Path]:
    folder = city.process_tables or TABLES
    return sorted(path.parent for path in folder.glob("*/table.toml"))


def table_of(session: Session, case: Case) -> ProcessTable:
    """The table that a case started under."""
    if case.process_version is None:
        raise ConflictError(
            "{planning_number} is not prepared yet: say its project type first (PUT …/process)",
            planning_number=case.planning_number,
        )
    return table_kept(session, case.process_version)


def table_kept(session: Session, version: str) -> ProcessTable:
    """A version of the table that cases started under."""
    # A version never changes, and every item asks for it: what was read once is known to all sessions of the database.
    # What a session has just kept itself (`keep_table`) may still be undone, and is known to that session alone.
    own: dict[str, ProcessTable] = session.info.setdefault(_OWN_TABLES, {})
    bind = session.get_bind()
    known = own if version in own or not isinstance(bind, Engine) else _TABLES.setdefault(bind, {})
    if version not in known:
        known[version] = _parsed(session.get_one(ProcessTableVersion, version).content)
    return known[version]


_OWN_TABLES = "process_tables"
_TABLES: WeakKeyDictionary[Engine, dict[str, ProcessTable]] = WeakKeyDictionary()


def keep_table(session: Session, table: ProcessTable, city: City, now: datetime) -> None:
    """Keep a table with the first case that starts under it; a version whose content changed since is refused."""
    kept = session.get(ProcessTableVersion, table.version)
    if kept is None:
        content = next(c for c in map(_content, _folders(city)) if _parsed(c).version == table.version)
        session.add(
            ProcessTableVersion(
                version=table.version, sha256=table.sha256, content=content, first_used_at=now
            )
        )
        session.flush()
        session.info.setdefault(_OWN_TABLES, {})[table.version] = table
    elif kept.sha256 != table.sha256:
        raise ConflictError(
            "the process table {version} was changed after cases started under it; give it a new version",
            version=table.version,
        )


def department_for(code: str, city: City, district: str | None) -> str:
    """Who approves: the district's own department of that code, else the city's, else the approvals bureau for all it took over."""
    known = {department.code: department for department in city.departments}
    if district is not None and code + district in known:
        return code + district
    if code in known:
        return code
    return approvals_bureau(city)


def approvals_bureau(city: City) -> str:
    """The department that runs approval (Art. 7): the city's, where districts have one of their own, too."""
    bureaus = [each for each in city.departments if each.role is DepartmentRole.APPROVALS]
    if bureaus:
        return min(bureaus, key=lambda each: each.district is not None).code
    raise ConflictError(
        'the city profile of {city_name} names no department with role = "approvals"; add it',
        city_name=city.name,
    )


def prepare(
    session: Session,
    case: Case,
    project_type: str,
    chosen: Sequence[str],
    *,
    district: str | None,
    city: City,
    actor: Actor,
    now: datetime,
) -> Case:
    """Say what kind of project a case is and which optional items it needs; again until its first stage is accepted.

    Prepared again, what hangs on an item that is still needed stays with it: materials, matters.
    """
    if case.project_type is not None and any(row.accepted_on is not None for row in case.stages):
        raise ConflictError(
            "{planning_number} is under way under {process_version}; add single items instead (POST …/items)",
            planning_number=case.planning_number,
            process_version=case.process_version,
        )
    if district is not None and district not in {d.code for d in city.districts}:
        raise InvalidInputError(
            "there is no district {district!r} in {city_name}",
            district=district,
            city_name=city.name,
            place="district",
        )
    table = table_in_force(city, today=now.date())
    table.project_type(project_type)
    rules = {rule.code: rule for rule in table.items_of(project_type)}
    for code in chosen:
        if code not in rules:
            raise InvalidInputError(
                "{project_type} has no item {code!r}; it has: {rules}",
                project_type=project_type,
                code=code,
                rules=rules,
                place="items",
            )
    keep_table(session, table, city, now)
    brought = {
        rule.code: rule.title for rule in table.materials.values() if rule.obtained_from is Obtained.HANDOVER
    }
    forget_papers(session, case, brought)
    forget_of_handover(session, case)
    needed = [rule for rule in rules.values() if rule.always or rule.code in chosen]
    _let_go(session, case, {rule.code for rule in needed})
    before = {"project_type": case.project_type, "process_version": case.process_version}
    case.process_version, case.project_type, case.district = table.version, project_type, district
    case.hall = case.hall or actor.department or approvals_bureau(city)
    case.prepared_by, case.prepared_at = actor.name, now
    kept = {item.code: item.id for item in items_of(session, case)}
    for rule in needed:
        item = _item(case, rule, 1, city)
        if rule.code in kept:
            item.id = kept[rule.code]
        session.merge(item)
    session.flush()
    keep_papers(session, case, brought, now=now)
    from_handover(session, case)
    after = {"project_type": project_type, "process_version": table.version, "hall": case.hall}
    record(
        session,
        actor,
        Act.PREPARE_CASE,
        kind="case",
        id=case_name(case),
        before=before,
        after=after | {"items": [rule.code for rule in needed]},
    )
    return case


def _let_go(session: Session, case: Case, needed: Collection[str]) -> None:
    """Forget the items that are not needed any more, and that others were dropped: all of them begin anew."""
    items = items_of(session, case)
    gone = [item for item in items if item.code not in needed]
    brought_up = select(Matter.item_id).where(Matter.item_id.in_([item.id for item in gone]))
    held = set(session.scalars(brought_up))
    if held:
        names = "、".join(f"{item.title} ({item.code})" for item in gone if item.id in held)
        raise ConflictError(
            "a meeting, guidance or dispute was brought up over {names}: choose it too", names=names
        )
    session.execute(delete(ItemStep).where(ItemStep.item_id.in_([item.id for item in items])))
    session.execute(
        update(Material).where(Material.item_id.in_([item.id for item in gone])).values(item_id=None)
    )
    for item in items:
        session.expire(item)
    for item in gone:
        session.delete(item)
    session.flush()


def _item(case: Case, rule: ItemRule, number: int, city: City) -> Item:
    return Item(
        case_id=case.id,
        code=rule.code,
        round=number,
        stage=rule.stage,
        title=rule.title,
        department=department_for(rule.department, city, case.district),
        limit_days=rule.limit_days,
        day_unit=rule.day_unit,
        state=ItemState.NOT_SUBMITTED,
        on_commitment=False,
        extended_days=0,
        provisional=False,
    )


def add_item(session: Session, case: Case, code: str, *, city: City, actor: Actor) -> Item:
    """Add an item that the project turns out to need, or apply again for one that ended without approval (a new round)."""
    table = table_of(session, case)
    rule = table.item(code)
    if case.project_type not in rule.project_types:
        raise InvalidInputError(
            "{rule_title} is no item of {project_type} projects",
            rule_title=rule.title,
            project_type=case.project_type,
            place="code",
        )
    rounds = session.scalars(select(Item).where(Item.case_id == case.id, Item.code == code)).all()
    if any(ItemState(item.state) not in ENDED_WITHOUT for item in rounds):
        raise ConflictError(
            "{rule_title} ({code}) is among the case's items already", rule_title=rule.title, code=code
        )
    stage = next((row for row in case.stages if row.stage == rule.stage), None)
    if stage is not None and stage.concluded_on is not None and not rounds:
        raise ConflictError(
            "the stage of {rule_title} was concluded on {concluded_on}",
            rule_title=rule.title,
            concluded_on=stage.concluded_on,
        )
    item = _item(case, rule, len(rounds) + 1, city)
    session.add(item)
    session.flush()
    record(
        session,
        actor,
        Act.PREPARE_CASE,
        kind="item",
        id=item_name(case, item),
        after={"state": item.state},
    )
    return item
