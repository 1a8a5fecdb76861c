"""Orbitals on plane waves: against the two-centre overlaps, by halves, and files that are damaged."""

import contextlib

import numpy as np
import pytest
from ase import Atoms
from ase.units import Bohr
from hypothesis import given, settings
from hypothesis import strategies as st

from getl_utils.files.espresso_save import Wave, read_bands, read_wave
from getl_utils.files.upf import read_partial_waves
from getl_utils.labels import pwscf

pytest.importorskip("gpaw", reason="GPAW is not installed; run: make engines")
from getl_utils.labels.projection.plane_waves import amplitudes
from getl_utils.labels.projection.two_centre import Overlaps, Radial

CELL = Atoms(
    "AlCu", [[0.1, 0.2, -0.3], [1.5, 9.0, 1.2]], cell=[[3.0, 0, 0], [0.7, 3.2, 0], [0, 0.4, 3.4]], pbc=True
)
LARGEST = 9.0  # 1/bohr, of plane waves


def gaussian(momentum, width):
    r = np.linspace(1e-4, 9 * width, 900)
    return Radial(momentum, r, r**momentum * np.exp(-((r / width) ** 2)), np.full(len(r), r[1] - r[0]))


FUNCTIONS = {"Al": [gaussian(0, 1.1), gaussian(1, 1.0)], "Cu": [gaussian(2, 0.9)]}


def plane_waves(fractions):
    """k + G of all G below LARGEST, and the pieces of a Wave."""
    reciprocal = 2 * np.pi * np.linalg.inv(CELL.cell.array).T * Bohr
    grid = np.array(np.meshgrid(*[np.arange(-12, 13)] * 3, indexing="ij")).reshape(3, -1).T
    momenta = (grid + fractions) @ reciprocal
    inside = np.linalg.norm(momenta, axis=1) < LARGEST
    return np.asarray(fractions) @ reciprocal, reciprocal, momenta[inside], grid[inside]


@pytest.mark.parametrize("fractions", [(0, 0, 0), (0.25, -0.5, 0.1)])
def test_orbitals_in_plane_waves_have_the_overlaps_of_two_centres(fractions):
    """Σ_G ⟨f|k+G⟩⟨k+G|g⟩ = ⟨f|g⟩ of the Bloch sums: phases, signs of harmonics, atoms outside the cell."""
    k, reciprocal, momenta, _ = plane_waves(fractions)
    unit = Wave(k, reciprocal, momenta, np.eye(len(momenta), dtype=complex), False)
    on_waves = amplitudes(unit, FUNCTIONS, CELL)
    overlaps = Overlaps(CELL, np.array([fractions]), 26 * Bohr).matrix(FUNCTIONS, FUNCTIONS)[0]
    assert np.abs(on_waves @ on_waves.conj().T - overlaps).max() < 1e-6 * np.abs(overlaps).max()


def test_half_of_the_plane_waves_is_enough_where_the_wave_is_real():
    k, reciprocal, momenta, grid = plane_waves((0, 0, 0))
    random = np.random.default_rng(1)
    whole = {}
    for g in map(tuple, grid.tolist()):
        opposite = whole.get(tuple(-n for n in g))
        value = complex(*random.normal(size=2)) if any(g) else complex(random.normal())
        whole[g] = value if opposite is None else opposite.conjugate()
    coefficients = np.array([whole[tuple(g)] for g in grid.tolist()])[None]
    one = np.array([g >= (0, 0, 0) for g in map(tuple, grid.tolist())])
    full = amplitudes(Wave(k, reciprocal, momenta, coefficients, False), FUNCTIONS, CELL)
    half = amplitudes(Wave(k, reciprocal, momenta[one], coefficients[:, one], True), FUNCTIONS, CELL)
    assert half.dtype == float
    assert np.abs(full - half).max() < 1e-10 * np.abs(full).max()


