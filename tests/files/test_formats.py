"""Files of others, whole and damaged: a damaged one is named, and is never taken for whole."""

import numpy as np
import pytest

from getl_utils.core.bonds import BOND
from getl_utils.files import espresso, lobster, lobsterin, published
from getl_utils.files.frames import read_structure
from getl_utils.labels.status import Status, judge

HEADER = "  COHP#  atomMU  atomNU     distance     translation      ICOHP (at) eF   for spin  1\n"
ROWS = (
    "      1     Cu1     Zr2      3.26048       0   0   0           -0.41728 \n"
    "      2     Cu1     Cu3      2.47778       0   0  -1           -0.48810 \n"
)
SCF = "convergence has been achieved in  53 iterations\n This run was terminated on:  18:42:38\n"
LOG = "setting up CO interactions... found {} interactions.\n"


def write(path, text):
    path.write_text(text)
    return path


def test_icohplist_round_trip_is_exact(tmp_path):
    table = lobster.read_icohplist(write(tmp_path / "a", HEADER + ROWS))
    assert table[BOND].to_numpy().tolist() == [[0, 1, 0, 0, 0], [0, 2, 0, 0, -1]]
    table[["tx", "ty", "tz"]] *= -1  # the writer turns our convention into LOBSTER's
    lobster.write_icohplist(tmp_path / "b", table, ["Cu", "Zr", "Cu"])
    assert (tmp_path / "b").read_text() == HEADER + ROWS


def test_spins_are_added(tmp_path):
    table = lobster.read_icohplist(
        write(tmp_path / "a", HEADER + ROWS + HEADER.replace("spin  1", "spin  2") + ROWS)
    )
    assert table.icohp.tolist() == [-0.83456, -0.97620]


def test_a_missing_last_newline_loses_no_bond(tmp_path):
    assert len(lobster.read_icohplist(write(tmp_path / "a", (HEADER + ROWS).rstrip()))) == 2


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n",
        "garbage",
        HEADER + ROWS[:-6],
        HEADER + ROWS.replace("-0.48810", "NaN"),
        HEADER + ROWS.replace("2.47778", "********"),
        HEADER + ROWS.replace("Cu3", "Cu" + "9" * 25),
        HEADER + ROWS.replace("  -1  ", f"  {'9' * 25}  "),
        HEADER + ROWS.replace("2.47778", f"{'9' * 400}.00000"),
    ],
    ids=["empty", "blank", "garbage", "cut", "NaN", "overflow", "long atom", "long cell", "long distance"],
)
def test_damaged_icohplist_is_refused_and_named(tmp_path, text):
    with pytest.raises(lobster.FormatError, match="ICOHPLIST"):
        lobster.read_icohplist(write(tmp_path / "ICOHPLIST.lobster", text))


def test_nan_is_never_written(tmp_path):
    table = lobster.read_icohplist(write(tmp_path / "a", HEADER + ROWS)).assign(icohp=np.nan)
    with pytest.raises(ValueError, match="not finite"):
        lobster.write_icohplist(tmp_path / "b", table, ["Cu", "Zr", "Cu"])
    assert not (tmp_path / "b").exists()


STATUSES = [  # scf.out, lb.out, ICOHPLIST → status
    (None, None, None, Status.NOTHING),
    (SCF, LOG.format(2) + "finished in 17 h", HEADER + ROWS, Status.DONE),
    (SCF, LOG.format(2), HEADER + ROWS, Status.LOBSTER_NOT_FINISHED),
    ("estimated scf accuracy", None, None, Status.SCF_NOT_CONVERGED),
    ("estimated scf accuracy", LOG.format(2) + "finished in 1 h", HEADER + ROWS, Status.SCF_NOT_CONVERGED),
    ("estimated scf accuracy", LOG.format(2), HEADER + ROWS, Status.ICOHP_INCOMPLETE),
    (SCF, None, None, Status.NO_ICOHP),
    (SCF, LOG.format(3), HEADER + ROWS, Status.ICOHP_INCOMPLETE),  # a row is missing
    (
        SCF,
        LOG.format(3) + "finished in 17 h",
        HEADER + ROWS,
        Status.NO_ICOHP,
    ),  # says finished, but a row is missing
    (SCF, LOG.format(2) + "finished in 17 h", "", Status.NO_ICOHP),
    (SCF, None, HEADER + ROWS, Status.ICOHP_INCOMPLETE),  # how many there should be is not known
]


@pytest.mark.parametrize(("scf", "log", "icohplist", "status"), STATUSES)
def test_status_from_files(tmp_path, scf, log, icohplist, status):
    for name, text in (("X.scf.out", scf), ("X.lb.out", log), ("ICOHPLIST.lobster", icohplist)):
        if text is not None:
            write(tmp_path / name, text)
    verdict = judge(tmp_path)
    assert verdict.status == status
    assert verdict.reason
    assert (verdict.labels is not None) == status.usable


def test_status_of_a_folder_that_is_not_there(tmp_path):
    assert judge(tmp_path / "none").status == Status.NOT_PREPARED


def test_an_unreadable_record_is_a_status(tmp_path):
    write(tmp_path / "label.json", '{"status": "DO')
    assert judge(tmp_path).status == Status.NOTHING


def test_a_spilling_with_two_points_is_not_said(tmp_path):
    output = lobster.read_output(write(tmp_path / "lb.out", "abs. charge spilling: 1.2.3%\n"))
    assert output.charge_spilling is None
    output = lobster.read_output(write(tmp_path / "lb.out", "abs. charge spilling: 1.25%\n"))
    assert output.charge_spilling == 0.0125


BNDS = ["", "1 2 3\n", "1 0 1 2 3.0 0.5\n1 0 1\n", "1 0 1 2 x 0.5\n", "1 0 1 2 3.0 nan\n"]
BNDS += [f"1 0 1 {'9' * 25} 3.0 0.5\n"]


@pytest.mark.parametrize("text", BNDS)
def test_damaged_bnd_is_refused(tmp_path, text):
    with pytest.raises(ValueError, match=r"x\.bnd"):
        published.read_bnd(write(tmp_path / "x.bnd", text))


def test_lobsterin_quippy_that_is_cut_off_is_refused(tmp_path):
    with pytest.raises(lobster.FormatError, match="cohpbetween atom 1 atom 7 off"):
        lobsterin.read_lobsterin_quippy(write(tmp_path / "q", "skipDOS\ncohpbetween atom 1 atom 7 off"))


def test_pw_input_that_is_not_one(tmp_path):
    with pytest.raises(ValueError, match=r"x\.scf\.in: not readable"):
        read_structure(write(tmp_path / "x.scf.in", "&CONTROL\n/\n&SYSTEM\n"))


def test_no_basis_or_pseudopotential_for_an_element_is_said():
    from ase import Atoms

    with pytest.raises(ValueError, match="no LOBSTER basis functions for Ni"):
        lobsterin.lobsterin({"Ti": ["4s"]}, ["Ni", "Ti"], [-1, 1], [1, 2])
    with pytest.raises(ValueError, match="no pseudopotential for Ni"):
        espresso.scf_input(Atoms("Ni", cell=[3, 3, 3]), "x", 10, {}, {}, [1, 1, 1, 0, 0, 0], ".", ".")
