"""A trained model of spectra: predicts a crystal's spectrum with a calibrated σ; saved without code.

Every model is judged by itself on compositions that it did not learn from. With the errors there,

    σ_c² = s_c² (1 + q v / v̄),

where v is the variance that the model gives to a crystal, v̄ its mean on what was held back, and q the value
of largest likelihood.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from ase import Atoms
from pydantic import TypeAdapter, ValidationError
from scipy.optimize import minimize_scalar

from getl_utils.core.arrays import check_arrays
from getl_utils.core.parameters.optics import Crystals, Elements, Ridge, Spectral
from getl_utils.core.record import atomic_write, code_version, content_hash, read_json, write_json
from getl_utils.labels.optics import colour
from getl_utils.labels.optics.spectrum import Spectrum
from getl_utils.models.graph.elements import group_and_period
from getl_utils.models.spectra import components, crystals, elements, network, ridge
from getl_utils.models.spectra.crystals import Known

FACTS, ARRAYS, FORMAT = "spectra.json", "spectra.npz", 2
PARTS = 5  # of the compositions, each held back once
Body = elements.ElementMeans | ridge.RidgeModel | network.NetworkModel
FITS: dict[type, Any] = {Elements: elements.fit, Ridge: ridge.fit, Crystals: network.fit}
BODIES: dict[type, Any] = {
    Elements: elements.ElementMeans, Ridge: ridge.RidgeModel, Crystals: network.NetworkModel
}  # fmt: skip


class Estimate(NamedTuple):
    """What a model says of a crystal.

    Attributes
    ----------
    spectrum : Spectrum
        Of a polycrystal, for a cell of one atom.
    numbers, sigma : (c,) array
        The numbers of the spectrum and their σ, √ electrons of an atom; the last is that of the Drude term.
    drude_sigma : float
        σ of the Drude frequency, eV.
    outside : bool
        Whether the training set has nothing alike.
    """

    spectrum: Spectrum
    numbers: np.ndarray
    sigma: np.ndarray
    drude_sigma: float
    outside: bool

    def told(self, seen: np.ndarray, digits: int) -> str:
        """Say the Drude frequency, the colour, and whether the crystal is outside.

        Parameters
        ----------
        seen : (3,) array
            X, Y, Z.
        digits : int
            Decimals of the Drude frequency and its σ.

        Returns
        -------
        str
            One line.
        """
        drude = f"{self.spectrum.drude[0]:.{digits}f} ± {self.drude_sigma:.{digits}f} eV"
        lab = ", ".join(f"{value:.0f}" for value in colour.lab(seen))
        alike = "; nothing alike was learned from" if self.outside else ""
        return f"Drude frequency {drude}, L*a*b* {lab}{alike}"


@dataclass(frozen=True)
class SpectraModel:
    """A trained model and its σ.

    Attributes
    ----------
    body : ElementMeans, RidgeModel or NetworkModel
        What predicts the numbers.
    known : tuple of str
        Elements of the crystals learned from.
    crystals : tuple of str
        Their names.
    spread : (c,) array
        s of each number.
    share, variance, limit : float
        q, v̄, and the variance above which a crystal is outside.
    """

    body: Body
    known: tuple[str, ...]
    crystals: tuple[str, ...]
    spread: np.ndarray
    share: float
    variance: float
    limit: float

    def predict(self, atoms: Atoms) -> Estimate:
        """Predict the spectrum of a crystal from its structure.

        Parameters
        ----------
        atoms : Atoms
            The crystal.

        Returns
        -------
        Estimate
            Spectrum and σ.

        Raises
        ------
        ValueError
            It is no crystal, it holds NaN, no two atoms are within the cutoff, or no element of the group or
            the period of one of its elements was learned from.
        """
        crystals.check(atoms)
        self._check(atoms)
        numbers, variance = self.body.estimate(atoms)
        volume = atoms.cell.volume / len(atoms)
        sigma = self.spread * np.sqrt(1 + self.share * variance / max(self.variance, 1e-12))
        one = components.spectrum(numbers, volume)
        slope = (
            2 * max(numbers[-1], sigma[-1]) * components.PLASMA / volume
        )  # of ω_D², at least where it is 0
        drude = slope * sigma[-1] / 2 / max(float(one.drude[0]), np.sqrt(slope * sigma[-1] / 2))
        foreign = not set(atoms.get_chemical_symbols()) <= set(self.known)
        return Estimate(one, numbers, sigma, float(drude), foreign or variance > self.limit)

    def _check(self, atoms: Atoms) -> None:
        places = np.array([group_and_period(e) for e in self.known])
        for element in crystals.fractions(atoms):
            for what, place, seen in zip(
                ("group", "period"), group_and_period(element), places.T, strict=True
            ):
                if place not in seen:
                    raise ValueError(
                        f"{element}: no element of {what} {place} was learned from; the model knows "
                        f"{', '.join(self.known)}. Compute crystals with such an element and train again"
                    )


def fit(known: Sequence[Known], p: Elements | Ridge | Crystals, seed: int = 0) -> SpectraModel:
    """Train a model, and find its σ on compositions that it does not learn from.

    Parameters
    ----------
    known : sequence of Known
        What is learned from.
    p : Elements, Ridge or Crystals
        Which model.
    seed : int
        Of its random numbers.

    Returns
    -------
    SpectraModel
        The model.

    Raises
    ------
    ValueError
        There are fewer than `PARTS` compositions, or the model cannot be trained.
    """
    names = crystals.groups(known, "composition")
    order = np.random.default_rng(seed).permutation(np.unique(names))
    if len(order) < PARTS:
        raise ValueError(f"{len(order)} compositions are too few to learn from ({PARTS} are needed)")
    part = np.argsort(order)[np.unique(names, return_inverse=True)[1]] % PARTS
    less = p.model_copy(update={"members": p.calibration}) if isinstance(p, Crystals) else p
    wrong, variance = np.empty((len(known), components.COUNT)), np.empty(len(known))
    for k in range(PARTS):
        body = FITS[type(p)]([known[n] for n in np.flatnonzero(part != k)], less, seed)
        for n in np.flatnonzero(part == k):
            said, variance[n] = body.estimate(known[n].atoms)
            wrong[n] = said - known[n].numbers
    spread, share = _sigma(wrong, variance)
    symbols = sorted({e for one in known for e in crystals.fractions(one.atoms)})
    return SpectraModel(
        FITS[type(p)](known, p, seed), tuple(symbols), tuple(one.name for one in known),
        spread, share, float(variance.mean()), float(variance.max()),
    )  # fmt: skip


def _sigma(wrong: np.ndarray, variance: np.ndarray) -> tuple[np.ndarray, float]:
    """s (c,) and q of largest likelihood."""
    relative = variance / max(variance.mean(), 1e-12)

    def _spread(q: float) -> np.ndarray:
        return np.sqrt((wrong**2 / (1 + q * relative)[:, None]).mean(0))

    def _cost(log: float) -> float:
        q = np.exp(log)
        return float(np.log(1 + q * relative).mean() / 2 + np.log(np.maximum(_spread(q), 1e-9)).mean())

    best = minimize_scalar(_cost, bounds=(-8, 8), method="bounded").x if relative.any() else -np.inf
    return _spread(float(np.exp(best))), float(np.exp(best))


def save(model: SpectraModel, folder: Path) -> None:
    """Write a model as arrays (npz) and facts (JSON).

    Parameters
    ----------
    model : SpectraModel
        The model.
    folder : Path
        Where; it is made if it is not there.
    """
    folder.mkdir(parents=True, exist_ok=True)
    arrays = {"spread": model.spread} | {f"body/{k}": v for k, v in model.body.to_arrays().items()}
    with atomic_write(folder / ARRAYS) as temporary, temporary.open("wb") as file:
        np.savez_compressed(file, **arrays)
    facts = {"format": FORMAT, "settings": model.body.p.model_dump(), "nodes": components.NODES.tolist()}
    facts |= {"known": list(model.known), "crystals": list(model.crystals), "share": model.share}
    facts |= {"variance": model.variance, "limit": model.limit, "code": code_version()}
    write_json(folder / FACTS, facts | {"arrays": _hash(arrays)})


def _hash(arrays: Mapping[str, np.ndarray]) -> str:
    return content_hash(*((name, arrays[name].tolist()) for name in sorted(arrays)))


def load(folder: Path) -> SpectraModel:
    """Read a model; nothing in its folder is executed.

    Parameters
    ----------
    folder : Path
        Folder of the model.

    Returns
    -------
    SpectraModel
        The model.

    Raises
    ------
    ValueError
        A file is damaged or of another format, or the model needs JAX and it is not installed.
    FileNotFoundError
        There is no model.
    """
    facts = read_json(folder / FACTS)
    if facts.get("format") != FORMAT or facts.get("nodes") != components.NODES.tolist():
        raise ValueError(f"{folder}: a model of another version of this program; train it again")
    with np.load(check_arrays(folder / ARRAYS), allow_pickle=False) as file:
        arrays = dict(file)
    if _hash(arrays) != facts.get("arrays"):
        raise ValueError(f"{folder / ARRAYS} is damaged, or of another model; fetch or train it again")
    try:
        p = TypeAdapter(Spectral).validate_python(facts["settings"])
        numbers = [float(facts[name]) for name in ("share", "variance", "limit")]
        names = tuple(map(str, facts["known"])), tuple(map(str, facts["crystals"]))
    except (ValidationError, KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{folder / FACTS} is damaged ({error}); train it again") from None
    spread = arrays.pop("spread")
    body = BODIES[type(p)].from_arrays(p, {k.removeprefix("body/"): v for k, v in arrays.items()})
    return SpectraModel(body, *names, spread, *numbers)
