"""Install what requirements.lock pins into the environment of this Python.

``.venv/bin/python workflow/install.py``. pip installs uv, and uv the rest, five times faster. Where uv cannot
be had or does not reach the packages (it does not read pip's configuration), pip installs them. What the
installer says is printed if it fails.
"""

import re
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).parents[1]
LOCK = ROOT / "requirements.lock"
EVERY = 15  # s between two lines where there is no terminal
PIP = [sys.executable, "-m", "pip", "install", "--disable-pip-version-check", "--no-compile"]
UV = [sys.executable, "-m", "uv", "pip", "install", "--python", sys.executable]
OURS = ["--no-build-isolation", "--no-deps", "-e", str(ROOT)]


def pinned(lock: str, name: str = "") -> list[str]:
    """Return the blocks of a lock file: one for each package, or only that of `name`."""
    blocks = re.split(r"\n(?=[A-Za-z0-9])", lock)
    return [block for block in blocks if "==" in block and block.startswith(f"{name}==" if name else "")]


def show(number: int, stop: threading.Event) -> None:
    """Say how long the installation has run, until told to stop."""
    start, terminal = time.monotonic(), sys.stderr.isatty()
    while not stop.wait(0.5 if terminal else EVERY):
        text = f"installing {number} packages, {time.monotonic() - start:.0f} s so far"
        print(text, end="\r" if terminal else "\n", file=sys.stderr, flush=True)
    if terminal:
        print(" " * 70, end="\r", file=sys.stderr)


def run(words: list[str]) -> str:
    """Run an installer; return what it said if it failed, an empty text otherwise."""
    answer = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    return f"{' '.join(words)}\n{answer.stdout[-4000:]}" if answer.returncode else ""


def install(run: Callable[[list[str]], str] = run) -> str:
    """Install the packages, then this one; return what went wrong, an empty text if nothing did."""
    with tempfile.TemporaryDirectory() as folder:
        own = Path(folder, "uv.lock")
        own.write_text("\n".join(pinned(LOCK.read_text(), "uv")) + "\n")
        locked = ["--require-hashes", "-r", str(LOCK)]
        if not run([*PIP, "--require-hashes", "-r", str(own)]) and not run([*UV, *locked]):
            return run([*UV, *OURS])
    return run([*PIP, *locked]) or run([*PIP, *OURS])


def main() -> int:
    """Install with a line on the time; return 1 if it failed."""
    start, stop = time.monotonic(), threading.Event()
    ticking = threading.Thread(target=show, args=(len(pinned(LOCK.read_text())), stop), daemon=True)
    ticking.start()
    failed = install()
    stop.set()
    ticking.join()
    print(
        failed or f"installed in {time.monotonic() - start:.0f} s", file=sys.stderr if failed else sys.stdout
    )
    return bool(failed)


if __name__ == "__main__":
    sys.exit(main())
