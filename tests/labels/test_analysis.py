"""A label's folder, read by ourselves, by pymatgen and by LobsterPy."""

import warnings

import numpy as np
import pandas as pd
import pytest
from ase import Atoms

from getl_utils.core.neighbours import neighbour_table
from getl_utils.files import lobster
from getl_utils.labels import analysis
from getl_utils.labels.bands import ProjectedBands

A, MESH = 2.82, (4, 4, 4)
SALT = Atoms("NaCl", [[0, 0, 0], [A, A, A]], cell=A * (1 - np.eye(3)), pbc=True)
SHELLS = {"Na": ["3s"], "Cl": ["3p"]}


def salt(spins=1):
    """Rock salt in tight binding: Na 3s and Cl 3p with one hopping, no overlap; 6 electrons."""
    points = np.stack(np.meshgrid(*[np.arange(4) / 4] * 3, indexing="ij"), -1).reshape(-1, 3)
    shifts = neighbour_table(SALT, A * 1.1)
    shifts = shifts[shifts.i != shifts.j]
    energies, vectors = [], []
    for k in points:
        h = np.diag([4.0, -2, -2, -2]).astype(complex)
        for bond in shifts.itertuples():
            t = np.array([bond.tx, bond.ty, bond.tz])
            vector = SALT.positions[bond.j] + t @ SALT.cell.array - SALT.positions[bond.i]
            term = 1.1 * vector / np.linalg.norm(vector) * np.exp(2j * np.pi * k @ t)
            h[0, [2, 3, 1]] += term * (1 if bond.i == 0 else -1)  # p in the order y, z, x
        h[1:, 0] = h[0, 1:].conj()
        e, c = np.linalg.eigh(h)
        energies.append(e)
        vectors.append(c)
    f = np.tile([2 / spins] * 3 + [0], (spins, len(points), 1))
    return ProjectedBands(
        np.tile(energies, (spins, 1, 1)), f, np.tile(vectors, (spins, 1, 1, 1)),
        np.tile(np.eye(4), (64, 1, 1)), np.array([0, 1, 1, 1]), points, np.full(64, 1 / 64),
    )  # fmt: skip


@pytest.fixture(scope="module", params=[1, 2])
def written(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("label")
    bonds = neighbour_table(SALT, 4.1)
    found = analysis.analyse(salt(request.param), SALT, bonds, SHELLS, {"Na": 1.0, "Cl": 5.0}, 0.1, mesh=MESH)
    analysis.write_folder(folder, SALT, found)
    return folder, found


def test_all_files_are_there_and_lists_read_back(written):
    folder, found = written
    assert all((folder / name).stat().st_size for name in analysis.LOBSTER)
    for kind, values in (
        ("COHP", found.found.icohp),
        ("COOP", found.found.icoop),
        ("COBI", found.found.icobi),
    ):
        back = lobster.read_list(folder / f"I{kind}LIST.lobster", kind, orbitals=True)
        whole = back[back.orbital_i == ""]
        np.testing.assert_allclose(whole[f"i{kind.lower()}"], [v.sum() for v in values], atol=2e-5)
        assert len(back) == sum(1 + v[0].size for v in values)
    assert (whole.tx == -found.bonds.tx.to_numpy()).all()  # LOBSTER's sign


def test_the_tables_hold_the_same_in_full_precision(written):
    folder, found = written
    pairs = pd.read_parquet(folder / "orbital_pairs.parquet")
    assert pairs.icohp.sum() == pytest.approx(sum(v.sum() for v in found.found.icohp))
    charges = pd.read_parquet(folder / "charges.parquet")
    assert charges.lowdin.sum() == pytest.approx(0, abs=1e-9)
    assert charges.lowdin[0] > 0.5
    curve = pd.read_parquet(folder / "cohp.parquet").query("orbital_i == '' and i == 0 and j == 1")
    assert set(curve.spin) == set(range(1, len(found.found.dos) + 1))
    populations = pd.read_parquet(folder / "orbitals.parquet")
    assert populations.mulliken.sum() == pytest.approx(6)


def test_pymatgen_reads_the_folder(written):
    outputs = pytest.importorskip("pymatgen.io.lobster", reason="pymatgen is not installed (extra dev)")
    folder, found = written
    spins = len(found.found.dos)
    charge = outputs.Charge(str(folder / "CHARGE.lobster"))
    np.testing.assert_allclose(charge.mulliken, found.charges[0], atol=0.006)
    assert charge.atomlist == ["Na1", "Cl2"]
    gross = outputs.Grosspop(str(folder / "GROSSPOP.lobster")).list_dict_grosspop
    assert [entry["element"] for entry in gross] == ["Na", "Cl"]
    states = outputs.Doscar(str(folder / "DOSCAR.lobster"), structure_file=str(folder / "POSCAR.lobster"))
    assert len(states.tdensities) == spins
    assert set(states.pdos[1]) == {"3p_y", "3p_z", "3p_x"}
    curves = outputs.Cohpcar(filename=str(folder / "COHPCAR.lobster"))
    assert len(curves.cohp_data) == len(found.bonds) + 1
    assert set(curves.orb_res_cohp["1"]) >= {"3s-3s"} or len(curves.orb_res_cohp) == len(found.bonds)
    for kind in ("COHP", "COOP", "COBI"):
        flags = {"are_coops": kind == "COOP", "are_cobis": kind == "COBI"}
        path = str(folder / f"I{kind}LIST.lobster")
        read = outputs.Icohplist(filename=path, **flags).icohpcollection
        assert read.is_spin_polarized == (spins == 2)


def test_lobsterpy_analyses_the_folder(written):
    module = pytest.importorskip("lobsterpy.coxx.analyze", reason="LobsterPy is not installed (extra dev)")
    folder, found = written
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        result = module.Analysis.from_files(
            structure_path=folder / "POSCAR.lobster",
            icoxxlist_path=folder / "ICOHPLIST.lobster",
            coxxcar_path=folder / "COHPCAR.lobster",
            charge_path=folder / "CHARGE.lobster",
            which_bonds="cation-anion",
            orbital_resolved=True,
        ).condensed_bonding_analysis
    site = result["sites"][0]
    assert (result["formula"], site["env"], site["ion"]) == ("NaCl", "O:6", "Na")
    nearest = found.bonds.distance < A * 1.1
    ours = np.mean([v.sum() for v, near in zip(found.found.icohp, nearest, strict=True) if near])
    assert float(site["bonds"]["Cl"]["ICOHP_mean"]) == pytest.approx(ours, abs=0.006)
