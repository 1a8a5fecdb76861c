"""The command ``getl``: what is installed, and the workflow's single steps for Snakemake and batch
systems."""

from __future__ import annotations

import argparse
import signal
import sys
import threading
import time
from pathlib import Path

import yaml

from getl_utils import commands as records
from getl_utils.core import cells, parameters
from getl_utils.core.record import write_json
from getl_utils.core.workdir import WorkDir


def check(_: argparse.Namespace) -> int:
    """Print what is installed, which engines are found, what is missing and how to get it; 1 if quick.yaml
    cannot run."""
    from getl_utils.ops import doctor

    report, needed = doctor.lines()
    print("\n".join(report))
    print(
        f"\nquick.yaml cannot run: {', '.join(needed)} missing"
        if needed
        else "\nquick.yaml can run: make demo"
    )
    return int(bool(needed))


def stage_parameters(arguments: argparse.Namespace) -> int:
    """Check a parameter file and print one stage's part of it in full as YAML, for ``papermill -f``."""
    p = parameters.for_stage(arguments.stage, parameters.read(arguments.file), arguments.file)
    print(yaml.safe_dump(p.model_dump(), sort_keys=False, allow_unicode=True), end="")
    return 0


def step(arguments: argparse.Namespace) -> int:
    """Do one unit of 01_generate: `quench`, `large` (no deformed cells), its `load`; `label`, or `espresso`
    and `lobster`."""
    from getl_utils.generate import steps as generate
    from getl_utils.labels import label

    p = parameters.for_stage("01_generate", parameters.read(arguments.file), arguments.file)
    work, run = WorkDir(p.work_dir), arguments.run
    if arguments.what == "quench":
        generate.make_cells(work, p, arguments.composition, run, progress="lines")
    elif arguments.what == "large":
        generate.quench(work, p, arguments.composition, run, large=True, progress="lines")
    elif arguments.what == "load":
        generate.load_glass(work, p, arguments.composition, run, progress="lines")
    elif arguments.what in ("espresso", "lobster"):
        from getl_utils.labels import batch

        key = cells.CellKey(arguments.composition, run, arguments.sub_run)
        program = parameters.workflow(parameters.read(arguments.file))
        record = batch.run(arguments.what, work, key, p, getattr(program, f"{arguments.what}_command"))
        print(f"{key}: {arguments.what} {record['state']}, {record['seconds']} s {record['reason']}")
    else:
        key = cells.CellKey(arguments.composition, run, arguments.sub_run)
        record = label.label_one(work, key, p)
        print(f"{key}: {record['status']}, {record['seconds']} s {record['reason']}")
    return 0


def predict(arguments: argparse.Namespace) -> int:
    """Predict the ICOHP of every bond of structures of any size; 1 if a frame could not be predicted."""
    paths, start = [Path(name) for name in arguments.structures], time.perf_counter()
    absent = [str(path) for path in paths if not path.exists()]
    if absent:
        raise FileNotFoundError(f"{', '.join(absent)} is not there")
    rows = _predict_files(paths, arguments)
    good, seconds = [row for row in rows if not row["error"]], time.perf_counter() - start
    for row in rows:
        if row["error"]:
            print(f"getl: {row['structure']}, frame {row['frame']}: {row['error']}", file=sys.stderr)
    atoms, bonds = (sum(row[name] for row in good) for name in ("atoms", "bonds"))
    print(
        f"{len(good)} of {len(rows)} frames, {atoms} atoms, {bonds} bonds, {seconds:.1f} s, {atoms / seconds:.0f} atoms/s"
    )
    return int(len(good) < len(rows))


def _predict_files(paths: list[Path], arguments: argparse.Namespace) -> list[dict]:
    """All files with one evaluator and one line of progress."""
    from getl_utils.core import progress
    from getl_utils.files import frames as structures
    from getl_utils.inference import predictor
    from getl_utils.models import model
    from getl_utils.ops import release

    trained, rows = model.load(Path(arguments.model)), []
    for name, why in release.require(Path(arguments.model), arguments.allow).items():
        print(f"allowed by name, {name}: {why}")
    given = {"model_folder": str(Path(arguments.model).resolve()), "model_id": trained.facts["model_id"]}
    write_json(Path(arguments.out) / "predicted_by.json", given)
    limits = predictor.windows(
        trained, parameters.read_windows(arguments.windows) if arguments.windows else {}
    )
    with (
        predictor.Evaluator(trained, limits, arguments.sigma, arguments.processes) as evaluator,
        progress.line("prediction", structures.count_atoms(paths, arguments.frames), "atoms") as bar,
    ):
        for path in paths:
            bar.set_postfix_str(path.name, refresh=False)
            folder, options = (
                Path(arguments.out) / structures.structure_name(path),
                {"tick": bar.update, "evaluator": evaluator},
            )
            rows += predictor.predict_file(
                trained, path, folder, limits, arguments.frames, arguments.lobster, **options
            )
    predictor.write_summary(Path(arguments.out), rows)
    return rows


