"""Density and first peaks beside published values."""

import numpy as np
import pandas as pd
import pytest
from ase.build import bulk
from conftest import REPOSITORY

from getl_utils.generate import reported
from getl_utils.generate.radial import radial_distribution

FILE = REPOSITORY / "data_examples/validation/glass.csv"


def test_the_first_peak_of_a_crystal_is_its_nearest_neighbour():
    table = radial_distribution(bulk("Cu", cubic=True, a=3.6), r_max=5.0, n_bins=100)
    found = reported.found(8.9, table)
    assert found["density"] == 8.9
    assert found["Cu-Cu"] == found["total"] == pytest.approx(3.6 / np.sqrt(2), abs=0.05)


def test_a_glass_is_compared_with_glasses_of_its_elements_only():
    here = {"density": 7.0, "total": 2.8, "Zr-Cu": 2.8, "Zr-Zr": 3.2, "Cu-Cu": 2.5}
    table = reported.beside(FILE, "Zr250Cu250", here).set_index("quantity")
    assert table.difference["density"] == pytest.approx(7.0 / 7.32 - 1)
    assert set(table.index) == set(here)
    assert not len(reported.beside(FILE, "Ni60Ti60", here))
    assert not len(reported.beside(FILE, "Zr230Cu230Al40", here))


def test_the_published_density_is_that_of_the_crystals_it_names():
    """hcp Zr, a = 3.232 and c = 5.147 Å, and fcc Cu, a = 3.615 Å; u/Å³ = 1.66054 g/cm³."""
    volumes = {"Zr": np.sqrt(3) / 4 * 3.232**2 * 5.147, "Cu": 3.615**3 / 4}
    density = (91.224 + 63.546) / sum(volumes.values()) * 1.66054
    table = pd.read_csv(FILE).set_index("quantity")
    assert table.published["density"] == pytest.approx(density, abs=0.005)
    for name, volume in volumes.items():
        assert f"{name} {volume:.2f} Å³" in table.source["density"]
