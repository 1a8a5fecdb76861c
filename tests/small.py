"""A whole work directory in seconds: Ti–Ni cells, labels by a stand-in for an engine, a database, a model."""

import numpy as np
from ase.build import bulk

from getl_utils.core import cells, parameters
from getl_utils.core.bonds import BOND
from getl_utils.core.neighbours import neighbour_table
from getl_utils.core.record import checksums, code_version, now, write_json
from getl_utils.core.workdir import WorkDir
from getl_utils.etl import database, descriptors, extract, load
from getl_utils.generate import lammps as md
from getl_utils.generate import sub_runs
from getl_utils.inference import predictor
from getl_utils.labels import engine as engines
from getl_utils.labels import label
from getl_utils.models import model, training

ELEMENTS = ["Ti", "Ni"]
PARAMETERS = {
    "elements": ELEMENTS,
    "seed": 3,
    "compositions": ["Ti27Ni27"],
    "runs": [1, 2, 3],
    "sub_runs": [0, 7],
    "cutoff": 3.4,
    "engine": "standin",
    "label_window": [1.8, 3.8],
    "orbitals": {"Ti": ["3d"], "Ni": ["3d"]},
    "soap": {"l_max": 2, "n_max": 3},
    "published": {"default": {"gamma": 0.01}},
    "n_seeds": 1,
}
LIMITS = {"Ti-Ti": (2.2, 3.6), "Ni-Ni": (2.2, 3.6), "Ti-Ni": (2.0, 3.3)}


class Standin:
    """A stand-in for an engine: −ICOHP falls off with the distance and rises with the number of neighbours of
    the two atoms."""

    name, preview = "standin", True

    def missing(self):
        return None

    def label(self, atoms, *, orbitals, minimum_distance, cutoff, **settings):
        table = neighbour_table(atoms, cutoff, minimum_distance)
        crowd = np.bincount(np.r_[table.i, table.j], np.tile(np.exp(-table.distance), 2), len(atoms))
        strength = np.exp(2 - table.distance) * (1 + 2 * (crowd[table.i] + crowd[table.j]))
        return engines.Label(table.assign(icohp=-strength), {"engine": self.name, "engine_version": "1"})


def crystal(seed, noise=0.1):
    atoms = bulk("TiNi", "cesiumchloride", a=3.0) * (3, 3, 3)
    atoms.positions += np.random.default_rng(seed).normal(scale=noise, size=(len(atoms), 3))
    return atoms


def predicted_both_ways(trained, atoms, limits):
    """The bonds of a structure as a model predicts them, the same from the table of their descriptions."""
    bonds = predictor.predict(trained, atoms, limits)
    for bond_type, rows in bonds.groupby("type"):
        features = trained.describe(atoms, rows[BOND].to_numpy())
        found = trained.evaluate(bond_type, features, rows.distance.to_numpy())
        np.testing.assert_allclose(found.mean, -rows.predicted, atol=1e-10)
        np.testing.assert_allclose(found.sigma, rows.sigma, rtol=1e-9)
        np.testing.assert_array_equal(found.outside, rows.outside)
    return bonds


def dump(path, atoms):
    """One frame, as a quench leaves it."""
    rows = "\n".join(
        f"{n + 1} {ELEMENTS.index(s) + 1} {x:.12g} {y:.12g} {z:.12g}"
        for n, (s, (x, y, z)) in enumerate(
            zip(atoms.symbols, atoms.get_scaled_positions(wrap=False), strict=True)
        )
    )
    edges = "\n".join(f"0 {edge:.15g}" for edge in atoms.cell.lengths())
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(
        f"ITEM: TIMESTEP\n0\nITEM: NUMBER OF ATOMS\n{len(atoms)}\nITEM: BOX BOUNDS pp pp pp\n{edges}\n"
        f"ITEM: ATOMS id type xs ys zs\n{rows}\n"
    )


def quenched(work, composition, run):
    """What a melt–quench leaves, without one."""
    folder = work.quench(composition, run)
    atoms = bulk("TiNi", "cesiumchloride", a=3.0, cubic=True) * (3, 3, 3)
    atoms.positions += np.random.default_rng(run).normal(scale=0.1, size=(len(atoms), 3))
    dump(folder / "final.dump", atoms)
    identity = {"seed": run, "counts": {"Ti": 27, "Ni": 27}}
    record = {"identity": identity, "run_id": md.run_id("quench", identity), "lammps": "none"}
    record |= {"code": code_version(), "time": now(), "sha256": checksums(folder, [folder / "final.dump"])}
    write_json(folder / "quench.json", record)
    return atoms


def describe(work, bonds, transform):
    """03_transform, in short."""
    descriptors.describe_cells(work, bonds, training.descriptors(transform))


def build(folder, monkeypatch):
    """All stages up to the model; the work directory and its parameters."""
    standin = Standin()
    monkeypatch.setattr(engines, "get", lambda name: standin)
    values = {**PARAMETERS, "work_dir": str(folder)}
    p = parameters.for_stage("01_generate", values)
    work, keys = WorkDir(folder), cells.keys(p.compositions, p.runs, p.sub_runs)
    for composition, run in {key[:2] for key in keys}:
        atoms = quenched(work, composition, run)
        sub_runs.write_sub_runs(work, atoms, composition, run, p.sub_runs, p.deformations.model_dump())
    for key in keys:
        assert label.label_one(work, key, p)["status"] == "DONE"
    result = extract.extract(work, keys, [], p.cutoff)
    extract.write(work, result)
    transform = parameters.for_stage("03_transform", values)
    describe(work, result.bonds, transform)
    collected = load.collect(work, result.bonds, result.clusters, ELEMENTS, "labelled")
    database.write(work.database("all"), collected, "all")
    train, stored = parameters.for_stage("05_train", values), database.read(work.database("all"))
    for folder, how in (
        (work.model, None),
        (work.path / "published", training.published_recipe(stored, train)),
    ):
        trained, refused = training.train(stored, train, how)
        assert not refused
        model.save(folder, trained)
    return work, values
