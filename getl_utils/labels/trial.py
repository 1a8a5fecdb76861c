"""Shipped labels made once more, to see whether this machine gives the same values."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from getl_utils.core.record import content_hash, read_json
from getl_utils.labels import engine as engines
from getl_utils.labels.label import label_structure
from getl_utils.labels.status import BONDS, RECORD

CELL = "cell.xyz"
ORDER = ("gpaw", "xtb")  # the first that is installed is used


def engine_here() -> str:
    """Return the engine that labels are tried with: GPAW if it is installed, else GFN1-xTB.

    Returns
    -------
    str
        Name of the engine; empty if neither is installed.
    """
    return next((name for name in ORDER if engines.get(name).missing() is None), "")


def shipped(place: Path) -> pd.DataFrame:
    """Read the label that came with a cell.

    Parameters
    ----------
    place : Path
        Folder with ``cell.xyz`` and its label.

    Returns
    -------
    DataFrame
        Its bonds.
    """
    return pd.read_parquet(place / BONDS)


def again(place: Path, folder: Path, engine: str) -> pd.DataFrame:
    """Label a shipped cell once more, unless that is done.

    The engine of the shipped label gets the same settings, another one its own.

    Parameters
    ----------
    place : Path
        Folder with ``cell.xyz`` and its label.
    folder : Path
        The new label is written into a folder below it.
    engine : str
        Name of the engine.

    Returns
    -------
    DataFrame
        The bonds of the new label.

    Raises
    ------
    RuntimeError
        The engine is not installed, or the calculation failed.
    """
    made = read_json(place / RECORD)
    same = made["engine"] == engine
    own = made["used_settings"] if same else {}  # in full: a default may have changed since
    settings = {**made["settings"], "engine": engine, "engine_settings": own}
    folder = folder / content_hash(settings)  # a label with other settings lies beside it
    record = label_structure(place / CELL, folder, settings)
    if record["status"] != "DONE":
        raise RuntimeError(f"{place.name} by {engine}: {record['status']}: {record['reason']}")
    return shipped(folder)
