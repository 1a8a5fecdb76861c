"""Say what is installed here, what is missing, and how to get it (``getl doctor``)."""

from __future__ import annotations

import importlib.metadata
import platform
import shutil
import sys
import tomllib
from collections.abc import Sequence

from packaging.requirements import Requirement

from getl_utils.core.workdir import root
from getl_utils.models.graph import library

NEEDED = ("LAMMPS",)  # by parameters/quick.yaml
BROWSERS = ("chromium", "chromium-browser", "google-chrome")


def system() -> str:
    """Return Python and platform, in words."""
    kind = {"Darwin": "macOS"}.get(platform.system(), platform.system())
    return f"Python {platform.python_version()}, {kind} {platform.machine()}"


def listed() -> tuple[list[str], list[str]]:
    """Return the requirements, of the repository or of the wheel: those needed, those for tests and site."""
    if (root() / "pyproject.toml").exists():
        project = tomllib.loads((root() / "pyproject.toml").read_text())["project"]
        return project["dependencies"], project["optional-dependencies"]["dev"]
    asked = list(map(Requirement, importlib.metadata.requires("getl") or []))
    extra = [one for one in asked if one.marker and "extra ==" in str(one.marker)]
    return [str(one) for one in asked if one not in extra], [f"{one.name}{one.specifier}" for one in extra]


def packages(requirements: Sequence[str]) -> dict[str, tuple[bool, str]]:
    """Look for packages.

    Parameters
    ----------
    requirements : sequence of str
        As in pyproject.toml.

    Returns
    -------
    dict
        Name → whether it is there as asked for, and its version or how to get it.

    Examples
    --------
    >>> packages(["numpy>=1", "numpy_of_tomorrow>=2"])["numpy_of_tomorrow"]
    (False, 'pip install "numpy_of_tomorrow>=2"')
    >>> packages(["of_the_past>=1; python_version < '3'"])
    {'of_the_past': (False, 'there is no package of it for this system; docs/install.md says what runs
    without')}
    """
    return {requirement.name: _state(requirement) for requirement in map(Requirement, requirements)}


def _state(asked: Requirement) -> tuple[bool, str]:
    try:
        version = importlib.metadata.version(asked.name)
    except importlib.metadata.PackageNotFoundError:
        version = ""
    if version and asked.specifier.contains(version, prereleases=True):
        return True, version
    if not version and asked.marker and not asked.marker.evaluate():
        return False, "there is no package of it for this system; docs/install.md says what runs without"
    return False, f'pip install "{asked.name}{asked.specifier}"' + (
        f" ({version} is there)" if version else ""
    )


def programs() -> dict[str, str | None]:
    """Return parts that are more than a package → why they do not work and what to do, or None."""
    from getl_utils.etl import soap
    from getl_utils.generate import lammps
    from getl_utils.labels import engine as engines

    parts = {"LAMMPS": lammps.missing(), "SOAP (featomic)": soap.missing()}
    return parts | {f"engine {name}": reason for name, reason in engines.available().items()}


def optional() -> dict[str, str | None]:
    """Return the same as `programs` for what only some commands need."""
    compiler = shutil.which("g++") or shutil.which("c++")
    browser = any(map(shutil.which, BROWSERS))
    lacking = [f"{name} ({how})" for name, (there, how) in packages(listed()[1]).items() if not there]
    qe = sys.version_info[:2] <= (3, 12) and (platform.system(), platform.machine()) != ("Linux", "aarch64")
    return {
        "packages for tests and site": ", ".join(lacking) or None,
        "JAX, for graph networks": library.missing(),
        "C++ compiler, for make engines": None
        if compiler
        else "install g++ (Debian: apt-get install g++) or clang",
        "Chromium, for make browser": None
        if browser
        else "install chromium (Debian: apt-get install chromium)",
        "wheel of Quantum ESPRESSO, for make engines": None
        if qe
        else "for Python 3.11 and 3.12 only, and not for Linux arm64; pw.x on PATH serves as well",
    }


def lines() -> tuple[list[str], list[str]]:
    """Return the report, and the names of what quick.yaml needs and lacks."""
    found, parts = packages(listed()[0]), programs()
    report = [system()]
    report += [
        f"  ok       {name} {text}" if there else f"  MISSING  {name}: {text}"
        for name, (there, text) in found.items()
    ]
    for name, reason in parts.items():
        report.append(f"  ok       {name}" if reason is None else f"  MISSING  {name}: {reason}")
    for name, reason in optional().items():
        report.append(f"  ok       {name}" if reason is None else f"  not here {name}: {reason}")
    return report, [name for name, (there, _) in found.items() if not there] + [
        name for name in NEEDED if parts[name]
    ]
