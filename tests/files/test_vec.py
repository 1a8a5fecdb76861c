"""The published descriptors: read, and nothing run."""

import contextlib
import pickle
import tracemalloc

import numpy as np
import pandas as pd
import pytest

from getl_utils.files.vec import read_vec


class Hostile:
    def __reduce__(self):
        import os

        return os.system, ("touch hostile-was-here",)


@pytest.mark.parametrize(
    "payload",
    [Hostile(), {"a": Hostile()}, {"a": np.array([Hostile()], dtype=object)}, {"a": pd.Timestamp(0)}],
    ids=["bare", "in a dict", "in an object array", "another class"],
)
def test_a_hostile_vec_runs_nothing(tmp_path, payload, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "x.vec").write_bytes(pickle.dumps(payload, protocol=2))
    with pytest.raises((pickle.UnpicklingError, ValueError)):
        read_vec(tmp_path / "x.vec")
    assert not (tmp_path / "hostile-was-here").exists()


@pytest.mark.parametrize(
    "content", [b"", b"\x80", b"(dp0\nS'30", pickle.dumps([1.0])], ids=["empty", "cut", "cut text", "a list"]
)
def test_a_damaged_vec_is_a_clear_error(tmp_path, content):
    (tmp_path / "x.vec").write_bytes(content)
    with pytest.raises((pickle.UnpicklingError, ValueError)):
        read_vec(tmp_path / "x.vec")


CLAIMS = {
    "a place for an object": b"\x80\x02}r\xff\xff\xff\x7f.",
    "a byte array": b"\x80\x05\x96\xff\xff\xff\xff\x0f\x00\x00\x00.",
}


@pytest.mark.parametrize("claim", CLAIMS)
def test_a_vec_that_claims_memory_takes_none(tmp_path, claim):
    (tmp_path / "x.vec").write_bytes(CLAIMS[claim])
    tracemalloc.start()
    with contextlib.suppress(ValueError):
        assert read_vec(tmp_path / "x.vec") == {}
    assert tracemalloc.get_traced_memory()[1] < 1e6
    tracemalloc.stop()


def test_a_type_in_a_vec_cannot_change_numpys(tmp_path):
    """A state that makes NumPy take float64 for objects broke its memory."""
    whole = pickle.dumps({"21-0-34": np.arange(4.0)}, protocol=2)
    assert b"K\x00tq" in whole
    (tmp_path / "x.vec").write_bytes(whole.replace(b"K\x00tq", b"K\x3ftq"))
    assert read_vec(tmp_path / "x.vec")["21-0-34"].tolist() == [0, 1, 2, 3]


@pytest.mark.parametrize("dtype", [">f8", "<f8"])
def test_vec_in_either_byte_order(tmp_path, dtype):
    (tmp_path / "x.vec").write_bytes(pickle.dumps({"a": np.arange(3.0).astype(dtype)}, protocol=2))
    assert read_vec(tmp_path / "x.vec")["a"].tolist() == [0, 1, 2]


def test_vec_reads_what_python_2_wrote(tmp_path):
    (tmp_path / "x.vec").write_bytes(pickle.dumps({"21-0-34": np.arange(3.0)}, protocol=2))
    assert read_vec(tmp_path / "x.vec")["21-0-34"].tolist() == [0, 1, 2]
