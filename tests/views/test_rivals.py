"""Figures of models side by side."""

import numpy as np
import pandas as pd
import pytest

from getl_utils.views import rivals

TYPES = ["Zr-Zr", "Zr-Cu"]


def test_ratios_have_a_dot_for_each_composition_and_a_bar_for_the_mean():
    table = pd.DataFrame(
        {"type": ["Zr-Zr", "Zr-Zr", "Zr-Cu"], "left_out": list("aba"), "graph": [0.2, 0.4, 0.3]}
    ).assign(linear=[0.1, np.nan, 0.5])
    figure, means = rivals.ratios(table, {"graph": "network", "linear": "linear model"}, TYPES)
    assert means.graph.to_dict() == pytest.approx({"Zr-Zr": 0.3, "Zr-Cu": 0.3})
    (panel,) = figure.axes
    dots = sorted(y for line in panel.lines if line.get_marker() == "." for y in line.get_ydata())
    assert dots == [0.1, 0.2, 0.3, 0.4, 0.5]
    assert {t.get_text() for t in panel.get_legend().get_texts()} == {"network", "linear model"}


def test_sizes_have_a_line_for_each_width_and_one_for_the_linear_model():
    table = pd.DataFrame({"cells": [4, 8] * 4, "width": [8, 8, 16, 16] * 2, "type": np.repeat(TYPES, 4)})
    table = table.assign(graph=1.0 / table.cells, linear=0.5 / table.cells)
    figure, same = rivals.sizes(table, TYPES)
    assert len(same) == 8
    assert [len(panel.lines) for panel in figure.axes] == [3, 3]
    assert figure.axes[0].lines[2].get_ydata() == pytest.approx([0.125, 0.0625])


def test_changes_are_parts_of_the_network_unchanged():
    table = pd.DataFrame({"changed": ["the model", "depth 1"] * 2, "type": np.repeat(TYPES, 2)})
    _, ratio = rivals.changes(table.assign(graph=[0.2, 0.3, 0.4, 0.4]), TYPES)
    assert ratio.loc["depth 1"].to_dict() == pytest.approx({"Zr-Zr": 1.5, "Zr-Cu": 1.0})
