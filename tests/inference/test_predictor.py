"""Prediction: the contracted form is the direct sum, blocks and processes change nothing, damage and kill −9
lose nothing."""

import multiprocessing
import random
import signal
import time
from pathlib import Path

import ase.io
import numpy as np
import pandas as pd
import pytest
from ase import Atoms
from ase.build import bulk, make_supercell
from conftest import PUBLISHED_GLASS, REPOSITORY
from scipy.spatial.transform import Rotation

from getl_utils import cli
from getl_utils.core import parameters
from getl_utils.core.bonds import BOND, type_of
from getl_utils.core.record import read_json
from getl_utils.etl.database import Database
from getl_utils.etl.descriptors import Soap
from getl_utils.etl.features import Features
from getl_utils.files import lammps
from getl_utils.inference import environments, evaluator, predictor
from getl_utils.models import contraction, gp, kernels, model

ELEMENTS = ["Ti", "Ni"]
SOAP = Soap(ELEMENTS, cutoff=3.4, l_max=3, n_max=3, atom_sigma=0.5)
LIMITS = {"Ti-Ti": (2.2, 3.6), "Ni-Ni": (2.2, 3.6), "Ti-Ni": (2.0, 3.3)}


def crystal(n=3, noise=0.1, seed=0):
    atoms = bulk("TiNi", "cesiumchloride", a=3.0) * (n, n, n)
    atoms.positions += np.random.default_rng(seed).normal(scale=noise, size=(len(atoms), 3))
    return atoms


def train(**changes):
    """Three rattled crystals; −ICOHP falls off with distance and rises with one component of the
    environment."""
    tables, vectors = [], []
    for number in range(3):
        atoms = crystal(seed=number)
        bonds = predictor.find_bonds(atoms, ELEMENTS, dict.fromkeys(LIMITS, (1.5, 3.8)))
        soap = SOAP.compute(atoms)
        bonds = bonds.assign(row_i=bonds.i + 54 * number, row_j=bonds.j + 54 * number)
        bonds["icohp"] = -np.exp(2 - bonds.distance) * (1 + (soap[bonds.i] + soap[bonds.j])[:, 3])
        tables.append(bonds)
        vectors.append(soap)
    facts = {"engine": "test", "soap": SOAP.to_dict(), "database_id": "y"}
    database = Database(pd.concat(tables, ignore_index=True), np.concatenate(vectors), pd.DataFrame(), facts)
    given = {
        "work_dir": "w",
        "elements": ELEMENTS,
        "seed": 0,
        "n_train": 300,
        "hyperparameters": {"default": {"gamma": 0.01}},
    }
    return model.train(database, parameters.for_stage("05_train", given | changes))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The model's, written."""
    place = tmp_path_factory.mktemp("model")
    trained, arrays, refused = train()
    assert not refused
    model.save(place, trained, arrays)
    return place


@pytest.fixture(scope="module")
def trained(folder):
    return model.load(folder)


def direct(trained, atoms, bonds):
    """Σ_i α_i k(x, x_i) of each bond, with QUIP's vectors of the whole structure by its own front door."""
    from quippy.descriptors import Descriptor

    bare = Atoms(atoms.numbers, atoms.positions, cell=atoms.cell, pbc=atoms.pbc)
    vectors = Descriptor(trained.soap.descriptor_string).calc(bare)["data"]
    result = np.empty(len(bonds))
    for bond_type, rows in bonds.groupby("type").indices.items():
        some = bonds.iloc[rows]
        features = Features(some.distance.to_numpy(), (vectors[some.i] + vectors[some.j]) / 2)
        result[rows] = -trained.processes[bond_type].predict(features)
    return result


def test_the_contracted_form_is_the_direct_sum(trained):
    atoms = crystal(4, 0.15, seed=9)
    bonds = predictor.predict(trained, atoms, LIMITS)
    assert set(trained.contractions) == set(LIMITS)
    assert np.abs(bonds.predicted - direct(trained, atoms, bonds)).max() <= 1e-10


