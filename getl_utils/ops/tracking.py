"""The workflow's results in MLflow: a run per model with one per bond type below it, and names for models.

The store is a local SQLite file beside the work directory, or any tracking URI. Everything is read from files
after the notebooks have run, so that these need no MLflow.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from getl_utils.core.record import content_hash, read_json
from getl_utils.core.workdir import WorkDir
from getl_utils.models import schema, validation
from getl_utils.models.schema import Facts
from getl_utils.ops import release

ALIASES = ("candidate", "production")


def default_uri(work: WorkDir) -> str:
    """Return the URI of an SQLite file beside the work directory.

    Parameters
    ----------
    work : WorkDir
        The work directory. All work directories in one folder share the file.

    Returns
    -------
    str
        MLflow's tracking URI.
    """
    return f"sqlite:///{work.path.resolve().parent / 'mlflow.db'}"


def _mlflow(uri: str) -> Any:
    os.environ.setdefault("GIT_PYTHON_REFRESH", "quiet")
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    import mlflow

    mlflow.set_tracking_uri(uri)
    return mlflow


def model_name(work: WorkDir) -> str:
    """Return what the model of a work directory is called in the registry.

    Models of one name answer the same question and may take each other's place.

    Parameters
    ----------
    work : WorkDir
        The work directory.

    Returns
    -------
    str
        Its elements and its engine.

    Raises
    ------
    FileNotFoundError
        There is no model yet.
    """
    facts = schema.read(work.model)
    return f"getl-{'-'.join(facts.elements)}-{facts.engine}"


def track(work: WorkDir, uri: str = "") -> str:
    """Write a parent run and, below it, a run per bond type with the errors of each split.

    The parent holds parameters, metrics, figures, model and ids. The model is registered under `model_name`;
    if it has passed its checks it is its `candidate`. Results that are tracked already are not written again.

    Parameters
    ----------
    work : WorkDir
        The work directory.
    uri : str
        MLflow's tracking URI; `default_uri` by default.

    Returns
    -------
    str
        MLflow's id of the parent run.

    Raises
    ------
    FileNotFoundError
        There is no model yet.
    """
    facts = schema.read(work.model)
    uri = uri or default_uri(work)
    mlflow, tags = _mlflow(uri), _tags(work, facts)
    experiment = _experiment(mlflow, uri)
    same = mlflow.search_runs([experiment], f"tags.content = '{tags['content']}'", output_format="list")
    if same:
        return same[0].info.run_id
    name = f"{work.path.name} {facts.model_id}"
    with mlflow.start_run(experiment_id=experiment, run_name=name, tags=tags) as parent:
        _log(mlflow, _parameters(work), _totals(work))
        for bond_type, parameters, metrics in _types(work, facts):
            own = {"type": bond_type, **{key: tags[key] for key in ("model_id", "database_id")}}
            with mlflow.start_run(experiment_id=experiment, run_name=bond_type, nested=True, tags=own):
                _log(mlflow, parameters, metrics)
        for folder in (work.model, work.path / "figures", work.path / "parameters"):
            if folder.is_dir():
                mlflow.log_artifacts(str(folder), folder.name)
        _register(mlflow.MlflowClient(uri), work, parent.info, facts)
    return parent.info.run_id


def promote(work: WorkDir, alias: str, uri: str = "") -> str:
    """Give the model of a work directory a name in the registry.

    Parameters
    ----------
    work : WorkDir
        The work directory.
    alias : str
        One of `ALIASES`; only a model that passed its checks can be ``production``.
    uri : str
        MLflow's tracking URI; `default_uri` by default.

    Returns
    -------
    str
        The model's name and version.

    Raises
    ------
    ValueError
        No such name, the model is not tracked, or it has not passed its checks.
    """
    if alias not in ALIASES:
        raise ValueError(f"{alias!r} is no name for a model: {' or '.join(ALIASES)}")
    if alias == "production":
        release.require(work.model)
    facts, name = schema.read(work.model), model_name(work)
    client = _mlflow(uri or default_uri(work)).MlflowClient()
    versions = client.search_model_versions(f"name = '{name}'")
    found = [int(v.version) for v in versions if v.tags.get("model_id") == facts.model_id]
    if not found:
        raise ValueError(f"model {facts.model_id} is not tracked: run `getl track {work.path}` first")
    client.set_registered_model_alias(name, alias, str(max(found)))
    return f"{name} version {max(found)}"


def _experiment(mlflow: Any, uri: str) -> str:
    """The experiment `getl`; with the local store its artifacts lie beside the store."""
    found = mlflow.get_experiment_by_name("getl")
    if found is not None:
        return found.experiment_id
    store = Path(uri.removeprefix("sqlite:///")).resolve()
    place = (store.parent / "mlartifacts").as_uri() if uri.startswith("sqlite:///") else None
    return mlflow.create_experiment("getl", artifact_location=place)


def _tags(work: WorkDir, facts: Facts) -> dict[str, str]:
    """The ids, and the hash of all that is tracked."""
    mark = read_json(work.mark("05_train")) if work.mark("05_train").exists() else {}
    ids = {name: str(getattr(facts, name)) for name in ("model_id", "database_id", "engine", "kind")}
    files = [work.model / name for name in ("model.json", "metrics.json", "validation.csv", release.RESULT)]
    files += [work.path / "predictions" / "summary.csv", work.path / "parameters" / "all.yaml"]
    content = content_hash(*(path for path in files if path.exists()))
    return ids | {
        "work_dir": work.path.name,
        "content": content,
        "commit": str(mark.get("code", {}).get("commit", "unknown")),
    }


def _parameters(work: WorkDir) -> dict[str, str]:
    """Every parameter of the run, nested ones as name.name."""
    file = work.path / "parameters" / "all.yaml"
    return dict(_flat(yaml.safe_load(file.read_text()))) if file.exists() else {}


def _flat(values: dict[str, Any], above: str = "") -> Iterator[tuple[str, str]]:
    for name, value in values.items():
        if isinstance(value, dict) and value:
            yield from _flat(value, f"{above}{name}.")
        else:
            yield f"{above}{name}", str(value)[:500]


def _totals(work: WorkDir) -> dict[str, float]:
    """Numbers of labelled sub-runs, checks passed and failed, frames, atoms and bonds predicted."""
    totals: dict[str, float] = {}
    if work.statuses.exists():
        names = pd.read_csv(work.statuses).name.value_counts()
        totals |= {f"sub_runs_{name.lower()}": float(n) for name, n in names.items()}
    if (work.model / release.RESULT).exists():
        result = read_json(work.model / release.RESULT)
        totals |= {"checks": len(result["checks"]), "checks_failed": len(release.failures(result))}
    summary = work.path / "predictions" / "summary.csv"
    if summary.exists():
        frames = pd.read_csv(summary)
        totals |= {
            "frames": len(frames),
            "predicted_bonds": float(frames.bonds.sum()),
            "seconds": float(frames.seconds.sum()),
        }
    return totals


def _types(work: WorkDir, facts: Facts) -> Iterator[tuple[str, dict[str, str], dict[str, float]]]:
    """Per bond type: hyperparameters, and per split the mean errors (eV) beside the baseline's."""
    file = work.model / "validation.csv"
    rows = validation.summary(pd.read_csv(file) if file.exists() else pd.DataFrame())
    for bond_type, known in facts.types.items():
        metrics = {}
        for row in rows[rows.type == bond_type].to_dict("records") if len(rows) else ():
            split = row["split"].replace(" ", "_")
            metrics |= {f"{split}.{name}": row[name] for name in ("rmse", "mae", "baseline_rmse", "ratio")}
        yield bond_type, dict(_flat(known.numbers)), metrics


def _log(mlflow: Any, parameters: dict[str, str], metrics: dict[str, float]) -> None:
    """Write into the run that is open; numbers that are missing are left out."""
    mlflow.log_params(parameters)
    mlflow.log_metrics({name: float(value) for name, value in metrics.items() if pd.notna(value)})


def _register(client: Any, work: WorkDir, run: Any, facts: Facts) -> None:
    """A new version of the model; `candidate` if it passed its checks, but for failures allowed by name."""
    name = model_name(work)
    if not client.search_registered_models(f"name = '{name}'"):
        client.create_registered_model(name)
    tags = {key: str(getattr(facts, key)) for key in ("model_id", "database_id", "engine")}
    source = f"{run.artifact_uri}/model"
    version = client.create_model_version(name, source, run.run_id, tags=tags).version
    file = work.path / "parameters" / "06_inference.yaml"
    allowed = (yaml.safe_load(file.read_text()) if file.exists() else {}).get("allowed_failures", [])
    try:
        release.require(work.model, allowed)
    except ValueError as error:
        client.set_model_version_tag(name, version, "refused", str(error)[:1000])
        return
    client.set_registered_model_alias(name, "candidate", version)
