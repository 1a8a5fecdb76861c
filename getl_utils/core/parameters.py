"""Everything a user may set: one model per notebook, units in the descriptions, unknown names refused.

A YAML file in ``parameters/`` holds the names of all notebooks; each notebook takes those that are its own.
"""

from __future__ import annotations

import difflib
import types
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import (
    BaseModel,
    Field,
    PositiveFloat,
    PositiveInt,
    TypeAdapter,
    ValidationError,
    model_validator,
)

from getl_utils.core.bonds import bond_types, parse_composition
from getl_utils.core.settings import (
    Deformations,
    Hyperparameters,
    Loading,
    Quench,
    Setting,
    Settings,
    Soap,
    field,
    read_setting,
)

NAME = r"^[A-Za-z0-9_][A-Za-z0-9_.+-]*$"  # of a folder: nothing that leads out of it (see `layout.safe_path`)
Window = Annotated[list[PositiveFloat], Field(min_length=2, max_length=2)]


class Pseudopotential(Settings):
    mass: PositiveFloat = field("u")
    pseudopotential: str = field("file name in pseudo_dir")


class Espresso(Settings):
    """The pw.x input of a sub-run."""

    pseudopotentials: dict[str, Pseudopotential] = field("element → mass and file", {})
    pseudo_dir: str = field("folder of the pseudopotentials where pw.x runs", "pseudopotentials")
    settings: dict[Literal["control", "system", "electrons"], dict[str, Any]] = field("namelists, Ry", {})
    basis_size: dict[str, PositiveInt] = field("element → number of local orbitals", {})
    band_factor: PositiveFloat = field("bands per local orbital", 1.1)
    k_points: list[int] = field("mesh and shifts", [2, 2, 2, 1, 1, 1])


class Common(Settings):
    """What every notebook knows."""

    work_dir: str = field("results; relative to the repository")
    elements: list[str] = field("in the order of the LAMMPS types and of the bond types' names")
    seed: int = field("every random number derives from it")

    @model_validator(mode="after")
    def _compositions_are_of_elements(self) -> Common:
        for name in getattr(self, "compositions", []):
            foreign = set(parse_composition(name)) - set(self.elements)
            if foreign:
                raise ValueError(
                    f"composition {name} has {', '.join(sorted(foreign))}, which `elements` {self.elements} has not"
                )
        return self

    @property
    def bond_types(self) -> list[str]:
        return bond_types(self.elements)


class Cells(Common):
    """Which cells there are."""

    compositions: list[str] = field("nominal compositions; the numbers are atoms")
    runs: list[int] = field("independent melt–quenches of each composition")
    sub_runs: list[Annotated[int, Field(ge=0, le=14)]] = field("deformed copies of each run", list(range(15)))
    cutoff: PositiveFloat = field("Å: an atom's neighbours, for clusters and SOAP", 3.75)


class Reference(BaseModel):
    """Notebooks that may read the published data."""

    reference_roots: list[str] = field(
        "published trees or data sets to read, relative to the repository; empty: our own results", []
    )


class Generate(Cells, Reference):
    """01_generate."""

    processes: PositiveInt = field("labels computed at once", 1)
    quench: Quench = Quench()
    large_compositions: list[str] = field("glasses for 06_inference", [])
    large_quench: dict[str, Any] = field("what differs from `quench` for them", {})
    loading: dict[str, Any] = field("of each large glass, as `Loading`; empty: none", {})
    deformations: Deformations = Deformations()
    engine: str = field("label engine; none: only write the inputs of pw.x and LOBSTER", "xtb")
    engine_settings: dict[str, Any] = field("passed to the engine", {})
    label_window: Window = field("Å: bonds that are labelled", [1.8, 4.2])
    orbitals: dict[str, list[str]] = field("element → shells of the local basis", {})
    espresso: Espresso = Espresso()
    lobster_energies: list[float] = field("eV, range of the COHP", [-100.0, 40.0])

    @property
    def large_protocol(self) -> Quench:
        """`quench` with what `large_quench` changes."""
        return Quench(**{**self.quench.model_dump(), **self.large_quench})

    @property
    def loading_protocol(self) -> Loading | None:
        return Loading(**self.loading) if self.loading else None

    @model_validator(mode="after")
    def _dictionaries_are_what_they_stand_for(self) -> Generate:
        _ = self.large_protocol, self.loading_protocol
        return self


class Extract(Cells, Reference):
    """02_extract."""