def test_on_the_published_glass(run21_database, reference):
    """Every error of the contracted forms is within 1e-10 eV, bounded and on random bonds; the count is the
    published one."""
    stored, p = run21_database
    published = {"kernel": "soap_se", "hyperparameters": p.published, "compress": 0}
    ours, _, refused = model.train(stored, p.model_copy(update=published))
    values = parameters.read(REPOSITORY / "parameters/reference.yaml")
    atoms = lammps.read_data(reference / PUBLISHED_GLASS, ours.elements)
    bonds = predictor.predict(ours, atoms, predictor.windows(ours, values["windows"]))
    assert list(refused) == ["Al-Al"]
    assert max(c.error for c in ours.contractions.values()) <= 1e-10
    assert len(bonds) == 66_515
    some = bonds.sample(1000, random_state=0)
    assert np.abs(some.predicted - direct(ours, atoms, some)).max() <= 1e-10


def test_a_wider_window_is_contracted_anew(trained):
    wide = dict.fromkeys(LIMITS, (0.5, 6.0))
    atoms = crystal(4, seed=5)
    ready = predictor.Evaluator(trained, wide)
    assert all(c.covers(0.5, 6.0) for c in ready.contractions.values())
    bonds = predictor.predict(trained, atoms, wide)
    assert bonds.distance.max() > 5
    assert np.abs(bonds.predicted - direct(trained, atoms, bonds)).max() <= 1e-10


def test_where_the_bound_is_not_reached_the_direct_sum_is_taken(monkeypatch):
    monkeypatch.setattr(contraction, "NODES", (4, 6))
    coarse, arrays, _ = train()
    assert not coarse.contractions
    assert not [name for name in arrays if "contracted" in name]
    assert "leave an error of" in coarse.facts["types"]["Ni-Ni"]["not_contracted"]
    atoms = crystal(seed=4)
    bonds = predictor.predict(coarse, atoms, LIMITS)
    np.testing.assert_allclose(bonds.predicted, direct(coarse, atoms, bonds), atol=1e-12)


@pytest.mark.parametrize(
    "changes",
    [{"kernel": "soap_ou"}, {"kernel": "se"}, {"hyperparameters": {"default": {"zeta": 2, "gamma": 0.01}}}],
    ids=str,
)
def test_other_kernels_take_the_direct_sum(changes, monkeypatch):
    other, _, _ = train(**changes)
    assert not other.contractions
    monkeypatch.setattr(evaluator, "BONDS", 50)
    atoms = crystal(seed=4)
    bonds = predictor.predict(other, atoms, LIMITS)
    np.testing.assert_allclose(bonds.predicted, direct(other, atoms, bonds), atol=1e-12)


def test_blocks_of_atoms_are_the_whole(trained, monkeypatch):
    atoms = crystal(4, seed=3)
    atoms.positions[::7] += 5 * atoms.cell[0]  # unwrapped, as xu yu zu of a dump
    whole = predictor.predict(trained, atoms, LIMITS, sigma=True)
    monkeypatch.setattr(evaluator, "BLOCK", 7)
    monkeypatch.setattr(evaluator, "CHUNK", 11)
    parts = predictor.predict(trained, atoms, LIMITS, sigma=True)
    pd.testing.assert_frame_equal(parts, whole, rtol=0, atol=1e-12)
    assert not parts.duplicated(BOND).any()


def test_two_processes_are_one(trained, monkeypatch):
    monkeypatch.setattr(evaluator, "BLOCK", 20)
    atoms = crystal(seed=3)
    alone, together = (predictor.predict(trained, atoms, LIMITS, processes=n) for n in (1, 2))
    monkeypatch.setattr(
        environments, "RECYCLE", 2
    )  # two frames of four blocks: the processes give way to new ones
    with predictor.Evaluator(trained, LIMITS) as ready:
        replaced = [pd.concat(list(ready.bonds(atoms)), ignore_index=True) for _ in range(2)]
    for other in (together, *replaced):
        pd.testing.assert_frame_equal(other, alone, check_exact=True)


