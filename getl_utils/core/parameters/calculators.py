"""ASE calculators that a parameter file may name: a list, for to name one makes Python import its module.

A parameter file may come from a stranger, so it can only name calculators of `ALLOWED`, with the arguments
listed there. None of them runs a program or reads a file that the parameters name. Who sits at the machine
can add to the list by the environment variable GETL_CALCULATORS; a parameter file cannot.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import Any

from getl_utils.core.parameters.base import check_names

VARIABLE = "GETL_CALCULATORS"  # dotted names, separated by commas
NUMBER, WORD = (bool, int, float), r"[A-Za-z0-9_-]{1,100}"  # a word without dot and slash names no file
# Dotted name → argument → the types or the pattern of its values.
ALLOWED: dict[str, dict[str, Any]] = {
    "ase.calculators.emt.EMT": {"asap_cutoff": NUMBER},
    "ase.calculators.lj.LennardJones": dict.fromkeys(("sigma", "epsilon", "rc", "ro", "smooth"), NUMBER),
    "ase.calculators.morse.MorsePotential": dict.fromkeys(
        ("epsilon", "r0", "rho0", "rcut1", "rcut2"), NUMBER
    ),
    "tblite.ase.TBLite": {"method": WORD, "accuracy": NUMBER, "electronic_temperature": NUMBER},
    "chgnet.model.dynamics.CHGNetCalculator": {"use_device": WORD},
    "sevenn.calculator.SevenNetCalculator": {"model": r"7net-[A-Za-z0-9-]{1,50}", "device": WORD},
}


def check_calculator(name: str, arguments: Mapping[str, Any]) -> None:
    """Refuse a calculator that is not on the list, or an argument that is not on its list.

    Parameters
    ----------
    name : str
        Dotted name of a class.
    arguments : mapping
        Its arguments.

    Raises
    ------
    ValueError
        It may not be named, or not with such an argument.

    Examples
    --------
    >>> check_calculator("ase.calculators.emt.EMT", {})
    """
    own = [word.strip() for word in os.environ.get(VARIABLE, "").split(",") if word.strip()]
    if name in own:
        return
    check_names("calculator", [name], list(ALLOWED), "calculator that may be named here")
    known = ALLOWED[name]
    check_names("calculator_arguments", arguments, list(known), f"argument of {name}")
    for argument, value in arguments.items():
        wanted = known[argument]
        right = re.fullmatch(wanted, str(value)) if isinstance(wanted, str) else isinstance(value, wanted)
        if not right:
            kind = f"a word like {wanted}" if isinstance(wanted, str) else "a number"
            raise ValueError(f"`calculator_arguments`: {argument} {value!r} of {name} must be {kind}")
