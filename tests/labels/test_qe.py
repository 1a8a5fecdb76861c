"""The engine of Quantum ESPRESSO: a crystal live (where make engines has been run), failures with stand-in
programs."""

import json
import re
import stat
from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.units import Bohr
from conftest import CASES, load_script

from getl_utils.files import upf
from getl_utils.labels import analysis, pwscf, qe_programs
from getl_utils.labels import engine as engines
from getl_utils.labels.engine import Job, LabelError

ORBITALS = {"Al": ["3s", "3p"], "Cu": ["3s", "4s", "3p", "3d"], "Zr": ["4s", "5s", "4p", "4d"]}
B2_ICOHP = -0.944  # eV, of this engine at these settings
qe, gpaw = engines.get("qe"), engines.get("gpaw")
needs_qe = pytest.mark.skipif(qe.missing() is not None, reason=str(qe.missing()))


def label(atoms, cutoff=4.2, orbitals=ORBITALS, **settings):
    cheap = {"kpoints": [3, 3, 3], "ecutwfc": 20, "ecutrho": 80, "smearing": 0.5}
    return qe.label(atoms, orbitals=orbitals, minimum_distance=1.0, cutoff=cutoff, **(cheap | settings))


@pytest.fixture
def program(tmp_path, monkeypatch):
    """Put a stand-in for a program on PATH: the lines of a shell script."""
    monkeypatch.setenv("PATH", f"{tmp_path}:{'/usr/bin:/bin'}")

    def put(name, script):
        path = tmp_path / name
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(path.stat().st_mode | stat.S_IEXEC)

    return put


def test_what_is_missing_says_how_to_get_it(monkeypatch, tmp_path):
    monkeypatch.setattr("shutil.which", lambda name: None)
    monkeypatch.setattr(qe_programs, "WHEEL", tmp_path)
    assert "run: make engines" in qe.missing()


def test_the_systems_programs_go_before_the_wheel(program):
    program("pw.x", "")
    assert qe_programs.command("pw.x", "mpirun -n 4") == ["mpirun", "-n", "4", "pw.x"]
    assert qe_programs.command("ld1.x")[1:] == ["-m", "qepy", "--ld1.x"]


def test_data_sets_hold_the_shells_of_lobsters_basis():
    for element, shells in ORBITALS.items():
        found = [shell for shell, _ in upf.read_atomic_functions(pwscf.PAW / f"{element}.UPF")]
        assert sorted(found) == sorted(shells)


def test_input_has_bands_for_every_atomic_function():
    atoms = bulk("CuZr", "cesiumchloride", a=3.27)
    text = pwscf.scf_input(Job(atoms, ORBITALS, (1.0, 4.2), pwscf.Settings()))
    assert "nbnd = 22" in text
    assert "nosym = .true." in text
    assert text.endswith("1 1 1   0 0 0\n")


def test_a_missing_data_set_is_named():
    with pytest.raises(ValueError, match=r"no pseudopotential Fe\.UPF"):
        label(bulk("Fe"), 2.6, {"Fe": ["3d"]})


@pytest.mark.parametrize(
    ("script", "message"),
    [
        ("kill -9 $$", "pw.x was killed by signal 9"),
        ("echo This run was terminated on", "did not converge in 100 steps; lower mixing"),
        (
            "echo '%%% Error in routine electrons (1): too few bands %%%'; exit 1",
            "electrons .1.: too few bands",
        ),
        ("exit 3", "exit code 3"),
        ("sleep 30", "stopped after 0.2 s"),
    ],
)
def test_pw_that_fails_is_a_status(program, script, message):
    program("pw.x", script)
    timeout = 0.2 if "sleep" in script else 20
    with pytest.raises(LabelError, match=message) as caught:
        label(bulk("Al", a=4.04), 3.0, timeout=timeout)
    assert caught.value.status == "SCF_NOT_CONVERGED"


def test_waves_that_are_not_there_are_a_status(program):
    program(
        "pw.x",
        "echo convergence has been achieved in 3 iterations; echo This run was terminated on; echo JOB DONE",
    )
    with pytest.raises(LabelError, match="data-file-schema") as caught:
        label(bulk("Al", a=4.04), 3.0)
    assert caught.value.status == "NO_ICOHP"


def test_an_unknown_projection_is_named():
    with pytest.raises(ValueError, match=r"settings of engine qe: projection: .*'full' or 'lobster'"):
        label(bulk("Al", a=4.04), 3.0, projection="all")


