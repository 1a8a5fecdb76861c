"""Which shells a label needs, and what is said where one is lacking."""

import pytest

from getl_utils.core import parameters
from getl_utils.core.workdir import resolve
from getl_utils.labels import shells


@pytest.mark.parametrize(
    ("element", "expected"),
    [
        ("H", "1s"),
        ("C", "2s 2p"),
        ("Al", "3s 3p"),
        ("Cu", "3s 3p 3d 4s"),
        ("Zr", "4s 4p 4d 5s"),
        ("Pt", "5s 5p 5d 6s"),
        ("Eu", "4f 5s 5p 6s"),
    ],
)
def test_the_table_has_valence_and_semicore(element, expected):
    assert shells.recommended()[element] == expected.split()


@pytest.mark.parametrize("name", ["quick", "workstation", "paper"])
def test_the_shipped_parameters_lack_nothing(name):
    file = resolve(f"parameters/{name}.yaml")
    p = parameters.for_stage("01_generate", parameters.read(file), str(file))
    assert p.orbitals
    assert shells.lacking(p.orbitals) == {}


def test_what_is_lacking_is_refused_with_its_names():
    few = {"Cu": ["3d", "4s"], "Zr": ["4d", "5s"], "Al": ["3s", "3p"]}
    with pytest.raises(ValueError, match="the orbitals lack 3s 3p of Cu, 4s 4p of Zr, without which"):
        shells.check(few, shells.recommended())
    assert shells.advice(few) == "add 3s 3p of Cu, 4s 4p of Zr to `orbitals`"


def test_a_shell_that_the_data_set_does_not_hold_need_not_be_asked_for():
    few = {"Cu": ["3d", "4s"]}
    shells.check(few, {"Cu": ["3d", "4s", "4p"]})
    with pytest.raises(ValueError, match="lack 3p of Cu"):
        shells.check(few, {"Cu": ["3p", "3d", "4s"]})


def test_more_than_the_table_asks_for_is_fine_and_an_unknown_element_too():
    much = {"C": ["1s", "2s", "2p"], "Fm": ["7s"]}
    shells.check(much, much)
    assert "all recommended shells" in shells.advice({"C": ["2s", "2p"]})
