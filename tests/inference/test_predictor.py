"""Prediction: the bonds are ASE's, the numbers do not depend on how a structure is written, and a run that is
killed loses nothing."""

import multiprocessing
import random
import signal
import time
from pathlib import Path

import ase.io
import ase.neighborlist
import numpy as np
import pandas as pd
import pytest
from ase import Atoms
from ase.build import bulk, make_supercell
from scipy.spatial.transform import Rotation

from getl_utils import cli
from getl_utils.core import parameters
from getl_utils.core.bonds import BOND, type_of
from getl_utils.core.record import read_json
from getl_utils.etl.database import Database
from getl_utils.files.lobster import read_icohplist
from getl_utils.inference import drift, predictor, storing, streaming
from getl_utils.models import bond_expansion, model, training
from getl_utils.models.bond_expansion import BondExpansion

ELEMENTS = ["Ti", "Ni"]
EXPANSION = BondExpansion(tuple(ELEMENTS), cutoff=4.0, n_radial=4, l_max=2)
LIMITS = {"Ti-Ti": (2.2, 3.6), "Ni-Ni": (2.2, 3.6), "Ti-Ni": (2.0, 3.3)}
KINDS = ["linear", "published"]


def crystal(n=3, noise=0.1, seed=0):
    atoms = bulk("TiNi", "cesiumchloride", a=3.0) * (n, n, n)
    atoms.positions += np.random.default_rng(seed).normal(scale=noise, size=(len(atoms), 3))
    return atoms


def train(kind):
    """A model of three rattled crystals; −ICOHP falls with the distance and depends on the surroundings."""
    values = {"work_dir": "w", "elements": ELEMENTS, "seed": 0, "compositions": ["TiNi"], "runs": [1]}
    values |= {"cutoff": 3.4, "soap": {"l_max": 3, "n_max": 3}}
    soap = training.descriptors(parameters.for_stage("03_transform", values))["soap"]
    tables, features, vectors = [], [], []
    for n in range(3):
        atoms = crystal(seed=n)
        bonds = predictor.find_bonds(atoms, ELEMENTS, dict.fromkeys(LIMITS, (1.5, 3.8)))
        features.append(bond_expansion.describe(EXPANSION, atoms, bonds[BOND].to_numpy()))
        vectors.append(soap.compute(atoms, None))
        strength = np.exp(2 - bonds.distance) * (1 + 0.3 * features[-1][:, 3])
        places = {"row_i": bonds.i + 54 * n, "row_j": bonds.j + 54 * n}
        tables.append(bonds.assign(composition="TiNi", run=n, sub_run=0, icohp=-strength, **places))
    table = pd.concat(tables, ignore_index=True).reset_index(names="row")
    settings = {"expansion": EXPANSION.to_dict(), "soap": soap.settings}
    facts = {"engine": "test", "database_id": "y", "descriptors": settings}
    arrays = {"expansion": np.concatenate(features), "soap": np.concatenate(vectors)}
    stored = Database(table, arrays, pd.DataFrame(), facts)
    given = {"work_dir": "w", "elements": ELEMENTS, "seed": 0, "n_train": 300}
    p = parameters.for_stage("05_train", given | {"published": {"default": {"gamma": 0.01}}})
    return training.train(stored, p, training.published_recipe(stored, p) if kind == "published" else None)


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """Kind → folder of a model."""
    found = {}
    for kind in KINDS:
        trained, refused = train(kind)
        assert not refused
        found[kind] = tmp_path_factory.mktemp(kind)
        model.save(found[kind], trained)
    return found


@pytest.fixture(scope="module")
def folder(folders):
    return folders["linear"]


@pytest.fixture(scope="module", params=KINDS)
def trained(request, folders):
    return model.load(folders[request.param])


@pytest.fixture(scope="module")
def linear(folder):
    return model.load(folder)


