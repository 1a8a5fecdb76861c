"""Parameters of learning cell by cell: how many cells, until which error, and how they are chosen."""

from __future__ import annotations

from typing import Literal

from getl_utils.core.parameters.base import Count, Settings, field


class Learn(Settings):
    """Label the cells that teach most, of all cells that `compositions`, `runs` and `sub_runs` name."""

    cells: Count = field("labelled at most; a label that failed counts")
    target: float = field(
        "eV; it stops when no bond type of the last new cells was predicted with a larger RMSE before they "
        "were learned; 0: label all `cells`",
        0.0,
        ge=0,
        le=100,
    )
    fewest: Count = field("cells labelled before it may stop", 3)
    choose: Literal["variance", "sigma", "random"] = field(
        "the cell that makes the mean variance of the pool fall most, that with the largest mean σ, or any",
        "variance",
    )
    per_quench: Count = field("cells of one quench at most: copies of a quench share its structure", 1000)
