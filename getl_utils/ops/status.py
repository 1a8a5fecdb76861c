"""A work directory on one screen: what is done (``getl status``) and what came out (``getl summary``)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import yaml

from getl_utils.core import cells, parameters, progress
from getl_utils.core.parameters import STAGES, Generate
from getl_utils.core.process import owner
from getl_utils.core.record import read_json
from getl_utils.core.workdir import WorkDir, relative
from getl_utils.labels.status import RECORD, Status, judge
from getl_utils.ops import course, verify

MOST = 8  # failures listed of one kind
PICTURES = (
    ("05_train", "errors"),
    ("06_inference", "slab"),
    ("06_inference", "exchange"),
)  # named at the end


def status(work: WorkDir) -> str:
    """Say what is done, running, failed and damaged, and why.

    Parameters
    ----------
    work : WorkDir
        The work directory.

    Returns
    -------
    str
        A line per stage; below it a line per kind of unit, per failure and per damaged result.

    Raises
    ------
    FileNotFoundError
        There is no such folder.
    """
    if not work.path.is_dir():
        raise FileNotFoundError(f"{work.path} is not there: nothing was run in it")
    busy, wrong = owner(work.path), _damages(work)
    lines = [f"{relative(work.path)}: {f'in use by {busy}' if busy else 'nothing runs'}"]
    p = _generate(work)
    for stage in STAGES:
        lines.append(f"{stage:<14}{_stage(work, stage, bool(busy))}")
        if stage == "01_generate" and p is not None:
            lines += _units(work, p)
        if stage == "06_inference":
            lines += _frames(work)
        lines += _few("damaged:", wrong.get(stage, []))
    return "\n".join(lines)


def _damages(work: WorkDir) -> dict[str, list[str]]:
    """Stage → what of its results is not as it was written."""
    found: dict[str, list[str]] = {}
    for record, why in verify.damages(work):
        found.setdefault(verify.stage_of(work, record), []).append(why)
    return found


def _generate(work: WorkDir) -> Generate | None:
    file = work.path / "parameters" / "all.yaml"
    if not file.exists():
        return None
    values = yaml.safe_load(file.read_text())
    return parameters.for_stage("01_generate", values, str(file))


def _stage(work: WorkDir, stage: str, busy: bool) -> str:
    """Read papermill's notes in the executed notebook, if there is one, and the completion mark."""
    notebook, mark = work.path / "notebooks" / f"{stage}.ipynb", work.mark(stage)
    done = f"done {read_json(mark).get('time', '')}" if mark.exists() else "not done"
    if not notebook.exists() or (mark.exists() and mark.stat().st_mtime >= notebook.stat().st_mtime - 60):
        return done
    try:
        content = read_json(notebook)
    except ValueError:
        return "running" if busy else "interrupted"
    notes = content.get("metadata", {}).get("papermill", {})
    if notes.get("exception"):
        return f"FAILED  {_why(content)}"
    if notes.get("end_time") is None:
        since = f"running since {notes.get('start_time')}  {progress.last(work, stage)}".rstrip()
        return since if busy else "interrupted; run again"
    return done


def _why(notebook: dict) -> str:
    """The error of the cell that failed."""
    for cell in notebook["cells"]:
        for output in cell.get("outputs", []):
            if output.get("output_type") == "error":
                return f"{output['ename']}: {output['evalue'].splitlines()[0] if output['evalue'] else ''}"[
                    :150
                ]
    return "see the executed notebook"


def _units(work: WorkDir, p: Generate) -> Iterator[str]:
    runs = [(c, r) for c in p.compositions for r in p.runs]
    large = [(c, p.runs[0]) for c in p.large_compositions]
    if not p.reference_roots:
        yield from _simulations("quenches", [work.quench(*run) / "quench.json" for run in runs])
    yield from _simulations("large glasses", [work.quench(*run) / "quench.json" for run in large])
    if p.loading:
        yield from _simulations("loadings", [work.loading(*run) / "loading.json" for run in large])
    if not p.reference_roots:
        yield from _labels(work, p)


def _labels(work: WorkDir, p: Generate) -> Iterator[str]:
    if p.learn:
        yield _learning(work, p)
    done, active, failed, waiting = 0, [], [], 0
    for key in cells.keys(p.compositions, p.runs, p.sub_runs):
        folder = work.label(*key)
        holder = owner(folder)
        if holder:
            active.append(f"{key} by {holder}")
        elif not (folder / RECORD).exists() and not _outputs(folder):
            waiting += 1
        else:
            verdict = judge(folder)
            done += verdict.status.usable
            failed += (
                [] if verdict.status.usable else [f"{key} {Status(verdict.status).name}: {verdict.reason}"]
            )
    yield _count("labels", done, len(active), len(failed), waiting)
    yield from _few("running", active)
    yield from _few("failed", failed)


