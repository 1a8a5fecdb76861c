"""LAMMPS data files: the elements that their labels and masses tell, and a message for every damaged file."""

import gzip
import re

import numpy as np
import pytest
from ase import Atoms
from ase.io.lammpsdata import read_lammps_data
from conftest import PUBLISHED_GLASS

from getl_utils.files.lammps_data import read_data

ELEMENTS = ["Zr", "Cu", "Al"]


def write(tmp_path, text, name="a.data"):
    path = tmp_path / name
    path.write_text(text)
    return path


DATA = """title

3 atoms
2 atom types

-1.0 3.0 xlo xhi
-1.0 3.0 ylo yhi
-1.0 3.0 zlo zhi

Masses

1 91.224 {}
2 63.546 {}

Atoms # atomic

2 2 0.0 1.0 2.0 1 0 0
1 1 -1.0 -1.0 -1.0 0 0 0
3 1 0.5 0.5 0.5 0 0 0
"""


@pytest.mark.parametrize(
    ("first", "second", "elements", "formula"),
    [
        ("", "", None, "ZrCuZr"),
        ("# big", "", None, "ZrCuZr"),
        ("# Zr", "# Cu", None, "ZrCuZr"),
        ("# Zr", "", ["Zr", "Cu"], "ZrCuZr"),
    ],
)
def test_elements_by_list_comment_or_mass(tmp_path, first, second, elements, formula):
    atoms = read_data(write(tmp_path, DATA.format(first, second), "a.data"), elements)
    assert atoms.get_chemical_formula("reduce") == formula
    assert np.allclose(atoms.positions, [[0, 0, 0], [1, 2, 3], [1.5, 1.5, 1.5]])
    assert np.allclose(atoms.cell.lengths(), 4)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda t: t[:-20], "3 atoms announced, 2 whole rows found"),
        (lambda t: t.replace("91.224", "77.0"), "is not known .its mass of 77.0 u"),
        (lambda t: t.replace("3 atoms", "4 atoms"), "4 atoms announced, 3 whole rows found"),
        (lambda t: t.replace("3 atoms", "2 atoms"), "2 atoms announced, 3 whole rows found"),
        (lambda t: t.replace("3 atoms", "9" * 30 + " atoms"), "atoms announced"),
        (lambda t: t.replace("Masses", "Mass"), "type 1 is not known; name the elements"),
        (lambda t: t.replace("\n3 1 ", "\n3 3 "), "type 3 is not known; name the elements"),
        (lambda t: t.replace("\n3 1 ", "\n1 1 "), "occurs twice"),
        (lambda t: t.replace("zlo zhi", ""), "no whole LAMMPS data file .no 'zlo zhi'"),
        (lambda t: t.replace("# atomic", "# sphere"), "no atom_style that is known"),
        (lambda t: t.replace("0.0 1.0 2.0 1", "0.0 nan 2.0 1"), "a position is no number"),
    ],
)
def test_damaged_data_is_refused(tmp_path, damage, message):
    with pytest.raises(ValueError, match=rf"a\.data: .*{message}"):
        read_data(write(tmp_path, damage(DATA.format("", "")), "a.data"))


def test_published_data_file(reference):
    path = reference / PUBLISHED_GLASS
    atoms = read_data(path)
    assert isinstance(atoms, Atoms)
    assert atoms.get_chemical_formula() == "Al200Cu4900Zr4900"
    assert np.allclose(atoms.cell.lengths(), 55.969)
    assert np.allclose(atoms.positions[0], [2.304983, 4.097658, 2.023285])
    assert (read_data(path, ELEMENTS).numbers == atoms.numbers).all()


def test_the_published_glass_with_its_types_in_another_order(tmp_path, reference):
    """Its masses are right, and the strengths were those of another glass."""
    text = (reference / PUBLISHED_GLASS).read_text()
    other = {"1": "3", "2": "1", "3": "2"}
    swapped = re.sub(
        r"^(\s*\d+\s+)([123])(\s+\S+\s+\S+\s+\S+.*)$", lambda m: m[1] + other[m[2]] + m[3], text, flags=re.M
    )
    masses = re.search(r"Masses[^\n]*\n\s*\n((?:.*\S.*\n)+)", text)
    rows = [row.split(maxsplit=1) for row in masses[1].splitlines()]
    swapped = swapped.replace(masses[1], "".join(f"{other[kind]} {rest}\n" for kind, rest in rows))
    whole, mixed = (read_data(write(tmp_path, one), known=ELEMENTS) for one in (text, swapped))
    assert (whole.arrays["type"] != mixed.arrays["type"]).all()
    assert (whole.numbers == mixed.numbers).all()
    with pytest.raises(ValueError, match="type 1 is labelled Cu, but Zr is given"):
        read_data(write(tmp_path, swapped), ELEMENTS)


