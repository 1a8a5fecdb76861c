"""Models of the strength of a bond."""
