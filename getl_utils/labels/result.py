"""What an engine returns: the bonds of one structure, or an error with a status."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from getl_utils.core.bonds import BOND, canonical

COLUMNS = [*BOND, "distance", "icohp"]


class LabelError(RuntimeError):
    """A structure could not be labelled.

    Parameters
    ----------
    status : str
        What became of it, a name of `getl_utils.labels.status.Status`, e.g. "SCF_NOT_CONVERGED".
    message : str
        What, where, and what to do.

    Examples
    --------
    >>> LabelError("NO_ICOHP", "cell 3: no bond within 4.2 Å; raise the cutoff").status
    'NO_ICOHP'
    """

    def __init__(self, status: str, message: str) -> None:
        super().__init__(message)
        self.status = status

    def __reduce__(self) -> tuple:  # errors cross process borders
        return type(self), (self.status, str(self))


@dataclass(frozen=True, eq=False)
class Label:
    """The bonds of one structure, and how they came about.

    Attributes
    ----------
    bonds : DataFrame
        i, j, tx, ty, tz, distance (Å), icohp (eV, negative = bonding), one row per bond. Atoms are 0-based;
        i < j, or i = j and T > 0 in lexical order. The bond is the vector r_j + T·cell − r_i, positions as
        given. An engine with two projections adds icohp_full and icohp_lobster, a spin-polarised calculation
        icohp_spin_1 (up) and icohp_spin_2, whose sum is icohp.
    record : dict
        What travels with the numbers: engine, engine_version, method, projection, preview, seconds,
        electrons, spilling, n_bonds, warnings (list of str), ….
    analysis : Analysis or None
        COHP(E), charges and bond indices by orbitals, if they were asked for.

    Raises
    ------
    ValueError
        A column is missing, a pair is not in this order or occurs twice, or an ICOHP is not a number.

    Examples
    --------
    >>> row = pd.DataFrame([[0, 1, 0, 0, -1, 2.5, -0.4]], columns=COLUMNS)
    >>> Label(row, {"engine": "xtb"}).record
    {'engine': 'xtb', 'n_bonds': 1}
    """

    bonds: pd.DataFrame
    record: dict[str, Any] = field(default_factory=dict)
    analysis: Any = None

    def __post_init__(self) -> None:
        missing = [name for name in COLUMNS if name not in self.bonds]
        if missing:
            raise ValueError(f"label lacks the columns {missing}; it has {list(self.bonds.columns)}")
        b = self.bonds
        wrong = b.duplicated(BOND) | canonical(b.i, b.j, b[BOND[2:]])[3]
        if wrong.any():
            raise ValueError(
                f"bond {b.loc[wrong.idxmax(), BOND].tolist()} is not in the order i < j, or is there twice"
            )
        values = b[[name for name in b if name == "distance" or name.startswith("icohp")]]
        if not np.isfinite(values.to_numpy(float)).all():
            raise ValueError("a distance or ICOHP is not a finite number")
        self.record["n_bonds"] = len(b)
