"""The GPAW engine on structures of seconds; skipped where GPAW is not installed (make engines)."""

import json
import pickle

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.units import Bohr

from getl_utils.labels import dense as _dense
from getl_utils.labels import engine as engines
from getl_utils.labels.engine import LabelError
from getl_utils.labels.gpaw import Settings, converged
from getl_utils.labels.projection import hartree_fock, lcao, spheres
from getl_utils.labels.projection.two_centre import Overlaps

ORBITALS = {"H": ["1s"], "Li": ["2s"], "Cu": ["3s", "4s", "3p", "3d"]}
gpaw = engines.get("gpaw")

needs_gpaw = pytest.mark.skipif(gpaw.missing() is not None, reason=str(gpaw.missing()))


def label(atoms, mesh=(1, 1, 1), cutoff=2.9, orbitals=ORBITALS, **settings):
    settings = {"grid_spacing": 0.3, "smearing": 0.5} | settings
    return gpaw.label(
        atoms, orbitals=orbitals, minimum_distance=0.5, cutoff=cutoff, kpoints=list(mesh), **settings
    )


@pytest.fixture
def chain():
    """Two atoms in a cell of 2.4 Å, one bond short, one long."""
    return Atoms("H2", [[0.2, 1.0, 2.0], [1.2, 1.1, 2.2]], cell=[2.4, 3.6, 3.6], pbc=True)


