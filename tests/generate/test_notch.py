"""The slab of which a shear band is made."""

import numpy as np
import pytest
from ase.build import bulk

from getl_utils.core.parameters import Loading
from getl_utils.files import lammps_data
from getl_utils.generate import loading, notch
from getl_utils.generate.quench import Protocol


def block():
    return bulk("Cu", "fcc", a=3.6, cubic=True) * (5, 5, 5)


def test_the_wedge_is_where_it_should_be_and_nothing_else_is_cut():
    whole = block() * (3, 2, 1)
    cut = notch.slab(block(), (3, 2, 1), depth=12.0, opening=10.0, vacuum=15.0)
    assert cut.cell.lengths() == pytest.approx(whole.cell.lengths() + np.array([0, 15, 0]))
    places = {tuple(np.rint(p * 100).astype(int)) for p in cut.positions - [0, 7.5, 0]}
    gone = np.array([p for p in whole.positions if tuple(np.rint(p * 100).astype(int)) not in places])
    assert len(gone) == len(whole) - len(cut) > 0
    assert gone[:, 1].max() < 12
    assert np.abs(gone[:, 0] - 27).max() < 5
    tip = gone[gone[:, 1] > 8]
    assert np.abs(tip[:, 0] - 27).max() <= 10 / 2 * (1 - 8 / 12)


@pytest.mark.parametrize(
    ("depth", "opening", "vacuum"), [(40.0, 5.0, 10.0), (5.0, 60.0, 10.0), (5.0, 5.0, 0.0)]
)
def test_a_wedge_that_does_not_fit_is_refused(depth, opening, vacuum):
    with pytest.raises(ValueError, match="does not fit"):
        notch.slab(block(), (3, 2, 1), depth, opening, vacuum)


def test_a_skew_cell_is_refused():
    with pytest.raises(ValueError, match="right-angled"):
        notch.slab(bulk("Cu"), (3, 2, 1), 1.0, 1.0, 1.0)


def test_the_data_file_has_types_in_the_given_order(tmp_path):
    atoms = block()
    atoms.symbols[::3] = "Zr"
    lammps_data.write_data(tmp_path / "a.data", atoms, ["Zr", "Cu"])
    again = lammps_data.read_data(tmp_path / "a.data", ["Zr", "Cu"])
    assert again.get_chemical_symbols() == atoms.get_chemical_symbols()
    assert np.abs(again.positions - atoms.positions).max() < 1e-6


def test_nothing_acts_on_a_surface(tmp_path):
    glass = Protocol(potential="a.eam", elements=["Zr", "Cu"])
    text = loading.input_text(tmp_path, glass, Loading(mode="tension", axis="x", surfaces=["y"]), seed=1)
    ensembles = [line for line in text.splitlines() if line.startswith("fix ensemble")]
    assert [line.split()[8::4] for line in ensembles] == [["x", "z"], ["z"]]
    with pytest.raises(ValueError, match="cannot be loaded along it"):
        Loading(axis="y", surfaces=["y"])
