#!/usr/bin/env python3
"""Make the bases `tzp` of this folder: three radial functions a valence shell, and one empty shell.

    python make_basis.py                 # the elements that are here
    python make_basis.py Ni Fe           # others, into this folder: seconds an element

GPAW ships one basis, `dzp`. Engine `gpaw` takes these for its bands with `--set band_basis=tzp`
(docs/labels.md). The empty shell is the p shell of an element whose outermost p shell is empty, and else d.
GPAW's own rule takes f for an element with semi-core p, such as Zr.
"""

from __future__ import annotations

import argparse
import gzip
import io
import os
from pathlib import Path

from getl_utils.core.record import atomic_write

HERE = Path(__file__).resolve().parent
NAME, FUNCTIONS, EMPTY = "tzp", 3, 1


def empty_shell(valence) -> int:
    """Angular momentum of the first empty shell: p if the outermost shell has no p electrons, else d.

    Parameters
    ----------
    valence : gpaw.atom.basis.ValenceData
        n_j, l_j and f_j of the free atom's valence states.

    Returns
    -------
    int
        1 or 2.
    """
    states = [(n, m) for n, m, f in zip(valence.n_j, valence.l_j, valence.f_j, strict=True) if f > 0]
    outermost = max(n for n, _ in states)
    return 2 if (outermost, 1) in states else 1


def make(element: str) -> bytes:
    """The basis of an element, compressed.

    Parameters
    ----------
    element : str
        Symbol.

    Returns
    -------
    bytes
        GPAW's file.
    """
    from gpaw.atom.basis import BasisMaker

    maker = BasisMaker.from_symbol(element, gtxt=None)
    with open(os.devnull, "w") as nowhere:
        basis = maker.generate(FUNCTIONS, EMPTY, l_pol=empty_shell(maker.valence_data), txt=nowhere)
    text = io.StringIO()
    basis.write_to(text)
    return gzip.compress(text.getvalue().encode(), mtime=0)


def main(words: list[str] | None = None) -> None:
    """Make the bases of some elements."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "elements", nargs="*", default=sorted(f.name.split(".")[0] for f in HERE.glob("*.gz"))
    )
    parser.add_argument("--output", type=Path, default=HERE)
    given = parser.parse_args(words)
    for element in given.elements:
        with atomic_write(given.output / f"{element}.{NAME}.basis.gz") as temporary:
            temporary.write_bytes(make(element))


if __name__ == "__main__":
    main()
