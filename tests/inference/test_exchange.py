"""Bond exchange and non-affine displacement, on trajectories with known results."""

import numpy as np
import pandas as pd
import pytest
from ase import Atoms
from ase.build import bulk
from matscipy.atomic_strain import get_D_square_min
from matscipy.neighbours import neighbour_list

from getl_utils.inference import exchange
from getl_utils.inference.displacements import mean_squares
from getl_utils.inference.predictor import find_bonds
from getl_utils.inference.trajectory import follow, spread, strains
from getl_utils.views import loading

ELEMENTS = ["Cu", "Zr"]
LIMITS = {"Cu-Cu": (1.5, 3.0), "Zr-Zr": (1.5, 3.0), "Cu-Zr": (1.5, 3.0)}
CUTOFF = 3.0


def table(atoms, limits=LIMITS):
    """The bonds of a frame with a strength that the distance alone decides."""
    bonds = find_bonds(atoms, ELEMENTS, limits)
    return bonds.assign(predicted=-np.exp(2.5 - bonds.distance))


def compare(frames, hysteresis=0.1, limits=LIMITS, tables=None):
    tables = tables or [table(a, limits) for a in frames]
    return exchange.exchanges(tables, follow(frames), limits, hysteresis)


def numbers(bonds, frame=1):
    return {state: int(((bonds.state == state) & (bonds.frame == frame)).sum()) for state in exchange.STATES}


