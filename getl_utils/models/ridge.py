"""Ridge regression in which leaving out a group costs no second pass over the rows.

With G = XᵀX and m = Xᵀy summed by group, the weights without a group g are (G − G_g + λ P)⁻¹ (m − m_g).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.linalg import cho_solve, cholesky, solve_triangular


@dataclass(frozen=True)
class Rows:
    """Sums over the rows of a design, whole and by group: leaving out a group needs no second pass over the
    rows."""

    design: np.ndarray
    target: np.ndarray
    gram: np.ndarray
    moment: np.ndarray
    by_group: list[tuple[np.ndarray, np.ndarray, np.ndarray]]
    penalty: np.ndarray

    @classmethod
    def of(cls, design: np.ndarray, target: np.ndarray, groups: np.ndarray, penalty: np.ndarray) -> Rows:
        """Sum up; `penalty` is the relative strength of the prior of each column, 0 for none."""
        by_group = []
        for group in np.unique(groups):
            rows = groups == group
            part = design[rows]
            by_group.append((rows, part.T @ part, part.T @ target[rows]))
        gram, moment = sum(g for _, g, _ in by_group), sum(m for _, _, m in by_group)
        return cls(design, target, gram, moment, by_group, penalty)

    def factor(self, gram: np.ndarray, ridge: float) -> np.ndarray:
        """Lower Cholesky factor of the penalized gram matrix."""
        floor = 1e-8 * np.trace(gram) / len(gram)
        return cholesky(gram + np.diag(np.maximum(ridge * self.penalty, floor)), lower=True)

    def solve(self, gram: np.ndarray, moment: np.ndarray, ridge: float) -> np.ndarray:
        """Weights."""
        return cho_solve((self.factor(gram, ridge), True), moment)

    def left_out(self, ridge: float) -> np.ndarray:
        """Residual of each row by the model that has not seen its group."""
        residual = np.empty(len(self.target))
        for rows, gram, moment in self.by_group:
            weights = self.solve(self.gram - gram, self.moment - moment, ridge)
            residual[rows] = self.target[rows] - self.design[rows] @ weights
        return residual

    def choose(self, ridges: tuple[float, ...]) -> tuple[float, np.ndarray]:
        """The strength of the prior with the smallest left-out error, and the residuals it leaves."""
        tried = {ridge: self.left_out(ridge) for ridge in ridges}
        best = min(tried, key=lambda ridge: float(np.mean(tried[ridge] ** 2)))
        return best, tried[best]

    def leverage(self, inverse: np.ndarray) -> np.ndarray:
        """Squared length of each row times the inverse factor."""
        return ((self.design @ inverse.T) ** 2).sum(axis=1)

    def left_out_leverage(self, ridge: float) -> np.ndarray:
        """Leverage of each row with respect to the other groups."""
        out = np.empty(len(self.target))
        for rows, gram, _ in self.by_group:
            factor = self.factor(self.gram - gram, ridge)
            out[rows] = (solve_triangular(factor, self.design[rows].T, lower=True) ** 2).sum(axis=0)
        return out
