"""LAMMPS dumps: the same atoms from every kind of dump, and a message for every damaged one."""

import gzip
import io
import itertools
import tracemalloc

import numpy as np
import pytest
from ase.io.lammpsrun import read_lammps_dump_text

from getl_utils.files.lammps import last_frame, read_dump, read_frames

ELEMENTS = ["Zr", "Cu", "Al"]
CUBE = np.diag([4.0, 4.0, 4.0])
TRICLINIC = np.array([[5.0, 0, 0], [-1.5, 4.0, 0], [0.7, 1.1, 3.0]])
ORIGIN = np.array([-2.0, 1.0, 0.5])
SCALED = np.random.default_rng(0).random((6, 3)).round(6)
TYPES = np.array([1, 2, 3, 2, 1, 1])


def box(cell, origin):
    """BOX BOUNDS as of https://docs.lammps.org/Howto_triclinic.html: the bounding box, then the tilt."""
    (lx, _, _), (xy, ly, _), (xz, yz, lz) = cell
    low = np.add(origin, [min(0, xy, xz, xy + xz), min(0, yz), 0])
    high = np.add(origin, [lx + max(0, xy, xz, xy + xz), ly + max(0, yz), lz])
    tilted = bool(xy or xz or yz)
    rows = [
        f"{a!r} {b!r}" + (f" {t!r}" if tilted else "")
        for a, b, t in zip(low.tolist(), high.tolist(), [xy.item(), xz.item(), yz.item()], strict=True)
    ]
    return "\n".join(["ITEM: BOX BOUNDS " + ("xy xz yz " if tilted else "") + "pp pp pp", *rows, ""])


def frame(step=0, columns="id type xs ys zs", cell=CUBE, origin=ORIGIN, scaled=SCALED, types=TYPES, extra=()):
    xyz = scaled if " xs" in columns else scaled @ cell + origin
    order = np.random.default_rng(step).permutation(len(scaled))  # atoms stand in any order in a dump
    values = np.column_stack([xyz, *extra])
    rows = [" ".join([str(i + 1), str(types[i]), *(f"{x:.12g}" for x in values[i])]) for i in order]
    head = f"ITEM: TIMESTEP\n{step}\nITEM: NUMBER OF ATOMS\n{len(scaled)}\n"
    return head + box(cell, origin) + f"ITEM: ATOMS {columns}\n" + "\n".join(rows) + "\n"


def write(tmp_path, text, name="a.dump"):
    path = tmp_path / name
    path.write_text(text)
    return path


def frames(path, elements=ELEMENTS):
    return list(read_dump(path, elements))


@pytest.mark.parametrize("cell", [CUBE, TRICLINIC], ids=["orthogonal", "triclinic"])
@pytest.mark.parametrize("columns", ["id type xs ys zs", "id type x y z", "id type xu yu zu"])
def test_every_kind_of_coordinates_gives_the_same_atoms(tmp_path, cell, columns):
    atoms = frames(write(tmp_path, frame(30, columns, cell)))[0]
    assert np.allclose(atoms.cell, cell)
    assert np.allclose(atoms.positions, SCALED @ cell, atol=1e-10)
    assert list(atoms.symbols) == ["Zr", "Cu", "Al", "Cu", "Zr", "Zr"]
    assert atoms.info["timestep"] == 30
    assert atoms.pbc.all()
    assert (atoms.arrays["id"] == np.arange(1, 7)).all()


@pytest.mark.parametrize("cell", [CUBE, TRICLINIC], ids=["orthogonal", "triclinic"])
@pytest.mark.parametrize("columns", ["id type xs ys zs", "id type x y z"])
def test_agrees_with_ase(tmp_path, cell, columns):
    text = frame(0, columns, cell, origin=np.zeros(3))
    ours = frames(write(tmp_path, text))[0]
    theirs = read_lammps_dump_text(io.StringIO(text), specorder=ELEMENTS)
    assert np.allclose(ours.positions, theirs.positions)
    assert np.allclose(ours.cell, theirs.cell)
    assert list(ours.symbols) == list(theirs.symbols)


def test_extra_columns_stay(tmp_path):
    stress, image = np.arange(6) * 1.5, np.array([0, 1, -1, 0, 0, 2])
    atoms = frames(write(tmp_path, frame(0, "id type xs ys zs c_s[1] ix", extra=(stress, image))))[0]
    assert (atoms.arrays["c_s[1]"] == stress).all()
    assert (atoms.arrays["ix"] == image).all()


