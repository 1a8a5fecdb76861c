"""Parameters of 05_train: how the model is trained and validated, and the published model beside it."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from getl_utils.core.parameters.base import NAME, Common, Composition, Count, Settings, Unique, field


class Hyperparameters(Settings):
    """Of the published kernel and its noise, for one bond type."""

    zeta: float = field("exponent of the SOAP product", 1.0, gt=0, le=100)
    theta: float = field("Å, length in the bond distance", 0.5, gt=0, le=1e6)
    gamma: float = field("noise: K + σ_y γ I", 0.01, gt=0, le=1e6)


class Linear(Settings):
    """The default model: linear in the surroundings of a bond."""

    kind: Literal["linear"] = field("which model", "linear")


class Published(Settings):
    """The published model, with the values of `published`."""

    kind: Literal["published"] = field("which model")


class Graph(Settings):
    """A graph network over all atoms of a cell; needs `make graph`."""

    kind: Literal["graph"] = field("which model", "graph")
    cutoff: float = field("Å, longest edge", 5.0, gt=2, le=8)
    angle_cutoff: float = field("Å, longest edge that has angles; 0: no angles", 4.0, ge=0, le=6)
    n_radial: int = field("Gaussians of the distance", 32, ge=2, le=128)
    l_max: int = field("largest degree of the harmonics of the angle", 4, ge=0, le=10)
    width: int = field("numbers of an atom and of an edge", 32, ge=4, le=512)
    depth: int = field("steps of messages", 2, ge=0, le=8)
    pooling: Literal["gated", "attention"] = field("how an atom sums over its edges", "gated")
    members: int = field("networks of the ensemble", 5, ge=1, le=50)
    calibration: int = field(
        "further networks that leave out a part of the quenches each; their errors there give σ; 0: σ is "
        "that of the training bonds, which is too small",
        2,
        ge=0,
        le=5,
    )
    epochs: int = field("times that each cell is seen", 40, ge=1, le=100_000)
    rate: float = field("largest step of the optimiser", 3e-3, gt=0, le=1)
    decay: float = field("decay of the weights", 1e-4, ge=0, le=10)


Kind = Annotated[Linear | Published | Graph, Field(discriminator="kind")]

Variant = Annotated[
    dict[
        Literal["cutoff", "n_radial", "l_max"],
        Annotated[int, Field(ge=0, le=30)] | Annotated[float, Field(gt=0, le=15)],
    ],
    Field(min_length=1),
]


Way = Literal["random", "by sub-run", "by atom", "by run", "by composition", "crossed"]


class Train(Common):
    """05_train."""

    database: Annotated[str, StringConstraints(pattern=NAME)] = field("database to learn from", "all")
    model: Kind = field(
        "what is trained: its `kind` (linear, published or graph) and its own values", Linear()
    )
    published: dict[str, Hyperparameters] = field(
        "bond type → values of the published model, which is trained and validated beside ours; `default` "
        "for the types not named; empty: only ours",
        {},
    )
    splits: Annotated[list[Way], Unique] = field("ways to hold bonds back in validation; empty: all", [])
    n_train: Count = field("bonds per type in validation and of the published model, at most", 2000)
    n_test: Count = field("bonds per type, at most", 1000)
    n_seeds: int = field("random splits", 5, ge=1, le=1000)
    crossed: list[Annotated[list[Composition], Field(min_length=2, max_length=2), Unique]] = field(
        "pairs of compositions: trained on one, tested on the other", []
    )
    curve_sizes: Annotated[list[Count], Unique] = field(
        "training bonds of the learning curves; empty: none", []
    )
    studies: Annotated[list[Literal["ablation", "augmentation", "transfer"]], Unique] = field(
        "what else is measured", []
    )
    variants: list[Variant] = field("of the ablation: what differs in the expansion", [])

    def published_of(self, bond_type: str) -> Hyperparameters:
        """The published values of one bond type.

        Parameters
        ----------
        bond_type : str
            E.g. ``Zr-Cu``.

        Returns
        -------
        Hyperparameters
            Those of the type, or the default's.

        Raises
        ------
        ValueError
            Neither is given.
        """
        found = self.published.get(bond_type) or self.published.get("default")
        if found is None:
            raise ValueError(f"no hyperparameters for {bond_type}: add it, or `default`, to `published`")
        return found
