"""What a model sees of bonds: their lengths and descriptors, as arrays."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Features:
    """What a kernel sees of n bonds: distance (n,) in Å, soap (n_atoms, m), and the rows i, j (n,) of each
    bond's atoms in it.

    Without i and j, row k of `soap` is the vector of both atoms of bond k.
    """

    distance: np.ndarray
    soap: np.ndarray
    i: np.ndarray | None = None
    j: np.ndarray | None = None

    def __post_init__(self) -> None:
        for name in ("i", "j"):
            if getattr(self, name) is None:
                object.__setattr__(self, name, np.arange(len(self.distance)))

    def __getitem__(self, rows: Any) -> Features:
        return Features(self.distance[rows], self.soap, self.i[rows], self.j[rows])

    @property
    def n(self) -> int:
        return len(self.distance)

    @cached_property
    def mean(self) -> np.ndarray:
        """s = (A + B)/2 of each bond: (n, m)."""
        mean = np.asarray(self.soap[self.i]) + self.soap[self.j]
        mean *= 0.5
        return mean

    @cached_property
    def used(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The vectors of these bonds' atoms, each once (n_used, m), and the places of both atoms of each bond
        in them."""
        rows, places = np.unique(np.concatenate([self.i, self.j]), return_inverse=True)
        vectors = self.soap if len(rows) == len(self.soap) else self.soap[rows]
        return np.asarray(vectors), places[: self.n], places[self.n :]
