"""`getl predict`: files of one name, what the screen says of the model, errors of the machine in one line."""

import errno
import os
import shutil

import ase.io
import numpy as np
import pandas as pd
import pytest
from ase import Atoms
from small import crystal

from getl_utils import cli
from getl_utils.core.record import read_json, write_json
from getl_utils.inference import predictor, storing
from getl_utils.labels import engine
from getl_utils.ops import provenance


@pytest.fixture
def predict(small_original):
    """Call `getl predict` with the small model, which has learned from too few bonds to know its σ."""
    model = small_original[0].model

    def call(*words):
        return cli.main(["predict", *map(str, words), "--model", str(model), "--allow", "coverage"])

    return call


def glass(path, seed=0):
    path.parent.mkdir(exist_ok=True)
    ase.io.write(path, crystal(seed), format="extxyz")
    return path


def times(out):
    return {path: path.stat().st_mtime_ns for path in out.rglob("*.parquet")}


def test_files_of_one_name_have_folders_of_their_own_and_a_restart_keeps_them(predict, tmp_path):
    paths, out = [glass(tmp_path / f"p{n}/glass.xyz", n) for n in (1, 2)], tmp_path / "out"
    assert predict(*paths, "--out", out) == 0
    folders = sorted(path.name for path in out.iterdir() if path.is_dir())
    assert folders == ["p1-glass", "p2-glass"]
    first = times(out)
    assert predict(*paths[::-1], "--out", out) == 0
    assert times(out) == first
    ids = [read_json(out / name / "1_0.json")["input"]["structure_id"] for name in folders]
    assert len(set(ids)) == 2
    assert sorted(pd.read_csv(out / "summary.csv").structure) == folders


def test_a_second_call_does_not_overwrite_the_prediction_of_another_file(predict, tmp_path, capsys):
    one, other = (glass(tmp_path / f"p{n}/glass.xyz", n) for n in (1, 2))
    out = tmp_path / "out"
    assert predict(one, "--out", out) == 0
    first = times(out)
    assert predict(other, "--out", out) == 1
    assert f"holds the prediction of {one}; name another folder" in capsys.readouterr().err
    assert times(out) == first
    one.unlink()  # also where the first file is gone
    assert predict(other, "--out", out) == 1
    shutil.copy(glass(tmp_path / "p3/glass.xyz", 1), other)  # a copy of the first
    assert predict(other, "--out", out) == 0
    assert times(out) == first


def test_a_prediction_is_traced_with_the_elements_and_the_lattice_it_was_read_with(predict, tmp_path):
    atoms = crystal(5)
    rows = "\n".join(
        f"{n + 1} {1 + (s == 'Ti')} {x} {y} {z}"
        for n, (s, (x, y, z)) in enumerate(zip(atoms.symbols, atoms.positions, strict=True))
    )
    edges = "\n".join(f"0 {edge}" for edge in atoms.cell.lengths())
    (tmp_path / "glass.dump").write_text(
        f"ITEM: TIMESTEP\n0\nITEM: NUMBER OF ATOMS\n54\nITEM: BOX BOUNDS pp pp pp\n{edges}\n"
        f"ITEM: ATOMS id type x y z\n{rows}\n"
    )
    cluster = Atoms("TiNi", [[0, 0, 0], [2.5, 0, 0]])
    ase.io.write(tmp_path / "cluster.xyz", cluster, format="extxyz")
    words = ["--elements", "Ni", "Ti", "--isolated", "--out", tmp_path / "out"]
    assert predict(tmp_path / "glass.dump", tmp_path / "cluster.xyz", *words) == 0
    for name in ("glass", "cluster"):
        record = read_json(tmp_path / "out" / name / "1_0.json")
        assert (record["input"]["given"], record["input"]["isolated"]) == (True, True)
        assert record["input"]["elements"] == ["Ni", "Ti"]
        assert provenance._frame(record["input"]) is not None
    assert np.allclose(provenance._frame(record["input"]).positions, cluster.positions)


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS, errno.EDQUOT])
def test_a_disk_that_takes_no_more_is_one_line(number, predict, tmp_path, capsys, monkeypatch):
    def fail(*_, **__):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(storing.pq.ParquetWriter, "write_table", fail)
    assert predict(glass(tmp_path / "glass.xyz"), "--out", tmp_path / "out") == 1
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert "the disk " in line
    assert not list((tmp_path / "out").rglob("*.json"))[1:]  # only which model it was


def test_a_structure_that_is_too_large_says_memory_and_the_others_go_on(
    predict, tmp_path, capsys, monkeypatch
):
    def fail(model, atoms, *more):
        if len(atoms) > 54:
            raise MemoryError
        return estimate(model, atoms, *more)

    estimate = predictor.estimate
    monkeypatch.setattr(predictor, "estimate", fail)
    ase.io.write(tmp_path / "big.xyz", [crystal(1), crystal(2) * 2, crystal(3)], format="extxyz")
    assert predict(tmp_path / "big.xyz", glass(tmp_path / "glass.xyz"), "--out", tmp_path / "out") == 1
    said = capsys.readouterr()
    assert "big, frame 2" in said.err
    assert "more memory than there is" in said.err
    assert "3 of 4 frames" in said.out


@pytest.mark.parametrize("word", ["0", "1,1", "first", "-1", "1,,2", ""])
def test_numbers_of_frames_that_cannot_be_are_one_line(word, predict, tmp_path, capsys):
    assert predict(glass(tmp_path / "glass.xyz"), "--out", tmp_path / "out", f"--frames={word}") == 1
    assert "numbers from 1, each once" in capsys.readouterr().err


@pytest.mark.parametrize("place", ["file", "file/below"])
def test_a_file_as_out_is_one_line(place, predict, tmp_path, capsys):
    (tmp_path / "file").touch()
    assert predict(glass(tmp_path / "glass.xyz"), "--out", tmp_path / place) == 1
    assert "folder" in capsys.readouterr().err.strip().splitlines()[-1]
    words = ["label", tmp_path / "glass.xyz", "--engine", "xtb", "--out", tmp_path / place]
    assert cli.main(list(map(str, words))) == 1
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert "give another folder" in line


@pytest.mark.parametrize("name", [name for name in engine.NAMES if engine.preview_note(name)])
def test_the_screen_says_which_model_whose_labels_and_that_it_is_a_preview(name, small, capsys):
    work, _ = small
    facts = read_json(work.model / "model.json") | {"engine": name}
    write_json(work.model / "model.json", facts)
    words = ["predict", work.path / "glass.xyz", "--model", work.model, "--allow", "unchecked"]
    (work.model / "checks.json").unlink()
    assert cli.main([*map(str, words), "--out", str(work.path / "out")]) == 0
    said = capsys.readouterr().out.splitlines()[0]
    assert facts["model_id"] in said
    assert f"labels by {name} (" in said
    assert "preview" in said
