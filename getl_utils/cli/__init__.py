"""The command ``getl``: what is installed, single steps, labels, predictions and the records of both."""

from getl_utils.cli.entry import main

__all__ = ["main"]
