"""The linear model: a law it must recover, leaving out groups, all bonds of a cell, files and bad input."""

import json

import numpy as np
import pytest
from ase import Atoms

from getl_utils.models import linear
from getl_utils.models.bond_expansion import BondExpansion, describe, flip
from getl_utils.models.bond_list import find_bonds, lengths

ELEMENTS = ("Ti", "Ni")
EXPANSION = BondExpansion(ELEMENTS, cutoff=4.0, n_radial=4, l_max=3)
WINDOWS = {"Ti-Ti": (2.0, 3.8), "Ti-Ni": (2.0, 3.6), "Ni-Ni": (1.9, 3.4)}


def random_glass(seed: int, n: int = 30) -> Atoms:
    rng = np.random.default_rng(seed)
    side = (n * 14.0) ** (1 / 3)
    points = []
    while len(points) < n:
        point = rng.uniform(0, side, 3)
        apart = np.array(points).reshape(-1, 3) - point
        apart -= side * np.round(apart / side)
        if not len(points) or (np.linalg.norm(apart, axis=1) > 1.9).all():
            points.append(point)
    return Atoms(rng.choice(ELEMENTS, n), points, cell=[side] * 3, pbc=True)


def law(name: str, features: np.ndarray, distance: np.ndarray) -> np.ndarray:
    """A strength that the model can represent: an exact product of a polynomial and features."""
    rng = np.random.default_rng(len(name) + ord(name[-1]))
    weights = rng.normal(size=(2, features.shape[1])) * 0.05
    if name.split("-")[0] == name.split("-")[1]:
        weights *= flip(EXPANSION) > 0
    x = distance - 2.8
    return 1.0 - 0.8 * x + 0.2 * x**2 + features @ weights[0] + x * (features @ weights[1])


def table(noise: float = 0.0, n_cells: int = 6) -> dict:
    columns: dict[str, list] = {"features": [], "distance": [], "strength": [], "types": [], "groups": []}
    rng = np.random.default_rng(9)
    for seed in range(n_cells):
        atoms = random_glass(seed)
        bonds = find_bonds(EXPANSION, atoms, WINDOWS)
        F, d = describe(EXPANSION, atoms, bonds), lengths(atoms, bonds)
        numbers = np.sort([[ELEMENTS.index(atoms.symbols[k]) for k in pair] for pair in bonds[:, :2]], axis=1)
        names = np.array([f"{ELEMENTS[a]}-{ELEMENTS[b]}" for a, b in numbers])
        y = np.array([law(n, f[None], np.array([x]))[0] for n, f, x in zip(names, F, d, strict=True)])
        y += noise * rng.normal(size=len(y))
        for key, value in zip(columns, (F, d, y, names, np.full(len(d), f"quench {seed}")), strict=True):
            columns[key].append(value)
    return {key: np.concatenate(value) for key, value in columns.items()}


@pytest.fixture(scope="module")
def data() -> dict:
    return table(noise=0.02)


@pytest.fixture(scope="module")
def model(data) -> linear.LinearModel:
    return linear.fit(EXPANSION, **data).model


def test_a_law_is_recovered():
    trained = linear.fit(EXPANSION, **table(n_cells=8)).model
    new = random_glass(99)
    result = trained.predict(new, WINDOWS)
    F, d = describe(EXPANSION, new, result.bonds), lengths(new, result.bonds)
    for n, name in enumerate(result.names):
        rows = result.types == n
        truth = law(name, F[rows], d[rows])
        assert np.sqrt(np.mean((result.mean[rows] - truth) ** 2)) < 0.03 * truth.std(), name


def test_all_bonds_of_a_cell_equal_the_formula(model):
    atoms = random_glass(50, n=40)
    result = model.predict(atoms)
    F, d = describe(EXPANSION, atoms, result.bonds), lengths(atoms, result.bonds)
    np.testing.assert_allclose(result.distance, d, rtol=0, atol=1e-12)
    for n, name in enumerate(result.names):
        rows = result.types == n
        assert rows.any()
        expected = model.evaluate(name, F[rows], d[rows])
        np.testing.assert_allclose(result.mean[rows], expected.mean, rtol=0, atol=1e-10)
        np.testing.assert_allclose(result.sigma[rows], expected.sigma, rtol=1e-9)
        np.testing.assert_array_equal(result.outside[rows], expected.outside)


def test_threads_and_sigma_change_no_mean(model):
    atoms = random_glass(51)
    one, two, bare = model.predict(atoms), model.predict(atoms, threads=2), model.predict(atoms, sigma=False)
    for a, b in zip(one[2:], two[2:], strict=True):
        np.testing.assert_array_equal(a, b)
    np.testing.assert_array_equal(one.mean, bare.mean)
    assert len(bare.sigma) == len(bare.outside) == 0


