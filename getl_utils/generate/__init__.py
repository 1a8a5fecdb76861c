"""Structures: melt–quench, deformed copies and loading by LAMMPS."""
