"""Formats of other programs: reading and writing, nothing computed."""
