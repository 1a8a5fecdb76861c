"""Figures of spectra: what is drawn is what the table beside it says."""

import numpy as np
import pandas as pd
from matplotlib.colors import to_rgb

from getl_utils.labels.optics import colour
from getl_utils.views import optics

GREY, RED = 0.5 * colour.white(), np.array([0.4124, 0.2126, 0.0193])


def test_elements_stand_in_their_places_in_their_colours():
    figure, numbers = optics.periodic_table({"Cu": RED, "Au": GREY})
    first, second = figure.axes[0].patches
    assert [round(v) for v in (*first.get_xy(), *second.get_xy())] == [
        10,
        3,
        10,
        5,
    ]  # group 11, periods 4 and 6
    assert np.allclose(to_rgb(first.get_facecolor()[:3]), [1, 0, 0], atol=0.02)
    assert numbers.element.tolist() == ["Cu", "Au"]
    assert numbers.b.tolist()[1] == 0


def test_swatches_leave_out_what_is_not_known():
    figure, numbers = optics.swatches({"Cu": {"measured": RED, "calculated": GREY}, "Ag": {"measured": GREY}})
    assert len(figure.axes[0].patches) == len(numbers) == 3


def test_reflectivities_keep_both_tables():
    one = pd.DataFrame({"metal": ["Cu", "Cu"], "energy": [1.0, 2.0], "reflectivity": [0.9, 0.5]})
    figure, numbers = optics.reflectivities(one, one.head(1))
    assert numbers.what.tolist() == ["calculated", "calculated", "measured"]
    assert len(figure.axes[0].lines) == 2


def test_predicted_elements_stand_in_brackets():
    figure, numbers = optics.periodic_table({"Cu": RED}, {"Au": GREY, "Cu": GREY})
    assert {text.get_text() for text in figure.axes[0].texts} == {"(Au)", "Cu"}
    assert numbers.set_index("element").predicted.to_dict() == {"Au": True, "Cu": False}


def test_counts_stand_in_the_places_of_the_elements():
    figure, numbers = optics.counts({"Al": 4, "Zr": 1})
    assert [text.get_text() for text in figure.axes[0].texts] == ["Al\n4", "Zr\n1"]
    assert numbers.crystals.tolist() == [4, 1]


def test_a_learning_curve_is_the_mean_over_the_orders():
    curves = pd.DataFrame({"n": [4, 4, 8, 8], "missed": [0.4, 0.6, 0.2, 0.4]})
    figure, numbers = optics.learning(curves, {"missed": "missed"})
    assert numbers["mean"].round(6).tolist() == [0.5, 0.3]
    assert len(figure.axes) == 1
