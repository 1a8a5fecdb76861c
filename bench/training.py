"""How fast is training: ratios taken in one run, on one core. ``make bench``; results in results.md.

Uses run 21 where it is beside the repository, else a rattled crystal and labels made up.
"""

import os

os.environ["OPENBLAS_NUM_THREADS"] = "1"  # before NumPy: one core

import statistics
import time
from collections.abc import Callable

import numpy as np
from scipy.linalg import cho_factor

from bench import PARAMETERS, PLACE, REFERENCE, made_up_database, published_database
from getl_utils.core import parameters
from getl_utils.etl import database
from getl_utils.models import gp, kernels, tuning

N = 2000  # bonds
REPEATS = 7


def seconds(*functions: Callable) -> list[list[float]]:
    """Times of functions called in turn, so that what else the machine does strikes all alike."""
    times = [[] for _ in functions]
    for _ in range(REPEATS):
        for function, list_ in zip(functions, times, strict=True):
            start = time.perf_counter()
            function()
            list_.append(time.perf_counter() - start)
    return times


def training(data: database.Database, bond_type: str) -> dict[str, str]:
    """A fit, from bonds and vectors to weights, beside the bare matrix product of as many rows and its
    Cholesky factor."""
    bonds = data.of_type(bond_type).iloc[:N]
    strength, vectors = (
        -bonds.icohp.to_numpy(float),
        np.random.default_rng(0).normal(size=(len(bonds), data.soap.shape[1])),
    )
    identity = vectors.shape[1] * np.eye(len(bonds))
    names = ("soap_se", "product_se")
    fits = [
        lambda n=n: gp.fit(kernels.build(n, 1, 0.5, 1.0), data.features(bonds), strength, 0.01) for n in names
    ]
    small, _ = data.compressed(150)
    fits += [lambda: gp.fit(kernels.build("product_se", 1, 0.5, 1.0), small.features(bonds), strength, 0.01)]
    bare, *ours = seconds(
        lambda: cho_factor((vectors @ vectors.T + identity).T, lower=True, overwrite_a=True), *fits
    )
    rows = {
        "bonds × components": f"{len(bonds)} × {vectors.shape[1]}",
        "bare product and Cholesky": f"{statistics.median(bare):.2f} s",
    }
    for name, times in zip(
        ("soap_se (≤ 1.5)", "product_se", "product_se, SOAP compressed to 150"), ours, strict=True
    ):
        ratio = statistics.median(a / b for a, b in zip(times, bare, strict=True))
        rows[f"training / bare, {name}"] = f"{ratio:.2f}"
    return rows


def full_tuning(data: database.Database, values: dict) -> dict[str, str]:
    """Both criteria, every type and shared by all, as reference.yaml asks."""
    p = parameters.for_stage("05_train", values | {"tune": "likelihood", "tuned": ""})
    start, cpu = time.perf_counter(), time.process_time()
    found = tuning.tune(data, p)
    took, cpu = time.perf_counter() - start, time.process_time() - cpu
    types = found.table.type.nunique() - 1 if len(found.table) else 0
    return {f"full tuning of {types} types (≤ 600 s)": f"{took:.0f} s ({cpu:.0f} s of one core)"}


def main() -> None:
    PLACE.mkdir(parents=True, exist_ok=True)
    values, there = parameters.read(PARAMETERS), REFERENCE.exists()
    print("run 21" if there else "NO PUBLISHED DATA HERE: a rattled crystal and labels made up")
    data = published_database(values) if there else made_up_database(values)
    commonest = data.bonds.type.value_counts().index[0]
    for part in (training(data, commonest), full_tuning(data, values)):
        print(*(f"| {name} | {value} |" for name, value in part.items()), sep="\n", flush=True)


if __name__ == "__main__":
    main()