def test_what_is_missing_says_how_to_get_it(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert gpaw.missing() == "the package gpaw is not installed; run: make engines"


def test_structures_and_settings_that_cannot_be_right_are_refused(chain):
    with pytest.raises(ValueError, match=r"2\.40 Å thick.*at Γ no bond"):
        label(chain)
    with pytest.raises(ValueError, match="no orbitals given for H"):
        label(chain, (3, 1, 1), orbitals={})
    with pytest.raises(ValueError, match="no setting 'mixing'"):
        label(chain, (3, 1, 1), mixing=1)


@needs_gpaw
def test_a_k_mesh_equals_the_supercell(chain):
    mesh = label(chain, (3, 1, 1)).bonds
    large = label(chain * (3, 1, 1)).bonds
    assert mesh[["i", "j", "tx"]].values.tolist() == [[0, 0, 1], [0, 1, -1], [0, 1, 0], [1, 1, 1]]
    assert len(large) == 3 * len(mesh)
    for _, bond in mesh.iterrows():
        same = large[(large.distance - bond.distance).abs() < 1e-3]
        assert np.abs(same.icohp - bond.icohp).min() < 1e-4
    assert mesh.icohp[2] < mesh.icohp[1] < -1


@needs_gpaw
def test_bands_on_a_mesh_tell_the_images_of_a_pair_apart(chain):
    at_gamma, on_mesh = label(chain * (2, 1, 1), folds=True), label(chain * (2, 1, 1), band_kpoints=(2, 2, 2))
    assert on_mesh.record["kpoints"] == 4
    assert on_mesh.record["kpoints"] > at_gamma.record["kpoints"] == 1
    mesh = label(chain, (8, 2, 2)).bonds  # a dense mesh with its own density
    for _, bond in mesh[mesh.distance < 2].iterrows():
        errors = [
            np.abs(found.bonds.icohp[(found.bonds.distance - bond.distance).abs() < 1e-3] - bond.icohp).max()
            for found in (at_gamma, on_mesh)
        ]
        assert errors[1] < errors[0] / 3


@needs_gpaw
def test_bands_on_a_mesh_keep_the_symmetry_of_the_cell():
    found = label(bulk("Li", cubic=True), (2, 2, 2), cutoff=3.1, most_spilling=0.3, band_kpoints=(4, 4, 4))
    assert len(found.bonds) == 8
    assert found.bonds.icohp.max() < -0.05
    assert np.ptp(found.bonds.icohp) < 1e-4


@needs_gpaw
@pytest.mark.parametrize("mesh", [{}, {"band_kpoints": (2, 2, 2)}])
def test_bands_in_the_basis_of_the_density_are_those_of_the_density(chain, mesh):
    atoms = chain * (2, 1, 1)
    own = label(atoms, folds=True, **mesh)
    again = label(atoms, folds=True, band_basis="szp(dzp)", **mesh)
    np.testing.assert_allclose(again.bonds.icohp, own.bonds.icohp, atol=1e-4)
    assert again.record["orbitals_in_scf"] == own.record["orbitals_in_scf"]


@needs_gpaw
def test_a_larger_basis_of_the_bands_comes_near_to_one_of_the_density(chain):
    atoms = chain * (2, 1, 1)
    small, bands, large = (
        label(atoms, folds=True, **bases).bonds.icohp
        for bases in ({"basis": "sz(dzp)"}, {"basis": "sz(dzp)", "band_basis": "dzp"}, {"basis": "dzp"})
    )
    assert np.abs(bands - large).max() < np.abs(small - large).max() / 2


@needs_gpaw
def test_a_basis_that_is_not_there_is_refused_and_a_shipped_one_is_found(chain):
    with pytest.raises(ValueError, match=r"no basis tzp of H; .*make_basis\.py"):
        label(chain, (3, 1, 1), band_basis="tzp")
    found = label(bulk("Al"), (4, 4, 4), orbitals={"Al": ["3s", "3p"]}, band_basis="tzp")
    assert found.record["orbitals_in_scf"] == 3 * 1 + 3 * 3 + 5


@needs_gpaw
def test_projection_lobster_in_a_small_basis_is_a_warning():
    given = {"orbitals": {"Al": ["3s", "3p"]}, "projection": "lobster"}
    small, large = (
        label(bulk("Al"), (4, 4, 4), **given, **more).record for more in ({}, {"band_basis": "tzp"})
    )
    assert any("set band_basis: tzp" in text for text in small["warnings"])
    assert not any("basis" in text for text in large["warnings"])


@needs_gpaw
def test_where_atoms_are_listed_does_not_matter(chain):
    inside = label(chain, (3, 1, 1)).bonds
    chain.positions[1] += 2 * chain.cell[0] - chain.cell[1]
    outside = label(chain, (3, 1, 1)).bonds
    np.testing.assert_allclose(np.sort(inside.icohp), np.sort(outside.icohp), atol=1e-5)
    np.testing.assert_allclose(inside.icohp[2], outside.icohp[outside.tx == -2], atol=1e-5)


@needs_gpaw
def test_bonds_equal_by_symmetry_are_equal():
    found = label(bulk("Li", cubic=True), (2, 2, 2), cutoff=3.1, most_spilling=0.3)
    assert len(found.bonds) == 8
    assert found.bonds.icohp.max() < -0.05
    assert np.ptp(found.bonds.icohp) < 1e-4


@needs_gpaw
def test_dense_sums_are_gpaws_own(chain, monkeypatch):
    atoms = chain * (3, 1, 1)
    dense = label(atoms).bonds
    monkeypatch.setattr(_dense, "use", lambda basis: False)
    np.testing.assert_allclose(label(atoms).bonds.icohp, dense.icohp, atol=1e-4)


@needs_gpaw
def test_with_gpaws_own_spheres_the_emulation_is_the_sphere_of_the_own_atom_alone(monkeypatch):
    """If the reference set is GPAW's, the fit is exact, and what is left out is the neighbours' spheres."""
    atoms = Atoms("Al2", [[0, 0, 0], [2.6, 0.3, 0]], cell=[5, 4.6, 4.4], pbc=True)
    dft = converged(atoms, Settings(grid_spacing=0.3, smearing=0.5))
    (setup,) = set(dft.setups)
    grid, inside = setup.rgd, setup.rgd.r_g <= max(setup.rcut_j)
    waves = {name: np.array([w[inside] for w in getattr(setup.data, name)]) for name in ("phi_jg", "phit_jg")}
    own = {
        "r": grid.r_g[inside], "weights": grid.dr_g[inside], "momenta": np.array(setup.l_j),
        "edges": np.full(len(setup.l_j), max(setup.rcut_j)),
        "sharp": waves["phi_jg"], "smooth": waves["phit_jg"],
    }  # fmt: skip
    monkeypatch.setattr(spheres, "known", lambda: {"Al": own})
    found = lcao.project(dft, atoms, {"Al": ["3s", "3p"]}).bands()["lobster"].projections[0, 0]
    free = {"Al": [hartree_fock.orbital("Al", shell) for shell in ("3s", "3p")]}
    overlaps = Overlaps(atoms, np.zeros((1, 3)), hartree_fock.REACH * Bohr)
    (wave,) = dft.ibzwfs
    smooth = overlaps.matrix(free, {"Al": lcao._basis(setup)})[0] @ wave.C_nM.data.T
    expected = smooth + overlaps.own(free, {"Al": lcao._differences(setup)}) @ lcao._projectors(wave).T
    np.testing.assert_allclose(found, expected, atol=1e-4)
    assert (
        np.abs(
            overlaps.matrix(free, {"Al": lcao._differences(setup)})[0] @ lcao._projectors(wave).T
            + smooth
            - found
        ).max()
        > 0.01
    )


@needs_gpaw
def test_forces_are_the_slopes_of_the_energy():
    energies = []
    for x in (1.05, 1.0, 1.1):
        atoms = Atoms("H2", [[0.2, 1.0, 2.0], [0.2 + x, 1.0, 2.0]], cell=[3.0, 3.0, 3.0], pbc=True)
        found = label(atoms, cutoff=1.4, smearing=0.01, density_tolerance=1e-5, forces=x == 1.05).record
        energies.append(found["energy"])
        if x == 1.05:
            forces = np.array(found["forces"])
            assert found["largest_force"] == pytest.approx(np.linalg.norm(forces, axis=1).max(), abs=1e-3)
    slope = (energies[2] - energies[1]) / 0.1
    assert abs(slope) > 0.5
    assert forces[1, 0] == pytest.approx(-slope, abs=0.1 * abs(slope))
    assert "forces" not in found


@needs_gpaw
def test_record_says_what_the_label_is():
    atoms = Atoms("CuH", [[2, 2, 2], [3.5, 2, 2]], cell=[5, 4.2, 4.2], pbc=True)
    record = label(atoms, cutoff=2.0).record
    assert record["preview"] is False
    assert record["orbitals_used"] == {"Cu": ["3s", "4s", "3p", "3d"], "H": ["1s"]}
    assert record["electrons"] == pytest.approx(12 + 8)  # the data set's valence, and the frozen Cu 3s 3p
    assert record["engine_version"].startswith("gpaw ")
    assert record["kpoints"] == 1
    assert 0 < record["seconds_cohp"] < record["seconds"]
    assert record["projection"] == "full"
    json.dumps(record)
    with pytest.raises(LabelError, match=r"charge spilling .* is more than the 0% allowed") as caught:
        label(atoms, cutoff=2.0, most_spilling=1e-6)
    assert caught.value.status == "SPILLED"


def test_a_projection_that_there_is_not_is_named(chain):
    with pytest.raises(ValueError, match=r"settings of engine gpaw: projection: .*'full' or 'lobster'"):
        label(chain, (3, 1, 1), projection="both")


@needs_gpaw
def test_failures_are_statuses(chain):
    with pytest.raises(LabelError, match="raise max_iterations") as caught:
        label(chain, (3, 1, 1), max_iterations=1)
    assert caught.value.status == "SCF_NOT_CONVERGED"
    assert pickle.loads(pickle.dumps(caught.value)).status == "SCF_NOT_CONVERGED"
