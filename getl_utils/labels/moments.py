"""Initial magnetic moments of engines that compute two spins: the setting and its check."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ase.data import atomic_numbers
from pydantic import Field

from getl_utils.labels.engine import EngineSettings

VANISHED = 0.02  # μ_B an atom: less is no moment


class SpinSettings(EngineSettings):
    """Settings of an engine that can be spin-polarised."""

    moments: dict[str, float] | None = Field(
        None, description="element → initial magnetic moment, μ_B; makes the calculation spin-polarised"
    )


def check(moments: Mapping[str, float] | None, elements: Sequence[str]) -> None:
    """Refuse initial moments of nothing.

    Parameters
    ----------
    moments : mapping or None
        Element → initial magnetic moment, μ_B.
    elements : sequence of str
        Elements of the structure.

    Raises
    ------
    ValueError
        A name is no element, or no element of the structure is named.
    """
    if unknown := set(moments or {}) - set(atomic_numbers):
        raise ValueError(f"moments are given for {min(unknown)!r}, which is no element")
    if moments is not None and not set(moments) & set(elements):
        raise ValueError(
            f"moments are given for {', '.join(moments) or 'no element'}, and the structure has "
            f"{', '.join(elements)}; name one of these, or leave moments out"
        )