def test_element_column_needs_no_list(tmp_path):
    text = frame(0, "id element xs ys zs", types=np.array(["Zr", "Cu", "Al", "Cu", "Zr", "Zr"]))
    assert list(frames(write(tmp_path, text), [])[0].symbols) == ["Zr", "Cu", "Al", "Cu", "Zr", "Zr"]


def test_general_triclinic_box(tmp_path):
    text = frame(0)
    start, end = text.index("ITEM: BOX"), text.index("ITEM: ATOMS")
    rows = "".join(" ".join(map(str, row)) + "\n" for row in np.column_stack([TRICLINIC, ORIGIN]))
    bounds = "ITEM: BOX BOUNDS abc origin pp pp ff\n" + rows
    atoms = frames(write(tmp_path, text[:start] + bounds + text[end:]))[0]
    assert np.allclose(atoms.cell, TRICLINIC)
    assert atoms.pbc.tolist() == [True, True, False]


def test_units_and_time_items_are_passed_over(tmp_path):
    text = "ITEM: UNITS\nmetal\nITEM: TIME\n0.5\n" + frame(3)
    assert [a.info["timestep"] for a in frames(write(tmp_path, text + frame(4)))] == [3, 4]


def test_gzip(tmp_path):
    path = tmp_path / "a.dump.gz"
    path.write_bytes(gzip.compress((frame(0) + frame(5)).encode()))
    assert [a.info["timestep"] for a in frames(path)] == [0, 5]
    assert last_frame(path, ELEMENTS).info["timestep"] == 5


@pytest.mark.parametrize("cut", [-1, -8, -30, -100, -150, -200, -245])
def test_a_cut_last_frame_is_left_out_with_a_warning(tmp_path, cut):
    path = write(tmp_path, frame(0) + frame(500) + frame(1000)[:cut])
    message = r"a\.dump, timestep (1000|\?): cut off, \d of (6|\?) atoms"
    with pytest.warns(UserWarning, match=message) as caught:
        assert [a.info["timestep"] for a in frames(path)] == [0, 500]
    assert len(caught) == 1
    with pytest.warns(UserWarning, match="cut off"):
        assert last_frame(path, ELEMENTS).info["timestep"] == 500


def test_a_cut_gzip_gives_its_whole_frames(tmp_path):
    path = tmp_path / "a.dump.gz"
    steps = range(0, 20000, 100)
    scaled = np.random.default_rng(2).random((len(steps), 6, 3))
    text = "".join(frame(step, scaled=s) for step, s in zip(steps, scaled, strict=True))
    path.write_bytes(gzip.compress(text.encode())[:-10000])
    with pytest.warns(UserWarning, match="compressed file is cut off|this last frame is left out"):
        found = [a.info["timestep"] for a in frames(path)]
    assert 0 < len(found) < len(steps)
    assert found == list(steps)[: len(found)]


def test_ase_would_have_returned_the_cut_frame(tmp_path):
    """Why the reader of dumps is our own; when this fails, ASE's can be taken."""
    cut = "".join(line + "\n" for line in frame(0).splitlines()[:-2])
    assert len(read_lammps_dump_text(io.StringIO(cut), specorder=ELEMENTS)) == 4


