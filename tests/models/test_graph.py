"""Graph networks: edges and angles, symmetries, the same numbers by pieces, σ, files, and clear errors."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import small
from ase import Atoms
from ase.build import bulk

from getl_utils.core import cells
from getl_utils.core.bonds import BOND, KEY
from getl_utils.core.cells import CellKey
from getl_utils.core.parameters import Graph, for_stage
from getl_utils.core.workdir import WorkDir
from getl_utils.etl.database import Database
from getl_utils.inference import predictor
from getl_utils.models import model, schema, training, validation
from getl_utils.models.graph import edges, elements, library
from getl_utils.models.splits import Split
from getl_utils.ops.release_checks import COVERED

if library.missing() is None:
    import jax

    jax.config.update("jax_disable_most_optimizations", True)  # compiles faster; the networks are tiny
ELEMENTS = ["Ti", "Ni"]
LIMITS = dict.fromkeys(("Ti-Ti", "Ni-Ni", "Ti-Ni"), (1.8, 3.4))
SMALL = {"kind": "graph", "cutoff": 4.5, "angle_cutoff": 3.4, "n_radial": 10, "l_max": 2, "width": 12}
SMALL |= {"depth": 1, "members": 2, "calibration": 1, "epochs": 60, "rate": 0.01}
needs_jax = pytest.mark.skipif(
    library.missing() is not None, reason=f"GRAPH NETWORKS NOT CHECKED: {library.missing()}"
)


def crystal(seed, size=2):
    atoms = bulk("TiNi", "cesiumchloride", a=3.0) * (size + 1, size, size)
    atoms.positions += np.random.default_rng(seed).normal(scale=0.12, size=(len(atoms), 3))
    return atoms


def strength(atoms, bonds):
    """A stand-in for labels: falls with the distance; every angle of 60° or so beside the bond weakens it."""
    found = edges.find(atoms, 4.5, 3.4)
    places = edges.places(found, bonds[BOND].to_numpy())
    rows, unit = places // found.neighbour.shape[1], found.unit.reshape(-1, 3)
    beside = np.zeros(len(bonds))
    for side in (0, 1):
        cosine = np.einsum("nx,nkx->nk", unit[places[:, side]], found.unit[rows[:, side]])
        near = np.exp(-((found.distance[rows[:, side]] - 2.6) ** 2))
        beside += (np.exp(-8 * (cosine - 0.5) ** 2) * near).sum(1)
    return np.exp(2 - bonds.distance) * (1.6 - 0.25 * beside)


@pytest.fixture(scope="module")
def stored(tmp_path_factory):
    """Cells of six runs and their bonds; a database that knows where its cells are."""
    work, tables = WorkDir(tmp_path_factory.mktemp("graph")), []
    for n in range(6):
        key = CellKey("Ti12Ni12", n, 0)
        cells.write(work.cell(*key), crystal(n), key)
        bonds = predictor.find_bonds(crystal(n), ELEMENTS, LIMITS)
        bonds = bonds.assign(icohp=-strength(crystal(n), bonds), label_id=str(n), engine="test", kept=True)
        tables.append(bonds.assign(**key._asdict()))
    facts = {"engine": "test", "elements": ELEMENTS, "database_id": "y", "descriptors": {}}
    return Database(pd.concat(tables, ignore_index=True), {}, pd.DataFrame(), facts, work)


def parameters(**changes):
    given = {"work_dir": "w", "elements": ELEMENTS, "seed": 0, "n_train": 5000}
    return for_stage("05_train", given | {"model": SMALL | changes})


@pytest.fixture(scope="module")
def trained(stored):
    if library.missing():
        pytest.skip(f"GRAPH NETWORKS NOT CHECKED: {library.missing()}")
    found, refused = training.train(stored, parameters())
    assert not refused
    return found


@pytest.fixture
def without_jax(monkeypatch):
    real = library.importlib.util.find_spec
    monkeypatch.setattr(library.importlib.util, "find_spec", lambda n: None if n == "jax" else real(n))


def strengths(one, atoms):
    windows = {t: (low - 1e-6, high + 1e-6) for t, (low, high) in LIMITS.items()}
    return np.sort(one.predict(atoms, windows).mean)


# what the network sees


def test_edges_are_those_of_a_crystal_in_both_directions():
    found = edges.find(bulk("Cu", cubic=True), 3.7, 2.6)  # fcc: 12 neighbours, then 6
    there = found.distance < 3.7
    assert (there.sum(axis=1) == 18).all()
    assert found.short == 12
    assert ((found.distance < 2.6).sum(axis=1) == 12).all()
    assert (np.diff(found.distance, axis=1) >= 0).all()
    np.testing.assert_allclose(np.linalg.norm(found.unit[there], axis=1), 1)
    np.testing.assert_allclose(found.unit.sum(axis=1), 0, atol=1e-12)


def test_places_lead_to_both_edges_of_a_bond():
    atoms = crystal(0)
    found, bonds = edges.find(atoms, 4.5, 3.4), predictor.find_bonds(atoms, ELEMENTS, LIMITS)
    places = edges.places(found, bonds[BOND].to_numpy())
    unit = found.unit.reshape(-1, 3)[places]
    np.testing.assert_allclose(unit[:, 0], -unit[:, 1], atol=1e-12)
    np.testing.assert_allclose(
        found.distance.ravel()[places], bonds.distance.to_numpy()[:, None].repeat(2, 1)
    )


@pytest.mark.parametrize(
    ("element", "place"), [("H", (1, 1)), ("He", (18, 1)), ("Al", (13, 3)), ("Au", (11, 6)), ("Lu", (3, 6))]
)
def test_group_and_period(element, place):
    assert elements.group_and_period(element) == place


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda a: a.positions.__setitem__((0, 0), np.nan), "NaN or infinity"),
        (lambda a: a.positions.__setitem__(0, a.positions[1]), "at one place"),
        (lambda a: a.set_cell(20 * a.cell.array, scale_atoms=True), "no edge"),
    ],
)
def test_damaged_structures_are_refused(change, message):
    atoms = crystal(0)
    change(atoms)
    with pytest.raises(ValueError, match=message):
        edges.find(atoms, 4.5, 3.4)


def test_bond_that_is_no_edge_is_refused():
    atoms = crystal(0)
    with pytest.raises(ValueError, match="is no edge"):
        edges.places(edges.find(atoms, 4.5, 3.4), np.array([[0, 1, 5, 0, 0]]))


@pytest.mark.parametrize(("element", "message"), [("Nd", "has no group"), ("X", "no element")])
def test_element_without_features_is_refused(element, message):
    with pytest.raises(ValueError, match=message):
        elements.table(["Cu", element])


def test_unknown_keys_are_refused():
    with pytest.raises(ValueError, match="widht"):
        parameters(widht=7)
    with pytest.raises(ValueError, match=r"model"):
        for_stage("05_train", {"work_dir": "w", "elements": ELEMENTS, "seed": 0, "model": {"kind": "tree"}})


def test_without_jax_the_message_says_how_to_get_it(without_jax, stored):
    assert "make graph" in library.missing()
    with pytest.raises(ValueError, match="make graph"):
        training.train(stored, parameters())


# what it learns


@needs_jax
def test_the_law_of_angles_is_found_and_not_without_angles(stored, trained):
    """Quenches that no network has seen."""
    atoms = crystal(40)
    bonds = predictor.find_bonds(atoms, ELEMENTS, LIMITS)
    true, ratios = strength(atoms, bonds).to_numpy(), {}
    blind, _ = training.train(stored, parameters(angle_cutoff=0.0, members=1, calibration=0))
    for name, one in (("angles", trained), ("none", blind)):
        found = one.predict(atoms, LIMITS)
        wrong, curve = found.mean - true, np.empty(len(true))
        for n, bond_type in enumerate(found.names):
            mine = found.types == n
            curve[mine] = one.body.types[bond_type].mean(np.zeros(mine.sum()), found.distance[mine])
        ratios[name] = np.sqrt(np.mean(wrong**2) / np.mean((curve - true) ** 2))
    assert ratios["angles"] < 0.75, ratios
    assert ratios["angles"] < 0.85 * ratios["none"], ratios


def test_order_rotation_translation_and_repetition_change_nothing(trained):
    atoms = crystal(7)
    expected = strengths(trained, atoms)
    np.testing.assert_allclose(
        strengths(trained, atoms[np.random.default_rng(1).permutation(24)]), expected, atol=1e-9
    )
    turned = atoms.copy()
    turned.rotate(37, (1, 2, 3), rotate_cell=True)
    np.testing.assert_allclose(strengths(trained, turned), expected, atol=1e-9)
    moved = atoms.copy()
    moved.positions += [0.3, 10.1, -4.0]
    moved.wrap()
    np.testing.assert_allclose(strengths(trained, moved), expected, atol=1e-9)
    np.testing.assert_allclose(strengths(trained, atoms * (1, 1, 3)), np.repeat(expected, 3), atol=1e-9)


def test_an_atom_that_enters_the_cutoff_makes_no_jump(trained):
    """The strength goes to its value without the atom when the atom leaves."""
    dimer = Atoms("TiNi", [[0, 0, 0], [2.6, 0, 0]], cell=[30] * 3, pbc=True)
    alone = trained.predict(dimer, LIMITS).mean[0]
    values = []
    for x in (-3.0, -4.4, -4.4999, -4.5001):
        found = trained.predict(dimer + Atoms("Ni", [[x, 0, 0]]), LIMITS)
        values.append(found.mean[0])
    assert abs(values[0] - alone) > 1e-4  # the atom is seen
    assert values[2:] == pytest.approx([alone, alone], abs=1e-5)


def test_one_prediction_by_table_and_by_structure(trained):
    bonds = small.predicted_both_ways(trained, crystal(30), LIMITS)
    assert (bonds.sigma > 0).all()


def test_pieces_of_a_structure_give_what_training_saw(trained):
    """Double precision, 64 atoms at a time, against the whole cell at once in single precision."""
    from getl_utils.models.graph import fit

    atoms = crystal(3, 4)
    bonds = predictor.find_bonds(atoms, ELEMENTS, LIMITS)[BOND].to_numpy()
    body = trained.body
    kinds, found, places = body._place(atoms, bonds)
    nothing = np.zeros(len(bonds))
    cell = fit.samples(body.settings, [fit.Cell(kinds, found, places, nothing, nothing)])[0]
    run, net = library.module("run"), body.networks[0]
    features = run.features(net, kinds, found, places)
    distance = found.distance.ravel()[places[:, 0]]
    whole = fit.deviations(net, cell)[: len(bonds)]
    np.testing.assert_allclose(run.deviation(net, features, distance), whole, atol=1e-4)


def test_sigma_covers_what_was_left_out(stored, trained):
    z = []
    for seed in range(50, 56):
        bonds = predictor.predict(trained, crystal(seed), LIMITS)
        z.append((strength(crystal(seed), bonds) + bonds.predicted) / bonds.sigma)
    inside = np.mean(np.abs(np.concatenate(z)) < 2)
    assert inside >= COVERED
    assert np.std(np.concatenate(z)) > 0.3  # nor is σ far too large


def test_strange_surroundings_are_outside(trained):
    atoms = crystal(0)
    atoms.set_cell(0.85 * atoms.cell.array, scale_atoms=True)
    squeezed = predictor.predict(trained, atoms, LIMITS).outside.mean()
    assert squeezed > 0.5 > 0.1 > predictor.predict(trained, crystal(60), LIMITS).outside.mean()


def test_validation_leaves_quenches_out(stored):
    if library.missing():
        pytest.skip(f"GRAPH NETWORKS NOT CHECKED: {library.missing()}")
    p = parameters(members=1, calibration=0)
    tables, _ = validation.learnable(stored, p.bond_types)
    fold = {}
    for name, bonds in tables.items():
        test = (bonds.run == 5).to_numpy()
        fold[name] = Split("by run", "5", np.flatnonzero(~test), np.flatnonzero(test))
    results, refused = validation.score(stored, tables, fold, training.chosen_recipe(stored, p))
    assert not refused
    assert set(results) == set(LIMITS)
    assert results["Ti-Ni"]["rmse"] < results["Ti-Ni"]["baseline_rmse"]


# files


def test_the_folder_holds_numbers_only_and_brings_the_model_back(trained, tmp_path):
    model.save(tmp_path, trained)
    back, atoms = model.load(tmp_path), crystal(8)
    assert back.model_id == trained.model_id
    assert back.facts.kind == "graph"
    np.testing.assert_allclose(strengths(back, atoms), strengths(trained, atoms), atol=1e-12)
    with np.load(tmp_path / "model.npz", allow_pickle=False) as arrays:
        assert all(arrays[name].dtype.kind == "f" for name in arrays.files)
    facts = json.loads((tmp_path / "model.json").read_text())
    for key, value, message in (("width", 9, "expected"), ("widht", 8, "widht"), ("depth", 2, "expected")):
        (tmp_path / "model.json").write_text(
            json.dumps(facts | {"descriptor": facts["descriptor"] | {key: value}})
        )
        with pytest.raises(ValueError, match=message):
            model.load(tmp_path)


def test_facts_of_another_kind_are_refused(trained):
    values = trained.facts.model_dump()
    with pytest.raises(ValueError, match="not one of a linear model"):
        schema.facts(values | {"kind": "linear"}, "here")


def test_a_model_cannot_be_read_without_jax(trained, tmp_path, without_jax):
    model.save(tmp_path, trained)
    with pytest.raises(ValueError, match="make graph"):
        model.load(tmp_path)


def test_windows_beyond_the_edges_are_refused(trained):
    with pytest.raises(ValueError, match=r"edges of this model end at 4\.5"):
        trained.predict(crystal(0), {"Ti-Ni": (2.0, 4.6)})


def test_foreign_elements_are_refused(trained):
    atoms = crystal(0)
    atoms.symbols[0] = "Fe"
    with pytest.raises(ValueError, match="Fe"):
        predictor.predict(trained, atoms, LIMITS)
    with pytest.raises(ValueError, match="Fe"):
        trained.describe(atoms, np.array([[0, 1, 0, 0, 0]]))


@needs_jax
@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda b: b.assign(icohp=np.nan), "NaN"),
        (lambda b: b.assign(distance=b.distance + 0.01), "another length"),
        (lambda b: b[b.run == 0], "one group"),
        (lambda b: b.iloc[:12], "too few"),
    ],
)
def test_bad_labels_are_refused(stored, change, message):
    bonds = change(stored.bonds).reset_index(drop=True)
    if message == "one group":
        bonds = bonds.assign(sub_run=0)
    with pytest.raises(ValueError, match=message):
        training.train(replace(stored, bonds=bonds), parameters(epochs=1, members=1))


@needs_jax
def test_a_database_without_cells_is_refused(stored):
    with pytest.raises(ValueError, match="does not know its cells"):
        training.train(replace(stored, work=None), parameters(epochs=1, members=1))


def test_a_loss_that_is_not_finite_stops_the_training(stored):
    if library.missing():
        pytest.skip(f"GRAPH NETWORKS NOT CHECKED: {library.missing()}")
    far = stored.bonds.assign(icohp=stored.bonds.icohp * 1e30)
    with pytest.raises(ValueError, match="not finite"):
        training.train(replace(stored, bonds=far), parameters(epochs=2, members=1, rate=1.0, decay=10.0))


def test_defaults_are_those_of_the_text():
    p = Graph()
    assert (p.cutoff, p.angle_cutoff, p.n_radial, p.members) == (5.0, 4.0, 32, 5)
    assert KEY == ["composition", "run", "sub_run"]
