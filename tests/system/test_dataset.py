"""The data sets in data_examples/ are complete, and 02_extract reads them."""

import hashlib
import json

import pandas as pd
import pytest

from getl_utils.core import cells, parameters
from getl_utils.core.bonds import BOND, KEY, type_of
from getl_utils.core.parameters.optics import read_optics
from getl_utils.core.workdir import WorkDir, resolve
from getl_utils.etl import extract
from getl_utils.labels.optics import dataset

ROOT = resolve("data_examples/zrcual")
GAMMA = resolve("data_examples/zrcual_gamma")
TZP = resolve("data_examples/zrcual_tzp")
LEARNED = {"cu-zr": resolve("data_examples/cu-zr"), "fe-p": resolve("data_examples/fe-p"),
           "zr-cu-al": resolve("data_examples/zrcual_wide"),
           "zr-cu-al_middle": resolve("data_examples/zrcual_middle"),
           "zr-cu-al_hot": resolve("data_examples/zrcual_hot")}  # fmt: skip
OPTICS = resolve("data_examples/optics")
BAND = resolve("data_examples/yielding/band")
LOADED = {"cu50zr50": 5, "cu64zr36": 5, "cu64zr36_large": 3, "cu64zr36_slowest": 4, "cu64zr36_compressed": 4}
SHEARED = [resolve(f"data_examples/yielding/{name}") for name in LOADED]  # and how many glasses


def read(root):
    return json.loads((root / "manifest.json").read_text())


@pytest.fixture(scope="module")
def manifest():
    return read(ROOT)


@pytest.mark.parametrize(
    "root", [ROOT, GAMMA, TZP, *LEARNED.values(), OPTICS, *SHEARED, BAND], ids=lambda r: r.name
)
def test_every_file_is_the_one_in_the_manifest(root):
    found = {f.relative_to(root).as_posix() for f in root.rglob("*") if f.is_file()} - {"manifest.json"}
    assert {name for name in found if not name.startswith("model/")} == set(read(root)["files"])
    for name, checksum in read(root)["files"].items():
        assert hashlib.sha256((root / name).read_bytes()).hexdigest() == checksum, name


def test_the_pulled_slab_is_large_and_followed_to_the_end():
    made, stress = read(BAND), pd.read_csv(BAND / "stress.csv")
    columns = pd.read_parquet(BAND / "columns.parquet")
    assert made["slab"]["atoms"] >= 100_000
    assert (columns.groupby("frame").atoms.sum() == made["slab"]["atoms"]).all()
    assert columns.drop(columns="icosahedron").notna().all(axis=None)
    assert columns.frame.nunique() > 50
    assert columns.strain.max() == pytest.approx(made["loading"]["max_strain"], abs=0.005)
    assert stress.strain.max() == pytest.approx(made["loading"]["max_strain"], abs=0.005)
    assert columns[columns.frame == 0][["d2min", "exchanged"]].max(axis=None) < 1e-12


@pytest.mark.parametrize("name", LEARNED)
def test_02_reads_what_getl_learn_labelled(tmp_path, name):
    file = resolve(f"parameters/learn/{name}.yaml")
    p = parameters.for_stage("02_extract", parameters.read(file), file.name)
    keys = cells.keys(p.compositions, p.runs, p.sub_runs)
    result = extract.extract(WorkDir(tmp_path), keys, [LEARNED[name]], p.cutoff)
    learned = json.loads((LEARNED[name] / "learn/learn.json").read_text())
    steps = learned["steps"] if learned["end"] else learned["steps"][:-1]  # the last one was under way
    assert set(result.bonds.label_id) == {c["label_id"] for step in steps for c in step["cells"]}
    assert set(result.bonds.engine) == {"gpaw"}


@pytest.mark.parametrize("root", SHEARED, ids=lambda r: r.name)
def test_every_sheared_glass_is_followed_to_the_end(root):
    made = read(root)["parameters"]
    names = {f"{composition}-{run}" for composition in made["compositions"] for run in made["runs"]}
    assert len(names) == LOADED[root.name]
    tables = {name: pd.read_csv(root / f"{name}.csv") for name in ("frames", "stress")}
    atoms = tables["atoms"] = pd.read_parquet(root / "atoms.parquet")
    assert all(set(table.glass) == names for table in tables.values())
    assert len(set(atoms.glass.value_counts())) == 1
    assert atoms.notna().all(axis=None)
    assert (atoms.groupby("glass").d2min_10.median() > atoms.groupby("glass").d2min_2.median()).all()
    assert tables["stress"].groupby("glass").strain.max().to_numpy() == pytest.approx(0.1, abs=1e-6)
    assert atoms.groupby("glass").energy.sum().to_numpy() == pytest.approx(
        tables["stress"].groupby("glass").energy.first().to_numpy(), rel=1e-5
    )


