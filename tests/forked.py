"""Processes that are forked from one that has imported what they need: Snakemake, or ours."""

import multiprocessing
import os
import sys
from pathlib import Path

FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(
    [
        "snakemake.cli",
        "getl_utils.labels.label",
        "getl_utils.ops.verify",
        "getl_utils.inference.predictor",
        "small",
    ]
)


def snakemake(words: list[str], folder: Path, said: Path) -> tuple[int, str]:
    """Run Snakemake with these words in a folder; exit status, and what is printed, by way of a file."""
    process = FORKS.Process(target=_run, args=(words, folder, said))
    process.start()
    process.join(1800)
    process.kill()
    return process.exitcode, said.read_text()


def _run(words: list[str], folder: Path, said: Path) -> None:
    from snakemake.cli import main

    with open(said, "w") as file:
        for stream in (1, 2):
            os.dup2(file.fileno(), stream)
    os.chdir(folder)
    os.environ["PYTHONPATH"] = str(folder)
    sys.argv = ["snakemake", *words]
    main()
