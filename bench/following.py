"""How long bonds are followed through a trajectory: python bench/following.py [FRAMES [ATOMS [THREADS [σ]]]].

The frames are of a rattled crystal under shear whose atoms drift further with every frame: times depend on
the numbers of atoms and bonds. Each frame is predicted with the shipped model, without σ if the last
argument is 0, and compared with the first; see results.md.
"""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Iterator

import numpy as np
from ase import Atoms
from ase.build import bulk

from getl_utils.core.workdir import resolve
from getl_utils.inference import exchange, predictor, trajectory
from getl_utils.models import model

MODEL, STRAIN = "data_examples/models/zr-cu-al", 0.1


def sheared(frames: int, number: int) -> Iterator[Atoms]:
    """Frames of about `number` atoms, the elements of the model at random."""
    random, side = np.random.default_rng(1), round((number / 2) ** (1 / 3))
    first = bulk("Cu", "bcc", a=3.3, cubic=True) * (side, side, side)
    first.symbols = random.choice(["Zr", "Cu"], len(first))
    first.positions += random.normal(scale=0.15, size=(len(first), 3))
    drift = random.normal(scale=0.3, size=(len(first), 3))
    for n in range(frames):
        atoms, cell = first.copy(), first.cell.array.copy()
        atoms.positions += n / max(1, frames - 1) * drift
        cell[1, 0] = STRAIN * n / max(1, frames - 1) * cell[1, 1]
        atoms.set_cell(cell, scale_atoms=True)
        yield atoms


def main(frames: int = 50, number: int = 100_000, threads: int = 1, sigma: int = 1) -> None:
    """Follow the frames; print seconds and memory."""
    trained = model.load(resolve(MODEL))
    limits = predictor.windows(trained, {})
    predictor.predict(
        trained, next(sheared(1, 250)), limits, threads=threads
    )  # compiled before the clock starts
    start, used = time.perf_counter(), time.process_time()
    path = trajectory.follow(sheared(frames, number))
    tables = (predictor.predict(trained, path.atoms(n), limits, bool(sigma), threads) for n in range(frames))
    first, states = next(tables), []
    for n, table in enumerate(tables, 1):
        changed = exchange.exchanges([first, table], path.pair(n), limits)
        states.append(changed.state.value_counts())
    wall, cpu = time.perf_counter() - start, time.process_time() - used
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    print(
        f"{frames} frames of {len(path.symbols)} atoms, {len(first)} bonds in the first, {threads} threads:"
    )
    print(f"{wall:.0f} s, {cpu:.0f} CPU s, {peak:.2f} GB at most; at the end {dict(states[-1])}")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
