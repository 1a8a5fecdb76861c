"""Every number leads back to its origin; a model that has not passed may not predict; what is damaged is
redone alone."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from small import LIMITS, Standin, crystal

from getl_utils import cli
from getl_utils.core.bonds import IDS
from getl_utils.core.cells import CellKey
from getl_utils.core.parameters import STAGES, for_stage
from getl_utils.core.record import content_hash, read_json, write_json
from getl_utils.etl import database as databases
from getl_utils.etl import load
from getl_utils.generate import lammps as md
from getl_utils.inference import predictor, storing
from getl_utils.labels import label
from getl_utils.models import agreement, model
from getl_utils.ops import provenance, release, verify

FIRST = "1_0.json"


def test_every_table_carries_the_ids_above_it(small_original):
    work, _ = small_original
    for name in ("bonds.parquet", "clusters.parquet", "database/all/bonds.parquet"):
        table = pd.read_parquet(work.path / name)
        assert table[IDS].notna().all().all(), name
        for row in table.drop_duplicates("label_id").itertuples():
            record = read_json(work.label(row.composition, row.run, row.sub_run) / "label.json")
            assert (row.run_id, row.cell_id, row.label_id) == tuple(record[name] for name in IDS)
            assert row.cell_id == content_hash(work.cell(row.composition, row.run, row.sub_run))
            assert row.run_id == read_json(work.quench(row.composition, row.run) / "quench.json")["run_id"]
        described = read_json(work.descriptors(row.composition, row.run, row.sub_run).with_suffix(".json"))
        assert (described["run_id"], described["cell_id"]) == (row.run_id, row.cell_id)
    facts, record = read_json(work.model / "model.json"), read_json(work.predictions("glass") / FIRST)
    assert facts["database_id"] == read_json(work.database("all") / "database.json")["database_id"]
    assert record["model"]["model_id"] == facts["model_id"]
    assert record["model"]["database_id"] == facts["database_id"]
    predicted = pd.read_parquet(work.predictions("glass") / "1_0.parquet")
    assert set(predicted.model_id) == {facts["model_id"]}
    assert set(predicted.prediction_id) == {record["prediction_id"]}


def test_a_table_for_readers_says_where_it_is_from(small, capsys):
    work, _ = small
    assert (
        cli.main(
            [
                "predict",
                str(work.path / "glass.xyz"),
                "--model",
                str(work.model),
                "--out",
                str(work.path / "out"),
            ]
        )
        == 0
    )
    facts = read_json(work.model / "model.json")
    assert set(pd.read_csv(work.path / "out" / "summary.csv").model_id) == {facts["model_id"]}


def test_a_prediction_is_a_record_not_a_bare_number(small_original):
    work, _ = small_original
    record = read_json(work.predictions("glass") / FIRST)
    assert record["schema"] == "getl/prediction/2"
    assert {"model", "input", "result", "time", "code", "sha256", "prediction_id"} <= set(record)
    assert record["input"]["structure_id"]
    assert (record["result"]["quantity"], record["result"]["unit"], record["result"]["sigma"]) == (
        "ICOHP",
        "eV",
        True,
    )
    import pyarrow.parquet as pq

    schema = pq.read_schema(work.predictions("glass") / "1_0.parquet")
    assert schema.field("predicted").metadata[b"unit"] == schema.field("sigma").metadata[b"unit"] == b"eV"


def test_the_same_content_is_the_same_database_whenever_it_is_written(small):
    work, _ = small
    before = read_json(work.database("all") / "database.json")["database_id"]
    stored = databases.read(work.database("all"))
    one, two = (
        databases.write(work.database(n), load.mix(stored, ["Ti27Ni27"], 5, 1), "DB") for n in ("a", "b")
    )
    assert one["database_id"] == two["database_id"] != before


def test_trace_leads_from_a_bond_to_its_quench(small_original, capsys):
    work, _ = small_original
    path = work.predictions("glass") / "1_0.parquet"
    links = provenance.trace(path, row=3)
    steps = [
        "prediction",
        "bond",
        "model",
        "database",
        "training bonds",
        "label",
        "cell",
        "descriptors",
        "run",
    ]
    assert [link.what for link in links] == steps
    assert not [link for link in links if link.wrong]
    assert links[5].facts["engine_version"] == "1"
    assert links[8].facts["identity"]["seed"] in (1, 2, 3)
    likeness = [one["likeness"] for one in links[4].facts["nearest"]]
    assert likeness == sorted(likeness, reverse=True)
    assert 0.3 < likeness[0] < 1
    assert cli.main(["trace", str(path), "--bond", "3"]) == 0
    said = capsys.readouterr().out
    assert all(f"{what} " in said for what in steps)
    assert read_json(work.label("Ti27Ni27", 1, 0) / "label.json")["code"]["commit"] in said


def test_trace_finds_the_training_bond_itself_most_like_it(small):
    """A cell that was learned from: its own bond comes first, with likeness 1."""
    work, _ = small
    trained, cell = model.load(work.model), work.cell("Ti27Ni27", 1, 0)
    predictor.predict_file(
        trained, cell, work.predictions("own"), predictor.windows(trained, LIMITS), "all", False
    )
    links = provenance.trace(work.predictions("own") / FIRST, row=5)
    bond, nearest = links[1].facts, links[4].facts["nearest"][0]
    assert nearest["likeness"] == pytest.approx(1, abs=1e-9)
    assert [nearest[n] for n in ("run", "sub_run", "i", "j")] == [1, 0, bond["i"], bond["j"]]


@pytest.mark.parametrize(
    ("spoil", "step"),
    [
        ("labels/Ti27Ni27/{run}/{sub_run}/ICOHPLIST.lobster", "label"),
        ("cells/Ti27Ni27/{run}/{sub_run}.xyz", "cell"),
        ("descriptors/Ti27Ni27/{run}/{sub_run}.npz", "descriptors"),
        ("quench/Ti27Ni27/{run}/final.dump", "run"),
        ("database/all/expansion.npy", "database"),
    ],
)
def test_trace_says_what_is_not_as_recorded(small, spoil, step, capsys):
    work, _ = small
    nearest = provenance.trace(work.predictions("glass") / FIRST)[4].facts["nearest"][0]
    path = work.path / spoil.format(**nearest)
    path.write_bytes(path.read_bytes()[:-8] + b"spoilt!\n")
    links = provenance.trace(work.predictions("glass") / FIRST)
    assert [link.what for link in links if link.wrong] == [step]
    assert cli.main(["trace", str(work.predictions("glass") / FIRST)]) == 1
    assert path.name in capsys.readouterr().out


def test_trace_of_a_damaged_prediction_or_a_row_that_is_not_there(small, capsys):
    work, _ = small
    path = work.predictions("glass") / "1_0.parquet"
    assert cli.main(["trace", str(path), "--bond", "99999"]) == 1
    assert "has the bonds 0…" in capsys.readouterr().err
    path.write_bytes(path.read_bytes()[:-100])
    assert cli.main(["trace", str(path)]) == 1
    assert "checksum differs" in capsys.readouterr().err


def test_two_models_side_by_side(small, capsys):
    work, values = small
    first = model.load(work.model)
    other = model.load(work.path / "published")
    atoms = crystal(11)
    one, two = (predictor.predict(m, atoms, predictor.windows(m, LIMITS), sigma=True) for m in (first, other))
    table = agreement.reconcile(one, two)
    assert (table["where"] == "both").all()
    np.testing.assert_allclose(
        table.difference, one.predicted.to_numpy() - two.predicted.to_numpy(), atol=1e-12
    )
    np.testing.assert_allclose(table.sigma**2, one.sigma**2 + two.sigma**2)
    assert agreement.reconcile(one, one).difference.abs().max() == 0
    fewer = agreement.reconciliation(agreement.reconcile(one, two[two.type != "Ti-Ni"])).set_index("type")
    assert fewer.only_first["Ti-Ni"] == (one.type == "Ti-Ni").sum() == fewer.only_first["all"]
    with pytest.raises(ValueError, match="not predictions for one structure"):
        agreement.reconcile(one, predictor.predict(other, crystal(5), predictor.windows(other, LIMITS)))
    out = work.path / "other/out"
    windows = work.path / "windows.json"
    write_json(windows, {"windows": LIMITS})
    words = [
        "predict",
        str(work.path / "glass.xyz"),
        "--model",
        str(work.path / "published"),
        "--out",
        str(out),
        "--sigma",
    ]
    assert cli.main([*words, "--windows", str(windows), "--allow", "unchecked"]) == 0
    capsys.readouterr()
    pair = [str(folder / FIRST) for folder in (work.predictions("glass"), out / "glass")]
    assert cli.main(["compare-predictions", *pair, "--out", str(work.path / "difference")]) == 0
    said = capsys.readouterr().out
    assert first.model_id in said
    assert other.model_id in said
    assert "beyond_2_sigma" in said
    assert (work.path / "difference/differences.csv").exists()


def test_the_checks_pass_on_a_good_model(small_original):
    work, _ = small_original
    result = read_json(work.model / "checks.json")
    names = {name.split("[")[0] for name in result["checks"]}
    assert names == {"finite", "within_bounds", "a_b_is_b_a", "order", "rotation", "translation", "supercell", "decay",
                     "no_jump_at_the_edge", "beats_baseline", "coverage"}  # fmt: skip
    assert not release.failures(result)
    assert release.require(work.model) == {}


def spoil_weights(work, change):
    """Change the weights of one type, and the model's identity with them."""
    facts = read_json(work.model / "model.json")
    with np.load(work.model / "model.npz") as found:
        arrays = {name: found[name] for name in found.files}
    arrays["Ti-Ni/weights"] = change(arrays["Ti-Ni/weights"])
    with open(work.model / "model.npz", "wb") as out:
        np.savez(out, **arrays)
    write_json(work.model / "model.json", facts | {"model_id": "spoilt"})


