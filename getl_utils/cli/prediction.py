"""What ``getl predict`` and ``getl compare-predictions`` do."""

from __future__ import annotations

import importlib.metadata
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from getl_utils.core.record import write_json
from getl_utils.core.workdir import root

SHIPPED = "data_examples/models"
INSTALLED = "share/getl/models"  # below the environment that the wheel is installed in


def default_model(elements: Sequence[str]) -> Path:
    """Return the shipped model for these elements.

    Parameters
    ----------
    elements : sequence of str
        Elements of the structures; empty if the user named none.

    Returns
    -------
    Path
        Folder of the only shipped model that knows them all.

    Raises
    ------
    ValueError
        None of the shipped models, or more than one, knows these elements.
    """
    known = {folder: _elements(folder) for folder in _shipped()}
    fitting = [folder for folder, names in known.items() if set(elements) <= set(names)]
    if len(fitting) == 1:
        return fitting[0]
    there = "; ".join(f"{folder.name} ({' '.join(names)})" for folder, names in known.items())
    what = f"knows {' '.join(elements)}" if elements and not fitting else "can be chosen without --elements"
    raise ValueError(f"no shipped model {what}: name one by --model (shipped: {there or 'none'})")


def _shipped() -> list[Path]:
    """Folders of the models that came with the code: in the repository, else where the wheel put them."""
    for place in (root(), Path(__file__).parents[2]):
        if found := sorted(path.parent.resolve() for path in (place / SHIPPED).glob("*/model.json")):
            return found
    try:
        files = importlib.metadata.files("getl") or []
    except importlib.metadata.PackageNotFoundError:
        return []
    models = (Path(str(file.locate())) for file in files if file.match(f"{INSTALLED}/*/model.json"))
    return sorted(path.parent.resolve() for path in models)


def _elements(folder: Path) -> list[str]:
    from getl_utils.models import schema

    return schema.read(folder).elements


def chosen_frames(word: str) -> str | list[int]:
    """Read the value of ``--frames``.

    Parameters
    ----------
    word : str
        ``all``, ``last``, or numbers separated by commas.

    Returns
    -------
    str or list of int
        The word, or the numbers.

    Raises
    ------
    ValueError
        Neither; says what is expected.

    Examples
    --------
    >>> chosen_frames("1,51")
    [1, 51]
    """
    if word in ("all", "last"):
        return word
    numbers = [int(part) if part.strip().isdecimal() else 0 for part in word.split(",")]
    if min(numbers) < 1 or len(set(numbers)) < len(numbers):
        raise ValueError(f"--frames {word}: give all, last, or numbers from 1, each once, as in 1,51,101")
    return numbers


def predict_files(
    paths: Sequence[Path],
    out: Path,
    folder: Path,
    allowed: Sequence[str],
    windows: Mapping[str, Sequence[float]],
    effort: tuple[bool, int],
    options: Mapping[str, Any],
    reading: Mapping[str, Any],
) -> list[dict[str, Any]]:
    """Predict all files with one model and one line of progress.

    Parameters
    ----------
    paths : sequence of Path
        Files with structures.
    out : Path
        Folder for the results.
    folder : Path
        Folder of the model.
    allowed : sequence of str
        Checks that the model may have failed.
    windows : mapping
        Bond type → shortest and longest bond (Å); types not named have the range of the training bonds.
    effort : tuple
        Whether σ is wanted, and how many threads predict.
    options : mapping
        ``which`` frames (of `chosen_frames`), and whether to write ``lobster_files``.
    reading : mapping
        ``elements`` of the LAMMPS types and whether structures may be ``isolated``.

    Returns
    -------
    list of dict
        One row per frame, as `streaming.predict_file` gives it.

    Raises
    ------
    FileNotFoundError
        A file is not there.
    ValueError
        The model may not predict, or a window is wrong.
    """
    from getl_utils.core import progress
    from getl_utils.files import frames, text
    from getl_utils.inference import predictor, storing, streaming

    absent = [str(path) for path in paths if not path.exists()]
    if absent:
        raise FileNotFoundError(f"{', '.join(absent)} is not there")
    trained, rows = _model(folder, allowed), []
    _make_folder(out)
    made_by = {"model_folder": str(folder.resolve()), "model_id": trained.model_id}
    write_json(out / "predicted_by.json", made_by)
    limits = predictor.windows(trained, windows)
    number, (sigma, threads) = frames.count_atoms(paths, options["which"]), effort
    with progress.line("prediction", number, "atoms") as bar:
        for path, name in zip(paths, frames.structure_names(paths), strict=True):
            bar.set_postfix_str(path.name, refresh=False)
            given = {**options, **reading, "tick": bar.update, "sigma": sigma, "threads": threads}
            try:
                rows += streaming.predict_file(trained, path, out / name, limits, **given)
            except (ValueError, RuntimeError, OSError, MemoryError) as error:  # the other files go on
                failed = {"structure": name, "frame": 0, **streaming.NOTHING}
                rows.append(failed | {"error": text.reason(error, path)})
    storing.write_summary(out, rows)
    return rows