def sorted_numbers(bonds):
    return bonds.sort_values(["type", "distance"])[["distance", "predicted"]].to_numpy()


def test_atom_order_translation_and_rotation_change_nothing(trained):
    atoms = crystal(seed=6)
    bonds = predictor.predict(trained, atoms, LIMITS)
    order = np.random.default_rng(0).permutation(len(atoms))
    mixed = predictor.predict(trained, atoms[order], LIMITS)
    ends = np.sort(np.stack([order[mixed.i], order[mixed.j]]), axis=0)
    assert set(map(tuple, ends.T)) == set(zip(bonds.i, bonds.j, strict=True))
    moved, turned = atoms.copy(), atoms.copy()
    moved.translate([7.7, -31.1, 0.123])
    turn = Rotation.from_euler("xyz", [0.3, 1.1, -2.0]).as_matrix()
    turned.set_cell(atoms.cell @ turn)
    turned.positions = atoms.positions @ turn
    for other in (mixed, *(predictor.predict(trained, a, LIMITS) for a in (moved, turned))):
        np.testing.assert_allclose(sorted_numbers(other), sorted_numbers(bonds), rtol=0, atol=1e-9)


def test_a_b_is_b_a(trained):
    atoms = crystal(seed=6)
    forward, back = predictor.predict(trained, atoms, LIMITS), predictor.predict(trained, atoms[::-1], LIMITS)
    last = len(atoms) - 1
    keys = forward.set_index(["i", "j", "distance"]).predicted.rename(lambda x: round(x, 8), level=2)
    turned = back.assign(i=last - back.j, j=last - back.i).set_index(["i", "j", "distance"])
    turned = turned.predicted.rename(lambda x: round(x, 8), level=2)
    np.testing.assert_allclose(turned.loc[keys.index], keys, rtol=0, atol=1e-12)


@pytest.mark.parametrize("shear", [0.0, 0.5, 1.4])
def test_small_and_sheared_cells_have_every_image(trained, shear):
    """Two atoms, thinner than the cutoff, bond to their own images: as in 64 copies, each bond with its
    translation."""
    small = bulk("TiNi", "cesiumchloride", a=3.0)
    small.positions[1] += [0.2, 0.1, -0.15]
    small.cell[1, 0] += 3.0 * shear
    bonds = predictor.predict(trained, small, LIMITS)
    large = predictor.predict(trained, make_supercell(small, 4 * np.eye(3)), LIMITS)
    assert len(large) == 64 * len(bonds)
    assert bonds.duplicated(["i", "j"]).any()
    np.testing.assert_allclose(sorted_numbers(large)[::64], sorted_numbers(bonds), rtol=0, atol=1e-9)
    vector = (
        small.positions[bonds.j]
        + bonds[["tx", "ty", "tz"]].to_numpy() @ small.cell.array
        - small.positions[bonds.i]
    )
    np.testing.assert_allclose(np.linalg.norm(vector, axis=1), bonds.distance)


def test_sigma_is_the_posterior_and_left_out_errors_have_its_size():
    random_ = np.random.default_rng(0)
    d, s = np.sort(random_.uniform(2, 4, 60)), np.ones((60, 1))
    y = np.exp(2 - d) + random_.normal(scale=0.05, size=60)
    kernel, bonds = kernels.build("soap_se", 1, 0.5), Features(d, s)
    process = gp.fit(kernel, bonds, y, gamma=0.02)
    left_out, errors = [], []
    for n in range(60):
        rest = np.delete(np.arange(60), n)
        matrix = kernel(bonds[rest], bonds[rest]) + process.noise * np.eye(59)
        k = kernel(bonds[n : n + 1], bonds[rest])[0]
        left_out.append(np.sqrt(process.scale * (1 + process.noise - k @ np.linalg.solve(matrix, k))))
        errors.append(y[n] - k @ np.linalg.solve(matrix, y[rest]))
    np.testing.assert_allclose(process.left_out()[1], left_out, rtol=1e-8)
    assert 0.3 < np.std(np.array(errors) / left_out) < 3
    far = process.sigma(Features(np.array([3.0, 9.0]), np.ones((2, 1))))
    assert far[1] == pytest.approx(np.sqrt(process.scale * (1 + process.noise)))
    assert far[0] < 0.2 * far[1]


