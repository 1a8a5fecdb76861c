"""Train a model: what it learns from, how, and what identifies it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from getl_utils.core.parameters import Train, Transform
from getl_utils.core.record import content_hash
from getl_utils.etl.database import Database, groups
from getl_utils.etl.descriptors import Descriptor
from getl_utils.etl.soap import Soap
from getl_utils.models import bond_expansion, linear, schema
from getl_utils.models.bond_expansion import BondExpansion
from getl_utils.models.kernels import Bonds, PublishedKernel
from getl_utils.models.linear import LinearModel
from getl_utils.models.model import Body, Model
from getl_utils.models.published import PublishedModel, PublishedType

NONE = "no bond type could be trained"


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


Rows = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]  # features, distance, strength, groups


class Fit(NamedTuple):
    """A trained body, and bond type → why it has no model of it."""

    body: Body
    refused: dict[str, str]


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
        Function of a mapping: bond type → features (n, m), distance (n,), strength (n,) and groups (n,). It
        returns a `Fit`, or raises ValueError if not one type could be trained.
    """

    kind: str
    descriptor: str
    fit: Callable[[Mapping[str, Rows]], Fit]


def recipe(stored: Database, settings: linear.Settings | None = None) -> Recipe:
    """The default model: linear in the surroundings of the bond. All types are trained at once.

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
    expansion = BondExpansion(**stored.facts["descriptors"]["expansion"])

    def fit(data: Mapping[str, Rows]) -> Fit:
        if not data:
            raise ValueError(NONE)
        x, d, y, labels = (np.concatenate(part) for part in zip(*data.values(), strict=True))
        types = np.repeat(list(data), [len(part[1]) for part in data.values()])
        return Fit(*linear.fit(expansion, x, d, y, types, labels, settings))

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

    def fit(data: Mapping[str, Rows]) -> Fit:
        trained, refused = {}, {}
        for name, (x, d, y, labels) in data.items():
            try:
                h = p.published_of(name)
                kernel = PublishedKernel(h.zeta, h.theta)
                trained[name] = PublishedType.fit(kernel, Bonds(d, x), y, h.gamma, labels)
            except ValueError as error:
                refused[name] = str(error)
        if not trained:
            raise ValueError("; ".join([NONE, *(f"{name}: {why}" for name, why in refused.items())]))
        return Fit(PublishedModel(soap, trained), refused)

    return Recipe("published", "soap", fit)


def train(stored: Database, p: Train, how: Recipe | None = None) -> tuple[Model, dict[str, str]]:
    """Train every bond type; a type that cannot be trained says why, and the others go on.

    Parameters
    ----------
    stored : Database
        Learned from: all bonds by the linear model, and `n_train` of each type, drawn at random, by the
        published one.
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
    how, data, refused = how or recipe(stored), {}, {}
    for bond_type in p.bond_types:
        try:
            bonds = stored.learnable(bond_type)
        except ValueError as error:
            refused[bond_type] = str(error)
            continue
        if how.kind == "published":
            chosen = np.random.default_rng(p.seed).permutation(len(bonds))[: p.n_train]
            bonds = bonds.iloc[np.sort(chosen)]
        data[bond_type] = rows(stored, bonds, how.descriptor)
    try:
        found = how.fit(data)
    except ValueError as error:
        raise ValueError("; ".join([str(error), *(f"{t}: {why}" for t, why in refused.items())])) from None
    return assemble(found.body, stored, p), refused | found.refused


def rows(stored: Database, bonds: pd.DataFrame, descriptor: str) -> Rows:
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
