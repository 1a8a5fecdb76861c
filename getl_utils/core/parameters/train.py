"""Parameters of 05_train: the kernel, its hyperparameters, and how the model is trained and validated."""

from __future__ import annotations

import pathlib
from typing import Annotated, Literal

import yaml
from pydantic import AfterValidator, Field, StringConstraints, ValidationError

from getl_utils.core.parameters.base import (
    NAME,
    Common,
    Composition,
    Count,
    Path,
    Settings,
    Unique,
    explain,
    field,
)
from getl_utils.core.record import atomic_write
from getl_utils.core.workdir import resolve

KernelName = Literal["soap_se", "soap_ou", "product_se", "product_ou", "se", "ou"]
MeanName = Literal["none", "constant", "curve"]
KERNEL = "SOAP, sum or product of a bond's ends, × SE or OU of the distance, or the distance alone"
MEAN = "prior mean: zero, a constant, or a curve of the distance"
VALUES = "bond type → values; `default` for the types not named"


class Hyperparameters(Settings):
    """Of one bond type's kernel and noise."""

    zeta: float = field("exponent of the SOAP product", 1.0, gt=0, le=100)
    theta: float = field("Å, length in the bond distance", 0.5, gt=0, le=1e6)
    gamma: float = field("noise: K + σ_y γ I", 0.01, gt=0, le=1e6)
    floor: float = field(
        "added to the SOAP part: what bonds of one length share in any environment", 0.0, ge=0, le=1e12
    )


class Setting(Settings):
    """A model up to its training bonds: kernel, prior mean and hyperparameters."""

    kernel: KernelName = field(KERNEL, "soap_se")
    mean: MeanName = field(MEAN, "none")
    hyperparameters: dict[str, Hyperparameters] = field(VALUES, {})

    def hyperparameters_of(self, bond_type: str) -> Hyperparameters:
        """The values of one bond type.

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
        found = self.hyperparameters.get(bond_type) or self.hyperparameters.get("default")
        if found is None:
            raise ValueError(
                f"no hyperparameters for {bond_type}: add it, or `default`, to `hyperparameters`"
            )
        return found


def write_setting(path: pathlib.Path, setting: Setting) -> None:
    """Write a setting as YAML.

    Parameters
    ----------
    path : Path
        File to write.
    setting : Setting
        What is written.
    """
    with atomic_write(path) as temporary:
        temporary.write_text(yaml.safe_dump(setting.model_dump(), sort_keys=False, allow_unicode=True))


def read_setting(path: str | pathlib.Path) -> Setting:
    """Read a setting.

    Parameters
    ----------
    path : str or Path
        File, relative to the repository.

    Returns
    -------
    Setting
        The setting.

    Raises
    ------
    FileNotFoundError
        No such file.
    ValueError
        It is no setting.
    """
    place = resolve(path)
    if not place.exists():
        raise FileNotFoundError(
            f"{place} is not there: run 05_train with `tune` first, or leave `tuned` empty"
        )
    try:
        return Setting(**yaml.safe_load(place.read_text()))
    except ValidationError as error:
        raise ValueError(f"{place}: not a setting as 05_train writes it: {explain(error, Setting)}") from None
    except (yaml.YAMLError, TypeError) as error:
        raise ValueError(f"{place}: not a setting as 05_train writes it: {error}") from None


def _variant(change: dict[str, float | int]) -> dict[str, float | int]:
    whole = [name for name in ("l_max", "n_max") if change.get(name, 1) != int(change.get(name, 1))]
    if whole:
        raise ValueError(f"{whole[0]} {change[whole[0]]} is not a whole number")
    return change


SoapVariant = Annotated[
    dict[
        Literal["cutoff", "l_max", "n_max", "atom_sigma"],
        Annotated[int, Field(ge=1, le=30)] | Annotated[float, Field(gt=0, le=20)],
    ],
    Field(min_length=1),
    AfterValidator(_variant),
]


class Train(Common):
    """05_train."""

    database: Annotated[str, StringConstraints(pattern=NAME)] = field("database to learn from", "all")
    kernel: KernelName = field(KERNEL, "soap_se")
    mean: MeanName = field(MEAN, "none")
    hyperparameters: Annotated[dict[str, Hyperparameters], Field(min_length=1)] = field(
        VALUES, {"default": Hyperparameters()}
    )
    tune: Literal["no", "likelihood", "groups"] = field(
        "set the hyperparameters by marginal likelihood, or by groups left out; written to model/tuned.yaml",
        "no",
    )
    tuned: Path = field(
        "model/tuned.yaml of an earlier tuning, taken instead of kernel, mean and hyperparameters", ""
    )
    n_tune: Count = field("bonds per type to tune on, at most", 1000)
    compress: int = field("numbers kept of each SOAP vector; 0: all", 0, ge=0, le=100_000)
    published: dict[str, Hyperparameters] = field(
        "values of soap_se without mean, validated beside; empty: none", {}
    )
    n_train: Count = field("bonds per type, at most 80 % of those there are", 2000)
    n_test: Count = field("bonds per type, at most", 1000)
    n_seeds: int = field("random splits", 5, ge=1, le=1000)
    crossed: list[Annotated[list[Composition], Field(min_length=2, max_length=2), Unique]] = field(
        "pairs of compositions: trained on one, tested on the other", []
    )
    curve_sizes: Annotated[list[Count], Unique] = field(
        "training bonds of the learning curves; empty: none", []
    )
    studies: Annotated[list[Literal["ablation", "augmentation", "transfer"]], Unique] = field(
        "what else is measured; minutes", []
    )
    soap_variants: list[SoapVariant] = field(
        "of the ablation: cutoff (Å), l_max, n_max, atom_sigma, what differs", []
    )

    @property
    def setting(self) -> Setting:
        """Kernel, prior mean and hyperparameters: as given, or those of the file `tuned`."""
        if self.tuned:
            return read_setting(self.tuned)
        return Setting(kernel=self.kernel, mean=self.mean, hyperparameters=self.hyperparameters)