def test_intervals_hold_what_they_say(model, data):
    fresh = table(noise=0.02, n_cells=9)
    for name in WINDOWS:
        rows = (fresh["types"] == name) & np.isin(fresh["groups"], ["quench 6", "quench 7", "quench 8"])
        result = model.evaluate(name, fresh["features"][rows], fresh["distance"][rows])
        inside = np.abs(fresh["strength"][rows] - result.mean) < 1.645 * result.sigma
        assert 0.8 < inside.mean() < 0.98, name


def test_surroundings_never_seen_are_flagged(model, data):
    rows = data["types"] == "Ni-Ni"
    known = model.evaluate("Ni-Ni", data["features"][rows], data["distance"][rows])
    strange = model.evaluate("Ni-Ni", 5 * data["features"][rows], data["distance"][rows])
    long = model.evaluate("Ni-Ni", data["features"][rows], data["distance"][rows] + 3)
    assert known.outside.mean() < 0.02
    assert strange.outside.all()
    assert long.outside.all()
    assert (strange.sigma > known.sigma).all()


def test_the_same_data_give_the_same_model(data, model):
    again = linear.fit(EXPANSION, **data).model
    for key, array in again.to_arrays()[0].items():
        np.testing.assert_array_equal(array, model.to_arrays()[0][key])


def test_arrays_and_facts_give_the_model_back(model):
    arrays, facts = model.to_arrays()
    back = linear.LinearModel.from_arrays(arrays, json.loads(json.dumps(facts)))
    atoms = random_glass(52)
    for a, b in zip(model.predict(atoms)[2:], back.predict(atoms)[2:], strict=True):
        np.testing.assert_array_equal(a, b)
    with pytest.raises(ValueError, match="do not belong together"):
        linear.LinearModel.from_arrays({}, facts)
    with pytest.raises(ValueError, match=r"type Ti-Ti: weights .* is damaged"):
        linear.LinearModel.from_arrays(arrays | {"Ti-Ti/weights": np.zeros((4, 3))}, facts)


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda t, rows: t["features"].__setitem__((rows[0], 3), np.nan), "1 of .* hold NaN"),
        (lambda t, rows: t["strength"].__setitem__(rows[0], np.inf), "1 of .* hold NaN"),
        (lambda t, rows: [t[k].__setitem__(rows[0], t[k][rows[1]]) for k in t], "occurs twice"),
        (lambda t, rows: t["groups"].__setitem__(rows, "one"), "all bonds are of one group"),
    ],
)
def test_bad_rows_refuse_their_type_only(data, spoil, words):
    copy = {key: value.copy() for key, value in data.items()}
    spoil(copy, np.flatnonzero(copy["types"] == "Ti-Ti"))
    result = linear.fit(EXPANSION, **copy)
    assert set(result.model.types) == {"Ti-Ni", "Ni-Ni"}
    with pytest.raises(ValueError, match=words):
        raise ValueError(result.refused["Ti-Ti"])


def test_too_few_bonds_and_unknown_types(data, model):
    keep = (
        np.flatnonzero(data["types"] != "Ti-Ti").tolist()
        + np.flatnonzero(data["types"] == "Ti-Ti")[:5].tolist()
    )
    result = linear.fit(EXPANSION, **{key: value[keep] for key, value in data.items()})
    assert "5 bonds are too few" in result.refused["Ti-Ti"]
    with pytest.raises(ValueError, match="bond type Ti-Ti has no model"):
        result.model.predict(random_glass(1), WINDOWS)
    with pytest.raises(ValueError, match="element Xe"):
        model.predict(Atoms("Xe2", [[0, 0, 0], [2.5, 0, 0]]))
    with pytest.raises(ValueError, match="no bond type could be trained"):
        linear.fit(EXPANSION, **{key: value[:3] for key, value in data.items()})


def test_beyond_the_window_the_terms_are_straight_lines(model):
    one = next(iter(model.types.values()))
    low, high = one.window
    for edge, side in ((low, -1), (high, 1)):
        terms = one.polynomials(edge + side * np.array([-1e-4, 0.0, 1e-4, 0.1, 0.2]))
        np.testing.assert_allclose(terms[4] - terms[3], terms[3] - terms[1], atol=1e-12)  # straight
        np.testing.assert_allclose(terms[2] - terms[1], terms[1] - terms[0], atol=1e-5)  # without a kink
