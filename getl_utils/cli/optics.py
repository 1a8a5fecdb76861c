"""The command that computes optical spectra of crystals, or predicts them by a model: spectra."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from getl_utils.cli.app import command


@command(
    "spectra",
    "Takes crystals, or structures and a model; gives spectra.",
    "It can be stopped and started again at any time: what is made is not made again. Ends with 1 if a "
    "spectrum failed; its record says why.",
)
def spectra(
    file: Annotated[
        Path,
        typer.Argument(
            help="parameter file, e.g. parameters/optics/metals.yaml; with --model: a structure file"
        ),
    ],
    limit: Annotated[int | None, typer.Option("--limit", min=1, help="spectra to make at most, now")] = None,
    pack: Annotated[Path | None, typer.Option("--pack", help="folder for all spectra in three files")] = None,
    known: Annotated[
        Path | None,
        typer.Option("--known", help="packed spectra that are not computed again; default: those of --pack"),
    ] = None,
    model: Annotated[
        Path | None, typer.Option("--model", help="folder of a model of spectra: predict, compute nothing")
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", help="with --model: CSV of ε and reflectivity against energy")
    ] = None,
) -> None:
    """Compute the spectra of crystals that are not there yet, or predict those of a structure file."""
    if model or out:
        if not model or limit or pack or known:
            raise typer.BadParameter("--model goes with --out only, and --out needs --model")
        raise typer.Exit(_predict(file, model, out))
    raise typer.Exit(_compute(file, limit, pack, known))


def _compute(file: Path, limit: int | None, pack: Path | None, known: Path | None) -> int:
    from getl_utils.core.parameters.optics import read_optics
    from getl_utils.labels.optics import dataset, label

    p, failed, done = read_optics(file), 0, 0
    if packed := known or pack:
        taken, other = dataset.unpack(packed, p)
        print(f"{packed}: {len(taken)} spectra taken, {len(other)} of other cells or settings left")
    for one, record in label.label_all(p, limit):
        failed += record["status"] != "DONE"
        done += 1
        print(f"{one.name}: {_said(record)}", flush=True)
    planned = len(list(p.listed()))
    print(f"{done - failed} spectra, {failed} failed, {planned - done} to make: {p.work_dir}")
    if pack:
        dataset.pack(p, pack, f"getl spectra {file}")
        print(f"packed in {pack}")
    return int(failed > 0)


def _said(record: dict[str, Any]) -> str:
    if record["status"] != "DONE":
        return f"{record['status']}: {record['reason']}"
    drude = (sum(w**2 for w in record["drude"]) / 3) ** 0.5
    seen = f"ΔE {record['mesh_change']:.1f} from half the mesh"
    return f"Drude frequency {drude:.2f} eV, {seen}, {record['seconds']:.0f} s"


def _predict(file: Path, folder: Path, out: Path | None) -> int:
    """Predict each frame of a structure file; the number of those that cannot be, at most 1."""
    import pandas as pd

    from getl_utils.core.parameters.optics import Light
    from getl_utils.core.record import write_csv
    from getl_utils.files.frames import readings
    from getl_utils.labels.optics import label
    from getl_utils.models.spectra import components
    from getl_utils.models.spectra import model as trained

    model, light, failed, tables = trained.load(folder), Light(), 0, []
    for number, atoms in enumerate(readings(file, list(model.known)), 1):
        try:
            if isinstance(atoms, ValueError):
                raise atoms
            found = model.predict(atoms)
        except ValueError as error:
            failed += 1
            print(f"frame {number}: {error}")
            continue
        said = found.told(label.seen(found.spectrum, light), digits=2)
        print(f"frame {number}, {atoms.get_chemical_formula('metal')}: {said}")
        tables.append(components.table(found.spectrum, light).assign(frame=number))
    if out and tables:
        write_csv(out, pd.concat(tables).round(6))
    return int(failed > 0)
