"""From the labels of a work directory to a checked model, in one call: what 02 to 05 do, without figures."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from getl_utils.core import cells, parameters
from getl_utils.core.record import write_csv, write_json
from getl_utils.core.workdir import WorkDir, resolve
from getl_utils.etl import database, descriptors, extract, load
from getl_utils.labels import engine as engines
from getl_utils.models import model, results, training, validation
from getl_utils.ops import release


class Made(NamedTuple):
    """What came out.

    Attributes
    ----------
    metrics : dict
        Content of ``metrics.json``.
    failed : dict
        Check → why the model failed it.
    """

    metrics: dict[str, Any]
    failed: dict[str, str]


def finish(work: WorkDir, values: Mapping[str, Any]) -> Made:
    """Gather the labels, describe the bonds, train the model, measure its errors and run its checks.

    Parameters
    ----------
    work : WorkDir
        Holds cells and labels.
    values : mapping
        The parameters of all notebooks.

    Returns
    -------
    Made
        Numbers of the model, and the checks that it failed.

    Raises
    ------
    ValueError
        There is no label, or not one bond type could be trained.
    """
    e, t, d, p = (
        parameters.for_stage(s, values) for s in ("02_extract", "03_transform", "04_load", "05_train")
    )
    roots = [resolve(root) for root in e.reference_roots]
    found = extract.extract(
        work, cells.keys(e.compositions, e.runs, e.sub_runs), roots, e.cutoff, projection=e.projection
    )
    extract.write(work, found)
    descriptors.describe_cells(work, found.bonds, training.descriptors(t))
    everything = load.collect(work, found.bonds, found.clusters, d.elements, d.bonds, d.mix_engines)
    database.write(work.database(d.database), everything, d.database)
    stored = database.read(work.database(p.database))
    trained, refused = training.train(stored, p)
    model.save(work.model, trained)
    tried = validation.validate(stored, p, only=p.splits)
    write_csv(work.model / "validation.csv", tried.table, database_id=stored.facts["database_id"])
    note = engines.preview_note(stored.facts["engine"])
    metrics = results.metrics(stored, tried.table, tried.refused | refused, trained, note)
    write_json(work.model / "metrics.json", metrics)
    return Made(metrics, release.failures(release.check(work.model)))
