"""Results (Art. 10), and refusals: the signed decision is uploaded to its item and lies in the library of the case at once."""

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from approval.case_items import item_name
from approval.item_models import Item, ItemResult
from approval.items import find_item
from approval.materials import FileGiven
from approval.models import Case
from blueprint.audit.log import record
from blueprint.errors import ConflictError
from blueprint.permissions import Act, Actor


def item_of_result(session: Session, case: Case, code: str, number: int | None = None) -> Item:
    """The round of an item that a signed decision belongs to: the one asked for, or the newest that has one.

    After a refusal the item is often applied for again before the decision is uploaded: the new round has none yet.
    """
    decided = (
        select(Item.round)
        .join(Item.result)
        .where(Item.case_id == case.id, Item.code == code)
        .order_by(Item.round.desc())
        .limit(1)
    )
    return find_item(session, case, code, number if number is not None else session.scalar(decided))


def keep_result_file(
    session: Session, case: Case, item: Item, file: FileGiven, *, actor: Actor, now: datetime
) -> ItemResult:
    """Add the file to a result that was signed; a result is uploaded once, another one is another decision."""
    result = item.result
    if result is None:
        raise ConflictError(
            "{item_title} ({item_code}) has no signed decision yet; approve or refuse it first",
            item_title=item.title,
            item_code=item.code,
        )
    if result.uploaded_at is not None:
        raise ConflictError(
            "the result {result_number} was uploaded on {uploaded_at:%Y-%m-%d} already",
            result_number=result.number,
            uploaded_at=result.uploaded_at,
        )
    result.uploaded_at, result.uploaded_by = now, actor.name
    material = result.material
    material.file_name = file.name
    material.sha256, material.size_bytes = file.stored.sha256, file.stored.size_bytes
    session.flush()
    record(
        session,
        actor,
        Act.DECIDE_ITEM,
        kind="item",
        id=item_name(case, item),
        after={"result": result.number, "sha256": material.sha256},
    )
    return result
