"""The style of the figures: files beside each other, ticks that can be read, histograms of few values."""

import itertools

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest

from getl_utils.core.workdir import WorkDir
from getl_utils.views import style

NUMBERS = pd.DataFrame({"x": [1.0, 2.0], "y": [3.0, 4.0]})


def drawing():
    figure, (panel,) = style.axes()
    panel.plot(NUMBERS.x, NUMBERS.y, label="a line")
    style.legend(panel)
    return figure, NUMBERS


def test_a_saved_figure_is_a_picture_vectors_and_numbers_and_the_same_each_time(tmp_path):
    first = [style.save(*drawing(), tmp_path / name / "a-0.5-1.08", "a note") for name in "ab"]
    assert len(first) == 2
    assert sorted(f.name for f in (tmp_path / "a").iterdir()) == [
        f"a-0.5-1.08.{kind}" for kind in ("csv", "png", "svg")
    ]
    for kind in ("csv", "png", "svg"):
        one, two = ((tmp_path / name / f"a-0.5-1.08.{kind}").read_bytes() for name in "ab")
        assert one == two
    assert "a note" in (tmp_path / "a" / "a-0.5-1.08.svg").read_text()  # text stays text
    assert len(pd.read_csv(tmp_path / "a" / "a-0.5-1.08.csv")) == len(NUMBERS)


def test_a_gallery_keeps_what_it_shows(tmp_path):
    show = style.Gallery(WorkDir(tmp_path), "02_extract", "preview")
    figure = show("line", drawing())
    assert figure.texts[0].get_text() == "preview"
    assert sorted(f.name for f in (tmp_path / "figures/02_extract").iterdir()) == [
        "line.csv",
        "line.png",
        "line.svg",
    ]


def test_the_style_does_not_leak():
    before = dict(mpl.rcParams)
    drawing()
    assert dict(mpl.rcParams) == before


def test_ticks_at_given_values_do_not_run_into_each_other():
    figure, (panel,) = style.axes(width=3.2)
    panel.plot([25, 50, 100, 200, 247], [1, 2, 3, 4, 5])
    panel.set_xscale("log")
    style.log_ticks(panel.xaxis, [25, 50, 100, 200, 247])
    figure.canvas.draw()
    labels = [t for t in panel.get_xticklabels() if t.get_text()]
    assert [t.get_text() for t in labels] == ["247", "100", "50", "25"]
    boxes = sorted((t.get_window_extent() for t in labels), key=lambda box: box.x0)
    assert all(one.x1 < two.x0 for one, two in itertools.pairwise(boxes))


def test_a_group_of_few_values_is_drawn_value_by_value():
    random = np.random.default_rng(0)
    groups = {"many": random.normal(size=400), "few": np.array([0.1, 0.2, 0.3]), "none": np.empty(0)}
    _, (panel,) = style.axes()
    table = style.histograms(panel, groups, {name: {"color": "k"} for name in groups})
    assert table[table.group == "few"].strength.tolist() == [0.1, 0.2, 0.3]
    assert table[table.group == "few"].density.isna().all()
    many = table[table.group == "many"]
    assert len(many) == 40
    assert np.sum(many.density) * np.ptp(many.strength) / (len(many) - 1) == pytest.approx(1)
    assert "none" not in set(table.group)
    assert list(panel.get_legend_handles_labels()[1]) == ["many (400)", "few (3)"]


def test_amounts_are_dark_where_large():
    shades = style.AMOUNTS(np.linspace(0, 1, 5))[:, :3]
    assert (np.diff(shades[:, 0]) < 0).all()
    assert np.ptp(shades, axis=1).max() < 1e-9  # grey: no colour of an element
