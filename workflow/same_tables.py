"""Compare the results of two work directories, table by table.

    python workflow/same_tables.py runs/one runs/other

Values must be equal. Only times and durations may differ.
"""

import sys
from pathlib import Path

import pandas as pd

TABLES = [
    *("bonds.parquet", "clusters.parquet", "status.csv", "ND.info", "DUB.info", "database/*/bonds.parquet"),
    *("model/validation.csv", "predictions/*/*.parquet", "predictions/summary.csv"),
    *("labels/*/*/*/ICOHPLIST.lobster", "cells/*/*/*.xyz"),
]


def tables(work: Path) -> list[str]:
    """Return the paths of all tables, relative to the work directory."""
    return sorted(str(path.relative_to(work)) for pattern in TABLES for path in work.glob(pattern))


def same(one: Path, other: Path) -> str:
    """Return ``equal``, or what differs between two files."""
    if one.read_bytes() == other.read_bytes():
        return "equal"
    if one.suffix not in (".parquet", ".csv"):
        return "DIFFERENT"
    read = pd.read_parquet if one.suffix == ".parquet" else pd.read_csv
    first, second = (read(path).drop(columns="seconds", errors="ignore") for path in (one, other))
    try:
        pd.testing.assert_frame_equal(first, second, check_exact=True)
    except AssertionError as error:
        return f"DIFFERENT: {str(error).splitlines()[0]}"
    return "equal"


def main(one: Path, other: Path) -> int:
    """Print a line for each table that differs; return 1 if one differs or is missing."""
    names = sorted({*tables(one), *tables(other)})
    verdicts = {
        n: same(one / n, other / n) if (one / n).exists() and (other / n).exists() else "MISSING in one"
        for n in names
    }
    for name, verdict in verdicts.items():
        if verdict != "equal":
            print(f"{name}: {verdict}")
    equal = sum(verdict == "equal" for verdict in verdicts.values())
    print(f"{equal} of {len(names)} tables are equal")
    return int(not names or equal < len(names))


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2])))
