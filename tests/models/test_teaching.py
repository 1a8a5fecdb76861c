"""What a cell would teach, before it is labelled: the closed form against a model trained with it."""

import numpy as np
import pytest

from getl_utils.models import linear, teaching
from getl_utils.models.bond_expansion import BondExpansion
from getl_utils.models.linear_fit import _inverse_factor
from getl_utils.models.linear_type import chebyshev

EXPANSION = BondExpansion(("Ni", "Ti"), cutoff=4.5, n_radial=3, l_max=2)


def bonds(random, n, scale=1.0):
    return random.normal(scale=scale, size=(n, EXPANSION.n_features)), random.uniform(2.2, 3.2, n)


@pytest.fixture(scope="module")
def trained():
    random = np.random.default_rng(4)
    x, d = bonds(random, 150)
    y = np.exp(2 - d) + 0.1 * x[:, 0] + random.normal(scale=0.02, size=150)
    found = linear.fit(EXPANSION, x, d, y, ["Ni-Ti"] * 150, np.arange(150) % 3)
    return found.model, x, d


def test_the_fall_is_what_more_bonds_do_to_the_leverage(trained):
    """The information matrix with the new bonds, inverted afresh."""
    model, x, d = trained
    one, random = model.types["Ni-Ti"], np.random.default_rng(5)
    new, seen = bonds(random, 40), bonds(random, 60)
    scale = np.tile(np.maximum(x.std(axis=0).reshape(2, -1).max(axis=0), 1e-9), 2)

    def variance(*parts):
        features, distance = (np.concatenate(p) for p in zip(*parts, strict=True))
        rows = np.hstack([chebyshev(distance, one.span, 5), features / scale])
        gram = rows.T @ rows + np.diag(np.r_[np.full(5, 1e-6), np.ones(len(scale))])
        probe = np.hstack([one.polynomials(seen[1]), seen[0] / scale])
        leverage = ((probe @ _inverse_factor(gram).T) ** 2).sum(axis=1)
        spread = one.sigma(seen[1], np.zeros(len(seen[1])))
        return float(np.mean(spread**2 * leverage))

    new = new[0], np.clip(new[1], *one.window)
    seen = seen[0], np.clip(seen[1], *one.window)
    described = {"cell": teaching.Described(*new, np.array(["Ni-Ti"] * 40))}
    target = [teaching.Described(*seen, np.array(["Ni-Ti"] * 60))]
    found = teaching.gains(model, described, target, ["Ni-Ti"])["cell"]
    assert found == pytest.approx(variance((x, d)) - variance((x, d), new), rel=1e-6)
    assert found > 0


def test_a_cell_teaches_less_beside_one_like_it(trained):
    model = trained[0]
    random = np.random.default_rng(6)
    cell = teaching.Described(*bonds(random, 40), np.array(["Ni-Ti"] * 40))
    alone = teaching.gains(model, {"c": cell}, [cell], ["Ni-Ti"])["c"]
    beside = teaching.gains(model, {"c": cell}, [cell], ["Ni-Ti"], chosen=[cell])["c"]
    assert 0 < beside < 0.8 * alone


def test_what_is_far_from_the_training_set_has_more_to_teach(trained):
    model, x, d = trained
    random = np.random.default_rng(7)
    types = np.array(["Ni-Ti"] * 40)
    pool = {
        "known": teaching.Described(x[:40], d[:40], types),
        "far": teaching.Described(*bonds(random, 40, scale=4.0), types),
    }
    gains = teaching.gains(model, pool, list(pool.values()), ["Ni-Ti", "Ti-Ti"])
    sigma = teaching.mean_sigma(model, pool, ["Ni-Ti", "Ti-Ti"])
    assert gains["far"] > gains["known"] > 0
    assert sigma["far"] > sigma["known"] > 0


def test_without_a_wanted_type_nothing_is_to_be_learned(trained):
    model = trained[0]
    cell = teaching.Described(*bonds(np.random.default_rng(8), 5), np.array(["Ni-Ti"] * 5))
    assert teaching.gains(model, {"c": cell}, [cell], []) == {"c": 0.0}
    assert teaching.mean_sigma(model, {"c": cell}, []) == {"c": 0.0}
