"""Install what requirements.lock pins into the environment of this Python, and say how far it is.

``.venv/bin/python workflow/install.py``. Modules are not compiled: Python does that for those it uses. What
pip says is printed if it fails.
"""

import subprocess
import sys
import sysconfig
import threading
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
LOCK = ROOT / "requirements.lock"
EVERY = 15  # s between two lines where there is no terminal
PIP = [sys.executable, "-m", "pip", "install", "--disable-pip-version-check", "--no-compile"]


def wanted(lock: str) -> int:
    """Return the number of packages that a lock file pins; some may not be for this system."""
    return sum(line[:1].isalnum() and "==" in line for line in lock.splitlines())


class Progress:
    """How far an installation is: half for the packages that pip has fetched, half for those in place."""

    def __init__(self, total: int, place: Path) -> None:
        self.total, self.place, self.start = total, place, time.monotonic()
        self.fetched, self.before = 0, self.there()

    def there(self) -> int:
        """Return the number of installed packages."""
        return sum(1 for _ in self.place.glob("*.dist-info"))

    def share(self) -> float:
        """Return the part that is done, 0 to 1."""
        return min((self.fetched + self.there() - self.before) / (2 * self.total), 1.0)

    def text(self) -> str:
        """Return a bar in words and blocks."""
        share = self.share()
        bar = "█" * round(20 * share) + "·" * (20 - round(20 * share))
        return f"installing {bar} {share:4.0%}  {time.monotonic() - self.start:.0f} s"


def show(progress: Progress, stop: threading.Event) -> None:
    """Renew the line until told to stop."""
    terminal = sys.stderr.isatty()
    while not stop.wait(0.5 if terminal else EVERY):
        print(progress.text(), end="\r" if terminal else "\n", file=sys.stderr, flush=True)
    if terminal:
        print(" " * 70, end="\r", file=sys.stderr)


def main() -> int:
    """Install the packages, then this one; return pip's exit code."""
    progress = Progress(wanted(LOCK.read_text()), Path(sysconfig.get_paths()["purelib"]))
    stop, said = threading.Event(), []
    ticking = threading.Thread(target=show, args=(progress, stop), daemon=True)
    ticking.start()
    ours = ["--no-build-isolation", "--no-deps", "-e", str(ROOT)]
    for words in (["--require-hashes", "-r", str(LOCK)], ours):
        pip = subprocess.Popen([*PIP, *words], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        for line in pip.stdout:
            said.append(line)
            progress.fetched += line.startswith("Collecting ")
        if pip.wait():
            stop.set()
            ticking.join()
            print("".join(said[-40:]), file=sys.stderr)
            return pip.returncode
    stop.set()
    ticking.join()
    print(f"installed in {time.monotonic() - progress.start:.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