def test_a_strange_environment_is_outside(trained):
    usual = predictor.predict(trained, crystal(seed=11), LIMITS, sigma=True)
    dimers = Atoms("TiNi", [[0, 0, 0], [2.4, 0, 0]], cell=[20, 20, 20], pbc=True)
    strange = predictor.predict(trained, dimers, LIMITS, sigma=True)
    assert usual.outside.mean() < 0.2
    assert len(strange) == 1
    assert strange.outside.all()
    assert strange.sigma[0] > usual.sigma.max()


def test_a_structure_without_bonds_or_boundaries(trained, tmp_path):
    ase.io.write(tmp_path / "far.xyz", Atoms("TiNi", [[0, 0, 0], [9, 0, 0]]))
    rows = predictor.predict_file(trained, tmp_path / "far.xyz", tmp_path / "out", LIMITS, "all", True)
    assert (rows[0]["bonds"], rows[0]["error"]) == (0, "")
    assert len(pd.read_parquet(tmp_path / "out/1_0.parquet")) == 0


def write_frames(path, n, size=3):
    ase.io.write(path, [crystal(size, seed=20 + number) for number in range(n)], format="extxyz")
    return path


def test_files_of_a_frame(trained, tmp_path):
    path = write_frames(tmp_path / "some.xyz", 2)
    rows = predictor.predict_file(trained, path, tmp_path / "out", LIMITS, "all", True, sigma=True)
    assert [(r["structure"], r["frame"], r["atoms"], r["error"]) for r in rows] == [
        ("some", 1, 54, ""),
        ("some", 2, 54, ""),
    ]
    bonds, sums = (pd.read_parquet(tmp_path / f"out/{name}.parquet") for name in ("2_0", "atoms/2_0"))
    assert {"sigma", "outside", "prediction_id", "model_id", "predicted", *BOND} <= set(bonds)
    assert len(bonds) == rows[1]["bonds"]
    again = predictor.per_atom(bonds)
    np.testing.assert_allclose(sums.strength[again.atom], again.strength)
    assert sums.bonds.sum() == 2 * len(bonds)
    assert (tmp_path / "out/2_0_ICOHPLIST.lobster").exists()
    assert (predictor.predict_file(trained, path, tmp_path / "last", LIMITS, "last", False))[0]["frame"] == 1
    np.testing.assert_array_equal(pd.read_parquet(tmp_path / "last/1_0.parquet").predicted, bonds.predicted)


def test_a_frame_is_done_again_only_where_something_differs(trained, tmp_path):
    path = write_frames(tmp_path / "some.xyz", 2)
    out = tmp_path / "out"

    def run(limits=LIMITS, **options):
        predictor.predict_file(trained, path, out, limits, "all", False, **options)
        return {file.name: file.stat().st_mtime_ns for file in out.glob("*.parquet")}

    first = run()
    assert run() == first
    assert not set(run({**LIMITS, "Ti-Ni": (2.0, 3.0)}).values()) & set(first.values())
    assert pd.read_parquet(out / "1_0.parquet").query("type == 'Ti-Ni'").distance.max() < 3
    with_sigma = run(sigma=True)
    (out / ".2_0-left.parquet").touch()
    frames = ase.io.read(path, ":")
    frames[1].positions[0] += 0.01
    ase.io.write(path, frames)
    changed = run(sigma=True)
    assert changed["1_0.parquet"] == with_sigma["1_0.parquet"]
    assert changed["2_0.parquet"] != with_sigma["2_0.parquet"]
    assert [f.name for f in out.rglob(".*")] == [".lock"]
    assert read_json(out / "2_0.json")["model"]["model_id"] == trained.facts["model_id"]


