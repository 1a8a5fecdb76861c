#!/usr/bin/env python3
"""Make the PAW data sets of this folder by ld1.x and check them on the atom.

    python make_paw.py                         # all elements, into this folder
    python make_paw.py Cu --output /tmp/try    # one element, elsewhere

Each `<element>.ld1.in` becomes `<element>.UPF`; the checks are written to ghosts.csv, basis.csv and
SHA256SUMS. The atomic functions of the data set, on which projwfc.x projects, are replaced by LOBSTER's
basis, the Hartree–Fock orbitals of the free atom. Outside the augmentation sphere they are left as they are.
Inside, they are the combination of the two partial waves that continues them smoothly. The file has its
smooth counterpart, which PAW maps to it.

Checks that need no crystal:

- The logarithmic derivatives of the all-electron and of the pseudo-atom pass the same branches of the
  tangent, from far below the deepest valence level up to 4 Ry. A ghost state would be one branch more.
- The overlap S = 1 + Σ |β_i⟩ q_ij ⟨β_j| is positive. Its eigenvalues other than 1 are those of 1 + q B, with
  B_ij = ⟨β_i|β_j⟩. If one is negative, pw.x stops with "S matrix not positive definite".
- The atomic functions are those of LOBSTER's basis and no others. Their overlap with the Hartree–Fock
  orbitals is 0.998 or more.
"""

from __future__ import annotations

import argparse
import hashlib
import re
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pandas as pd

from getl_utils.core.record import atomic_write
from getl_utils.files import upf
from getl_utils.labels import qe_programs
from getl_utils.labels.projection import hartree_fock

HERE = Path(__file__).resolve().parent
BASIS = {"Al": ["3s", "3p"], "Cu": ["3s", "4s", "3p", "3d"], "Zr": ["4s", "5s", "4p", "4d"]}
LEAST_OVERLAP = 0.998
LONGEST = 1000  # characters. ld1.x writes the multipoles on one line, and pw.x refuses long lines.


def make(source: Path, folder: Path) -> str:
    """Run ld1.x on `source` in `folder` and return the text of the data set.

    The date is removed, so that the text is the same every day.

    Raises
    ------
    RuntimeError
        ld1.x failed; the message has its last words.
    """
    with open(source) as given:
        done = subprocess.run(
            qe_programs.command("ld1.x"), stdin=given, cwd=folder, capture_output=True, text=True
        )
    written = folder / f"{source.name.split('.')[0]}.UPF"
    if not written.exists():
        raise RuntimeError(
            f"{source.name}: ld1.x failed: {' '.join(done.stdout.split()[-40:])} {done.stderr[-300:]}"
        )
    text = re.sub(r"(Generation date|date)(\s*[:=]\s*)(\"?)[^\"\n]*", r"\1\2\3", written.read_text())
    return "\n".join(wrapped for line in text.splitlines() for wrapped in _wrap(line)) + "\n"


def _wrap(line: str) -> list[str]:
    words = line.split()
    if len(line) <= LONGEST or "<" in line:
        return [line.rstrip()]
    return [" ".join(words[i : i + 4]) for i in range(0, len(words), 4)]


def branches(folder: Path) -> pd.DataFrame:
    """Compare the logarithmic derivatives of the all-electron and the pseudo-atom.

    Returns
    -------
    DataFrame
        A row per l: branches_ae and branches_ps (poles passed), largest_difference (of the arctangent, rad).
    """
    reference, pseudo = np.loadtxt(folder / "ld1.dlog"), np.loadtxt(folder / "ld1ps.dlog")
    rows = []
    for n in range(1, reference.shape[1]):
        angles = [np.arctan(x[:, n]) for x in (reference, pseudo)]
        turns = [round(-(np.unwrap(a, period=np.pi) - a)[-1] / np.pi) for a in angles]
        difference = np.abs((angles[1] - angles[0] + np.pi / 2) % np.pi - np.pi / 2).max()
        rows.append(["spdf"[n - 1], reference[0, 0], reference[-1, 0], *turns, difference])
    names = ["l", "from_ry", "to_ry", "branches_ae", "branches_ps", "largest_difference"]
    return pd.DataFrame(rows, columns=names)


def overlap_eigenvalues(text: str) -> dict[str, float]:
    """Return the smallest eigenvalue of the overlap operator by angular momentum; it must be positive."""
    tree = ET.fromstring(re.sub(r"<PP_INFO>.*?</PP_INFO>", "", text, flags=re.DOTALL))
    steps = upf.numbers(tree.find("PP_MESH/PP_RAB"))
    betas = [e for e in tree.find("PP_NONLOCAL") if e.tag.startswith("PP_BETA")]
    values, momenta = (
        np.array([upf.numbers(b) for b in betas]),
        np.array([int(b.get("angular_momentum")) for b in betas]),
    )
    charges = upf.numbers(tree.find("PP_NONLOCAL/PP_AUGMENTATION/PP_Q")).reshape(len(betas), -1)
    found = {}
    for momentum in sorted(set(momenta.tolist())):
        rows = np.flatnonzero(momenta == momentum)
        products = (values[rows] * steps) @ values[rows].T
        found["spdf"[momentum]] = float(
            np.linalg.eigvals(np.eye(len(rows)) + charges[np.ix_(rows, rows)] @ products).real.min()
        )
    return found


