"""A model made ready for some windows: the bonds of a structure with their predicted strength, a chunk at a
time."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np
import pandas as pd
from ase import Atoms
from ase.data import atomic_numbers

from getl_utils.core.bonds import BOND, type_table
from getl_utils.etl.features import Features
from getl_utils.inference.environments import BLOCK, Crew, Describer, Pairs, blocks, cluster
from getl_utils.models.contraction import MARGIN, Contraction, contractible
from getl_utils.models.gp import BLOCK as BONDS
from getl_utils.models.model import Model

CHUNK = 20_000  # atoms whose bonds are one table: about 150 000 rows
CACHED = 2_000  # bonds whose numbers stay in a core's cache


def bond_chunks(
    atoms: Atoms, pairs: Pairs, elements: Sequence[str], limits: Mapping[str, Sequence[float]]
) -> Iterator:
    """The bonds whose distance lies in their type's window, each once, as tables of CHUNK atoms i.

    Yields
    ------
    DataFrame : i, j, tx, ty, tz, distance (Å), element_i, element_j, type; i < j, or i = j and T > 0 in
    lexical order.
    """
    kind = kinds(atoms, elements)
    names, types = np.array(elements, dtype=object), type_table(elements)
    low, high = (
        np.vectorize(lambda t, s=s: limits[t][s] if t in limits else np.nan)(types).astype(float)
        for s in (0, 1)
    )
    for first in range(0, max(len(atoms), 1), CHUNK):
        some = slice(pairs.start[first], pairs.start[min(first + CHUNK, len(atoms))])
        i, j, shift, distance = (a[some] for a in pairs[:4])
        x, y, z = shift.T
        forward = (x > 0) | ((x == 0) & ((y > 0) | ((y == 0) & (z > 0))))
        a, b = kind[i], kind[j]
        wanted = ((i < j) | ((i == j) & forward)) & (distance >= low[a, b]) & (distance <= high[a, b])
        rows = np.flatnonzero(wanted)
        rows = rows[np.lexsort((z[rows], y[rows], x[rows], j[rows], i[rows]))]
        table = pd.DataFrame(
            dict(zip(BOND, (i[rows], j[rows], *shift[rows].T), strict=True)) | {"distance": distance[rows]}
        )
        a, b = a[rows], b[rows]
        yield table.assign(element_i=names[a], element_j=names[b], type=types[a, b])


def kinds(atoms: Atoms, elements: Sequence[str]) -> np.ndarray:
    """Place of each atom's element in `elements`; ValueError for an element outside it."""
    foreign = sorted(set(atoms.get_chemical_symbols()) - set(elements))
    if foreign:
        raise ValueError(
            f"element {', '.join(foreign)} is unknown to the model, which has seen {', '.join(elements)} only"
        )
    place = np.zeros(119, dtype=int)
    place[[atomic_numbers[e] for e in elements]] = np.arange(len(elements))
    return place[atoms.numbers]


