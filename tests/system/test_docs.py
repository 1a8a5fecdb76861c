"""What the documents tell a reader is there: every link, file, make target and getl command that they
name."""

import re
import shlex
import tomllib

import pandas as pd
import pytest
import yaml
from conftest import REPOSITORY

from getl_utils import cli
from getl_utils.core import parameters
from getl_utils.labels import engine

DOCUMENTS = sorted(
    p
    for folder in (".", "docs", "bench", "atomistic_models", "atomistic_models/paw", "data_examples")
    for p in (REPOSITORY / folder).glob("*.md")
)
FOLDERS = "getl_utils|notebooks|parameters|workflow|tests|bench|docs|atomistic_models|\\.devcontainer"
OURS = rf"(?:{FOLDERS})/[\w./-]+\.\w+"
YOURS = {
    "parameters/mine.yaml",
    "atomistic_models/NiTi_zhou2004.eam.alloy",
    "atomistic_models/ZrCuAl-2011.lammps.eam",
}  # made or fetched
TARGETS = set(re.findall(r"^([a-z-]+):", (REPOSITORY / "Makefile").read_text(), re.MULTILINE))
every_document = pytest.mark.parametrize("document", DOCUMENTS, ids=lambda p: str(p.relative_to(REPOSITORY)))


def code(text):
    """All that is set as code: the lines of blocks, and spans."""
    blocks = re.findall(r"^```\w*\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    spans = re.findall(r"`([^`\n]+)`", re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL))
    return [line for block in blocks for line in block.splitlines()] + spans


def anchors(text):
    """The names under which a Markdown file's headings can be linked."""
    return {
        re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")
        for heading in re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    }


@every_document
def test_every_link_leads_somewhere(document):
    for link in re.findall(r"\]\(([^)\s]+)\)", document.read_text()):
        if re.match(r"https?://", link):
            continue
        path, _, anchor = link.partition("#")
        target = (document.parent / path).resolve() if path else document
        assert target.exists(), f"{link} is not there"
        assert target.is_relative_to(REPOSITORY), f"{link} leads out of the repository"
        assert not anchor or anchor in anchors(target.read_text()), f"{link}: no such heading"


@every_document
def test_every_file_of_ours_that_is_named_exists(document):
    named = {
        match for line in code(document.read_text()) for match in re.findall(rf"(?<![\w/.-]){OURS}", line)
    }
    assert [name for name in sorted(named - YOURS) if not (REPOSITORY / name).exists()] == []


@every_document
def test_every_make_target_that_is_named_exists(document):
    named = {match for line in code(document.read_text()) for match in re.findall(r"^make ([a-z-]+)", line)}
    assert named <= TARGETS


@every_document
def test_every_getl_command_and_option_that_is_named_exists(document, capsys):
    for line in code(document.read_text()):
        found = re.match(r"(?:\.venv/bin/)?getl ([a-z-]+)(.*)", line)
        if not found:
            continue
        assert cli.main([found[1], "--help"]) == 0, f"there is no command: {line}"
        help_text = capsys.readouterr().out
        for option in (word for word in shlex.split(found[2], comments=True) if word.startswith("--")):
            assert re.search(rf"{option}\b", help_text), f"{line}: there is no {option}"


def test_the_readme_names_every_profile_and_every_engine():
    text = (REPOSITORY / "README.md").read_text()
    profiles = {file.name for file in (REPOSITORY / "parameters").glob("*.yaml")}
    assert set(re.findall(r"^\| `(\w+\.yaml)`", text, re.MULTILINE)) == profiles
    engines = {*engine.NAMES, "none"}
    assert (
        set(re.findall(r"^\| `(\w+)` \|", text.split("## Label engines")[1].split("\n## ")[0], re.MULTILINE))
        - {"engine"}
        == engines
    )


def test_reproducing_has_the_readmes_numbers():
    """Those of the README are recomputed by test_published_numbers."""
    number = r"([\d.]+) \|"
    readme = re.findall(
        rf"^\| (\w\w)–(\w\w) \| \d+ \| {number} {number}$",
        (REPOSITORY / "README.md").read_text(),
        re.MULTILINE,
    )
    text = (REPOSITORY / "REPRODUCING.md").read_text()
    assert len(readme) == 5
    assert readme == re.findall(rf"^\| (\w\w)-(\w\w) \| [\d.]+ \| {number} {number}$", text, re.MULTILINE)


def test_the_parameters_that_own_alloy_explains_are_parameters():
    known = {
        name for model in (*parameters.STAGES.values(), parameters.Quench) for name in model.model_fields
    }
    rows = re.findall(r"^\| (`.*?) \|", (REPOSITORY / "docs/own_alloy.md").read_text(), re.MULTILINE)
    named = {name.removeprefix("quench.") for row in rows for name in re.findall(r"`([\w.]+)`", row)}
    assert len(named) >= 10
    assert named <= known


