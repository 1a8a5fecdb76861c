"""Commands on bonds: predict, label, compare-labels, compare-predictions, test-model."""

from __future__ import annotations

import time
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer
import yaml

from getl_utils.cli import prediction
from getl_utils.cli.app import command, elements_of
from getl_utils.files.elements import RULE
from getl_utils.files.frames import FORMATS, read_structure

FRAMES = "of each file: all, last, or numbers as in the names of the results, e.g. 1,51,101"
ELEMENTS = "elements of the LAMMPS types, in their order, where a file does not say them: --elements Zr Cu Al"
Allow = Annotated[list[str], typer.Option(metavar="CHECK", help="a check that the model may have failed")]


@command(
    "predict",
    "Takes structures and a model; gives every bond's ICOHP.",
    "Each frame is written before the next is read. A run that was stopped resumes after its last complete "
    f"frame. Ends with 1 if a frame could not be predicted.\n\n{RULE}",
)
def predict(
    structures: Annotated[list[Path], typer.Argument(metavar="FILE", help=FORMATS)],
    out: Annotated[Path, typer.Option(help="folder for <structure>/<n>_<step>.parquet and summary.csv")],
    model: Annotated[Path | None, typer.Option(help="folder of the model; default: the shipped one")] = None,
    elements: Annotated[list[str], typer.Option(metavar="SYMBOLS", help=ELEMENTS)] = [],
    isolated: Annotated[
        bool, typer.Option("--isolated", help="a structure without lattice is a cluster")
    ] = False,
    windows: Annotated[
        Path | None, typer.Option(help="YAML: bond type → [shortest, longest] in Å; default: as trained")
    ] = None,
    frames: Annotated[str, typer.Option(metavar="FRAMES", help=FRAMES)] = "all",
    threads: Annotated[int, typer.Option(min=1, help="threads that predict at once")] = 2,
    lobster: Annotated[bool, typer.Option("--lobster", help="also write LOBSTER's columns")] = False,
    sigma: Annotated[
        bool, typer.Option(help="also each bond's predictive σ, and whether it is outside")
    ] = True,
    allow: Allow = [],
) -> None:
    """Predict the ICOHP of every bond of structures of any size."""
    from getl_utils.core import parameters

    start, chosen = time.perf_counter(), elements_of(elements)
    limits = parameters.read_windows(windows) if windows else {}
    options = {"which": prediction.chosen_frames(frames), "lobster_files": lobster}
    reading = {"elements": chosen, "isolated": isolated}
    folder = model or prediction.default_model(chosen)
    rows = prediction.predict_files(
        structures, out, folder, allow, limits, (sigma, threads), options, reading
    )
    raise typer.Exit(prediction.report(rows, time.perf_counter() - start))


@command(
    "label",
    "Takes a structure; gives labels of its bonds.",
    "Writes bonds.parquet, ICOHPLIST.lobster and label.json. Ends with 1 if the calculation failed."
    f"\n\n{RULE}",
)
def label(
    structure: Annotated[Path, typer.Argument(metavar="FILE", help=FORMATS)],
    out: Annotated[Path, typer.Option(help="folder for the results")],
    engine: Annotated[str, typer.Option(help="gpaw, qe, lobster or xtb")] = "gpaw",
    projection: Annotated[str, typer.Option(help="of the wave functions; default: the engine's")] = "",
    kpoints: Annotated[tuple[int, int, int] | None, typer.Option(help="mesh, e.g. --kpoints 6 6 6")] = None,
    elements: Annotated[list[str], typer.Option(metavar="SYMBOLS", help=ELEMENTS)] = [],
    window: Annotated[
        tuple[float, float] | None, typer.Option(help="shortest and longest bond, Å; default: up to 6 Å")
    ] = None,
    orbitals: Annotated[Path | None, typer.Option(help="YAML: element → shells")] = None,
    file: Annotated[
        Path | None, typer.Option("--parameters", help="orbitals and label_window are taken from here")
    ] = None,
    setting: Annotated[
        list[str], typer.Option("--set", metavar="NAME=VALUE", help="a setting of the engine")
    ] = [],
) -> None:
    """Label one structure."""
    from getl_utils.labels import defaults
    from getl_utils.labels import label as labels

    own = dict(map(_setting, setting))
    own |= {"projection": projection} if projection else {}
    own |= {"kpoints": list(kpoints)} if kpoints else {}
    chosen = elements_of(elements)
    if file:
        settings = _label_settings(file, engine, orbitals, own)
        settings |= {"label_window": list(window)} if window else {}
    else:
        asked = _asked(orbitals) if orbitals else {}
        settings = defaults.settings(read_structure(structure, chosen), engine, own, window, asked)
    settings |= {"elements": chosen} if chosen else {}
    record = labels.label_structure(structure, out, settings)
    facts = f"{record['status']}, {record.get('n_bonds', 0)} bonds, {record['seconds']} s {record['reason']}"
    print(
        "\n".join([f"{structure}: {facts}", *(f"  warning: {text}" for text in record.get("warnings", []))])
    )
    raise typer.Exit(int(record["status"] != "DONE"))