def exchange_functions(text: str, element: str) -> tuple[str, pd.DataFrame]:
    """Replace the atomic functions of a data set by Hartree–Fock orbitals.

    χ(r) = Σ c_i φ_i(r) for r < r_c. The c_i follow from value and slope of the Hartree–Fock orbital at r_c,
    the radius beyond which partial waves φ_i and smooth partial waves φ̃_i are equal. Each χ is then made
    orthogonal to the lower shells of the same angular momentum (Cu 4s has an overlap of 0.057 with 3s). The
    file gets the smooth χ̃ = Σ c_i φ̃_i, divided by the norm of χ.

    Returns
    -------
    str
        Text of the new data set.
    DataFrame
        A row per shell: radius (bohr), and overlap with the Hartree–Fock orbital.
    """
    tree = ET.fromstring(re.sub(r"<PP_INFO>.*?</PP_INFO>", "", text, flags=re.DOTALL))
    paw = upf.partial_waves(tree)
    r, steps = paw.r, paw.weights
    rows, lower = [], {}
    for function in tree.find("PP_PSWFC"):  # from the innermost shell
        shell = function.get("label").lower()
        same = paw.momenta == int(function.get("l"))
        sharp, smooth, edge = (
            paw.sharp[same],
            paw.smooth[same],
            int(np.searchsorted(r, paw.edges[same].max())),
        )
        exact = r * hartree_fock.values(hartree_fock.expansions(element)[shell], r)
        ends = [edge - 1, edge, edge + 1]
        conditions = np.array([sharp[:, edge], np.gradient(sharp[:, ends], r[ends], axis=1)[:, 1]])
        weights = np.linalg.solve(conditions, [exact[edge], np.gradient(exact[ends], r[ends])[1]])
        inside = np.arange(len(r)) <= edge
        both = np.array([np.where(inside, weights @ waves, exact) for waves in (sharp, smooth)])
        for other in lower.setdefault(shell[-1], []):
            both -= np.sum(both[0] * other[0] * steps) * other
        both /= np.sqrt(np.sum(both[0] ** 2 * steps))
        lower[shell[-1]].append(both)
        rows.append([element, shell, r[edge], np.sum(both[0] * exact * steps)])
        words = [f"{x:.12E}" for x in both[1]]
        lines = "\n".join(" ".join(words[i : i + 4]) for i in range(0, len(words), 4))
        text = re.sub(
            rf"(<{function.tag}\s[^>]*>).*?(</{function.tag}>)", rf"\1\n{lines}\n\2", text, flags=re.DOTALL
        )
    return text, pd.DataFrame(rows, columns=["element", "shell", "radius_bohr", "overlap"])


def make_and_check(element: str, output: Path) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Write `<element>.UPF` into `output` and return the tables of the checks: channels, atomic functions.

    Raises
    ------
    RuntimeError
        ld1.x failed, or a check failed. Nothing is written then.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        text, basis = exchange_functions(make(HERE / f"{element}.ld1.in", folder), element)
        table = branches(folder)
        (folder / "new.UPF").write_text(text)
        shells = [shell for shell, _ in upf.read_atomic_functions(folder / "new.UPF")]
    table.insert(0, "element", element)
    table["overlap_eigenvalue"] = table.l.map(overlap_eigenvalues(text))
    ghosts = table[(table.branches_ae != table.branches_ps) | (table.overlap_eigenvalue <= 0)]
    if len(ghosts) or sorted(shells) != sorted(BASIS[element]) or basis.overlap.min() < LEAST_OVERLAP:
        raise RuntimeError(f"{element}: atomic functions {shells}; not usable:\n{ghosts}\n{basis}")
    with atomic_write(output / f"{element}.UPF") as temporary:
        temporary.write_text(text)
    return table, basis


def main(arguments: list[str] | None = None) -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("elements", nargs="*", default=list(BASIS), metavar="ELEMENT")
    parser.add_argument("--output", type=Path, default=HERE)
    options = parser.parse_args(arguments)
    options.output.mkdir(parents=True, exist_ok=True)
    tables = zip(*[make_and_check(element, options.output) for element in options.elements], strict=True)
    for name, parts in zip(("ghosts", "basis"), tables, strict=True):
        table = pd.concat(parts)
        print(table.to_string(index=False))
        table.to_csv(options.output / f"{name}.csv", index=False, float_format="%.4f")
    files = sorted([*options.output.glob("*.UPF"), *HERE.glob("*.in")])
    sums = [f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}" for path in files]
    (options.output / "SHA256SUMS").write_text("\n".join(sums) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
