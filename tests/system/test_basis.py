"""The shipped bases of bands are those that their script makes."""

import gzip

import numpy as np
import pytest
from conftest import REPOSITORY, load_script

from getl_utils.labels import engine

BASIS = REPOSITORY / "atomistic_models" / "basis"
reason = engine.get("gpaw").missing()


def functions(folder, element):
    """Angular momentum, cutoff (bohr) and radial function of each of a file."""
    from gpaw.basis_data import Basis

    found = Basis.read_xml(element, "tzp", str(folder / f"{element}.tzp.basis.gz"))
    return [(f.l, f.rc, np.array(f.phit_g)) for f in found.bf_j]


@pytest.mark.skipif(reason is not None, reason=str(reason))
def test_the_script_makes_the_basis_that_is_shipped(tmp_path):
    load_script("make_basis", "basis").main(["Al", "--output", str(tmp_path)])
    new, old = functions(tmp_path, "Al"), functions(BASIS, "Al")
    assert [f[:2] for f in new] == [f[:2] for f in old]
    for (_, _, one), (_, _, other) in zip(new, old, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)


@pytest.mark.skipif(reason is not None, reason=str(reason))
@pytest.mark.parametrize(("element", "number"), [("Al", 17), ("Cu", 21), ("Zr", 33)])
def test_three_functions_a_valence_shell_and_one_empty_shell(element, number):
    found = functions(BASIS, element)
    assert sum(2 * momentum + 1 for momentum, *_ in found) == number
    assert max(momentum for momentum, *_ in found) == 2


def test_files_are_compressed_without_a_date():
    for file in BASIS.glob("*.gz"):
        assert file.read_bytes()[4:8] == bytes(4)
        assert b"paw_basis" in gzip.decompress(file.read_bytes())[:100]
