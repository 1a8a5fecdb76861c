"""One loading followed bond by bond: its frames, their bonds, and what the load does to them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pandas as pd
from ase import Atoms

from getl_utils.inference import exchange, trajectory


@dataclass(frozen=True)
class Followed:
    """Frames of the same atoms under load, with the predicted bonds of each.

    Attributes
    ----------
    path : Trajectory
        The atoms through the frames.
    tables : tuple of DataFrame
        Bonds of each frame: i, j, tx, ty, tz, type, predicted (ICOHP, eV).
    limits : mapping of str to (float, float)
        Window of each bond type, Å.
    hysteresis : float
        A bond is broken beyond the upper end of its window times 1 + hysteresis; see ``exchange.exchanges``.
    """

    path: trajectory.Trajectory
    tables: tuple[pd.DataFrame, ...]
    limits: Mapping[str, Sequence[float]]
    hysteresis: float = 0.1

    @classmethod
    def read(
        cls,
        rows: pd.DataFrame,
        folder: Path,
        frames: Iterable[Atoms],
        limits: Mapping[str, Sequence[float]],
        hysteresis: float = 0.1,
    ) -> Followed:
        """Read predicted frames.

        Parameters
        ----------
        rows : DataFrame
            frame and step of the frames that are compared, as from ``trajectory.comparable``.
        folder : Path
            Has ``<frame>_<step>.parquet`` of each.
        frames : iterable of Atoms
            All frames of the structure file.
        limits : mapping of str to (float, float)
            Window of each bond type, Å.
        hysteresis : float
            See the class.

        Raises
        ------
        ValueError
            There are fewer than two frames, or their atoms cannot be followed.
        """
        if len(rows) < 2:
            raise ValueError(
                "a loading needs two frames or more of the same atoms: predict a trajectory first"
            )
        tables = [pd.read_parquet(folder / f"{row.frame}_{row.step}.parquet") for row in rows.itertuples()]
        path = trajectory.follow(trajectory.pick(frames, rows.frame))
        return cls(path, tuple(tables), limits, hysteresis)

    @property
    def last(self) -> int:
        """Number of the last frame; the first is 0."""
        return len(self.tables) - 1

    @cached_property
    def strain(self) -> pd.Series:
        """Strain of each frame along the loaded axis, tension positive."""
        return trajectory.strains(self.path).strain

    @property
    def way(self) -> str:
        """``tension`` or ``compression``."""
        return "tension" if self.strain.iloc[-1] > 0 else "compression"

    def atoms(self) -> Iterator[Atoms]:
        """The structure of each frame, as in the file, Å."""
        return map(self.path.atoms, range(len(self.tables)))

    @cached_property
    def strengths(self) -> pd.DataFrame:
        """Number and mean −ICOHP (eV) of the bonds of each frame and type; see ``exchange.strengths``."""
        return exchange.strengths(self.tables)

    @cached_property
    def exchanged(self) -> pd.DataFrame:
        """Bonds kept, broken and formed since the first frame; see ``exchange.exchanges``."""
        return exchange.exchanges(self.tables, self.path, self.limits, self.hysteresis)

    @cached_property
    def totals(self) -> pd.DataFrame:
        """Their numbers and mean strengths by frame and type; see ``exchange.exchange_summary``."""
        return exchange.exchange_summary(self.exchanged)

    @property
    def at_end(self) -> pd.DataFrame:
        """The rows of `exchanged` for the last frame."""
        return self.exchanged[self.exchanged.frame == self.last]

    @cached_property
    def places(self) -> pd.DataFrame:
        """What each atom was at first and what became of it at the end; see ``exchange.atom_table``."""
        reach = max(high for _, high in self.limits.values())
        return exchange.atom_table(self.tables[0], self.path, self.exchanged, self.last, reach)

    def means(self) -> pd.DataFrame:
        """Return mean −ICOHP of the bonds kept and broken, before, and formed, after, per type, at the end.

        Returns
        -------
        DataFrame
            By type and ``all``: kept, broken, formed, kept_same_length (eV), the last being the mean of
            kept bonds as long as the broken ones; see ``exchange.at_equal_length``.
        """
        end = self.totals[self.totals.frame == self.last].set_index("type")
        kept, broken, formed = (end[end.state == state] for state in exchange.STATES)
        table = pd.DataFrame({"kept": kept.before, "broken": broken.before, "formed": formed.after})
        return table.join(exchange.at_equal_length(self.at_end).kept_same_length)
