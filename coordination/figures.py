"""Figures as documents print them: rounded half up from the exact decimal, in the units of land administration."""

from decimal import ROUND_HALF_UP, Decimal

_MOST_DIGITS = 9
"""Decimals beyond which a figure is only said to be smaller."""

MU_M2 = 2000 / 3
"""One 亩 in m²: fifteen make a hectare."""


def rounded(value: float, digits: int) -> str:
    """A figure with so many decimals and a comma each thousand, rounded half up.

    What is not nought is never printed as nought: a sliver's area has as many decimals as two of its digits need.
    """
    given = Decimal(repr(value))
    exact = given.quantize(Decimal(1).scaleb(-digits), rounding=ROUND_HALF_UP)
    if exact or not given:
        return f"{exact:,}"
    needed = 1 - given.adjusted()
    if needed > _MOST_DIGITS:
        return f"<{Decimal(1).scaleb(-_MOST_DIGITS):f}"
    return f"{given.quantize(Decimal(1).scaleb(-needed), rounding=ROUND_HALF_UP):f}"


def square_metres(area_m2: float) -> str:
    """An area in m² with two decimals; more where it is smaller."""
    return rounded(area_m2, 2)


def hectares(area_m2: float) -> str:
    """An area in hectares (公顷) with four decimals, as the pre-examination tables have it."""
    return rounded(area_m2 / 10_000, 4)


def mu(area_m2: float) -> str:
    """An area in 亩 with four decimals."""
    return rounded(area_m2 / MU_M2, 4)


def percent(share: float) -> str:
    """A share in percent with two decimals."""
    return rounded(share * 100, 2)
