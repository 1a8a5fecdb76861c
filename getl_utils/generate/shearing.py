"""Athermal, quasistatic shear of a glass by LAMMPS: its input text and its stress–strain curve."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from getl_utils.core.parameters import Shear
from getl_utils.generate.quench import START, Protocol, interaction

GPA_PER_BAR = 1e-4
COLUMNS = "step pe press vol lx ly lz xy xz yz pxx pyy pzz pxy pxz pyz c_total"


def input_text(glass: Path, protocol: Protocol, shear: Shear, name: str = "loading") -> str:
    """LAMMPS input: the glass relaxes, then it is sheared step by step, all at constant volume.

    Each step adds the same simple shear to the box and to the atoms, and minimises the energy (C. Maloney,
    A. Lemaître, Phys. Rev. E 74, 016118 (2006)). Each dumped frame has scaled positions and compute pe/atom,
    the potential energy of each atom (eV). The first frame is the relaxed glass.

    Parameters
    ----------
    glass : Path
        Data file of atom_style atomic.
    protocol : Protocol
        Its pair style, potential, elements and masses are used.
    shear : Shear
        The shear.
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
    p, most = shear, shear.minimisation_steps
    minimise = f"minimize 0.0 {p.force_tolerance:g} {most} {10 * most}"
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
        f"variable taken loop {p.steps}",
        "label strain",
        f"change_box all {p.plane} delta $({p.strain_step:g}*l{p.plane[1]}:%.15g) remap units box",
        minimise,
        f'if "$(v_taken%{p.dump_every}) == 0" then "{frame}"',
        "next taken",
        "jump SELF strain",
        f"write_data {name}.data nocoeff",
    ]
    return "\n".join(lines) + "\n"


def curve(log: pd.DataFrame, plane: str) -> pd.DataFrame:
    """Stress–strain curve of a shear: one row for each minimisation, the relaxed glass first.

    Parameters
    ----------
    log : DataFrame
        From ``lammps_log.read_thermo``.
    plane : str
        ``xy``, ``xz`` or ``yz``.

    Returns
    -------
    DataFrame
        Step, strain, stress (GPa), both of the shear, pressure (GPa), energy (eV, of all atoms), volume
        (Å^3), and load_strain and load_stress, which are strain and stress.
    """
    log = log.groupby("stage").last().reset_index(drop=True)
    strain, stress = log[plane.title()] / log[f"L{plane[1]}"], -log[f"P{plane}"] * GPA_PER_BAR
    energy, pressure = log.PotEng, log.Press * GPA_PER_BAR
    return pd.DataFrame(
        {"Step": log.Step, "strain": strain, "stress": stress, "pressure": pressure, "energy": energy}
    ).assign(volume=log.Volume, load_strain=strain, load_stress=stress)
