"""The Gaussian process on the features of the bond expansion."""

import numpy as np
import pytest

from getl_utils.models import bond_kernel
from getl_utils.models.bond_expansion import BondExpansion, flip

EXPANSION = BondExpansion(("Ni", "Ti"), n_radial=2, l_max=2)


def data(n=120, seed=0):
    rng = np.random.default_rng(seed)
    features, distance = rng.normal(size=(n, EXPANSION.n_features)), rng.uniform(2, 3.5, n)
    return features, distance, np.exp(-distance) * (1 + 0.3 * features[:, 0])


def test_a_law_is_recovered():
    features, distance, strength = data()
    process = bond_kernel.fit(EXPANSION, "Ni-Ti", features, distance, strength)
    fresh, lengths, true = data(seed=1)
    error = process.predict(fresh, lengths) - true
    assert error.std() < 0.2 * true.std()


def test_a_bond_of_like_elements_has_no_direction():
    features, distance, strength = data()
    process = bond_kernel.fit(EXPANSION, "Ni-Ni", features, distance, strength)
    turned = process.predict(features * flip(EXPANSION), distance)
    np.testing.assert_allclose(turned, process.predict(features, distance), atol=1e-10)


def test_the_same_seed_gives_the_same_process():
    given = data()
    one, two = (bond_kernel.fit(EXPANSION, "Ni-Ti", *given, n_tune=50, seed=3) for _ in range(2))
    assert one.numbers == two.numbers


def test_what_is_not_finite_is_refused():
    features, distance, strength = data()
    strength[3] = np.nan
    with pytest.raises(ValueError, match="Ni-Ti: bonds hold NaN"):
        bond_kernel.fit(EXPANSION, "Ni-Ti", features, distance, strength)
