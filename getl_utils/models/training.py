"""Train a model: what it learns from, how, and what identifies it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from getl_utils.core.bonds import BOND, KEY
from getl_utils.core.cells import CellKey
from getl_utils.core.parameters import Train, Transform
from getl_utils.core.record import content_hash
from getl_utils.etl.database import Database, groups
from getl_utils.etl.descriptors import Descriptor
from getl_utils.etl.soap import Soap
from getl_utils.models import bond_expansion, linear, schema
from getl_utils.models.bond_expansion import BondExpansion
from getl_utils.models.graph import learn as graph
from getl_utils.models.kernels import Bonds, PublishedKernel
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

    Attributes
    ----------
    kind : str
        ``linear``, ``published`` or ``graph``.
    rows : callable
        Function of bonds of the database that returns their `Rows`, as `fit` takes them.
    fit : callable
        Function of a mapping: bond type → features (n, m), distance (n,), strength (n,) and groups (n,). It
        returns a `Fit`, or raises ValueError if not one type could be trained.
    """

    kind: str
    rows: Callable[[pd.DataFrame], Rows]
    fit: Callable[[Mapping[str, Rows]], Fit]


def chosen_recipe(stored: Database, p: Train) -> Recipe:
    """The kind of model that the parameter `model` names.

    Parameters
    ----------
    stored : Database
        Learned from.
    p : Train
        Parameters of 05_train.

    Raises
    ------
    ValueError
        It is the published model, and parameters or database lack what it needs.
    """
    if p.model.kind == "graph":
        return _graph_recipe(stored, p)
    if p.model.kind == "linear":
        return recipe(stored)
    found = published_recipe(stored, p)
    if found is None:
        raise ValueError(
            "`model` asks for the published model: give its values in `published`, and `soap` in 03_transform"
        )
    return found


def _graph_recipe(stored: Database, p: Train) -> Recipe:
    """A graph network over whole cells, with the parameters `model`; arguments as of `chosen_recipe`.

    The features of a bond, as it learns them, are the number of its cell and i, j, T.
    """
    keys = [CellKey(*key) for key in stored.bonds[KEY].drop_duplicates().itertuples(index=False)]
    number = {key: n for n, key in enumerate(keys)}

    def _places(bonds: pd.DataFrame) -> Rows:
        cell = [number[CellKey(*key)] for key in bonds[KEY].itertuples(index=False)]
        return np.column_stack([cell, bonds[BOND].to_numpy(np.int64)]), *_numbers(bonds)

    def _fit(data: Mapping[str, Rows]) -> Fit:
        learned = {name: graph.Learned(*part) for name, part in data.items()}
        return Fit(*graph.fit(p.elements, p.model, lambda n: stored.cell(keys[n]), learned, p.seed))

    return Recipe("graph", _places, _fit)


def recipe(stored: Database, settings: linear.Settings | None = None) -> Recipe:
    """The default model: linear in the surroundings of the bond. All types are trained at once.

    Parameters
    ----------
    stored : Database
        Knows the expansion.
    settings : linear.Settings, optional
        How it is trained. Default: ``linear.Settings()``.
    """
    expansion = BondExpansion(**stored.facts["descriptors"]["expansion"])

    def _fit(data: Mapping[str, Rows]) -> Fit:
        if not data:
            raise ValueError(NONE)
        x, d, y, labels = (np.concatenate(part) for part in zip(*data.values(), strict=True))
        types = np.repeat(list(data), [len(part[1]) for part in data.values()])
        return Fit(*linear.fit(expansion, x, d, y, types, labels, settings))

    return Recipe("linear", lambda bonds: rows(stored, bonds, "expansion"), _fit)


def published_recipe(stored: Database, p: Train) -> Recipe | None:
    """The published model; None if the parameters or the database do not have it.

    Parameters
    ----------
    stored : Database
        Knows the SOAP.
    p : Train
        Parameters of 05_train, with `published`.
    """
    if not p.published or "soap" not in stored.arrays:
        return None
    soap = Soap(**stored.facts["descriptors"]["soap"])

    def _fit(data: Mapping[str, Rows]) -> Fit:
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

    return Recipe("published", lambda bonds: rows(stored, bonds, "soap"), _fit)


