"""Models of spectra: closed forms, Kramers–Kronig, symmetries, σ, files, and clear errors."""

import json
from functools import cache

import ase.io
import numpy as np
import pandas as pd
import pytest
from ase import Atoms
from ase.build import bulk

from getl_utils import cli
from getl_utils.core.parameters.optics import Crystals, Elements, Light, Ridge
from getl_utils.labels.optics.spectrum import PLASMA, Spectrum, dielectric, real_part
from getl_utils.models.graph import library
from getl_utils.models.spectra import components, contest, crystals, model, network, ridge

needs_jax = pytest.mark.skipif(
    library.missing() is not None, reason=f"GRAPH NETWORKS NOT CHECKED: {library.missing()}"
)
if library.missing() is None:
    import jax

    jax.config.update("jax_disable_most_optimizations", True)  # compiles faster; the networks are tiny
SMALL = {"width": 8, "depth": 1, "n_radial": 6, "l_max": 1, "members": 2, "calibration": 1, "epochs": 30}
HOW = Light()
KINDS = [
    Elements(),
    Ridge(),
    pytest.param(Crystals(**SMALL), marks=needs_jax),
    pytest.param(Crystals(**SMALL, atoms="attention"), marks=needs_jax),
]


def numbers(electrons):
    """Numbers of an invented metal: bound electrons, whose energy rises with their number, and free ones."""
    bound = np.exp(-0.5 * ((components.NODES - 2 - electrons / 4) / 1.5) ** 2)
    return np.sqrt(np.append(electrons * bound / bound.sum(), 1 + 0.1 * electrons))


@cache
def invented():
    """Crystals whose numbers are a function of composition and volume."""
    found = []
    for n, element in enumerate(("Al", "Cu", "Ag", "Au", "Ni", "Pd")):
        for strain in (0.0, 0.03):
            atoms = bulk(element)
            atoms.set_cell(atoms.cell * (1 + strain), scale_atoms=True)
            found.append((f"{element}{strain}", atoms, numbers(3 + n + 5 * strain)))
    for n, pair in enumerate(("CuAu", "AgPd")):
        atoms = bulk(pair, "cesiumchloride", a=3.1)
        found.append((pair, atoms, numbers(5 + n)))
    return [crystals.known(name, "x", atoms, whole(atoms, values)) for name, atoms, values in found]


def whole(atoms, values):
    """A spectrum of the whole cell."""
    one = components.spectrum(values, atoms.cell.volume / len(atoms))
    return Spectrum(one.energy, one.strength, one.drude, atoms.cell.volume, one.electrons * len(atoms))


@cache
def trained(p):
    return model.fit(invented(), p)


# numbers and spectra


def test_a_spectrum_of_tents_becomes_its_numbers_again():
    values = numbers(5.0)
    found = components.numbers(components.spectrum(values, 15.0), 1)
    np.testing.assert_allclose(found, values, atol=1e-6)
    twice = whole(bulk("Cu") * (2, 1, 1), values)
    np.testing.assert_allclose(components.numbers(twice, 2), values, atol=1e-6)


def test_the_squares_of_the_numbers_are_the_electrons_of_the_f_sum_rule():
    values = numbers(5.0)
    one = components.spectrum(values, 15.0)
    assert one.counted() == pytest.approx((values**2).sum())
    assert one.electrons == pytest.approx(one.counted())
    assert one.drude[0] ** 2 == pytest.approx(values[-1] ** 2 * PLASMA / 15)


def test_any_numbers_give_a_spectrum_that_obeys_kramers_and_kronig():
    values = np.random.default_rng(1).normal(size=components.COUNT)  # some are below 0
    values[-1] = 0.0
    one, omega = components.spectrum(values, 15.0), 0.02 * np.arange(1, 4000)
    found = dielectric(one, omega, 0.05, 0.1)[:, 0]
    assert (found.imag > 0).all()
    some = (omega > 1) & (omega < 20)
    again = real_part(omega, found.imag)
    np.testing.assert_allclose(again[some], found.real[some], atol=0.02 * abs(found.real).max())


def test_what_is_missed_of_a_spectrum():
    one = components.spectrum(numbers(5.0), 15.0)
    half = components.spectrum(numbers(5.0) * np.sqrt(0.5), 15.0)
    assert components.missed(one, one) == 0
    assert components.missed(half, one) == pytest.approx(0.5)  # the Drude term does not count


# models


def test_the_baseline_is_the_mean_of_the_elements():
    body = trained(Elements()).body
    copper, gold = (body.estimate(bulk(e))[0] ** 2 for e in ("Cu", "Au"))
    found = body.estimate(bulk("CuAu", "cesiumchloride", a=3.0))[0] ** 2
    np.testing.assert_allclose(found, (copper + gold) / 2)
    by_volume = model.FITS[Elements](invented(), Elements(mean="epsilon"))
    big, little = (by_volume.estimate(bulk("Cu", a=a))[0] ** 2 for a in (4.0, 3.6))
    np.testing.assert_allclose(big * 3.6**3, little * 4.0**3)  # ε is that of copper, whatever the volume
    np.testing.assert_allclose(
        body.estimate(bulk("Pt"))[0] ** 2, (gold + body.estimate(bulk("Pd"))[0] ** 2) / 2
    )


