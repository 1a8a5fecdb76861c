"""Dense sums against GPAW's own loops; skipped where GPAW is not installed (make engines)."""

import numpy as np
import pytest
from ase import Atoms

from getl_utils.labels import dense
from getl_utils.labels import engine as engines

gpaw = engines.get("gpaw")
pytestmark = pytest.mark.skipif(gpaw.missing() is not None, reason=str(gpaw.missing()))


def calculation(kpts):
    from gpaw.dft import DFT

    atoms = Atoms("HAl", [[0.2, 1.0, 2.0], [1.4, 1.1, 2.2]], cell=[[3.0, 0, 0], [0.5, 3.4, 0], [0, 0.4, 4.8]])
    atoms.pbc = True
    more = {"basis": "dzp", "xc": "PBE", "h": 0.3, "txt": None, "converge": False, "symmetry": "off"}
    return DFT(atoms, mode="lcao", nbands="nao", kpts=kpts, **more)


def noisy(kpts):
    """A calculation with a potential of both signs and no symmetry, and its first wave functions."""
    dft = calculation(kpts)
    dft.potential.vt_sR.data += np.random.default_rng(0).normal(0, 0.1, dft.potential.vt_sR.data.shape)
    return dft, next(iter(dft.ibzwfs))


def own_matrix(dft, wave):
    hamiltonian = dft.scf_loop.hamiltonian
    return hamiltonian.create_hamiltonian_matrix_calculator(dft.potential).calculate_matrix(wave).data


def test_the_hamiltonian_is_gpaws_own():
    dft, wave = noisy({"size": (1, 1, 1)})
    own, basis = own_matrix(dft, wave), dft.scf_loop.hamiltonian.basis
    assert dense.use(basis)
    np.testing.assert_allclose(own_matrix(dft, wave), own, atol=2e-6)
    assert np.abs(own).max() > 0.1
    with pytest.raises(ValueError, match="not that of a k mesh"):
        dense.MeshHamiltonian(basis, dft.potential)


def test_the_hamiltonian_of_a_mesh_is_gpaws_own():
    dft, wave = noisy({"size": (2, 1, 2), "gamma": False})
    own, basis = own_matrix(dft, wave), dft.scf_loop.hamiltonian.basis
    found = dense.MeshHamiltonian(basis, dft.potential).calculate_matrix(wave).data
    np.testing.assert_allclose(found, own, atol=2e-6)
    assert np.abs(own.imag).max() > 0.1
    assert not dense.use(basis)


def test_density_is_gpaws_own():
    dft = calculation({"size": (1, 1, 1)})
    basis, shape = dft.scf_loop.hamiltonian.basis, dft.density.nt_sR.data.shape[1:]
    factor = np.random.default_rng(0).normal(size=(basis.Mmax, 4))
    own, fast = np.zeros((2, *shape))
    basis.construct_density(factor @ factor.T, own, 0)
    assert dense.use(basis)
    basis.construct_density(factor @ factor.T, fast, 0)
    np.testing.assert_allclose(fast, own, rtol=1e-4, atol=1e-5)


def test_overlaps_are_gpaws_own():
    mesh = {"size": (2, 1, 2), "gamma": False}
    with dense.overlaps():
        fast = calculation(mesh)
    own = calculation(mesh)
    for a, b in zip(fast.ibzwfs, own.ibzwfs, strict=True):
        np.testing.assert_allclose(a.S_MM.data, b.S_MM.data, atol=1e-12)


def test_the_lowest_bands_are_gpaws_own():
    dft, wave = noisy({"size": (2, 1, 2), "gamma": False})
    hamiltonian = dft.scf_loop.hamiltonian.create_hamiltonian_matrix_calculator(dft.potential)
    dft.scf_loop.eigensolver.iterate1(wave, None, hamiltonian)
    own, levels, most = wave.C_nM.data.copy(), wave.eig_n.copy(), wave.nbands
    wave.nbands = most // 2
    dense.lowest_bands(wave, hamiltonian)
    assert wave.C_nM.shape == (most // 2, most)
    np.testing.assert_allclose(wave.eig_n, levels[: most // 2], atol=1e-10)
    same = np.abs(wave.C_nM.data.conj() @ wave.S_MM.data @ own.T)  # of single bands: one, or a phase
    np.testing.assert_allclose(same, np.eye(most // 2, most), atol=1e-8)
