"""The words of `getl`: what a newcomer reads, what is refused, and what ends with a code that is not 0."""

import itertools
import sys
from pathlib import Path

import ase.io
import pandas as pd
import pytest
from ase.build import bulk
from small import Standin, crystal, dump

from getl_utils import cli
from getl_utils.cli import prediction
from getl_utils.cli.app import RENAMED, app, elements_of, join_elements
from getl_utils.core.record import read_json, write_json
from getl_utils.files.elements import RULE
from getl_utils.labels import engine as engines
from getl_utils.labels import label

WORDS = [command.name for command in app.registered_commands]


def test_each_command_says_in_about_eight_words_what_it_takes_and_gives(capsys):
    meanings = {command.name: command.short_help for command in app.registered_commands}
    assert {name for name, text in meanings.items() if not 5 <= len(text.split()) <= 9} == set()
    assert len(set(meanings.values())) == len(meanings)
    assert cli.main(["--help"]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert [name for name, text in meanings.items() if text not in shown] == []


@pytest.mark.parametrize("old", RENAMED)
def test_an_old_name_is_refused_with_the_new_one_named(old, capsys):
    assert cli.main([old, "a", "b"]) == 2
    assert f"`getl {RENAMED[old]}`" in capsys.readouterr().err
    assert RENAMED[old] in WORDS


@pytest.mark.parametrize("name", WORDS)
def test_every_command_has_help_without_a_traceback(name, capsys):
    assert cli.main([name, "--help"]) == 0
    assert "Usage: getl" in capsys.readouterr().out


@pytest.mark.parametrize(
    "words",
    [
        ["--elements", "Zr", "Cu", "Al"],
        ["--elements", "Zr Cu Al"],
        ["--elements", "Zr,Cu,Al"],
        ["--elements", "Zr", "--elements", "Cu", "--elements", "Al"],
    ],
)
def test_elements_are_given_in_any_of_four_ways(words):
    joined = join_elements(["predict", *words, "--out", "o", "glass.dump"])
    given = [word for flag, word in itertools.pairwise(joined) if flag == "--elements"]
    assert elements_of(given) == ["Zr", "Cu", "Al"]
    assert joined[-1] == "glass.dump"


@pytest.mark.parametrize(("given", "says"), [("Zr Zr", "twice"), ("Zr Qq", "'Qq'"), ("Zr49", "'Zr49'")])
def test_what_is_no_element_is_refused(given, says):
    with pytest.raises(ValueError, match=says):
        elements_of([given])


def test_the_help_and_the_readme_say_how_elements_are_found(capsys):
    texts = [(Path(__file__).parents[2] / "README.md").read_text()]
    for name in ("predict", "label"):
        assert cli.main([name, "--help"]) == 0
        texts.append(capsys.readouterr().out)
    for text in texts:
        assert RULE in " ".join(text.split())


def test_the_shipped_model_is_the_one_that_knows_the_elements(tmp_path, monkeypatch):
    monkeypatch.setattr(prediction, "root", lambda: tmp_path)
    monkeypatch.setattr(prediction, "SHIPPED", "models")
    known = {"zr-cu-al": ["Zr", "Cu", "Al"], "ni-ti": ["Ni", "Ti"]}
    monkeypatch.setattr(prediction, "_elements", lambda folder: known[folder.name])
    for name in known:
        write_json(tmp_path / "models" / name / "model.json", {})
    assert prediction.default_model(["Cu", "Zr"]).name == "zr-cu-al"
    for elements in (["Zr", "Ti"], []):
        with pytest.raises(ValueError, match=r"--model .*ni-ti \(Ni Ti\)"):
            prediction.default_model(elements)


def test_a_file_as_out_is_refused_in_one_line(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(ValueError, match="is a file; name a folder"):
        prediction._make_folder(tmp_path / "file")


def test_a_setting_without_a_value_is_refused(tmp_path, capsys):
    words = ["label", "cell.xyz", "--out", str(tmp_path), "--set", "grid"]
    assert cli.main(words) == 1
    assert "expected NAME=VALUE" in capsys.readouterr().err


def test_label_takes_the_elements_of_types_as_predict_does(tmp_path, monkeypatch, capsys):
    """They decide where the file says nothing; without them, or against its masses, the file is refused."""
    standin = Standin()
    monkeypatch.setattr(engines, "get", lambda name: standin)
    dump(tmp_path / "cell.dump", crystal(1))

    def run(out, *words, name="cell.dump"):
        return cli.main(["label", str(tmp_path / name), "--out", str(tmp_path / out), *words])

    assert run("unnamed") == 1
    assert "name the elements in the order of the types, as in `--elements" in capsys.readouterr().err
    assert run("named", "--elements", "Ti", "Ni") == 0
    table = pd.read_parquet(tmp_path / "named/bonds.parquet")
    numbered = [*map(dict(enumerate(crystal(1).symbols)).get, table.i)]
    assert table.element_i.tolist() == numbered
    assert run("named", "--elements", "Ni", "Ti") == 1
    assert "holds another run: elements" in capsys.readouterr().err
    atoms = crystal(1)
    ase.io.write(tmp_path / "cell.data", atoms, format="lammps-data", specorder=["Ti", "Ni"], masses=True)
    assert run("heavy", "--elements", "Ni", "Ti", name="cell.data") == 1
    assert "type 1 is labelled Ti, but Ni is given" in capsys.readouterr().err


@pytest.mark.parametrize(("status", "code"), [("DONE", 0), ("SCF_NOT_CONVERGED", 1), ("NOTHING", 1)])
def test_a_step_ends_with_1_if_its_unit_failed(status, code, tmp_path, monkeypatch, capsys):
    file = tmp_path / "p.yaml"
    file.write_text(
        f"work_dir: {tmp_path}/w\nseed: 1\nelements: [Ni, Ti]\ncompositions: [Ni5Ti5]\nruns: [1]\n"
    )
    record = {"status": status, "seconds": 1.0, "reason": "why"}
    monkeypatch.setattr(label, "label_one", lambda work, key, p: record)
    assert cli.main(["step", "label", str(file), "Ni5Ti5", "1", "0"]) == code
    assert f"Ni5Ti5/1/0: label {status}" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (MemoryError(), "it needs more memory than there is"),
        (OSError(28, "No space left on device", "out/a"), "out/a: the disk is full"),
        (PermissionError(13, "Permission denied", "out"), "out: no permission"),
        (OSError(30, "Read-only file system", "out"), "out: the disk is read-only"),
    ],
)
def test_an_error_of_the_machine_is_one_line(error, says, monkeypatch, capsys):
    def fail(*_, **__):
        raise error

    monkeypatch.setattr(sys.modules["getl_utils.cli.entry"], "app", fail)
    assert cli.main(["status", "w"]) == 1
    said = capsys.readouterr().err
    assert said.startswith(f"getl: {says}")
    assert said.count("\n") == 1


def test_a_misspelt_parameter_is_one_line_with_the_nearest_right_name(tmp_path, capsys):
    (tmp_path / "p.yaml").write_text('{"sede": 1}')
    assert cli.main(["parameters", str(tmp_path / "p.yaml"), "05_train"]) == 1
    assert capsys.readouterr().err.strip().endswith("unknown parameter `sede`; did you mean `seed`?")


@pytest.mark.skipif(engines.get("xtb").missing() is not None, reason=str(engines.get("xtb").missing()))
def test_label_needs_no_parameter_file_and_no_repository(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    ase.io.write("POSCAR", bulk("Cu", cubic=True) * (2, 2, 2))
    assert cli.main(["label", "POSCAR", "--engine", "xtb", "--window", "0.1", "2.7", "--out", "bonds"]) == 0
    assert "DONE, 192 bonds" in capsys.readouterr().out
    record = read_json("bonds/label.json")
    assert record["settings"]["label_window"] == [0.1, 2.7]
    assert record["settings"]["orbitals"]["Cu"] == ["3s", "3p", "3d", "4s"]
