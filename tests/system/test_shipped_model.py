"""The model that ships in data_examples/models: it may predict without exception, and its card names it."""

import numpy as np
import pytest
from conftest import REPOSITORY

from getl_utils.cli.prediction import default_model
from getl_utils.core import cells
from getl_utils.inference import predictor
from getl_utils.models import agreement, model
from getl_utils.ops import release

FOLDERS = sorted(
    path.parent
    for pattern in ("models/*", "*/model")
    for path in (REPOSITORY / "data_examples").glob(f"{pattern}/model.json")
)
DATA = REPOSITORY / "data_examples/zrcual"


def test_a_model_ships():
    assert FOLDERS


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda f: f"{f.parent.name}-{f.name}")
def test_all_its_checks_passed_and_its_card_names_it(folder):
    assert release.require(folder) == {}
    assert f"`{model.load(folder).model_id}`" in (folder / "README.md").read_text()


def test_every_model_of_the_data_set_says_of_which_projection_its_labels_are():
    said = {folder.parent.name: model.load(folder).facts.projection for folder in FOLDERS}
    assert said["zrcual"] == "lobster"
    assert said["models"] == "full"


def test_it_is_the_default_for_its_elements():
    assert default_model(["Zr", "Cu"]).name == "zr-cu-al"
    with pytest.raises(ValueError, match="no shipped model knows Ni Ti"):
        default_model(["Ni", "Ti"])


def test_it_gives_the_labels_it_learned_from():
    trained = model.load(REPOSITORY / "data_examples/models/zr-cu-al")
    atoms = cells.read(DATA / "cells/Zr49Cu49Al2/1/0.xyz")
    labels = agreement.read(DATA / "labels/Zr49Cu49Al2/1/0/ICOHPLIST.lobster", atoms)
    found = predictor.predict(trained, atoms, predictor.windows(trained, {}))
    both = labels.merge(found, on=["i", "j", "tx", "ty", "tz"])
    assert len(both) == len(labels) == 753
    assert np.sqrt(np.mean((both.icohp - both.predicted) ** 2)) < 0.06
