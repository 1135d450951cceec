"""Separation of duties (三员分立, GB/T 22239-2019, 8.1.4.2): which roles one person may not hold at once."""

from collections.abc import Iterable

from blueprint.errors import ConflictError
from blueprint.permissions import Role

OF_A_DEPARTMENT = frozenset({Role.PLANNER, Role.REVIEWER, Role.SECTION_HEAD, Role.DIRECTOR})
OF_THE_CITY = frozenset({Role.COORDINATOR, Role.LEAD, Role.SUPERVISOR, Role.OPERATOR, Role.AUDITOR})
APPOINTABLE = OF_A_DEPARTMENT | OF_THE_CITY
"""The other roles are of machines."""


def refuse_together(roles: Iterable[Role]) -> None:
    """Refuse roles that must be of different persons: who administers accounts decides nothing, who audits changes nothing."""
    held = set(roles)
    if Role.AUDITOR in held and held != {Role.AUDITOR}:
        raise ConflictError("an auditor holds no other role; end the others first, or appoint somebody else")
    if Role.OPERATOR in held and held != {Role.OPERATOR}:
        raise ConflictError(
            "who administers accounts holds no role that decides; end it first, or appoint somebody else"
        )
