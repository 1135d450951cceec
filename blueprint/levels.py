"""Levels (Art. 2, 纵向到底): city and districts, what each is over, and how far a right goes between them."""

from dataclasses import dataclass
from enum import IntEnum, StrEnum


class Level(StrEnum):
    """Where a department stands (Art. 2, 纵向到底): the city (市), or a district or county of it (区县)."""

    CITY = "city"
    DISTRICT = "district"


class Reach(IntEnum):
    """How far a right goes, and how far away from an actor a thing is; each holds those before it."""

    OWN = 1
    """The own department's things."""
    TERRITORY = 2
    """What the own level is over: from the city everything, from a district the things of its departments."""
    UPWARD = 3
    """From a district also what is the city's: city departments' things and what is no department's."""
    EVERYWHERE = 4
    """From a district also the things of other districts."""


@dataclass(frozen=True)
class Territory:
    """What somebody's level is over: the whole city (no `district`), or a district; departments by their codes."""

    district: str | None = None
    departments: frozenset[str] = frozenset()
    of_other_districts: frozenset[str] = frozenset()

    @property
    def level(self) -> Level:
        """The level."""
        return Level.CITY if self.district is None else Level.DISTRICT


WHOLE_CITY = Territory()