def dump_frame(step, atoms, kinds=None, box=None):
    kinds = np.where(atoms.numbers == 22, 1, 2) if kinds is None else kinds
    edges = "\n".join(f"0 {edge}" for edge in (atoms.cell.lengths() if box is None else box))
    rows = "\n".join(
        f"{n + 1} {kind} {x} {y} {z}"
        for n, (kind, (x, y, z)) in enumerate(zip(kinds, atoms.positions, strict=True))
    )
    head = (
        f"ITEM: TIMESTEP\n{step}\nITEM: NUMBER OF ATOMS\n{len(atoms)}\nITEM: BOX BOUNDS pp pp pp\n{edges}\n"
    )
    return f"{head}ITEM: ATOMS id type x y z\n{rows}\n"


def test_damaged_frames_are_told_and_the_others_done(trained, tmp_path):
    atoms = bulk("TiNi", "cesiumchloride", a=3.0, cubic=True) * (3, 3, 3)
    nan, near = atoms.copy(), atoms.copy()
    nan.positions[3] = np.nan
    near.positions[1] = near.positions[0] + 0.1
    frames = [
        dump_frame(0, atoms),
        dump_frame(10, atoms, kinds=np.full(len(atoms), 3)),
        dump_frame(20, atoms[1:]),
        dump_frame(30, nan),
        dump_frame(40, atoms, box=(9.0, 9.0, 0.0)),
        dump_frame(50, near),
        dump_frame(60, atoms),
        dump_frame(70, atoms)[:-200],
    ]
    path = tmp_path / "bad.dump"
    path.write_text("".join(frames))
    rows = predictor.predict_file(trained, path, tmp_path / "out", LIMITS, "all", False)
    says = [
        "",
        "unknown type 3",
        "atoms were lost",
        "no numbers",
        "without volume",
        "closer than physics",
        "",
        "cut off",
    ]
    assert len(rows) == len(says)
    for row, word in zip(rows, says, strict=True):
        assert word in row["error"]
        assert bool(word) == bool(row["error"])
    assert [row["step"] for row in rows if not row["error"]] == [0, 60]
    assert pd.read_parquet(tmp_path / "out/1_0.parquet").predicted.equals(
        pd.read_parquet(tmp_path / "out/7_60.parquet").predicted
    )
    last = predictor.predict_file(trained, path, tmp_path / "last", LIMITS, "last", False)
    assert [row["step"] for row in last] == [60, -1]
    assert "cut off" in last[1]["error"]


def test_a_model_for_other_elements(trained, tmp_path):
    frames = [crystal(), bulk("Cu", cubic=True) * 2, crystal(seed=1)]
    frames[2].positions[0, 0] = np.nan
    ase.io.write(tmp_path / "mixed.xyz", frames)
    rows = predictor.predict_file(trained, tmp_path / "mixed.xyz", tmp_path / "out", LIMITS, "all", False)
    assert rows[0]["error"] == ""
    assert "Cu is unknown to the model, which has seen Ti, Ni only" in rows[1]["error"]
    assert "NaN" in rows[2]["error"]
    with pytest.raises(ValueError, match="Cu-Cu: no bond type"):
        predictor.windows(trained, {"Cu-Cu": (2, 3)})
    with pytest.raises(ValueError, match="smaller"):
        predictor.windows(trained, {"Ni-Ni": (3, 2)})


