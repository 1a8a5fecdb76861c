"""Cells are labelled anew in turns, so that those done first are of every quench."""

from conftest import load_script

from getl_utils.core.cells import CellKey


def test_quenches_take_turns_and_every_cell_comes_once():
    keys = [CellKey("Zr50Cu50", run, n) for run, cells in ((1, 4), (2, 1)) for n in range(cells)]
    keys += [CellKey("Zr40Cu60", 1, n) for n in range(2)]
    found = load_script("relabel", "../workflow").in_turn(keys, 1)
    assert sorted(found) == sorted(keys)
    turns = [(key.composition, key.run) for key in found]
    assert turns[:3] == [("Zr50Cu50", 1), ("Zr50Cu50", 2), ("Zr40Cu60", 1)]
    assert turns[3:] == [("Zr50Cu50", 1), ("Zr40Cu60", 1), ("Zr50Cu50", 1), ("Zr50Cu50", 1)]
    assert found == load_script("relabel", "../workflow").in_turn(keys, 1)
    assert found != load_script("relabel", "../workflow").in_turn(keys, 2)
