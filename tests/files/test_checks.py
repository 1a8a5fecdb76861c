"""Structures that no model should see."""

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk

from getl_utils.files import checks


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda a: a.positions.__setitem__((0, 0), 1e300), "beyond 1e\\+06 Å"),
        (lambda a: a.positions.__setitem__((0, 0), np.nan), "NaN"),
        (lambda a: a.set_cell(a.cell.array * 1e8), "beyond"),
        (lambda a: a.set_cell([1e4, 1e4, 1e4]), "4 atoms in 1e\\+12 Å\\^3"),
        (lambda a: a.set_cell([[5, 0, 0], [1e5, 5, 0], [0, 0, 5]]), "Å thick"),
        (lambda a: a.extend(Atoms("Cu30", np.zeros((30, 3)))), "31 atoms within 1 Å\\^3"),
        (lambda a: a.extend(Atoms("Cu30", a.cell[0] * np.arange(30)[:, None])), "31 atoms within 1 Å\\^3"),
        (lambda a: a.__delitem__(slice(None)), "no atoms"),
    ],
)
def test_what_no_model_should_see(change, message):
    atoms = bulk("Cu", cubic=True)
    checks.check_frame(atoms, "x")
    change(atoms)
    with pytest.raises(ValueError, match=f"x: .*{message}"):
        checks.check_frame(atoms, "x")


def test_far_atoms_of_a_cluster_take_no_memory():
    with pytest.raises(ValueError, match="cut the empty space"):
        checks.check_frame(Atoms("Cu2", [[0, 0, 0], [1e4, 1e4, 1e4]]), "x", isolated=True)
