"""Bad input is refused before the calculation starts: a sentence, no number, and the command ends with 1."""

import re

import pytest
from ase import Atoms
from ase.build import bulk
from ase.io import write

from getl_utils import cli
from getl_utils.labels import common, gpaw, pwscf, qe
from getl_utils.labels.engine import get

missing = get("gpaw").missing()
pytestmark = pytest.mark.skipif(missing is not None, reason=str(missing))
ALUMINIUM, COPPER = bulk("Al", a=4.05), bulk("Cu", a=3.6)
MESH = ["--kpoints", "3", "3", "3", "--window", "1", "3"]


@pytest.fixture
def label(tmp_path, monkeypatch, capsys):
    """Run `getl label` where a calculation that is started fails the test; what it says."""
    for module, name in ((gpaw, "converged"), (pwscf, "scf")):
        monkeypatch.setattr(module, name, lambda *_: pytest.fail("started"))
    monkeypatch.setattr(qe.Qe, "missing", lambda self: None)

    def run(engine, atoms, *words, orbitals=""):
        write(tmp_path / "cell.xyz", atoms)
        (tmp_path / "orbitals.yaml").write_text(orbitals or "{}")
        given = ["--orbitals", str(tmp_path / "orbitals.yaml")] if orbitals else []
        out = tmp_path / "label"
        line = ["label", str(tmp_path / "cell.xyz"), "--engine", engine, "--out", str(out), *words, *given]
        assert cli.main(line) == 1
        assert {file.name for file in out.glob("*")} <= {".lock"}
        return capsys.readouterr().err

    return run


def data_set(folder, changes):
    """The data set of Al with changes in its text, as Al.UPF."""
    text = (pwscf.PAW / "Al.UPF").read_text()
    for old, new in changes.items():
        assert old in text
        text = text.replace(old, new)
    (folder / "Al.UPF").write_text(text)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({'is_paw="true"': 'is_paw="F"', 'type="PAW"': 'type="NC"'}, "not a PAW data set but NC"),
        ({"<PP_HEADER": "<PP_OTHER"}, "not a PAW data set but no UPF file of version 2"),
        ({'element="Al"': 'element="Si"'}, "a data set of Si, not of Al"),
        ({"PP_AEWFC": "PP_NOWFC"}, "its partial waves are needed"),
    ],
)
@pytest.mark.parametrize("engine", ["qe", "lobster"])
def test_a_data_set_that_is_not_paw(engine, changes, says, label, tmp_path, monkeypatch):
    data_set(tmp_path, changes)
    monkeypatch.setattr("getl_utils.labels.lobster.Lobster.missing", lambda self: None)
    said = label(engine, ALUMINIUM, *MESH, "--set", f"pseudo_dir={tmp_path}")
    assert re.search(rf"Al\.UPF: .*{says}", said)


@pytest.mark.parametrize(
    ("engine", "atoms", "orbitals", "says"),
    [
        ("qe", ALUMINIUM, "Al: [3s, 3p, 2p]", "no 2p of Al to project on: data set and free atom hold 3s 3p"),
        ("qe", ALUMINIUM, "Al: [3s, 3p, 4f]", "no 4f of Al"),
        ("qe", COPPER, "Cu: [3d, 4s]", "the orbitals lack 3s 3p of Cu"),
        ("gpaw", COPPER, "Cu: [3d, 4s]", "the orbitals lack 3s 3p of Cu"),
        ("gpaw", ALUMINIUM, "Al: [3s, 3p, 4f]", "no 4f of Al to project on: data set and free atom hold 1s"),
    ],
)
def test_a_shell_that_is_not_there(engine, atoms, orbitals, says, label):
    assert re.search(says, label(engine, atoms, *MESH, orbitals=orbitals))


@pytest.mark.parametrize("waves", ["lcao", "pw"])
def test_an_element_without_data_set_or_basis(waves, label):
    uranium = bulk("U", "fcc", a=4.5)
    said = label("gpaw", uranium, *MESH, "--set", f"waves={waves}", orbitals="U: [7s]")
    assert "GPAW has no data set of U for PBE" in said
    assert "no pseudopotential U.UPF" in label("qe", uranium, *MESH, orbitals="U: [7s]")
    said = label("gpaw", ALUMINIUM, *MESH, "--set", "waves=lcao", "--set", "basis=qzp")
    assert "GPAW has no basis qzp of Al; take waves: pw" in said


def test_a_projection_without_reference_spheres(label):
    salt = bulk("NaCl", "rocksalt", a=5.69)
    said = label("gpaw", salt, *MESH, "--projection", "lobster", "--set", "waves=lcao")
    assert "projection lobster needs reference spheres of Cl, Na, which are not" in said


@pytest.mark.parametrize("engine", ["gpaw", "qe"])
def test_a_mesh_that_folds_images(engine, label):
    said = label(engine, ALUMINIUM, "--kpoints", "2", "2", "2", "--window", "1", "3")
    assert "A mesh of 2 2 2 k points cannot tell 6 of the bonds up to 3 Å from other images" in said
    assert "take a mesh of 3 3 3 or more, or bonds shorter than 2.34 Å only" in said
    pair = Atoms("Al2", [[0, 0, 0], [2.6, 0, 0]], cell=[6, 6.5, 6.5], pbc=True)  # the other image: 3.4 Å
    said = label(engine, pair, "--kpoints", "1", "1", "1", "--window", "1", "4")
    assert "Γ alone cannot tell 1 of the bonds up to 4 Å" in said
    assert "atoms 1 and 2 at 2.60 Å; take a mesh of 2 2 2 or more" in said


def test_an_analysis_by_an_engine_that_gives_none(label):
    assert "engine xtb gives no analysis" in label("xtb", ALUMINIUM * (3, 3, 3), "--set", "analysis=true")


def test_what_the_message_advises_tells_all_images_apart():
    pair = Atoms("Al2", [[0, 0, 0], [2.6, 0, 0]], cell=[6, 6.5, 6.5], pbc=True)
    common.check_images(pair, 4.0, (2, 2, 2))
    common.check_images(pair, 2.99)
    with pytest.raises(ValueError, match="cannot tell 1 of the bonds"):
        common.check_images(pair, 4.0, (1, 2, 2))
