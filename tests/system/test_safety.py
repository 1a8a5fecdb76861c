"""Strangers' files: no crash but the documented error, no endless loop, nothing run, nothing written outside,
no memory taken."""

import gzip
import io
import pickle
import zipfile

import numpy as np
import pytest
from ase import Atoms
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from getl_utils.core import parameters, process, record
from getl_utils.core.workdir import WorkDir
from getl_utils.files import espresso, espresso_save, lammps, lobster, lobsterin, published
from getl_utils.files.frames import readings, structure_name
from getl_utils.models import model

FUZZ = settings(
    max_examples=100,
    deadline=5000,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    database=None,
)
LIST = (
    "  COHP#  atomMU  atomNU     distance     translation      ICOHP (at) eF   for spin  1\n"
    "      1     Cu1     Zr2      3.26048       0   0   0           -0.41728 \n"
    "      2     Cu1     Cu3      2.47778       0   0  -1           -0.48810 \n"
)
DUMP = (
    "ITEM: TIMESTEP\n0\nITEM: NUMBER OF ATOMS\n2\nITEM: BOX BOUNDS pp pp pp\n0 5\n0 5\n0 5\nITEM: ATOMS id type xs ys zs\n"
    "1 1 0.1 0.2 0.3\n2 2 0.5 0.5 0.5\n"
)
SCF = "     convergence has been achieved in  53 iterations\n   This run was terminated on:  18:42:38\n"
LOG = "setting up CO interactions... found 2 interactions.\nfinished in 17 h\n"
BND = "21 0 1 2 3.260480 0.417280\n21 3 1 3 2.477780 0.488100\n"
QUIPPY = "basisSet Bunge\ncohpbetween atom 1 atom 2 offset 0 0 -1\ncohpbetween atom 2 atom 1 offset 0 0 1\n"
ODD = [
    "",
    "\0",
    "NaN",
    "inf",
    "-1",
    "1e999",
    "9" * 400,
    "ITEM: ATOMS",
    "ITEM: TIMESTEP",
    "\n",
    "\t",
    "é",
    "０",
    "../../x",
    "$(touch x)",
    "%s",
    "0x10",
]


@st.composite
def damaged(draw, text):
    """A file with some of its words, lines or characters replaced, repeated, moved or cut off."""
    lines = text.splitlines(keepends=True)
    for _ in range(draw(st.integers(1, 4))):
        n = draw(st.integers(0, max(len(lines) - 1, 0)))
        kind = draw(st.sampled_from(["word", "cut", "drop", "repeat", "swap", "noise"]))
        if not lines:
            break
        if kind == "word":
            words = lines[n].split(" ")
            words[draw(st.integers(0, len(words) - 1))] = draw(st.sampled_from(ODD) | st.text(max_size=8))
            lines[n] = " ".join(words)
        elif kind == "cut":
            lines[n] = lines[n][: draw(st.integers(0, len(lines[n])))]
            lines = lines[: n + 1] if draw(st.booleans()) else lines
        elif kind == "drop":
            del lines[n]
        elif kind == "repeat":
            lines[n:n] = [lines[n]] * draw(st.integers(1, 3))
        elif kind == "swap":
            m = draw(st.integers(0, len(lines) - 1))
            lines[n], lines[m] = lines[m], lines[n]
        else:
            lines[n] += draw(st.text(max_size=30))
    return "".join(lines)


def read_or_refuse(function, *expected):
    """What `function` gives, or None where it raises an expected error, which must say something."""
    try:
        return function()
    except expected as error:
        if not str(error):
            raise AssertionError("an error without a word") from error
        return None


def write(folder, text, name="file"):
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass"))
    return path


@FUZZ
@given(text=damaged(LIST) | st.binary(max_size=300))
def test_icohplist(tmp_path, text):
    table = read_or_refuse(lambda: lobster.read_icohplist(write(tmp_path, text)), lobster.FormatError)
    if table is not None:
        assert np.isfinite(table[["distance", "icohp"]].to_numpy()).all()


@FUZZ
@given(text=damaged(QUIPPY) | st.binary(max_size=300))
def test_lobsterin_quippy(tmp_path, text):
    read_or_refuse(lambda: lobsterin.read_lobsterin_quippy(write(tmp_path, text)), lobster.FormatError)


@FUZZ
@given(text=damaged(LOG) | damaged(SCF) | st.binary(max_size=300))
def test_standard_outputs_never_fail(tmp_path, text):
    path = write(tmp_path, text)
    assert lobster.read_output(path)
    assert espresso.read_output(path)


@FUZZ
@given(text=damaged(BND) | st.binary(max_size=300))
def test_bnd(tmp_path, text):
    table = read_or_refuse(lambda: published.read_bnd(write(tmp_path, text)), ValueError)
    if table is not None:
        assert np.isfinite(table[["distance", "icohp"]].to_numpy()).all()