@pytest.mark.parametrize(
    ("change", "check"),
    [
        (lambda w: np.copysign(1e308, w), "finite"),
        (lambda w: w * 30, "within_bounds"),
        (lambda w: -w, "decay[Ti-Ni]"),
    ],
    ids=["infinite", "thirty times too strong", "turned round"],
)
def test_a_bad_model_is_refused_and_the_refusal_names_the_check(small, change, check, capsys):
    work, _ = small
    spoil_weights(work, change)
    words = [
        "predict",
        str(work.path / "glass.xyz"),
        "--model",
        str(work.model),
        "--out",
        str(work.path / "out"),
    ]
    assert cli.main(words) == 1
    assert "checksum differs" in capsys.readouterr().err  # what was checked is another model
    assert cli.main(["test-model", str(work.model)]) == 1
    assert check in capsys.readouterr().out
    assert cli.main(words) == 1
    assert f"{check.split('[')[0]}" in capsys.readouterr().err
    assert not list((work.path / "out").rglob("*.parquet"))


def test_a_failure_is_allowed_by_name_only(small):
    work, _ = small
    result = read_json(work.model / "checks.json")
    result["checks"]["coverage[Ti-Ni]"] = {"outcome": "failed", "message": "70% of the labels lie within 2 σ"}
    write_json(work.model / "checks.json", result)
    with pytest.raises(ValueError, match=r"coverage\[Ti-Ni\]: 70%"):
        release.require(work.model, ["decay", "coverage[Ni-Ni]"])
    for name in ("coverage", "coverage[Ti-Ni]"):
        assert list(release.require(work.model, [name])) == ["coverage[Ti-Ni]"]
    (work.model / "checks.json").unlink()
    with pytest.raises(ValueError, match="has not been checked"):
        release.require(work.model, ["coverage"])
    assert release.require(work.model, ["unchecked"])


