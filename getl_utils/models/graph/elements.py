"""What a graph network knows of an element: its group and its period."""

from __future__ import annotations

from collections.abc import Sequence

from ase.data import atomic_numbers

NOBLE = (0, 2, 10, 18, 36, 54, 86, 118)  # atomic numbers that end a period
GROUPS, PERIODS = 18, 7


def group_and_period(element: str) -> tuple[int, int]:
    """Return group and period of an element, from 1.

    Parameters
    ----------
    element : str
        Symbol.

    Returns
    -------
    tuple of int
        Group and period.

    Raises
    ------
    ValueError
        It is no element, or one of the 14 of a row that have no group.

    Examples
    --------
    >>> [group_and_period(element) for element in ("H", "Al", "Cu", "Zr", "Hf")]
    [(1, 1), (13, 3), (11, 4), (4, 5), (4, 6)]
    """
    number = atomic_numbers.get(element, 0)
    if not 0 < number <= NOBLE[-1]:
        raise ValueError(f"{element} is no element: a graph network needs its group and period")
    period = next(n for n, last in enumerate(NOBLE) if number <= last)
    place, length = number - NOBLE[period - 1], NOBLE[period] - NOBLE[period - 1]
    if length == 32 and 2 < place < 17:
        raise ValueError(f"element {element} has no group, so a graph network has no features of it")
    from_end = length - place  # columns up to the noble gas
    group = place if place <= 2 and (period > 1 or place == 1) else GROUPS - from_end
    return group, period


def table(elements: Sequence[str]) -> list[list[int]]:
    """Return group and period of several elements, counted from 0.

    Parameters
    ----------
    elements : sequence of str
        Symbols.

    Returns
    -------
    list
        Group and period of each.

    Raises
    ------
    ValueError
        As `group_and_period`.
    """
    return [[group - 1, period - 1] for group, period in map(group_and_period, elements)]
