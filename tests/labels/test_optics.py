"""Optical spectra: sum rules, Kramers–Kronig, colours, crystals, records; GPAW (`make engines`) for some."""

import itertools
import json
import math

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.units import Bohr, Hartree

from getl_utils import cli
from getl_utils.core.parameters.optics import FORMULAS, Crystal, Optics, read_optics
from getl_utils.core.workdir import resolve
from getl_utils.labels import gpaw, gpaw_waves
from getl_utils.labels.optics import colour, crystals, dataset, label, response, strength
from getl_utils.labels.optics.spectrum import PLASMA, Spectrum, dielectric, real_part, reflectivity
from getl_utils.labels.result import LabelError

needs_gpaw = pytest.mark.skipif(label.missing() is not None, reason=f"SPECTRA NOT CHECKED: {label.missing()}")
TINY = {"cutoff_energy": 150.0, "density": 2.0, "scf_density": 2.0, "highest": 25.0, "smearing": 0.3}
TINY |= {"most_change": 200.0, "largest": 40.0, "inside": 2}


def lorentz(peak=4.0, width=0.5, weight=100.0, drude=9.0):
    """The strength of a Drude–Lorentz metal."""
    energy = 0.01 * np.arange(1, 8001)
    one = 2 / np.pi * weight * width * energy**2 / ((peak**2 - energy**2) ** 2 + (width * energy) ** 2)
    return Spectrum(energy, np.repeat(one[:, None], 3, 1), np.full(3, drude), 20.0, 3.0)


def test_the_strength_of_a_drude_lorentz_metal_gives_its_epsilon():
    omega = np.linspace(1, 10, 37)
    z = omega + 0.02j
    exact = 1 + 100 / (16 - z**2 - 0.5j * z) - 81 / (omega * (omega + 0.1j))
    found = dielectric(lorentz(), omega, 0.02, 0.1)
    np.testing.assert_allclose(found, np.repeat(exact[:, None], 3, 1), atol=0.1)


def test_the_f_sum_rule_counts_the_electrons():
    one = lorentz()
    assert one.counted() * PLASMA / 20 == pytest.approx(100 + 81, rel=0.01)  # a tail lies beyond the energies
    assert pytest.approx(15.77, abs=0.02) == math.sqrt(3 * PLASMA / 16.61)  # three electrons an atom of Al


def test_imaginary_and_real_part_belong_together():
    """Kramers–Kronig, by a sum that knows nothing of the strength."""
    omega = 0.04 * np.arange(1, 1501)
    found = dielectric(lorentz(drude=0.0), omega, 0.05, 0.1)[:, 0]
    again = real_part(omega, found.imag)
    some = (omega > 1) & (omega < 20)
    np.testing.assert_allclose(again[some], found.real[some], atol=0.02 * abs(found).max())


def test_what_is_no_spectrum_is_refused():
    one = lorentz()
    with pytest.raises(ValueError, match="finite numbers"):
        Spectrum(one.energy, one.strength * np.nan, one.drude, 20.0, 3.0)
    with pytest.raises(ValueError, match="not negative"):
        Spectrum(one.energy, -one.strength, one.drude, 20.0, 3.0)
    with pytest.raises(ValueError, match="three strengths"):
        Spectrum(one.energy, one.strength[:, :2], one.drude, 20.0, 3.0)
    with pytest.raises(ValueError, match="above 0"):
        dielectric(one, np.array([0.0]), 0.1, 0.1)


def test_reflectivity_at_a_plasma_edge():
    free = Spectrum(np.array([50.0, 51.0]), np.zeros((2, 3)), np.full(3, 9.0), 20.0, 1.0)
    below, above = reflectivity(dielectric(free, np.array([8.0, 9.0 * math.sqrt(4 / 3)]), 0.1, 0.0))[:, 0]
    assert below == pytest.approx(1, abs=1e-3)
    assert above == pytest.approx(1 / 9, abs=1e-3)  # ε = 1/4, n = 1/2


