"""Every atom's environment, a compact block of atoms at a time, so that memory stays bounded and processes
can share the work."""

from __future__ import annotations

import multiprocessing
import os
import threading
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from itertools import islice
from typing import NamedTuple

import numpy as np
from ase import Atoms

from getl_utils.core.bonds import neighbour_arrays
from getl_utils.etl.descriptors import Soap

BLOCK = 500  # atoms whose vectors are in memory at once; 8 MB of 2101 components
RECYCLE = 400  # blocks a process does before a new one takes over: about 0.5 GB of what QUIP does not free


class Pairs(NamedTuple):
    """Every neighbour of every atom, both directions, by i: i, j (n,), shift T of j (n, 3), distance (n,) in
    Å, and the first row of each atom, start (n_atoms + 1,)."""

    i: np.ndarray
    j: np.ndarray
    shift: np.ndarray
    distance: np.ndarray
    start: np.ndarray

    @classmethod
    def of(cls, atoms: Atoms, cutoff: float) -> Pairs:
        """All pairs within `cutoff` (Å), images of small and sheared cells included.

        Raises
        ------
        ValueError : a position or the cell is not finite, or the cell has no volume.
        """
        i, j, shift, distance = neighbour_arrays(atoms, cutoff)
        return cls(i, j, shift, distance, np.searchsorted(i, np.arange(len(atoms) + 1)))

    def rows(self, atoms: np.ndarray) -> np.ndarray:
        """The rows of some atoms' neighbours."""
        count = self.start[atoms + 1] - self.start[atoms]
        first = np.repeat(self.start[atoms] - np.cumsum(count) + count, count)
        return first + np.arange(count.sum())


def blocks(positions: np.ndarray, size: int = BLOCK) -> list[np.ndarray]:
    """Divide atoms into compact blocks of at most `size`: halved along the longest edge until small enough.

    Examples
    --------
    >>> [len(b) for b in blocks(np.random.default_rng(0).uniform(size=(10, 3)), 3)]
    [2, 3, 2, 3]
    """
    todo, done = [np.arange(len(positions))], []
    while todo:
        block = todo.pop()
        if len(block) <= size:
            done.append(np.sort(block))
            continue
        axis = int(np.argmax(np.ptp(positions[block], axis=0)))
        order = block[np.argsort(positions[block, axis], kind="stable")]
        todo += [order[len(order) // 2 :], order[: len(order) // 2]]
    return done


def cluster(atoms: Atoms, pairs: Pairs, block: np.ndarray, cutoff: float) -> Atoms:
    """A block's atoms and then every image of an atom within `cutoff` (Å) of one of them, in a box with that
    much vacuum."""
    rows = pairs.rows(block)
    rows = rows[pairs.distance[rows] <= cutoff]
    images = np.column_stack([pairs.j[rows], pairs.shift[rows]])
    inside = np.isin(images[:, 0], block) & ~images[:, 1:].any(axis=1)
    images = images[~inside]
    images = images[np.lexsort(images.T[::-1])]
    new = np.ones(len(images), bool)
    new[1:] = (images[1:] != images[:-1]).any(axis=1)
    images = images[new]
    around = atoms.positions[images[:, 0]] + images[:, 1:] @ atoms.cell.array
    positions = np.concatenate([atoms.positions[block], around])
    cell = np.ptp(positions, axis=0) + 2 * cutoff
    # QUIP links a periodic box five times faster than one without boundaries; through the vacuum there are no
    # neighbours
    return Atoms(atoms.numbers[np.r_[block, images[:, 0]]], positions, cell=cell, pbc=True)


@dataclass(frozen=True)
class Describer:
    """What a process does with a block: vectors, projected at once on its element's matrix and dropped unless
    `keep`.

    Parameters
    ----------
    matrices : atomic number → (n_numbers, n_components). width : numbers per atom, the most of any element.
    basis : (n_kept, n_components); what of a vector is kept, if not all.
    """

    soap: Soap
    matrices: dict[int, np.ndarray]
    width: int
    keep: bool
    basis: np.ndarray | None = None

    def __call__(self, around: Atoms, centres: int) -> tuple[np.ndarray, np.ndarray | None]:
        """Projections (centres, width) in eV, and the vectors (centres, n_kept) or None."""
        vectors = self.soap.compute(around, centres)
        projections = np.zeros((centres, self.width))
        for number, matrix in self.matrices.items():
            ours = np.flatnonzero(around.numbers[:centres] == number)
            projections[ours, : len(matrix)] = vectors[ours] @ matrix.T
        if self.keep and self.basis is not None:
            vectors = vectors @ self.basis.T
        return projections, vectors if self.keep else None


class Crew:
    """Maps a describer over clusters, in order: here, or with `processes` > 1 in as many processes of their
    own.

    They are spawned, not forked, end with their parent, whatever its end, and give way to new ones after
    RECYCLE blocks each, because QUIP never frees its neighbour tables; the same is why much work for one
    process is done in another than this one.
    """

    def __init__(self, describer: Describer, processes: int):
        self.describer, self.processes = describer, processes
        self._pool: ProcessPoolExecutor | None = None
        self._count = 0
        if processes > 1:
            self._fresh(0).submit(int)  # they start while the first structure is read

    def map(
        self, jobs: Iterable[tuple[Atoms, int]], n: int
    ) -> Iterator[tuple[np.ndarray, np.ndarray | None]]:
        """The describer's results for n clusters and their numbers of centres."""
        if self.processes == 1 and self._pool is None and self._count + n <= RECYCLE:
            self._count += n
            yield from (self.describer(*job) for job in jobs)
            return
        jobs = iter(jobs)
        while batch := list(islice(jobs, RECYCLE * self.processes)):
            yield from self._fresh(len(batch)).map(_work, batch)

    def _fresh(self, n: int) -> ProcessPoolExecutor:
        if self._pool is None or self._count + n > RECYCLE * self.processes:
            self.close()
            context = multiprocessing.get_context("spawn")
            self._pool = ProcessPoolExecutor(
                self.processes, context, initializer=_start, initargs=(self.describer,)
            )
            self._count = 0
        self._count += n
        return self._pool

    def close(self) -> None:
        """End the processes."""
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)


_describer: Describer | None = None  # of this process, if it is one of a crew


def _start(describer: Describer) -> None:
    global _describer
    _describer = describer
    parent = multiprocessing.parent_process()
    threading.Thread(target=lambda: (parent.join(), os._exit(1)), daemon=True).start()


def _work(job: tuple[Atoms, int]) -> tuple[np.ndarray, np.ndarray | None]:
    return _describer(*job)
