"""Every figure: labels and units on its axes, titles that fit, and the numbers it shows."""

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from small import ELEMENTS, crystal

from getl_utils.core.bonds import bond_types, type_of
from getl_utils.core.neighbours import neighbour_table
from getl_utils.inference import exchange, trajectory
from getl_utils.inference.yielding import Glasses
from getl_utils.views import agreement, bonds, loading, structure, training, yielding

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
    "ratio",
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
ROWS = [{"type": t, "split": s, "folds": 2} for t in TYPES for s in ("random", "by run")]
ERRORS = pd.DataFrame(ROWS).assign(rmse=[0.1, 0.12, 0.08, 0.1, 0.1, 0.15], rmse_std=0.01, baseline_rmse=0.2)
POINTS = {t: pd.DataFrame({"true": RANDOM.random(9), "predicted": RANDOM.random(9)}) for t in TYPES}


def loaded():
    followed = trajectory.follow(ATOMS)
    exchanged = exchange.exchanges(TABLES, followed, dict.fromkeys(TYPES, (2.0, 3.4)))
    yield loading.strength_over_strain(exchange.strengths(TABLES), STRAIN, TYPES)
    yield loading.exchange_over_strain(exchange.exchange_summary(exchanged), STRAIN, TYPES)
    yield loading.exchanged_strengths(exchanged, TYPES)
    yield loading.mobility(exchange.atom_table(TABLES[0], followed, exchanged, 1, 3.4), ELEMENTS)
    columns = {name: RANDOM.random(20) for name in ("load_stress", "lateral")}
    yield loading.stress_strain(pd.DataFrame(columns).assign(load_strain=np.linspace(0, 0.1, 20)))
    drifted = {"frame": [0, 1] * 2, "of": ["Ti", "Ti", TYPES[0], TYPES[0]], "new": RANDOM.random(4)}
    yield loading.drift(pd.DataFrame(drifted), STRAIN, ELEMENTS, 0.1)


def trained():
    yield training.parity(POINTS, TYPES)
    yield training.errors(ERRORS)
    yield training.calibration(pd.DataFrame({"split": "random", "z": RANDOM.normal(size=50)}))
    curve = {"type": TYPES[0], "n": [25, 50, 100], "seed": 0, "rmse": [0.3, 0.2, 0.1], "baseline_rmse": 0.3}
    yield training.learning_curves(pd.DataFrame(curve), TYPES)
    yield training.descriptors(BONDS.assign(pc1=RANDOM.random(), pc2=0.1, excess=BONDS.icohp), TYPES)
    yield agreement.parity(BONDS.assign(ours=BONDS.icohp, theirs=1.1 * BONDS.icohp))
    cells = pd.DataFrame({"type": TYPES * 2, "slope": 1.0})
    yield agreement.by_cell(cells, {"slope": "slope (ratio)"}, TYPES)
    compared = BONDS.assign(difference=0.01, ratio=0.3, where="both")
    yield agreement.differences(compared, TYPES)
    yield agreement.differences(compared.drop(columns="ratio"), TYPES)


def stages():
    log = {"time": range(9), "Temp": RANDOM.random(9), "Density": RANDOM.random(9)}
    yield structure.thermo({"a": pd.DataFrame(log)})
    yield structure.radial(pd.DataFrame({"r": np.linspace(1, 8, 9), "total": 1.0, "Ti-Ni": 1.0}), "a title")
    status = {"composition": "Ti27Ni27", "run": 1, "sub_run": [0, 1], "name": ["DONE", "NOTHING"]}
    yield bonds.statuses(pd.DataFrame(status))
    yield bonds.strength_over_distance(BONDS[BONDS.sub_run == 0], TYPES, behind=BONDS)
    yield bonds.sub_runs(BONDS, TYPES)
    yield bonds.counts(pd.DataFrame({"type": TYPES, "composition": "Ti27Ni27", "bonds": 3}))
    yield bonds.distributions({"a": BONDS, "b": BONDS}, TYPES)
    yield structure.slab(ATOMS[0], TABLES[0], ELEMENTS)


def sheared():
    frames = {"frame": [0, 1] * 2, "strain": [0, 0.1] * 2, "glass": ["a", "a", "b", "b"]}
    frames |= {name: RANDOM.random(4) for name in ("mean_bond", "icosahedra", "broken", "formed")}
    stress = pd.DataFrame({"glass": ["a", "b"], "strain": 0.1, "stress": [0.5, 0.7]})
    yield yielding.response(stress, pd.DataFrame(frames))
    radial = pd.DataFrame({"r": np.linspace(1, 8, 9), "total": 1.0, "Ti-Ni": 1.0})
    yield yielding.structure(radial, radial.rename(columns={"r": "q"}))
    areas = pd.DataFrame({"outcome": "moved", "atoms": ["all", "Ti"], "indicator": "strength around"})
    areas = areas.assign(mean=0.6, low=0.55, high=0.65, number=5)
    yield yielding.areas(areas, {"moved": "2 %"}, {"published": 0.94}, ["strength around", "volume"])
    counts = {"glass": "a", "percent": 0, "type": ["Ti-Ti", "Ti-Ni"] * 2, "strength": [0.5, 0.5, 0.6, 0.6]}
    atoms = {"glass": "a", "d2min_10": RANDOM.random(40), "icosahedron": True, "icosahedron_10": False}
    bonds = pd.DataFrame(counts).assign(count=[3, 1, 1, 3])
    glasses = Glasses(pd.DataFrame(atoms), pd.DataFrame(frames), stress, bonds, {})
    yield yielding.distributions({"slow": glasses, "fast": glasses}, TYPES)
    yield yielding.rates({"slow": glasses, "fast": glasses}, [0.1])


