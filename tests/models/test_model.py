"""A model's folder: read back it predicts the same, and a hostile one is refused in a sentence."""

import json
import os

import numpy as np
import pytest
from test_training import LIMITS, crystal, stored, train_parameters  # noqa: F401

from getl_utils.models import model, training


@pytest.fixture(scope="module", params=["linear", "published"])
def trained(request, stored):  # noqa: F811
    p = train_parameters()
    how = training.published_recipe(stored[0], p) if request.param == "published" else None
    return training.train(stored[0], p, how)[0]


def test_read_back_it_predicts_the_same(trained, tmp_path):
    model.save(tmp_path, trained)
    again = model.load(tmp_path)
    assert again.facts == trained.facts
    one, other = (m.predict(crystal(9), LIMITS) for m in (trained, again))
    for a, b in zip(one, other, strict=True):
        np.testing.assert_array_equal(a, b)


def test_the_same_training_gives_the_same_id(stored):  # noqa: F811
    p = train_parameters()
    one, other = (training.train(stored[0], p)[0].model_id for _ in range(2))
    assert one == other != training.train(stored[0], p, training.published_recipe(stored[0], p))[0].model_id


def test_no_model_names_the_stage(tmp_path):
    with pytest.raises(FileNotFoundError, match="run 05_train first"):
        model.load(tmp_path)


def spoil_arrays(change):
    def spoil(folder):
        with np.load(folder / "model.npz") as found:
            arrays = {name: found[name] for name in found.files}
        change(arrays)
        np.savez(folder / "model.npz", **arrays)

    return spoil


def spoil_facts(change):
    def spoil(folder):
        facts = json.loads((folder / "model.json").read_text())
        change(facts)
        (folder / "model.json").write_text(json.dumps(facts))

    return spoil


def nan(arrays):
    arrays["Ni-Ni/weights"] = arrays["Ni-Ni/weights"] * np.nan


def shorter(arrays):
    arrays["Ni-Ni/weights"] = arrays["Ni-Ni/weights"][:-1]


def special(name, make):
    def spoil(folder):
        (folder / name).unlink()
        make(folder / name)

    return spoil


def zeros(path):
    path.symlink_to("/dev/zero")


HOSTILE = {
    "an array is missing": (spoil_arrays(lambda a: a.pop("Ni-Ni/weights")), "belong"),
    "NaN": (spoil_arrays(nan), "NaN"),
    "another shape": (spoil_arrays(shorter), "train"),
    "an old format": (spoil_facts(lambda f: f.update(format=3)), "model format 3, this version reads 4"),
    "a list": (lambda folder: (folder / "model.json").write_text("[]"), "model format None"),
    "a window of a billion": (spoil_facts(lambda f: f["types"]["Ni-Ni"].update(window=[2, 1e9])), "window"),
    "an empty window": (spoil_facts(lambda f: f["types"]["Ni-Ni"].update(window=[3, 3])), "smaller"),
    "a cutoff of a billion": (spoil_facts(lambda f: f["descriptor"].update(cutoff=1e9)), "descriptor"),
    "a cutoff that is none": (
        spoil_facts(lambda f: f["descriptor"].update(cutoff=float("nan"))),
        "descriptor",
    ),
    "many channels": (spoil_facts(lambda f: f["descriptor"].update(l_max=10**6)), "descriptor"),
    "another element": (spoil_facts(lambda f: f.update(elements=["Ti", "Xx"])), "element"),
    "a foreign type": (spoil_facts(lambda f: f["types"].update({"Zr-Zr": f["types"]["Ni-Ni"]})), "Zr-Zr"),
    "no types": (spoil_facts(lambda f: f.update(types={})), "types"),
    "text for a number": (spoil_facts(lambda f: f["types"]["Ni-Ni"].update(n_bonds="many")), "n_bonds"),
    "infinity": (spoil_facts(lambda f: f["types"]["Ni-Ni"].update(limit=float("inf"))), "limit"),
    "an unknown fact": (spoil_facts(lambda f: f.update(code="import os")), "code"),
    "a path as id": (spoil_facts(lambda f: f.update(database="../../etc")), "database"),
    "not JSON": (lambda folder: (folder / "model.json").write_text("{"), "not valid JSON"),
    "a pipe for the arrays": (special("model.npz", os.mkfifo), "model.npz is not a regular file"),
    "a pipe for the facts": (special("model.json", os.mkfifo), "model.json is not a regular file"),
    "endless arrays": (special("model.npz", zeros), "model.npz is not a regular file"),
    "endless facts": (special("model.json", zeros), "model.json is not a regular file"),
    "large facts": (lambda folder: os.truncate(folder / "model.json", 10**9), "is larger than"),
    "no archive": (lambda folder: (folder / "model.npz").write_bytes(b"PK nothing"), "model.npz"),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_a_hostile_model_is_refused(trained, tmp_path, case):
    spoil, says = HOSTILE[case]
    model.save(tmp_path, trained)
    spoil(tmp_path)
    with pytest.raises(ValueError, match=says):
        model.load(tmp_path)


def test_an_object_in_an_array_is_not_loaded(trained, tmp_path):
    model.save(tmp_path, trained)
    spoil_arrays(lambda a: a.update(code=np.array([print], dtype=object)))(tmp_path)
    with pytest.raises(ValueError, match=r"[Oo]bject"):
        model.load(tmp_path)
