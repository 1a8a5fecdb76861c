"""Loading of a glass by LAMMPS: the input text if it is uniaxial, the run, and its stress–strain curve."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from getl_utils.core.parameters import Athermal, Loading
from getl_utils.core.record import content_hash, read_json
from getl_utils.files.lammps_log import read_thermo
from getl_utils.generate import athermal
from getl_utils.generate.athermal import GPA_PER_BAR
from getl_utils.generate.lammps import run_once
from getl_utils.generate.quench import START, Protocol, identified, interaction

THERMO = "step temp press pe vol density lx ly lz pxx pyy pzz pxy pxz pyz"


def input_text(glass: Path, protocol: Protocol, loading: Loading, seed: int, name: str = "loading") -> str:
    """LAMMPS input: NPT with free sides, then `fix deform` along one axis, the sides at their pressure.

    Along an axis in `loading.surfaces` nothing acts: the sample ends in vacuum there.

    L(t) = L₀ (1 ± ε̇ t), positions remapped; L₀ is the length after the equilibration. Each dumped frame has
    scaled positions and compute stress/atom, the stress times an atom's volume (bar·Å^3, tension positive).

    Parameters
    ----------
    glass : Path
        Data file of atom_style atomic.
    protocol : Protocol
        Its pair style, potential, elements and masses are used.
    loading : Loading
        The loading.
    seed : int
        Of the velocities.
    name : str
        ``<name>.dump`` and, at the end, ``<name>.data`` are written.

    Returns
    -------
    str
        The input.

    Examples
    --------
    >>> glass = Protocol(potential="a.eam", elements=["Zr", "Cu"])
    >>> text = input_text(Path("final.data"), glass, Loading(), seed=1)
    >>> [line for line in text.splitlines() if "deform" in line or line.startswith("run")]
    ['run 20000', 'fix load all deform 1 z erate -1e-05 remap x', 'run 20000000']
    """
    p, axis = loading, loading.axis
    temperature = f"fix ensemble all npt temp {p.temperature} {p.temperature} {p.thermostat_damping}"
    closed = [side for side in "xyz" if side not in p.surfaces]
    free = {side: f"{side} {p.pressure} {p.pressure} {p.barostat_damping}" for side in closed}
    rate = (-1 if p.mode == "compression" else 1) * p.strain_rate * 1e-12  # 1/s → 1/ps
    lines = [
        *START,
        f'read_data "{glass}"',
        *interaction(protocol),
        f"timestep {p.timestep}",
        f"velocity all create {p.temperature} {seed % 900_000_000 + 1} mom yes rot no dist gaussian",
        f"thermo {p.thermo_every}",
        f"thermo_style custom {THERMO}",
        "thermo_modify flush yes format float %.10g",
        f"{temperature} {' '.join(free.values())}",
        f"run {round(p.equilibration_time / p.timestep)}",
        "reset_timestep 0",
        "unfix ensemble",
        f"{temperature} {' '.join(words for side, words in free.items() if side != axis)}",
        f"fix load all deform 1 {axis} erate {rate:.12g} remap x",
        f"variable length equal $(l{axis}:%.15g)",
        f"variable strain equal l{axis}/v_length-1",
        f"thermo_style custom {THERMO} v_strain",
        "thermo_modify flush yes format float %.10g",
        "compute stress all stress/atom NULL",
        f"dump frames all custom {p.dump_every} {name}.dump id type xs ys zs c_stress[*]",
        "dump_modify frames sort id first yes format float %.9g",
        f"run {p.steps}",
        f"write_data {name}.data nocoeff",
    ]
    return "\n".join(lines) + "\n"


def load(
    glass: str | Path,
    protocol: Protocol,
    loading: Loading | Athermal,
    directory: str | Path,
    seed: int,
    name: str = "loading",
    command: str = "lmp",
    progress: bool | str = True,
) -> pd.DataFrame:
    """Load a glass, unless that was done.

    ``loading.json`` is written last and says that the run is whole. Without it the run starts from scratch.

    Parameters
    ----------
    glass : str or Path
        LAMMPS data file, as ``final.data`` of a quench.
    protocol : Protocol
        As for `input_text`.
    loading : Loading or Athermal
        The loading.
    directory : str or Path
        Folder of the run. The frames lie in ``<name>.dump``.
    seed : int
        Of the velocities; an athermal loading has none.
    name : str
        Of the files.
    command : str
        The program.
    progress : bool or str
        As `progress.line` takes it.

    Returns
    -------
    DataFrame
        The stress–strain curve, as `stress_strain` gives it.

    Raises
    ------
    FileNotFoundError
        The glass, the potential or LAMMPS is not there.
    ValueError
        The folder holds another loading. The message names what differs.
    RuntimeError
        LAMMPS failed.
    """
    glass = Path(glass).resolve()
    if not glass.is_file():
        raise FileNotFoundError(f"no glass to load: {glass} is not there; quench it first (01_generate)")
    protocol, known = identified(protocol)
    made_of = {key: known[key] for key in ("elements", "masses", "pair_style", "pair_coeff", "potential")}
    identity = {
        "glass": content_hash(glass),
        "seed": seed,
        "name": name,
        **made_of,
        **loading.model_dump(mode="json"),
    }
    if not identity.get("surfaces", True):
        del identity["surfaces"]  # records of earlier versions do not have it
    if isinstance(loading, Athermal):
        text = athermal.input_text(glass, protocol, loading, name)
    else:
        text = input_text(glass, protocol, loading, seed, name)
    run_once("loading", text, identity, directory, command, progress, outputs=(f"{name}.*", "log.lammps"))
    return stress_strain(directory)


def characteristics(curve: pd.DataFrame, elastic: float = 0.02) -> pd.Series:
    """Stiffness and greatest stress of a loading.

    Parameters
    ----------
    curve : DataFrame
        From `stress_strain`. The stress is averaged over 5 % of the rows before its maximum is taken.
    elastic : float
        Strain up to which a line is laid through the curve.

    Returns
    -------
    Series
        `stiffness` (GPa, the line's slope), `max_stress` (GPa) and `at_strain`, its strain.
    """
    start = curve[curve.load_strain <= max(elastic, curve.load_strain.iloc[1])]
    smooth = curve.load_stress.rolling(max(1, len(curve) // 20), center=True, min_periods=1).mean()
    top = smooth.idxmax()
    slope = np.polyfit(start.load_strain, start.load_stress, 1)[0]
    return pd.Series({"stiffness": slope, "max_stress": smooth[top], "at_strain": curve.load_strain[top]})


def stress_strain(directory: str | Path) -> pd.DataFrame:
    """Stress–strain curve of a whole loading, from its log.

    Cauchy stress σ = −P against engineering strain ε = L/L₀ − 1, both positive in tension; 1 GPa = 10⁴ bar.
    `load_strain` and `load_stress` count positive along the loading: −ε and −σ for compression. For an
    athermal loading see ``athermal.curve``.

    Parameters
    ----------
    directory : str or Path
        Folder of the run.

    Returns
    -------
    DataFrame
        Step, time (ps), Temp (K), strain, stress (GPa, along the axis), lateral (GPa, mean over the two
        sides), density (g/cm³), volume (Å³), load_strain, load_stress (GPa).

    Raises
    ------
    FileNotFoundError
        There is no whole loading in the folder.
    """
    directory = Path(directory)
    if not (directory / "loading.json").exists():
        raise FileNotFoundError(
            f"{directory} holds no whole loading (loading.json): load the glass first (01_generate)"
        )
    made = read_json(directory / "loading.json")["identity"]
    log = read_thermo(directory / "log.lammps")
    if "strain_step" in made:
        return athermal.curve(log, made)
    log = log[log.stage == log.stage.max()].reset_index(drop=True)
    stress = {side: -log[f"P{side}{side}"] * GPA_PER_BAR for side in "xyz"}
    along, sign = stress.pop(made["axis"]), -1 if made["mode"] == "compression" else 1
    return pd.DataFrame(
        {
            "Step": log.Step,
            "time": log.Step * made["timestep"],
            "Temp": log.Temp,
            "strain": log.v_strain,
            "stress": along,
            "lateral": sum(stress.values()) / 2,
            "density": log.Density,
            "volume": log.Volume,
            "load_strain": sign * log.v_strain,
            "load_stress": sign * along,
        }
    )