every_stage = pytest.mark.parametrize(
    "some", [stages, trained, loaded, sheared], ids=lambda some: some.__name__
)


def drawn(figure):
    return [panel for panel in figure.axes if panel.get_visible()]


@every_stage
def test_every_axis_says_what_it_shows_and_in_which_unit(some):
    for figure, _ in some():
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


@every_stage
def test_titles_are_no_wider_than_their_panel(some):
    for figure, _ in some():
        figure.canvas.draw()
        for panel in drawn(figure):
            width = panel.title.get_window_extent().width
            assert width <= panel.bbox.width, panel.get_title()


def test_the_style_does_not_leak():
    before = dict(mpl.rcParams)
    list(stages())
    assert dict(mpl.rcParams) == before


def test_bonds_of_a_region_reach_from_atom_to_image():
    atoms, inside = ATOMS[0], np.ones(len(ATOMS[0]), dtype=bool)
    lines = structure.segments(atoms, TABLES[0], inside)
    length = np.linalg.norm(
        lines[["x2", "y2", "z2"]].to_numpy() - lines[["x1", "y1", "z1"]].to_numpy(), axis=1
    )
    assert np.allclose(length, TABLES[0].distance)
    assert np.allclose(lines.strength, -TABLES[0].predicted)
    inside[TABLES[0].i[0]] = False
    assert not {TABLES[0].i[0]} & {*(fewer := structure.segments(atoms, TABLES[0], inside)).i, *fewer.j}
    strong = structure.region(atoms, TABLES[0], ELEMENTS, inside, least=0.4)[1]
    assert 0 < len(strong) < len(fewer)
    assert strong.strength.min() >= 0.4


@every_stage
def test_every_figure_comes_with_its_numbers(some):
    for figure, numbers in some():
        assert isinstance(numbers, pd.DataFrame)
        assert len(numbers)
        assert drawn(figure)


def test_splits_that_hold_out_the_same_bonds_are_drawn_once():
    same = ERRORS[ERRORS.split == "by run"].assign(split="by composition")
    _, numbers = training.errors(pd.concat([ERRORS, same], ignore_index=True))
    assert set(numbers.drawn) == {"random", "by run = by composition"}
    assert numbers.ratio.tolist() == pytest.approx((ERRORS.rmse / ERRORS.baseline_rmse).tolist())


def test_marks_of_the_other_model_are_not_cut_off():
    figure, numbers = training.errors(ERRORS.assign(published_rmse=1.5 * ERRORS.baseline_rmse))
    assert numbers.published_ratio.max() < figure.axes[0].get_ylim()[1]


def test_learning_curves_of_all_types_have_one_scale():
    curves = pd.DataFrame({"type": TYPES * 2, "n": [25] * 3 + [50] * 3, "rmse": np.geomspace(0.01, 0.3, 6)})
    figure, _ = training.learning_curves(curves.assign(baseline_rmse=0.2), TYPES)
    (limits,) = {panel.get_ylim() for panel in drawn(figure)}
    assert limits[0] <= 0.01
    assert limits[1] >= 0.3


def test_two_sigma_is_marked_where_a_difference_has_a_sigma():
    compared = BONDS.assign(difference=0.01, ratio=0.3, where="both")
    for table, levels in ((compared, {0, -2, 2}), (compared.drop(columns="ratio"), {0})):
        panel = agreement.differences(table, TYPES)[0].axes[0]
        assert {line.get_ydata()[0] for line in panel.lines if len(line.get_ydata()) == 2} >= levels
        assert (2 in {line.get_ydata()[0] for line in panel.lines}) == (2 in levels)


def test_numbers_of_exchanged_bonds_have_whole_ticks():
    atoms = pd.DataFrame(
        {"element": ELEMENTS[0], "strength": RANDOM.random(90), "exchanged": np.arange(90) % 3}
    )
    figure, _ = loading.mobility(atoms.assign(d2min=1 + RANDOM.random(90)), ELEMENTS)
    ticks = figure.axes[1].get_xticks()
    assert np.array_equal(ticks, ticks.round())


def test_learning_curves_are_of_one_axis_and_of_both_models():
    rows = {"type": TYPES[0], "n": [1, 2] * 2, "axis": ["cells"] * 2 + ["quenches"] * 2, "rmse": 0.1}
    curves = pd.DataFrame(rows | {"baseline_rmse": 0.2, "published_rmse": [0.15, np.nan] * 2})
    figure, numbers = training.learning_curves(curves, TYPES, "cells")
    assert (numbers.axis == "cells").all()
    assert figure.axes[0].get_xlabel() == "training cells"
    lines = {line.get_label(): line.get_ydata().tolist() for line in figure.axes[0].lines}
    assert lines == {"distance alone": [0.2, 0.2], "model": [0.1, 0.1], "published model": [0.15]}


def test_the_excess_is_the_sign_of_the_colour():
    figure, _ = training.descriptors(BONDS.assign(pc1=0.0, pc2=0.1, excess=-1.0), TYPES[:1])
    low, high = figure.axes[0].collections[0].get_clim()
    assert low == -high < 0


def test_the_interval_of_a_median_holds_as_often_as_it_says():
    hits = []
    for seed in range(400):
        middle, low, high = loading.median_interval(np.random.default_rng(seed).exponential(size=25))
        assert low <= middle <= high
        hits.append(low <= np.log(2) <= high)
    assert 0.68 < np.mean(hits) < 0.85
    assert loading.median_interval([3.0]) == (3.0, 3.0, 3.0)


def test_the_colour_bar_does_not_cover_the_picture():
    figure, _ = structure.slab(ATOMS[0], TABLES[0], ELEMENTS)
    figure.canvas.draw()
    picture, bar = (panel.get_tightbbox() for panel in figure.axes)
    assert picture.x1 <= bar.x0