def record(*parts):
    body = b"".join(np.asarray(values, kind).tobytes() for values, kind in parts)
    mark = np.array([len(body)], "<i4").tobytes()
    return mark + body + mark


def wave_file(bands=2):
    """Bytes of a wfc1.dat of three plane waves."""
    head = record((1, "<i4"), ([0.1, 0.2, 0.3], "<f8"), (1, "<i4"), (0, "<i4"), (1.0, "<f8"))
    sizes = record(([3, 3, 1, bands], "<i4"))
    vectors, miller = record((np.eye(3), "<f8")), record(([[0, 0, 0], [1, 0, 0], [0, -1, 2]], "<i4"))
    return (
        head
        + sizes
        + vectors
        + miller
        + b"".join(record((np.arange(3) * (1 + 2j) + n, "<c16")) for n in range(bands))
    )


def test_a_wave_is_read(tmp_path):
    path = tmp_path / "wfc1.dat"
    path.write_bytes(wave_file())
    wave = read_wave(path)
    assert wave.coefficients.tolist() == [[0, 1 + 2j, 2 + 4j], [1, 2 + 2j, 3 + 4j]]
    assert np.allclose(wave.momenta, [[0.1, 0.2, 0.3], [1.1, 0.2, 0.3], [0.1, -0.8, 2.3]])
    assert not wave.half


@settings(max_examples=200, deadline=None)
@given(cut=st.integers(0, 400), place=st.integers(0, 300), byte=st.integers(0, 255))
def test_a_damaged_wave_is_refused_or_read(tmp_path_factory, cut, place, byte):
    path, data = tmp_path_factory.mktemp("wave") / "wfc1.dat", bytearray(wave_file())
    data[place % len(data)] = byte
    path.write_bytes(data[: max(0, len(data) - cut)])
    with contextlib.suppress(ValueError):  # any other error fails the test
        assert np.isfinite(read_wave(path).coefficients).all()


def test_a_wave_cut_off_is_named(tmp_path):
    path = tmp_path / "wfc1.dat"
    path.write_bytes(wave_file()[:-30])
    with pytest.raises(ValueError, match=r"wfc1\.dat: cut off or damaged"):
        read_wave(path)
    path.write_bytes(b"")
    with pytest.raises(ValueError, match="cut off or damaged"):
        read_wave(path)


@pytest.mark.parametrize(
    "text", ["<a", "<a/>", "<a><output><band_structure><lsda>true</lsda></band_structure></output></a>",
             "<a><output><band_structure><noncolin>true</noncolin></band_structure></output></a>"]
)  # fmt: skip
def test_bands_that_cannot_be_are_refused(tmp_path, text):
    (tmp_path / "data-file-schema.xml").write_text(text)
    with pytest.raises(ValueError, match="cut off, damaged, or of non-collinear spins"):
        read_bands(tmp_path)


def test_partial_waves_and_projectors_are_dual():
    """⟨p_i|φ̃_j⟩ = δ_ij within the sphere, and φ = φ̃ outside; of the data sets of this repository."""
    for path in sorted(pwscf.PAW.glob("*.UPF")):
        paw = read_partial_waves(path)
        same = paw.momenta[:, None] == paw.momenta
        inside = paw.r <= 1.05 * paw.edges.max()
        products = (paw.projectors * paw.weights)[:, inside] @ paw.smooth[:, inside].T
        assert np.abs(np.where(same, products - np.eye(len(same)), 0)).max() < 0.02
        assert np.abs((paw.sharp - paw.smooth)[:, paw.r > paw.edges.max()]).max() < 1e-8


def test_no_paw_data_set_is_named(tmp_path):
    path = tmp_path / "Fe.UPF"
    path.write_text('<UPF version="2.0.1"><PP_INFO>a < b</PP_INFO></UPF>')
    with pytest.raises(ValueError, match=r"Fe\.UPF: not a PAW data set in UPF version 2"):
        read_partial_waves(path)
