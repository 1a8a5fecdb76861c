"""XC in the PAW spheres against GPAW's own loop; skipped where GPAW is not installed (make engines)."""

import numpy as np
import pytest
from ase import Atoms

from getl_utils.labels import engine as engines
from getl_utils.labels import paw_xc

gpaw = engines.get("gpaw")
pytestmark = pytest.mark.skipif(gpaw.missing() is not None, reason=str(gpaw.missing()))


def calculation(symbol, moment=0.0, xc="PBE"):
    from gpaw.dft import DFT

    atoms = Atoms(symbol, cell=[4, 4, 4], pbc=True, magmoms=[moment])
    return DFT(atoms, mode="lcao", basis="szp(dzp)", xc=xc, h=0.4, txt=None, converge=False)


@pytest.mark.parametrize(("symbol", "moment"), [("Zr", 0.0), ("Al", 0.0), ("Fe", 2.0)])
def test_energy_and_potential_are_gpaws_own(symbol, moment):
    from gpaw.utilities import pack_density

    dft = calculation(symbol, moment)
    setup, functional = dft.setups[0], dft.pot_calc.xc
    noise = np.random.default_rng(0)
    density = np.array([pack_density(d) for d in dft.density.D_asii[0]])
    density += noise.normal(0, 0.01, density.shape)  # no symmetry hides a wrong term
    own, fast = np.zeros_like(density), np.zeros_like(density)
    energy = functional.calculate_paw_correction(setup, density, own)
    assert paw_xc.use(functional)
    assert functional.calculate_paw_correction(setup, density, fast) == pytest.approx(energy, abs=1e-10)
    np.testing.assert_allclose(fast, own, atol=1e-10)
    assert np.abs(own).max() > 0.01


def test_another_functional_than_a_gga_is_left_alone():
    functional = calculation("Al", xc="LDA").pot_calc.xc
    assert not paw_xc.use(functional)
    assert "calculate_paw_correction" not in vars(functional.xc)
