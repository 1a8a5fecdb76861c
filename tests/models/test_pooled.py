"""Ridge regression with shared weights against the same model written as one large regression."""

import numpy as np
import pytest

from getl_utils.models import pooled

N, FREE, OWN, COMMON = 6, 2, 0.3, 0.7


def problem(seed: int = 0) -> tuple[dict, np.ndarray]:
    """Two types that use different shared weights, three groups each, and a prior that is not diagonal."""
    rng = np.random.default_rng(seed)
    root = rng.normal(size=(N, N))
    data = {}
    for name, used in (("a", np.arange(N)), ("b", np.array([0, 2, 4]))):
        columns = rng.normal(size=(40, FREE + len(used)))
        data[name] = columns, rng.normal(size=40), np.arange(40) % 3, 0.2 + 0.1 * len(used), used
    return data, root @ root.T + N * np.eye(N)


def sums_of(data: dict) -> dict[str, pooled.Sums]:
    return {k: pooled.Sums.of(c, y, g, noise, FREE, used) for k, (c, y, g, noise, used) in data.items()}


def at_once(data: dict, penalty: np.ndarray, group: int | None) -> tuple[np.ndarray, dict]:
    """μ and the weights of each type by one regression, whose unknowns are μ, then a and δ of each type."""
    size = N + sum(c.shape[1] for c, *_ in data.values())
    left, right, at, places = np.zeros((size, size)), np.zeros(size), N, {}
    left[:N, :N] = penalty / COMMON**2
    for name, (columns, y, groups, noise, used) in data.items():
        own = np.arange(at, at + columns.shape[1])
        at, places[name] = at + columns.shape[1], own
        rows = np.zeros((np.sum(groups != group), size))
        rows[:, own] = columns[groups != group]
        rows[:, used] = columns[groups != group][:, FREE:]
        left += rows.T @ rows / noise**2
        right += rows.T @ y[groups != group] / noise**2
        left[np.ix_(own[FREE:], own[FREE:])] += penalty[np.ix_(used, used)] / OWN**2
    solved = np.linalg.solve(left, right)
    shared = solved[:N]
    return shared, {k: solved[p] + np.r_[np.zeros(FREE), shared[data[k][4]]] for k, p in places.items()}


@pytest.mark.parametrize("group", [None, 1])
def test_shared_weights_equal_one_large_regression(group):
    data, penalty = problem()
    sums = sums_of(data)
    expected, weights = at_once(data, penalty, group)
    shared = pooled.shared_weights(sums.values(), penalty, COMMON, OWN, group)
    np.testing.assert_allclose(shared, expected, atol=1e-6)
    for name, part in sums.items():
        np.testing.assert_allclose(part.solve(penalty, [OWN], shared, group)[0], weights[name], atol=1e-6)


def test_leaving_out_a_group_equals_training_without_its_rows():
    data, penalty = problem(1)
    kept = {k: (c[g != 2], y[g != 2], g[g != 2], noise, used) for k, (c, y, g, noise, used) in data.items()}
    all_sums, fewer = sums_of(data), sums_of(kept)
    shared = pooled.shared_weights(fewer.values(), penalty, COMMON, OWN)
    np.testing.assert_allclose(
        pooled.shared_weights(all_sums.values(), penalty, COMMON, OWN, group=2), shared, atol=1e-10
    )
    for name in data:
        expected = fewer[name].solve(penalty, [OWN], shared)[0]
        (found,) = all_sums[name].solve(penalty, [OWN], shared, group=2)
        np.testing.assert_allclose(found, expected, atol=1e-10)


def test_a_group_that_is_all_of_a_type_leaves_the_other_types():
    data, penalty = problem(2)
    columns, y, _, noise, used = data["b"]
    sums = sums_of(data | {"b": (columns, y, np.full(40, 7), noise, used)})
    alone = pooled.shared_weights([sums["a"]], penalty, COMMON, OWN)
    np.testing.assert_allclose(
        pooled.shared_weights(sums.values(), penalty, COMMON, OWN, group=7), alone, atol=1e-12
    )


def test_precision_expects_alike_elements_and_smooth_weights():
    matrix = pooled.precision(2, 3, 2, 3, alike=0.9, smooth=(1.0, 1.0))
    covariance = np.linalg.inv(matrix).reshape(2, 3, 2, 3, 2, 3, 2, 3)
    size = np.sqrt(np.einsum("tsnltsnl->tsnl", covariance))
    assert covariance[0, 0, 1, 2, 0, 1, 1, 2] / size[0, 0, 1, 2] ** 2 == pytest.approx(0.9)
    assert covariance[0, 0, 0, 0, 0, 0, 1, 0] == 0
    np.testing.assert_allclose(size[0, :, :, 2] / size[0, :, :, 0], (1 + 4 / 9) ** -0.5)
    np.testing.assert_allclose(size[1] / size[0], 1.25**-0.5)
