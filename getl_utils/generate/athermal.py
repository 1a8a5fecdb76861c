"""Athermal, quasistatic loading of a glass by LAMMPS: its input text and its stress–strain curve."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from getl_utils.core.parameters import Athermal, Shear
from getl_utils.generate.quench import START, Protocol, interaction

GPA_PER_BAR = 1e-4
COLUMNS = "step pe press vol lx ly lz xy xz yz pxx pyy pzz pxy pxz pyz c_total"


def input_text(glass: Path, protocol: Protocol, loading: Athermal, name: str = "loading") -> str:
    """LAMMPS input: the glass relaxes, then it is strained step by step, all at constant volume.

    Each step strains box and atoms alike, and minimises the energy (C. Maloney, A. Lemaître, Phys. Rev. E 74,
    016118 (2006)). Each dumped frame has scaled positions and compute pe/atom, the potential energy of each
    atom (eV). The first frame is the relaxed glass.

    Parameters
    ----------
    glass : Path
        Data file of atom_style atomic.
    protocol : Protocol
        Its pair style, potential, elements and masses are used.
    loading : Athermal
        A `Shear` or an `Isochoric` loading.
    name : str
        ``<name>.dump`` and, at the end, ``<name>.data`` are written.

    Returns
    -------
    str
        The input.

    Examples
    --------
    >>> glass = Protocol(potential="a.eam", elements=["Zr", "Cu"])
    >>> text = input_text(Path("final.data"), glass, Shear(strain_step=0.002))
    >>> [line for line in text.splitlines() if "loop" in line or "delta" in line]
    ['variable taken loop 50', 'change_box all xy delta $(0.002*ly:%.15g) remap units box']
    """
    most = loading.minimisation_steps
    minimise = f"minimize 0.0 {loading.force_tolerance:g} {most} {10 * most}"
    columns = "id type xs ys zs c_energy modify sort id append yes format float %.9g"
    frame = f"write_dump all custom {name}.dump {columns}"
    lines = [
        *START,
        f'read_data "{glass}"',
        "change_box all triclinic",
        *interaction(protocol),
        "compute energy all pe/atom",
        "compute total all reduce sum c_energy",
        f"thermo {most}",
        f"thermo_style custom {COLUMNS}",
        "thermo_modify flush yes format float %.12g",
        "min_style cg",
        minimise,
        frame,
        f"variable taken loop {loading.steps}",
        "label strain",
        *_strain(loading),
        minimise,
        f'if "$(v_taken%{loading.dump_every}) == 0" then "{frame}"',
        "next taken",
        "jump SELF strain",
        f"write_data {name}.data nocoeff",
    ]
    return "\n".join(lines) + "\n"


def _strain(loading: Athermal) -> list[str]:
    """One step of strain."""
    step = f"{loading.strain_step:g}"
    if isinstance(loading, Shear):
        return [f"change_box all {loading.plane} delta $({step}*l{loading.plane[1]}:%.15g) remap units box"]
    sign = "-" if loading.mode == "isochoric_compression" else "+"
    length = f"variable length equal (1{sign}{step}*v_taken)/(1{sign}{step}*(v_taken-1))"
    scales = dict.fromkeys("xyz", "1/sqrt(v_length)") | {loading.axis: "v_length"}
    words = " ".join(f"{side} scale $({scale}:%.15g)" for side, scale in scales.items())
    return [length, f"change_box all {words} remap units box"]


def curve(log: pd.DataFrame, made: Mapping[str, str]) -> pd.DataFrame:
    """Stress–strain curve: one row for each minimisation, the relaxed glass first.

    The stress of a shear is its shear stress. That of an isochoric loading is the stress along the axis less
    the mean stress of the sides, as the pressure of a constant volume says nothing of the load.

    Parameters
    ----------
    log : DataFrame
        From ``lammps_log.read_thermo``.
    made : mapping
        What the loading is made of: mode, and plane (``xy``, ``xz`` or ``yz``) or axis.

    Returns
    -------
    DataFrame
        Step, strain, stress (GPa), pressure (GPa), energy (eV, of all atoms), volume (Å^3), and load_strain
        and load_stress (GPa), which count positive along the loading.
    """
    log = log.groupby("stage").last().reset_index(drop=True)
    if made["mode"] == "shear":
        plane, sign = made["plane"], 1
        strain, stress = log[plane.title()] / log[f"L{plane[1]}"], -log[f"P{plane}"]
    else:
        axis, sign = made["axis"], -1 if made["mode"] == "isochoric_compression" else 1
        sides = [log[f"P{side}{side}"] for side in "xyz" if side != axis]
        strain, stress = log[f"L{axis}"] / log[f"L{axis}"][0] - 1, np.mean(sides, 0) - log[f"P{axis}{axis}"]
    stress = stress * GPA_PER_BAR
    energy, pressure = log.PotEng, log.Press * GPA_PER_BAR
    return pd.DataFrame(
        {"Step": log.Step, "strain": strain, "stress": stress, "pressure": pressure, "energy": energy}
    ).assign(volume=log.Volume, load_strain=sign * strain, load_stress=sign * stress)