def test_colours_of_white_black_grey_and_primaries():
    np.testing.assert_allclose(colour.white(), [0.9505, 1, 1.0888], atol=2e-4)  # of D65, as published
    np.testing.assert_allclose(colour.srgb(colour.white()), 1, atol=2e-4)
    assert colour.lab(np.zeros(3)).tolist() == pytest.approx([0, 0, 0])
    grey = colour.lab(0.184187 * colour.white())
    np.testing.assert_allclose(grey, [50, 0, 0], atol=1e-3)
    red = np.array([0.4124, 0.2126, 0.0193])  # of IEC 61966-2-1
    np.testing.assert_allclose(colour.srgb(red), [1, 0, 0], atol=2e-3)
    np.testing.assert_allclose(colour.lab(red), [53.24, 80.09, 67.20], atol=0.05)  # as tabulated for sRGB red
    assert colour.difference(np.array([50, 3, 4]), np.array([50, 0, 0])) == pytest.approx(5)


def test_a_surface_that_swallows_blue_is_yellow():
    light, green, yellow = colour.lab(colour.xyz(lambda omega: np.where(omega > 2.5, 0.4, 0.95)))
    assert yellow > 30 > abs(green)
    assert light > 90


def waves(size, potential, most=2):
    """Points of a mesh for electrons in 2V cos(2πx/a): plane waves along x, and the bands they mix to."""
    b, g = 2 * np.pi / np.array([6.0, 3.0, 3.0]), np.arange(-most, most + 1)
    points = []
    for place in itertools.product(np.arange(size) - size // 2, repeat=3):
        q = b * np.array(place) / size + b[0] * np.stack([g, 0 * g, 0 * g], -1)
        coupling = potential * (abs(np.subtract.outer(g, g)) == 1)
        levels, c = np.linalg.eigh(np.diag(0.5 * (q**2).sum(1)) + coupling)
        points.append(strength.Point(size**-3.0, levels, np.einsum("gn,ga,gm->anm", c, q, c)))
    return points, np.diag(b / size)


def summed(size, inside, potential):
    """S and ω_D² of 0.9 electrons; their Fermi sphere cuts the planes where the potential opens a gap."""
    return strength.sums(*waves(size, potential), 54.0, 0.9, 0.03, 0.02, 200, inside)


def test_free_electrons_have_all_strength_in_the_drude_term():
    found, drude = summed(6, 3, 0.0)
    np.testing.assert_allclose(drude, 4 * np.pi * 0.9 / 54, rtol=0.02)
    assert found.max() < 1e-12


def test_kp_follows_bands_that_nearly_touch():
    """A mesh of 4 with 4 parts is as good as one of 8 with 2, and the f-sum rule holds."""
    fine, coarse, alone = (summed(n, inside, 0.02) for n, inside in ((8, 2), (4, 4), (4, 1)))
    for found, drude in (fine, coarse):
        assert found[:, 0].sum() * 0.02 + drude[0] == pytest.approx(4 * np.pi * 0.9 / 54, rel=0.02)
    across = [drude[0] for _, drude in (fine, coarse, alone)]
    assert across[0] < 0.9 * 4 * np.pi * 0.9 / 54  # across the planes the electrons are less free
    assert across[1] == pytest.approx(across[0], rel=0.02)
    assert abs(across[2] / across[0] - 1) > 0.05


def test_one_transition_stands_at_its_energy():
    p = np.zeros((3, 2, 2), complex)
    p[0] = [[0, 0.3j], [-0.3j, 0]]
    point = strength.Point(1.0, np.array([-0.5, 0.5]), p)
    found, drude = strength.sums([point], np.eye(3), 100.0, 2.0, 0.02, 0.01, 200, 1)
    assert found[:, 0].argmax() == 99  # the energy of the gap
    np.testing.assert_allclose(found.sum(0) * 0.01, [16 * np.pi / 100 * 0.09, 0, 0], atol=1e-9)
    np.testing.assert_allclose(drude, 0, atol=1e-9)


@pytest.mark.parametrize("inside", [1, 2, 3, 4])
def test_the_parts_around_a_point_are_balanced_and_fill_its_share(inside):
    steps = np.array([[-1, 1, 1], [1, -1, 1], [1, 1, -1]]) / 7
    kappa, weights = strength.parts(steps, inside)
    assert weights.sum() == pytest.approx(1)
    np.testing.assert_allclose(weights @ kappa, 0, atol=1e-12)
    second = np.einsum("m,ma,mb->ab", weights, kappa, kappa)
    np.testing.assert_allclose(second, second[0, 0] * np.eye(3), atol=1e-12)  # cubic, as the lattice


NEAREST = {"fcc": 12, "bcc": 8, "hcp": 12, "B2": 8, "L1_0": 12, "L1_2": 12, "C1": 8, "C11b": 10, "C15": 12}


@pytest.mark.parametrize("prototype", FORMULAS)
def test_prototypes_have_their_volume_their_neighbours_and_their_axes(prototype):
    from matscipy.neighbours import neighbour_list

    species = ("Cu", "Au")[: len(FORMULAS[prototype])]
    atoms = crystals.build(Crystal("x", prototype, species, 0.0), {"Cu": 16.0, "Au": 16.0})
    assert atoms.cell.volume / len(atoms) == pytest.approx(16)
    wanted = dict(zip(species, FORMULAS[prototype], strict=True))
    counts = {e: atoms.get_chemical_symbols().count(e) for e in species}
    assert all(counts[e] * wanted["Cu"] == counts["Cu"] * wanted[e] for e in species)
    d = neighbour_list("d", atoms, 5.0)
    first = neighbour_list("i", atoms, d.min() * 1.25)
    assert np.bincount(first)[-1] >= 4
    if prototype in ("fcc", "bcc", "hcp", "B2", "L1_2"):
        nearest = neighbour_list("i", atoms, d.min() * 1.1)
        assert set(np.bincount(nearest).tolist()) == {NEAREST[prototype]}


def test_laves_distances():
    """C15 with lattice constant a: B–B a√2/4, A–A a√3/4, A–B a√11/8."""
    from matscipy.neighbours import neighbour_list

    atoms = crystals.build(Crystal("x", "C15", ("Mg", "Cu"), 0.0), {})
    a = (4 * atoms.cell.volume) ** (1 / 3)
    i, j, d = neighbour_list("ijd", atoms, 0.48 * a)
    z = atoms.numbers
    for first, second, exact in ((29, 29, 2**0.5 / 4), (12, 12, 3**0.5 / 4), (12, 29, 11**0.5 / 8)):
        assert d[(z[i] == first) & (z[j] == second)].min() == pytest.approx(exact * a)


def test_a_strained_crystal_and_a_given_volume():
    plain, longer = (crystals.build(Crystal("x", "fcc", ("Al",), s), {}) for s in (0.0, 0.02))
    assert longer.cell.lengths() == pytest.approx(1.02 * plain.cell.lengths())
    assert crystals.build(Crystal("x", "fcc", ("Ga",), 0.0), {"Ga": 19.0}).cell.volume == pytest.approx(19)
    with pytest.raises(ValueError, match="`volumes`"):
        crystals.build(Crystal("x", "fcc", ("Ga",), 0.0), {})


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"crystals": {"fcc": ["CuZr"]}}, "does not fit"),
        ({"crystals": {"L1_2": ["CuZr"]}}, "does not fit"),
        ({"crystals": {"fcc": ["Qq"]}}, "not a chemical element"),
        ({"crystals": {"A15": ["Nb"]}}, "A15"),
        ({"response": {"densty": 3}}, "did you mean `density`"),
        ({"strained": ["Ni"]}, "not among"),
        ({"strains": [0.0, 0.0], "strained": ["Al"]}, "twice"),
    ],
)
def test_bad_parameters_are_refused(tmp_path, changes, says):
    file = tmp_path / "a.yaml"
    file.write_text(json.dumps({"work_dir": "w", "crystals": {"fcc": ["Al"]}} | changes))
    with pytest.raises(ValueError, match=says):
        read_optics(file)


