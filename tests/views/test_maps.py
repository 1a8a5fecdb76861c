"""The map: what the model says of a cell with one more atom; blank where no training neighbour stood."""

import numpy as np
import pandas as pd
import pytest
from ase import Atoms
from ipywidgets import Widget
from small import crystal

from getl_utils.core.bonds import bond_types, type_of
from getl_utils.core.neighbours import neighbour_table
from getl_utils.models import linear
from getl_utils.models.bond_expansion import BondExpansion, describe
from getl_utils.views import explore, maps

ELEMENTS = ("Ti", "Ni")
TYPES = bond_types(ELEMENTS)
EXPANSION = BondExpansion(ELEMENTS, cutoff=4.0, n_radial=4, l_max=3)
KEYS = [("Ti27Ni27", run, 0) for run in (1, 2, 3)]
CELLS = [crystal(seed) for seed in (1, 2, 3)]


def bonds_of(atoms, key):
    table = neighbour_table(atoms, 3.6)
    names = np.array(atoms.get_chemical_symbols())
    kinds = type_of(names[table.i], names[table.j], ELEMENTS)
    return table.assign(composition=key[0], run=key[1], sub_run=key[2], type=kinds)


TABLES = [bonds_of(atoms, key) for atoms, key in zip(CELLS, KEYS, strict=True)]


@pytest.fixture(scope="module")
def known():
    bonds = pd.concat(TABLES, ignore_index=True)
    return maps.places(zip(KEYS, CELLS, strict=True), bonds, EXPANSION)


@pytest.fixture(scope="module")
def model():
    columns = ["i", "j", "tx", "ty", "tz"]
    features = [describe(EXPANSION, a, t[columns].to_numpy()) for a, t in zip(CELLS, TABLES, strict=True)]
    features = np.concatenate(features)
    distance = np.concatenate([t.distance for t in TABLES])
    groups = np.concatenate([np.full(len(t), n) for n, t in enumerate(TABLES)])
    types = np.concatenate([t.type for t in TABLES])
    strength = np.exp(2 - distance) * (1 + features @ np.linspace(-1, 1, features.shape[1]) / 50)
    return linear.fit(EXPANSION, features, distance, strength, types, groups).model


@pytest.fixture(autouse=True)
def closed():
    yield
    Widget.close_all()


@pytest.mark.parametrize("element", ELEMENTS)
@pytest.mark.parametrize("bond_type", TYPES)
@pytest.mark.parametrize("turned", [False, True])
def test_the_effect_is_that_of_one_more_atom(model, bond_type, element, turned):
    """Of a bond along a slanted axis, written from either end."""
    axis, side = np.array([2.0, 1.0, 2.0]) / 3, np.array([1.0, -2.0, 0.0]) / np.sqrt(5)
    length, along, aside, middle = 2.6, 1.1, 2.3, np.array([10.0, 10, 10])
    first, second = bond_type.split("-")
    places = [middle - axis * length / 2, middle + axis * length / 2, middle + along * axis + aside * side]
    atoms = Atoms([first, second, element], places, cell=[20] * 3, pbc=True)
    bond = np.array([[1, 0, 0, 0, 0]] if turned else [[0, 1, 0, 0, 0]])
    features = [describe(EXPANSION, some, bond) for some in (atoms, atoms[:2])]
    with_it, without = (model.evaluate(bond_type, f, np.array([length])).mean[0] for f in features)
    found = maps.effect(model, bond_type, length, element, np.array([along]), np.array([aside]))[0]
    assert found == pytest.approx(with_it - without, abs=1e-12)
    assert abs(found) > 1e-4


def test_a_neighbour_beyond_the_cutoff_does_nothing(model):
    far = maps.effect(model, TYPES[0], 2.6, "Ni", np.array([4.01, 0.0]), np.array([0.0, 5.0]))
    assert far.tolist() == [0, 0]


def test_an_unknown_element_is_refused(model):
    with pytest.raises(ValueError, match="element Al is not among"):
        maps.effect(model, TYPES[0], 2.6, "Al", np.zeros(1), np.ones(1))


def test_every_training_neighbour_is_found_once(known):
    """Features summed over the places are the features of the descriptor."""
    bonds = TABLES[1]
    some = bonds[bonds.type == "Ti-Ni"].head(5)
    for row in some.itertuples():
        found = maps.places([(KEYS[1], CELLS[1])], bonds[bonds.index == row.Index], EXPANSION)
        assert (found.length == row.distance).all()
        total = sum(
            maps.one_neighbour(EXPANSION, e, g.along.to_numpy(), g.aside.to_numpy()).sum(axis=0)
            for e, g in found.groupby("element")
        )
        bond = np.array([[row.i, row.j, row.tx, row.ty, row.tz]])
        assert total == pytest.approx(describe(EXPANSION, CELLS[1], bond)[0], abs=1e-9)
    assert set(known.type) == set(TYPES)


def test_the_map_is_blank_where_no_neighbour_was(model, known):
    lengths = {"Ti-Ti": 3.0, "Ti-Ni": 2.6}
    figure, table = maps.surroundings(model, known, lengths)
    assert len([panel for panel in figure.axes if panel.get_title()]) == 4
    inside = np.hypot(table.along, table.aside) < EXPANSION.cutoff
    assert table.change.isna()[~inside].all()
    assert table.change.notna()[inside & (table.neighbours > 0)].all()
    near_an_end = np.hypot(table.along.abs() - table.length / 2, table.aside) < 1.0
    assert table.change.isna()[near_an_end].all()
    row = table[table.change.notna()].iloc[100]
    place = np.array([row.along]), np.array([row.aside])
    assert row.change == pytest.approx(maps.effect(model, row.type, row.length, row.element, *place)[0])


def test_a_bond_of_like_elements_has_the_same_map_from_both_ends(model, known):
    _, table = maps.surroundings(model, known, {"Ti-Ti": 3.0})
    sides = table.pivot_table(index=["element", "aside"], columns="along", values="change", dropna=False)
    assert sides.to_numpy() == pytest.approx(sides.to_numpy()[:, ::-1], nan_ok=True)


def test_the_view_follows_type_and_length(model, known):
    view = explore.surroundings(model, known, "a note")
    assert "getl-surroundings" in view._dom_classes
    before = view.picture.value, view.facts.value
    view.controls["length"].value = 2.5
    assert view.picture.value != before[0]
    view.controls["bond_type"].value = "Ti-Ti"
    assert "weakened most by" in view.facts.value
    assert " eV" in view.facts.value


def test_a_length_without_bonds_is_said(model, known):
    short = known[(known.type != "Ti-Ti") | (known.length < 3.0)]
    view = explore.surroundings(model, short)
    view.set(bond_type="Ti-Ti", length=view.controls["length"].max)
    assert "no training bond of Ti-Ti is about" in view.facts.value
    assert view.picture.value == b""
