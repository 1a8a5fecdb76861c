"""The figures' common style: labels and units on every axis, titles that fit, PNG, SVG and CSV beside each
other."""

import itertools

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from small import ELEMENTS, crystal

from getl_utils.core.bonds import bond_types, neighbour_table, type_of
from getl_utils.inference import drift, exchange, trajectory
from getl_utils.views import agreement as agreement_figures
from getl_utils.views import figures
from getl_utils.views import loading as figures_loading
from getl_utils.views import training as figures_training

TYPES = bond_types(ELEMENTS)
RANDOM = np.random.default_rng(0)
STRAIN = pd.Series([0.0, -0.05])
UNITLESS = (
    "g(r)",
    "sub-run",
    "quench",
    "bond",
    "PC ",
    "level",
    "fraction",
    "probability",
    "density",
    "difference / σ",
    "training",
)


def bonds_of(atoms):
    table = neighbour_table(atoms, 3.4)
    names = np.array(atoms.get_chemical_symbols())
    table = table.assign(element_i=names[table.i], element_j=names[table.j])
    return table.assign(
        type=type_of(table.element_i, table.element_j, ELEMENTS), predicted=-np.exp(2 - table.distance)
    )


ATOMS = [crystal(1), crystal(2)]
TABLES = [bonds_of(atoms) for atoms in ATOMS]
BONDS = TABLES[0].assign(
    icohp=TABLES[0].predicted, composition="Ti27Ni27", run=1, sub_run=np.arange(len(TABLES[0])) % 3
)
POINTS = {t: pd.DataFrame({"true": RANDOM.random(9), "predicted": RANDOM.random(9)}) for t in TYPES}


def loading():
    followed = trajectory.follow(ATOMS)
    exchanged = exchange.exchanges(TABLES, followed, dict.fromkeys(TYPES, (2.0, 3.4)))
    yield figures_loading.strength_over_strain(exchange.strengths(TABLES), STRAIN, TYPES)[0]
    yield figures_loading.exchange_over_strain(exchange.exchange_summary(exchanged), STRAIN, TYPES)[0]
    yield figures_loading.exchanged_strengths(exchanged, TYPES)[0]
    yield figures_loading.mobility(exchange.atom_table(TABLES[0], followed, exchanged, 1, 3.4), ELEMENTS)[0]
    curve = pd.DataFrame(
        {
            "load_strain": np.linspace(0, 0.1, 20),
            "load_stress": RANDOM.random(20),
            "lateral": RANDOM.random(20),
        }
    )
    yield figures_loading.stress_strain(curve)[0]
    drifted = pd.DataFrame(
        {"frame": [0, 1] * 2, "of": ["Ti", "Ti", TYPES[0], TYPES[0]], "new": RANDOM.random(4)}
    )
    yield figures_loading.drift(drifted, STRAIN, ELEMENTS, drift.LIMIT)[0]


def training():
    yield figures_training.parity(POINTS, TYPES)
    rows = [{"type": t, "split": s, "folds": 2} for t in TYPES for s in ("random", "by run")]
    yield figures_training.errors(pd.DataFrame(rows).assign(rmse=0.1, rmse_std=0.01, baseline_rmse=0.2))
    yield figures_training.calibration(pd.DataFrame({"split": "random", "z": RANDOM.normal(size=50)}))[0]
    curve = pd.DataFrame(
        {"type": TYPES[0], "n": [25, 50, 100], "seed": 0, "rmse": [0.3, 0.2, 0.1], "baseline_rmse": 0.3}
    )
    yield figures_training.learning_curves(curve, TYPES)
    both = BONDS.assign(ours=BONDS.icohp, theirs=1.1 * BONDS.icohp)
    yield agreement_figures.figure(both)
    compared = BONDS.assign(difference=0.01, ratio=0.3, where="both")
    yield agreement_figures.differences(compared, TYPES)
    yield agreement_figures.differences(compared.drop(columns="ratio"), TYPES)


