"""The PAW data sets have no ghosts, have LOBSTER's orbitals, and are those that their script makes."""

import hashlib
import re
import xml.etree.ElementTree as ET

import numpy as np
import pandas as pd
import pytest
from conftest import REPOSITORY, load_script

from getl_utils.files import upf
from getl_utils.labels import qe_programs
from getl_utils.labels.projection import hartree_fock, spheres
from getl_utils.labels.projection.two_centre import Radial

PAW = REPOSITORY / "atomistic_models" / "paw"


make_paw, check_paw = load_script("make_paw"), load_script("check_paw")
ELEMENTS = list(make_paw.BASIS)


def test_checksums():
    names = set()
    for line in (PAW / "SHA256SUMS").read_text().splitlines():
        digest, name = line.split()
        assert hashlib.sha256((PAW / name).read_bytes()).hexdigest() == digest, name
        names.add(name)
    assert names == {f"{e}{end}" for e in ELEMENTS for end in (".UPF", ".ld1.in")}


def test_no_line_is_too_long_for_pw():
    assert (
        max(len(line) for e in ELEMENTS for line in (PAW / f"{e}.UPF").read_text().splitlines())
        <= make_paw.LONGEST
    )
    long = " ".join(["1.0"] * 400)
    wrapped = make_paw._wrap(long)
    assert max(map(len, wrapped)) < make_paw.LONGEST
    assert " ".join(wrapped) == long


def test_committed_table_has_no_ghost():
    table = pd.read_csv(PAW / "ghosts.csv")
    assert set(table.element) == set(ELEMENTS)
    assert (table.branches_ae == table.branches_ps).all()
    assert table.largest_difference.max() < 0.2


def test_a_ghost_would_be_seen(tmp_path):
    """The pseudo-atom has one pole more than the all-electron atom."""
    energies = np.linspace(-5, 4, 4000)
    steady = np.tan(-0.3 * energies)
    np.savetxt(tmp_path / "ld1.dlog", np.column_stack([energies, steady]))
    ghost = np.tan(
        -0.3 * energies - np.pi * (energies > 1.001) - np.arctan((energies - 1.001) / 0.01) - np.pi / 2
    )
    np.savetxt(tmp_path / "ld1ps.dlog", np.column_stack([energies, ghost]))
    row = make_paw.branches(tmp_path).iloc[0]
    assert row.branches_ps != row.branches_ae


@pytest.mark.parametrize("element", ELEMENTS)
def test_overlap_is_positive(element):
    found = make_paw.overlap_eigenvalues((PAW / f"{element}.UPF").read_text())
    table = (
        pd.read_csv(PAW / "ghosts.csv")
        .query("element == @element")
        .set_index("l")
        .overlap_eigenvalue.dropna()
    )
    assert table.min() > 0
    assert found == pytest.approx(table.to_dict(), abs=1e-4)


@pytest.mark.skipif(hartree_fock.missing() is not None, reason=str(hartree_fock.missing()))
@pytest.mark.parametrize(("element", "shell"), [("Al", "3p"), ("Cu", "4s"), ("Zr", "4d")])
def test_atomic_functions_are_hartree_fock_orbitals_outside(element, shell):
    """They are the orbital itself, minus its part in lower shells of the same l (Cu 3s in 4s)."""
    tree = ET.fromstring(
        re.sub(r"<PP_INFO>.*?</PP_INFO>", "", (PAW / f"{element}.UPF").read_text(), flags=re.DOTALL)
    )
    r = upf.numbers(tree.find("PP_MESH/PP_R"))
    chi = next(upf.numbers(e) for e in tree.find("PP_PSWFC") if e.get("label").lower() == shell)
    outside = (r > 2.2) & (r < 12)
    shells = [
        name
        for name, _ in upf.read_atomic_functions(PAW / f"{element}.UPF")
        if name[1] == shell[1] and name <= shell
    ]
    exact = np.array([r * hartree_fock.values(hartree_fock.expansions(element)[name], r) for name in shells])[
        :, outside
    ].T
    parts, *_ = np.linalg.lstsq(exact, chi[outside], rcond=None)
    np.testing.assert_allclose(exact @ parts, chi[outside], rtol=1e-8)
    assert abs(parts[-1] - 1) < 0.05
    assert np.abs(parts[:-1]).max(initial=0) < 0.1


