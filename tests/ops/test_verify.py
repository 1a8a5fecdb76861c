"""What is damaged or gone is found, and made again alone."""

import io
import shutil

import pandas as pd
import pytest
from small import LIMITS, Standin

from getl_utils import cli
from getl_utils.core.cells import CellKey
from getl_utils.core.parameters import STAGES, for_stage
from getl_utils.core.record import read_json, write_json
from getl_utils.inference import predictor, storing, streaming
from getl_utils.labels import label
from getl_utils.models import model
from getl_utils.ops import provenance, verify

FIRST = "1_0.json"


DAMAGES = {
    "labels/Ti27Ni27/1/7/ICOHPLIST.lobster": "labels/Ti27Ni27/1/7/label.json",
    "quench/Ti27Ni27/2/final.dump": "quench/Ti27Ni27/2/quench.json",
    "bonds.parquet": "bonds.json",
    "clusters.parquet": "bonds.json",
    "descriptors/Ti27Ni27/1/7.npz": "descriptors/Ti27Ni27/1/7.json",
    "database/all/soap.npy": "database/all/database.json",
    "model/model.npz": "model/model.json",
    "predictions/glass/2_0.parquet": "predictions/glass/2_0.json",
}


@pytest.mark.parametrize("spoilt", DAMAGES)
def test_one_flipped_bit_is_found_and_only_that_result_taken_away(small, spoilt, capsys):
    work, _ = small
    path = work.path / spoilt
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    before = set(work.path.rglob("*.json"))
    assert cli.main(["verify", str(work.path)]) == 1
    assert path.name in capsys.readouterr().out
    assert cli.main(["verify", str(work.path), "--repair"]) == 1
    gone = {p.relative_to(work.path).as_posix() for p in before - set(work.path.rglob("*.json"))}
    assert gone - {"model/checks.json"} == {DAMAGES[spoilt]}
    assert cli.main(["verify", str(work.path)]) == 0


def test_verify_fails_where_nothing_was_run(tmp_path, capsys):
    assert cli.main(["verify", str(tmp_path / "typo")]) == 1
    assert "typo is not there" in capsys.readouterr().err
    assert cli.main(["verify", str(tmp_path)]) == 1
    assert "holds no results" in capsys.readouterr().err


GONE = {
    "quench/Ti27Ni27/2": "01_generate",
    "labels/Ti27Ni27/1/7": "01_generate",
    "cells/Ti27Ni27/1/0.xyz": "01_generate",
    "bonds.parquet": "02_extract",
    "descriptors/Ti27Ni27/1": "03_transform",
    "database/all": "04_load",
    "model": "05_train",
    "predictions/glass/1_0.json": "06_inference",
    "predictions": "06_inference",
}


@pytest.mark.parametrize("gone", GONE)
def test_verify_fails_on_what_a_stage_had_made_and_is_gone(small, gone, capsys):
    work, values = small
    write_json(work.path / "parameters/all.yaml", values)
    for name in ("metrics.json", "validation.csv"):
        (work.model / name).touch()
    (work.path / "status.csv").touch()
    frames = [{"structure": "glass", "frame": n, "step": 0, "error": ""} for n in (1, 2)]
    storing.write_summary(work.path / "predictions", frames)
    for stage in STAGES:
        work.complete(stage, databases=["all"])
    assert verify.report(work) == []
    path = work.path / gone
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    assert cli.main(["verify", str(work.path)]) == 1
    assert f"gone ({GONE[gone]} had made it)" in capsys.readouterr().out
    assert cli.main(["verify", str(work.path), "--repair"]) == 1
    assert not work.mark(GONE[gone]).exists()


def test_a_damaged_label_is_computed_again_and_is_the_same(small, monkeypatch):
    work, values = small
    p, key = for_stage("01_generate", values), CellKey("Ti27Ni27", 1, 7)
    monkeypatch.setattr("getl_utils.labels.engine.get", lambda name: Standin())
    records = {f: f.stat().st_mtime_ns for f in work.path.rglob("label.json")}
    path = work.label(*key) / "ICOHPLIST.lobster"
    whole = path.read_bytes()
    path.write_bytes(whole.replace(b"-1.", b"-2.", 1))
    assert verify.repair(work, p)
    for one in records:
        label.label_one(work, CellKey(one.parts[-4], int(one.parts[-3]), int(one.parts[-2])), p)
    assert path.read_bytes() == whole
    assert [f for f in records if f.stat().st_mtime_ns != records[f]] == [work.label(*key) / "label.json"]


def test_a_damaged_cell_is_cut_again_and_its_label_stays(small):
    work, values = small
    cell = work.cell("Ti27Ni27", 2, 7)
    whole = cell.read_bytes()
    cell.write_bytes(whole.replace(b"Ti ", b"Ni ", 1))
    assert "is the labelled one" in verify.repair(work, for_stage("01_generate", values))[0]
    assert cell.read_bytes() == whole
    record = work.label("Ti27Ni27", 2, 7) / "label.json"
    assert record.stat().st_mtime_ns > cell.stat().st_mtime_ns
    assert not list(verify.damages(work))


def test_a_damaged_frame_alone_is_predicted_again(small):
    work, _ = small
    folder, trained = work.predictions("glass"), model.load(work.model)
    before = {f: (f.read_bytes(), f.stat().st_mtime_ns) for f in folder.glob("*.parquet")}
    (folder / "2_0.parquet").write_bytes(b"x")
    limits = predictor.windows(trained, LIMITS)
    streaming.predict_file(trained, work.path / "glass.xyz", folder, limits, "all", True, sigma=True)
    pd.testing.assert_frame_equal(
        pd.read_parquet(folder / "2_0.parquet"),
        pd.read_parquet(io.BytesIO(before[folder / "2_0.parquet"][0])),
    )
    assert (folder / "1_0.parquet").stat().st_mtime_ns == before[folder / "1_0.parquet"][1]


def test_a_record_names_no_file_outside_its_folder(small):
    work, _ = small
    record = work.predictions("glass") / FIRST
    write_json(record, read_json(record) | {"sha256": {"../../model/model.npz": "0"}})
    with pytest.raises(ValueError, match="cannot be the name"):
        provenance.read_prediction(record)
