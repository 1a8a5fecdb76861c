"""Atoms move downhill in a cell that stays, and the result is the cell with the smallest force."""

import numpy as np
import pandas as pd
import pytest
from ase.build import bulk
from ase.io import read, write

from getl_utils.core.record import read_json
from getl_utils.labels import relax


@pytest.fixture
def rattled():
    """Eight atoms of fcc Al, out of place by a tenth of an Å."""
    atoms = bulk("Al", cubic=True) * (2, 1, 1)
    atoms.positions += np.random.default_rng(3).normal(0, 0.1, (8, 3))
    return atoms


def test_the_force_is_the_slope_of_the_energy(rattled):
    from getl_utils.labels import engine

    settings, step = engine.get("xtb").read({"accuracy": 0.1}), 1e-3
    _, found = relax.forces("xtb")(rattled, settings)
    energies = []
    for side in (-1, 1):
        moved = rattled.copy()
        moved.positions[2, 1] += side * step
        energies.append(relax.forces("xtb")(moved, settings)[0])
    assert found[2, 1] == pytest.approx(-(energies[1] - energies[0]) / (2 * step), rel=1e-3)


def test_forces_fall_and_the_lattice_stays(rattled):
    said = []
    found = relax.relax(rattled, "xtb", {}, 8, say=said.append)
    assert found.steps.largest_force.iloc[0] > 4 * found.steps.largest_force.min()
    assert found.steps.energy.iloc[-1] < found.steps.energy.iloc[0] - 0.1
    assert (found.atoms.cell == rattled.cell).all()
    assert not np.allclose(found.atoms.positions, rattled.positions, atol=1e-3)
    assert len(said) == len(found.steps) <= 9


def test_a_relaxed_cell_stays_as_it_is(rattled):
    relaxed = relax.relax(rattled, "xtb", {}, 40).atoms
    again = relax.relax(relaxed, "xtb", {}, 5)
    assert len(again.steps) == 1
    assert again.atoms.positions == pytest.approx(relaxed.positions, abs=1e-12)


def test_files_are_written_once(tmp_path, rattled):
    write(tmp_path / "al.vasp", rattled)
    record = relax.relax_file(tmp_path / "al.vasp", tmp_path / "out", "xtb", {}, 2)
    assert record["largest_force"] < record["largest_force_before"]
    assert len(pd.read_csv(tmp_path / "out/relax.csv")) == record["calculations"] == 3
    assert len(read(tmp_path / "out/relaxed.xyz")) == 8
    assert relax.relax_file(tmp_path / "al.vasp", tmp_path / "out", "xtb", {}, 2) == record
    assert read_json(tmp_path / "out/relax.json") == record
    with pytest.raises(ValueError, match="steps"):
        relax.relax_file(tmp_path / "al.vasp", tmp_path / "out", "xtb", {}, 3)


def test_what_cannot_be_relaxed_is_said_before_anything_runs(tmp_path, rattled):
    write(tmp_path / "al.vasp", rattled)
    with pytest.raises(ValueError, match="engine qe gives no forces; relax with gpaw or xtb"):
        relax.relax_file(tmp_path / "al.vasp", tmp_path / "out", "qe", {}, 2)
    with pytest.raises(ValueError, match="no setting 'speed'"):
        relax.relax_file(tmp_path / "al.vasp", tmp_path / "out", "xtb", {"speed": 9}, 2)
    assert not (tmp_path / "out/relax.json").exists()
