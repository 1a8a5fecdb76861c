"""Commands of ``getl`` that keep the records: status, summary, verify, release, trace, compare, track,
promote."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import yaml

from getl_utils.core import parameters
from getl_utils.core.process import lock
from getl_utils.core.workdir import WorkDir


def status(arguments: argparse.Namespace) -> int:
    """What is done, running, failed and why, of every stage and sub-run."""
    from getl_utils.ops import status as overview

    print(overview.status(WorkDir(arguments.work_dir)))
    return 0


def summary(arguments: argparse.Namespace) -> int:
    """Print what the workflow made: bonds per type, error beside the baseline, atoms and bonds inferred."""
    from getl_utils.ops import status as overview

    print(overview.summary(WorkDir(arguments.work_dir)))
    return 0


def verify(arguments: argparse.Namespace) -> int:
    """Compare all results with their checksums; 1 if something is damaged. --repair takes it away, to be made
    again alone."""
    from getl_utils.ops import integrity

    work = WorkDir(arguments.work_dir)
    if arguments.repair:
        file = work.path / "parameters" / "01_generate.yaml"
        p = (
            parameters.for_stage("01_generate", yaml.safe_load(file.read_text()), str(file))
            if file.exists()
            else None
        )
        with lock(work.path):
            found = integrity.repair(work, p)
    else:
        found = [why for _, why in integrity.damages(work)]
    print("\n".join(found) or "all results are as they were written")
    return int(bool(found))


def release(arguments: argparse.Namespace) -> int:
    """Run the checks that a model must pass before it may predict in bulk; 1 if one fails that is not allowed
    to."""
    from getl_utils.ops import release as releases

    result = releases.check(arguments.model, arguments.tests)
    failed = releases.failures(result)
    for name, why in failed.items():
        print(f"failed  {name}: {why}")
    print(
        f"model {result['model_id']}: {len(result['checks']) - len(failed)} of {len(result['checks'])} checks passed"
    )
    return int(any(not {name, name.split("[")[0]} & set(arguments.allow) for name in failed))


def trace(arguments: argparse.Namespace) -> int:
    """Walk from a predicted bond back to model, training bonds, label, cell, quench and code; 1 if a step is
    not as recorded."""
    from getl_utils.ops import provenance

    links = provenance.trace(arguments.prediction, arguments.bond, arguments.model)
    print(
        json.dumps([link._asdict() for link in links], indent=1, default=str)
        if arguments.json
        else provenance.text(links)
    )
    return int(any(link.wrong for link in links))


def compare(arguments: argparse.Namespace) -> int:
    """Hold two predictions for one structure against each other: who differs where, and by how much relative
    to σ."""
    from getl_utils.models import agreement
    from getl_utils.ops import provenance
    from getl_utils.views import agreement as agreement_figures
    from getl_utils.views import style

    (one, first), (two, second) = (
        provenance.read_prediction(path) for path in (arguments.first, arguments.second)
    )
    table = agreement.reconcile(first, second)
    print(
        f"first: model {one['model']['model_id']}; second: model {two['model']['model_id']}; eV, second − first"
    )
    print(agreement.reconciliation(table).to_string(index=False, float_format="{:.3f}".format))
    column = "ratio" if "ratio" in table else "difference"
    print(f"\nthe {arguments.most} bonds that differ most{' for their σ' if column == 'ratio' else ''}:")
    worst = table.loc[table[column].abs().sort_values(ascending=False).index[: arguments.most]]
    print(worst.drop(columns="where").to_string(index=False, float_format="{:.3f}".format))
    if arguments.out:
        types = list(dict.fromkeys(table.type))
        style.save(*agreement_figures.differences(table, types), Path(arguments.out) / "differences")
    return 0


def track(arguments: argparse.Namespace) -> int:
    """Write a work directory's results into MLflow: a parent run, a child per bond type, the model and its
    figures."""
    from getl_utils.ops import tracking

    work = WorkDir(arguments.work_dir)
    run = tracking.track(work, arguments.uri)
    work.complete("tracking", run=run, uri=arguments.uri or tracking.default_uri(work))
    print(f"run {run} in {arguments.uri or tracking.default_uri(work)}, model {tracking.model_name(work)}")
    return 0


def promote(arguments: argparse.Namespace) -> int:
    """Name a work directory's model `candidate` or `production` in the registry; production only if it passed
    its checks."""
    from getl_utils.ops import tracking

    print(
        f"{tracking.promote(WorkDir(arguments.work_dir), arguments.alias, arguments.uri)} is now {arguments.alias}"
    )
    return 0


def ui(arguments: argparse.Namespace) -> int:
    """Open MLflow's page on the tracked runs (until interrupted)."""
    import subprocess
    import sys

    from getl_utils.ops import tracking

    uri = arguments.uri or tracking.default_uri(WorkDir(arguments.work_dir))
    return subprocess.call(
        [sys.executable, "-m", "mlflow", "ui", "--backend-store-uri", uri, "--port", str(arguments.port)]
    )


def add(commands: argparse._SubParsersAction) -> None:
    """Add these commands to the parser of `cli`."""
    one = {name: commands.add_parser(name, help=run.__doc__) for name, run in COMMANDS.items()}
    for name, parser in one.items():
        parser.set_defaults(run_command=COMMANDS[name])
    for name in ("status", "summary", "verify", "track", "promote", "ui"):
        one[name].add_argument("work_dir", nargs="?" if name == "ui" else None, default="runs/quick")
    for name in ("track", "promote", "ui"):
        one[name].add_argument(
            "--uri", default="", help="MLflow tracking URI (SQLite beside the work directory)"
        )
    one["ui"].add_argument("--port", type=int, default=5000)
    one["promote"].add_argument("alias", choices=["candidate", "production"])
    one["verify"].add_argument("--repair", action="store_true", help="take away what is damaged")
    one["release"].add_argument("model", help="folder of the model")
    one["release"].add_argument(
        "--tests", action="append", default=[], metavar="FILE", help="your own checks, pytest tests"
    )
    one["release"].add_argument(
        "--allow", action="append", default=[], metavar="CHECK", help="a check that may fail"
    )
    one["trace"].add_argument("prediction", help="<n>_<step>.parquet or .json below predictions/")
    one["trace"].add_argument("--bond", type=int, default=0, metavar="ROW", help="row of the table (0)")
    one["trace"].add_argument("--model", help="its folder, if it is not above the prediction")
    one["trace"].add_argument("--json", action="store_true")
    one["compare"].add_argument("first", help="<n>_<step>.parquet or .json below predictions/")
    one["compare"].add_argument("second")
    one["compare"].add_argument("--most", type=int, default=10, help="bonds shown (10)")
    one["compare"].add_argument("--out", help="folder for the table and a figure")


COMMANDS = {f.__name__: f for f in (status, summary, verify, release, trace, compare, track, promote, ui)}
