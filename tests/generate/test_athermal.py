"""Athermal loading by LAMMPS: the stress is the slope of the energy; the frames are where they should be."""

import ase.io
import numpy as np
import pytest
from ase import units
from ase.build import bulk

from getl_utils.core import parameters
from getl_utils.core.parameters import Isochoric, Shear
from getl_utils.files.lammps import read_dump
from getl_utils.generate import loading
from getl_utils.generate.lammps import missing
from getl_utils.generate.quench import Protocol
from getl_utils.inference.trajectory import follow, strains

COPPER = Protocol(potential="atomistic_models/CuAg_zhou2004.eam.alloy", elements=["Cu", "Ag"])
needs_lammps = pytest.mark.skipif(missing() is not None, reason=f"no LAMMPS: {missing()}")
SETTINGS = Shear(max_strain=0.02, strain_step=0.002, dump_every=5)


@pytest.fixture(scope="module")
def sheared(tmp_path_factory):
    folder = tmp_path_factory.mktemp("shear")
    crystal, atoms = folder / "crystal.data", bulk("Cu", cubic=True, a=3.615) * (3, 3, 3)
    atoms.positions += 0.5  # no atom on a face
    ase.io.write(crystal, atoms, format="lammps-data", specorder=COPPER.elements, masses=True)
    return crystal, folder / "run", loading.load(crystal, COPPER, SETTINGS, folder / "run", 1, progress=False)


@needs_lammps
def test_stress_is_the_slope_of_the_energy(sheared):
    curve = sheared[2]
    assert curve.strain.to_numpy() == pytest.approx(np.arange(11) * 0.002, abs=1e-12)
    assert curve.volume.to_numpy() == pytest.approx(curve.volume[0])
    slope = (curve.energy[2:].to_numpy() - curve.energy[:-2].to_numpy()) / 0.004 / curve.volume[0] / units.GPa
    assert curve.stress[1:-1].to_numpy() == pytest.approx(slope, rel=1e-3, abs=1e-4)
    assert 60 < curve.stress[1] / 0.002 < 90  # C44 of copper: 76 GPa


@needs_lammps
def test_frames_are_sheared_and_have_energies(sheared):
    frames = list(read_dump(sheared[1] / "loading.dump", COPPER.elements))
    assert len(frames) == 3
    found = strains(follow(frames))
    assert found.strain.tolist() == pytest.approx([0, 0.01, 0.02])
    assert found.xy.tolist() == pytest.approx(found.strain.tolist())
    energies = [atoms.get_array("c_energy").sum() for atoms in frames]
    assert energies == pytest.approx(sheared[2].energy[[0, 5, 10]].tolist(), rel=1e-6)


@needs_lammps
@pytest.mark.parametrize(("way", "sign"), [("compression", -1), ("tension", 1)])
def test_an_isochoric_loading_keeps_the_volume(sheared, tmp_path, way, sign):
    settings = {**SETTINGS.model_dump(), "mode": f"isochoric_{way}", "axis": "y"}
    del settings["plane"]
    curve = loading.load(sheared[0], COPPER, Isochoric(**settings), tmp_path / "run", 1, progress=False)
    assert curve.strain.to_numpy() == pytest.approx(sign * np.arange(11) * 0.002, abs=1e-12)
    assert curve.load_strain.to_numpy() == pytest.approx(np.arange(11) * 0.002, abs=1e-12)
    assert curve.volume.to_numpy() == pytest.approx(curve.volume[0])
    slope = np.gradient(curve.energy, np.log(1 + curve.strain)) / curve.volume[0] / units.GPa
    assert curve.stress[1:-1].to_numpy() == pytest.approx(slope[1:-1], rel=1e-2)
    assert 35 < curve.stress[1] / curve.strain[1] * 2 / 3 < 65  # C11 - C12 of copper: 47 GPa
    found = strains(follow(read_dump(tmp_path / "run" / "loading.dump", COPPER.elements)))
    assert found.y.tolist() == pytest.approx(found.strain.tolist())
    assert found.strain.tolist() == pytest.approx([0, sign * 0.01, sign * 0.02])


@needs_lammps
def test_a_whole_shear_is_not_repeated(sheared):
    crystal, folder, curve = sheared
    assert loading.load(crystal, COPPER, SETTINGS, folder, 1, command="no-such-program").equals(curve)
    other = SETTINGS.model_copy(update={"plane": "xz"})
    with pytest.raises(ValueError, match="holds another run: plane"):
        loading.load(crystal, COPPER, other, folder, 1, command="no-such-program")


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"max_strain": 0.6}, "max_strain"),
        ({"strain_rate": 1e9}, "strain_rate"),
        ({"strain_step": 0.05, "dump_every": 3}, "leaves no second frame"),
        ({"plane": "yx"}, "plane"),
    ],
)
def test_a_shear_that_cannot_be_is_refused(change, says):
    values = {"work_dir": "w", "elements": ["Cu"], "seed": 1, "compositions": ["Cu4"], "runs": [1]}
    with pytest.raises(ValueError, match="glasses that are loaded without heat"):
        parameters.for_stage(
            "01_generate", values | {"loading": {"mode": "shear"}, "large_compositions": ["Cu9"]}
        )
    with pytest.raises(ValueError, match=says):
        parameters.for_stage("01_generate", values | {"loading": {"mode": "shear"} | change})


def test_the_case_of_the_study_can_be_read():
    path = "parameters/studies/cu50zr50.yaml"
    p = parameters.for_stage("01_generate", parameters.read(path), path)
    assert isinstance(p.loading_protocol, Shear)
    assert len(p.runs) >= 5
