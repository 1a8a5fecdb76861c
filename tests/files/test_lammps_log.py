"""Thermo rows of LAMMPS logs, whole and cut off."""

import numpy as np

from getl_utils.files.lammps_log import read_thermo


def write(tmp_path, text, name):
    path = tmp_path / name
    path.write_text(text)
    return path


LOG = """LAMMPS (22 Jul 2025)
thermo_style custom step temp
Per MPI rank memory allocation (min/avg/max) = 3 | 3 | 3 Mbytes
   Step          Temp
         0   0
        20   0
Loop time of 0.1 on 1 procs for 20 steps with 32 atoms
99.9% CPU use with 1 MPI tasks x 1 OpenMP threads
1 2
   Step          Temp
         0   2000.5
WARNING: odd
       100   1900.25
Loop time of 0.1 on 1 procs for 100 steps with 32 atoms
"""


def test_thermo_rows_by_stage(tmp_path):
    table = read_thermo(write(tmp_path, LOG, "log.lammps"))
    assert table.stage.tolist() == [0, 0, 1, 1]
    assert table.Step.tolist() == [0, 20, 0, 100]
    assert table.Temp.tolist() == [0, 0, 2000.5, 1900.25]


def test_a_cut_log_gives_its_whole_rows(tmp_path):
    rows = [len(read_thermo(write(tmp_path, LOG[:cut], "log.lammps"))) for cut in range(len(LOG) + 1)]
    assert rows[0] == 0
    assert rows[-1] == 4
    assert set(np.diff(rows)) <= {0, 1}
    cut = read_thermo(write(tmp_path, LOG[: LOG.index("1900.25") + 4], "log.lammps"))
    assert cut.Temp.tolist() == [0, 0, 2000.5]