def label_structure(arguments: argparse.Namespace) -> int:
    """Label one structure: ICOHPLIST.lobster, bonds.parquet and label.json (how, how long, warnings); 1 if it
    failed."""
    from getl_utils.labels import label

    given = parameters.read(arguments.parameters)
    asked = yaml.safe_load(Path(arguments.orbitals).read_text()) if arguments.orbitals else given["orbitals"]
    own = {} if arguments.engine != given.get("engine") else given.get("engine_settings", {})
    settings = {
        "engine": arguments.engine,
        "engine_settings": own
        | {name: yaml.safe_load(value) for name, value in (s.split("=", 1) for s in arguments.set)},
        "label_window": given["label_window"],
        "orbitals": asked.get("orbitals", asked),
    }
    record = label.label_structure(Path(arguments.structure), Path(arguments.out), settings)
    print(
        f"{arguments.structure}: {record['status']}, {record.get('n_bonds', 0)} bonds, {record['seconds']} s {record['reason']}"
    )
    for warning in record.get("warnings", []):
        print(f"  warning: {warning}")
    return int(record["status"] != "DONE")


def validate(arguments: argparse.Namespace) -> int:
    """Hold two ICOHPLISTs of one structure against each other: per type n, correlation, slope, intercept,
    RMSE."""
    from getl_utils.core import cells
    from getl_utils.views import agreement

    atoms = cells.read_any(arguments.structure) if arguments.structure else None
    table = agreement.validate(
        arguments.ours, arguments.theirs, Path(arguments.out) if arguments.out else None, atoms
    )
    print(table.to_string(index=False, float_format="{:.3f}".format))
    return 0


def _add_label_commands(commands: argparse._SubParsersAction) -> None:
    one = commands.add_parser("label", help=label_structure.__doc__)
    one.add_argument("structure", help="any file ASE reads")
    one.add_argument("--engine", default="gpaw")
    one.add_argument("--out", required=True, help="folder for the results")
    one.add_argument(
        "--parameters", default="parameters/quick.yaml", help="orbitals and label_window are taken from here"
    )
    one.add_argument("--orbitals", help="YAML file: element → shells, instead of those of the parameters")
    one.add_argument(
        "--set", action="append", default=[], metavar="NAME=VALUE", help="a setting of the engine"
    )
    one.set_defaults(run_command=label_structure)
    two = commands.add_parser("validate", help=validate.__doc__)
    two.add_argument("ours")
    two.add_argument("theirs")
    two.add_argument(
        "--structure", help="holds both to its distances, and understands either sign of translations"
    )
    two.add_argument("--out", help="folder for table and figure")
    two.set_defaults(run_command=validate)


def _positive(word: str) -> int:
    if not word.isdigit() or int(word) < 1:
        raise argparse.ArgumentTypeError(f"{word!r} is not a whole number of at least 1")
    return int(word)


def _add_predict(commands: argparse._SubParsersAction) -> None:
    infer = commands.add_parser("predict", help=predict.__doc__)
    infer.add_argument(
        "structures", nargs="+", metavar="STRUCTURE", help="LAMMPS dump or data file, or any file ASE reads"
    )
    infer.add_argument("--model", required=True, help="folder of the model")
    infer.add_argument(
        "--out", required=True, help="folder for <structure>/<n>_<step>.parquet and summary.csv"
    )
    infer.add_argument(
        "--windows",
        help="YAML: bond type → [shortest, longest] in Å; default the range of the training bonds",
    )
    infer.add_argument("--frames", choices=["last", "all"], default="all", help="of each file (all)")
    infer.add_argument("--processes", type=_positive, default=1, help="for the environments (1)")
    infer.add_argument("--lobster", action="store_true", help="also write LOBSTER's columns")
    infer.add_argument(
        "--sigma", action="store_true", help="also the predictive σ of each bond, and whether it is outside"
    )
    infer.add_argument(
        "--allow", action="append", default=[], metavar="CHECK", help="a check that the model may have failed"
    )
    infer.set_defaults(run_command=predict)


def main(words: list[str] | None = None) -> int:
    """Entry point; errors a user can mend are one line, not a traceback."""
    parser = argparse.ArgumentParser(prog="getl", description=__doc__)
    commands = parser.add_subparsers(required=True)
    commands.add_parser("check", help=check.__doc__).set_defaults(run_command=check)
    one = commands.add_parser("parameters", help=stage_parameters.__doc__)
    one.add_argument("file")
    one.add_argument("stage", choices=list(parameters.STAGES))
    one.set_defaults(run_command=stage_parameters)
    unit = commands.add_parser("step", help=step.__doc__)
    unit.add_argument("what", choices=["quench", "large", "load", "label", "espresso", "lobster"])
    unit.add_argument("file")
    unit.add_argument("composition")
    unit.add_argument("run", type=int)
    unit.add_argument("sub_run", type=int, nargs="?", default=0)
    unit.set_defaults(run_command=step)
    _add_predict(commands)
    _add_label_commands(commands)
    records.add(commands)
    arguments = parser.parse_args(words)
    if (
        threading.current_thread() is threading.main_thread()
    ):  # a batch system's time limit: clean up as after Ctrl-C
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        return arguments.run_command(arguments)
    except (ValueError, FileNotFoundError, RuntimeError) as error:
        print(f"getl: {error}", file=sys.stderr)
        return 1
