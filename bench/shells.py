"""Write getl_utils/labels/shells.csv, the shells that a label of each element should have.

    python bench/shells.py

The rule. Of the shells that the neutral atom occupies in the table of Koga et al. (1999) an element needs:

- those in the valence of GPAW's default data set (gpaw-data), and
- for the elements of a d series, s and p of the shell whose d is being filled (Cu: 3s 3p). LOBSTER's basis
  Bunge offers them, the published calculations have them, and without them a label of Cu or Zr is worthless.

Elements that lack orbitals or a data set are not in the table. The script needs GPAW (make engines).
"""

from __future__ import annotations

import csv

from ase.data import chemical_symbols

from getl_utils.core.record import atomic_write
from getl_utils.labels.projection import hartree_fock
from getl_utils.labels.shells import TABLE

D_SERIES = {3: range(21, 31), 4: range(39, 49), 5: range(72, 81)}  # atomic numbers, by principal number of d


def valence(element: str) -> list[str] | None:
    """Bound valence shells of GPAW's default data set; None if there is none."""
    from gpaw.setup_data import SetupData

    try:
        data = SetupData(element, "PBE", readxml=True)
    except FileNotFoundError:
        return None
    return [f"{n}{'spdf'[m]}" for n, m in zip(data.n_j, data.l_j, strict=True) if n > 0]


def shells(number: int) -> list[str] | None:
    """Shells of one element by the rule; None if orbitals or a data set are not there."""
    element = chemical_symbols[number]
    held = valence(element)
    try:
        occupied = list(hartree_fock.expansions(element))
    except ValueError:
        return None
    if held is None:
        return None
    semicore = [f"{n}{m}" for n, members in D_SERIES.items() if number in members for m in "sp"]
    return sorted({*held, *semicore} & set(occupied), key=lambda shell: (shell[0], "spdf".index(shell[1])))


def main() -> None:
    """Write the table."""
    found = {chemical_symbols[number]: shells(number) for number in range(1, 104)}
    with atomic_write(TABLE) as temporary, open(temporary, "w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["element", "shells"])
        writer.writerows([element, " ".join(names)] for element, names in found.items() if names)


if __name__ == "__main__":
    main()
