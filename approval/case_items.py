"""The items of a case: all rounds of each, and what the record calls one."""

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from approval.item_models import Item
from approval.models import Case


def items_of(session: Session, case: Case) -> Sequence[Item]:
    """The case's items, by stage and code, with every round."""
    return session.scalars(select(Item).where(Item.case_id == case.id).order_by(Item.code, Item.round)).all()


def item_name(case: Case, item: Item) -> str:
    """What the record calls an item: the case's number, its code and round."""
    return f"{case.project_code or case.planning_number}/{item.code}/{item.round}"