def solution(seed=1, size=5):
    """A cubic crystal of copper and zirconium at random, shaken a little."""
    atoms = bulk("Cu", "sc", a=2.6) * (size, size, size)
    atoms.symbols[np.random.default_rng(seed).permutation(len(atoms))[: len(atoms) // 3]] = "Zr"
    atoms.rattle(0.03, seed=seed)
    return atoms


def deformed(atoms, matrix):
    other = atoms.copy()
    other.set_cell(atoms.cell.array @ np.asarray(matrix), scale_atoms=True)
    return other


@pytest.mark.parametrize("matrix", [np.diag([1.02, 1.02, 0.95]), [[1, 0, 0], [0.06, 1, 0], [0, 0.03, 1]]])
def test_affine_strain_exchanges_nothing_and_has_no_d2min(matrix):
    frames = [solution(), deformed(solution(), matrix)]
    assert np.abs(exchange.d2min(follow(frames), 1, CUTOFF)).max() < 1e-20
    found = numbers(compare(frames))
    assert found == {"kept": len(table(frames[0])), "broken": 0, "formed": 0}


def test_strains_are_those_of_the_cell():
    frames = [solution(), deformed(solution(), np.diag([1.03, 1.03, 0.9]))]
    strain = strains(follow(frames)).iloc[1]
    assert strain[["x", "y", "z", "strain"]].to_numpy(float) == pytest.approx([0.03, 0.03, -0.1, -0.1])


def test_shear_is_a_strain_and_no_displacement():
    frames = [solution(), deformed(solution(), [[1, 0, 0], [0.04, 1, 0], [0, 0, 1]])]
    frames.append(deformed(frames[1], np.eye(3)))
    frames[2].positions[7] += [0.3, 0, 0.4]
    path = follow(frames)
    table = strains(path)
    assert table.xy.tolist() == table.strain.tolist() == pytest.approx([0, 0.04, 0.04])
    moved = mean_squares(path).set_index(["frame", "element"]).msd
    assert moved[1].max() < 1e-20
    number = len(frames[0])
    assert moved[2, "all"] == pytest.approx(0.25 * (1 / number - 1 / number**2))
    assert moved[2, frames[0].symbols[7]] > moved[2, "all"]


def pairs():
    """A pair of copper and one of copper with zirconium, far from each other."""
    return Atoms("Cu3Zr", [[1, 1, 1], [3.5, 1, 1], [1, 10, 10], [3.5, 10, 10]], cell=[20] * 3, pbc=True)


def test_a_pair_that_moves_apart_is_one_broken_bond_and_nothing_else():
    after = pairs()
    after.positions[3, 0] += 1.5
    bonds = compare([pairs(), after])
    assert numbers(bonds) == {"kept": 1, "broken": 1, "formed": 0}
    lost = bonds[bonds.state == "broken"].iloc[0]
    assert (lost.i, lost.j, lost.type) == (2, 3, "Cu-Zr")
    assert lost[["distance_before", "distance_after", "before"]].to_numpy(float) == pytest.approx(
        [2.5, 4.0, 1.0]
    )
    assert np.isnan(lost.after)


def test_a_pair_that_meets_is_one_formed_bond_and_time_turns_it_round():
    after = pairs()
    after.positions[3, 0] += 1.5
    back = compare([after, pairs()])
    assert numbers(back) == {"kept": 1, "broken": 0, "formed": 1}
    new = back[back.state == "formed"].iloc[0]
    assert np.isnan(new.before)
    assert new.after == pytest.approx(1.0)
    summary = exchange.exchange_summary(back).set_index(["type", "state"])
    assert summary.bonds["all", "kept"] == summary.bonds["Cu-Zr", "formed"] == 1
    assert summary.bonds["Cu-Zr", "broken"] == 0


def test_strength_at_equal_length():
    """Here length alone decides the strength: broken bonds are weaker than kept ones, but not than those of
    their length."""
    limits = dict.fromkeys(LIMITS, (1.5, 2.6))
    last = solution()
    last.rattle(0.3, seed=3)
    bonds = compare([solution(), last], 0.05, limits)
    table = exchange.at_equal_length(bonds, width=0.01)
    assert table.compared.sum() > 50
    assert table.broken.to_numpy() == pytest.approx(table.kept_same_length.to_numpy(), abs=0.01)
    weak = bonds.distance_before > 2.55
    bonds.loc[weak & (bonds.state == "broken"), "before"] -= 0.5
    weaker = exchange.at_equal_length(bonds, width=0.01)
    assert (weaker.broken < weaker.kept_same_length - 0.1).all()


def test_exchange_of_the_frames_exchanges_broken_and_formed():
    first, last = solution(), deformed(solution(), np.diag([1.1, 1.1, 0.8]))
    last.rattle(0.3, seed=3)
    there, back = (numbers(compare(frames)) for frames in ([first, last], [last, first]))
    assert there["broken"] == back["formed"] > 0
    assert there["formed"] == back["broken"] > 0
    assert there["kept"] + there["broken"] == len(table(first))


@pytest.mark.parametrize("size", [2, 5])
def test_wrapping_changes_nothing(size):
    """Also in a cell of two atoms' width, where a pair has several bonds."""
    first = solution(size=size)
    middle, last = deformed(first, np.diag([1.03, 1.03, 0.93])), deformed(first, np.diag([1.06, 1.06, 0.86]))
    middle.rattle(0.1, seed=1)
    last.rattle(0.25, seed=2)
    frames = [first, middle, last]
    moved = [a.copy() for a in frames]
    for n, atoms in enumerate(moved):
        whole = np.random.default_rng(n).integers(-2, 3, (len(atoms), 3))
        atoms.positions += whole @ atoms.cell.array
    whole, wrapped = compare(frames), compare(moved)
    strangers = whole[["frame", "type", "state", "distance_before", "distance_after", "before", "after"]]
    same = wrapped[strangers.columns].sort_values(list(strangers), ignore_index=True)
    pd.testing.assert_frame_equal(strangers.sort_values(list(strangers), ignore_index=True), same)
    assert numbers(whole, 2)["broken"] > 0
    assert np.allclose(*(exchange.d2min(follow(some), 2, CUTOFF) for some in (frames, moved)))


def test_crossing_the_boundary_is_no_exchange():
    first, crossed = pairs(), pairs()
    crossed.positions[:2, 0] -= 1.1  # the first atom leaves the cell
    crossed.wrap()
    tables = [table(first), table(crossed)]
    assert tables[0].tx.tolist() != tables[1].tx.tolist()
    assert numbers(compare([first, crossed])) == {"kept": 2, "broken": 0, "formed": 0}


def test_vibration_is_exchange_only_without_hysteresis():
    limits = dict.fromkeys(LIMITS, (1.5, 2.6))  # the cutoff amid the neighbours' distances
    frames = [solution()]
    for seed in range(4):
        frames.append(frames[0].copy())
        frames[-1].rattle(0.02, seed=10 + seed)
    with_it, without = compare(frames, 0.15, limits), compare(frames, 0.0, limits)
    assert not (with_it.state != "kept").any()
    assert (without.state == "broken").any()
    assert (without.state == "formed").any()


def test_a_bond_has_no_direction():
    frames = [solution(), deformed(solution(), np.diag([1.1, 1.1, 0.8]))]
    frames[1].rattle(0.3, seed=3)
    tables = [table(a) for a in frames]
    turned = [t.copy() for t in tables]
    some = np.arange(len(turned[1])) % 2 == 0
    turned[1].loc[some, ["i", "j"]] = tables[1].loc[some, ["j", "i"]].to_numpy()
    turned[1].loc[some, ["tx", "ty", "tz"]] *= -1
    pd.testing.assert_frame_equal(compare(frames, tables=turned), compare(frames, tables=tables))


def test_the_order_of_the_atoms_does_not_matter():
    frames = [solution(), deformed(solution(), np.diag([1.1, 1.1, 0.8]))]
    frames[1].rattle(0.3, seed=3)
    order = np.random.default_rng(0).permutation(len(frames[0]))
    other = [a[order] for a in frames]
    columns = ["type", "state", "distance_before", "distance_after"]
    plain, mixed = (compare(f)[columns].sort_values(columns, ignore_index=True) for f in (frames, other))
    pd.testing.assert_frame_equal(plain, mixed)
    d2min = [exchange.d2min(follow(f), 1, CUTOFF) for f in (frames, other)]
    assert np.allclose(d2min[0][order], d2min[1])


def test_d2min_of_one_moved_atom():
    """In a crystal the affine part of one moved atom is nil by symmetry: D²min is the square of its way."""
    first = bulk("Cu", "sc", a=2.6) * (5, 5, 5)
    last = first.copy()
    last.positions[62] += [0.3, 0, 0]
    d2min = exchange.d2min(follow([first, last]), 1, CUTOFF)
    assert d2min[62] == pytest.approx(0.09)
    assert (d2min > 1e-12).sum() == 7  # and its six neighbours


@pytest.mark.parametrize("matrix", [np.diag([1.05, 1.0, 0.95]), [[1, 0, 0], [0.1, 1, 0], [0, 0.05, 1]]])
def test_d2min_is_that_of_matscipy(matrix):
    first, last = solution(), deformed(solution(), matrix)
    last.rattle(0.2, seed=4)
    i, j = neighbour_list("ij", first, CUTOFF)
    _, theirs = get_D_square_min(last, first, i, j)
    ours = exchange.d2min(follow([first, last]), 1, CUTOFF)
    assert ours.min() > 1e-3
    np.testing.assert_allclose(ours * np.bincount(i), theirs, rtol=1e-9)


def test_d2min_is_open_without_enough_neighbours():
    assert np.isnan(exchange.d2min(follow([pairs(), pairs()]), 1, CUTOFF)).all()


def test_categories_partition_the_atoms_of_each_element():
    frames = [solution(), deformed(solution(), np.diag([1.1, 1.1, 0.8]))]
    frames[1].rattle(0.3, seed=3)
    bonds, trajectory = compare(frames), follow(frames)
    atoms = exchange.atom_table(table(frames[0]), trajectory, bonds, 1, CUTOFF)
    assert atoms.category.notna().all()
    counts = atoms.groupby(["element", "category"], observed=True).size()
    assert counts.groupby("element").agg(np.ptp).max() <= 1
    assert counts.sum() == len(frames[0])
    for _, some in atoms.groupby("element"):
        tops = some.groupby("category", observed=True).strength.agg(["min", "max"])
        assert (tops["max"].to_numpy()[:-1] <= tops["min"].to_numpy()[1:]).all()
    assert atoms.broken.sum() == 2 * numbers(bonds)["broken"]
    assert atoms.strength.sum() == pytest.approx(-2 * table(frames[0]).predicted.sum())
    assert len(exchange.mobility(atoms)) == 6


def test_figures_stand_what_a_small_or_unmoved_structure_gives():
    """No broken bonds, types that are absent, atoms whose D²min is zero or open."""
    for frames in (
        [solution(), solution()],
        [pairs(), pairs()],
        [solution(), deformed(solution(), np.diag([1.3, 1.3, 0.6]))],
    ):
        tables, trajectory = [table(a) for a in frames], follow(frames)
        bonds, strain = compare(frames), strains(trajectory).strain
        loading.strength_over_strain(exchange.strengths(tables), strain, [*LIMITS, "Zr-Al"])
        _, numbers = loading.exchange_over_strain(exchange.exchange_summary(bonds), strain, [*LIMITS])
        assert (numbers.fraction.dropna() >= 0).all()
        loading.exchanged_strengths(bonds[bonds.frame == 1], [*LIMITS])
        loading.mobility(exchange.atom_table(tables[0], trajectory, bonds, 1, CUTOFF), ELEMENTS)


def test_categories_of_equal_atoms_still_partition():
    assert pd.Series(exchange.categories([1.0] * 9, ["Cu"] * 9)).value_counts().tolist() == [3, 3, 3]


def test_strengths_per_frame_and_type():
    frames = [solution(), deformed(solution(), np.diag([1, 1, 0.9]))]
    tables = [table(a) for a in frames]
    result = exchange.strengths(tables)
    assert result.groupby("frame").bonds.sum().tolist() == [len(t) for t in tables]
    some = -tables[1].predicted[tables[1].type == "Cu-Zr"]
    row = result[(result.frame == 1) & (result.type == "Cu-Zr")].iloc[0]
    assert (row["mean"], row["q90"]) == (pytest.approx(some.mean()), pytest.approx(some.quantile(0.9)))


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda frames: frames[1].symbols.__setitem__(0, "Zr"), "frame 1 has other atoms"),
        (lambda frames: frames[1].set_cell(frames[1].cell.array * [1, 1, 2.0]), "cell of frame 1 jumped"),
        (lambda frames: frames.clear(), "no frames"),
    ],
)
def test_what_cannot_be_followed_is_told(change, says):
    frames = [pairs(), pairs()]
    change(frames)
    with pytest.raises(ValueError, match=says):
        follow(frames)


def test_tables_must_fit_frames_and_windows():
    frames = [pairs(), pairs()]
    with pytest.raises(ValueError, match="1 tables of bonds for 2 frames"):
        compare(frames, tables=[table(frames[0])])
    with pytest.raises(ValueError, match="no window for bonds of type Cu-Zr"):
        exchange.exchanges([table(a) for a in frames], follow(frames), {"Cu-Cu": (1, 3)})


def test_one_frame_has_no_exchange():
    bonds = compare([pairs()])
    assert bonds.empty
    assert spread(1, 21) == [0]
