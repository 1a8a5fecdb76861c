"""Loading by LAMMPS: a crystal answers with its own modulus, the sides stay free, nothing half taken for
whole."""

import json

import ase.io
import numpy as np
import pytest
from ase.build import bulk

from getl_utils.core import parameters
from getl_utils.core.parameters import Loading
from getl_utils.core.workdir import WorkDir, find_potential
from getl_utils.files.lammps import read_dump
from getl_utils.files.lammps_log import read_thermo
from getl_utils.generate import lammps as md
from getl_utils.generate import loading
from getl_utils.generate import steps as generate
from getl_utils.generate.lammps import missing
from getl_utils.generate.quench import Protocol
from getl_utils.inference.trajectory import follow, strains

COPPER = Protocol(potential="atomistic_models/CuAg_zhou2004.eam.alloy", elements=["Cu", "Ag"])
SETTINGS = {
    "axis": "x",
    "strain_rate": 2e9,
    "max_strain": 0.02,
    "temperature": 5.0,
    "timestep": 0.002,
    "equilibration_time": 4.0,
    "barostat_damping": 1.0,
    "thermo_every": 50,
    "dump_every": 1000,
}
needs_lammps = pytest.mark.skipif(missing() is not None, reason=f"no LAMMPS: {missing()}")

ELASTIC = """units metal
boundary p p p
read_data crystal.data
pair_style eam/alloy
pair_coeff * * "{}" Cu Ag
fix relax all box/relax iso 0.0
minimize 0.0 1e-10 1000 1000
unfix relax
thermo_style custom step lx press pxx pyy
thermo_modify format float %.12g
change_box all x scale 1.001 remap
run 0
change_box all x scale {:.12g} remap
run 0
"""


def write_crystal(folder):
    """108 atoms of copper as a LAMMPS data file of two types."""
    path = folder / "crystal.data"
    crystal = bulk("Cu", cubic=True, a=3.615) * (3, 3, 3)
    crystal.positions += 0.5  # no atom on a face, where change_box loses its neighbours to rounding
    ase.io.write(path, crystal, format="lammps-data", specorder=COPPER.elements, masses=True)
    return path


def youngs_modulus(folder):
    """<100> (GPa), from the potential's own C11 and C12: (C11 − C12)(C11 + 2 C12)/(C11 + C12), central
    differences."""
    write_crystal(folder)
    md.run(ELASTIC.format(find_potential(COPPER.potential), 0.999 / 1.001), folder, progress=False)
    log = read_thermo(folder / "log.lammps").groupby("stage").last()
    c11, c12 = ((log[p].iloc[-1] - log[p].iloc[-2]) / 0.002 * 1e-4 for p in ("Pxx", "Pyy"))
    return (c11 - c12) * (c11 + 2 * c12) / (c11 + c12)