def test_it_is_compact(manifest):
    assert sum((ROOT / name).stat().st_size for name in manifest["files"]) < 40e6


def test_02_reads_every_label(manifest, tmp_path):
    p = parameters.for_stage(
        "02_extract", parameters.read(resolve("parameters/example.yaml")), "example.yaml"
    )
    work, keys = WorkDir(tmp_path), cells.keys(p.compositions, p.runs, p.sub_runs)
    roots = [resolve(root) for root in p.reference_roots]
    result = extract.extract(work, keys, roots, p.cutoff)
    counted = result.status.name.value_counts().to_dict()
    assert counted["DONE"] == sum(read(root)["labels"]["DONE"] for root in roots)
    assert set(result.bonds.composition) == set(p.compositions)
    assert set(result.bonds.engine) == {"gpaw"}
    assert set(result.bonds.projection) == set(manifest["projections"]) == {"full"}
    assert result.bonds.icohp.between(-20, 2).all()
    assert len(result.bonds) > 500 * counted["DONE"]
    one = result.bonds.iloc[0]
    assert cells.read(work.cell(one.composition, one.run, one.sub_run)).info["composition"] == one.composition


def test_02_takes_the_projection_that_is_asked_for(tmp_path):
    key, found = cells.keys(["Zr49Cu49Al2"], [1], [0]), {}
    for projection in ("", "full", "lobster"):
        result = extract.extract(WorkDir(tmp_path / projection), key, [ROOT], 3.75, projection=projection)
        found[projection] = result.bonds
    assert found[""].icohp.equals(found["full"].icohp)
    assert [set(found[name].projection) for name in found] == [{"full"}, {"full"}, {"lobster"}]
    assert 0.01 < (found["lobster"].icohp - found["full"].icohp).abs().mean() < 0.1
    lacking = extract.extract(WorkDir(tmp_path / "gamma"), key, [ROOT, GAMMA], 3.75, projection="lobster")
    assert not len(lacking.bonds)
    assert "has projection full only, not lobster" in lacking.status.reason[0]


def test_02_reads_the_labels_in_the_larger_basis_which_are_near_to_the_shipped_ones(tmp_path):
    name = "lobster_labels.yaml"
    p = parameters.for_stage("02_extract", parameters.read(resolve(f"parameters/{name}")), name)
    keys, found = cells.keys(p.compositions, p.runs, p.sub_runs), {}
    for basis, roots in {"tzp": [TZP], "small": [resolve(r) for r in p.reference_roots]}.items():
        result = extract.extract(WorkDir(tmp_path / basis), keys, roots, p.cutoff, projection="lobster")
        found[basis] = result.bonds
    for record in TZP.glob("labels/*/*/*/label.json"):
        assert json.loads(record.read_text())["used_settings"]["band_basis"] == "tzp"
    assert found["tzp"].label_id.nunique() == read(TZP)["labels"]["DONE"]
    assert len(found["tzp"].groupby(["composition", "run"])) == read(TZP)["labels"]["DONE"]
    both = found["tzp"].merge(found["small"], on=[*KEY, *BOND], suffixes=("", "_small"))
    assert len(both) == len(found["tzp"])
    types = type_of(both.element_i, both.element_j, p.elements)
    rms = ((both.icohp - both.icohp_small) ** 2).groupby(types).mean() ** 0.5
    assert 0.01 < rms["Zr-Al"] < 0.04
    assert rms["Cu-Cu"] < 0.01


def test_spectra_are_those_of_the_shipped_list_and_small():
    made, listed = dataset.parameters(OPTICS), read_optics(resolve("parameters/optics/metals.yaml"))
    assert made.response == listed.response
    records, spectra = dataset.read(OPTICS)
    assert set(records) <= {one.name for one in listed.listed()}
    assert set(spectra) == {name for name, record in records.items() if record["status"] == "DONE"}
    assert all(record["reason"] for name, record in records.items() if name not in spectra)
    assert sum((OPTICS / name).stat().st_size for name in read(OPTICS)["files"]) < 20e6


def test_the_plasma_frequencies_of_simple_metals_are_the_measured_ones():
    """Within 15 % of what Drude fits in the infrared give; these scatter as much."""
    _, spectra = dataset.read(OPTICS)
    known = pd.read_csv(resolve("data_examples/validation/plasma_frequencies.csv"))
    for metal, rows in known.groupby("metal"):
        found = spectra[f"fcc-{metal}"].drude.mean()
        assert abs(rows.drude / found - 1).min() < 0.15, metal
