"""What a model is before it has seen a bond: kernel, prior mean, and hyperparameters per bond type; as YAML."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import yaml
from pydantic import Field, PositiveFloat, ValidationError

from getl_utils.layout import atomic_write, resolve
from getl_utils.protocols import _field, _Model

KernelName = Literal["soap_se", "soap_ou", "product_se", "product_ou", "se", "ou"]
MeanName = Literal["none", "constant", "curve"]


class Hyperparameters(_Model):
    """Of one bond type's kernel and noise."""

    zeta: PositiveFloat = _field("exponent of the SOAP product", 1.0)
    theta: PositiveFloat = _field("Å, length in the bond distance", 0.5)
    gamma: PositiveFloat = _field("noise: K + σ_y γ I", 0.01)
    floor: float = Field(0.0, ge=0, description="added to the SOAP part: what bonds of one length share in any environment")


class Setting(_Model):
    """A model up to its training bonds."""

    kernel: KernelName = _field(
        "SOAP, sum or product of a bond's ends, × SE or OU of the distance, or the distance alone", "soap_se"
    )
    mean: MeanName = _field("prior mean: zero, a constant, or a curve of the distance", "none")
    hyperparameters: dict[str, Hyperparameters] = _field("bond type → values; `default` for the types not named", {})

    def hyperparameters_of(self, bond_type: str) -> Hyperparameters:
        """A type's values, or the default's; ValueError if neither is given."""
        found = self.hyperparameters.get(bond_type) or self.hyperparameters.get("default")
        if found is None:
            raise ValueError(f"no hyperparameters for {bond_type}: add it, or `default`, to the parameter `hyperparameters`")
        return found


def write_setting(path: Path, setting: Setting) -> None:
    """Write a setting as YAML."""
    with atomic_write(path) as temporary:
        temporary.write_text(yaml.safe_dump(setting.model_dump(), sort_keys=False, allow_unicode=True))


def read_setting(path: str | Path) -> Setting:
    """Read a setting; relative to the repository.

    Raises
    ------
    FileNotFoundError : no such file. ValueError : it is no setting.
    """
    place = resolve(path)
    if not place.exists():
        raise FileNotFoundError(f"{place} is not there: run 05_train with `tune` first, or leave `tuned` empty")
    try:
        return Setting(**yaml.safe_load(place.read_text()))
    except (yaml.YAMLError, ValidationError, TypeError) as error:
        raise ValueError(f"{place}: not a setting as 05_train writes it: {error}") from None