@pytest.fixture(scope="module", params=["compression", "tension"])
def loaded(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp(request.param)
    settings = Loading(mode=request.param, **SETTINGS)
    crystal = write_crystal(folder)
    return (
        crystal,
        settings,
        folder / "run",
        loading.load(crystal, COPPER, settings, folder / "run", 1, progress=False),
    )


@needs_lammps
def test_strain_reaches_what_was_asked(loaded):
    _, settings, directory, curve = loaded
    assert curve.load_strain.iloc[0] == pytest.approx(0, abs=1e-12)
    assert curve.load_strain.iloc[-1] == pytest.approx(0.02, rel=1e-6)
    assert curve.time.iloc[-1] == pytest.approx(0.02 / 2e9 * 1e12)
    assert (
        np.sign(curve.strain.iloc[-1])
        == np.sign(curve.stress.iloc[-1])
        == (-1 if settings.mode == "compression" else 1)
    )
    frames = list(read_dump(directory / "loading.dump", COPPER.elements))
    assert [a.info["timestep"] for a in frames] == list(range(0, settings.steps + 1, 1000))
    assert strains(follow(frames)).strain.iloc[-1] == pytest.approx(curve.strain.iloc[-1], rel=1e-6)


@needs_lammps
def test_characteristics_of_the_curve(loaded):
    curve = loaded[-1]
    found = loading.characteristics(curve, 0.01)
    assert found.stiffness == pytest.approx(66, rel=0.12)
    assert found.max_stress == pytest.approx(curve.load_stress.max(), abs=0.1)
    assert 0.015 < found.at_strain <= 0.02


@needs_lammps
def test_the_sides_stay_free(loaded):
    curve = loaded[-1]
    assert abs(curve.lateral.mean()) < 0.05 < abs(curve.stress.iloc[-1])
    assert abs(curve.lateral[curve.load_strain > 0.01].mean()) < 0.05


@needs_lammps
def test_slope_is_the_crystals_own_modulus(loaded, tmp_path):
    """Within what 1 % of strain adds to the linear answer (in tension copper softens, in compression it
    stiffens)."""
    curve = loaded[-1]
    small = curve[curve.load_strain <= 0.01]
    modulus, static = np.polyfit(small.load_strain, small.load_stress, 1)[0], youngs_modulus(tmp_path)
    assert 50 < static < 90  # copper: 67 GPa
    assert modulus == pytest.approx(static, rel=0.12)


@needs_lammps
def test_stress_per_atom_adds_up_to_the_logs(loaded):
    _, _, directory, curve = loaded
    atoms = list(read_dump(directory / "loading.dump", COPPER.elements))[-1]
    stress = atoms.get_array("c_stress[1]").sum() / atoms.get_volume() * loading.GPA_PER_BAR
    assert stress == pytest.approx(curve.stress.iloc[-1], rel=1e-4)


@needs_lammps
def test_a_whole_loading_is_not_repeated(loaded):
    crystal, settings, directory, curve = loaded
    again = loading.load(crystal, COPPER, settings, directory, 1, command="no-such-program")
    assert again.equals(curve)
    assert set(json.loads((directory / "loading.json").read_text())["sha256"]) == {
        "loading.data",
        "loading.dump",
        "log.lammps",
    }


@needs_lammps
@pytest.mark.parametrize(
    ("change", "seed", "named"),
    [
        ({"strain_rate": 4e9}, 1, r"strain_rate \(2000000000.0 there, 4000000000.0 asked\)"),
        ({}, 2, r"seed \(1 there, 2 asked\)"),
    ],
)
def test_another_loading_is_refused(loaded, change, seed, named):
    crystal, settings, directory, _ = loaded
    with pytest.raises(ValueError, match=f"holds another run: {named}.*choose another directory"):
        loading.load(crystal, COPPER, settings.model_copy(update=change), directory, seed, progress=False)


@needs_lammps
def test_another_glass_is_refused(loaded, tmp_path):
    _, settings, directory, _ = loaded
    other = tmp_path / "other.data"
    other.write_text(write_crystal(tmp_path).read_text() + "\n")
    with pytest.raises(ValueError, match="holds another run: glass"):
        loading.load(other, COPPER, settings, directory, 1, progress=False)


def test_a_missing_glass_is_told(tmp_path):
    with pytest.raises(
        FileNotFoundError, match=r"no glass to load: .*final\.data is not there; quench it first"
    ):
        loading.load(tmp_path / "final.data", COPPER, Loading(), tmp_path / "run", 1)
    assert not (tmp_path / "run").exists()
    values = {"work_dir": str(tmp_path), "elements": ["Cu"], "seed": 1, "compositions": ["Cu4"], "runs": [1]}
    p = parameters.for_stage("01_generate", values | {"loading": {"mode": "tension"}})
    with pytest.raises(FileNotFoundError, match="run 01_generate's quench of Cu4"):
        generate.load_glass(WorkDir(tmp_path), p, "Cu4", 1)
    with pytest.raises(ValueError, match="no loading asked for"):
        generate.load_glass(WorkDir(tmp_path), parameters.for_stage("01_generate", values), "Cu4", 1)
    with pytest.raises(FileNotFoundError, match="holds no whole loading"):
        loading.stress_strain(tmp_path)


def test_published_loading():
    """1e7 1/s, 300 K, 1 fs, a frame every 20 000 steps: 0.0002 of strain; the sides at 0 bar, the axis
    driven."""
    text = loading.input_text("glass.data", COPPER, Loading(axis="z"), 1).splitlines()
    assert "fix load all deform 1 z erate -1e-05 remap x" in text
    assert "fix ensemble all npt temp 300.0 300.0 0.2 x 0.0 0.0 2.0 y 0.0 0.0 2.0" in text
    assert text[-2] == "run 20000000"
    assert any(line.startswith("dump frames all custom 20000 ") for line in text)


@needs_lammps
def test_progress_counts_equilibration_and_loading(tmp_path, capsys):
    settings = Loading(**SETTINGS | {"max_strain": 0.004, "equilibration_time": 0.4})
    loading.load(write_crystal(tmp_path), COPPER, settings, tmp_path / "run", 1)
    assert "1200/1200" in capsys.readouterr().err
