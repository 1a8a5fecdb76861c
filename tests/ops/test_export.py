"""Exported folders describe themselves, and the code reads them as before."""

import json
import shutil

import numpy as np
import pandas as pd
import pytest
from conftest import REPOSITORY
from rocrate.rocrate import ROCrate

from getl_utils import cli
from getl_utils.core import cells, parameters
from getl_utils.core.cells import CellKey
from getl_utils.core.record import read_json, write_json
from getl_utils.core.workdir import WorkDir
from getl_utils.etl import extract
from getl_utils.inference import predictor
from getl_utils.models import model
from getl_utils.ops import export, package

MODEL = REPOSITORY / "data_examples/models/zr-cu-al"
DATA = REPOSITORY / "data_examples/zrcual"
WHO = ["Ada Example, 0000-0002-1825-0097", "A Group"]


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    folder = tmp_path_factory.mktemp("exported")
    export.export(MODEL, folder / "model", WHO, "MIT", ["https://doi.org/10.1/data"])
    export.export(DATA, folder / "data", WHO, "CC-BY-4.0")
    return folder


@pytest.mark.parametrize("name", ["model", "data"])
def test_every_file_is_described_with_its_checksum(exported, name):
    assert export.damaged(exported / name) == []
    crate = ROCrate(exported / name)
    files = [e for e in crate.data_entities if e.type == "File"]
    there = [p for p in (exported / name).rglob("*") if p.is_file() and p.name != export.METADATA]
    assert len(files) == len(there) > 3
    assert all(f["description"] and f["encodingFormat"] != "application/octet-stream" for f in files)
    root = crate.root_dataset
    assert [person["name"] for person in root["author"]] == ["Ada Example", "A Group"]
    assert root["author"][0].id == "https://orcid.org/0000-0002-1825-0097"
    (quantity,) = root["variableMeasured"]
    assert quantity["unitText"] == "eV"
    assert (root["license"]["name"] == "MIT") == (name == "model")


def test_the_numbers_are_those_of_the_records(exported):
    facts = {f["name"]: f["value"] for f in ROCrate(exported / "data").root_dataset["additionalProperty"]}
    assert (
        facts["labelled bonds"]
        == 46943
        == sum(read_json(path)["n_bonds"] for path in DATA.rglob("label.json"))
    )
    assert facts["cells"] == 55
    root = ROCrate(exported / "model").root_dataset
    facts = {f["name"]: f["value"] for f in root["additionalProperty"]}
    assert facts["model_id"] == root["version"] == read_json(MODEL / "model.json")["model_id"]
    assert [one.id for one in root["isBasedOn"]] == ["https://doi.org/10.1/data"]


def test_every_kind_of_model_has_a_name():
    assert set(package.KINDS) == set(model.KINDS)


def test_the_exported_model_predicts_the_same(exported, tmp_path, capsys):
    cell = DATA / "cells/Zr49Cu49Al2/1/0.xyz"
    words = ["predict", str(cell), "--out", str(tmp_path / "bonds"), "--model", str(exported / "model")]
    assert cli.main(words) == 0
    capsys.readouterr()
    found, trained = pd.read_parquet(tmp_path / "bonds/0/1_0.parquet"), model.load(MODEL)
    ours = predictor.predict(trained, cells.read(cell), predictor.windows(trained, {}))
    np.testing.assert_allclose(found.predicted, ours.predicted)


def test_02_reads_the_exported_data_set(exported, tmp_path):
    p = parameters.for_stage("02_extract", parameters.read(REPOSITORY / "parameters/example.yaml"))
    keys = [CellKey("Zr49Cu49Al2", 1, 0), CellKey("Zr45Cu45Al10", 2, 12)]
    tables = [
        extract.extract(WorkDir(tmp_path / root.name), keys, [root], p.cutoff).bonds
        for root in (DATA, exported / "data")
    ]
    pd.testing.assert_frame_equal(*tables)
    assert len(tables[0]) > 1000


@pytest.mark.parametrize("spoil", ["change", "remove", "add"])
def test_a_folder_that_was_changed_is_told(exported, tmp_path, spoil):
    copy = tmp_path / "copy"
    shutil.copytree(exported / "model", copy)
    if spoil == "change":
        (copy / "README.md").write_text("other")
    elif spoil == "remove":
        (copy / "checks.json").unlink()
    else:
        (copy / "more.txt").touch()
    (line,) = export.damaged(copy)
    assert {"change": "checksum differs", "remove": "is gone", "add": "not described"}[spoil] in line


def test_what_cannot_be_exported_is_one_sentence_and_leaves_nothing(exported, tmp_path):
    with pytest.raises(FileExistsError, match="name a new folder"):
        export.export(MODEL, exported / "model", WHO, "MIT")
    with pytest.raises(ValueError, match="neither a model nor a packed data set"):
        export.export(tmp_path, tmp_path / "out", WHO, "MIT")
    with pytest.raises(ValueError, match="name the authors"):
        export.export(MODEL, tmp_path / "out", [" "], "MIT")
    copy = tmp_path / "data"
    for name in ("manifest.json", "cells/Zr49Cu49Al2/1/0.xyz"):
        (copy / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(DATA / name, copy / name)
    manifest = read_json(copy / "manifest.json")
    write_json(copy / "manifest.json", manifest | {"files": {"cells/Zr49Cu49Al2/1/0.xyz": "0"}})
    with pytest.raises(ValueError, match=r"0\.xyz is not as manifest\.json says"):
        export.export(copy, tmp_path / "out", WHO, "MIT")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data"]


def test_the_command(tmp_path, capsys):
    words = [
        "export",
        str(MODEL),
        "--out",
        str(tmp_path / "crate"),
        "--author",
        "A Group",
        "--licence",
        "MIT",
    ]
    assert cli.main(words) == 0
    assert "4 files in" in capsys.readouterr().out
    assert json.loads((tmp_path / "crate" / export.METADATA).read_text())["@graph"]
