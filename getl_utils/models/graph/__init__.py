"""A graph network over all atoms of a cell: strengths of all bonds at once, or numbers of the crystal.

Only the modules that `library` names import JAX, and only `library` imports them. Without JAX everything else
runs.
"""
