"""The views, driven as a reader drives them: a control is moved, and the picture and the text must follow."""

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from conftest import REPOSITORY
from ipywidgets import Widget
from small import ELEMENTS, LIMITS, crystal

from getl_utils.core import cells, parameters
from getl_utils.core.bonds import bond_types, type_of
from getl_utils.core.workdir import WorkDir
from getl_utils.etl import database
from getl_utils.inference import predictor
from getl_utils.models import model, validation
from getl_utils.models.spectra import model as spectra
from getl_utils.views import explore, structure
from getl_utils.views.explore import atoms3d
from getl_utils.views.explore.structures import slice_of
from getl_utils.views.explore.training import Stars

TYPES = bond_types(ELEMENTS)
STRAIN = [0.0, -0.05, -0.1]


@pytest.fixture(autouse=True)
def closed():
    yield
    Widget.close_all()


@pytest.fixture(scope="module")
def glasses(small_original):
    trained = model.load(small_original[0].model)
    limits = predictor.windows(trained, LIMITS)
    frames = [crystal(seed) for seed in (11, 12, 13)]
    return [(atoms, predictor.predict(trained, atoms, limits)) for atoms in frames]


@pytest.fixture(scope="module")
def trained(small_original):
    work, values = small_original
    stored = database.read(work.database("all"))
    p = parameters.for_stage("05_train", values)
    return work, stored, p, validation.validate(stored, p, only=["random"])


def bonds_of(work):
    table = pd.read_parquet(work.bonds)
    return table.assign(type=type_of(table.element_i, table.element_j, ELEMENTS))


def moved(view, **values):
    """Set controls; whether the picture and the text changed."""
    before = view.picture.value, view.facts.value
    for name, value in values.items():
        view.controls[name].value = value
    return view.picture.value != before[0], view.facts.value != before[1]


def space(view):
    return next(w for w in view.children[1].children if isinstance(w, atoms3d.Structures | atoms3d.Map))


def png(data):
    return bytes(data).startswith(b"\x89PNG")


def test_a_glass_follows_strain_and_strength(glasses):
    view = explore.glass(iter(glasses), STRAIN, ELEMENTS, "a note")
    assert "getl-glass" in view._dom_classes
    assert png(view.picture.value)
    all_ = int(view.facts.value.split()[0])
    assert moved(view, frame=2)[0]
    assert space(view).selected_ids["structure"] == 2
    assert moved(view, least=4) == (True, True)
    assert int(view.facts.value.split()[0]) < all_
    assert space(view).settings == {"structure": [{"shape": "atoms,4"}]}
    space(view).selected_ids = {"structure": 1, "atom": 0}  # as the 3-D widget's own slider does
    assert view.controls["frame"].value == 1
    assert [label for label, _ in view.controls["frame"].options] == [
        "0.0% (frame 1)",
        "5.0% (frame 2)",
        "10.0% (frame 3)",
    ]


def test_a_glass_in_3d_has_every_bond_once_and_in_its_colour(glasses):
    view = explore.glass(iter(glasses), STRAIN, ELEMENTS)
    atoms, bonds = glasses[0]
    inside = slice_of(atoms, bonds)
    assert np.isin(
        np.flatnonzero(inside), np.flatnonzero(np.abs(atoms.get_positions(wrap=True)[:, 2] - 4.5) < 3)
    ).all()
    lines = structure.segments(atoms, bonds, inside)
    sizes = np.linalg.norm(
        lines[["x2", "y2", "z2"]].to_numpy() - lines[["x1", "y1", "z1"]].to_numpy(), axis=1
    )
    drawn = atoms3d.halves(lines, atoms.get_positions(wrap=True))
    whole = np.linalg.norm(drawn.end - drawn.start, axis=1)
    assert whole.sum() == pytest.approx(sizes.sum())  # halves add up to wholes
    assert int(view.facts.value.split()[0]) == len(lines)
    sticks = atoms3d.sticks(drawn, drawn.strength.max())
    strongest, weakest = np.argmax(drawn.strength), np.argmin(drawn.strength)
    assert sticks["radii"][strongest] > sticks["radii"][weakest]
    green = [sticks["colors"][n] >> 8 & 255 for n in (strongest, weakest)]
    assert green[0] < green[1]  # dark where strong
    assert min(sticks["colors"]) > 0  # chemiscope draws colour 0 white


