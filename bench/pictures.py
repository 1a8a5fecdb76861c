"""Pictures of the README: ``python bench/pictures.py``.

docs/slab.png is a slice through the glass of ``make demo``, its bonds as the shipped model predicts them.
docs/map.png shows what one neighbour does to a bond, by the same model. It needs a run of
parameters/example.yaml, for the training labels.
"""

from __future__ import annotations

from getl_utils.core import cells
from getl_utils.core.bonds import KEY
from getl_utils.core.record import atomic_write
from getl_utils.core.workdir import WorkDir, root
from getl_utils.etl import database
from getl_utils.files import frames
from getl_utils.inference import predictor
from getl_utils.models import model
from getl_utils.views import maps, structure, style

GLASS, DATA = root() / "runs/quick/quench/Zr2000Cu2000/1/final.dump", WorkDir("runs/zrcual")
LENGTHS = {"Zr-Zr": 3.2, "Zr-Cu": 2.8, "Cu-Cu": 2.7}  # Å, of common bonds


def write(name: str, drawing: style.Drawing) -> None:
    """Write one picture into docs/."""
    with atomic_write(root() / "docs" / name) as temporary:
        temporary.write_bytes(style.png(drawing[0], dpi=90))


def main() -> None:
    trained = model.load(root() / "data_examples/models/zr-cu-al")
    atoms = list(frames.readings(GLASS, trained.elements, "last"))[-1]
    bonds = predictor.predict(trained, atoms, predictor.windows(trained, {}))
    write("slab.png", structure.slab(atoms, bonds, [e for e in trained.elements if e in atoms.symbols]))
    stored = database.read(DATA.database("all"))
    keys = [cells.CellKey(*key) for key in stored.bonds[KEY].drop_duplicates().itertuples(index=False)]
    known = maps.places(cells.each(DATA, keys), stored.bonds, trained.body.expansion)
    write("map.png", maps.surroundings(trained.body, known, LENGTHS))


if __name__ == "__main__":
    main()
