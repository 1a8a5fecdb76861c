"""Parameters: one schema, the notebooks' cells and the YAML files agree with it, and what is wrong is
refused."""

import nbformat
import papermill
import pytest
from conftest import REPOSITORY

from getl_utils.core import parameters

NOTEBOOKS = sorted((REPOSITORY / "notebooks").glob("*.ipynb"))
FILES = sorted((REPOSITORY / "parameters").glob("*.yaml"))
VALID = {"work_dir": "w", "elements": ["Zr", "Cu"], "seed": 1, "compositions": ["Zr5Cu5"], "runs": [1]}
POTENTIAL = {"quench": {"potential": "Cu_u3.eam"}}


def in_cell(notebook):
    return set(papermill.inspect_notebook(str(notebook)))


def test_there_are_six_notebooks_and_each_has_its_schema():
    assert [n.stem for n in NOTEBOOKS] == list(parameters.STAGES)


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda n: n.stem)
def test_one_parameters_cell_with_exactly_the_names_of_the_schema(notebook):
    cells = nbformat.read(notebook, as_version=4).cells
    assert sum("parameters" in c.metadata.get("tags", []) for c in cells) == 1
    assert in_cell(notebook) == set(parameters.STAGES[notebook.stem].model_fields)


@pytest.mark.parametrize("file", FILES, ids=lambda f: f.name)
def test_every_name_in_a_parameter_file_exists_in_a_notebook_or_is_the_workflows(file):
    known = set(parameters.Workflow.model_fields).union(*map(in_cell, NOTEBOOKS))
    assert set(parameters.read(file)) <= known


def test_the_three_profiles_are_there():
    assert {"quick.yaml", "reference.yaml", "paper.yaml"} <= {f.name for f in FILES}


def test_every_field_has_a_meaning():
    models = [
        *parameters.STAGES.values(),
        parameters.Workflow,
        parameters.Quench,
        parameters.Loading,
        parameters.Soap,
        parameters.Deformations,
        parameters.Espresso,
    ]
    assert [
        (m.__name__, n)
        for m in models
        for n, f in m.model_fields.items()
        if not f.description and n not in NESTED
    ] == []


NESTED = {"quench", "deformations", "espresso", "expansion"}  # their own fields say it


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"n_trian": 5}, "did you mean `n_train`"),
        ({"sede": 5}, "did you mean `seed`"),
        ({"seed": "one"}, "every random number"),
        ({"runs": [1.5]}, "`runs.0`"),
        ({"sub_runs": [15]}, "`sub_runs.0`"),
        ({"cutoff": -1}, "greater than 0"),
        ({"compositions": ["Zr5Al5"]}, "Al, which `elements`"),
        ({"compositions": ["Zr5cu5"]}, "not of the form"),
        ({"quench": {"quench_rat": 1}}, "quench_rat"),
        ({"large_quench": {"quench_rate": -1}}, "quench_rate"),
        ({"loading": {"strain_rat": 1e9}}, "strain_rat"),
        ({"loading": {"max_strain": 1.0}}, "leaves nothing of the glass"),
        ({"loading": {"strain_rate": 1e12}}, "leaves no second frame"),
    ],
)
def test_what_is_wrong_is_refused_and_named(change, says):
    with pytest.raises(ValueError, match=says):
        parameters.for_stage("01_generate", VALID | change)


def test_yaml_that_turns_names_into_numbers_is_refused(tmp_path):
    """Unquoted `No` is False and 021 is 17 in YAML: neither may pass as a composition or be taken
    silently."""
    (tmp_path / "p.yaml").write_text(
        "work_dir: w\nseed: 1\nelements: [No, Ni]\ncompositions: [Ni5]\nruns: [1]\n"
    )
    with pytest.raises(ValueError, match=r"`elements.0`"):
        parameters.read(tmp_path / "p.yaml")


def test_a_file_that_is_not_yaml_is_named(tmp_path):
    (tmp_path / "p.yaml").write_text("a: [1")
    with pytest.raises(ValueError, match="not readable as YAML"):
        parameters.read(tmp_path / "p.yaml")


def test_a_notebook_run_again_in_the_same_kernel_has_no_new_parameters():
    """Run All twice: what a later cell called `engines` is no misspelt `engine`; what is misspelt in the cell
    still is."""
    kernel = dict(VALID)
    assert parameters.from_notebook("01_generate", kernel).seed == 1
    kernel |= {"engines": 1, "seed": 2}
    assert parameters.from_notebook("01_generate", kernel).seed == 2
    kernel |= {"sede": 3, "__annotations__": {"sede": int}}
    with pytest.raises(ValueError, match="sede"):
        parameters.from_notebook("01_generate", kernel)
    with pytest.raises(ValueError, match="engines"):
        parameters.from_notebook("01_generate", VALID | {"engines": 1})


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (
            {"quench": {"potential": "Cu_u3.eam.x"}},
            r"`quench.potential`: potential Cu_u3.eam.x.*mean Cu_u3.eam\?",
        ),
        ({"quench": {"potential": "qqqq"}}, r"`quench.potential`: potential qqqq: no file .*; give its path"),
        (POTENTIAL | {"large_quench": {"potential": "qqqq"}}, "`large_quench.potential`"),
        (POTENTIAL | {"structures": ["absent.dump"]}, "`structures`"),
        ({"reference_roots": ["absent"]}, "`reference_roots`: .* is not there"),
    ],
)
def test_a_file_that_is_not_there_is_named_with_its_parameter(change, says):
    with pytest.raises(FileNotFoundError, match=says):
        parameters.require_files(VALID | change)
