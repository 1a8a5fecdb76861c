"""A sheared crystal followed with the shipped model: what moved is found, and what cannot be followed is
told."""

import numpy as np
import pandas as pd
import pytest
from ase.build import bulk

from getl_utils.core.workdir import resolve
from getl_utils.inference import predictor, yielding
from getl_utils.models import model

pytest.importorskip("pyscal3", reason="pyscal3 is not installed: atoms under load NOT CHECKED")


@pytest.fixture(scope="module")
def shipped():
    trained = model.load(resolve("data_examples/models/zr-cu-al"))
    return trained, predictor.windows(trained, {})


def sheared(*strains, moved=None):
    """A crystal of copper and zirconium under simple shear; one atom moves in the last frame."""
    frames = []
    for strain in strains:
        atoms = bulk("CuZr", "cesiumchloride", a=3.25) * (4, 4, 4)
        atoms.rattle(0.02, seed=1)
        atoms.set_array("c_energy", np.linspace(-6, -3, len(atoms)))
        cell = atoms.cell.array.copy()
        cell[1, 0] = strain * cell[1, 1]
        atoms.set_cell(cell, scale_atoms=True)
        frames.append(atoms)
    if moved is not None:
        frames[-1].positions[moved] += [1.2, 0.0, 0.3]
        frames[-1].wrap()
    return frames


def test_a_moved_atom_is_found(shipped):
    atoms, curve, counts = yielding.follow(sheared(0, 0.02, 0.05, moved=40), *shipped, [0.02, 0.05])
    assert atoms.d2min_2.max() < 1e-12
    assert atoms.exchanged_2.max() == 0
    assert atoms.d2min_5.idxmax() == atoms.exchanged_5.idxmax() == 40
    assert atoms.energy.tolist() == np.linspace(-6, -3, 128).tolist()
    assert curve.strain.tolist() == pytest.approx([0, 0.02, 0.05])
    assert curve.broken.tolist()[:2] == [0, 0]
    assert curve.broken[2] + curve.formed[2] > 0
    assert curve.msd[1] < 1e-12 < curve.msd[2]
    assert atoms.notna().all(axis=None)
    assert atoms.icosahedron_5.dtype == bool
    bonds = counts.groupby("percent")["count"].sum()
    assert bonds[["0", "2", "5"]].tolist() == curve.bonds.tolist()
    middle = (counts.strength * counts["count"]).groupby(counts.percent).sum() / bonds
    assert middle[["0", "2", "5"]].tolist() == pytest.approx(curve.mean_bond.tolist(), abs=yielding.BIN / 2)


def lost(frames):
    return [frames[0], frames[1][:-1]]


def exchanged(frames):
    return [frames[0], frames[1][[1, 0, *range(2, len(frames[1]))]]]


def foreign(frames):
    for atoms in frames:
        atoms.symbols[3] = "Ni"
    return frames


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda f: f[:1], "two frames or more"),
        (lambda f: [], "no frames to follow"),
        (lost, "frame 1 has other atoms than the first"),
        (exchanged, "frame 1 has other atoms than the first, or in another order"),
        (foreign, "element Ni is unknown to the model"),
        (lambda f: [f[0], ValueError("loading.dump, timestep 7: cut off")], "timestep 7: cut off"),
    ],
)
def test_what_cannot_be_followed_is_told(shipped, change, says):
    with pytest.raises(ValueError, match=says):
        yielding.follow(change(sheared(0, 0.05)), *shipped, [0.05])


def test_a_strain_that_was_not_reached_is_told(shipped):
    with pytest.raises(ValueError, match=r"no frame at a strain of 0\.1: the nearest has 0\.0500"):
        yielding.follow(sheared(0, 0.05), *shipped, [0.1])


def test_icosahedra_are_counted_inside_and_outside():
    atoms = pd.DataFrame({"glass": ["a"] * 20 + ["b"] * 20, "d2min_10": [*range(20), *range(20)]})
    atoms = atoms.assign(
        icosahedron=True, icosahedron_5=atoms.d2min_10 < 10, icosahedron_10=atoms.d2min_10 < 19
    )
    table = (
        yielding.icosahedra(atoms, [0.05, 0.10], part=0.05)
        .set_index(["glass", "moved", "strain"])
        .part.sort_index()
    )
    assert len(table) == 2 * 2 * 3
    assert table["a", True].tolist() == [1, 0, 0]
    assert table["b", False].tolist() == pytest.approx([1, 10 / 19, 1])


def test_an_incomplete_folder_is_told(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"frames\.csv"):
        yielding.read(tmp_path)