class Evaluator:
    """Use as context manager: ``with Evaluator(model, limits) as evaluator: evaluator.bonds(atoms)``.

    Types with a contracted form use it (made anew where a window is wider than the stored one), the others
    the direct sum over blocks of bonds, for which the vectors of all atoms lie in a temporary file.

    Parameters
    ----------
    limits : bond type → window, Å. sigma : also the predictive σ and whether it is `outside`. processes : for
    SOAP.

    Attributes
    ----------
    notes : type → why it has no contracted form.
    """

    def __init__(
        self, model: Model, limits: Mapping[str, Sequence[float]], sigma: bool = False, processes: int = 1
    ):
        if not limits:
            raise ValueError("the model has no type of bond to predict")
        self.model, self.limits, self.sigma, self.processes = model, dict(limits), sigma, processes
        self.elements, self.notes, self.contractions = model.elements, {}, {}
        for bond_type in limits:
            self._prepare(bond_type)
        self.columns: dict[tuple[str, str], int] = {}
        matrices, width = {}, 0
        for element in self.elements:
            parts = {t: c.weights for t, c in self.contractions.items() if element in t.split("-")}
            ends = np.cumsum([0, *(len(w) for w in parts.values())])
            self.columns |= {(element, t): int(end) for t, end in zip(parts, ends, strict=False)}
            width = max(width, int(ends[-1]))
            matrices |= {atomic_numbers[element]: np.concatenate([*parts.values()])} if parts else {}
        self.describer = Describer(
            model.soap, matrices, width, keep=sigma or len(self.contractions) < len(limits), basis=model.basis
        )

    def _prepare(self, bond_type: str) -> None:
        process, (low, high) = self.model.processes[bond_type], self.limits[bond_type]
        stored = self.model.contractions.get(bond_type)
        try:
            if stored is not None and stored.covers(low, high):
                self.contractions[bond_type] = stored
            elif contractible(process.kernel):
                start, end = self.model.facts["types"][bond_type]["window"]
                self.contractions[bond_type] = self.model.contracted(
                    bond_type, min(low, max(start - MARGIN, 0.0)), max(high, end + MARGIN)
                )
            else:
                self.notes[bond_type] = "its kernel is not linear in s and smooth in d"
        except ValueError as error:
            self.notes[bond_type] = str(error)

    def __enter__(self) -> Evaluator:
        self._crew = Crew(self.describer, self.processes)
        return self

    def __exit__(self, *error: object) -> None:
        self._crew.close()

    def bonds(self, atoms: Atoms, tick: Callable[[int], object] = lambda n: None) -> Iterator[pd.DataFrame]:
        """The bonds of a structure, as `bond_chunks`, with `predicted` (ICOHP, eV, negative = bonding),
        `model_id` and, where asked, `sigma` (eV) and `outside` (σ above that of all but 1 % of the training
        bonds when left out).

        Parameters
        ----------
        tick : called with the number of atoms whose environments are done.

        Raises
        ------
        ValueError : an element that the model has not seen, or a structure that is not finite.
        """
        kinds(atoms, self.elements)
        pairs = Pairs.of(atoms, max(self.model.soap.cutoff, *(high for _, high in self.limits.values())))
        with tempfile.TemporaryFile() as file:
            projections, vectors = self._describe(atoms, pairs, file, tick)
            for table in bond_chunks(atoms, pairs, self.elements, self.limits):
                yield self._predict(table, projections, vectors)

    def _describe(self, atoms: Atoms, pairs: Pairs, file, tick) -> tuple[np.ndarray, np.ndarray | None]:
        describer = self.describer
        shape = (len(atoms), self.model.soap.size if self.model.basis is None else len(self.model.basis))
        vectors = np.memmap(file, float, "w+", shape=shape) if describer.keep and len(atoms) else None
        projections = np.empty((len(atoms), describer.width))
        parts = blocks(atoms.get_positions(wrap=True), BLOCK) if len(atoms) else []
        jobs = ((cluster(atoms, pairs, part, self.model.soap.cutoff), len(part)) for part in parts)
        for part, (numbers, kept) in zip(parts, self._crew.map(jobs, len(parts)), strict=True):
            projections[part] = numbers
            if kept is not None:
                vectors[part] = kept
            tick(len(part))
        return projections, vectors

    def _predict(
        self, table: pd.DataFrame, projections: np.ndarray, vectors: np.ndarray | None
    ) -> pd.DataFrame:
        predicted, sigma, outside = np.empty(len(table)), np.empty(len(table)), np.zeros(len(table), bool)
        for bond_type, rows in table.groupby("type").indices.items():
            process = self.model.processes[bond_type]
            if bond_type in self.contractions:
                predicted[rows] = -self._contracted(bond_type, table.iloc[rows], projections)
            if not self.sigma and bond_type in self.contractions:
                continue
            for block in np.array_split(rows, max(1, -(-len(rows) // BONDS))):
                features = self._features(table.iloc[block], vectors)
                if bond_type not in self.contractions:
                    predicted[block] = -process.predict(features)
                if self.sigma:
                    sigma[block] = process.sigma(features)
            outside[rows] = sigma[rows] > self.model.facts["types"][bond_type]["sigma_limit"]
        table = table.assign(predicted=predicted, model_id=self.model.facts["model_id"])
        return table.assign(sigma=sigma, outside=outside) if self.sigma else table

    def _contracted(self, bond_type: str, some: pd.DataFrame, projections: np.ndarray) -> np.ndarray:
        c: Contraction = self.contractions[bond_type]
        nodes, distance, name = np.arange(len(c.weights)), some.distance.to_numpy(), bond_type.split("-")[0]
        columns = [self.columns[element, bond_type] for element in bond_type.split("-")]
        ends = [(some[side].to_numpy(), np.where(some[f"element_{side}"] == name, *columns)) for side in "ij"]
        strength = np.empty(len(some))
        for first in range(0, len(some), CACHED):
            rows = slice(first, first + CACHED)
            at = [projections[atom[rows, None], column[rows, None] + nodes] for atom, column in ends]
            strength[rows] = c.predict(distance[rows], *at)
        return strength

    @staticmethod
    def _features(some: pd.DataFrame, vectors: np.ndarray) -> Features:
        return Features(some.distance.to_numpy(), vectors, some.i.to_numpy(), some.j.to_numpy())
