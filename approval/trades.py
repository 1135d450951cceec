"""Departments of one trade: a district's department and the city's of the same trade see to the same things (Art. 2, 16)."""

import re

_OF_A_DISTRICT = re.compile(r"(.+)[0-9]{6}", re.ASCII)


def trade_of(department: str) -> str:
    """The trade of a department: the code of the city's own, which a district's has before the six digits of its district."""
    found = _OF_A_DISTRICT.fullmatch(department)
    return found[1] if found else department