def train(stored: Database, p: Train, how: Recipe | None = None) -> tuple[Model, dict[str, str]]:
    """Train every bond type; a type that cannot be trained says why, and the others go on.

    Parameters
    ----------
    stored : Database
        Learned from: all bonds, and `n_train` of each type, drawn at random, by the published model.
    p : Train
        Parameters of 05_train.
    how : Recipe, optional
        Default: the kind that the parameters name.

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
    how, data, refused = how or chosen_recipe(stored, p), {}, {}
    for bond_type in p.bond_types:
        try:
            bonds = stored.learnable(bond_type)
        except ValueError as error:
            refused[bond_type] = str(error)
            continue
        if how.kind == "published":
            chosen = np.random.default_rng(p.seed).permutation(len(bonds))[: p.n_train]
            bonds = bonds.iloc[np.sort(chosen)]
        data[bond_type] = how.rows(bonds)
    try:
        found = how.fit(data)
    except ValueError as error:
        raise ValueError("; ".join([str(error), *(f"{t}: {why}" for t, why in refused.items())])) from None
    return assemble(found.body, stored, p), refused | found.refused


def rows(stored: Database, bonds: pd.DataFrame, descriptor: str) -> Rows:
    """Return some bonds as `Recipe.fit` takes them.

    Parameters
    ----------
    stored : Database
        Holds the bonds.
    bonds : DataFrame
        Some of them.
    descriptor : str
        Name of the descriptor.

    Returns
    -------
    tuple
        Features (n, m), distance (n,) in Å, strength (−ICOHP) (n,) in eV, and groups (n,).
    """
    return stored.features(bonds, descriptor), *_numbers(bonds)


def _numbers(bonds: pd.DataFrame) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    return bonds.distance.to_numpy(float), -bonds.icohp.to_numpy(float), groups(bonds)


def features(
    stored: Database, trained: Body | Model, tables: Mapping[str, pd.DataFrame]
) -> dict[str, np.ndarray]:
    """Bonds of the database as a trained model describes them.

    Parameters
    ----------
    stored : Database
        Holds the bonds, and their descriptors or their cells.
    trained : LinearModel, PublishedModel, GraphModel or Model
        What describes.
    tables : mapping
        Name → bonds of the database.

    Returns
    -------
    dict
        Name → (n, n_features), as ``trained.evaluate`` takes them.
    """
    if trained.descriptor in stored.arrays:
        return {name: stored.features(bonds, trained.descriptor) for name, bonds in tables.items()}
    every, found = pd.concat(tables.values(), ignore_index=True), []
    groups_ = every.groupby(KEY, sort=False)
    for key, some in groups_:
        found.append(trained.describe(stored.cell(CellKey(*key)), some[BOND].to_numpy(np.int64)))
    order = np.argsort(np.concatenate([some.index for _, some in groups_]))
    ends = np.cumsum([len(bonds) for bonds in tables.values()])[:-1]
    return dict(zip(tables, np.split(np.concatenate(found)[order], ends), strict=True))


def assemble(body: Body, stored: Database, p: Train) -> Model:
    """A model of a trained body, with its identity.

    Parameters
    ----------
    body : LinearModel, PublishedModel or GraphModel
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
    values: dict[str, Any] = {"format": schema.FORMAT, "kind": found["kind"]}
    if projection := stored.facts.get("projection"):
        values["projection"] = projection
    values |= {"engine": stored.facts["engine"], "elements": list(p.elements), "seed": p.seed}
    values |= {"database": p.database, "database_id": stored.facts["database_id"]}
    values |= {"descriptor": found["descriptor"], "types": found["types"]}
    weights = {name: array.tolist() for name, array in arrays.items() if name.endswith("/weights")}
    return Model(schema.facts(values | {"model_id": content_hash(values, weights)}, "a new model"), body)