def test_shells_that_the_data_sets_hold_must_be_asked_for(tmp_path):
    with pytest.raises(ValueError, match="the orbitals lack 3s 3p of Cu, 4s 4p of Zr"):
        label(bulk("CuZr", "cesiumchloride", a=3.27), orbitals={"Cu": ["3d", "4s"], "Zr": ["4d", "5s"]})
    text = (pwscf.PAW / "Cu.UPF").read_text()
    for number in (1, 3):  # a data set without 3s and 3p
        text = re.sub(rf"</?PP_CHI\.{number}\b", lambda m: m[0].replace("PP_CHI", "PP_OFF"), text)
    (tmp_path / "Cu.UPF").write_text(text)
    names = [shell for shell, _ in upf.read_atomic_functions(tmp_path / "Cu.UPF")]
    job = Job(bulk("Cu"), {"Cu": names}, (1.0, 2.6), qe.Settings(pseudo_dir=str(tmp_path), kpoints=[3, 3, 3]))
    qe.check(job)


@needs_qe
def test_aluminium_live(tmp_path):
    """One atom, twelve equal neighbours, and a record that says how they came about."""
    found = label(bulk("Al", a=4.04), 3.0, folder=str(tmp_path), band_factor=2.0, analysis=True)
    assert len(found.bonds) == 6  # each bond once
    assert np.ptp(found.bonds.icohp) < 1e-3
    assert found.bonds.icohp.max() < -0.3
    record = found.record
    assert record["orbitals_used"] == {"Al": ["3s", "3p"]}
    assert record["electrons"] == pytest.approx(3, abs=1e-6)
    assert record["kpoints"] == 14
    assert record["engine_version"].startswith("pw.x v.")
    assert {"seconds_scf", "seconds_cohp"} < set(record)
    assert record["projection"] == "full"
    assert found.bonds.icohp_full.tolist() == found.bonds.icohp.tolist()
    json.dumps(record)
    assert Path(tmp_path, "getl.scf.out").exists()
    analysed = found.analysis.found
    np.testing.assert_allclose([v.sum() for v in analysed.icohp], found.bonds.icohp, atol=1e-9)
    at_fermi = [np.interp(0, analysed.energies, curve) for curve in analysed.integrated.sum(axis=1)]
    np.testing.assert_allclose(at_fermi, found.bonds.icohp, atol=2e-3)
    np.testing.assert_allclose(found.analysis.charges, 0, atol=1e-3)
    assert [value[0].shape for value in analysed.icoop] == [(4, 4)] * 6
    written = tmp_path / "label"
    written.mkdir()
    analysis.write_folder(written, bulk("Al", a=4.04), found.analysis)
    assert {file.name for file in written.glob("*.lobster")} == set(analysis.LOBSTER)


@pytest.fixture(scope="session")
def carbon(tmp_path_factory):
    """A folder with C.UPF, made by ld1.x from the input of the data set that LOBSTER's calculation used."""
    source = CASES / "ld1/C.in"
    if not source.exists():
        pytest.skip(
            f"no {source}: nothing was compared with LOBSTER's diamond; name its folder in GETL_CASES"
        )
    folder = tmp_path_factory.mktemp("carbon")
    (folder / "C.UPF").write_text(load_script("make_paw").make(source, folder))
    return folder


@needs_qe
@pytest.mark.parametrize(
    ("mesh", "icohp", "charge", "total"),
    [
        (6, -9.60866, 0.0112, 0.0923),
        # minutes: 260 k points
        pytest.param(8, -9.60499, 0.0111, 0.0924, marks=pytest.mark.slow),
    ],
)
def test_diamond_is_lobsters_to_the_digit(carbon, mesh, icohp, charge, total):
    """LOBSTER 6.0.0 on pw.x 7.5, same data set, cutoffs and mesh: ICOHP and both spillings."""
    a = 6.746 * Bohr
    cell = np.array([[-0.5, 0, 0.5], [0, 0.5, 0.5], [-0.5, 0.5, 0]]) * a
    atoms = Atoms("C2", positions=[[0, 0, 0], [a / 4] * 3], cell=cell, pbc=True)
    settings = {"pseudo_dir": str(carbon), "ecutwfc": 60, "ecutrho": 640, "kpoints": [mesh] * 3}
    settings |= {"smearing": 0.01, "scf_tolerance": 1e-9, "band_factor": 1.0, "projection": "lobster"}
    found = qe.label(atoms, orbitals={"C": ["2s", "2p"]}, minimum_distance=1.4, cutoff=1.7, **settings)
    assert len(found.bonds) == 4
    np.testing.assert_allclose(found.bonds.icohp, icohp, atol=1e-4)
    assert found.record["charge_spilling"] == pytest.approx(charge, abs=2e-4)
    assert found.record["occupied_spilling"] == pytest.approx(found.record["charge_spilling"], abs=1e-6)
    assert found.record["total_spilling"] == pytest.approx(total, abs=2e-4)
    assert found.record["projection"] == "lobster"
    assert (found.bonds.icohp_full < found.bonds.icohp - 0.04).all()  # the published equation: −9.658 eV