@pytest.mark.parametrize("shear", [0.0, 0.7])
def test_the_bonds_are_those_of_ase(linear, shear):
    atoms = crystal(4, 0.15, seed=9)
    cell = atoms.cell.array.copy()
    cell[1, 0] += shear * cell[0, 0]
    atoms.set_cell(cell, scale_atoms=True)
    bonds = predictor.predict(linear, atoms, LIMITS)
    i, j, shift = ase.neighborlist.neighbor_list("ijS", atoms, 3.7)
    vectors = atoms.positions[j] + shift @ atoms.cell.array - atoms.positions[i]
    distance, symbols = np.linalg.norm(vectors, axis=1), np.array(atoms.get_chemical_symbols())
    low, high = np.array([LIMITS[t] for t in type_of(symbols[i], symbols[j], ELEMENTS)]).T
    wanted = (distance >= low) & (distance <= high)
    both = {tuple(row) for row in np.column_stack([i, j, shift])[wanted].tolist()}
    ours = {tuple(row) for row in bonds[BOND].to_numpy().tolist()}
    back = {(j, i, -x, -y, -z) for i, j, x, y, z in ours}
    assert ours | back == both
    assert not ours & back
    assert bonds.type.tolist() == type_of(bonds.element_i, bonds.element_j, ELEMENTS).tolist()


def test_a_wider_window_than_the_training_set_has_is_outside(trained):
    bonds = predictor.predict(trained, crystal(4, seed=5), dict.fromkeys(LIMITS, (0.5, 6.0)))
    assert bonds.distance.max() > 5
    assert np.isfinite(bonds[["predicted", "sigma"]].to_numpy()).all()
    if trained.facts.kind == "linear":
        assert bonds.outside[bonds.distance > 3.81].all()


def test_chunks_and_threads_are_the_whole(trained, monkeypatch):
    atoms = crystal(4, seed=3)
    atoms.positions[::7] += 5 * atoms.cell[0]  # unwrapped, as xu yu zu of a dump
    whole = predictor.predict(trained, atoms, LIMITS)
    monkeypatch.setattr(predictor, "CHUNK", 11)
    parts = predictor.predict(trained, atoms, LIMITS, threads=2)
    pd.testing.assert_frame_equal(parts, whole, check_exact=True)
    assert not parts.duplicated(BOND).any()
    without = predictor.predict(trained, atoms, LIMITS, sigma=False)
    assert "sigma" not in without
    np.testing.assert_allclose(without.predicted, whole.predicted, atol=1e-10)


def sorted_numbers(bonds):
    """Distance and strength of the bonds, sorted by type, distance and strength."""
    order = bonds.assign(d=bonds.distance.round(6)).sort_values(["type", "d", "predicted"])
    return order[["distance", "predicted"]].to_numpy()


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


def test_a_strange_environment_is_outside(trained):
    usual = predictor.predict(trained, crystal(seed=11), LIMITS, sigma=True)
    dimers = Atoms("TiNi", [[0, 0, 0], [2.4, 0, 0]], cell=[20, 20, 20], pbc=True)
    strange = predictor.predict(trained, dimers, LIMITS, sigma=True)
    assert usual.outside.mean() < 0.2
    assert len(strange) == 1
    assert strange.outside.all()


def test_a_structure_without_bonds_or_boundaries(linear, tmp_path):
    ase.io.write(tmp_path / "far.xyz", Atoms("TiNi", [[0, 0, 0], [9, 0, 0]]))
    rows = streaming.predict_file(
        linear, tmp_path / "far.xyz", tmp_path / "out", LIMITS, "all", True, isolated=True
    )
    assert (rows[0]["bonds"], rows[0]["error"]) == (0, "")
    assert len(pd.read_parquet(tmp_path / "out/1_0.parquet")) == 0


def write_frames(path, n, size=3):
    ase.io.write(path, [crystal(size, seed=20 + number) for number in range(n)], format="extxyz")
    return path


def test_files_of_a_frame(linear, tmp_path):
    path = write_frames(tmp_path / "some.xyz", 2)
    rows = streaming.predict_file(linear, path, tmp_path / "out", LIMITS, "all", True, sigma=True)
    assert [(r["structure"], r["frame"], r["atoms"], r["error"]) for r in rows] == [
        ("out", 1, 54, ""),
        ("out", 2, 54, ""),
    ]
    bonds, sums = (pd.read_parquet(tmp_path / f"out/{name}.parquet") for name in ("2_0", "atoms/2_0"))
    assert {"sigma", "outside", "prediction_id", "model_id", "predicted", *BOND} <= set(bonds)
    assert len(bonds) == rows[1]["bonds"]
    again = predictor.per_atom(bonds)
    np.testing.assert_allclose(sums.strength[again.atom], again.strength)
    assert sums.bonds.sum() == 2 * len(bonds)
    assert (tmp_path / "out/2_0_ICOHPLIST.lobster").exists()
    assert (streaming.predict_file(linear, path, tmp_path / "last", LIMITS, "last", False))[0]["frame"] == 1
    np.testing.assert_array_equal(pd.read_parquet(tmp_path / "last/1_0.parquet").predicted, bonds.predicted)


