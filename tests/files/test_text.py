"""Lines of text files, and errors of the system in one sentence."""

import errno
import gzip
import os

import pytest

from getl_utils.files import text
from getl_utils.files.text import head, lines_of, reason


@pytest.mark.parametrize(
    ("code", "message"),
    [
        (errno.ENOSPC, "out/x: the disk is full"),
        (errno.EROFS, "out/x: the disk is read-only"),
        (errno.ENOTDIR, "out/x: a file is where a folder is needed"),
        (errno.EEXIST, "out/x: a file is where a folder is needed"),
        (errno.EIO, "out/x: Input/output error"),
    ],
)
def test_errors_of_the_system_are_one_sentence(code, message):
    assert reason(OSError(code, os.strerror(code), "out/x")).startswith(message)


@pytest.mark.parametrize("zipped", [False, True])
def test_lines_without_a_last_one_that_may_be_cut(tmp_path, zipped):
    content = b"one\r\n\ntwo\nthr"
    (tmp_path / "a").write_bytes(gzip.compress(content) if zipped else content)
    assert list(lines_of(tmp_path / "a")) == ["one", "", "two"]
    assert list(lines_of(tmp_path / "a", whole=False)) == ["one", "", "two", "thr"]
    assert head(tmp_path / "a", 2) == ["one", ""]


def test_a_line_without_end_is_no_text(tmp_path, monkeypatch):
    monkeypatch.setattr(text, "LONGEST", 1000)
    (tmp_path / "a.gz").write_bytes(gzip.compress(b"short\n" + bytes(10**6)))
    with pytest.raises(ValueError, match="a line of more than 1000 characters"):
        list(lines_of(tmp_path / "a.gz"))
