"""Damaged files by the thousand: `python tests/fuzz.py 1000 xyz CIF` says how the parsers took them.

Every input follows from the seed and its number. A parser may accept it or refuse it with a ValueError that
says why. Anything else is unexpected, and more than 2 s of processor time for one input is a hang.
"""

import gzip
import io
import json
import os
import pickle
import random
import resource
import signal
import sys
import tempfile
import time
import warnings
from pathlib import Path

import numpy as np
from ase import Atoms

from getl_utils.core.arrays import check_arrays
from getl_utils.core.neighbours import neighbour_arrays
from getl_utils.files import espresso, espresso_save, lobster, lobsterin, published
from getl_utils.files.frames import readings
from getl_utils.files.lammps_log import read_thermo

LIMIT = 2.0  # s of processor time
ODD = [
    "",
    "\0",
    "NaN",
    "inf",
    "-1",
    "0",
    "1e300",
    "1e999",
    "9" * 25,
    "9" * 400,
    "9" * 5000,
    "99999999",
    "1e-300",
]
ODD += [
    "ITEM: ATOMS",
    "ITEM: TIMESTEP",
    "\n",
    "\t",
    "é",
    "０",
    "../../x",
    "$(touch x)",
    "%s",
    "0x10",
    "1_000",
]
ODD += ["{", '"']
HEAD = "  COHP#  atomMU  atomNU     distance     translation      ICOHP (at) eF   for spin  1\n"
LIST = (
    HEAD
    + "      1     Cu1     Zr2      3.26048       0   0   0           -0.41728 \n"
    + "      2     Cu1     Cu3      2.47778       0   0  -1           -0.48810 \n"
)
QUIPPY = "basisSet Bunge\ncohpbetween atom 1 atom 2 offset 0 0 -1\ncohpbetween atom 2 atom 1 offset 0 0 1\n"
LOG = (
    "LOBSTER v5.1.0 (2024)\nsetting up CO interactions... found 2 interactions.\n"
    "abs. total spilling: 1.25%\nabs. charge spilling:  0.73%\nfinished in 17 h\n"
)
SCF = "     convergence has been achieved in  53 iterations\n   This run was terminated on:  18:42:38\n"
BND = "21 0 1 2 3.260480 0.417280\n21 3 1 3 2.477780 0.488100\n"
INFO = "DB4 Zr-Cu\nZr49Cu49Al2 12\nZr47Cu47Al6 7\n"
FRAME = (
    "ITEM: TIMESTEP\n{}\nITEM: NUMBER OF ATOMS\n2\n"
    "ITEM: BOX BOUNDS xy xz yz pp pp pp\n0 5 0\n0 5 0.1\n0 5 0\n"
    "ITEM: ATOMS id type element xs ys zs\n1 1 Zr 0.1 0.2 0.3\n2 2 Cu 0.5 0.5 0.5\n"
)
DUMP = FRAME.format(0) + FRAME.format(500)
DATA = (
    "a glass\n\n2 atoms\n2 atom types\n\n0 5 xlo xhi\n0 5 ylo yhi\n0 5 zlo zhi\n0.1 0 0 xy xz yz\n\n"
    "Masses\n\n1 63.546 # Cu\n2 91.224\n\nAtoms # atomic\n\n1 1 0.5 1 1.5\n9 2 2.5 2.5 2.5\n"
)
XYZ = (
    '2\nLattice="5 0 0 0 5 0 0 0 5" Properties=species:S:1:pos:R:3:id:I:1 pbc="T T T" energy=-1.5\n'
    "Cu 0.5 1 1.5 1\nZr 2.5 2.5 2.5 7\n"
)
POSCAR = (
    "Cu Zr\n1.0\n5 0 0\n0 5 0\n0 0 5\nCu Zr\n1 1\nSelective\nDirect\n0.1 0.2 0.3 T T F\n0.5 0.5 0.5 T T T\n"
)
CIF = (
    "data_glass\n_cell_length_a 5\n_cell_length_b 5\n_cell_length_c 5\n_cell_angle_alpha 90\n"
    "_cell_angle_beta 90\n_cell_angle_gamma 90\n_space_group_name_H-M_alt 'P 1'\n"
    "loop_\n_atom_site_label\n_atom_site_type_symbol\n"
    "_atom_site_fract_x\n_atom_site_fract_y\n_atom_site_fract_z\n_atom_site_occupancy\n"
    "Cu1 Cu 0.1 0.2 0.3 1.0\n"
    "Zr1 Zr 0.5 0.5 0.5 1.0\n"
)
PW = (
    "&control\n calculation='scf'\n/\n&system\n ibrav=0, nat=2, ntyp=2, ecutwfc=30\n/\n&electrons\n/\n"
    "ATOMIC_SPECIES\nCu 63.5 Cu.upf\nZr 91.2 Zr.upf\nK_POINTS automatic\n1 1 1 0 0 0\n"
    "CELL_PARAMETERS angstrom\n"
    "5 0 0\n0 5 0\n0 0 5\nATOMIC_POSITIONS angstrom\nCu 0.5 1 1.5\nZr 2.5 2.5 2.5\n"
)
THERMO = (
    "LAMMPS\n   Step          Temp\n         0   2000.5\n       100   1900.25\nLoop time of 0.1 on 1 procs\n"
    "   Step          Temp\n         0   300\n"
)
SCHEMA = (
    "<espresso><output><band_structure>\n<fermi_energy>0.5</fermi_energy>\n"
    '<ks_energies><k_point weight="2.0">0 0 0</k_point>\n<eigenvalues>0.1 0.2</eigenvalues>\n'
    "<occupations>1.0 0.0</occupations>\n</ks_energies></band_structure></output></espresso>\n"
)
VECTORS = {"21-0-34": np.arange(4.0), "21-0-35": np.ones(3)}


