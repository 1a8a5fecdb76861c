"""Extended xyz files: as ASE reads them where they are whole, and quick where they are not."""

import gzip
import time

import ase.io
import numpy as np
import pytest
from ase.build import bulk

from getl_utils.files.xyz import read_frames


def write(tmp_path, text, name="a.xyz"):
    path = tmp_path / name
    path.write_text(text)
    return path


def written(tmp_path, number=3):
    frames = [bulk("Cu", cubic=True) * (1, 1, n) for n in range(1, number + 1)]
    for n, atoms in enumerate(frames):
        atoms.rattle(0.1, seed=n)
        atoms.info["timestep"] = n
    ase.io.write(tmp_path / "a.xyz", frames, format="extxyz")
    return tmp_path / "a.xyz", frames


@pytest.mark.parametrize("zipped", [False, True])
def test_frames_are_those_of_ase(tmp_path, zipped):
    path, _ = written(tmp_path)
    theirs = ase.io.read(path, index=":")
    if zipped:
        (tmp_path / "a.xyz.gz").write_bytes(gzip.compress(path.read_bytes()))
        path = tmp_path / "a.xyz.gz"
    ours = list(read_frames(path))
    assert [len(atoms) for atoms in ours] == [4, 8, 12]
    for one, other in zip(ours, theirs, strict=True):
        assert (one.positions == other.positions).all()
        assert (one.cell == other.cell).all()
        assert one.info["timestep"] == other.info["timestep"]


def test_a_damaged_frame_does_not_end_the_others(tmp_path):
    path, _ = written(tmp_path)
    text = path.read_text().replace("Cu ", "Qq ", 1)
    first, *others = read_frames(write(tmp_path, text))
    assert "a.xyz, frame 1: not readable" in str(first)
    assert [len(atoms) for atoms in others] == [8, 12]


def test_a_cut_frame_is_no_smaller_one(tmp_path):
    path, _ = written(tmp_path)
    lines = path.read_text().splitlines(keepends=True)
    *whole, last = read_frames(write(tmp_path, "".join(lines[:-2])))
    assert [len(atoms) for atoms in whole] == [4, 8]
    assert str(last).endswith("frame 3: cut off, 10 of 12 atoms")


def test_blank_lines_and_a_missing_line_end_are_no_damage(tmp_path):
    text = "1\n\nCu 0 0 0\n\n1\n\nCu 0 0 0.25"
    assert [atoms.positions[0, 2] for atoms in read_frames(write(tmp_path, text))] == [0, 0.25]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("99999999999\n\nCu 0 0 0\n", "cut off, 1 of 99999999999 atoms"),
        ("9" * 400 + "\n\nCu 0 0 0\n", "no number of atoms"),
        ("-1\n\nCu 0 0 0\n", "no number of atoms"),
        ("0\n\n", "no atoms"),
        ("1\nProperties=species:S:1:pos:R:999999999\nCu 0 0 0\n", "do not fit"),
        ("1\nProperties=species:S:1:pos:R:3:x:R:9999\nCu 0 0 0\n", "do not fit"),
        ("1\n\nCu 0 0\n", "do not fit"),
        ('1\nLattice="1 2 3"\nCu 0 0 0\n', "not readable"),
    ],
)
def test_damage_is_told_at_once(tmp_path, text, message):
    start = time.perf_counter()
    (found,) = read_frames(write(tmp_path, text))
    assert message in str(found)
    assert time.perf_counter() - start < 1


def test_one_frame_is_in_memory_at_a_time(tmp_path):
    text = "1\n\nCu 0 0 0\n" * 3 + "nonsense\n" * 1000
    reader = read_frames(write(tmp_path, text))
    assert [np.shape(next(reader).positions) for _ in range(3)] == [(1, 3)] * 3
    assert "no number of atoms but 'nonsense'" in str(next(reader))
    assert next(reader, None) is None
