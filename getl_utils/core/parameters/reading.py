"""Read parameters: YAML files that may extend others, checked as a whole before anything runs."""

from __future__ import annotations

import types
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from getl_utils.core.parameters.base import Common, Window, check_names, check_plain, explain, nearest
from getl_utils.core.parameters.data import Extract, Load, Transform
from getl_utils.core.parameters.extending import extended, load
from getl_utils.core.parameters.generate import ENGINES, Generate
from getl_utils.core.parameters.infer import Infer, Workflow
from getl_utils.core.parameters.train import Train
from getl_utils.core.workdir import find_potential, locate, resolve

STAGES: dict[str, type[Common]] = {
    "01_generate": Generate,
    "02_extract": Extract,
    "03_transform": Transform,
    "04_load": Load,
    "05_train": Train,
    "06_inference": Infer,
}
KNOWN = sorted({name for model in (*STAGES.values(), Workflow) for name in model.model_fields})


def for_stage(stage: str, values: Mapping[str, Any], where: str = "parameters") -> Any:
    """The checked parameters of one notebook, from a mapping that may hold those of all.

    Parameters
    ----------
    stage : str
        Name of a notebook, one of `STAGES`.
    values : mapping
        Name → value.
    where : str
        Where the values are from; it begins an error message.

    Returns
    -------
    Generate, Extract, Transform, Load, Train or Infer
        The notebook's parameters.

    Raises
    ------
    ValueError
        A name that no notebook knows (with the nearest that one does), or a value that cannot be.

    Examples
    --------
    >>> for_stage("05_train", {"work_dir": "w", "elements": ["Ni"], "seed": 1, "n_trian": 10})
    Traceback (most recent call last):
    ...
    ValueError: parameters: unknown parameter `n_trian`; did you mean `n_train`?
    """
    if stage not in STAGES:
        raise ValueError(f"unknown stage {stage!r}; the stages are {', '.join(STAGES)}")
    _refuse_unknown(values, where)
    return _build(STAGES[stage], values, f"{where}, {stage}")


def workflow(values: Mapping[str, Any], where: str = "parameters") -> Workflow:
    """The part of the parameters that no notebook needs.

    Parameters
    ----------
    values : mapping
        Name → value.
    where : str
        Where the values are from.

    Returns
    -------
    Workflow
        The workflow's own parameters.

    Raises
    ------
    ValueError
        A value that cannot be.
    """
    return _build(Workflow, values, where)


def _build(model: type, values: Mapping[str, Any], where: str) -> Any:
    try:
        return model(**{name: value for name, value in values.items() if name in model.model_fields})
    except ValidationError as error:
        raise ValueError(f"{where}: {explain(error, model)}") from None


def _refuse_unknown(values: Mapping[str, Any], where: str) -> None:
    for name in values:
        if name not in KNOWN:
            raise ValueError(f"{where}: unknown parameter `{name}`{nearest(name, KNOWN, 0.5)}")


def check(values: Mapping[str, Any], where: str = "parameters") -> None:
    """Refuse parameters of which any stage's part cannot be, or whose parts do not fit together.

    Parameters
    ----------
    values : mapping
        The parameters of all notebooks.
    where : str
        Where the values are from; it begins an error message.

    Raises
    ------
    ValueError
        Says which parameter, why, and the nearest possible value.
    """
    try:
        check_plain(values)
        stages = {name: for_stage(name, values, where) for name in STAGES}
        workflow(values, where)
        _check_together(*(stages[name] for name in ("01_generate", "04_load", "05_train")))
    except ValueError as error:
        text = str(error)
        raise ValueError(text if text.startswith(where) else f"{where}: {text}") from None


def _check_together(generate: Generate, load: Load, train: Train) -> None:
    """What one stage makes and another uses."""
    made = [load.database, *load.mixed_databases]
    if load.database in load.mixed_databases:
        raise ValueError(f"`mixed_databases`: {load.database!r} is the name of `database` already")
    check_names("database", [train.database], made, "database that 04_load writes")
    for name, mix in load.mixed_databases.items():
        check_names(f"mixed_databases.{name}", mix.compositions, generate.compositions, "composition")
    for pair in train.crossed:
        check_names("crossed", pair, generate.compositions, "composition")
    check_names("mix_engines", load.mix_engines, ENGINES, "label engine")


