"""Install Quantum ESPRESSO's programs (the wheel qepy) into an environment inside this one.

Called by ``make engines``. qepy needs NumPy < 2, so it gets a separate environment. If pw.x and ld1.x are
on PATH, nothing is done. Nothing is written outside the environment. ``qe.lock`` pins every file by its hash.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

LOCK = Path(__file__).with_name("qe.lock")
FOLDER = Path(sys.prefix, "engines", "qe")


def main() -> int:
    """Make the environment, install qepy and import it. An error is one line."""
    if all(shutil.which(name) for name in ("pw.x", "ld1.x")):
        print("Quantum ESPRESSO: the system's pw.x and ld1.x are used")
        return 0
    if sys.version_info[:2] > (3, 12):
        print(
            "make engines: qepy has wheels for Python 3.11 and 3.12 only; put pw.x and ld1.x on PATH",
            file=sys.stderr,
        )
        return 1
    python = FOLDER / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(FOLDER)], check=True)
    pip = [
        sys.executable,
        "-m",
        "pip",
        "--python",
        str(python),
        "install",
        "--quiet",
        "--disable-pip-version-check",
    ]
    if subprocess.run([*pip, "--require-hashes", "--only-binary", ":all:", "-r", str(LOCK)]).returncode:
        print("make engines: pip could not install qepy; its messages are above", file=sys.stderr)
        return 1
    test = "import importlib.metadata as m, qepy; print('Quantum ESPRESSO, qepy', m.version('qepy'))"
    return subprocess.run([str(python), "-c", test]).returncode


if __name__ == "__main__":
    sys.exit(main())