@pytest.mark.skipif(qe_programs.missing() is not None, reason=str(qe_programs.missing()))
@pytest.mark.skipif(hartree_fock.missing() is not None, reason=str(hartree_fock.missing()))
def test_the_script_makes_the_committed_data_set(tmp_path):
    make_paw.main(["Al", "--output", str(tmp_path)])
    new, old = (_numbers_of(folder / "Al.UPF") for folder in (tmp_path, PAW))
    assert len(new) == len(old)
    # another processor's last digits
    assert np.median(np.abs(new - old)) == 0
    np.testing.assert_allclose(new, old, rtol=1e-3, atol=1e-5)


def _numbers_of(path):
    return np.array(re.findall(r"-?\d+\.\d+(?:E[+-]\d+)?", path.read_text()), float)


def test_lattice_constants_follow_from_the_stored_energies():
    """The table follows from energies.csv, and each crystal is within 1 % of published PBE."""
    table = pd.read_csv(PAW / "lattice.csv")
    for name in table.crystal.unique():
        rows = pd.DataFrame(check_paw.lattice(name), columns=table.columns)
        np.testing.assert_allclose(rows.value, table[table.crystal == name].value, atol=1e-4)
    assert table.difference_percent.abs().max() < 1


def test_both_engines_agree_on_every_bond_of_a_disordered_cell():
    both = pd.read_csv(PAW / "disordered.csv")
    for bond, group in both.groupby("bond"):
        assert np.polyfit(group.icohp_gpaw, group.icohp_qe, 1)[0] == pytest.approx(1, abs=0.02), bond
        assert np.sqrt(np.mean((group.icohp_qe - group.icohp_gpaw) ** 2)) < 0.06, bond


@pytest.mark.skipif(qe_programs.missing() is not None, reason=str(qe_programs.missing()))
def test_the_script_makes_the_reference_spheres_that_are_shipped(tmp_path):
    load_script("make_spheres").main(["--output", str(tmp_path)])
    with np.load(tmp_path / "spheres.npz") as new, np.load(PAW / "spheres.npz") as old:
        assert sorted(new.files) == sorted(old.files)
        for name in old.files:
            np.testing.assert_allclose(new[name], old[name], rtol=1e-6, atol=1e-7, err_msg=name)


def test_reference_spheres_have_the_radii_and_angular_momenta_of_the_published_sets():
    """Projectors as the published scf.out files count them: Al 2 s, 2 p; Cu and Zr 2 s, 2 p, 2 d."""
    known = spheres.known()
    assert {e: known[e]["momenta"].tolist() for e in known} == {
        "Al": [0, 0, 1, 1],
        "Cu": [0, 0, 1, 1, 2, 2],
        "Zr": [0, 0, 1, 1, 2, 2],
    }
    for paw in known.values():
        beyond = paw["r"] > paw["edges"].max()
        assert beyond.any()
        assert np.abs((paw["sharp"] - paw["smooth"])[:, beyond]).max() < 1e-8


def test_a_partial_wave_of_the_reference_set_is_its_own_fit():
    paw = spheres.known()["Zr"]
    for n, momentum in enumerate(paw["momenta"]):
        wave = Radial(int(momentum), paw["r"], paw["sharp"][n], paw["weights"])
        (found,) = spheres.differences("Zr", [wave])
        np.testing.assert_allclose(found.values, (paw["sharp"] - paw["smooth"])[n], atol=1e-6)
    (none,) = spheres.differences("Zr", [Radial(3, paw["r"], paw["sharp"][0], paw["weights"])])
    assert not none.values.any()
