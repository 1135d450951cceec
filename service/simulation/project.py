"""A project of the made-up year, as the people who carry it know it."""

import random
from dataclasses import dataclass, field
from typing import Any

from approval.item_states import ItemState
from approval.stages import Stage

STAGES = list(Stage)


@dataclass
class Project:
    """A project of the year as the people who carry it know it."""

    number: str
    code: str
    starts_on: int
    dice: random.Random
    stage: int = 0
    items: dict[str, dict[str, Any]] = field(default_factory=dict)
    given: set[str] = field(default_factory=set)
    owed: dict[str, list[int]] = field(default_factory=dict)
    corrected: set[str] = field(default_factory=set)
    stopped_on: dict[str, int] = field(default_factory=dict)
    extended: set[str] = field(default_factory=set)
    promised: dict[str, str] = field(default_factory=dict)
    """Of an item the material that was missing and tolerated."""
    committed: set[str] = field(default_factory=set)
    unverified: set[str] = field(default_factory=set)
    asked: dict[str, list[tuple[int, str]]] = field(default_factory=dict)
    """Of an item the answers that were asked for and did not come yet, and whose they are."""
    disagreed: set[str] = field(default_factory=set)
    written: set[tuple[str, str, str, str]] = field(default_factory=set)
    """Letters of supervision: what was late, the item or stage, whose it was, and the day on which it was due."""
    waits: bool = False
    """Whether what was submitted waits for other items, none of which was approved since."""

    @property
    def path(self) -> str:
        """Its case."""
        return f"/api/approval/cases/{self.code}"

    def at(self, *states: ItemState) -> list[str]:
        """Its items in one of these states that are of the stage under way, or beside the stages."""
        stage = STAGES[self.stage]
        return [
            code
            for code, item in self.items.items()
            if item["state"] in states and item["stage"] in (stage, None)
        ]

    def is_in_review(self, code: str) -> bool:
        """Say whether an item is still to be decided by its department."""
        return self.items[code]["state"] in (ItemState.ACCEPTED, ItemState.IN_REVIEW, ItemState.STOPPED)

    def forget(self, code: str) -> None:
        """An item that is applied for again begins anew."""
        self.stopped_on.pop(code, None)
        self.promised.pop(code, None)
        self.asked.pop(code, None)
        for kept in (self.corrected, self.extended, self.committed, self.disagreed):
            kept.discard(code)
