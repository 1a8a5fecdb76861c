"""Programs of others: found, run, and ended with the process that started them."""

import os
import signal
import subprocess
import sys
import time

import pytest
from conftest import REPOSITORY

from getl_utils.core import process

STUBBORN = """
import signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("up", flush=True)
time.sleep(60)
"""
CHILD = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'import time; time.sleep(60)'])"
PARENT = """
import signal, sys
from getl_utils.core import process
signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
process.run([sys.executable, "-c", {child!r}], {folder!r})
"""


def test_the_code_the_input_and_the_output_are_the_programs(tmp_path):
    (tmp_path / "in").write_text("a b")
    words = [sys.executable, "-c", "import sys; print(sys.stdin.read(), flush=True); sys.exit(3)"]
    assert process.run(words, tmp_path, given=tmp_path / "in", output=tmp_path / "out") == 3
    assert (tmp_path / "out").read_text() == "a b\n"


def test_a_variable_is_added_to_the_environment(tmp_path):
    said = []
    words = [sys.executable, "-c", "import os; print(os.environ['GETL_OWN'], 'PATH' in os.environ)"]
    assert process.run(words, tmp_path, follow=said.extend, environment={"GETL_OWN": "1"}) == 0
    assert said == ["1 True\n"]


def test_an_error_while_it_is_followed_ends_the_program(tmp_path, monkeypatch):
    """One that ignores SIGTERM is killed after the time of grace."""
    monkeypatch.setattr(process, "GRACE", 0.5)

    def fail(stream):
        next(stream)
        raise KeyError("wrong")

    start = time.monotonic()
    with pytest.raises(KeyError):
        process.run([sys.executable, "-c", STUBBORN], tmp_path, follow=fail)
    assert time.monotonic() - start < 20
    assert processes_in(tmp_path) == []


@pytest.mark.skipif(not os.path.exists("/proc/self/cwd"), reason="looks for processes in /proc")
def test_sigterm_ends_the_program_and_its_children(tmp_path):
    code = PARENT.format(child=CHILD, folder=str(tmp_path))
    parent = subprocess.Popen([sys.executable, "-c", code], env={**os.environ, "PYTHONPATH": str(REPOSITORY)})
    wait_until(lambda: len(processes_in(tmp_path)) == 2)
    parent.send_signal(signal.SIGTERM)
    assert parent.wait(30) == 143
    wait_until(lambda: processes_in(tmp_path) == [])


def test_a_program_is_found_beside_python_and_what_is_not_there_is_told():
    name = os.path.basename(sys.executable)
    assert process.find_program(f"{name} -c 'a b'", "install it")[1:] == ["-c", "a b"]
    for command in ("no-such-program -x", ""):
        with pytest.raises(FileNotFoundError, match="install it"):
            process.find_program(command, "install it")


def processes_in(folder):
    """Processes whose working directory is `folder`."""
    found = []
    for name in os.listdir("/proc"):
        try:
            here = name.isdigit() and os.readlink(f"/proc/{name}/cwd") == str(folder)
        except OSError:
            continue
        found += [int(name)] if here else []
    return found


def wait_until(condition, seconds=60):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"not within {seconds} s"
        time.sleep(0.05)