def test_the_shipped_list_is_buildable_and_names_each_crystal_once():
    p = read_optics(resolve("parameters/optics/metals.yaml"))
    listed = list(p.listed())
    assert len({one.name for one in listed}) == len(listed)
    for one in listed:
        assert len(crystals.build(one, p.volumes)) <= 6


@needs_gpaw
def test_axes_and_lattices_that_no_spectrum_is_made_of_are_refused():
    turned = bulk("Zn")
    turned.rotate(30, "x", rotate_cell=True)
    with pytest.raises(ValueError, match="principal axes"):
        response.axes(turned)
    with pytest.raises(ValueError, match="periodic"):
        response.axes(Atoms("Al"))
    response.axes(bulk("Zn"))


@pytest.fixture(scope="module")
def aluminium():
    """GPAW's density of Al on 4×4×4 points."""
    settings = gpaw.Settings(
        waves="pw", cutoff_energy=150, kpoints=(4, 4, 4), band_kpoints=(4, 4, 4), smearing=0.3
    )
    atoms = bulk("Al", a=4.05)
    dft = gpaw.converged(atoms, settings)
    return dft, gpaw_waves.bands(dft, atoms, settings, 6)


@needs_gpaw
def test_momenta_are_those_of_gpaw_response(aluminium):
    from gpaw.response import ResponseContext, ResponseGroundStateAdapter
    from gpaw.response.pair import KPointPairFactory

    dft, bands = aluminium
    sets, nabla = {"Al": gpaw_waves.projectors(dft.setups[0])}, [dft.setups[0].nabla_iiv]
    calculator = dft.ase_calculator()
    calculator.diagonalize_full_hamiltonian(nbands=8)
    ground = ResponseGroundStateAdapter(calculator)
    factory = KPointPairFactory(ground, ResponseContext(txt=None))
    pair = factory.pair_calculator()
    for wave in bands.waves[0][1:4]:
        k = factory.get_k_point(
            0, ground.kpoints.kptfinder.find(np.linalg.solve(wave.reciprocal.T, wave.k)), 0, 8
        )
        theirs = np.array([pair.calculate_optical_pair_velocity(n, k, k) for n in range(4)])[:, :4]
        ours = response.momenta(wave, bands.atoms, sets, nabla)
        ours, theirs = (abs(ours) ** 2).sum(0)[:2, :2], (abs(theirs) ** 2).sum(-1)[:2, :2]  # not degenerate
        np.testing.assert_allclose(ours, theirs, atol=1e-4)


