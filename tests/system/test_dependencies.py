"""One list of dependencies: pyproject.toml. The conda file repeats it and the lock file pins it."""

import re
import tomllib

import yaml
from conftest import REPOSITORY

PROJECT = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
LISTED = PROJECT["dependencies"] + PROJECT["optional-dependencies"]["dev"]
GIVEN = {
    "jupyterlab",
    "papermill",
    "ase",
    "quippy-ase",
    "numpy",
    "scipy",
    "matplotlib",
    "ipywidgets",
    "nbval",
}


def name(requirement):
    return re.split(r"[><=\[ ;]", requirement)[0].lower()


def test_environment_repeats_the_list():
    environment = yaml.safe_load((REPOSITORY / "environment.yml").read_text())
    assert environment["dependencies"][-1]["pip"] == LISTED


def test_binder_has_no_list_of_its_own():
    assert (REPOSITORY / "binder/environment.yml").resolve() == (REPOSITORY / "environment.yml").resolve()


def test_lock_file_pins_every_one_with_hashes():
    blocks = re.split(r"\n(?=[a-z0-9])", (REPOSITORY / "requirements.lock").read_text())
    pinned = {name(b): b for b in blocks if "==" in b}
    assert {name(r) for r in LISTED} <= set(pinned)
    assert all("--hash=sha256:" in block for block in pinned.values())
    for requirement in LISTED:
        least = tuple(map(int, re.search(r">=([\d.]+)", requirement)[1].split(".")))
        version = re.search(r"==([\d.]+)", pinned[name(requirement)])[1].strip(".")
        assert tuple(map(int, version.split(".")))[: len(least)] >= least, requirement


def test_engines_are_pinned_with_hashes():
    """`make engines` installs what the .in file names, and every block of the lock has a hash."""
    for engine in ("gpaw", "qe"):
        asked = (REPOSITORY / f"workflow/{engine}.in").read_text().split()
        blocks = re.split(r"\n(?=[a-z0-9])", (REPOSITORY / f"workflow/{engine}.lock").read_text())
        assert {name(r) for r in asked} <= {name(b) for b in blocks}
        assert all("==" in block and "--hash=sha256:" in block for block in blocks)
        assert {r for r in asked if "==" in r} <= {re.split(r"[\s;]", b)[0] for b in blocks}


def test_the_extra_for_graph_networks_is_pinned_beside_the_rest():
    """`make graph` changes no package that requirements.lock pins."""
    asked = (REPOSITORY / "workflow/graph.in").read_text().split()
    assert asked == PROJECT["optional-dependencies"]["graph"]
    locks = [(REPOSITORY / path).read_text() for path in ("workflow/graph.lock", "requirements.lock")]
    blocks, others = (re.split(r"\n(?=[a-z0-9])", lock) for lock in locks)
    assert {name(r) for r in asked} <= {name(b) for b in blocks}
    assert all("==" in block and "--hash=sha256:" in block for block in blocks)
    pins = {b.splitlines()[0] for b in others}
    shared = [b.splitlines()[0] for b in blocks if name(b) in {name(o) for o in others}]
    assert len(shared) > 2
    assert set(shared) <= pins


def test_the_packages_that_were_asked_for_are_there():
    assert {name(r) for r in LISTED} >= GIVEN
