"""Spin-polarised labels: closed forms, files, and GPAW with magnetism and without."""

import numpy as np
import pandas as pd
import pytest
from ase import Atoms
from ase.build import bulk

from getl_utils.core.bonds import BOND
from getl_utils.core.cells import CellKey
from getl_utils.files import lobster
from getl_utils.labels import engine as engines
from getl_utils.labels.bands import ProjectedBands
from getl_utils.labels.icohp import icohp, icohp_of_spins
from getl_utils.labels.label import write_bonds

ORBITALS = {"H": ["1s"], "O": ["2s", "2p"], "Fe": ["3s", "3p", "3d", "4s"]}
ORBITALS["Ni"] = ORBITALS["Fe"]
COLUMNS = [*BOND, "distance", "icohp", "icohp_spin_1", "icohp_spin_2"]
gpaw = engines.get("gpaw")
qe = engines.get("qe")
needs_qe = pytest.mark.skipif(qe.missing() is not None, reason=str(qe.missing()))
needs_gpaw = pytest.mark.skipif(gpaw.missing() is not None, reason=str(gpaw.missing()))


def label(atoms, mesh, cutoff, moments, **settings):
    settings = {"grid_spacing": 0.25, "smearing": 0.1, "moments": moments} | settings
    return gpaw.label(
        atoms, orbitals=ORBITALS, minimum_distance=0.5, cutoff=cutoff, kpoints=list(mesh), **settings
    )


def dimer(energies, occupations):
    """One orbital on each of two atoms, by spin: bonding and antibonding level."""
    bonding = np.array([[1.0, 1.0], [1.0, -1.0]]) / 2**0.5
    spins = len(energies)
    shape = (spins, 1, 2, 2)
    lead = np.array(energies, float)[:, None], np.array(occupations, float)[:, None]
    return ProjectedBands(
        *lead,
        np.broadcast_to(bonding, shape),
        np.eye(2)[None],
        np.array([0, 1]),
        np.zeros((1, 3)),
        np.ones(1),
    )


def test_the_spins_of_an_open_shell_dimer_are_the_closed_form():
    """Like the π orbitals of O2: both spins have the bonding level, one has the antibonding level too."""
    energies, occupations = [[-4.0, -1.0], [-3.0, 0.5]], [[1, 1], [1, 0]]
    bands = dimer(energies, occupations)
    closed = [
        (f[0] - f[1]) * (e[0] - e[1]) / 4 for e, f in zip(energies, occupations, strict=True)
    ]  # bond order × hopping
    found = icohp_of_spins(bands, [[0, 1, 0, 0, 0]])
    np.testing.assert_allclose(found[:, 0], closed, atol=1e-12)
    assert abs(found[0]) < 1e-12 < 0.5 < -found[1]
    np.testing.assert_allclose(icohp(bands, [[0, 1, 0, 0, 0]]), sum(closed), atol=1e-12)


def test_two_equal_spins_are_twice_one_half():
    one = icohp(dimer([[-2, 1]], [[2, 0.4]]), [[0, 1, 0, 0, 0]])
    two = icohp_of_spins(dimer([[-2, 1]] * 2, [[1, 0.2]] * 2), [[0, 1, 0, 0, 0]])
    np.testing.assert_allclose(two, [one / 2, one / 2], atol=1e-12)


def test_a_list_of_both_spins_is_read_back(tmp_path):
    bonds = pd.DataFrame([[0, 1, 0, 0, -1, 2.5], [0, 1, 1, 0, 0, 2.6]], columns=[*BOND, "distance"])
    bonds = bonds.assign(icohp=[-1.5, -0.75], icohp_spin_1=[-1.0, -0.5], icohp_spin_2=[-0.5, -0.25])
    lobster.write_icohplist(tmp_path / "list", bonds, ["Fe", "Fe"])
    found = lobster.read_icohplist(tmp_path / "list")
    for name in ("icohp", "icohp_spin_1", "icohp_spin_2", "distance"):
        assert found[name].tolist() == bonds[name].tolist()
    text = (tmp_path / "list").read_text().splitlines()
    assert [line.split()[-1] for line in text if "COHP#" in line] == ["1", "2"]
    assert len(text) == 6
    with pytest.raises(ValueError, match="not finite"):
        lobster.write_icohplist(tmp_path / "list", bonds.assign(icohp_spin_2=np.nan), ["Fe", "Fe"])