def test_chosen_frames_keep_their_numbers_and_an_absent_one_is_told(linear, tmp_path):
    path, done = write_frames(tmp_path / "some.xyz", 5), []
    rows = streaming.predict_file(
        linear, path, tmp_path / "out", LIMITS, [4, 2, 9], False, tick=lambda n: done.append(n)
    )
    assert [row["frame"] for row in rows] == [2, 4, 9]
    assert "frame 9 is not there, the file has 5" in rows[2]["error"]
    assert len(done) == 2
    streaming.predict_file(linear, path, tmp_path / "all", LIMITS, "all", False)
    for name in ("2_0", "4_0"):
        one, other = (pd.read_parquet(tmp_path / f"{folder}/{name}.parquet") for folder in ("out", "all"))
        pd.testing.assert_frame_equal(one, other)
    assert sorted(file.name for file in (tmp_path / "out").glob("*.parquet")) == [
        "2_0.parquet",
        "4_0.parquet",
    ]


def test_nothing_is_read_behind_the_last_chosen_frame(linear, tmp_path):
    path = write_frames(tmp_path / "some.xyz", 2)
    path.write_text(path.read_text() + "no frame\n")
    rows = streaming.predict_file(linear, path, tmp_path / "out", LIMITS, [1], False)
    assert [(row["frame"], row["error"]) for row in rows] == [(1, "")]


def test_a_frame_is_done_again_only_where_something_differs(linear, tmp_path):
    path = write_frames(tmp_path / "some.xyz", 2)
    out = tmp_path / "out"

    def run(limits=LIMITS, **options):
        streaming.predict_file(linear, path, out, limits, "all", False, **options)
        return {file.name: file.stat().st_mtime_ns for file in out.glob("*.parquet")}

    first = run()
    assert run() == first
    assert not set(run({**LIMITS, "Ti-Ni": (2.0, 3.0)}).values()) & set(first.values())
    assert pd.read_parquet(out / "1_0.parquet").query("type == 'Ti-Ni'").distance.max() < 3
    with_sigma = run(sigma=False)
    (out / ".2_0-left.parquet").touch()
    frames = ase.io.read(path, ":")
    frames[1].positions[0] += 0.01
    ase.io.write(path, frames)
    changed = run(sigma=False)
    assert changed["1_0.parquet"] == with_sigma["1_0.parquet"]
    assert changed["2_0.parquet"] != with_sigma["2_0.parquet"]
    assert [f.name for f in out.rglob(".*")] == [".lock"]
    assert read_json(out / "2_0.json")["model"]["model_id"] == linear.model_id


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