@needs_qe
def test_bands_on_a_mesh_of_their_own():
    """In the density of Γ they are near those in their own, and Γ's own are far off."""
    atoms, mesh = bulk("Al", a=4.04, cubic=True), [2, 2, 2]
    wanted = label(atoms, 3.0, kpoints=mesh, shift=[1, 1, 1], folds=True)
    found = label(atoms, 3.0, kpoints=[1, 1, 1], band_kpoints=mesh, folds=True)
    assert found.record["kpoints"] == wanted.record["kpoints"] == 4
    assert found.bonds.icohp.to_numpy() == pytest.approx(wanted.bonds.icohp.to_numpy(), abs=1e-3)
    own = label(atoms, 3.0, kpoints=[1, 1, 1], folds=True, most_spilling=0.1)
    assert abs(own.bonds.icohp - wanted.bonds.icohp).min() > 0.3


def test_bands_that_fail_are_a_status(program):
    there = "echo convergence has been achieved in 3 iterations; echo JOB DONE"
    program("pw.x", f"case $2 in *nscf*) exit 3;; esac; {there}")
    with pytest.raises(
        LabelError, match=r"bands on \[2, 2, 2\] k points: pw.x ended with exit code 3"
    ) as caught:
        label(bulk("Al", a=4.04, cubic=True), 3.0, kpoints=[1, 1, 1], band_kpoints=[2, 2, 2], folds=True)
    assert caught.value.status == "SCF_NOT_CONVERGED"


@needs_qe
def test_failures_live():
    atoms = bulk("Al", a=4.04)
    with pytest.raises(LabelError, match="did not converge in 1 steps") as caught:
        label(atoms, 3.0, max_iterations=1)
    assert caught.value.status == "SCF_NOT_CONVERGED"
    with pytest.raises(LabelError, match="too few bands: 2 for 4 orbitals") as caught:
        label(atoms, 3.0, band_factor=0.5)
    assert caught.value.status == "NO_ICOHP"
    with pytest.raises(LabelError, match="charge spilling") as caught:
        label(atoms, 3.0, most_spilling=1e-6)
    assert caught.value.status == "SPILLED"


@needs_qe
def test_a_k_mesh_equals_the_supercell():
    """Phases of k points and positions outside the cell. Only bands well in the orbitals' span: those are the
    same in both."""
    cell = Atoms("Al2", [[0, 0, 0], [2.5, 0.3, 0.4]], cell=[5.4, 3.1, 3.1], pbc=True)
    options = {"scf_tolerance": 1e-9, "minimum_projection": 0.8, "band_factor": 2.0, "folds": True}
    mesh = label(cell, 3.0, kpoints=[1, 3, 1], **options).bonds
    cell.positions[1] += [5.4, -3.1, 0]
    large = label(cell * (1, 3, 1), 3.0, kpoints=[1, 1, 1], **options).bonds
    assert len(large) == 3 * len(mesh)
    for bond in mesh.itertuples():
        same = large[(large.distance - bond.distance).abs() < 1e-3]
        assert np.abs(same.icohp - bond.icohp).min() < 2e-3


@needs_qe
@pytest.mark.slow  # minutes: 14 k points of the semicore shells of Cu and Zr in plane waves
@pytest.mark.skipif(gpaw.missing() is not None, reason=str(gpaw.missing()))
def test_b2_cuzr_live(capsys):
    """The eight Cu–Zr bonds of B2 CuZr, equal by symmetry, from what pip installs; and by `gpaw`."""
    found = label(bulk("CuZr", "cesiumchloride", a=3.27), ecutwfc=45, ecutrho=360, smearing=0.108846)
    unlike = found.bonds[found.bonds.distance < 3]
    assert (len(found.bonds), len(unlike)) == (14, 8)
    assert np.ptp(unlike.icohp) < 1e-3
    assert unlike.icohp.mean() == pytest.approx(B2_ICOHP, abs=0.01)
    assert found.record["charge_spilling"] < 0.02
    other = gpaw.label(
        bulk("CuZr", "cesiumchloride", a=3.27),
        orbitals=ORBITALS,
        minimum_distance=1,
        cutoff=4.2,
        kpoints=[3, 3, 3],
    )
    theirs = other.bonds[other.bonds.distance < 3].icohp
    assert unlike.icohp.mean() == pytest.approx(theirs.mean(), rel=0.1)
    with capsys.disabled():
        print(
            f"\nB2 CuZr: {found.record['seconds']:.0f} s, {unlike.icohp.mean():.4f} eV; "
            f"gpaw {theirs.mean():.4f} eV"
        )
