"""Which element each LAMMPS type stands for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from ase.data import atomic_masses, atomic_numbers, chemical_symbols

RULE = (
    "The element of a LAMMPS type is read from the file: from its element labels, or else from its masses. "
    "Where the file has neither, name the elements in the order of the types. "
    "A file whose labels, masses and named elements contradict each other is refused."
)
SYMBOLS = frozenset(chemical_symbols[1:])
NEAR = 0.3  # u: a mass this close to that of an element means this element
FAR = 1.0  # u: a mass this far from that of an element cannot be of this element


def of_types(
    types: Iterable[int],
    labels: Mapping[int, str],
    masses: Mapping[int, float],
    given: Sequence[str],
    known: Sequence[str],
    where: str,
) -> dict[int, str]:
    """Find the element of each LAMMPS type.

    An element label decides. Without one, the mass decides if it is within 0.3 u of that of an element of
    `known`. Without either, the elements of `given` are taken in the order of the types.

    Parameters
    ----------
    types : iterable of int
        Types that occur, counted from 1.
    labels : mapping of int to str
        Label of each type that has one. A label that is no element's symbol is ignored.
    masses : mapping of int to float
        Mass of each type that has one, u.
    given : sequence of str
        Elements named by the user, in the order of the types. May be empty.
    known : sequence of str
        Elements that a mass may mean. Empty: all elements.
    where : str
        File, and place in it, for messages.

    Returns
    -------
    dict
        Type to symbol.

    Raises
    ------
    ValueError
        Nothing tells the element of a type, two sources contradict each other, or a symbol is no element's.

    Examples
    --------
    >>> of_types([1, 2], {}, {1: 63.55, 2: 91.22}, [], ["Zr", "Cu", "Al"], "a.data")
    {1: 'Cu', 2: 'Zr'}
    """
    if odd := [name for name in [*given, *known] if name not in SYMBOLS]:
        raise ValueError(f"{where}: {odd[0]!r} is no element; give symbols such as Zr Cu Al")
    return {kind: _of_type(kind, labels, masses, given, known, where) for kind in sorted(types)}


def _of_type(
    kind: int,
    labels: Mapping[int, str],
    masses: Mapping[int, float],
    given: Sequence[str],
    known: Sequence[str],
    where: str,
) -> str:
    """Element of one type; its label, its mass and the given element must agree."""
    label = labels[kind] if labels.get(kind) in SYMBOLS else ""
    named = given[kind - 1] if 0 < kind <= len(given) else ""
    mass = masses.get(kind, float("nan"))
    near = _nearest(mass, known)
    if given and not named:
        raise ValueError(
            f"{where}: unknown type {kind} where {list(given)} are given; give one element for each type, "
            "in their order"
        )
    if why := _contradiction(label, named, mass, near):
        raise ValueError(f"{where}: type {kind} {why}")
    if not (label or near or named):
        heavy = "" if mass != mass else f" (its mass of {mass} u is that of no element expected here)"
        raise ValueError(
            f"{where}: the element of type {kind} is not known{heavy}; name the elements in the order of "
            f"the types, as in `--elements {' '.join(known) or 'Zr Cu Al'}`"
        )
    return label or near or named


def _contradiction(label: str, named: str, mass: float, near: str) -> str:
    """What of a type's label, given element and mass does not agree; an empty string if all does."""
    order = "name the elements in the order of the types"
    if label and near not in ("", label):
        return f"is labelled {label} but has the mass of {near}, {mass} u; correct the file"
    if label and named not in ("", label):
        return f"is labelled {label}, but {named} is given; {order}"
    if named and not label and (near not in ("", named) or abs(_mass(named) - mass) > FAR):
        return f"has a mass of {mass} u, which is not that of {named}; {order}"
    return ""


def _nearest(mass: float, known: Sequence[str]) -> str:
    """Symbol of the known element with the nearest mass, if it is near; else an empty string."""
    near = [(abs(_mass(name) - mass), name) for name in known or sorted(SYMBOLS)]
    return min((one for one in near if one[0] <= NEAR), default=(0.0, ""))[1]


def _mass(symbol: str) -> float:
    return float(atomic_masses[atomic_numbers[symbol]])
