"""What a stranger's parameter file may hold: each wrong value is refused when the file is read."""

import math
import unicodedata

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from getl_utils.core import parameters
from getl_utils.core.bonds import parse_composition
from getl_utils.core.parameters import generate, lammps

GOOD = {
    "work_dir": "w",
    "seed": 1,
    "elements": ["Zr", "Cu", "Al"],
    "compositions": ["Zr24Cu24Al2", "Zr22Cu22Al6"],
    "runs": [1],
    "large_compositions": ["Zr920Cu920Al160"],
    "loading": {"max_strain": 0.1},
    "orbitals": {"Zr": ["4d", "5s"]},
    "mixed_databases": {"DB1": {"compositions": ["Zr24Cu24Al2"], "bonds_per_type": 5}},
    "crossed": [["Zr24Cu24Al2", "Zr22Cu22Al6"]],
    "windows": {"Zr-Cu": [2.3, 3.9]},
}


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"engine": "vasp"}, "did you mean 'gpaw'"),
        ({"engine": "gpav"}, "did you mean 'gpaw'"),
        ({"windows": {"Cu-Zr": [2.3, 3.9]}}, "did you mean `Zr-Cu`"),
        ({"windows": {"Zr-Cu": [3.9, 2.3]}}, "first number must be smaller"),
        ({"published": {"Al-Cu": {}}}, "did you mean `Cu-Al`"),
        ({"crossed": [["Zr24Cu24Al2", "Zr24Cu24Al3"]]}, "did you mean `Zr24Cu24Al2`"),
        ({"crossed": [["Zr24Cu24Al2"]]}, "crossed"),
        ({"mixed_databases": {"DB1": {"compositions": ["Zr22Cu22Al7"], "bonds_per_type": 1}}}, "Zr22Cu22Al6"),
        ({"database": "al", "mixed_databases": {"al": GOOD["mixed_databases"]["DB1"]}}, "already"),
        ({"mix_engines": ["xtb", "gpav"]}, "did you mean `gpaw`"),
        ({"label_window": [4, 1]}, "first number must be smaller"),
        ({"elements": ["Zr", "Cu", "Al", "Zr"]}, "'Zr' is there twice"),
        ({"elements": ["Zr", "Cu", "Al", "Xx"]}, "Xx"),
        ({"compositions": ["Zr24Cu24Al2", "Zr24Cu24Al2"]}, "there twice"),
        ({"large_compositions": ["Zr920Cu920Ag160"]}, "Ag, which `elements`"),
        ({"seed": -1}, "greater than or equal to 0"),
        ({"seed": True}, "expected a number"),
        ({"cutoff": math.inf}, "not a finite number"),
        ({"quench": {"melt_time": math.nan}}, "not a finite number"),
        ({"engine_settings": {"accuracy": math.inf}}, "not a finite number"),
        ({"quench": {"final_temperature": 3000.0}}, "a quench cools"),
        ({"quench": {"quench_rate": 1.0}}, "steps; LAMMPS counts to"),
        ({"quench": {"pair_style": "eam/alloy\nshell touch /tmp/x"}}, "control character"),
        ({"quench": {"pair_style": "eam/aloy"}}, "did you mean `eam/alloy`"),
        ({"quench": {"pair_style": "python 5"}}, "no LAMMPS pair style"),
        ({"quench": {"pair_style": "lj/cut $(shell)"}}, "no plain word"),
        ({"quench": {"pair_coeff": "* * {potential} {elements} & shell ls"}}, "no plain word"),
        ({"quench": {"pair_coeff": "* * {potential.x} Zr"}}, "placeholder"),
        ({"quench": {"pair_coeff": "* * {potential!r} Zr"}}, "no plain word"),
        ({"quench": {"potential": 'a" shell "ls'}}, "must not have the character"),
        ({"large_quench": {"pair_style": "eam;shell"}}, "large_quench"),
        ({"loading": {"axis": "x\n"}}, "control character"),
        ({"orbitals": {"Ag": ["5s"]}}, "no element of `elements`"),
        ({"orbitals": {"Zr": ["9s"]}}, "orbitals.Zr"),
        ({"quench": {"masses": {"Ag": 1.0}}}, "quench.masses"),
        ({"espresso": {"settings": {"system": {"a": "x' /\n&cell"}}}}, "control character"),
        ({"espresso": {"settings": {"system": {"a": "x' / "}}}}, "espresso.settings"),
        ({"work_dir": "runs/$(ls)"}, "must not have the character"),
        ({"espresso_command": "pw.x 'open"}, "cannot be split"),
        ({"lobster_command": "lobster\x1b[2J"}, "control character"),
        ({"extends": "../../etc/passwd"}, "there is no"),
        ({"extends": "alloys/zr-cu-all"}, "did you mean `alloys/zr-cu-al`"),
    ],
)
def test_a_wrong_value_is_refused_when_the_file_is_read(change, says, tmp_path):
    file = tmp_path / "p.yaml"
    file.write_text(yaml.safe_dump(merged(GOOD, change), allow_unicode=True))
    with pytest.raises(ValueError, match=says.replace("(", r"\(").replace("$", r"\$")) as refused:
        parameters.read(file)
    assert str(refused.value).startswith(str(file))
    assert "\n" not in str(refused.value)