def test_the_citation_is_of_this_version():
    citation = yaml.safe_load((REPOSITORY / "CITATION.cff").read_text())
    assert (
        citation["version"]
        == tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]["version"]
    )
    for work in citation["references"]:
        assert {"type", "title", "authors", "journal", "volume", "start", "year", "notes"} <= set(work)


def test_the_readmes_errors_are_those_of_the_tables():
    """Default, rival and composition left out: as the scripts in bench/ wrote them."""
    text, place = (REPOSITORY / "README.md").read_text(), REPOSITORY / "data_examples/validation"
    run21 = pd.read_csv(place / "bond_model_run21.csv").query("split == 'random'").groupby("type")
    means = run21[["linear", "kernel"]].mean()
    rows = re.findall(r"^\| (\w\w)–(\w\w) \| ([\d.]+) \| ([\d.]+) \| 0\.\d{4} \|$", text, re.MULTILINE)
    assert len(rows) == 5
    for first, second, *errors in rows:
        assert errors == [f"{value:.4f}" for value in means.loc[f"{first}-{second}"]]
    table = pd.read_csv(place / "transfer.csv").groupby("type")
    number = r"([\d.]+)"
    held = rf"{number} % \({number} %\)"
    pattern = rf"^\| (\w\w)–(\w\w) \| (\d+) \| {number} \({number}\) \| {number} \| {held} \| {number} \|$"
    rows = re.findall(pattern, text, re.MULTILINE)
    assert len(rows) == 5
    for first, second, *numbers in rows:
        some = table.get_group(f"{first}-{second}")
        shares = [100 * (some.in_90 * some.n_test).sum() / some.n_test.sum(), 100 * some.in_90.min()]
        expected = [
            str(len(some)),
            f"{some.rmse.mean():.3f}",
            f"{some.ratio.mean():.2f}",
            f"{some.ratio.max():.2f}",
        ]
        expected += [f"{value:.0f}" for value in shares] + [f"{some.published_ratio.mean():.2f}"]
        assert numbers == expected, (first, second)


def test_the_errors_of_models_of_spectra_are_those_of_the_table():
    found = pd.read_csv(REPOSITORY / "data_examples/validation/spectra_errors.csv")
    by = found.groupby(["model", "split", found.elements > 1])[["missed", "drude", "delta_e"]].mean().round(2)
    places = [(split, alloy) for split in ("composition", "prototype") for alloy in (False, True)]
    rows = re.findall(
        r"^\| ([\w, ]+) \| ([\d.]+ / .*) \|$", (REPOSITORY / "docs/optics.md").read_text(), re.M
    )
    assert {model for model, _ in rows} == set(found.model)
    for model, cells in rows:
        numbers = [by.loc[(model, *place)] for place in places]
        expected = [f"{one.missed:.2f} / {one.drude:.2f} / {one.delta_e:.1f}" for one in numbers]
        assert cells.split(" | ") == expected, model