BAD = SCALED.copy()
BAD[2, 1] = np.nan
FAULTS = {
    "NaN": (frame(7, scaled=BAD), "positions that are no numbers"),
    "zero volume": (frame(7, cell=np.diag([4.0, 0.0, 4.0])), "without volume"),
    "lost atoms": (frame(7, scaled=SCALED[:5]), "5 atoms, 6 in the first frame: atoms were lost"),
    "unknown type": (frame(7, types=TYPES + 1), "unknown type 4 where"),
    "type 0": (frame(7, types=TYPES - 1), "unknown type 0 where"),
    "doubled": (frame(7).replace("\n6 1", "\n5 1"), "occurs twice"),
    "no id": (frame(7).replace("ATOMS id", "ATOMS mol"), "no column id"),
    "no type": (frame(7).replace("id type", "id mol"), "neither a column type nor element"),
    "no positions": (frame(7, columns="id type a b c"), "no positions"),
    "cut in the middle": (frame(7)[:-40] + "\n" + frame(8), "cannot be read"),
    "unknown element": (frame(7, "id element xs ys zs", types=["Qq"] * 6), "unknown element Qq"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_faults_name_file_timestep_and_remedy(tmp_path, fault):
    text, message = FAULTS[fault]
    with pytest.raises(ValueError, match=rf"a\.dump, timestep 7: .*{message}.*[;:] "):
        frames(write(tmp_path, frame(0) + text))


def test_a_frame_that_announces_no_atoms_is_refused(tmp_path):
    head = frame(7)[: frame(7).index("ITEM: ATOMS")].replace("\n6\n", "\n0\n")
    assert "no column id" in str(one(write(tmp_path, head)))
    assert "no atoms" in str(one(write(tmp_path, head + "ITEM: ATOMS id type xs ys zs\n")))


def test_frames_before_a_fault_are_given(tmp_path):
    reader = read_dump(write(tmp_path, frame(0) + FAULTS["NaN"][0]), ELEMENTS)
    assert next(reader).info["timestep"] == 0


@pytest.mark.parametrize("text", ["", "no dump\n"])
def test_a_file_without_frames_is_refused(tmp_path, text):
    for reader in (frames, lambda path: last_frame(path, ELEMENTS)):
        with pytest.raises(ValueError, match="no whole frame"):
            reader(write(tmp_path, text))


def test_memory_does_not_grow_with_frames(tmp_path):
    big = np.random.default_rng(1).random((500, 3))
    text = [frame(step, scaled=big, types=np.ones(500, int)) for step in range(40)]

    def peak(n):
        path = write(tmp_path, "".join(text[:n]))
        tracemalloc.start()
        for _ in read_dump(path, ELEMENTS):
            pass
        last_frame(path, ELEMENTS)
        top = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return top

    peak(2)
    assert peak(40) < 1.5 * peak(4)


def test_reads_lazily(tmp_path):
    path = write(tmp_path, frame(0) * 3 + "ITEM: TIMESTEP\nnonsense\n")
    assert len(list(itertools.islice(read_dump(path, ELEMENTS), 3))) == 3


def one(path, elements=(), known=()):
    return next(read_frames(path, elements, known=known))


def test_the_order_of_the_types_is_never_assumed(tmp_path):
    answer = one(write(tmp_path, frame(7)), known=ELEMENTS)
    assert "type 1 is not known; name the elements in the order of the types" in str(answer)
    assert "`--elements Zr Cu Al`" in str(answer)


def test_masses_of_the_atoms_tell_the_elements(tmp_path):
    mass = np.array([63.546, 91.224, 26.98])[TYPES - 1]
    path = write(tmp_path, frame(0, "id type xs ys zs mass", extra=(mass,)))
    assert one(path, known=ELEMENTS).get_chemical_symbols() == ["Cu", "Zr", "Al", "Zr", "Cu", "Cu"]
    assert "type 1 has a mass of 63.546 u, which is not that of Zr" in str(one(path, ELEMENTS))


@pytest.mark.parametrize("column", ["element", "typelabel"])
def test_symbols_in_a_column_tell_the_elements(tmp_path, column):
    symbols = np.array(["Cu", "Zr", "Al"])[TYPES - 1]
    rows = iter(frame(0).splitlines())
    lines = [row if len(row.split()) != 5 else f"{row} {symbols[int(row.split()[0]) - 1]}" for row in rows]
    path = write(tmp_path, "\n".join(lines).replace("xs ys zs", f"xs ys zs {column}") + "\n")
    assert one(path).get_chemical_symbols() == symbols.tolist()
    assert "type 1 is labelled Cu, but Zr is given" in str(one(path, ELEMENTS))
    assert one(path, ["Cu", "Zr", "Al"]).get_chemical_symbols() == symbols.tolist()


def test_atoms_of_one_type_with_several_elements_are_refused(tmp_path):
    text = frame(0).replace("xs ys zs", "xs ys zs element")
    lines = [
        f"{row} {'Zr' if row[0] == '1' else 'Cu'}" if len(row.split()) == 5 else row
        for row in text.splitlines()
    ]
    assert "several elements" in str(one(write(tmp_path, "\n".join(lines) + "\n")))


def test_ids_with_gaps_are_kept(tmp_path):
    text = frame(0).replace("\n6 1 ", "\n60 1 ").replace("\n2 2 ", "\n20 2 ")
    atoms = frames(write(tmp_path, text))[0]
    assert atoms.arrays["id"].tolist() == [1, 3, 4, 5, 20, 60]


def test_a_damaged_gzip_is_said(tmp_path):
    content = bytearray(gzip.compress((frame(0) * 50).encode()))
    content[-6] ^= 255  # the checksum
    (tmp_path / "a.dump.gz").write_bytes(content)
    with pytest.raises(ValueError, match="the gzip file is damaged"):
        frames(tmp_path / "a.dump.gz")
