"""The command that computes optical spectra of crystals: spectra."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from getl_utils.cli.app import command


@command(
    "spectra",
    "Takes a list of crystals; gives spectra and colours.",
    "It can be stopped and started again at any time: what is made is not made again. Ends with 1 if a "
    "spectrum failed; its record says why.",
)
def spectra(
    file: Annotated[Path, typer.Argument(help="parameter file, e.g. parameters/optics/metals.yaml")],
    limit: Annotated[int | None, typer.Option("--limit", min=1, help="spectra to make at most, now")] = None,
    pack: Annotated[Path | None, typer.Option("--pack", help="folder for all spectra in three files")] = None,
    known: Annotated[
        Path | None,
        typer.Option("--known", help="packed spectra that are not computed again; default: those of --pack"),
    ] = None,
) -> None:
    """Compute the spectra of crystals that are not there yet."""
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
    raise typer.Exit(int(failed > 0))


def _said(record: dict[str, Any]) -> str:
    if record["status"] != "DONE":
        return f"{record['status']}: {record['reason']}"
    drude = (sum(w**2 for w in record["drude"]) / 3) ** 0.5
    seen = f"ΔE {record['mesh_change']:.1f} from half the mesh"
    return f"Drude frequency {drude:.2f} eV, {seen}, {record['seconds']:.0f} s"
