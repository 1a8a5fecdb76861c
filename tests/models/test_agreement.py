"""Two bond lists against each other, and the commands that make and compare them."""

import json

import numpy as np
import pandas as pd
import pytest
from ase.build import bulk

from getl_utils import cli
from getl_utils.core.neighbours import neighbour_table
from getl_utils.files import lobster
from getl_utils.labels import engine as engines
from getl_utils.models import agreement as comparison
from getl_utils.views import agreement as agreement_figures


@pytest.fixture
def atoms():
    atoms = bulk("CuZr", "cesiumchloride", a=3.26) * (2, 2, 2)
    atoms.rattle(0.05, seed=1)
    return atoms


def write(path, atoms, scale=1.0, shift=0.0, **changes):
    table = neighbour_table(atoms, 3.4).assign(**changes)
    lobster.write_icohplist(
        path, table.assign(icohp=-scale * np.exp(-table.distance) * 10 + shift), atoms.get_chemical_symbols()
    )
    return path


def test_a_linear_map_is_found_per_type(tmp_path, atoms):
    ours, theirs = write(tmp_path / "a", atoms), write(tmp_path / "b", atoms, 1.5, -0.1)
    table = agreement_figures.validate(ours, theirs, tmp_path / "out").set_index("type")
    assert list(table.index) == ["Zr-Zr", "Cu-Cu", "Zr-Cu", "all"]
    assert table.n["all"] == len(neighbour_table(atoms, 3.4)) == table.n[:-1].sum()
    np.testing.assert_allclose(table.slope, 1.5, atol=1e-3)
    np.testing.assert_allclose(table.intercept, -0.1, atol=1e-3)
    np.testing.assert_allclose(table.rmse_after_map, 0, atol=1e-4)
    assert table.rmse["all"] > 0.1
    assert {p.name for p in (tmp_path / "out").iterdir()} == {
        "bonds.png",
        "bonds.svg",
        "bonds.csv",
        "validation.csv",
    }
    assert len(pd.read_csv(tmp_path / "out" / "bonds.csv")) == table.n["all"]


def test_order_and_direction_do_not_matter(tmp_path, atoms):
    ours = write(tmp_path / "a", atoms)
    lines = ours.read_text().splitlines()
    turned = []
    for line in lines[:0:-1]:
        number, a, b, distance, x, y, z, value = line.split()
        turned.append(f"{number} {b} {a} {distance} {-int(x)} {-int(y)} {-int(z)} {value}")
    (tmp_path / "b").write_text("\n".join([lines[0], *turned]))
    for structure in (None, atoms):
        table = comparison.match(comparison.read(ours, structure), comparison.read(tmp_path / "b", structure))
        assert len(table) == len(lines) - 1
        np.testing.assert_array_equal(table.ours, table.theirs)


def test_the_structure_tells_translations_of_opposite_sign(tmp_path, atoms):
    ours = write(tmp_path / "a", atoms)
    table = neighbour_table(atoms, 3.4)
    theirs = write(tmp_path / "b", atoms, **{c: -table[c] for c in ("tx", "ty", "tz")})
    found = comparison.match(comparison.read(ours, atoms), comparison.read(theirs, atoms))
    assert len(found) == len(table)
    np.testing.assert_array_equal(found.ours, found.theirs)


def test_labels_of_another_structure_are_refused(tmp_path, atoms):
    ours = write(tmp_path / "a", atoms)
    other = atoms.copy()
    other.rattle(0.05, seed=2)
    with pytest.raises(ValueError, match="not labels of one structure"):
        agreement_figures.validate(ours, write(tmp_path / "b", other))
    theirs = write(tmp_path / "c", atoms, tz=neighbour_table(atoms, 3.4).tz + 7)
    with pytest.raises(ValueError, match="in both files"):
        agreement_figures.validate(ours, theirs)


def test_few_bonds_have_no_slope():
    assert np.isnan(comparison.agreement([-1, -2], [-1, -2])["slope"])
    assert comparison.agreement([-1, -2], [-1, -2.5])["rmse"] == pytest.approx(0.5 / 2**0.5)


def test_the_command_prints_the_table(tmp_path, atoms, capsys):
    ours = str(write(tmp_path / "a", atoms))
    assert cli.main(["compare-labels", ours, ours]) == 0
    assert "Zr-Cu" in capsys.readouterr().out
    assert cli.main(["compare-labels", ours, str(tmp_path / "none")]) == 1


class Standin:
    """A stand-in for an engine: −ICOHP is exp(−d)."""

    name, preview, fails = "standin", True, None

    def missing(self):
        return None

    def label(self, atoms, *, orbitals, minimum_distance, cutoff, **settings):
        if self.fails:
            raise self.fails
        table = neighbour_table(atoms, cutoff, minimum_distance)
        return engines.Label(
            table.assign(icohp=-np.exp(-table.distance)), {"warnings": ["beware"], "settings": settings}
        )


@pytest.fixture
def standin(monkeypatch):
    engine = Standin()
    monkeypatch.setattr(engines, "get", lambda name: engine)
    return engine


def call(tmp_path, atoms, *more):
    atoms.write(tmp_path / "cell.cif")
    (tmp_path / "orbitals.yaml").write_text("{Cu: [4s], Zr: [5s]}")
    words = [
        "label",
        str(tmp_path / "cell.cif"),
        "--engine",
        "standin",
        "--out",
        str(tmp_path / "out"),
        *more,
    ]
    return cli.main([*words, "--orbitals", str(tmp_path / "orbitals.yaml")])


def test_a_file_of_any_format_is_labelled(tmp_path, atoms, standin, capsys):
    assert call(tmp_path, atoms, "--set", "grid_spacing=0.3") == 0
    assert "warning: beware" in capsys.readouterr().out
    record = json.loads((tmp_path / "out" / "label.json").read_text())
    assert record["status"] == "DONE"
    assert record["used_settings"] == {"grid_spacing": 0.3}
    bonds = pd.read_parquet(tmp_path / "out" / "bonds.parquet")
    assert (
        len(bonds) == len(lobster.read_icohplist(tmp_path / "out" / "ICOHPLIST.lobster")) == record["n_bonds"]
    )


def test_a_failure_is_a_status(tmp_path, atoms, standin):
    standin.fails = engines.LabelError("SCF_NOT_CONVERGED", "no luck")
    assert call(tmp_path, atoms) == 1
    record = json.loads((tmp_path / "out" / "label.json").read_text())
    assert (record["status"], record["reason"]) == ("SCF_NOT_CONVERGED", "no luck")


def test_a_file_that_is_no_structure_is_one_line(tmp_path, standin, capsys):
    (tmp_path / "x.cif").write_text("nothing")
    words = ["label", str(tmp_path / "x.cif"), "--engine", "standin", "--out", str(tmp_path / "out")]
    assert cli.main(words) == 1
    assert capsys.readouterr().err.startswith("getl: ")
