"""A slab of which one half slides: the band is found where it is, and drawn."""

import numpy as np
import pandas as pd
import pytest
from ase.build import bulk

from getl_utils.core.workdir import resolve
from getl_utils.inference import band, predictor
from getl_utils.models import model
from getl_utils.views import band as pictures

pytest.importorskip("pyscal3", reason="pyscal3 is not installed: a shear band NOT CHECKED")


@pytest.fixture(scope="module")
def followed():
    """CuZr, whose upper half moves by 1.5 Å along z against the lower one, in two steps."""
    trained = model.load(resolve("data_examples/models/zr-cu-al"))
    first = bulk("CuZr", "cesiumchloride", a=3.25) * (4, 8, 4)
    first.rattle(0.02, seed=1)
    first.wrap()
    frames = []
    for way in (0.0, 0.7, 1.5):
        atoms = first.copy()
        atoms.positions[first.positions[:, 1] > 13, 2] += way
        atoms.set_cell(first.cell.array * [1 + 0.01 * way, 1, 1], scale_atoms=True)
        atoms.wrap()
        frames.append(atoms)
    return first, band.follow(frames, trained, predictor.windows(trained, {}), side=3.25)


def test_means_are_those_of_the_atoms(followed):
    first, table = followed
    assert table.frame.nunique() == 3
    assert table[table.frame == 0].atoms.sum() == len(first)
    start = table[table.frame == 0]
    assert start.d2min.max() < 1e-12
    assert start.exchanged.max() == 0
    assert (start.x * start.atoms).sum() == pytest.approx(first.positions[:, 0].sum())
    assert (start.strength > 0).all()
    assert (start.excess * start.atoms).sum() == pytest.approx(0, abs=1e-6)
    between = table.groupby("frame").icosahedron.agg(lambda column: column.isna().all())
    assert between.tolist() == [False, True, False]


def test_the_band_is_where_the_halves_meet(followed):
    _, table = followed
    inside = band.sheared(table, limit=0.1)
    there = table[(table.frame == 0) & table.column.isin(inside)]
    away = np.minimum(np.abs(there.y - 13), np.minimum(there.y, 26 - there.y).abs())
    assert len(there)
    assert away.max() < 3.3
    means = band.inside_and_outside(table, inside).set_index(["frame", "inside"])
    assert means.exchanged[2, True] > means.exchanged[2, False]
    assert means.atoms.groupby("frame").sum().tolist() == [len(followed[0])] * 3
    whole = table[table.frame == 2]
    assert (means.strength * means.atoms)[2].sum() == pytest.approx((whole.strength * whole.atoms).sum())


def test_a_single_frame_is_told(followed):
    trained = model.load(resolve("data_examples/models/zr-cu-al"))
    with pytest.raises(ValueError, match="one"):
        band.follow([followed[0]], trained, predictor.windows(trained, {}))


def test_a_damaged_frame_is_told(followed):
    trained = model.load(resolve("data_examples/models/zr-cu-al"))
    frames = [followed[0], ValueError("frame 2 is cut off")]
    with pytest.raises(ValueError, match="cut off"):
        band.follow(frames, trained, predictor.windows(trained, {}))


def test_the_film_has_the_frames(followed, tmp_path):
    from PIL import Image

    _, table = followed
    stress = pd.DataFrame({"strain": [0, 0.015], "stress": [0, 2.0]})
    pictures.film(table, stress, tmp_path / "a.gif")
    assert Image.open(tmp_path / "a.gif").n_frames == 2
    _, drawn = pictures.scene(table, stress)
    assert set(drawn.frame) == {2}
    first = table[table.frame == 0].set_index("column").strength
    assert drawn.weaker.to_numpy() == pytest.approx((drawn.column.map(first) - drawn.strength).to_numpy())
    _, three = pictures.stages(table, [0.0, 0.008, 0.02])
    assert set(three.frame) == {0, 1, 2}
    _, shown = pictures.inside_and_outside(band.inside_and_outside(table, band.sheared(table, 0.1)))
    assert set(shown.inside) == {True, False}