def test_where_one_run_has_nearly_all_bonds_of_a_type_its_sub_runs_are_left_out(small):
    work, _ = small
    trained, stored = model.load(work.model), databases.read(work.database("all"))
    assert release._hold_out(trained, stored)["Ti-Ni"].groups == "runs"
    bonds = stored.bonds.assign(sub_run=10 * stored.bonds.run + stored.bonds.sub_run)
    bonds["run"] = np.where(bonds.index == 0, 2, 1)
    found = release._hold_out(trained, replace(stored, bonds=bonds))["Ti-Ni"]
    assert found.groups == "sub-runs"
    assert len(found.true) == (bonds.type == "Ti-Ni").sum()


def test_a_users_own_check_counts(small, tmp_path):
    work, _ = small
    own = tmp_path / "test_mine.py"
    own.write_text(
        "import pytest\n\n\ndef test_nickel_is_weak(predicted):\n    assert -predicted.predicted.min() < 1e-3, 'too strong'\n\n\n"
        "def test_each(bond_type, trained):\n    assert bond_type in trained.types\n\n\n"
        "@pytest.mark.skip(reason='later')\ndef test_skipped():\n    pass\n"
    )
    with pytest.raises(ValueError, match="nickel_is_weak: too strong"):
        release.gate(work.model, [own])
    failed = release.failures(read_json(work.model / release.RESULT))
    assert failed["nickel_is_weak"] == "too strong"
    assert set(failed) == {"nickel_is_weak", "skipped"}  # what is skipped has not passed
    assert set(release.gate(work.model, [own], ["nickel_is_weak", "skipped"])) == set(failed)
    with pytest.raises(FileNotFoundError, match="no such file of checks"):
        release.check(work.model, ["absent.py"])


