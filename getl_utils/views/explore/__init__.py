"""Views of cells, glasses and running batches, to explore in a notebook; see docs/exploring.md."""

from getl_utils.views.explore.spectra import spectrum
from getl_utils.views.explore.structures import glass, status, sub_runs
from getl_utils.views.explore.surroundings import surroundings
from getl_utils.views.explore.training import parity

__all__ = ["glass", "parity", "spectrum", "status", "sub_runs", "surroundings"]