def archive() -> bytes:
    """A file of arrays as models and descriptors are."""
    buffer = io.BytesIO()
    np.savez(buffer, soap=np.arange(6.0), rows=np.arange(4))
    return buffer.getvalue()


def structures(path: Path) -> bool:
    """Read frames and count their neighbours as for a prediction; were there any?"""
    found = list(readings(path, ["Zr", "Cu"], isolated=True))
    good = [one for one in found if isinstance(one, Atoms)]
    if not found or not all(isinstance(one, Atoms | ValueError) and str(one) for one in found):
        raise AssertionError(f"no answer, or one without a word: {found}")
    for atoms in good:
        if not np.abs(atoms.positions).max() <= 1e6:
            raise AssertionError("positions that are no numbers were accepted")
        neighbour_arrays(atoms, 5.0)
    return bool(good)


def finite(read):
    """The reader of a table of bonds; what it accepts is finite."""

    def reader(path: Path) -> bool:
        table = read(path)
        if not np.isfinite(table[["distance", "icohp"]].to_numpy()).all():
            raise AssertionError("a bond that is not finite was accepted")
        return True

    return reader


def bands(path: Path) -> bool:
    """Read the bands of pw.x; what is accepted is finite."""
    if not all(np.isfinite(values).all() for values in espresso_save.read_bands(path.parent)):
        raise AssertionError("bands that are not finite were accepted")
    return True


PARSERS = {  # name → file name, whole content, reader
    "ICOHPLIST": ("ICOHPLIST.lobster", LIST, finite(lobster.read_icohplist)),
    "lobsterin-quippy": ("q", QUIPPY, lobsterin.read_lobsterin_quippy),
    "lb.out": ("lb.out", LOG, lobster.read_output),
    "scf.out": ("scf.out", SCF, espresso.read_output),
    "data-file-schema.xml": ("data-file-schema.xml", SCHEMA, bands),
    ".bnd": ("x.bnd", BND, finite(published.read_bnd)),
    ".info": ("x.info", INFO, published.read_database_info),
    ".vec": ("x.vec", pickle.dumps(VECTORS, protocol=2), published.read_vec),
    ".npz": ("x.npz", archive(), check_arrays),
    "LAMMPS dump": ("x.dump", DUMP, structures),
    "LAMMPS dump, gzip": ("x.dump.gz", DUMP, structures),
    "LAMMPS data": ("x.data", DATA, structures),
    "LAMMPS log": ("log.lammps", THERMO, read_thermo),
    "xyz": ("x.xyz", XYZ + XYZ, structures),
    "POSCAR": ("POSCAR", POSCAR, structures),
    "CIF": ("x.cif", CIF, structures),
    "pw.x input": ("x.in", PW, structures),
}


