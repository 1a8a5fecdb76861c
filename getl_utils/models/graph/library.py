"""Whether JAX is there; the modules that need it are imported here and nowhere else."""

from __future__ import annotations

import importlib
import importlib.util
from types import ModuleType

NEEDED = ("jax", "equinox", "optax")
MODULES = ("crystal", "fit", "messages", "network", "parts", "run")  # need it
HOW = "run `make graph` (or pip install --require-hashes -r workflow/graph.lock)"


def missing() -> str | None:
    """Say why graph networks do not work here and what to do, or None."""
    absent = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    return f"{', '.join(absent)} not installed: {HOW}" if absent else None


def module(name: str) -> ModuleType:
    """Import a module that needs JAX.

    Parameters
    ----------
    name : str
        One of `MODULES`.

    Returns
    -------
    module
        The module.

    Raises
    ------
    ValueError
        JAX is not installed; says how to get it.
    """
    why = missing()
    if why:
        raise ValueError(f"a graph network needs JAX, and {why}")
    return importlib.import_module(f"getl_utils.models.graph.{name}")
