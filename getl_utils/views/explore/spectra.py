"""A view of predicted spectra: two elements and their composition."""

from __future__ import annotations

from html import escape

import ipywidgets as widgets
import numpy as np
from ase import Atoms
from ase.build import bulk
from matplotlib.figure import Figure

from getl_utils.core.parameters.optics import Light
from getl_utils.labels.optics import label
from getl_utils.labels.optics.crystals import volume_per_atom
from getl_utils.models.spectra import components
from getl_utils.models.spectra.model import Estimate, SpectraModel
from getl_utils.views import optics
from getl_utils.views.explore.view import View, control

REPEAT, SAMPLES, SEED = 2, 40, 0  # fcc cells along each axis: 32 atoms; spectra drawn for the band
BAND = (16, 84)  # percentiles
LIGHT = Light()  # η and γ of the parameters


def alloy(first: str, second: str, count: int) -> Atoms:
    """Return a disordered fcc crystal of two elements; its volume is the mean of theirs (Zen's law).

    A larger `count` adds atoms of the second element to those that are there.

    Parameters
    ----------
    first : str
        Element of the other atoms.
    second : str
        Element of `count` atoms.
    count : int
        Its atoms, 0 to 32.

    Returns
    -------
    Atoms
        32 atoms.

    Examples
    --------
    >>> alloy("Cu", "Au", 8).get_chemical_formula()
    'Au8Cu24'
    """
    atoms = bulk(first, "fcc", a=4.0, cubic=True) * (REPEAT, REPEAT, REPEAT)
    atoms.symbols[np.random.default_rng(SEED).permutation(len(atoms))[:count]] = second
    volume = sum(volume_per_atom(element) for element in atoms.get_chemical_symbols())
    atoms.set_cell(atoms.cell * (volume / atoms.cell.volume) ** (1 / 3), scale_atoms=True)
    return atoms


def spectrum(model: SpectraModel, pair: tuple[str, str] = ("Cu", "Au"), light: Light = LIGHT) -> View:
    """Show the predicted reflectivity and colour of an alloy under a slider of composition.

    Parameters
    ----------
    model : SpectraModel
        The model.
    pair : tuple of str
        The elements that are shown first.
    light : Light
        η and γ.

    Returns
    -------
    View
        Of class ``getl-spectrum``.
    """
    elements, atoms = list(model.known), 4 * REPEAT**3

    def _draw(first: str, second: str, count: int) -> tuple[Figure, str]:
        found = model.predict(alloy(first, second, count))
        table, seen = components.table(found.spectrum, light), label.seen(found.spectrum, light)
        figure, _ = optics.one_spectrum(table, seen, *band(found, light))
        part = f"{100 * count / atoms:.0f} % {second}" if first != second else first
        return figure, escape(f"{part}: {found.told(seen, digits=1)}")

    controls = {
        "first": control(widgets.Dropdown, "element", options=elements, value=pair[0]),
        "second": control(widgets.Dropdown, "other element", options=elements, value=pair[1]),
        "count": control(
            widgets.IntSlider, f"its atoms, of {atoms}", min=0, max=atoms, step=1, value=atoms // 4
        ),
    }
    return View("getl-spectrum", controls, _draw)


def band(found: Estimate, light: Light) -> np.ndarray:
    """Return the band of the reflectivity that the σ of a prediction makes.

    Parameters
    ----------
    found : Estimate
        The prediction.
    light : Light
        η and γ.

    Returns
    -------
    (2, n) array
        The percentiles `BAND` at the energies of ``components.table``.
    """
    random = np.random.default_rng(SEED)
    drawn = found.numbers + found.sigma * random.normal(size=(SAMPLES, len(found.sigma)))
    many = [components.spectrum(one, found.spectrum.volume) for one in drawn]
    return np.percentile([components.table(one, light).reflectivity for one in many], BAND, axis=0)
