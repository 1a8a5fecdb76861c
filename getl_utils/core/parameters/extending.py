"""Parameter files: YAML in which a name stands once, and files that extend others."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from getl_utils.core.parameters.base import check_plain, nearest
from getl_utils.core.workdir import root

EXTENDS = "extends"
LARGEST = 1_000_000  # bytes of a parameter file


class _Loader(yaml.SafeLoader):
    """Safe YAML in which a name may stand once in a mapping."""


def _mapping(loader: _Loader, node: yaml.MappingNode) -> dict[Any, Any]:
    loader.flatten_mapping(node)
    pairs = [
        (loader.construct_object(k, deep=True), loader.construct_object(v, deep=True)) for k, v in node.value
    ]
    names = [name for name, _ in pairs]
    twice = [name for n, name in enumerate(names) if name in names[:n]]
    if twice:
        raise yaml.YAMLError(f"`{twice[0]}` is there twice{node.start_mark}")
    return dict(pairs)


_Loader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _mapping)


def load(path: Path) -> dict[Any, Any]:
    """Read a mapping from a YAML file, without looking at what it means.

    Parameters
    ----------
    path : Path
        The file.

    Returns
    -------
    dict
        What stands in it.

    Raises
    ------
    ValueError
        Not YAML, no mapping, a name that stands twice, or too large.
    FileNotFoundError
        No such file.
    """
    if not path.exists():
        raise FileNotFoundError(f"{path} is not there")
    if not path.is_file() or path.stat().st_size > LARGEST:
        raise ValueError(f"{path}: not a file of parameters (a file of at most {LARGEST // 1000} kB)")
    try:
        values = yaml.load(path.read_text(encoding="utf-8"), _Loader)
    except (yaml.YAMLError, ValueError, TypeError, RecursionError, OverflowError) as error:
        reason = " ".join(str(error).split())[:500]
        raise ValueError(f"{path}: not readable as YAML: {reason}") from None
    if not isinstance(values, dict):
        raise ValueError(f"{path}: expected `name: value` lines")
    return values


def extended(values: Mapping[str, Any], folder: Path, where: str = "parameters") -> dict[str, Any]:
    """Parameters with those of the file that they extend.

    A mapping is merged name by name, at every level; a list or a single value replaces what was there; a
    name without value (``loading:``) takes away what was inherited.

    Parameters
    ----------
    values : mapping
        Parameters; ``extends`` names a file without its ``.yaml``, e.g. ``alloys/zr-cu-al``.
    folder : Path
        The file is sought here, then in the repository's ``parameters``.
    where : str
        Where the values are from; it begins an error message.

    Returns
    -------
    dict
        The parameters, without ``extends``.

    Raises
    ------
    ValueError
        No such file, or files that extend each other.
    """
    return _without_empty(_extended(values, folder, where, ()))


def _extended(
    values: Mapping[str, Any], folder: Path, where: str, before: tuple[Path, ...]
) -> dict[str, Any]:
    own = {name: value for name, value in values.items() if name != EXTENDS}
    try:
        check_plain(own)
    except ValueError as error:
        raise ValueError(f"{where}: {error}") from None
    if EXTENDS not in values:
        return own
    path = _parent(values[EXTENDS], folder, where)
    if path in before:
        raise ValueError(f"{where}: `extends` leads back to {path.name}")
    return _merged(_extended(load(path), path.parent, str(path), (*before, path)), own)


def _parent(name: Any, folder: Path, where: str) -> Path:
    places = [folder, root() / "parameters"]
    if isinstance(name, str) and re.fullmatch(r"[A-Za-z0-9_][\w.+-]*(/[A-Za-z0-9_][\w.+-]*)*", name):
        for place in places:
            if (place / f"{name}.yaml").is_file():
                return (place / f"{name}.yaml").resolve()
    files = {
        f.relative_to(p).with_suffix("").as_posix()
        for p in places
        for f in (*p.glob("*.yaml"), *p.glob("alloys/*.yaml"))
    }
    raise ValueError(f"{where}: `extends`: there is no {name!r} in parameters/{nearest(name, sorted(files))}")


def _merged(first: Mapping[Any, Any], second: Mapping[Any, Any]) -> dict[Any, Any]:
    both = dict(first)
    for name, value in second.items():
        inherited = both.get(name)
        deeper = isinstance(value, Mapping) and isinstance(inherited, Mapping)
        both[name] = _merged(inherited, value) if deeper else value
    return both


def _without_empty(values: Mapping[Any, Any]) -> dict[Any, Any]:
    return {
        name: _without_empty(value) if isinstance(value, Mapping) else value
        for name, value in values.items()
        if value is not None
    }
