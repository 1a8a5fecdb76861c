"""Figures of one bond."""

import numpy as np
import pandas as pd
import pytest

from getl_utils.views import one_bond


@pytest.fixture
def table():
    energy = np.linspace(-4, 4, 9)
    parts = []
    for left, right, weight in (("4s", "5s", -1.0), ("4s", "4d", -0.5), ("3d", "4d", 0.1)):
        cohp = np.where(energy < 0, weight, -weight)
        total = np.cumsum(cohp)
        parts.append(
            pd.DataFrame({"shell_i": left, "shell_j": right, "energy": energy, "cohp": cohp, "icohp": total})
        )
    return pd.concat(parts)


def test_pairs_of_shells_are_ordered_by_what_they_add(table):
    found = one_bond.strongest(table)
    assert found.pair.tolist() == ["4s–5s", "4s–4d", "3d–4d"]
    assert found.icohp.tolist() == pytest.approx([-3.0, -1.5, 0.3])


def test_the_curves_add_up(table):
    figure, numbers = one_bond.curves(table)
    assert numbers.set_index("energy").sum(axis=1).iloc[0] == pytest.approx(1.4)
    assert len(figure.axes[0].lines) == 3 + 2


def test_a_bond_and_its_neighbours_are_drawn():
    bonds = pd.DataFrame({"distance": [2.5, 2.6], "strength": [1.0, 0.8]})
    _, numbers = one_bond.place(bonds, 2.6, 0.8)
    assert len(numbers) == 2
    rows = {"element": ["Cu", "Zr"], "from_middle": [2.0, 3.0], "icohp": -0.8, "icohp_without": [-1.0, -0.7]}
    _, numbers = one_bond.removals(pd.DataFrame(rows))
    assert numbers.gained.tolist() == pytest.approx([0.2, -0.1])
