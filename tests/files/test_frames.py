"""Structure files as users have them: any name, any order of types, and one bad file among good ones."""

import errno
import gzip
import json
import os
import time

import numpy as np
import pytest
from ase import Atoms

from getl_utils.files import frames
from getl_utils.files.frames import atom_ids, count_atoms, readings

KNOWN = ["Zr", "Cu", "Al"]
DUMP = (
    "ITEM: TIMESTEP\n5\nITEM: NUMBER OF ATOMS\n2\nITEM: BOX BOUNDS pp pp pp\n0 5\n0 5\n0 5\n"
    "ITEM: ATOMS id type xs ys zs\n1 1 0.1 0.2 0.3\n9 2 0.5 0.5 0.5\n"
)
NAMED = DUMP.replace("zs\n", "zs element\n").replace("0.3\n", "0.3 Cu\n").replace("0.5 0.5\n", "0.5 0.5 Zr\n")
DATA = (
    "a glass\n\n2 atoms\n2 atom types\n\n0 5 xlo xhi\n0 5 ylo yhi\n0 5 zlo zhi\n\n"
    "Masses\n\n1 63.546\n2 91.224\n\nAtoms # atomic\n\n1 1 0.5 1 1.5\n9 2 2.5 2.5 2.5\n"
)
XYZ = '2\nLattice="5 0 0 0 5 0 0 0 5"\nCu 0.5 1 1.5\nZr 2.5 2.5 2.5\n'
POSCAR = "x\n1\n5 0 0\n0 5 0\n0 0 5\nCu Zr\n1 1\nCartesian\n0.5 1 1.5\n2.5 2.5 2.5\n"
PW = (
    "&control\n/\n&system\nibrav=0, nat=2, ntyp=2, ecutwfc=30\n/\n&electrons\n/\nATOMIC_SPECIES\n"
    "Cu 63.5 Cu.upf\nZr 91.2 Zr.upf\nCELL_PARAMETERS angstrom\n5 0 0\n0 5 0\n0 0 5\n"
    "ATOMIC_POSITIONS angstrom\nCu 0.5 1 1.5\nZr 2.5 2.5 2.5\n"
)
CIF = (
    "data_glass\n_cell_length_a 5\n_cell_length_b 5\n_cell_length_c 5\n_cell_angle_alpha 90\n"
    "_cell_angle_beta 90\n_cell_angle_gamma 90\nloop_\n_atom_site_label\n_atom_site_type_symbol\n"
    "_atom_site_fract_x\n_atom_site_fract_y\n_atom_site_fract_z\n_atom_site_occupancy\n"
    "Cu1 Cu 0.1 0.2 0.3 1.0\nZr1 Zr 0.5 0.5 0.5 1.0\n"
)


def write(folder, text, name="a"):
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


@pytest.mark.parametrize(
    ("text", "name"),
    [
        *((NAMED, name) for name in ("dump.atom", "glass.100000", "a.lammpsdump", "dump.1.gz", "a.xyz", "a")),
        *((DATA, name) for name in ("a.data", "data.glass", "in.lmp", "a.txt", "a.data.gz")),
        *((XYZ, name) for name in ("a.xyz", "a.extxyz", "glass.100000", "a.xyz.gz")),
        *((POSCAR, name) for name in ("POSCAR", "CONTCAR.relaxed", "a.vasp")),
        (PW, "cell.in"),
        (CIF, "a.cif"),
    ],
)
def test_the_content_tells_the_format(tmp_path, text, name):
    path = write(tmp_path, gzip.compress(text.encode()) if name.endswith(".gz") else text, name)
    (atoms,) = readings(path, KNOWN)
    assert isinstance(atoms, Atoms), atoms
    assert atoms.get_chemical_symbols() == ["Cu", "Zr"]
    assert np.allclose(atoms.positions, [[0.5, 1, 1.5], [2.5, 2.5, 2.5]])
    assert np.allclose(atoms.cell, 5 * np.eye(3))
    assert atoms.pbc.all()


@pytest.mark.parametrize(
    "text", ["", "nonsense\n", "#!/bin/sh\n", b"\x00\x01\x02", b"PK\x03\x04", b"\x1f\x8b\x00"]
)
def test_another_format_is_refused_with_a_way_out(tmp_path, text):
    (error,) = readings(write(tmp_path, text), KNOWN)
    assert "convert it to extended xyz" in str(error)


@pytest.mark.parametrize("name", ["a.traj", "a.py", "a.json", "a.db", "a.gpw"])
def test_other_formats_are_not_left_to_ase(tmp_path, name, monkeypatch):
    monkeypatch.setattr("ase.io.read", lambda *a, **k: pytest.fail("ASE was called"))
    (error,) = readings(write(tmp_path, "(dp0\nS'numbers'\n", name), KNOWN)
    assert isinstance(error, ValueError)


def test_the_order_of_the_model_is_not_that_of_a_file(tmp_path):
    """Masses in another order than the model's elements, as in the glass that gave wrong strengths."""
    (atoms,) = readings(write(tmp_path, DATA), KNOWN)
    assert atoms.get_chemical_symbols() == ["Cu", "Zr"]
    (error,) = readings(write(tmp_path, DATA), KNOWN, given=True)
    assert "type 1 has a mass of 63.546 u, which is not that of Zr" in str(error)


def test_a_dump_without_elements_asks_for_them(tmp_path):
    path = write(tmp_path, DUMP)
    (error,) = readings(path, KNOWN)
    assert "`--elements Zr Cu Al`" in str(error)
    (atoms,) = readings(path, ["Cu", "Zr"], given=True)
    assert atoms.get_chemical_symbols() == ["Cu", "Zr"]