def damage_text(text: str, draw: random.Random) -> str:
    """Replace, repeat, move or cut off some words, lines or characters."""
    lines = text.splitlines(keepends=True)
    for _ in range(draw.randint(1, 4)):
        if not lines:
            break
        n, kind = (
            draw.randrange(len(lines)),
            draw.choice(["word", "word", "cut", "drop", "repeat", "swap", "noise"]),
        )
        if kind == "word":
            words = lines[n].split(" ")
            words[draw.randrange(len(words))] = draw.choice(ODD)
            lines[n] = " ".join(words)
        elif kind == "cut":
            lines[n] = lines[n][: draw.randint(0, len(lines[n]))]
            lines = lines[: n + 1] if draw.random() < 0.5 else lines
        elif kind == "drop":
            del lines[n]
        elif kind == "repeat":
            lines[n:n] = [lines[n]] * draw.choice([1, 2, 3, 500])
        elif kind == "swap":
            m = draw.randrange(len(lines))
            lines[n], lines[m] = lines[m], lines[n]
        else:
            lines[n] += "".join(
                chr(draw.choice([draw.randrange(128), draw.randrange(0x2000)])) for _ in range(30)
            )
    return "".join(lines)


def damage_bytes(content: bytes, draw: random.Random) -> bytes:
    """Flip, insert or cut off some bytes."""
    data = bytearray(content)
    for _ in range(draw.randint(1, 4)):
        place = draw.randrange(len(data) + 1)
        kind = draw.choice(["flip", "flip", "insert", "cut"])
        if kind == "flip" and place < len(data):
            data[place] = draw.randrange(256)
        elif kind == "insert":
            data[place:place] = draw.randbytes(draw.choice([1, 4, 8]))
        elif kind == "cut" and draw.random() < 0.3:
            del data[place:]
    return bytes(data)


def damaged(content: str | bytes, name: str, draw: random.Random) -> bytes:
    """One input: mostly a damaged good file, now and then any bytes."""
    if draw.random() < 0.05:
        return draw.randbytes(draw.randrange(300))
    if isinstance(content, bytes):
        return damage_bytes(content, draw)
    if draw.random() < 0.15 or (name.endswith(".gz") and draw.random() < 0.5):
        raw = content.encode()
        return damage_bytes(gzip.compress(raw, mtime=0) if name.endswith(".gz") else raw, draw)
    raw = damage_text(content, draw).encode("utf-8", "surrogatepass")
    return gzip.compress(raw, 1, mtime=0) if name.endswith(".gz") else raw


class Hang(BaseException):
    """An input took more than LIMIT."""


def stop(*_):
    raise Hang


def _peak() -> float:
    """Largest memory of this process, GiB; on Linux without what its parent held when it was started."""
    status = Path("/proc/self/status")
    if status.exists():
        return int(status.read_text().split("VmHWM:")[1].split()[0]) / 2**20
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**30


def run(parser: str, number: int, seed: int = 0) -> dict:
    """Give `number` damaged files to a parser; how many it accepted and refused, and what else happened."""
    name, content, read = PARSERS[parser]
    result = {"parser": parser, "inputs": number, "accepted": 0, "refused": 0, "unexpected": 0, "hangs": 0}
    slowest, notes = 0.0, []
    signal.signal(signal.SIGPROF, stop)
    memory = "/dev/shm" if os.path.isdir("/dev/shm") else None  # a disk takes longer than the parsers
    with tempfile.TemporaryDirectory(dir=memory) as folder, warnings.catch_warnings(action="ignore"):
        path = Path(folder, name)
        for n in range(number):
            path.write_bytes(damaged(content, name, random.Random(f"{seed} {parser} {n}")))
            start = time.process_time()
            signal.setitimer(signal.ITIMER_PROF, LIMIT)
            try:
                result["accepted" if read(path) is not False else "refused"] += 1
            except (ValueError, pickle.UnpicklingError) as error:
                result["refused" if str(error) else "unexpected"] += 1
            except Hang:
                result["hangs"] += 1
                notes.append(f"{n}: hang")
            except BaseException as error:
                result["unexpected"] += 1
                notes.append(f"{n}: {type(error).__name__}: {str(error)[:200]}")
            finally:
                signal.setitimer(signal.ITIMER_PROF, 0)
            slowest = max(slowest, time.process_time() - start)
    peak = _peak()
    return result | {"slowest": round(slowest, 2), "peak": round(peak, 2), "notes": notes[:20]}


if __name__ == "__main__":
    for one in sys.argv[2:] or PARSERS:
        print(json.dumps(run(one, int(sys.argv[1]))), flush=True)
