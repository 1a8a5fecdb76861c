"""Names of structures: never two alike in one call, and the same after a restart."""

from pathlib import Path

import pytest

from getl_utils.core.record import safe_path
from getl_utils.files.names import structure_names


def test_names_differ_and_do_not_depend_on_the_order(tmp_path):
    names = [
        *("p1/glass.xyz", "p2/glass.xyz", "q/p1/glass.xyz", "p1/glass.data", "one.xyz", "Zr46.5Cu.xyz"),
        *(
            "Zr46.0Cu.xyz",
            "dump.1000",
            "dump.2000",
            "dump.2000.gz",
            "Glass2.xyz",
            "glass2.xyz",
            "a b.xyz",
            "a_b.xyz",
        ),
        *("quench/Zr2Cu2/1/final.dump", "runs/quench/Zr2Cu2/1/final.dump", "quench/Zr2Cu2/2/final.dump"),
    ]
    paths = [tmp_path / name for name in names]
    found = structure_names(paths)
    assert len({name.casefold() for name in found}) == len(names)
    assert all(safe_path(name) == name for name in found)
    assert dict(zip(paths[::-1], structure_names(paths[::-1]), strict=True)) == dict(
        zip(paths, found, strict=True)
    )
    assert found[4:9] == ["one", "Zr46.5Cu", "Zr46.0Cu", "dump.1000", found[8]]
    assert found[-1] == "Zr2Cu2-2"


def test_a_file_that_is_named_twice_has_one_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert structure_names([tmp_path / "a.xyz", tmp_path / "x" / ".." / "a.xyz"]) == ["a", "a"]


def test_very_long_names_still_differ(tmp_path):
    paths = [tmp_path / n / ("x" * 240 + ".xyz") for n in "ab"]
    one, two = structure_names(paths)
    assert one != two
    assert safe_path(one)
    assert safe_path(two)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("dump.atom", "dump"),
        ("a.dump.gz", "a"),
        ("glass.100000", "glass.100000"),
        ("Zr46.5Cu.xyz", "Zr46.5Cu"),
    ],
)
def test_only_the_ending_of_a_name_goes(name, expected):
    assert structure_names([Path(name)]) == [expected]