def test_the_ridge_regression_leaves_out_whole_compositions(monkeypatch):
    """Its closed form is what training without a composition gives."""
    known, wrong = invented(), []
    monkeypatch.setattr(ridge, "LENGTHS", (2.0,))
    monkeypatch.setattr(ridge, "NOISES", (0.03,))
    names = crystals.groups(known, "composition")
    whole = ridge.fit(known, Ridge())
    numbers = np.array([one.numbers for one in known])
    target = (numbers - whole.mean) / whole.scale
    matrix = ridge.kernel(whole.places, whole.places, 2.0) + 0.03 * np.eye(len(known))
    inverse = np.linalg.inv(matrix)
    for name in np.unique(names):
        out, rest = np.flatnonzero(names == name), np.flatnonzero(names != name)
        near = ridge.kernel(whole.places[out], whole.places[rest], 2.0)
        said = near @ np.linalg.solve(matrix[np.ix_(rest, rest)], target[rest])
        left = np.linalg.solve(inverse[np.ix_(out, out)], (inverse @ target)[out])
        wrong.append(np.abs(target[out] - said - left).max())
    assert max(wrong) < 1e-8


def test_the_ridge_regression_finds_a_smooth_function_of_the_volume():
    lattices = np.linspace(3.5, 3.9, 9)
    copies = [(bulk("Cu", a=a), numbers(5 + 10 * (a - 3.5))) for a in lattices]
    known = [crystals.known(str(n), "fcc", atoms, whole(atoms, y)) for n, (atoms, y) in enumerate(copies)]
    body = ridge.fit([one for n, one in enumerate(known) if n != 4], Ridge())
    spread = np.array([one.numbers for one in known]).std()
    assert np.abs(body.estimate(known[4].atoms)[0] - known[4].numbers).max() < 0.05 * spread
    variance = [body.estimate(a)[1] for a in (known[0].atoms, bulk("Mg"))]
    assert variance[0] < 0.3 < variance[1]


@needs_jax
def test_a_network_learns_what_it_sees():
    known, p = invented(), Crystals(**SMALL | {"epochs": 300, "members": 1})
    body = network.fit(known, p)
    wrong = np.array([body.estimate(one.atoms)[0] - one.numbers for one in known])
    spread = np.array([one.numbers for one in known]).std(0)
    assert (wrong**2).mean() < 0.2 * (spread**2).mean()


@pytest.mark.parametrize("p", KINDS)
def test_rotation_order_and_repetition_change_nothing(p):
    atoms = bulk("CuAu", "cesiumchloride", a=3.0) * (2, 1, 1)
    atoms.positions += np.random.default_rng(0).normal(scale=0.1, size=(4, 3))
    body = trained(p).body
    expected, variance = body.estimate(atoms)
    turned = atoms.copy()
    turned.rotate(37, (1, 2, 3), rotate_cell=True)
    mixed = atoms[[2, 0, 3, 1]]
    for other in (turned, mixed, atoms * (1, 2, 1)):
        found, also = body.estimate(other)
        np.testing.assert_allclose(found, expected, atol=1e-7)
        assert also == pytest.approx(variance, abs=1e-7)


@pytest.mark.parametrize("p", KINDS)
def test_a_model_is_saved_and_read_without_code(p, tmp_path):
    one = trained(p)
    model.save(one, tmp_path)
    assert sorted(file.suffix for file in tmp_path.iterdir()) == [".json", ".npz"]
    again, atoms = model.load(tmp_path), bulk("Cu")
    for mine, theirs in zip(one.predict(atoms)[1:], again.predict(atoms)[1:], strict=True):
        np.testing.assert_allclose(mine, theirs)


def test_sigma_is_that_of_compositions_not_learned_from():
    one = trained(Ridge())
    found = one.predict(invented()[0].atoms)
    assert (found.sigma > 0).any()
    assert found.drude_sigma > 0
    assert not found.outside
    assert one.predict(bulk("Pt")).outside  # not an element of the training set


def test_the_share_of_the_variance_is_found():
    random = np.random.default_rng(0)
    variance = random.uniform(0.1, 3.0, 4000)
    exact = 0.2 * np.sqrt(1 + 4 * variance / variance.mean())
    spread, share = model._sigma(random.normal(size=(4000, 3)) * exact[:, None], variance)
    np.testing.assert_allclose(spread, 0.2, rtol=0.1)
    assert share == pytest.approx(4, rel=0.2)


# bad input


