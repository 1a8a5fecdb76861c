"""Ship a trained model with its card: python workflow/ship_model.py WORK_DIR PARAMETERS NAME [--data FOLDER].

The model of WORK_DIR goes to data_examples/models/NAME as arrays and JSON, with its checks and README.md. It
must have passed all its checks without exception. ``getl predict`` uses it when no model is named. With
--data it goes to FOLDER/model instead, beside its labels, and is used only when it is named.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from typing import Any

import pandas as pd

from getl_utils.core import parameters
from getl_utils.core.record import atomic_write, read_json
from getl_utils.core.workdir import WorkDir, root
from getl_utils.models import model, validation
from getl_utils.ops import release

FILES = ("model.json", "model.npz", "checks.json")
SPLITS = ("random", "by atom", "by run", "by composition")


def errors(table: pd.DataFrame) -> str:
    """RMSE (eV) and its ratio to that of the distance alone, a row per type and a column per split."""
    rows = validation.summary(table)
    lines = ["| bond | " + " | ".join(SPLITS) + " |", "|---" * (len(SPLITS) + 1) + "|"]
    for name, some in rows.groupby("type", sort=False):
        by = some.set_index("split")
        cells = [f"{by.rmse[s]:.3f} ({by.ratio[s]:.2f})" if s in by.index else "–" for s in SPLITS]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def windows(facts: Any) -> str:
    """Length of the training bonds and their number, a row per type."""
    lines = ["| bond | training bonds | shortest (Å) | longest (Å) |", "|---|---|---|---|"]
    for name, one in facts.types.items():
        lines.append(f"| {name} | {one.n_bonds} | {one.window[0]:.2f} | {one.window[1]:.2f} |")
    return "\n".join(lines)


def card(work: WorkDir, file: str, name: str, data: str) -> str:
    """The text of README.md: what the model learned from, how wrong it is, where it is valid."""
    roots = parameters.read(file).get("reference_roots") or [data]
    folders = ", ".join(f"`{place}`" for place in roots)
    trained, bonds = model.load(work.model), pd.read_parquet(work.bonds)
    table, checks = pd.read_csv(work.model / "validation.csv"), read_json(work.model / "checks.json")
    quenches = bonds.groupby(["composition", "run"]).size()
    passed = f"{len(checks['checks'])} of {len(checks['checks'])}"
    return f"""# Model `{name}`

- **Identity:** `{trained.model_id}`, of database `{trained.facts.database_id}`, trained by `{file}`.
- **Predicts:** ICOHP (eV, negative = bonding), its σ, and whether a bond is outside what the model has seen.
- **Learned from:** {len(bonds)} bonds of {len(quenches)} quenches of {", ".join(bonds.composition.unique())}.
- **Labels:** engine `{trained.facts.engine}`, projection `{trained.facts.projection}`, in {folders}.
- **Checks:** {passed} passed (`checks.json`); `getl test-model` runs them again.
- **Licence:** MIT, as the repository.

## Where it is valid

Elements {", ".join(trained.elements)}. A bond outside these lengths, or in surroundings that the training set
does not have, is flagged `outside`.

{windows(trained.facts)}

## How wrong it is

RMSE on bonds that were left out (eV), and in brackets its ratio to that of a curve of the length alone. The
random split leaks, because deformed copies of one cell stand on both sides. For a new glass, take the last
two columns.

{errors(table)}
"""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("work_dir")
    parser.add_argument("parameters")
    parser.add_argument("name")
    parser.add_argument("--data")
    given = parser.parse_args()
    work, data = WorkDir(given.work_dir), given.data or "data_examples/zrcual"
    out = root() / (f"{data}/model" if given.data else f"data_examples/models/{given.name}")
    try:
        release.require(work.model, [])
    except ValueError as error:
        print(f"ship_model: {error}", file=sys.stderr)
        return 1
    out.mkdir(parents=True, exist_ok=True)
    for file in FILES:
        shutil.copyfile(work.model / file, out / file)
    with atomic_write(out / "README.md") as temporary:
        temporary.write_text(card(work, given.parameters, given.name, data))
    print(f"{out.relative_to(root())}: model {read_json(out / 'model.json')['model_id']}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
