"""Projection of wave functions on atomic orbitals."""