def test_the_command(folder, trained, tmp_path, capsys):
    path = write_frames(tmp_path / "some.xyz", 2)
    (tmp_path / "windows.yaml").write_text("Ti-Ni: [2.0, 3.0]\n")
    words = [
        "predict",
        str(path),
        "--model",
        str(folder),
        "--out",
        str(tmp_path / "out"),
        "--sigma",
        "--lobster",
    ]
    words += ["--allow", "unchecked"]
    assert cli.main([*words, "--windows", str(tmp_path / "windows.yaml")]) == 0
    last = capsys.readouterr().out.splitlines()[-1]
    assert last.startswith("2 of 2 frames, 108 atoms, ")
    assert last.endswith("atoms/s")
    summary = pd.read_csv(tmp_path / "out/summary.csv")
    assert f"{summary.bonds.sum()} bonds" in last
    records = [read_json(tmp_path / f"out/some/{n}_0.json") for n in (1, 2)]
    assert summary.prediction_id.tolist() == [record["prediction_id"] for record in records]
    assert set(summary.model_id) == {trained.facts["model_id"]}
    assert pd.read_parquet(tmp_path / "out/some/1_0.parquet").query("type == 'Ti-Ni'").distance.max() < 3


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"structure": "absent.xyz"}, "absent.xyz is not there"),
        ({"--model": "absent"}, "holds no model"),
        ({"--windows": "bad.yaml"}, "expected lines like"),
        ({"structure": "bad.yaml"}, "bad.yaml"),
    ],
)
def test_the_command_says_what_is_wrong_in_one_line(change, says, folder, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_frames(Path("some.xyz"), 1)
    Path("bad.yaml").write_text("Ti-Ni: 3\n")
    given = {"structure": "some.xyz", "--model": str(folder), "--out": "out", "--allow": "unchecked"} | change
    words = [given.pop("structure"), *(word for pair in given.items() for word in pair)]
    assert cli.main(["predict", *words]) == 1
    errors = capsys.readouterr().err.strip().splitlines()
    assert len(errors) == 1
    assert says in errors[0]


def ten_frames(folder, path, out):
    predictor.predict_file(model.load(folder), path, out, LIMITS, "all", True)


def results(out):
    """Name → content of every file; of the records all but how long it took."""
    found = {str(f.relative_to(out)): f.read_bytes() for f in out.rglob("*_*") if f.suffix != ".json"}
    return found | {
        f.name: {k: v for k, v in read_json(f).items() if k not in ("seconds", "time")}
        for f in out.glob("*.json")
    }


@pytest.mark.parametrize("times", [5, pytest.param(20, marks=pytest.mark.slow)])
def test_kill_9_at_any_moment_changes_nothing(times, folder, tmp_path):
    """A run of ten frames, killed at a random moment and started again, ends as one that was not."""
    path = write_frames(tmp_path / "ten.xyz", 10)
    server = multiprocessing.get_context("forkserver")  # starts in a moment, with the modules loaded
    server.set_forkserver_preload(["getl_utils.inference.predictor", "quippy.descriptors"])
    spans = []
    for name in ("warm", "whole"):
        start, whole = (
            time.perf_counter(),
            server.Process(target=ten_frames, args=(folder, path, tmp_path / name)),
        )
        whole.start()
        whole.join()
        spans.append(time.perf_counter() - start)
    expected, chance, interrupted = results(tmp_path / "whole"), random.Random(1), 0
    assert len(expected) == 50
    for number in range(times):
        out = tmp_path / str(number)
        victim = server.Process(target=ten_frames, args=(folder, path, out))
        victim.start()
        time.sleep(chance.uniform(0.05, 1) * spans[-1])
        victim.kill()
        victim.join()
        interrupted += victim.exitcode == -signal.SIGKILL
        ten_frames(folder, path, out)
        assert results(out) == expected
    assert interrupted >= times // 2


def test_bond_types_of_many_bonds_at_once():
    assert type_of(["Ni", "Ti"], ["Ti", "Ti"], ELEMENTS).tolist() == ["Ti-Ni", "Ti-Ti"]
