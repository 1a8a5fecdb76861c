"""Hostile files: nothing is run or written outside, and no memory is taken. Damaged ones: `test_fuzz`."""

import io
import pickle
import zipfile

import fuzz
import numpy as np
import pytest

from getl_utils.core import arrays, parameters, process, record
from getl_utils.core.workdir import WorkDir
from getl_utils.files import espresso_save, published
from getl_utils.files.frames import structure_names
from getl_utils.models import model


def write(folder, text, name="file"):
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass"))
    return path


def test_the_undamaged_bands_are_read(tmp_path):
    write(tmp_path, fuzz.SCHEMA, "data-file-schema.xml")
    assert espresso_save.read_bands(tmp_path).energies.shape == (1, 1, 2)


def test_entities_that_multiply_are_refused(tmp_path):
    doubled = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">' for n in range(1, 12))
    bomb = f'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY e0 "boom">{doubled}]><x>&e11;</x>'
    write(tmp_path, bomb, "data-file-schema.xml")
    with pytest.raises(ValueError, match="cut off, damaged"):
        espresso_save.read_bands(tmp_path)


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
    with pytest.raises((pickle.UnpicklingError, ValueError), match="not a vector"):
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
    assert arrays.check_arrays(whole) == whole
    with pytest.raises(ValueError, match="claims"):
        arrays.check_arrays(
            archive(tmp_path / "b.npz", x=npy(np.arange(4.0), "(10**9,)").replace(b"10**9", b"99999"))
        )
    with pytest.raises(ValueError, match="claims"):
        arrays.check_arrays(archive(tmp_path / "c.npz", x=npy(np.array([{"a": 1}], dtype=object))))
    with pytest.raises(ValueError, match="more than"):
        arrays.check_arrays(archive(tmp_path / "d.npz", x=npy(np.zeros(200_000))), most=1_000_000)
    with pytest.raises(ValueError, match="not a whole archive"):
        arrays.check_arrays(write(tmp_path, b"PK\x03\x04", "e.npz"))


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
    assert record.safe_path(*structure_names([tmp_path / name]))


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
