"""Melt–quench with ASE calculators: which may be named, protocol, records, a potential that explodes."""

import numpy as np
import pytest
from ase import Atoms
from ase.calculators.calculator import Calculator

from getl_utils.core import parameters
from getl_utils.core.parameters.calculators import VARIABLE
from getl_utils.core.record import read_json
from getl_utils.files.lammps import last_frame
from getl_utils.files.lammps_data import read_data
from getl_utils.files.lammps_log import read_thermo
from getl_utils.generate import dynamics
from getl_utils.generate.quench import Protocol, identified, melt_quench

EMT = "ase.calculators.emt.EMT"
TINY = {
    "calculator": EMT,
    "elements": ["Cu", "Al"],
    "melt_time": 0.1,
    "quench_rate": 5e15,
    "anneal_time": 0.1,
    "timestep": 0.005,
    "thermostat_damping": 0.02,
    "initial_volume_per_atom": 18.0,
    "thermo_every": 10,
}
COUNTS = {"Cu": 12, "Al": 4}


@pytest.fixture(scope="module")
def quenched(tmp_path_factory):
    folder = tmp_path_factory.mktemp("emt")
    return folder, melt_quench(COUNTS, Protocol(**TINY), folder, seed=3, progress=False)


def test_it_follows_the_protocol_and_leaves_the_files_of_a_quench(quenched):
    folder, atoms = quenched
    protocol, log = Protocol(**TINY), read_thermo(folder / "log.lammps")
    steps = protocol.melt_steps + protocol.quench_steps + protocol.anneal_steps
    assert log.Step.iloc[-1] == steps
    assert sorted(set(log.stage)) == [0, 1, 2]
    assert log.Temp[log.stage == 2].mean() < 0.6 * log.Temp[log.stage == 0].mean()
    assert atoms.symbols.formula.count() == COUNTS
    assert np.allclose(last_frame(folder / "final.dump", ["Cu", "Al"]).positions, atoms.positions)
    assert len(read_data(folder / "final.data", ["Cu", "Al"])) == 16
    record = read_json(folder / "quench.json")
    assert record["calculator"] == record["identity"]["calculator"] == EMT
    assert record["run_id"].startswith("run-")
    assert set(record["sha256"]) == {"final.dump", "final.data"}


def test_the_density_is_that_of_the_cell(quenched):
    folder, _ = quenched
    log = read_thermo(folder / "log.lammps")
    mass = 12 * 63.546 + 4 * 26.9815
    assert log.Density.to_numpy() == pytest.approx(mass / log.Volume.to_numpy() * 1.66054, rel=1e-4)


def test_one_seed_one_structure_and_a_second_call_does_nothing(quenched, tmp_path, monkeypatch):
    folder, atoms = quenched
    again = melt_quench(COUNTS, Protocol(**TINY), tmp_path, seed=3, progress=False)
    assert np.allclose(again.positions, atoms.positions)
    monkeypatch.setattr(dynamics, "run", lambda *_: pytest.fail("it ran again"))
    melt_quench(COUNTS, Protocol(**TINY), folder, seed=3, progress=False)
    with pytest.raises(ValueError, match="holds another run: calculator"):
        melt_quench(COUNTS, Protocol(**{**TINY, "calculator": "tblite.ase.TBLite"}), folder, seed=3)


def test_a_run_by_lammps_is_identified_as_before():
    known = identified(Protocol(elements=["Cu"], pair_style="zero 4.0", pair_coeff="* *"))[1]
    assert not [name for name in known if name.startswith("calculator")]


@pytest.mark.parametrize(
    ("name", "arguments", "why"),
    [
        ("os.system", {"command": "ls"}, "no calculator that may be named here"),
        ("ase.calculators.vasp.Vasp", {"command": "sh -c ls"}, "no calculator that may be named here"),
        ("ase.calculators.emt.EMT", {"directory": "/"}, "is no argument of ase.calculators.emt.EMT"),
        ("sevenn.calculator.SevenNetCalculator", {"model": "../evil.pth"}, "must be a word like"),
        ("sevenn.calculator.SevenNetCalculator", {"model": "7net-0/../../x"}, "must be a word like"),
        ("tblite.ase.TBLite", {"accuracy": "1"}, "must be a number"),
    ],
)
def test_a_parameter_file_names_no_code_that_is_not_on_the_list(name, arguments, why):
    with pytest.raises(ValueError, match=why):
        Protocol(elements=["Cu"], calculator=name, calculator_arguments=arguments)


def test_the_user_adds_to_the_list_by_the_environment(monkeypatch):
    monkeypatch.setenv(VARIABLE, "my.own.Calculator, ase.calculators.eam.EAM")
    assert Protocol(elements=["Cu"], calculator="ase.calculators.eam.EAM").calculator
    with pytest.raises(RuntimeError, match=r"calculator my.own.Calculator: .*install the package my"):
        dynamics.calculator("my.own.Calculator", {})


def test_a_loading_needs_lammps():
    values = {"work_dir": "w", "elements": ["Cu"], "seed": 1, "compositions": ["Cu16"], "runs": [1]}
    values |= {"quench": {"calculator": EMT}, "loading": {"max_strain": 0.1}}
    with pytest.raises(ValueError, match="with `calculator` there is no loading"):
        parameters.for_stage("01_generate", values)


class Lost(Calculator):
    """Forces that are no numbers, as of a potential beyond its range."""

    implemented_properties = ("energy", "forces", "stress")

    def calculate(self, atoms=None, properties=(), system_changes=()):
        super().calculate(atoms, properties, system_changes)
        self.results = {"energy": np.nan, "forces": np.full((len(atoms), 3), np.nan), "stress": np.zeros(6)}


def test_what_explodes_and_what_has_no_place_ends_with_a_sentence(tmp_path, monkeypatch):
    with monkeypatch.context() as patch, pytest.raises(RuntimeError, match=r"EMT failed in .*: "):
        patch.setattr(dynamics, "calculator", lambda *_: Lost())
        melt_quench(COUNTS, Protocol(**TINY), tmp_path, seed=1, progress=False)
    assert not (tmp_path / "quench.json").exists()
    with pytest.raises(ValueError, match="the potential does not hold the atoms together"):
        dynamics._check(Atoms("Cu", cell=[9, 9, 9], pbc=True), Protocol(**TINY))
    full = Protocol(**{**TINY, "initial_distance": 5.0})
    with pytest.raises(RuntimeError, match="of 16 atoms found a place: raise initial_volume_per_atom"):
        melt_quench(COUNTS, full, tmp_path, seed=1, progress=False)
