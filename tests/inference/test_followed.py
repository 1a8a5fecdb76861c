"""A followed loading is what its parts give one by one."""

import numpy as np
import pandas as pd
import pytest
from ase.build import bulk

from getl_utils.core.neighbours import neighbour_table
from getl_utils.inference import exchange, trajectory
from getl_utils.inference.followed import Followed

LIMITS = {"Cu-Cu": (1.5, 3.0)}


def crystal(strain):
    atoms = bulk("Cu", "sc", a=2.6) * (4, 4, 4)
    atoms.rattle(0.05, seed=1)
    atoms.set_cell(atoms.cell.array * [1, 1, 1 + strain], scale_atoms=True)
    return atoms


def table(atoms):
    bonds = neighbour_table(atoms, 3.0)
    return bonds.assign(type="Cu-Cu", predicted=-np.exp(2.5 - bonds.distance))


@pytest.fixture
def loading(tmp_path):
    frames = [crystal(s) for s in (0.0, 0.1, 0.4)]
    for number, atoms in enumerate(frames, 1):
        table(atoms).to_parquet(tmp_path / f"{number}_{10 * number}.parquet")
    rows = pd.DataFrame({"frame": [1, 3], "step": [10, 30]})
    return Followed.read(rows, tmp_path, iter(frames), LIMITS, 0.05), [frames[0], frames[2]]


def test_it_knows_its_strain(loading):
    followed, _ = loading
    assert followed.strain.tolist() == pytest.approx([0, 0.4])
    assert (followed.way, followed.last) == ("tension", 1)


def test_its_atoms_are_those_of_the_file(loading):
    followed, frames = loading
    for ours, theirs in zip(followed.atoms(), frames, strict=True):
        assert ours.positions == pytest.approx(theirs.positions)
        assert ours.cell.array == pytest.approx(theirs.cell.array)


def test_its_tables_are_those_of_the_functions(loading):
    followed, frames = loading
    tables, path = [table(atoms) for atoms in frames], trajectory.follow(frames)
    bonds = exchange.exchanges(tables, path, LIMITS, 0.05)
    pd.testing.assert_frame_equal(followed.exchanged, bonds)
    pd.testing.assert_frame_equal(followed.totals, exchange.exchange_summary(bonds))
    pd.testing.assert_frame_equal(followed.strengths, exchange.strengths(tables))
    pd.testing.assert_frame_equal(followed.places, exchange.atom_table(tables[0], path, bonds, 1, 3.0))
    broken = bonds[(bonds.frame == 1) & (bonds.state == "broken")]
    assert len(broken) == 64  # every bond along the axis
    assert followed.means().broken["Cu-Cu"] == pytest.approx(broken.before.mean())


def test_one_frame_is_no_loading(tmp_path):
    rows = pd.DataFrame({"frame": [1], "step": [10]})
    with pytest.raises(ValueError, match="two frames or more"):
        Followed.read(rows, tmp_path, iter([crystal(0)]), LIMITS)
