"""g(r) of known crystals and gases."""

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk

from getl_utils.generate.radial import radial_distribution, structure_factor


def coordination(atoms, table, name, other, r_max):
    """4π ρ_B ∫ g_AB r² dr, exact for the bins' own volumes."""
    width = table.r[1] - table.r[0]
    shell = 4 / 3 * np.pi * ((table.r + width / 2) ** 3 - (table.r - width / 2) ** 3)
    density = sum(s == other for s in atoms.symbols) / atoms.get_volume()
    return (table[name] * shell * density)[table.r < r_max].sum()


def test_fcc_first_shell_has_twelve():
    atoms = bulk("Cu", cubic=True, a=3.6)  # 4 atoms: most neighbours are periodic images
    table = radial_distribution(atoms, r_max=5, n_bins=100)
    assert coordination(atoms, table, "total", "Cu", 3.0) == pytest.approx(12)
    assert (table.total == table["Cu-Cu"]).all()
    assert table.r[table.total > 0].iloc[0] == pytest.approx(3.6 / np.sqrt(2), abs=0.05)


def test_partials_of_cscl():
    atoms = Atoms("CuZr", scaled_positions=[[0, 0, 0], [0.5, 0.5, 0.5]], cell=[3.2] * 3, pbc=True) * (2, 2, 2)
    table = radial_distribution(atoms, r_max=5, n_bins=200)
    assert coordination(atoms, table, "Cu-Zr", "Zr", 3.0) == pytest.approx(8)
    assert coordination(atoms, table, "Cu-Cu", "Cu", 4.0) == pytest.approx(6)
    assert coordination(atoms, table, "Zr-Zr", "Zr", 4.0) == pytest.approx(6)
    assert np.allclose(table.total, (table["Cu-Cu"] + table["Zr-Zr"] + 2 * table["Cu-Zr"]) / 4)


def test_ideal_gas_is_one():
    rng = np.random.default_rng(0)
    gas = [Atoms("Zr200Cu600Al100", rng.random((900, 3)) * 20, cell=[20] * 3, pbc=True) for _ in range(10)]
    table = radial_distribution(iter(gas), r_max=9, n_bins=18)
    assert list(table)[2:] == ["Zr-Zr", "Zr-Cu", "Zr-Al", "Cu-Cu", "Cu-Al", "Al-Al"]
    far = table[table.r > 4]  # 1/√pairs: 0.3 % of all, 4 % of Al-Al in the nearest bin
    assert np.allclose(far.total, 1, atol=0.012)
    assert np.allclose(far.iloc[:, 2:], 1, atol=0.13)
    assert np.allclose(far.iloc[:, 2:].mean(), 1, atol=0.03)


def test_frames_are_averaged():
    cells = [bulk("Cu", cubic=True, a=a) * 2 for a in (3.5, 3.7)]
    mean = sum(radial_distribution(cell).total for cell in cells) / 2
    assert np.allclose(radial_distribution(cells).total, mean)
    with pytest.raises(ValueError, match="no frames"):
        radial_distribution([])


def test_structure_factor_peaks_at_braggs_angle():
    atoms = bulk("Cu", cubic=True, a=3.6) * (4, 4, 4)
    atoms.symbols[::2] = "Zr"
    atoms.rattle(0.1, seed=1)
    table, q = radial_distribution(atoms, r_max=20, n_bins=1000), np.linspace(1.5, 4, 251)
    factor = structure_factor(table, len(atoms) / atoms.get_volume(), q)
    assert factor.q[factor.total.idxmax()] == pytest.approx(2 * np.pi * np.sqrt(3) / 3.6, abs=0.03)
    mixed = (factor["Cu-Cu"] + factor["Zr-Zr"] + 2 * factor["Zr-Cu"]) / 4
    assert factor.total.to_numpy() == pytest.approx(mixed.to_numpy())