def test_damaged_frames_are_told_and_the_others_done(linear, tmp_path):
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
    rows = streaming.predict_file(linear, path, tmp_path / "out", LIMITS, "all", False, elements=ELEMENTS)
    says = [
        "",
        "type 3",
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
    last = streaming.predict_file(linear, path, tmp_path / "last", LIMITS, "last", False, elements=ELEMENTS)
    assert [row["step"] for row in last] == [60, -1]
    assert "cut off" in last[1]["error"]


def test_a_model_for_other_elements(linear, tmp_path):
    frames = [crystal(), bulk("Cu", cubic=True) * 2, crystal(seed=1)]
    frames[2].positions[0, 0] = np.nan
    ase.io.write(tmp_path / "mixed.xyz", frames)
    rows = streaming.predict_file(linear, tmp_path / "mixed.xyz", tmp_path / "out", LIMITS, "all", False)
    assert rows[0]["error"] == ""
    assert "Cu is unknown to the model, which has seen Ti, Ni only" in rows[1]["error"]
    assert "NaN" in rows[2]["error"]
    with pytest.raises(ValueError, match="Cu-Cu: no bond type"):
        predictor.windows(linear, {"Cu-Cu": (2, 3)})
    with pytest.raises(ValueError, match="smaller"):
        predictor.windows(linear, {"Ni-Ni": (3, 2)})


def test_the_command(folder, linear, tmp_path, capsys):
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
    assert set(summary.model_id) == {linear.model_id}
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
    streaming.predict_file(model.load(folder), path, out, LIMITS, "all", True)


def results(out):
    """Name → content of every file; of the records all but how long it took."""
    found = {str(f.relative_to(out)): f.read_bytes() for f in out.rglob("*_*") if f.suffix != ".json"}
    return found | {
        f.name: {k: v for k, v in read_json(f).items() if k not in ("seconds", "time")}
        for f in out.glob("*.json")
    }


@pytest.mark.parametrize("times", [5, pytest.param(30, marks=pytest.mark.slow)])
def test_kill_9_at_any_moment_changes_nothing(times, folder, tmp_path):
    """A run of ten frames, killed at a random moment and started again, ends as one that was not."""
    path = write_frames(tmp_path / "ten.xyz", 10)
    server = multiprocessing.get_context("forkserver")  # starts in a moment, with the modules loaded
    server.set_forkserver_preload(["getl_utils.inference.streaming"])
    spans = []
    for name in ("warm", "whole"):
        start, whole = (
            time.perf_counter(),
            server.Process(target=ten_frames, args=(folder, path, tmp_path / name / "ten")),
        )
        whole.start()
        whole.join()
        spans.append(time.perf_counter() - start)
    expected, chance, interrupted = results(tmp_path / "whole/ten"), random.Random(1), 0
    assert len(expected) == 50
    for number in range(times):
        out = tmp_path / str(number) / "ten"
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


def test_lobster_files_hold_every_bond(trained, tmp_path):
    ase.io.write(tmp_path / "big.xyz", crystal(seed=4), format="extxyz")
    limits = predictor.windows(trained, {"Ti-Ni": [2.0, 3.0]})
    (row,) = streaming.predict_file(trained, tmp_path / "big.xyz", tmp_path / "out", limits, "last", True)
    table = pd.read_parquet(tmp_path / "out/1_0.parquet")
    listed = read_icohplist(tmp_path / "out/1_0_ICOHPLIST.lobster")
    assert row["bonds"] == len(table) == len(listed)
    np.testing.assert_allclose(listed.icohp, table.predicted, atol=5.1e-6)
    info = (tmp_path / "out/1_0_ICOHPLIST.info").read_text().splitlines()
    assert info[0] == f"{len(table)} interactions"
    assert sum(int(line.split()[1]) for line in info[3:]) == len(table)
    assert table.distance[table.type == "Ti-Ni"].between(2.0, 3.0).all()


def test_no_window_means_the_range_of_the_training_bonds(trained):
    assert predictor.windows(trained, {})["Ni-Ni"] == tuple(trained.facts.types["Ni-Ni"].window)


def test_drift_counts_what_is_outside(trained):
    usual, strange = crystal(seed=11), crystal(seed=12)
    strange.symbols = ["Ni"] * len(strange)
    tables = [predictor.predict(trained, atoms, predictor.windows(trained, {})) for atoms in (usual, strange)]
    found = drift.drift(tables).set_index(["frame", "of"])
    assert found.new[0, "Ni-Ni"] == tables[0].outside[tables[0].type == "Ni-Ni"].mean()
    assert found.new[1, "Ni-Ni"] > 0.5 > found.new[0, "Ni-Ni"]
    assert [line.split(":")[0] for line in drift.warnings(drift.drift(tables))] == ["Ni-Ni"]
    with pytest.raises(ValueError, match="no σ"):
        drift.drift([tables[0].drop(columns=["sigma", "outside"])])


def test_a_summary_has_a_row_for_each_frame(linear, tmp_path):
    path = write_frames(tmp_path / "some.xyz", 2)
    rows = streaming.predict_file(linear, path, tmp_path / "out", LIMITS, "all", False)
    table = storing.write_summary(tmp_path, rows)
    assert pd.read_csv(tmp_path / "summary.csv").bonds.tolist() == table.bonds.tolist()