DAMAGES = {
    "labels/Ti27Ni27/1/7/ICOHPLIST.lobster": "labels/Ti27Ni27/1/7/label.json",
    "quench/Ti27Ni27/2/final.dump": "quench/Ti27Ni27/2/quench.json",
    "bonds.parquet": "bonds.json",
    "clusters.parquet": "bonds.json",
    "descriptors/Ti27Ni27/1/7.npz": "descriptors/Ti27Ni27/1/7.json",
    "database/all/expansion.npy": "database/all/database.json",
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


@pytest.mark.parametrize("spoilt", ["bonds.parquet", "database/all/expansion.npy", "model/model.npz"])
def test_status_sees_the_damage_that_verify_sees(small, spoilt, capsys):
    work, _ = small
    (work.path / spoilt).write_bytes((work.path / spoilt).read_bytes()[:-1])
    assert cli.main(["status", str(work.path)]) == 0
    assert f"damaged: {work.path / spoilt} is not as it was written" in capsys.readouterr().out


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
    predictor.predict_file(trained, work.path / "glass.xyz", folder, limits, "all", True, sigma=True)
    pd.testing.assert_frame_equal(
        pd.read_parquet(folder / "2_0.parquet"), _table(before[folder / "2_0.parquet"][0])
    )
    assert (folder / "1_0.parquet").stat().st_mtime_ns == before[folder / "1_0.parquet"][1]


def _table(content):
    import io

    return pd.read_parquet(io.BytesIO(content))


def test_status_says_on_one_screen_what_is_done_failed_and_why(small, capsys):
    work, values = small
    write_json(work.path / "parameters/all.yaml", {**values, "sub_runs": [0, 1, 7]})  # JSON is YAML
    record = work.label("Ti27Ni27", 1, 7) / "label.json"
    write_json(record, read_json(record) | {"status": "SCF_NOT_CONVERGED", "reason": "250 iterations"})
    (work.quench("Ti27Ni27", 2) / "quench.json").unlink()
    (work.quench("Ti27Ni27", 2) / "log.lammps").touch()
    from getl_utils.core.process import lock

    with lock(work.path), lock(work.label("Ti27Ni27", 2, 1)):
        assert cli.main(["status", str(work.path)]) == 0
    said = capsys.readouterr().out
    assert len(said.splitlines()) < 25
    assert "in use by process" in said
    assert (
        "labels: 5 done, 1 running, 1 failed, 2 waiting" in said
        or "labels: 4 done, 1 running, 1 failed, 3 waiting" in said
    )
    assert "failed Ti27Ni27/1/7 SCF_NOT_CONVERGED: 250 iterations" in said
    assert "running Ti27Ni27/2/1 by process" in said
    assert "quenches: 2 done, 1 failed" in said
    assert "glass: 2 frames predicted" in said
    assert cli.main(["status", str(work.path / "absent")]) == 1


def test_status_reads_a_failed_notebook(small, capsys):
    work, _ = small
    error = {"output_type": "error", "ename": "ValueError", "evalue": "no bond to learn from\nmore"}
    notebook = {
        "cells": [{"outputs": [error]}],
        "metadata": {"papermill": {"exception": True, "start_time": "1", "end_time": "2"}},
    }
    write_json(work.path / "notebooks/04_load.ipynb", notebook)
    write_json(
        work.path / "notebooks/05_train.ipynb", {"cells": [], "metadata": {"papermill": {"start_time": "1"}}}
    )
    cli.main(["status", str(work.path)])
    said = capsys.readouterr().out
    assert "FAILED  ValueError: no bond to learn from" in said
    assert "interrupted; run again" in said


def test_runs_are_called_by_what_they_are_made_of():
    assert (
        md.run_id("quench", {"seed": 1})
        != md.run_id("quench", {"seed": 2})
        != md.run_id("loading", {"seed": 2})
    )


def test_a_record_names_no_file_outside_its_folder(small):
    work, _ = small
    record = work.predictions("glass") / FIRST
    write_json(record, read_json(record) | {"sha256": {"../../model/model.npz": "0"}})
    with pytest.raises(ValueError, match="cannot be the name"):
        provenance.read_prediction(record)


def test_json_of_a_trace(small_original, capsys):
    work, _ = small_original
    cli.main(["trace", str(work.predictions("glass") / FIRST), "--json"])
    assert json.loads(capsys.readouterr().out)[0]["what"] == "prediction"


def test_a_model_elsewhere_is_found_by_its_prediction(small, tmp_path, capsys):
    work, _ = small
    shutil.copytree(work.path, tmp_path / "other")
    out = tmp_path / "elsewhere"
    words = [
        "predict",
        str(work.path / "glass.xyz"),
        "--model",
        str(tmp_path / "other/model"),
        "--out",
        str(out),
    ]
    assert cli.main(words) == 0
    assert cli.main(["trace", str(out / "glass" / FIRST)]) == 0
    capsys.readouterr()
