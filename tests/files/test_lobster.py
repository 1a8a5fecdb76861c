"""LOBSTER's lists of versions 4 to 6, as its users published them, and files that are no list of bonds."""

import numpy as np
import pytest
from conftest import CASES

from getl_utils.files import lobster
from getl_utils.files.frames import read_structure
from getl_utils.models import agreement

LISTS = {  # folder → spins of its ICOHPLIST
    "AlN_v51": 2,
    "pmg_AlN_v511": 2,
    "NaCl": 1,
    "NaCl_spin": 2,
    "NaCl_distorted": 1,
    "C": 1,
    "K3Sb": 2,
    "mp-463": 2,
    "pmg_KF": 1,
    "pmg_NaCl_v511": 1,
    "diamond_qe_v600": 1,
}


@pytest.fixture
def cases():
    if not CASES.is_dir():
        pytest.skip(f"no {CASES}: LOBSTER's public output was not read; name its folder in GETL_CASES")
    return CASES


def rows_of_bonds(path):
    """The rows of whole bonds by another way: words of each line, those with an underscore left out."""
    words = [line.split() for line in path.read_text().splitlines()]
    return [w for w in words if len(w) > 7 and w[0].isdigit() and "_" not in w[1] + w[2]]


@pytest.mark.parametrize("folder", LISTS)
def test_every_bond_of_a_published_list_is_read(cases, folder):
    path, spins = cases / folder / "ICOHPLIST.lobster", LISTS[folder]
    table, rows = lobster.read_icohplist(path), rows_of_bonds(path)
    numbers = np.array([[float(word) for word in row[7:]] for row in rows])
    assert len(table) == len(rows) // (spins if numbers.shape[1] == 1 else 1)
    assert table.icohp.sum() == pytest.approx(numbers.sum(), abs=1e-9)
    assert ("icohp_spin_2" in table) == (spins == 2)
    if spins == 2:
        np.testing.assert_allclose(table.icohp, table.icohp_spin_1 + table.icohp_spin_2, atol=1e-12)
    first = rows[0]
    assert f"{table.element_i[0]}{table.i[0] + 1}" == first[1]
    assert table.distance[0] == float(first[3])
    assert not table.duplicated(["i", "j", "tx", "ty", "tz"]).any()


@pytest.mark.parametrize(("folder", "kind"), [("K3Sb", "COBI"), ("K3Sb", "COOP"), ("mp-463", "COOP")])
def test_lists_of_other_quantities_are_read_by_name(cases, folder, kind):
    path = cases / folder / f"I{kind}LIST.lobster"
    table = lobster.read_list(path, kind)
    assert {f"i{kind.lower()}", f"i{kind.lower()}_spin_1"} < set(table)
    with pytest.raises(lobster.FormatError, match=f"a list of I{kind}s, not of ICOHPs"):
        lobster.read_icohplist(path)


def test_pairs_of_orbitals_add_up_to_their_bond(cases):
    table = lobster.read_list(cases / "C/ICOHPLIST.lobster", "COHP", orbitals=True)
    pair = ["i", "j", "tx", "ty", "tz"]
    parts = table[table.orbital_i != ""].groupby(pair).icohp
    whole = table[table.orbital_i == ""].set_index(pair).icohp
    assert (parts.size() == 16).all()
    assert (parts.sum() - whole).abs().max() < 16 * 5e-6


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("C/CHARGE.lobster", "charges"),
        ("C/lobsterout", "standard output"),
        ("C/lobsterin", "LOBSTER's input"),
        ("pmg_AlN_v511/GROSSPOP.lobster", "populations of orbitals"),
        ("C/POSCAR", "without LOBSTER's header"),
    ],
)
def test_what_is_no_list_is_said(cases, name, said):
    with pytest.raises(lobster.FormatError, match=said):
        lobster.read_icohplist(cases / name)


def test_curves_are_no_list(tmp_path):
    (tmp_path / "COHPCAR.lobster").write_text("title\n 2 1 3 -1 1 0\nAverage\nNo.1:Na1->Cl2(2.8)\n")
    with pytest.raises(lobster.FormatError, match=r"curves over the energy .*not a list of bonds"):
        lobster.read_icohplist(tmp_path / "COHPCAR.lobster")


@pytest.mark.parametrize("folder", ["C", "NaCl_spin", "K3Sb", "AlN_v51", "diamond_qe_v600"])
def test_a_published_list_agrees_with_itself_bond_by_bond(cases, folder):
    """Orbital-wise, spin-polarised, and with both directions of an atom's own images."""
    atoms = read_structure(cases / folder / "POSCAR")
    table = agreement.read(cases / folder / "ICOHPLIST.lobster", atoms)
    matched = agreement.match(table, table)
    assert len(matched) == len(table)
    printed = lobster.read_icohplist(cases / folder / "ICOHPLIST.lobster")
    assert len(table) == len(printed) - (printed.i == printed.j).sum() // 2


def test_a_list_of_version_2_is_named(tmp_path):
    (tmp_path / "list").write_text(
        "  COHP#  atomMU  atomNU     distance     ICOHP (at) eF   for spin  1\n"
        "      1     Cu1     Cu2      2.55000      -0.21000    1\n"
    )
    with pytest.raises(lobster.FormatError, match="LOBSTER 2, which does not print translations"):
        lobster.read_icohplist(tmp_path / "list")


@pytest.mark.parametrize(
    "change", [("0.21000", "9" * 400 + ".21000"), ("Cu2", "Cu" + "1" * 5000), ("  0  ", " 1e9 ")]
)
def test_numbers_of_any_length_are_refused_not_tripped_over(tmp_path, change):
    good = (
        "  COHP#  atomMU  atomNU     distance     translation      ICOHP (at) eF   for spin  1\n"
        "      1     Cu1     Cu2      2.55000       0   0   0           -0.21000 \n"
    )
    (tmp_path / "list").write_text(good.replace(*change))
    with pytest.raises(lobster.FormatError, match="not a whole row"):
        lobster.read_icohplist(tmp_path / "list")


def test_rows_with_one_and_with_two_spins_are_damaged(tmp_path):
    head = "  COHP#    atomMU    atomNU   distance   translation   ICOHP (at) eF    ICOHP (at) eF \n"
    spins = "                                     for spin 1       for spin 2 \n"
    row = "      1       Al1       Al2    2.91252    -1  -1  -1        -0.00353"
    (tmp_path / "list").write_text(f"{head}{spins}{row}         -0.00353 \n")
    assert lobster.read_icohplist(tmp_path / "list").icohp.tolist() == [-0.00706]
    (tmp_path / "list").write_text(f"{head}{spins}{row}         -0.00353 \n{row}\n")
    with pytest.raises(lobster.FormatError, match="some rows have one spin and some have two"):
        lobster.read_icohplist(tmp_path / "list")