@pytest.mark.parametrize(
    ("atoms", "says"),
    [
        (Atoms("Cu"), "periodic"),
        (Atoms(cell=[3, 3, 3], pbc=True), "with atoms"),
        (bulk("CuNd", "cesiumchloride", a=3.2), "element Nd has no group"),
        (bulk("Na"), "no element of group 1 was learned from"),
        (bulk("Cu", a=12.0), "no two of the 1 atoms are within"),
        (Atoms("Cu", [[0, 0, np.nan]], cell=[3, 3, 3], pbc=True), "NaN"),
    ],
)
@pytest.mark.parametrize("p", [Ridge(), pytest.param(Crystals(**SMALL), marks=needs_jax)])
def test_what_cannot_be_predicted_is_refused(p, atoms, says):
    with pytest.raises(ValueError, match=says):
        trained(p).predict(atoms)


def test_what_cannot_be_learned_from_is_refused():
    with pytest.raises(ValueError, match="finite"):
        components.spectrum(np.full(components.COUNT, np.nan), 15.0)
    with pytest.raises(ValueError, match="another volume"):
        crystals.known("x", "fcc", bulk("Cu"), components.spectrum(numbers(5.0), 30.0))
    with pytest.raises(ValueError, match="too few"):
        model.fit(invented()[:3], Ridge())
    with pytest.raises(ValueError, match="nothing to average"):
        model.FITS[Elements](invented()[-2:], Elements())
    with pytest.raises(ValueError, match="no two of"):
        ridge.features(bulk("Cu", a=12.0), Ridge(), [29])


def test_a_damaged_model_is_refused(tmp_path):
    model.save(trained(Ridge()), tmp_path)
    facts = json.loads((tmp_path / model.FACTS).read_text())
    (tmp_path / model.FACTS).write_text(json.dumps(facts | {"settings": {"kind": "ridge", "cutof": 4}}))
    with pytest.raises(ValueError, match="damaged"):
        model.load(tmp_path)
    (tmp_path / model.FACTS).write_text(json.dumps(facts | {"nodes": [1.0]}))
    with pytest.raises(ValueError, match="another version"):
        model.load(tmp_path)
    (tmp_path / model.FACTS).write_text(json.dumps(facts | {"arrays": "0"}))
    with pytest.raises(ValueError, match="damaged, or of another"):
        model.load(tmp_path)


def test_without_jax_the_other_models_work(monkeypatch):
    real = library.importlib.util.find_spec
    monkeypatch.setattr(library.importlib.util, "find_spec", lambda n: None if n == "jax" else real(n))
    assert model.fit(invented(), Ridge()).predict(bulk("Cu")).spectrum.drude[0] > 0
    with pytest.raises(ValueError, match="make graph"):
        model.fit(invented(), Crystals(**SMALL))


def test_large_sets_hold_small_ones_and_no_composition_is_on_both_sides(monkeypatch):
    seen, body = [], trained(Ridge()).body  # trained before `fit` takes the place of what trains it

    def fit(known, p, seed):
        seen.append([one.name for one in known])
        return body

    monkeypatch.setitem(model.FITS, Ridge, fit)
    table = contest.learning(invented(), Ridge(), (2, 4, 8, 50), HOW)
    assert table.n.tolist() == [2, 4, 8]
    assert seen[1][:2] == seen[0]
    assert seen[2][:4] == seen[1]
    for group, others, held in contest.folds(invented(), "composition"):
        assert {one.atoms.get_chemical_formula(empirical=True) for one in held} == {group}
        assert len(others) + len(held) == len(invented())


def test_many_groups_are_held_back_some_together_and_each_once():
    known = invented()
    parts = list(contest.folds(known, "composition", most=3))
    assert [name for name, _, _ in parts] == ["part 1 of 3", "part 2 of 3", "part 3 of 3"]
    assert sorted(one.name for _, _, held in parts for one in held) == sorted(one.name for one in known)
    for _, others, held in parts:
        there, away = (set(crystals.groups(some, "composition")) for some in (others, held))
        assert len(away) > 1
        assert not there & away


def test_getl_spectra_predicts_the_frames_of_a_file(tmp_path, capsys):
    model.save(trained(Ridge()), tmp_path / "m")
    ase.io.write(tmp_path / "a.xyz", [bulk("Cu"), bulk("Na"), bulk("Pt")], format="extxyz")
    words = ["spectra", str(tmp_path / "a.xyz"), "--model", str(tmp_path / "m")]
    assert cli.main([*words, "--out", str(tmp_path / "s.csv")]) == 1
    said = capsys.readouterr().out.splitlines()
    assert said[0].startswith("frame 1, Cu: Drude frequency")
    assert "no element of group 1" in said[1]
    assert said[2].endswith("nothing alike was learned from")
    table = pd.read_csv(tmp_path / "s.csv")
    expected = components.table(trained(Ridge()).predict(bulk("Cu")).spectrum, HOW)
    pd.testing.assert_frame_equal(table[table.frame == 1].drop(columns="frame"), expected, atol=2e-6)
    assert cli.main([*words, "--limit", "1"]) != 0
    assert "--out only" in capsys.readouterr().err
