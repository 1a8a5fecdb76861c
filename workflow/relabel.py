"""Label the cells of data sets anew: python workflow/relabel.py PARAMETERS.

The cells are those of the `reference_roots` of the parameters; the labels, by their engine and its settings,
go into their `work_dir`. Quenches take turns, each in an order drawn by `seed`, so that the cells done when
it is stopped are as different as they can be. Started again, it goes on. Pack what is done by pack.py.
"""

from __future__ import annotations

import argparse
import random
import shutil
from itertools import chain, zip_longest

from getl_utils.core import cells, parameters
from getl_utils.core.cells import CellKey
from getl_utils.core.workdir import WorkDir, resolve
from getl_utils.labels import label


def in_turn(keys: list[CellKey], seed: int) -> list[CellKey]:
    """One cell of each quench, then a second of each, and so on."""
    quenches: dict[tuple[str, int], list[CellKey]] = {}
    for key in keys:
        quenches.setdefault((key.composition, key.run), []).append(key)
    for some in quenches.values():
        random.Random(seed).shuffle(some)
    return [key for key in chain(*zip_longest(*quenches.values())) if key]


def main() -> None:
    """Copy the cells, label them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("parameters")
    file = parser.parse_args().parameters
    values = parameters.read(file)
    p = parameters.for_stage("01_generate", values, file)
    work, keys = WorkDir(p.work_dir), []
    held = [WorkDir(resolve(root)) for root in p.reference_roots]
    for key in cells.keys(p.compositions, p.runs, p.sub_runs):
        for one in (one for one in held if one.cell(*key).exists()):
            work.cell(*key).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(one.cell(*key), work.cell(*key))
            keys.append(key)
    for n, (key, record) in enumerate(label.label_all(work, in_turn(keys, values["seed"]), p), 1):
        print(f"{n} of {len(keys)}: {'/'.join(map(str, key))} {record['status']}", flush=True)


if __name__ == "__main__":
    main()
