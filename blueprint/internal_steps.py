"""How a department answers inside (Art. 8), as the city profile says: in steps or at once, whose signature, within which days."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from blueprint.permissions import Role


@dataclass(frozen=True)
class InternalLimits:
    """Working days of each internal step of an opinion (Art. 8), one after the other from the day of asking: 接收、研究、审核、签发.

    They are the department's own: the limit of Art. 11 stands above them all.
    """

    receive: int = 1
    study: int = 2
    review: int = 1
    issue: int = 1

    def __post_init__(self) -> None:
        for name, days in vars(self).items():
            if not isinstance(days, int) or isinstance(days, bool) or not 0 <= days <= 250:
                raise ValueError(f"internal_limits: {name} is {days!r}, not a number from 0 to 250")


def read_internal_limits(entry: Mapping[str, Any]) -> InternalLimits | None:
    """The `internal_limits` of a city or a department; None where it names none."""
    limits = entry.get("internal_limits")
    return InternalLimits(**limits) if limits is not None else None


def read_internal_steps(entry: Mapping[str, Any]) -> bool | None:
    """The `internal_steps` of a department; None where it does not say."""
    value = entry.get("internal_steps")
    if value is not None and not isinstance(value, bool):
        raise ValueError(f"internal_steps is {value!r}, neither true nor false")
    return value


def read_sign_off(entry: Mapping[str, Any]) -> Role:
    """Whose signature a department's opinion needs."""
    role = Role(entry.get("sign_off", Role.DIRECTOR))
    if role not in (Role.DIRECTOR, Role.SECTION_HEAD):
        raise ValueError(f"sign_off is {role!r}, neither director nor section_head")
    return role
