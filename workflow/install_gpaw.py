"""Install GPAW and its data sets into the environment of this Python; called by ``make engines``.

GPAW is built from source; a C++ compiler is enough. The build uses libxc if it is installed (otherwise GPAW's
own PBE) and an optimised BLAS if there is one (otherwise NumPy's). It uses a system MPI compiler only if
GETL_GPAW_MPI=1 is set; the engine runs one process per cell and does not need MPI. ``gpaw.lock`` pins the
source and the data sets by their hashes. Nothing is written outside the environment.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

# GPAW, its data sets and the Hartree–Fock orbitals (qc-atomdb); their dependencies are in requirements.lock
LOCK = Path(__file__).with_name("gpaw.lock")
BUILD = ["--no-deps", "--no-build-isolation", "--require-hashes", "-r", str(LOCK)]


def links(compiler: str, library: str, header: str = "") -> bool:
    """Return whether a program that includes `header` and links `library` can be built."""
    include = f"#include <{header}>\n" if header else ""
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder, "try.c")
        source.write_text(f"{include}int main(void) {{ return 0; }}\n")
        command = [compiler, "-x", "c", str(source), "-o", str(source.with_suffix("")), f"-l{library}"]
        return subprocess.run(command, capture_output=True).returncode == 0


def siteconfig(compiler: str) -> str:
    """Return the text of GPAW's siteconfig.py for this machine."""
    libxc = links(compiler, "xc", "xc.h")
    blas = next((name for name in ("openblas", "blas") if links(compiler, name)), None)
    mpi = shutil.which("mpicc") if os.environ.get("GETL_GPAW_MPI") == "1" else None
    lines = [
        f"compiler = {mpi or compiler!r}",
        f"mpi = {bool(mpi)}",
        f"nolibxc = {not libxc}",
        f"noblas = {blas is None}",
    ]
    lines.append("extra_compile_args += ['-O3', '-march=native']")
    libraries = (["xc"] if libxc else []) + ([blas] if blas else [])
    return "\n".join([*lines, f"libraries = {libraries!r}", ""])


def main() -> int:
    """Write the siteconfig, run pip and import the result. An error is one line."""
    compiler = shutil.which("g++") or shutil.which("c++")
    if compiler is None:
        print(
            "make engines: no C++ compiler; install g++ (Debian: apt install g++) or clang", file=sys.stderr
        )
        return 1
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder, "siteconfig.py")
        config.write_text(siteconfig(compiler))
        print(config.read_text(), end="", flush=True)
        command = [
            sys.executable,
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
            "--no-cache-dir",
            *BUILD,
        ]
        if subprocess.run(command, env={**os.environ, "GPAW_CONFIG": str(config)}).returncode:
            print("make engines: pip could not build GPAW; its messages are above", file=sys.stderr)
            return 1
    test = "import gpaw, gpaw.cgpaw, gpaw_data; print('gpaw', gpaw.__version__)"
    return subprocess.run([sys.executable, "-c", test]).returncode


if __name__ == "__main__":
    sys.exit(main())