def test_types_in_another_order_than_the_models(tmp_path):
    """The masses tell which type is which; the model's order does not."""
    text = DATA.format("", "").replace("1 91.224", "1 63.546").replace("2 63.546", "2 91.224")
    path = write(tmp_path, text)
    assert read_data(path, known=ELEMENTS).get_chemical_formula("reduce") == "CuZrCu"
    with pytest.raises(ValueError, match=r"type 1 has a mass of 63\.546 u, which is not that of Zr"):
        read_data(path, ["Zr", "Cu"])


@pytest.mark.parametrize(
    ("old", "new", "given", "message"),
    [
        ("# Zr", "# Hf", None, "type 1 is labelled Hf but has the mass of Zr"),
        ("# Zr", "# Zr", ["Cu", "Zr"], "type 1 is labelled Zr, but Cu is given"),
        ("91.224 # Zr", "40.0", ["Zr", "Cu"], "type 1 has a mass of 40.0 u, which is not that of Zr"),
        ("91.224 # Zr", "91.224", ["Zr"], "unknown type 2 where"),
    ],
)
def test_contradictions_are_refused(tmp_path, old, new, given, message):
    with pytest.raises(ValueError, match=message):
        read_data(write(tmp_path, DATA.format("# Zr", "").replace(old, new)), given, known=ELEMENTS)


def test_a_rounded_mass_is_none_of_the_elements_until_they_are_given(tmp_path):
    path = write(tmp_path, DATA.format("", "").replace("63.546", "64"))
    with pytest.raises(ValueError, match=r"mass of 64\.0 u is that of no element expected here"):
        read_data(path, known=ELEMENTS)
    assert read_data(path, ["Zr", "Cu"]).get_chemical_formula("reduce") == "ZrCuZr"


LABELS = """labelled types, ids in any order

3 atoms
2 atom types

0 4 xlo xhi
0 4 ylo yhi
0 4 zlo zhi

Atom Type Labels

1 Cu
2 Zr

Masses

Cu 63.546
Zr 91.224

Atoms # charge

7 Zr 0.1 1 1 1
2 Cu 0.2 2 2 2
9 Cu 0.3 3 3 3

Velocities

7 0 0 0
2 0 0 0
9 0 0 0
"""


def test_type_labels(tmp_path):
    atoms = read_data(write(tmp_path, LABELS), known=["Zr", "Cu"])
    assert atoms.get_chemical_symbols() == ["Cu", "Zr", "Cu"]
    assert atoms.positions[:, 0].tolist() == [2, 1, 3]
    assert atoms.arrays["id"].tolist() == [2, 7, 9]
    assert atoms.arrays["type"].tolist() == [1, 2, 1]


def test_ase_would_have_mixed_up_the_labelled_types(tmp_path):
    """One reason for a reader of our own; when this fails, ASE's may do."""
    text = LABELS.replace("Cu 63", "1 63").replace("Zr 91", "2 91")  # it knows no labels among the masses
    assert read_lammps_data(write(tmp_path, text)).get_chemical_symbols() != ["Cu", "Zr", "Cu"]


STYLED = {"atomic": "1 1 {}", "charge": "1 1 0.5 {}", "bond": "1 4 1 {}", "full": "1 4 1 0.5 {}"}


@pytest.mark.parametrize("style", STYLED)
@pytest.mark.parametrize("flags", ["", " 0 0 -1"])
def test_styles(tmp_path, style, flags):
    head = DATA.format("", "")[: DATA.format("", "").index("Atoms")].replace("3 atoms", "1 atoms")
    text = f"{head}Atoms # {style}\n\n{STYLED[style].format('0.5 1 2.5')}{flags}\n"
    assert read_data(write(tmp_path, text)).positions.tolist() == [[1.5, 2, 3.5]]
    unsaid = text.replace(f" # {style}", "")
    if style in ("atomic", "full"):
        assert read_data(write(tmp_path, unsaid)).positions.tolist() == [[1.5, 2, 3.5]]
    else:
        with pytest.raises(ValueError, match="no atom_style that is known"):
            read_data(write(tmp_path, unsaid))


def test_triclinic_boxes(tmp_path):
    text = re.sub("-1.0 3.0 zlo zhi", "-1.0 3.0 zlo zhi\n-1.5 0.7 1.1 xy xz yz", DATA.format("", ""))
    cell = np.array([[4, 0, 0], [-1.5, 4, 0], [0.7, 1.1, 4]])
    assert np.allclose(read_data(write(tmp_path, text)).cell, cell)
    rows = [" ".join(map(str, row)) for row in [*cell, [-1, -1, -1]]]
    general = "\n".join(f"{r} {k}" for r, k in zip(rows, ["avec", "bvec", "cvec", "abc origin"], strict=True))
    text = re.sub(r"(.* .lo .hi\n)+", general + "\n", DATA.format("", ""))
    atoms = read_data(write(tmp_path, text))
    assert np.allclose(atoms.cell, cell)
    assert np.allclose(atoms.positions[0], 0)


def test_gzip(tmp_path):
    path = tmp_path / "a.data.gz"
    path.write_bytes(gzip.compress(DATA.format("", "").encode()))
    assert len(read_data(path)) == 3