def test_the_files_of_a_label_have_both_spins(tmp_path):
    bonds = pd.DataFrame([[0, 1, 0, 0, 0, 2.5, -1.5, -1.0, -0.5]], columns=COLUMNS)
    origin = {"engine": "gpaw", "projection": "full", "label_id": "x"}
    write_bonds(tmp_path, bonds, Atoms("FeNi"), CellKey("FeNi", 0, 0), origin)
    table = pd.read_parquet(tmp_path / "bonds.parquet")
    for found in (table, lobster.read_icohplist(tmp_path / "ICOHPLIST.lobster")):
        assert found[COLUMNS[6:]].to_numpy().tolist() == [[-1.5, -1.0, -0.5]]


@needs_gpaw
def test_moments_that_cannot_be_meant_are_refused():
    iron = bulk("Fe")
    with pytest.raises(ValueError, match=r"moments are given for Ni, and the structure has Fe"):
        label(iron, (3, 3, 3), 2.6, {"Ni": 1.0})
    with pytest.raises(ValueError, match="moments are given for 'fe', which is no element"):
        label(iron, (3, 3, 3), 2.6, {"fe": 1.0, "Fe": 2.0})
    with pytest.raises(ValueError, match="engine xtb has no setting 'moments'"):
        engines.get("xtb").read({"moments": {"Fe": 2.0}})


@needs_gpaw
def test_without_magnetism_each_spin_is_half():
    atoms = Atoms("H2", [[0.2, 1.0, 2.0], [1.0, 1.1, 2.1]], cell=[2.4, 3.6, 3.6], pbc=True)
    plain = label(atoms, (3, 1, 1), 2.3, None)
    found = label(atoms, (3, 1, 1), 2.3, {"H": 0.0})
    assert "icohp_spin_1" not in plain.bonds
    assert (plain.record["spin_polarised"], found.record["spin_polarised"]) == (False, True)
    for spin in ("icohp_spin_1", "icohp_spin_2"):
        np.testing.assert_allclose(found.bonds[spin], plain.bonds.icohp / 2, atol=1e-6)
    assert found.record["total_moment"] == pytest.approx(0, abs=1e-6)
    gone = label(atoms, (3, 1, 1), 2.3, {"H": 0.1})
    assert any("the moments of H vanished: from 0.1 μ_B to 0.0" in text for text in gone.record["warnings"])
    assert not any("vanished" in text for text in found.record["warnings"])


@needs_gpaw
def test_oxygen_has_two_unpaired_electrons_that_weaken_the_bond_of_one_spin():
    atoms = Atoms("O2", [[2.5, 2.5, 2.5], [2.5, 2.5, 3.72]], cell=[5, 5, 5.5], pbc=True)
    found = label(atoms, (1, 1, 1), 2.0, {"O": 1.0}, smearing=0.05)
    assert found.record["total_moment"] == pytest.approx(2, abs=0.01)
    assert found.bonds.icohp_spin_2[0] < found.bonds.icohp_spin_1[0] - 1 < -1


@needs_gpaw
def test_plane_waves_have_spin_and_forces():
    """Iron on few k points: a moment, bonds of two strengths that add up, in the analysis too."""
    found = label(bulk("Fe", a=2.87), (4, 4, 4), 2.6, {"Fe": 2.5}, waves="pw", cutoff_energy=350,
                  analysis=True, forces=True)  # fmt: skip
    bonds, record = found.bonds, found.record
    assert record["spin_polarised"]
    assert 1.8 < record["total_moment"] < 2.8
    assert record["moments"][0] == pytest.approx(record["total_moment"], abs=0.3)
    assert record["largest_force"] < 0.05  # by symmetry there is none
    np.testing.assert_allclose(bonds.icohp_spin_1 + bonds.icohp_spin_2, bonds.icohp, atol=1e-12)
    assert ((bonds.icohp_spin_1 - bonds.icohp_spin_2).abs() > 0.05).all()
    assert record["electrons"] == pytest.approx(16, abs=1e-4)  # 3s and 3p of the core with them
    spins = np.array([value.sum(axis=(1, 2)) for value in found.analysis.found.icohp])
    np.testing.assert_allclose(spins, bonds[["icohp_spin_1", "icohp_spin_2"]], atol=1e-9)
    up, down = found.analysis.found.lowdin.sum(axis=1)
    assert up - down == pytest.approx(record["total_moment"], abs=0.05)


