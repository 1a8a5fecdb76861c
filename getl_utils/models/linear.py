"""The default model: −ICOHP of a bond, linear in its surroundings, with its uncertainty.

``fit(expansion, features, distance, strength, types, groups)`` : train all bond types; a ``Fit``: `model`,
`refused`. ``LinearModel.predict(atoms, windows)`` : all bonds of a cell, with mean, σ and the flag "outside".
``LinearModel.evaluate(bond_type, features, distance)`` : the same for bonds described before.
``LinearModel.to_arrays()`` and ``LinearModel.from_arrays(arrays, facts)`` : for a folder of npz and JSON.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import NamedTuple

import numpy as np
from ase import Atoms

from getl_utils.models import linear_fit
from getl_utils.models.bond_expansion import BondExpansion, describe
from getl_utils.models.bond_predict import Prediction, predict_all
from getl_utils.models.kernels import Bonds
from getl_utils.models.linear_fit import Settings
from getl_utils.models.linear_type import TypeModel

__all__ = ["Estimate", "Fit", "LinearModel", "Settings", "TypeModel", "fit"]


class Estimate(NamedTuple):
    """Estimates of n bonds.

    Attributes
    ----------
    mean, sigma : (n,)
        −ICOHP and its standard deviation, eV.
    outside : (n,) bool
        True where the training set has nothing alike.
    """

    mean: np.ndarray
    sigma: np.ndarray
    outside: np.ndarray


@dataclass(frozen=True)
class LinearModel:
    """Models of all bond types over one expansion.

    Attributes
    ----------
    expansion : BondExpansion
        How the surroundings are described.
    types : dict
        Bond type → its trained model.
    """

    expansion: BondExpansion
    types: dict[str, TypeModel]

    kind, descriptor = "linear", "expansion"

    def describe(self, atoms: Atoms, bonds: np.ndarray) -> np.ndarray:
        """Describe bonds.

        Parameters
        ----------
        atoms : Atoms
            The cell.
        bonds : (n, 5) int
            i, j, T.

        Returns
        -------
        (n, n_features)
            From ``bond_expansion.describe``.
        """
        return describe(self.expansion, atoms, bonds)

    def likeness(self, bond_type: str, one: Bonds, many: Bonds) -> np.ndarray:
        """Tell how like bonds are, by the posterior covariance.

        Parameters
        ----------
        bond_type, one, many : object
            As of ``Model.likeness``.

        Returns
        -------
        (n,)
            1 is equal.
        """
        trained = self.types[bond_type]
        rows = [np.hstack([trained.polynomials(b.distance), b.soap]) @ trained.factor.T for b in (one, many)]
        lengths = np.linalg.norm(rows[1], axis=1) * np.linalg.norm(rows[0])
        return rows[1] @ rows[0][0] / np.maximum(lengths, 1e-300)

    def evaluate(self, bond_type: str, features: np.ndarray, distance: np.ndarray) -> Estimate:
        """Estimate bonds of one type that have been described.

        Parameters
        ----------
        bond_type : str
            Such as ``"Zr-Cu"``.
        features : (n, n_features)
            From ``bond_expansion.describe``.
        distance : (n,)
            Length of each bond, Å.

        Raises
        ------
        ValueError
            There is no model of this type.
        """
        model = self._type(bond_type)
        mean = model.mean(features, distance)
        leverage = model.leverage(features, distance)
        return Estimate(mean, model.sigma(distance, leverage), model.outside(distance, leverage))

    def predict(
        self,
        atoms: Atoms,
        windows: Mapping[str, tuple[float, float]] | None = None,
        sigma: bool = True,
        threads: int = 1,
    ) -> Prediction:
        """Estimate every bond of a cell.

        Parameters
        ----------
        atoms : Atoms
            The cell.
        windows : mapping, optional
            Bond type → shortest and longest bond, Å. Default: the windows of the training set.
        sigma : bool
            False leaves out `sigma` and `outside`, which takes less time.
        threads : int
            Number of threads.

        Returns
        -------
        Prediction
            `bonds` (i, j, T), `types` (index into `names`), `distance`, `mean`, `sigma`, `outside`.

        Raises
        ------
        ValueError
            An element or a type without model, or a structure that is damaged.
        """
        names = list(self.types)
        windows = {name: self.types[name].window for name in names} if windows is None else windows
        models = {name: self._type(name) for name in windows}
        return predict_all(self.expansion, models, atoms, windows, sigma, threads)

    def _type(self, bond_type: str) -> TypeModel:
        if bond_type not in self.types:
            raise ValueError(f"bond type {bond_type} has no model; trained types: {', '.join(self.types)}")
        return self.types[bond_type]

    def to_arrays(self) -> tuple[dict[str, np.ndarray], dict]:
        """Arrays by name, for an npz file, and facts, for a JSON file."""
        arrays, types = {}, {}
        for name, model in self.types.items():
            values = {field.name: getattr(model, field.name) for field in fields(model)}
            arrays |= {f"{name}/{key}": v for key, v in values.items() if isinstance(v, np.ndarray)}
            types[name] = {key: v for key, v in values.items() if not isinstance(v, np.ndarray)}
        return arrays, {"kind": self.kind, "descriptor": self.expansion.to_dict(), "types": types}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, np.ndarray], facts: Mapping) -> LinearModel:
        """Make the model again that `to_arrays` took apart.

        Parameters
        ----------
        arrays : mapping
            Name → array.
        facts : mapping
            All that is no array.

        Returns
        -------
        LinearModel
            The model.

        Raises
        ------
        ValueError
            Facts and arrays do not belong together.
        """
        try:
            expansion = BondExpansion(**facts["descriptor"])
            types = {name: TypeModel.of(name, values, arrays) for name, values in facts["types"].items()}
        except (KeyError, TypeError) as error:
            raise ValueError(
                f"the model's arrays and facts do not belong together ({error}); train it again"
            ) from error
        for name, model in types.items():
            model.check(name, expansion.n_features)
        return cls(expansion, types)


class Fit(NamedTuple):
    """A trained model, and for each type that could not be trained the reason."""

    model: LinearModel
    refused: dict[str, str]


def fit(
    expansion: BondExpansion,
    features: np.ndarray,
    distance: np.ndarray,
    strength: np.ndarray,
    types: Sequence[str],
    groups: Sequence,
    settings: Settings | None = None,
) -> Fit:
    """Train a model of every bond type.

    Parameters
    ----------
    expansion : BondExpansion
        With which the features were computed.
    features : (n, n_features)
        From ``bond_expansion.describe``.
    distance : (n,)
        Length of each bond, Å.
    strength : (n,)
        −ICOHP of each bond, eV.
    types : (n,) str
        Bond type of each bond, its elements in the order of the expansion.
    groups : (n,)
        What is left out together when priors and σ are chosen: the quench of each bond, or its sub-run if
        there is one quench only.
    settings : Settings, optional
        Default: ``Settings()``.

    Returns
    -------
    Fit
        The model of the types that could be trained, and the reason for each that could not.

    Raises
    ------
    ValueError
        The arrays differ in length, or not one type could be trained.
    """
    settings = settings or Settings()
    features, distance, strength = (np.asarray(a, float) for a in (features, distance, strength))
    types, groups = np.asarray(types), np.asarray(groups)
    if (
        features.shape != (len(distance), expansion.n_features)
        or len({len(distance), len(strength), len(types), len(groups)}) > 1
    ):
        raise ValueError(
            f"features {features.shape} need {expansion.n_features} columns and one row for each of the bonds"
        )
    accepted, refused = {}, {}
    for name in dict.fromkeys(types.tolist()):
        rows = types == name
        part = features[rows], distance[rows], strength[rows], groups[rows]
        try:
            linear_fit.check_rows(*part, settings.fewest)
            accepted[name] = part
        except ValueError as error:
            refused[name] = str(error)
    if not accepted:
        raise ValueError(
            "no bond type could be trained: " + "; ".join(f"{k}: {v}" for k, v in refused.items())
        )
    return Fit(LinearModel(expansion, linear_fit.fit_all(expansion, accepted, settings)), refused)
