"""Try the built wheel as a stranger would: an empty environment, an empty folder, `getl predict`.

    python workflow/try_install.py 3.11 3.12 3.13 --out docs/installs.csv

For each Python that is on this machine the script makes an empty environment and installs the wheel
into it. It predicts a cell outside the repository, with the model that came in the wheel. The bonds
must be those that this repository predicts. The table gets one row for each Python, which replaces the
row of an earlier try. A Python that is not here is said to be missing, and the script ends with 1.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd

REPOSITORY = Path(__file__).resolve().parents[1]
CELL = REPOSITORY / "data_examples/zrcual/cells/Zr49Cu49Al2/1/0.xyz"
ABOUT = "import json, sys, pathlib, getl_utils; print(json.dumps([sys.prefix, getl_utils.__file__]))"
MIB = 2**20


def find(version: str) -> str | None:
    """The interpreter of a version that runs: on PATH, or one of pyenv's or uv's."""
    name = f"python{version}"
    places = [*os.environ.get("PATH", "").split(os.pathsep)]
    for root in (Path.home() / ".pyenv/versions", Path.home() / ".local/share/uv/python"):
        places += [str(folder / "bin") for folder in sorted(root.glob(f"*{version}.*"))]
    for place in places:
        path = shutil.which(name, path=place)
        code = "import sys; print('{}.{}'.format(*sys.version_info))"
        if path and _says([path, "-c", code]) == version:
            return path
    return None


def _says(words: list[str]) -> str:
    answer = subprocess.run(words, capture_output=True, text=True)
    return answer.stdout.strip() if answer.returncode == 0 else ""


def _used() -> float:
    """Processor time of the programs that have ended, s."""
    used = os.times()
    return used.children_user + used.children_system


def run(words: list[str | Path], where: Path) -> str:
    """Run a program without anything of this repository in its environment; its errors stop the try."""
    clean = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "VIRTUAL_ENV", "PYTHONHOME")}
    answer = subprocess.run(list(map(str, words)), capture_output=True, text=True, cwd=where, env=clean)
    if answer.returncode:
        tail = " | ".join((answer.stdout + answer.stderr).strip().splitlines()[-3:])
        raise RuntimeError(f"{' '.join(map(str, words[:4]))}: {tail}")
    return answer.stdout


def build(folder: Path) -> Path:
    """Build the wheel from a copy of the tracked files, so that nothing else can get into it."""
    source = folder / "source"
    names = run(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], REPOSITORY)
    for name in filter(None, names.split("\0")):
        if name.startswith(("getl_utils/", "data_examples/models/")) or "/" not in name:
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(REPOSITORY / name, source / name)
    run(
        [
            sys.executable,
            "-m",
            "pip",
            "wheel",
            "-q",
            "--no-deps",
            "--no-build-isolation",
            "-w",
            folder,
            source,
        ],
        folder,
    )
    (wheel,) = folder.glob("*.whl")
    return wheel


def try_one(version: str, python: str, wheel: Path, folder: Path) -> dict[str, object]:
    """Install the wheel for one Python and predict; what was found, or why it failed."""
    row: dict[str, object] = {"python": version, "interpreter": _says([python, "-V"]).removeprefix("Python ")}
    row |= {"machine": f"{platform.system()} {platform.machine()}", "installer": ""}
    row |= {"packages": 0, "size_MiB": 0, "install_cpu_s": np.nan, "predict_cpu_s": np.nan, "bonds": 0}
    try:
        row |= _install(python, wheel, folder) | _predict(folder)
    except (RuntimeError, OSError, ValueError) as error:
        return row | {"result": f"failed: {error}"}
    return row | {"result": "passed"}


def _install(python: str, wheel: Path, folder: Path) -> dict[str, object]:
    start, environment = _used(), folder / "environment"
    inner = environment / "bin/python"
    uv = shutil.which("uv")
    run([python, "-m", "venv", *(["--without-pip"] if uv else []), environment], folder)
    if uv:
        run(
            [
                uv,
                "pip",
                "install",
                "-q",
                "--only-binary",
                ":all:",
                "--no-binary",
                "connection-pool",
                "--python",
                inner,
                wheel,
            ],
            folder,
        )
    else:
        run([inner, "-m", "pip", "install", "-q", "--disable-pip-version-check", wheel], folder)
    seconds = _used() - start
    size = sum(path.stat().st_size for path in environment.rglob("*") if path.is_file())
    found = list(environment.glob("lib/python*/site-packages/*.dist-info"))
    facts = {"installer": "uv pip" if uv else "pip", "install_cpu_s": round(seconds), "packages": len(found)}
    return facts | {"size_MiB": round(size / MIB)}


def _predict(folder: Path) -> dict[str, object]:
    """Predict outside the repository and compare with what the repository predicts."""
    work, environment = folder / "elsewhere", folder / "environment"
    work.mkdir()
    shutil.copyfile(CELL, work / "glass.xyz")
    prefix, code = json.loads(run([environment / "bin/python", "-c", ABOUT], work))
    if not Path(code).is_relative_to(prefix):
        raise RuntimeError(f"the package that was imported is {code}, not the installed one")
    start = _used()
    said = run([environment / "bin/getl", "predict", "glass.xyz", "--out", "bonds"], work)
    seconds = _used() - start
    if str(Path(prefix, "share/getl/models")) not in said:
        raise RuntimeError(f"the model is not that of the wheel: {said.splitlines()[0]}")
    theirs = pd.read_parquet(work / "bonds/glass/1_0.parquet")
    main = "import sys; from getl_utils.cli import main; sys.exit(main())"
    words = [sys.executable, "-c", main, "predict", str(work / "glass.xyz"), "--out", str(work / "ours")]
    subprocess.run(
        words,
        check=True,
        cwd=REPOSITORY,
        capture_output=True,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
    )
    ours = pd.read_parquet(work / "ours/glass/1_0.parquet")
    if len(ours) != len(theirs) or not np.allclose(ours.predicted, theirs.predicted, rtol=0, atol=1e-8):
        raise RuntimeError(
            f"{len(theirs)} bonds, not the {len(ours)} that the repository predicts, or other values"
        )
    return {"predict_cpu_s": round(seconds), "bonds": len(theirs)}


def main(words: list[str] | None = None) -> int:
    """Try each version, write the table, say what was found; 1 if one failed or is not here."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("versions", nargs="+", help="versions of Python, such as 3.12")
    parser.add_argument("--out", type=Path, help="CSV; its rows of other versions stay")
    given = parser.parse_args(words)
    rows = []
    with tempfile.TemporaryDirectory(prefix="getl-install-") as name:
        wheel = build(Path(name))
        for version in given.versions:
            folder, python = Path(name, version), find(version)
            folder.mkdir()
            rows.append(
                try_one(version, python, wheel, folder)
                if python
                else {"python": version, "result": "not here"}
            )
            print(f"Python {version}: {rows[-1]['result']}", flush=True)
            if given.out:
                write(given.out, pd.DataFrame(rows).astype({"python": str}))
            shutil.rmtree(folder)
    return int(any(row["result"] != "passed" for row in rows))


def write(path: Path, rows: pd.DataFrame) -> None:
    """Write the rows of what was tried; a Python that is not on this machine keeps its former row."""
    from getl_utils.core.record import write_csv

    rows = rows[rows.result != "not here"].assign(date=time.strftime("%Y-%m-%d", time.gmtime()))
    former = pd.read_csv(path, dtype={"python": str}) if path.exists() else rows.iloc[:0]
    kept = former[~former.python.isin(rows.python)]
    tables = [table for table in (kept, rows) if len(table)]
    if tables:
        write_csv(path, pd.concat(tables).sort_values("python", ignore_index=True))


if __name__ == "__main__":
    sys.exit(main())