def test_of_a_large_glass_a_part_is_shown(glasses):
    atoms, bonds = glasses[0]
    part = slice_of(atoms, bonds, most=50)
    shown = bonds[part[bonds.i] & part[bonds.j]]
    assert 40 <= len(shown) <= 60
    assert part.sum() < slice_of(atoms, bonds).sum()


def test_a_glass_of_one_frame_has_a_slider_of_one_step(glasses):
    view = explore.glass(glasses[:1], [0.0], ELEMENTS)
    assert len(view.controls["frame"].options) == 1
    assert moved(view, least=2)[0]


def test_a_glass_without_bonds_says_so(glasses):
    atoms, bonds = glasses[0]
    with pytest.raises(ValueError, match="no bonds to show"):
        explore.glass([(atoms, bonds[:0])], [0.0], ELEMENTS)


def test_sub_runs_follow_the_choice(small_original):
    work, _ = small_original
    bonds = bonds_of(work)
    keys = [
        cells.CellKey(*key)
        for key in bonds[["composition", "run", "sub_run"]].drop_duplicates().itertuples(index=False)
    ]
    view = explore.sub_runs(cells.each(work, keys), bonds, TYPES, ELEMENTS)
    assert "getl-subruns" in view._dom_classes
    assert moved(view, sub_run=7) == (True, True)
    some = bonds[(bonds.run == 1) & (bonds.sub_run == 7)]
    assert f"<td>{(some.type == TYPES[0]).sum()}</td>" in view.facts.value
    assert space(view).selected_ids["structure"] == 1
    assert moved(view, quench=("Ti27Ni27", 2)) == (True, True)
    space(view).selected_ids = {"structure": 0, "atom": 0}
    assert (view.controls["quench"].value, view.controls["sub_run"].value) == (("Ti27Ni27", 1), 0)


def test_a_sub_run_without_a_label_is_said_and_its_old_picture_goes(small_original):
    bonds = bonds_of(small_original[0])
    view = explore.sub_runs([], bonds[(bonds.run == 1) | (bonds.sub_run == 0)], TYPES, ELEMENTS)
    assert moved(view, quench=("Ti27Ni27", 2), sub_run=7) == (True, True)
    assert "no usable label of sub-run 7" in view.facts.value
    assert view.picture.value == b""
    moved(view, sub_run=0)
    assert png(view.picture.value)
    with pytest.raises(ValueError, match="no sub-run has a usable label"):
        explore.sub_runs([], bonds[:0], TYPES, ELEMENTS)


def test_parity_shows_the_bond_that_is_chosen(trained):
    work, stored, _, found = trained
    view = explore.parity(found.parity, stored, work, ELEMENTS)
    assert "getl-parity" in view._dom_classes
    first = next(iter(found.parity))
    worst = np.argmax(np.abs(found.parity[first]["predicted"] - found.parity[first]["true"]))
    bond = found.parity[first]["bonds"].iloc[worst]
    assert f"{bond.composition}/{bond.run}/{bond.sub_run}, bond {bond.i}–{bond.j} " in view.facts.value
    assert -bond.icohp == pytest.approx(found.parity[first]["true"][worst])
    assert moved(view, rank=2) == (True, True)
    assert moved(view, bond_type=TYPES[-1]) == (True, True)
    space(view).selected_ids = {"structure": 3, "atom": 0}  # as a click on the map does
    assert (view.controls["bond_type"].value, view.controls["rank"].value) == (first, 4)


def test_parity_of_a_type_without_so_many_bonds_is_said(trained):
    work, stored, _, found = trained
    few = dict(found.parity)
    few[TYPES[0]] = {name: few[TYPES[0]][name][:3] for name in ("bonds", "true", "predicted")}
    view = explore.parity(few, stored, work, ELEMENTS)
    moved(view, rank=9)
    assert "has 3 test bonds here, none of rank 9" in view.facts.value
    with pytest.raises(ValueError, match="no type could be tested"):
        explore.parity({}, stored, work, ELEMENTS)