def stages():
    yield figures.thermo(
        {"a": pd.DataFrame({"time": range(9), "Temp": RANDOM.random(9), "Density": RANDOM.random(9)})}
    )
    yield figures.radial(pd.DataFrame({"r": np.linspace(1, 8, 9), "total": 1.0, "Ti-Ni": 1.0}), "a title")
    yield figures.statuses(
        pd.DataFrame({"composition": "Ti27Ni27", "run": 1, "sub_run": [0, 1], "name": ["DONE", "NOTHING"]})
    )
    yield figures.strength_over_distance(BONDS[BONDS.sub_run == 0], TYPES, behind=BONDS)
    yield figures.sub_runs(BONDS, TYPES)[0]
    map_ = pd.DataFrame(
        {"pc1": range(4), "pc2": range(4), "element": ELEMENTS * 2, "deformation": ["none", "shear"] * 2}
    )
    yield figures.environments(map_, [0.6, 0.2])
    yield figures.counts(pd.DataFrame({"type": TYPES, "composition": "Ti27Ni27", "bonds": 3}))
    yield figures.distributions({"a": BONDS, "b": BONDS}, TYPES)[0]
    sums = pd.DataFrame({"element": ELEMENTS * 4, "strength": RANDOM.random(8)})
    yield figures.atom_strengths(sums, ELEMENTS)[0]
    yield figures.slab(ATOMS[0], TABLES[0], ELEMENTS)[0]


def drawn(figure):
    return [panel for panel in figure.axes if panel.get_visible()]


@pytest.mark.parametrize("some", [stages, training, loading], ids=["stages", "training", "loading"])
def test_every_axis_says_what_it_shows_and_in_which_unit(some):
    for figure in some():
        for panel in drawn(figure):
            labels = (
                [panel.get_ylabel()]
                if panel.get_label() == "<colorbar>"
                else [panel.get_xlabel(), panel.get_ylabel()]
            )
            for label in labels:
                assert label
                assert (
                    "(" in label or "first frame = 1" in label or any(word in label for word in UNITLESS)
                ), label


@pytest.mark.parametrize("some", [stages, training, loading], ids=["stages", "training", "loading"])
def test_titles_are_no_wider_than_their_panel(some):
    for figure in some():
        figure.canvas.draw()
        for panel in drawn(figure):
            width = panel.title.get_window_extent().width
            assert width <= panel.bbox.width, panel.get_title()


def test_a_saved_figure_is_a_picture_vectors_and_numbers_and_the_same_each_time(tmp_path):
    first = [
        figures.save(figures.sub_runs(BONDS, TYPES)[0], BONDS, tmp_path / name / "a-0.5-1.08", "a note")
        for name in "ab"
    ]
    assert len(first) == 2
    assert sorted(f.name for f in (tmp_path / "a").iterdir()) == [
        f"a-0.5-1.08.{kind}" for kind in ("csv", "png", "svg")
    ]
    for kind in ("csv", "png", "svg"):
        one, two = ((tmp_path / name / f"a-0.5-1.08.{kind}").read_bytes() for name in "ab")
        assert one == two
    assert "a note" in (tmp_path / "a" / "a-0.5-1.08.svg").read_text()  # text stays text
    assert len(pd.read_csv(tmp_path / "a" / "a-0.5-1.08.csv")) == len(BONDS)


def test_the_style_does_not_leak():
    before = dict(mpl.rcParams)
    list(stages())
    assert dict(mpl.rcParams) == before


def test_bonds_of_a_region_reach_from_atom_to_image():
    atoms, inside = ATOMS[0], np.ones(len(ATOMS[0]), dtype=bool)
    lines = figures.segments(atoms, TABLES[0], inside)
    length = np.linalg.norm(
        lines[["x2", "y2", "z2"]].to_numpy() - lines[["x1", "y1", "z1"]].to_numpy(), axis=1
    )
    assert np.allclose(length, TABLES[0].distance)
    assert np.allclose(lines.strength, -TABLES[0].predicted)
    inside[TABLES[0].i[0]] = False
    assert not {TABLES[0].i[0]} & {*(fewer := figures.segments(atoms, TABLES[0], inside)).i, *fewer.j}
    strong = figures.region(atoms, TABLES[0], ELEMENTS, inside, least=0.4)[1]
    assert 0 < len(strong) < len(fewer)
    assert strong.strength.min() >= 0.4


def test_sizes_of_a_learning_curve_do_not_run_into_each_other():
    curve = pd.DataFrame(
        {"type": TYPES[0], "n": [25, 50, 100, 200, 247], "seed": 0, "rmse": 0.1, "baseline_rmse": 0.3}
    )
    figure = figures_training.learning_curves(curve, TYPES)
    figure.canvas.draw()
    labels = [t for t in drawn(figure)[0].get_xticklabels() if t.get_text()]
    assert [t.get_text() for t in labels] == ["247", "100", "50", "25"]
    boxes = sorted((t.get_window_extent() for t in labels), key=lambda box: box.x0)
    assert all(one.x1 < two.x0 for one, two in itertools.pairwise(boxes))
