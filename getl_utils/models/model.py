"""A trained model of any kind, and the folder it lives in, which holds no code."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from ase import Atoms

from getl_utils.core.arrays import check_arrays
from getl_utils.core.bonds import bond_types
from getl_utils.core.record import atomic_write, write_json
from getl_utils.models import schema
from getl_utils.models.bond_predict import Prediction
from getl_utils.models.graph.body import GraphModel
from getl_utils.models.kernels import Bonds
from getl_utils.models.linear import Estimate, LinearModel
from getl_utils.models.published import PublishedModel
from getl_utils.models.schema import Facts

Body = LinearModel | PublishedModel | GraphModel
KINDS: dict[str, type[Body]] = {one.kind: one for one in (LinearModel, PublishedModel, GraphModel)}


@dataclass(frozen=True)
class Model:
    """A trained model.

    Attributes
    ----------
    facts : Facts
        Everything that is not an array; see `schema`.
    body : LinearModel, PublishedModel or GraphModel
        What predicts.
    """

    facts: Facts
    body: Body

    @property
    def elements(self) -> list[str]:
        """The elements it knows, in the order that names the bond types."""
        return list(self.facts.elements)

    @property
    def model_id(self) -> str:
        """Hash of everything that makes the model what it is."""
        return self.facts.model_id

    @property
    def types(self) -> list[str]:
        """Bond types that it can predict."""
        return [t for t in bond_types(self.elements) if t in self.body.types]

    @property
    def descriptor(self) -> str:
        """Name of its descriptor: ``expansion``, ``soap``, or ``graph``, which no database holds."""
        return self.body.descriptor

    def evaluate(self, bond_type: str, features: np.ndarray, distance: np.ndarray) -> Estimate:
        """Estimate described bonds of one type.

        Parameters
        ----------
        bond_type, features, distance : object
            As of ``linear.LinearModel.evaluate``.

        Returns
        -------
        Estimate
            Of each bond.
        """
        return self.body.evaluate(bond_type, features, distance)

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
        atoms, windows, sigma, threads : object
            As of ``linear.LinearModel.predict``.

        Returns
        -------
        Prediction
            All bonds.
        """
        return self.body.predict(atoms, windows, sigma, threads)

    def describe(self, atoms: Atoms, bonds: np.ndarray) -> np.ndarray:
        """Describe bonds as the model does.

        Parameters
        ----------
        atoms : Atoms
            The cell.
        bonds : (n, 5) int
            i, j, T.

        Returns
        -------
        (n, n_features)
            The features.
        """
        return self.body.describe(atoms, bonds)

    def likeness(self, bond_type: str, one: Bonds, many: Bonds) -> np.ndarray:
        """How like one bond is to others, as the model sees them.

        Parameters
        ----------
        bond_type : str
            Type of all of them.
        one : Bonds
            One bond: length and features.
        many : Bonds
            The others.

        Returns
        -------
        (n,)
            k(x, x′) / √(k(x, x) k(x′, x′)); 1 is equal. k is the posterior covariance for the linear model,
            and the product of what its networks know of two bonds for a graph model.
        """
        return self.body.likeness(bond_type, one, many)


def save(folder: Path, model: Model) -> None:
    """Write ``model.npz`` (arrays only) and then ``model.json`` (everything else), which makes it whole.

    Parameters
    ----------
    folder : Path
        Of the model.
    model : Model
        What is written.
    """
    (folder / "model.json").unlink(missing_ok=True)
    with atomic_write(folder / "model.npz") as temporary, open(temporary, "wb") as out:
        np.savez(out, **model.body.to_arrays()[0])
    write_json(folder / "model.json", model.facts.model_dump())


def load(folder: Path) -> Model:
    """Read a model; no code is loaded.

    Parameters
    ----------
    folder : Path
        With ``model.json`` and ``model.npz``.

    Returns
    -------
    Model
        The model.

    Raises
    ------
    FileNotFoundError
        There is none.
    ValueError
        It is of another format, damaged, not finite, or its two files do not belong together.
    """
    found = schema.read(folder)
    if not (folder / "model.npz").is_file():
        raise ValueError(f"{folder / 'model.npz'} is not a regular file; train the model again")
    try:
        with np.load(check_arrays(folder / "model.npz"), allow_pickle=False) as stored:
            arrays = {name: np.asarray(stored[name], float) for name in stored.files}
        return Model(found, _body(found, arrays))
    except (KeyError, TypeError, OSError) as error:
        raise ValueError(
            f"{folder}: model.npz does not belong to this model.json ({error}); train it again"
        ) from None


def _body(found: Facts, arrays: dict[str, np.ndarray]) -> Body:
    bad = [name for name, array in arrays.items() if not np.isfinite(array).all()]
    if bad:
        raise ValueError(f"array {bad[0]} holds NaN or infinity; train the model again")
    types = {name: one.numbers for name, one in found.types.items()}
    settings = found.descriptor.model_dump()
    return KINDS[found.kind].from_arrays(arrays, {"descriptor": settings, "types": types})