@needs_gpaw
@pytest.mark.slow
@pytest.mark.parametrize(
    ("solid", "start", "moment", "width"),
    [(bulk("Fe", a=2.87), 2.5, 2.2, 0.1), (bulk("Ni", a=3.52), 1.0, 0.62, 0.08)],
)
def test_iron_and_nickel_have_their_moments_and_bonds_of_two_strengths(solid, start, moment, width):
    (element,) = set(solid.get_chemical_symbols())
    found = label(solid, (6, 6, 6), 2.6, {element: start})
    assert found.record["total_moment"] == pytest.approx(moment, abs=width)
    assert found.record["moments"][0] == pytest.approx(moment, abs=0.15)
    bonds = found.bonds
    np.testing.assert_allclose(bonds.icohp_spin_1 + bonds.icohp_spin_2, bonds.icohp, atol=1e-12)
    assert (bonds.icohp < 0).all()
    assert ((bonds.icohp_spin_1 - bonds.icohp_spin_2).abs() > 0.05).all()
    assert not any("vanished" in text for text in found.record["warnings"])


@pytest.fixture(scope="module")
def triplet():
    """Two atoms of Al apart from all others, with two unpaired electrons."""
    return Atoms("Al2", [[3.0, 3.5, 3.5], [5.7, 3.5, 3.5]], cell=[8.7, 7.5, 7.5], pbc=True)


def of_al(engine, atoms, **settings):
    settings = {"smearing": 0.1, "projection": "lobster"} | settings
    return engine.label(atoms, orbitals={"Al": ["3s", "3p"]}, minimum_distance=1.5, cutoff=3.5, **settings)


QE = {"ecutwfc": 20, "ecutrho": 100}


@needs_qe
@needs_gpaw
def test_both_engines_agree_on_both_spins(triplet):
    ours = of_al(qe, triplet, moments={"Al": 1.2}, **QE)
    theirs = of_al(gpaw, triplet, moments={"Al": 1.2}, waves="pw", cutoff_energy=270)
    assert ours.record["spin_polarised"]
    assert ours.record["total_moment"] == pytest.approx(theirs.record["total_moment"], abs=0.02)
    columns = ["icohp_spin_1", "icohp_spin_2"]
    np.testing.assert_allclose(ours.bonds[columns], theirs.bonds[columns], rtol=0.06)
    assert abs(ours.bonds.icohp_spin_1[0] - ours.bonds.icohp_spin_2[0]) > 0.1
    assert ours.bonds.icohp_spin_1[0] + ours.bonds.icohp_spin_2[0] == pytest.approx(ours.bonds.icohp[0])


@needs_qe
def test_of_quantum_espresso_each_spin_is_half_without_magnetism():
    sharp = {**QE, "scf_tolerance": 1e-10, "kpoints": [3, 3, 3], "smearing": 0.5}
    sharp |= {"projection": "full", "band_factor": 2.0}  # the last bands of 1.1 are degenerate with the next
    solid = bulk("Al", a=4.05)
    plain, found = (of_al(qe, solid, moments=moments, **sharp) for moments in (None, {"Al": 0.0}))
    assert (plain.record["spin_polarised"], found.record["spin_polarised"]) == (False, True)
    for spin in ("icohp_spin_1", "icohp_spin_2"):
        np.testing.assert_allclose(found.bonds[spin], plain.bonds.icohp / 2, atol=2e-5)
    assert not any("vanished" in text for text in found.record["warnings"])


def test_moments_of_nothing_are_refused(triplet):
    with pytest.raises(ValueError, match="moments are given for Fe, and the structure has Al"):
        of_al(qe, triplet, moments={"Fe": 2.0})
    with pytest.raises(ValueError, match="Al 4 μ_B, more than it has electrons"):
        of_al(qe, triplet, moments={"Al": 4.0})


def test_bands_that_do_not_span_the_orbitals_are_a_warning(triplet):
    job = engines.Job(triplet, {"Al": ["3s", "3p"]}, (1.0, 3.0), gpaw.read({}))
    few = {"projection": "full", "bands_per_orbital": 0.875}
    assert any("0.875 bands an orbital" in text for text in gpaw.judge(few, job))
    assert gpaw.judge(few | {"bands_per_orbital": 1.0}, job) == []
    assert gpaw.judge(few | {"projection": "lobster"}, job) == []