@needs_gpaw
def test_a_list_of_crystals_is_made_once_packed_and_read(tmp_path, capsys, monkeypatch):
    file = tmp_path / "a.yaml"
    crystals_asked = {"fcc": ["Al"], "bcc": ["Al"]}
    file.write_text(
        json.dumps({"work_dir": str(tmp_path / "w"), "crystals": crystals_asked, "response": TINY})
    )
    assert cli.main(["spectra", str(file), "--limit", "1"]) == 0
    assert "1 spectra, 0 failed, 1 to make" in capsys.readouterr().out

    def fails(*_):
        raise LabelError("SCF_NOT_CONVERGED", "Al: no")

    monkeypatch.setattr(response, "spectra", fails)  # the first one is not made again
    assert cli.main(["spectra", str(file), "--pack", str(tmp_path / "set")]) == 1
    said = capsys.readouterr().out
    assert "bcc-Al: SCF_NOT_CONVERGED: Al: no" in said
    records, spectra = dataset.read(tmp_path / "set")
    assert [r["status"] for r in records.values()] == ["DONE", "SCF_NOT_CONVERGED"]
    assert list(spectra) == ["fcc-Al"]
    one = label.read(tmp_path / "w/crystals/fcc-Al")
    np.testing.assert_allclose(spectra["fcc-Al"].strength, one.strength)
    assert 8 < one.drude[0] < 16
    assert one.drude == pytest.approx([one.drude[0]] * 3, rel=1e-6)
    assert 2 < one.counted() < 4
    with pytest.raises(ValueError, match="SCF_NOT_CONVERGED"):
        label.read(tmp_path / "w/crystals/bcc-Al")
    file.write_text(file.read_text().replace('"inside": 2', '"inside": 1'))
    assert cli.main(["spectra", str(file)]) == 1
    assert "holds another run" in capsys.readouterr().err


