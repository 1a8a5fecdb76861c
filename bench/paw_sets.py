"""Data sets that GPAW's generator makes for other radii, and labels by them; for radii.py and spheres.py."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from unittest import mock

from ase.data import atomic_numbers
from gpaw import setup_paths
from gpaw.atom.generator2 import generate

from getl_utils.labels import gpaw


def write(
    folder: Path, name: str, element: str, projectors: str, radii: Sequence[float], local: float
) -> None:
    """Write a data set where GPAW finds it; radii (bohr) by angular momentum, and of the local potential."""
    found = generate(element, atomic_numbers[element], projectors, list(radii), local, None, 2, xc="PBE")
    if not found.check_all():
        raise ValueError(f"the data set of {element} with radii of {radii} bohr has a ghost state")
    with contextlib.chdir(folder):  # where GPAW writes
        found.make_paw_setup(name).write_xml()
    if str(folder) not in setup_paths:
        setup_paths.insert(0, str(folder))


@contextlib.contextmanager
def used(setups: Mapping[str, str] | str) -> Iterator[None]:
    """Within this context engine `gpaw` takes these sets, named as for GPAW's keyword `setups`."""
    values = gpaw._input
    with mock.patch.object(gpaw, "_input", lambda s: values(s) | {"setups": setups}):
        yield