def test_the_surroundings_of_a_bond_are_those_of_its_cell(trained):
    work, stored, _, _ = trained
    bond = stored.bonds.iloc[40]
    atoms = cells.read(work.cell(bond.composition, bond.run, bond.sub_run))
    near = stored.bonds[
        (stored.bonds[["composition", "run", "sub_run"]] == bond[["composition", "run", "sub_run"]]).all(
            axis=1
        )
    ]
    cluster, lines, chosen = Stars.of(atoms, near).around(bond[["i", "j", "tx", "ty", "tz"]].to_numpy(int))
    assert np.linalg.norm(chosen.end) == pytest.approx(bond.distance)
    assert chosen.strength.tolist() == [-bond.icohp]
    touching = near[near[["i", "j"]].isin([bond.i, bond.j]).any(axis=1)]
    assert len(lines.start) >= len(touching)
    assert set(np.round(np.linalg.norm(lines.end - lines.start, axis=1), 5)) == set(
        touching.distance.round(5)
    )
    assert len(cluster) == len(np.unique(lines.end.round(2) + 0.0, axis=0))
    ends = {tuple(p.round(1) + 0.0) for p in cluster.positions}
    assert {(0.0, 0.0, 0.0), tuple(chosen.end[0].round(1) + 0.0)} <= ends


def test_the_status_is_looked_at_again(small):
    work, _ = small
    view = explore.status(work)
    assert "getl-status" in view._dom_classes
    before = view.facts.value
    work.complete("02_extract")
    assert view.facts.value == before
    view.children[1].children[0].click()
    assert "02_extract    done" in view.facts.value
    work.complete("03_transform")
    assert moved(view, timer=1) == (False, True)
    assert "03_transform  done" in view.facts.value
    with pytest.raises(FileNotFoundError, match="is not there"):
        explore.status(WorkDir(work.path / "nowhere"))


def test_without_a_kernel_the_picture_or_the_text_stands_in(small, glasses):
    view = explore.glass(iter(glasses), STRAIN, ELEMENTS)
    bundle = view._repr_mimebundle_()
    assert {"image/png", "application/vnd.jupyter.widget-view+json"} <= set(bundle)
    assert "VBox" not in bundle["text/plain"]
    assert "text/html" not in bundle
    assert explore.status(small[0])._repr_mimebundle_()["text/html"].startswith("<pre>")


def test_the_note_of_preview_labels_is_on_the_picture(glasses):
    with_note, without = (
        explore.glass(iter(glasses), STRAIN, ELEMENTS, note).picture.value for note in ("preview", "")
    )
    assert with_note != without


def test_only_the_views_bring_widgets_and_3d():
    rooms = ("views.style", "cli", "inference.predictor", "models.validation")
    code = f"import sys, {', '.join(f'getl_utils.{room}' for room in rooms)}; "
    code += "print([m for m in ('ipywidgets', 'chemiscope') if m in sys.modules])"
    out = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=REPOSITORY, check=True
    )
    assert out.stdout.strip() == "[]"


def test_the_3d_widget_reports_to_nobody():
    for kind in (atoms3d.Structures, atoms3d.Map):
        text = str(kind._esm)
        assert text.startswith('try { localStorage.setItem("plausible_ignore"')
        assert "plausible_ignore" in text[len(atoms3d.QUIET) :], (
            "chemiscope no longer asks this; see how it is told now"
        )


def test_what_stays_of_a_view_in_a_committed_notebook_is_its_picture(glasses):
    import importlib.util

    import nbformat

    place = importlib.util.spec_from_file_location("static", REPOSITORY / "workflow/static.py")
    static = importlib.util.module_from_spec(place)
    place.loader.exec_module(static)
    bundle = explore.glass(iter(glasses), STRAIN, ELEMENTS)._repr_mimebundle_()
    bar = {static.WIDGET: {"model_id": "a"}, "text/plain": "a bar"}
    outputs = [
        nbformat.v4.new_output("execute_result", data=dict(data))
        for data in (bundle, bar, {"text/plain": "5"})
    ]
    notebook = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell("x", outputs=outputs)], metadata={"widgets": {"a": 1}}
    )
    assert static.strip(notebook) == 2
    assert [set(output.data) for output in notebook.cells[0].outputs] == [
        {"image/png", "text/plain"},
        {"text/plain"},
    ]
    assert "widgets" not in notebook.metadata


def test_the_spectrum_follows_composition_and_elements():
    view = explore.spectrum(spectra.load(REPOSITORY / "data_examples/optics_model"))
    assert moved(view, count=16) == (True, True)
    assert "50 % Au" in view.facts.value
    assert moved(view, second="Ni") == (True, True)
    view.set(first="Cu", second="Cu")
    alone = view.facts.value
    view.set(count=3)
    assert view.facts.value == alone  # an alloy of an element with itself
