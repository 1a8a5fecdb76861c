"""A graph network over all atoms of a cell: strengths of all bonds at once.

Only `fit`, `network` and `run` import JAX, and only `library` imports them. Without JAX everything else runs.
"""