@command(
    "relax",
    "Takes a structure; moves its atoms downhill in energy.",
    "For a cell of a poor potential, before it is labelled. The lattice stays. Writes relaxed.xyz, relax.csv "
    "and relax.json.",
)
def relax(
    structure: Annotated[Path, typer.Argument(metavar="FILE", help=FORMATS)],
    out: Annotated[Path, typer.Option(help="folder for the results")],
    engine: Annotated[str, typer.Option(help="gpaw or xtb")] = "gpaw",
    steps: Annotated[int, typer.Option(min=1, help="moves, at most; each takes one calculation")] = 5,
    elements: Annotated[list[str], typer.Option(metavar="SYMBOLS", help=ELEMENTS)] = [],
    setting: Annotated[
        list[str], typer.Option("--set", metavar="NAME=VALUE", help="a setting of the engine")
    ] = [],
) -> None:
    """Relax one structure."""
    from getl_utils.labels import relax as relaxing

    own, chosen = dict(map(_setting, setting)), elements_of(elements)
    say = partial(print, flush=True)
    record = relaxing.relax_file(structure, out, engine, own, steps, chosen, say)
    before, after = (record[name] for name in ("largest_force_before", "largest_force"))
    print(f"{structure}: largest force {before:.2f} → {after:.2f} eV/Å, {record['gained']:.2f} eV lower")
    print(f"  atoms moved {record['moved']:.2f} Å at most: {out / relaxing.CELL}")


def _setting(words: str) -> tuple[str, Any]:
    name, equals, value = words.partition("=")
    if not equals or not name:
        raise ValueError(f"--set {words}: expected NAME=VALUE, e.g. --set grid_spacing=0.2")
    return name, yaml.safe_load(value)


def _asked(orbitals: Path) -> dict[str, Any]:
    """Element → shells, from a file."""
    asked = yaml.safe_load(orbitals.read_text())
    if not isinstance(asked, dict):
        raise ValueError(f"{orbitals}: expected lines like `Cu: [3d, 4s]`")
    return asked.get("orbitals", asked)


def _label_settings(file: Path, engine: str, orbitals: Path | None, own: dict[str, Any]) -> dict[str, Any]:
    """What a label depends on, from a parameter file, a file of orbitals, and options."""
    from getl_utils.core import parameters

    p = parameters.for_stage("01_generate", parameters.read(file), str(file))
    given = dict(p.engine_settings) if engine == p.engine else {}
    return {
        "engine": engine,
        "engine_settings": given | own,
        "label_window": list(p.label_window),
        "orbitals": _asked(orbitals) if orbitals else p.orbitals,
    }


@command("compare-labels", "Takes two ICOHPLISTs; gives their agreement by type.")
def compare_labels(
    ours: Annotated[Path, typer.Argument(help="ICOHPLIST.lobster, or its folder")],
    theirs: Annotated[Path, typer.Argument(help="another list of the same structure")],
    structure: Annotated[
        Path | None, typer.Option(help="cell of both: checks distances and signs of translations")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="folder for a table and a figure")] = None,
) -> None:
    """Print n, correlation, slope, intercept and RMSE of each bond type."""
    from getl_utils.views import agreement

    atoms = read_structure(structure) if structure else None
    table = agreement.validate(ours, theirs, out, atoms)
    print(table.to_string(index=False, float_format="{:.3f}".format))


@command("compare-predictions", "Takes two predictions; says where they differ.")
def compare_predictions(
    first: Annotated[Path, typer.Argument(help="<n>_<step>.parquet or .json below predictions/")],
    second: Annotated[Path, typer.Argument(help="another prediction for the same structure")],
    most: Annotated[int, typer.Option(min=1, help="bonds shown")] = 10,
    out: Annotated[Path | None, typer.Option(help="folder for a table and a figure")] = None,
) -> None:
    """Print the difference of two predictions for one structure, per type and for single bonds."""
    prediction.compare(first, second, most, out)


@command(
    "test-model",
    "Takes a model; runs the checks before bulk prediction.",
    "Ends with 1 if a check failed that is not allowed to fail.",
)
def check_model(
    model: Annotated[Path, typer.Argument(help="folder of the model")],
    tests: Annotated[list[Path], typer.Option(metavar="FILE", help="your own checks, pytest tests")] = [],
    allow: Allow = [],
) -> None:
    """Run the checks that a model must pass before it may predict in bulk."""
    from getl_utils.ops import release

    result = release.check(model, tests)
    failed, total = release.failures(result), len(result["checks"])
    print("\n".join(f"failed  {name}: {why}" for name, why in failed.items()))
    print(f"model {result['model_id']}: {total - len(failed)} of {total} checks passed")
    raise typer.Exit(int(any(not {name, name.split("[")[0]} & set(allow) for name in failed)))
