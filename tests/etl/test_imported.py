"""Published databases, read and described from their clusters alone."""

import numpy as np
import pytest
from conftest import MODEL_DATA
from small import ELEMENTS

from getl_utils.core.workdir import WorkDir
from getl_utils.etl import database, imported, load
from getl_utils.etl.soap import Soap
from getl_utils.files import published

SAME = ["composition", "run", "sub_run", "i", "j"]


@pytest.fixture(scope="module")
def exported(small_original, tmp_path_factory):
    """The small database in the published layout, and as it was before."""
    work, values = small_original
    stored = database.read(WorkDir(work.path).database("all"))
    folder = tmp_path_factory.mktemp("published") / "Ti27Ni27-PBSSDB"
    for path in load.export(folder, stored, work, values["cutoff"]):
        if path.suffix == ".xyz":
            (folder.parent / "Ti27Ni27-PCSSDB").mkdir(exist_ok=True)
            path.rename(folder.parent / "Ti27Ni27-PCSSDB" / path.name)
    return folder, stored, work, Soap(ELEMENTS, values["cutoff"], **values["soap"])


def test_bonds_and_vectors_are_those_of_the_whole_cells(exported):
    folder, stored, _, soap = exported
    found = imported.gather(folder, soap)
    kept = stored.bonds[stored.bonds.kept.astype(bool)]
    for bond_type in ("Ti-Ni", "Ti-Ti"):
        ours, theirs = (
            one.assign(n=range(len(one))).sort_values([*SAME, "distance"])
            for one in (found.learnable(bond_type), kept[kept.type == bond_type])
        )
        np.testing.assert_array_equal(ours[SAME].to_numpy(), theirs[SAME].to_numpy())
        np.testing.assert_allclose(ours.icohp, theirs.icohp, atol=1e-6)
        np.testing.assert_allclose(
            found.features(ours, "soap"), stored.features(theirs, "soap"), rtol=0, atol=1e-5
        )
    assert all(row["described"] == row["bonds"] for row in found.facts["counts"])


def test_a_mixed_database_names_the_composition_of_each_bond(exported, tmp_path):
    folder, stored, work, soap = exported
    drawn = load.mix(stored, ["Ti27Ni27"], 40, 1)
    drawn.facts["name"] = "DB9"
    load.export(tmp_path, drawn, work, 3.4)
    found = imported.gather(tmp_path, soap, [folder.parent / "Ti27Ni27-PCSSDB"])
    assert set(found.bonds.composition) == {"Ti27Ni27"}
    assert found.bonds.groupby("type").size().max() == 40
    info = tmp_path / "DB9_Ti-Ni.info"
    info.write_text("DB9 Ti-Ni\n")
    with pytest.raises(ValueError, match="goes beyond the 0 compositions"):
        imported.gather(tmp_path, soap)
    info.unlink()
    with pytest.raises(ValueError, match="says which compositions"):
        imported.gather(tmp_path, soap)


def test_a_draw_is_at_random_and_without_repetition(exported):
    folder, _, _, soap = exported
    one, again, other = (imported.gather(folder, soap, most=30, seed=seed).bonds for seed in (1, 1, 2))
    assert one.groupby("type").size().tolist() == [30, 30, 30]
    assert not one.duplicated([*SAME, "tx"]).any()
    assert one.equals(again)
    assert not one.distance.equals(other.distance)


def test_clusters_side_by_side_do_not_see_each_other(exported):
    folder, _, _, soap = exported
    clusters = published.read_clusters(folder.parent / "Ti27Ni27-PCSSDB/Ti.xyz")[:20]
    alone = [imported.describe([one], soap)[0] for one in clusters]
    np.testing.assert_allclose(imported.describe(clusters, soap), alone, rtol=0, atol=1e-9)


def test_bonds_without_clusters_are_counted_and_none_at_all_is_an_error(exported, tmp_path):
    folder, _, _, soap = exported
    half = tmp_path / "Ti27Ni27-PCSSDB"
    half.mkdir()
    alone = tmp_path / "Ti27Ni27-PBSSDB"
    alone.symlink_to(folder)
    with pytest.raises(ValueError, match=r"no bond has a cluster around both atoms; Ti\.xyz, Ni\.xyz"):
        imported.gather(alone, soap)
    (half / "Ti.xyz").symlink_to(folder.parent / "Ti27Ni27-PCSSDB/Ti.xyz")
    found = imported.gather(alone, soap)
    counts = {row["type"]: row for row in found.facts["counts"]}
    assert set(found.bonds.type) == {"Ti-Ti"}
    assert counts["Ti-Ti"]["described"] == counts["Ti-Ti"]["bonds"] > 0 == counts["Ti-Ni"]["described"]
    with pytest.raises(FileNotFoundError, match=r"no \.bnd of Ti-Ti"):
        imported.gather(half, soap)


def test_the_published_bonds_have_the_published_vectors(reference):
    """The part of the published data has clusters of Al alone."""
    folder = MODEL_DATA / "Zr49Cu49Al2-PBSSDB"
    soap = Soap(["Zr", "Cu", "Al"], cutoff=3.75, l_max=6, n_max=8, atom_sigma=0.5)
    found, vectors = imported.gather(folder, soap), published.read_vec(folder / "Al-Al-SOAPS.vec")
    bonds = found.learnable("Al-Al")
    assert len(bonds) == len(published.read_bnd(folder / "Al-Al.bnd")) == 27
    theirs = [
        0.5 * (vectors[f"{b.run}-{b.sub_run}-{b.i + 1}"] + vectors[f"{b.run}-{b.sub_run}-{b.j + 1}"])
        for b in bonds.itertuples()
    ]
    np.testing.assert_allclose(found.features(bonds, "soap"), theirs, rtol=0, atol=1e-11)


def test_a_published_mixed_database_gives_what_has_clusters(reference):
    soap = Soap(["Zr", "Cu", "Al"], cutoff=3.75, l_max=6, n_max=8, atom_sigma=0.5)
    found = imported.gather(MODEL_DATA / "DB4", soap)
    counts = {row["type"]: row for row in found.facts["counts"]}
    assert counts["Al-Al"] == {"type": "Al-Al", "bonds": 291, "described": 27}
    assert counts["Zr-Cu"]["bonds"] == 600
    assert counts["Zr-Cu"]["described"] == 0