@FUZZ
@given(text=damaged(DUMP + DUMP) | st.binary(max_size=300), packed=st.booleans())
def test_dump(tmp_path, text, packed):
    """As a structure to predict on: every frame is atoms, or a ValueError that says why."""
    raw = text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass")
    content = gzip.compress(raw)[: -7 if len(raw) % 2 else None] if packed else raw
    path = write(tmp_path, content, "x.dump")
    found = read_or_refuse(lambda: list(readings(path, ["Zr", "Cu"])), ValueError)
    for one in found or ():
        assert isinstance(one, Atoms | ValueError)
        assert str(one)
    read_or_refuse(lambda: list(lammps.read_dump(path, ["Zr", "Cu"])), ValueError)


@FUZZ
@given(
    text=damaged(
        "LAMMPS\n\n2 atoms\n1 atom types\n0 5 xlo xhi\n0 5 ylo yhi\n0 5 zlo zhi\n\nAtoms # atomic\n\n1 1 0 0 0\n2 1 2 2 2\n"
    )
)
def test_data(tmp_path, text):
    read_or_refuse(lambda: lammps.read_data(write(tmp_path, text), ["Zr"]), ValueError)


SCHEMA = """<espresso><output><band_structure>
<fermi_energy>0.5</fermi_energy>
<ks_energies><k_point weight="2.0">0 0 0</k_point>
<eigenvalues>0.1 0.2</eigenvalues>
<occupations>1.0 0.0</occupations>
</ks_energies></band_structure></output></espresso>
"""


def test_the_undamaged_bands_are_read(tmp_path):
    write(tmp_path, SCHEMA, "data-file-schema.xml")
    assert espresso_save.read_bands(tmp_path).energies.shape == (1, 2)


@FUZZ
@given(text=damaged(SCHEMA) | st.binary(max_size=300))
def test_bands(tmp_path, text):
    write(tmp_path, text, "data-file-schema.xml")
    found = read_or_refuse(lambda: espresso_save.read_bands(tmp_path), ValueError)
    if found is not None:
        assert all(np.isfinite(values).all() for values in found)


def test_entities_that_multiply_are_refused(tmp_path):
    doubled = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">' for n in range(1, 12))
    bomb = f'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY e0 "boom">{doubled}]><x>&e11;</x>'
    write(tmp_path, bomb, "data-file-schema.xml")
    with pytest.raises(ValueError, match="cut off, damaged"):
        espresso_save.read_bands(tmp_path)


@FUZZ
@given(content=st.binary(max_size=200) | st.tuples(st.binary(max_size=3), st.integers(0, 150)))
def test_vec(tmp_path, content):
    if isinstance(content, tuple):  # some bytes put into a good one
        good = bytearray(pickle.dumps({"21-0-34": np.arange(4.0)}, protocol=2))
        good[content[1] : content[1] + len(content[0])] = content[0]
        content = bytes(good)
    read_or_refuse(lambda: published.read_vec(write(tmp_path, content)), pickle.UnpicklingError, ValueError)


@FUZZ
@given(content=st.binary(max_size=200) | st.tuples(st.binary(min_size=1, max_size=3), st.integers(0, 600)))
def test_arrays(tmp_path, content):
    if isinstance(content, tuple):
        buffer = io.BytesIO()
        np.savez(buffer, soap=np.arange(6.0), rows=np.arange(4))
        good = bytearray(buffer.getvalue())
        good[content[1] : content[1] + len(content[0])] = content[0]
        content = bytes(good)
    read_or_refuse(lambda: record.check_arrays(write(tmp_path, content)), ValueError)


class Calls:
    """Unpickled, it would call something."""

    def __init__(self, function, *arguments):
        self.made = function, arguments

    def __reduce__(self):
        return self.made


def hostile():
    import builtins
    import os
    import subprocess

    yield "system", pickle.dumps({"a": Calls(os.system, "touch was-here")}, 2)
    yield "eval", pickle.dumps({"a": Calls(builtins.eval, "open('was-here', 'w')")}, 2)
    yield "popen", pickle.dumps(Calls(subprocess.Popen, ["touch", "was-here"]), 4)
    yield "getattr", pickle.dumps({"a": Calls(getattr, np.ndarray, "tofile")}, 2)
    yield "numpy's own loader", b"\x80\x02cnumpy\nload\n(X\x08\x00\x00\x00was-heretR."
    yield (
        "numpy's test runner",
        b"\x80\x02cnumpy.testing._private.utils\nrunstring\n(X\x05\x00\x00\x00x = 1}tR.",
    )
    yield "a dotted way round", b"\x80\x04\x8c\x05numpy\x8c\x0dndarray.tofile\x93."
    yield "codecs", b"\x80\x02c_codecs\ndecode\n(X\x02\x00\x00\x0000X\x03\x00\x00\x00hextR."
    yield "an extension registry", b"\x80\x02\x82\x01."
    yield "a persistent id", b"Pwas-here\n."