def read(path: str | Path) -> dict[str, Any]:
    """Read a YAML file of parameters; every notebook's part is checked before anything runs.

    Parameters
    ----------
    path : str or Path
        The file. It may extend others, see `extended`.

    Returns
    -------
    dict
        Name → value, with what the file extends filled in. Names without value have the schema's default.

    Raises
    ------
    ValueError
        Not YAML, an unknown name, or a value that cannot be.
    FileNotFoundError
        No such file.
    """
    values = extended(load(Path(path)), Path(path).parent, str(path))
    check(values, str(path))
    return values


def require_files(values: Mapping[str, Any], where: str = "parameters") -> None:
    """Refuse parameters that name a file or folder which is not there.

    Parameters
    ----------
    values : mapping
        The parameters of all notebooks.
    where : str
        Where the values are from; it begins an error message.

    Raises
    ------
    FileNotFoundError
        Names the parameter and the file.
    """
    try:
        for parameter, find in _needed(values, where):
            where_from = f"{where}: `{parameter}`"
            find()
    except (FileNotFoundError, ValueError) as error:
        raise FileNotFoundError(f"{where_from}: {error}") from None


def _needed(values: Mapping[str, Any], where: str) -> Iterator[tuple[str, Any]]:
    """Parameter → what finds its file, or raises."""
    generate, load, infer = (
        for_stage(stage, values, where) for stage in ("01_generate", "04_load", "06_inference")
    )
    roots = load.reference_roots
    if not roots:
        for name, quench in (("quench", generate.quench), ("large_quench", generate.large_protocol)):
            if "{potential}" in quench.pair_coeff and not quench.calculator:
                yield f"{name}.potential", lambda quench=quench: find_potential(quench.potential)
    for name in roots:
        yield "reference_roots", lambda name=name: _there(resolve(name))
    given = {"structures": infer.structures, "import_folders": load.import_folders}
    given |= {"release_checks": infer.release_checks}
    given |= {"model": [infer.model], "compared_model": [infer.compared_model]}
    for parameter, names in given.items():
        for name in filter(None, names):
            yield parameter, lambda name=name: locate(name, roots)


def _there(path: Path) -> Path:
    if not path.exists():
        raise FileNotFoundError(f"{path} is not there")
    return path


def read_windows(path: str | Path) -> dict[str, Window]:
    """Bond type → window (Å) from a YAML file that holds nothing else, or has them under ``windows``.

    Parameters
    ----------
    path : str or Path
        The file.

    Returns
    -------
    dict
        Bond type → shortest and longest bond, Å.

    Raises
    ------
    ValueError
        Not such a file.
    """
    values = load(Path(path))
    try:
        return TypeAdapter(dict[str, Window]).validate_python(values.get("windows", values))
    except ValidationError:
        raise ValueError(f"{path}: expected lines like `Zr-Cu: [2.3, 3.9]`, in Å") from None


def from_notebook(stage: str, namespace: dict[str, Any]) -> Any:
    """The checked parameters among a notebook's variables, taken right after the parameters cell.

    If the cell is run again in the same kernel, variables that later cells have made are not taken for
    misspelt parameters.

    Parameters
    ----------
    stage : str
        Name of the notebook.
    namespace : dict
        Its ``globals()``.

    Returns
    -------
    Generate, Extract, Transform, Load, Train or Infer
        The notebook's parameters.

    Raises
    ------
    ValueError
        As `for_stage`.
    """
    first = namespace.setdefault("_there_at_first", frozenset(namespace))
    names = (first | set(namespace.get("__annotations__", ()))) - {"In", "Out"}
    ours = {name: namespace[name] for name in names & set(namespace) if not name.startswith("_")}
    values = {
        name: value
        for name, value in ours.items()
        if not callable(value) and not isinstance(value, types.ModuleType)
    }
    return for_stage(stage, values, "this notebook")
