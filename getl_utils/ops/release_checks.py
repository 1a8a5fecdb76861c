"""What a model must do before it may predict in bulk: pytest tests with the fixtures of `release_plugin`.

Add your own in a file:

    def test_no_bond_of_copper_is_stronger_than_two_eV(predicted):
        copper = predicted[predicted.type == "Cu-Cu"]
        assert -copper.predicted.min() < 2

Name the file as in ``getl test-model runs/quick/model --tests my_checks.py``, or in the parameter
`release_checks`.
"""

from __future__ import annotations

import numpy as np
from ase import Atoms
from scipy.spatial.transform import Rotation

from getl_utils.inference import predictor
from getl_utils.models import training

STRONGEST = 20.0  # eV: no bond of any molecule or metal comes near
COVERED = 0.85  # of held-out labels must lie within 2 σ (0.954 if errors were normal and σ right)
SAMPLE = 200  # training environments at which the dependence on the distance is followed
EDGE = 1e-6  # Å
EQUAL = 1e-7  # eV, of what must be the same but for rounding


def strengths(trained, atoms: Atoms) -> np.ndarray:
    """Return the sorted −ICOHP of all bonds, which no renumbering, rotation or translation may change.

    Parameters
    ----------
    trained : Model
        The model.
    atoms : Atoms
        The structure.

    Returns
    -------
    (n,) ndarray
        −ICOHP, eV.
    """
    # The windows end at a training bond, which may be of this very cell: rounding must not move it out.
    windows = {t: (low - EDGE, high + EDGE) for t, (low, high) in predictor.windows(trained, {}).items()}
    bonds = predictor.predict(trained, atoms, windows)
    return np.sort(-bonds.predicted.to_numpy())


def same(one: np.ndarray, other: np.ndarray) -> None:
    """Assert that two sorted lists of strengths are the same.

    Parameters
    ----------
    one : (n,) ndarray
        From `strengths`, eV.
    other : (n,) ndarray
        From `strengths`, eV.
    """
    assert len(one) == len(other), f"{len(other)} bonds instead of {len(one)}"
    assert np.abs(one - other).max() < EQUAL, f"strengths differ by up to {np.abs(one - other).max():.1e} eV"


def over_distance(trained, stored, bond_type: str, distance: np.ndarray) -> np.ndarray:
    """Predict training environments at other distances.

    Parameters
    ----------
    trained : Model
        The model.
    stored : Database
        What the model learned from.
    bond_type : str
        Type of the bonds.
    distance : (n,) ndarray
        Å.

    Returns
    -------
    (environments, n) ndarray
        −ICOHP, eV.
    """
    bonds = stored.of_type(bond_type)
    some = np.linspace(0, len(bonds) - 1, min(SAMPLE, len(bonds))).astype(int)
    features = training.features(stored, trained, {bond_type: bonds.iloc[some]})[bond_type]
    columns = [trained.evaluate(bond_type, features, np.full(len(some), d)).mean for d in distance]
    return np.stack(columns, axis=1)


def test_finite(predicted):
    assert len(predicted) > 0, "no bond predicted in a cell that it learned from"
    numbers = predicted[["predicted", "sigma"]].to_numpy()
    assert np.isfinite(numbers).all(), "a prediction or its σ is not finite"
    assert (predicted.sigma > 0).all(), "a σ is not positive"


def test_within_bounds(predicted, stored, bond_type):
    found, labels = -predicted.predicted[predicted.type == bond_type], -stored.of_type(bond_type).icohp
    margin = 0.5 * (labels.max() - labels.min())
    low, high = max(labels.min() - margin, -STRONGEST), min(labels.max() + margin, STRONGEST)
    outside = found[(found < low) | (found > high)]
    assert not len(outside), (
        f"{len(outside)} of {len(found)} bonds outside {low:.2f}…{high:.2f} eV, e.g. {outside.iloc[0]:.2f}"
    )


def test_a_b_is_b_a(trained, atoms):
    same(strengths(trained, atoms), strengths(trained, atoms[::-1]))


def test_order(trained, atoms):
    same(
        strengths(trained, atoms), strengths(trained, atoms[np.random.default_rng(0).permutation(len(atoms))])
    )


def test_rotation(trained, atoms):
    turn, turned = Rotation.from_euler("xyz", [0.3, 1.1, -2.0]).as_matrix(), atoms.copy()
    turned.set_cell(atoms.cell.array @ turn)
    turned.positions = atoms.positions @ turn
    same(strengths(trained, atoms), strengths(trained, turned))


def test_translation(trained, atoms):
    moved = atoms.copy()
    moved.positions += [1.3, -20.1, 7.7]
    moved.wrap()
    same(strengths(trained, atoms), strengths(trained, moved))


def test_supercell(trained, atoms):
    same(np.repeat(strengths(trained, atoms), 2), strengths(trained, atoms * (2, 1, 1)))


def test_decay(trained, stored, bond_type):
    low, high = trained.facts.types[bond_type].window
    found = over_distance(trained, stored, bond_type, np.linspace(low, high, 40)).mean(axis=0)
    short, long = found[:10].mean(), found[-10:].mean()
    assert long < short, f"long bonds ({long:.3f} eV) are not weaker than short ones ({short:.3f} eV)"


def test_no_jump_at_the_edge(trained, stored, bond_type):
    low, high = trained.facts.types[bond_type].window
    distance = np.arange(low - 0.1, high + 0.1, 0.02)
    steps = np.abs(np.diff(over_distance(trained, stored, bond_type, distance), axis=1)).max(axis=0)
    middle = 0.5 * (distance[1:] + distance[:-1])
    inside = (middle > low + 0.1) & (middle < high - 0.1)
    edge, most = steps[~inside].max(), steps[inside].max()
    assert edge < 2 * most, f"{edge:.3f} eV within 0.02 Å at the edge of the window, {most:.3f} eV inside"


def test_beats_baseline(held_out, bond_type):
    found = held_out(bond_type)
    ours, theirs = (np.sqrt(np.mean((x - found.true) ** 2)) for x in (found.predicted, found.baseline))
    assert ours < theirs, (
        f"RMSE {ours:.3f} eV on left-out {found.groups}, the distance alone has {theirs:.3f} eV"
    )


def test_coverage(held_out, bond_type):
    found = held_out(bond_type)
    within = float(np.mean(np.abs(found.predicted - found.true) < 2 * found.sigma))
    assert within >= COVERED, (
        f"{within:.0%} of the labels of left-out {found.groups} lie within 2 σ, {COVERED:.0%} must"
    )