@pytest.mark.parametrize("content", [c for _, c in hostile()], ids=[name for name, _ in hostile()])
def test_a_hostile_vec_is_refused_and_nothing_runs(tmp_path, content, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises((pickle.UnpicklingError, ValueError)):
        published.read_vec(write(tmp_path, content, "x.vec"))
    assert [path.name for path in tmp_path.iterdir()] == ["x.vec"]


def test_a_vec_that_claims_a_terabyte_takes_no_memory(tmp_path):
    shape = b"(J\xff\xff\xff\x7fJ\xff\xff\xff\x7ft"  # 2^31 × 2^31
    content = (
        b"\x80\x02}U\x01acnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n" + shape + b"U\x01btRs."
    )
    with pytest.raises((pickle.UnpicklingError, ValueError), match=r"not allowed|damaged"):
        published.read_vec(write(tmp_path, content, "x.vec"))


def archive(path, **entries):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as out:
        for name, content in entries.items():
            out.writestr(f"{name}.npy", content)
    return path


def npy(array, shape=None):
    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=True)
    text = buffer.getvalue()
    return text if shape is None else text.replace(b"(4,)", shape.encode()).ljust(len(text))


def test_arrays_that_claim_more_than_there_is(tmp_path):
    whole = archive(tmp_path / "a.npz", x=npy(np.arange(4.0)))
    assert record.check_arrays(whole) == whole
    with pytest.raises(ValueError, match="claims"):
        record.check_arrays(
            archive(tmp_path / "b.npz", x=npy(np.arange(4.0), "(10**9,)").replace(b"10**9", b"99999"))
        )
    with pytest.raises(ValueError, match="claims"):
        record.check_arrays(archive(tmp_path / "c.npz", x=npy(np.array([{"a": 1}], dtype=object))))
    with pytest.raises(ValueError, match="more than"):
        record.check_arrays(archive(tmp_path / "d.npz", x=npy(np.zeros(200_000))), most=1_000_000)
    with pytest.raises(ValueError, match="not a whole archive"):
        record.check_arrays(write(tmp_path, b"PK\x03\x04", "e.npz"))


def test_a_model_with_an_object_in_it_is_refused(small):
    work, _ = small
    with np.load(work.model / "model.npz") as found:
        arrays = {name: found[name] for name in found.files}
    name = next(iter(arrays))
    arrays[name] = np.array([Calls(print, "was here")], dtype=object)
    with open(work.model / "model.npz", "wb") as out:
        np.savez(out, **arrays)
    with pytest.raises(ValueError, match="claims"):
        model.load(work.model)


@pytest.mark.parametrize(
    "name",
    ["../x", "/etc", "a/b", "", ".", "..", ".hidden", "a b", "a;b", "$(x)", "a\nb", "-", "ä", "x" * 300],
)
def test_no_name_leads_out_of_the_work_directory(name, tmp_path):
    work = WorkDir(tmp_path)
    for place in (
        work.database,
        work.predictions,
        lambda n: work.cell(n, 1, 0),
        lambda n: work.label(n, 1, 0),
        lambda n: work.quench(n, 1),
    ):
        with pytest.raises(ValueError, match="cannot be the name"):
            place(name)


def test_names_in_parameters_are_held_to_the_same_rule():
    given = {"work_dir": "w", "elements": ["Zr"], "seed": 1}
    for more in (
        {"database": "../../etc"},
        {"mixed_databases": {"a/b": {"compositions": ["Zr2"], "bonds_per_type": 1}}},
    ):
        with pytest.raises(ValueError, match="String should match"):
            parameters.for_stage("04_load", given | more)
    with pytest.raises(ValueError, match="is not of the form"):
        parameters.for_stage("02_extract", given | {"compositions": ["Zr2; rm -rf /"], "runs": [1]})


@pytest.mark.parametrize("name", ["..dump", "$(touch x).dump", "a b.dump", "-rf.dump", "ä.xyz", ".dump"])
def test_a_structures_name_is_a_folders_name(name, tmp_path):
    assert record.safe_path(structure_name(tmp_path / name))


def test_a_lock_refuses_a_second_owner_and_dies_with_the_first(tmp_path):
    import multiprocessing

    context = multiprocessing.get_context("spawn")
    ready = context.Event()
    holder = context.Process(target=hold, args=(tmp_path, ready))
    holder.start()
    assert ready.wait(60)
    with pytest.raises(RuntimeError, match=f"is in use by process {holder.pid} on "), process.lock(tmp_path):
        pass
    assert f"process {holder.pid}" in process.owner(tmp_path)
    holder.kill()
    holder.join()
    assert process.owner(tmp_path) is None
    with process.lock(tmp_path):
        assert process.owner(tmp_path)


def hold(folder, ready):
    import time

    with process.lock(folder):
        ready.set()
        time.sleep(300)