def _learning(work: WorkDir, p: Generate) -> str:
    """How far the learning is; of the labels below, those that are not chosen wait for ever."""
    record = read_json(path) if (path := course.path(work)).exists() else {"steps": []}
    chosen = [one for step in record["steps"] for one in step["cells"]]
    end = record.get("end") or f"of at most {p.settings_of_learning.cells}"
    return f"  learning: {len(chosen)} cells chosen, {end}"


def _outputs(folder: Path) -> list[Path]:
    """What pw.x and LOBSTER left."""
    return [*folder.glob("*.scf.out"), *folder.glob("ICOHPLIST.lobster")]


def _simulations(name: str, records: list[Path]) -> Iterator[str]:
    active = [
        f"{r.parent.parent.name}/{r.parent.name} by {owner(r.parent)}" for r in records if owner(r.parent)
    ]
    done = sum(r.exists() for r in records)
    cut = [f"{r.parent.parent.name}/{r.parent.name}: interrupted" for r in records if _interrupted(r)]
    if records:
        yield _count(name, done, len(active), len(cut), len(records) - done - len(active) - len(cut))
    yield from _few("running", active)
    yield from _few("failed", cut)


def _interrupted(record: Path) -> bool:
    return not record.exists() and (record.parent / "log.lammps").exists() and not owner(record.parent)


def _frames(work: WorkDir) -> Iterator[str]:
    for folder in sorted(path for path in (work.path / "predictions").glob("*") if path.is_dir()):
        holder = owner(folder)
        frames = len(list(folder.glob("*_*.json")))
        yield f"    {folder.name}: {frames} frames predicted{f', running by {holder}' if holder else ''}"


def _count(name: str, done: int, active: int, failed: int, waiting: int) -> str:
    parts = {"done": done, "running": active, "failed": failed, "waiting": waiting}
    return f"    {name}: " + ", ".join(
        f"{number} {word}" for word, number in parts.items() if number or word == "done"
    )


def _few(word: str, lines: list[str]) -> Iterator[str]:
    yield from (f"        {word} {line}" for line in lines[:MOST])
    if len(lines) > MOST:
        yield f"        … and {len(lines) - MOST} more"


def summary(work: WorkDir) -> str:
    """Return the table at the end of a run.

    Parameters
    ----------
    work : WorkDir
        The work directory.

    Returns
    -------
    str
        Bonds per type, error beside the baseline, and the frames, atoms and bonds that were predicted.

    Raises
    ------
    FileNotFoundError
        A stage has not been run.
    """
    metrics = read_json(work.require(work.model / "metrics.json", "05_train"))
    inferred = pd.read_csv(work.require(work.path / "predictions" / "summary.csv", "06_inference"))
    rows = pd.DataFrame(
        metrics["types"], columns=["type", "bonds", "n_train", "n_test", "rmse", "baseline_rmse", "ratio"]
    )
    table = rows.rename(columns={"rmse": "RMSE (eV)", "baseline_rmse": "distance alone (eV)"}).to_string(
        index=False, float_format=lambda x: f"{x:.3f}", na_rep="–"
    )
    lines = [
        "",
        f"Labels: {metrics['engine']}{metrics['note']}; model {metrics['model_id']}; "
        "random split, mean of the seeds",
        table,
        "",
    ]
    lines += [f"no error given, {bond_type}: {reason}" for bond_type, reason in metrics["refused"].items()]
    for structure, frames in inferred.groupby("structure", sort=False):
        bonds = f"{frames.bonds.min()}–{frames.bonds.max()}" if len(frames) > 1 else frames.bonds.iloc[0]
        size, seconds = f"{len(frames)} frames of {frames.atoms.max()} atoms", frames.seconds.sum()
        lines.append(f"{structure}: {size}, {bonds} bonds, {seconds:.1f} s")
    notebooks = sorted((work.path / "notebooks").glob("*.ipynb"))
    lines += ["", "Executed notebooks:", *(f"  {relative(n)}" for n in notebooks)]
    shown = [work.figures(stage) / f"{name}.png" for stage, name in PICTURES]
    lines += ["Pictures:", *(f"  {relative(path)}" for path in shown if path.exists())]
    return "\n".join(lines)
