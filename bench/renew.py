"""Tables of which a run makes some rows anew."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from getl_utils.core.record import write_csv


def renew(path: Path, table: pd.DataFrame, keys: list[str], order: Sequence[str] = ()) -> None:
    """Write a table, sorted by `order`; rows of the file stay where `table` has none of the same `keys`."""
    if path.exists():
        known = pd.read_csv(path)
        made = pd.MultiIndex.from_frame(table[keys])
        table = pd.concat([known[~pd.MultiIndex.from_frame(known[keys]).isin(made)], table])
    write_csv(path, table.sort_values(list(order), kind="stable") if order else table)
