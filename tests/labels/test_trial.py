"""Shipped labels made once more. By GPAW, two minutes: notebook 01, which asserts that they are the same."""

import numpy as np
import pytest
from conftest import REPOSITORY

from getl_utils.core.record import read_json
from getl_utils.labels import engine as engines
from getl_utils.labels import trial
from getl_utils.models import agreement

CELLS = sorted((REPOSITORY / "data_examples/small_cells").glob("*/cell.xyz"))
XTB = engines.get("xtb").missing()


def test_the_best_engine_that_is_installed_is_taken(monkeypatch):
    there = {"gpaw": "not installed", "xtb": None}
    monkeypatch.setattr(engines, "get", lambda name: type("E", (), {"missing": lambda self: there[name]})())
    assert trial.engine_here() == "xtb"
    there["gpaw"] = None
    assert trial.engine_here() == "gpaw"
    there.update(gpaw="not installed", xtb="not installed")
    assert trial.engine_here() == ""


def test_there_are_two_small_cells_with_a_label_of_dft():
    assert len(CELLS) >= 2
    for cell in CELLS:
        record = read_json(cell.parent / "label.json")
        assert (record["engine"], record["status"]) == ("gpaw", "DONE")
        assert record["n_bonds"] == len(trial.shipped(cell.parent)) > 50


@pytest.mark.skipif(XTB is not None, reason=str(XTB))
@pytest.mark.parametrize("cell", CELLS, ids=lambda c: c.parent.name)
def test_by_xtb_every_small_cell_has_the_same_bonds_with_other_numbers(cell, tmp_path):
    """As on a machine without GPAW: no label fails, and none is taken for DFT."""
    ours, theirs = trial.again(cell.parent, tmp_path / "label", "xtb"), trial.shipped(cell.parent)
    both = agreement.match(ours, theirs)
    assert len(both) > 50
    assert np.isfinite(both.ours).all()
    assert (both.ours - both.theirs).abs().max() > 0.1


def test_a_label_that_fails_is_an_error(tmp_path, monkeypatch):
    failed = {"status": "SCF_NOT_CONVERGED", "reason": "250 iterations"}
    monkeypatch.setattr(trial, "label_structure", lambda *_: failed)
    with pytest.raises(RuntimeError, match="by xtb: SCF_NOT_CONVERGED: 250 iterations"):
        trial.again(CELLS[0].parent, tmp_path, "xtb")
