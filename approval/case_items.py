"""The items of a case: all rounds of each, and what the record calls one."""

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from approval.item_models import Item
from approval.models import Case


def items_of(session: Session, case: Case) -> Sequence[Item]:
    """The case's items, by stage and code, with every round."""
    return session.scalars(select(Item).where(Item.case_id == case.id).order_by(Item.code, Item.round)).all()


def case_name(case: Case) -> str:
    """What the record calls a case: its project code once it is bound (Art. 12)."""
    return case.project_code or case.planning_number


def item_name(case: Case, item: Item) -> str:
    """What the record calls an item: the case's number, its code and round."""
    return f"{case_name(case)}/{item.code}/{item.round}"
