"""Train a model: what it learns from, how, and what identifies it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from getl_utils.core.parameters import Hyperparameters, Train, Transform
from getl_utils.core.record import content_hash
from getl_utils.etl.database import Database, groups
from getl_utils.etl.descriptors import Descriptor
from getl_utils.etl.soap import Soap
from getl_utils.models import bond_expansion, linear, linear_fit, schema
from getl_utils.models.bond_expansion import BondExpansion
from getl_utils.models.kernels import Bonds, PublishedKernel
from getl_utils.models.linear import LinearModel
from getl_utils.models.model import Body, Model
from getl_utils.models.published import PublishedModel, PublishedType


def descriptors(p: Transform) -> dict[str, Descriptor]:
    """The descriptors that the parameters ask for.

    Parameters
    ----------
    p : Transform
        Parameters of 03_transform.

    Returns
    -------
    dict
        ``expansion``, and ``soap`` if it is asked for.
    """
    expansion = BondExpansion(tuple(p.elements), **p.expansion.model_dump())
    found = {"expansion": Descriptor(expansion.to_dict(), partial(bond_expansion.describe, expansion))}
    if p.soap is not None:
        soap = Soap(p.elements, p.cutoff, **p.soap.model_dump())
        found["soap"] = Descriptor(soap.to_dict(), lambda atoms, bonds: soap.compute(atoms))
    return found


@dataclass(frozen=True)
class Recipe:
    """How one kind of model learns.

    Parameters
    ----------
    kind : str
        ``linear`` or ``published``.
    descriptor : str
        Name of the descriptor it needs.
    fit : callable
        Function of bond type, features (n, m), distance (n,), strength (n,) and groups (n,), which returns a body
        with this one type.
    """

    kind: str
    descriptor: str
    fit: Callable[[str, np.ndarray, np.ndarray, np.ndarray, np.ndarray], Body]


def recipe(stored: Database, settings: linear.Settings | None = None) -> Recipe:
    """The default model: linear in the surroundings of the bond.

    Parameters
    ----------
    stored : Database
        Knows the expansion.
    settings : linear.Settings, optional
        How it is trained. Default: ``linear.Settings()``.

    Returns
    -------
    Recipe
        How it learns.
    """
    settings = settings or linear.Settings()
    expansion = BondExpansion(**stored.facts["descriptors"]["expansion"])

    def fit(name: str, x: np.ndarray, d: np.ndarray, y: np.ndarray, labels: np.ndarray) -> Body:
        found = linear_fit.fit_type(expansion, name, x, d, y, labels, settings)
        return LinearModel(expansion, {name: found})

    return Recipe("linear", "expansion", fit)


def published_recipe(stored: Database, p: Train) -> Recipe | None:
    """The published model; None if the parameters or the database do not have it.

    Parameters
    ----------
    stored : Database
        Knows the SOAP.
    p : Train
        Parameters of 05_train, with `published`.

    Returns
    -------
    Recipe or None
        How it learns.
    """
    if not p.published or "soap" not in stored.arrays:
        return None
    soap = Soap(**stored.facts["descriptors"]["soap"])

    def fit(name: str, x: np.ndarray, d: np.ndarray, y: np.ndarray, labels: np.ndarray) -> Body:
        return PublishedModel(soap, {name: fit_published(p.published_of(name), x, d, y, labels)})

    return Recipe("published", "soap", fit)


def fit_published(
    h: Hyperparameters, features: np.ndarray, distance: np.ndarray, strength: np.ndarray, labels: np.ndarray
) -> PublishedType:
    """Fit one bond type of the published model; arguments as of `Recipe.fit`."""
    kernel = PublishedKernel(h.zeta, h.theta)
    return PublishedType.fit(kernel, Bonds(distance, features), strength, h.gamma, labels)


def train(stored: Database, p: Train, how: Recipe | None = None) -> tuple[Model, dict[str, str]]:
    """Train every bond type; a type that cannot be trained says why, and the others go on.

    Parameters
    ----------
    stored : Database
        Learned from: all bonds by the linear model, `n_train` of each type, drawn at random, by the published one.
    p : Train
        Parameters of 05_train.
    how : Recipe, optional
        Default: the linear model.

    Returns
    -------
    Model
        The trained model.
    dict
        Bond type → why there is none.

    Raises
    ------
    ValueError
        Not one type could be trained.
    """
    how, bodies, refused = how or recipe(stored), {}, {}
    for bond_type in p.bond_types:
        try:
            bonds = stored.learnable(bond_type)
            if how.kind == "published":
                chosen = np.random.default_rng(p.seed).permutation(len(bonds))[: p.n_train]
                bonds = bonds.iloc[np.sort(chosen)]
            bodies[bond_type] = how.fit(bond_type, *rows(stored, bonds, how.descriptor)).types[bond_type]
        except ValueError as error:
            refused[bond_type] = str(error)
    if not bodies:
        raise ValueError(
            "no bond type could be trained: " + "; ".join(f"{t}: {w}" for t, w in refused.items())
        )
    settings = stored.facts["descriptors"][how.descriptor]
    if how.kind == "linear":
        return assemble(LinearModel(BondExpansion(**settings), bodies), stored, p), refused
    return assemble(PublishedModel(Soap(**settings), bodies), stored, p), refused


def rows(stored: Database, bonds: pd.DataFrame, descriptor: str) -> tuple[np.ndarray, ...]:
    """Features, distance (Å), strength (−ICOHP, eV) and groups of some bonds, as `Recipe.fit` takes them."""
    strength = -bonds.icohp.to_numpy(float)
    return stored.features(bonds, descriptor), bonds.distance.to_numpy(float), strength, groups(bonds)


def assemble(body: Body, stored: Database, p: Train) -> Model:
    """A model of a trained body, with its identity.

    Parameters
    ----------
    body : LinearModel or PublishedModel
        What predicts.
    stored : Database
        Learned from.
    p : Train
        Parameters of 05_train.

    Returns
    -------
    Model
        The model.
    """
    arrays, found = body.to_arrays()
    linear_ = isinstance(body, LinearModel)
    values: dict[str, Any] = {"format": schema.FORMAT, "kind": "linear" if linear_ else "published"}
    values |= {"engine": stored.facts["engine"], "elements": list(p.elements), "seed": p.seed}
    values |= {"database": p.database, "database_id": stored.facts["database_id"]}
    values |= {"descriptor": found["expansion" if linear_ else "descriptor"], "types": found["types"]}
    weights = {name: array.tolist() for name, array in arrays.items() if name.endswith("/weights")}
    return Model(schema.facts(values | {"model_id": content_hash(values, weights)}, "a new model"), body)