@pytest.mark.parametrize("record", ["quench.json", "loading.json"])
def test_our_own_dump_has_its_elements_in_the_record_beside_it(tmp_path, record):
    path = write(tmp_path, DUMP, "final.dump")
    write(
        tmp_path, json.dumps({"identity": {"elements": ["Al", "Cu"]}, "sha256": {"final.dump": "0"}}), record
    )
    (atoms,) = readings(path, KNOWN)
    assert atoms.get_chemical_symbols() == ["Al", "Cu"]
    (error,) = readings(path, ["Cu", "Al"], given=True)
    assert "the record beside it says ['Al', 'Cu'] for its types, not ['Cu', 'Al']" in str(error)
    (error,) = readings(write(tmp_path, DUMP, "other.dump"), KNOWN)
    assert "name the elements" in str(error)


def test_one_structure(tmp_path):
    assert len(frames.read_structure(write(tmp_path, XYZ))) == 2
    assert len(frames.read_structure(write(tmp_path, DUMP), ["Cu", "Zr"])) == 2
    with pytest.raises(ValueError, match="name the elements"):
        frames.read_structure(write(tmp_path, DUMP))


def test_elements_must_be_elements(tmp_path):
    (error,) = readings(write(tmp_path, DATA), ["Cu", "zr"], given=True)
    assert "'zr' is no element; give symbols such as Zr Cu Al" in str(error)


@pytest.mark.parametrize("record", ["{", "[]", "{}", '{"sha256": {"final.dump": 1}}', "[" * 100_000])
def test_a_strange_record_beside_a_dump_is_no_traceback(tmp_path, record):
    write(tmp_path, record, "quench.json")
    (error,) = readings(write(tmp_path, DUMP, "final.dump"), KNOWN)
    assert isinstance(error, ValueError)


def test_ids_with_gaps_are_known(tmp_path):
    for text in (NAMED, DATA):
        (atoms,) = readings(write(tmp_path, text), KNOWN)
        assert atom_ids(atoms).tolist() == [1, 9]
    (atoms,) = readings(write(tmp_path, XYZ), KNOWN)
    assert atom_ids(atoms).tolist() == [1, 2]
    atoms.set_array("id", np.array([0.5, 0.7]))
    assert atom_ids(atoms).tolist() == [1, 2]


def test_no_lattice_is_a_cluster_only_where_allowed(tmp_path):
    path = write(tmp_path, "2\n\nCu 0 0 0\nZr 0 0 2.5\n", "a.xyz")
    (error,) = readings(path, KNOWN)
    assert "no lattice" in str(error)
    assert "`--isolated`" in str(error)
    (atoms,) = readings(path, KNOWN, isolated=True)
    assert not atoms.pbc.any()


def test_a_site_that_is_occupied_in_part_is_refused(tmp_path):
    (error,) = readings(write(tmp_path, CIF.replace("0.3 1.0", "0.3 0.5"), "a.cif"), KNOWN)
    assert "occupied only in part" in str(error)


def test_a_poscar_that_announces_more_than_it_has_takes_no_memory(tmp_path):
    (error,) = readings(write(tmp_path, POSCAR.replace("\n1 1\n", "\n1 9999999999\n"), "POSCAR"), KNOWN)
    assert "atoms announced in 10 lines" in str(error)


def test_a_cif_with_endless_lines_takes_no_time(tmp_path):
    text = CIF.replace("_atom_site_fract_x\n", "_atom_site_fract_x\n" + f"{'9' * 5000}\n" * 500)
    start = time.process_time()
    (error,) = readings(write(tmp_path, text, "a.cif"), KNOWN)
    assert "a line of more than 2048 characters" in str(error)
    assert time.process_time() - start < 1


def bad(folder):
    """Files of which each ended a whole batch once."""
    content = bytearray(gzip.compress((NAMED * 20).encode()))
    content[-6] ^= 255
    yield write(folder, bytes(content), "checksum.dump.gz")
    yield write(folder, gzip.compress(NAMED.encode())[:3] + bytes([7]) * 30, "method.dump.gz")
    yield write(folder, b"PK\x03\x04 no archive", "a.zip")
    yield write(folder, b"\x1f\x8b" + bytes(30), "zeros.xyz.gz")
    (folder / "a.dump").mkdir()
    yield folder / "a.dump"
    yield folder / "absent.dump"
    os.mkfifo(folder / "pipe.dump")
    yield folder / "pipe.dump"
    if os.path.exists("/dev/zero"):
        yield folder.__class__("/dev/zero")


@pytest.mark.parametrize("which", ["all", "last"])
def test_no_bad_file_ends_a_batch(tmp_path, which):
    for path in bad(tmp_path):
        found = list(readings(path, KNOWN, which))
        assert isinstance(found[-1], ValueError), path
        assert str(path) in str(found[-1])
        assert count_atoms([path]) in (None, 40)


def test_a_file_that_may_not_be_read_is_said(tmp_path, monkeypatch):
    path = write(tmp_path, NAMED)

    def refused(*_):
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    monkeypatch.setattr(frames.lammps, "read_frames", refused)
    (error,) = readings(path, KNOWN)
    assert str(error) == f"{path}: no permission; change it or give another place"


def test_too_little_memory_is_said(tmp_path, monkeypatch):
    monkeypatch.setattr("ase.io.extxyz.key_val_str_to_dict", lambda text: (_ for _ in ()).throw(MemoryError))
    (error,) = readings(write(tmp_path, XYZ), KNOWN)
    assert "needs more memory than there is" in str(error)
