"""GETL: from a random melt to the predicted strength (-ICOHP) of every bond in a metallic glass."""

__version__ = "0.1.0"
