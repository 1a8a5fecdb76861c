"""One parent run per model with a child per type, what they hold, who may be called production, and what it
costs."""

import shutil
import time

import mlflow
import pandas as pd
import pytest

from getl_utils import cli
from getl_utils.core.parameters import for_stage
from getl_utils.core.record import read_json, write_if_changed, write_json
from getl_utils.etl import database
from getl_utils.models import validation
from getl_utils.ops import release, tracking

LONGER = 600  # s that a run with labels of its own takes at least


@pytest.fixture(scope="module")
def empty(tmp_path_factory):
    """An empty store: to make one takes seconds."""
    path = tmp_path_factory.mktemp("store") / "mlflow.db"
    mlflow.MlflowClient(f"sqlite:///{path}").search_experiments()
    return path


@pytest.fixture
def tracked(small, empty):
    work, values = small
    shutil.copy(empty, work.path.parent / "mlflow.db")
    result = read_json(work.model / release.RESULT)  # the small model has too few bonds for all checks
    passed = {name: {"outcome": "passed", "message": ""} for name in result["checks"]}
    write_json(work.model / release.RESULT, result | {"checks": passed})
    p = for_stage("05_train", values)
    validation.validate(database.read(work.database("all")), p).table.to_csv(
        work.model / "validation.csv", index=False
    )
    write_if_changed(work.path / "parameters/all.yaml", values)
    (work.path / "figures/05_train").mkdir(parents=True)
    (work.path / "figures/05_train/parity.png").write_bytes(b"png")
    start = time.process_time()
    uri = tracking.default_uri(work)
    run = tracking.track(work, uri)
    return work, mlflow.MlflowClient(uri), run, time.process_time() - start


def test_a_parent_run_with_a_child_per_type(tracked):
    work, client, run, spent = tracked
    facts = read_json(work.model / "model.json")
    parent = client.get_run(run)
    assert parent.info.status == "FINISHED"
    assert parent.data.params["soap.l_max"] == "2"
    assert parent.data.tags["model_id"] == facts["model_id"]
    assert parent.data.tags["database_id"] == facts["database_id"]
    assert parent.data.metrics["sub_runs_done"] == 6
    assert parent.data.metrics["checks_failed"] == 0
    children = client.search_runs([parent.info.experiment_id], f"tags.`mlflow.parentRunId` = '{run}'")
    assert {c.info.run_name for c in children} == set(facts["types"])
    rows = validation.summary(pd.read_csv(work.model / "validation.csv")).set_index(["type", "split"])
    for child in children:
        row = rows.loc[child.info.run_name, "by run"]
        assert child.data.metrics["by_run.rmse"] == pytest.approx(row.rmse)
        assert child.data.metrics["by_run.baseline_rmse"] == pytest.approx(row.baseline_rmse)
        assert child.data.params["n_bonds"] == str(facts["types"][child.info.run_name]["n_bonds"])
    files = {f.path for folder in ("model", "figures/05_train") for f in client.list_artifacts(run, folder)}
    assert {"model/model.npz", "model/checks.json", "figures/05_train/parity.png"} <= files
    assert spent < 0.05 * LONGER, f"tracking took {spent:.0f} s of processor time"


def test_what_is_tracked_is_not_tracked_again_and_a_change_is(tracked):
    work, client, run, _ = tracked
    assert tracking.track(work) == run
    write_json(work.model / "metrics.json", {"changed": True})
    assert tracking.track(work) != run
    assert len(client.search_model_versions(f"name = '{tracking.model_name(work)}'")) == 2


def test_the_registry_names_candidate_and_production(tracked, capsys):
    work, client, _, _ = tracked
    name = tracking.model_name(work)
    assert name == "getl-Ti-Ni-standin"
    first = client.get_model_version_by_alias(name, "candidate")
    assert first.tags["model_id"] == read_json(work.model / "model.json")["model_id"]
    assert cli.main(["promote", str(work.path), "production"]) == 0
    assert f"{name} version {first.version} is now production" in capsys.readouterr().out
    result = read_json(work.model / release.RESULT)
    result["checks"]["finite"] = {"outcome": "failed", "message": "NaN"}
    write_json(work.model / release.RESULT, result)
    second = client.get_run(tracking.track(work)).info.run_id
    (version,) = [v for v in client.search_model_versions(f"name = '{name}'") if v.run_id == second]
    assert "finite: NaN" in version.tags["refused"]
    assert client.get_model_version_by_alias(name, "candidate").version == first.version
    assert cli.main(["promote", str(work.path), "production"]) == 1
    assert "finite: NaN" in capsys.readouterr().err


def test_any_uri_by_parameter(small, empty, tmp_path, capsys):
    work, _ = small
    uri = f"sqlite:///{tmp_path / 'elsewhere' / 'other.db'}"
    (tmp_path / "elsewhere").mkdir()
    shutil.copy(empty, tmp_path / "elsewhere/other.db")
    assert cli.main(["track", str(work.path), "--uri", uri]) == 0
    assert uri in capsys.readouterr().out
    assert mlflow.MlflowClient(uri).get_experiment_by_name("getl") is not None
    assert not (work.path.parent / "mlflow.db").exists()
    assert read_json(work.mark("tracking"))["uri"] == uri


def test_a_model_that_is_not_tracked_has_no_name(small, empty, capsys):
    work, _ = small
    shutil.copy(empty, work.path.parent / "mlflow.db")
    assert cli.main(["promote", str(work.path), "candidate"]) == 1
    assert "run `getl track" in capsys.readouterr().err
