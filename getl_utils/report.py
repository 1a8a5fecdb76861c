"""The short table at the end of a run: bonds per type, error beside the baseline, atoms and bonds inferred."""

from __future__ import annotations

import pandas as pd

from getl_utils.layout import WorkDir, read_json, root


def text(work: WorkDir) -> str:
    """What the workflow made in `work`.

    Raises
    ------
    FileNotFoundError : a stage has not been run.
    """
    metrics = read_json(work.require(work.model / "metrics.json", "05_train"))
    inferred = pd.read_csv(work.require(work.path / "predictions" / "summary.csv", "06_inference"))
    rows = pd.DataFrame(metrics["types"], columns=["type", "bonds", "n_train", "n_test", "rmse", "baseline_rmse", "ratio"])
    table = rows.rename(columns={"rmse": "RMSE (eV)", "baseline_rmse": "distance alone (eV)"}).to_string(
        index=False, float_format=lambda x: f"{x:.3f}", na_rep="–"
    )
    lines = [
        "",
        f"Labels: {metrics['engine']}{metrics['note']}; model {metrics['model_id']}; random split, mean of the seeds",
        table,
        "",
    ]
    lines += [f"no error given, {bond_type}: {reason}" for bond_type, reason in metrics["refused"].items()]
    for structure, frames in inferred.groupby("structure", sort=False):
        bonds = f"{frames.bonds.min()}–{frames.bonds.max()}" if len(frames) > 1 else frames.bonds.iloc[0]
        lines.append(
            f"{structure}: {len(frames)} frames of {frames.atoms.max()} atoms, {bonds} bonds, {frames.seconds.sum():.1f} s"
        )
    notebooks = sorted((work.path / "notebooks").glob("*.ipynb"))
    lines += ["", "Executed notebooks:", *(f"  {n.relative_to(root()) if n.is_relative_to(root()) else n}" for n in notebooks)]
    return "\n".join(lines)