def test_packed_spectra_are_not_computed_again(tmp_path, monkeypatch, capsys):
    """The shipped set seeds a work directory; a cell of another volume is left, and GPAW would be asked."""
    shipped = resolve("data_examples/optics")
    records, spectra = dataset.read(shipped)
    values = dataset.parameters(shipped).model_dump() | {"work_dir": str(tmp_path / "w")}
    values |= {"crystals": {"fcc": ["Al", "Cu"], "B2": ["NiAl"]}, "volumes": {"Cu": 12.5}, "strained": []}
    file = tmp_path / "a.yaml"
    file.write_text(json.dumps(values))
    monkeypatch.setattr(label, "missing", lambda: "run: make engines")
    assert cli.main(["spectra", str(file), "--known", str(shipped)]) == 1
    assert "2 spectra taken, 1 of other cells or settings left" in capsys.readouterr().out
    p = read_optics(file)
    one = label.read(tmp_path / "w/crystals/B2-NiAl")
    np.testing.assert_array_equal(one.strength, spectra["B2-NiAl"].strength)
    np.testing.assert_array_equal(one.energy, spectra["B2-NiAl"].energy)
    kept = json.loads((tmp_path / "w/crystals/B2-NiAl/label.json").read_text())
    assert {k: kept[k] for k in kept if k != "sha256"} == {
        k: v for k, v in records["B2-NiAl"].items() if k != "sha256"
    }
    assert dataset.unpack(shipped, p) == ([], ["fcc-Cu"])  # what is there is not taken twice
    file.write_text(json.dumps(values | {"volumes": {}}))
    assert cli.main(["spectra", str(file), "--known", str(shipped), "--pack", str(tmp_path / "set")]) == 0
    assert dataset.read(tmp_path / "set")[0].keys() == {"fcc-Al", "fcc-Cu", "B2-NiAl"}
    assert dataset.unpack(tmp_path / "nothing", p) == ([], [])
    (tmp_path / "set" / dataset.CELLS).write_text("")
    with pytest.raises(ValueError, match="differs from"):
        dataset.unpack(tmp_path / "set", p)


def test_a_mesh_that_changes_the_colour_is_refused(tmp_path, monkeypatch):
    p = Optics(work_dir=str(tmp_path), crystals={"fcc": ["Al"]}, response={"most_change": 0.5})
    monkeypatch.setattr(response, "spectra", lambda *_: (lorentz(), lorentz(peak=2.5), {}))
    monkeypatch.setattr(label, "missing", lambda: None)
    ((_, record),) = label.label_all(p)
    assert record["status"] == "MESH_TOO_COARSE"
    assert "raise `density`" in record["reason"]
    assert not (tmp_path / "crystals/fcc-Al" / label.STRENGTH).exists()


def test_without_gpaw_it_says_how_to_get_it(tmp_path, monkeypatch):
    monkeypatch.setattr(label, "missing", lambda: "run: make engines")
    p = Optics(work_dir=str(tmp_path), crystals={"fcc": ["Al"]})
    with pytest.raises(RuntimeError, match="make engines"):
        list(label.label_all(p))


def test_units():
    assert pytest.approx(4 * np.pi * Bohr**3 * Hartree**2) == PLASMA
