"""What the predictions of structure files are called."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from pathlib import Path


def structure_names(paths: Sequence[Path]) -> list[str]:
    """Name the structures of several files, each different, as folders for their predictions.

    A name is the file's name without its last ending, or for a `final.dump` of a quench its composition and
    run. Files whose names are the same get longer ones: with the ending, then with the folders above. The
    names follow from the list of paths alone, so a restart finds its results again.

    Parameters
    ----------
    paths : sequence of Path
        Structure files.

    Examples
    --------
    >>> structure_names([Path("p1/glass.xyz"), Path("p2/glass.xyz"), Path("Zr46.5Cu.xyz")])
    ['p1-glass', 'p2-glass', 'Zr46.5Cu']
    """
    choices = {path: _candidates(path) for path in {Path(path).resolve() for path in paths}}
    chosen = dict.fromkeys(choices, 0)
    while True:
        names = {path: choices[path][n] for path, n in chosen.items()}
        folded = [name.casefold() for name in names.values()]  # some file systems do not tell A from a
        same = [path for path, name in names.items() if folded.count(name.casefold()) > 1]
        if not same:
            return [names[Path(path).resolve()] for path in paths]
        for path in same:
            chosen[path] = min(chosen[path] + 1, len(choices[path]) - 1)


def _candidates(path: Path) -> list[str]:
    """Names of a file, from short to unmistakable."""
    ours = path.name == "final.dump" and path.parts[-4:-3] == ("quench",)
    full = re.sub(r"\.(gz|bz2|xz)$", "", path.name.lstrip("."))
    short = re.sub(r"\.[A-Za-z]+$", "", full)
    above = list(path.parts[1:-1])
    if ours:
        short = full = "-".join(above[-2:])
        above = above[:-3]
    longer = ["-".join([*above[n:], name]) for n in range(len(above))[::-1] for name in (short, full)]
    digest = hashlib.sha256(str(path).encode()).hexdigest()[:12]
    return [*map(_fit, [short, full, *longer]), f"{_fit(short)[:180]}-{digest}"]


def _fit(name: str) -> str:
    """The name of a folder, as `record.safe_path` asks."""
    return re.sub(r"^[^A-Za-z0-9_]|[^A-Za-z0-9_.+-]", "_", name)[-200:] or "structure"