def _model(folder: Path, allowed: Sequence[str]) -> Any:
    """Load a model that may predict, and say which it is and who made its labels."""
    from getl_utils.labels import engine
    from getl_utils.models import model
    from getl_utils.ops import release

    trained = model.load(folder)
    note = engine.preview_note(trained.facts.engine)
    made_by = f"labels by {trained.facts.engine}{f' ({note})' if note else ''}"
    made_by += f", projection {trained.facts.projection}" if trained.facts.projection else ""
    print(f"model {trained.model_id} in {folder}: {made_by}")
    for name, why in release.require(folder, allowed).items():
        print(f"allowed by name, {name}: {why}")
    return trained


def _make_folder(out: Path) -> None:
    if out.exists() and not out.is_dir():
        raise ValueError(f"--out {out} is a file; name a folder")
    out.mkdir(parents=True, exist_ok=True)


def report(rows: Sequence[Mapping[str, Any]], seconds: float) -> int:
    """Print what was predicted, and what was not and why.

    Parameters
    ----------
    rows : sequence of mapping
        From `predict_files`.
    seconds : float
        How long it took, s.

    Returns
    -------
    int
        1 if a frame could not be predicted, otherwise 0.
    """
    good = [row for row in rows if not row["error"]]
    for row in rows:
        if row["error"]:
            print(f"getl: {row['structure']}, frame {row['frame']}: {row['error']}", file=sys.stderr)
    atoms, bonds = (sum(row[name] for row in good) for name in ("atoms", "bonds"))
    counts = f"{len(good)} of {len(rows)} frames, {atoms} atoms, {bonds} bonds"
    print(f"{counts}, {seconds:.1f} s, {atoms / seconds:.0f} atoms/s")
    return int(len(good) < len(rows))


def compare(first: Path, second: Path, most: int, out: Path | None) -> None:
    """Print how two predictions for one structure differ.

    Parameters
    ----------
    first : Path
        Table or record of a prediction.
    second : Path
        Table or record of another prediction for the same structure.
    most : int
        How many of the bonds that differ most are printed.
    out : Path, optional
        Folder for a table and a figure of all bonds.

    Raises
    ------
    ValueError
        The predictions are not for the same structure.
    """
    from getl_utils.models import agreement
    from getl_utils.ops import provenance
    from getl_utils.views import agreement as agreement_figures
    from getl_utils.views import style

    (one, bonds), (two, others) = (provenance.read_prediction(path) for path in (first, second))
    table = agreement.reconcile(bonds, others)
    ids = f"first: model {one['model']['model_id']}; second: model {two['model']['model_id']}"
    print(f"{ids}; eV, second − first")
    print(agreement.reconciliation(table).to_string(index=False, float_format="{:.3f}".format))
    column = "ratio" if "ratio" in table else "difference"
    print(f"\nthe {most} bonds that differ most{' for their σ' if column == 'ratio' else ''}:")
    worst = table.loc[table[column].abs().sort_values(ascending=False).index[:most]]
    print(worst.drop(columns="where").to_string(index=False, float_format="{:.3f}".format))
    if out:
        types = list(dict.fromkeys(table.type))
        style.save(*agreement_figures.differences(table, types), out / "differences")
