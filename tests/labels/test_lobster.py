"""The engine of LOBSTER, which nobody may redistribute: a stand-in program replays recorded output."""

import stat

import numpy as np
import pytest
from ase.build import bulk
from ase.io import read

from getl_utils.core.bonds import place
from getl_utils.files import lobster
from getl_utils.labels import engine as engines
from getl_utils.labels.engine import LabelError

ORBITALS = {"Al": ["3s", "3p"], "Cu": ["3s", "4s", "3p", "3d"], "Zr": ["4s", "5s", "4p", "4d"]}
PW = "echo convergence has been achieved in 9 iterations; echo This run was terminated on; echo JOB DONE"
engine = engines.get("lobster")
SAID = """LOBSTER v3.0.0 (a stand-in)
setting up CO interactions... found 3 interactions.
abs. total  spilling:   3.73%
abs. charge spilling:   1.60%
finished in 1 s"""
LIST = """  COHP#  atomMU  atomNU     distance     translation      ICOHP (at) eF   for spin  1
      1     Cu1     Cu1      2.55000       0   0  -1           -0.21000
      2     Cu1     Cu1      2.55000       0   1   0           -0.22000
      3     Cu1     Cu1      2.55000       1   0   0           -0.23000
"""


@pytest.fixture
def standin(tmp_path, monkeypatch):
    """Stand-ins for pw.x and LOBSTER; `replay(folder)` makes the second print and write what was recorded
    there."""
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")

    def program(name, script):
        path = tmp_path / name
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(path.stat().st_mode | stat.S_IEXEC)
        return str(path)

    def replay(said, listed, after="true"):
        (tmp_path / "said").write_text(said)
        (tmp_path / "listed").write_text(listed)
        copy = f"cp {tmp_path}/listed ICOHPLIST.lobster" if listed else "true"
        monkeypatch.setenv(
            "GETL_LOBSTER", program("lobster-stand-in", f"cat {tmp_path}/said; {copy}; {after}")
        )

    program("pw.x", PW)
    return replay


def label(atoms, cutoff=2.6, orbitals=ORBITALS, **settings):
    settings = {"folds": True} | settings  # one atom in the cell
    return engine.label(atoms, orbitals=orbitals, minimum_distance=1.8, cutoff=cutoff, **settings)


def test_what_is_missing_says_how_to_get_it(monkeypatch, tmp_path):
    monkeypatch.setenv("GETL_LOBSTER", str(tmp_path / "not-there"))
    assert "name the binary in GETL_LOBSTER" in engine.missing()


def test_a_label_and_the_input_it_came_from(standin, tmp_path):
    standin(SAID, LIST)
    assert engine.missing() is None
    found = label(bulk("Cu", "sc", a=2.55), folder=str(tmp_path / "run"))
    assert found.bonds[["i", "j", "tx", "ty", "tz", "icohp"]].values.tolist() == [
        [0, 0, 0, 0, 1, -0.21],
        [0, 0, 0, 1, 0, -0.22],
        [0, 0, 1, 0, 0, -0.23],
    ]
    assert found.record["charge_spilling"] == pytest.approx(0.016)
    assert found.record["engine_version"].startswith("LOBSTER v3.0.0")
    assert found.record["warnings"] == []
    text = (tmp_path / "run" / "lobsterin").read_text()
    assert "basisfunctions Cu 3s 4s 3p 3d" in text
    assert "cohpGenerator from 1.80 to 2.60" in text
    scf = (tmp_path / "run" / "getl.scf.in").read_text()
    assert "noinv = .true." in scf
    assert scf.endswith("2 2 2   1 1 1\n")


@pytest.mark.parametrize(
    ("said", "listed", "after", "message"),
    [
        ("", "", "kill -9 $$", "LOBSTER was killed by signal 9"),
        (SAID, LIST[:-10], "true", "not a whole row"),
        (SAID.replace("found 3", "found 4"), LIST, "true", "3 of 4 bonds"),
        (SAID, LIST.replace("2.55000", "2.75000"), "true", "does not fit the structure"),
    ],
)
def test_failures_are_statuses(standin, said, listed, after, message):
    standin(said, listed, after)
    with pytest.raises(LabelError, match=message) as caught:
        label(bulk("Cu", "sc", a=2.55))
    assert caught.value.status == "NO_ICOHP"


def test_a_list_whole_before_the_end_is_a_warning(standin):
    standin(SAID.replace("finished", "stopped"), LIST)
    (only,) = label(bulk("Cu", "sc", a=2.55)).record["warnings"]
    assert only.startswith("LOBSTER did not finish")


def test_a_label_that_spills_is_refused_with_the_shells_that_would_mend_it(standin):
    standin(SAID.replace("1.60%", "33.00%"), LIST)
    few = {"Cu": ["3d", "4s"]}
    with pytest.raises(ValueError, match="the orbitals lack 3s 3p of Cu"):
        label(bulk("Cu", "sc", a=2.55), orbitals=few)
    message = r"charge spilling 33.0% is more than the 5% allowed; add 3s 3p of Cu to `orbitals`"
    with pytest.raises(LabelError, match=message) as caught:
        label(bulk("Cu", "sc", a=2.55), orbitals=few, check_shells=False)
    assert caught.value.status == "SPILLED"
    assert len(label(bulk("Cu", "sc", a=2.55), most_spilling=0.4).bonds) == 3


def test_a_published_run_replayed(standin, reference):
    (folder,) = (reference / "data_examples/G").rglob("21/2000/0")
    standin((folder / "Zr49Cu49Al2.lb.out").read_text(), (folder / "ICOHPLIST.lobster").read_text())
    atoms = read(folder / "Zr49Cu49Al2.xyz", format="extxyz")
    found = label(atoms, 4.2)
    expected = place(lobster.read_icohplist(folder / "ICOHPLIST.lobster"), atoms).sort_values(
        ["i", "j", "tx", "ty", "tz"]
    )
    assert len(found.bonds) == 738
    np.testing.assert_array_equal(found.bonds.icohp, expected.icohp)
    assert found.record["total_spilling"] == pytest.approx(0.0373)