def merged(values, change):
    """Parameters with one change, at any depth."""
    both = dict(values)
    for name, value in change.items():
        deeper = isinstance(value, dict) and isinstance(both.get(name), dict)
        both[name] = merged(both[name], value) if deeper else value
    return both


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("seed: 1\nseed: 2\n", "`seed` is there twice"),
        ("a: &a [*a]\n", "nested more than|not readable"),
        ("[" * 3000, "not readable as YAML"),
        ("seed: " + "9" * 5000, "not readable as YAML"),
        ("seed: !!python/object/apply:os.system ['ls']\n", "not readable as YAML"),
        ("x: 1\n" * 300_000, "at most"),
        ("- a\n", "expected `name: value`"),
        ("extends: p\n", "leads back"),
    ],
    ids=["twice", "recursive", "deep", "long number", "code", "large", "list", "circle"],
)
def test_a_file_that_is_no_plain_data_is_refused(text, says, tmp_path):
    (tmp_path / "p.yaml").write_text(text)
    with pytest.raises(ValueError, match=says):
        parameters.read(tmp_path / "p.yaml")


def test_an_alias_that_grows_is_refused(tmp_path):
    lines = ["a0: &a0 [1, 1, 1, 1, 1, 1, 1, 1, 1]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 9)]
    (tmp_path / "p.yaml").write_text("\n".join(lines))
    with pytest.raises(ValueError, match="more than 100000 values"):
        parameters.read(tmp_path / "p.yaml")


ABUSIVE = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(min_value=-(10**30), max_value=10**30),
    st.floats(allow_nan=True, allow_infinity=True),
    st.text(max_size=30),
    st.sampled_from(["a\nshell ls", "$(ls)", "`ls`", "../..", "Cu-Zr", "Zr0", "", "\x00", "1e400", "|", "~"]),
    st.lists(st.one_of(st.integers(-5, 5), st.floats(), st.text(max_size=5)), max_size=4),
    st.dictionaries(st.text(max_size=8), st.one_of(st.floats(), st.text(max_size=8)), max_size=3),
)


def places(model, before=()):
    """The path to every parameter of a model, also below others."""
    for name, known in model.model_fields.items():
        yield (*before, name)
        if isinstance(known.annotation, type) and issubclass(known.annotation, BaseModel):
            yield from places(known.annotation, (*before, name))


PLACES = sorted({p for m in (*parameters.STAGES.values(), parameters.Workflow) for p in places(m)})
PLACES += [("large_quench", name) for name in lammps.Quench.model_fields]
PLACES += [("loading", name) for name in lammps.Loading.model_fields]
PLACES += [("windows", "Zr-Cu"), ("orbitals", "Zr"), ("published", "Zr-Zr", "zeta"), ("unknown",)]


@settings(max_examples=500, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.sampled_from(PLACES), ABUSIVE), min_size=1, max_size=3))
def test_500_abusive_files_are_refused_or_valid(tmp_path, changes):
    values = GOOD
    for place, value in changes:
        for name in reversed(place):
            value = {name: value}
        values = merged(values, value)
    file = tmp_path / "p.yaml"
    file.write_text(yaml.safe_dump(values, allow_unicode=True))
    try:
        read, refused = parameters.read(file), ""
    except ValueError as error:
        read, refused = None, str(error)
    assert len(refused) < 3000
    assert not any(unicodedata.category(c) == "Cc" for c in refused)
    if read:
        assert_valid(read)


def assert_valid(values):
    """What every stage relies on."""
    p = {name: parameters.for_stage(name, values) for name in parameters.STAGES}
    for leaf in leaves({name: one.model_dump() for name, one in p.items()}):
        assert not isinstance(leaf, float) or math.isfinite(leaf)
        assert not isinstance(leaf, str) or not any(unicodedata.category(c) == "Cc" for c in leaf)
    made, infer = p["01_generate"], p["06_inference"]
    assert made.seed >= 0
    assert made.engine in (*generate.ENGINES, "none")
    assert set(infer.windows) <= set(infer.bond_types)
    assert all(low < high for low, high in [made.label_window, *infer.windows.values()])
    for name in [*made.compositions, *made.large_compositions]:
        assert set(parse_composition(name)) <= set(made.elements)
    for protocol in (made.quench, made.large_protocol):
        assert protocol.pair_style.split()[0] in lammps.PAIR_STYLES
        protocol.pair_coeff.format(potential="p", elements="Zr")


def leaves(values):
    if isinstance(values, dict):
        for name, value in values.items():
            yield name
            yield from leaves(value)
    elif isinstance(values, list | tuple):
        for value in values:
            yield from leaves(value)
    else:
        yield values
