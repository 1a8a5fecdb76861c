"""Every number leads back to its origin; a model that has not passed may not predict; what is damaged is
redone alone."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from small import LIMITS, crystal

from getl_utils import cli
from getl_utils.core.bonds import IDS
from getl_utils.core.parameters import for_stage
from getl_utils.core.record import content_hash, read_json, write_json
from getl_utils.etl import database as databases
from getl_utils.etl import load
from getl_utils.generate import lammps as md
from getl_utils.inference import predictor, streaming
from getl_utils.models import agreement, model, training
from getl_utils.ops import provenance, release

FIRST = "1_0.json"
FEW_BONDS = ["--allow", "coverage"]  # the small model has learned from too few to know its σ


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
    words = ["predict", str(work.path / "glass.xyz"), "--model", str(work.model), *FEW_BONDS]
    assert cli.main([*words, "--out", str(work.path / "out")]) == 0
    facts = read_json(work.model / "model.json")
    assert set(pd.read_csv(work.path / "out" / "summary.csv").model_id) == {facts["model_id"]}


def test_a_prediction_is_a_record_not_a_bare_number(small_original):
    work, _ = small_original
    record = read_json(work.predictions("glass") / FIRST)
    assert record["schema"] == "getl/prediction/3"
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
    assert links[8].facts["identity"]["seed"] in (1, 2)
    likeness = [one["likeness"] for one in links[4].facts["nearest"]]
    assert 1 >= likeness[0] == max(likeness) > 0.3
    assert cli.main(["trace", str(path), "--bond", "3"]) == 0
    said = capsys.readouterr().out
    assert all(f"{what} " in said for what in steps)
    assert read_json(work.label("Ti27Ni27", 1, 0) / "label.json")["code"]["commit"] in said


def test_trace_finds_the_training_bond_itself_most_like_it(small):
    """A cell that was learned from: its own bond comes first, with likeness 1."""
    work, _ = small
    trained, cell = model.load(work.model), work.cell("Ti27Ni27", 1, 0)
    streaming.predict_file(
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
        ("database/all/soap.npy", "database"),
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
    fewer = load.mix(databases.read(work.database("all")), ["Ti27Ni27"], 150, 1)
    other, _ = training.train(fewer, for_stage("05_train", values))
    model.save(work.path / "other/model", other)
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
        str(work.path / "other/model"),
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
    same = {"finite", "within_bounds", "a_b_is_b_a", "order", "rotation", "translation", "supercell"}
    assert names == same | {"decay", "no_jump_at_the_edge", "beats_baseline", "coverage"}
    assert {name.split("[")[0] for name in release.failures(result)} <= {"coverage"}
    assert release.require(work.model, ["coverage"]) == release.failures(result)


def spoil_weights(work, change):
    """Change the weights of one type's process, and the model's identity with them."""
    facts = read_json(work.model / "model.json")
    with np.load(work.model / "model.npz") as found:
        arrays = {name: found[name] for name in found.files if "contracted" not in name}
    arrays["Ti-Ni/weights"] = change(arrays["Ti-Ni/weights"])
    for h in facts["types"].values():
        h.pop("contraction", None)
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


@pytest.mark.parametrize("words", [["predict", "glass.xyz", "--out", "out", "--model"], ["test-model"]])
def test_a_model_that_is_not_finite_is_not_loaded(small, words, capsys, monkeypatch):
    work, _ = small
    spoil_weights(work, lambda w: w * np.nan)
    monkeypatch.chdir(work.path)
    assert cli.main([*words, str(work.model)]) == 1
    assert "holds NaN or infinity" in capsys.readouterr().err


def test_a_failure_is_allowed_by_name_only(small):
    work, _ = small
    result = read_json(work.model / "checks.json")
    result["checks"] = {name: {"outcome": "passed", "message": ""} for name in result["checks"]}
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


def test_a_users_own_check_counts(small, tmp_path):
    work, _ = small
    own = tmp_path / "test_mine.py"
    own.write_text(
        "import pytest\n\n\n"
        "def test_nickel_is_weak(predicted):\n"
        "    assert -predicted.predicted.min() < 1e-3, 'too strong'\n\n\n"
        "def test_each(bond_type, trained):\n    assert bond_type in trained.types\n\n\n"
        "@pytest.mark.skip(reason='later')\ndef test_skipped():\n    pass\n"
    )
    with pytest.raises(ValueError, match="nickel_is_weak: too strong"):
        release.gate(work.model, [own])
    failed = release.failures(read_json(work.model / release.RESULT))
    assert failed["nickel_is_weak"] == "too strong"
    assert {"nickel_is_weak", "skipped"} <= set(failed)  # what is skipped has not passed
    assert set(release.gate(work.model, [own], list(failed))) == set(failed)
    with pytest.raises(FileNotFoundError, match="no such file of checks"):
        release.check(work.model, ["absent.py"])


def test_runs_are_called_by_what_they_are_made_of():
    assert (
        md.run_id("quench", {"seed": 1})
        != md.run_id("quench", {"seed": 2})
        != md.run_id("loading", {"seed": 2})
    )


def test_json_of_a_trace(small_original, capsys):
    work, _ = small_original
    cli.main(["trace", str(work.predictions("glass") / FIRST), "--json"])
    assert json.loads(capsys.readouterr().out)[0]["what"] == "prediction"


def test_a_model_elsewhere_is_found_by_its_prediction(small, tmp_path, capsys):
    work, _ = small
    shutil.copytree(work.path, tmp_path / "other")
    out = tmp_path / "elsewhere"
    words = ["predict", str(work.path / "glass.xyz"), "--model", str(tmp_path / "other/model"), *FEW_BONDS]
    assert cli.main([*words, "--out", str(out)]) == 0
    assert cli.main(["trace", str(out / "glass" / FIRST)]) == 0
    capsys.readouterr()