class Transform(Cells):
    """03_transform."""

    soap: Soap = Soap()


class Mix(Settings):
    compositions: list[str]
    bonds_per_type: PositiveInt = field("drawn without replacement from each composition")


class Load(Common, Reference):
    """04_load."""

    bonds: Literal["labelled", "kept"] = field(
        "every labelled bond, or those of kept clusters (the published rule)", "labelled"
    )
    database: Annotated[str, Field(pattern=NAME)] = field("name of the database of all kept bonds", "all")
    mixed_databases: dict[Annotated[str, Field(pattern=NAME)], Mix] = field(
        "name → what is drawn from the database", {}
    )
    mix_engines: list[str] = field(
        "engines whose labels may stand in one database; empty: one engine's only", []
    )
    import_folders: list[str] = field(
        "folders with .bnd files below reference_roots, shown beside our own bonds", []
    )


class Train(Common, Setting):
    """05_train."""

    database: str = field("database to learn from", "all")
    hyperparameters: dict[str, Hyperparameters] = field(
        "bond type → values; `default` for the types not named"
    )
    tune: Literal["no", "likelihood", "groups"] = field(
        "set the hyperparameters by marginal likelihood, or by groups left out; written to model/tuned.yaml",
        "no",
    )
    tuned: str = field(
        "model/tuned.yaml of an earlier tuning, taken instead of kernel, mean and hyperparameters", ""
    )
    n_tune: PositiveInt = field("bonds per type to tune on, at most", 1000)
    compress: int = Field(0, ge=0, description="numbers kept of each SOAP vector; 0: all")
    published: dict[str, Hyperparameters] = field(
        "values of soap_se without mean, validated beside; empty: none", {}
    )
    n_train: PositiveInt = field("bonds per type, at most 80 % of those there are", 2000)
    n_test: PositiveInt = field("bonds per type, at most", 1000)
    n_seeds: PositiveInt = field("random splits", 5)
    crossed: list[list[str]] = field("pairs of compositions: trained on one, tested on the other", [])
    curve_sizes: list[PositiveInt] = field("training bonds of the learning curves; empty: none", [])
    studies: list[Literal["ablation", "augmentation", "transfer"]] = field(
        "what else is measured; minutes", []
    )
    soap_variants: list[dict[str, float | int]] = field(
        "of the ablation: cutoff (Å), l_max, n_max, atom_sigma, what differs", []
    )

    @property
    def setting(self) -> Setting:
        """Kernel, prior mean and hyperparameters: as given, or those of the file `tuned`."""
        if self.tuned:
            return read_setting(self.tuned)
        return Setting(kernel=self.kernel, mean=self.mean, hyperparameters=self.hyperparameters)

    def hyperparameters_of(self, bond_type: str) -> Hyperparameters:
        """See `Setting`."""
        return self.setting.hyperparameters_of(bond_type)


class Infer(Common, Reference):
    """06_inference."""

    model: str = field("folder of the model; empty: the one of 05_train", "")
    structures: list[str] = field(
        "dump, data or xyz files, also below reference_roots; empty: the loadings, else the large glasses", []
    )
    frames: Literal["last", "all"] = field("of a trajectory", "all")
    analysed_frames: int = Field(
        21, ge=2, description="frames of a loading compared with each other, at most; evenly spaced"
    )
    hysteresis: float = Field(
        0.1, ge=0, description="bonds within window and window·(1 + hysteresis) neither break nor form"
    )
    windows: dict[str, Window] = field("bond type → Å; types not named: the range of the training bonds", {})
    lobster_files: bool = field("also write LOBSTER's columns", True)
    sigma: bool = field(
        "also the predictive σ of each bond, and whether it is outside what the model has seen", False
    )
    processes: PositiveInt = field("processes that compute environments at once", 1)
    release_checks: list[str] = field("files with your own checks that a model must pass", [])
    allowed_failures: list[str] = field(
        "checks that the model may fail, by name; unchecked: it may be unchecked", []
    )
    compared_model: str = field(
        "folder of a second model, compared with the first; empty: the distance alone", ""
    )


class Workflow(Settings):
    """What no notebook needs: how the workflow runs the programs of others and keeps its records."""

    tracking_uri: str = field("of MLflow; empty: SQLite beside work_dir", "")
    espresso_command: str = field(
        "pw.x as it is started, reading its input from standard input; empty: not run here", ""
    )
    lobster_command: str = field("LOBSTER as it is started; empty: not run here", "")


