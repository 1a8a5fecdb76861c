"""The words of ``getl``: each command registers itself here, and words of earlier versions are refused."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import typer
from typer.core import TyperGroup

RENAMED = {
    "check": "doctor",
    "validate": "compare-labels",
    "compare": "compare-predictions",
    "release": "test-model",
}


class Words(TyperGroup):
    """Commands in the order in which they are written; old names are refused with the new one named."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Find the command that the first word names.

        Parameters
        ----------
        ctx : Context
            Typer's context.
        args : list of str
            The words.

        Returns
        -------
        tuple
            Name, command and the other words, as typer wants them.
        """
        if args and args[0] in RENAMED:
            ctx.fail(f"`getl {args[0]}` is now called `getl {RENAMED[args[0]]}`.")
        return super().resolve_command(ctx, args)


app = typer.Typer(
    name="getl",
    cls=Words,
    help="Predict the strength (−ICOHP) of every bond of a metallic glass, and keep the records of it.",
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


def command(name: str, meaning: str, more: str = "") -> Any:
    """Register a function as a command.

    Parameters
    ----------
    name : str
        Word after ``getl``.
    meaning : str
        What the command takes and gives, in about eight words.
    more : str
        What its own help says beyond that.

    Returns
    -------
    callable
        A decorator.
    """
    return app.command(name, help=f"{meaning}\n\n{more}".strip(), short_help=meaning)


def join_elements(words: Sequence[str]) -> list[str]:
    """Write ``--elements Zr Cu Al`` as one option, for an option takes one value.

    Parameters
    ----------
    words : sequence of str
        The command line.

    Returns
    -------
    list of str
        The command line in which the symbols after ``--elements`` are one word.

    Examples
    --------
    >>> join_elements(["predict", "--elements", "Zr", "Cu", "glass.dump"])
    ['predict', '--elements', 'Zr Cu', 'glass.dump']
    """
    joined: list[str] = []
    for word in words:
        symbols = len(joined) > 1 and joined[-2] == "--elements"
        if symbols and all(map(_is_element, (*joined[-1].split(), word))):
            joined[-1] += f" {word}"
        else:
            joined.append(word)
    return joined


def elements_of(words: Sequence[str]) -> list[str]:
    """Element symbols from words with one or more of them each.

    Parameters
    ----------
    words : sequence of str
        Symbols, separated by spaces or commas.

    Returns
    -------
    list of str
        The symbols.

    Raises
    ------
    ValueError
        A word is no chemical element, or an element is named twice.

    Examples
    --------
    >>> elements_of(["Zr,Cu", "Al"])
    ['Zr', 'Cu', 'Al']
    """
    symbols = [symbol for word in words for symbol in re.split(r"[\s,]+", word.strip()) if symbol]
    wrong = [symbol for symbol in symbols if not _is_element(symbol)]
    if wrong or len(set(symbols)) < len(symbols):
        what = f"{wrong[0]!r} is no chemical element" if wrong else "an element is named twice"
        raise ValueError(f"--elements {' '.join(symbols)}: {what}; name each once, e.g. --elements Zr Cu Al")
    return symbols


def _is_element(word: str) -> bool:
    from getl_utils.core.bonds import parse_composition

    try:
        return word.isalpha() and list(parse_composition(word)) == [word]
    except ValueError:
        return False
