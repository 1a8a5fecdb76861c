"""The contest of indicators: areas by counting pairs, indicators that are planted, and glasses that are left
out."""

import numpy as np
import pandas as pd
import pytest

from getl_utils.inference import contest, regression

INDICATORS = {"element alone": [], "planted": ["planted"], "noise": ["noise"], "both": ["planted", "noise"]}


@pytest.fixture(scope="module")
def atoms():
    """Five glasses; in both elements atoms with a small `planted` value move more."""
    random, some = np.random.default_rng(3), []
    for glass in range(1, 6):
        table = pd.DataFrame({"glass": glass, "element": ["Cu", "Zr"] * 300})
        table["planted"] = random.normal(size=600) + 5 * (table.element == "Zr")
        table["noise"] = random.normal(size=600)
        own = table.planted - 5 * (table.element == "Zr")
        table["moved"] = np.exp(-own + random.normal(size=600) + (table.element == "Cu"))
        some.append(table)
    return pd.concat(some, ignore_index=True)


@pytest.fixture(scope="module")
def areas(atoms):
    return contest.contest(atoms, ["moved"], INDICATORS)


def test_the_area_is_the_part_of_pairs_in_the_right_order():
    random = np.random.default_rng(1)
    score, chosen = random.integers(0, 6, 80).astype(float), random.random(80) < 0.2
    pairs = np.subtract.outer(score[chosen], score[~chosen])
    assert contest.area(score, chosen) == pytest.approx((pairs > 0).mean() + (pairs == 0).mean() / 2)
    assert np.isnan(contest.area(score, np.zeros(80, bool)))


def test_the_largest_are_chosen():
    assert contest.largest(np.arange(100)).sum() == 5
    assert contest.largest(np.arange(100))[-5:].all()
    counts = np.array([0] * 90 + [1] * 6 + [2] * 4)
    assert contest.largest(counts).tolist() == (counts == 2).tolist()  # ones would be too many


def test_a_planted_indicator_is_found_and_noise_is_not(areas):
    table = contest.summary(areas).set_index(["atoms", "indicator"])
    assert len(table) == 3 * len(INDICATORS)
    assert (table.number == 5).all()
    for element in ("Cu", "Zr"):
        assert table.low[element, "planted"] > 0.75
        assert table.low[element, "noise"] < 0.5 < table.high[element, "noise"]
        assert table["mean"][element, "element alone"] == 0.5
    assert 0.55 < table["mean"]["all", "element alone"] < table["mean"]["all", "planted"]
    more = contest.gain(areas, "both", "noise").set_index("atoms")
    assert (more.low > 0.1).all()
    nothing = contest.gain(areas, "both", "planted")
    assert nothing["mean"].abs().max() < 0.02


def test_the_sign_comes_from_the_other_glasses(atoms, areas):
    turned = contest.contest(atoms.assign(planted=-atoms.planted), ["moved"], {"planted": ["planted"]})
    same = areas[areas.indicator == "planted"].reset_index(drop=True)
    pd.testing.assert_frame_equal(turned, same)


def test_a_glass_does_not_see_its_own_outcome(atoms):
    chosen = atoms.groupby("glass").moved.transform(contest.largest).to_numpy(bool)
    own = (atoms.glass == 3).to_numpy()
    sheet = contest.design(atoms, ["planted"]).to_numpy()
    one, two = (contest.scores(sheet, some, atoms.glass.to_numpy()) for some in (chosen, chosen ^ own))
    assert one[own].tolist() == two[own].tolist()
    assert not np.allclose(one[~own], two[~own])


def test_sets_of_indicators_are_named(atoms):
    table = atoms.assign(energy=0.0)
    named = contest.indicators(table)
    assert named["element"] == []
    assert named["strength around"] == ["strength_around"]
    assert set(named["everything"]) == set(named["all bonds"]) | set(named["geometry + energy"])
    assert not set(named["all geometry"]) & set(named["all bonds"])
    assert not any("energy" in name for name in contest.indicators(atoms))


def test_an_outcome_that_nobody_has_gives_no_area(atoms):
    table = contest.contest(atoms.assign(exchanged=0), ["exchanged"], {"noise": ["noise"]})
    assert table.auc.isna().all()
    assert contest.summary(table)["mean"].isna().all()
    assert (contest.summary(table).number == 0).all()


def test_interval_is_students():
    values = [0.60, 0.66, 0.63, 0.70, 0.61]
    found = contest.interval(values)
    assert found.high - found.low == pytest.approx(2 * 2.776445 * np.std(values, ddof=1) / np.sqrt(5))


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda t: t[t.glass == 1], "two glasses or more"),
        (lambda t: t.drop(columns="noise"), "no column noise"),
    ],
)
def test_what_cannot_be_judged_is_told(atoms, change, says):
    with pytest.raises(ValueError, match=says):
        contest.contest(change(atoms), ["moved"], INDICATORS)


def test_a_regression_on_vectors_finds_what_is_planted_and_only_that(atoms):
    random = np.random.default_rng(8)
    vectors = random.normal(size=(len(atoms), 12))
    vectors[:, 3] += 3 * atoms.planted
    found = regression.regression(vectors, atoms, "moved")
    judged = contest.contest(
        atoms.assign(found=found), ["moved"], {"found": ["found"], "planted": ["planted"]}
    )
    mean = contest.summary(judged).set_index(["atoms", "indicator"])["mean"]
    for element in ("Cu", "Zr"):
        assert mean[element, "found"] > mean[element, "planted"] - 0.08
    blind = regression.regression(random.normal(size=(len(atoms), 12)), atoms, "moved")
    areas = contest.contest(atoms.assign(found=blind), ["moved"], {"found": ["found"]})
    assert areas[areas["atoms"] == "Cu"].auc.mean() == pytest.approx(0.5, abs=0.08)


def test_a_regression_has_not_seen_the_glass_that_it_scores(atoms):
    vectors = np.random.default_rng(8).normal(size=(len(atoms), 5))
    before = regression.regression(vectors, atoms, "moved")
    other = atoms.copy()
    other.loc[other.glass == 2, "moved"] = other.moved[other.glass == 2].to_numpy()[::-1]
    after = regression.regression(vectors, other, "moved")
    assert after[atoms.glass == 2] == pytest.approx(before[atoms.glass == 2])
    assert not np.allclose(after[atoms.glass == 3], before[atoms.glass == 3])
    with pytest.raises(ValueError, match="three or more"):
        regression.regression(vectors[:600], atoms[:600], "moved")
