"""What the model is worth on run 21 of the published data: ``python bench/run21.py [part …]``.

Parts: validation, curves, ablation, augmentation; all if none is named. Each takes minutes, needs the
published data, and writes tables into docs/run21/. The published model stands beside ours on the same bonds.
"""

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # before NumPy

import sys
from pathlib import Path

import pandas as pd

from bench import PARAMETERS, PLACE, labelled_database
from getl_utils.core import parameters
from getl_utils.core.parameters import Train
from getl_utils.core.record import atomic_write
from getl_utils.core.workdir import WorkDir, root
from getl_utils.etl.database import Database
from getl_utils.models import learning, studies, validation

PLACE_OF_RESULTS = root() / "docs/run21"


def write(name: str, table: pd.DataFrame) -> None:
    with atomic_write(PLACE_OF_RESULTS / f"{name}.csv") as temporary:
        table.to_csv(temporary, index=False, float_format="%.5g")
    print(f"{name}:\n{table.to_string(index=False)}", flush=True)


def measure(part: str, data: Database, p: Train, work: WorkDir) -> None:
    """One part's tables."""
    if part == "validation":
        write("validation", validation.summary(validation.validate(data, p, progress=True).table))
    elif part == "curves":
        curves = learning.learning_curve(data, p, progress=True)
        write("learning_curves", curves)
        write("laws", learning.laws(curves))
    elif part == "ablation":
        table = studies.ablate(data, work, p, ["random", "by atom"], progress=True)
        write("ablation", table)
    elif part == "augmentation":
        write("augmentation", studies.augmentation(data, p, progress=True))
    else:
        raise SystemExit(f"{part}: the parts are validation, curves, ablation, augmentation")


def main() -> None:
    values = parameters.read(Path(PARAMETERS))
    data, p = labelled_database(values), parameters.for_stage("05_train", values)
    for part in sys.argv[1:] or ("validation", "curves", "ablation", "augmentation"):
        measure(part, data, p, WorkDir(PLACE / "run21"))


if __name__ == "__main__":
    main()
