"""The law in two sizes is found, and refused where it cannot be."""

import numpy as np
import pytest

from getl_utils.models import joint_law


def test_law_is_found_in_noise():
    n, d = (grid.ravel() for grid in np.meshgrid([50, 200, 800, 3200], [1e3, 4e3, 16e3, 64e3]))
    noise = np.exp(np.random.default_rng(0).normal(scale=0.01, size=n.size))
    error = ((20 / n) ** 0.5 + (100 / d) ** 0.7 + 0.1) * noise
    law = joint_law.fit(n, d, error)
    assert (law.a, law.b, law.floor) == pytest.approx((0.5, 0.7, 0.1), abs=0.05)
    assert law.rms < 0.015
    np.testing.assert_allclose(law(n, d), error, rtol=0.04)


@pytest.mark.parametrize("points", [2, 6])
def test_too_few_sizes_are_refused(points):
    with pytest.raises(ValueError, match="needs six points and two of each size"):
        joint_law.fit(np.arange(1, points + 1), np.ones(points), np.ones(points))
