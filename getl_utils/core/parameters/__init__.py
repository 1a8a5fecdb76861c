"""Everything a user may set, in one schema: one model per notebook, units in the descriptions.

A YAML file in ``parameters/`` holds the names of all notebooks; each notebook takes those that are its own.
A file that ``extends`` another says only what differs. Defaults stand here only.
"""

from getl_utils.core.parameters.base import Common, Settings, Window, field
from getl_utils.core.parameters.data import Expansion, Extract, Load, Mix, Reference, Soap, Transform
from getl_utils.core.parameters.extending import extended
from getl_utils.core.parameters.generate import Cells, Espresso, Generate, Pseudopotential
from getl_utils.core.parameters.infer import Infer, Workflow
from getl_utils.core.parameters.lammps import Athermal, Deformations, Isochoric, Loading, Quench, Shear
from getl_utils.core.parameters.learn import Learn
from getl_utils.core.parameters.reading import (
    STAGES,
    check,
    for_stage,
    from_notebook,
    read,
    read_windows,
    require_files,
    workflow,
)
from getl_utils.core.parameters.train import Graph, Hyperparameters, Train

__all__ = [
    "STAGES",
    "Athermal",
    "Cells",
    "Common",
    "Deformations",
    "Espresso",
    "Expansion",
    "Extract",
    "Generate",
    "Graph",
    "Hyperparameters",
    "Infer",
    "Isochoric",
    "Learn",
    "Load",
    "Loading",
    "Mix",
    "Pseudopotential",
    "Quench",
    "Reference",
    "Settings",
    "Shear",
    "Soap",
    "Train",
    "Transform",
    "Window",
    "Workflow",
    "check",
    "extended",
    "field",
    "for_stage",
    "from_notebook",
    "read",
    "read_windows",
    "require_files",
    "workflow",
]