STAGES: dict[str, type[Common]] = {
    "01_generate": Generate,
    "02_extract": Extract,
    "03_transform": Transform,
    "04_load": Load,
    "05_train": Train,
    "06_inference": Infer,
}


def _refuse_unknown(names: set[str], where: str) -> None:
    known = sorted({name for model in (*STAGES.values(), Workflow) for name in model.model_fields})
    for name in sorted(names - set(known)):
        nearest = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
        hint = f"; did you mean `{nearest[0]}`?" if nearest else ""
        raise ValueError(f"{where}: unknown parameter `{name}`{hint}")


def for_stage(stage: str, values: Mapping[str, Any], where: str = "parameters") -> Any:
    """The checked parameters of one notebook, from a mapping that may hold those of all.

    Raises
    ------
    ValueError : a name that no notebook knows (with the nearest that one does), or a value of the wrong type
    or range.

    Examples
    --------
    >>> for_stage("05_train", {"work_dir": "w", "elements": ["Ni"], "seed": 1, "n_trian": 10})
    Traceback (most recent call last):
    ...
    ValueError: parameters: unknown parameter `n_trian`; did you mean `n_train`?
    """
    if stage not in STAGES:
        raise ValueError(f"unknown stage {stage!r}; the stages are {', '.join(STAGES)}")
    _refuse_unknown(set(values), where)
    model = STAGES[stage]
    try:
        return model(**{name: value for name, value in values.items() if name in model.model_fields})
    except ValidationError as error:
        raise ValueError(
            f"{where}, {stage}: " + "; ".join(_explain(e, model) for e in error.errors())
        ) from None


def _explain(error: Any, model: type[BaseModel]) -> str:
    place = ".".join(str(part) for part in error["loc"])
    known = model.model_fields.get(str(error["loc"][0])) if error["loc"] else None
    meaning = f" ({known.description})" if known is not None and known.description else ""
    given = "" if error["type"] in ("missing", "value_error") else f", given {error['input']!r}"
    return f"`{place}`{meaning}: {error['msg']}{given}"


def read(path: str | Path) -> dict[str, Any]:
    """Read a YAML file of parameters; every notebook's part is checked before anything runs.

    Raises
    ------
    ValueError : not YAML, an unknown name, or an ill-typed value; FileNotFoundError : no such file.
    """
    try:
        values = yaml.safe_load(Path(path).read_text())
    except yaml.YAMLError as error:
        raise ValueError(f"{path}: not readable as YAML: {error}") from None
    if not isinstance(values, dict):
        raise ValueError(f"{path}: expected `name: value` lines")
    for stage in STAGES:
        for_stage(stage, values, str(path))
    return values


def workflow(values: Mapping[str, Any], where: str = "parameters") -> Workflow:
    """The part of the parameters that no notebook needs; raises as `for_stage`."""
    try:
        return Workflow(**{name: value for name, value in values.items() if name in Workflow.model_fields})
    except ValidationError as error:
        raise ValueError(f"{where}: " + "; ".join(_explain(e, Workflow) for e in error.errors())) from None


def read_windows(path: str | Path) -> dict[str, Window]:
    """Bond type → window (Å) from a YAML file that holds nothing else, or has them under `windows` among
    other parameters.

    Raises
    ------
    ValueError : not such a file.
    """
    try:
        values = yaml.safe_load(Path(path).read_text())
        values = values.get("windows", values) if isinstance(values, dict) else values
        return TypeAdapter(dict[str, Window]).validate_python(values)
    except (yaml.YAMLError, ValidationError):
        raise ValueError(f"{path}: expected lines like `Zr-Cu: [2.3, 3.9]`, in Å") from None


def from_notebook(stage: str, namespace: dict[str, Any]) -> Any:
    """The checked parameters among a notebook's variables (its `globals()`), taken right after the parameters
    cell.

    Run again in the same kernel, the variables that later cells have made since are not taken for misspelt
    parameters.
    """
    first = namespace.setdefault("_there_at_first", frozenset(namespace))
    names = (first | set(namespace.get("__annotations__", ()))) - {"In", "Out"}
    ours = {name: namespace[name] for name in names & set(namespace) if not name.startswith("_")}
    values = {
        name: value
        for name, value in ours.items()
        if not callable(value) and not isinstance(value, types.ModuleType)
    }
    return for_stage(stage, values, "this notebook")
