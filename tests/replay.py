"""A STAND-IN for pw.x and LOBSTER. It computes nothing; it replays recorded output.

    python replay.py pw.x|lobster RECORDED [seconds]

It runs in the folder of a cell. RECORDED/<run>/<sub_run>/ has what the programs once wrote.
"""

import os
import shutil
import sys
import time
from pathlib import Path


def main() -> None:
    """Write the recorded output."""
    program, recorded, *rest = sys.argv[1:]
    here = Path.cwd()
    source = Path(recorded) / here.parent.name / here.name
    with open(here / "calls", "a") as calls:
        calls.write(f"{program}\n")
    (here / "pid").write_text(str(os.getpid()))
    time.sleep(float(rest[0]) if rest else 0)
    if program == "pw.x":
        assert "&CONTROL" in sys.stdin.read(), "no pw.x input on standard input"
        (text,) = source.glob("*.scf.out")
    else:
        assert (here / "lobsterin").exists(), "no lobsterin"
        if (source / "ICOHPLIST.lobster").exists():
            shutil.copy(source / "ICOHPLIST.lobster", here)
        (text,) = source.glob("*.lb.out")
    print(text.read_text(errors="replace"), end="", flush=True)


if __name__ == "__main__":
    main()
