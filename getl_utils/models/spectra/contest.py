"""Errors of models of spectra on crystals that they did not learn from."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd

from getl_utils.core.parameters.optics import Crystals, Elements, Light, Ridge
from getl_utils.labels.optics import colour, label
from getl_utils.models.spectra import components, crystals
from getl_utils.models.spectra.crystals import Known
from getl_utils.models.spectra.model import FITS

ERRORS = ["missed", "drude", "delta_e"]


def folds(
    known: Sequence[Known], split: str, most: int = 10
) -> Iterator[tuple[str, list[Known], list[Known]]]:
    """List the parts that are held back, each with the others.

    Parameters
    ----------
    known : sequence of Known
        All crystals.
    split : str
        ``composition`` or ``prototype``.
    most : int
        Parts, at most: if there are more groups, several drawn at random are held back together.

    Yields
    ------
    (str, list, list)
        Name of the part, what is learned from, and what is held back.
    """
    names = crystals.groups(known, split)
    order = np.random.default_rng(0).permutation(np.unique(names))
    if len(order) > most:
        part = {name: f"part {n % most + 1} of {most}" for n, name in enumerate(order)}
        names = np.array([part[name] for name in names])
    for group in sorted(set(names.tolist())):
        yield (
            group,
            [one for one, name in zip(known, names, strict=True) if name != group],
            [one for one, name in zip(known, names, strict=True) if name == group],
        )


def errors(found: np.ndarray, one: Known, how: Light) -> dict[str, float]:
    """Return what numbers get wrong of a crystal.

    Parameters
    ----------
    found : (c,) array
        Predicted numbers.
    one : Known
        The crystal.
    how : Light
        η and γ of the colours.

    Returns
    -------
    dict
        missed: part of the conductivity between bands that is wrong (`components.missed`); drude: error of
        the Drude frequency, eV; delta_e: difference of the colours.
    """
    said = components.spectrum(found, one.atoms.cell.volume / len(one.atoms))
    true = np.sqrt((one.spectrum.drude**2).mean())
    seen = [colour.lab(label.seen(spectrum, how)) for spectrum in (said, one.spectrum)]
    return {
        "missed": components.missed(said, one.spectrum),
        "drude": float(abs(said.drude[0] - true)),
        "delta_e": float(colour.difference(*seen)),
    }


def learning(
    known: Sequence[Known],
    p: Elements | Ridge | Crystals,
    sizes: Sequence[int],
    how: Light,
    seed: int = 0,
    tested: int = 5,
) -> pd.DataFrame:
    """Error against the number of crystals learned from; large sets hold small ones.

    Parameters
    ----------
    known : sequence of Known
        All crystals.
    p : Elements, Ridge or Crystals
        Which model.
    sizes : sequence of int
        Crystals to learn from; those that are more than there are have no row.
    how : Light
        η and γ of the colours.
    seed : int
        Of the order of the compositions and of the model.
    tested : int
        Crystals to test on, at least; the last compositions of the order.

    Returns
    -------
    DataFrame
        n, seed, and the mean over the test crystals of the columns of `errors`.
    """
    names = crystals.groups(known, "composition")
    order = np.random.default_rng(seed).permutation(np.unique(names))
    places = [n for name in order for n in np.flatnonzero(names == name)]
    listed, names = [known[n] for n in places], names[places]
    held = len(listed) - tested
    while held > 0 and names[held - 1] == names[held]:
        held -= 1  # no composition on both sides
    rows = []
    for n in (size for size in sizes if size <= held):
        body = FITS[type(p)](listed[:n], p, seed)
        found = [errors(body.estimate(one.atoms)[0], one, how) for one in listed[held:]]
        rows.append({"n": n, "seed": seed} | pd.DataFrame(found).mean().to_dict())
    return pd.DataFrame(rows, columns=["n", "seed", *ERRORS])
